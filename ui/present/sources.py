"""The sources of scans as words: which there are, how each does, what it read last. No Qt here."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from app.core.values import dataclass
from ui.present.states import State
from ui.present.words import Words

if TYPE_CHECKING:
    from app.core.scale import Reading

CameraState = Literal["off", "opening", "ready", "missing", "given_up", "no_library"]
CameraWhy = Literal["", "not_there", "no_picture", "no_answer"]


@dataclass(frozen=True, slots=True)
class SourceView:
    """A chip: shape and words."""

    state: State
    text: str


def serial_view(
    state: Literal["off", "ready", "missing"], port: str, retry_s: int, words: Words
) -> SourceView:
    if state == "off":
        return SourceView("idle", words.tr("sources.off"))
    if state == "ready":
        return SourceView("ok", words.tr("sources.serial_ready", port=port))
    return SourceView("stop", words.tr("sources.serial_missing", port=port, span=words.duration(retry_s)))


def scale_view(last: Reading | None, words: Words) -> str:
    """What lies on the scale, as it last said; None where nothing it sent was understood yet."""
    if last is None:
        return words.tr("sources.scale_silent")
    if last.weight_g is None:
        return words.tr("sources.scale_beyond")
    key = "sources.scale_moving" if last.steadiness == "moving" else "sources.scale_weight"
    return words.tr(key, n=last.weight_g)


def camera_view(
    state: CameraState, why: CameraWhy, retry_s: int, words: Words, *, has_zbar: bool = True
) -> SourceView:
    match state:
        case "off":
            return SourceView("idle", words.tr("sources.off"))
        case "opening":
            return SourceView("info", words.tr("sources.camera_opening"))
        case "ready":
            weak = SourceView("wait", words.tr("sources.camera_no_zbar"))
            return SourceView("ok", words.tr("sources.camera_ready")) if has_zbar else weak
        case "missing":
            named = words.tr(f"sources.camera_{why or 'not_there'}")
            return SourceView(
                "wait", words.tr("sources.camera_retry", why=named, span=words.duration(retry_s))
            )
        case "given_up":
            named = words.tr(f"sources.camera_{why or 'not_there'}")
            return SourceView("stop", words.tr("sources.camera_given_up", why=named))
        case _:
            return SourceView("stop", words.tr("sources.camera_no_library"))


def strip_view(state: CameraState, retry_s: int, words: Words) -> SourceView | None:
    """What the foot of the window says of a camera that somebody turned on; nothing while it opens."""
    match state:
        case "ready":
            return SourceView("ok", words.tr("strip.camera"))
        case "missing":
            return SourceView("wait", words.tr("strip.camera_missing", span=words.duration(retry_s)))
        case "given_up":
            return SourceView("stop", words.tr("strip.camera_given_up"))
        case "no_library":
            return SourceView("stop", words.tr("strip.camera_no_library"))
        case _:
            return None


def last_view(text: str | None, at: datetime | None, words: Words, now: datetime) -> str:
    """What a source read last and when; ``text`` is empty for a badge, None where nothing was read yet."""
    if text is None or at is None:
        return words.tr("sources.nothing_read")
    when = words.since(at, now)
    if not text:
        return words.tr("sources.badge_read", when=when)
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return words.tr("sources.last_read", text=shown, when=when)


_SHOWN = 40
