"""One order at the supervisor's desk that nothing stops: to look at, to hold, to rush (C51, PCK-03)."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from app.core.order import Order
from ui.screens.order_view import OrderView
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.layout import column, row


class OrderPage(QWidget):
    """The order as the service desk shows it, with the acts of the floor; ``back`` is called by button or Esc."""

    def __init__(self, room: Room, back: Callable[[], object]) -> None:
        super().__init__()
        self._room = room
        # the floor is told no sums and answers no buyer
        self.view = OrderView(room, money=False, replies=False, acts=("hold", "release", "rush"))
        button = BigButton(room.kit, "station.back_to_desk", key="Esc")
        button.clicked.connect(lambda: back())
        foot = row(room.kit, button)
        foot.addStretch(1)
        layout = column(room.kit, self.view, gap="space.m")
        layout.setStretch(0, 1)
        layout.addLayout(foot)
        self.setLayout(layout)

    @property
    def shown_order(self) -> str:
        """The order in front, "" for none."""
        return self.view.order.order_no if self.view.order and self.isVisible() else ""

    def show_order(self, order: Order) -> None:
        self.view.show_order(order)

    def refresh(self) -> None:
        """What is true of it now."""
        known = self.view.order
        order = self._room.core.read.order(known.order_no) if known else None
        if order is not None:
            self.view.show_order(order)
