"""A camera as a scanner: what it sees comes out of the scanner door like any other read.

    camera = CameraScanner(scanner_input, "0")           # the first camera; a path is a film
    camera.state_changed.connect(strip.show_camera)
    camera.start()

The window never waits for a camera: each try has a thread of its own that alone touches it, and is left behind
where a driver does not answer. What cannot be opened is tried again after 1, 2, 5 and 10 seconds; after five
tries in a row it is let be until a person says `again`.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.values import dataclass
from app.ports import Clock
from ui.scanner_input import FrameRead, ScannerInput

if TYPE_CHECKING:  # OpenCV comes with the first camera, in the camera's own thread
    from app.codes.camera import Look
    from app.codes.together import Pair, Single

CameraState = Literal["off", "opening", "ready", "missing", "given_up", "no_library"]
Why = Literal["", "not_there", "no_picture", "no_answer"]

BACK_OFF_S = (1, 2, 5, 10)
TRIES = 5
WORKED_S = 30.0
"""A camera that gave pictures for so long works: the count of tries begins anew. One that opens and fails at once
would else be tried for ever."""
ANSWER_S = 12.0
"""A camera that neither opens nor sends a picture for so long does not answer."""
_LISTEN_MS = 40
_JOIN_S = 0.5


@dataclass(frozen=True, slots=True)
class _Word:
    """What the thread says: opened (with or without the second reader), a read, papers in one picture, or why it
    ended."""

    kind: Literal["opened", "read", "frame", "ended"]
    text: str = ""
    at_s: float = 0.0
    frame: FrameRead | None = None


class _Eye(threading.Thread):
    """One try with one camera, from opening to whatever ends it. Knows nothing of windows."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name="camera", daemon=True)
        self.words: queue.SimpleQueue[_Word] = queue.SimpleQueue()
        self.beat_s = clock.monotonic()
        """When the camera last answered."""
        self.newest: Look | None = None
        self._name, self._clock = name, clock
        self._is_over = threading.Event()

    def end(self) -> None:
        self._is_over.set()

    def run(self) -> None:
        try:
            from app.codes.camera import Camera, CameraTrouble, source_of
            from app.codes.together import Telling
        except ImportError:
            self._say("ended", "no_library")
            return
        camera, telling = Camera(source_of(self._name), self._clock), Telling()
        try:
            camera.open()
            self._say("opened", "" if camera.has_zbar else "no_zbar")
            while not self._is_over.is_set():
                look = camera.look()
                self.newest, self.beat_s = look, self._clock.monotonic()
                for said in telling.hear(look.codes, look.fresh, look.at_s):
                    self._tell(said, look)
        except CameraTrouble as trouble:
            for said in telling.rest():
                self._tell(said, self.newest)
            self._say("ended", trouble.why)
        finally:
            camera.close()

    def _tell(self, said: Single | Pair, look: Look | None) -> None:
        from app.codes.camera import jpeg_of
        from app.codes.together import Single

        if isinstance(said, Single):
            self._say("read", said.text)
        elif look is not None:
            read = FrameRead(said.seen, said.fresh, jpeg_of(look.picture), f"camera:{self._name}")
            self.words.put(_Word("frame", at_s=self._clock.monotonic(), frame=read))

    def _say(self, kind: Literal["opened", "read", "ended"], text: str) -> None:
        self.beat_s = self._clock.monotonic()
        self.words.put(_Word(kind, text, self.beat_s))


class CameraScanner(QObject):
    """Reads one camera and hands its codes to the scanner door.

    `state_changed(state, retry_s)`: "opening", "ready", "missing" with the seconds to the next try, "given_up",
    "no_library" (this computer cannot read pictures), "off". `why` says more of a camera that is missing.
    """

    state_changed = Signal(str, int)

    def __init__(self, door: ScannerInput, name: str, clock: Clock) -> None:
        super().__init__(door)
        self._door = door
        self._clock = clock
        self.name = name
        self.state: CameraState = "off"
        self.why: Why = ""
        self.has_zbar = True
        """False: the second reader's library is missing, and fewer codes are read."""
        self._eye: _Eye | None = None
        self._failures = 0
        self._opened_s: float | None = None
        self._listen = QTimer(self, interval=_LISTEN_MS)
        self._listen.timeout.connect(self._hear)
        self._retry = QTimer(self, singleShot=True)
        self._retry.timeout.connect(self.start)

    @property
    def newest(self) -> Look | None:
        """The frame that was read last, with all codes it shows; None while there is none."""
        return self._eye.newest if self._eye is not None else None

    def start(self) -> None:
        """Opens the camera, in the background."""
        self._retry.stop()
        if self._eye is not None:
            return
        self._opened_s = None
        self._eye = _Eye(self.name, self._clock)
        self._eye.start()
        self._listen.start()
        self._say("opening", 0)

    def again(self) -> None:
        """A person says that it is there now: all tries once more."""
        self._failures = 0
        self.start()

    def stop(self) -> None:
        """Lets go of the camera. One that does not answer keeps its thread until it does."""
        self._retry.stop()
        self._leave()
        self._failures = 0
        self._say("off", 0)

    def _leave(self) -> None:
        self._listen.stop()
        if self._eye is not None:
            self._eye.end()
            self._eye.join(_JOIN_S)
            self._eye = None

    def _hear(self) -> None:
        """What the thread said since the last time; a thread that says nothing is not waited for."""
        eye = self._eye
        if eye is None:
            return
        is_alive = eye.is_alive()
        while not eye.words.empty():
            word = eye.words.get()
            if word.kind == "ended":
                self._lose(word.text)
                return
            self._told(word)
        if not is_alive:
            self._lose("no_picture")
        elif self._clock.monotonic() - eye.beat_s > ANSWER_S:
            self._lose("no_answer")
        elif self._opened_s is not None and self._clock.monotonic() - self._opened_s > WORKED_S:
            self._failures = 0

    def _told(self, word: _Word) -> None:
        if word.kind == "opened":
            self.has_zbar = word.text != "no_zbar"
            self._opened_s, self.why = word.at_s, ""
            self._say("ready", 0)
        elif word.frame is not None:
            self._door.accept_frame(word.frame, word.at_s * 1000)
        else:
            at_ms = word.at_s * 1000
            self._door.accept(word.text, f"camera:{self.name}", began_ms=at_ms, ended_ms=at_ms)

    def _lose(self, why: str) -> None:
        is_library = why == "no_library"
        self.why = "" if is_library else why  # type: ignore[assignment]
        self._listen.stop()
        if self._eye is not None:
            self._eye.end()
            self._eye = None
        self._failures += 1
        if is_library:
            self._say("no_library", 0)
        elif self._failures >= TRIES:
            self._say("given_up", 0)
        else:
            wait_s = BACK_OFF_S[min(self._failures, len(BACK_OFF_S)) - 1]
            self._retry.start(wait_s * 1000)
            self._say("missing", wait_s)

    def _say(self, state: CameraState, retry_s: int) -> None:
        self.state = state
        self.state_changed.emit(state, retry_s)
