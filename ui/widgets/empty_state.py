"""What a screen says while it has nothing to show: why, and what to do first."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ui.kit import Kit
from ui.say import Say, said
from ui.widgets.big_button import BigButton
from ui.widgets.layout import pad
from ui.widgets.plain_label import PlainLabel


class EmptyState(QWidget):
    """A drawing, a title, one or two sentences that teach, and buttons for the first steps.

    empty = EmptyState(kit, "box", i18n.say("queue.empty"), i18n.say("queue.empty_how"))
    empty.offer("queue.import", on_import, role="main")
    """

    def __init__(self, kit: Kit, icon: str, title: str | Say, text: str | Say) -> None:
        super().__init__()
        self._kit = kit
        self._picture = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._title = PlainLabel(role="title", wrap=True)
        self._text = PlainLabel(role="muted", wrap=True)
        for label in (self._title, self._text):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._buttons = QHBoxLayout()
        layout = QVBoxLayout(self)
        pad(kit, layout, "space.xl", "space.s")
        pad(kit, self._buttons, gap="space.s")
        layout.addStretch(2)
        for widget in (self._picture, self._title, self._text):
            layout.addWidget(widget)
        layout.addSpacing(kit.theme.px("space.s"))
        layout.addLayout(self._buttons)
        layout.addStretch(3)
        self._buttons.addStretch()
        self._buttons.addStretch()
        self.show_text(icon, title, text)
        kit.i18n.bind(self, self._render)
        kit.theme.bind(self, self._render)

    def show_text(self, icon: str, title: str | Say, text: str | Say) -> None:
        """Another reason for being empty (no orders yet, nothing found, still loading)."""
        self._icon, self._said = icon, (title, text)
        self._render()

    def words(self) -> str:
        """Title and text, a line each."""
        return f"{said(self._said[0])}\n{said(self._said[1])}"

    def offer(
        self, text_key: str, act: Callable[[], object], *, main: bool = False, icon: str = ""
    ) -> BigButton:
        """Adds a button for a first step."""
        button = BigButton(self._kit, text_key, role="main" if main else "plain", icon=icon)
        button.clicked.connect(lambda: act())
        self._buttons.insertWidget(self._buttons.count() - 1, button)
        return button

    def _render(self) -> None:
        theme = self._kit.theme
        ratio = self.devicePixelRatioF()
        self._picture.setPixmap(theme.pixmap(self._icon, "line_strong", theme.px("size.icon_xl"), ratio))
        self._title.setText(said(self._said[0]))
        self._text.setText(said(self._said[1]))
