"""What the hub says this station, or who is signed on at it, may do. Screens ask here; the hub still decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from app.core.acts import ActKind
from app.core.values import dataclass
from app.ports import HubTrouble, SignInFailed
from app.station.badges import Badges
from app.station.bench import Bench, SignedOn
from app.wire import Session

#: A role changed at the hub is seen here after so long at most; its sessions end at once.
_ASK_AGAIN = timedelta(minutes=5)
_NOT_TOLD_YET = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Before the hub was asked everything may be tried: ``acts`` and ``doors`` are None.

    ``doors`` are further calls (``import``, ``ack_alarm``, ``pair``). ``wants_sign_on``: the shop lets nobody work
    here without signing on, and nobody has.
    """

    acts: frozenset[str] | None = None
    doors: frozenset[str] | None = None
    wants_sign_on: bool = False

    def may(self, kind: ActKind) -> bool:
        return self.acts is None or kind in self.acts

    def may_call(self, door: str) -> bool:
        return self.doors is None or door in self.doors


class RightsWatch:
    """An engine: asks the hub who we are, at once after each sign-on and now and then."""

    name = "rights"

    def __init__(self, bench: Bench, badges: Badges) -> None:
        self._bench = bench
        self._badges = badges
        self._wake: Callable[[], None] = _nothing
        self.rights = Rights()
        #: Told when the rights are others than before.
        self.changed: Callable[[], None] = _nothing
        #: Told when the hub has ended the session of who was signed on here.
        self.ended: Callable[[], None] = _nothing

    def on_wake(self, call: Callable[[], None]) -> None:
        self._wake = call

    def signed_on(self, session: Session) -> None:
        """A session brings its rights along."""
        self._use(Rights(acts=frozenset(session.acts), doors=frozenset(session.doors)))

    def ask(self) -> None:
        """Somebody signed off, or we belong to another hub: nothing is known any more."""
        self._use(Rights())
        self._wake()

    async def step(self, now: datetime) -> datetime:
        if not self._bench.is_online or self._bench.hub is None:
            return now + _NOT_TOLD_YET
        try:
            if self._badges.owes and not await self._badges.settle():
                self.ended()
        except HubTrouble:
            return now + _NOT_TOLD_YET
        person = self._bench.person
        try:
            me = await self._bench.hub.me()
        except SignInFailed as trouble:
            if trouble.code == "session_ended" and self._is_still(person) and person is not None:
                self.ended()
            return now + _NOT_TOLD_YET
        except HubTrouble:
            return now + _NOT_TOLD_YET
        if not self._is_still(person):
            return now  # somebody came or went while we asked
        wants = me.sign_on_required and not me.role
        self._use(Rights(acts=frozenset(me.acts), doors=frozenset(me.doors), wants_sign_on=wants))
        return now + _ASK_AGAIN

    def _is_still(self, person: SignedOn | None) -> bool:
        return self._bench.person == person

    def _use(self, rights: Rights) -> None:
        if rights != self.rights:
            self.rights = rights
            self.changed()


def _nothing() -> None:
    pass
