"""Bad input at the door of `main.py station`: damaged, newer and taken files: one sentence, nothing lost."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.store.outbox import Outbox
from main import StationAsked, station_asked
from rehearsal.processes import Desk, command, environment
from tests.helpers.source import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.gbk, pytest.mark.timeout(120)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that was used before, in a path as people have them."""
    made = tmp_path / "工位 张 三"
    made.mkdir()
    (made / "outbox.sqlite").write_bytes((ROOT / "tests" / "data" / "outbox" / "0001.sqlite").read_bytes())
    return made


def start(folder: Path, lang: str = "en") -> subprocess.CompletedProcess[bytes]:
    words = command("station", "--kind", "packing", "--data-dir", str(folder), "--lang", lang)
    return subprocess.run(
        words, capture_output=True, env=environment(offscreen=True), cwd=ROOT, check=False, timeout=60
    )


@contextmanager
def opened(folder: Path) -> Iterator[Desk]:
    desk = Desk("packing", "http://127.0.0.1:9", folder, folder.parent / "desk.log", "zh", offscreen=True)
    try:
        desk.ask("state", seconds=40)
        yield desk
    finally:
        desk.stop()


def one_sentence(done: subprocess.CompletedProcess[bytes]) -> str:
    """What it said on stderr, in the surroundings' own encoding."""
    try:
        said = done.stderr.decode("utf-8")
    except UnicodeDecodeError:
        said = done.stderr.decode("gb18030")
    assert done.returncode == 1, said
    [line] = [line for line in said.splitlines() if line.strip()]
    assert "Traceback" not in line
    assert "{" not in line
    return line


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], StationAsked()),
        (["station"], StationAsked()),
        (["station", "--kind", "ops", "--lang=en"], StationAsked(kind="ops", lang="en")),
        (
            ["station", "--hub", "http://127.0.0.1:1", "--hand"],
            StationAsked(hub="http://127.0.0.1:1", hand=True),
        ),
        (["station", "--data-dir=工位 张 三"], StationAsked(data_dir=Path("工位 张 三"))),
        (["station", "--kind", "ops", "--kind", "service"], StationAsked(kind="service")),
    ],
)
def test_plain_words_open_a_station_at_once(words: list[str], asked: StationAsked) -> None:
    assert station_asked(words) == asked


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["station", "--kind", "packer"], 2, "packer"),
        (["station", "--lang", "EN"], 2, "EN"),
        (["station", "--hub"], 2, "--hub"),
        (["station", "--hubb", "x"], 2, "--hubb"),
        (["station", "two"], 2, "two"),
        (["station", "--help"], 0, "--data-dir"),
        (["--help"], 0, "decode"),
        (["stations"], 2, "stations"),
    ],
)
def test_other_words_are_answered_by_the_commands(words: list[str], status: int, said: str) -> None:
    assert station_asked(words) is None
    done = subprocess.run(
        command(*words),
        capture_output=True,
        env=environment(offscreen=True) | {"COLUMNS": "200", "_TYPER_FORCE_DISABLE_TERMINAL": "1"},
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == status
    assert said in (done.stdout + done.stderr).decode("utf-8", "replace")


def test_an_outbox_of_a_newer_version_is_left_alone_and_said(folder: Path) -> None:
    path = folder / "outbox.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    before = path.read_bytes()
    for lang in ("en", "zh"):
        assert one_sentence(start(folder, lang))
    assert path.read_bytes() == before


def test_a_damaged_outbox_is_left_alone_and_said(folder: Path) -> None:
    path = folder / "outbox.sqlite"
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 8_000)
    before = path.read_bytes()
    assert one_sentence(start(folder))
    assert path.read_bytes() == before


def test_a_damaged_copy_does_not_keep_a_station_from_work(folder: Path) -> None:
    (folder / "cache.sqlite").write_bytes(b"SQLite format 3\x00" + b"\xff" * 8_000)
    before = _waiting(folder)
    with opened(folder):
        pass
    assert _waiting(folder) == before and before


def test_a_folder_that_a_station_works_in_is_said(folder: Path) -> None:
    with opened(folder):
        assert one_sentence(start(folder))


def _waiting(folder: Path) -> list[str]:
    outbox = Outbox(folder / "outbox.sqlite")
    try:
        return [envelope.act_id for envelope in outbox.waiting(1000)]
    finally:
        outbox.close()
