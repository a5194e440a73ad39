"""What a platform's word does to an order: a hint may stop it, only a fetched detail (or a person) lets it go.

Pushes come doubled, late and in any order, and a detail may be older than the push it is fetched for. So a stop
that a hint set carries a :class:`~app.core.order.HintMark`; :func:`heard` sets and renews it, :func:`told` lifts it
(design 3.10). Stops without a mark are people's: nothing here touches them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app.core import freeze, lines
from app.core.changes import with_change
from app.core.freeze import Rules
from app.core.history import Entry, HistoryKind
from app.core.order import (
    GONE_STATES,
    SETTLED_STATES,
    CommandState,
    CommandView,
    HintMark,
    Order,
    OrderState,
    Stop,
    StopKind,
    settled,
)
from app.core.refunds import LineRefunds
from app.core.values import dataclass

S = OrderState

#: Two fetches so far apart that show nothing are believed, though both are older than the hint.
APART = timedelta(seconds=60)


class HintKind(StrEnum):
    """What a push, a message or a list may hint at. A hint may stop an order; a fetched detail says what is."""

    changed = "changed"  # fetch it: paid, shipped, remark, amount, an event we know no more of
    cancelled = "cancelled"  # stop and fetch: the platform says it is over
    refund_asked = "refund_asked"  # stop and fetch: a buyer wants money back
    refund_over = "refund_over"  # fetch: refused, withdrawn or paid back
    address_asked = "address_asked"  # stop and fetch: another address is wanted
    risk = "risk"  # hold and fetch: the platform is still checking


@dataclass(frozen=True, slots=True)
class _StopRule:
    kind: StopKind
    command: str
    reason: str
    counts_down: bool


_STOPS = {
    # final words take effect by the fetched detail; until then the order only stands still
    HintKind.cancelled: _StopRule(StopKind.freeze, "cancel", "platform_cancel", counts_down=False),
    HintKind.refund_asked: _StopRule(StopKind.freeze, "refund", "platform_refund", counts_down=True),
    HintKind.address_asked: _StopRule(
        StopKind.freeze, "change_address", "platform_address", counts_down=True
    ),
    HintKind.risk: _StopRule(StopKind.hold, "risk", "platform_risk", counts_down=False),
}
_OVER = frozenset({
    S.cancelled,
    S.shipped_despite_cancel,
    S.delivered,
    S.closed,
    S.returning,
    S.returned,
})


def stops(kind: HintKind) -> bool:
    """Whether a hint of this kind stops an order before anything was fetched."""
    return kind in _STOPS


def heard(
    order: Order,
    kind: HintKind,
    at: datetime | None,
    shop_id: str,
    now: datetime,
    rules: Rules,
    word: str = "",
) -> tuple[Order, list[Entry]]:
    """A hint came. ``at`` is when it happened by the platform's clock; None: it does not say.

    Doubled and late ones change nothing of a stop that stands; one that came after a fetch that showed nothing
    makes that fetch worth nothing.
    """
    if kind not in _STOPS or not _can_stop(order, kind):
        return order, []
    mark = HintMark(kind=kind, at=at or now, heard_at=now)
    standing = _standing(order, kind)
    if standing is None:
        return _stopped(order, kind, mark, shop_id, now, rules, word)
    known = standing.hint
    if known is not None and mark.at <= known.at and known.clear_since is None:
        return order, []
    renewed = replace(mark, at=max(mark.at, known.at)) if known is not None else mark
    entry = Entry(kind=HistoryKind.hinted, params={"hint": kind, "word": word})
    # which lines it is about the detail will say; until then all of it stands still
    whole = _marked(order, standing, renewed, line_nos=())
    return whole if whole is order else settled(whole), [entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailWord:
    """What a fetched detail says about stops: ``shown`` stands in it, ``denied`` surely not, ``news`` is what no
    detail before it showed. ``lines``: which lines the refund is about, None where it does not say.
    ``fetched_at`` is when the asking began."""

    shown: frozenset[HintKind]
    denied: frozenset[HintKind]
    news: frozenset[HintKind]
    fetched_at: datetime
    modified_at: datetime | None = None
    lines: LineRefunds | None = None


def told(
    order: Order, word: DetailWord, shop_id: str, now: datetime, rules: Rules
) -> tuple[Order, list[Entry]]:
    """What a fetched detail sets and lifts.

    Only ``news`` set a stop anew, so that one which a person lifted stays lifted.
    """
    entries: list[Entry] = []
    at = word.modified_at or word.fetched_at
    for kind in HintKind:
        said = word.lines if kind is HintKind.refund_asked else None
        standing = _standing(order, kind)
        if standing is None or standing.hint is None:
            if kind in word.news and _can_stop(order, kind):
                mark = HintMark(kind=kind, at=at, heard_at=now)
                order, more = _stopped(order, kind, mark, shop_id, now, rules, "", said.newly if said else ())
                entries += more
            continue
        covered = _covered(standing, standing.hint, word, said)
        if kind in word.shown and covered is not None:
            mark = replace(standing.hint, at=max(at, standing.hint.at), clear_since=None)
            order, more = _narrowed(order, standing, mark, covered)
            entries += more
        elif kind in word.shown | word.denied:
            order, more = _perhaps_lifted(order, standing, standing.hint, word)
            entries += more
    return order, entries


def refund_asked(order: Order, word: DetailWord) -> Stop | None:
    """The stop of a refund that this detail no longer shows as asked for, in none of the lines it covers."""
    stop = _standing(order, HintKind.refund_asked)
    if stop is None or stop.hint is None or word.lines is None or not _is_newer(stop.hint, word):
        return None
    asked = set(word.lines.asked)
    is_asked = asked & set(stop.line_nos) if stop.line_nos else asked
    return None if is_asked else stop


def _covered(
    stop: Stop, mark: HintMark, word: DetailWord, said: LineRefunds | None
) -> tuple[int, ...] | None:
    """The lines the stop covers after this detail (none named: all of them); None: it covers nothing any more.

    A stop over the whole order is narrowed by a detail that is no older than the word that set it; what a person
    has let go stays let go.
    """
    if said is None:
        return stop.line_nos
    if not stop.line_nos:
        return said.asked if _is_newer(mark, word) else ()
    left = (set(stop.line_nos) & set(said.asked)) | set(said.newly)
    return tuple(sorted(left)) or None


def _narrowed(
    order: Order, stop: Stop, mark: HintMark, line_nos: tuple[int, ...]
) -> tuple[Order, list[Entry]]:
    if line_nos == stop.line_nos:
        return _marked(order, stop, mark), []
    before, other = order, replace(stop, hint=mark, line_nos=line_nos)
    order = settled(replace(order, stops=tuple(other if s is stop else s for s in order.stops)))
    params = {"command": stop.command, "items": lines.named(order, line_nos)}
    return order, [with_change(Entry(kind=HistoryKind.stop_covers, params=params), before, order)]


def _is_newer(mark: HintMark, word: DetailWord) -> bool:
    """Whether the detail is no older than the hint (design 3.10)."""
    if word.modified_at is not None:
        return word.modified_at >= mark.at
    return word.fetched_at >= max(mark.heard_at, mark.at)


def _perhaps_lifted(order: Order, stop: Stop, mark: HintMark, word: DetailWord) -> tuple[Order, list[Entry]]:
    fetched_at = word.fetched_at
    if not _is_newer(mark, word):
        if mark.clear_since is None or fetched_at < mark.clear_since:
            return _marked(order, stop, replace(mark, clear_since=max(fetched_at, mark.heard_at))), []
        if fetched_at - mark.clear_since < APART:
            return order, []
    if stop.command == "cancel":
        lifted = freeze.withdrawn(order, stop)
    else:
        lifted = settled(replace(order, stops=tuple(s for s in order.stops if s is not stop)))
    params = {"kind": stop.kind, "command": stop.command}
    return lifted, [with_change(Entry(kind=HistoryKind.hint_cleared, params=params), order, lifted)]


def readdressed(order: Order, shop_id: str, now: datetime) -> tuple[Order, list[Entry]]:
    """Another address stands now, on a detail's word: where a label is printed, a person has to redo it first."""
    if not any(p.label_count and p.state not in GONE_STATES | SETTLED_STATES for p in order.parcels):
        return order, []
    standing = next((s for s in order.stops if s.command == "change_address"), None)
    if standing is not None:
        kept = replace(standing, hint=None, counting_down_until=None)
        return replace(order, stops=tuple(kept if s is standing else s for s in order.stops)), []
    rule = _STOPS[HintKind.address_asked]
    stop = Stop(
        stop_id=f"{order.order_no}-{HintKind.address_asked}-{order.version}",
        kind=rule.kind,
        command=rule.command,
        reason=rule.reason,
        since=now,
        actor=shop_id,
    )
    return freeze.set_stop(order, stop, now)


def _standing(order: Order, kind: HintKind) -> Stop | None:
    return next((s for s in order.stops if s.hint is not None and s.hint.kind == kind), None)


def _can_stop(order: Order, kind: HintKind) -> bool:
    """A cancel is called back on its way too; everything else concerns what is still in the house."""
    if order.order_state in _OVER:
        return False
    if kind is HintKind.cancelled:
        return True
    return any(p.state not in GONE_STATES | SETTLED_STATES for p in order.parcels)


def _marked(order: Order, stop: Stop, mark: HintMark, **changes: Any) -> Order:
    marked = replace(stop, hint=mark, **changes)
    if stop == marked:
        return order
    return replace(order, stops=tuple(marked if s is stop else s for s in order.stops))


def _stopped(
    order: Order,
    kind: HintKind,
    mark: HintMark,
    shop_id: str,
    now: datetime,
    rules: Rules,
    word: str,
    line_nos: tuple[int, ...] = (),
) -> tuple[Order, list[Entry]]:
    rule, before = _STOPS[kind], order
    stop = Stop(
        stop_id=f"{order.order_no}-{kind}-{order.version}",
        kind=rule.kind,
        command=rule.command,
        reason=rule.reason,
        line_nos=line_nos,
        since=now,
        counting_down_until=now + rules.countdown if rule.counts_down else None,
        actor=shop_id,
        hint=mark,
    )
    if kind is HintKind.cancelled:
        asked = CommandView(
            act_id=stop.stop_id, kind="cancel", state=CommandState.received, asked_at=now, actor=shop_id
        )
        order = replace(order, commands=(*order.commands, asked))
    order, entries = freeze.set_stop(order, stop, now)
    hinted = Entry(kind=HistoryKind.hinted, params={"hint": kind, "word": word})
    return order, [with_change(hinted, before, order), *entries]
