"""Whose alarm it is: a table over every kind that can be said."""

from __future__ import annotations

from pathlib import Path

from app.core import alarms, texts

TEXTS = texts.load(Path(__file__).parents[2] / "resources" / "texts")


def _kinds(area: str) -> set[str]:
    return {key.partition(".")[2] for key in TEXTS.table if key.partition(".")[0] == area}


def test_every_alarm_belongs_to_somebody_and_says_what_to_do() -> None:
    assert set(alarms.AUDIENCES) == _kinds("alarms") == _kinds("alarm_todo")
    assert all(alarms.AUDIENCES.values())


def test_what_fails_outside_the_floor_is_for_the_ops_desk() -> None:
    for kind in ("shop_sign_in_again", "strange_word", "quarantined", "digest", "restored_again"):
        assert alarms.concerns(kind, "ops") and not alarms.concerns(kind, "floor")
    assert alarms.concerns("clash", "floor") and not alarms.concerns("clash", "ops")


def test_an_alarm_of_a_newer_hub_is_shown_to_everybody() -> None:
    assert alarms.concerns("meteor", "ops") and alarms.concerns("meteor", "floor")


def test_news_need_nobody_and_neither_does_what_somebody_took_in_hand() -> None:
    assert alarms.needs_person("minor", is_acked=False)
    assert not alarms.needs_person("critical", is_acked=True)
    assert not alarms.needs_person("info", is_acked=False)
