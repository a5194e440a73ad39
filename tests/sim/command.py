"""``python -m tests.sim`` in a process of its own, where texts hash alike: a seed gives one trace on every machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def simulated(*words: str) -> subprocess.CompletedProcess[str]:
    """How it ended, and what it said. A busy machine takes its time: 380 s at most."""
    return subprocess.run(
        [sys.executable, "-m", "tests.sim", *words],
        cwd=_ROOT,
        env=dict(os.environ, PYTHONHASHSEED="0"),
        capture_output=True,
        encoding="utf-8",
        timeout=380,
        check=False,
    )


def kept(*words: str) -> str:
    """What it said; fails the test with it when a promise was broken."""
    done = simulated(*words)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
