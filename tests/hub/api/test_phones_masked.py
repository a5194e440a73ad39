"""What couriers write goes to everybody's story, so the phone numbers in it are masked before it is kept."""

from __future__ import annotations

import pytest

from app.core.masks import phones_in


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("派件员 李四，电话 13812345678，正在派送", "派件员 李四，电话 138****5678，正在派送"),
        ("请联系+86 138-1234-5678。", "请联系138****5678。"),
        ("网点电话 0571-88886666", "网点电话 0571****6666"),
        ("运单 YT8800000001 已到达，编号 20261121001", "运单 YT8800000001 已到达，编号 20261121001"),
        ("1381234567890123 是运单号", "1381234567890123 是运单号"),
        ("", ""),
    ],
)
def test_phones_in_a_couriers_words_are_masked_and_other_numbers_stay(text: str, shown: str) -> None:
    assert phones_in(text) == shown
