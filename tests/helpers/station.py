"""A station's parts on real files, a clock that stands until told, and feed pages made by hand."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from app.core.history import HistoryRow
from app.core.order import (
    Consignee,
    Item,
    ItemBarcode,
    LeaseStep,
    Order,
    OrderLine,
    OrderState,
    Parcel,
    ParcelLine,
    Stop,
    StopKind,
    settled,
)
from app.os.clock import StationClock
from app.ports import Clock, Engine, Ulid
from app.station.alarms import StationAlarm
from app.station.core import StationCore
from app.station.outcome import Outcome
from app.store.link import LinkParts
from app.wire import Change, ChangePage, GoAnswer, StationKind, Urgent
from sync import link
from sync.client import HubClient

T = TypeVar("T")

MORNING = datetime(2026, 1, 23, 1, 0, tzinfo=UTC)
EPOCH = "EPOCH-ONE"


class StillClock:
    """Stands until told. ``asleep`` counts on `monotonic` too, as the station's own clock does."""

    def __init__(self, now: datetime = MORNING) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def tick(self, seconds: float) -> datetime:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
        return self._now


def ids(prefix: str = "ID") -> Callable[[], str]:
    """New ids in order: ID000001, ID000002 ..."""
    counter = itertools.count(1)
    return lambda: f"{prefix}{next(counter):06d}"


def order_no(n: int) -> str:
    return f"OD20260123{n:03d}" if n < 1000 else f"OD20260123{n:06d}"


def an_order(
    n: int = 1, *, qty: tuple[int, ...] = (2, 1), state: OrderState = OrderState.released, **changed: Any
) -> Order:
    """One paid order of two kinds of goods in one parcel, on the floor."""
    no = order_no(n)
    lines = tuple(
        OrderLine(line_no=i, sku_code=f"SKU-{i}", title=f"商品{i}", qty=q, price_fen=1000)
        for i, q in enumerate(qty, 1)
    )
    parcel = Parcel(
        parcel_no=f"{no}01",
        state=state,
        waybill_no=f"SF{n:012d}",
        carrier="shunfeng",
        lines=tuple(ParcelLine(order_no=no, line_no=line.line_no, qty=line.qty) for line in lines),
    )
    order = Order(
        order_no=no,
        channel="file",
        shop_id="shop-1",
        channel_order_no=f"26012388{n:08d}",
        order_state=state,
        paid_at=MORNING - timedelta(hours=1),
        ship_by_at=MORNING + timedelta(hours=8, minutes=n),
        lines=lines,
        buyer_nick=f"小林{n}",
        consignee=Consignee(name="林**", phone=f"138****{n % 10000:04d}", province="浙江省", city="杭州市"),
        parcels=(parcel,),
    )
    return settled(replace(order, **changed))


def packed(order: Order) -> Order:
    """The same order with all units in the box and the box closed."""
    parcel = order.parcels[0]
    lines = tuple(replace(pl, qty_packed=pl.qty) for pl in parcel.lines)
    return settled(order.with_parcel(replace(parcel, lines=lines, state=OrderState.packed)))


def a_stop(stop_id: str = "STOP1", *, kind: StopKind = StopKind.freeze, **changed: Any) -> Stop:
    return replace(Stop(stop_id=stop_id, kind=kind, command="cancel", since=MORNING, actor="小美"), **changed)


def stopped(order: Order, *stops: Stop) -> Order:
    return settled(replace(order, stops=stops or (a_stop(),)))


def an_item(sku: str, *codes: str, pack_qty: int = 1) -> Item:
    return Item(
        sku_code=sku, title=sku, barcodes=tuple(ItemBarcode(code=c, pack_qty=pack_qty) for c in codes)
    )


def change(seq: int, kind: str, key: str, body: object) -> Change:
    return Change(seq=seq, kind=kind, key=key, body=msgspec.Raw(msgspec.json.encode(body)))


def gone(seq: int, kind: str, key: str) -> Change:
    return Change(seq=seq, kind=kind, key=key, gone=True)


def order_change(seq: int, order: Order) -> Change:
    return change(seq, "order", order.order_no, order)


def item_change(seq: int, item: Item) -> Change:
    return change(seq, "item", item.sku_code, item)


def history_change(seq: int, row: HistoryRow) -> Change:
    return change(seq, "history", str(row.id), row)


def a_page(
    changes: Iterable[Change], *, next_: int | None = None, epoch: str = EPOCH, head: int | None = None
) -> ChangePage:
    """A page as the hub sends it, through JSON and back."""
    listed = list(changes)
    end = next_ if next_ is not None else max((c.seq for c in listed), default=0)
    page = ChangePage(epoch=epoch, head=head if head is not None else end, next=end, changes=listed)
    return msgspec.json.decode(msgspec.json.encode(page), type=ChangePage)


def an_urgent(seq: int, order: Order) -> Urgent:
    return Urgent(
        seq=seq, order_no=order.order_no, stops=order.stops, is_frozen=order.is_frozen, parcels=order.parcels
    )


# ------------------------------------------------------------------------------------------ a running station


class PatientClient(HubClient):
    """Waits for the hub's last word before a step: its 300 ms are meant for people, a busy machine needs more."""

    async def go_check(self, parcel_no: str, step: LeaseStep, timeout_s: float) -> GoAnswer:
        return await super().go_check(parcel_no, step, max(timeout_s, 20.0))


def patiently(hub_url: str, token: str, parts: LinkParts, ca_pem: str = "") -> link.HubLink:
    """`sync.link.connect` with a patient client."""
    client = PatientClient(hub_url, token, lang=parts.lang, ca_pem=ca_pem)
    client.also_at(parts.addresses)
    return link.HubLink(client, parts)


class Loop:
    """A background thread with an asyncio loop that steps engines, as the program's own does."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor()
        self.loop.set_default_executor(self._pool)
        #: What was open when engines were stopped: a line that was just being opened is nobody's after that.
        self._lines: set[asyncio.BaseTransport] = set()
        self.failures: list[BaseException] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="test loop", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def do(self, work: Coroutine[Any, Any, T], seconds: float = 30) -> T:
        """Waits for a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=seconds)

    def step_for_ever(self, engine: Engine, clock: Clock) -> None:
        woken = asyncio.Event()
        engine.on_wake(lambda: self.loop.call_soon_threadsafe(woken.set))
        self.do(self._start(engine, clock, woken))

    async def _start(self, engine: Engine, clock: Clock, woken: asyncio.Event) -> None:
        self._tasks.append(asyncio.create_task(self._steps(engine, clock, woken)))

    async def _steps(self, engine: Engine, clock: Clock, woken: asyncio.Event) -> None:
        while not self._stopping.is_set():
            woken.clear()
            try:
                due = await engine.step(clock.now())
            except Exception as error:
                self.failures.append(error)
                raise
            wait = max(0.0, (due - clock.now()).total_seconds())
            waits = [asyncio.ensure_future(woken.wait()), asyncio.ensure_future(self._stopping.wait())]
            try:
                await asyncio.wait(waits, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for waiting in waits:
                    waiting.cancel()

    def stop_engines(self) -> None:
        """Between two steps where it can be; who waits for something longer is cancelled.

        What a step has given to a thread (a page that is being written) is done before this returns.
        """

        async def stop() -> None:
            self._stopping.set()
            if self._tasks:
                _, busy = await asyncio.wait(self._tasks, timeout=0.2)
                for task in busy:
                    task.cancel()
                _, pending = await asyncio.wait(self._tasks, timeout=20)
                assert not pending, [task.get_stack() for task in pending]
            self._tasks.clear()
            self._stopping.clear()
            self._lines |= self._open_lines()
            working, self._pool = self._pool, ThreadPoolExecutor()
            self.loop.set_default_executor(self._pool)
            await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(working.shutdown))], timeout=20)

        self.do(stop())

    def _open_lines(self) -> set[asyncio.BaseTransport]:
        """All sockets of this loop (those of a Windows loop are closed with it)."""
        return set(getattr(self.loop, "_transports", {}).values())

    async def _rest(self) -> None:
        """What asyncio.run does at its end: generators left half-way, and tasks that close them."""
        await self.loop.shutdown_asyncgens()
        me = asyncio.current_task()
        if rest := [task for task in asyncio.all_tasks() if task is not me]:
            await asyncio.wait(rest, timeout=20)
        # a step that is cancelled while it opens a line leaves it open: a collector would find it, in some later test
        for left in self._lines | self._open_lines():
            if isinstance(left, asyncio.WriteTransport):
                left.abort()
        for _ in range(3):  # they say goodbye in the loop's next rounds
            await asyncio.sleep(0)

    def close(self) -> None:
        try:
            self.stop_engines()
            self.do(self._rest())
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(timeout=20)
            self.loop.close()
            self._pool.shutdown(wait=False)


class LiveStation:
    """A paired station at work: real files, real HTTP, engines on a loop of its own."""

    def __init__(
        self, folder: Path, hub_url: str = "", *, kind: StationKind = "packing", clock: Clock | None = None
    ) -> None:
        self.clock = clock or StationClock()
        self.loop = Loop()
        self.core = StationCore(
            folder, kind=kind, connect=patiently, pair=link.pair, clock=self.clock, new_id=Ulid(self.clock)
        )
        self.outcomes: list[Outcome] = []
        self.alarms: list[StationAlarm | None] = []
        self.core.on_outcome(self.outcomes.append)
        self.core.on_alarm(self.alarms.append)
        self.core.on_engines(self._start)
        self._hub_url = hub_url
        self._starter: threading.Thread | None = None
        if self.core.identity is not None:
            self._restart()

    def pair(self, code: str, name: str = "1 号台", url: str = "") -> None:
        """Paired, and all engines at work: none of them starts behind the back of who stops them next."""
        self.loop.do(self.core.pair(url or self._hub_url, code, name))
        if self._starter is not None:
            self._starter.join()

    def _start(self) -> None:
        self._starter = threading.Thread(target=self._restart)
        self._starter.start()

    def _restart(self) -> None:
        self.loop.stop_engines()
        for engine in self.core.engines():
            self.loop.step_for_ever(engine, self.clock)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.do(work)

    def scan(self, raw: str) -> Outcome:
        """One pull of the trigger, however soon after the last, and what had to be asked first."""
        outcome = self.core.packing.on_scan(raw, self.clock.now(), False)
        return self.do(self.core.packing.follow(outcome, self.clock.now())) if outcome.follow else outcome

    def until(self, is_so: Callable[[], object], what: str, seconds: float = 20) -> None:
        until(is_so, what, seconds)
        assert not self.loop.failures, self.loop.failures

    def close(self) -> None:
        if self._starter is not None:
            self._starter.join()
        try:
            self.loop.stop_engines()
            self.do(self.core.close())
        finally:
            self.loop.close()
        assert not self.loop.failures, self.loop.failures

    def __enter__(self) -> LiveStation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def until(is_so: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Looks every few milliseconds; fails with ``what`` when it does not become so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.005)
