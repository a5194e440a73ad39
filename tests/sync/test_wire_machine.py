"""Pages, stops, acts and receipts in any order, twice, late or never: copy and hub end alike, each act counts once."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.core.acts import BODIES, Act, ActKind
from app.core.freeze import Rules
from app.store.cache import Cache
from app.store.leases import LeaseBook
from app.store.outbox import Outbox
from app.store.readmodel import ReadModel
from app.wire import ChangePage, Envelope, Receipt, Urgent
from hub.orders.results import View
from tests.helpers.builders import a_channel_order, a_core, an_actor
from tests.helpers.clock import T0
from tests.helpers.feed import read_pages

T = TypeVar("T")
VIEW = View("packing", "main")
ME, OTHER = an_actor("bench-1"), an_actor("bench-2", "小吴")
ORDER, LINE = st.integers(0, 2), st.integers(1, 2)
FACTS = (
    "opened",
    "line_packed",
    "line_packed",
    "line_unpacked",
    "parcel_closed",
    "handed_over",
    "freeze_shown",
)
#: Few worlds: each has real files.
FEW = settings(derandomize=True, max_examples=8, stateful_step_count=40)


class WireMachine(RuleBasedStateMachine):
    """The real hub core and the two real files of one bench; what is between them is ours to disturb."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name)
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        (self.path / "hub").mkdir()
        self.core = self.do(self.stack.enter_async_context(a_core(self.path / "hub", threaded=False)))
        self.clock = self.core.clock
        given = self.do(self.core.given(*(a_channel_order(n, qty=2) for n in range(3))))
        self.nos = [order.order_no for order in given]
        self.pages: list[ChangePage] = []
        self.receipts: list[list[Receipt]] = []
        self.told: list[Urgent] = []
        self.heard: dict[str, Urgent] = {}
        self.made: list[Act] = []
        self.open()

    def do(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(_of(work))

    def open(self) -> None:
        self.cache = Cache(self.path / "cache.sqlite")
        self.outbox = Outbox(self.path / "outbox.sqlite", channel_ref=self.cache.channel_ref)
        self.outbox.passed(self.cache.shown)
        self.read = ReadModel(self.cache, self.outbox, lambda _: Rules(), LeaseBook(self.clock), lambda: ME)

    # -- people ------------------------------------------------------------------------------------------------

    @rule(n=ORDER, kind=st.sampled_from(FACTS), line=LINE)
    def the_bench_does(self, n: int, kind: str, line: int) -> None:
        order = self.read.order(self.nos[n])
        if order is None:
            return
        body: dict[str, Any] = {"line_no": line, "qty": 1} if kind.startswith("line") else {}
        if kind == "freeze_shown":
            body = {"stop_ids": tuple(stop.stop_id for stop in order.stops)}
        parcel_no = order.parcels[0].parcel_no
        what = ActKind(kind)
        act = Act(
            act_id=f"A{len(self.made)}",
            kind=what,
            order_no=order.order_no,
            parcel_no=parcel_no,
            made_at=self.clock.now(),
            body=BODIES[what](**body),
        )
        self.made.append(act)
        self.outbox.record(act).result()

    @rule(n=ORDER, kind=st.sampled_from(["cancel", "hold", "rush", "release"]))
    def somebody_asks(self, n: int, kind: str) -> None:
        order = self.core.order(self.nos[n])
        body: dict[str, Any] = {"note": "n"}
        if kind == "release":
            body["stop_id"] = order.stops[0].stop_id if order.stops else "none"
        self.do(self.core.command(kind, order, **body))
        self._commits()

    @rule(n=ORDER, line=LINE)
    def another_bench_counts(self, n: int, line: int) -> None:
        self.do(self.core.do("line_packed", self.nos[n], by=OTHER, line_no=line, qty=1))
        self._commits()

    @rule(seconds=st.sampled_from([1, 6, 20, 3600, 4 * 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.do(self.core.tick(seconds=seconds))
        self._commits()

    def _commits(self) -> None:
        self.told += [told.event for committed in self.core.heard for told in committed.urgent]
        self.core.heard.clear()

    # -- the wire ----------------------------------------------------------------------------------------------

    @rule(limit=st.integers(1, 6))
    def a_page_is_sent(self, limit: int) -> None:
        self.pages.append(self._page(limit))

    def _page(self, limit: int) -> ChangePage:
        cursor = self.cache.cursor
        found = self.core.feed.page(VIEW, cursor.seq, limit)
        page = msgspec.json.decode(found.body, type=ChangePage)
        return msgspec.structs.replace(page, after=cursor.seq)

    @precondition(lambda self: self.pages)
    @rule(data=st.data(), again=st.booleans())
    def a_page_arrives(self, data: st.DataObject, again: bool) -> None:
        page = self._taken(self.pages, data, again)
        fits = page.after is not None and page.after <= self.cache.cursor.seq
        event("a page fits" if fits else "a page does not fit")
        if fits:
            self._apply(page)

    def _apply(self, page: ChangePage) -> None:
        self.cache.apply_page(page)
        self.outbox.passed(self.cache.shown)

    @precondition(lambda self: self.told)
    @rule(data=st.data(), again=st.booleans())
    def a_stop_arrives(self, data: st.DataObject, again: bool) -> None:
        urgent = self._taken(self.told, data, again)
        self.cache.heard(urgent)
        self.cache.apply_urgent(urgent)
        last = self.heard.get(urgent.order_no)
        if last is None or last.seq < urgent.seq:
            self.heard[urgent.order_no] = urgent

    @rule(most=st.integers(1, 4))
    def acts_are_sent(self, most: int) -> None:
        if waiting := self.outbox.waiting(most):
            self.receipts.append(self._sent(waiting))

    def _sent(self, waiting: list[Envelope]) -> list[Receipt]:
        receipts = self.do(self.core.writer.acts(waiting, ME))
        self._commits()
        return receipts

    @precondition(lambda self: self.receipts)
    @rule(data=st.data(), again=st.booleans())
    def answers_arrive(self, data: st.DataObject, again: bool) -> None:
        self._settle(self._taken(self.receipts, data, again))

    def _settle(self, receipts: list[Receipt]) -> None:
        self.outbox.settle(receipts, self.cache.cursor.epoch, self.clock.now())
        self.outbox.passed(self.cache.shown)

    @precondition(lambda self: self.receipts or self.pages)
    @rule()
    def the_line_breaks(self) -> None:
        """What is under way is lost."""
        self.receipts.clear()
        self.pages.clear()

    @rule()
    def the_bench_starts_again(self) -> None:
        self._close()
        self.open()

    @staticmethod
    def _taken(things: list[T], data: st.DataObject, again: bool) -> T:
        n = data.draw(st.integers(0, len(things) - 1))
        return things[n] if again else things.pop(n)

    # -- what holds --------------------------------------------------------------------------------------------

    @invariant()
    def a_stop_that_was_heard_is_shown_until_a_later_word(self) -> None:
        for order_no, urgent in self.heard.items():
            seq, order = self._row_seq(order_no), self.read.order(order_no)
            if order is not None and seq is not None and seq < urgent.seq:
                assert {s.stop_id for s in order.stops} == {s.stop_id for s in urgent.stops}
                assert order.is_frozen == urgent.is_frozen

    @invariant()
    def what_the_hub_has_not_fed_is_still_ours(self) -> None:
        """Own work never flickers away: each act is pending, or in the copy, or refused by the hub."""
        pending = {p.act.act_id for no in self.outbox.pending_orders() for p in self.outbox.pending_of(no)}
        fed = {
            row[0] for row in self._rows("SELECT json_extract(CAST(body AS TEXT), '$.act_id') FROM history")
        }
        needs = {need.act.act_id for need in self.outbox.needs_person()}
        at = {no: self._row_seq(no) for no in self.nos}
        for act in self.made:
            if at[act.order_no] is not None:  # what has left the scope is nobody's at the bench
                assert act.act_id in pending | fed | needs, act

    def teardown(self) -> None:
        try:
            self._heal()
            self._agree()
        finally:
            self._close()
            self.do(self.stack.aclose())
            self.loop.close()
            self._folder.cleanup()

    def _heal(self) -> None:
        while waiting := self.outbox.waiting(3):
            self._settle(self._sent(waiting))
        while True:
            page = self._page(3)
            self._apply(page)
            if page.next == page.head:
                return

    def _agree(self) -> None:
        """The copy is what a first load gives, what is shown is what the hub holds, each act counts once."""
        assert self.outbox.pending_orders() == set()
        changes, head = read_pages(self.core.feed, VIEW, limit=100)
        assert self.cache.shown.seq == head
        fed = {(c.kind, c.key): (c.seq, bytes(c.body)) for c in changes if not c.gone}
        held = {
            (kind, str(key)): (seq, bytes(body))
            for kind, key, seq, body in self._rows(
                "SELECT 'order', order_no, seq, body FROM \"order\" UNION ALL "
                "SELECT 'history', id, seq, body FROM history UNION ALL "
                "SELECT 'track', parcel_no, seq, body FROM track UNION ALL SELECT kind, key, seq, body FROM thing"
            )
        }
        differ = {
            key: (held.get(key), fed.get(key))
            for key in held.keys() | fed.keys()
            if held.get(key) != fed.get(key)
        }
        assert not differ, differ
        for order_no in self.nos:
            shown = self.read.order(order_no)
            assert shown is None or shown == self.core.order(order_no)
        told = Counter(
            self.core.rows("SELECT json_extract(CAST(body AS TEXT), '$.act_id'), kind FROM history")
        )
        assert not [row for row, times in told.items() if row[0] and times > 1]
        refused = {row[0] for row in self.core.rows("SELECT act_id FROM receipt WHERE outcome = 'refused'")}
        assert {act.act_id for act in self.made} <= {act_id for act_id, _ in told} | refused

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.cache.read(lambda db: db.execute(sql).fetchall())

    def _row_seq(self, order_no: str) -> int | None:
        sql = 'SELECT seq FROM "order" WHERE order_no = ?'
        found = self.cache.read(lambda db: db.execute(sql, (order_no,)).fetchone())
        return found[0] if found else None

    def _close(self) -> None:
        self.outbox.close()
        self.cache.close()


async def _of(work: Awaitable[T]) -> T:
    return await work


class OutboxMachine(RuleBasedStateMachine):
    """Acts of one bench against a hub of a few words that is restored from a backup now and then."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.now = T0
        self.epoch, self.seq = "E0", 0
        self.applied: dict[str, Receipt] = {}
        """What the hub holds, by act."""
        self.backup: dict[str, Receipt] = {}
        self.effects: Counter[tuple[str, str]] = Counter()
        """How often an act had its effect, by epoch."""
        self.made: list[str] = []
        self.under_way: list[tuple[str, list[Receipt]]] = []
        self.outbox = self._opened()
        self.outbox.reopen(self.epoch, self.now)

    def _opened(self) -> Outbox:
        return Outbox(Path(self._folder.name) / "outbox.sqlite")

    @rule()
    def something_is_done(self) -> None:
        self.made.append(f"A{len(self.made)}")
        act = Act(
            act_id=self.made[-1],
            kind=ActKind.opened,
            order_no="OD20261121001",
            parcel_no="OD2026112100101",
            made_at=self.now,
            body=BODIES[ActKind.opened](),
        )
        self.outbox.record(act).result()

    @rule(most=st.integers(1, 4))
    def acts_are_sent(self, most: int) -> None:
        self.under_way.append((self.epoch, self._taken(self.outbox.waiting(most))))

    def _taken(self, envelopes: list[Envelope]) -> list[Receipt]:
        receipts = []
        for envelope in envelopes:
            known = self.applied.get(envelope.act_id)
            if known is None:
                self.seq += 1
                self.effects[self.epoch, envelope.act_id] += 1
                known = Receipt(act_id=envelope.act_id, outcome="applied", seq=self.seq)
                self.applied[envelope.act_id] = known
            receipts.append(known)
        return receipts

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), again=st.booleans())
    def answers_arrive(self, data: st.DataObject, again: bool) -> None:
        """Those of this life: a line to another does not outlive it."""
        n = data.draw(st.integers(0, len(self.under_way) - 1))
        epoch, receipts = self.under_way[n] if again else self.under_way.pop(n)
        if epoch == self.outbox.epoch:
            self.outbox.settle(receipts, epoch, self.now)

    @rule()
    def the_hub_is_backed_up(self) -> None:
        self.backup = dict(self.applied)

    @rule()
    def the_hub_is_restored(self) -> None:
        self.epoch = f"E{int(self.epoch[1:]) + 1}"
        self.applied, self.under_way = dict(self.backup), []
        self.outbox.reopen(self.epoch, self.now)

    @rule(hours=st.integers(1, 20))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def the_bench_starts_again(self) -> None:
        self.outbox.close()
        self.outbox = self._opened()

    @invariant()
    def nothing_counts_twice_in_one_life(self) -> None:
        assert all(times == 1 for times in self.effects.values())

    @invariant()
    def what_the_hub_lacks_still_waits(self) -> None:
        """For seven days at least what was settled in another life is sent again."""
        waiting = {envelope.act_id for envelope in self.outbox.waiting(1000)}
        recent = self.made if self.now - T0 < timedelta(days=7) else []
        assert set(recent) <= waiting | self.applied.keys()

    def teardown(self) -> None:
        while waiting := self.outbox.waiting(3):
            self.outbox.settle(self._taken(waiting), self.epoch, self.now)
        self.what_the_hub_lacks_still_waits()
        assert self.outbox.pending_count() == 0
        self.outbox.close()
        self._folder.cleanup()


TestWireMachine = WireMachine.TestCase
TestWireMachine.settings = FEW
TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = FEW
