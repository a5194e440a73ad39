"""Pages of the feed: built in threads, packed once, shared by everybody who asks for the same.

Building a page on the event loop would hold up every cancel (design 3.6), so it never happens there. Nor may many
be built at once: whoever builds one wants the interpreter for itself, and the writer and the event loop have to
wait in line with them.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import zstandard

from app.ports import Clock
from hub.orders.feed import Feed
from hub.orders.hurry import Hurry
from hub.orders.results import Page, View

#: How long a page that holds something may be given to others as well, whatever came since.
SHARED_S = 0.1
#: The same for a page that is full: whoever reads on meets what came since anyway.
FULL_SHARED_S = 5.0
#: And for one that reaches what the stations were told of last.
TOLD_SHARED_S = 1.0
#: Pages kept, and their bytes together.
_KEPT = 256
_KEPT_BYTES = 16_000_000
_BUILDERS = 2
#: Rows of a page while commands come: longer ones cost less a row, but keep the interpreter longer at a stretch.
SHORT = 1_000
#: The longest rest after a page.
_REST_S = 0.1
_SMALL = 1_000


@dataclass(frozen=True, slots=True)
class Packed:
    """A page as it goes out: ``encoding`` is "", "gzip" or "zstd"; ``page`` is without its bytes."""

    page: Page
    body: bytes
    encoding: str


@lru_cache(maxsize=256)
def encoding_of(accept_encoding: str) -> str:
    """The best packing a caller takes: zstd, else gzip, else none."""
    offered = {part.split(";")[0].strip().lower() for part in accept_encoding.split(",") if "q=0" not in part}
    return next((name for name in ("zstd", "gzip") if name in offered), "")


def packed(page: Page, encoding: str) -> Packed:
    """The page packed; small ones stay as they are."""
    bare = replace(page, body=b"")
    if len(page.body) < _SMALL or not encoding:
        return Packed(bare, page.body, "")
    if encoding == "zstd":
        return Packed(bare, zstandard.ZstdCompressor(level=1).compress(page.body), encoding)
    return Packed(bare, gzip.compress(page.body, compresslevel=1, mtime=0), encoding)


_Key = tuple[View, int, int, str]


@dataclass(slots=True)
class _Shared:
    made_at: float
    task: asyncio.Task[Packed]
    size: int = 0


class Pages:
    """The feed's pages for many readers at once.

    :attr:`told` is the last number the stations were told of: who asks again because of it is content with any page
    that reaches it.
    """

    def __init__(self, feed: Feed, clock: Clock, hurry: Hurry | None = None) -> None:
        self._feed = feed
        self._clock = clock
        self._hurry = hurry or Hurry(clock)
        self._shared: OrderedDict[_Key, _Shared] = OrderedDict()
        self._size = 0
        self._threads = ThreadPoolExecutor(_BUILDERS, "pages")
        self.told = 0

    async def page(self, view: View, after: int, limit: int, encoding: str = "") -> Packed:
        """The page after ``after``; readers at the same place share one build."""
        key = (view, after, limit, encoding)
        shared = self._shared.get(key)
        if shared is None or not self._is_good(shared, after):
            shared = self._begun(key)
        task = shared.task
        return task.result() if task.done() else await asyncio.shield(task)

    def stop(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begun(self, key: _Key) -> _Shared:
        self._forget(key)
        shared = _Shared(self._clock.monotonic(), asyncio.create_task(self._built(key)))
        self._shared[key] = shared
        shared.task.add_done_callback(lambda _: self._weigh(key, shared))
        return shared

    async def _built(self, key: _Key) -> Packed:
        began = self._clock.monotonic()
        built = await asyncio.get_running_loop().run_in_executor(self._threads, self._build, *key)
        if built.page.next < built.page.head and self._hurry.was_lately:
            # who reads so far behind loads everything, page after page: half of the time the hub is everybody else's
            await asyncio.sleep(min(self._clock.monotonic() - began, _REST_S))
        return built

    def _build(self, view: View, after: int, limit: int, encoding: str) -> Packed:
        most = SHORT if self._hurry.was_lately else limit
        with self._hurry.counting:
            return packed(self._feed.page(view, after, min(limit, most)), encoding)

    def _is_good(self, shared: _Shared, after: int) -> bool:
        """Whether who comes now may have this page. One that failed or brought nothing is no answer."""
        task, age = shared.task, self._clock.monotonic() - shared.made_at
        if not task.done():
            return True
        if task.cancelled() or task.exception() is not None or (page := task.result().page).next == after:
            return False
        if page.next < page.head:
            return age < FULL_SHARED_S
        return age < (TOLD_SHARED_S if 0 < self.told <= page.head else SHARED_S)

    def _weigh(self, key: _Key, shared: _Shared) -> None:
        """Keeps the newest pages, so many and no more."""
        if self._shared.get(key) is not shared or shared.task.cancelled() or shared.task.exception():
            return
        shared.size = len(shared.task.result().body)
        self._size += shared.size
        while len(self._shared) > _KEPT or (self._size > _KEPT_BYTES and len(self._shared) > 1):
            self._forget(next(iter(self._shared)))

    def _forget(self, key: _Key) -> None:
        if (shared := self._shared.pop(key, None)) is not None:
            self._size -= shared.size
