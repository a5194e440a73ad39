"""Which wishes of a remark can be said by name at the bench. Pure.

A wish that is not certain is left out: the packer is told to read the remark then. "Do not gift-wrap" is no wish for
gift wrap.
"""

from __future__ import annotations

import re
from typing import Literal

Wish = Literal["gift_wrap", "no_invoice", "no_price", "greeting_card", "fragile"]
"""Clips of these names say them."""

_NOT_ZH = r"(?:不要|不用|不需要|不必|不放|别|勿|无需|无须|请勿|没有)"
_NOT_EN = r"(?:no|not|without|don'?t|never|omit|leave out)"
_NEAR = r"[^，。,.;；!！?？\n]{0,6}?"
_WISHES: dict[Wish, str] = {
    "gift_wrap": r"(?:礼品|礼物|送礼|礼盒)(?:盒)?包装|包装成礼[品物]|gift[- ]?wrap(?:ped|ping)?",
    "no_invoice": rf"{_NOT_ZH}{_NEAR}发票|\b{_NOT_EN}\b[\w ]{{0,16}}?\binvoice",
    "no_price": rf"{_NOT_ZH}{_NEAR}(?:价格|价签|价目|小票|购物清单)|\b{_NOT_EN}\b[\w ]{{0,16}}?\b(?:price|receipt)",
    "greeting_card": r"贺卡|greeting card",
    "fragile": r"易碎|轻拿轻放|\bfragile\b",
}
#: Wishes that a "no" before them turns round.
_TURNED = frozenset({"gift_wrap", "greeting_card", "fragile"})
_NOT_BEFORE = re.compile(rf"(?:{_NOT_ZH}{_NEAR}|不|\b{_NOT_EN}\b[\w ]{{0,10}})$", re.IGNORECASE)
#: What says nothing of its own between and round wishes.
_FILLER = re.compile(
    r"请|麻烦|帮忙|帮我|谢谢|一下|里面|里|箱内|箱子|箱|包裹|放|附|要|和|并|我|你们?|亲|，|。|、|！|"
    r"\b(?:please|pls|thank you|thanks?|and|in|the|box|a|an|put|include|it|with|is|as)\b|[\s,.;；:：!！~～()（）]",
    re.IGNORECASE,
)


def wishes(remark: str) -> tuple[tuple[Wish, ...], bool]:
    """The wishes of a remark in the order they stand there, and whether they are all it says."""
    found: dict[Wish, int] = {}
    rest = remark
    for wish, pattern in _WISHES.items():
        match = re.search(pattern, remark, re.IGNORECASE)
        if match is None or (wish in _TURNED and _NOT_BEFORE.search(remark[: match.start()])):
            continue
        found[wish] = match.start()
        rest = re.sub(pattern, " ", rest, flags=re.IGNORECASE)
    return tuple(sorted(found, key=lambda wish: found[wish])), not _FILLER.sub("", rest)
