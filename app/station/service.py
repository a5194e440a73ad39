"""The service desk: find the parcel, read its story, stop it, and know what to tell the buyer."""

from __future__ import annotations

from datetime import datetime

from app.core import lines
from app.core.acts import ActKind, Cancel, ChangeRemark, Hold, MessageSent, Release, Rush
from app.core.history import HistoryKind
from app.core.order import CommandState, CommandView, InterceptResult, Order
from app.core.tracking import Track
from app.core.values import dataclass
from app.ports import HubAway
from app.station.asking import Asked, Asking
from app.station.bench import Bench
from app.store.readmodel import ReadModel
from app.store.story import StoryLine
from app.wire import TrackAsked

R = InterceptResult

#: The answer for the whole order is its least certain parcel's.
_WORST = (R.too_late, R.at_station_offline, R.trying, R.stopped)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelAnswer:
    """What people are told about one parcel."""

    parcel_no: str
    result: InterceptResult | None
    holder: str
    holder_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCard:
    """Design 3.8 as a rep reads it. ``result`` is the order's: too late wins over still trying, that over stopped.

    ``items``: the goods a cancel of lines is about, "" for all; then only boxes that carry them answer.

    ``command_state`` is ``sent`` while the hub has not answered. ``counting_down_until``: until then the cancel
    can be withdrawn (release its ``stop_id``).
    """

    order_no: str
    command_state: CommandState
    result: InterceptResult | None
    parcels: tuple[ParcelAnswer, ...]
    stop_id: str
    asked_at: datetime
    actor: str = ""
    note: str = ""
    counting_down_until: datetime | None = None
    items: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """What the courier's system answered about one node, as it came; ``fetched_at`` as the hub tells it."""

    text: str
    fetched_at: datetime | None = None


class ServiceDesk:
    def __init__(self, bench: Bench, read: ReadModel, asking: Asking) -> None:
        self._bench = bench
        self._read = read
        self._asking = asking

    def search(self, text: str, n: int = 50) -> list[Order]:
        """What this station holds; the hub's own search knows full names and older orders."""
        return self._read.search(text, n)

    def story(self, order_no: str) -> list[StoryLine]:
        return self._read.story(order_no)

    def tracks(self, order_no: str) -> list[Track]:
        """What couriers said of the order's parcels, as far as anything was heard."""
        return self._read.tracks(order_no)

    async def raw_answer(self, order_no: str, parcel_no: str, at: datetime, text: str) -> RawAnswer | None:
        """The answer that a courier's node was read from; None where the hub keeps none. It lies sealed at the hub
        and never in a station's copy. Raises HubTrouble.
        """
        if self._bench.hub is None:
            raise HubAway
        wanted = (parcel_no, text)
        for entry in await self._bench.hub.story(order_no):
            said = (entry.detail.get("parcel_no", ""), entry.detail.get("text", ""))
            if entry.kind == HistoryKind.track_node and entry.at == at and said == wanted and entry.raw:
                fetched = entry.detail.get("fetched_at")
                return RawAnswer(
                    text=entry.raw, fetched_at=datetime.fromisoformat(fetched) if fetched else None
                )
        return None

    async def ask_courier(self, parcel_no: str) -> TrackAsked:
        """News of a parcel, asked for now; too early, the answer says from when on it may be asked (C48). What is new
        comes by the feed. Raises HubTrouble."""
        if self._bench.hub is None:
            raise HubAway
        return await self._bench.hub.ask_courier(parcel_no)

    async def cancel(
        self, order_no: str, reason: str, note: str, now: datetime, line_nos: tuple[int, ...] = ()
    ) -> Asked:
        """The buyer wants out, of everything or of these lines: the floor is stopped at once, it takes effect after
        the countdown."""
        body = Cancel(reason=reason, note=note, line_nos=line_nos)
        return await self._asking.ask(ActKind.cancel, order_no, now, body)

    async def hold(self, order_no: str, reason: str, note: str, now: datetime) -> Asked:
        """A planned stop."""
        return await self._asking.ask(ActKind.hold, order_no, now, Hold(reason=reason, note=note))

    async def release(self, order_no: str, stop_id: str, note: str, now: datetime) -> Asked:
        """Lifts one stop; inside the countdown it withdraws a cancel."""
        return await self._asking.ask(ActKind.release, order_no, now, Release(stop_id=stop_id, note=note))

    async def rush(self, order_no: str, is_rush: bool, note: str, now: datetime) -> Asked:
        return await self._asking.ask(ActKind.rush, order_no, now, Rush(is_rush=is_rush, note=note))

    async def message_sent(self, order_no: str, parcel_no: str, message: str, now: datetime) -> Asked:
        """The buyer was told by hand what stood ready."""
        return await self._asking.ask(
            ActKind.message_sent, order_no, now, MessageSent(message=message), parcel_no
        )

    async def remark(self, order_no: str, seller_remark: str, now: datetime) -> Asked:
        body = ChangeRemark(seller_remark=seller_remark)
        return await self._asking.ask(ActKind.change_remark, order_no, now, body)

    def answer(self, order_no: str) -> AnswerCard | None:
        """How far the last cancel got, or None if nobody asked for one."""
        order = self._read.order(order_no)
        asked = [c for c in order.commands if c.kind == ActKind.cancel] if order else []
        if order is None or not asked:
            return None
        return self._card(order, asked[-1])

    def _card(self, order: Order, command: CommandView) -> AnswerCard:
        stop = next((s for s in order.stops if s.stop_id == command.act_id), None)
        said = {a.parcel_no: a.result for a in command.answers}
        parcels = tuple(
            ParcelAnswer(
                parcel_no=p.parcel_no,
                result=said.get(p.parcel_no, p.intercept_result),
                holder=p.alarm_holder or "",
                holder_name=self._name(p.alarm_holder),
            )
            for p in order.parcels
            if not command.line_nos
            or any(pl.order_no == order.order_no and pl.line_no in command.line_nos for pl in p.lines)
        )
        results = {p.result for p in parcels}
        return AnswerCard(
            order_no=order.order_no,
            command_state=command.state,
            result=next((r for r in _WORST if r in results), None),
            parcels=parcels,
            stop_id=command.act_id,
            asked_at=command.asked_at,
            actor=command.actor,
            note=command.note,
            counting_down_until=stop.counting_down_until if stop else None,
            items=lines.named(order, command.line_nos),
        )

    def _name(self, station_id: str | None) -> str:
        station = self._read.station(station_id) if station_id else None
        return station.name if station else station_id or ""
