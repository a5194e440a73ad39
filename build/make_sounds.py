"""Makes resources/sounds: five tones from formulas, and the spoken clips with espeak-ng. Development time
only.

    python build/make_sounds.py tones      # numpy; the same bytes on every machine
    python build/make_sounds.py voice      # needs espeak-ng 1.51 or later on the path

All files are WAV, 22,050 Hz, mono, 16 bit. The tones carry the four meanings of a scan and differ in pitch,
in timbre and in rhythm, so that any one of the three is enough: with a noisy hall, a cheap loudspeaker or a
tin ear. The fifth says "already counted", softly. For Chinese the voice must be `cmn-latn-pinyin`: `cmn` of
espeak-ng 1.51 reads pinyin aloud as English letters. A shop may put its own recordings over the clips (see
ui/sounds.py).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 22_050
FOLDER = Path(__file__).resolve().parent.parent / "resources" / "sounds"
Samples = NDArray[np.float64]

# What is said, by the name of its clip. Digits apart, 1 as 幺: nobody mishears it for 7 over a conveyor.
PHRASES = {
    "zh": {
        "order": "订单",
        "order_tail": "订单尾号",
        "cancelled_stop": "已取消，请停手",
        "address_changed": "地址已改，请停手",
        "on_hold": "先不要发",
        "stop": "停",
        "wrong_item": "不是这一单的",
        "too_many": "多了一件",
        "complete": "齐了，可以封箱",
        "read_remark": "请看留言",
        "gift_wrap": "礼品包装",
        "no_invoice": "箱里不放发票",
        "no_price": "箱里不放价格单",
        "greeting_card": "放贺卡",
        "fragile": "易碎，轻放",
    },
    "en": {
        "order": "Order",
        "order_tail": "Order ending in",
        "cancelled_stop": "cancelled, stop!",
        "address_changed": "address changed, stop!",
        "on_hold": "do not ship yet",
        "stop": "stop!",
        "wrong_item": "not in this order",
        "too_many": "one too many",
        "complete": "complete, close the box",
        "read_remark": "please read the remark",
        "gift_wrap": "gift wrap",
        "no_invoice": "no invoice in the box",
        "no_price": "no prices in the box",
        "greeting_card": "put in the greeting card",
        "fragile": "fragile, handle with care",
    },
}
DIGITS = {
    "zh": ["零", "幺", "二", "三", "四", "五", "六", "七", "八", "九"],
    "en": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
}
VOICES = {"zh": ("cmn-latn-pinyin", "165"), "en": ("en-us", "160")}


def seconds(span: float) -> Samples:
    return np.arange(round(span * RATE)) / RATE


def shaped(tone: Samples, attack: float, release: float) -> Samples:
    """Without clicks at either end."""
    envelope = np.ones(len(tone))
    rise, fall = round(attack * RATE), round(release * RATE)
    envelope[:rise] = np.linspace(0, 1, rise)
    envelope[-fall:] *= np.linspace(1, 0, fall) ** 2
    return tone * envelope


def pitch(hertz: float, span: float, partials: dict[int, float]) -> Samples:
    t = seconds(span)
    return sum((w * np.sin(2 * np.pi * hertz * n * t) for n, w in partials.items()), np.zeros(len(t)))


def silence(span: float) -> Samples:
    return np.zeros(round(span * RATE))


def tones() -> dict[str, Samples]:
    """Every tone as samples in -1 ... 1."""
    bell = {1: 1.0, 2: 0.25}
    low, high = pitch(1175, 0.08, bell), pitch(1760, 0.14, bell)
    saw = {n: 1 / n for n in range(1, 13)}
    buzz = shaped(pitch(147, 0.17, saw), 0.004, 0.03)
    hollow = {n: 1 / n**1.4 for n in (1, 3, 5)}
    pips = [shaped(pitch(hertz, 0.09, hollow), 0.004, 0.03) for hertz in (740, 587, 466)]
    harsh = {n: 1 / n**0.7 for n in range(1, 5)}
    up, down = (shaped(pitch(hertz, 0.16, harsh), 0.003, 0.012) for hertz in (2093, 2794))
    t = seconds(0.05)
    knock = np.sin(2 * np.pi * 330 * t) * np.exp(-t * 90)
    return {
        "ok": loud(np.concatenate([shaped(low, 0.004, 0.02), shaped(high, 0.004, 0.1)]), 0.5),
        "wrong": loud(np.concatenate([buzz, silence(0.06), buzz]), 0.85),
        "too_many": loud(np.concatenate([part for pip in pips for part in (pip, silence(0.04))]), 0.7),
        "stop": loud(np.concatenate([up, down] * 4), 0.95),
        "again": loud(knock, 0.25),
    }


def loud(samples: Samples, peak: float) -> Samples:
    return samples / np.abs(samples).max() * peak


def write(path: Path, samples: Samples) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


def spoken(text: str, lang: str) -> Samples:
    """`text` said by espeak-ng, without the silence round it."""
    voice, speed = VOICES[lang]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", speed, "-w", str(path), text], check=True)
        with wave.open(str(path), "rb") as file:
            assert file.getframerate() == RATE
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    heard = np.flatnonzero(np.abs(samples) > 0.012)
    margin = round(0.008 * RATE)
    cut = samples[max(heard[0] - margin, 0) : heard[-1] + margin]
    return loud(shaped(cut, 0.004, 0.012), 0.9)


def voice() -> None:
    for lang, phrases in PHRASES.items():
        digits = {str(n): word for n, word in enumerate(DIGITS[lang])}
        letters = {chr(c): chr(c) for c in range(ord("A"), ord("Z") + 1)}
        for name, text in {**digits, **letters, **phrases}.items():
            write(FOLDER / "voice" / lang / f"{name}.wav", spoken(text, lang))


def main(what: str) -> None:
    if what == "tones":
        for name, samples in tones().items():
            write(FOLDER / f"{name}.wav", samples)
    elif what == "voice":
        voice()
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
