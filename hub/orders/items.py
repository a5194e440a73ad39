"""Articles and their codes: synced on their own, learned at benches, filled by files (design 2.3)."""

from __future__ import annotations

from dataclasses import fields, replace

import msgspec

from app.core.order import Item, ItemBarcode
from app.core.waybills import PoolNumber
from hub.orders.held import Needs
from hub.orders.jobs import Answer, Job
from hub.orders.results import Outcome
from hub.orders.work import Work


class ItemJob(Job[Outcome]):
    what = "item"

    def __init__(self, item: Item) -> None:
        self.item = item

    def needs(self, needs: Needs) -> None:
        needs.skus.add(self.item.sku_code)

    def run(self, work: Work) -> Answer[Outcome]:
        known = work.item(self.item.sku_code)
        item = self.item if known is None else merged(known, self.item)
        if known == item:
            return lambda numbers: "same"
        work.set_item(item)
        outcome: Outcome = "changed" if known else "new"
        return lambda numbers: outcome

    def fault(self, work: Work, error: Exception) -> Answer[Outcome]:
        work.quarantine(self.what, self.item.sku_code, error, {"item": msgspec.to_builtins(self.item)})
        return lambda numbers: "failed"


class PoolJob(Job[Outcome]):
    what = "waybill"

    def __init__(self, number: PoolNumber) -> None:
        self.number = number

    def run(self, work: Work) -> Answer[Outcome]:
        key = (self.number.carrier, self.number.waybill_no)
        if is_in_pool(work, *key):
            return lambda numbers: "same"
        work.put(work.pool_added, key, None)
        data = msgspec.json.encode(self.number.print_data)
        rest = (self.number.warehouse, self.number.routing_code, data, "free", work.now_ms)
        work.row(work.sql.pool_number, (*key, *rest))
        owner = _owner_of(work, *key)
        if owner:
            work.row(work.sql.pool_state, ("taken", owner, work.now_ms, *key))
        return lambda numbers: "new"

    def fault(self, work: Work, error: Exception) -> Answer[Outcome]:
        content = {"number": msgspec.to_builtins(self.number)}
        work.quarantine(self.what, self.number.waybill_no, error, content)
        return lambda numbers: "failed"


def _owner_of(work: Work, carrier: str, waybill_no: str) -> str:
    """The parcel that bears this number already: its label was printed in another life of this hub."""
    rows = work.sql.fetch(work.conn, "SELECT parcel_no, order_no FROM parcel WHERE waybill_no", [waybill_no])
    for parcel_no, order_no in rows:
        order = work.order(order_no)
        parcel = order.parcel(parcel_no) if order else None
        if parcel is not None and parcel.carrier in ("", carrier):
            return str(parcel_no)
    return ""


def is_in_pool(work: Work, carrier: str, waybill_no: str) -> bool:
    if (carrier, waybill_no) in work.pool_added:
        return True
    rows = work.sql.fetch(work.conn, "SELECT carrier FROM waybill_pool WHERE waybill_no", [waybill_no])
    return any(row[0] == carrier for row in rows)


def merged(known: Item, came: Item) -> Item:
    """What we know with what came over it: empty words wipe nothing, codes learned before stay."""
    changes = {
        f.name: getattr(came, f.name) for f in fields(Item) if f.name != "barcodes" and getattr(came, f.name)
    }
    return replace(known, **changes, barcodes=_codes(known, *came.barcodes))


def learn_barcode(
    work: Work, code: str, sku_code: str, pack_qty: int | None, title: str = "", spec: str = ""
) -> None:
    """From now on this code is that article, on every bench.

    ``pack_qty`` None: whoever tells the code does not know how many units it stands for; what we know stays.
    """
    known = work.item(sku_code) or Item(sku_code=sku_code, title=title, spec=spec)
    if pack_qty is None:
        pack_qty = next((b.pack_qty for b in known.barcodes if b.code == code), 1)
    item = replace(known, barcodes=_codes(known, ItemBarcode(code=code, pack_qty=pack_qty)))
    if item != known:
        work.set_item(item)


def _codes(known: Item, *came: ItemBarcode) -> tuple[ItemBarcode, ...]:
    codes = {barcode.code: barcode for barcode in known.barcodes}
    codes.update((barcode.code, barcode) for barcode in came)
    return tuple(codes.values())
