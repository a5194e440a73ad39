"""Texts that may still wait for their language. No Qt here."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[], str]
"""A text not yet said: called at each showing, so that it follows the language. `I18n.say` makes them."""


def said(text: str | Say) -> str:
    """The words of a text now."""
    return text if isinstance(text, str) else text()
