"""Bytes become a table: what kind of file it is goes by what it holds, never by its name."""

from __future__ import annotations

from collections.abc import Mapping

from hub.connectors.channels.file import sheet_csv, sheet_xlsx
from hub.connectors.channels.file.settings import LIMITS, Limits
from hub.connectors.channels.file.table import BadFile, Cell, Fault, Number, Row, Table, find_header

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_ARCHIVES = (b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")


def read_table(
    data: bytes, filename: str, own: Mapping[str, str] | None = None, limits: Limits = LIMITS
) -> Table:
    """The table in a .csv or .xlsx file. ``own`` maps our column names to headings of this file.

    Raises BadFile, and nothing else, whatever the bytes: too big, not a table, protected, damaged, without a
    header we know, without rows, with more rows than ``limits`` allow.
    """
    if len(data) > limits.size_max:
        raise BadFile("file_too_big", max=limits.size_max // (1024 * 1024))
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise BadFile("file_empty")
    if data.startswith(b"PK"):
        rows, kind = sheet_xlsx.read(data, limits, own), "xlsx"
    else:
        _refuse_what_is_no_table(data, filename)
        rows, kind = sheet_csv.read(data, limits, own), "csv"
    return _with_header(rows, filename, kind, own, limits)


def _refuse_what_is_no_table(data: bytes, filename: str) -> None:
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data.startswith(_OLE):
        raise BadFile("encrypted" if _ENCRYPTED in data else "kind_xls")
    if data.startswith(b"%PDF"):
        raise BadFile("kind_pdf")
    if data.startswith(_ARCHIVES):
        raise BadFile("kind_zip")
    if data.startswith(_PICTURES) and b"\x00" in data[:4096]:
        raise BadFile("not_a_table")
    if head.startswith((b"<html", b"<!doctype", b"<table", b"<?xml", b"<style", b"<head", b"<meta")):
        raise BadFile("kind_html")
    if head.startswith((b"{", b"[{")):
        raise BadFile("not_a_table")


def _with_header(
    rows: list[Row], filename: str, kind: str, own: Mapping[str, str] | None, limits: Limits
) -> Table:
    if not rows:
        raise BadFile("file_empty")
    found = find_header(rows[: limits.header_within], own)
    if found is None:
        seen = "、".join(_word(cell) for cell in rows[0].cells[:8] if cell != "")
        raise BadFile("no_header", seen=seen[:80])
    index, headings = found
    data_rows = tuple(rows[index + 1 :])
    if not data_rows:
        raise BadFile("no_rows")
    if len(data_rows) > limits.rows_max:
        raise BadFile("too_many_rows", max=limits.rows_max)
    header = tuple(_word(cell).strip() for cell in rows[index].cells)
    return Table(
        filename=filename,
        kind="xlsx" if kind == "xlsx" else "csv",
        header=header,
        header_row=rows[index].no,
        rows=data_rows,
        headings={heading.strip(): name for heading, name in headings.items()},
    )


def _word(cell: Cell) -> str:
    return cell.text if isinstance(cell, Number | Fault) else cell
