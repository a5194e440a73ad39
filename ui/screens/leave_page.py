"""The way out of a kiosk: who runs the warehouse signs on, or the code is typed; never nothing at all."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.station.kiosk import MAY_LEAVE, Kiosk
from ui.kit import Kit
from ui.screens.form_parts import Field, titled
from ui.screens.room import Room
from ui.screens.sign_on import SignOnForm
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import column, pad, row
from ui.widgets.page import Page

#: So long the last way out is held: nobody does that with a sleeve.
HOLD_MS = 3000


class LeavePage(Page):
    """``allowed`` when the window may be closed, ``finished`` when it stays."""

    allowed = Signal()
    finished = Signal()

    def __init__(self, room: Room, kiosk: Kiosk) -> None:
        super().__init__()
        self._room, self._kiosk = room, kiosk
        kit = room.kit
        card = Card(kit, margin="space.xl", gap="space.m")
        card.body.addWidget(titled(kit, "station.leave_title", "heading"))
        card.body.addWidget(titled(kit, "station.leave_text", "muted", wrap=True))
        self.form = SignOnForm(room)
        self.form.signed_on.connect(self._signed_on)
        self.code = CodePad(kit)
        self.code.entered.connect(self._typed)
        both = QHBoxLayout()
        pad(kit, both, gap="space.xl")
        both.addWidget(self.form, 3, Qt.AlignmentFlag.AlignTop)
        both.addWidget(self.code, 2)
        card.body.addLayout(both)
        self.hold = HoldButton(kit, "station.leave_hold", HOLD_MS)
        self.hold.held.connect(self.allowed)
        back = BigButton(kit, "station.back_to_desk", role="main", key="Esc")
        back.clicked.connect(self.finished)
        foot = row(kit, back, self.hold, gap="space.s")
        foot.addStretch(1)
        card.body.addLayout(foot)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(card, 4)
        middle.addStretch(1)
        layout = QVBoxLayout(self)
        pad(kit, layout, "space.l")
        layout.addStretch(1)
        layout.addLayout(middle)
        layout.addStretch(1)
        self.refresh()

    def refresh(self) -> None:
        """The code is asked for where there is one; where there is none and nobody can sign on, holding is enough."""
        self.code.clear()
        self.code.setVisible(self._kiosk.has_code)
        self.hold.setVisible(not self._kiosk.has_code and not self._room.core.bench.is_online)

    def _signed_on(self) -> None:
        role = self._room.core.role
        if role in MAY_LEAVE:
            self.allowed.emit()
        elif role:
            words = self._room.words()
            said = words.maybe(f"roles.{role}", role)
            self.form.password.complain("station.leave_not_you", user=self._room.core.person, role=said)

    def _typed(self, code: str) -> None:
        fits = self._kiosk.fits(code, self._room.core.bench.clock.monotonic())
        if fits:
            self.allowed.emit()
        else:
            self.code.complain("station.leave_code_wrong" if fits is False else "station.leave_code_wait")


class CodePad(QWidget):
    """Digits for a finger: a bench in a kiosk may have no keyboard. ``entered`` brings what was typed."""

    entered = Signal(str)

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._field = Field(kit, "station.leave_code", secret=True)
        self._field.entered.connect(self._done)
        grid = QGridLayout()
        pad(kit, grid, gap="space.s")
        for at, digit in enumerate("123456789"):
            grid.addWidget(self._key(kit, digit), at // 3, at % 3)
        clear = BigButton(kit, "station.leave_clear", role="quiet")
        clear.clicked.connect(self.clear)
        self.go = BigButton(kit, "station.leave_go")
        self.go.clicked.connect(self._done)
        for at, key in enumerate((clear, self._key(kit, "0"), self.go)):
            grid.addWidget(key, 3, at)
        box = column(kit, self._field, gap="space.m")
        box.addLayout(grid)
        self.setLayout(box)

    def clear(self) -> None:
        self._field.edit.clear()
        self._field.forgive()

    def type(self, digit: str) -> None:
        self._field.forgive()
        self._field.edit.setText(self._field.edit.text() + digit)

    def complain(self, key: str) -> None:
        self._field.edit.clear()
        self._field.complain(key)

    @property
    def trouble(self) -> str:
        return self._field.trouble

    def _key(self, kit: Kit, digit: str) -> BigButton:
        button = BigButton(kit, "station.leave_digit")
        button.set_text("station.leave_digit", digit=digit)
        button.clicked.connect(lambda: self.type(digit))
        return button

    def _done(self) -> None:
        self.entered.emit(self._field.edit.text())


class HoldButton(BigButton):
    """Does what it says once it was held down for so long."""

    held = Signal()

    def __init__(self, kit: Kit, text_key: str, hold_ms: int) -> None:
        super().__init__(kit, text_key, role="quiet")
        self._timer = QTimer(self, singleShot=True, interval=hold_ms)
        self._timer.timeout.connect(self.held)
        self.pressed.connect(self._timer.start)
        self.released.connect(self._timer.stop)
