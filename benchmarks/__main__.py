"""`python -m benchmarks [NAME ...] [--quick]`: runs the benchmarks and writes benchmarks/RESULTS.md.

Without names all run and the page is written; with names only those run and nothing is written.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.report import page

NAMES = (
    "ingest",
    "ingest_postgres",
    "push_ingest",
    "nodes",
    "cancel_fanout",
    "red_pixels",
    "lookup",
    "scan_to_screen",
    "slips",
    "start",
    "memory",
)


def main(argv: list[str]) -> int:
    quick = "--quick" in argv
    names = [a for a in argv if not a.startswith("-")]
    unknown = [n for n in names if n not in NAMES]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    sections = []
    for name in names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"{module.TITLE} ...", flush=True)
        figures = module.run(quick=quick)
        for f in figures:
            print(f"  {f.what}: {f.ours} | {f.reference} | {f.ratio} | aim {f.aim or '-'}", flush=True)
        sections.append((module.TITLE, module.__doc__.strip(), figures))
    if not names and not quick:
        target = Path(__file__).with_name("RESULTS.md")
        target.write_text(page(sections), encoding="utf-8")
        print(f"written: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
