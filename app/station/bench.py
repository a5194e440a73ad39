"""Who and where we are: what every desk of one station shares."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.core.acts import Act, ActKind, Actor, Body, Nothing
from app.core.printjob import PrintJob
from app.core.values import dataclass
from app.ports import Clock, HubApi, NewId
from app.store.outbox import Outbox, ScanRow
from app.store.status import SyncStatus
from app.wire import StationKind

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A paired station; kept in ``station.json`` of the data folder, readable by its owner alone."""

    hub_url: str
    station_id: str
    name: str
    kind: StationKind
    warehouse: str
    token: str
    ca_pem: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOn:
    """The person at the station; without one the station acts as itself.

    ``is_checked`` is False for somebody whose badge the hub could not look at yet: greeted, but nothing is done in
    their name.
    """

    name: str
    role: str
    is_checked: bool = True


class Bench:
    """Identity, person, clock and ids of this station, and acts made in their name."""

    def __init__(self, outbox: Outbox, status: SyncStatus, clock: Clock, new_id: NewId) -> None:
        self.outbox = outbox
        self.status = status
        self.clock = clock
        self.new_id = new_id
        self.identity: Identity | None = None
        self.person: SignedOn | None = None
        self.hub: HubApi | None = None
        self.push_soon: Callable[[], None] = _nothing
        #: Told of every act that was made here.
        self.recorded: Callable[[Act], None] = _heard

    @property
    def station_id(self) -> str:
        return self.identity.station_id if self.identity else ""

    @property
    def is_online(self) -> bool:
        return self.hub is not None and self.status.facts.is_online

    def actor(self) -> Actor:
        """Who acts, as the hub will name them."""
        itself = self.identity.name if self.identity else ""
        person = self.person if self.person and self.person.is_checked else None
        name = person.name if person else itself
        role = person.role if person else "operator"
        return Actor(
            name=name, role=role, station_id=self.station_id or None, source=f"station:{self.station_id}"
        )

    def act(
        self,
        kind: ActKind,
        order_no: str,
        now: datetime,
        parcel_no: str | None = None,
        body: Body = Nothing(),  # noqa: B008 - frozen
    ) -> Act:
        """A new act with an id of its own."""
        return Act(
            act_id=self.new_id(), kind=kind, order_no=order_no, made_at=now, parcel_no=parcel_no, body=body
        )

    def record(self, act: Act, *, scan: ScanRow | None = None, job: PrintJob | None = None) -> Future[Any]:
        """Into the outbox; once it is on disk the hub hears of it."""
        done = self.outbox.record(act, scan=scan, job=job)
        self.recorded(act)
        done.add_done_callback(lambda answer: None if answer.exception() else self.push_soon())
        return done


def _nothing() -> None:
    pass


def _heard(act: Act) -> None:
    pass
