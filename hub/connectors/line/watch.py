"""How a source does: what fails is said once, and so is that it is over (habit 28). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from hub.connectors.shapes import (
    BadPayload,
    Cause,
    Later,
    NoPermission,
    ShopTrouble,
    SignInAgain,
    TokenExpired,
    WrongSettings,
)

Trouble = Literal["", "later", "no_permission", "sign_in_again", "wrong_settings", "bad_payload", "refused"]
News = Literal["", "failing", "recovered"]

#: The failure after which people hear of it: the third, not the second (ING-07).
SAID_AT = 3
_WORD_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The last good moment stays beside whatever fails now."""

    last_good_at: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0
    trouble: Trouble = ""
    word: str = ""
    is_said: bool = False


def good(health: Health, now: datetime) -> tuple[Health, News]:
    return Health(last_good_at=now), "recovered" if health.is_said else ""


def bad(health: Health, trouble: ShopTrouble, now: datetime) -> tuple[Health, News]:
    """The third failure in a row is news, and none after it until it recovers."""
    failures = health.failures + 1
    is_news = failures >= SAID_AT and not health.is_said
    failing = replace(
        health,
        failures=failures,
        failing_since=health.failing_since or now,
        trouble=trouble_of(trouble),
        word=word_of(trouble),
        is_said=health.is_said or is_news,
    )
    return failing, "failing" if is_news else ""


def trouble_of(trouble: ShopTrouble) -> Trouble:
    """What a person has to do about it: nothing yet, ask for a right, authorise anew, or put settings right."""
    match trouble:
        case NoPermission():
            return "no_permission"
        case SignInAgain() | TokenExpired():
            return "sign_in_again"
        case WrongSettings():
            return "wrong_settings"
        case BadPayload():
            return "bad_payload"
        case Later():
            return "later"
        case _:
            return "refused"


def word_of(trouble: ShopTrouble) -> str:
    if isinstance(trouble, BadPayload):
        return Cause.unreadable  # where exactly stands in the log and with what was put aside
    word = trouble.permission if isinstance(trouble, NoPermission) and trouble.permission else trouble.word
    return word[:_WORD_MAX]
