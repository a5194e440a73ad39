"""Pictures of every screen with real data, to be looked at: python -m tests.ui.grab_screens [out/screens]

A real hub with the sample shop, stations joined over HTTP; both languages, three sizes, light and dark.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_LOGGING_RULES", "qt.multimedia.*=false;*.warning=false")

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.core.scanner_codes import SHEET_CODES, retyped
from app.core.tracking import NodeKind
from app.station.shops import ShopLists
from app.wire import (
    CourierSource,
    ImportProgress,
    QuarantineView,
    ShipBackView,
    ShopHealth,
    ShopList,
    ShopView,
)
from rehearsal import shop
from rehearsal.courier import Node
from rehearsal.processes import StepFailed
from tests.helpers.real_hub import PASSWORD, RealHub, real_hub
from tests.helpers.ui_joint import joint
from ui.app import build_station
from ui.screens.ops import OpsScreen
from ui.screens.packing import PackingScreen
from ui.screens.service import ServiceScreen
from ui.screens.supervisor import SupervisorScreen
from ui.station import Station

SIZES = {"1366x768": (1366, 768), "1920x1080": (1920, 1080), "1093x614": (1093, 614)}
NAMES = {"packing": "打包台 3", "supervisor": "主管台", "service": "客服台", "ops": "运营台"}
EMPTY = ("packing", "supervisor", "service", "ops")
_LONG = "锦绣江南家居生活馆杭州保税仓专营店-tmall-2026"
#: A platform that nobody can reach, for the ops desk.
PLATFORM = """[[shop]]
id = "pdd-main"
connector = "pdd"
base_url = "http://127.0.0.1:9"
app_key = "only-for-tests"
app_secret = "only-for-tests"
access_token = "only-for-tests"
"""


#: Every size in both languages and both looks; --all takes every combination.
PAIRS = {
    "1366x768": (("zh", "light"), ("en", "dark")),
    "1920x1080": (("zh", "dark"), ("en", "light")),
    "1093x614": (("zh", "light"), ("en", "dark")),
}


class Grabber:
    """Grabs windows as they stand; ``which`` is "quick" (one picture a state), "desks" (three), "ops", "pairs" or
    "all"."""

    def __init__(self, app: QApplication, out: Path, which: str) -> None:
        self.app, self.out = app, out
        self.only: frozenset[str] = frozenset()
        every = tuple((lang, mode) for lang in ("zh", "en") for mode in ("light", "dark"))
        self.wanted = {
            "quick": {"1366x768": (("zh", "light"),)},
            "pairs": PAIRS,
            "readme": {"1366x768": (("zh", "light"), ("en", "light"))},
            "all": dict.fromkeys(SIZES, every),
            "ops": dict.fromkeys(SIZES, (("zh", "light"), ("en", "dark"))),
            "desks": {"1093x614": (("zh", "light"), ("en", "dark")), "1920x1080": (("en", "light"),)},
        }[which]

    def shots(self, name: str, station: Station, widget: QWidget | None = None) -> None:
        if self.only and name not in self.only:
            return
        for size, looks in self.wanted.items():
            station.window.resize(*SIZES[size])
            for lang, mode in looks:
                station.kit.i18n.switch(lang)  # type: ignore[arg-type]
                station.kit.theme.set_mode(mode)  # type: ignore[arg-type]
                self.settle(0.2)  # new words, new lines, new heights: a busy machine needs its turns
                picture = (widget or station.window).grab()
                picture.save(str(self.out / f"{name}-{size}-{lang}-{mode}.png"))
        station.kit.i18n.switch("zh")
        station.kit.theme.set_mode("light")

    def settle(self, seconds: float = 0.05) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.app.processEvents()
            self.app.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # no event loop ends here by itself

    def until(self, done: Callable[[], bool], what: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(what)
            self.settle(0.02)


def fill(hub: RealHub) -> None:
    hub.take("items", shop.ITEM_HEADINGS, shop.item_rows())
    hub.take("waybills", shop.WAYBILL_HEADINGS, shop.waybill_rows(1))
    hub.take("orders", shop.ORDER_HEADINGS, shop.order_rows(date.today(), 1))  # noqa: DTZ011 - a shop's own day


def paired(
    grab: Grabber, app: QApplication, hub: RealHub, kind: str, folder: Path, *, wait: bool = True
) -> Station:
    station = build_station(app, joint(), kind, folder / f"工位 {kind}", lang="zh")
    station.open()
    code = hub.code(kind)
    station.work.run(lambda: station.core.pair(hub.url, code, NAMES[kind]))
    grab.until(lambda: station.desk is not None, "the desk")
    grab.until(lambda: station.core.read.queue_count() > 0 or kind == "service" or not wait, "the feed")
    grab.settle(1.0)
    return station


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", nargs="?", default="out/screens", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--readme", action="store_true", help="only the pictures of the README, by its names")
    parser.add_argument("--desks", action="store_true", help="only the desks of supervisor, service and ops")
    parser.add_argument("--ops", action="store_true", help="only the ops desk, every size in both languages")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    app = QApplication(sys.argv[:1])
    folder = Path(tempfile.mkdtemp(prefix="orderdock-screens-"))
    if asked.readme:
        return readme(app, asked.out, folder)
    which = next((name for name in ("quick", "all", "desks", "ops") if getattr(asked, name)), "pairs")
    grab = Grabber(app, asked.out, which)
    try:
        with real_hub(folder / "hub", PLATFORM) as hub:
            if which not in ("desks", "ops"):
                first(grab, app, folder)
            some = {"desks": ("supervisor", "service"), "ops": ("ops",)}
            empty(grab, app, hub, folder, some.get(which, EMPTY))
            fill(hub)
            if which == "ops":
                ops_offline(grab, hub, ops(grab, app, hub, folder))
            elif which == "desks":
                desks(grab, app, hub, folder)
            else:
                shift(grab, app, hub, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


#: Which of the pictures stand in the README, and their names there.
README = {
    "packing-open": "packing",
    "alarm": "alarm",
    "service-track": "service",
    "supervisor": "supervisor",
    "ops-many": "ops",
}


def readme(app: QApplication, out: Path, folder: Path) -> int:
    """The pictures that the README shows, both languages."""
    drawn = folder / "drawn"
    drawn.mkdir()
    grab = Grabber(app, drawn, "readme")
    grab.only = frozenset(README)
    try:
        with real_hub(folder / "hub", PLATFORM) as hub:
            fill(hub)
            bench = paired(grab, app, hub, "packing", folder)
            desk = bench.desk
            assert isinstance(desk, PackingScreen)
            packing(grab, bench, desk, hub)
            away = silent_bench(grab, app, hub, folder)
            order_no = alarm(grab, bench, desk, hub, away)
            bench.alarm.acknowledge("scan")
            supervisor(grab, app, hub, folder)
            service(grab, app, hub, folder, order_no)
            ops(grab, app, hub, folder).close()
            bench.close()
        for name, called in README.items():
            for lang in ("zh", "en"):
                shutil.copy(drawn / f"{name}-1366x768-{lang}-light.png", out / f"{called}-{lang}.png")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def first(grab: Grabber, app: QApplication, folder: Path) -> None:
    """The first start."""
    station = build_station(app, joint(), "packing", folder / "first", lang="zh")
    station.open()
    grab.shots("welcome", station)
    assert station.welcome is not None
    station.welcome.show_alone()
    grab.shots("welcome-alone", station)
    station.welcome.show_join()
    grab.shots("welcome-join", station)
    station.close()


def empty(grab: Grabber, app: QApplication, hub: RealHub, folder: Path, kinds: tuple[str, ...]) -> None:
    """Before the first order: what each desk says, and how a file is brought in."""
    for kind in kinds:
        station = paired(grab, app, hub, kind, folder / "empty", wait=False)
        grab.shots(f"{kind}-empty", station)
        if kind == "supervisor" and kinds == EMPTY:
            importing(grab, station, folder)
        station.close()


def importing(grab: Grabber, station: Station, folder: Path) -> None:
    station.pages.show_import()
    assert station.pages.intake is not None
    page = station.pages.intake
    grab.until(page.sign_on.isVisible, "the rights")
    grab.shots("import-sign-on", station)
    page.sign_on.form.user.edit.setText("admin")
    page.sign_on.form.password.edit.setText(PASSWORD)
    page.sign_on.form.go.click()
    grab.until(lambda: station.core.person == "admin", "signed on")
    grab.settle(4.5)
    grab.shots("import-begin", station)
    file = folder / "双十一 订单.csv"
    rows = [shop.ORDER_HEADINGS, *shop.order_rows(date.today(), 2)]  # noqa: DTZ011 - a shop's own day
    broken = [[*row[:-1], row[-1]] for row in rows]
    for at, column, value in ((3, 0, "4.78E+18"), (5, 6, "两件"), (8, 1, "明天")):
        broken[at][column] = value
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        csv.writer(out).writerows(broken)
    page.take(file)
    grab.until(lambda: page.report is not None, "checked")
    grab.shots("import-checked", station)
    notes = folder / "笔记.csv"
    notes.write_text("今天,天气\n好,晴\n", encoding="utf-8")
    page.take(notes)
    grab.until(lambda: not page.is_busy, "refused")
    grab.shots("import-refused", station)
    progress = ImportProgress(stage="taking", rows_done=1800, rows=5000)
    page.result.show_progress(progress, "sending", timedelta(seconds=6))
    grab.shots("import-under-way", station)
    page.take(file)
    grab.until(lambda: page.report is not None, "checked")
    page.bring()
    grab.until(lambda: not page.is_busy, "imported")
    grab.shots("import-done", station)
    station.window._drop_hint.cover(fits=True)
    grab.shots("import-drop", station)


def shift(grab: Grabber, app: QApplication, hub: RealHub, folder: Path) -> None:
    bench = paired(grab, app, hub, "packing", folder)
    desk = bench.desk
    assert isinstance(desk, PackingScreen)
    grab.shots("packing-ready", bench)
    packing(grab, bench, desk, hub)
    away = silent_bench(grab, app, hub, folder)
    order_no = alarm(grab, bench, desk, hub, away)
    bench.alarm.acknowledge("scan")
    grab.settle(0.5)
    grab.shots("packing-after-alarm", bench)
    supervisor(grab, app, hub, folder)
    service(grab, app, hub, folder, order_no)
    ops_desk = ops(grab, app, hub, folder)
    held(grab, bench, order_no)
    bench.pages.show_settings()
    grab.shots("settings", bench)
    bench.pages.back()
    bench.pages.show_scanner_check()
    assert bench.pages.scanner_check is not None
    for code in SHEET_CODES[1:]:
        bench.pages.scanner_check.take("~" + retyped(code.text, "us", "fr"), "serial:COM3")
    bench.pages.scanner_check.finish()
    grab.shots("scanner-check", bench)
    bench.pages.back()
    bench.pages.show_sign_on()
    grab.shots("sign-on", bench)
    bench.pages.back()
    ops_offline(grab, hub, ops_desk)
    grab.until(lambda: not bench.core.bench.is_online, "offline", 40)
    grab.settle(1.5)
    grab.shots("packing-offline", bench)
    bench.close()


def desks(grab: Grabber, app: QApplication, hub: RealHub, folder: Path) -> None:
    """The desks alone, with a stop at a bench that is away, one at a bench that answers, and a hold."""
    bench = paired(grab, app, hub, "packing", folder)
    desk = bench.desk
    assert isinstance(desk, PackingScreen)
    away = silent_bench(grab, app, hub, folder)
    order_no = raise_alarm(grab, bench, desk, hub, away)
    bench.alarm.acknowledge("scan")
    supervisor(grab, app, hub, folder)
    service(grab, app, hub, folder, order_no)
    ops(grab, app, hub, folder).close()
    bench.close()


def packing(grab: Grabber, bench: Station, desk: PackingScreen, hub: RealHub) -> None:
    codes = {good.sku_code: shop.barcode(good) for good in shop.GOODS}
    rows = bench.core.read.queue(60).rows
    chosen = next(r for r in rows if r.line_count >= 3)
    desk._open(chosen.parcel_no)
    grab.settle(0.5)
    order = bench.core.read.order(chosen.order_no)
    assert order is not None
    skus = {line.line_no: line.sku_code for line in order.lines}
    lines = order.parcels[0].lines
    bench.scan(codes[skus[lines[0].line_no]])
    for _ in range(lines[0].qty - 1):
        grab.settle(0.35)
        bench.scan(codes[skus[lines[0].line_no]])
    grab.settle(0.4)
    grab.shots("packing-open", bench)
    other = next(s for s in codes if s not in skus.values())
    bench.scan(codes[other])
    grab.shots("packing-wrong-item", bench)
    grab.settle(0.35)
    bench.scan(codes[skus[lines[0].line_no]])
    grab.shots("packing-too-many", bench)
    bench.scan("X-20261121-NEU")
    grab.shots("packing-unknown", bench)
    desk.scan_bar.offer.click()
    grab.shots("packing-bind", bench)
    desk._never_mind()
    desk._abnormal_button.click()
    grab.shots("packing-abnormal", bench)
    desk._buttons.setCurrentIndex(0)
    desk._codes_button.setChecked(True)
    desk._show_desk()
    grab.shots("packing-codes", bench)
    desk._codes_button.setChecked(False)
    for at, line in enumerate(lines):
        for _ in range(line.qty - (at == 0) * lines[0].qty):
            grab.settle(0.35)
            bench.scan(codes[skus[line.line_no]])
    grab.settle(0.4)
    grab.shots("packing-complete", bench)
    desk._close_button.click()
    grab.until(lambda: bench.core.packing.view().parcel is None, "closed")
    second = next(r for r in bench.core.read.queue(60).rows if r.order_no != chosen.order_no)
    desk._open(second.parcel_no)
    grab.settle(0.3)
    desk._mark("damaged")
    grab.settle(0.4)
    grab.shots("packing-closed", bench)
    desk._handover_button.click()
    grab.until(lambda: "1" in desk._handover.van.title.words(), "counted for the van")
    grab.shots("packing-handover", bench)
    desk._handover_button.click()
    grab.settle(0.2)


def held(grab: Grabber, bench: Station, stopped: str) -> None:
    """What a bench may not go on with, and what its printer left open."""
    on_hold = next(r.parcel_no for r in bench.core.read.queue(60).rows if r.is_on_hold)
    for name, parcel_no in (("packing-hold", on_hold), ("packing-frozen", f"{stopped}01")):
        bench.scan(parcel_no)
        grab.settle(0.3)
        grab.shots(name, bench)
    say = bench.kit.i18n.say
    why = bench.kit.i18n.tr("packing.doubt_lost_link")
    question = say("packing.doubt", why=why, number="003")
    bench.window.bar.ask(question, key="paper-x", yes="packing.doubt_yes", no="packing.doubt_no")
    grab.shots("packing-doubt", bench)
    bench.window.bar.resolve("paper-x")


def silent_bench(grab: Grabber, app: QApplication, hub: RealHub, folder: Path) -> str:
    """Another bench takes a parcel and is heard of no more."""
    NAMES["packing"] = "打包台 1"
    other = paired(grab, app, hub, "packing", folder / "other")
    NAMES["packing"] = "打包台 3"
    row = other.core.read.queue(60).rows[6]
    other.scan(row.parcel_no)
    grab.until(
        lambda: other.core.outbox.pending_count() == 0 and other.core.leases.is_valid(row.parcel_no),
        "a lease",
    )
    other.close()
    return row.order_no


def alarm(grab: Grabber, bench: Station, desk: PackingScreen, hub: RealHub, away: str) -> str:
    order_no = raise_alarm(grab, bench, desk, hub, away)
    grab.shots("alarm", bench)
    return order_no


def raise_alarm(grab: Grabber, bench: Station, desk: PackingScreen, hub: RealHub, away: str) -> str:
    rows = [
        r for r in bench.core.read.queue(60).rows if not (r.is_frozen or r.is_on_hold) and r.order_no != away
    ]
    held, stopped = rows[3], rows[0]
    desk._open(stopped.parcel_no)
    grab.settle(1.0)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    act = {"act_id": "h1" * 13, "kind": "hold", "order_no": held.order_no, "made_at": now}
    hub.api("POST", "/v1/acts", [{**act, "body": {"reason": "address", "note": "门牌号不全，等买家回复"}}])
    hub.cancel(away, "c2" * 13, now, reason="slow", note="等太久了")
    hub.cancel(stopped.order_no, "c1" * 13, now, reason="buyer", note="买家拍错了")
    grab.until(lambda: bench.alarm.active is not None, "the alarm")
    return stopped.order_no


def supervisor(grab: Grabber, app: QApplication, hub: RealHub, folder: Path) -> None:
    station = paired(grab, app, hub, "supervisor", folder)
    desk = station.desk
    assert isinstance(desk, SupervisorScreen)
    grab.settle(1.0)
    grab.shots("supervisor", station)
    desk.stops.panel.buttons["take_over"].click()
    grab.shots("supervisor-why", station)
    free = next(o for o in station.core.read.search("", 40) if not o.stops and o.order_state == "released")
    desk.look_up(free.order_no)
    grab.shots("supervisor-order", station)
    desk.order.view.acts.hold.click()
    grab.shots("supervisor-hold", station)
    station.close()


def service(grab: Grabber, app: QApplication, hub: RealHub, folder: Path, order_no: str) -> None:
    station = paired(grab, app, hub, "service", folder)
    desk = station.desk
    assert isinstance(desk, ServiceScreen)
    grab.until(lambda: station.core.read.order(order_no) is not None, "the order")
    grab.settle(1.0)
    grab.shots("service-begin", station)
    desk.search.setText("OD2026112")
    desk.look_for("OD2026112")
    grab.shots("service-found", station)
    desk.show_order(order_no)
    grab.settle(0.3)
    grab.shots("service-stop", station)
    free = next(o for o in station.core.read.search("", 40) if not o.stops and o.order_state == "released")
    desk.show_order(free.order_no)
    grab.settle(0.2)
    grab.shots("service-order", station)
    desk.view.acts.cancel.click()
    grab.shots("service-cancel", station)
    desk.view.acts.setCurrentIndex(0)
    under_way(grab, station, desk, hub)
    station.close()


def under_way(grab: Grabber, station: Station, desk: ServiceScreen, hub: RealHub) -> None:
    """A parcel with the courier: nodes with their durations, one of them open with its words."""
    free = [o for o in station.core.read.search("", 60) if not o.stops and o.order_state == "released"]
    order = free[5]
    now = datetime.now(UTC).replace(microsecond=0)
    parcel_no = order.parcels[0].parcel_no
    made = (now - timedelta(hours=52)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    act = {"act_id": "h9" * 13, "kind": "handed_over", "order_no": order.order_no, "parcel_no": parcel_no}
    bound = {**act, "act_id": "w9" * 13, "kind": "waybill_bound"}
    waybill = {"waybill_no": "75528000117733", "carrier": "zhongtong"}
    hub.api("POST", "/v1/acts", [{**bound, "made_at": made, "body": waybill}])
    hub.api("POST", "/v1/acts", [{**act, "made_at": made, "body": {"carrier": "zhongtong"}}])
    told = (
        (50, NodeKind.picked_up, "【杭州西湖区文三路】（0571-88001234）的快递员已揽收"),
        (47.5, NodeKind.origin_departed, "快件离开【杭州西湖区】，已发往【杭州转运中心】"),
        (44, NodeKind.hub_arrived, "快件到达【杭州转运中心】"),
        (43.2, NodeKind.hub_departed, "快件离开【杭州转运中心】，已发往【苏州转运中心】"),
        (
            27,
            NodeKind.dest_arrived,
            "快件到达【苏州姑苏区平江路网点】，平江路 128 号，电话 0512-66008899",
        ),
    )
    nodes = [Node(now - timedelta(hours=h), kind, text, "") for h, kind, text in told]
    hub.courier_says("75528000117733", *nodes)
    grab.until(lambda: bool(station.core.read.tracks(order.order_no)), "courier nodes")
    desk.show_order(order.order_no)
    grab.settle(0.4)
    grab.shots("service-track", station)
    rows = desk.view.story._entries
    desk.view._open_entry(next(row for row in reversed(rows) if row.opens))  # type: ignore[arg-type]
    grab.settle(0.2)
    grab.shots("service-raw", station)
    desk.view.raw.ask.click()
    grab.settle(1.0)
    grab.shots("service-raw-asked", station)


def ops(grab: Grabber, app: QApplication, hub: RealHub, folder: Path) -> Station:
    """The desk as this hub has it, then with many shops; gives the station of the many."""
    station = paired(grab, app, hub, "ops", folder)
    desk = station.desk
    assert isinstance(desk, OpsScreen)
    grab.until(lambda: len(desk.shown_shops) == 2, "the shops")
    for _ in range(3):  # a third failure is an alarm
        with contextlib.suppress(StepFailed):
            hub.api("POST", "/v1/shops/pdd-main/poll")
    grab.until(lambda: bool(desk.alarms.shown), "the alarm")
    grab.settle(1.0)
    grab.shots("ops", station)
    station.close()
    return many_shops(grab, app, hub, folder)


def ops_offline(grab: Grabber, hub: RealHub, station: Station) -> None:
    """The hub is stopped, what was told last stands there."""
    hub.process.stop()
    grab.until(lambda: not station.core.bench.is_online, "offline", 40)
    grab.settle(1.5)
    grab.shots("ops-offline", station)
    station.close()


def many_shops(grab: Grabber, app: QApplication, hub: RealHub, folder: Path) -> Station:
    """A house with seven shops, some in trouble: composed, for no test hub has so many platforms. Gives its station."""
    station = paired(grab, app, hub, "ops", folder / "many")
    desk = station.desk
    assert isinstance(desk, OpsScreen)
    grab.until(lambda: len(desk.shown_shops) == 2, "the shops")
    now = datetime.now(UTC)
    good = {
        "last_good_at": now - timedelta(seconds=48),
        "next_poll_at": now + timedelta(minutes=14),
        "cursor": now - timedelta(minutes=4),
        "poll_s": 900,
        "is_listening": True,
    }
    expired = {
        "trouble": "sign_in_again",
        "word": "access_token已过期",
        "failures": 12,
        "failing_since": now - timedelta(hours=2, minutes=5),
        "last_good_at": now - timedelta(hours=2, minutes=5),
    }
    backs = {"ship_backs_waiting": 3, "ship_back_due_at": now + timedelta(minutes=50), "missed": 3}
    shops = (
        (
            "旗舰店-pdd",
            "pdd",
            good | expired | backs | {"orders_today": 86, "quarantined": 2, "is_listening": False},
        ),
        ("清仓店-pdd", "pdd", good | {"orders_today": 1204}),
        ("抖音一店", "douyin", good | {"orders_today": 371, "last_push_at": now - timedelta(seconds=9)}),
        (
            "抖音二店",
            "douyin",
            good | {"trouble": "later", "failures": 1, "failing_since": now, "orders_today": 52},
        ),
        ("天猫旗舰店", "tmall", good | {"orders_today": 640, "missed": 12}),
    )
    views = [
        ShopView(shop_id=no, connector=kind, warehouse="main", health=ShopHealth(**health))
        for no, kind, health in shops
    ]
    couriers = [
        CourierSource(
            connector="kuaidi100",
            trouble="sign_in_again",
            word="601 POLL:KEY已过期",
            failures=5,
            failing_since=now - timedelta(minutes=50),
            last_good_at=now - timedelta(minutes=51),
            takes_subscriptions=True,
            parcels=2315,
        )
    ]
    lists = ShopLists(
        shop_id="旗舰店-pdd",
        missed=tuple(f"261121-48359260{n:05d}" for n in (11, 57, 203)),
        ship_backs=tuple(
            ShipBackView(
                parcel_no=f"OD20261121{n:03d}01",
                order_no=f"OD20261121{n:03d}",
                shop_id="旗舰店-pdd",
                channel_order_no=f"261121-{n}",
                carrier="zhongtong",
                waybill_no=f"755280001177{n:02d}",
                state="refused" if n == 18 else "waiting",
                asked_at=now,
                due_at=now,
                ship_by_at=now + timedelta(minutes=40 * n),
                tries=n,
                word="订单已发货" if n == 18 else "",
            )
            for n in (2, 7, 18)
        ),
        aside=tuple(
            QuarantineView(
                quarantine_id=f"q{n}",
                at=now - timedelta(minutes=n),
                what="detail",
                ref=f"旗舰店-pdd 261121-4835926{n:06d}",
                error="",
                can_retry=True,
            )
            for n in (3, 44)
        ),
    )
    hub_asked = desk.shop._room.core.shops

    class Told:
        """Says what was composed instead of asking the hub."""

        def __getattr__(self, name: str) -> object:
            return getattr(hub_asked, name)

        async def overview(self) -> ShopList:
            return ShopList(shops=list(views), couriers=couriers)

        async def lists(self, shop_id: str) -> ShopLists:
            return lists if shop_id == lists.shop_id else ShopLists(shop_id=shop_id)

    station.core.shops = Told()  # type: ignore[assignment]
    desk.ask()
    grab.until(lambda: len(desk.shown_shops) == len(views) + 1, "the composed shops")
    desk.show_shop("旗舰店-pdd")
    grab.settle(0.5)
    grab.shots("ops-many", station)
    desk.shop.backs.list.chosen.emit(desk.shop.backs.list.rows.row(0))
    grab.shots("ops-chosen", station)
    long = good | {"orders_today": 128_640, "quarantined": 1204, "ship_backs_waiting": 2315}
    long |= {"trouble": "no_permission", "word": "isv.permission-api-package-limit:订单详情", "failures": 3}
    views.append(
        ShopView(shop_id=_LONG, connector="tmall", warehouse="main", health=ShopHealth(**long)),
    )
    desk.ask()
    grab.until(lambda: len(desk.shown_shops) == len(views) + 1, "the long name")
    desk.show_shop(_LONG)
    grab.settle(0.5)
    grab.shots("ops-long", station)
    desk.show_shop("@kuaidi100")
    grab.settle(0.5)
    grab.shots("ops-courier", station)
    grab.until(lambda: bool(desk.alarms.shown), "the alarm")
    desk.show_alarm(desk.alarms.shown[0])
    grab.shots("ops-alarm", station)
    desk.show_shop("旗舰店-pdd")
    return station


if __name__ == "__main__":
    sys.exit(main())
