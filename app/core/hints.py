"""What a platform's word does to an order: a hint may stop it, only a fetched detail (or a person) lets it go.

Pushes come doubled, late and in any order, and a detail may be older than the push it is fetched for. So a stop
that a hint set carries a :class:`~app.core.order.HintMark`; :func:`heard` sets and renews it, :func:`told` lifts it
(design 3.10). Stops without a mark are people's: nothing here touches them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.core import freeze
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
    return _marked(order, standing, renewed), [entry]


def told(
    order: Order,
    shown: frozenset[HintKind],
    denied: frozenset[HintKind],
    news: frozenset[HintKind],
    modified_at: datetime | None,
    fetched_at: datetime,
    shop_id: str,
    now: datetime,
    rules: Rules,
) -> tuple[Order, list[Entry]]:
    """What a fetched detail sets and lifts.

    ``shown`` stands in the detail, ``denied`` surely not, ``news`` is what no detail before it showed: that alone
    sets a stop anew, so that one which a person lifted stays lifted. ``fetched_at`` is when the asking began.
    """
    entries: list[Entry] = []
    at = modified_at or fetched_at
    for kind in HintKind:
        standing = _standing(order, kind)
        if standing is None or standing.hint is None:
            if kind in news and _can_stop(order, kind):
                mark = HintMark(kind=kind, at=at, heard_at=now)
                order, more = _stopped(order, kind, mark, shop_id, now, rules, "")
                entries += more
            continue
        if kind in shown:
            order = _marked(
                order, standing, replace(standing.hint, at=max(at, standing.hint.at), clear_since=None)
            )
        elif kind in denied:
            order, more = _perhaps_lifted(order, standing, standing.hint, modified_at, fetched_at)
            entries += more
    return order, entries


def _perhaps_lifted(
    order: Order, stop: Stop, mark: HintMark, modified_at: datetime | None, fetched_at: datetime
) -> tuple[Order, list[Entry]]:
    if modified_at is not None:
        is_newer = modified_at >= mark.at
    else:
        is_newer = fetched_at >= max(mark.heard_at, mark.at)
    if not is_newer:
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


def _marked(order: Order, stop: Stop, mark: HintMark) -> Order:
    if stop.hint == mark:
        return order
    return replace(order, stops=tuple(replace(stop, hint=mark) if s is stop else s for s in order.stops))


def _stopped(
    order: Order, kind: HintKind, mark: HintMark, shop_id: str, now: datetime, rules: Rules, word: str
) -> tuple[Order, list[Entry]]:
    rule, before = _STOPS[kind], order
    stop = Stop(
        stop_id=f"{order.order_no}-{kind}-{order.version}",
        kind=rule.kind,
        command=rule.command,
        reason=rule.reason,
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
