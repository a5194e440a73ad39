"""The two switches every window has: language, and light or dark."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QToolButton

from ui.kit import Kit


class LanguageButton(QToolButton):
    """Switches between Chinese and English at once; shows the language it leads to."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self.setProperty("role", "quiet")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(kit.i18n.toggle)
        kit.i18n.bind(self, self._render)

    def _render(self) -> None:
        tr = self._kit.i18n.tr
        self.setText(tr("ui.language_other"))
        self.setToolTip(tr("ui.language_switch"))
        self.setAccessibleName(tr("ui.language_switch"))


class ThemeButton(QToolButton):
    """Switches between light and dark at once."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self.setProperty("role", "quiet")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(kit.theme.toggle)
        kit.i18n.bind(self, self._render)
        kit.theme.bind(self, self._render)

    def _render(self) -> None:
        theme = self._kit.theme
        dark = theme.mode == "dark"
        side = theme.px("size.icon_m")
        self.setIconSize(QSize(side, side))
        self.setIcon(theme.icon("sun" if dark else "moon", "muted"))
        words = self._kit.i18n.tr("ui.theme_to_light" if dark else "ui.theme_to_dark")
        self.setToolTip(words)
        self.setAccessibleName(words)
