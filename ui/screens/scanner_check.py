"""The check of a scanner: six codes of a printed sheet, and what is set up wrong by name, with its cure.

Every key goes to the check while this page is in front, so that also keys too slow for a scan are seen and none of
them types or presses anything.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QEvent, QTimer, Signal
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from app.core.scanner_check import PAUSE_MS, Check
from app.core.scanner_codes import SHEET_CODES
from ui.kit import Kit
from ui.present.scanner import CheckView, FaultView, StepView, check_view
from ui.scanner_input import ScannerInput
from ui.screens.form_parts import titled
from ui.screens.pack_parts import drop
from ui.screens.room import Room
from ui.sounds import Tone
from ui.wedge_settings import keep, mended
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import column, pad, row
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip

DONE_KEY, FIX_KEY, AGAIN_KEY, PRINT_KEY = "F3", "F4", "F6", "F2"
#: The verdict stands so long after the first read at the latest, but not while somebody still scans.
OVER_MS = 10_000
STILL_SCANNING_MS = 3_000
_SLACK_MS = 100


class StepRow(QWidget):
    """One code of the sheet: number, kind, how it was read."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._number = PlainLabel(role="heading")
        self._name = PlainLabel(role="lead")
        self._chip = StateChip(kit, size="body")
        line = row(kit, self._number, self._name, gap="space.m")
        line.addStretch(1)
        line.addWidget(self._chip)
        self.setLayout(line)

    def show_step(self, step: StepView) -> None:
        self._number.setText(str(step.no))
        self._name.setText(step.name)
        self._chip.show_state(step.state, step.word)

    @property
    def state(self) -> str:
        return self._chip.state


class FaultCard(Card):
    """One fault: its name, what came, how it is mended."""

    def __init__(self, kit: Kit, view: FaultView) -> None:
        super().__init__(kit, margin="space.m", gap="space.xs")
        name, text, todo = (
            PlainLabel(view.name, "title"),
            PlainLabel(view.text, wrap=True),
            PlainLabel(wrap=True),
        )
        name.set_state(view.state)
        todo.setText(view.todo)
        todo.set_role("lead")
        head = row(kit, name, gap="space.m")
        if view.can_mend:
            head.addWidget(StateChip(kit, "info", kit.i18n.say("scanner.can_mend")))
        head.addStretch(1)
        self.body.addLayout(head)
        self.body.addWidget(text)
        self.body.addWidget(todo)


class ScannerCheckPage(Page):
    """``finished`` goes back to the desk, ``print_wanted`` asks for the sheet, ``checked`` tells that a check has
    come to its end."""

    finished = Signal()
    print_wanted = Signal()
    checked = Signal()

    def __init__(
        self, room: Room, scanner: ScannerInput, play: Callable[[Tone], object], *, over_ms: int = OVER_MS
    ) -> None:
        super().__init__()
        self._room, self._scanner, self._play = room, scanner, play
        self._over_ms = over_ms
        self._check = Check()
        self._is_over, self._is_mended = False, False
        self._last_key_ms = 0
        self.view: CheckView | None = None
        self._since = QElapsedTimer()
        self._rest = QTimer(self, singleShot=True, interval=PAUSE_MS + _SLACK_MS)
        self._rest.timeout.connect(self._rested)
        self._quiet = QTimer(self, singleShot=True)
        self._quiet.timeout.connect(self.finish)
        kit = room.kit
        self._steps = [StepRow(kit) for _ in SHEET_CODES]
        self._headline = PlainLabel(role="display", wrap=True)
        self._text = PlainLabel(role="lead", wrap=True)
        self._faults: list[FaultCard] = []
        self._make_buttons(kit)
        self._lay_out(kit)
        self.restart()
        kit.i18n.bind(self, self._render)

    # -- what comes in

    def key(self, char: str, at_ms: int, plain: str | None) -> None:
        """A key of a keyboard-type scanner."""
        self._last_key_ms = at_ms
        self._rest.start()
        if self._check.key(char, at_ms, plain):
            self._read()

    def take(self, text: str, source: str) -> None:
        """A read of a device that sends codes whole."""
        self._check.whole(text, source)
        self._read()

    def _rested(self) -> None:
        if self._check.rest(self._last_key_ms + PAUSE_MS + 1):
            self._read()

    def _read(self) -> None:
        """There is another read: its tone for whoever looks at the paper."""
        if not self._since.isValid():
            self._since.start()
        before = self.view
        self._is_mended = False
        self._render()
        assert self.view is not None
        worse = before is None or len(self.view.faults) > len(before.faults)
        new = before is None or self.view.steps != before.steps
        if worse and self.view.faults:
            self._play("wrong")
        elif new:
            self._play("ok")
        self._quiet.start(max(self._over_ms - self._since.elapsed(), min(STILL_SCANNING_MS, self._over_ms)))
        if self._check.report(is_over=False).is_complete:
            self.finish()

    # -- what is pressed

    def restart(self) -> None:
        """From the first code, with this computer's settings as they are now."""
        settings = self._scanner.settings
        self._check = Check(
            gap_ms=settings.gap_ms,
            prefix=settings.prefix,
            suffix=settings.suffix,
            by_keys=settings.layout == "us",
        )
        self._is_over = False
        self._since.invalidate()
        self._quiet.stop()
        self._rest.stop()
        self._render()

    def finish(self) -> None:
        """Nothing more is waited for; what is read after that still counts."""
        if not self._check.reads:
            return
        self._quiet.stop()
        is_first, self._is_over = not self._is_over, True
        self._render()
        if is_first:
            self.checked.emit()

    def mend(self) -> None:
        """Sets this computer to what the scanner sends, now and for the next start."""
        if self.view is None or self.view.fix is None:
            return
        settings = mended(self._scanner.settings, self.view.fix)
        keep(self._room.core.outbox, settings)
        self._scanner.tap(None)
        self._scanner.configure(settings)
        self._scanner.tap(self.key)
        self._is_mended = True
        self.restart()

    # -- showing

    def words(self) -> str:
        """Headline, text, and the faults by name."""
        assert self.view is not None
        return "\n".join([self._headline.words(), self._text.words(), *(f.name for f in self.view.faults)])

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self._scanner.tap(self.key)
        elif event.type() == QEvent.Type.Hide:
            self._scanner.tap(None)
        return super().event(event)

    def _render(self) -> None:
        words = self._room.words()
        view = check_view(self._check.report(is_over=self._is_over), words, is_over=self._is_over)
        headline = words.tr("scanner.fixed") if self._is_mended and not self._check.reads else view.headline
        self._headline.setText(headline)
        self._headline.set_state(view.state if view.state != "info" else None)
        self._text.setText(view.text)
        for widget, step in zip(self._steps, view.steps, strict=True):
            widget.show_step(step)
        if self.view is None or self.view.faults != view.faults:
            self._show_faults(view.faults)
        self.fix.setVisible(view.fix is not None)
        self.done.setVisible(bool(self._check.reads) and not self._is_over)
        self.again.setVisible(bool(self._check.reads))
        self.view = view

    def _show_faults(self, faults: tuple[FaultView, ...]) -> None:
        for old in self._faults:
            drop(old)
        self._faults = [FaultCard(self._room.kit, fault) for fault in faults]
        for at, card in enumerate(self._faults):
            self._fault_box.insertWidget(at, card)

    # -- building

    def _make_buttons(self, kit: Kit) -> None:
        self.fix = BigButton(kit, "scanner.fix", role="main", icon="check", key=FIX_KEY, tall=True)
        self.fix.clicked.connect(self.mend)
        self.done = BigButton(kit, "scanner.done", key=DONE_KEY, tall=True)
        self.done.clicked.connect(self.finish)
        self.again = BigButton(kit, "scanner.again", icon="history", key=AGAIN_KEY, tall=True)
        self.again.clicked.connect(self.restart)
        self.print = BigButton(kit, "scanner.print", icon="printer", key=PRINT_KEY, tall=True)
        self.print.clicked.connect(self.print_wanted)
        self.back = BigButton(kit, "station.back_to_desk", key="Esc")
        self.back.clicked.connect(self.finished)

    def _lay_out(self, kit: Kit) -> None:
        head = row(kit, titled(kit, "scanner.title", "heading"), gap="space.m")
        head.addStretch(1)
        head.addWidget(self.back)
        steps = Card(kit, margin="space.l", gap="space.m")
        for step in self._steps:
            steps.body.addWidget(step)
        steps.body.addStretch(1)
        inner = QWidget()
        self._fault_box = column(kit, gap="space.s")
        self._fault_box.addStretch(1)
        inner.setLayout(self._fault_box)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(inner)
        acts = row(kit, self.fix, self.done, self.again, self.print, gap="space.s")
        acts.addStretch(1)
        verdict = column(kit, self._headline, self._text, scroll, gap="space.s")
        verdict.setStretch(2, 1)
        verdict.addLayout(acts)
        middle = row(kit, steps, gap="space.l")
        middle.addLayout(verdict, 2)
        middle.setStretch(0, 1)
        layout = QVBoxLayout(self)
        pad(kit, layout, "space.l", "space.m")
        layout.addLayout(head)
        layout.addLayout(middle, 1)
