"""Who counts at leisure gives way while somebody's command is on its way.

Threads share one interpreter, and it knows no ranks: a page of the feed takes as much of it as the cancel that
should have stopped a parcel a moment ago. So whoever builds pages asks between two steps whether to wait.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: How long one step waits at most: a database that is away must not stand still for readers too.
MOST_S = 0.02


class Hurry:
    """Commands under way; :meth:`give_way` may be called from any thread, :meth:`under_way` in the event loop."""

    def __init__(self) -> None:
        self._count = 0
        self._calm = threading.Event()
        self._calm.set()

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """From the moment a command waits until everybody was told what became of it."""
        self._count += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._calm.set()

    def give_way(self) -> None:
        """Between two steps of something that can wait."""
        if not self._calm.is_set():
            self._calm.wait(MOST_S)
