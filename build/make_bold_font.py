"""Makes resources/fonts/OrderdockSans-Bold.ttf: Noto Sans SC SemiBold cut down to GB2312 and Latin (2.2 MB).

    pip install fonttools; npm pack @expo-google-fonts/noto-sans-sc; tar xzf ...
    python build/make_bold_font.py package/600SemiBold/NotoSansSC_600SemiBold.ttf \\
        resources/fonts/OrderdockSans-Bold.ttf

A drawn bold is far calmer than one smeared by the renderer, and Qt smears nothing above 63 px. Characters
outside GB2312 come from the regular font. Renamed because a changed font must not carry its origin's name.
"""

from __future__ import annotations

import sys

from fontTools import subset
from fontTools.ttLib import TTFont

NAMES = {
    1: "Orderdock Sans",
    2: "Bold",
    3: "OrderdockSans-Bold",
    4: "Orderdock Sans Bold",
    6: "OrderdockSans-Bold",
}
SIGNS = {0x2103, 0x2116, 0x20AC, *range(0x2010, 0x2040), *range(0x2190, 0x2194)}


def wanted() -> set[int]:
    """The code points kept."""
    chars = {*range(0x20, 0x7F), *range(0xA0, 0x180), *SIGNS}
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            chars.update(map(ord, bytes([high, low]).decode("gb2312", "ignore")))
    return chars


def main(source: str, out: str) -> None:
    font = TTFont(source, recalcTimestamp=False)
    options = subset.Options()
    options.layout_features = ["ccmp", "kern", "mark"]
    options.hinting = False
    options.name_IDs = ["*"]
    options.notdef_outline = True
    options.drop_tables += ["vhea", "vmtx", "VORG"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=wanted())
    cutter.subset(font)
    for gone in (16, 17, 21, 22, 25):
        font["name"].removeNames(nameID=gone)
    for number, text in NAMES.items():
        font["name"].removeNames(nameID=number)
        font["name"].setName(text, number, 3, 1, 0x409)
    # Said to be bold, or Qt would thicken it once more when bold is asked for.
    font["OS/2"].usWeightClass = 700
    font["OS/2"].fsSelection = font["OS/2"].fsSelection & ~0x40 | 0x20
    font["head"].macStyle |= 1
    font.save(out)


if __name__ == "__main__":
    main(*sys.argv[1:3])
