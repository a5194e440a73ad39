"""Text tables: which encoding, which separator, and rows that never swallow each other."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping

from hub.connectors.channels.file.settings import Limits
from hub.connectors.channels.file.table import BadFile, Cell, Row, find_header, is_blank

_SEPARATORS = (",", "\t", ";", "|")
_TEXT_TRICK = re.compile(r'="([^"]*)"')
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def decoded(data: bytes) -> str:
    """The file's text: UTF-8 with or without mark, UTF-16 with mark (Excel's Unicode text), else GB18030."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif data.startswith(b"\xef\xbb\xbf"):
        encodings = ["utf-8-sig"]
    else:
        encodings = ["utf-8", "gb18030"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadFile("encoding_unknown")


def read(data: bytes, limits: Limits, own: Mapping[str, str] | None) -> list[Row]:
    """All rows that hold something, numbered as a sheet numbers them."""
    text = decoded(data)
    if _looks_binary(text):
        raise BadFile("not_a_table")
    first_line, rest = text.partition("\n")[::2]
    said = re.fullmatch(r"(?i)sep=(.)\r?", first_line)
    separator = said.group(1) if said else _separator_of(text, limits, own)
    skipped = 1 if said else 0
    rows: list[Row] = []
    for no, cells in _records(rest if said else text, separator, limits):
        if is_blank(cells):
            continue
        if len(rows) > limits.rows_max + limits.header_within:
            raise BadFile("too_many_rows", max=limits.rows_max)
        if len(cells) > limits.columns_max and not is_blank(cells[limits.columns_max :]):
            raise BadFile("too_many_columns", max=limits.columns_max)
        rows.append(Row(no + skipped, cells))
    return rows


def _records(text: str, separator: str, limits: Limits) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    """(number, cells) of each record. Strict: a quote that never closes would swallow the orders after it."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    no = 0
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            key = "cell_too_long" if "field larger" in str(error) else "quotes_broken"
            raise BadFile(key, line=line, max=limits.cell_max) from error
        if record is None:
            return
        no += 1
        if max(map(len, record), default=0) > limits.cell_max:
            raise BadFile("cell_too_long", line=line, max=limits.cell_max)
        yield no, tuple([_untricked(cell) if cell.startswith("=") else cell for cell in record])


def _untricked(cell: str) -> str:
    """``="4780..."`` is how platforms make Excel keep long numbers: the value stands in the quotes."""
    trick = _TEXT_TRICK.fullmatch(cell.strip())
    return trick.group(1) if trick else cell


def _separator_of(text: str, limits: Limits, own: Mapping[str, str] | None) -> str:
    """The separator under which most headings are known; the comma when none is."""
    return max(_SEPARATORS, key=lambda separator: _headings_known(text, separator, limits, own))


def _headings_known(text: str, separator: str, limits: Limits, own: Mapping[str, str] | None) -> int:
    head: list[Row] = []
    try:
        for no, cells in _records(text[: 64 * 1024], separator, limits):
            head.append(Row(no, cells[: limits.columns_max]))
            if len(head) >= limits.header_within:
                break
    except BadFile:
        pass  # cut off in the middle, or not this separator: what was read so far decides
    found = find_header(head, own)
    return len(set(found[1].values())) if found else 0


def _looks_binary(text: str) -> bool:
    """A picture or program that happens to decode: one character in fifty is a control character."""
    sample = text[:20_000]
    return len(_CONTROLS.findall(sample)) * 50 > len(sample)
