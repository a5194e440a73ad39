"""What comes in from outside: clock, ids. Only the edges know the real ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

from app import wire
from app.core.order import LeaseStep


class Clock(Protocol):
    def now(self) -> datetime:
        """The moment, aware UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""


class NewId(Protocol):
    def __call__(self) -> str:
        """A new random id: 26 characters, letters and digits, roughly in order of making."""


class HubTrouble(Exception):
    """The hub could not be asked or said no to the call as such (a refused act is an answer, not trouble).

    ``text`` and ``hint`` are the hub's own words in the asker's language, empty when it said nothing;
    ``key`` is then the sentence to show (``sync.<key>`` of the texts).
    """

    key = "hub_trouble"

    def __init__(self, text: str = "", hint: str = "") -> None:
        super().__init__(text or self.key)
        self.text = text
        self.hint = hint


class HubAway(HubTrouble):
    """Network, time-out, 5xx or 429: try again later. Nothing is known about what was asked."""

    key = "hub_away"

    def __init__(self, text: str = "", hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(text, hint)
        self.retry_after_s = retry_after_s


class SignInFailed(HubTrouble):
    """401: wrong password, or a token that is revoked or unknown."""

    key = "sign_in_failed"

    def __init__(self, text: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(text, hint)
        self.code = code


class NotAllowed(HubTrouble):
    """403: this station or person may not."""

    key = "not_allowed"


class FeedGone(HubTrouble):
    """410: another epoch, or a cursor older than the tombstones: begin at 0."""

    key = "feed_gone"


class UpdateMe(HubTrouble):
    """The hub speaks another protocol version than this program."""

    key = "update_me"


class Insecure(HubTrouble):
    """Plain HTTP to another machine: names and addresses would travel in the open."""

    key = "plain_http"


class NotThatHub(HubTrouble):
    """The certificate is not that of the hub we were told of, or nobody told us which one to trust."""

    key = "not_that_hub"


class Rejected(HubTrouble):
    """Any other 4xx: the question itself was wrong."""

    key = "rejected"

    def __init__(self, text: str = "", hint: str = "", status: int = 400, code: str = "") -> None:
        super().__init__(text, hint)
        self.status = status
        self.code = code


class HubApi(Protocol):
    """What desks ask of the hub beside acts and feed. Every call may raise HubTrouble."""

    async def go_check(self, parcel_no: str, step: LeaseStep, timeout_s: float) -> wire.GoAnswer:
        """May this parcel take its next step? HubAway when the answer takes longer than ``timeout_s``."""

    async def leases(self, ask: wire.LeaseAsk) -> list[wire.LeaseAnswer]:
        """At most 200 parcels, one answer each."""

    async def rows(self, number: str) -> wire.Rows:
        """What the feed holds about the order of this number, ahead of the page it comes with."""

    async def sign_in(self, sign_in: wire.SignIn) -> wire.Session:
        """Signs a person on at this station; later calls are theirs."""

    async def sign_out(self) -> None:
        """The station acts as itself again."""

    async def ack_alarm(self, alarm_id: str) -> None:
        """Somebody takes care of it."""

    async def restored_go(self) -> wire.Restored:
        """Waybill numbers of a restored hub are given again, whoever has not come back."""

    async def restored_brought(self) -> wire.Restored:
        """What came since the backup was brought in again."""

    async def orders(self, q: str, after: str = "") -> wire.OrderList:
        """The hub's own search: full names and phones, and orders no longer held here."""

    async def story(self, order_no: str) -> list[wire.StoryEntry]:
        """The story of an order that is not held here, in words."""

    async def me(self) -> wire.Me:
        """Who the hub takes us for, and what we may do."""

    async def my_day(self) -> wire.MyDay:
        """What who works here has packed today."""

    async def work_day(self, day: str = "") -> wire.WorkDay:
        """What was packed on a business day (YYYYMMDD), by warehouse and person."""

    async def work_acts(self, day: str, who: str, station_id: str, after: str = "") -> wire.WorkActs:
        """The single acts of a person at a bench on that day."""

    async def work_csv(self, day: str) -> bytes:
        """All of them as a CSV."""

    async def shops(self) -> wire.ShopList:
        """The shops of the hub's settings, and how those on a platform do."""

    async def check_shop(self, shop_id: str) -> wire.ShopChecked:
        """Tries the connection to the shop's platform."""

    async def check_courier(self, connector: str) -> wire.ShopChecked:
        """Tries the connection to a courier source."""

    async def poll_shop(self, shop_id: str) -> wire.ShopPolled:
        """Asks the platform for its changes now."""

    async def set_shop_pace(self, shop_id: str, poll_s: int) -> None:
        """How often the shop is asked, from now on."""

    async def sweep_shop(self, shop_id: str) -> wire.MissedOrders:
        """Compares the last 24 hours with the platform now."""

    async def missed_orders(self, shop_id: str) -> wire.MissedOrders:
        """What the sweeps found at the platform and not here."""

    async def take_missed(self, shop_id: str) -> wire.MissedTaken:
        """Brings those in."""

    async def ask_courier(self, parcel_no: str) -> wire.TrackAsked:
        """Asks the courier source for news of a parcel now, or says when it may be asked."""

    async def ship_backs(self) -> wire.ShipBackList:
        """Waybills that wait to be told to their platforms, or were refused; the nearest deadline first."""

    async def retry_ship_back(self, parcel_no: str) -> bool:
        """Has a parcel's waybill told to its platform again, now; False where it had been told already."""

    async def quarantine(self) -> wire.QuarantineList:
        """What could not be read or taken."""

    async def retry_quarantine(self, quarantine_id: str) -> bool:
        """Asks the platform for it again; whether it was taken."""

    async def import_file(
        self,
        data: bytes,
        filename: str,
        kind: str = "orders",
        *,
        shop: str = "",
        map_: str = "",
        dry_run: bool = False,
        ticket: str = "",
    ) -> wire.ImportReport:
        """Brings a file in. Rejected: the file as a whole cannot be taken, ``text`` says why."""

    async def import_progress(self, ticket: str) -> wire.ImportProgress:
        """How far an import is. Rejected when none of this ticket is under way."""

    async def stop_import(self, ticket: str) -> None:
        """Ends an import after the page it is at. Rejected when none of this ticket is under way."""


class Engine(Protocol):
    """Work that is stepped, not free-running: in life by a loop, in tests by the test."""

    @property
    def name(self) -> str:
        """For logs and the step loop."""

    async def step(self, now: datetime) -> datetime:
        """Does what is due and says when to call again. Weather (network, 5xx) is no exception here."""

    def on_wake(self, call: Callable[[], None]) -> None:
        """``call`` may come from any thread and asks for a step at once."""


def seconds_until(due: datetime, began: datetime, took_s: float, now: datetime) -> float:
    """How long an engine may rest that was stepped at ``began`` and asked to be called at ``due``.

    ``took_s`` is how long its step took on a clock nobody sets, ``now`` the wall clock after it. Somebody may have
    set that clock meanwhile, by an hour or a day: the shorter of both answers never leaves an engine asleep.
    """
    return min((due - now).total_seconds(), (due - began).total_seconds() - took_s)


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return monotonic()


class Dice(Protocol):
    def __call__(self) -> float:
        """At least 0, less than 1."""


def dice() -> float:
    """The real dice."""
    return int.from_bytes(os.urandom(3), "big") / (1 << 24)


_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ulid:
    """ULIDs: 48 bits of milliseconds and 80 random bits in Crockford base 32."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> str:
        millis = int(self._clock.now().timestamp() * 1000)
        value = (millis << 80) | int.from_bytes(os.urandom(10), "big")
        return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))
