"""What other processes commit on the same database (PostgreSQL alone): told by a notice, and looked at each second.

A notice leaves with its commit and names the head and the orders whose stops changed, so that the stations of this
process hear of a stop at once too. A notice may be lost with the connection it comes by; the look at the head finds
what it told of.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.order import Order
from app.ports import Clock
from app.wire import Urgent
from hub.db.postgresql import CHANNEL, alone
from hub.orders.results import Committed, UrgentFor

log = structlog.get_logger(__name__)

#: How often the head is looked at, notices or none, and how long a lost connection is waited for.
LOOK_S = 1.0

_read_order = msgspec.json.Decoder(Order)


class Others:
    """A thread of its own on a connection of its own."""

    def __init__(
        self, engine: Engine, clock: Clock, own_session: Callable[[], int], tell: Callable[[Committed], None]
    ) -> None:
        """``own_session()``: by which this process commits, its notices are no news. ``tell`` runs in the loop."""
        self._engine = engine
        self._clock = clock
        self._own_session = own_session
        self._tell = tell
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._head = 0

    def start(self, loop: asyncio.AbstractEventLoop, head: int) -> None:
        """Begin to listen; ``head`` is what this process knows already."""
        self._loop, self._head = loop, head
        self._thread = threading.Thread(target=self._listen_on, name="others", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _listen_on(self) -> None:
        is_said = False
        while not self._stopping.is_set():
            try:
                with alone(self._engine) as conn:
                    conn.execute(f"LISTEN {CHANNEL}")
                    is_said = False
                    self._follow(conn)
            except (SQLAlchemyError, psycopg.Error) as error:
                if not is_said:
                    log.warning("others_not_heard", error=type(error).__name__)
                is_said = True
                self._stopping.wait(LOOK_S)

    def _follow(self, conn: psycopg.Connection[Any]) -> None:
        looked_at = -LOOK_S
        while not self._stopping.is_set():
            # all that came, taken before anything is asked: the connection does one thing at a time
            for notice in list(conn.notifies(timeout=LOOK_S, stop_after=1)):
                if notice.pid != self._own_session():
                    head, _, order_nos = notice.payload.partition(" ")
                    self._moved(conn, int(head), order_nos.split(",") if order_nos else ())
            if looked_at + LOOK_S <= self._clock.monotonic():
                looked_at = self._clock.monotonic()
                self._moved(conn, self._head_of(conn), ())

    def _head_of(self, conn: psycopg.Connection[Any]) -> int:
        row = conn.execute("SELECT seq FROM feed_head").fetchone()
        return int(row[0]) if row else 0

    def _moved(self, conn: psycopg.Connection[Any], head: int, order_nos: Sequence[str]) -> None:
        urgent = self._urgent(conn, order_nos) if order_nos else ()
        if head <= self._head and not urgent:
            return
        first, self._head = self._head + 1, max(head, self._head)
        told = Committed(first, self._head, urgent, max(0, self._head - first + 1))
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._tell, told)
        except RuntimeError:
            self._stopping.set()  # the loop is closed: nobody is left to be told

    def _urgent(self, conn: psycopg.Connection[Any], order_nos: Sequence[str]) -> tuple[UrgentFor, ...]:
        """The stops of these orders as they stand now, which may be later than the notice."""
        rows = conn.execute(
            "SELECT o.seq, o.warehouse, o.body, h.epoch FROM orders o, feed_head h"
            " WHERE o.order_no = ANY(%s) ORDER BY o.seq",
            (list(order_nos),),
        )
        found = []
        for seq, warehouse, body, epoch in rows:
            order = _read_order.decode(body)
            event = Urgent(
                seq=seq,
                order_no=order.order_no,
                stops=order.stops,
                is_frozen=order.is_frozen,
                parcels=order.parcels,
                epoch=epoch,
            )
            found.append(UrgentFor(warehouse, event))
        return tuple(found)
