"""A buyer pays on a platform until the order stands in the queue of a packing station: the stand-ins for Douyin (a
signed push to the hub, the detail asked for over its API) and Pinduoduo (a message over the connection the hub has
opened, the detail likewise) in turns, at 19.4 orders a second (70,000 an hour, ING-12), a real hub process on SQLite
(FULL) over HTTP, a station with its real window (1366 x 768, offscreen). The clock runs from just before the platform
learns of the payment until the order is in the station's copy; looked at every 5 ms. The reference is the tick of
100 ms in which the hub tells its stations of what is not a stop. Then buyers cancel, ten a second, on both platforms in
turns: until the bench, which looks at the same copy before each scan and each print, holds the order as stopped.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from app.station.core import StationCore
from app.store.cache import Cache
from benchmarks.hub import BenchHub
from benchmarks.report import Figure, milliseconds, percentile
from benchmarks.window import idle, opened, turn_until
from rehearsal.book import Book
from rehearsal.platforms import Platforms

TITLE = "Paid on a platform to the queue of a bench"
RATE = 70_000 / 3600
AIM_S = 3.0
CANCELS_A_SECOND = 10.0
STOP_AIM_S, STOP_MOST_S = 1.0, 2.0
_TICK_S = 0.1


def run(quick: bool = False) -> list[Figure]:
    count = 10 if quick else 600
    platforms = Platforms(seed=1)
    with tempfile.TemporaryDirectory() as name:
        try:
            with BenchHub(Path(name) / "hub", platforms.start) as hub:
                platforms.call_hub(hub.url)
                station = opened(Path(name) / "工位 一")
                try:
                    core = station.core
                    station.work.run(lambda: core.pair(hub.url, hub.code(), "打包台 1"))
                    if not turn_until(lambda: station.desk is not None and core.cache.cursor.seq > 0, 60):
                        raise RuntimeError("the station did not join")
                    idle(2.0)
                    books = [platforms.douyin.book, platforms.pdd_book]
                    took, sold = _sold(core.cache, books, count)
                    stopped = _cancelled(core, books, [nos[: count // 3] for nos in sold])
                finally:
                    station.close()
        finally:
            platforms.stop()
    names = ("Douyin", "Pinduoduo")
    return [
        *[
            _figure(f"{name}, {len(seconds)} orders at {RATE:.1f} a second in all, p50 / p95", seconds)
            for name, seconds in zip(names, took, strict=True)
        ],
        *[_stop_figure(name, seconds) for name, seconds in zip(names, stopped, strict=True)],
    ]


def _sold(cache: Cache, books: list[Book], count: int) -> tuple[list[list[float]], list[list[str]]]:
    """Seconds per order, by platform (the first of each opens connections and is not counted), and the orders."""
    took: list[list[float]] = [[] for _ in books]
    sold_nos: list[list[str]] = [[] for _ in books]
    waiting: dict[str, tuple[int, float]] = {}
    began, sold = time.perf_counter(), 0

    def look() -> bool:
        nonlocal sold
        while sold < count and (time.perf_counter() - began) * RATE >= sold:
            place = sold % len(books)
            at = time.perf_counter()
            order_no = books[place].buy()[0].order_no
            sold_nos[place].append(order_no)
            waiting[order_no] = place, at
            sold += 1
        for channel_order_no in _our_numbers(cache, list(waiting)):
            place, at = waiting.pop(channel_order_no)
            took[place].append(time.perf_counter() - at)
        return sold == count and not waiting

    if not turn_until(look, count / RATE + 60):
        raise RuntimeError(f"{len(waiting)} of {count} orders did not come to the bench")
    return [seconds[1:] for seconds in took], sold_nos


def _cancelled(core: StationCore, books: list[Book], nos: list[list[str]]) -> list[list[float]]:
    """Seconds per cancel, by platform, until the bench holds the order as stopped."""
    took: list[list[float]] = [[] for _ in books]
    waiting: dict[str, tuple[int, float]] = {}
    asked = [(place, no) for both in zip(*nos, strict=True) for place, no in enumerate(both)]
    ours = _our_numbers(core.cache, [no for _, no in asked])
    began, done = time.perf_counter(), 0

    def look() -> bool:
        nonlocal done
        while done < len(asked) and (time.perf_counter() - began) * CANCELS_A_SECOND >= done:
            place, channel_order_no = asked[done]
            waiting[channel_order_no] = place, time.perf_counter()
            books[place].cancel(channel_order_no)
            done += 1
        for channel_order_no in [no for no in waiting if _is_stopped(core, ours[no])]:
            place, at = waiting.pop(channel_order_no)
            took[place].append(time.perf_counter() - at)
        return done == len(asked) and not waiting

    if not turn_until(look, len(asked) / CANCELS_A_SECOND + 60):
        raise RuntimeError(f"{len(waiting)} of {len(asked)} cancels did not come to the bench")
    return took


def _is_stopped(core: StationCore, order_no: str) -> bool:
    order = core.read.order(order_no)
    return order is None or order.is_frozen


def _our_numbers(cache: Cache, wanted: list[str]) -> dict[str, str]:
    """Our order number by the channel's, of those that the copy holds."""
    marks = ",".join("?" * len(wanted))
    asked = f"SELECT number, order_no FROM number WHERE kind = 'channel' AND number IN ({marks})"
    return dict(cache.read(lambda db: db.execute(asked, wanted).fetchall())) if wanted else {}


def _figure(what: str, seconds: list[float]) -> Figure:
    p95 = percentile(seconds, 0.95)
    return Figure(
        what=what,
        ours=f"{milliseconds(percentile(seconds, 0.5))} / {milliseconds(p95)}",
        reference=f"{milliseconds(_TICK_S)} one tick",
        ratio=f"{p95 / _TICK_S:.1f} ticks",
        aim=f"p95 <= {AIM_S:.0f} s",
        passed=p95 <= AIM_S,
    )


def _stop_figure(name: str, seconds: list[float]) -> Figure:
    p95, most = percentile(seconds, 0.95), max(seconds)
    return Figure(
        what=f"{name}, {len(seconds)} cancels until the bench refuses, p50 / p95 / longest",
        ours=f"{milliseconds(percentile(seconds, 0.5))} / {milliseconds(p95)} / {milliseconds(most)}",
        reference=f"{milliseconds(_TICK_S)} one tick",
        ratio=f"{p95 / _TICK_S:.1f} ticks",
        aim=f"p95 <= {STOP_AIM_S:.0f} s, longest <= {STOP_MOST_S:.0f} s",
        passed=p95 <= STOP_AIM_S and most <= STOP_MOST_S,
    )
