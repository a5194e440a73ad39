"""The same signed Douyin pushes into a hub process on a PostgreSQL of our own, every commit durable (see Push ingest):
64 clients, each push answered after its commit. The reference is the same bare ASGI app; both take turns, round by
round. Skipped with a word where no PostgreSQL can be started.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.push_ingest import CLIENTS, ROUNDS, Bare, Driven, Hub, drive, middle_ratio
from benchmarks.report import Figure, milliseconds, percentile
from rehearsal.postgres import NoPostgres, OwnPostgres

TITLE = "Push ingest on PostgreSQL"


def run(quick: bool = False) -> list[Figure]:
    count = 1_500 if quick else 20_000
    what = f"{count:,} signed pushes, {CLIENTS} clients, PostgreSQL"
    ours: list[Driven] = []
    bare: list[Driven] = []
    try:
        with OwnPostgres.started(durable=True) as server, tempfile.TemporaryDirectory() as name:
            for n in range(1 if quick else ROUNDS):
                with Bare(Path(name)) as port:
                    bare.append(drive(port, n, count))
                with Hub(Path(name) / f"ours{n}", "hub", server.new_database(f"ours{n}")) as port:
                    ours.append(drive(port, n, count))
    except NoPostgres as no:
        return [Figure(what=what, ours=f"skipped: {no}", reference="-", ratio="-")]
    ratio = middle_ratio(ours, bare)
    slow = percentile([one.p99 for one in ours], 0.5)
    return [
        Figure(
            what=what,
            ours=f"{statistics.median(one.rate for one in ours):,.0f} pushes/s, p99 {milliseconds(slow)}",
            reference=f"{statistics.median(one.rate for one in bare):,.0f}/s bare ASGI",
            ratio=f"{ratio:.2f}",
            aim=">= 0.15",
            passed=ratio >= 0.15,
        )
    ]
