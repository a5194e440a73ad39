"""What happened, in order: one line per happening on a rail of time, silence drawn as a gap.

story = StoryView(kit)
story.show_entries(rows)          # anything shaped like StoryEntry, oldest first
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from typing import Any, Protocol

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from app.core.values import dataclass
from ui.kit import Kit
from ui.theme import state_icon
from ui.tokens import State
from ui.widgets.plain_label import lay_lines, plain_tip, visible

GAP_S = 2 * 3600.0
"""From here on silence between two happenings is drawn as a gap."""

_Index = QModelIndex | QPersistentModelIndex
_MOST_LINES = 12
#: So many lines may say something new without the whole list being laid out anew from its top.
_FEW = 3


class StoryEntry(Protocol):
    """One happening. Words are finished and in the present language."""

    @property
    def at(self) -> datetime: ...
    @property
    def state(self) -> State: ...
    @property
    def text(self) -> str: ...
    @property
    def who(self) -> str:
        """Person and place: "王芳 · 打包台 3"."""

    @property
    def detail(self) -> str:
        """Small print below, "" for none: before and after, the courier's own words."""

    @property
    def early(self) -> bool:
        """Older than the order itself: kept and marked."""

    @property
    def pending(self) -> bool:
        """Not yet with the hub: drawn hollow."""

    @property
    def opens(self) -> bool:
        """There is more behind it: touching it says so by ``StoryView.opened``."""


@dataclass(frozen=True, slots=True)
class StoryItem:
    """A line of the view: a new day, a gap of silence, or a happening with the time since the one before."""

    entry: StoryEntry | None = None
    day: date | None = None
    gap_s: float = 0.0
    since_s: float | None = None


def story_items(entries: Sequence[StoryEntry], zone: tzinfo, gap_s: float = GAP_S) -> list[StoryItem]:
    """The lines for happenings given oldest first: a line for each day begun, and for each silence of
    `gap_s` and more."""
    items: list[StoryItem] = []
    before: StoryEntry | None = None
    for entry in entries:
        day = entry.at.astimezone(zone).date()
        since = (entry.at - before.at).total_seconds() if before is not None else None
        if since is not None and since >= gap_s:
            items.append(StoryItem(gap_s=since))
        if before is None or before.at.astimezone(zone).date() != day:
            items.append(StoryItem(day=day))
        items.append(StoryItem(entry=entry, since_s=since))
        before = entry
    return items


class StoryModel(QAbstractListModel):
    """The lines of a story as a list."""

    ItemRole = int(Qt.ItemDataRole.UserRole)

    def __init__(self) -> None:
        super().__init__()
        self._items: list[StoryItem] = []

    def show_items(self, items: list[StoryItem]) -> None:
        """Replaces all lines; lines that only came at the end are added without disturbing the rest, and so are
        a few that say something else than before."""
        known = len(self._items)
        changed = [i for i, (old, new) in enumerate(zip(self._items, items, strict=False)) if old != new]
        if not known or len(items) < known or len(changed) > _FEW:
            self.beginResetModel()
            self._items = items
            self.endResetModel()
            return
        self._items[:] = items[:known]
        for i in changed:
            self.dataChanged.emit(self.index(i), self.index(i))
        if len(items) > known:
            self.beginInsertRows(QModelIndex(), known, len(items) - 1)
            self._items = items
            self.endInsertRows()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._items)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._items):
            return None
        item = self._items[index.row()]
        if role == self.ItemRole:
            return item
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return visible(item.entry.text) if item.entry is not None else ""
        if role == Qt.ItemDataRole.ToolTipRole and item.entry is not None:
            return plain_tip(visible(item.entry.detail))
        return None


class StoryView(QListView):
    """The story as one scrolling rail. It opens at its newest entry and stays there while that is in view, else
    where the reader is. ``opened`` gives an entry with more behind it that was touched, or entered by key."""

    opened = Signal(object)

    def __init__(self, kit: Kit, *, gap_s: float = GAP_S) -> None:
        super().__init__()
        self._kit = kit
        self._gap_s = gap_s
        self._entries: Sequence[StoryEntry] = ()
        self._marked: tuple[datetime, str] | None = None
        self.story = StoryModel()
        self.setModel(self.story)
        self.setItemDelegate(_StoryDelegate(kit, self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrap(True)
        self._at_end = True
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._on_scrolled)
        bar.rangeChanged.connect(self._follow)
        self.setMouseTracking(True)
        self.clicked.connect(self._on_chosen)
        self.activated.connect(self._on_chosen)
        self.entered.connect(self._on_entered)
        self.story.dataChanged.connect(self.scheduleDelayedItemsLayout)
        kit.theme.changed.connect(self.doItemsLayout)
        kit.i18n.changed.connect(self._render)

    def mark(self, entry: StoryEntry | None) -> None:
        """Shows this entry as the one that stands open beside the story; None for none."""
        marked = None if entry is None else (entry.at, entry.text)
        if marked != self._marked:
            self._marked = marked
            self.viewport().update()

    def is_marked(self, entry: StoryEntry) -> bool:
        return self._marked == (entry.at, entry.text)

    def _on_chosen(self, index: QModelIndex) -> None:
        entry = _entry_at(index)
        if entry is not None and entry.opens:
            self.opened.emit(entry)

    def _on_entered(self, index: QModelIndex) -> None:
        entry = _entry_at(index)
        is_link = entry is not None and entry.opens
        shape = Qt.CursorShape.PointingHandCursor if is_link else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)

    def show_entries(self, entries: Sequence[StoryEntry], *, fresh: bool = False) -> None:
        """Shows happenings, oldest first. ``fresh``: another story, which opens at its newest entry."""
        at_end = self._at_end or fresh
        self._entries = entries
        self._render()
        self._at_end = at_end
        self._follow()

    def _on_scrolled(self, value: int) -> None:
        self._at_end = value >= self.verticalScrollBar().maximum() - 2

    def _follow(self) -> None:
        """The end stays in view while lines are added, broken anew, or the window changes."""
        if self._at_end:
            self.scrollToBottom()
            bar = self.verticalScrollBar()
            bar.setValue(bar.maximum())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # Lines break elsewhere now.
        self.scheduleDelayedItemsLayout()

    def _render(self) -> None:
        self.story.show_items(story_items(self._entries, self._kit.i18n.zone, self._gap_s))
        self.viewport().update()


def _entry_at(index: _Index) -> StoryEntry | None:
    item: StoryItem | None = index.data(StoryModel.ItemRole)
    return item.entry if item is not None else None


class _StoryDelegate(QStyledItemDelegate):
    """Paints clock, rail and words of one line."""

    def __init__(self, kit: Kit, view: StoryView) -> None:
        super().__init__(view)
        self._kit = kit
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        item: StoryItem | None = index.data(StoryModel.ItemRole)
        theme = self._kit.theme
        if item is None or item.entry is None:
            return QSize(0, round(self._line("caption") + theme.px("space.m")))
        width = self._words_width(self._view.viewport().width())
        high = self._height(item.entry.text, "body", width)
        high += self._line("caption") if self._who(item.entry) else 0.0
        high += self._height(item.entry.detail, "caption", width) if item.entry.detail else 0.0
        return QSize(0, round(high + theme.px("space.m")))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        item: StoryItem | None = index.data(StoryModel.ItemRole)
        if item is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(option.rect)
        if item.entry is not None and item.entry.opens:
            self._paint_link(painter, rect, item.entry, option)
        self._paint_rail(painter, rect, item, index)
        if item.entry is not None:
            self._paint_entry(painter, rect, item, item.entry)
        elif item.day is not None:
            self._word(painter, self._words_rect(rect), f"{item.day:%Y-%m-%d}", "caption", "muted", bold=True)
        else:
            i18n = self._kit.i18n
            said = i18n.tr("ui.story_gap", span=i18n.duration(item.gap_s))
            self._word(painter, self._words_rect(rect), said, "caption", "faint")
        painter.restore()

    # -- measures --------------------------------------------------------------------------------------------

    def _clock_width(self) -> float:
        metrics, i18n = QFontMetricsF(self._kit.theme.font("caption")), self._kit.i18n
        # The longest span that is written beside an entry; longer ones are gaps with a line of their own.
        longest = i18n.tr("ui.story_after", span=i18n.duration(min(self._view._gap_s, 7200) - 60))
        widest = max(metrics.horizontalAdvance(longest), metrics.horizontalAdvance("00:00:00"))
        return widest + self._kit.theme.px("space.l")

    def _rail_x(self, rect: QRectF) -> float:
        return rect.left() + self._clock_width() + self._side() / 2

    def _side(self) -> int:
        return self._kit.theme.px("size.icon_s")

    def _words_rect(self, rect: QRectF) -> QRectF:
        left = self._clock_width() + self._side() + self._kit.theme.px("space.m")
        return rect.adjusted(left, 0, -self._link_width(), 0)

    def _link_width(self) -> float:
        """Room at the right for the mark of an entry that opens; kept free for all, so that lines break alike."""
        return self._kit.theme.px("size.icon_s") + 2 * self._kit.theme.px("space.xs")

    def _words_width(self, width: int) -> float:
        return self._words_rect(QRectF(0, 0, max(width, 200), 10)).width()

    def _line(self, size: str) -> float:
        return QFontMetricsF(self._kit.theme.font(size)).lineSpacing()

    def _height(self, text: str, size: str, width: float) -> float:
        layout, _ = lay_lines(visible(text), self._kit.theme.font(size), width, _MOST_LINES)
        return min(layout.lineCount(), _MOST_LINES) * self._line(size)

    def _paint_link(
        self, painter: QPainter, rect: QRectF, entry: StoryEntry, option: QStyleOptionViewItem
    ) -> None:
        """A field under the entry that is open or pointed at, and a mark that there is more behind it."""
        theme = self._kit.theme
        is_marked = self._view.is_marked(entry)
        if is_marked or option.state & QStyle.StateFlag.State_MouseOver:
            left = self._clock_width() + self._side() + theme.px("space.s")
            field = rect.adjusted(left, -theme.px("space.xs"), -1, -theme.px("space.s"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selected" if is_marked else "hover"))
            painter.drawRoundedRect(field, theme.px("radius.m"), theme.px("radius.m"))
        side = theme.px("size.icon_s")
        top = rect.top() + (self._line("body") - side) / 2
        at = QRectF(rect.right() - side - theme.px("space.xs"), top, side, side)
        theme.paint_icon(painter, "chevron_right", "muted", at)

    # -- painting --------------------------------------------------------------------------------------------

    def _paint_rail(self, painter: QPainter, rect: QRectF, item: StoryItem, index: _Index) -> None:
        theme, x = self._kit.theme, self._rail_x(rect)
        dot = rect.top() + self._line("body") / 2
        top = dot if index.row() <= 1 and item.entry is not None else rect.top()
        if index.row() == 0:
            return
        last = index.row() == self._view.story.rowCount() - 1
        pen = QPen(theme.colour("line_strong" if item.gap_s else "line"), theme.px("size.ring"))
        if item.gap_s:
            pen.setStyle(Qt.PenStyle.DotLine)
        painter.setPen(pen)
        painter.drawLine(QPointF(x, top), QPointF(x, dot if last else rect.bottom() + 1))

    def _paint_entry(self, painter: QPainter, rect: QRectF, item: StoryItem, entry: StoryEntry) -> None:
        theme, i18n = self._kit.theme, self._kit.i18n
        side, line = self._side(), self._line("body")
        local = entry.at.astimezone(i18n.zone)
        clock = QRectF(rect.left(), rect.top(), self._clock_width() - theme.px("space.m"), line)
        self._word(painter, clock, f"{local:%H:%M:%S}", "caption", "muted", right=True)
        if item.since_s is not None and 1 <= item.since_s < self._view._gap_s:
            since = i18n.tr("ui.story_after", span=i18n.duration(item.since_s))
            self._word(painter, clock.translated(0, line * 0.95), since, "caption", "faint", right=True)
        dot = QRectF(self._rail_x(rect) - side / 2, rect.top() + (line - side) / 2, side, side)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("surface"))
        painter.drawEllipse(dot.adjusted(-2, -2, 2, 2))
        state: State = "idle" if entry.pending else entry.state
        theme.paint_icon(painter, state_icon(state), f"{state}_text", dot)
        self._paint_words(painter, self._words_rect(rect), entry)

    def _paint_words(self, painter: QPainter, rect: QRectF, entry: StoryEntry) -> None:
        top = rect.top()
        colour = "text" if entry.state == "idle" else f"{entry.state}_text"
        for text, size, ink in (
            (entry.text, "body", colour),
            (self._who(entry), "caption", "muted"),
            (entry.detail, "caption", "muted"),
        ):
            if text:
                top += self._block(painter, QPointF(rect.left(), top), rect.width(), text, size, ink)

    def _who(self, entry: StoryEntry) -> str:
        early = self._kit.i18n.tr("ui.story_early") if entry.early else ""
        return " · ".join(part for part in (entry.who, early) if part)

    def _block(self, painter: QPainter, at: QPointF, width: float, text: str, size: str, ink: str) -> float:
        layout, _ = lay_lines(visible(text), self._kit.theme.font(size), width, _MOST_LINES)
        painter.setPen(self._kit.theme.colour(ink))
        layout.draw(painter, at)
        return min(layout.lineCount(), _MOST_LINES) * self._line(size)

    def _word(
        self,
        painter: QPainter,
        rect: QRectF,
        text: str,
        size: str,
        ink: str,
        *,
        bold: bool = False,
        right: bool = False,
    ) -> None:
        font: QFont = self._kit.theme.font(size, bold=bold)
        painter.setFont(font)
        painter.setPen(self._kit.theme.colour(ink))
        across = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter | across), text)
