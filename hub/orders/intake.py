"""Orders come in: numbered once, never doubled, their personal data sealed (design 2.1, 2.2, 2.8)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from app.core.acts import Actor
from app.core.channel import ChannelOrder, absorb, first_seen, has_other_lines
from app.core.order import Order
from hub.orders.apply import apply
from hub.orders.claims import judged
from hub.orders.held import Cause, Needs
from hub.orders.items import learn_barcode
from hub.orders.jobs import Answer, Job
from hub.orders.results import Taken
from hub.orders.returned import caught_up, number_for
from hub.orders.statements import Row
from hub.orders.work import Work

_NOT_DIGITS = re.compile(r"\D")


class IntakeJob(Job[Taken]):
    what = "intake"
    may_go_ahead = True

    def __init__(self, came: ChannelOrder, why: Cause) -> None:
        self.came = came
        self.why = why

    @classmethod
    def all(cls, orders: Sequence[ChannelOrder], by: Actor) -> list[IntakeJob]:
        """Rows of a file say which shop told it; the person who imported stays the actor."""
        told: dict[str, Cause] = {}
        for came in orders:
            if came.shop_id not in told:
                source = f"channel:{came.shop_id}"
                told[came.shop_id] = Cause(actor=by.name, station_id=by.station_id, source=source)
        return [cls(came, told[came.shop_id]) for came in orders]

    def needs(self, needs: Needs) -> None:
        need(self.came, needs)

    def run(self, work: Work) -> Answer[Taken]:
        known = met(self.came, work)
        return self._new(work) if known is None else self._again(work, known)

    def fault(self, work: Work, error: Exception) -> Answer[Taken]:
        content = {"order": msgspec.to_builtins(self.came)}
        work.quarantine(self.what, f"{self.came.shop_id} {self.came.channel_order_no}", error, content)
        warehouse = self.came.warehouse or work.settings.warehouse_of(self.came.shop_id)
        work.raise_alarm("our_fault", "major", None, "", {"order_no": self.came.channel_order_no}, warehouse)
        return lambda numbers: Taken("", "failed", numbers.head)

    def _new(self, work: Work) -> Answer[Taken]:
        came, settings = self.came, work.settings
        order_no, kept = number_for(work, came.shop_id, came.channel_order_no)
        warehouse = came.warehouse or settings.warehouse_of(came.shop_id)
        order, entries = first_seen(came, order_no, warehouse, work.now, settings.rules_of(warehouse))
        work.put(work.natural, (came.shop_id, came.channel_order_no), order_no)
        work.admit(order)
        work.write(order_no, entries, self.why)
        work.row(work.sql.sealed, sealed_row(work, order_no, came))
        if kept:
            caught_up(work, order_no, kept)
        return lambda numbers: Taken(order_no, "new", numbers.of(order_no))

    def _again(self, work: Work, known: Order) -> Answer[Taken]:
        if has_other_lines(known, self.came):
            return lambda numbers: Taken(known.order_no, "differs", numbers.of(known.order_no))
        rules = work.rules_of(known)
        order, entries = judged(work, known, lambda order: absorb(order, self.came, rules, work.now))
        if not entries:
            return lambda numbers: Taken(known.order_no, "same", numbers.of(known.order_no))
        apply(work, order, entries, self.why)
        return lambda numbers: Taken(known.order_no, "changed", numbers.of(known.order_no))


def need(came: ChannelOrder, needs: Needs) -> None:
    """What is read before a channel's order can be judged."""
    needs.natural.add((came.shop_id, came.channel_order_no))
    for line in came.lines:
        if line.item_barcode:
            needs.skus.add(line.sku_code)


def met(came: ChannelOrder, work: Work) -> Order | None:
    """Our order of a channel's, None where it is new; the codes of its goods are learnt on the way."""
    for line in came.lines:
        if line.item_barcode:
            learn_barcode(work, line.item_barcode, line.sku_code, None, line.title, line.spec)
    order_no = work.natural.get((came.shop_id, came.channel_order_no))
    return work.order(order_no) if order_no else None


def sealed_row(work: Work, order_no: str, came: ChannelOrder) -> Row:
    """The row of personal data: sealed for this order alone, findable by keyed digests."""
    vault, blob, consignee = work.vault, work.sql.blob, came.consignee
    secret = {"consignee": consignee, "buyer_nick": came.buyer_nick}
    phone = consignee.phone
    digits = phone if phone.isdecimal() else _NOT_DIGITS.sub("", phone)
    return (
        order_no,
        blob(vault.seal(secret, order_no)),
        blob(vault.blind("phone", consignee.phone)) if digits else None,
        blob(vault.blind("phone_tail", digits[-4:])) if len(digits) >= 4 else None,
        blob(vault.blind("name", consignee.name)) if consignee.name else None,
        blob(vault.blind("nick", came.buyer_nick)) if came.buyer_nick else None,
    )
