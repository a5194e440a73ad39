"""Tones that are told apart with eyes shut, sentences from clips, and a station without a loudspeaker."""

from __future__ import annotations

import importlib.util
import io
import itertools
import os
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from app.core.texts import Lang
from ui.resources import resource_dir
from ui.sounds import TONES, Player
from ui.voice import GAP_S, PAUSE, PAUSE_S, RATE, ClipBook, NoClip, join_clips, spoken_number, spoken_stop

SOUNDS = resource_dir() / "sounds"
ORDER = "DB20260123001"


def samples(wav: bytes | Path) -> NDArray[np.float64]:
    with wave.open(io.BytesIO(wav) if isinstance(wav, bytes) else str(wav), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def spectrum(tone: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy in 24 bands a third of an octave wide from 80 Hz up, as a vector of length 1."""
    power = np.abs(np.fft.rfft(tone, 65536)) ** 2
    hertz = np.fft.rfftfreq(65536, 1 / RATE)
    edges = 80 * 2 ** (np.arange(25) / 3)
    bands = np.array([power[(hertz >= lo) & (hertz < hi)].sum() for lo, hi in itertools.pairwise(edges)])
    shape = np.sqrt(bands)
    return shape / np.linalg.norm(shape)


def build_script() -> ModuleType:
    path = resource_dir().parent / "build" / "make_sounds.py"
    spec = importlib.util.spec_from_file_location("make_sounds", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- tones


def test_any_two_tones_have_little_of_their_spectrum_in_common() -> None:
    shapes = {name: spectrum(samples(SOUNDS / f"{name}.wav")) for name in TONES}
    alike = {(a, b): float(shapes[a] @ shapes[b]) for a, b in itertools.combinations(TONES, 2)}
    assert max(alike.values()) < 0.5, alike


def test_tones_are_short_enough_for_the_next_scan_and_end_without_a_click() -> None:
    for name in TONES:
        tone = samples(SOUNDS / f"{name}.wav")
        assert len(tone) / RATE <= (1.5 if name == "stop" else 0.5)
        assert np.abs(tone[-20:]).max() < 0.02 and np.abs(tone).max() <= 0.96
    loudness = {name: float(np.sqrt(np.mean(samples(SOUNDS / f"{name}.wav") ** 2))) for name in TONES}
    assert max(loudness, key=lambda name: loudness[name]) == "stop"


def test_the_tones_in_the_box_are_those_the_script_makes(tmp_path: Path) -> None:
    script = build_script()
    for name, made in script.tones().items():
        script.write(tmp_path / f"{name}.wav", made)
        assert (tmp_path / f"{name}.wav").read_bytes() == (SOUNDS / f"{name}.wav").read_bytes()


# -- sentences


@pytest.fixture
def clips() -> ClipBook:
    return ClipBook(SOUNDS / "voice")


def test_an_order_number_is_said_whole_and_sign_by_sign() -> None:
    parts = spoken_stop(ORDER, "zh")
    assert parts[0] == "order" and parts[-1] == "cancelled_stop"
    assert "".join(p for p in parts[1:-1] if p != PAUSE) == ORDER
    assert spoken_number(ORDER) == ["D", "B", PAUSE, *"2026", PAUSE, *"0123", PAUSE, *"001"]
    assert spoken_number("od-2026 é1") == ["O", "D", PAUSE, *"2026", PAUSE, "1"]


def test_the_tail_of_a_number_can_be_said_alone() -> None:
    assert spoken_stop(ORDER, "en", tail=4) == ["order_tail", *"3001", PAUSE, "cancelled_stop"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_sign_and_phrase_has_a_clip_that_is_heard_in_both_languages(
    lang: Lang, clips: ClipBook
) -> None:
    phrases = build_script().PHRASES[lang]
    for name in (*"0123456789", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", *phrases):
        said = np.frombuffer(clips.pcm(name, lang), "<i2") / 32768
        assert 0.1 < len(said) / RATE < 3.0
        assert np.abs(said).max() > 0.8
        assert np.flatnonzero(np.abs(said) > 0.02)[0] / RATE < 0.12, f"{lang}/{name} begins with silence"
    assert build_script().PHRASES["zh"].keys() == build_script().PHRASES["en"].keys()


def test_no_two_digits_sound_alike(clips: ClipBook) -> None:
    """Not a proof that a person understands them: that the right words were recorded at all (espeak's other Chinese
    voice reads all digits as English)."""
    for lang in ("zh", "en"):
        shapes = [spectrum(np.frombuffer(clips.pcm(n, lang), "<i2") / 32768) for n in "0123456789"]  # type: ignore[arg-type]
        assert max(float(a @ b) for a, b in itertools.combinations(shapes, 2)) < 0.995


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_joined_sentence_is_its_clips_with_rests_between(lang: Lang, clips: ClipBook) -> None:
    parts = spoken_stop(ORDER, lang)
    wav = join_clips(parts, lang, clips)
    spoken = [p for p in parts if p != PAUSE]
    frames = sum(len(clips.pcm(p, lang)) // 2 for p in spoken)
    rests = (len(spoken) + 1) * round(GAP_S * RATE) + parts.count(PAUSE) * round(PAUSE_S * RATE)
    said = samples(wav)
    assert len(said) == frames + rests
    first = np.frombuffer(clips.pcm(spoken[0], lang), "<i2") / 32768
    at = round(GAP_S * RATE)
    assert not said[:at].any() and np.array_equal(said[at : at + len(first)], first)
    assert join_clips(parts, lang, clips) == wav


def test_a_sentence_with_an_unknown_clip_is_refused_by_name(clips: ClipBook) -> None:
    with pytest.raises(NoClip, match="zh/unheard"):
        join_clips(["unheard"], "zh", clips)


@pytest.mark.gbk
def test_a_shops_own_recording_wins_unless_it_is_of_another_format(tmp_path: Path) -> None:
    own = tmp_path / "录音" / "zh"
    own.mkdir(parents=True)
    (own / "1.wav").write_bytes((SOUNDS / "ok.wav").read_bytes())
    (own / "2.wav").write_bytes(b"no sound at all")
    with wave.open(str(own / "3.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(400))
    ours, theirs = ClipBook(SOUNDS / "voice"), ClipBook(SOUNDS / "voice", tmp_path / "录音")
    assert theirs.pcm("1", "zh") != ours.pcm("1", "zh")
    for broken in ("2", "3"):
        assert theirs.pcm(broken, "zh") == ours.pcm(broken, "zh")


# -- the player


@pytest.mark.gbk
def test_without_a_loudspeaker_nothing_fails_and_the_state_says_so(qtbot: QtBot, tmp_path: Path) -> None:
    player = Player(SOUNDS, tmp_path / "voice")
    player.open()
    if player.state == "ready":
        pytest.skip("this machine has a loudspeaker")
    assert player.state == "no_device"
    for tone in TONES:
        player.play(tone)
    player.say(["order"], "zh")
    player.alarm(ORDER, "zh")
    assert player.alarming
    player.silence()
    assert not player.alarming


class SoundServer:
    """A sound server of our own whose only loudspeaker is a recorder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        socket = folder / "native"
        config = folder / "pa.conf"
        config.write_text(
            f"load-module module-null-sink sink_name=nul rate={RATE} channels=1\n"
            f"load-module module-native-protocol-unix auth-anonymous=1 socket={socket}\n",
            encoding="utf-8",
        )
        self.env = {
            **os.environ,
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_SERVER": f"unix:{socket}",
            "HOME": str(folder),
        }
        self.process = subprocess.Popen(
            ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", "-F", str(config)],
            env=self.env,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(400):
            if socket.exists():
                break
            time.sleep(0.05)
        else:
            pytest.skip("the sound server does not start here")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SoundServer]:
    if sys.platform == "win32" or not (shutil.which("pulseaudio") and shutil.which("parec")):
        pytest.skip("pulseaudio is not installed")
    made = SoundServer(tmp_path / "pulse")
    yield made
    made.close()


@pytest.mark.sound
def test_the_alarm_is_heard_tone_first_then_the_number(
    server: SoundServer, tmp_path: Path, clips: ClipBook
) -> None:
    tone = samples(SOUNDS / "stop.wav")
    said = samples(join_clips(spoken_stop("OD7", "zh"), "zh", clips))
    tries = []
    for n in range(4):  # a busy machine drops some of what is played; one whole recording shows it
        folder = tmp_path / str(n)
        folder.mkdir()
        heard = recorded(server, folder)
        first, second = place(tone, heard), place(said, heard)
        if first[1] > 0.6 and second[1] > 0.6 and first[0] + len(tone) / RATE <= second[0] + 0.2:
            return
        tries.append((first, second))
    pytest.fail(f"tone and number, where and how like: {tries}")


def recorded(server: SoundServer, folder: Path) -> NDArray[np.float64]:
    """What the sound server plays while an alarm is raised."""
    recording = folder / "rec.wav"
    how = ["-d", "nul.monitor", "--file-format=wav", f"--rate={RATE}", "--channels=1", "--format=s16le"]
    recorder = subprocess.Popen(["parec", *how, str(recording)], env=server.env)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.helpers.sound_app", str(folder)], env=server.env, timeout=60
        )
    finally:
        recorder.terminate()
        recorder.wait(20)
    assert ended.returncode == 0
    raw = recording.read_bytes()
    return np.frombuffer(raw[44 : 44 + (len(raw) - 44) // 2 * 2], "<i2") / 32768


def place(wanted: NDArray[np.float64], heard: NDArray[np.float64]) -> tuple[float, float]:
    """Where in a recording a sound is (seconds) and how like it is, 0 ... 1."""
    size = 1 << (len(heard) + len(wanted)).bit_length()
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)[: len(heard)]
    at = int(np.argmax(match))
    part = heard[at : at + len(wanted)]
    like = float(match[at] / (np.linalg.norm(wanted) * np.linalg.norm(part) + 1e-9))
    return at / RATE, like
