"""What the foot of the window says: how this station does, and who is signed on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ui.joint import Joint, Printers
from ui.pages import Pages
from ui.present.sources import strip_view
from ui.present.strip import rights_view, strip_views
from ui.scanner_watch import ScannerWatch
from ui.screens.room import Room
from ui.screens.window import StationWindow
from ui.sounds import Player
from ui.widgets.strip import StripItem

if TYPE_CHECKING:
    from ui.scan_sources import ScanSources


class Statements:
    """One foot. A statement that is pressed leads to what it is about."""

    def __init__(
        self,
        room: Room,
        window: StationWindow,
        joint: Joint,
        folder: Path,
        printers: Printers,
        player: Player,
        pages: Pages,
        watch: ScannerWatch,
        is_open: Callable[[], bool],
        sources: Callable[[], ScanSources | None],
    ) -> None:
        """``is_open``: printer and sound had their turn; before, nothing is said to be missing. ``sources``: None
        until then as well."""
        self._room, self._foot = room, window.foot
        self._joint, self._folder = joint, folder
        self._printers, self._player, self._pages = printers, player, pages
        self._watch, self._is_open, self._sources = watch, is_open, sources
        self._foot.strip.pressed.connect(self._pressed)

    def show(self) -> None:
        """Says what is true now, and tells the hub how the printers do."""
        core, words = self._room.core, self._room.words()
        items = [
            StripItem(view.key, view.state, view.text)
            for view in strip_views(core.strip(self._room.now()), words)
        ]
        is_printing = any(item.key.startswith("printer") for item in items)
        if self._is_open() and not is_printing and core.kind == "packing":
            items.append(StripItem("no_printer", "wait", words.tr("strip.no_printer")))
        sources = self._sources()
        if sources is not None and sources.camera is not None:
            seen = strip_view(sources.camera.state, sources.retry_s.get("camera", 0), words)
            items += [StripItem("camera", seen.state, seen.text)] if seen is not None else []
        if self._joint.disk_is_low(self._folder):
            items.append(StripItem("disk_low", "wait", words.tr("strip.disk_low")))
        limit = rights_view(core.rights, core.kind, core.role, words)
        if limit is not None:
            items.append(StripItem(limit.key, limit.state, limit.text))
        if self._watch.fault is not None:
            name = words.tr(f"scanner.{self._watch.fault}_name")
            items.append(StripItem("scanner_fault", "wait", words.tr("scanner.strip", name=name)))
        if self._is_open() and self._player.state != "ready":
            items.append(StripItem("no_sound", "wait", words.tr("strip.no_sound")))
        self._foot.strip.show_items(items)
        if core.person:
            key = "station.person_unchecked" if core.is_unchecked else "station.person"
            self._foot.person.set_text(key, name=core.person)
        else:
            self._foot.person.set_text("station.sign_in")
        core.report_printers(self._printers.reports())

    def _pressed(self, key: str) -> None:
        """Refused acts are named, printers and sound lead to the settings."""
        if key == "refused":
            self._pages.show_needs()
        elif key in ("sign_on_first", "look_only"):
            self._pages.show_sign_on()
        elif key == "scanner_fault":
            self._pages.show_scanner_check()
        elif key.startswith(("printer", "no_printer", "no_sound", "scanner", "camera", "scale")):
            self._pages.show_settings()
