"""What the station is heard to say: four tones that need no eyes, and the sentence of an alarm.

    player = Player(resources / "sounds", data_dir / "voice")
    player.open()                            # looks for a loudspeaker
    player.play("wrong")
    player.alarm("OD20261121001", "zh")      # tone and sentence, again and again until silence()
    player.state_changed.connect(strip.show_sound)

Without a loudspeaker nothing fails and nothing is thrown: `state` says "no_device", and the strip says it
to the person. The screen never relies on sound (an alarm is red whether or not it is heard).
"""

from __future__ import annotations

from contextlib import suppress
from ctypes import CDLL
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, QTimer, QUrl, Signal

from app.core.texts import Lang
from ui.voice import ClipBook, NoClip, join_clips, spoken_stop

if TYPE_CHECKING:
    from PySide6.QtMultimedia import QMediaDevices, QSoundEffect

Tone = Literal["ok", "wrong", "too_many", "stop", "again"]
SoundState = Literal["ready", "no_device", "error"]

TONES: tuple[Tone, ...] = ("ok", "wrong", "too_many", "stop", "again")
ALARM_EVERY_MS = 2500
"""Rest between two rounds of an alarm."""
_KEPT_SENTENCES = 30


class Player(QObject):
    """Plays tones and sentences. `sentences` is a folder for joined ones; it is made and kept small."""

    state_changed = Signal(str)
    """"ready", "no_device" or "error"; also when a loudspeaker is plugged in or out."""

    def __init__(
        self, sounds: Path, sentences: Path, *, own: Path | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._sounds = sounds
        self._sentences = sentences
        self._clips = ClipBook(sounds / "voice", own)
        self._tones: dict[Tone, QSoundEffect] = {}
        self._voice: QSoundEffect | None = None
        self._alarm: tuple[str, Lang, str] | None = None
        self._again = QTimer(self, singleShot=True, interval=ALARM_EVERY_MS)
        self._again.timeout.connect(self._alarm_round)
        self.state: SoundState = "no_device"
        self._devices: QMediaDevices | None = None

    def open(self) -> None:
        """Looks for a loudspeaker from now on; nothing is heard before. Asking the system for one takes a moment."""
        self._devices = _media_devices(self)
        if self._devices is not None:
            self._devices.audioOutputsChanged.connect(self._on_devices)
            self._on_devices()

    def play(self, tone: Tone) -> None:
        """Plays a tone at once. A new one never waits for the last: at the bench the newest scan counts."""
        if (effect := self._tones.get(tone)) is not None:
            effect.play()

    def say(self, parts: list[str], lang: Lang) -> None:
        """Says a sentence of clips (see ui.voice); a newer sentence cuts the older one off."""
        if self._voice is not None and (path := self._sentence(parts, lang)) is not None:
            self._voice.stop()
            self._voice.setSource(QUrl.fromLocalFile(str(path)))
            self._voice.play()

    def alarm(self, order_no: str, lang: Lang, *, what: str = "cancelled_stop") -> None:
        """Stop tone and spoken order number, again and again until `silence`."""
        self._alarm = (order_no, lang, what)
        self._alarm_round()

    def silence(self) -> None:
        """Ends the alarm and whatever is being said."""
        self._alarm = None
        self._again.stop()
        for effect in (self._voice, self._tones.get("stop")):
            if effect is not None:
                effect.stop()

    @property
    def alarming(self) -> bool:
        return self._alarm is not None

    def _alarm_round(self) -> None:
        if self._alarm is not None:
            self.play("stop")

    def _after_stop(self) -> None:
        """The tone has ended (or was cut off): now the words."""
        if self._alarm is None or self._tones["stop"].isPlaying():
            return
        order_no, lang, what = self._alarm
        self.say(spoken_stop(order_no, lang, what=what), lang)

    def _after_voice(self) -> None:
        if self._alarm is not None and self._voice is not None and not self._voice.isPlaying():
            self._again.start()

    def _sentence(self, parts: list[str], lang: Lang) -> Path | None:
        """The file that says this, made when first needed. None when it cannot be made: the tone must do."""
        import hashlib  # 5 ms that no window waits for

        name = hashlib.sha256(" ".join([lang, *parts]).encode("utf-8")).hexdigest()[:24]
        path = self._sentences / f"{name}.wav"
        if path.is_file():
            return path
        try:
            wav = join_clips(parts, lang, self._clips)
            self._sentences.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wav)
            for old in sorted(self._sentences.glob("*.wav"), key=_written_at)[:-_KEPT_SENTENCES]:
                old.unlink()
        except (OSError, NoClip):
            self._set_state("error")
            return None
        return path

    def _on_devices(self) -> None:
        """A loudspeaker came or went: everything is made anew for the one there is now."""
        assert self._devices is not None
        for effect in (*self._tones.values(), self._voice):
            if effect is not None:
                effect.stop()
                effect.deleteLater()
        self._tones, self._voice = {}, None
        if not self._devices.audioOutputs():
            self._set_state("no_device")
            return
        self._tones = {tone: self._effect(self._sounds / f"{tone}.wav") for tone in TONES}
        self._tones["stop"].playingChanged.connect(self._after_stop)
        self._voice = self._effect(None)
        self._voice.playingChanged.connect(self._after_voice)
        self._set_state("ready")
        if self._alarm is not None:
            self._alarm_round()

    def _effect(self, path: Path | None) -> QSoundEffect:
        from PySide6.QtMultimedia import QSoundEffect

        effect = QSoundEffect(self)
        effect.statusChanged.connect(lambda: self._on_status(effect))
        if path is not None:
            effect.setSource(QUrl.fromLocalFile(str(path)))
        return effect

    def _on_status(self, effect: QSoundEffect) -> None:
        if effect.status() == type(effect).Status.Error:
            self._set_state("error")

    def _set_state(self, state: SoundState) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)


def read_library() -> None:
    """Brings the sound library's code into memory, in any thread: what needs it later finds it there.

    Not imported here: Qt's Python types are made one after the other, and two threads that make some at once end the
    process.
    """
    found = find_spec("PySide6.QtMultimedia")
    if found is not None and found.origin:
        with suppress(OSError):  # said when it is imported
            CDLL(found.origin)


def _load_library() -> bool:
    """False where it is missing."""
    try:
        import PySide6.QtMultimedia  # noqa: F401
    except ImportError:
        return False
    return True


def _media_devices(parent: QObject) -> Any:
    """What tells of loudspeakers, None where the sound library itself is missing."""
    if not _load_library():
        return None
    from PySide6.QtMultimedia import QMediaDevices

    return QMediaDevices(parent)


def _written_at(path: Path) -> float:
    return path.stat().st_mtime
