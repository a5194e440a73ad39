"""`python -m benchmarks [NAME ...] [--quick]`: runs the benchmarks and keeps what they say in benchmarks/RESULTS.md.

Without names all run. Each that is done is written at once, in the place of what it said before; a quick round is
not kept.
"""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import page, section

NAMES = (
    "ingest",
    "ingest_postgres",
    "push_ingest",
    "push_postgres",
    "pay_to_bench",
    "nodes",
    "cancel_fanout",
    "red_pixels",
    "catch_up",
    "lookup",
    "scan_to_screen",
    "keys",
    "pictures",
    "slips",
    "frames",
    "start",
    "recovery",
    "memory",
    "growth",
)


def main(argv: list[str]) -> int:
    quick = "--quick" in argv
    names = [a for a in argv if not a.startswith("-")]
    unknown = [a for a in argv if a not in NAMES and a != "--quick"]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    titles = [importlib.import_module(f"benchmarks.{name}").TITLE for name in NAMES]
    target = Path(__file__).with_name("RESULTS.md")
    for name in (n for n in NAMES if n in names or not names):  # "slips" makes an application without windows
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"{module.TITLE} ...", flush=True)
        figures = module.run(quick=quick)
        for f in figures:
            print(f"  {f.what}: {f.ours} | {f.reference} | {f.ratio} | aim {f.aim or '-'}", flush=True)
        if not quick:
            before = target.read_text(encoding="utf-8") if target.exists() else ""
            said = section(module.TITLE, (module.__doc__ or "").strip(), figures, datetime.now(UTC))
            target.write_text(page(before, [said], titles), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
