"""A day's work for who runs the floor: warehouse, people, the acts of one of them; how long orders took to leave."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFileDialog, QSizePolicy, QWidget

from app.ports import HubTrouble
from app.wire import WorkActs, WorkDay
from ui.kit import Kit
from ui.present.workday import (
    ActLine,
    HourBar,
    WorkLine,
    act_lines,
    hour_bars,
    moved,
    named,
    outbound_words,
    work_lines,
)
from ui.screens.form_parts import titled
from ui.screens.list_card import ListCard
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import column, row
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel


class WorkDelegate(RowDelegate):
    """Name, place and parcels; a bar of how many; units, minutes and the share confirmed by scans."""

    lines = ("lead", "caption")

    def key_of(self, view: Any) -> Hashable:
        return view.key if isinstance(view, WorkLine) else None

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, WorkLine):
            return
        upper, lower = rects
        if not view.is_house:
            inset = brush.theme.px("space.l")
            upper, lower = upper.adjusted(inset, 0, 0, 0), lower.adjusted(inset, 0, 0, 0)
            self._bar(brush, upper, view.part)
        upper = brush.right(upper, view.parcels, "lead", bold=True)
        rest = brush.left(upper, view.name, "lead", bold=view.is_house)
        brush.left(rest, view.place, "caption", "muted")
        if view.chip is not None:
            lower = brush.chip_right(lower, view.chip, "bare")
        brush.left(lower, view.detail, "caption", "muted")

    def _bar(self, brush: Brush, rect: QRectF, part: float) -> None:
        high = brush.theme.px("space.xs")
        brush.painter.setPen(Qt.PenStyle.NoPen)
        brush.painter.setBrush(brush.theme.colour("info"))
        bar = QRectF(rect.left(), rect.bottom() - high / 2, rect.width() * part, high)
        brush.painter.drawRoundedRect(bar, high / 2, high / 2)


class ActDelegate(RowDelegate):
    lines = ("body", "caption")

    def key_of(self, view: Any) -> Hashable:
        return view.key if isinstance(view, ActLine) else None

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, ActLine):
            return
        upper, lower = rects
        upper = brush.right(upper, view.took, "body", bold=True)
        brush.left(upper, view.text, "body")
        rest = brush.left(lower, view.clock, "caption", bold=True)
        brush.left(rest, view.order, "caption", "muted")


class HourChart(QWidget):
    """Bars of the hours in which orders left: the mean filled, nine of ten as an outline, with their words."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._bars: tuple[HourBar, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        kit.theme.bind(self, self._measure)

    def show_bars(self, bars: tuple[HourBar, ...]) -> None:
        self._bars = bars
        self.setAccessibleName("; ".join(f"{bar.clock} {bar.words}" for bar in bars))
        self.update()

    def _measure(self) -> None:
        self.setMinimumHeight(self._kit.theme.px("type.body") * 10)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._bars:
            return
        theme = self._kit.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        caption, gap = theme.px("type.caption") * 1.6, theme.px("space.s")
        field = QRectF(0, caption, self.width(), self.height() - 3 * caption)
        most = max(bar.p90_h for bar in self._bars) or 1.0
        wide = min(field.width() / len(self._bars), theme.px("type.body") * 7.0)
        painter.setFont(theme.font("caption"))
        for at, bar in enumerate(self._bars):
            place = QRectF(at * wide + gap / 2, field.top(), wide - gap, field.height())
            self._bar(painter, place, bar, most, caption)
        painter.setPen(QPen(theme.colour("line"), 1))
        painter.drawLine(QPointF(0, field.bottom()), QPointF(self.width(), field.bottom()))
        painter.end()

    def _bar(self, painter: QPainter, place: QRectF, bar: HourBar, most: float, caption: float) -> None:
        theme, round_by = self._kit.theme, self._kit.theme.px("radius.s")
        whole, mean = place.height() * bar.p90_h / most, place.height() * bar.mean_h / most
        painter.setPen(QPen(theme.colour("info"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        top = place.bottom() - whole
        painter.drawRoundedRect(QRectF(place.left(), top, place.width(), whole), round_by, round_by)
        painter.setBrush(theme.colour("info"))
        painter.drawRoundedRect(
            QRectF(place.left(), place.bottom() - mean, place.width(), mean), round_by, round_by
        )
        painter.setPen(theme.colour("text"))
        centre = int(Qt.AlignmentFlag.AlignCenter)
        painter.drawText(
            QRectF(place.left() - 8, top - caption, place.width() + 16, caption), centre, f"{bar.p90_h:.1f}"
        )
        foot = QRectF(place.left() - 8, place.bottom(), place.width() + 16, caption)
        painter.drawText(foot, centre, bar.clock)
        painter.setPen(theme.colour("muted"))
        painter.drawText(foot.translated(0, caption), centre, f"{bar.orders}")


class WorkPage(Page):
    """``finished`` goes back to the desk. What it shows is asked of the hub when it is opened and by the day."""

    finished = Signal()

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        kit = room.kit
        self._day: WorkDay | None = None
        self._lines: tuple[WorkLine, ...] = ()
        self._acts: tuple[ActLine, ...] = ()
        self._chosen: WorkLine | None = None
        self._asked = 0
        self._next = ""
        self.date = PlainLabel(role="title")
        self.before, self.after = BigButton(kit, "work.before"), BigButton(kit, "work.after")
        self.before.clicked.connect(lambda: self._move(-1))
        self.after.clicked.connect(lambda: self._move(1))
        self.export = BigButton(kit, "work.export", icon="import")
        self.export.clicked.connect(self._export)
        back = BigButton(kit, "station.back_to_desk", role="quiet", key="Esc")
        back.clicked.connect(self.finished)
        head = row(kit, titled(kit, "work.title", "heading"), gap="space.m")
        head.addStretch(1)
        for widget in (self.before, self.date, self.after, self.export, back):
            head.addWidget(widget)
        self.people = ListCard(
            kit, "work.people", WorkDelegate(kit), lambda n, after: (self._lines, ""), "key"
        )
        self.people.teach("box", "work.none_title", "work.none_text")
        self.people.list.chosen.connect(self.choose)
        self.acts = ListCard(kit, "work.acts", ActDelegate(kit), lambda n, after: (self._acts, ""), "key")
        self.acts.teach("list", "work.acts_none_title", "work.acts_none_text")
        self.more = BigButton(kit, "work.more", role="quiet", locks=True)
        self.more.clicked.connect(self._more)
        self.acts.body.addWidget(self.more)
        self.chart = HourChart(kit)
        self.outbound = PlainLabel(role="body", wrap=True)
        way = Card(kit, margin="space.m", gap="space.s")
        way.body.addWidget(titled(kit, "work.outbound"))
        way.body.addWidget(self.outbound)
        way.body.addWidget(self.chart, 1)
        side = column(kit, way, self.acts, gap="space.m")
        side.setStretch(0, 2)
        side.setStretch(1, 3)
        board = row(kit, self.people, gap="space.m")
        board.addLayout(side)
        board.setStretch(0, 1)
        board.setStretch(1, 1)
        whole = column(kit, margin="space.l", gap="space.m")
        whole.addLayout(head)
        whole.addLayout(board, 1)
        whole.addWidget(titled(kit, "work.how", "caption", wrap=True))
        self.setLayout(whole)
        kit.i18n.changed.connect(self.refresh)
        self.refresh()

    def ask(self, day: str = "") -> None:
        """Asks the hub for a day, today where it is not said; the newest question is the one that is shown."""
        self._asked += 1
        asked, hub = self._asked, self._room.core.hub
        if hub is not None:
            self._room.work.run(
                lambda: hub.work_day(day),
                lambda told: self._show_day(told) if asked == self._asked else None,
                self._failed,
                owner=self,
            )

    def choose(self, line: WorkLine) -> None:
        """The acts behind these figures."""
        self._chosen, self._acts, self._next = line, (), ""
        self.people.list.mark(line.key)
        self.refresh()
        if not line.is_house:
            self._more()

    def refresh(self) -> None:
        """What is known, in the language that is spoken."""
        words, day = self._room.words(), self._day
        self._lines = work_lines(day, words) if day is not None else ()
        self.date.setText(named(day.day) if day is not None else "…")
        self.after.setEnabled(day is not None and day.day < day.today)
        self.before.setEnabled(day is not None)
        self.export.setEnabled(bool(self._lines))
        self.people.refresh("")
        self.acts.refresh(self._chosen.name if self._chosen is not None else "")
        self.more.setVisible(bool(self._next))
        house = self._house()
        rows = day.outbound if day is not None else []
        self.outbound.setText(outbound_words(rows, house, words) or words.tr("work.outbound_none"))
        self.chart.show_bars(hour_bars(rows, house, words))

    def _house(self) -> str:
        """The warehouse the chart is about: that of the chosen row, else the first."""
        if self._chosen is not None:
            return self._chosen.key.partition("|")[0]
        return self._day.houses[0].warehouse if self._day is not None and self._day.houses else ""

    def _show_day(self, told: WorkDay) -> None:
        self._day = told
        self._chosen, self._acts, self._next = None, (), ""
        self.people.list.mark(None)
        self.refresh()

    def _move(self, days: int) -> None:
        if self._day is not None:
            self.ask(moved(self._day.day, days))

    def _more(self) -> None:
        hub, day, line, after = self._room.core.hub, self._day, self._chosen, self._next
        if hub is None or day is None or line is None:
            return
        self._room.work.run(
            lambda: hub.work_acts(day.day, line.who, line.station_id, after),
            lambda told: self._show_acts(line, told),
            self._failed,
            owner=self,
        )

    def _show_acts(self, line: WorkLine, told: WorkActs) -> None:
        self.more.unlock()
        if self._chosen is None or self._chosen.key != line.key:
            return
        known = len(self._acts)
        fresh = act_lines(told.acts, self._room.words())
        self._acts += tuple(
            ActLine(str(known + at), act.clock, act.text, act.order, act.took) for at, act in enumerate(fresh)
        )
        self._next = told.next
        self.refresh()

    def _export(self) -> None:
        day, hub = self._day, self._room.core.hub
        if day is None or hub is None:
            return
        title = self._room.words().tr("work.export")
        file, _ = QFileDialog.getSaveFileName(self, title, f"work-{day.day}.csv", "CSV (*.csv)")
        if file:
            self.save_to(Path(file))

    def save_to(self, file: Path) -> None:
        """Writes the day that is shown."""
        day, hub = self._day, self._room.core.hub
        if day is None or hub is None:
            return

        async def fetch() -> str:
            import asyncio

            await asyncio.to_thread(file.write_bytes, await hub.work_csv(day.day))
            return file.name

        say = self._room.kit.i18n.say
        self._room.work.run(
            fetch,
            lambda name: self._room.bar.success(say("work.exported", file=name)),
            self._not_saved,
            owner=self,
        )

    def _not_saved(self, error: Exception) -> None:
        if isinstance(error, OSError) and not isinstance(error, HubTrouble):
            self._room.bar.warn(self._room.kit.i18n.say("work.not_saved"), key="work")
        else:
            self._room.trouble(error)

    def _failed(self, error: Exception) -> None:
        self.more.unlock()
        self._room.trouble(error)
