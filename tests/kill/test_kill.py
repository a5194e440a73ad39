"""A few kills of real processes; many more with ``make kill TIMES=200``."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.kill.world import rounds, run


@pytest.mark.timeout(400)
@pytest.mark.e2e
def test_a_hub_and_a_bench_that_are_killed_at_work_lose_nothing_they_have_acknowledged(
    tmp_path: Path,
) -> None:
    told = run(tmp_path / "world", ["hub", "bench"], seed=1, calm=5.0)
    assert told.kills == {"hub": 1, "bench": 1}
    assert min(told.orders, told.pushes, told.acts, told.greens) > 0


def test_as_many_are_killed_as_were_asked_for_and_a_seed_decides_who() -> None:
    kinds = rounds(50, Random(3))
    assert kinds == rounds(50, Random(3)) != rounds(50, Random(4))
    twice = {"both", "hub starting", "bench starting"}
    assert sum(2 if kind in twice else 1 for kind in kinds) == 50
