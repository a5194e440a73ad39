"""What the doctor says of the hub: is it there, do we speak its language, does it know us, how far away is it."""

from __future__ import annotations

import asyncio
from statistics import median

from app import wire
from app.core.findings import Finding
from app.ports import Clock, HubAway, HubTrouble, Insecure, NotAllowed, NotThatHub, SignInFailed, UpdateMe
from app.store.status import CLOCK_OFF
from sync.client import HubClient

_ROUNDS = 5
#: Open streams to look at, and how long each may stay silent.
_STREAMS, _SILENT_S = 3, 3.0
#: Later than this a cancel is no longer a matter of a moment.
_SLOW_MS = 2000


def findings(hub_url: str, clock: Clock, token: str = "", name: str = "", ca_pem: str = "") -> list[Finding]:
    """``hub_url`` "" is no hub at all; ``token`` is this station's own at that hub, "" before it is paired;
    ``ca_pem`` the hub's own authority, pinned at pairing."""
    if not hub_url:
        return [Finding("hub_none", "warn")]
    url = hub_url if "://" in hub_url else f"http://{hub_url}"
    return asyncio.run(_looked(url, token, name, clock, ca_pem))


async def _looked(hub_url: str, token: str, name: str, clock: Clock, ca_pem: str) -> list[Finding]:
    try:
        hub = HubClient(hub_url, token, ca_pem=ca_pem)
    except Insecure:
        return [Finding("hub_insecure", "bad", {"url": hub_url})]
    try:
        return await _Look(hub, hub_url, clock).all(token, name)
    finally:
        await hub.close()


class _Look:
    """One look at one hub. Round trips in seconds."""

    def __init__(self, hub: HubClient, url: str, clock: Clock) -> None:
        self._hub = hub
        self._url = url
        self._clock = clock

    async def all(self, token: str, name: str) -> list[Finding]:
        try:
            health = await self._hub.health()  # opens the line
            round_trip = median([await self._timed_health() for _ in range(_ROUNDS)])
        except HubAway as away:
            return [self._away(away)]
        except UpdateMe:
            return [Finding("hub_wire_new", "bad", {"own": wire.WIRE})]
        except NotThatHub:
            return [Finding("hub_untrusted", "bad", {"url": self._url})]
        except HubTrouble:
            return [Finding("hub_other", "bad", {"url": self._url})]
        found = [Finding("hub", "ok", {"url": self._url, "ms": _shown(round_trip)}), _wire(health.wire)]
        if not token:
            return [*found, Finding("not_paired", "warn")]
        return [*found, *await self._as_station(name, round_trip)]

    def _away(self, away: HubAway) -> Finding:
        if away.text:  # somebody is there, and says that it cannot
            return Finding("hub_failing", "bad", {"url": self._url, "cause": away.text})
        return Finding("hub_away", "bad", {"url": self._url})

    async def _timed_health(self) -> float:
        began = self._clock.monotonic()
        await self._hub.health()
        return self._clock.monotonic() - began

    async def _as_station(self, name: str, round_trip: float) -> list[Finding]:
        """Who we are to the hub, its clock, and the way of a cancel: to the hub, and down an open stream."""
        try:
            delivered = [await self._delivery() for _ in range(_STREAMS)]
        except SignInFailed:
            return [Finding("signed_out", "bad", {"name": name})]
        except (NotAllowed, UpdateMe):
            return [Finding("hub_wire_new", "bad", {"own": wire.WIRE})]
        except (HubTrouble, TimeoutError):
            return [Finding("signed_in", "ok", {"name": name}), Finding("stream_none", "warn")]
        seconds = round_trip + median([s for s, _ in delivered])
        is_slow = seconds * 1000 > _SLOW_MS
        way = Finding(
            "cancels_slow" if is_slow else "cancels", "warn" if is_slow else "ok", {"ms": _shown(seconds)}
        )
        return [Finding("signed_in", "ok", {"name": name}), way, _offset(median([o for _, o in delivered]))]

    async def _delivery(self) -> tuple[float, float]:
        """Seconds from asking for the stream to its first word, and how far ahead of ours the hub's clock is."""
        async with asyncio.timeout(_SILENT_S):
            began, sent_at = self._clock.monotonic(), self._clock.now()
            async with self._hub.stream(0, "") as events:
                async for event in events:
                    took = self._clock.monotonic() - began
                    if isinstance(event, wire.Head):
                        came_at = self._clock.now()
                        middle = sent_at + (came_at - sent_at) / 2
                        return took, (event.now - middle).total_seconds()
        raise HubAway


def _shown(seconds: float) -> int:
    """Whole milliseconds, at least one."""
    return max(1, round(seconds * 1000))


def _wire(theirs: int) -> Finding:
    """A hub serves its own version of the protocol and the one before."""
    if theirs < wire.WIRE:
        return Finding("hub_wire_old", "bad", {"own": wire.WIRE, "hub": theirs})
    if theirs > wire.WIRE + 1:
        return Finding("hub_wire_new", "bad", {"own": wire.WIRE})
    return Finding("hub_wire", "ok", {"own": wire.WIRE})


def _offset(seconds: float) -> Finding:
    params = {"seconds": f"{abs(seconds):.1f}"}
    if abs(seconds) > CLOCK_OFF.total_seconds():
        return Finding("clock_ahead" if seconds < 0 else "clock_behind", "warn", params)
    return Finding("clock_same", "ok", params)
