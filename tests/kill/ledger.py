"""What the hub and the bench have acknowledged, and whether all of it is still true, nothing of it twice.

The hub is asked through its own feed, followed over every kill with one cursor: what a reader has seen must never be
taken back. Whatever is not so is a :class:`Lost`, in words.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.core.history import HistoryRow
from app.core.order import Order
from app.wire import Change, ChangePage, Receipt

_SHAPES: dict[str, Any] = {"order": Order, "history": HistoryRow}


class Lost(AssertionError):
    """A promise that was not kept; the text says which."""


@dataclass
class Promised:
    """What was answered as taken. Every method may be called from any thread."""

    orders: set[str] = field(default_factory=set)
    """Numbers of the platform whose file was reported as taken."""
    pushed: set[str] = field(default_factory=set)
    """Numbers of the platform whose push was answered; the hub has still to fetch them."""
    receipts: dict[str, Receipt] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    """Waybill number by parcel."""
    cancelled: set[str] = field(default_factory=set)
    """Orders whose cancel was taken."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def taken(self, orders: Iterable[str]) -> None:
        with self._lock:
            self.orders.update(orders)

    def heard(self, pushed: str) -> None:
        with self._lock:
            self.pushed.add(pushed)

    def cancels(self, order_no: str) -> None:
        with self._lock:
            self.cancelled.add(order_no)

    def receipt(self, receipt: Receipt) -> None:
        """The first answer to an act, or the same again: as applied, with the same number."""
        with self._lock:
            first = self.receipts.setdefault(receipt.act_id, receipt)
        if (first.outcome, first.seq) != (receipt.outcome, receipt.seq):
            raise Lost(
                f"act {first.act_id} was {first.outcome} {first.seq}, now {receipt.outcome} {receipt.seq}"
            )
        if receipt is not first and not receipt.replayed:
            raise Lost(f"act {first.act_id} was answered before and is taken for new")

    def label(self, parcel_no: str, waybill_no: str) -> None:
        with self._lock:
            first = self.labels.setdefault(parcel_no, waybill_no)
        if first != waybill_no:
            raise Lost(f"parcel {parcel_no} had number {first}, now {waybill_no}")

    @property
    def count(self) -> int:
        with self._lock:
            return len(self.orders) + len(self.pushed) + len(self.receipts) + len(self.labels)


@dataclass
class Followed:
    """The hub's table as one reader has it: pages of the feed, one after the other, whoever was killed between."""

    epoch: str = ""
    cursor: int = 0
    orders: dict[str, Order] = field(default_factory=dict)
    history: dict[str, HistoryRow] = field(default_factory=dict)
    seqs: dict[tuple[str, str], int] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    """Which platform's number an order number was given to, for ever."""

    def take(self, page: ChangePage) -> list[Order]:
        """Orders that were not there before."""
        if self.epoch and page.epoch != self.epoch:
            raise Lost("the hub began another life")
        if page.next < self.cursor:
            raise Lost(f"the feed went back from {self.cursor} to {page.next}")
        self.epoch, self.cursor = page.epoch, page.next
        return [order for change in page.changes if (order := self._changed(change))]

    def _changed(self, change: Change) -> Order | None:
        if change.gone:
            raise Lost(f"{change.kind} {change.key} is gone from a reader of everything")
        if change.kind not in _SHAPES:
            return None
        self.seqs[change.kind, change.key] = change.seq
        if change.kind == "history":
            row = msgspec.json.decode(change.body, type=HistoryRow)
            if self.history.setdefault(change.key, row) != row:
                raise Lost(f"history {change.key} was written anew")
            return None
        order = msgspec.json.decode(change.body, type=Order)
        is_new = change.key not in self.orders
        self.orders[change.key] = order
        if self.named.setdefault(change.key, order.channel_order_no) != order.channel_order_no:
            raise Lost(f"{change.key} was given to {self.named[change.key]} and to {order.channel_order_no}")
        return order if is_new else None


def check(promised: Promised, held: Followed, *, is_over: bool) -> None:
    """Raises :class:`Lost`. ``is_over``: the hub was given time to fetch what it was pushed."""
    orders = held.orders.values()
    _numbers_are_given_once(orders)
    numbers = Counter(order.channel_order_no for order in orders)
    if missing := promised.orders - set(numbers):
        raise Lost(f"{len(missing)} orders were taken and are gone: {sorted(missing)[:5]}")
    if is_over and (missing := promised.pushed - set(numbers)):
        raise Lost(f"{len(missing)} pushes were answered and are forgotten: {sorted(missing)[:5]}")
    if twice := [no for no, times in numbers.items() if times > 1]:
        raise Lost(f"{len(twice)} orders are there twice: {twice[:5]}")
    _every_act_counts_once(promised, held)
    for order_no in promised.cancelled:
        if not held.orders[order_no].is_frozen:
            raise Lost(f"the cancel of {order_no} was taken, and it is not stopped")
    labelled = {parcel.parcel_no: parcel.waybill_no for order in orders for parcel in order.parcels}
    if lost := [no for no, number in promised.labels.items() if labelled.get(no) != number]:
        raise Lost(f"{len(lost)} parcels lost their number: {lost[:5]}")


def _numbers_are_given_once(orders: Iterable[Order]) -> None:
    parcels = [parcel for order in orders for parcel in order.parcels]
    given = Counter(parcel.parcel_no for parcel in parcels)
    given.update(parcel.waybill_no for parcel in parcels if parcel.waybill_no)
    if twice := [no for no, times in given.items() if times > 1]:
        raise Lost(f"numbers were given twice: {twice[:5]}")


def _every_act_counts_once(promised: Promised, held: Followed) -> None:
    """One row of history per act and kind, and what was counted is what lies in the parcels."""
    history = [row for row in held.history.values() if row.act_id]
    told = Counter((row.act_id, row.kind) for row in history)
    if twice := [act for act, times in told.items() if times > 1]:
        raise Lost(f"acts counted twice: {twice[:5]}")
    known = {act_id for act_id, _ in told}
    if missing := promised.receipts.keys() - known:
        raise Lost(f"{len(missing)} acts were taken and are gone: {sorted(missing)[:5]}")
    packed: Counter[str] = Counter()
    for row in history:
        if row.kind == "line_packed":
            packed[row.order_no] += row.params["qty"]
    for order_no, order in held.orders.items():
        lies_in = sum(line.qty_packed for parcel in order.parcels for line in parcel.lines)
        if lies_in != packed[order_no]:
            raise Lost(f"{order_no}: {packed[order_no]} units were counted, {lies_in} lie in its parcels")


def same(held: Followed, fresh: Followed) -> None:
    """A reader who followed over all kills holds what a first load gives."""
    differ = {key for key in held.seqs | fresh.seqs if held.seqs.get(key) != fresh.seqs.get(key)}
    if differ or held.orders != fresh.orders or held.history != fresh.history:
        raise Lost(f"a first load differs: {sorted(differ)[:5]}")
