"""The button that asks the courier for news now, and says from when on it may be pressed again (C48)."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.order import Order, OrderState
from app.wire import TrackAsked
from ui.screens.room import Room
from ui.widgets.big_button import BigButton

_OVER = frozenset({OrderState.cancelled, OrderState.closed, OrderState.returned, OrderState.delivered})


class CourierAsk(QWidget):
    """Shown while a parcel of the order is with a courier. A number asked too often is locked by its source: until
    the moment the hub named, the button waits and shows it."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._order: Order | None = None
        self._allowed: dict[str, datetime] = {}
        self.button = BigButton(room.kit, "service.ask_courier", icon="sync", locks=True)
        self.button.clicked.connect(self._ask)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)

    def show_order(self, order: Order) -> None:
        self._order = order
        self.refresh()

    def refresh(self) -> None:
        """As the clock has it."""
        number = self._number()
        self.setVisible(bool(number))
        if not number:
            return
        self._room.allow(self.button, "track")
        allowed_at = self._allowed.get(number)
        waits = allowed_at is not None and self._hub_now() < allowed_at
        if waits and allowed_at is not None:
            self.button.set_text("service.ask_courier_from", at=self._room.words().clock(allowed_at))
        else:
            self.button.set_text("service.ask_courier")
        self.button.setEnabled(not waits and not self.button.locked)

    def _number(self) -> str:
        """The parcel to ask for: the last one on its way that has a waybill."""
        parcels = self._order.parcels if self._order else ()
        going = [p.parcel_no for p in parcels if p.waybill_no and p.state not in _OVER]
        return going[-1] if going else ""

    def _ask(self) -> None:
        number, desk = self._number(), self._room.core.service
        if not number:
            self.button.unlock()
            return
        self._room.work.run(
            lambda: desk.ask_courier(number), lambda told: self._told(number, told), self._failed, owner=self
        )

    def _told(self, number: str, told: TrackAsked) -> None:
        self.button.unlock()
        if told.allowed_at is not None:
            self._allowed[number] = told.allowed_at
        if told.asked and not told.trouble:
            self._room.bar.success(told.text)
        else:
            self._room.bar.warn(told.text, key="courier-ask")
        self.refresh()

    def _failed(self, error: Exception) -> None:
        self.button.unlock()
        self._room.trouble(error)
        self.refresh()

    def _hub_now(self) -> datetime:
        return self._room.now() + self._room.core.bench.status.facts.offset
