"""Scans among the keys of single keyboards, below layout and input method. No Qt here; Windows tells the keys
(`app.os.rawinput`), nothing in this file depends on it.

Which key it was makes the sign, as on a US keyboard; CapsLock, layout and input method never saw it. Scanners that
hold Alt and type the number of each sign on the keypad are understood as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from app.core.values import dataclass
from ui.key_burst import Burst, KeyBurst, WedgeSettings
from ui.us_keys import proves_itself, us_char

_LEFT_SHIFT, _RIGHT_SHIFT, _CONTROL, _ALT = 0x2A, 0x36, 0x1D, 0x38
_EXTENDED = 0x100
_MODIFIERS = {_LEFT_SHIFT, _RIGHT_SHIFT, _CONTROL, _ALT, _CONTROL | _EXTENDED, _ALT | _EXTENDED}
_LOCKS = {0x3A, 0x45, 0x46, 0x145}
_ENDS = {0x1C: "\r", 0x1C | _EXTENDED: "\r", 0x0F: "\t"}
#: Ctrl and a key: the separator of GS1 codes, line feed and carriage return.
_CONTROLLED = {0x1B: "\x1d", 0x24: "\r", 0x32: "\r"}
_LAST_PLAIN = 0x7E


@dataclass(slots=True)
class Keyboard:
    """One device: which modifiers are down, and what it has typed so far."""

    burst: KeyBurst
    down: set[int] = field(default_factory=set)
    by_number: str = ""

    def key(self, scan_code: int, is_up: bool, at_ms: int) -> Burst | None:
        """A key of set 1 (0x100 more where it is an extended one); a scan that is complete with it or before it."""
        if scan_code in _MODIFIERS:
            return self._modifier(scan_code, is_up, at_ms)
        if scan_code in _LOCKS:
            return None
        if is_up:
            self.burst.release(scan_code)
            return None
        if self._is(_ALT) and (digit := us_char(scan_code, shift=False)) and digit.isdigit():
            self.by_number += digit
            return None
        char = self._char(scan_code)
        if char is None:
            return self.burst.interrupt().scan
        return self.burst.press(char, at_ms, scan_code).scan

    def _modifier(self, scan_code: int, is_up: bool, at_ms: int) -> Burst | None:
        (self.down.discard if is_up else self.down.add)(scan_code)
        if not (scan_code == _ALT and is_up and self.by_number):
            return None
        number, self.by_number = int(self.by_number[-4:]), ""
        if number in (10, 13):
            return self.burst.press("\r", at_ms).scan
        return self.burst.press(chr(number), at_ms).scan if 0x20 <= number <= _LAST_PLAIN else None

    def _char(self, scan_code: int) -> str | None:
        if self._is(_CONTROL):
            return _CONTROLLED.get(scan_code)
        if scan_code in _ENDS:
            return _ENDS[scan_code]
        return us_char(scan_code, shift=bool(self.down & {_LEFT_SHIFT, _RIGHT_SHIFT}))

    def _is(self, modifier: int) -> bool:
        return bool(self.down & {modifier, modifier | _EXTENDED})


@dataclass(frozen=True, slots=True)
class DeviceScan:
    """A scan and the short name of its device."""

    device: str
    scan: Burst


class Keyboards:
    """All of them. While another window is in front only devices count that were seen to scan before: what a person
    types elsewhere is nobody's business here."""

    def __init__(self, settings: WedgeSettings, scanners: Iterable[str] = ()) -> None:
        """``scanners``: short names of devices that were seen to scan."""
        self._settings = settings
        self._keyboards: dict[str, Keyboard] = {}
        self.scanners = set(scanners)

    def key(
        self, device: str, scan_code: int, is_up: bool, at_ms: int, *, is_front: bool
    ) -> DeviceScan | None:
        """One key of one device; a scan where one is complete."""
        if not is_front and device not in self.scanners:
            self._keyboards.pop(device, None)
            return None
        board = self._keyboards.setdefault(device, Keyboard(KeyBurst(self._settings)))
        return self._found(device, board.key(scan_code, is_up, at_ms))

    def silence(self) -> list[DeviceScan]:
        """No key of any device for longer than the gap."""
        found = [self._found(device, board.burst.silence().scan) for device, board in self._keyboards.items()]
        return [scan for scan in found if scan is not None]

    def _found(self, device: str, scan: Burst | None) -> DeviceScan | None:
        if scan is None:
            return None
        if device and proves_itself(scan.text):
            self.scanners.add(device)
        return DeviceScan(device, scan)
