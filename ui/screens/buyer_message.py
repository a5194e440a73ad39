"""A message to the buyer that waits for a hand: its words, one key to copy them, one to say that they went out."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app.core import messages
from app.core.acts import ActKind
from app.core.order import BuyerMessage, Order
from app.station.asking import Asked
from ui.present import states
from ui.present.words import Words
from ui.screens.asked import say_asked
from ui.screens.form_parts import titled
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.layout import column, row
from ui.widgets.plain_label import PlainLabel


def message_text(order: Order, message: BuyerMessage, words: Words) -> str:
    """What the buyer is told, in the buyer's language whatever is spoken at this desk: numbers and courier, nothing
    of a person."""
    words = replace(words, lang=message.lang)
    parcel = order.parcel(message.parcel_no)
    return words.tr(
        f"messages.{message.kind}",
        order_no=order.channel_order_no,
        carrier=states.carrier_name(parcel.carrier if parcel else "", words),
        waybill=parcel.waybill_no if parcel else "",
    )


class BuyerMessageRow(QWidget):
    """The first message of the order that nobody knows to be sent; hidden where there is none."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._order: Order | None = None
        self._message: BuyerMessage | None = None
        kit = room.kit
        self.words = PlainLabel(role="body", wrap=True)
        self.copy_button = BigButton(kit, "service.message_copy")
        self.sent = BigButton(kit, "service.message_sent", icon="check", locks=True)
        said = column(kit, titled(kit, "service.message_title", "caption"), self.words, gap="")
        layout = row(kit, gap="space.s")
        layout.addLayout(said, 1)
        layout.addWidget(self.copy_button)
        layout.addWidget(self.sent)
        self.setLayout(layout)
        self.copy_button.clicked.connect(self._copy)
        self.sent.clicked.connect(self._tell)
        self.hide()

    def show_order(self, order: Order) -> None:
        waiting = messages.by_hand(order)
        self._order, self._message = order, waiting[0] if waiting else None
        self.setVisible(self._message is not None)
        if self._message is not None:
            self.words.setText(message_text(order, self._message, self._room.words()))
            self._room.allow(self.sent, ActKind.message_sent)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.words.words())
        self._room.bar.success(self._room.kit.i18n.say("service.copied"))

    def _tell(self) -> None:
        order, message = self._order, self._message
        if order is None or message is None:
            return
        desk, now = self._room.core.service, self._room.now()
        self._room.work.run(
            lambda: desk.message_sent(order.order_no, message.parcel_no, message.kind, now),
            self._answered,
            self._failed,
            owner=self,
        )

    def _answered(self, asked: Asked) -> None:
        self.sent.unlock()
        say_asked(self._room, asked)

    def _failed(self, error: Exception) -> None:
        self.sent.unlock()
        self._room.trouble(error)
