"""Stories and tables: right, calm under the finger, and cheap however long."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ui.kit import Kit
from ui.models.rows import RowsModel
from ui.present.shops import NoteRow
from ui.screens.note_list import RefusedDelegate
from ui.screens.row_list import RowList
from ui.tokens import State
from ui.widgets.empty_state import EmptyState
from ui.widgets.paged_table import PAGE, PAGES_KEPT, Column, PagedModel, PagedTable
from ui.widgets.story_view import StoryModel, StoryView, story_items

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


@dataclass(frozen=True)
class Happening:
    at: datetime
    text: str = "已付款"
    state: State = "idle"
    who: str = "王芳 · 打包台 3"
    detail: str = ""
    early: bool = False
    pending: bool = False
    opens: bool = False


def at(*seconds: float) -> list[Happening]:
    return [Happening(START + timedelta(seconds=s), f"第 {n} 件事") for n, s in enumerate(seconds)]


# -- story


def test_silence_is_a_gap_and_a_new_day_of_the_business_is_said() -> None:
    items = story_items(at(0, 60, 60 + 7200, 3 * 7200), SHANGHAI)
    kinds = ["day" if i.day else "gap" if i.gap_s else "entry" for i in items]
    # 15:00 UTC is 23:00 in Shanghai: the third happening is on the next day there.
    assert kinds == ["day", "entry", "entry", "gap", "day", "entry", "gap", "entry"]
    assert [i.gap_s for i in items if i.gap_s] == [7200.0, 14340.0]
    assert [i.since_s for i in items if i.entry] == [None, 60.0, 7200.0, 14340.0]
    assert story_items([], SHANGHAI) == []


def test_the_story_model_is_a_sound_model_while_it_grows_and_changes(qtbot: QtBot, kit: Kit) -> None:
    model = StoryModel()
    QAbstractItemModelTester(model, FATAL)
    resets: list[int] = []
    model.modelReset.connect(lambda: resets.append(1))
    model.show_items(story_items(at(0, 60), SHANGHAI))
    assert len(resets) == 1
    model.show_items(story_items(at(0, 60, 120, 99_999), SHANGHAI))
    model.show_items(story_items(at(0, 60, 120, 99_999), SHANGHAI))
    assert len(resets) == 1 and model.rowCount() == 7, "what comes at the end disturbs nothing"
    other = at(0, 60, 120, 99_999)
    other[1] = replace(other[1], who="王芳 · 打包台 3 · 到下一步 1 分")
    model.show_items(story_items(other, SHANGHAI))
    assert len(resets) == 1, "nor does a line that says more than before"
    model.show_items(story_items(at(0, 30), SHANGHAI))
    assert len(resets) == 2 and model.rowCount() == 3


def test_a_story_stays_at_its_end_unless_the_reader_has_scrolled_away(qtbot: QtBot, kit: Kit) -> None:
    view = StoryView(kit)
    qtbot.addWidget(view)
    view.resize(500, 300)
    view.show()
    view.show_entries(at(*range(0, 3000, 60)))
    bar = view.verticalScrollBar()
    QApplication.processEvents()
    assert bar.maximum() > 0 and bar.value() == bar.maximum()
    view.show_entries(at(*range(0, 3600, 60)))
    QApplication.processEvents()
    assert bar.value() == bar.maximum()
    view.resize(400, 200)
    QApplication.processEvents()
    assert bar.value() == bar.maximum(), "also in a window that changes"
    bar.setValue(0)
    view.show_entries(at(*range(0, 4800, 60)))
    QApplication.processEvents()
    assert bar.value() == 0
    view.show_entries(at(*range(60, 6000, 60)), fresh=True)
    QApplication.processEvents()
    assert bar.value() == bar.maximum(), "another story opens at its newest entry"


def test_a_long_remark_gets_the_height_it_needs_and_is_drawn_as_it_is(qtbot: QtBot, kit: Kit) -> None:
    view = StoryView(kit)
    qtbot.addWidget(view)
    view.resize(500, 400)
    view.show()
    short, long = Happening(START, "短"), Happening(START, "短", detail="<b>请在周六送货</b>，" * 20)
    view.show_entries([short])
    low = view.sizeHintForRow(1)
    view.show_entries([long])
    assert view.sizeHintForRow(1) > low * 2
    view.grab()


def test_only_an_entry_with_more_behind_it_opens_by_finger_and_by_key(qtbot: QtBot, kit: Kit) -> None:
    view = StoryView(kit)
    qtbot.addWidget(view)
    view.resize(500, 400)
    view.show()
    plain, courier = Happening(START, "已付款"), Happening(START + timedelta(minutes=5), "已揽收", opens=True)
    view.show_entries([plain, courier])
    QApplication.processEvents()
    opened: list[object] = []
    view.opened.connect(opened.append)
    for row in (1, 2):
        place = view.visualRect(view.story.index(row)).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened == [courier]
    view.setCurrentIndex(view.story.index(2))
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert opened == [courier, courier]
    view.mark(courier)
    assert view.is_marked(courier) and not view.is_marked(plain)
    view.grab()


def test_a_story_of_a_thousand_steps_costs_no_more_than_its_steps(qtbot: QtBot, kit: Kit) -> None:
    view = StoryView(kit)
    qtbot.addWidget(view)
    view.resize(600, 600)
    view.show()
    began = time.process_time()
    view.show_entries(at(*range(0, 60_000, 60)))
    view.grab()
    assert time.process_time() - began < 10, "what grows with the square of the steps takes a minute"


# -- table


@dataclass(frozen=True)
class Row:
    no: int
    text: str = ""


class Rows:
    """A source that notes what was asked of it."""

    def __init__(self, n: int, *, later: bool = False) -> None:
        self.rows: Sequence[int] = range(n)
        self.asked: list[tuple[int, int]] = []
        self.later = later

    def count(self) -> int:
        return len(self.rows)

    def fetch(self, first: int, n: int) -> list[Row] | None:
        self.asked.append((first, n))
        return None if self.later else self.read(first, n)

    def read(self, first: int, n: int) -> list[Row]:
        return [Row(no, f"OD{no}") for no in self.rows[first : first + n]]


COLUMNS: list[Column[Row]] = [
    Column("ui.state_idle", lambda row: row.text, 200, sort="order_no"),
    Column("ui.state_ok", lambda row: "完成", 120, state=lambda row: "ok"),
    Column("ui.state_info", lambda row: f"<b>{row.no}</b>"),
]


def made(qtbot: QtBot, kit: Kit, source: Rows) -> tuple[PagedModel[Row], PagedTable[Row]]:
    model = PagedModel(kit, COLUMNS, source, key=lambda row: row.no)
    table = PagedTable(kit, model, EmptyState(kit, "box", "空", "空"))
    qtbot.addWidget(table)
    table.resize(900, 600)
    table.show()
    table.grab()
    return model, table


def test_the_table_model_is_a_sound_model_through_every_change(qtbot: QtBot, kit: Kit) -> None:
    source = Rows(450)
    model = PagedModel(kit, COLUMNS, source, key=lambda row: row.no)
    QAbstractItemModelTester(model, FATAL)
    for n in (450, 700, 3, 0, 5):
        source.rows = range(n)
        model.refresh()
        assert model.rowCount() == n
    assert model.data(model.index(4, 0)) == "OD4" and model.row(99) is None
    kit.i18n.switch("en")
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Done"


def test_only_what_is_seen_is_read_and_little_is_kept(qtbot: QtBot, kit: Kit) -> None:
    source = Rows(1_000_000)
    model, table = made(qtbot, kit, source)
    assert source.asked == [(0, PAGE)], "one page opens the table"
    table.scrollTo(model.index(900_000, 0))
    table.grab()
    assert len(source.asked) <= 3 and source.asked[-1][0] >= 899_800
    for page in range(PAGES_KEPT * 2):
        model.row(page * PAGE)
    assert len(model._pages) == PAGES_KEPT


def test_a_hundred_thousand_rows_open_and_scroll_without_stutter(qtbot: QtBot, kit: Kit) -> None:
    began = time.process_time()
    model, table = made(qtbot, kit, Rows(100_000))
    assert time.process_time() - began < 8, "seconds grow with what is shown, not with what there is"
    began = time.process_time()
    for n in range(1, 11):
        table.scrollTo(model.index(n * 9_000, 0))
        table.grab()
    assert (time.process_time() - began) / 10 < 1.2


def test_all_rows_have_one_height_and_columns_share_the_width(qtbot: QtBot, kit: Kit) -> None:
    _, table = made(qtbot, kit, Rows(50))
    assert {table.rowHeight(n) for n in range(50)} == {kit.theme.px("size.row")}
    assert sum(table.columnWidth(n) for n in range(3)) == table.viewport().width()
    kit.theme.set_scale(1.41)
    assert table.rowHeight(7) == kit.theme.px("size.row") > 60


def test_a_choice_outlives_a_refresh_and_is_never_passed_to_another_row(qtbot: QtBot, kit: Kit) -> None:
    source = Rows(300)
    model, table = made(qtbot, kit, source)
    table.selectRow(20)
    source.rows = [999, *range(300)]
    model.refresh()
    assert model.row(table.currentIndex().row()) == Row(20, "OD20")
    source.rows = [n for n in range(300) if n != 20]
    model.refresh()
    assert not table.selectionModel().hasSelection()


def test_rows_that_come_later_are_waited_for_without_blocking(qtbot: QtBot, kit: Kit) -> None:
    source = Rows(1000, later=True)
    model, table = made(qtbot, kit, source)
    assert model.data(model.index(3, 0)) == "…"
    opened: list[Row] = []
    table.opened.connect(opened.append)
    table.activated.emit(model.index(3, 0))
    assert opened == []
    model.deliver(0, source.read(0, PAGE))
    assert model.data(model.index(3, 0)) == "OD3"
    table.activated.emit(model.index(3, 0))
    assert opened == [Row(3, "OD3")]


def test_a_head_that_sorts_says_so_and_turns_round(qtbot: QtBot, kit: Kit) -> None:
    _, table = made(qtbot, kit, Rows(10))
    asked: list[tuple[str, bool]] = []
    table.sort_asked.connect(lambda name, up: asked.append((name, up)))
    head = table.horizontalHeader()
    for section in (0, 0, 1):
        head.sectionClicked.emit(section)
    assert asked == [("order_no", True), ("order_no", False)]


def test_an_empty_table_says_what_to_do(qtbot: QtBot, kit: Kit) -> None:
    source = Rows(0)
    model, table = made(qtbot, kit, source)
    assert table._empty is not None and table._empty.isVisible()
    source.rows = range(3)
    model.refresh()
    assert not table._empty.isVisible()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_table_is_painted_from_the_tokens_in_both_schemes(qtbot: QtBot, kit: Kit, mode: str) -> None:
    kit.theme.set_mode(mode)  # type: ignore[arg-type]
    _, table = made(qtbot, kit, Rows(5))
    table.selectRow(1)
    picture = table.viewport().grab().toImage()
    row = kit.theme.px("size.row")
    assert picture.pixelColor(3, row + row // 2) == kit.theme.colour("selected")


# -- rows


def test_the_row_that_is_open_stays_in_sight_whole_when_what_opens_below_takes_the_room(
    qtbot: QtBot, kit: Kit
) -> None:
    """On a small screen why a waybill was refused was half below the edge, just when its row had been touched."""
    notes = tuple(NoteRow(str(n), f"单 {n}", None, "拒绝", why="平台原话：不对") for n in range(40))
    rows: RowsModel[NoteRow] = RowsModel(lambda n, after: (notes, ""), lambda r: r.key, lambda r: r.text)
    view: RowList[NoteRow] = RowList(kit, rows, RefusedDelegate(kit))
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    view.refresh()
    last_seen = view.indexAt(view.viewport().rect().bottomLeft())
    assert last_seen.isValid()
    key = notes[last_seen.row()].key
    view.mark(key)
    view.reveal(key)
    assert view.viewport().rect().contains(view.visualRect(last_seen))
    view.resize(400, 180)
    qtbot.waitUntil(lambda: view.viewport().rect().contains(view.visualRect(last_seen)))
    # who has scrolled away from it reads something else
    view.scrollToBottom()
    at = view.verticalScrollBar().value()
    view.resize(400, 160)
    assert view.verticalScrollBar().value() >= at
