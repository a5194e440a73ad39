"""What may be promised to the buyer now, and the sentence to send."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.core.acts import ActKind
from ui.present.service import Answer
from ui.screens.form_parts import titled
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import column, row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip

#: Copies the sentence to send.
COPY_KEY = "F2"


class AnswerCardView(Card):
    """What may be promised to the buyer now (design 3.8), and the sentence to send; a running countdown can be
    withdrawn here."""

    copied = Signal(str)

    def __init__(self, room: Room) -> None:
        super().__init__(room.kit, margin="space.m", gap="space.xs")
        self._room = room
        self._answer: Answer | None = None
        self._withdraw: Callable[[str], object] = lambda stop_id: None
        kit = room.kit
        self._chip = StateChip(kit, "wait", "", tone="solid", size="title")
        self._text = PlainLabel(role="lead", wrap=True)
        self._age = PlainLabel(role="caption")
        self._button = BigButton(kit, "service.act_withdraw")
        self._reply = PlainLabel(role="body", wrap=True)
        self._reply.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy_button = BigButton(kit, "service.act_copy_reply", icon="copy", key=COPY_KEY)
        self._told, self._sent = QWidget(), QWidget()
        line = row(kit, self._chip, self._text, self._age, self._button)
        line.setStretch(1, 1)
        self._told.setLayout(line)
        words = column(kit, titled(kit, "service.reply", "caption"), self._reply, gap="")
        line = row(kit)
        line.addLayout(words, 1)
        line.addWidget(self.copy_button)
        self._sent.setLayout(line)
        self.body.addWidget(self._told)
        self.body.addWidget(self._sent)
        self._button.clicked.connect(self._on_withdraw)
        self.copy_button.clicked.connect(lambda: self.copied.emit(self._reply.words()))
        self.hide()

    @property
    def reply(self) -> str:
        """The sentence to send, "" where none is offered."""
        return self._reply.words()

    def on_withdraw(self, call: Callable[[str], object]) -> None:
        """``call`` with the stop's id when the cancel is to be withdrawn."""
        self._withdraw = call

    @property
    def answer(self) -> Answer | None:
        return self._answer

    @property
    def is_counting(self) -> bool:
        return self._answer is not None and self._answer.counting_until is not None

    def show_answer(self, answer: Answer | None, reply: str = "") -> None:
        self._answer = answer
        self._reply.setText(reply)
        self._sent.setVisible(bool(reply))
        self._told.setVisible(answer is not None)
        self.setVisible(answer is not None or bool(reply))
        self.set_state(answer.state if answer is not None else None)
        if answer is None:
            return
        self._chip.show_state(answer.state, answer.head)
        self._text.setText(answer.text)
        self._age.setText(answer.age)
        self._button.setVisible(bool(answer.withdraw_id))
        self._room.allow(self._button, ActKind.release)

    def _on_withdraw(self) -> None:
        if self._answer is not None and self._answer.withdraw_id:
            self._withdraw(self._answer.withdraw_id)
