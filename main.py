"""Orderdock's door: opens a station at once, and hands all other words to the commands.

A station is what people wait for, several times a day. Its few options are therefore read here, without the library
that reads and explains all the others; whatever is not plainly right goes to the commands, which know better.

Exit status: 0 done, 1 the surroundings say no (one sentence on stderr), 2 wrong use.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from app.core.values import dataclass

_OPTIONS = frozenset({"--hub", "--kind", "--data-dir", "--lang"})
_CHOICES = {"--kind": ("packing", "supervisor", "service", "ops"), "--lang": ("zh", "en")}


@dataclass(frozen=True, slots=True, kw_only=True)
class StationAsked:
    """The words of `station`, read."""

    hub: str | None = None
    kind: str = "packing"
    data_dir: Path | None = None
    lang: str | None = None
    hand: bool = False
    kiosk: bool = False


def station_asked(words: Sequence[str]) -> StationAsked | None:
    """What a station is to be opened with; None where the words ask for something else or are not plainly right."""
    if words and words[0] != "station":
        return None
    given: dict[str, str] = {}
    flags = {"--hand": False, "--kiosk": False}
    rest = iter(words[1:])
    for word in rest:
        if word in flags:
            flags[word] = True
            continue
        option, is_joined, value = word.partition("=")
        if not is_joined:
            value = next(rest, "")
        allowed = _CHOICES.get(option, (value,))
        if option not in _OPTIONS or value not in allowed or not value or value.startswith("-"):
            return None
        given[option] = value
    folder = given.get("--data-dir")
    return StationAsked(
        hub=given.get("--hub"),
        kind=given.get("--kind", "packing"),
        data_dir=Path(folder) if folder else None,
        lang=given.get("--lang"),
        hand=flags["--hand"],
        kiosk=flags["--kiosk"],
    )


def main() -> None:
    """The console entry: an unexpected fault ends in one sentence, its details in a report file."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a poor console still shows the rest
    try:
        asked = station_asked(sys.argv[1:])
        if asked is not None:
            sys.exit(_open(asked))
        from commands import cli

        cli()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception:  # noqa: BLE001 -- the outermost edge
        _report_fault()
        sys.exit(1)


def _open(asked: StationAsked) -> int:
    # While a program opens, what it makes it keeps: looking for garbage takes a fifth of that time and finds none.
    # The station collects in the window's thread once all is open (ui.garbage).
    gc.disable()
    from app.desktop import open_station

    return open_station(asked.hub, asked.kind, asked.data_dir, asked.lang, hand=asked.hand, kiosk=asked.kiosk)


def _report_fault() -> None:
    import tempfile
    import traceback

    kept = "orderdock-fault.txt"
    report = Path(tempfile.gettempdir()) / kept
    report.write_text(traceback.format_exc(), encoding="utf-8")
    sys.stderr.write(
        f"程序出错，已停止。数据没有丢失。请把这个文件发给技术人员：{report}\n"
        f"The program failed and stopped. No data was lost. Send this file to your technician: {report}\n"
    )


if __name__ == "__main__":
    main()
