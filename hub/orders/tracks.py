"""What carriers say: nodes merged into one track a parcel, states that follow, jumps that are flagged (MAP-08)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from app.core import messages
from app.core.history import Entry, HistoryKind
from app.core.order import Order, OrderState, Parcel, settled
from app.core.tracking import Track, TrackNode, follow, merge_nodes
from hub.orders.apply import apply
from hub.orders.held import Cause, Needs
from hub.orders.jobs import Answer, Failed, Job
from hub.orders.results import Tracked
from hub.orders.work import Work


class TrackJob(Job[Tracked]):
    what = "track"

    def __init__(
        self,
        parcel_no: str,
        nodes: Sequence[TrackNode],
        carrier: str,
        source: str,
        strange: Sequence[str] = (),
    ) -> None:
        self.parcel_no = parcel_no
        self.strange = tuple(strange)
        self.nodes = tuple(nodes)
        self.carrier = carrier
        self.source = source

    def needs(self, needs: Needs) -> None:
        needs.parcel_nos.add(self.parcel_no)

    def run(self, work: Work) -> Answer[Tracked]:
        order = work.owner_of(self.parcel_no)
        parcel = order.parcel(self.parcel_no) if order else None
        if order is None or parcel is None:
            return lambda numbers: Tracked(known=False)
        self._strange_words(work, order)
        known = work.track(self.parcel_no)
        before = known.track.nodes if known else ()
        nodes = merge_nodes(before, self.nodes)
        work.set_track(self._track(work, order, parcel, nodes))
        fresh = [node for node in nodes if node not in before]
        if not fresh:
            return lambda numbers: Tracked(True, 0, 0, parcel.state, numbers.of(order.order_no))
        return self._news(work, order, parcel, nodes, fresh)

    def fault(self, work: Work, error: Exception) -> Answer[Tracked | Failed]:
        content = {"nodes": msgspec.to_builtins(self.nodes), "carrier": self.carrier, "source": self.source}
        work.quarantine(self.what, self.parcel_no, error, content)
        return super().fault(work, error)

    def _strange_words(self, work: Work, order: Order) -> None:
        """One alarm per word that no table knows, ever; the nodes themselves are kept as ``other``."""
        if not self.strange:
            return
        words = list(dict.fromkeys(self.strange))
        asked = work.sql.fetch(work.conn, "SELECT word, source FROM strange_word WHERE word", words)
        pending = work.rows.get(work.sql.strange_word, [])
        known = {(source, word) for word, source in asked} | {(row[0], row[1]) for row in pending}
        for word in words:
            if (self.source, word) not in known:
                work.row(work.sql.strange_word, (self.source, word, work.now_ms))
                work.raise_alarm("strange_node", "minor", order, self.parcel_no, {"word": word})

    def _track(self, work: Work, order: Order, parcel: Parcel, nodes: tuple[TrackNode, ...]) -> Track:
        return Track(
            parcel_no=self.parcel_no,
            order_no=order.order_no,
            carrier=self.carrier or parcel.carrier,
            waybill_no=parcel.waybill_no,
            nodes=nodes,
            synced_at=work.now,
        )

    def _news(
        self,
        work: Work,
        order: Order,
        parcel: Parcel,
        nodes: tuple[TrackNode, ...],
        fresh: list[TrackNode],
    ) -> Answer[Tracked]:
        why = Cause(actor=self.carrier, source=self.source, cause="track")
        for node in fresh:
            work.write(
                order.order_no, [_node_entry(order, self.parcel_no, node)], replace(why, made_at=node.at)
            )
        state, jumps = _followed(parcel.state, nodes, fresh)
        flags = tuple(f"{self.parcel_no}:{node.kind}" for node in jumps)
        entries = [_jump_entry(self.parcel_no, node) for node in jumps]
        if state is not parcel.state:
            before, after = {"state": str(parcel.state)}, {"state": str(state)}
            entries.append(
                Entry(kind=HistoryKind.state_followed, parcel_no=self.parcel_no, before=before, after=after)
            )
        if state is OrderState.in_transit is not parcel.state:
            lang = work.settings.buyer_langs.get(order.shop_id, "zh")
            order, queued = messages.queued(order, self.parcel_no, "picked_up", work.now, lang)
            entries += queued
        for node in jumps:
            work.raise_alarm(
                "jump", "minor", order, self.parcel_no, {"text": node.raw_text or str(node.kind)}
            )
        moved = replace(parcel, state=state, track_synced_at=work.now)
        changed = replace(order, jump_flags=tuple(dict.fromkeys((*order.jump_flags, *flags))))
        apply(work, settled(changed.with_parcel(moved)), entries, why)
        return lambda numbers: Tracked(True, len(fresh), len(jumps), state, numbers.of(order.order_no))


def _followed(
    state: OrderState, nodes: tuple[TrackNode, ...], fresh: list[TrackNode]
) -> tuple[OrderState, list[TrackNode]]:
    """The parcel's state after all nodes from the earliest new one on, and which new ones were jumps.

    Nodes known before but later than a new one are walked again: a hand-over that came late may make the
    delivery possible that was a jump yesterday.
    """
    jumps = []
    for node in nodes[nodes.index(fresh[0]) :]:
        step = follow(state, node.kind)
        if step.is_jump and node in fresh:
            jumps.append(node)
        state = step.state
    return state, jumps


def _node_entry(order: Order, parcel_no: str, node: TrackNode) -> Entry:
    params = {"node": str(node.kind), "text": node.raw_text, "place": node.place}
    born = order.ordered_at or order.paid_at or order.received_at
    if born is not None and node.at < born:
        params["is_before_order"] = "yes"
    return Entry(kind=HistoryKind.track_node, parcel_no=parcel_no, params=params)


def _jump_entry(parcel_no: str, node: TrackNode) -> Entry:
    params = {"text": node.raw_text or str(node.kind), "node": str(node.kind)}
    return Entry(kind=HistoryKind.jump_flagged, parcel_no=parcel_no, params=params)
