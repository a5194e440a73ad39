"""The question put to a platform right before a step that cannot be taken back (design 3.7).

Where pushes reach us a cancel is here before the last scan. Where none does (a hub behind a router, a shop whose
messages are not set up) the platform is asked for this one order: at most a second long, and what it said holds for
ten seconds. What it tells is taken like any other detail before the answer is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.ports import Clock
from hub.connectors.line.watch import trouble_of
from hub.connectors.shapes import ShopTrouble
from hub.orders.results import HubBusy, Taken

log = structlog.get_logger(__name__)

#: A bench waits no longer for a platform, in seconds.
LIMIT_S = 1.0
#: What a platform said of an order is believed for so long, counted from the asking.
KEPT_S = 10.0

#: ``fetch(shop_id, channel_order_no, cause)``: asks and takes; None where the platform does not know the order.
Fetch = Callable[[str, str, str], Awaitable[Taken | None]]


@dataclass(frozen=True, slots=True)
class _Asked:
    at: float
    task: asyncio.Task[bool]


class Live:
    """Whoever asks for the same order within ten seconds shares one question."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._asked: dict[tuple[str, str], _Asked] = {}

    async def ask(self, orders: Iterable[tuple[str, str]]) -> bool:
        """Whether the platform told of every one of these (shop, its order number) in time; what it told is
        committed. A question that takes longer goes on by itself: its answer is taken when it comes."""
        tasks = [self._task(shop_id, no) for shop_id, no in orders]
        if tasks:
            await asyncio.wait(tasks, timeout=LIMIT_S)
        return all(task.done() and not task.cancelled() and task.result() for task in tasks)

    async def stop(self) -> None:
        tasks = [asked.task for asked in self._asked.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._asked.clear()

    def _task(self, shop_id: str, channel_order_no: str) -> asyncio.Task[bool]:
        now, key = self._clock.monotonic(), (shop_id, channel_order_no)
        self._forget(now)
        asked = self._asked.get(key)
        if asked is None:
            name = f"live {shop_id} {channel_order_no}"
            asked = _Asked(now, asyncio.create_task(self._told(shop_id, channel_order_no), name=name))
            self._asked[key] = asked
        return asked.task

    def _forget(self, now: float) -> None:
        """A question still under way is never put twice."""
        old = [key for key, one in self._asked.items() if now - one.at >= KEPT_S and one.task.done()]
        for key in old:
            del self._asked[key]

    async def _told(self, shop_id: str, channel_order_no: str) -> bool:
        try:
            taken = await self._fetch(shop_id, channel_order_no, "go_check")
        except ShopTrouble as trouble:
            log.info("live_unasked", shop=shop_id, trouble=trouble_of(trouble))
            return False
        except (HubBusy, SQLAlchemyError) as error:
            log.warning("live_untaken", shop=shop_id, error=type(error).__name__)
            return False
        return taken is not None and taken.outcome != "failed"
