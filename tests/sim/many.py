"""Many worlds, spread over the cores."""

from __future__ import annotations

import atexit
import gc
import logging
import multiprocessing
import multiprocessing.util
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

import structlog

from tests.sim.world import Result, run, tidy


def quiet() -> None:
    """What the product logs of its weather would hide what we look for."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def share(seeds: list[int]) -> tuple[list[Result], float]:
    """These worlds, one after the other, without their traces; and the seconds of CPU they took."""
    at, found = time.process_time(), []
    for seed in seeds:
        result = run(seed)
        result.trace.clear()
        found.append(result)
    gc.collect()
    return found, time.process_time() - at


def spread(shares: list[list[int]], jobs: int) -> Iterator[tuple[list[Result], float]]:
    """The results of each share, as they come."""
    if jobs <= 1 or len(shares) <= 1:
        for one in shares:
            yield share(one)
        tidy()
        return
    apart = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=apart, initializer=begin) as pool:
        for done in as_completed([pool.submit(share, one) for one in shares]):
            yield done.result()


def begin() -> None:
    """A process of the pool starts."""
    quiet()
    multiprocessing.util.Finalize(None, tidy, exitpriority=10)
    atexit.register(tidy)
