"""The ``paper`` command: one paper from an order body in a file, without hub or printer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from app import resources
from app.core.order import Item, Order
from app.core.texts import Lang
from printing.bitmap import to_png
from printing.documents import Printing, Words, handover_of, label_of, slip_of
from printing.escpos import raster_job, text_job
from printing.labels import tspl_job, zpl_job
from printing.raster import Studio
from printing.sheet import Sheet, dots_across

LANGUAGES = {
    "slip": ("png", "pdf", "escpos", "gb18030"),
    "label": ("png", "pdf", "tspl", "zpl"),
    "handover": ("png", "pdf"),
}
#: Papers that need no order.
BENCH_LANGUAGES = {"codes": ("png", "pdf", "escpos"), "scanner-test": ("png", "pdf")}
A4_MM = 210
#: Columns of a printer's own font are 12 dots wide.
_COLUMN_DOTS = 12
#: Papers are read where the warehouse is; only a running hub knows another zone.
_ZONE = "Asia/Shanghai"
_DONE, _NO, _WRONG_USE = 0, 1, 2


class _Said(Exception):
    """Why there is no paper, as the key of a sentence."""

    def __init__(self, status: int, key: str, **params: object) -> None:
        super().__init__(key)
        self.status, self.key, self.params = status, key, params


def run(
    kind: str,
    order: Path,
    language: str,
    dpi: int,
    width_mm: int,
    out: Path,
    lang: Lang,
    parcel_no: str | None,
) -> int:
    """Writes the paper to ``out``. The exit status: 0 done, 1 a file says no, 2 wrong use (said on stderr)."""
    words = Words(texts=resources.texts(), lang=lang, zone=ZoneInfo(_ZONE))
    try:
        _check_use(kind, language, dpi, width_mm)
        body, items = read_order(order)
        if not (body.order_no or body.lines or body.parcels):
            raise _Said(_WRONG_USE, "cli_empty_order", path=order)
        paper = _paper(kind, language, dpi, width_mm, body, items, _parcel(body, parcel_no), words)
        _write(out, paper)
    except _Said as said:
        sys.stderr.write(words.say(said.key, **said.params) + "\n")
        return said.status
    return _DONE


def run_bench(kind: str, language: str, dpi: int, width_mm: int, out: Path, lang: Lang) -> int:
    """Writes a paper for the bench to ``out``: its command codes, or the sheet that tests a scanner. ``language`` "":
    as the file's name ends. The exit status as of ``run``."""
    words = Words(texts=resources.texts(), lang=lang, zone=ZoneInfo(_ZONE))
    asked = language or ("pdf" if out.suffix.lower() == ".pdf" else "png")
    try:
        if asked not in BENCH_LANGUAGES[kind]:
            have = ", ".join(BENCH_LANGUAGES[kind])
            raise _Said(_WRONG_USE, "cli_no_language", kind=kind, language=asked, have=have)
        _check_size(dpi, width_mm)
        _write(out, bench_paper(kind, asked, dpi, width_mm, words))
    except _Said as said:
        sys.stderr.write(words.say(said.key, **said.params) + "\n")
        return said.status
    return _DONE


def bench_paper(kind: str, language: str, dpi: int, width_mm: int, words: Words) -> bytes:
    """A paper for the bench: ``kind`` codes or scanner-test; command codes on a roll where it is narrower than A4."""
    studio = Studio(resources.folder() / "fonts" / "NotoSansSC-Regular.otf")
    if kind == "scanner-test":
        return _in_language(language, studio, studio.scanner_test(words, dpi), dpi)
    across = dots_across(width_mm, dpi) if width_mm < A4_MM else None
    return _in_language(language, studio, studio.commands(words, across, dpi), dpi)


def _check_use(kind: str, language: str, dpi: int, width_mm: int) -> None:
    if kind not in LANGUAGES:
        raise _Said(_WRONG_USE, "cli_no_kind", kind=kind, have=", ".join(LANGUAGES))
    if language not in LANGUAGES[kind]:
        have = ", ".join(LANGUAGES[kind])
        raise _Said(_WRONG_USE, "cli_no_language", kind=kind, language=language, have=have)
    _check_size(dpi, width_mm)


def _check_size(dpi: int, width_mm: int) -> None:
    if not 100 <= dpi <= 600 or not 40 <= width_mm <= 210:
        raise _Said(_WRONG_USE, "cli_bad_size", width_mm=width_mm, dpi=dpi)


def _paper(
    kind: str,
    language: str,
    dpi: int,
    width_mm: int,
    order: Order,
    items: Mapping[str, Item],
    parcel_no: str,
    words: Words,
) -> bytes:
    studio = Studio(resources.folder() / "fonts" / "NotoSansSC-Regular.otf")
    across = dots_across(width_mm, dpi)
    match kind:
        case "slip":
            slip = slip_of(order, parcel_no, items, words, Printing())
            if language == "gb18030":
                # a text printer's columns are those of its own 203 dpi head
                return text_job(slip, dots_across(width_mm, 203) // _COLUMN_DOTS)
            return _in_language(language, studio, studio.slip(slip, across, dpi), dpi)
        case "label":
            label = label_of(order, parcel_no, words, Printing())
            return _in_language(language, studio, studio.label(label, dpi), dpi)
        case _:
            paper = handover_of([order], words, Printing())
            return _in_language(language, studio, studio.handover(paper, across, dpi), dpi)


def _in_language(language: str, studio: Studio, sheet: Sheet, dpi: int) -> bytes:
    if language == "pdf":
        return studio.pdf(sheet)
    bitmap = studio.draw(sheet)
    match language:
        case "escpos":
            return raster_job(bitmap)
        case "tspl":
            return tspl_job(bitmap, dpi)
        case "zpl":
            return zpl_job(bitmap)
        case _:
            return to_png(bitmap, dpi)


def _parcel(order: Order, parcel_no: str | None) -> str:
    """The asked parcel, else the first; none when the body holds none."""
    if parcel_no is None:
        return order.parcels[0].parcel_no if order.parcels else ""
    if order.parcel(parcel_no) is None:
        have = ", ".join(parcel.parcel_no for parcel in order.parcels)
        raise _Said(_NO, "cli_no_parcel", order_no=order.order_no, parcel_no=parcel_no, have=have)
    return parcel_no


def _write(out: Path, paper: bytes) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(paper)
    except OSError as error:
        raise _Said(_NO, "cli_cannot_write", path=out) from error


# ---------------------------------------------------------------------------------------- order bodies


def read_order(path: Path) -> tuple[Order, dict[str, Item]]:
    """An order body from a JSON file, and the ``items`` beside it, if any (for their bins)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _Said(_NO, "cli_no_file", path=path) from error
    try:
        raw = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=dict[str, Any])
        items = msgspec.convert([_filled(i, {"sku_code": ""}) for i in raw.get("items") or []], list[Item])
        return msgspec.convert(_body(raw), Order, strict=False), {item.sku_code: item for item in items}
    except (msgspec.MsgspecError, TypeError, ValueError, AttributeError) as error:
        raise _Said(_NO, "cli_not_an_order", path=path, why=error) from error


#: What a paper does not draw; an unknown stop kind of a later version must not spoil it.
_NOT_DRAWN = ("stops", "commands", "may_go", "extra", "items", "jump_flags", "channel_state")
_ORDER = {"order_no": "", "channel": "", "shop_id": "", "channel_order_no": ""}


def _body(raw: dict[str, Any]) -> dict[str, Any]:
    """The body with what is missing left empty; a single parcel that does not say so holds every line."""
    body = _filled({key: value for key, value in raw.items() if key not in _NOT_DRAWN}, _ORDER)
    lines = body.get("lines") or []
    body["lines"] = [_filled(line, {"line_no": n, "sku_code": ""}) for n, line in enumerate(lines, start=1)]
    parcels = [_filled(parcel, {"parcel_no": ""}) for parcel in body.get("parcels") or []]
    if len(parcels) == 1 and "lines" not in parcels[0]:
        parcels[0]["lines"] = [_left_of(line) for line in body["lines"]]
    for parcel in parcels:
        wanted = {"order_no": body["order_no"], "line_no": 0, "qty": 0}
        parcel["lines"] = [_filled(line, wanted) for line in parcel.get("lines") or []]
    body["parcels"] = parcels
    return body


def _filled(raw: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return defaults | {key: value for key, value in raw.items() if value is not None}


def _left_of(line: dict[str, Any]) -> dict[str, Any]:
    gone = int(line.get("qty_cancelled", 0)) + int(line.get("qty_refunded", 0))
    return {"line_no": line["line_no"], "qty": max(0, int(line.get("qty", 1)) - gone)}
