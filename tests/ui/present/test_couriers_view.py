"""Sources of courier news on the ops desk: how each does, and what to do about one that fails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.wire import AlarmView, CourierSource
from tests.helpers.shop_orders import NOW
from tests.ui.present.test_shops_view import words
from ui.present.alarms import alarm_rows
from ui.present.couriers import courier_page, courier_rows
from ui.present.ops import glance


def a_source(**more: Any) -> CourierSource:
    given = {"connector": "kuaidi100", "last_good_at": NOW - timedelta(minutes=1), "parcels": 12}
    return CourierSource(**(given | more))


def test_a_source_that_does_well_needs_nobody_and_counts_as_no_shop() -> None:
    [row] = courier_rows([a_source()], words(), NOW)
    assert (row.name, row.chip.state, row.needs_person) == ("快递100", "ok", False)
    assert "12" in row.counts
    assert glance([row], [], words(), is_away=False).note == ""


@pytest.mark.parametrize("trouble", ["sign_in_again", "wrong_settings", "no_permission"])
def test_a_refused_key_stands_red_from_the_first_no_with_what_to_do(trouble: str) -> None:
    source = a_source(trouble=trouble, word="601 POLL:KEY已过期", failures=1, failing_since=NOW)
    [row] = courier_rows([source], words(), NOW)
    page = courier_page(source, words(), NOW)
    assert (row.chip.state, row.needs_person, row.rank) == ("stop", True, 0)
    assert "物流轨迹暂时不更新" in page.cause and "601 POLL:KEY已过期" in page.cause
    assert page.todo.startswith("不影响发货")


def test_a_bad_moment_waits_and_the_third_is_more_than_that() -> None:
    chips = [
        courier_rows([a_source(trouble="later", word="@timeout", failures=n)], words(), NOW)[0].chip.state
        for n in (1, 2, 3)
    ]
    assert chips == ["wait", "wait", "stop"]


def test_a_source_and_the_alarm_about_it_are_one_thing() -> None:
    alarm = AlarmView(
        alarm_id="a",
        kind="courier_sign_in_again",
        level="major",
        params={"connector": "kuaidi100", "word": "601"},
        raised_at=NOW,
    )
    [shown] = alarm_rows([alarm], words(), "ops")
    assert shown.text == "快递100密钥已过期，物流轨迹停更（601）" and shown.shop_id == "@kuaidi100"
    rows = courier_rows([a_source(trouble="sign_in_again", failures=3)], words(), NOW)
    assert glance(rows, [shown], words(), is_away=False).head == "1 件事要处理"
