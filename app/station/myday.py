"""The day of who works at this bench, in their own figures: what the hub counted, and what was done here since.

Nobody is compared with anybody. The hub is asked now and then; what is done here is added at once by the hub's own
formula, with and without the hub. An act is counted once: the hub says up to which change it has counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from app.core.acts import Act, ActKind, LinePacked, LineUnpacked
from app.core.figures import WORK_KINDS, Fact, Tally, day_of, total
from app.core.values import dataclass
from app.ports import HubAway
from app.station.bench import Bench
from app.wire import MyDay

SETTING = "my_day"
_WORK = frozenset(str(kind) for kind in WORK_KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayView:
    """``right``: parcels right at once. ``is_whole`` is False where the hub has not been asked today: these are the
    figures of this bench since it was opened."""

    who: str
    parcels: int
    units: int
    seconds: float
    saved: int
    right: int
    is_whole: bool


class MyDays:
    """``of`` is quick and may be asked in the window's thread; ``ask`` fetches from the hub."""

    def __init__(self, bench: Bench, zone: Callable[[], ZoneInfo]) -> None:
        self._bench, self._zone = bench, zone
        self._lock = threading.Lock()
        self._done: dict[str, tuple[Act, str]] = {}
        self._base = self._kept()
        bench.recorded = self._recorded

    def of(self, now: datetime) -> DayView:
        """The figures of who acts here now."""
        who = self._bench.actor().name
        today = self._day(now)
        base = (
            self._base
            if self._base is not None and (self._base.user, self._base.day) == (who, today)
            else None
        )
        with self._lock:
            done = list(self._done.values())
        here = self._here(done, who, today)
        return DayView(
            who=who,
            parcels=here.parcels + (base.parcels if base else 0),
            units=here.units + (base.units if base else 0),
            seconds=here.seconds + (base.seconds if base else 0),
            saved=here.saved + (base.saved if base else 0),
            right=here.right + (base.right if base else 0),
            is_whole=base is not None,
        )

    async def ask(self) -> None:
        """Fetches what the hub has counted. Raises HubTrouble."""
        if self._bench.hub is None:
            raise HubAway
        base = await self._bench.hub.my_day()
        self._base = base
        self._bench.outbox.set_setting(SETTING, msgspec.json.encode(base).decode())
        self._forget_counted(base)

    # ---------------------------------------------------------------------------------- what was done here

    def _recorded(self, act: Act) -> None:
        if act.kind not in _WORK or not act.parcel_no:
            return
        who, today = self._bench.actor().name, self._day(act.made_at)
        with self._lock:
            if self._done and self._day(next(iter(self._done.values()))[0].made_at) != today:
                self._done.clear()
            self._done[act.act_id] = act, who

    def _forget_counted(self, base: MyDay) -> None:
        """Of a parcel that is closed and counted only the closing is remembered: it counts once if closed again."""
        with self._lock:
            done = list(self._done.values())
        seqs = self._bench.outbox.settled_seqs([act.act_id for act, _ in done])
        counted = [
            act for act, by in done if by == base.user and 0 <= seqs.get(act.act_id, REFUSED) <= base.seq
        ]
        closed = {act.parcel_no for act in counted if act.kind is ActKind.parcel_closed}
        with self._lock:
            for act in counted:
                if act.parcel_no in closed and act.kind is not ActKind.parcel_closed:
                    self._done.pop(act.act_id, None)

    def _here(self, done: list[tuple[Act, str]], who: str, today: str) -> Tally:
        """What was done here and is in no figure of the hub's yet; the rest only says what was begun."""
        base = self._base if self._base is not None and self._base.user == who else None
        seqs = self._bench.outbox.settled_seqs([act.act_id for act, _ in done])
        facts = []
        for act, by in done:
            seq = seqs.get(act.act_id)
            is_counted = by != who or (base is not None and seq is not None and seq <= base.seq)
            if self._day(act.made_at) == today and seq != REFUSED:
                facts.append(_fact(act, by, is_before=is_counted))
        return total(day_of(facts).done())

    def _kept(self) -> MyDay | None:
        try:
            return msgspec.json.decode(self._bench.outbox.setting(SETTING), type=MyDay)
        except msgspec.MsgspecError:
            return None

    def _day(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone()):%Y%m%d}"


#: What the outbox says of an act the hub refused: it counts for nobody.
REFUSED = -1


def _fact(act: Act, who: str, *, is_before: bool) -> Fact:
    body = act.body
    return Fact(
        at=act.made_at,
        kind=str(act.kind),
        order_no=act.order_no,
        parcel_no=act.parcel_no or "",
        who=who,
        station_id="",
        warehouse="",
        qty=body.qty if isinstance(body, LinePacked | LineUnpacked) else 1,
        by_hand=act.kind is ActKind.line_packed and isinstance(body, LinePacked) and body.by_hand,
        is_before=is_before,
    )
