"""Which of several hub processes on one database polls shops, watches parcels and looks at the clock: one leads.

The lead is an advisory lock on a session of its own, so it ends with its process. A process that hangs loses it too:
the server ends a session that says nothing for so long, and who leads stops believing it even earlier. On SQLite
there is one process, which leads.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.ports import Clock
from hub.db.postgresql import Alone, alone

log = structlog.get_logger(__name__)

#: How often the lock is asked for, or its session shown to live.
LOOK = timedelta(seconds=1)
#: A lead that could not be shown to hold for so long is none.
_BELIEVED_S = 5.0
#: The server ends a session that said nothing for so long: longer than :data:`_BELIEVED_S`, so that two never lead.
_SILENCE_S = 8
#: A server that does not answer, and a process whose machine is gone, are noticed in about the same time.
_NOTICED = ("tcp_keepalives_idle=3", "tcp_keepalives_interval=2", "tcp_keepalives_count=2")


class Leader:
    """Asks for the lead again and again; :attr:`is_leading` says whether this process has it now."""

    def __init__(self, engine: Engine, clock: Clock, *, silence_s: int = _SILENCE_S) -> None:
        self._engine = engine
        self._silence_s = silence_s
        self._clock = clock
        self._is_alone = engine.dialect.name != "postgresql"
        self._conn: psycopg.Connection[Any] | None = None
        self._holds = False
        self._shown_at = 0.0

    @property
    def is_leading(self) -> bool:
        if self._is_alone:
            return True
        return self._holds and self._clock.monotonic() - self._shown_at < _BELIEVED_S

    async def step(self) -> None:
        """Take the lead where nobody has it, show that we still have it where we do."""
        if not self._is_alone:
            await asyncio.to_thread(self._ask)

    async def stop(self) -> None:
        """Give the lead up: another process has it within a second."""
        await asyncio.to_thread(self._let_go)

    def _ask(self) -> None:
        asked_at = self._clock.monotonic()
        try:
            holds = self._holds_now()
        except (SQLAlchemyError, psycopg.Error) as error:
            if self._holds:
                log.warning("lead_lost", error=type(error).__name__)
            self._let_go()
            return
        if holds and not self._holds:
            log.info("leading")
        self._holds, self._shown_at = holds, asked_at

    def _holds_now(self) -> bool:
        if self._conn is None:
            self._conn = alone(self._engine)
            self._conn.execute(f"SET idle_session_timeout = '{self._silence_s}s'")
            for setting in _NOTICED:
                self._conn.execute(f"SET {setting}")
        if self._holds:
            self._conn.execute("SELECT 1")
            return True
        row = self._conn.execute("SELECT pg_try_advisory_lock(%s)", (Alone.leading.number,)).fetchone()
        return bool(row and row[0])

    def _let_go(self) -> None:
        self._holds = False
        if self._conn is not None:
            self._conn.close()
            self._conn = None
