"""The rules of the site as the hub last fed them: a station's own rule is the hub's own rule (design 3.5)."""

from __future__ import annotations

import threading
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from app.core.freeze import Rules
from app.core.values import dataclass
from app.store.cache import Cache
from app.wire import SiteRules

_ROW = "SELECT body FROM thing WHERE kind = 'setting' AND key = ?"
_decoder = msgspec.json.Decoder(SiteRules)


@dataclass(frozen=True, slots=True)
class _Site:
    rules: Rules
    zone: ZoneInfo


class SiteBook:
    """Looked up for every order that is shown, so kept in memory until :meth:`forget`. Safe from any thread."""

    def __init__(self, cache: Cache, default: Rules) -> None:
        """``default`` holds where the hub has fed nothing: one that is older, or a station that never met it."""
        self._cache = cache
        self._default = default
        self._lock = threading.Lock()
        self._known: dict[str, _Site] = {}
        self._turn = 0

    def rules(self, warehouse: str) -> Rules:
        """What :mod:`app.core` is to judge by in this warehouse."""
        return self._site(warehouse).rules

    def zone(self, warehouse: str) -> ZoneInfo:
        """Where clocks are read."""
        return self._site(warehouse).zone

    def forget(self) -> None:
        """The copy has changed: look again."""
        with self._lock:
            self._turn += 1
            self._known.clear()

    def _site(self, warehouse: str) -> _Site:
        known = self._known.get(warehouse)
        if known is not None:
            return known
        turn = self._turn
        site = self._read(warehouse)
        with self._lock:
            if turn == self._turn:  # else another row may have come between
                self._known[warehouse] = site
        return site

    def _read(self, warehouse: str) -> _Site:
        row = self._cache.read(lambda db: db.execute(_ROW, (f"rules:{warehouse}",)).fetchone())
        told = _told(row[0]) if row else None
        if told is None:
            return _Site(self._default, _zone(SiteRules().timezone))
        rules = Rules(
            countdown=timedelta(seconds=told.countdown_s),
            last_gate=told.last_gate,
            auto_release=told.auto_release,
        )
        return _Site(rules, _zone(told.timezone))


def _told(body: bytes) -> SiteRules | None:
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError:  # a newer hub knows rules that we do not
        return None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # a newer hub knows zones that we do not
        return ZoneInfo(SiteRules().timezone)
