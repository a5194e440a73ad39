"""What a check of this machine found; words are ``doctor.<key>``, what to do ``doctor.<key>_todo``."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from app.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    key: str
    level: Literal["ok", "warn", "bad"]
    params: dict[str, Any] = field(default_factory=dict)
