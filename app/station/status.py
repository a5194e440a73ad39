"""The honest strip (L18): one line that never lies about how fresh, how ready and how safe things are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Literal

from app.core.printjob import PrinterState
from app.core.values import dataclass
from app.store.status import CLOCK_OFF, SyncFacts, SyncState
from app.wire import PrinterReport

Level = Literal["ok", "busy", "warn", "bad"]

#: Freshness older than this is said in words even while all is well.
FRESH = timedelta(seconds=12)
#: A catch-up is watched for so long before its end is foretold.
MEASURED_S = 2.0
#: Acts waiting longer than this while online are worth a warning.
WAITING_OLD = timedelta(minutes=2)
#: A platform that could not be asked before a step is told of for so long, or until one answers.
SILENT_SHOWN = timedelta(minutes=2)

_READY = frozenset({PrinterState.ready, PrinterState.busy})
_UNSURE = frozenset({PrinterState.paper_low, PrinterState.unknown})


@dataclass(frozen=True, slots=True, kw_only=True)
class StripItem:
    """One item. ``key`` names its words, ``params`` fill them; times are ISO text, spans seconds."""

    key: str
    level: Level
    params: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StripFacts:
    """Everything the strip is made from. ``scanner``, ``scale``: None where none is known of."""

    sync: SyncFacts
    is_paired: bool
    waiting: int
    oldest: datetime | None
    needing: int
    printers: Sequence[PrinterReport] = ()
    scanner: bool | None = None
    scale: bool | None = None
    problems: Sequence[str] = ()
    catch_up_s: float | None = None


class CatchUp:
    """How long a catch-up still takes, from how fast it went so far; asked as often as the strip is drawn."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._from = 0

    def left_s(self, sync: SyncFacts, now: datetime) -> float | None:
        """Seconds; None while there is nothing to catch up with, or too little is known."""
        if sync.state is not SyncState.catching_up or sync.seq < self._from:
            self._since = None
        if sync.state is not SyncState.catching_up:
            return None
        if self._since is None:
            self._since, self._from = now, sync.seq
            return None
        spent, done = (now - self._since).total_seconds(), sync.seq - self._from
        return sync.behind * spent / done if spent >= MEASURED_S and done > 0 else None


def strip(facts: StripFacts, now: datetime) -> list[StripItem]:
    """Always in one order: wire, waiting, refused, clock, platform, size of the copy, printers, scanner, scale,
    troubles.

    Clears by itself.
    """
    items = [_wire(facts, now), _waiting(facts, now)]
    if facts.needing:
        items.append(StripItem(key="refused", level="warn", params={"n": str(facts.needing)}))
    if abs(facts.sync.offset) > CLOCK_OFF:
        seconds = str(round(facts.sync.offset.total_seconds()))
        items.append(StripItem(key="clock_off", level="warn", params={"seconds": seconds}))
    silent_at = facts.sync.platform_silent_at
    if silent_at is not None and now - silent_at <= SILENT_SHOWN:
        items.append(StripItem(key="platform_silent", level="warn"))
    if facts.sync.over_mb:
        items.append(StripItem(key="copy_over", level="warn", params={"n": str(facts.sync.over_mb)}))
    elif facts.sync.is_cut:
        items.append(StripItem(key="copy_cut", level="ok"))
    items += [_printer(report) for report in facts.printers]
    if facts.scanner is not None:
        key = "scanner" if facts.scanner else "scanner_away"
        items.append(StripItem(key=key, level="ok" if facts.scanner else "bad"))
    if facts.scale is not None:
        key = "scale" if facts.scale else "scale_away"
        items.append(StripItem(key=key, level="ok" if facts.scale else "bad"))
    items += [StripItem(key=problem, level="bad") for problem in facts.problems]
    return items


def _wire(facts: StripFacts, now: datetime) -> StripItem:
    sync = facts.sync
    if not facts.is_paired:
        return StripItem(key="not_paired", level="warn")
    match sync.state:
        case SyncState.needs_you:
            return StripItem(key="needs_you", level="bad", params={"what": sync.needs})
        case SyncState.offline:
            return _offline(sync, facts.waiting, now)
        case SyncState.catching_up:
            return _catching_up(facts)
        case SyncState.live:
            age = now - sync.heard_at if sync.heard_at else timedelta(0)
            key, level = ("fresh", "busy") if age > FRESH else ("fresh_now", "ok")
            params = {"seconds": str(max(0, round(age.total_seconds())))}
            return StripItem(key=key, level=level, params=params)  # type: ignore[arg-type]


def _catching_up(facts: StripFacts) -> StripItem:
    params = {"n": str(facts.sync.behind)}
    if facts.catch_up_s is None:
        return StripItem(key="catching_up", level="busy", params=params)
    params["seconds"] = str(max(1, round(facts.catch_up_s)))
    return StripItem(key="catching_up_left", level="busy", params=params)


def _offline(sync: SyncFacts, waiting: int, now: datetime) -> StripItem:
    if sync.offline_since is None or sync.heard_at is None:
        return StripItem(key="offline_new", level="warn", params={"n": str(waiting)})
    seconds = str(max(0, round((now - sync.offline_since).total_seconds())))
    params = {"seconds": seconds, "since": sync.offline_since.isoformat(), "n": str(waiting)}
    return StripItem(key="offline" if waiting else "offline_calm", level="warn", params=params)


def _waiting(facts: StripFacts, now: datetime) -> StripItem:
    if not facts.waiting:
        return StripItem(key="nothing_waiting", level="ok")
    params = {"n": str(facts.waiting)}
    if facts.oldest is None or now - facts.oldest <= WAITING_OLD:
        return StripItem(key="waiting", level="busy", params=params)
    params |= {"seconds": str(round((now - facts.oldest).total_seconds())), "since": facts.oldest.isoformat()}
    return StripItem(key="waiting_old", level="warn", params=params)


def _printer(report: PrinterReport) -> StripItem:
    params = {"name": report.name, "state": report.state, "n": str(report.waiting)}
    try:
        state = PrinterState(report.state)
    except ValueError:
        state = PrinterState.unknown
    level: Level = "ok" if state in _READY else "warn" if state in _UNSURE else "bad"
    return StripItem(key="printer", level=level, params=params)
