"""Codes on the screen that the scanner can read as if they were buttons."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.core.qr import COMMANDS, command_code
from ui.kit import Kit
from ui.screens.form_parts import tight
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import pad, row
from ui.widgets.plain_label import PlainLabel

_QUIET = 4


class CodeView(QWidget):
    """One QR code, dark on light in both schemes, because scanners want it so."""

    def __init__(self, kit: Kit, text: str) -> None:
        super().__init__()
        self._kit = kit
        # with its imaging package it takes longer to import than a window to open: not before it is needed
        import qrcode
        import qrcode.constants

        code = qrcode.QRCode(border=0, error_correction=qrcode.constants.ERROR_CORRECT_M)
        code.add_data(text)
        code.make(fit=True)
        self._cells = code.get_matrix()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        kit.theme.bind(self, lambda: self.setFixedSize(self.sizeHint()))

    def sizeHint(self) -> QSize:
        side = len(self._cells) + 2 * _QUIET
        cell = max(3, self._kit.theme.px("type.hero") * 2 // side)
        return QSize(side * cell, side * cell)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        cell = self.width() // (len(self._cells) + 2 * _QUIET)
        tokens = self._kit.theme.tokens.colours["light"]
        painter.fillRect(self.rect(), QColor(tokens["surface"]))
        ink = QColor(tokens["text"])
        for y, cells in enumerate(self._cells):
            for x, dark in enumerate(cells):
                if dark:
                    painter.fillRect(QRectF((x + _QUIET) * cell, (y + _QUIET) * cell, cell, cell), ink)
        painter.end()


class CodePanel(Card):
    """All command codes side by side with their words; drawn when it is first shown.

    ``slip_wanted``: print them on the slip printer; ``page_wanted``: on A4.
    """

    slip_wanted = Signal()
    page_wanted = Signal()

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit, margin="space.l", gap="space.m")
        self._kit = kit
        self._title = PlainLabel(role="heading")
        self._text = PlainLabel(role="muted", wrap=True)
        self._names = [PlainLabel(role="title") for _ in COMMANDS]
        self._is_filled = False

    def showEvent(self, event: QShowEvent) -> None:
        if not self._is_filled:
            self._is_filled = True
            self._fill()
        super().showEvent(event)

    def _fill(self) -> None:
        self.body.addWidget(self._title)
        self.body.addWidget(self._text)
        self.body.addStretch(1)
        half = (len(COMMANDS) + 1) // 2
        for part in (slice(0, half), slice(half, None)):
            self.body.addLayout(self._row(part))
            self.body.addStretch(1)
        self.slip = BigButton(self._kit, "packing.codes_slip", icon="printer")
        self.slip.clicked.connect(self.slip_wanted)
        self.page = BigButton(self._kit, "packing.codes_page", icon="copy")
        self.page.clicked.connect(self.page_wanted)
        self.body.addLayout(tight(row(self._kit, self.slip, self.page, gap="space.s")))
        self._kit.i18n.bind(self, self._render)

    def _row(self, part: slice) -> QHBoxLayout:
        line = QHBoxLayout()
        pad(self._kit, line, gap="space.m")
        for command, name in zip(COMMANDS[part], self._names[part], strict=True):
            cell = QVBoxLayout()
            pad(self._kit, cell, gap="space.xs")
            cell.addWidget(CodeView(self._kit, command_code(command)), 0, Qt.AlignmentFlag.AlignHCenter)
            name.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            cell.addWidget(name)
            line.addLayout(cell, 1)
        return line

    def _render(self) -> None:
        tr = self._kit.i18n.tr
        self._title.setText(tr("packing.codes_title"))
        self._text.setText(tr("packing.codes_text"))
        for command, name in zip(COMMANDS, self._names, strict=True):
            name.setText(tr(f"station.code_{command.lower()}"))
