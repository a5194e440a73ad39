"""The window round a desk: the page in the middle, messages and the honest strip at the foot, the alarm over all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ui.kit import Kit
from ui.tokens import scale_for
from ui.widgets.big_button import BigButton
from ui.widgets.layout import column, pad
from ui.widgets.message_bar import MessageBar
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel
from ui.widgets.strip import Strip
from ui.widgets.switches import LanguageButton, ThemeButton

FULL_SCREEN_KEY = "F11"
SETTINGS_KEY = "F10"
NEEDS_KEY = "F1"
#: Another program may have its window in front of a kiosk so long.
BACK_IN_FRONT_MS = 300


class Screen(Protocol):
    """What the window asks of a desk."""

    def scan(self, raw: str) -> None: ...

    def refresh(self, topics: frozenset[str] = ...) -> None: ...


class Foot(QFrame):
    """One line for what the station says of itself: the honest strip, messages, who is signed on, the switches.

    A message that waits to be confirmed takes the room; the strip then keeps the words of its troubles only.
    """

    settings_wanted = Signal()
    person_wanted = Signal()

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self.setProperty("role", "bar")
        self.strip = Strip(kit)
        self.strip.setProperty("role", "bare")
        self.messages = MessageBar(kit)
        self.messages.setProperty("role", "bare")
        self.messages.waiting_changed.connect(self._share)
        self.person = BigButton(kit, "roles.nobody", role="quiet", icon="person")
        self.person.clicked.connect(self.person_wanted)
        self._settings = QToolButton()
        self._settings.setProperty("role", "quiet")
        self._settings.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._settings.clicked.connect(self.settings_wanted)
        self._row = layout = QHBoxLayout(self)
        pad(kit, layout, gap="")
        layout.addWidget(self.strip, 1)
        layout.addWidget(self.messages)
        for button in (self.person, LanguageButton(kit), ThemeButton(kit), self._settings):
            layout.addWidget(button)
        kit.theme.bind(self, self._dress)
        kit.i18n.bind(self, self._dress)

    def _share(self, waiting: int) -> None:
        """Who gets the room between strip and messages."""
        self._row.setStretch(0, 2 if waiting else 1)
        self._row.setStretch(1, 5 if waiting else 0)

    def _dress(self) -> None:
        theme = self._kit.theme
        words = self._kit.i18n.tr("station.settings")
        side = theme.px("size.icon_m")
        self._settings.setIconSize(QSize(side, side))
        self._settings.setIcon(theme.icon("settings", "muted"))
        self._settings.setToolTip(words)
        self._settings.setAccessibleName(words)


class StationWindow(QWidget):
    """One window, one desk. It routes scans, keys for full screen and settings, and keeps everything in scale.

    ``show_page`` puts a page in front (welcome, settings, signing on); ``show_desk`` goes back to the desk.
    """

    closed = Signal()
    leave_wanted = Signal()
    needs_wanted = Signal()
    file_dropped = Signal(str)

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._desk: Page | None = None
        self._title: Callable[[], str] = str
        self._may_close: Callable[[], bool] | None = None
        self.setProperty("role", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.pages = QStackedWidget()
        self.foot = Foot(kit)
        self.bar = self.foot.messages
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.foot)
        full = QShortcut(QKeySequence(FULL_SCREEN_KEY), self)
        full.activated.connect(self.toggle_full_screen)
        settings = QShortcut(QKeySequence(SETTINGS_KEY), self)
        settings.activated.connect(self.foot.settings_wanted)
        needs = QShortcut(QKeySequence(NEEDS_KEY), self)
        needs.activated.connect(self.needs_wanted)
        kit.i18n.bind(self, self._retitle)
        self.setMinimumSize(800, 480)
        self._takes_files: Callable[[Path], bool] = lambda file: False
        self._drop_hint = DropHint(kit, self)

    def dress_in_taskbar(self) -> None:
        """The icon in its seven sizes; a window is seen without it first."""
        self.setWindowIcon(self._kit.theme.app_icon())

    def take_files(self, fits: Callable[[Path], bool]) -> None:
        """From now on one file that ``fits`` may be dropped anywhere: ``file_dropped`` gives its path."""
        self._takes_files = fits
        self.setAcceptDrops(True)

    def set_title(self, title: Callable[[], str]) -> None:
        """The title is asked for again at each switch of language."""
        self._title = title
        self._retitle()

    def set_desk(self, desk: Page) -> None:
        """The desk this window is for; what was there before is gone."""
        if self._desk is not None:
            self.pages.removeWidget(self._desk)
            self._desk.deleteLater()
        self._desk = desk
        self.pages.insertWidget(0, desk)
        self.pages.setCurrentWidget(desk)

    @property
    def desk(self) -> Page | None:
        return self._desk

    def show_page(self, page: Page) -> None:
        if self.pages.indexOf(page) < 0:
            self.pages.addWidget(page)
        self.pages.setCurrentWidget(page)

    def show_desk(self) -> None:
        if self._desk is not None:
            self.pages.setCurrentWidget(self._desk)

    @property
    def at_desk(self) -> bool:
        return self._desk is not None and self.pages.currentWidget() is self._desk

    def be_kiosk(self, may_close: Callable[[], bool], app: QApplication) -> None:
        """Before it is shown: no title bar, above other windows, and closed only where ``may_close`` says so; else
        ``leave_wanted``. A window of another program that comes in front is not there for long."""
        self._may_close = may_close
        flags = Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint
        self.setWindowFlags(self.windowFlags() | flags)
        app.applicationStateChanged.connect(self._stay_in_front)

    def leave(self) -> None:
        """Closes it, whoever is signed on: somebody who may has said so."""
        self._may_close = None
        self.close()

    def _stay_in_front(self, state: Qt.ApplicationState) -> None:
        if state != Qt.ApplicationState.ApplicationActive and self._may_close is not None:
            QTimer.singleShot(BACK_IN_FRONT_MS, self, self._come_back)

    def _come_back(self) -> None:
        if self._may_close is not None and QApplication.activeWindow() is None:
            self.raise_()
            self.activateWindow()

    def toggle_full_screen(self) -> None:
        if self._may_close is not None:
            return
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._kit.theme.set_scale(scale_for(self.width(), self.height()))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self._kit.theme.set_scale(scale_for(self.width(), self.height()))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _file_of(event.mimeData()) is None:
            return
        event.acceptProposedAction()
        self._drop_hint.cover(fits=self._dropped(event.mimeData()) is not None)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop_hint.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop_hint.hide()
        if (file := self._dropped(event.mimeData())) is not None:
            event.acceptProposedAction()
            self.file_dropped.emit(str(file))

    def _dropped(self, data: QMimeData) -> Path | None:
        file = _file_of(data)
        return file if file is not None and self._takes_files(file) else None

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._may_close is not None and not self._may_close():
            event.ignore()
            self.leave_wanted.emit()
            return
        self.closed.emit()
        super().closeEvent(event)

    def _retitle(self) -> None:
        self.setWindowTitle(self._title())


def _file_of(data: QMimeData) -> Path | None:
    """The one local file that is dragged, None for anything else."""
    urls = data.urls()
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None


class DropHint(QFrame):
    """Covers the window while a file hangs over it, and says what letting go does."""

    def __init__(self, kit: Kit, window: QWidget) -> None:
        super().__init__(window)
        self._kit, self._window = kit, window
        self.setProperty("role", "drop_hint")
        self._text = PlainLabel(role="display", wrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setLayout(column(kit, self._text, margin="space.xxl"))
        self.hide()

    def cover(self, *, fits: bool) -> None:
        self._text.setText(self._kit.i18n.tr("intake.drop_window" if fits else "intake.drop_not"))
        self.setGeometry(self._window.rect())
        self.raise_()
        self.show()

    def words(self) -> str:
        return self._text.words()
