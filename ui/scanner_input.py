"""The scanner door: every scan of this program comes out here, whatever device it came from and whatever
has the focus.

    scanner = ScannerInput(clock)
    scanner.listen(app)                                 # keyboard-type scanners, in all windows
    SerialScanner(scanner, "COM3").start()              # ui.scanner_serial
    scanner.scanned.connect(lambda read: desk.on_scan(read.text))

A scan never lands in a text field, and needs none; what a person types always lands where it was meant.
Keys of a scanner's speed are taken out by `ui.key_burst`, the rest is given back in order. Consequences for
screens:

- letters and digits are never shortcuts (use F keys, Esc, Ctrl+...): a scanner would press them;
- a single typed letter appears some 60 ms late;
- widgets that want no Chinese input keep input methods off (`ui.widgets.page.Page` does).

Another keyboard layout or CapsLock changes characters, not keys: which keys they were decides (`ui.us_keys`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QWindow

from app.core.frame import InPicture
from app.core.values import dataclass
from app.ports import Clock
from ui.key_burst import Burst, Key, KeyBurst, Verdict, WedgeSettings, undoubled
from ui.us_keys import Meant, proves_itself, us_char

KEYBOARD = "keyboard"
REPEAT_MS = 300
"""The same code from the same scanner within this time is one read that came twice."""

# How often the event loop is turned after the silence, before it is believed: a window that was busy fires
# its timers first and reads the keys that came in time only afterwards.
_TURNS = 3
_SILENCE_MARGIN_MS = 20
_SAME_MS = 5
"""Two ways of the same keys carry the same stamps, give or take a tick."""
_CAPS_BEFORE_MS = 250
"""A scanner that turns CapsLock itself does so this shortly before its code."""
#: What a platform adds to the scan codes of `ui.us_keys`.
_SCAN_CODES_FROM = {"xcb": 8, "wayland": 8, "windows": 0}

_MODIFIERS = {
    Qt.Key.Key_Shift,
    Qt.Key.Key_Control,
    Qt.Key.Key_Alt,
    Qt.Key.Key_AltGr,
    Qt.Key.Key_Meta,
    Qt.Key.Key_CapsLock,
    Qt.Key.Key_NumLock,
}
# Keys that wait for a second one in some layouts, and type nothing by themselves.
_DEAD = range(Qt.Key.Key_Dead_Grave.value, Qt.Key.Key_Dead_Longsolidusoverlay.value + 1)
# Separators inside GS1 codes, which scanners type as Ctrl+] and the like.
_SEPARATORS = {"\x1d", "\x1e", "\x1c", "\x04"}
_LINE_ENDS = {"\r", "\n"}
_KEY_EVENTS = {QEvent.Type.KeyPress, QEvent.Type.KeyRelease, QEvent.Type.ShortcutOverride}

Tap = Callable[[str, int, str | None], object]
"""(what a key typed, the system's stamp in ms, what the key is on a US keyboard where that is known)."""


@dataclass(frozen=True, slots=True)
class ScanRead:
    """One read of one scanner."""

    text: str
    """The code; of a code that came twice in one piece, one half."""
    source: str
    """"keyboard", "serial:COM3", ..."""
    at: datetime
    raw: str
    """All that came, as it came: `text` is half of it, or what the keys say under another layout."""
    doubled: bool = False
    """The scanner sent the code twice in one piece: it needs its set-up sheet."""
    repeated: bool = False
    """The same code from the same scanner again within 300 ms: most likely one pull of the trigger. Counts as
    `duplicate_read`, with a soft tone; a true second unit is scanned later than that."""


@dataclass(frozen=True, slots=True)
class FrameRead:
    """One picture of a camera that holds a slip and a label, or several slips: one read to be judged as a whole."""

    seen: InPicture
    fresh: tuple[str, ...]
    """Codes that are scans of their own where nobody judges."""
    jpeg: bytes
    source: str


class ScannerInput(QObject):
    """The one place scans come from. Signal `scanned(ScanRead)`."""

    scanned = Signal(object)
    ended_late = Signal(int)
    """The Enter of a keyboard-type scanner came so many milliseconds after its code."""

    def __init__(
        self,
        clock: Clock,
        settings: WedgeSettings | None = None,
        *,
        repeat_ms: int = REPEAT_MS,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._repeat_ms = repeat_ms
        self._last: dict[str, tuple[str, float]] = {}
        self._told: dict[str, Burst] = {}
        self._wedge = _Wedge(self, settings or WedgeSettings())
        self.judge: Callable[[FrameRead], bool] = lambda _read: False
        """Who judges pictures with a slip and a label in them; False: its codes are ordinary scans."""
        self.last_read_at: datetime | None = None
        """When a scanner was last heard, None while it never was."""

    def listen(self, app: QCoreApplication) -> None:
        """Takes scans of keyboard-type scanners out of the keys of all windows of `app`."""
        app.installEventFilter(self._wedge)

    def deafen(self, app: QCoreApplication) -> None:
        """Ends `listen`; keys held back are given back."""
        app.removeEventFilter(self._wedge)
        self._wedge.give_back()

    @property
    def settings(self) -> WedgeSettings:
        return self._wedge.burst.settings

    def configure(self, settings: WedgeSettings) -> None:
        """Other scanner settings, at once."""
        self._wedge.give_back()
        self._wedge.use(settings)

    def tap(self, key: Tap | None) -> None:
        """From now on every key that types something goes to ``key`` alone, whatever its speed: no scan is made of it
        and nothing is typed. None ends that. For the check of a scanner."""
        self._wedge.give_back()
        self._wedge.tapped = key

    def accept(
        self,
        text: str,
        source: str,
        *,
        began_ms: float | None = None,
        ended_ms: float | None = None,
        came: str | None = None,
    ) -> None:
        """A code has been read by `source`. The moments are milliseconds of any clock that stays the same
        per source. `came` is what came, where `text` is what was made of it."""
        now_ms = self._clock.monotonic() * 1000
        began, ended = (now_ms if began_ms is None else began_ms), (now_ms if ended_ms is None else ended_ms)
        half = undoubled(text)
        code = half if half is not None else text
        last_code, last_ended = self._last.get(source, ("", 0.0))
        repeated = code == last_code and began - last_ended < self._repeat_ms
        self._last[source] = (code, ended)
        self.last_read_at = self._clock.now()
        raw = text if came is None else came
        self.scanned.emit(ScanRead(code, source, self.last_read_at, raw, half is not None, repeated))

    def accept_frame(self, read: FrameRead, at_ms: float) -> None:
        """A camera saw papers that are to be judged together."""
        if self.judge(read):
            self.last_read_at = self._clock.now()
            return
        for text in read.fresh:
            self.accept(text, read.source, began_ms=at_ms, ended_ms=at_ms)

    def accept_below(self, scan: Burst, source: str) -> None:
        """A scan of a keyboard that the system told apart, its stamps those of key events. The same keys come to our
        windows too: whichever way is later says nothing. A scanner known to type as this computer's own layout has
        it is heard in the windows alone."""
        if self._wedge.tapped is not None:
            return  # the check of a scanner hears the keys themselves
        if self._wedge.meant.is_own_layout and not proves_itself(scan.text):
            return
        if not self._is_told(scan, "below"):
            self.accept(scan.text, source, began_ms=scan.began_ms, ended_ms=scan.ended_ms)

    def _is_told(self, scan: Burst, way: str) -> bool:
        """Whether these keys were told the other way; "below" or "windows"."""
        other = self._told.pop("windows" if way == "below" else "below", None)
        if (
            other is not None
            and other.began_ms <= scan.ended_ms + _SAME_MS
            and (scan.began_ms <= other.ended_ms + _SAME_MS)
        ):
            return True
        self._told[way] = scan
        return False


class _Wedge(QObject):
    """Finds the scans among the keys the system sends to our windows."""

    def __init__(self, door: ScannerInput, settings: WedgeSettings) -> None:
        super().__init__(door)
        self._door = door
        self.use(settings)
        self._caps_ms: int | None = None
        self.tapped: Tap | None = None
        self._giving_back = False
        self._turns = 0
        self._silence = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._silence.timeout.connect(self._on_silence)

    def use(self, settings: WedgeSettings) -> None:
        self.burst = KeyBurst(settings)
        self.meant = Meant(settings.layout)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Keys come to a window first and to widgets later; only the first time counts.
        if event.type() not in _KEY_EVENTS or self._giving_back or not isinstance(watched, QWindow):
            return False
        if not isinstance(event, QKeyEvent):
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            return self._override(event)
        if event.type() == QEvent.Type.KeyRelease:
            return self._release(watched, event)
        return self._press(watched, event)

    def give_back(self) -> None:
        """Takes nothing for a scan any more of what is held now."""
        self._silence.stop()
        self._obey(self.burst.interrupt())

    def _override(self, event: QKeyEvent) -> bool:
        """Keeps shortcuts away from keys that may belong to a scan."""
        is_held = self.burst.holding or self.tapped is not None
        char = _typed_char(event, holding=is_held)
        if char is None or (char in "\r\n\t" and not is_held):
            return False
        event.accept()
        return True

    def _press(self, window: QWindow, event: QKeyEvent) -> bool:
        if event.key() in _MODIFIERS:
            if event.key() == Qt.Key.Key_CapsLock:
                self._caps_ms = self._stamp(event)
            return False
        if self.tapped is not None:
            return self._tap(event, self.tapped)
        char = _typed_char(event, holding=self.burst.holding)
        if char is None or (event.isAutoRepeat() and not self.burst.continues(_key_id(event))):
            self.give_back()
            return False
        self._turns = 0
        self._silence.start(self.burst.settings.gap_ms + _SILENCE_MARGIN_MS)
        given_back = (window, event.clone())
        plain = _us_char(event) if char.isprintable() else char
        verdict = self.burst.press(char, self._stamp(event), _key_id(event), given_back, plain)
        self._obey(verdict)
        return verdict.swallow

    def _tap(self, event: QKeyEvent, key: Tap) -> bool:
        """The keys of a check. What types nothing (F keys, Esc) is a key of the page."""
        char = _typed_char(event, holding=True)
        if char is None:
            return False
        key(char, self._stamp(event), _us_char(event))
        return True

    def _release(self, window: QWindow, event: QKeyEvent) -> bool:
        return self.burst.release(_key_id(event), (window, event.clone()))

    def _stamp(self, event: QKeyEvent) -> int:
        return int(event.timestamp()) or int(self._door._clock.monotonic() * 1000)

    def _on_silence(self) -> None:
        self._turns += 1
        if self._turns <= _TURNS:
            self._silence.start(0)
            return
        self._obey(self.burst.silence())

    def _obey(self, verdict: Verdict) -> None:
        for key in verdict.typed:
            self._give(key)
        if verdict.scan is not None:
            self._report(verdict.scan)
        if verdict.late_ms is not None:
            self._door.ended_late.emit(verdict.late_ms)

    def _report(self, scan: Burst) -> None:
        turns_caps = self._caps_ms is not None and self._caps_ms >= scan.began_ms - _CAPS_BEFORE_MS
        text = scan.text if turns_caps else self.meant.text(scan.text, scan.keys)
        if not self._door._is_told(scan, "windows"):
            self._door.accept(text, KEYBOARD, began_ms=scan.began_ms, ended_ms=scan.ended_ms, came=scan.text)

    def _give(self, key: Key) -> None:
        self._giving_back = True
        try:
            for window, event in key.events:
                QCoreApplication.sendEvent(window, event)
        finally:
            self._giving_back = False


def _key_id(event: QKeyEvent) -> Any:
    """What press and release of one key share. The text differs when Shift came up in between."""
    return event.nativeScanCode() or event.key()


def _typed_char(event: QKeyEvent, *, holding: bool) -> str | None:
    """The character a scanner may have typed with this key, None for keys that belong to no scan."""
    text = event.text()
    held = event.modifiers()
    control = bool(held & Qt.KeyboardModifier.ControlModifier)
    if holding and control and (event.key() == Qt.Key.Key_BracketRight or _us_char(event) == "]"):
        return "\x1d"
    if holding and text in _SEPARATORS:
        return text
    if holding and text in _LINE_ENDS:
        # Some scanners end in a line feed, typed as Ctrl+J.
        return "\r"
    alt = bool(held & Qt.KeyboardModifier.AltModifier)
    # Both together are AltGr on Windows layouts, and type characters.
    if control != alt or held & Qt.KeyboardModifier.MetaModifier:
        return None
    if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        return "\r"
    if event.key() == Qt.Key.Key_Tab:
        return "\t"
    if len(text) == 1 and text.isprintable():
        return text
    is_mute = int(event.key()) in _DEAD or bool(held & Qt.KeyboardModifier.KeypadModifier)
    return _us_char(event) if not text and is_mute else None


def _us_char(event: QKeyEvent) -> str | None:
    """What the key is on a US keyboard, where this platform tells which key it was."""
    first = _SCAN_CODES_FROM.get(QGuiApplication.platformName())
    code = event.nativeScanCode()
    if first is None or code <= first:
        return None
    return us_char(code - first, shift=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
