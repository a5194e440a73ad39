"""``python -m hub.connectors.new {channel|carrier} NAME``: a folder and its tests that pass the contract at once.

The files come from ``scaffold/``. They hold a plain protocol that works, to be replaced by the true one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

Kind = Literal["channel", "carrier"]

_SCAFFOLD = Path(__file__).parent / "scaffold"
_NAME = re.compile(r"[a-z][a-z0-9]{1,30}")


class CannotMake(Exception):
    """The text says why not, to the developer who asked."""


def make(kind: Kind, name: str, root: Path) -> list[Path]:
    """Writes the folder and its mirror of tests below ``root`` and gives their files. Overwrites nothing."""
    if _NAME.fullmatch(name) is None:
        raise CannotMake(f"{name!r}: a name is 2 to 31 small letters and digits, a letter first")
    folder = root / "hub" / "connectors" / f"{kind}s" / name
    mirror = root / "tests" / "hub" / "connectors" / name
    for place in (folder, mirror):
        if place.exists():
            raise CannotMake(f"{place} is there already")
    made = [folder / "__init__.py", mirror / "__init__.py"]
    for path in made:
        path.parent.mkdir(parents=True)
        path.write_text("", encoding="utf-8")
    for source, inner in _templates(kind):
        target = mirror / f"test_{name}.py" if inner == "test.py" else folder / inner
        if inner.startswith("payloads/"):
            target = mirror / inner
        target.parent.mkdir(exist_ok=True)
        text = source.read_text(encoding="utf-8")
        text = text.replace("{{name}}", name).replace("{{Name}}", name.capitalize())
        target.write_text(text, encoding="utf-8", newline="\n")
        made.append(target)
    return made


def _templates(kind: Kind) -> Iterator[tuple[Path, str]]:
    """Each template with the path it gets: they end in .txt, for no tool shall take them for code."""
    start = _SCAFFOLD / kind
    for path in sorted(start.rglob("*.txt")):
        yield path, path.relative_to(start).as_posix().removesuffix(".txt")


def main(words: list[str], root: Path) -> int:
    """Exit status 0 done, 1 it cannot be made, 2 wrong use."""
    if len(words) != 2 or words[0] not in get_args(Kind):
        sys.stderr.write("python -m hub.connectors.new {channel|carrier} NAME\n")
        return 2
    try:
        kind: Kind = "channel" if words[0] == "channel" else "carrier"
        made = make(kind, words[1], root)
    except CannotMake as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{path.relative_to(root).as_posix()}\n" for path in made)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], Path(__file__).resolve().parent.parent.parent))
