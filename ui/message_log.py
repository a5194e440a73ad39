"""What was said to the person at this station, and what waits to be confirmed. No Qt here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from app.core.values import dataclass
from ui.say import Say
from ui.tokens import State

KEPT = 500
"""Messages kept for looking back; the oldest confirmed ones go first."""


@dataclass(frozen=True, slots=True)
class Message:
    no: int
    at: datetime
    state: State
    text: str | Say
    key: str
    """Names the trouble: the same trouble again is counted, not repeated. "" for things that stand alone."""
    times: int = 1
    open: bool = False
    """Waits for a person to confirm it."""
    answers: tuple[str, str] | None = None
    """Of a question: the text keys of "yes" and "no"."""


def must_confirm(state: State) -> bool:
    """Errors and warnings stay; successes and notes fade."""
    return state in ("stop", "wait")


class MessageLog:
    """Messages in order. Errors stay open until confirmed, or until what caused them is over."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._next_no = 1

    def add(
        self,
        at: datetime,
        state: State,
        text: str | Say,
        key: str = "",
        answers: tuple[str, str] | None = None,
    ) -> Message:
        """Keeps a message. An open one with the same key is renewed in place and counted up instead."""
        if key and (same := next((m for m in self._messages if m.open and m.key == key), None)) is not None:
            self._messages.remove(same)
            message = replace(same, at=at, state=state, text=text, times=same.times + 1)
        else:
            is_open = must_confirm(state) or answers is not None
            message = Message(self._next_no, at, state, text, key, open=is_open, answers=answers)
            self._next_no += 1
        self._messages.append(message)
        self._trim()
        return message

    def confirm(self, no: int) -> None:
        """A person has read it."""
        self._close(lambda m: m.no == no)

    def resolve(self, key: str) -> bool:
        """What caused the messages with this key is over; True when one was open."""
        return bool(key) and self._close(lambda m: m.key == key)

    def waiting(self) -> tuple[Message, ...]:
        """Open messages, the gravest and then the newest first."""
        opened = [m for m in reversed(self._messages) if m.open]
        return tuple(sorted(opened, key=lambda m: m.state != "stop"))

    def history(self) -> tuple[Message, ...]:
        """All messages kept, the newest first."""
        return tuple(reversed(self._messages))

    def _close(self, match: Callable[[Message], bool]) -> bool:
        closed = [m for m in self._messages if m.open and match(m)]
        self._messages = deque(replace(m, open=False) if m in closed else m for m in self._messages)
        return bool(closed)

    def _trim(self) -> None:
        while len(self._messages) > KEPT:
            oldest = next((m for m in self._messages if not m.open), self._messages[0])
            self._messages.remove(oldest)
