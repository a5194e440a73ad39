"""What any door may answer."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.wire.stations import WIRE


class Done(msgspec.Struct, frozen=True, kw_only=True):
    done: bool = True


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    text: str
    hint: str = ""


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    error: ErrorBody


class Health(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["ok", "starting", "failing"]
    epoch: str = ""
    seq: int = 0
    db: str = ""
    wire: int = WIRE
    cause: str = ""
