"""The engines step by step, against a hub that answers what the test says: weather, bad answers, a full disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from app import wire
from app.core.reasons import Reason
from app.store.cache import Cache
from app.store.cachefile import Cursor
from app.store.link import LinkParts
from app.store.outbox import Outbox
from app.store.status import SyncState, SyncStatus
from app.wire import ChangePage, Receipt
from sync.client import HubClient
from sync.link import HubLink
from sync.stream import StreamReader
from tests.helpers.station import StillClock, a_page, an_order, order_change, order_no
from tests.store.test_outbox import packed

Answer = Callable[[httpx.Request], httpx.Response]


def ok(body: object) -> httpx.Response:
    # read in parts, as from a wire
    return httpx.Response(200, stream=httpx.ByteStream(msgspec.json.encode(body)))


def error(status: int, code: str = "x") -> httpx.Response:
    return httpx.Response(status, content=msgspec.json.encode({"error": {"code": code, "text": code}}))


class Stepped:
    """Real files, real engines, one loop, a hub in a dictionary: path -> what to answer."""

    def __init__(self, folder: Path) -> None:
        self.clock = StillClock()
        self.cache = Cache(folder / "cache.sqlite")
        self.outbox = Outbox(folder / "outbox.sqlite")
        self.status = SyncStatus()
        self.topics: list[frozenset[str]] = []
        self.revoked = 0
        self.asked: list[httpx.Request] = []
        self.answers: dict[str, Answer] = {}
        self.loop = asyncio.new_event_loop()
        self.link = self.run(self._made())

    async def _made(self) -> HubLink:
        parts = LinkParts(
            cache=self.cache,
            outbox=self.outbox,
            status=self.status,
            clock=self.clock,
            dice=lambda: 0.0,
            changed=self.topics.append,
            beat=lambda now: wire.Beat(clock=now),
            revoked=self._revoke,
            lang=lambda: "zh",
        )
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        return HubLink(HubClient("http://127.0.0.1:1", "t", http=http), parts)

    def _revoke(self) -> None:
        self.revoked += 1

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers[request.url.path](request)

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    def wait_s(self, engine: Any) -> float:
        """Steps once; seconds until it wants to be called again."""
        due = self.run(engine.step(self.clock.now()))
        return float((due - self.clock.now()).total_seconds())

    def serves(self, *pages: ChangePage) -> None:
        """``/v1/changes`` from these pages, by where they begin."""
        starts = [0, *(page.next for page in pages[:-1])]
        by_after = dict(zip(starts, pages, strict=True))

        def answer(request: httpx.Request) -> httpx.Response:
            after = int(request.url.params["after"])
            page = by_after.get(after)
            return ok(page if page else ChangePage(epoch=pages[-1].epoch, head=after, next=after, changes=[]))

        self.answers["/v1/changes"] = answer

    def close(self) -> None:
        self.run(self.link.close())
        self.run(self.loop.shutdown_asyncgens())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()
        self.outbox.close()
        self.cache.close()


@pytest.fixture
def stepped(tmp_path: Path) -> Iterator[Stepped]:
    made = Stepped(tmp_path)
    yield made
    made.close()


def orders(first: int, last: int, head: int, epoch: str = "E1") -> ChangePage:
    return a_page([order_change(n, an_order(n)) for n in range(first, last + 1)], head=head, epoch=epoch)


# ------------------------------------------------------------------------------------------------- pull


def test_pages_are_pulled_one_after_another_and_the_next_ones_are_fetched_ahead(stepped: Stepped) -> None:
    stepped.serves(orders(1, 3, 7), orders(4, 6, 7), orders(7, 7, 7))
    assert stepped.wait_s(stepped.link.puller) == 0
    assert stepped.cache.cursor == Cursor("E1", 3)
    assert stepped.status.facts.state is SyncState.catching_up
    assert stepped.wait_s(stepped.link.puller) == 0
    assert stepped.wait_s(stepped.link.puller) == 30
    assert stepped.status.facts.state is SyncState.live
    assert [r.url.params["after"] for r in stepped.asked] == ["0", "3", "6"]
    assert stepped.wait_s(stepped.link.puller) == 30
    assert len(stepped.asked) == 3


def test_no_more_pages_are_fetched_ahead_than_may_be_held(stepped: Stepped) -> None:
    stepped.serves(*(orders(n, n, 9) for n in range(1, 10)))
    stepped.wait_s(stepped.link.puller)
    stepped.run(asyncio.sleep(0.3))  # whoever fetched without end would fetch all of it now
    assert [r.url.params["after"] for r in stepped.asked] == ["0", "1", "2"]
    while stepped.wait_s(stepped.link.puller) == 0:
        pass
    assert [r.url.params["after"] for r in stepped.asked] == [str(n) for n in range(9)]
    assert stepped.cache.cursor == Cursor("E1", 9)


def test_weather_is_waited_out_and_said(stepped: Stepped) -> None:
    stepped.answers["/v1/changes"] = lambda _r: error(503)
    waits = [stepped.wait_s(stepped.link.puller) for _ in range(3)]
    assert waits == [pytest.approx(0.1), pytest.approx(0.2), pytest.approx(0.4)]
    assert stepped.status.facts.state is SyncState.offline
    stepped.serves(orders(1, 1, 1))
    assert stepped.wait_s(stepped.link.puller) == 30
    assert stepped.status.facts.state is SyncState.live


def test_a_fetch_ahead_that_failed_or_went_stale_is_asked_again(stepped: Stepped) -> None:
    stepped.serves(orders(1, 3, 5), orders(4, 5, 5))
    stepped.wait_s(stepped.link.puller)
    stepped.cache.start_over()  # the copy went away under the fetch
    stepped.link.puller.behind()
    assert stepped.wait_s(stepped.link.puller) == 0
    assert stepped.cache.cursor.seq == 3


def test_a_full_disk_is_said_and_the_same_page_comes_again(stepped: Stepped) -> None:
    db = stepped.cache._file._writer.db  # type: ignore[union-attr]
    db.execute("PRAGMA max_page_count = 1")
    stepped.serves(orders(1, 90, 95), orders(91, 95, 95))
    assert stepped.wait_s(stepped.link.puller) == 10
    assert (stepped.status.facts.needs, stepped.cache.cursor.seq) == ("cache_disk_full", 0)
    db.execute("PRAGMA max_page_count = 100000")
    assert stepped.wait_s(stepped.link.puller) == 0
    assert (stepped.status.facts.needs, stepped.cache.cursor.seq) == ("", 90)


def test_another_epoch_waits_for_the_acts_to_be_sent_but_not_for_ever(stepped: Stepped) -> None:
    stepped.serves(orders(1, 1, 1))
    stepped.wait_s(stepped.link.puller)
    stepped.outbox.record(packed()).result()
    stepped.outbox.settle(
        [Receipt(act_id=packed().act_id, outcome="applied", seq=1)], "E1", stepped.clock.now()
    )
    stepped.answers["/v1/changes"] = lambda _r: error(410)
    stepped.link.puller.behind()
    assert stepped.wait_s(stepped.link.puller) == 0
    assert stepped.cache.is_filling_anew
    stepped.serves(orders(2, 2, 2, "E2"))
    assert stepped.wait_s(stepped.link.puller) == pytest.approx(0.2)
    assert stepped.outbox.pending_count() == 1
    assert stepped.wait_s(stepped.link.puller) == pytest.approx(0.2)
    stepped.clock.tick(21)
    assert stepped.wait_s(stepped.link.puller) == 30
    assert stepped.cache.shown == Cursor("E2", 2)
    assert not stepped.status.facts.is_loading_anew


def test_an_answer_of_the_life_before_a_restore_settles_nothing(stepped: Stepped) -> None:
    """It was on its way while the station learned of the restore: the restored hub has not heard of the act."""
    stepped.serves(orders(1, 1, 1))
    stepped.wait_s(stepped.link.puller)
    stepped.outbox.record(packed()).result()
    receipt = Receipt(act_id=packed().act_id, outcome="applied", seq=2)

    def late(_request: httpx.Request) -> httpx.Response:
        stepped.outbox.reopen("E2", stepped.clock.now())
        return ok([receipt])

    stepped.answers["/v1/acts"] = late
    stepped.wait_s(stepped.link.pusher)
    assert stepped.outbox.pending_count() == 1, "it is sent again"
    stepped.wait_s(stepped.link.pusher)
    assert stepped.outbox.pending_count() == 0


def test_a_hub_of_another_version_needs_a_person_until_it_does_not(stepped: Stepped) -> None:
    stepped.answers["/v1/changes"] = lambda _r: error(409, "update_me")
    stepped.wait_s(stepped.link.puller)
    assert stepped.status.facts.needs == "update_me"
    stepped.serves(orders(1, 1, 1))
    stepped.wait_s(stepped.link.puller)
    assert stepped.status.facts.needs == ""


# ------------------------------------------------------------------------------------------------- push


def acts(stepped: Stepped, *judge: str) -> None:
    """``/v1/acts`` that knows good ids only; a body with a bad one is turned away as a whole."""

    def answer(request: httpx.Request) -> httpx.Response:
        came = msgspec.json.decode(request.content, type=list[wire.Envelope])
        if any(e.act_id in judge for e in came):
            return error(422, "bad_body")
        return ok([Receipt(act_id=e.act_id, outcome="applied", seq=9) for e in came])

    stepped.answers["/v1/acts"] = answer


def test_one_bad_act_is_found_by_halves_and_the_rest_arrives(stepped: Stepped) -> None:
    for n in range(9):
        stepped.outbox.record(packed(n)).result()
    acts(stepped, packed(4).act_id)
    assert stepped.wait_s(stepped.link.pusher) == 0
    assert stepped.outbox.waiting() == []
    [needing] = stepped.outbox.needs_person()
    assert (needing.act.act_id, needing.receipt.reason) == (packed(4).act_id, Reason.bad_body)
    assert stepped.wait_s(stepped.link.pusher) == 15


def test_answers_that_do_not_fit_are_no_answers(stepped: Stepped) -> None:
    stepped.outbox.record(packed()).result()
    stepped.answers["/v1/acts"] = lambda _r: ok([Receipt(act_id="SOMEBODY ELSE", outcome="applied")])
    assert stepped.wait_s(stepped.link.pusher) == pytest.approx(0.1)
    stepped.answers["/v1/acts"] = lambda _r: error(503)
    assert stepped.wait_s(stepped.link.pusher) == pytest.approx(0.2)
    assert len(stepped.outbox.waiting()) == 1


def test_answers_that_cannot_be_kept_are_asked_for_again(stepped: Stepped) -> None:
    stepped.outbox.record(packed()).result()
    body = [Receipt(act_id=packed().act_id, outcome="applied", seq=1, params={"x": "y" * 90_000})]
    stepped.answers["/v1/acts"] = lambda _r: ok(body)
    pages = stepped.outbox.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0]).result()
    stepped.outbox.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchall()).result()
    assert stepped.wait_s(stepped.link.pusher) == pytest.approx(0.1)
    assert len(stepped.outbox.waiting()) == 1


# ----------------------------------------------------------------------------------------------- stream


def sse(*events: tuple[str, object]) -> Answer:
    text = b"".join(
        b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode(body) + b"\n\n"
        for kind, body in events
    )
    return lambda _r: httpx.Response(200, content=text, headers={"content-type": "text/event-stream"})


def at_seq(stepped: Stepped, seq: int) -> None:
    stepped.serves(orders(1, seq, seq))
    stepped.wait_s(stepped.link.puller)


def told(after: int, page: ChangePage) -> ChangePage:
    return msgspec.structs.replace(page, after=after)


def test_a_fitting_page_goes_in_and_any_other_is_pulled(stepped: Stepped) -> None:
    at_seq(stepped, 2)
    stepped.answers["/v1/stream"] = sse(
        ("changes", told(2, orders(3, 3, 3))),
        ("changes", told(8, orders(9, 9, 9))),
        ("head", {"head": 9, "now": stepped.clock.now()}),
    )
    stream = stepped.link.stream
    assert stepped.wait_s(stream) == 0
    assert stepped.wait_s(stream) == 0
    assert stepped.cache.cursor.seq == 3
    stepped.wait_s(stream)
    assert (stepped.cache.cursor.seq, stepped.status.facts.head) == (3, 9)
    stepped.wait_s(stream)
    assert stepped.wait_s(stream) == pytest.approx(0.1)  # it ended
    assert stepped.status.facts.state is SyncState.offline


class Hanging(httpx.AsyncByteStream):
    """One event, then nothing until it is let go of."""

    def __init__(self) -> None:
        self.is_asked, self.is_closed = asyncio.Event(), False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'event: head\ndata: {"head": 1, "now": "2026-01-23T09:00:00Z"}\n\n'
        self.is_asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):  # a real line takes its moments to let go as well
                await asyncio.sleep(0)

    async def aclose(self) -> None:
        self.is_closed = True


def with_nothing_to_say(stepped: Stepped) -> tuple[Hanging, StreamReader, datetime]:
    """A stream that was opened and has brought its one event."""
    at_seq(stepped, 1)
    hanging = Hanging()
    kind = {"content-type": "text/event-stream"}
    stepped.answers["/v1/stream"] = lambda _r: httpx.Response(200, stream=hanging, headers=kind)
    stream = stepped.link.stream
    stepped.wait_s(stream)
    stepped.wait_s(stream)
    return hanging, stream, stepped.clock.now()


@pytest.mark.parametrize("first", ["close", "cancel"])
def test_a_stream_is_closed_in_the_middle_of_a_step(stepped: Stepped, first: str) -> None:
    """Paired anew, or the window closed, while the hub has nothing to say."""
    hanging, stream, now = with_nothing_to_say(stepped)

    async def closed_while_it_waits() -> None:
        step = asyncio.create_task(stream.step(now))
        await asyncio.wait_for(hanging.is_asked.wait(), 15)
        if first == "cancel":
            step.cancel()
        await stream.close()
        if first == "close":
            assert await asyncio.wait_for(step, 15) > now
        else:
            await asyncio.wait({step}, timeout=15)
            assert step.cancelled()

    stepped.run(closed_while_it_waits())
    assert hanging.is_closed
    assert stepped.status.facts.state is not SyncState.offline


def test_a_step_may_follow_one_that_was_cancelled_a_moment_ago(stepped: Stepped) -> None:
    """The engines begin anew when a station is paired again."""
    hanging, stream, now = with_nothing_to_say(stepped)

    async def one_after_the_other() -> None:
        step = asyncio.create_task(stream.step(now))
        await asyncio.wait_for(hanging.is_asked.wait(), 15)
        step.cancel()
        await asyncio.wait({step}, timeout=15)
        # what the first let go of is opened anew, later
        assert await asyncio.wait_for(stream.step(now), 15) > now
        await stream.close()

    stepped.run(one_after_the_other())
    assert hanging.is_closed


def test_410_on_the_stream_is_left_to_the_puller(stepped: Stepped) -> None:
    at_seq(stepped, 1)
    stepped.answers["/v1/stream"] = lambda _r: error(410)
    woken: list[int] = []
    stepped.link.puller.on_wake(lambda: woken.append(1))
    assert stepped.wait_s(stepped.link.stream) > 0
    assert woken == [1]


def test_streams_that_stay_silent_are_given_up_for_asking(stepped: Stepped) -> None:
    at_seq(stepped, 1)
    stepped.answers["/v1/stream"] = sse()
    stream = stepped.link.stream
    for _ in range(2):
        assert stepped.wait_s(stream) == 0
        wait = stepped.wait_s(stream)
    assert wait == 120
    stepped.wait_s(stepped.link.puller)
    assert stepped.asked[-1].url.params["wait"] == "20"
    stepped.answers["/v1/stream"] = sse((
        "head",
        {"head": 1, "now": stepped.clock.now() + timedelta(minutes=5)},
    ))
    stepped.wait_s(stream)
    stepped.wait_s(stream)
    assert stepped.status.facts.offset == timedelta(minutes=5)
    assert stepped.wait_s(stepped.link.puller) == 30


# ------------------------------------------------------------------------------------------------- beat


def test_the_beat_learns_clock_head_and_patience(stepped: Stepped) -> None:
    at_seq(stepped, 1)
    now = stepped.clock.now()
    stepped.answers["/v1/stations/me"] = lambda _r: ok(
        wire.BeatAnswer(now=now + timedelta(hours=1), head=5, epoch="E1", go_check_ms=1500)
    )
    assert stepped.wait_s(stepped.link.beater) == 10
    facts = stepped.status.facts
    assert (facts.offset, facts.go_check_s, facts.behind) == (timedelta(hours=1), 1.5, 4)
    stepped.answers["/v1/stations/me"] = lambda _r: ok(wire.BeatAnswer(now=now, head=0, epoch="E2"))
    woken: list[int] = []
    stepped.link.puller.on_wake(lambda: woken.append(1))
    stepped.wait_s(stepped.link.beater)
    assert woken == [1]
    stepped.answers["/v1/stations/me"] = lambda _r: error(503)
    assert stepped.wait_s(stepped.link.beater) == 3
    assert stepped.status.facts.state is SyncState.offline


def test_a_revoked_station_is_told_once(stepped: Stepped) -> None:
    stepped.answers["/v1/stations/me"] = lambda _r: error(401, "sign_in_again")
    stepped.wait_s(stepped.link.beater)
    stepped.wait_s(stepped.link.beater)
    assert (stepped.revoked, stepped.status.facts.needs) == (1, "revoked")


# ----------------------------------------------------------------------------------------------- digest


def test_digests_are_compared_only_while_idle_and_at_the_same_place(stepped: Stepped) -> None:
    check = stepped.link.digest
    assert stepped.wait_s(check) == 30
    assert stepped.wait_s(check) == 30  # not live yet
    at_seq(stepped, 3)
    stepped.answers["/v1/digest"] = lambda _r: error(503)
    assert stepped.wait_s(check) == 30
    theirs = wire.Digest(epoch="E1", seq=4, buckets=[])
    stepped.answers["/v1/digest"] = lambda _r: ok(theirs)
    assert stepped.wait_s(check) == 30
    stepped.answers["/v1/digest"] = lambda _r: ok(stepped.cache.digest())
    assert stepped.wait_s(check) == 900
    stepped.outbox.record(packed()).result()
    assert stepped.wait_s(check) == 30


@pytest.mark.logs("copy_differs")
def test_a_difference_fills_the_copy_anew(stepped: Stepped) -> None:
    at_seq(stepped, 3)
    stepped.wait_s(stepped.link.digest)
    wrong = wire.Digest(epoch="E1", seq=3, buckets=[wire.BucketDigest(bucket=1, count=1, hash="0")])
    stepped.answers["/v1/digest"] = lambda _r: ok(wrong)
    told: list[object] = []

    def many(request: object) -> object:
        told.append(request)
        return ok(wire.Repair(epoch="E1", seq=3, is_whole=False))

    stepped.answers["/v1/digest/repair"] = many
    assert stepped.wait_s(stepped.link.digest) == 30
    assert told, "the hub is told that a copy differed"
    assert stepped.cache.is_filling_anew
    assert stepped.status.facts.is_loading_anew
    stepped.wait_s(stepped.link.puller)
    assert not stepped.cache.is_filling_anew
    assert stepped.cache.read(lambda db: db.execute('SELECT count(*) FROM "order"').fetchone()) == (3,)
    assert order_no(1)


def test_a_stop_of_another_epoch_is_passed_over_and_the_feed_asked(stepped: Stepped) -> None:
    from tests.helpers.station import an_urgent, stopped

    at_seq(stepped, 1)
    ours = msgspec.structs.replace(an_urgent(2, stopped(an_order(1))), epoch="E1")
    other = msgspec.structs.replace(an_urgent(900, stopped(an_order(2))), epoch="E2")
    before = len(stepped.asked)
    for urgent in (ours, other):
        stepped.run(stepped.link.stream._came(urgent))
    assert stepped.cache.hot(order_no(1), 1) == ours
    assert stepped.cache.hot(order_no(2), 1) is None
    stepped.wait_s(stepped.link.puller)
    assert len(stepped.asked) > before


def test_a_stop_is_shown_even_when_it_cannot_be_kept(stepped: Stepped) -> None:
    from tests.helpers.station import an_urgent, stopped

    at_seq(stepped, 1)
    db = stepped.cache._file._writer.db  # type: ignore[union-attr]
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    for n in range(1, 60):
        stepped.run(stepped.link.stream._feed.urgent(an_urgent(100 + n, stopped(an_order(n)))))
    assert f"order:{order_no(59)}" in stepped.topics[-1]
    assert stepped.cache.hot(order_no(59), 1) is not None
