"""What a benchmark gives, and the page it is kept on."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ParamSpec

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the page. ``aim`` is the floor of design 8 in words; ``passed`` is None without an aim."""

    what: str
    ours: str
    reference: str
    ratio: str
    aim: str = ""
    passed: bool | None = None


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0...1) of the sorted values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def seconds_of(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    """How long one call takes on the wall."""
    began = time.perf_counter()
    work(*args, **kwargs)
    return time.perf_counter() - began


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms" if seconds < 0.01 else f"{seconds * 1000:.1f} ms"


def memory_mb() -> float:
    """What this process holds in memory now, in MB; 0 where the system does not say it in /proc."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    rows = status.read_text(encoding="utf-8").splitlines()
    return next(int(row.split()[1]) / 1024 for row in rows if row.startswith("VmRSS"))


class CoreWait:
    """How long this process's first thread could have run so far but got no core. Asked often, so the file stays
    open: what it costs is taken from what is measured.
    """

    def __init__(self) -> None:
        told = Path("/proc/self/schedstat")
        self._told = told.open("rb", buffering=0) if told.exists() else None

    def seconds(self) -> float:
        """0 where /proc does not say it."""
        if self._told is None:
            return 0.0
        self._told.seek(0)
        return int(self._told.read(100).split()[1]) / 1e9

    def close(self) -> None:
        if self._told is not None:
            self._told.close()


def machine() -> str:
    """The machine in one line: what a ratio does not need and a reader wants to know."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [row for row in info.read_text(encoding="utf-8").splitlines() if row.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    python = ".".join(str(part) for part in sys.version_info[:3])
    return (
        f"{os.cpu_count()} cores ({model}), {platform.system()} {platform.release()}, "
        f"Python {python}, SQLite {sqlite3.sqlite_version}"
    )


_HEAD = """# Measured

Made by `make bench`, or section by section by `python -m benchmarks NAME ...`. Every ratio was taken inside one run:
absolute times swing, ratios hold.
"""


def section(title: str, how: str, figures: Sequence[Figure], at: datetime) -> str:
    """One section of the page: how it was measured, the figures, and when and where."""
    lines = [
        f"## {title}",
        "",
        how,
        "",
        "| what | ours | reference in the same run | ratio | aim | met |",
        "|---|---|---|---|---|---|",
    ]
    for f in figures:
        met = {True: "yes", False: "**no**", None: ""}[f.passed]
        lines.append(f"| {f.what} | {f.ours} | {f.reference} | {f.ratio} | {f.aim} | {met} |")
    return "\n".join([*lines, "", f"Measured {at:%Y-%m-%d %H:%M} UTC: {machine()}.", ""])


def page(before: str, sections: Sequence[str], titles: Sequence[str]) -> str:
    """RESULTS.md with these sections in the place of its own of the same title, in the order of ``titles``."""
    kept = {_title(one): one for one in _sections(before)} | {_title(one): one for one in sections}
    return "\n".join([_HEAD, *(kept[title] for title in titles if title in kept)])


def _sections(text: str) -> list[str]:
    return [f"## {part.strip()}\n" for part in f"\n{text}".split("\n## ")[1:]]


def _title(one: str) -> str:
    return one.split("\n", 1)[0].removeprefix("## ")
