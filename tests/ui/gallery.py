"""Draws every widget in both languages and both schemes into out/gallery, for people to look at.

python -m tests.ui.gallery [--out DIR] [--size 1366x768]
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from app.core.texts import Texts
from tests.helpers.qt import FixedClock
from ui.kit import Kit, make_kit
from ui.resources import resource_dir
from ui.tokens import STATES, State, scale_for
from ui.widgets.alarm import Alarm, AlarmView
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.counter_label import CounterLabel
from ui.widgets.deadline_label import DeadlineLabel
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import column, row, rule
from ui.widgets.message_bar import MessageBar
from ui.widgets.page import Page
from ui.widgets.paged_table import Column, PagedModel, PagedTable
from ui.widgets.plain_label import PlainLabel
from ui.widgets.search_field import SearchField
from ui.widgets.state_chip import StateChip
from ui.widgets.story_view import StoryView
from ui.widgets.strip import Strip, StripItem
from ui.widgets.switches import LanguageButton, ThemeButton

WORDS = {
    "close": ("封箱", "Close parcel"),
    "print": ("打印小票", "Print slip"),
    "import": ("导入订单文件", "Import a file"),
    "rehearse": ("开始演练", "Start the rehearsal"),
    "empty": ("还没有订单", "No orders yet"),
    "empty_how": (
        "接上店铺、导入订单文件，或先用演练订单走一遍。",
        "Connect a shop, import a file, or start the rehearsal.",
    ),
    "no": ("系统单号", "Order"),
    "state": ("状态", "State"),
    "goods": ("商品", "Goods"),
    "money": ("实付", "Paid"),
}
NOW = datetime(2026, 11, 21, 6, 3, 9, tzinfo=UTC)


def both(kit: Kit, zh: str, en: str) -> str:
    return zh if kit.i18n.lang == "zh" else en


def head(kit: Kit) -> QWidget:
    bar = Card(kit)
    bar.setProperty("role", "head")
    line = row(kit, gap="space.s")
    line.addWidget(PlainLabel("Orderdock", "title"))
    line.addWidget(PlainLabel(both(kit, "打包台 3 · 主仓", "Packing station 3 · main"), "muted"))
    line.addStretch()
    line.addWidget(LanguageButton(kit))
    line.addWidget(ThemeButton(kit))
    bar.body.addLayout(line)
    bar.body.setContentsMargins(kit.theme.px("space.l"), 4, kit.theme.px("space.l"), 4)
    return bar


def bench(kit: Kit) -> QWidget:
    """Something like the packing bench: do the pieces make a screen?"""
    page = Page()
    whole = QVBoxLayout(page)
    whole.setContentsMargins(0, 0, 0, 0)
    whole.setSpacing(0)
    whole.addWidget(head(kit))
    middle = row(kit, margin="space.l", gap="space.l")
    left = Card(kit)
    top = row(kit, PlainLabel("OD20261121001", "display"))
    top.addStretch()
    due = DeadlineLabel(kit, size="lead")
    due.show_deadline(NOW + timedelta(minutes=42))
    top.addWidget(due)
    left.body.addLayout(top)
    left.body.addWidget(
        PlainLabel(both(kit, "扫下一件：货位 A-03-12", "Scan the next item: bin A-03-12"), "heading")
    )
    for i, (title, done, of) in enumerate((
        ("轻羽保温杯 500 ml 雾蓝", 2, 3),
        ("Cotton towel, set of 2 <b>white</b>", 1, 1),
        ("℃ 䶮㛃 × 3 & 赠品", 3, 2),
    )):
        left.body.addWidget(rule())
        counter = CounterLabel(kit)
        counter.show_count(done, of)
        words = column(
            kit, PlainLabel(title, "lead", lines=1), PlainLabel(f"SKU-{1000 + i} · A-03-{12 + i}", "caption")
        )
        line = row(kit)
        line.addLayout(words, 1)
        line.addWidget(counter)
        left.body.addLayout(line)
    left.body.addStretch()
    buttons = row(kit)
    buttons.addWidget(BigButton(kit, "gallery.close", role="main", key="F5", tall=True))
    buttons.addWidget(BigButton(kit, "gallery.print", icon="printer", key="F6", tall=True))
    buttons.addStretch()
    left.body.addLayout(buttons)
    right = QVBoxLayout()
    for minutes in (-3, 12, 95, 400):
        card = Card(kit, margin="space.m", gap="space.xs")
        chip = DeadlineLabel(kit)
        chip.show_deadline(NOW + timedelta(minutes=minutes))
        card.body.addWidget(PlainLabel(f"OD2026112100{2 + minutes % 7}", "lead"))
        card.body.addWidget(chip)
        right.addWidget(card)
    right.addStretch()
    middle.addWidget(left, 3)
    middle.addLayout(right, 1)
    whole.addLayout(middle, 1)
    bar = MessageBar(kit)
    bar.error(
        both(
            kit,
            "这不是本单的商品。别放进箱子，放回原货位后再扫。",
            "Not in this order. Keep it out of the box and put it back.",
        )
    )
    bar.success(both(kit, "已保存", "Saved"))
    whole.addWidget(bar)
    whole.addWidget(strip(kit))
    return page


def strip(kit: Kit) -> Strip:
    foot = Strip(kit)
    foot.show_items([
        StripItem(
            "hub", "wait", both(kit, "离线 2 分钟 · 4 条扫描在本机", "offline 2 min · 4 scans safe here")
        ),
        StripItem("printer", "ok", both(kit, "小票机 A 正常", "printer A ready")),
        StripItem("scanner", "ok", both(kit, "扫码枪正常", "scanner ready")),
        StripItem("sound", "stop", kit.i18n.say("ui.sound_no_device")),
        StripItem("outbox", "idle", both(kit, "待上传 0", "0 waiting")),
    ])
    return foot


def pieces(kit: Kit) -> QWidget:
    page = Page()
    whole = QHBoxLayout(page)
    left, right = column(kit, gap="space.l"), column(kit, gap="space.l")
    whole.addLayout(left, 1)
    whole.addLayout(right, 1)
    chips = Card(kit)
    for tone in ("soft", "solid", "bare"):
        line = row(kit, *(StateChip(kit, s, kit.i18n.say(f"ui.state_{s}"), tone=tone) for s in STATES))  # type: ignore[arg-type]
        line.addStretch()
        chips.body.addLayout(line)
    left.addWidget(chips)
    buttons = Card(kit)
    for role in ("main", "plain", "quiet", "stop"):
        one = BigButton(kit, "gallery.close", role=role, key="F5")  # type: ignore[arg-type]
        two = BigButton(kit, "gallery.print", role=role, icon="printer")  # type: ignore[arg-type]
        off = BigButton(kit, "gallery.close", role=role)  # type: ignore[arg-type]
        off.setEnabled(False)
        line = row(kit, one, two, off)
        line.addStretch()
        buttons.body.addLayout(line)
    left.addWidget(buttons)
    fields = Card(kit)
    fields.body.addWidget(SearchField(kit))
    typed = SearchField(kit)
    typed.setText("2807")
    fields.body.addWidget(typed)
    box = QComboBox()
    box.addItems(["顺丰速运", "中通快递"])
    tick = QCheckBox("Checked")
    tick.setChecked(True)
    fields.body.addLayout(row(kit, box, tick, QCheckBox("Not checked")))
    left.addWidget(fields)
    left.addStretch()
    texts = Card(kit)
    for role in ("caption", "muted", "body", "lead", "title", "heading", "display", "hero"):
        texts.body.addWidget(PlainLabel(f"{role} 打包 Pack 123", role))  # type: ignore[arg-type]
    right.addWidget(texts)
    tinted = row(kit)
    for state in STATES:
        card = Card(kit, margin="space.m")
        card.set_state(state)
        card.body.addWidget(PlainLabel(kit.i18n.tr(f"ui.state_{state}"), "lead"))
        card.body.addWidget(PlainLabel("12", "heading"))
        tinted.addWidget(card)
    right.addLayout(tinted)
    empty = Card(kit)
    state = EmptyState(kit, "box", kit.i18n.say("gallery.empty"), kit.i18n.say("gallery.empty_how"))
    state.offer("gallery.import", lambda: None, main=True, icon="import")
    state.offer("gallery.rehearse", lambda: None, icon="play")
    empty.body.addWidget(state)
    right.addWidget(empty, 1)
    return page


def alarm_over(kit: Kit, page: QWidget, *, calm: bool) -> Alarm:
    alarm = Alarm(kit, page)
    say = both
    if calm:
        alarm.raise_alarm(
            AlarmView(
                "b",
                say(kit, "地址已改", "Address changed"),
                say(kit, "订单 OD20261121001 改了收货地址", "Order OD20261121001 has a new address"),
                say(
                    kit,
                    "旧面单作废。撕下旧面单，重新打印后再封箱。",
                    "The old label is void. Take it off and print a new one.",
                ),
                calm=True,
            )
        )
        return alarm
    for n in (1, 2):
        alarm.raise_alarm(
            AlarmView(
                f"a{n}",
                say(kit, "停！", "STOP"),
                say(kit, f"订单 OD2026112100{n} 已取消", f"Order OD2026112100{n} is cancelled"),
                say(kit, "请停手。把货放进红色周转箱。", "Stop packing. Put the goods in the red tote."),
                (
                    say(kit, "买家 8 秒前取消", "Cancelled by the buyer 8 s ago"),
                    say(kit, "包裹 01", "Parcel 01"),
                ),
            )
        )
    return alarm


def draw(app: QApplication, out: Path, width: int, height: int) -> None:
    kit = make_kit(app, resource_dir(), FixedClock(NOW), scale=scale_for(width, height))
    own = {f"gallery.{key}": {"zh": zh, "en": en} for key, (zh, en) in WORDS.items()}
    kit.i18n._texts = Texts({**kit.i18n._texts.table, **own})
    out.mkdir(parents=True, exist_ok=True)
    for lang in ("zh", "en"):
        for mode in ("light", "dark"):
            kit.i18n.switch(lang)  # type: ignore[arg-type]
            kit.theme.set_mode(mode)  # type: ignore[arg-type]
            for name, page in (("bench", bench(kit)), ("pieces", pieces(kit)), *more_pages(kit)):
                page.resize(width, height)
                page.show()
                app.processEvents()
                save(page, out, name, lang, mode, width)
                if name == "bench":
                    for calm in (False, True):
                        alarm = alarm_over(kit, page, calm=calm)
                        app.processEvents()
                        save(page, out, "calm" if calm else "alarm", lang, mode, width)
                        for view in alarm.waiting:
                            alarm.withdraw(view.alarm_id)
                page.close()
                page.deleteLater()
                app.processEvents()


@dataclass(frozen=True)
class Happening:
    at: datetime
    state: State
    text: str
    who: str
    detail: str = ""
    early: bool = False
    pending: bool = False
    opens: bool = False


def happenings(kit: Kit) -> list[Happening]:
    def at(seconds: float) -> datetime:
        return NOW - timedelta(hours=31) + timedelta(seconds=seconds)

    rows: list[tuple[float, State, str, str, str, str]] = [
        (0, "idle", "下单，3 件，¥128.00", "Ordered, 3 items, ¥128.00", "拼多多", "留言：<b>礼物</b>，不要发票 & 小票"),
        (6, "ok", "已付款", "Paid", "拼多多 · 轻羽旗舰店", ""),
        (61, "info", "放行到主仓", "Released to main warehouse", "订单中枢", ""),
        (11_000, "info", "打印拣货小票", "Pick slip printed", "王芳 · 打包台 3", ""),
        (11_090, "idle", "打包台 3 打开包裹 01", "Parcel 01 opened at station 3", "王芳 · 打包台 3", ""),
        (11_130, "stop", "买家申请取消", "Cancelled by the buyer", "拼多多 · 轻羽旗舰店", ""),
        (11_131, "ok", "打包台已停手", "Station has stopped", "王芳 · 打包台 3", ""),
        (104_000, "wait", "放回货位 A-03-12", "Put back to bin A-03-12", "李强", "1 → 0\n运单号 SF12345 已作废"),
    ]  # fmt: skip
    zh = kit.i18n.lang == "zh"
    return [Happening(at(s), state, cn if zh else en, who, detail) for s, state, cn, en, who, detail in rows]


@dataclass(frozen=True)
class Line:
    no: int


class Lines:
    def count(self) -> int:
        return 100_000

    def fetch(self, first: int, n: int) -> list[Line]:
        return [Line(at) for at in range(first, min(first + n, 100_000))]


def columns(kit: Kit) -> list[Column[Line]]:
    states: list[State] = ["ok", "wait", "stop", "info", "idle"]
    return [
        Column("gallery.no", lambda line: f"OD20261121{line.no:06d}", 220, sort="order_no"),
        Column(
            "gallery.state",
            lambda line: kit.i18n.tr(f"ui.state_{states[line.no % 5]}"),
            160,
            lambda line: states[line.no % 5],
        ),
        Column("gallery.goods", lambda line: "轻羽保温杯 500 ml <b>雾蓝</b> " * (1 + line.no % 4)),
        Column("gallery.money", lambda line: kit.i18n.words.money(line.no * 1234), 150, right=True),
    ]


def lists(kit: Kit) -> QWidget:
    page = Page()
    whole = QHBoxLayout(page)
    left, right = Card(kit, margin="", gap=""), Card(kit)
    model = PagedModel(kit, columns(kit), Lines(), key=lambda line: line.no)
    table = PagedTable(kit, model)
    table.selectRow(3)
    left.body.addWidget(table)
    story = StoryView(kit)
    story.show_entries(happenings(kit))
    right.body.addWidget(story)
    whole.addWidget(left, 3)
    whole.addWidget(right, 2)
    return page


def more_pages(kit: Kit) -> list[tuple[str, QWidget]]:
    return [("lists", lists(kit))]


def save(page: QWidget, out: Path, name: str, lang: str, mode: str, width: int) -> None:
    path = out / f"{name}-{lang}-{mode}-{width}.png"
    if not page.grab().save(str(path)):
        raise SystemExit(f"cannot write {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/gallery"))
    parser.add_argument("--size", default="1366x768")
    asked = parser.parse_args()
    width, height = (int(part) for part in asked.size.split("x"))
    app = QApplication([])
    draw(app, asked.out, width, height)


if __name__ == "__main__":
    main()
