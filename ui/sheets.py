"""Papers for the bench from the screen: saved as a PDF and opened where they can be printed, or out of the slip
printer. No dialog asks for anything."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QStandardPaths, QUrl
from PySide6.QtGui import QDesktopServices

from ui.joint import DrawSheet, Printers, SheetKind
from ui.screens.room import Room


class Sheets:
    """``draw`` gives the PDF; it is saved among this person's documents, or in ``folder`` where there are none.
    ``opens``: it is opened too; not where nothing but this window may be reached (a kiosk)."""

    def __init__(
        self, room: Room, printers: Printers, draw: DrawSheet, folder: Path, *, opens: bool = True
    ) -> None:
        self._room, self._printers, self._draw, self._folder = room, printers, draw, folder
        self._opens = opens

    def save(self, kind: SheetKind) -> Path | None:
        """The sheet in the language of the screen, saved and opened; None where it could not be saved."""
        i18n = self._room.kit.i18n
        path = self._place() / f"orderdock-{kind}-{i18n.lang}.pdf"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._draw(kind, i18n.lang))
        except OSError:
            self._room.bar.warn(i18n.say("scanner.sheet_not_saved", path=str(path)), key="sheet")
            return None
        self._room.bar.resolve("sheet")
        if not self._opens:
            self._room.bar.success(i18n.say("scanner.sheet_only_saved", path=str(path)))
            return path
        self._room.bar.success(i18n.say("scanner.sheet_saved", path=str(path)))
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
        return path

    def print_commands(self) -> None:
        """Command codes out of the slip printer; on A4 where there is none."""
        if not self._printers.reports():
            self.save("codes")
            return
        self._room.work.run(self._printers.print_commands, self._printed, self._room.trouble)

    def _printed(self, trouble: str) -> None:
        i18n = self._room.kit.i18n
        if not trouble:
            self._room.bar.success(i18n.say("scanner.sheet_printed"))
            return
        state = i18n.words.maybe(f"states.printer_{trouble}", i18n.tr("states.printer_error"))
        self._room.bar.warn(i18n.say("scanner.sheet_kept", state=state), key="sheet")

    def _place(self) -> Path:
        documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        return Path(documents) if documents else self._folder
