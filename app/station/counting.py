"""Counting goods into the open box and out of it again (PCK-03): by scan, by hand, taken back, learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from app.core import lines
from app.core.acts import ActKind, BarcodeLearned, LinePacked, LineUnpacked, WaybillBound
from app.core.order import Order, Parcel, ParcelLine
from app.core.packing import ItemCode, match_item, named, still_wanted
from app.core.reasons import Reason, Refused
from app.core.scan import Guess, Scan, ScanClass, as_label
from app.station import gs1
from app.station.outcome import Done, Follow, Outcome, refusal
from app.station.worktop import Count, Worktop
from app.store.outbox import ScanRow
from app.store.views import Target

#: How many counts back UNDO goes.
UNDO_MAX = 50


class Counting:
    """What goods do to the box on the bench. What takes a ``row`` is called with the worktop's lock held."""

    def __init__(self, top: Worktop, weighs: Callable[[], bool]) -> None:
        """``weighs``: whether a scale has its word when a box is closed."""
        self._top = top
        self._weighs = weighs
        self._bench = top.bench
        self._read = top.read
        self._learned: dict[str, ItemCode] = {}
        #: The box and the code that was asked about: is it really its label?
        self._doubted = ("", "")

    def own_meaning(self, code: str, order: Order) -> ItemCode | None:
        """Codes known without the hub's items: a sku_code scans as itself, and what was learned here just now."""
        if self._read.items_for_code(code):
            return None
        if any(line.sku_code == code for line in order.lines):
            return ItemCode(code)
        return self._learned.get(code)

    def by_gs1(self, scan: Scan, order: Order | None) -> Target | None:
        """Goods whose code says more than their number (lot, serial number, how many); None: it is none of those.

        What the code calls the goods is looked up and learned; the rest of it differs from unit to unit.
        """
        said = gs1.read(scan.gs1) if scan.gs1 else None
        if said is None:
            return None
        known = self._read.items_for_code(said.code)
        own = self.own_meaning(said.code, order) if order and not known else None
        meanings = (ItemCode(m.sku_code, m.pack_qty * said.qty) for m in known or ([own] if own else []))
        is_pack = scan.guesses[0].scan_class is ScanClass.outer_pack
        return Target(
            kind="item",
            key=said.code,
            guess=Guess(ScanClass.outer_pack if is_pack else ScanClass.item, said.code),
            meanings=tuple(meanings),
            unit=f"{said.code} {said.serial_no}" if said.serial_no and said.gtin else "",
        )

    def goods(self, target: Target, row: ScanRow, now: datetime) -> Outcome:
        """Goods were read: in, or out of the box where something has to come out."""
        if (out := self._goods_out(target, row, now)) is not None:
            return out
        found = self._top.on_bench(row.scan_id, target.key)
        if isinstance(found, Outcome):
            return found
        order, parcel = found
        if target.unit and any(count.unit == target.unit for count in self._top.counts):
            said = {"code": target.key, "serial": target.unit.split()[-1], "expected": still_wanted(*found)}
            return self._top.no(row.scan_id, order, parcel, Refused(Reason.same_unit, said))
        if self._top.is_to_lease:  # the rest of it goes on here
            self._top.is_to_lease = False
            self._top.leases.want(parcel.parcel_no, "close")
        hit = match_item(order, parcel, target.key, target.meanings)
        if isinstance(hit, Refused):
            return self._top.no(row.scan_id, order, parcel, self._named(hit, target))
        body = LinePacked(line_no=hit.line_no, qty=hit.qty, code=target.key)
        return self._counted(order, parcel, body, row, now, unit=target.unit)

    def _goods_out(self, target: Target, row: ScanRow, now: datetime) -> Outcome | None:
        """Goods that no longer go, scanned out of the open box; None where nothing has to come out."""
        order, parcel = self._top.lying()
        if order is None or parcel is None or not (out := self._top.out_of(order, parcel)):
            return None
        named = {line.line_no: line for line in order.lines}
        for pl in out:
            meaning = next((m for m in target.meanings if m.sku_code == named[pl.line_no].sku_code), None)
            if meaning is not None:
                return self._take_out(order, parcel, pl, meaning.pack_qty, row.scan_id, row, now)
        if not parcel.is_frozen:
            return None
        expected = lines.named(
            order, [pl.line_no for pl in out], {pl.line_no: pl.qty_packed - pl.qty for pl in out}
        )
        wrong = Refused(Reason.wrong_item, {"code": target.key, "expected": expected})
        return self._top.no(row.scan_id, order, parcel, self._named(wrong, target))

    def _named(self, refused: Refused, target: Target) -> Refused:
        """The goods in the hand by their name, where our copy has it: a packer knows goods, not numbers."""
        if refused.reason is not Reason.wrong_item:
            return refused
        items = (self._read.item(meaning.sku_code) for meaning in target.meanings)
        title = next((named(i.title, i.spec) for i in items if i is not None and i.title), "")
        return Refused(refused.reason, refused.params | {"scanned": title or target.key})

    def _take_out(
        self,
        order: Order,
        parcel: Parcel,
        line: ParcelLine,
        qty: int,
        scan_id: str,
        row: ScanRow | None,
        now: datetime,
    ) -> Outcome:
        bought = order.line(line.line_no)
        left = line.qty_packed - line.qty
        params = {
            "title": (bought.title or bought.sku_code) if bought else "",
            "left": str(max(0, left - qty)),
        }
        outcome = Outcome(scan_id=scan_id, done=Done.taken_out, line_no=line.line_no, params=params)
        body = LineUnpacked(line_no=line.line_no, qty=min(qty, left))
        self._top.counts.clear()  # what was counted before is not to be taken back a second time
        return self._top.do(ActKind.line_unpacked, order, parcel, body, outcome, row, now)

    def _counted(
        self,
        order: Order,
        parcel: Parcel,
        body: LinePacked,
        row: ScanRow | None,
        now: datetime,
        scan_id: str = "",
        unit: str = "",
    ) -> Outcome:
        outcome = Outcome(scan_id=row.scan_id if row else scan_id, done=Done.counted, line_no=body.line_no)
        outcome = self._top.do(ActKind.line_packed, order, parcel, body, outcome, row, now)
        if not outcome.is_ok:
            return outcome
        count = Count(parcel.parcel_no, body.line_no, body.qty, unit)
        self._top.counts = [*self._top.counts[-UNDO_MAX:], count]
        after = self._read.order(order.order_no)
        packed = after.parcel(parcel.parcel_no) if after else None
        line = next((pl for pl in packed.lines if pl.line_no == body.line_no), None) if packed else None
        bought = order.line(body.line_no)
        got, qty = (line.qty_packed, line.qty) if line else (0, 0)
        params = {
            "title": (bought.title or bought.sku_code) if bought else "",
            "got": str(got),
            "qty": str(qty),
            "left": str(packed.qty - packed.qty_packed) if packed else "",
        }
        is_complete = packed is not None and packed.is_complete
        follow: Follow | None = None
        # the last unit was read and is still in the hand: a box on a scale is closed when all of it lies there
        if is_complete and not self._weighs() and self._bench.outbox.setting("auto_close") == "yes":
            follow = "close"
        done = Done.complete if is_complete else Done.counted
        return replace(outcome, params=outcome.params | params, done=done, follow=follow)

    def count_by_hand(self, line_no: int, now: datetime, qty: int = 1) -> Outcome:
        """Goods without a readable code, by a click on their line."""
        with self._top.lock:
            scan_id = self._bench.new_id()
            found = self._top.on_bench(scan_id)
            if isinstance(found, Outcome):
                return self._top.said(found)
            body = LinePacked(line_no=line_no, qty=qty, by_hand=True)
            return self._top.said(self._counted(*found, body, None, now, scan_id))

    def undo_last(self, now: datetime) -> Outcome:
        """Takes the last count back."""
        with self._top.lock:
            return self._top.said(self.undo(self._bench.new_id(), now, None))

    def undo(self, scan_id: str, now: datetime, row: ScanRow | None) -> Outcome:
        """The last count, or a piece that no longer goes, is taken out."""
        order, parcel = self._top.lying()
        if order is not None and parcel is not None and (out := self._top.out_of(order, parcel)):
            return self._take_out(order, parcel, out[0], 1, scan_id, row, now)
        if self._top.opened is None or not self._top.counts:
            return refusal(scan_id, Refused(Reason.nothing_packed))
        found = self._top.on_bench(scan_id)
        if isinstance(found, Outcome):
            return found
        count = self._top.counts[-1]
        body = LineUnpacked(line_no=count.line_no, qty=count.qty)
        outcome = Outcome(scan_id=scan_id, done=Done.uncounted, line_no=count.line_no)
        outcome = self._top.do(ActKind.line_unpacked, *found, body, outcome, row, now)
        if outcome.is_ok:
            self._top.counts.pop()
        return outcome

    def learn_code(self, code: str, line_no: int, now: datetime) -> Outcome:
        """Binds an unknown code to a line of the open parcel and counts the unit it was read from."""
        with self._top.lock:
            scan_id = self._bench.new_id()
            found = self._top.on_bench(scan_id, code)
            if isinstance(found, Outcome):
                return self._top.said(found)
            order, parcel = found
            line = order.line(line_no)
            if line is None:
                return self._top.said(
                    self._top.no(
                        scan_id, order, parcel, Refused(Reason.line_unknown, {"line_no": str(line_no)})
                    )
                )
            learned = BarcodeLearned(code=code, sku_code=line.sku_code)
            self._bench.record(
                self._bench.act(ActKind.barcode_learned, order.order_no, now, parcel.parcel_no, learned)
            )
            self._learned[code] = ItemCode(line.sku_code)
            body = LinePacked(line_no=line_no, code=code)
            return self._top.said(self._counted(order, parcel, body, None, now, scan_id))

    def stranger(self, scan: Scan, row: ScanRow, now: datetime) -> Outcome:
        """A code nobody here knows: on a full box without a number it is a ready label to be bound."""
        if self._top.opened is not None and (bound := self._bound(scan, row, now)) is not None:
            return bound
        if (own := scan.first(ScanClass.order_qr, ScanClass.order_no)) is not None:
            return refusal(row.scan_id, Refused(Reason.order_unknown, {"order_no": own.key}))
        order, parcel = self._top.lying()
        if order is None or parcel is None:
            return refusal(row.scan_id, Refused(Reason.not_ours, {"code": scan.text}))
        unknown = {"code": scan.text, "expected": still_wanted(order, parcel)}
        return self._top.no(row.scan_id, order, parcel, Refused(Reason.unknown_code, unknown))

    def _bound(self, scan: Scan, row: ScanRow, now: datetime) -> Outcome | None:
        """The label of a full box without a number; what does not look like one only when it is read once more."""
        found = self._top.on_bench(row.scan_id, scan.text)
        if isinstance(found, Outcome) or not found[1].is_complete or found[1].waybill_no:
            return None
        label = as_label(scan, found[1].carrier)
        if label is None:
            return None
        waybill, is_sure = label
        said, self._doubted = self._doubted, (found[1].parcel_no, waybill.key)
        if not is_sure and said != self._doubted:
            return self._top.no(row.scan_id, *found, Refused(Reason.doubtful_label, {"code": waybill.key}))
        bound = Outcome(scan_id=row.scan_id, done=Done.waybill_bound, params={"waybill_no": waybill.key})
        body = WaybillBound(waybill_no=waybill.key)
        return self._top.do(ActKind.waybill_bound, *found, body, bound, row, now)
