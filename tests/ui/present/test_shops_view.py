"""What the ops desk reads about each shop: values in, words out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core import texts
from app.core.texts import Lang
from app.station.shops import ShopLists
from app.wire import QuarantineView, ShipBackView, ShopHealth, ShopView
from tests.helpers.shop_orders import NOW
from ui.present.shops import aside_rows, back_rows, missed_rows, shop_page, shop_rows
from ui.present.words import Words

TEXTS = texts.load(Path(__file__).parents[3] / "resources" / "texts")
TROUBLES = ("later", "no_permission", "sign_in_again", "wrong_settings", "bad_payload", "refused")


def words(lang: Lang = "zh") -> Words:
    return Words(TEXTS, lang, ZoneInfo("Asia/Shanghai"))


def a_shop(shop_id: str = "pdd-main", connector: str = "pdd", **health: Any) -> ShopView:
    """A shop that was asked a minute ago and is asked again in 14."""
    given: dict[str, Any] = {
        "last_good_at": NOW - timedelta(minutes=1),
        "next_poll_at": NOW + timedelta(minutes=14),
        "cursor": NOW - timedelta(minutes=4),
        "poll_s": 900,
        "orders_today": 128,
    }
    return ShopView(
        shop_id=shop_id, connector=connector, warehouse="main", health=ShopHealth(**(given | health))
    )


def failing(trouble: str, failures: int = 1, **more: Any) -> ShopView:
    since = NOW - timedelta(minutes=7)
    return a_shop(trouble=trouble, failures=failures, failing_since=since, word="access_token已过期", **more)


def test_a_shop_that_does_well_says_when_it_was_asked_and_will_be() -> None:
    [row] = shop_rows([a_shop()], words(), NOW)
    assert (row.name, row.chip.state, row.chip.text) == ("pdd-main", "ok", "正常")
    assert row.when == "拼多多 · 1 分前拉到 · 14 分后再拉"
    assert row.counts == "今天 128 单"
    [never] = shop_rows([failing("later", last_good_at=None)], words(), NOW)
    assert never.when == "拼多多", "how long it has failed is said, not when it is tried next"


STATES: list[tuple[str, ShopView, str, str]] = [
    ("first failure", failing("later"), "wait", "连不上平台"),
    ("third failure", failing("later", 3), "stop", "连不上平台"),
    ("authorisation over", failing("sign_in_again"), "stop", "授权过期"),
    ("right missing", failing("no_permission"), "stop", "缺少权限"),
    ("wrong key", failing("wrong_settings"), "stop", "密钥不对"),
    ("a trouble newer than we are", failing("moon_phase", 4), "stop", "平台拒绝"),
    ("waybill refused", a_shop(ship_backs_refused=1), "wait", "运单回传被拒"),
    ("missed", a_shop(missed=12), "wait", "漏单 12 个"),
    ("never asked", a_shop(last_good_at=None), "idle", "还没拉过单"),
    ("by file", ShopView(shop_id="f", connector="file", warehouse="main"), "idle", "表格导入"),
    ("not told", ShopView(shop_id="p", connector="pdd", warehouse="main"), "idle", "看不到状态"),
]


@pytest.mark.parametrize(("shop", "state", "text"), [s[1:] for s in STATES], ids=[s[0] for s in STATES])
def test_each_state_of_a_shop_has_its_word(shop: ShopView, state: str, text: str) -> None:
    [row] = shop_rows([shop], words(), NOW)
    assert (row.chip.state, row.chip.text) == (state, text)


def test_what_needs_a_person_stands_first() -> None:
    shops = [
        a_shop("a"),
        ShopView(shop_id="b", connector="file", warehouse="main"),
        a_shop("c", missed=1),
        failing("sign_in_again"),
    ]
    assert [row.shop_id for row in shop_rows(shops, words(), NOW)] == ["pdd-main", "c", "a", "b"]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_each_trouble_says_why_since_when_and_what_to_do(trouble: str, lang: Lang) -> None:
    page = shop_page(failing(trouble, 4), words(lang), NOW)
    assert "access_token已过期" in page.cause, "the platform's own word"
    assert ("7 分" if lang == "zh" else "7 min") in page.cause
    assert len(page.todo) > 10 and "{" not in page.cause + page.todo
    assert "_" not in (page.cause + page.todo).replace("access_token", ""), "no code names"
    well = shop_page(a_shop(), words(lang), NOW)
    assert (well.cause, well.todo) == ("", "")


def test_what_our_own_connection_calls_its_trouble_is_no_word_of_the_platform() -> None:
    away = a_shop(trouble="later", failures=1, failing_since=NOW, word="@timeout")
    cause = shop_page(away, words(), NOW).cause
    assert "平台没有及时回应" in cause and "原话" not in cause and "@" not in cause


def test_the_facts_of_a_shop_are_all_there_and_the_grave_ones_are_marked() -> None:
    due = NOW + timedelta(minutes=50)
    shop = a_shop(
        ship_backs_waiting=3,
        ship_back_due_at=due,
        quarantined=2,
        missed=4,
        last_push_at=NOW,
        is_listening=True,
    )
    facts = {fact.label: fact for fact in shop_page(shop, words(), NOW).facts}
    assert facts["上次拉到"].value == "1 分前"
    assert facts["下次拉取"].value == "14 分后 · 每 15 分一次"
    assert facts["拉取进度"].value == "13:56 以前的都拉到了"
    assert facts["推送"].value == "已连着，刚刚有消息"
    assert facts["今天进单"].value == "128 单"
    assert (facts["运单回传"].value, facts["运单回传"].state) == ("待回传 3 个，最近的剩 50 分", "wait")
    assert (facts["漏单"].value, facts["漏单"].state) == ("4 单", "wait")
    assert (facts["读不懂的"].value, facts["读不懂的"].state) == ("2 条", "wait")
    english = shop_page(shop, words("en"), NOW)
    assert all(fact.label and fact.value and "{" not in fact.value for fact in english.facts)
    refused = shop_page(a_shop(ship_backs_refused=2), words(), NOW).facts
    assert [f.state for f in refused if f.label == "运单回传"] == ["stop"]


def test_a_shop_by_file_says_so_and_has_no_pace() -> None:
    page = shop_page(ShopView(shop_id="f", connector="file", warehouse="main"), words(), NOW)
    assert page.pace_s == 0 and "表格导入" in page.facts[0].value


def a_back(n: int, state: str = "waiting", ship_by_h: float | None = 5, **more: Any) -> ShipBackView:
    return ShipBackView(
        parcel_no=f"OD20261121{n:03d}01",
        order_no=f"OD20261121{n:03d}",
        shop_id="pdd-main",
        channel_order_no=f"2611-{n}",
        carrier="zhongtong",
        waybill_no=f"7812{n}",
        state=state,
        asked_at=NOW,
        due_at=NOW + timedelta(minutes=1),
        ship_by_at=None if ship_by_h is None else NOW + timedelta(hours=ship_by_h),
        **more,
    )


def test_waybills_stand_by_their_deadline_and_refused_ones_first() -> None:
    lists = ShopLists(
        shop_id="pdd-main",
        ship_backs=(
            a_back(1),
            a_back(2, ship_by_h=-1),
            a_back(3, "refused", word="订单已发货"),
            a_back(4, ship_by_h=1),
        ),
    )
    rows = back_rows(lists, words(), NOW)
    assert [(row.text.split(" ")[0], row.chip.state if row.chip else "") for row in rows] == [
        ("003", "stop"),
        ("002", "stop"),
        ("004", "wait"),
        ("001", "idle"),
    ]
    assert (rows[0].note, rows[0].why) == ("78123 · 中通快递", "订单已发货"), "a line of its own for why"
    assert not rows[1].why
    assert rows[1].chip is not None and rows[1].chip.text == "超时 1 小时"
    assert (rows[3].text, rows[3].note) == ("001", "78121 · 中通快递")


def test_what_was_missed_or_lies_aside_is_named_by_its_number() -> None:
    thing = QuarantineView(
        quarantine_id="q1",
        at=NOW - timedelta(minutes=3),
        what="detail",
        ref="pdd-main 261121-1",
        error="BadPayload .a",
        can_retry=True,
    )
    nameless = QuarantineView(quarantine_id="q2", at=NOW, what="newer", ref="pdd-main", error="x")
    lists = ShopLists(shop_id="pdd-main", missed=("1", "2"), aside=(thing, nameless))
    assert [row.text for row in missed_rows(lists)] == ["1", "2"]
    first, second = aside_rows(lists, words(), NOW)
    assert (first.text, first.note, first.can_retry) == ("261121-1", "订单内容 · 3 分前", True)
    assert (second.text, second.note, second.can_retry) == ("没有单号", "其他内容 · 刚刚", False)
