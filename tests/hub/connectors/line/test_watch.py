"""Trouble is said once, and so is its end (ING-07); each kind asks a person for another thing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.line.watch import Health, bad, good, trouble_of, word_of
from hub.connectors.shapes import (
    BadPayload,
    Cause,
    Later,
    NoPermission,
    NotTaken,
    ShopTrouble,
    SignInAgain,
    TokenExpired,
    WrongSettings,
)
from tests.helpers.clock import T0


@given(st.lists(st.booleans(), max_size=60))
def test_whatever_comes_each_span_of_failures_is_said_once_and_ended_once(outcomes: list[bool]) -> None:
    health, said, in_a_row = Health(), [], 0
    for n, is_good in enumerate(outcomes):
        now = T0 + timedelta(minutes=n)
        health, news = good(health, now) if is_good else bad(health, Later("HTTP 500"), now)
        in_a_row = 0 if is_good else in_a_row + 1
        assert (news == "failing") == (in_a_row == 3)
        assert health.failures == in_a_row and (health.failing_since is None) == is_good
        if news:
            said.append(news)
    assert said == [["failing", "recovered"][i % 2] for i in range(len(said))]


def test_the_last_good_moment_stays_beside_the_failure() -> None:
    health, _ = good(Health(), T0)
    health, _ = bad(health, WrongSettings("app_key"), T0 + timedelta(minutes=1))
    health, _ = bad(health, NoPermission("", "order.query"), T0 + timedelta(minutes=2))
    assert (health.last_good_at, health.failing_since) == (T0, T0 + timedelta(minutes=1))
    assert (health.trouble, health.word) == ("no_permission", "order.query")


@pytest.mark.parametrize(
    ("trouble", "name"),
    [
        (Later("busy"), "later"),
        (SignInAgain(), "sign_in_again"),
        (TokenExpired(), "sign_in_again"),
        (NoPermission(), "no_permission"),
        (WrongSettings(), "wrong_settings"),
        (BadPayload("a.b"), "bad_payload"),
        (NotTaken("no"), "refused"),
    ],
)
def test_every_trouble_has_its_name(trouble: ShopTrouble, name: str) -> None:
    most = len(Cause.unreadable) if name == "bad_payload" else 200
    assert trouble_of(trouble) == name and len(word_of(type(trouble)("x" * 900))) == most
