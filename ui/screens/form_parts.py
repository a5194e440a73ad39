"""Parts of forms: a field with its words above and its trouble below, a choice of cards."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from ui.kit import Kit
from ui.screens.pack_parts import IconView, drop
from ui.theme import restate
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import pad
from ui.widgets.plain_label import PlainLabel, Role


class Field(QWidget):
    """A text field with its name above. ``complain`` marks it and says why; typing takes the complaint away."""

    entered = Signal()

    def __init__(self, kit: Kit, name_key: str, hint_key: str = "", *, secret: bool = False) -> None:
        super().__init__()
        self._kit = kit
        self._trouble_key = ""
        self._trouble_params: dict[str, str] = {}
        self._name = PlainLabel(role="muted")
        self.edit = QLineEdit()
        self.edit.setMaxLength(200)
        self.edit.setAcceptDrops(False)  # a file is dropped onto the window, not typed
        if secret:
            self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self._trouble = PlainLabel(role="caption", wrap=True)
        self._trouble.set_state("stop")
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.xs")
        for widget in (self._name, self.edit, self._trouble):
            layout.addWidget(widget)
        self.edit.textEdited.connect(self.forgive)
        self.edit.returnPressed.connect(self.entered)
        kit.i18n.bind(self, lambda: self._render(name_key, hint_key))
        self.forgive()

    @property
    def text(self) -> str:
        return self.edit.text().strip()

    @property
    def trouble(self) -> str:
        """What is said to be wrong, "" for nothing."""
        return self._trouble.words() if self._trouble_key else ""

    def complain(self, key: str, **params: str) -> None:
        self._trouble_key, self._trouble_params = key, params
        self._trouble.setText(self._kit.i18n.tr(key, **params))
        self._trouble.show()
        restate(self.edit, "state", "stop")
        self.edit.setFocus()

    def forgive(self) -> None:
        self._trouble_key = ""
        self._trouble.hide()
        restate(self.edit, "state", "")

    def _render(self, name_key: str, hint_key: str) -> None:
        tr = self._kit.i18n.tr
        self._name.setText(tr(name_key))
        self.edit.setAccessibleName(tr(name_key))
        self.edit.setPlaceholderText(tr(hint_key) if hint_key else "")
        if self._trouble_key:
            self._trouble.setText(tr(self._trouble_key, **self._trouble_params))


class ChoiceCard(Card):
    """A card that is pressed as a whole: picture, title, what it means."""

    pressed = Signal()

    def __init__(self, kit: Kit, icon: str, title_key: str, text_key: str) -> None:
        super().__init__(kit, margin="space.xl", gap="space.s")
        self._kit = kit
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setProperty("role", "choice")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        picture = IconView(kit, "size.icon_l")
        picture.show_icon(icon, "text")
        title, text = PlainLabel(role="title", wrap=True), PlainLabel(role="muted", wrap=True)
        for widget in (picture, title, text):
            self.body.addWidget(widget)
        self.body.addStretch(1)
        kit.i18n.bind(self, lambda: title.setText(kit.i18n.tr(title_key)))
        kit.i18n.bind(self, lambda: text.setText(kit.i18n.tr(text_key)))
        kit.i18n.bind(self, lambda: self.setAccessibleName(kit.i18n.tr(title_key)))

    def set_chosen(self, chosen: bool) -> None:
        restate(self, "chosen", "yes" if chosen else "")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.rect().contains(event.position().toPoint()):
            self.pressed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.pressed.emit()
            return
        super().keyPressEvent(event)


def titled(kit: Kit, key: str, role: Role = "title", *, wrap: bool = False) -> PlainLabel:
    """A label that says one text in whatever language is spoken."""
    label = PlainLabel(role=role, wrap=wrap)
    kit.i18n.bind(label, lambda: label.setText(kit.i18n.tr(key)))
    return label


def refill(line: QHBoxLayout, widgets: Sequence[QWidget]) -> None:
    """Other widgets in a row; what stood there is gone."""
    while (item := line.takeAt(0)) is not None:
        if (old := item.widget()) is not None:
            drop(old)
    for widget in widgets:
        line.addWidget(widget)
        if widget.parentWidget() is not None:
            widget.show()  # Qt would show it at its next turn: a moment without words
    line.addStretch(1)


def choice(kit: Kit, key: str) -> BigButton:
    """One of several buttons of which one is down."""
    button = BigButton(kit, key)
    button.setCheckable(True)
    return button


def tick(first: bool, one: BigButton, other: BigButton) -> None:
    """Of two choices the one that holds is down."""
    one.setChecked(first)
    other.setChecked(not first)


def tight(line: QHBoxLayout) -> QHBoxLayout:
    """A line whose widgets keep to its beginning."""
    line.addStretch(1)
    return line
