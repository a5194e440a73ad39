"""How this computer's scanners type, as it is kept in the outbox file. No Qt here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ui.kept import LAYOUT, SCANNER_GAP_MS, SCANNER_PREFIX, SCANNER_SUFFIX
from ui.key_burst import WedgeSettings
from ui.us_keys import LAYOUTS

if TYPE_CHECKING:  # a start reads what is kept, and checks no scanner
    from app.core.scanner_check import Fix

_SUFFIXES = ("auto", "enter", "tab", "none")


class Kept(Protocol):
    def setting(self, key: str, default: str = "") -> str: ...

    def set_setting(self, key: str, value: str) -> None: ...


def read(kept: Kept) -> WedgeSettings:
    """What was kept; what cannot be is as it comes."""
    bare = WedgeSettings()
    gap, suffix = kept.setting(SCANNER_GAP_MS), kept.setting(SCANNER_SUFFIX)
    return WedgeSettings(
        gap_ms=int(gap) if gap.isascii() and gap.isdigit() else bare.gap_ms,
        suffix=suffix if suffix in _SUFFIXES else bare.suffix,  # type: ignore[arg-type]
        prefix=kept.setting(SCANNER_PREFIX),
        layout=next((layout for layout in LAYOUTS if layout == kept.setting(LAYOUT)), bare.layout),
    )


def mended(settings: WedgeSettings, fix: Fix) -> WedgeSettings:
    """The settings with what a check wants otherwise."""
    return replace(
        settings,
        gap_ms=settings.gap_ms if fix.gap_ms is None else fix.gap_ms,
        suffix=settings.suffix if fix.suffix is None else fix.suffix,
        prefix=settings.prefix if fix.prefix is None else fix.prefix,
        layout=fix.layout or settings.layout,
    )


def keep(kept: Kept, settings: WedgeSettings) -> None:
    """For the next start too."""
    kept.set_setting(SCANNER_GAP_MS, str(settings.gap_ms))
    kept.set_setting(SCANNER_SUFFIX, settings.suffix)
    kept.set_setting(SCANNER_PREFIX, settings.prefix)
    kept.set_setting(LAYOUT, settings.layout)
