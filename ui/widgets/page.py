"""The ground a screen stands on."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QWidget


class Page(QWidget):
    """A screen's widget: background of the window, and the place the keyboard rests.

    It takes the focus itself when it is shown, so no button wears a ring nobody asked for and no field
    catches keys by chance; and it has no input method, so a scanner's letters are never taken for pinyin.
    Scans need no focus at all (`ui.scanner_input`).
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show:
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        return super().event(event)
