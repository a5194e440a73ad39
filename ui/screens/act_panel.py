"""What a desk may ask of the hub about one order, and why it asks."""

from __future__ import annotations

from collections.abc import Collection, Coroutine
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QStackedWidget, QWidget

from app.core.acts import ActKind
from app.core.order import GONE_STATES, Order, OrderState
from app.station.asking import Asked
from ui.screens.asked import say_asked
from ui.screens.form_parts import refill
from ui.screens.line_pick import LinePick
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.layout import column, row
from ui.widgets.plain_label import PlainLabel

#: What a desk may offer, with the act it asks of the hub.
ACTS = {
    "cancel": ActKind.cancel,
    "hold": ActKind.hold,
    "release": ActKind.release,
    "rush": ActKind.rush,
    "remark": ActKind.change_remark,
}
#: So long a cancel can be withdrawn where the shop has not set it otherwise.
COUNTDOWN_S = 15
#: Why a buyer or a shop cancels; kept with the order as a word of ours, said in the reader's language.
CANCEL_REASONS = ("buyer_request", "wrong", "address", "slow", "stock", "other")
HOLD_REASONS = ("address", "payment", "risk", "stock", "buyer_request", "manual")


class ActPanel(QStackedWidget):
    """The acts of a rep; one that needs a reason asks for it in the same place, no window in between."""

    def __init__(self, room: Room, offered: Collection[str] = ACTS) -> None:
        super().__init__()
        self._room = room
        self._offered = frozenset(offered)
        self._order: Order | None = None
        self._act = ""
        self._reason = ""
        self._stop_id = ""
        kit = room.kit
        self.cancel = BigButton(kit, "service.act_cancel", role="stop", icon="close")
        self.hold = BigButton(kit, "service.act_hold", icon="hand")
        self.release = BigButton(kit, "service.act_release", icon="play")
        self.rush = BigButton(kit, "service.act_rush", icon="clock", locks=True)
        self.remark = BigButton(kit, "service.act_remark", icon="list")
        self.buttons = {
            "cancel": self.cancel,
            "hold": self.hold,
            "release": self.release,
            "rush": self.rush,
            "remark": self.remark,
        }
        for name, button in self.buttons.items():
            if name not in self._offered:
                button.hide()
            if name != "rush":
                button.clicked.connect(lambda _=False, name=name: self._ask(name))
        self.rush.clicked.connect(self._rush)
        first = QWidget()
        acts = row(kit, self.cancel, self.hold, self.release, self.rush, self.remark, gap="space.s")
        acts.addStretch(1)
        first.setLayout(acts)
        self.addWidget(first)
        self.addWidget(self._why_page())
        self.currentChanged.connect(self._fit)
        kit.theme.changed.connect(self._fit)
        kit.i18n.changed.connect(self._say_question)
        self._fit()

    def show_order(self, order: Order, *, fresh: bool) -> None:
        if fresh:
            self.setCurrentIndex(0)
        self._order = order
        gone = order.order_state in GONE_STATES
        over = gone or order.order_state is OrderState.cancelled
        cancelled = any(stop.command == "cancel" and not stop.line_nos for stop in order.stops)
        by_hand = [stop for stop in order.stops if stop.command != "cancel" and stop.took_effect_at is None]
        held = next(iter(by_hand), None)
        self._stop_id = held.stop_id if held else ""
        self.cancel.setEnabled(not over and not cancelled)
        self.hold.setVisible(held is None and "hold" in self._offered)
        self.hold.setEnabled(not over and not cancelled)
        self.release.setVisible(held is not None and "release" in self._offered)
        self.rush.setEnabled(not over and not cancelled and not self.rush.locked)
        self.rush.set_text("service.act_unrush" if order.is_rush else "service.act_rush")
        self.remark.setEnabled(not over)
        self.setVisible(not over)  # nothing is left to ask for: the room is the story's
        for name, button in self.buttons.items():
            self._room.allow(button, ACTS[name])

    def withdraw(self, stop_id: str) -> None:
        """Asks why the cancel is withdrawn."""
        self._stop_id = stop_id
        self._ask("release")

    # -- why -----------------------------------------------------------------------------------------------

    def _why_page(self) -> QWidget:
        kit = self._room.kit
        page = QWidget()
        self._ask_label, self._help = PlainLabel(role="lead"), PlainLabel(role="muted", lines=1)
        self._choices = row(kit, gap="space.s")
        self._note = QLineEdit()
        self._note.setMaxLength(200)
        self._note.setAcceptDrops(False)
        self._note.textChanged.connect(self._check)
        self.send = BigButton(kit, "service.act_send_hold", role="main", locks=True)
        self.send.clicked.connect(self._do)
        self._note.returnPressed.connect(self.send.click)
        back = BigButton(kit, "service.act_back", role="quiet")
        back.clicked.connect(lambda: self.setCurrentIndex(0))
        words = row(kit, self._ask_label, self._help)
        words.setStretch(1, 1)
        entry = row(kit, self._note, self.send, back, gap="space.s")
        box = column(kit, gap="space.s")
        box.addLayout(words)
        box.addLayout(self._choices)
        self.lines = LinePick(kit)
        box.addWidget(self.lines)
        box.addLayout(entry)
        page.setLayout(box)
        return page

    def _ask(self, act: str) -> None:
        """Turns the buttons into the question; nothing is asked of the hub yet."""
        self._act, self._reason = act, ""
        self.send.set_text(f"service.act_send_{act}")
        self.send.set_role("stop" if act == "cancel" else "main")
        self.send.unlock()
        reasons = {"cancel": CANCEL_REASONS, "hold": HOLD_REASONS}.get(act, ())
        prefix = "service.reason" if act == "cancel" else "states.hold"
        refill(self._choices, [self._choice(f"{prefix}_{name}", name) for name in reasons])
        self.lines.show_order(self._order if act == "cancel" else None)
        self._note.setText(self._order.seller_remark if act == "remark" and self._order else "")
        self._say_question()
        self.setCurrentIndex(1)
        self._fit()  # another question may need another height
        self._check()
        self._note.setFocus(Qt.FocusReason.OtherFocusReason)

    def _say_question(self) -> None:
        """The question in the language of now."""
        if self._act:
            tr = self._room.kit.i18n.tr
            self._ask_label.setText(tr(f"service.panel_{self._act}"))
            self._help.setText(tr(f"service.panel_{self._act}_text", n=COUNTDOWN_S))
            optional = self._act in ("cancel", "hold")
            self._note.setPlaceholderText(tr("service.note" if optional else "service.note_needed"))

    def _choice(self, key: str, name: str) -> BigButton:
        button = BigButton(self._room.kit, key)
        button.setCheckable(True)
        button.setAutoExclusive(True)
        button.clicked.connect(lambda: self.choose(name))
        return button

    def choose(self, name: str, note: str | None = None) -> None:
        """Answers the question: one of its reasons, and words where they are given."""
        self._reason = name
        if note is not None:
            self._note.setText(note)
        self._check()

    def _check(self) -> None:
        """A cancel or a hold needs its reason; a release and a remark need words."""
        ready = bool(self._reason) if self._act in ("cancel", "hold") else bool(self._note.text().strip())
        self.send.setEnabled(ready and not self.send.locked)

    def _do(self) -> None:
        order = self._order
        if order is not None:
            act, note = self._act, self._note.text().strip()
            self._room.work.run(
                lambda: self._asking(order, act, note), self._answered, self._failed, owner=self
            )

    def _asking(self, order: Order, act: str, note: str) -> Coroutine[Any, Any, Asked]:
        desk, now, no = self._room.core.service, self._room.now(), order.order_no
        match act:
            case "cancel":
                return desk.cancel(no, self._reason, note or self._reason_words(), now, self.lines.picked)
            case "hold":
                return desk.hold(no, self._reason, note, now)
            case "release":
                return desk.release(no, self._stop_id, note, now)
            case _:
                return desk.remark(no, note, now)

    def _reason_words(self) -> str:
        return self._room.kit.i18n.tr(f"service.reason_{self._reason}")

    def _rush(self) -> None:
        order = self._order
        if order is not None:
            desk = self._room.core.service
            self._room.work.run(
                lambda: desk.rush(order.order_no, not order.is_rush, "", self._room.now()),
                self._answered,
                self._failed,
                owner=self,
            )

    def _answered(self, asked: Asked) -> None:
        self.send.unlock()
        self.rush.unlock()
        self.setCurrentIndex(0)
        say_asked(self._room, asked)

    def _failed(self, error: Exception) -> None:
        self.send.unlock()
        self.rush.unlock()
        self._room.trouble(error)

    def _fit(self) -> None:
        """Only the page in front takes room."""
        if (page := self.currentWidget()) is not None:
            self.setFixedHeight(page.sizeHint().height())
