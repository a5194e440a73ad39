"""Striped codes as modules, True = black, without their quiet zones. Pure but for the writer of the plain ones."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

#: Widths of bars and gaps of the 106 values of Code 128, six each, and of its stop, seven.
_WIDTHS = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222"
    "123122123221223211221132221231213212223112312131311222321122321221312212322112322211212123212321"
    "232121111323131123131321112313132113132311211313231113231311112133112331132131113123113321133121"
    "313121211331231131213113213311213131311123311321331121312113312311332111314111221411431111111224"
    "111422121124121421141122141221112214112412122114122411142112142211241211221114413111241112134111"
    "111242121142121241114212124112124211411212421112421211212141214121412121111143111341131141114113"
    "1143114111134113111131411141313111414111312114122112142112322331112"
)
_TO_C, _TO_B, _FNC1, _START_B, _START_C, _STOP = 99, 100, 102, 104, 105, 106
_GS = "\x1d"


def gs1_128_modules(text: str) -> tuple[bool, ...]:
    """A GS1-128: FNC1 first, and one for each group separator in ``text`` (printable ASCII besides).

    The writer we use for all others knows no FNC1. ValueError for any other sign.
    """
    values = list(_values(text))
    check = (values[0] + sum(at * value for at, value in enumerate(values))) % 103
    widths = "".join(_WIDTHS[6 * value : 6 * value + 6] for value in (*values, check)) + _WIDTHS[6 * _STOP :]
    return tuple(
        black for width, black in zip(widths, cycle((True, False)), strict=False) for _ in range(int(width))
    )


def _values(text: str) -> Iterator[int]:
    """Pairs of figures in set C where four or more follow each other, everything else in set B."""
    is_pairs = _figures(text) >= 4
    yield from (_START_C if is_pairs else _START_B, _FNC1)
    while text:
        figures = _figures(text)
        if not is_pairs and figures >= 4 and figures % 2 == 0:
            is_pairs = True
            yield _TO_C
        elif is_pairs and figures < 2 and text[0] != _GS:
            is_pairs = False
            yield _TO_B
        taken = 2 if is_pairs and text[0] != _GS else 1
        yield _value(text[:taken])
        text = text[taken:]


def _value(sign: str) -> int:
    if sign == _GS:
        return _FNC1
    if len(sign) == 2:
        return int(sign)
    if not " " <= sign <= "~":
        raise ValueError(f"{sign!r} is no sign of a GS1 code")
    return ord(sign) - 32


def _figures(text: str) -> int:
    return len(text) - len(text.lstrip("0123456789"))


def modules(kind: str, text: str) -> tuple[bool, ...]:
    """A code of ``kind`` code128, ean13, itf, code39 or gs1. ValueError for a text it cannot hold."""
    if kind == "gs1":
        return gs1_128_modules(text)
    import numpy as np
    import zxingcpp

    formats = zxingcpp.BarcodeFormat
    known = {
        "code128": formats.Code128,
        "ean13": formats.EAN13,
        "itf": formats.ITF,
        "code39": formats.Code39,
    }
    code = zxingcpp.create_barcode(text, known[kind])
    picture = np.asarray(zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False))
    return tuple(bool(dot == 0) for dot in picture[picture.shape[0] // 2])
