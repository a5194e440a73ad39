"""Two hundred short simulated worlds, in one process: few seconds of selling each, the same faults and promises."""

from __future__ import annotations

import shlex

import pytest

from tests.sim.__main__ import KEPT_SHORT, kept_seeds
from tests.sim.command import kept, simulated

#: A minute of work and more; a busy machine takes its time.
pytestmark = pytest.mark.timeout(400)


def test_two_hundred_short_worlds_keep_every_promise() -> None:
    said = kept("--short", "--seeds", "200", "--jobs", "1", "--no-keep")
    assert f"{200 + len(kept_seeds(KEPT_SHORT))} worlds, 0 broken" in said


def test_a_short_world_that_breaks_something_says_the_line_that_shows_it_again() -> None:
    """With a known bug put back; the line's own words break it again in the same way, trace and all."""
    first = simulated("--short", "--seed", "1", "--bug", "publish before commit")
    assert first.returncode == 1, first.stdout[-3000:] + first.stderr[-3000:]
    line = next(text for text in first.stdout.splitlines() if "make sim SEED=" in text)
    make, sim, seed, words = shlex.split(line)
    assert (make, sim) == ("make", "sim")
    again = simulated(
        "--seed", seed.removeprefix("SEED="), "--trace", *shlex.split(words.removeprefix("ARGS="))
    )
    assert again.stdout.splitlines()[0].endswith("a short world")
    assert again.stdout.endswith(first.stdout)
