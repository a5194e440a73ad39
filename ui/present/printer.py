"""What a person writes as the address of a printer, as the printing room reads it."""

from __future__ import annotations

import re
import unicodedata

_HOST = re.compile(r"\d{1,3}(\.\d{1,3}){3}(:\d{1,5})?")
_KIND = re.compile(r"(tcp|folder|usb|serial|device)[:：]", re.IGNORECASE)
_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\|/")


def address_of(text: str) -> str:
    """``text`` with what goes without saying: a bare number is a printer in the network, a path is a folder.

    Signs of a Chinese keyboard count as their Latin ones, but not in a path. What nobody can read stays as it is.
    """
    text = text.strip()
    plain = unicodedata.normalize("NFKC", text).replace("。", ".").replace(" ", "")
    if _HOST.fullmatch(plain):
        return f"tcp://{plain}"
    if _PATH.match(text):
        return f"folder:{text}"
    if (found := _KIND.match(text)) is None:
        return text
    kind = found[1].lower()
    rest = text[found.end() :]
    if kind == "tcp":
        rest = unicodedata.normalize("NFKC", rest).replace("。", ".").replace(" ", "")
    return f"{kind}:{rest.strip()}"
