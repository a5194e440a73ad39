"""Pages of the feed: built in a thread, packed once, shared by everybody who asks for the same within a tick.

Building a page on the event loop would hold up every cancel (design 3.6), so it never happens there.
"""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass

import zstandard

from app.ports import Clock
from hub.orders.feed import Feed
from hub.orders.results import Page, View

#: How long a page that holds something may be given to others as well.
SHARED_S = 0.1
_SMALL = 1_000
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Packed:
    """A page as it goes out: ``encoding`` is "", "gzip" or "zstd"."""

    page: Page
    body: bytes
    encoding: str


def encoding_of(accept_encoding: str) -> str:
    """The best packing a caller takes: zstd, else gzip, else none."""
    offered = {part.split(";")[0].strip().lower() for part in accept_encoding.split(",") if "q=0" not in part}
    return next((name for name in ("zstd", "gzip") if name in offered), "")


def packed(page: Page, encoding: str) -> Packed:
    """The page packed; small ones stay as they are."""
    if len(page.body) < _SMALL or not encoding:
        return Packed(page, page.body, "")
    if encoding == "zstd":
        return Packed(page, zstandard.ZstdCompressor(level=3).compress(page.body), encoding)
    return Packed(page, gzip.compress(page.body, compresslevel=1, mtime=0), encoding)


class Pages:
    """The feed's pages for many readers at once."""

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._shared: dict[tuple[View, int, int, str], tuple[float, asyncio.Task[Packed]]] = {}

    async def page(self, view: View, after: int, limit: int, encoding: str = "") -> Packed:
        """The page after ``after``; readers at the same place share one build."""
        key = (view, after, limit, encoding)
        now = self._clock.monotonic()
        shared = self._shared.get(key)
        if shared and now - shared[0] < SHARED_S and not _is_stale(shared[1], after):
            return await asyncio.shield(shared[1])
        if len(self._shared) >= _KEPT:
            self._forget_old(now)
        task = asyncio.create_task(asyncio.to_thread(self._build, view, after, limit, encoding))
        self._shared[key] = now, task
        return await asyncio.shield(task)

    def _build(self, view: View, after: int, limit: int, encoding: str) -> Packed:
        return packed(self._feed.page(view, after, limit), encoding)

    def _forget_old(self, now: float) -> None:
        old = [key for key, (made, task) in self._shared.items() if now - made >= SHARED_S and task.done()]
        for key in old:
            del self._shared[key]


def _is_stale(task: asyncio.Task[Packed], after: int) -> bool:
    """A finished page that failed or brought nothing is no answer for who comes later."""
    if not task.done():
        return False
    if task.cancelled() or task.exception() is not None:
        return True
    return task.result().page.next == after
