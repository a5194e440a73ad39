"""Workbooks (.xlsx), read as a stream by our own small reader.

calamine, the fast reader, makes a dense table between the two farthest cells: a workbook of 5 KB with one
cell in A1 and one in XFD1048576 asks for 512 GB there and takes the process with it. This one holds only
cells with a value, keeps numbers as they were written (a float loses the end of an order number), sees
formulas that were never calculated, and stops at the first row too many.
"""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from xml.parsers import expat

from hub.connectors.channels.file.settings import Limits
from hub.connectors.channels.file.table import BadFile, Cell, Fault, Number, Row, find_header, is_blank

_CHUNK = 256 * 1024
_ROWS_OF_EXCEL = 1_048_576
_SMALL_PART_MAX = 32 * 1024 * 1024


def read(data: bytes, limits: Limits, own: Mapping[str, str] | None) -> list[Row]:
    """All rows with a value of the one sheet that has a header we know, numbered as Excel numbers them."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _Workbook(archive, limits).rows(own)
    except (
        zipfile.BadZipFile,
        zlib.error,
        expat.ExpatError,
        EOFError,
        OSError,
        NotImplementedError,
        struct.error,
    ) as error:
        raise BadFile("workbook_broken") from error
    except (ValueError, KeyError, IndexError, RuntimeError, OverflowError, UnicodeError) as error:
        # Parts that contradict each other: a style or text that is not there, a number that is none.
        raise BadFile("workbook_broken") from error


class _Sheet(NamedTuple):
    name: str
    part: str
    is_hidden: bool


class _Workbook:
    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._check_sizes()
        names = set(archive.namelist())
        if "xl/workbook.bin" in names:
            raise BadFile("kind_xlsb")
        if "xl/workbook.xml" not in names:
            raise BadFile("kind_ods" if "mimetype" in names and "content.xml" in names else "kind_zip")
        self._names = names

    def _check_sizes(self) -> None:
        """From the directory alone, before a byte is unpacked; unpacking never gives more than it says."""
        infos = self._archive.infolist()
        unpacked = sum(info.file_size for info in infos)
        packed = sum(info.compress_size for info in infos)
        limits = self._limits
        if len(infos) > limits.parts_max or unpacked > limits.unpacked_max:
            raise BadFile("zip_bomb", mb=unpacked // (1024 * 1024))
        if unpacked > limits.ratio_from and unpacked > packed * limits.ratio_max:
            raise BadFile("zip_bomb", mb=unpacked // (1024 * 1024))
        if any(info.flag_bits & 0x1 for info in infos):
            raise BadFile("encrypted")
        if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
            raise BadFile("workbook_broken")

    def rows(self, own: Mapping[str, str] | None) -> list[Row]:
        sheets, is_1904 = self._sheets()
        visible = [sheet for sheet in sheets if not sheet.is_hidden and sheet.part in self._names]
        if not visible:
            raise BadFile("no_header", seen="")
        texts = self._shared_texts()
        dates = self._date_styles()
        reader = _SheetReader(texts, dates, is_1904, self._limits)
        with_header = [sheet for sheet in visible if self._has_header(reader, sheet, own)]
        if len(with_header) > 1:
            raise BadFile("several_sheets", sheets="、".join(sheet.name for sheet in with_header))
        chosen = with_header[0] if with_header else visible[0]
        return reader.read(self._stream(chosen.part), rows_max=None)

    def _has_header(self, reader: _SheetReader, sheet: _Sheet, own: Mapping[str, str] | None) -> bool:
        head = reader.read(self._stream(sheet.part), rows_max=self._limits.header_within)
        found = find_header(head, own)
        return found is not None and len(head) > found[0] + 1

    def _stream(self, part: str) -> Iterator[bytes]:
        with self._archive.open(part) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk

    def _sheets(self) -> tuple[list[_Sheet], bool]:
        rels: dict[str, str] = {}
        sheets: list[_Sheet] = []
        is_1904 = [False]

        def relation(name: str, attrs: dict[str, str]) -> None:
            if _local(name) == "Relationship" and "Id" in attrs:
                target = attrs.get("Target", "")
                path = target if target.startswith("/") else posixpath.join("xl", target)
                rels[attrs["Id"]] = posixpath.normpath(path).lstrip("/")

        def part(name: str, attrs: dict[str, str]) -> None:
            local = _local(name)
            if local == "sheet":
                keys = (key for key in attrs if key.endswith("id") and "relationships" in key)
                rel = attrs[next(keys)]
                hidden = attrs.get("state", "visible") != "visible"
                sheets.append(_Sheet(attrs.get("name", ""), rels.get(rel, ""), hidden))
            elif local == "workbookPr":
                is_1904[0] = attrs.get("date1904", "0") in ("1", "true")

        self._scan("xl/_rels/workbook.xml.rels", relation)
        self._scan("xl/workbook.xml", part)
        return sheets, is_1904[0]

    def _scan(
        self,
        part: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None] | None = None,
    ) -> None:
        """Walk through a small part; a part that is not there has nothing to say."""
        if part not in self._names:
            return
        if self._archive.getinfo(part).file_size > _SMALL_PART_MAX:
            raise BadFile("workbook_broken")
        parser = _parser()
        parser.StartElementHandler = start
        if end is not None:
            parser.EndElementHandler = end
        _feed(parser, self._stream(part))

    def _shared_texts(self) -> list[str]:
        texts: list[str] = []
        if "xl/sharedStrings.xml" not in self._names:
            return texts
        pieces: list[str] = []
        limits = self._limits
        depth = {"t": 0, "rPh": 0}  # phonetic readings (rPh) are not part of the text

        def start(name: str, attrs: dict[str, str]) -> None:
            local = _local(name)
            if local in depth:
                depth[local] += 1
            elif local == "si":
                pieces.clear()

        def end(name: str) -> None:
            local = _local(name)
            if local in depth:
                depth[local] -= 1
            elif local == "si":
                text = _unescaped("".join(pieces))
                if len(text) > limits.cell_max:
                    raise BadFile("cell_too_long", line="", max=limits.cell_max)
                if len(texts) >= limits.texts_max:
                    raise BadFile("too_many_rows", max=limits.rows_max)
                texts.append(text)

        def characters(data: str) -> None:
            if depth["t"] and not depth["rPh"]:
                pieces.append(data)

        parser = _parser()
        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.CharacterDataHandler = characters
        _feed(parser, self._stream("xl/sharedStrings.xml"))
        return texts

    def _date_styles(self) -> frozenset[int]:
        """Numbers of the cell styles that show a date or time."""
        codes: dict[str, str] = {}
        styles: list[str] = []
        within = [False]

        def start(name: str, attrs: dict[str, str]) -> None:
            local = _local(name)
            if local == "numFmt":
                codes[attrs.get("numFmtId", "")] = attrs.get("formatCode", "")
            elif local == "cellXfs":
                within[0] = True
            elif local == "xf" and within[0]:
                styles.append(attrs.get("numFmtId", "0"))

        def end(name: str) -> None:
            if _local(name) == "cellXfs":
                within[0] = False

        self._scan("xl/styles.xml", start, end)
        return frozenset(
            n for n, format_id in enumerate(styles) if _is_date_format(format_id, codes.get(format_id))
        )


class _Enough(Exception):
    """As many rows as were asked for."""


class _SheetReader:
    """Reads one sheet part at a time; the state of the cell under way lies in plain fields for speed."""

    def __init__(self, texts: list[str], dates: frozenset[int], is_1904: bool, limits: Limits) -> None:
        self._texts = texts
        self._dates = dates
        self._day_shift = 1462 if is_1904 else 0
        self._limits = limits
        self._places: dict[str, int] = {}

    def read(self, chunks: Iterator[bytes], rows_max: int | None) -> list[Row]:
        """Rows with a value; at most the first ``rows_max``. Raises BadFile beyond the limits."""
        self._rows: list[Row] = []
        self._rows_max = rows_max
        self._row_no = 0
        self._column = -1
        self._cells: dict[int, Cell] = {}
        self._merged: list[str] = []
        self._pieces: list[str] | None = None
        self._value: str | None = None
        self._type = ""
        self._style = 0
        self._has_formula = False
        self._phonetic = False
        parser = _parser()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            _feed(parser, chunks)
        except _Enough:
            return self._rows
        return _filled_down(self._rows, self._merged)

    def _start(self, name: str, attrs: dict[str, str]) -> None:
        local = name[name.rfind("}") + 1 :]  # written out: called for every cell
        if local == "c":
            ref = attrs.get("r")
            self._column = self._place(ref) if ref else self._column + 1
            self._type = attrs.get("t", "n")
            self._style = int(attrs.get("s", 0))
            self._value = None
            self._has_formula = False
        elif local in ("v", "t"):
            self._pieces = []
        elif local == "f":
            self._has_formula = True
        elif local == "rPh":
            self._phonetic = True
        elif local == "row":
            self._row_no = int(attrs["r"]) if "r" in attrs else self._row_no + 1
            if not 0 < self._row_no <= _ROWS_OF_EXCEL:
                raise BadFile("workbook_broken")
            self._column = -1
            self._cells = {}
        elif local == "mergeCell" and len(self._merged) < self._limits.rows_max:
            self._merged.append(attrs.get("ref", ""))

    def _characters(self, data: str) -> None:
        if self._pieces is not None:
            self._pieces.append(data)
            if len(self._pieces) > self._limits.cell_max:
                raise BadFile("cell_too_long", line=self._row_no, max=self._limits.cell_max)

    def _end(self, name: str) -> None:
        local = name[name.rfind("}") + 1 :]
        if local in ("v", "t"):
            if self._pieces is not None and not self._phonetic:
                self._value = (self._value or "") + "".join(self._pieces)
            self._pieces = None
        elif local == "c":
            cell = self._cell()
            if cell != "":
                if self._column >= self._limits.columns_max:
                    raise BadFile("too_many_columns", max=self._limits.columns_max)
                self._cells[self._column] = cell
        elif local == "rPh":
            self._phonetic = False
        elif local == "row":
            self._row_done()

    def _place(self, ref: str) -> int:
        """The column of a reference; the few letters of a sheet are worked out once."""
        letters = ref.rstrip("0123456789")
        place = self._places.get(letters)
        if place is None:
            place = self._places[letters] = _column_of(ref)
        return place

    def _row_done(self) -> None:
        if not self._cells:
            return
        width = max(self._cells) + 1
        cells = tuple(self._cells.get(n, "") for n in range(width))
        self._cells = {}
        if is_blank(cells):
            return
        self._rows.append(Row(self._row_no, cells))
        if self._rows_max is not None and len(self._rows) >= self._rows_max:
            raise _Enough
        if len(self._rows) > self._limits.rows_max + self._limits.header_within:
            raise BadFile("too_many_rows", max=self._limits.rows_max)

    def _cell(self) -> Cell:
        value, kind = self._value, self._type
        if value is None or (value == "" and kind not in ("str", "inlineStr")):
            return Fault("formula", "=…") if self._has_formula and kind != "str" else ""
        if kind == "s":
            index = int(value)
            if index < 0:
                raise BadFile("workbook_broken")
            return self._texts[index]
        if kind in ("str", "inlineStr", "d"):
            return self._short(_unescaped(value))
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "e":
            return Fault("error", value)
        return self._number(value)

    def _number(self, text: str) -> Number:
        text = text.strip()
        if _NUMBER.fullmatch(text) is None:
            raise BadFile("workbook_broken")
        if self._style in self._dates:
            return Number(repr(float(text) + self._day_shift), is_date=True)
        return Number(text)

    def _short(self, text: str) -> str:
        if len(text) > self._limits.cell_max:
            raise BadFile("cell_too_long", line=self._row_no, max=self._limits.cell_max)
        return text


# ---------------------------------------------------------------------------------------------- small parts


def _parser() -> Any:
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartDoctypeDeclHandler = _no_doctype
    return parser


def _no_doctype(*_: object) -> None:
    """No office program writes a DTD; entities that unfold are an old trick."""
    raise BadFile("workbook_broken")


def _feed(parser: Any, chunks: Iterator[bytes]) -> None:
    for chunk in chunks:
        parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _local(name: str) -> str:
    """An element's name without its namespace."""
    return name[name.rfind("}") + 1 :]


_NUMBER = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{0,400})?([eE][+-]?[0-9]{1,3})?|[+-]?\.[0-9]{1,400}")
_REF = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")


def _column_of(ref: str) -> int:
    """0 for A1, 27 for AB7."""
    match = _REF.fullmatch(ref)
    if match is None:
        raise BadFile("workbook_broken")
    number = 0
    for letter in match.group(1):
        number = number * 26 + ord(letter) - 64
    return number - 1


_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def _unescaped(text: str) -> str:
    """``_x000D_`` is how workbooks spell characters XML has no place for; half characters stay as spelt."""
    if "_x" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        code = int(match.group(1), 16)
        return match.group(0) if 0xD800 <= code <= 0xDFFF else chr(code)

    return _ESCAPE.sub(one, text)


_BUILT_IN_DATES = frozenset(map(str, (*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59))))
_NO_CODE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h|m|s)[^\]]*\]', re.IGNORECASE)


def _is_date_format(format_id: str, code: str | None) -> bool:
    if code is None:
        return format_id in _BUILT_IN_DATES
    if code.casefold() == "general":
        return False
    return bool(re.search(r"[ymdhs]", _NO_CODE.sub("", code), re.IGNORECASE))


_RANGE = re.compile(r"([A-Z]{1,3}[0-9]{1,7}):([A-Z]{1,3}[0-9]{1,7})")


def _filled_down(rows: list[Row], merged: list[str]) -> list[Row]:
    """Cells joined downwards hold their value in the first row only: the rows below get it too."""
    places = {row.no: index for index, row in enumerate(rows)}
    steps_left = 50 * len(rows)  # joined cells never overlap in a true workbook
    for ref in merged:
        match = _RANGE.fullmatch(ref)
        if match is None or _column_of(match.group(1)) != _column_of(match.group(2)):
            continue
        column = _column_of(match.group(1))
        first, last = (int(re.sub(r"\D", "", end)) for end in match.groups())
        steps_left -= max(last - first, 0)
        if first not in places or steps_left < 0:
            continue
        value = rows[places[first]].cell(column)
        if value == "":
            continue
        for no in range(first + 1, last + 1):
            if no in places and rows[places[no]].cell(column) == "":
                row = rows[places[no]]
                cells = list(row.cells) + [""] * (column + 1 - len(row.cells))
                cells[column] = value
                rows[places[no]] = Row(no, tuple(cells))
    return rows
