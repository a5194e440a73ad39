"""A hand on the window for rehearsals: lines of JSON on stdin become keys and clicks, answers go to stdout.

`main.py station --hand` reads ``{"id": 1, "do": "scan", "text": "..."}`` and answers ``{"id": 1, "ok": true, ...}``.
Scans are key presses on the window, cancels are clicks on the desk's own buttons: what is rehearsed is what people
use. Only the pairing and the printer's address are set directly, as their pages would.

do: pair, printer, scan, close, ack, mode, print_next, cancel, find, wait, grab, lang, state.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QWindow
from PySide6.QtWidgets import QWidget

from app.station.outcome import Light, Outcome
from ui.kept import PRINTER_ADDRESS
from ui.present.packing import KEYS
from ui.screens.packing import PackingScreen
from ui.widgets.alarm import ACK_KEY

if TYPE_CHECKING:
    from ui.screens.service import ServiceScreen
    from ui.station import Station

_LOOK_MS = 10
#: A scanner's trigger needs this long before the same code is read again.
_SAME_CODE_S = 0.4
_SCANNER_KEYS = {
    "\r": (Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier),
    "\t": (Qt.Key.Key_Tab, Qt.KeyboardModifier.NoModifier),
    "\x1d": (Qt.Key.Key_BracketRight, Qt.KeyboardModifier.ControlModifier),
}

Answer = dict[str, Any]
Look = Callable[[], Answer | None]


class CannotDo(Exception):
    """The window is not in a state for this; the text says why."""


class Hand(QObject):
    """Does one thing at a time; ``Station`` is driven from outside, nothing in it knows of the hand."""

    _line = Signal(str)

    def __init__(self, station: Station) -> None:
        super().__init__()
        self._station = station
        self._red_at = 0.0
        self._last_scan = ("", 0.0)
        self._look: Look | None = None
        self._asked: Any = None
        self._until = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look_again)
        self._line.connect(self._obey, Qt.ConnectionType.QueuedConnection)
        station.alarm.painted.connect(self._painted)
        station.window.installEventFilter(self)
        station.pictured = lambda: self._say({"painted": True})
        threading.Thread(target=self._read, name="hand", daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self._line.emit(line)

    def _painted(self, _: str) -> None:
        self._red_at = time.time()

    # -- one request -------------------------------------------------------------------------------------------

    def _obey(self, line: str) -> None:
        words: Answer = json.loads(line)
        self._asked = words.pop("id", None)
        self._until = time.monotonic() + float(words.pop("seconds", 15))
        self._forget()
        try:
            answer = getattr(self, f"_do_{words.pop('do')}")(**words)
        except CannotDo as why:
            self._finish({"ok": False, "error": str(why)})
            return
        if answer is not None:
            self._finish({"ok": True, **answer})
        elif self._look is not None:
            self._timer.start()

    def _when(self, look: Look) -> None:
        """Answers as soon as ``look`` gives an answer; looks again until then."""
        self._look = look

    def _look_again(self) -> None:
        look = self._look
        if look is None:
            self._timer.stop()
        elif (answer := look()) is not None:
            self._finish({"ok": True, **answer})
        elif time.monotonic() > self._until:
            self._finish({"ok": False, "error": f"did not happen in time; {json.dumps(self._state())}"})

    def _forget(self) -> None:
        """Nothing is waited for any more."""
        self._timer.stop()
        self._look = None

    def _finish(self, answer: Answer) -> None:
        self._forget()
        self._say({"id": self._asked, **answer})

    @staticmethod
    def _say(answer: Answer) -> None:
        sys.stdout.write(json.dumps(answer, ensure_ascii=True) + "\n")
        sys.stdout.flush()

    # -- joining -----------------------------------------------------------------------------------------------

    def _do_pair(self, hub: str, code: str, name: str) -> None:
        done: list[Answer] = []
        core = self._station.core
        self._station.work.run(
            lambda: core.pair(hub, code, name),
            lambda _: done.append({}),
            lambda e: done.append({"failed": str(e)}),
        )

        def look() -> Answer | None:
            if done and "failed" in done[0]:
                return done[0]
            return {} if done and self._station.desk is not None else None

        self._when(look)

    def _do_printer(self, address: str) -> Answer:
        self._station.core.outbox.set_setting(PRINTER_ADDRESS, address)
        self._station.printers.use(address)
        return {}

    # -- the bench ---------------------------------------------------------------------------------------------

    def _bench(self) -> PackingScreen:
        if not isinstance(self._station.desk, PackingScreen):
            raise CannotDo("this is no packing desk")
        return self._station.desk

    def _do_scan(self, text: str) -> None:
        """The keys of a scanner with its Enter; answers with what the screen says once it is no longer amber."""
        last, at = self._last_scan
        wait = max(0.0, at + _SAME_CODE_S - time.monotonic()) if last == text else 0.0
        typed: list[str] = []

        def type_now() -> None:
            typed.append(self._last_id())
            type_as_scanner(self._station.window.windowHandle(), text + "\r")
            self._last_scan = (text, time.monotonic())

        QTimer.singleShot(int(wait * 1000), type_now)
        self._when(lambda: self._settled(typed[0]) if typed else None)

    def _last_id(self) -> str:
        last = self._last()
        return last.scan_id if last else ""

    def _last(self) -> Outcome | None:
        return self._station.core.packing.view().last

    def _settled(self, before: str) -> Answer | None:
        """What the screen says to the scan or key after ``before``, once nothing is under way any more."""
        now = self._last()
        if now is None or now.scan_id == before or now.follow is not None:
            return None
        if now.light is Light.amber and now.result == "ok":
            return None
        return {"result": now.result, "done": now.done, "light": now.light, "order_no": now.order_no}

    def _do_close(self) -> None:
        self._press(KEYS.close)

    def _do_mode(self, mode: str) -> None:
        if self._station.core.packing.view().mode == mode:
            raise CannotDo(f"the bench is in {mode} already")
        self._press(KEYS.handover)

    def _do_print_next(self, count: int) -> Answer:
        """The key for slips; what becomes of them is seen at the printer."""
        self._bench().set_slips(count)
        self._key(KEYS.print_next)
        return {}

    def _press(self, key: str) -> None:
        """One key of the desk; answers with what the screen says to it."""
        self._bench()
        before = self._last_id()
        self._key(key)
        self._when(lambda: self._settled(before))

    def _key(self, key: str) -> None:
        from PySide6.QtTest import QTest

        QTest.keyClick(self._station.window.windowHandle(), getattr(Qt.Key, f"Key_{key}"))

    def _do_ack(self) -> Answer:
        if self._station.alarm.active is None:
            raise CannotDo("no alarm stands")
        self._key(ACK_KEY)
        return {}

    # -- the service desk --------------------------------------------------------------------------------------

    def _service(self) -> ServiceScreen:
        screen = self._service_screen()
        if screen is None:
            raise CannotDo("this is no service desk")
        return screen

    def _service_screen(self) -> ServiceScreen | None:
        """The screen of a service desk; a packing bench never loads it."""
        if self._station.core.kind != "service":
            return None
        from ui.screens.service import ServiceScreen

        desk = self._station.desk
        return desk if isinstance(desk, ServiceScreen) else None

    def _do_find(self, text: str, expect: str) -> None:
        """Types into the search box and waits until that order stands there."""
        screen = self._service()
        screen.search.setText("")
        screen.search.setFocus()
        screen.search.setText(text)
        screen.look_for(text)

        def look() -> Answer | None:
            order = screen.view.order
            return {"lines": len(order.lines)} if order is not None and order.order_no == expect else None

        self._when(look)

    def _do_cancel(self, order_no: str, reason: str, note: str) -> None:
        """Opens the order, presses cancel, chooses the reason, sends: the moment of the last press is ``at``."""
        screen = self._service()
        screen.show_order(order_no)
        acts = screen.view.acts
        self._click(acts.cancel)
        acts.choose(reason, note)
        at = time.time()
        self._click(acts.send)

        def look() -> Answer | None:
            order = self._station.core.read.order(order_no)
            return {"at": at} if order is not None and order.is_frozen else None

        self._when(look)

    # -- looking -----------------------------------------------------------------------------------------------

    def _do_wait(self, **wanted: Any) -> None:
        self._when(lambda: self._state() if self._is(wanted) else None)

    def _is(self, wanted: dict[str, Any]) -> bool:
        state = self._state()
        for key, value in wanted.items():
            match key:
                case "queue_at_least":
                    met = state["queue"] >= value
                case "pending_at_most":
                    met = state["pending"] <= value
                case "alarm":
                    met = state["alarm"] == value
                case "answer":
                    order_no, result = value
                    state["answer"] = self._answers(order_no)
                    met = state["answer"] == result
                case "story_at_least":
                    met = state["story"] >= value
                case _:
                    raise CannotDo(f"cannot wait for {key}")
            if not met:
                return False
        return True

    def _answers(self, order_no: str) -> str:
        """The worst answer of the order's parcels, as the rep's card says it."""
        card = self._station.core.service.answer(order_no)
        results = [str(p.result) for p in card.parcels if p.result] if card else []
        return next((r for r in ("too_late", "at_station_offline", "trying", "stopped") if r in results), "")

    def _do_state(self) -> Answer:
        return self._state()

    def _state(self) -> Answer:
        core = self._station.core
        view = core.packing.view()
        alarm = view.alarm.order_no if view.alarm and self._station.alarm.active else ""
        service = self._service_screen()
        shown = service.view.order if service is not None else None
        order = shown or view.order
        return {
            "kind": core.kind,
            "is_online": view.is_online,
            "queue": core.read.queue_count(),
            "pending": core.read.pending_count(),
            "open": view.parcel.parcel_no if view.parcel else "",
            "alarm": alarm,
            "red_at": self._red_at,
            "answer": self._answers(order.order_no) if order else "",
            "story": len(core.read.story(order.order_no)) if order else 0,
            "mode": view.mode,
        }

    def _do_lang(self, lang: str) -> Answer:
        self._station.kit.i18n.switch("en" if lang == "en" else "zh")
        return {}

    def _do_grab(self, file: str, lang: str, size: str = "") -> None:
        """A picture of the window as it stands, in this language, at this size ("1366x768")."""
        window = self._station.window
        self._do_lang(lang)
        if size:
            width, height = (int(n) for n in size.split("x"))
            window.resize(width, height)
        taken = time.monotonic() + 0.25

        def look() -> Answer | None:
            if time.monotonic() < taken:
                return None
            if not window.grab().save(str(Path(file))):
                return {"failed": file}
            return {"file": file}

        self._when(look)

    @staticmethod
    def _click(widget: QWidget) -> None:
        if not widget.isVisible() or not widget.isEnabled():
            raise CannotDo(f"{type(widget).__name__} cannot be pressed now")
        from PySide6.QtTest import QTest

        QTest.mouseClick(
            widget, Qt.MouseButton.LeftButton, pos=QPoint(widget.width() // 2, widget.height() // 2)
        )


def type_as_scanner(
    window: QWindow,
    text: str,
    *,
    gap_ms: int = 1,
    pause_before: Mapping[str, int] | None = None,
    at_ms: int | None = None,
) -> int:
    """What a keyboard-type scanner sends to the window in front; "\\r" is its Enter key, "\\x1d" its Ctrl+].

    The keys come one after the other, stamped ``gap_ms`` apart by the system however busy this machine is, from
    ``at_ms`` or now on; before some signs it rests longer. Gives the stamp after the last.
    """
    stamp = int(time.monotonic() * 1000) if at_ms is None else at_ms
    for char in text:
        stamp += (pause_before or {}).get(char, 0)
        key, held = _SCANNER_KEYS.get(char) or (ord(char.upper()[0]), Qt.KeyboardModifier.NoModifier)
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, key, held, char)
            event.setTimestamp(stamp)
            QCoreApplication.sendEvent(window, event)
        stamp += gap_ms
    return stamp
