"""Which goods of an order a cancel is about: one button a line, none pressed means all of it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.core.order import Order
from ui.kit import Kit
from ui.present.packing import cut
from ui.widgets.big_button import BigButton
from ui.widgets.layout import row


class LinePick(QScrollArea):
    """A row of goods that runs sideways where it is long; hidden where an order has but one line left."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(widgetResizable=True)
        self._kit = kit
        self._buttons: dict[int, BigButton] = {}
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()

    def show_order(self, order: Order | None) -> None:
        """The goods the buyer still pays for, none of them picked. None: nothing to choose from."""
        left = [line for line in order.lines if line.qty_left > 0] if order is not None else []
        self._buttons = {}
        inner = QWidget()
        line_up = row(self._kit, gap="space.s")
        for line in left if len(left) > 1 else []:
            button = BigButton(self._kit, "service.pick_line")
            button.set_text("service.pick_line", title=cut(line.title or line.sku_code), n=line.qty_left)
            button.setCheckable(True)
            self._buttons[line.line_no] = button
            line_up.addWidget(button)
        line_up.addStretch(1)
        inner.setLayout(line_up)
        self.setWidget(inner)  # the former one goes with what stood in it
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(inner.sizeHint().height() + bar)
        self.setVisible(bool(self._buttons))

    def pick(self, *line_nos: int) -> None:
        """As if exactly these had been touched."""
        for line_no, button in self._buttons.items():
            button.setChecked(line_no in line_nos)

    @property
    def picked(self) -> tuple[int, ...]:
        """The lines that are pressed; none: the whole order."""
        return tuple(no for no, button in self._buttons.items() if button.isChecked())
