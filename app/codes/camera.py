"""A camera that reads codes: opened, looked through, closed. No Qt, no thread: whoever owns it waits for it.

    camera = Camera(source_of("0"), clock)           # or the path of a film
    camera.open()                                    # CameraTrouble("not_there")
    look = camera.look()                             # CameraTrouble("no_picture"); look.fresh are new reads

A code that stays in the picture is one read; it counts again once it has been out of sight for a moment. Two
pieces of the same article side by side are one read as well: they are shown one after the other.
"""

from __future__ import annotations

import sys
import threading

import cv2
import numpy as np
import numpy.typing as npt

from app.codes.reader import Code, Reader
from app.core.frame import in_picture
from app.core.values import dataclass
from app.ports import Clock

Picture = npt.NDArray[np.uint8]

AWAY_S = 1.2
"""Out of sight for so long, a code has left the picture: a blurred frame or a hand before it is shorter."""
TWICE_WITHIN_S = 1.0
"""Codes whose check is weak or missing count when two frames within this time show the same."""
LOOK_EVERY_S = 0.08
"""Frames that come faster are let go unread: the bench's computer has other work."""
_PAUSE_S = 0.004
"""Some drivers give the same frame again and again without waiting for the next."""
_WEAK = frozenset({"itf", "code39", "codabar", "ean8", "upce"})
#: What labels carry. Anything else in a moving picture is a shadow taken for stripes.
_KINDS = _WEAK | {"code128", "code93", "ean13", "upca", "qrcode", "datamatrix", "pdf417"}
_WIDTH, _HEIGHT = 1280, 720
_FILM_FPS = 25.0
_SMALL = (64, 36)
_MOVED = 12
"""A difference of so much light in any spot of the small picture means that something moved."""
_TRIES_STILL = 6
"""A picture in which nothing moves is read so often, each time prepared in another way, and then let be."""


class CameraTrouble(Exception):
    """``why``: not_there (does not open) or no_picture (it opened, but no frame comes)."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Look:
    """One frame (BGR), all codes it shows, each as often as it is there, and those among them that count as read now.
    ``at_s``: seconds of the camera's own time."""

    picture: Picture
    codes: tuple[Code, ...]
    fresh: tuple[Code, ...]
    at_s: float = 0.0


class InView:
    """What is in the picture now, so that each code counts once while it stays. Moments are seconds."""

    def __init__(self, away_s: float = AWAY_S) -> None:
        self._away_s = away_s
        self._seen: dict[str, float] = {}
        self._once: dict[str, float] = {}

    def fresh(self, codes: list[Code], at_s: float) -> tuple[Code, ...]:
        """Those of a frame that have just come into the picture."""
        self._seen = {text: at for text, at in self._seen.items() if at_s - at <= self._away_s}
        self._once = {text: at for text, at in self._once.items() if at_s - at <= TWICE_WITHIN_S}
        new = [code for code in codes if code.text not in self._seen and self._is_sure(code, at_s)]
        for code in codes:
            if code.text in self._seen or code in new:
                self._seen[code.text] = at_s
        return tuple({code.text: code for code in new}.values())

    def _is_sure(self, code: Code, at_s: float) -> bool:
        if code.format not in _WEAK or self._once.get(code.text, at_s) < at_s:
            return True
        self._once[code.text] = at_s
        return False


class Stillness:
    """Whether anything moved, so that an empty bench costs a computer nothing."""

    def __init__(self) -> None:
        self._last: Picture | None = None
        self._reads = 0
        self._codes: list[Code] = []

    def known(self, picture: Picture) -> list[Code] | None:
        """What was read of this same picture; None when it has to be read."""
        small = np.asarray(cv2.resize(picture, _SMALL, interpolation=cv2.INTER_AREA), np.uint8)
        is_still = self._last is not None and int(cv2.absdiff(small, self._last).max()) < _MOVED
        if not is_still:
            self._last, self._reads, self._codes = small, 0, []
            return None
        return self._codes if self._reads >= _TRIES_STILL else None

    def read(self, codes: list[Code]) -> None:
        """What was read of the picture asked about last."""
        self._reads += 1
        if len(codes) >= len(self._codes):
            self._codes = codes


def read_pair(reader: Reader, picture: Picture, nth: int = 0) -> list[Code]:
    """The codes of a frame. Where it shows a slip without a label, or a label without a slip, the other one is looked
    for once more: readers that have found something do not try any harder."""
    found = reader.read_frame(picture, nth)
    seen = in_picture((code.text, code.format) for code in found)
    if seen.is_half:
        more = reader.read_stripes(picture) if seen.slips else reader.read_again(picture)
        known = {code.text for code in found}
        found = [*found, *(code for code in more if code.text not in known)]
    return [code for code in found if code.format in _KINDS]


def jpeg_of(picture: Picture) -> bytes:
    """A frame as a file to be kept; empty where it cannot be made."""
    is_made, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return data.tobytes() if is_made else b""


def source_of(name: str) -> int | str:
    """ "0" is the first camera of this computer; anything else is the address of a stream or the path of a film."""
    return int(name) if name.isdecimal() and name.isascii() else name


class Camera:
    """One camera. Every method may take long or, with a faulty driver, for ever: never called by a window."""

    def __init__(self, source: int | str, clock: Clock, reader: Reader | None = None) -> None:
        self._source = source
        self._clock = clock
        self._reader = reader or Reader(clock)
        self._view = InView()
        self._still = Stillness()
        self._capture: cv2.VideoCapture | None = None
        self._pause = threading.Event()
        self._frames = 0
        self._looked_s = float("-inf")

    @property
    def has_zbar(self) -> bool:
        """Whether the second reader helps."""
        return self._reader.has_zbar

    def open(self) -> None:
        """CameraTrouble("not_there") where no such camera opens."""
        _hush()  # what fails is said by us, in words, and not to a console
        for backend in _backends(self._source):
            capture = cv2.VideoCapture()
            try:
                is_open = capture.open(self._source, backend)
            except cv2.error:
                is_open = False
            if is_open:
                self._capture = capture
                self._arrange(capture)
                return
            capture.release()
        raise CameraTrouble("not_there")

    def look(self) -> Look:
        """The next frame that is to be read. CameraTrouble("no_picture") when none comes any more."""
        picture, at_s = self._next()
        codes = self._still.known(picture)
        if codes is None:
            codes = read_pair(self._reader, picture, self._frames)
            self._still.read(codes)
        return Look(picture, tuple(codes), self._view.fresh(codes, at_s), at_s)

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _arrange(self, capture: cv2.VideoCapture) -> None:
        if isinstance(self._source, int):
            # a camera may refuse each of these and works all the same
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, _WIDTH)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, _HEIGHT)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def _next(self) -> tuple[Picture, float]:
        if self._capture is None:
            raise CameraTrouble("no_picture")
        try:
            while True:
                if not self._capture.grab():
                    raise CameraTrouble("no_picture")
                self._frames += 1
                if (at_s := self._due()) is not None:
                    is_there, picture = self._capture.retrieve()
                    if not is_there or picture is None:
                        raise CameraTrouble("no_picture")
                    return np.asarray(picture, np.uint8), at_s
                self._pause.wait(_PAUSE_S)
        except cv2.error as error:
            raise CameraTrouble("no_picture") from error

    def _due(self) -> float | None:
        """The moment of the frame grabbed last; None while it is too soon to read another."""
        if isinstance(self._source, str) and "://" not in self._source:
            assert self._capture is not None
            return self._frames / (self._capture.get(cv2.CAP_PROP_FPS) or _FILM_FPS)
        now_s = self._clock.monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return None
        self._looked_s = now_s
        return now_s


def _backends(source: int | str) -> tuple[int, ...]:
    """On Windows the one that opens at once goes first: the other takes many seconds with some cameras."""
    if isinstance(source, int) and sys.platform == "win32":
        return (cv2.CAP_DSHOW, cv2.CAP_MSMF)
    return (cv2.CAP_ANY,)


def _hush() -> None:
    """Releases of the library differ in where they keep this."""
    logging = getattr(cv2.utils, "logging", None)
    if logging is not None:
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)
