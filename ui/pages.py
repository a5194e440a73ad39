"""The pages that come over the desk for a while: settings, files, shops, what needs a person, signing on.

Each is made where it is first shown: a start waits for no page that nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from app.station.kiosk import Kiosk
from ui.joint import Printers, SheetKind
from ui.scanner_input import ScannerInput
from ui.screens.room import Room
from ui.screens.window import StationWindow
from ui.sounds import Tone

if TYPE_CHECKING:
    from ui.scan_sources import ScanSources
    from ui.screens.import_page import ImportPage
    from ui.screens.leave_page import LeavePage
    from ui.screens.needs_page import NeedsPage
    from ui.screens.ops import OpsScreen
    from ui.screens.scanner_check import ScannerCheckPage
    from ui.screens.settings import SettingsPage
    from ui.screens.sign_on import SignOnForm, SignOnPage
    from ui.screens.work_page import WorkPage


class Pages:
    """One window's pages; None where one was not shown yet. While the alarm stands only sign-on and settings open."""

    def __init__(
        self,
        room: Room,
        window: StationWindow,
        folder: Path,
        printers: Printers,
        scanner: ScannerInput,
        *,
        version: Callable[[], str],
        play: Callable[[Tone], object],
        set_slips: Callable[[int], object],
        is_alarmed: Callable[[], bool],
        left: Callable[[], object],
        kiosk: Kiosk,
        sources: Callable[[], ScanSources],
        print_sheet: Callable[[SheetKind], object],
        checked: Callable[[], object],
    ) -> None:
        """``set_slips``: how many slips one press prints is another now. ``left``: the desk is in front again.
        ``print_sheet``: a paper for the bench is wanted. ``checked``: the scanner was checked."""
        self._room, self._window = room, window
        self._folder, self._printers = folder, printers
        self._version, self._play, self._set_slips = version, play, set_slips
        self._is_alarmed, self._left = is_alarmed, left
        self._kiosk, self._sources = kiosk, sources
        self.leave: LeavePage | None = None
        self._scanner, self._print_sheet, self._checked = scanner, print_sheet, checked
        self.scanner_check: ScannerCheckPage | None = None
        self.settings: SettingsPage | None = None
        self.intake: ImportPage | None = None
        self.shops: OpsScreen | None = None
        self.needs: NeedsPage | None = None
        self.work: WorkPage | None = None
        self._sign_on: SignOnPage | None = None

    def show_settings(self) -> None:
        if not (self._window.at_desk or self.settings is None):
            return
        from ui.screens.settings import About, SettingsPage

        identity = self._room.core.identity
        about = About(
            identity.hub_url if identity else "",
            identity.name if identity else "",
            self._folder,
            self._version(),
        )
        self.settings = SettingsPage(
            self._room, self._printers, about, self._play, self._kiosk, self._sources()
        )
        self.settings.finished.connect(self.back)
        self.settings.person_wanted.connect(self.show_sign_on)
        self.settings.import_wanted.connect(self.show_import)
        self.settings.shops_wanted.connect(self.show_shops)
        self.settings.kiosk.close_now.clicked.connect(self._window.close)
        self.settings.check_wanted.connect(self.show_scanner_check)
        self.settings.printer.slips_changed.connect(self._set_slips)
        self._window.show_page(self.settings)

    def show_scanner_check(self) -> None:
        """What is set up wrong with the scanner, from the sheet of test codes. Made anew each time."""
        if self._is_alarmed() or self.scanner_check is not None:
            return
        from ui.screens.scanner_check import ScannerCheckPage

        self.scanner_check = ScannerCheckPage(self._room, self._scanner, self._play)
        self.scanner_check.finished.connect(self.back)
        self.scanner_check.print_wanted.connect(lambda: self._print_sheet("scanner-test"))
        self.scanner_check.checked.connect(self._checked)
        self._window.show_page(self.scanner_check)

    def show_import(self, file: str = "") -> None:
        """Brings a file in; one that was dropped is checked at once. Made once: an import goes on behind the desk."""
        if self._may_not():
            return
        if self.intake is None:
            from ui.screens.import_page import ImportPage

            self.intake = ImportPage(self._room)
            self.intake.finished.connect(self.back)
        if file:
            self.intake.take(file)
        self.intake.refresh()
        self._window.show_page(self.intake)

    def show_shops(self) -> None:
        """How every shop does, from a desk that is there for something else."""
        if self._may_not():
            return
        if self.shops is None:
            from ui.screens.ops import OpsScreen

            self.shops = OpsScreen(self._room, is_desk=False)
            self.shops.finished.connect(self.back)
        self._window.show_page(self.shops)

    def show_work(self) -> None:
        """What was worked on a day; the same key goes back."""
        if self._may_not() or not self._room.core.rights.may_call("work"):
            return
        if self.work is None:
            from ui.screens.work_page import WorkPage

            self.work = WorkPage(self._room)
            self.work.finished.connect(self.back)
        elif self._window.pages.currentWidget() is self.work:
            self.back()
            return
        self.work.ask()
        self._window.show_page(self.work)

    def show_needs(self) -> None:
        """What the hub did not take as it came; the same key goes back."""
        if self._may_not():
            return
        if self.needs is None:
            from ui.screens.needs_page import NeedsPage

            self.needs = NeedsPage(self._room)
            self.needs.finished.connect(self.back)
        elif self._window.pages.currentWidget() is self.needs:
            self.back()
            return
        self.needs.refresh()
        self._window.show_page(self.needs)

    @property
    def sign_on(self) -> SignOnPage:
        """The page, made when somebody first signs on."""
        if self._sign_on is None:
            from ui.screens.sign_on import SignOnPage

            self._sign_on = SignOnPage(self._room)
            self._sign_on.finished.connect(self.back)
        return self._sign_on

    def show_sign_on(self) -> None:
        self.sign_on.refresh()
        self._window.show_page(self.sign_on)

    def badge_form(self, page: QWidget | None) -> SignOnForm:
        """Who asks for the badge that was scanned while this page is in front."""
        if self.intake is not None and page is self.intake:
            return self.intake.sign_on.form
        if self.leave is not None and page is self.leave:
            return self.leave.form
        return self.sign_on.form

    def show_leave(self) -> None:
        """Somebody wants to close a kiosk who may not: asks for somebody who may. Not over the alarm."""
        if self._is_alarmed():
            return
        if self.leave is None:
            from ui.screens.leave_page import LeavePage

            self.leave = LeavePage(self._room, self._kiosk)
            self.leave.finished.connect(self.back)
            self.leave.allowed.connect(self._window.leave)
        self.leave.refresh()
        self._window.show_page(self.leave)

    def back(self) -> None:
        """To the desk; settings are made anew each time."""
        self._window.show_desk()
        self._left()
        for page in (self.settings, self.scanner_check):
            if page is not None:
                self._drop(page)
        self.settings = self.scanner_check = None

    def refresh(self, topics: frozenset[str]) -> None:
        """Shows what is true now, on the pages that were shown before."""
        if self.needs is not None and topics & {"outbox", "order"}:
            self.needs.refresh()
        if self.shops is not None:
            self.shops.refresh(topics)
        if "person" in topics and self.settings is not None:
            self.settings.kiosk.refresh()
        if "rights" in topics and self.intake is not None:
            self.intake.refresh()

    def forget(self) -> None:
        """Another hub: nothing of what the pages show is true any more."""
        for page in (self.intake, self.shops, self.needs, self.work):
            if page is not None:
                self._drop(page)
        self.intake = self.shops = self.needs = self.work = None

    def _may_not(self) -> bool:
        return self._room.core.identity is None or self._is_alarmed()

    def _drop(self, page: QWidget) -> None:
        self._window.pages.removeWidget(page)
        page.deleteLater()
