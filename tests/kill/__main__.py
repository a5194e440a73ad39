"""``python -m tests.kill``: kills real processes at work and says whether anything acknowledged was lost.

python -m tests.kill --times 200            a hub under load and a bench that scans, so many kills in all
python -m tests.kill --times 20 --seed 7    the same moments, as far as real processes have the same
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from rehearsal.processes import as_installed
from tests.kill.world import Lost, Told, rounds, run

#: From so many starts on it pays to compile all modules first.
_MANY = 20


def main(arguments: Sequence[str]) -> int:
    """Exit status 0: nothing was lost; 1: something was, the folder with all files is kept and named."""
    asked = _asked(arguments)
    seed = asked.seed if asked.seed is not None else secrets.randbelow(10**6)
    folder = Path(tempfile.mkdtemp(prefix="orderdock-kill-"))
    if asked.times >= _MANY:
        as_installed(folder / "compiled")
    try:
        told = run(folder / "world", rounds(asked.times, Random(seed)), seed, say)
    except Lost as lost:
        say(f"seed {seed}: {lost}\n  what is left of it: {folder}")
        return 1
    say(summary(told, seed))
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def summary(told: Told, seed: int) -> str:
    kinds = ", ".join(f"{kind} {times}" for kind, times in sorted(told.kills.items()))
    return (
        f"seed {seed}: {told.times} kills ({kinds}) in {told.seconds:.0f} s: nothing lost, nothing double; "
        f"{told.orders} orders of files, {told.pushes} pushes, {told.acts} acts, {told.labels} labels and "
        f"{told.greens} green scans were acknowledged, {told.unheard} scans were cut short"
    )


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--times", type=int, default=200, help="so many kills in all")
    parser.add_argument("--seed", type=int, help="decides who is killed, and when")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
