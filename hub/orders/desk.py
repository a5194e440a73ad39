"""Small writes beside the line: acknowledging an alarm, and whatever else must join the one writer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

import msgspec
from sqlalchemy import Connection

from app.core.acts import Actor
from app.ports import NewId
from app.wire import AlarmView
from hub.orders.jobs import Answer, Job
from hub.orders.work import Work

T = TypeVar("T")

FedKind = Literal["station", "person", "setting", "item"]


@dataclass(frozen=True, slots=True)
class Tx:
    """What a function inside the writer's transaction has. Never commit; nothing outside may depend on it."""

    conn: Connection
    now: datetime
    new_id: NewId
    _feed: Callable[[str, str], None]

    def changed(self, kind: FedKind, key: str) -> None:
        """This row shall be fed: it gets its ``seq`` when the function is done."""
        self._feed(kind, key)


class RunJob(Job[T], Generic[T]):
    """Any function on the tables; what it raises reaches the caller and its rows are undone."""

    what = "run"
    is_alone = True
    may_share = True
    is_callers = True

    def __init__(self, fn: Callable[[Tx], T]) -> None:
        self.fn = fn

    def run(self, work: Work) -> Answer[T]:
        if work.sql.has_others:  # no other group holds it while it waits for a row that this function changes
            work.conn.exec_driver_sql(work.sql.lock_head)
        result = self.fn(Tx(work.conn, work.now, work.new_id, work.feed))
        return lambda numbers: result


class NotedJob(Job[None]):
    """One line in the list of imports. Small files come by the dozen a second, so it goes down with the orders of
    those behind it; a transaction of its own would take as long as forty of them.
    """

    what = "import note"
    may_go_ahead = True
    is_numbered = False

    def __init__(
        self, kind: str, shop_id: str, file_name: str, file_hash: bytes, actor: str, report: bytes
    ) -> None:
        self._line = (kind, shop_id, file_name, file_hash, actor, report)

    def run(self, work: Work) -> Answer[None]:
        work.row(work.sql.import_noted, (work.new_id(), work.now_ms, *self._line))
        return lambda numbers: None


class AckJob(Job[AlarmView | None]):
    """Somebody has seen an alarm; the first one counts."""

    what = "alarm ack"

    def __init__(self, alarm_id: str, by: Actor) -> None:
        self.alarm_id = alarm_id
        self.by = by

    def run(self, work: Work) -> Answer[AlarmView | None]:
        alarm = work.alarm(self.alarm_id)
        if alarm is None or alarm.acked_at is not None:
            return lambda numbers: alarm
        acked = msgspec.structs.replace(alarm, acked_at=work.now, acked_by=self.by.name)
        work.set_alarm(acked)
        return lambda numbers: acked
