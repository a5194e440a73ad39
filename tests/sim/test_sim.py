"""The simulated world in the suite: kept seeds, the first two, the same trace twice, three known bugs found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sim.__main__ import keep_seed, kept_seeds
from tests.sim.bugs import BUGS
from tests.sim.command import kept
from tests.sim.world import Result

#: A busy machine takes its time; each test is some ten seconds of work.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run of the kept seeds and the first two has written down."""
    folder = tmp_path_factory.mktemp("record")
    kept("--seeds", "2", "--jobs", "1", "--no-keep", "--record", str(folder))
    return folder


def test_every_promise_is_kept_in_whatever_weather(record: Path) -> None:
    done = [int(line) for line in (record / "done.txt").read_text(encoding="utf-8").split()]
    assert sorted(done) == sorted([*kept_seeds(), 1, 2])


def test_the_same_seed_gives_the_same_trace(record: Path) -> None:
    """Alone in a process, and after others in one."""
    digests = dict(line.split() for line in (record / "digests.txt").read_text(encoding="utf-8").splitlines())
    [alone] = re.findall(r"[0-9a-f]{16}", kept("--seed", "1", "--no-keep"))
    assert alone == digests["1"]


#: Those that show themselves in the first worlds; `python -m tests.sim --bugs` looks for all (README.md).
SOON = ("publish before commit", "stop lifted by a push", "stop shown with its page")


def test_known_bugs_are_found() -> None:
    assert set(SOON) <= set(BUGS)
    kept("--find", *SOON, "--seeds", "10")


def test_a_world_that_broke_something_is_kept_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("# what was found\n26   # a clock\n", encoding="utf-8")
    for _ in range(2):
        keep_seed(Result(7, broken="P1: lost"), seeds)
    assert kept_seeds(seeds) == [26, 7]
    assert capsys.readouterr().out.count("kept in seeds.txt") == 1
