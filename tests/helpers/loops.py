"""An event loop for tests of limits in time: nothing waits, and the loop's clock says how long it would have taken."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class LeapingLoop(asyncio.SelectorEventLoop):
    """``time()`` begins at 0 and leaps to whatever falls due next. Not for work in threads: nothing waits for it."""

    def __init__(self) -> None:
        self._at = 0.0
        super().__init__(_Leaping(self._leap))

    def time(self) -> float:
        return self._at

    def _leap(self, seconds: float) -> None:
        self._at += seconds


class _Leaping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, leap: Callable[[float], None]) -> None:
        super().__init__()
        self._leap = leap

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(timeout if timeout is None else 0)
        if not found and timeout:
            self._leap(timeout)
        return found
