"""Pictures of slips and labels as a camera sees them: no swapped pair is ever called right."""

from __future__ import annotations

import pytest

from app.core.frame import Verdict
from benchmarks.frames import look

# slips are drawn: what is made for that is shared with the tests of windows
pytestmark = pytest.mark.usefixtures("qapp")

#: The whole round of 300 is `python -m benchmarks frames`.
FRAMES = 24


def test_of_tilted_unsharp_pictures_no_swapped_pair_is_called_right_and_most_are_told() -> None:
    told = look(FRAMES)
    said = {is_right: [one.verdict for one in told if one.is_right is is_right] for is_right in (True, False)}
    assert len(said[True]) == len(said[False]) == FRAMES // 2
    assert set(said[False]) <= {Verdict.apart, Verdict.half}, "a swapped pair is never called right"
    assert set(said[True]) <= {Verdict.belongs, Verdict.half}, "nor the other way round"
    assert said[True].count(Verdict.belongs) >= 11 and said[False].count(Verdict.apart) >= 11
