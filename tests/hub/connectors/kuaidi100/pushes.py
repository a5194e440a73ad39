"""Composed pushes and answers in the true shape, and the outside data where it is there."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.connectors.carriers.kuaidi100.mapping import push_sign
from tests.helpers.source import ROOT

SALT = "a salt of ours"
OUTSIDE = ROOT.parent / "shared" / "data" / "couriers"
PAYLOADS = Path(__file__).parent / "payloads"


def outside(*parts: str) -> Path:
    """A file of the outside data; the test is skipped, saying so, where it is not there."""
    path = OUTSIDE.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the outside data is not here: {'/'.join(parts)}")
    return path


def outside_json(*parts: str) -> Any:
    return json.loads(outside(*parts).read_text(encoding="utf-8"))


@cache
def traces() -> list[tuple[str, str]]:
    """(file, shape) of every recorded answer or push in kuaidi100's shapes; empty without the outside data."""
    index = OUTSIDE / "traces_index.csv"
    if not index.exists():
        return []
    with index.open(encoding="utf-8", newline="") as rows:
        found = [(row["file"], row["shape"]) for row in csv.DictReader(rows)]
    return [one for one in found if one[1].startswith("kuaidi100_")]


def node(time: str, context: str, code: str = "", word: str = "", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"time": time, "ftime": time, "context": context}
    if code:
        made["statusCode"] = code
    if word:
        made["status"] = word
    return made | more


def param(nu: str, *nodes: dict[str, Any], status: str = "polling", **more: Any) -> dict[str, Any]:
    """A push's ``param``; nodes newest first, as kuaidi100 tells them."""
    result = {"message": "ok", "nu": nu, "ischeck": "0", "com": "zhongtong", "status": "200", "state": "0"}
    told = {
        "status": status,
        "billstatus": "got",
        "message": "",
        "autoCheck": "0",
        "comOld": "",
        "comNew": "",
        "lastResult": result | {"data": list(nodes)},
    }
    return told | more


def signed(told: Any, salt: str = SALT, *, sign: str | None = None) -> bytes:
    """The body of a push, as kuaidi100 sends it."""
    text = told if isinstance(told, bytes) else json.dumps(told, ensure_ascii=False).encode("utf-8")
    return urlencode({"sign": push_sign(text, salt) if sign is None else sign, "param": text}).encode("ascii")


def answer(nu: str, *nodes: dict[str, Any], **more: Any) -> bytes:
    """What poll/query.do says."""
    told = param(nu, *nodes)["lastResult"] | more
    return json.dumps(told, ensure_ascii=False).encode("utf-8")


def payloads() -> Iterator[tuple[str, bytes]]:
    for path in sorted(PAYLOADS.glob("*.json")):
        yield path.stem, path.read_bytes()
