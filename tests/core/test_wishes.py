"""Wishes that can be said by name, and those that had better be read."""

from __future__ import annotations

import pytest

from app.core.wishes import Wish, wishes


@pytest.mark.parametrize(
    ("remark", "said", "is_all"),
    [
        ("礼品包装；箱里不要放发票", ("gift_wrap", "no_invoice"), True),
        ("请不要放发票，谢谢", ("no_invoice",), True),
        ("gift wrap; no invoice in the box", ("gift_wrap", "no_invoice"), True),
        ("Please gift-wrap it, thank you!", ("gift_wrap",), True),
        ("送朋友的，麻烦礼品包装，别放价格单", ("gift_wrap", "no_price"), False),
        ("易碎品，轻拿轻放", ("fragile",), False),
        ("放一张贺卡，写生日快乐", ("greeting_card",), False),
        ("不要礼品包装", (), False),
        ("do not gift wrap", (), False),
        ("不需要贺卡", (), False),
        ("要开发票", (), False),
        ("please include the invoice", (), False),
        ("发顺丰，不要放门口", (), False),
        ("", (), True),
    ],
)
def test_only_a_certain_wish_is_said(remark: str, said: tuple[Wish, ...], is_all: bool) -> None:
    assert wishes(remark) == (said, is_all)
