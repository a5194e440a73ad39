"""Stop the hand: red over every window and every monitor until a person says they have stopped.

    alarm = Alarm(kit)
    alarm.raise_alarm(AlarmView("a1", i18n.say("alarms.stop"), i18n.say("alarms.cancelled", order_no=no), ...))
    alarm.acknowledged.connect(lambda alarm_id, by: ...)       # by: "key", "touch" or "scan"

While an alarm stands, nothing else in the program takes a key, a touch or a shortcut. Scans still arrive at the
scanner door: whoever listens there asks `alarm.active`, refuses, or calls `alarm.acknowledge("scan")` for the command
code. Closing a window is left to that window: what was not acknowledged comes again at the next start. Sound is not
made here; join `raised` and `silent` to the player.
"""

from __future__ import annotations

from typing import Literal

import shiboken6
from PySide6.QtCore import QElapsedTimer, QEvent, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QScreen
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from app.core.values import dataclass
from ui.kit import Kit
from ui.say import Say, said
from ui.widgets.big_button import BigButton
from ui.widgets.layout import column, pad, row
from ui.widgets.plain_label import PlainLabel

ACK_KEY = "F9"
By = Literal["key", "touch", "scan"]

# Steps of the pulse; more would cost a slow machine its scans and look no different.
_FRAME_MS = 80

_KEYS = {QEvent.Type.KeyPress, QEvent.Type.KeyRelease, QEvent.Type.ShortcutOverride, QEvent.Type.InputMethod}
_POINTER = {
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.MouseButtonDblClick,
    QEvent.Type.Wheel,
    QEvent.Type.TouchBegin,
    QEvent.Type.TouchUpdate,
    QEvent.Type.TouchEnd,
    QEvent.Type.ContextMenu,
    QEvent.Type.DragEnter,
    QEvent.Type.Drop,
}


@dataclass(frozen=True, slots=True)
class AlarmView:
    """What an alarm says. `calm` for what must be read but is no danger: amber, no pulse."""

    alarm_id: str
    title: str | Say
    """One word, read across the room: "停！"."""
    sentence: str | Say
    """What happened: "订单 OD20261121001 已取消"."""
    todo: str | Say
    """What to do: "请停手，把货放进红色周转箱。"."""
    facts: tuple[str | Say, ...] = ()
    """Small print: who, when, which parcel."""
    calm: bool = False


class Alarm(QObject):
    """Raises, queues and ends alarms over all windows of this program."""

    raised = Signal(object)
    """An AlarmView came to the front."""
    painted = Signal(str)
    """The first pixels of the alarm with this id are drawn."""
    acknowledged = Signal(str, str)
    """An alarm was acknowledged: its id, and by "key", "touch" or "scan"."""
    silent = Signal()
    """No alarm stands any more."""

    def __init__(self, kit: Kit, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._kit = kit
        self._views: dict[str, AlarmView] = {}
        self._made: list[AlarmSheet] = []
        self._focus: QWidget | None = None
        self._armed = QElapsedTimer()
        self._pulse = QTimer(self, interval=_FRAME_MS)
        self._pulse.timeout.connect(self._beat)

    def prepare(self, window: QWidget) -> None:
        """Makes the sheet of a window ready beforehand, so that its first alarm costs no more than any other."""
        if self._sheet_of(window) is None:
            sheet = AlarmSheet(self._kit, self, window)
            sheet.warm_up()
            self._made.append(sheet)

    @property
    def active(self) -> AlarmView | None:
        """The alarm in front, None while all is quiet."""
        return next(iter(self._views.values()), None)

    @property
    def waiting(self) -> tuple[AlarmView, ...]:
        """All unacknowledged alarms, the one in front first."""
        return tuple(self._views.values())

    def raise_alarm(self, view: AlarmView) -> None:
        """Shows an alarm at once. Raised again with the same id it only changes its words; a red one goes before
        the calm ones."""
        before = self.active
        others = {key: one for key, one in self._views.items() if key != view.alarm_id}
        if before is not None and before.calm and not view.calm:
            self._views = {view.alarm_id: view} | others
        else:
            self._views[view.alarm_id] = view
        if before is None:
            self._begin()
        front = self.active
        same = (
            before is not None
            and front is not None
            and (before.alarm_id, before.calm) == (front.alarm_id, front.calm)
        )
        self._show_front(new=not same)

    def withdraw(self, alarm_id: str) -> None:
        """The reason is gone (lifted elsewhere): nothing is acknowledged."""
        front = self.active
        if self._views.pop(alarm_id, None) is not None:
            self._next(new=self.active is not front)

    def acknowledge(self, by: By) -> bool:
        """Acknowledges the alarm in front. False in the first moments, when the press was meant for
        something else."""
        front = self.active
        if front is None or (by != "scan" and self._armed.elapsed() < self._kit.theme.ms("arm")):
            return False
        del self._views[front.alarm_id]
        self.acknowledged.emit(front.alarm_id, by)
        self._next(new=True)
        return True

    def sheets(self) -> tuple[AlarmSheet, ...]:
        """The red sheets now lying over windows and monitors."""
        return tuple(sheet for sheet in self._live() if not sheet.isHidden())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in _KEYS and isinstance(watched, QWidget):
            return self._on_key(event)
        if kind == QEvent.Type.Shortcut:
            return True
        if kind in _POINTER and isinstance(watched, QWidget):
            return not any(sheet is watched or sheet.isAncestorOf(watched) for sheet in self._live())
        if kind == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            QTimer.singleShot(0, self, self._cover_new)
        if kind == QEvent.Type.Resize:
            self._refit(watched)
        return False

    def _on_key(self, event: QEvent) -> bool:
        # Accepting the override keeps every shortcut asleep, the key then comes as an ordinary press.
        event.accept()
        if (
            event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_F9
            and not event.isAutoRepeat()
        ):
            self.acknowledge("key")
        return True

    def _begin(self) -> None:
        while (popup := QApplication.activePopupWidget()) is not None:
            popup.close()
        self._focus = QApplication.focusWidget()
        app = QApplication.instance()
        if app is not None:
            app.installEventFilter(self)
        self._cover()

    def _cover_new(self) -> None:
        """A window has opened while the alarm stands."""
        if self._views:
            self._cover()
            self._show_front(new=False)

    def _cover(self) -> None:
        """Has a sheet for each window on view, and for each monitor that shows none of our windows."""
        windows = [w for w in QApplication.topLevelWidgets() if _to_cover(w)]
        for window in windows:
            self.prepare(window)
        seen = {window.screen() for window in windows}
        seen |= {sheet.screen() for sheet in self._live() if sheet.parentWidget() is None}
        for screen in QGuiApplication.screens():
            if screen not in seen:
                self._made.append(AlarmSheet(self._kit, self, None, screen))

    def _show_front(self, *, new: bool) -> None:
        front = self.active
        if front is None:
            return
        for sheet in self._live():
            window = sheet.parentWidget()
            if window is None or window.isVisible():
                sheet.show_view(front, len(self._views))
        if new:
            self._armed.start()
            if not front.calm:
                self._pulse.start()
            self.raised.emit(front)

    def _next(self, *, new: bool) -> None:
        if self.active is not None:
            self._show_front(new=new)
            return
        self._pulse.stop()
        app = QApplication.instance()
        if app is not None:
            app.removeEventFilter(self)
        for sheet in self._live():
            sheet.end()
            if sheet.parentWidget() is None:
                # Monitors come and go: those sheets are made anew each time.
                self._made.remove(sheet)
                sheet.deleteLater()
        if self._focus is not None and shiboken6.isValid(self._focus) and self._focus.isVisible():
            self._focus.setFocus()
        self._focus = None
        self.silent.emit()

    def _live(self) -> list[AlarmSheet]:
        """The sheets whose windows still exist."""
        self._made = [sheet for sheet in self._made if shiboken6.isValid(sheet)]
        return list(self._made)

    def _sheet_of(self, window: QWidget) -> AlarmSheet | None:
        return next((sheet for sheet in self._live() if sheet.parentWidget() is window), None)

    def _refit(self, watched: QObject) -> None:
        for sheet in self._live():
            if (window := sheet.parentWidget()) is not None and window is watched:
                sheet.setGeometry(window.rect())

    def _beat(self) -> None:
        """Between light and dark red, smoothly, in the time of one swing."""
        swing = self._kit.theme.ms("pulse")
        at = self._armed.elapsed() % swing / swing
        for sheet in self._live():
            sheet.set_depth(abs(2 * at - 1))


def _to_cover(widget: QWidget) -> bool:
    return widget.isVisible() and widget.isWindow() and not isinstance(widget, AlarmSheet)


class AlarmSheet(QWidget):
    """One red sheet: over a window of ours, or alone on a monitor."""

    def __init__(self, kit: Kit, alarm: Alarm, window: QWidget | None, screen: QScreen | None = None) -> None:
        super().__init__(window)
        self._kit = kit
        self._alarm = alarm
        self._view: AlarmView | None = None
        self._waiting = 1
        self._depth = 1.0
        self._painted = ""
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._title, self._sentence = PlainLabel(role="alarm"), PlainLabel(role="banner")
        self._todo = PlainLabel(role="heading")
        self._shape = QWidget(self)
        self._shape.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._facts, self._queue, self._hint = (
            PlainLabel(role="lead"),
            PlainLabel(role="lead"),
            PlainLabel(role="body"),
        )
        self._labels = (self._title, self._sentence, self._todo, self._facts, self._queue, self._hint)
        self._button = BigButton(kit, "ui.alarm_ack", role="alarm", key=ACK_KEY, tall=True)
        # The key is obeyed by Alarm, in every window at once.
        self._button.setShortcut("")
        self._button.clicked.connect(lambda: alarm.acknowledge("touch"))
        self._lay_out()
        self.hide()
        if screen is not None:
            self.setWindowFlags(
                Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint | Qt.WindowType.Tool
            )
            self.setGeometry(screen.geometry())
        kit.i18n.bind(self, self._render)

    def warm_up(self) -> None:
        """Loads fonts and shapes for the first alarm."""
        if (window := self.parentWidget()) is not None:
            self.setGeometry(window.rect())
        words = self._kit.i18n.tr("ui.alarm_ack")
        self._render_words(AlarmView("", words, f"{words} OD0123456789", words, (words,)), 1)
        self.grab()
        self._view = None

    def show_view(self, view: AlarmView, waiting: int) -> None:
        if (window := self.parentWidget()) is not None:
            self.setGeometry(window.rect())
        self._depth = 0.0 if not view.calm else 1.0
        self._button.set_role("calm" if view.calm else "alarm")
        self._render_words(view, waiting)
        self.show()
        self.raise_()
        self.setFocus()
        # Not at the next turn of the event loop: these pixels are what the whole program is for.
        self.repaint()

    def end(self) -> None:
        """The alarm is over."""
        self._view = None
        self._painted = ""
        self.hide()

    def set_depth(self, depth: float) -> None:
        """0 light red ... 1 dark red."""
        if self._view is not None and not self._view.calm:
            self._depth = depth
            self.update()

    def words(self) -> str:
        """All words on the sheet, a line each."""
        return "\n".join(label.words() for label in self._labels if label.words())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), self._ground())
        self._paint_shape(painter)
        painter.end()
        if self._view is not None and self.isVisible() and self._painted != self._view.alarm_id:
            self._painted = self._view.alarm_id
            self._alarm.painted.emit(self._painted)

    def _ground(self) -> QColor:
        theme, calm = self._kit.theme, self._view is not None and self._view.calm
        light, deep = (
            theme.colour("calm" if calm else "alarm"),
            theme.colour("calm_deep" if calm else "alarm_deep"),
        )
        part = self._depth
        return QColor.fromRgbF(
            light.redF() + (deep.redF() - light.redF()) * part,
            light.greenF() + (deep.greenF() - light.greenF()) * part,
            light.blueF() + (deep.blueF() - light.blueF()) * part,
        )

    def _paint_shape(self, painter: QPainter) -> None:
        calm = self._view is not None and self._view.calm
        room = QRectF(self._shape.geometry())
        side = min(room.width(), room.height(), self._kit.theme.px("type.hero") * 3.2)
        middle = QRectF(room.right() - side, room.center().y() - side / 2, side, side)
        icon, colour = ("state_info", "on_calm") if calm else ("state_stop", "on_alarm")
        self._kit.theme.paint_icon(painter, icon, colour, middle)

    def _lay_out(self) -> None:
        kit = self._kit
        for label in self._labels:
            label.setWordWrap(True)
        press = row(kit, self._button, self._hint, gap="space.l")
        press.setStretch(1, 1)
        text = column(kit, self._title, self._sentence, self._todo, self._facts, gap="space.s")
        text.insertStretch(0, 1)
        text.addSpacing(kit.theme.px("space.xl"))
        text.addLayout(press)
        text.addStretch(1)
        text.addWidget(self._queue)
        layout = QHBoxLayout(self)
        pad(kit, layout, "space.xxl", "space.xxl")
        layout.addWidget(self._shape, 2)
        layout.addLayout(text, 7)

    def _render(self) -> None:
        if self._view is not None:
            self._render_words(self._view, self._waiting)

    def _render_words(self, view: AlarmView, waiting: int) -> None:
        self._view, self._waiting = view, waiting
        tr = self._kit.i18n.tr
        self._title.setText(said(view.title))
        self._sentence.setText(said(view.sentence))
        self._todo.setText(said(view.todo))
        self._facts.setText("   ·   ".join(said(fact) for fact in view.facts))
        self._facts.setVisible(bool(view.facts))
        self._queue.setText(tr("ui.alarm_queue", n=1, of=waiting) if waiting > 1 else "")
        self._hint.setText(tr("ui.alarm_scan_hint", key=ACK_KEY))
        self._button.set_text("ui.alarm_read" if view.calm else "ui.alarm_ack")
        for label in self._labels:
            label.set_tone("calm" if view.calm else "alarm")
        self.setAccessibleName(self.words())
