"""Where a screen speaks: errors stay until they are confirmed, successes fade, everything can be looked up
again.

The bar keeps its height whether or not it has something to say, so nothing moves under a finger.
"""

from __future__ import annotations

from PySide6.QtCore import QAbstractAnimation, QPoint, QRectF, QSize, Qt, QTimer, QVariantAnimation, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ui.kit import Kit
from ui.message_log import Message, MessageLog
from ui.say import Say, said
from ui.theme import restate
from ui.tokens import State
from ui.widgets.big_button import BigButton
from ui.widgets.layout import column, pad, row, rule
from ui.widgets.plain_label import PlainLabel, visible
from ui.widgets.state_chip import StateChip, chip_width, paint_chip

ACK_KEY = "F8"
_SHOWN_IN_PANEL = 100


class MessageBar(QFrame):
    """The message line of a window.

        bar.error(i18n.say("packing.wrong_item"), key="scan")     # stays until F8, a finger or confirm()
        bar.success(i18n.say("packing.closed"))                   # fades
        bar.resolve("printer-a")                                  # the trouble named so is over
        bar.ask(i18n.say("packing.doubt"), key="paper-7", yes="...", no="...")   # until `answered(key, True|False)`

    Texts are strings or `i18n.say(...)`; the latter follow the language, also in the list of past messages.
    `waiting_changed(int)` tells how many wait to be confirmed.
    """

    waiting_changed = Signal(int)
    answered = Signal(str, bool)

    def __init__(self, kit: Kit, log: MessageLog | None = None) -> None:
        super().__init__()
        self._kit = kit
        self.log = log if log is not None else MessageLog()
        self._front: Message | None = None
        self._panel: MessagePanel | None = None
        self.setProperty("role", "bar")
        self._shape = StateChip(kit, tone="bare", size="title")
        self._text = PlainLabel(lines=2)
        self._more = PlainLabel(role="caption")
        self._ack = BigButton(kit, "ui.message_ack", role="main", key=ACK_KEY)
        self.no = BigButton(kit, "ui.message_ack")
        self.no.clicked.connect(lambda: self._answer(yes=False))
        self._note = FadingNote(kit)
        self._past = QToolButton()
        self._past.setProperty("role", "quiet")
        self._past.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._ack.clicked.connect(self.confirm)
        self._past.clicked.connect(self.show_history)
        self._lay_out()
        kit.theme.bind(self, self._measure)
        kit.i18n.bind(self, self._render)

    def error(self, text: str | Say, *, key: str = "") -> None:
        """Something went wrong and a person must know: what happened, what it means, what to do."""
        self.say("stop", text, key=key)

    def warn(self, text: str | Say, *, key: str = "") -> None:
        self.say("wait", text, key=key)

    def success(self, text: str | Say) -> None:
        self.say("ok", text)

    def note(self, text: str | Say) -> None:
        self.say("info", text)

    def ask(self, text: str | Say, *, key: str, yes: str, no: str) -> None:
        """A question that stays until it is answered or resolved: the key and the main button say ``yes``."""
        self.log.add(self._kit.ticker.now(), "wait", text, key, (yes, no))
        self._render()

    def say(self, state: State, text: str | Say, *, key: str = "") -> None:
        message = self.log.add(self._kit.ticker.now(), state, text, key)
        if not message.open:
            self._note.show_note(state, text)
        self._render()

    def confirm(self) -> None:
        """Confirms the message in front, or says yes to it; the next one comes forward."""
        self._answer(yes=True)

    def _answer(self, *, yes: bool) -> None:
        front = self._front
        if front is None:
            return
        self.log.confirm(front.no)
        self._render()
        if front.answers is not None:
            self.answered.emit(front.key, yes)

    def resolve(self, key: str) -> None:
        """Takes away what was said about trouble `key`; it stays in the list of past messages."""
        if self.log.resolve(key):
            self._render()

    @property
    def front(self) -> Message | None:
        """The message that waits to be confirmed now."""
        return self._front

    def words(self) -> str:
        """What the bar says now: the waiting message, else the note that has not faded yet."""
        return self._text.words() if self._front is not None else self._note.words()

    def show_history(self) -> None:
        """Opens the list of past messages above the bar; any press outside closes it."""
        self._panel = MessagePanel(self._kit, self.log.history()[:_SHOWN_IN_PANEL], self)
        self._panel.open_above(self._past)

    def _lay_out(self) -> None:
        self._left = QWidget()
        left = row(self._kit, self._shape, self._text, self._more, self._ack, self.no, gap="space.s")
        left.setStretch(1, 1)
        self._left.setLayout(left)
        layout = QHBoxLayout(self)
        pad(self._kit, layout, gap="space.m")
        margin = self._kit.theme.px("space.l")
        layout.setContentsMargins(margin, 0, margin // 2, 0)
        layout.addWidget(self._left, 1)
        layout.addWidget(self._note)
        layout.addWidget(self._past)

    def _measure(self) -> None:
        self.setFixedHeight(self._kit.theme.px("size.bar"))
        margin = self._kit.theme.px("space.l")
        if (layout := self.layout()) is not None:
            layout.setContentsMargins(margin, 0, margin // 2, 0)
        side = self._kit.theme.px("size.icon_m")
        self._past.setIconSize(QSize(side, side))
        self._past.setIcon(self._kit.theme.icon("history", "muted"))

    def _render(self) -> None:
        waiting = self.log.waiting()
        self._front = waiting[0] if waiting else None
        tr = self._kit.i18n.tr
        self._past.setToolTip(tr("ui.message_history"))
        self._past.setAccessibleName(tr("ui.message_history"))
        for widget in (self._shape, self._text, self._more, self._ack):
            widget.setVisible(self._front is not None)
        answers = self._front.answers if self._front is not None else None
        self._ack.set_text(answers[0] if answers else "ui.message_ack")
        self.no.setVisible(answers is not None)
        if answers:
            self.no.set_text(answers[1])
        if self._front is not None:
            self._shape.show_state(self._front.state, "")
            self._text.setText(_with_times(self._kit, self._front))
            self._text.set_state(self._front.state)
            self._more.setText(tr("ui.message_more", count=len(waiting) - 1) if len(waiting) > 1 else "")
        restate(self, "state", self._front.state if self._front is not None else "")
        self.waiting_changed.emit(len(waiting))


class FadingNote(QWidget):
    """A state and a sentence that go away by themselves."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._state: State = "info"
        self._text: str | Say = ""
        self._strength = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._stay = QTimer(self, singleShot=True)
        self._fade = QVariantAnimation(self)
        self._fade.setStartValue(1.0)
        self._fade.setEndValue(0.0)
        self._stay.timeout.connect(self._fade.start)
        self._fade.valueChanged.connect(self._on_strength)
        self._fade.finished.connect(self._on_gone)
        kit.i18n.bind(self, self.updateGeometry)

    def show_note(self, state: State, text: str | Say) -> None:
        self._fade.stop()
        self._state, self._text, self._strength = state, text, 1.0
        self._fade.setDuration(self._kit.theme.ms("fade"))
        self._stay.start(self._kit.theme.ms("fade_after"))
        self.setAccessibleName(self.words())
        self.updateGeometry()
        self.update()

    def words(self) -> str:
        return visible(said(self._text))

    @property
    def fading(self) -> bool:
        return self._fade.state() == QAbstractAnimation.State.Running

    def sizeHint(self) -> QSize:
        font = self._kit.theme.font("body")
        width = chip_width(self._kit, self.words(), font) if self._text else 0
        return QSize(round(width) + 1, round(QFontMetricsF(font).height() * 1.4))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._strength <= 0 or not self._text:
            return
        painter = QPainter(self)
        painter.setOpacity(self._strength)
        font = self._kit.theme.font("body")
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = self.sizeHint().height()
        pill = QRectF(0, (self.height() - height) / 2, self.width(), height)
        paint_chip(painter, self._kit, pill, self._state, self.words(), "soft", font)
        painter.end()

    def _on_strength(self, value: float) -> None:
        self._strength = float(value)
        self.update()

    def _on_gone(self) -> None:
        self._text = ""
        self.updateGeometry()


class MessagePanel(QFrame):
    """The list of past messages, the newest first."""

    def __init__(self, kit: Kit, messages: tuple[Message, ...], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._kit = kit
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("role", "panel")
        inner = QWidget()
        rows = column(kit, margin="space.s", gap="space.s")
        inner.setLayout(rows)
        for i, message in enumerate(messages):
            if i:
                rows.addWidget(rule())
            rows.addWidget(self._row(message))
        if not messages:
            rows.addWidget(PlainLabel(kit.i18n.tr("ui.message_none"), "muted"))
        rows.addStretch()
        scroll = QScrollArea(widgetResizable=True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        layout = QVBoxLayout(self)
        pad(kit, layout, "space.m", "space.s")
        layout.addWidget(PlainLabel(kit.i18n.tr("ui.message_history"), "title"))
        layout.addWidget(scroll)

    def open_above(self, anchor: QWidget) -> None:
        window = anchor.window()
        width = min(round(window.width() * 0.6), 720)
        height = min(round(window.height() * 0.6), 560)
        corner = anchor.mapToGlobal(QPoint(anchor.width(), 0))
        self.setGeometry(
            corner.x() - width, corner.y() - height - self._kit.theme.px("space.s"), width, height
        )
        self.show()

    def _row(self, message: Message) -> QWidget:
        i18n = self._kit.i18n
        line = QWidget()
        chip = StateChip(
            self._kit, message.state, i18n.clock(message.at, self._kit.ticker.now()), tone="bare"
        )
        text = PlainLabel(_with_times(self._kit, message), wrap=True)
        layout = row(self._kit, chip, text, gap="space.m")
        layout.setAlignment(chip, Qt.AlignmentFlag.AlignTop)
        layout.setStretch(1, 1)
        if message.open:
            layout.addWidget(PlainLabel(i18n.tr("ui.message_waiting"), "caption"))
        line.setLayout(layout)
        return line


def _with_times(kit: Kit, message: Message) -> str:
    text = said(message.text)
    return text if message.times == 1 else f"{text}  ({kit.i18n.tr('ui.message_times', count=message.times)})"
