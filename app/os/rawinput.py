r"""Keyboards one by one, below layout and input method: Raw Input of Windows. No Qt.

    keyboards = RawKeyboards(lambda key, name, at_ms, is_front: ...)      # called in a thread of its own
    keyboards.start(); ...; keyboards.stop()

A scanner is a keyboard among others; Windows tells which one each key came from, also while another window has the
focus, and which key it was, whatever layout or input method would make of it. It only tells: the keys go on to
whoever has the focus all the same.

`parse` and `device_of` are pure and tested everywhere over the byte layout of 64-bit Windows. The part below
``sys.platform == "win32"`` (window class, registration, message loop) is written after Microsoft's documentation
and HAS NOT BEEN RUN on a Windows machine yet; where any step of it fails the station works as without it.
"""

from __future__ import annotations

import re
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any

from app.core.values import dataclass

_HEADER = struct.Struct("<IIQQ")  # type, size, device, wParam of the message
_KEYBOARD = struct.Struct("<HHHHII")  # make code, flags, reserved, virtual key, message, extra
_TYPE_KEYBOARD = 1
_IS_UP, _E0, _E1 = 1, 2, 4
_OVERRUN, _FAKE = 0xFF, 0xFF
_USB_NAME = re.compile(r"VID_([0-9A-F]{4})&PID_([0-9A-F]{4})", re.IGNORECASE)

EXTENDED = 0x100
"""Added to the scan code of keys that came with the prefix E0 (Enter and slash of the keypad, arrows)."""


@dataclass(frozen=True, slots=True)
class RawKey:
    """One key that went down or came up: ``scan_code`` of set 1, ``device`` a handle, 0 for keys made by software."""

    device: int
    scan_code: int
    is_up: bool


def parse(record: bytes) -> RawKey | None:
    """A RAWINPUT record of 64-bit Windows; None for anything but a key (a mouse, a cut record, a shift that the
    keyboard makes up around extended keys)."""
    if len(record) < _HEADER.size + _KEYBOARD.size:
        return None
    kind, _size, device, _wparam = _HEADER.unpack_from(record)
    if kind != _TYPE_KEYBOARD:
        return None
    code, flags, _reserved, virtual_key, _message, _extra = _KEYBOARD.unpack_from(record, _HEADER.size)
    if code in (0, _OVERRUN) or virtual_key == _FAKE or flags & _E1:
        return None
    return RawKey(device, code | (EXTENDED if flags & _E0 else 0), bool(flags & _IS_UP))


def device_of(path: str) -> str:
    r"""The short name of a device, the same at whatever socket: "05e0:1200" of \\?\HID#VID_05E0&PID_1200#7&2a...; of
    other devices the path itself."""
    found = _USB_NAME.search(path)
    return f"{found[1]}:{found[2]}".lower() if found else path


Hear = Callable[[RawKey, str, int, bool], object]
"""(key, short name of its device, milliseconds of the system's stamps, whether a window of ours is in front)."""


class RawKeyboards(threading.Thread):
    """Hears every keyboard of this computer until it is stopped. Does nothing where there is no Raw Input."""

    def __init__(self, hear: Hear) -> None:
        super().__init__(name="keyboards", daemon=True)
        self._hear = hear
        self._is_over = threading.Event()
        self._names: dict[int, str] = {}
        self._native_id = 0

    def stop(self) -> None:
        self._is_over.set()
        if sys.platform == "win32" and self._native_id:
            import ctypes

            ctypes.windll.user32.PostThreadMessageW(self._native_id, _WM_QUIT, 0, 0)
        if self.is_alive():
            self.join(1.0)

    def run(self) -> None:
        if sys.platform == "win32":
            self._pump()

    if sys.platform == "win32":

        def _pump(self) -> None:
            """A window nobody sees takes the messages of all keyboards."""
            import ctypes
            from ctypes import wintypes

            user32, kernel32 = ctypes.WinDLL("user32"), ctypes.WinDLL("kernel32")
            self._native_id = kernel32.GetCurrentThreadId()
            user32.CreateWindowExW.restype = wintypes.HWND
            user32.CreateWindowExW.argtypes = [
                *(wintypes.DWORD, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD),
                *([ctypes.c_int] * 4),
                *(wintypes.HWND, wintypes.HMENU, wintypes.HINSTANCE, wintypes.LPVOID),
            ]
            user32.DefWindowProcW.restype = ctypes.c_ssize_t
            user32.DefWindowProcW.argtypes = [
                *(wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)
            ]
            window = user32.CreateWindowExW(
                0, "STATIC", None, 0, 0, 0, 0, 0, wintypes.HWND(_MESSAGE_ONLY), None, None, None
            )
            if not window:
                return

            class Wanted(ctypes.Structure):
                _fields_ = [
                    ("usage_page", wintypes.USHORT),
                    ("usage", wintypes.USHORT),
                    ("flags", wintypes.DWORD),
                    ("target", wintypes.HWND),
                ]

            keyboards = Wanted(_GENERIC_DESKTOP, _KEYBOARD_USAGE, _INPUT_SINK, window)
            if not user32.RegisterRawInputDevices(ctypes.byref(keyboards), 1, ctypes.sizeof(Wanted)):
                user32.DestroyWindow(window)
                return
            message = wintypes.MSG()
            while not self._is_over.is_set() and user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
                if message.message == _WM_INPUT:
                    self._on_input(user32, kernel32, message.lParam, message.time)
                user32.DefWindowProcW(message.hWnd, message.message, message.wParam, message.lParam)
            user32.DestroyWindow(window)

        def _on_input(self, user32: Any, kernel32: Any, handle: int, at_ms: int) -> None:
            import ctypes
            from ctypes import wintypes

            user32.GetRawInputData.argtypes = [
                *(wintypes.HANDLE, wintypes.UINT, ctypes.c_void_p, ctypes.POINTER(wintypes.UINT)),
                wintypes.UINT,
            ]
            size = wintypes.UINT(_MOST_BYTES)
            record = ctypes.create_string_buffer(_MOST_BYTES)
            got = user32.GetRawInputData(handle, _RID_INPUT, record, ctypes.byref(size), _HEADER.size)
            key = parse(record.raw[:got]) if 0 < got <= _MOST_BYTES else None
            if key is None:
                return
            owner = wintypes.DWORD()
            user32.GetForegroundWindow.restype = wintypes.HWND
            user32.GetWindowThreadProcessId(wintypes.HWND(user32.GetForegroundWindow()), ctypes.byref(owner))
            is_front = owner.value == kernel32.GetCurrentProcessId()
            self._hear(key, self._name_of(user32, key.device), at_ms & 0xFFFFFFFF, is_front)

        def _name_of(self, user32: Any, device: int) -> str:
            if device not in self._names:
                import ctypes
                from ctypes import wintypes

                user32.GetRawInputDeviceInfoW.argtypes = [
                    *(wintypes.HANDLE, wintypes.UINT, ctypes.c_void_p, ctypes.POINTER(wintypes.UINT))
                ]
                size = wintypes.UINT(_MOST_BYTES)
                name = ctypes.create_unicode_buffer(_MOST_BYTES)
                got = user32.GetRawInputDeviceInfoW(device, _RIDI_DEVICENAME, name, ctypes.byref(size))
                self._names[device] = device_of(name.value) if 0 < got <= _MOST_BYTES else ""
            return self._names[device]


_WM_QUIT, _WM_INPUT = 0x0012, 0x00FF
_MESSAGE_ONLY = -3
_GENERIC_DESKTOP, _KEYBOARD_USAGE, _INPUT_SINK = 0x01, 0x06, 0x100
_RID_INPUT, _RIDI_DEVICENAME = 0x10000003, 0x20000007
_MOST_BYTES = 1024
