"""An alarm about a source of orders: raised when it falls silent, put away by the hub when it speaks again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from app.wire import AlarmView
from hub.orders.held import Needs
from hub.orders.jobs import Answer, Job
from hub.orders.work import Work


class SayJob(Job[None]):
    """Raise one alarm, and acknowledge in the hub's name the open ones of ``over`` about the same ``params[about]``.

    ``kind`` "" raises none. About ``order_no`` it is heard where that order lies, and nowhere else; ``warehouse`` is
    for what no order of ours is named in.
    """

    what = "say"

    def __init__(
        self,
        kind: str,
        level: Any,
        params: Mapping[str, str],
        warehouse: str = "",
        over: tuple[str, ...] = (),
        about: str = "shop_id",
        order_no: str = "",
    ) -> None:
        self.kind = kind
        self.level = level
        self.params = dict(params)
        self.warehouse = warehouse
        self.over = over
        self.about = about
        self.order_no = order_no

    def needs(self, needs: Needs) -> None:
        if self.order_no:
            needs.order_nos.add(self.order_no)

    def run(self, work: Work) -> Answer[None]:
        if self.over:
            for alarm in open_alarms(work):
                if alarm.kind in self.over and alarm.params.get(self.about) == self.params.get(self.about):
                    work.set_alarm(msgspec.structs.replace(alarm, acked_at=work.now, acked_by="hub"))
        if self.kind:
            order = work.order(self.order_no) if self.order_no else None
            said = {"order_no": self.order_no, **self.params} if self.order_no else self.params
            work.raise_alarm(self.kind, self.level, order, "", said, self.warehouse)
        return lambda numbers: None


def open_alarms(work: Work) -> list[AlarmView]:
    """Those that concern no single order and nobody has seen yet."""
    work.load_open_alarms("")
    return [alarm for alarm, _ in work.alarms.values() if not alarm.order_no and alarm.acked_at is None]
