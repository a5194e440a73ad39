"""``python -m tests.sim``: runs worlds and says what was broken, with the line that shows it again.

python -m tests.sim --seed 123 --trace     one world, and everything that happened in it
python -m tests.sim --seeds 10000          as many worlds, spread over the cores
python -m tests.sim --seed 3 --faults cut  one that knows no other faults
python -m tests.sim --seeds 200 --short    short worlds: few seconds of selling, the same faults and promises
python -m tests.sim --bugs                 after how many seeds each known bug is found
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.sim import bugs
from tests.sim.faults import FAULTS
from tests.sim.many import Record, quiet, spread
from tests.sim.size import SHORT, WHOLE, Size
from tests.sim.world import NONE, Result, run, tidy

#: Seeds that once found something, of whole and of short worlds.
KEPT = Path(__file__).with_name("seeds.txt")
KEPT_SHORT = Path(__file__).with_name("short_seeds.txt")
_SHARE = 10


def main(arguments: Sequence[str]) -> int:
    """Exit status 0: every promise was kept (or every bug found)."""
    asked = _asked(arguments)
    quiet()
    try:
        return _done(asked)
    finally:
        tidy()


def _done(asked: argparse.Namespace) -> int:
    if asked.bugs:
        return _find_bugs(asked.seeds, _size(asked))
    if asked.find:
        seeds = range(asked.first, asked.first + asked.seeds)
        return max(_find(name, seeds, _size(asked)) for name in asked.find)
    path = KEPT_SHORT if asked.short else KEPT
    is_kept = not (asked.bug or asked.faults or asked.no_keep)
    keep = (lambda result: keep_seed(result, path)) if is_kept else (lambda result: None)
    if asked.seed is not None:
        return _one(asked, keep)
    first = asked.first
    kept = kept_seeds(path) if first == 1 and not asked.faults else []
    record = Record(asked.record) if asked.record else None
    return _many([*kept, *range(first, first + asked.seeds)], asked, record, keep)


def _size(asked: argparse.Namespace) -> Size:
    return SHORT if asked.short else WHOLE


def again(seed: int, asked: argparse.Namespace) -> str:
    """The one line that shows this world again."""
    words = ["--short"] if asked.short else []
    words += ["--bug", asked.bug] if asked.bug else []
    words += ["--faults", *asked.faults] if asked.faults else []
    return f"make sim SEED={seed}" + (f' ARGS="{shlex.join(words)}"' if words else "")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, help="one world")
    parser.add_argument("--trace", action="store_true", help="with --seed: everything that happened")
    parser.add_argument("--seeds", type=int, default=200, help="so many worlds, after the kept ones")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument(
        "--short", action="store_true", help="short worlds: a sixth of the work of a whole one"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-keep", action="store_true", help="seeds that break something are not kept")
    parser.add_argument(
        "--faults", nargs="+", choices=FAULTS, default=(), help="worlds that know these alone"
    )
    parser.add_argument("--record", type=Path, help="a folder to write to, and to go on from")
    parser.add_argument("--bug", choices=sorted(bugs.BUGS), help="with this known bug put back")
    parser.add_argument(
        "--find", nargs="+", choices=sorted(bugs.BUGS), help="whether one of these worlds notices this bug"
    )
    parser.add_argument("--bugs", action="store_true", help="after how many seeds each known bug is found")
    return parser.parse_args(arguments)


def kept_seeds(path: Path = KEPT) -> list[int]:
    """Seeds that once found something: they always run first."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [int(line.split("#")[0]) for line in lines if line.split("#")[0].strip()]


def keep_seed(result: Result, path: Path = KEPT) -> None:
    """A world that broke something runs first from now on, in the suite too."""
    if result.seed in kept_seeds(path):
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{result.seed}   # {result.broken}\n")
    say(f"    kept in {path.name}: it runs first from now on")


def _one(asked: argparse.Namespace, keep: Callable[[Result], None]) -> int:
    bug = bugs.BUGS[asked.bug] if asked.bug else NONE
    result = run(asked.seed, bug, tuple(asked.faults), _size(asked))
    if asked.trace:
        say("\n".join(result.trace))
    how = f"{result.steps} steps, {result.seconds:.0f} s, {result.digest}"
    kind = "short seed" if asked.short else "seed"
    say(f"{kind} {result.seed}: {result.broken or 'all well'} ({how})")
    if result.broken:
        say(f"    {again(result.seed, asked)}")
        keep(result)
    return 1 if result.broken else 0


def _many(
    seeds: list[int], asked: argparse.Namespace, record: Record | None, keep: Callable[[Result], None]
) -> int:
    if record is not None:
        seeds = record.left(seeds)
    began, cpu = time.monotonic(), 0.0
    shares = [seeds[n : n + _SHARE] for n in range(0, len(seeds), _SHARE)]
    broken, steps, done = 0, 0, 0
    for results, used in spread(shares, asked.jobs, tuple(asked.faults), _size(asked)):
        cpu += used
        if record is not None:
            record.keep(results, lambda seed: again(seed, asked))
        for result in results:
            done, steps = done + 1, steps + result.steps
            if result.broken:
                broken += 1
                say(f"seed {result.seed}: {result.broken}\n    {again(result.seed, asked)}")
                keep(result)
    speed = steps / cpu if cpu else 0.0
    say(
        f"{done} worlds, {broken} broken, {steps} steps in {time.monotonic() - began:.0f} s "
        f"({cpu:.0f} s of CPU, {speed:.0f} steps a second of it)"
    )
    return 1 if broken else 0


def _find_bugs(most: int, size: Size) -> int:
    """0 when all are found."""
    missed = sum(_find(name, range(1, most + 1), size) for name in bugs.BUGS)
    return 1 if missed else 0


def _find(name: str, seeds: range, size: Size) -> int:
    found = bugs.first_found(bugs.BUGS[name], seeds, size)
    say(f"{name:28} {'not found' if found is None else f'seed {found.seed}: {found.broken}'}")
    return 1 if found is None else 0


def _same_everywhere() -> None:
    """Texts hash alike in every run: sets of them are then walked in the same order, and a seed gives one trace."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.environ.setdefault("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        os.execv(sys.executable, [sys.executable, "-m", "tests.sim", *sys.argv[1:]])


if __name__ == "__main__":
    _same_everywhere()
    sys.exit(main(sys.argv[1:]))
