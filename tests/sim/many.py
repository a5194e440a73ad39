"""Many worlds, spread over the cores."""

from __future__ import annotations

import atexit
import gc
import logging
import multiprocessing
import multiprocessing.util
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import structlog

from tests.sim.size import WHOLE, Size
from tests.sim.world import Result, run, tidy


def quiet() -> None:
    """What the product logs of its weather would hide what we look for."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def share(seeds: list[int], faults: tuple[str, ...] = (), size: Size = WHOLE) -> tuple[list[Result], float]:
    """These worlds one after the other, with the traces of the broken ones; and the seconds of CPU they took."""
    at, found = time.process_time(), []
    for seed in seeds:
        result = run(seed, faults=faults, size=size)
        if not result.broken:
            result.trace.clear()
        found.append(result)
    gc.collect()
    return found, time.process_time() - at


def spread(
    shares: list[list[int]], jobs: int, faults: tuple[str, ...] = (), size: Size = WHOLE
) -> Iterator[tuple[list[Result], float]]:
    """The results of each share, as they come."""
    if jobs <= 1 or len(shares) <= 1:
        for one in shares:
            yield share(one, faults, size)
        tidy()
        return
    apart = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=apart, initializer=begin) as pool:
        for done in as_completed([pool.submit(share, one, faults, size) for one in shares]):
            yield done.result()


class Record:
    """A folder that a long run writes to and goes on from: ``done.txt``, ``digests.txt``, ``broken.txt``,
    ``seed-N.trace``. Two runs of one seed have one digest, on whatever machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def left(self, seeds: list[int]) -> list[int]:
        """Those that no former run has seen to its end."""
        done = self._folder / "done.txt"
        seen = {int(word) for word in done.read_text(encoding="utf-8").split()} if done.exists() else set()
        return [seed for seed in seeds if seed not in seen]

    def keep(self, results: list[Result], again: Callable[[int], str]) -> None:
        """``again`` gives the line that shows a seed again."""
        for one in (one for one in results if one.broken):
            self._add("broken.txt", f"seed {one.seed}: {one.broken}\n    {again(one.seed)}\n")
            text = "\n".join([*one.trace, one.broken])
            (self._folder / f"seed-{one.seed}.trace").write_text(text + "\n", encoding="utf-8")
        self._add("digests.txt", "".join(f"{one.seed} {one.digest}\n" for one in results))
        self._add("done.txt", "".join(f"{one.seed}\n" for one in results))

    def _add(self, name: str, text: str) -> None:
        with (self._folder / name).open("a", encoding="utf-8") as file:
            file.write(text)


def begin() -> None:
    """A process of the pool starts."""
    quiet()
    multiprocessing.util.Finalize(None, tidy, exitpriority=10)
    atexit.register(tidy)
