"""The station program: from the command to a window that is closed again.

run_station(joint, None, "packing", folder, "zh")        # a window until it is closed; the exit status
station = build_station(app, joint, "packing", folder)   # the same without an event loop: tests, rehearsals
station.window.show()
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from app.core import texts
from app.core.texts import Lang
from app.os.folderlock import FolderLock, FolderTaken
from app.station.core import StationCore
from app.store.surroundings import StoreTrouble
from app.wire import StationKind
from ui.garbage import WindowGarbage
from ui.joint import Joint
from ui.kept import LANG, LOOK
from ui.kit import make_kit
from ui.resources import resource_dir
from ui.station import Station
from ui.theme import FontMissing

KINDS: tuple[StationKind, ...] = ("packing", "supervisor", "service", "ops")


def run_station(
    joint: Joint,
    hub_url: str | None,
    kind: str,
    data_dir: Path,
    lang: str | None,
    *,
    hand: bool = False,
    kiosk: bool = False,
) -> int:
    """Opens the station and stays until its window is closed. 0 done, 1 the surroundings say no (one sentence).

    main has turned the garbage collector off; from when all is open, garbage is collected in this thread.
    """
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    tongue: Lang = "en" if lang == "en" else "zh"

    def complain(key: str, **params: Any) -> int:
        said = texts.load(resource_dir() / "texts")
        sys.stderr.write(said.text(f"station.{key}", tongue, **params) + "\n")
        return 1

    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        lock = FolderLock(data_dir, "station.lock")
    except FolderTaken:
        return complain("already_open")
    with lock:
        try:
            station = build_station(app, joint, kind, data_dir, lang=lang, hub_url=hub_url, kiosk=kiosk)
        except StoreTrouble as trouble:
            return complain(trouble.key, **trouble.params)
        except FontMissing as missing:
            return complain("font_missing", path=str(missing))
        if hand:
            from ui.hand import Hand

            station.hand = Hand(station)
        garbage = WindowGarbage()
        station.open(garbage.begin)
        try:
            return app.exec()
        finally:
            garbage.end()
            station.close()


def build_station(
    app: QApplication,
    joint: Joint,
    kind: str,
    data_dir: Path,
    *,
    lang: str | None = None,
    hub_url: str | None = None,
    kiosk: bool = False,
) -> Station:
    """A whole station without an event loop of its own. Raises StoreTrouble and FontMissing."""
    asked: StationKind = next((k for k in KINDS if k == kind), "packing")
    core = StationCore(
        data_dir, kind=asked, connect=joint.connect, pair=joint.pair, clock=joint.clock, new_id=joint.new_id
    )
    kept = core.outbox.setting(LANG)
    tongue: Lang = "en" if (lang or kept) == "en" else "zh"
    look = "dark" if core.outbox.setting(LOOK) == "dark" else "light"
    kit = make_kit(app, resource_dir(), joint.clock, lang=tongue, mode=look)  # type: ignore[arg-type]
    kit.i18n.move(core.zone())
    return Station(app, joint, core, kit, data_dir, hub_url or "", kiosk=kiosk)
