"""What the world around the hub can say no with: never a fault of ours, always one sentence and what to do.

The words are in resources/texts/hub.toml (``hub.<key>`` and, where there is advice, ``hub.<key>_do``).
"""

from __future__ import annotations

from typing import Any

from app.core.texts import Lang, Texts


class Surroundings(Exception):
    """The surroundings say no. ``key`` names the sentence, ``params`` fill it."""

    def __init__(self, key: str, **params: Any) -> None:
        super().__init__(key, params)
        self.key = key
        self.params = params

    def sentence(self, texts: Texts, lang: Lang) -> str:
        """What happened and what to do, for a person."""
        said = texts.text(f"hub.{self.key}", lang, **self.params)
        advice = f"hub.{self.key}_do"
        if not texts.has(advice):
            return said
        between = "" if lang == "zh" else " "
        return said + between + texts.text(advice, lang, **self.params)
