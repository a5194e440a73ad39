"""A file as rows of cells, before anybody asks what they mean; and the two ways to say no."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from app.core.texts import Lang, Texts

FileKind = Literal["orders", "items", "waybills"]


class BadFile(Exception):
    """The whole file cannot be taken. ``key`` and ``params`` are rendered by ``imports.<key>``."""

    def __init__(self, key: str, **params: Any) -> None:
        super().__init__(key, params)
        self.key = key
        self.params = params

    def text(self, texts: Texts, lang: Lang) -> str:
        """One sentence: what is wrong and what to do."""
        return texts.text(f"imports.{self.key}", lang, **self.params)


class Problem(NamedTuple):
    """Why one row is not taken. ``row`` counts as a sheet does, from 1, header included.

    ``column`` is the heading in the file, empty where the row as a whole is meant.
    """

    row: int
    column: str
    key: str
    params: Mapping[str, Any]

    def text(self, texts: Texts, lang: Lang) -> str:
        """The reason as a person reads it."""
        params = {name: _worded(value, texts, lang) for name, value in self.params.items()}
        return texts.text(f"imports.{self.key}", lang, column=self.column, **params)


class Number(NamedTuple):
    """A number cell of a workbook. ``text`` is the number as it lies in the file: 15 digits are true at most.

    With ``is_date`` it is a day count since 1899-12-30 that the sheet shows as a date or time.
    """

    text: str
    is_date: bool = False


class Fault(NamedTuple):
    """A cell without a value: an error (``#N/A``) or a formula nobody has calculated."""

    kind: Literal["error", "formula"]
    text: str


Cell = str | Number | Fault


class Row(NamedTuple):
    no: int
    cells: tuple[Cell, ...]

    def cell(self, index: int) -> Cell:
        return self.cells[index] if index < len(self.cells) else ""


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` are the data rows that are not wholly blank, in file order."""

    filename: str
    kind: Literal["csv", "xlsx"]
    header: tuple[str, ...]
    header_row: int
    rows: tuple[Row, ...]
    headings: Mapping[str, str] = field(default_factory=dict)


# ---------------------------------------------------------------------------------------------- columns


class Column(NamedTuple):
    name: str
    kind: str
    max: int
    headings: tuple[str, ...]


@cache
def columns() -> Mapping[str, Column]:
    """All columns we know, by our name (columns.toml)."""
    path = Path(__file__).with_name("columns.toml")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Column(name, column["kind"], column.get("max", 40), (name, *column["headings"]))
        for name, column in table.items()
    }


@cache
def words() -> Mapping[str, Mapping[str, str]]:
    """Words of channels by what they are about (words.toml): ``words()["state"]["已发货"] == "shipped"``."""
    path = Path(__file__).with_name("words.toml")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        area: {plain(word): meaning for meaning, said in meanings.items() for word in (meaning, *said)}
        for area, meanings in table.items()
    }


_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")


def plain(text: str) -> str:
    """A heading or word as it is compared: no case, no blanks, no punctuation, half-width."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum())


def name_of(heading: str, own: Mapping[str, str] | None = None) -> str | None:
    """Our name for a heading, None when we do not know it. ``own`` (our name -> their heading) goes first."""
    folded = unicodedata.normalize("NFKC", heading)
    if own:
        wanted = plain(heading)
        for name, theirs in own.items():
            if plain(theirs) == wanted:
                return name
    if re.search(r"(?i)kg|千克|公斤|箱重", folded):
        return None  # grams are the only weight we read
    known = _known_headings()
    return known.get(plain(folded)) or known.get(plain(_BRACKETS.sub("", folded)))


@cache
def _known_headings() -> Mapping[str, str]:
    return {plain(heading): column.name for column in columns().values() for heading in column.headings}


def find_header(
    rows: Sequence[Row], own: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str]] | None:
    """(index of the header, heading -> our name): the row with most headings we know, two at least."""
    best: tuple[int, Mapping[str, str]] | None = None
    names: dict[str, str | None] = {}  # below the header the same cells come again and again
    for index, row in enumerate(rows):
        named: dict[str, str] = {}
        for cell in row.cells:
            if not cell or not isinstance(cell, str) or len(cell) > 60:
                continue
            if cell not in names:
                names[cell] = name_of(cell, own)
            if name := names[cell]:
                named[cell] = name
        if len(set(named.values())) >= 2 and (best is None or len(named) > len(best[1])):
            best = index, named
    return best


def is_blank(cells: Iterable[Cell]) -> bool:
    """Whether no cell of a row holds anything."""
    return not any(cell.strip() if isinstance(cell, str) else True for cell in cells)


def shown(cell: Cell) -> str:
    """A cell as text for people: a damaged number keeps the look that tells of the damage."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Fault):
        return cell.text
    digits = re.sub(r"\D", "", cell.text.partition(".")[0])
    return f"{float(cell.text):.14E}" if len(digits) > 15 else cell.text


def _worded(value: Any, texts: Texts, lang: Lang) -> Any:
    """A parameter for a sentence: long texts are cut, a list is joined."""
    if isinstance(value, tuple | list):
        return ("、" if lang == "zh" else ", ").join(str(part) for part in value)
    if isinstance(value, str) and len(value) > 60:
        return value[:59] + "…"
    return value
