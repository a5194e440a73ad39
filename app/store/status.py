"""What the wire last said of itself: one place that engines write and the honest strip reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.core.values import dataclass

#: Behind by no more than this many changes, a copy counts as whole.
A_LITTLE = 50


class SyncState(StrEnum):
    """`sync_state` of the glossary."""

    live = "live"
    catching_up = "catching_up"
    offline = "offline"
    needs_you = "needs_you"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncFacts:
    """``needs``: why a person is needed (revoked, update_me, cache_disk_full, hub_version), empty when not.

    ``offset`` is hub time minus station time. ``go_check_s`` is how long a go_check may take just now.
    ``is_cut``: the copy grew too large and leaves out what is done; ``over_mb``: its size, where open work alone is
    more than it may hold. ``platform_silent_at``: when a platform could last not be asked before a step; None since one
    answered.
    """

    is_online: bool = False
    heard_at: datetime | None = None
    offline_since: datetime | None = None
    head: int = 0
    seq: int = 0
    needs: str = ""
    offset: timedelta = timedelta(0)
    go_check_s: float = 0.3
    platform_silent_at: datetime | None = None
    is_loading_anew: bool = False
    is_cut: bool = False
    over_mb: int = 0

    @property
    def state(self) -> SyncState:
        if self.needs:
            return SyncState.needs_you
        if not self.is_online:
            return SyncState.offline
        return SyncState.catching_up if self.behind else SyncState.live

    @property
    def is_whole(self) -> bool:
        """Whether what is at the hub is here as well; a gap of some changes is no gap in what a scan finds."""
        return self.behind <= A_LITTLE and not self.is_loading_anew and not self.is_cut

    @property
    def behind(self) -> int:
        """Changes still to come."""
        return max(0, self.head - self.seq)


class SyncStatus:
    """Safe to call from any thread; listeners hear of changes a person can see."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._facts = SyncFacts()
        self._listeners: list[Callable[[], None]] = []

    @property
    def facts(self) -> SyncFacts:
        return self._facts

    def on_changed(self, call: Callable[[], None]) -> None:
        self._listeners.append(call)

    def heard(self, now: datetime) -> None:
        """The hub answered something."""
        self._change(is_online=True, heard_at=now, offline_since=None)

    def lost(self, now: datetime) -> None:
        """The hub did not answer, or was silent for too long."""
        since = self._facts.offline_since or self._facts.heard_at or now
        self._change(is_online=False, offline_since=since)

    def at(self, seq: int, head: int) -> None:
        """Where the copy stands and where the hub is."""
        self._change(seq=seq, head=max(head, seq))

    def hub_time(self, hub_now: datetime, now: datetime) -> None:
        self._change(offset=hub_now - now)

    def needs(self, why: str) -> None:
        """A person is needed for the wire; empty: no longer."""
        self._change(needs=why)

    def go_check_within(self, seconds: float) -> None:
        self._change(go_check_s=seconds)

    def platform_silent(self, at: datetime | None) -> None:
        """A platform could not be asked before a step; None: it answered."""
        self._change(platform_silent_at=at)

    def loading_anew(self, is_loading: bool) -> None:
        self._change(is_loading_anew=is_loading)

    def cut(self, is_cut: bool, over_bytes: int = 0) -> None:
        """Whether the copy had to leave something out that a scan may ask for; its size where that was not enough."""
        self._change(is_cut=is_cut, over_mb=-(-over_bytes // 1_000_000))

    def _change(self, **facts: object) -> None:
        with self._lock:
            before = self._facts
            self._facts = replace(before, **facts)  # type: ignore[arg-type]
            is_seen = _visible(before) != _visible(self._facts)
        if is_seen:
            for listener in self._listeners:
                listener()


def _visible(facts: SyncFacts) -> tuple[object, ...]:
    return (
        facts.state,
        facts.offline_since,
        facts.needs,
        facts.behind > 0,
        abs(facts.offset) > CLOCK_OFF,
        facts.platform_silent_at is None,
        facts.is_cut,
        facts.over_mb > 0,
    )


#: A clock further off than this is told so.
CLOCK_OFF = timedelta(seconds=60)
