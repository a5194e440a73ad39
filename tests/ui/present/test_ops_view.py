"""The ops desk's one line: what needs a person, in one glance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.wire import AlarmView, ShopView
from tests.helpers.shop_orders import NOW
from tests.ui.present.test_shops_view import a_shop, failing, words
from ui.present.alarms import alarm_rows
from ui.present.ops import Glance, glance
from ui.present.shops import shop_rows


def an_alarm(kind: str, level: Any = "major", minutes: int = 5, **more: Any) -> AlarmView:
    params = {"shop_id": "pdd-main", "n": "3", "word": "@timeout"}
    at = NOW - timedelta(minutes=minutes)
    return AlarmView(
        alarm_id=f"{kind}-{minutes}", kind=kind, level=level, params=params, raised_at=at, **more
    )


def _glance(shops: list[ShopView], alarms: list[AlarmView], **more: Any) -> Glance:
    rows = alarm_rows(alarms, words(), "ops")
    return glance(shop_rows(shops, words(), NOW), rows, words(), **({"is_away": False} | more))


CASES: list[tuple[str, list[ShopView], list[AlarmView], str, str]] = [
    ("all is well", [a_shop()], [], "ok", "没有要处理的"),
    ("a bad moment passes", [failing("later")], [], "info", "先不用管"),
    ("away for three tries", [failing("later", 3)], [], "stop", "1 件事要处理"),
    ("authorisation over", [failing("sign_in_again")], [], "stop", "1 件事要处理"),
    (
        "a shop and the alarm about it are one thing",
        [failing("sign_in_again")],
        [an_alarm("shop_sign_in_again", "critical")],
        "stop",
        "1 件事要处理",
    ),
    ("missed orders", [a_shop(missed=2)], [], "wait", "1 件事要处理"),
    ("not readable", [a_shop(quarantined=2)], [], "wait", "1 件事要处理"),
    (
        "two alarms of a shop that does well again",
        [a_shop()],
        [an_alarm("quarantined"), an_alarm("strange_word", "minor")],
        "wait",
        "2 件事要处理",
    ),
    ("the floor's affair", [a_shop()], [an_alarm("clash", "major")], "ok", "没有要处理的"),
    ("good news", [a_shop()], [an_alarm("shop_recovered", "info")], "ok", "没有要处理的"),
    (
        "somebody has it in hand",
        [a_shop()],
        [an_alarm("digest", "minor", acked_at=NOW, acked_by="周敏")],
        "ok",
        "没有要处理的",
    ),
]


@pytest.mark.parametrize(
    ("shops", "alarms", "state", "head"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_one_glance_tells_whether_something_needs_a_person(
    shops: list[ShopView], alarms: list[AlarmView], state: str, head: str
) -> None:
    seen = _glance(shops, alarms)
    assert (seen.state, seen.head) == (state, head)
    assert seen.note, "and beside it what it is about"


def test_offline_nothing_is_said_to_be_well() -> None:
    seen = _glance([a_shop()], [], is_away=True)
    assert seen.state == "wait" and "连不上中枢" in seen.note
    assert _glance([], [], is_known=False).state == "idle"


def test_the_gravest_open_alarm_stands_first_and_what_is_over_last() -> None:
    told = [
        an_alarm("strange_word", "minor", 1),
        an_alarm("digest", "minor", 2, acked_at=NOW, acked_by="hub"),
        an_alarm("quarantined", "major", 3),
        an_alarm("shop_sign_in_again", "critical", 90),
        an_alarm("clash", "major", 4),
    ]
    rows = alarm_rows(told, words(), "ops")
    assert [row.alarm_id for row in rows] == [
        "shop_sign_in_again-90",
        "quarantined-3",
        "strange_word-1",
        "digest-2",
    ]
    assert rows[0].todo.startswith("请店主在平台重新授权") and rows[-1].acked == "已自动恢复"
    assert alarm_rows(told, words())[0].alarm_id == "clash-4", (
        "a supervisor reads what concerns the floor first"
    )
