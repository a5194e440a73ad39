"""Bringing a file in: chosen or dropped, checked at once, imported by one press, and what came of it in words.

Nothing here stands before a scan: the page lives on while people work at the desk, and says when it is done.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QVBoxLayout

from app.ports import HubAway, HubTrouble, NotAllowed, Rejected, SignInFailed
from app.station.intake import FileTrouble, ImportKind
from app.wire import ImportProgress, ImportReport
from ui.present.intake import Phase, report_view
from ui.screens.form_parts import titled
from ui.screens.import_parts import ChoiceCard, ResultCard, SignOnCard
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.layout import pad, row
from ui.widgets.page import Page
from ui.work import Job

#: Files of these endings are taken when they are dropped; what a file really is, the hub says.
ENDINGS = (".xlsx", ".csv")
_LOOK_MS = 300


def is_table(file: Path) -> bool:
    """Whether a dropped file looks like something to import."""
    return file.suffix.lower() in ENDINGS


class ImportPage(Page):
    """``finished`` goes back to the desk; an import under way goes on. ``take`` is a chosen or dropped file."""

    finished = Signal()

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._file: Path | None = None
        self._job: Job | None = None
        self._report: ImportReport | None = None
        self._check_only = True
        self._dialog: QFileDialog | None = None
        kit = room.kit
        self.choice = ChoiceCard(room)
        self.result = ResultCard(kit)
        self.sign_on = SignOnCard(room)
        self._left = QStackedWidget()
        self._left.addWidget(self.choice)
        self._left.addWidget(self.sign_on)
        self._watch = Watch(room, self.result.show_progress)
        self._lay_out()
        self.choice.wanted.connect(self.choose_file)
        self.choice.changed.connect(self._changed)
        self.choice.check.clicked.connect(self.check)
        self.choice.go.clicked.connect(self.bring)
        self.result.stop.clicked.connect(self._stop)
        self.result.save.clicked.connect(self._ask_where)
        self.sign_on.form.signed_on.connect(self.refresh)
        kit.i18n.bind(self, self._render)

    @property
    def is_busy(self) -> bool:
        return self._job is not None

    @property
    def report(self) -> ImportReport | None:
        """What the last check or import said."""
        return self._report

    def refresh(self) -> None:
        """Who may import now, and into which shops; a file chosen before signing on is checked after it."""
        core = self._room.core
        may = core.rights.may_call("import") and not core.rights.wants_sign_on
        was_closed = self._left.currentWidget() is self.sign_on
        self._left.setCurrentWidget(self.choice if may else self.sign_on)
        self.sign_on.refresh()
        if may:
            self.choice.load_shops()
            if was_closed and self._file is not None and self._report is None and not self.is_busy:
                self.check()

    # -- the file ------------------------------------------------------------------------------------------

    def choose_file(self) -> None:
        """The system's own dialog; it does not stand before anything else in this program."""
        tr = self._room.kit.i18n.tr
        self._open_dialog(
            QFileDialog(self, tr("intake.choose"), self._folder(), tr("intake.files")), self.take
        )

    def take(self, file: str | Path) -> None:
        """A file to check and then to import; while one is under way another is not begun."""
        if self.is_busy:
            return
        self._file = Path(file)
        self._report = None
        self.choice.show_file(self._file)
        self.result.show_nothing()
        if self._left.currentWidget() is self.choice:
            self.check()

    def close_dialog(self) -> None:
        """Something more urgent has come up (an alarm)."""
        if self._dialog is not None:
            self._dialog.reject()

    def _open_dialog(self, dialog: QFileDialog, take: Callable[[str], object]) -> None:
        self.close_dialog()
        self._dialog = dialog
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(take)
        dialog.finished.connect(self._dialog_gone)
        dialog.open()

    def _dialog_gone(self) -> None:
        self._dialog = None

    def _folder(self) -> str:
        return str(self._file.parent) if self._file is not None else ""

    # -- check and import ----------------------------------------------------------------------------------

    def check(self) -> None:
        """Reads the file at the hub and changes nothing."""
        self._begin(self.choice.kind, check_only=True)

    def bring(self) -> None:
        """Imports what was checked."""
        if self._report is not None:
            self._begin(self._report.kind, check_only=False)  # type: ignore[arg-type]

    def _begin(self, kind: ImportKind, *, check_only: bool) -> None:
        file, intake = self._file, self._room.core.intake
        if file is None or self.is_busy:
            return
        self._check_only, ticket, shop = check_only, intake.new_ticket(), self.choice.shop
        self.choice.set_busy(True)
        self._watch.begin(ticket, "checking" if check_only else "sending")
        self._job = self._room.work.run(
            lambda: intake.bring(file, kind=kind, shop=shop, check_only=check_only, ticket=ticket),
            self._done,
            self._failed,
            owner=self,
        )

    def _changed(self) -> None:
        """Another kind or shop: what was checked is worth nothing."""
        if self._file is not None and not self.is_busy:
            self.check()

    def _end(self) -> None:
        self._job = None
        self._watch.end()
        self.choice.set_busy(False)

    def _done(self, report: ImportReport) -> None:
        self._end()
        self._report = report
        self.choice.show_kind(report.kind)
        if not report.is_dry_run and self._file is not None:
            say = self._room.kit.i18n.say
            counts = {"taken": report.taken, "refused": report.refused}
            self._room.bar.success(say("intake.said_done", name=self._file.name, **counts))
        self._render()

    def _failed(self, error: Exception) -> None:
        self._end()
        self._report = None
        say = self._room.kit.i18n.say
        match error:
            case FileTrouble():
                self.result.show_trouble("intake.failed", say(f"upload.{error.key}", file=error.file))
            case Rejected() if error.code == "import_stopped":
                self.result.show_trouble("intake.stopped", f"{error.text} {error.hint}".strip(), state="info")
            case NotAllowed() | SignInFailed():
                self.result.show_nothing()
                self._left.setCurrentWidget(self.sign_on)
            case HubAway() if not error.text:
                self.result.show_trouble(
                    "intake.failed", say("intake.away" if self._check_only else "intake.unsure")
                )
            case HubTrouble() if error.text:
                self.result.show_trouble("intake.failed", f"{error.text} {error.hint}".strip())
            case _:
                self.result.show_nothing()
                self._room.trouble(error)
        self.choice.show_go(0)

    def _stop(self) -> None:
        """A check is simply left; an import ends after the rows it is at, and the hub says how many that were."""
        if self._job is None:
            return
        if self._check_only:
            self._job.cancel()
            self._end()
            self.result.show_nothing()
            return
        self._watch.stopping()

    # -- refused rows --------------------------------------------------------------------------------------

    def _ask_where(self) -> None:
        tr = self._room.kit.i18n.tr
        if self._file is None:
            return
        name = tr("intake.refused_name", name=self._file.stem) + ".xlsx"
        dialog = QFileDialog(self, tr("intake.save_refused"), str(self._file.with_name(name)), "*.xlsx")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("xlsx")
        dialog.selectFile(str(self._file.with_name(name)))
        self._open_dialog(dialog, self.save_refused)

    def save_refused(self, file: str | Path) -> None:
        """Writes the refused rows with their reasons."""
        if self._report is None or not self._report.refused_file:
            return
        say, path = self._room.kit.i18n.say, Path(file)
        try:
            path.write_bytes(base64.b64decode(self._report.refused_file))
        except OSError:
            self._room.bar.warn(say("intake.not_saved", file=path.name), key="import-save")
            return
        self._room.bar.success(say("intake.refused_saved", file=str(path)))

    # -- showing -------------------------------------------------------------------------------------------

    def _render(self) -> None:
        report = self._report
        if report is not None and not self.is_busy:
            view = report_view(report, self._room.words())
            self.result.show_report(view)
            self.choice.show_go(view.can_import)
            if not report.is_dry_run:
                self.choice.show_done()

    def _lay_out(self) -> None:
        kit = self._room.kit
        back = BigButton(kit, "station.back_to_desk", key="Esc")
        back.clicked.connect(self.finished)
        head = row(kit, titled(kit, "intake.title", "heading"), gap="space.m")
        head.addStretch(1)
        head.addWidget(back)
        lead = titled(kit, "intake.lead", "muted", wrap=True)
        body = row(kit, self._left, self.result, gap="space.m")
        body.setStretch(0, 4)
        body.setStretch(1, 5)
        layout = QVBoxLayout(self)
        pad(kit, layout, "space.l", "space.m")
        layout.addLayout(head)
        layout.addWidget(lead)
        layout.addLayout(body, 1)


class Watch:
    """Asks how far an import is while it is under way, a few times a second and never twice at once."""

    def __init__(self, room: Room, show: Callable[[ImportProgress | None, Phase, timedelta], object]) -> None:
        self._room = room
        self._show = show
        self._ticket = ""
        self._phase: Phase = "sending"
        self._taking = QElapsedTimer()
        self._is_asking = False
        self._last: ImportProgress | None = None
        self._timer = QTimer(interval=_LOOK_MS)
        self._timer.timeout.connect(self._look)

    def begin(self, ticket: str, phase: Phase) -> None:
        self._ticket, self._phase, self._last = ticket, phase, None
        self._taking.invalidate()
        self._is_asking = False
        self._timer.start()
        self._tell()

    def stopping(self) -> None:
        """Asks the hub to stop; again at each look, for it may not have begun yet."""
        self._phase = "stopping"
        self._tell()

    def end(self) -> None:
        self._timer.stop()
        self._ticket = ""

    def _look(self) -> None:
        if self._is_asking or not self._ticket:
            return
        self._is_asking = True
        ticket, intake = self._ticket, self._room.core.intake
        if self._phase == "stopping":
            self._room.work.run(lambda: intake.stop(ticket), lambda _: self._asked(), lambda _: self._asked())
        else:
            self._room.work.run(
                lambda: intake.progress(ticket), lambda p: self._told(ticket, p), lambda _: self._asked()
            )

    def _asked(self) -> None:
        self._is_asking = False

    def _told(self, ticket: str, progress: ImportProgress | None) -> None:
        self._asked()
        if ticket != self._ticket:
            return
        if progress is not None and progress.stage == "taking" and not self._taking.isValid():
            self._taking.start()
        self._last = progress
        self._tell()

    def _tell(self) -> None:
        taking_for = timedelta(milliseconds=self._taking.elapsed()) if self._taking.isValid() else timedelta()
        self._show(self._last, self._phase, taking_for)
