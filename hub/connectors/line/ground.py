"""What the parts of the line stand on: the shops, what is known of each while it runs, and the work under way."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.ports import Clock, Dice, dice
from hub.connectors.line.notices import Notices
from hub.connectors.line.records import Records, ShopRow, Wanted
from hub.connectors.line.ship_back_rows import ShipBackRows
from hub.connectors.line.shops import ShopLine
from hub.orders.results import HubBusy, Sealer
from hub.orders.writer import Writer

log = structlog.get_logger(__name__)

#: Details fetched at a time of one shop; those of stopping hints have places of their own. A shop of 70,000 orders an
#: hour needs ten where its platform takes half a second for each, and more while one call in forty is not answered.
FETCHES, STOPS = 16, 4


class NoSuchShop(Exception):
    """No shop of this id speaks to a platform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the line stands on."""

    writer: Writer
    records: Records
    ship_backs: ShipBackRows
    vault: Sealer
    clock: Clock
    notices: Notices
    zone: ZoneInfo
    dice: Dice = dice


@dataclass(slots=True)
class Lane:
    """Fetches of one shop that wait for one of their few places; nothing but a name is kept of each."""

    places: int
    waiting: OrderedDict[str, Wanted | None] = field(default_factory=OrderedDict)
    running: int = 0


@dataclass(slots=True, kw_only=True)
class State:
    """What the line knows of a shop while it runs; all that must last is in the database."""

    row: ShopRow = field(default_factory=ShopRow)
    pushed_at: datetime | None = None
    listening_since: datetime | None = None
    fetches: Lane = field(default_factory=lambda: Lane(FETCHES))
    stops: Lane = field(default_factory=lambda: Lane(STOPS))
    poll_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    unreadable: tuple[datetime, int] | None = None
    """The window whose list cannot be read, and how often it was tried."""
    under_way: dict[str, bool] = field(default_factory=dict)
    """Orders being fetched, or waiting for it; True where another hint came meanwhile."""


class Tasks:
    """What is under way, each by its name: nothing is begun twice."""

    def __init__(self) -> None:
        self.is_stopping = False
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def cancel(self) -> None:
        """All of it ends where it is."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> bool:
        """Begin it unless one of this name is at it; a fault of ours in it is logged and ends it alone."""
        if name in self._tasks or self.is_stopping:
            work.close()
            return False
        task = asyncio.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._ended(name, done))
        return True

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        del self._tasks[name]
        error = None if task.cancelled() else task.exception()
        what = name.partition(" ")[0]
        if isinstance(error, HubBusy | SQLAlchemyError):
            log.warning("line_waits", what=what, error=type(error).__name__)
        elif error is not None:
            log.error("line_fault", what=what, error=type(error).__name__, exc_info=error)


@dataclass(slots=True, kw_only=True)
class Ground:
    """Shared by all parts of one line."""

    shops: Mapping[str, ShopLine]
    tools: Tools
    tasks: Tasks = field(default_factory=Tasks)
    states: dict[str, State] = field(init=False)
    is_leading: bool = False
    """Whether this process walks the line; others take pushes and show what there is."""
    is_work_open: bool = False
    """Whether a bench is at work."""

    def __post_init__(self) -> None:
        self.states = {shop_id: State() for shop_id in self.shops}

    def shop(self, shop_id: str) -> ShopLine:
        """Raises :class:`NoSuchShop`."""
        if (shop := self.shops.get(shop_id)) is None:
            raise NoSuchShop(shop_id)
        return shop

    def state(self, shop_id: str) -> State:
        """Raises :class:`NoSuchShop`."""
        if (state := self.states.get(shop_id)) is None:
            raise NoSuchShop(shop_id)
        return state
