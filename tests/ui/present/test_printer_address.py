"""What a shop owner writes as the address of a printer."""

from __future__ import annotations

import pytest

from ui.present.printer import address_of


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("192.168.1.50", "tcp://192.168.1.50"),
        (" 192.168.1.50:9100 ", "tcp://192.168.1.50:9100"),
        ("１９２。168。1。50：9100", "tcp://192.168.1.50:9100"),
        ("tcp：//192.168.1.50：9100", "tcp://192.168.1.50:9100"),
        ("TCP://打印机:9100", "tcp://打印机:9100"),
        ("/home/shop/拣货单", "folder:/home/shop/拣货单"),
        (r"D:\拣货单", r"folder:D:\拣货单"),
        ("folder：D:\\新建（2）", "folder:D:\\新建（2）"),
        ("usb:04b8:0202", "usb:04b8:0202"),
        ("", ""),
        ("门口那台", "门口那台"),
    ],
)
def test_what_goes_without_saying_is_added_and_the_rest_stays(written: str, read: str) -> None:
    assert address_of(written) == read
