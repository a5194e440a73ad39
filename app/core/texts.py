"""Words for people: zh and en side by side in resources/texts/<area>.toml, keys ``<area>.<key>``.

A text is a ``str.format`` template with named fields. ``en_one``, where given, is the English of one: it is
used when the parameter ``n`` is 1. A missing key is a fault of ours: KeyError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from app.core import plaintoml
from app.core.values import dataclass

Lang = Literal["zh", "en"]
#: Where the names of reasons stand: holds of the hub, what a bench marks, what a rep says.
_REASONS = ("states.hold", "packing.reason", "service.reason")


class _Blank(dict[str, Any]):
    """A field that nobody filled is left empty rather than shown as a name."""

    def __missing__(self, key: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Texts:
    table: Mapping[str, Mapping[str, str]]

    def text(self, key: str, lang: Lang, /, **params: Any) -> str:
        """The words of ``key`` in ``lang`` with ``params`` filled in.

        ``why``, a word of ours for a reason, stands in for a ``note`` that nobody wrote. ``word``, why a platform
        could not be spoken to, is said as :meth:`cause` says it.
        """
        words = self.table[key]
        if "word" in params:
            params["word"] = self.cause(str(params["word"]), lang)
        if params.get("why") and not params.get("note"):
            params["note"] = self.reason(str(params["why"]), lang)
        template = (
            words["en_one"] if lang == "en" and params.get("n") == 1 and "en_one" in words else words[lang]
        )
        return template.format_map(_Blank(params))

    def reason(self, why: str, lang: Lang) -> str:
        """Why something was stopped: our own words by their name, anything else is what a person wrote."""
        for area in _REASONS:
            if self.has(f"{area}_{why}"):
                return self.text(f"{area}_{why}", lang)
        return why

    def cause(self, word: str, lang: Lang) -> str:
        """A cause of ours (``"@timeout"``, ``"@lacks:app_key"``) in plain words; a platform's own words stay."""
        if word and not word.startswith("@"):
            return word
        name, _, detail = word.removeprefix("@").partition(":")
        known = f"causes.{name or 'none'}"
        return self.text(known if self.has(known) else "causes.unknown", lang, detail=detail)

    def has(self, key: str) -> bool:
        return key in self.table


#: Where an entry begins: its name in brackets at the beginning of a line, as in every file of ours.
_HEAD = re.compile(r"^\[([a-z0-9_]+)\]$", re.MULTILINE)


class _Areas(Mapping[str, Mapping[str, str]]):
    """The entries of a folder. A file is read when the first text of its area is asked for, and of it only the
    entries that are asked for: a first window shows one in ten. Safe to ask from any thread: at worst an entry is
    read twice."""

    def __init__(self, folder: Path) -> None:
        self._areas = {path.stem: path for path in sorted(folder.glob("*.toml"))}
        self._unread: dict[str, str] = {}
        self._opened: set[str] = set()
        self._entries: dict[str, Mapping[str, str]] = {}

    def __getitem__(self, key: str) -> Mapping[str, str]:
        found = self._entries.get(key)
        if found is None:
            self._open(key.partition(".")[0])
            found = self._entries[key] = plaintoml.loads(self._unread[key])
        return found

    def __iter__(self) -> Iterator[str]:
        for area in self._areas:
            self._open(area)
        return iter(list(self._unread))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _open(self, area: str) -> None:
        """Finds the entries of an area, unread."""
        if area in self._areas and area not in self._opened:
            _, *pairs = _HEAD.split(self._areas[area].read_text(encoding="utf-8"))
            self._unread |= {f"{area}.{key}": text for key, text in zip(pairs[::2], pairs[1::2], strict=True)}
            self._opened.add(area)


def load(folder: Path) -> Texts:
    """All texts of a folder of TOML files."""
    return Texts(_Areas(folder))
