"""A day's work at the supervisor's desk, and one's own day at the bench, from a real hub."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.wire import WorkDay, WorkRow
from tests.helpers.real_hub import RealHub
from ui.present.workday import moved, work_lines
from ui.screens.my_day import day_words
from ui.screens.packing import PackingScreen
from ui.screens.supervisor import SupervisorScreen
from ui.station import Station

WAIT_MS = 15_000
OpenStation = Callable[[str], Station]


def _worked(hub: RealHub, order_no: str) -> None:
    """One order is packed by the administrator, with a count by hand."""
    now = datetime.now(UTC)
    acts = [
        {
            "act_id": f"{order_no}-{kind}",
            "kind": kind,
            "order_no": order_no,
            "parcel_no": f"{order_no}01",
            "made_at": (now + timedelta(milliseconds=at)).isoformat(),
            "body": body,
        }
        for at, (kind, body) in enumerate([
            ("opened", {}),
            ("line_packed", {"line_no": 1, "qty": 1, "by_hand": True}),
            ("parcel_closed", {}),
        ])
    ]
    assert [one["outcome"] for one in hub.api("POST", "/v1/acts", acts)] == ["applied"] * 3


def test_the_supervisor_sees_a_day_down_to_single_acts_and_takes_it_away(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: Callable[..., str], tmp_path: Path
) -> None:
    _worked(hub, new_order(("SKU-1", 1)))
    desk = open_station("supervisor")
    assert isinstance(desk.desk, SupervisorScreen)
    desk.desk.work.click()
    page = desk.pages.work
    assert page is not None
    qtbot.waitUntil(lambda: page.people.list.rows.rowCount() >= 2, timeout=WAIT_MS)
    rows = [page.people.list.rows.row(at) for at in range(page.people.list.rows.rowCount())]
    assert rows[0] is not None and rows[0].is_house and rows[0].name == "仓库 main"
    admin = next(row for row in rows if row is not None and row.who == "admin")
    assert "件" in admin.detail and "分钟" in admin.detail
    page.choose(admin)
    qtbot.waitUntil(lambda: page.acts.list.rows.rowCount() >= 3, timeout=WAIT_MS)
    file = tmp_path / "一天.csv"
    page.save_to(file)
    qtbot.waitUntil(lambda: "一天.csv" in desk.window.bar.words(), timeout=WAIT_MS)
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    page.before.click()
    qtbot.waitUntil(lambda: page.people.list.rows.rowCount() == 0, timeout=WAIT_MS)
    assert page.after.isEnabled()
    page.finished.emit()
    assert desk.window.at_desk


def test_a_bench_shows_the_own_day_small_under_the_queue(
    qtbot: QtBot, hub: RealHub, open_station: OpenStation, new_order: Callable[..., str]
) -> None:
    order_no = new_order(("SKU-1", 1))
    bench = open_station("packing")
    assert isinstance(bench.desk, PackingScreen)
    qtbot.waitUntil(lambda: bench.desk.my_day is not None, timeout=WAIT_MS)
    mine = bench.desk.my_day
    assert mine is not None
    qtbot.waitUntil(lambda: "还没有打包" in mine.words(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bench.core.read.order(order_no) is not None, timeout=WAIT_MS)
    bench.scan(f"{order_no}01")
    qtbot.waitUntil(lambda: bench.core.packing.open_parcel_no() == f"{order_no}01", timeout=WAIT_MS)
    bench.scan("SKU-1")
    qtbot.waitUntil(lambda: bench.core.packing.view().can_undo, timeout=WAIT_MS)
    bench.desk._close()
    qtbot.waitUntil(lambda: "今天 1 包 · 1 件" in mine.words(), timeout=WAIT_MS)
    assert "1 包一次做对" in mine.words()
    assert day_words(bench.core.my_days.of(bench.core.bench.clock.now()), bench.room.words())[0].startswith(
        "今天 1 包"
    )


def test_below_the_line_is_told_in_words_and_never_in_red(open_station: OpenStation) -> None:
    bench = open_station("packing")
    row = WorkRow(
        warehouse="main", who="李娜", parcels=20, units=40, seconds=1200, orders=20, scanned_orders=18
    )
    day = WorkDay(
        day="20261121",
        today="20261121",
        houses=[row],
        people=[row],
        outbound=[],
        span_cap_s=600,
        paperless_aim=95.0,
    )
    lines = work_lines(day, bench.room.words())
    assert [line.chip.state for line in lines if line.chip] == ["info", "info"]
    assert lines[1].chip is not None and "90.0%" in lines[1].chip.text and "95%" in lines[1].chip.text
    assert "每包 1 分" in lines[1].detail
    assert moved("20260228", 1) == "20260301"
