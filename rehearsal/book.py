"""What a stand-in platform knows: its orders, what happens to them, and when each was last changed.

The book knows no platform's words: fronts (``rehearsal/pdd.py`` ...) give it their numbering and tell its orders in
their own shape. Goods and people come from :mod:`rehearsal.shop`; the same seed gives the same orders. Every method
may be called from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.ports import Clock
from rehearsal.shop import GOODS, PEOPLE, Dice, Good, Person, Sale, sales

#: From the moment of placing, a number that runs on per shop and dice, to the platform's own order number.
Numbering = Callable[[datetime, int, Dice], str]
_GOODS = {good.sku_code: good for good in GOODS}
_TO_SHIP = "已付款，待发货"


class Stage(StrEnum):
    placed = "placed"  # not paid yet
    paid = "paid"
    shipped = "shipped"
    received = "received"
    cancelled = "cancelled"  # over before anything was shipped


class Refund(StrEnum):
    none = "none"
    asked = "asked"
    agreed = "agreed"  # money is on its way back
    done = "done"
    closed = "closed"  # refused or withdrawn


class Happened(StrEnum):
    placed = "placed"
    paid = "paid"
    cancelled = "cancelled"
    shipped = "shipped"
    received = "received"
    refund_asked = "refund_asked"
    refund_agreed = "refund_agreed"
    refunded = "refunded"
    refund_closed = "refund_closed"
    address_asked = "address_asked"
    address_changed = "address_changed"
    remark_changed = "remark_changed"
    risk_found = "risk_found"
    risk_cleared = "risk_cleared"


class NotSo(ValueError):
    """The order is not in a stage where this may happen, or there is no such order; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """One order as the platform knows it. Moments are aware UTC; ``lines`` are goods with their quantity."""

    order_no: str
    serial: int
    person: Person
    lines: tuple[tuple[Good, int], ...]
    paid_fen: int
    coupon_fen: int = 0
    freight_fen: int = 0
    buyer_remark: str = ""
    seller_remark: str = ""
    placed_at: datetime
    modified_at: datetime
    paid_at: datetime | None = None
    ship_by_at: datetime | None = None
    shipped_at: datetime | None = None
    received_at: datetime | None = None
    stage: Stage = Stage.placed
    refund: Refund = Refund.none
    refund_no: int = 0
    line_refunds: tuple[tuple[int, Refund], ...] = ()
    """Refunds of single lines, by the line's place; a line that is not named goes as its order does."""
    is_risky: bool = False
    carrier: str = ""
    waybill_no: str = ""
    asked_address: Person | None = None

    @property
    def goods_fen(self) -> int:
        return sum(good.price_fen * qty for good, qty in self.lines)

    def refund_of(self, line: int | None) -> Refund:
        """Of one line; None: of the whole order."""
        return self.refund if line is None else dict(self.line_refunds).get(line, self.refund)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened, in the order of happening; ``event_no`` is above 2^53, as some platforms' are.

    ``line``: the place of the one line it happened to.
    """

    event_no: int
    happened: Happened
    at: datetime
    order: Bought
    line: int | None = None


class Book:
    """The orders of one shop. ``on_change`` is called with each change, in the thread that made it."""

    def __init__(self, clock: Clock, numbering: Numbering, seed: int = 1) -> None:
        self._clock = clock
        self._numbering = numbering
        self._seed = seed
        self._dice = Dice(f"book/{seed}")
        self._orders: dict[str, Bought] = {}
        self._changes: list[Change] = []
        self._watchers: list[Callable[[Change], None]] = []
        self._lock = threading.RLock()
        today = clock.now().astimezone(UTC).date()
        self._sales = [sale for sale in sales(today, seed, 400) if sale.state == _TO_SHIP]

    def on_change(self, call: Callable[[Change], None]) -> None:
        with self._lock:
            self._watchers.append(call)

    # ------------------------------------------------------------------------------------------- reading

    def find(self, order_no: str) -> Bought | None:
        with self._lock:
            return self._orders.get(order_no)

    def orders(self) -> list[Bought]:
        """All orders, oldest first."""
        with self._lock:
            return list(self._orders.values())

    def changes(self) -> list[Change]:
        """All that happened, oldest first."""
        with self._lock:
            return list(self._changes)

    def changed(self, since: datetime, until: datetime) -> list[Bought]:
        """Orders whose last change lies in ``[since, until)``, last change first."""
        with self._lock:
            found = [order for order in self._orders.values() if since <= order.modified_at < until]
        return sorted(found, key=lambda order: (order.modified_at, order.serial), reverse=True)

    # ------------------------------------------------------------------------------------------ happening

    def place(self) -> Bought:
        """A buyer orders, and has not paid yet."""
        with self._lock:
            serial = len(self._orders) + 1
            sale: Sale = self._sales[(serial - 1) % len(self._sales)]
            now = self._clock.now()
            order = Bought(
                order_no=self._numbering(now, serial, self._dice),
                serial=serial,
                person=sale.person,
                lines=tuple((_GOODS[sku], qty) for sku, qty in sale.lines),
                paid_fen=sale.paid_fen,
                coupon_fen=sale.coupon_fen + sale.points_fen,
                freight_fen=sale.freight_fen,
                buyer_remark=sale.buyer_remark,
                seller_remark=sale.seller_remark,
                placed_at=now,
                modified_at=now,
            )
            if order.order_no in self._orders:
                raise NotSo(f"{order.order_no} is given twice")
            return self._write(order, Happened.placed)

    def pay(self, order_no: str) -> Bought:
        now = self._clock.now()
        return self._step(
            order_no,
            Happened.paid,
            {Stage.placed},
            lambda order: replace(order, stage=Stage.paid, paid_at=now, ship_by_at=now + timedelta(hours=48)),
        )

    def buy(self, count: int = 1) -> list[Bought]:
        """So many orders, placed and paid."""
        return [self.pay(self.place().order_no) for _ in range(count)]

    def cancel(self, order_no: str) -> Bought:
        """The order is over before it was shipped; what was paid goes back."""

        def over(order: Bought) -> Bought:
            back = Refund.done if order.paid_at else order.refund
            return replace(order, stage=Stage.cancelled, refund=back)

        return self._step(order_no, Happened.cancelled, {Stage.placed, Stage.paid}, over)

    def ask_refund(self, order_no: str, line: int | None = None) -> Bought:
        """Of the whole order, or of one line by its place; so are the three below."""
        return self._step(
            order_no,
            Happened.refund_asked,
            {Stage.paid, Stage.shipped, Stage.received},
            lambda order: replace(_refunded(order, Refund.asked, line), refund_no=self._refund_no(order)),
            line,
        )

    def agree_refund(self, order_no: str, line: int | None = None) -> Bought:
        return self._refund(order_no, Happened.refund_agreed, {Refund.asked}, Refund.agreed, line)

    def finish_refund(self, order_no: str, line: int | None = None) -> Bought:
        """The money is back; an order not shipped yet is over with its last line."""

        def over(order: Bought) -> Bought:
            order = _refunded(order, Refund.done, line)
            if any(order.refund_of(n) is not Refund.done for n in range(len(order.lines))):
                return order
            stage = Stage.cancelled if order.stage is Stage.paid else order.stage
            return replace(order, refund=Refund.done, stage=stage)

        self._need_refund(order_no, {Refund.asked, Refund.agreed}, line)
        return self._step(order_no, Happened.refunded, set(Stage), over, line)

    def close_refund(self, order_no: str, line: int | None = None) -> Bought:
        """Refused or withdrawn."""
        return self._refund(order_no, Happened.refund_closed, {Refund.asked}, Refund.closed, line)

    def ask_address(self, order_no: str, person: Person | None = None) -> Bought:
        """The buyer wants it sent elsewhere; the seller has not agreed yet."""
        wanted = person or self._somebody()
        return self._step(
            order_no,
            Happened.address_asked,
            {Stage.placed, Stage.paid},
            lambda order: replace(order, asked_address=wanted),
        )

    def change_address(self, order_no: str, person: Person | None = None) -> Bought:
        """It is to be sent elsewhere: to ``person``, to whom the buyer asked for, or to somebody."""
        somebody = person or self._somebody()
        return self._step(
            order_no,
            Happened.address_changed,
            {Stage.placed, Stage.paid},
            lambda order: replace(
                order,
                person=(order.asked_address or somebody) if person is None else person,
                asked_address=None,
            ),
        )

    def remark(self, order_no: str, text: str) -> Bought:
        """The seller's remark."""
        return self._step(
            order_no, Happened.remark_changed, set(Stage), lambda order: replace(order, seller_remark=text)
        )

    def find_risk(self, order_no: str) -> Bought:
        """The platform looks into it: it must not be shipped meanwhile."""
        return self._step(
            order_no,
            Happened.risk_found,
            {Stage.placed, Stage.paid},
            lambda order: replace(order, is_risky=True),
        )

    def clear_risk(self, order_no: str) -> Bought:
        return self._step(
            order_no, Happened.risk_cleared, set(Stage), lambda order: replace(order, is_risky=False)
        )

    def ship(self, order_no: str, carrier: str, waybill_no: str) -> Bought:
        """The seller tells the waybill. The same one again changes nothing; another one is NotSo."""
        with self._lock:
            order = self._need(order_no)
            if order.stage is Stage.shipped and (order.carrier, order.waybill_no) == (carrier, waybill_no):
                return order
            if order.is_risky:
                raise NotSo(f"{order_no} is under risk control")
            now = self._clock.now()
            return self._step(
                order_no,
                Happened.shipped,
                {Stage.paid},
                lambda order: replace(
                    order, stage=Stage.shipped, shipped_at=now, carrier=carrier, waybill_no=waybill_no
                ),
            )

    def receive(self, order_no: str) -> Bought:
        """The buyer has it."""
        now = self._clock.now()
        return self._step(
            order_no,
            Happened.received,
            {Stage.shipped},
            lambda order: replace(order, stage=Stage.received, received_at=now),
        )

    # -------------------------------------------------------------------------------------------- inside

    def _refund(
        self, order_no: str, happened: Happened, since: set[Refund], now_is: Refund, line: int | None
    ) -> Bought:
        self._need_refund(order_no, since, line)
        return self._step(order_no, happened, set(Stage), lambda order: _refunded(order, now_is, line), line)

    def _need_refund(self, order_no: str, since: set[Refund], line: int | None) -> None:
        if (refund := self._need(order_no).refund_of(line)) not in since:
            raise NotSo(f"{order_no}: refund is {refund}")

    def _step(
        self,
        order_no: str,
        happened: Happened,
        since: set[Stage],
        then: Callable[[Bought], Bought],
        line: int | None = None,
    ) -> Bought:
        with self._lock:
            order = self._need(order_no)
            if order.stage not in since:
                raise NotSo(f"{order_no} is {order.stage}")
            return self._write(replace(then(order), modified_at=self._clock.now()), happened, line)

    def _need(self, order_no: str) -> Bought:
        order = self.find(order_no)
        if order is None:
            raise NotSo(f"no order {order_no}")
        return order

    def _write(self, order: Bought, happened: Happened, line: int | None = None) -> Bought:
        with self._lock:
            self._orders[order.order_no] = order
            change = Change(2**53 + 1 + 2 * len(self._changes), happened, order.modified_at, order, line)
            self._changes.append(change)
            for call in self._watchers:
                call(change)
        return order

    def _refund_no(self, order: Bought) -> int:
        return 400_000_000 + order.serial * 1000 + len(self._changes) % 1000

    def _somebody(self) -> Person:
        with self._lock:
            return self._dice.pick(PEOPLE)


def _refunded(order: Bought, refund: Refund, line: int | None) -> Bought:
    if line is None:
        return replace(order, refund=refund)
    if not 0 <= line < len(order.lines):
        raise NotSo(f"{order.order_no} has no line {line}")
    return replace(order, line_refunds=tuple(sorted({**dict(order.line_refunds), line: refund}.items())))
