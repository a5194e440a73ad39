"""The quick reader of plain TOML gives what the standard one gives, for our files and for those that are not plain."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from app.core import plaintoml
from tests.helpers.source import ROOT

FILES = sorted((ROOT / "resources").rglob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_our_files_are_read_as_the_standard_reader_reads_them(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert plaintoml.loads(text) == tomllib.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# 只有一句话\n",
        'a = "x" # why\r\nb = 12\r\n[t]\r\n"a.b" = "c"\r\n',
        'a = "\\u4e2d\\n"\nb = \'raw\'\nc = """\nlong\n"""',
        "a = -1\nb = 0x10\nc = 1_000\nd = 1.5\ne = true\nf = 2026-11-22\n",
        "a = [1, 2]\nb = {c = 1}\n[x.y]\nz = 1\n[[w]]\nv = 1\n",
        "a.b = 1\n",
        '[t]\nb = "#no comment"\n',
    ],
)
def test_any_right_text_is_read_the_same(text: str) -> None:
    assert plaintoml.loads(text) == tomllib.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        'a = "1"\na = "2"\n',
        "[t]\na = 1\n[t]\nb = 2\n",
        't = 1\n[t]\na = "x"\n',
        'a = "open\n',
        "a = 01\n",
        "a = \n",
        'a = "b" "c"\n',
        'a = "\x01"\n',
        "a = 1 # \x00\n",
        "a = 1\rb = 2\n",
        "[]\n",
        '"" x\n',
    ],
)
def test_a_damaged_text_is_refused_the_same(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as theirs:
        tomllib.loads(text)
    with pytest.raises(tomllib.TOMLDecodeError) as ours:
        plaintoml.loads(text)
    assert str(ours.value) == str(theirs.value)
