"""A bench without a hub: real files, a clock that stands still, pages fed by hand, a hub that answers as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.core.order import LeaseStep, Order
from app.ports import HubAway, SignInFailed
from app.station import keepsake
from app.station.bench import Identity
from app.station.core import StationCore
from app.store.link import Joined, LinkParts
from app.wire import (
    Change,
    GoAnswer,
    LabelData,
    LeaseAnswer,
    LeaseAsk,
    Me,
    OrderList,
    Paired,
    Rows,
    Session,
    SignIn,
    StoryEntry,
)
from tests.helpers.station import EPOCH, StillClock, a_page, ids, order_change

T = TypeVar("T")
STATION = "ST-1"


class ToldHub:
    """``app.ports.HubApi`` and its link: answers what the test says."""

    def __init__(self) -> None:
        self.is_away = False
        self.lease_s = 3570
        #: Where in the feed a grant will stand.
        self.next_seq: Callable[[], int] = int
        self.refused_leases: dict[str, LeaseAnswer] = {}
        self.go: dict[str, GoAnswer] = {}
        self.asked: list[LeaseAsk] = []
        self.acked: list[str] = []
        self.told: list[StoryEntry] = []
        self.pushed = 0
        self.engines = ()
        self.who = Me(user="一号台", role="packer", acts=["opened"], screens=[], mask="floor")
        self.is_session_over = False
        self.labels: dict[str, LabelData] = {}
        #: What the feed holds of a number now, where that is more than the copy.
        self.ahead: dict[str, Rows] = {}
        #: What happens while a request for leases is on its way.
        self.meanwhile: Callable[[], object] = lambda: None

    @property
    def hub(self) -> ToldHub:
        return self

    def push_soon(self) -> None:
        self.pushed += 1

    async def close(self) -> None:
        pass

    def _there(self) -> None:
        if self.is_away:
            raise HubAway

    async def go_check(self, parcel_no: str, step: LeaseStep, timeout_s: float) -> GoAnswer:
        self._there()
        return self.go.get(parcel_no, GoAnswer(ok=True))

    async def leases(self, ask: LeaseAsk) -> list[LeaseAnswer]:
        self._there()
        self.asked.append(ask)
        if ask.give_back:
            return []
        self.meanwhile()
        granted = (
            LeaseAnswer(
                parcel_no=no,
                granted=True,
                seconds=self.lease_s,
                seq=self.next_seq(),
                label=self.labels.get(no),
            )
            for no in ask.parcel_nos
        )
        return [self.refused_leases.get(answer.parcel_no, answer) for answer in granted]

    async def rows(self, number: str) -> Rows:
        self._there()
        return self.ahead.get(number, Rows(epoch=EPOCH))

    async def sign_in(self, sign_in: SignIn) -> Session:
        self._there()
        return Session(
            token="t", role="supervisor", expires_at=StillClock().now(), user=sign_in.user or "小美"
        )

    async def sign_out(self) -> None:
        self._there()

    async def me(self) -> Me:
        self._there()
        if self.is_session_over:
            self.is_session_over = False
            raise SignInFailed(code="session_ended")
        return self.who

    async def ack_alarm(self, alarm_id: str) -> None:
        self._there()
        self.acked.append(alarm_id)

    async def orders(self, q: str, after: str = "") -> OrderList:
        self._there()
        return OrderList(orders=[])

    async def story(self, order_no: str) -> list[StoryEntry]:
        self._there()
        return self.told


@pytest.fixture(autouse=True)
def people_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked something of the hub waits for its word longer than the three seconds of the program."""
    monkeypatch.setattr("app.station.asking.ANSWER_WITHIN_S", 20.0)


class FedBench:
    """A station core with a told hub; ``fed`` puts orders into the copy as the hub would."""

    def __init__(self, folder: Path, kind: str = "packing") -> None:
        self.clock = StillClock()
        self.hub = ToldHub()
        self.hub.next_seq = lambda: self.seq + 1
        self.parts: LinkParts | None = None
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.seq = 0
        keepsake.write(
            folder,
            Identity(
                hub_url="http://127.0.0.1:1",
                station_id=STATION,
                name="一号台",
                kind=kind,
                warehouse="main",
                token="t",  # type: ignore[arg-type]
            ),
        )
        self.core = self._opened(kind)

    def _opened(self, kind: str) -> StationCore:
        core = StationCore(
            self.folder,
            kind=kind,
            connect=self._connect,
            pair=_pair,
            clock=self.clock,
            new_id=ids(f"{self.seq}-"),  # type: ignore[arg-type]
        )
        self.desk = core.packing
        self.outcomes: list[Any] = []
        self.alarms: list[Any] = []
        self.topics: list[frozenset[str]] = []
        core.on_outcome(self.outcomes.append)
        core.on_alarm(self.alarms.append)
        core.on_changed(self.topics.append)
        return core

    def restart(self) -> None:
        self.core.close_files()
        self.seq += 1_000_000
        self.core = self._opened(self.core.kind)

    def _connect(self, hub_url: str, token: str, parts: LinkParts, ca_pem: str = "") -> ToldHub:
        self.parts = parts
        return self.hub

    def online(self, is_online: bool = True) -> None:
        self.hub.is_away = not is_online
        if is_online:
            self.core.status.heard(self.clock.now())
        else:
            self.core.status.lost(self.clock.now())

    def fed(self, *orders: Order) -> None:
        self.changes(*(order_change(self.seq + i + 1, order) for i, order in enumerate(orders)))

    def changes(self, *changes: Change) -> None:
        self.seq = max(change.seq for change in changes)
        assert self.parts is not None
        self.parts.changed(self.core.cache.apply_page(a_page(changes)))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    def scan(self, raw: str, after_s: float = 1.0) -> Any:
        """One read, a second after the last, and what had to be asked first."""
        self.clock.tick(after_s)
        outcome = self.desk.on_scan(raw, self.clock.now())
        return self.run(self.desk.follow(outcome, self.clock.now())) if outcome.follow else outcome

    def acts(self) -> list[str]:
        """Kinds of every act in the outbox, oldest first."""
        self.core.outbox.run(lambda db: None).result()
        return [envelope.kind for envelope in self.core.outbox.waiting(1000)]

    def steps_leases(self) -> None:
        [keeper] = [engine for engine in self.core.engines() if engine.name == "leases"]
        self.run(keeper.step(self.clock.now()))


async def _pair(hub_url: str, code: str, name: str, lang: str) -> Joined:
    if code != "GOODCODE":
        raise HubAway
    return Joined(Paired(station_id="ST-2", token="t2", kind="packing", warehouse="main"), hub_url)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[FedBench]:
    made = FedBench(tmp_path / "一号 台")
    made.online()
    yield made
    made.core.close_files()
