"""Spoken sentences put together from recorded clips: no speech engine, no network, the same everywhere. No Qt here.

    clips = ClipBook(resources / "sounds" / "voice", own=data_dir / "voice")
    wav = join_clips(spoken_stop("OD20261121001", "zh"), "zh", clips)

Clips are WAV files, 22,050 Hz, mono, 16 bit: digits, letters and the fixed phrases of build/make_sounds.py. A shop that
prefers a human voice puts recordings with the same names into `<own>/<lang>/`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from app.core.texts import Lang

RATE = 22_050
_WIDTH = 2
GAP_S, PAUSE_S = 0.06, 0.22
PAUSE = ","
"""A part of a sentence that is a short rest."""


class NoClip(KeyError):
    """A sentence names a clip that is not there, or one of another format."""


class ClipBook:
    """The clips of one folder per language, read when first needed. `own` recordings win over ours."""

    def __init__(self, folder: Path, own: Path | None = None) -> None:
        self._folders = [path for path in (own, folder) if path is not None]
        self._pcm: dict[tuple[Lang, str], bytes] = {}

    def pcm(self, name: str, lang: Lang) -> bytes:
        """The samples of a clip; NoClip where there is none."""
        if (lang, name) not in self._pcm:
            self._pcm[lang, name] = self._read(name, lang)
        return self._pcm[lang, name]

    def _read(self, name: str, lang: Lang) -> bytes:
        for folder in self._folders:
            path = folder / lang / f"{name}.wav"
            if path.is_file() and (samples := _samples(path)) is not None:
                return samples
        raise NoClip(f"{lang}/{name}")


def _samples(path: Path) -> bytes | None:
    """The samples of a file in our format, None for any other: a wrong recording must not silence the alarm."""
    import wave

    try:
        with wave.open(str(path), "rb") as file:
            if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, _WIDTH, RATE):
                return None
            return file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error):
        return None


def join_clips(parts: Sequence[str], lang: Lang, clips: ClipBook) -> bytes:
    """One WAV file saying `parts` in order: clip names, and PAUSE for a rest. NoClip for a name without a clip."""
    import wave  # no window waits for what is spoken later

    gap, pause = _rest(GAP_S), _rest(PAUSE_S)
    pieces: list[bytes] = []
    for part in parts:
        if part == PAUSE:
            pieces.append(pause)
        else:
            pieces += [gap, clips.pcm(part, lang)]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(_WIDTH)
        file.setframerate(RATE)
        file.writeframes(b"".join([*pieces, gap]))
    return out.getvalue()


def spoken_number(number: str) -> list[str]:
    """A number sign by sign, as people read one out: letters, then digits in fours with rests between. Signs that have
    no clip (dashes, blanks) are left out."""
    signs = re.sub(r"[^A-Z0-9]", "", number.upper())
    groups = re.findall(r"[A-Z]+|[0-9]{1,4}", signs)
    parts: list[str] = []
    for group in groups:
        parts += [PAUSE, *group] if parts else [*group]
    return parts


def spoken_stop(order_no: str, lang: Lang, *, tail: int = 0, what: str = "cancelled_stop") -> list[str]:
    """The sentence of an alarm: "订单 O D 2 0 2 6 … 已取消，请停手", "Order … cancelled, stop!".

    The whole number is said; `tail` n says only its last n signs ("订单尾号 …"). `what` is the clip that ends it
    (cancelled_stop, address_changed, on_hold).
    """
    if tail:
        return ["order_tail", *spoken_number(order_no[-tail:]), PAUSE, what]
    return ["order", *spoken_number(order_no), PAUSE, what]


def spoken_remark(remarks: Sequence[str]) -> list[str]:
    """What is said when a parcel with remarks is opened: the wishes that are certain, and that there is more to read;
    empty where nobody wrote anything. The tone of the scan is let go first."""
    from app.core.wishes import wishes

    told = [wishes(remark) for remark in remarks if remark.strip()]
    said: list[str] = list(dict.fromkeys(wish for some, _ in told for wish in some))
    if not told:
        return []
    if not all(is_all for _, is_all in told):
        said.append("read_remark")
    return [part for wish in said for part in (PAUSE, wish)]


def _rest(span_s: float) -> bytes:
    return bytes(round(span_s * RATE) * _WIDTH)
