"""PouchDB's replication of orders between two of its databases: a reference where Node is at hand, no part of ours.

It is fetched into a folder that goes afterwards, as npm's own package, its scripts not run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

VERSION = "9.0.0"
_SCRIPT = Path(__file__).with_name("pouch.js")
_FETCHED_WITHIN_S = 120
_DONE_WITHIN_S = 300


@dataclass(frozen=True, slots=True)
class Replicated:
    """Documents a second; 0 where it could not be measured, and why not."""

    per_s: float = 0.0
    why_not: str = ""


def replicated(orders: Sequence[bytes], files: Sequence[Sequence[bytes]]) -> Replicated:
    """Each order and its file as one document, which is what suits PouchDB best."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return Replicated(why_not="no Node here")
    documents = "\n".join(_document(order, file) for order, file in zip(orders, files, strict=True))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            fetched = _run([npm, *_FETCH, f"pouchdb@{VERSION}"], folder, _FETCHED_WITHIN_S)
            if fetched.returncode:
                return Replicated(why_not="npm could not fetch it")
            shutil.copy(_SCRIPT, folder)
            done = _run([node, _SCRIPT.name, str(folder)], folder, _DONE_WITHIN_S, documents)
        except subprocess.TimeoutExpired:
            return Replicated(why_not="it took too long")
    if done.returncode:
        return Replicated(why_not="it failed: " + (done.stderr.strip().splitlines() or ["?"])[-1])
    return Replicated(per_s=len(orders) / float(done.stdout.split()[-1]))


_FETCH = ("install", "--prefix", ".", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")


def _run(
    words: Sequence[str], folder: Path, seconds: float, given: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=folder, input=given, capture_output=True, encoding="utf-8", timeout=seconds, check=False
    )


def _document(order: bytes, file: Sequence[bytes]) -> str:
    body = json.loads(order)
    return json.dumps(body | {"_id": body["order_no"], "file": [json.loads(row) for row in file]})
