"""Payloads of Pinduoduo: composed ones in its true shape beside this file, recorded ones where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub.config import Shop
from tests.helpers.source import ROOT

PAYLOADS = Path(__file__).parent / "payloads"
RECORDED = ROOT.parent / "shared" / "data" / "platforms" / "pdd"
SHOP = Shop(
    id="pdd-main",
    connector="pdd",
    app_key="app0key",
    app_secret="a-secret-nobody-may-read",
    access_token="a-token-nobody-may-read",
    refresh_token="a-refresh-token-nobody-may-read",
)
NO = "261121-422796379670125"


def payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def loaded(name: str) -> Any:
    return json.loads(payload(name))


def recorded(name: str) -> bytes:
    """A recorded payload; skips the test, and says so, where it is not there."""
    path = RECORDED / name
    if not path.is_file():
        pytest.skip("recorded payloads are not here: ../shared/data/platforms is no part of this repository")
    return path.read_bytes()
