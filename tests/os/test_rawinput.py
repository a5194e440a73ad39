"""Records of Raw Input as 64-bit Windows lays them out; made here byte by byte after its documentation."""

from __future__ import annotations

import struct
import sys

import pytest

from app.os.rawinput import EXTENDED, RawKey, RawKeyboards, device_of, parse

DEVICE = 0x0000_0000_0001_0057


def record(
    code: int, flags: int = 0, virtual_key: int = 0x41, kind: int = 1, device: int = DEVICE, reserved: int = 0
) -> bytes:
    """RAWINPUTHEADER (dwType, dwSize, hDevice, wParam) and RAWKEYBOARD (MakeCode, Flags, Reserved, VKey, Message,
    ExtraInformation), with the padding of no compiler in between."""
    message = 0x0101 if flags & 1 else 0x0100
    header = struct.pack("<LLQQ", kind, 40, device, 0)
    return header + struct.pack("<HHHHLL", code, flags, reserved, virtual_key, message, 0)


def test_a_record_is_as_long_as_windows_says() -> None:
    assert len(record(0x1E)) == 40


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (record(0x1E), RawKey(DEVICE, 0x1E, False)),
        (record(0x1E, flags=1), RawKey(DEVICE, 0x1E, True)),
        (record(0x1C, flags=2, virtual_key=0x0D), RawKey(DEVICE, 0x1C | EXTENDED, False)),
        (record(0x1E, virtual_key=0xE5), RawKey(DEVICE, 0x1E, False)),  # an input method has taken the key
        (record(0x10, virtual_key=0x41), RawKey(DEVICE, 0x10, False)),  # French: the key of Q makes A
        (record(0x1E, device=0), RawKey(0, 0x1E, False)),
        (record(0x1E, device=0xFFFF_FFFF_0001_0057), RawKey(0xFFFF_FFFF_0001_0057, 0x1E, False)),
        (record(0x1E) + b"\0" * 8, RawKey(DEVICE, 0x1E, False)),
    ],
)
def test_a_key_is_read_whatever_layout_or_input_method_made_of_it(data: bytes, key: RawKey) -> None:
    assert parse(data) == key


@pytest.mark.parametrize(
    "data",
    [
        record(0x1E, kind=0),  # a mouse
        record(0x1E, kind=2),  # another device
        record(0x2A, flags=2, virtual_key=0xFF),  # a shift made up around an extended key
        record(0x1D, flags=4, virtual_key=0x13),  # Pause
        record(0xFF),  # too many keys at once
        record(0),
        record(0x1E)[:39],
        b"",
    ],
)
def test_what_is_no_key_is_none(data: bytes) -> None:
    assert parse(data) is None


def test_a_device_has_the_same_short_name_at_whatever_socket() -> None:
    one = r"\\?\HID#VID_05E0&PID_1200#7&2a8a1c3&0&0000#{884b96c3-56ef-11d1-bc8c-00a0c91405dd}"
    assert device_of(one) == device_of(one.replace("7&2a8a1c3", "9&11")) == "05e0:1200"
    assert device_of(r"\\?\ACPI#PNP0303#4&1") == r"\\?\ACPI#PNP0303#4&1"


@pytest.mark.skipif(sys.platform == "win32", reason="where there is Raw Input it is listened to")
def test_where_there_is_no_raw_input_nothing_happens() -> None:
    keyboards = RawKeyboards(lambda *_: None)
    keyboards.start()
    keyboards.join(20)
    keyboards.stop()
    assert not keyboards.is_alive()
