"""Outcomes: what they sound like is what the words' file says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from app.core.reasons import Reason, Refused
from app.station.outcome import Done, Outcome, refusal, sound_of

TEXTS = Path(__file__).resolve().parents[2] / "resources" / "texts"


@pytest.mark.parametrize("reason", list(Reason))
def test_a_refusal_sounds_as_its_words_say(reason: Reason) -> None:
    table = tomllib.loads((TEXTS / "reasons.toml").read_text(encoding="utf-8"))
    assert sound_of(reason).value == table[reason.value]["sound"]


def test_a_refusal_names_its_reason_and_an_ok_has_none() -> None:
    assert refusal("S1", Refused(Reason.frozen), order_no="OD1").reason is Reason.frozen
    assert refusal("S1", Refused(Reason.frozen), order_no="OD1").params == {"order_no": "OD1"}
    assert Outcome(scan_id="S1", done=Done.opened).reason is None
