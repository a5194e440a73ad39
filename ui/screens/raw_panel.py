"""One courier's node in full: the words at once, from this station's copy; the raw answer from the hub when asked."""

from __future__ import annotations

import json

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from app.core.order import Order
from app.ports import HubTrouble, NotAllowed, SignInFailed
from app.station.service import RawAnswer
from ui.present.story import StoryRow
from ui.present.track import RawView, raw_view
from ui.screens.form_parts import titled
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.layout import column, pad, row, rule
from ui.widgets.plain_label import PlainLabel

_MOST_FACTS = 6


class RawPanel(QWidget):
    """Stands where the order's fields are while a node is chosen. ``closed`` asks to go back to them."""

    closed = Signal()
    copied = Signal(str)

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._order: Order | None = None
        self._entry: StoryRow | None = None
        self._answer: RawAnswer | None = None
        self._said = ""
        kit = room.kit
        self._title = PlainLabel(role="lead")
        self.raw = PlainLabel(role="body", wrap=True)
        self.raw.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._facts = QGridLayout()
        pad(kit, self._facts, gap="space.xs")
        self._facts.setColumnStretch(1, 1)
        kit.theme.bind(self, lambda: self._facts.setHorizontalSpacing(kit.theme.px("space.m")))
        self._cells = [
            (PlainLabel(role="muted"), PlainLabel(role="body", wrap=True)) for _ in range(_MOST_FACTS)
        ]
        for at, (name, value) in enumerate(self._cells):
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._facts.addWidget(name, at, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(value, at, 1)
        self.ask = BigButton(kit, "service.raw_ask", locks=True)
        self.ask.clicked.connect(self._ask)
        back = BigButton(kit, "service.raw_back", role="quiet")
        back.clicked.connect(self.closed)
        self._note = PlainLabel(role="caption", wrap=True)
        self.answer = QPlainTextEdit()
        self.answer.setReadOnly(True)
        self.answer.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        inner = QWidget()
        words = column(kit, self._title, self.raw, rule(), gap="space.s")
        words.addLayout(self._facts)
        words.addWidget(self._note)
        words.addWidget(self.answer, 1)
        words.addStretch(0)
        inner.setLayout(words)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        foot = row(kit, self.ask, back, gap="space.s")
        foot.addStretch(1)
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.s")
        layout.addWidget(titled(kit, "service.raw_title"))
        layout.addWidget(scroll, 1)
        layout.addLayout(foot)

    @property
    def entry(self) -> StoryRow | None:
        """The node that stands here, None for none."""
        return self._entry

    def words(self) -> str:
        """All that is shown."""
        cells = [f"{name.words()}: {value.words()}" for name, value in self._cells if name.words()]
        return "\n".join((
            self._title.words(),
            self.raw.words(),
            *cells,
            self._note.words(),
            self._raw_text(),
        ))

    def show_entry(self, order: Order, entry: StoryRow, *, fresh: bool) -> None:
        """``fresh``: another node than before; what the hub answered about the last one is gone."""
        self._order, self._entry = order, entry
        if fresh:
            self._answer, self._said = None, ""
            self.ask.unlock()
        self._render()

    def _render(self) -> None:
        order, entry = self._order, self._entry
        if order is None or entry is None:
            return
        words = self._room.words()
        view: RawView = raw_view(order, entry, words)
        self._title.setText(view.title)
        self.raw.setText(view.raw)
        for at, (name, value) in enumerate(self._cells):
            fact = view.facts[at] if at < len(view.facts) else ("", "")
            name.setText(fact[0])
            value.setText(fact[1])
            name.setVisible(bool(fact[0]))
            value.setVisible(bool(fact[0]))
        self._note.setText(words.tr(self._said) if self._said else "")
        self._note.setVisible(bool(self._said))
        self.ask.setVisible(self._answer is None)
        self.answer.setVisible(self._answer is not None)
        if self.answer.toPlainText() != self._raw_text():
            self.answer.setPlainText(self._raw_text())

    def _raw_text(self) -> str:
        return _laid_out(self._answer.text) if self._answer is not None else ""

    def _ask(self) -> None:
        order, entry = self._order, self._entry
        if order is None or entry is None:
            return
        desk = self._room.core.service
        self._said = "service.raw_asking"
        self._render()
        self._room.work.run(
            lambda: desk.raw_answer(order.order_no, entry.parcel_no, entry.at, entry.raw),
            lambda answer: self._answered(entry, answer),
            lambda error: self._failed(entry, error),
            owner=self,
        )

    def _answered(self, asked: StoryRow, answer: RawAnswer | None) -> None:
        if not self._is_still(asked):
            return
        self.ask.unlock()
        self._answer = answer
        self._said = "service.raw_not_kept" if answer is None else "service.raw_answer"
        self._render()

    def _failed(self, asked: StoryRow, error: Exception) -> None:
        if not self._is_still(asked):
            return
        self.ask.unlock()
        match error:
            case NotAllowed() | SignInFailed():
                self._said = "service.raw_not_allowed"
            case HubTrouble():
                self._said = "service.raw_away"
            case _:
                self._said = ""
                self._room.trouble(error)
        self._render()

    def _is_still(self, asked: StoryRow) -> bool:
        entry = self._entry
        return entry is not None and (entry.parcel_no, entry.at, entry.raw) == (
            asked.parcel_no,
            asked.at,
            asked.raw,
        )


def _laid_out(raw: str) -> str:
    """JSON with a line a field; anything else as it came."""
    try:
        return json.dumps(json.loads(raw), ensure_ascii=False, indent=2)
    except ValueError:
        return raw
