"""A backup of a hub at work, and the way back: whole or not at all, nothing deleted, one sentence for every no."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from app.core.order import Order
from app.core.texts import Lang
from app.os.folderlock import FolderLock
from app.ports import SystemClock, Ulid
from hub import config, keys
from hub.backups.container import Backup, Effort
from hub.backups.run import PASSPHRASE_VARIABLE, back_up, bring_back
from hub.main import settings_of
from hub.vault import Vault
from tests.helpers.hub import PASSWORD, ROOT, TOML, a_channel_order, hub_in_thread

PASSPHRASE = "two words and a fish"
#: Nobody guesses here; what the command itself asks of a guess is asked in its own test.
EASY = Effort(time_cost=1, memory_kib=64, lanes=1)


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)


def _load(data_dir: Path) -> Callable[[], config.Settings]:
    return partial(settings_of, None, data_dir)


def _back_up(data_dir: Path, to: Path, lang: Lang = "en", ask: Callable[[str], str] | None = None) -> int:
    return back_up(to, _load(data_dir), None, SystemClock(), ask, lang, "1.2.3", EASY)


def _bring_back(
    file: Path | None,
    data_dir: Path,
    lang: Lang = "en",
    ask: Callable[[str], str] | None = None,
    recover: str | None = None,
) -> int:
    clock = SystemClock()
    return bring_back(file, _load(data_dir), clock, Ulid(clock), ask, lang, recover=recover)


@dataclass(frozen=True)
class Kept:
    """A hub with three orders that has stopped, a backup made while it ran, and its recovery code."""

    data_dir: Path
    file: Path
    code: str


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch, hub_in_thread(folder / "hub") as hub:
        patch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
        for n in range(3):
            hub.given(a_channel_order(f"T{n}"))
        assert _back_up(folder / "hub", folder / "backup") == 0
        assert hub.app.recovery_code is not None
        return Kept(folder / "hub", folder / "backup", hub.app.recovery_code)


@pytest.fixture
def data_dir(kept: Kept, tmp_path: Path) -> Path:
    """That hub's data dir, to be worked on."""
    shutil.copytree(kept.data_dir, tmp_path / "hub")
    return tmp_path / "hub"


@pytest.fixture
def to(kept: Kept, data_dir: Path) -> Path:
    """Its backup, to be worked on."""
    shutil.copy(kept.file, data_dir.with_name("backup"))
    return data_dir.with_name("backup")


def _orders(data_dir: Path) -> list[str]:
    with closing(sqlite3.connect(data_dir / "orderdock.db")) as db:
        return sorted(row[0] for row in db.execute("SELECT channel_order_no FROM orders"))


def test_a_backup_made_while_orders_come_in_is_one_moment_of_the_hub(tmp_path: Path) -> None:
    data_dir, to = tmp_path / "数据 hub", tmp_path / "备份 1.odbk"
    with hub_in_thread(data_dir) as hub:
        hub.given(a_channel_order("first"))
        stop = threading.Event()
        given: list[str] = []

        def work() -> None:
            while not stop.is_set():
                given.append(hub.given(a_channel_order(f"W{len(given)}")).order_no)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            for _ in range(3):
                assert _back_up(data_dir, to) == 0
        finally:
            stop.set()
            worker.join()
        hub.given(a_channel_order("last"))  # the hub goes on as if nothing had been
    assert given
    head = Backup(to).head
    orders = _orders(_restored(to, tmp_path / "another"))
    # everything up to one moment and nothing after it
    assert orders == sorted(["first", *(f"W{n}" for n in range(head.orders - 1))])


def _restored(file: Path, data_dir: Path) -> Path:
    assert _bring_back(file, data_dir) == 0
    return data_dir


def test_a_hub_comes_back_on_another_machine_with_key_settings_and_certificates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir, to = tmp_path / "hub", tmp_path / "backup"
    data_dir.mkdir()
    (data_dir / "hub.toml").write_text(TOML, encoding="utf-8")
    (data_dir / "hub.toml").chmod(0o600)
    (data_dir / "tls").mkdir()
    (data_dir / "tls" / "ca.pem").write_text("the authority", encoding="utf-8")
    (data_dir / "tls" / "ca.key").write_text("its key", encoding="utf-8")
    with hub_in_thread(data_dir) as hub:
        for n in range(3):
            hub.given(a_channel_order(f"T{n}"))
        assert _back_up(data_dir, to) == 0
    raw = to.read_bytes()
    assert keys.read_key(data_dir).hex().encode() not in raw  # type: ignore[union-attr]
    assert PASSWORD.encode() not in raw
    assert b"its key" not in raw
    shutil.rmtree(data_dir)
    capsys.readouterr()

    assert _bring_back(to, tmp_path / "new") == 0
    said = capsys.readouterr().out
    assert "3 orders" in said
    assert "letter A" in said
    assert "must be imported again" in said
    new = tmp_path / "new"
    assert (new / "tls" / "ca.key").read_text(encoding="utf-8") == "its key"
    assert (new / "hub.toml").read_text(encoding="utf-8") == TOML
    if os.name == "posix":
        for name in ("master.key", "hub.toml", "tls/ca.key"):
            assert stat.S_IMODE((new / name).stat().st_mode) == 0o600
    shutil.rmtree(new / "tls")
    with hub_in_thread(new) as hub:
        order_no = hub.admin().get("/v1/orders?q=T1").json()["orders"][0]["order_no"]
        shown = hub.admin().post(f"/v1/orders/{order_no}/reveal", json={"reason": "after restore"})
        assert (
            shown.json()["consignee"]["name"] == "林小满"
        )  # the buyers' data opens with the key that came back


def test_a_restored_hub_is_another_life_and_numbers_with_the_next_letter(tmp_path: Path) -> None:
    data_dir, to = tmp_path / "hub", tmp_path / "backup"
    with hub_in_thread(data_dir) as hub:
        before = hub.given(a_channel_order("T1"))
        epoch = hub.client().get("/healthz").json()["epoch"]
        assert _back_up(data_dir, to) == 0
        lost = hub.given(a_channel_order("lost"))
    assert _bring_back(to, data_dir) == 0
    with hub_in_thread(data_dir) as hub:
        assert hub.client().get("/healthz").json()["epoch"] != epoch
        new = hub.given(a_channel_order("T3"))
        assert _number(new) == "A001" and new.order_no not in (before.order_no, lost.order_no)
    # the same backup once more: the letters of the life in between are not given a second time
    assert _bring_back(to, data_dir) == 0
    with hub_in_thread(data_dir) as hub:
        assert _number(hub.given(a_channel_order("T4"))) == "B001"
    assert _bring_back(to, data_dir) == 0
    with hub_in_thread(data_dir) as hub:
        assert _number(hub.given(a_channel_order("T5"))) == "C001"


def _number(order: Order) -> str:
    """What comes after the day, which may end while a test runs."""
    return order.order_no.removeprefix("OD")[8:]


def test_what_is_replaced_is_put_aside_whole(tmp_path: Path) -> None:
    data_dir, to = tmp_path / "hub", tmp_path / "backup"
    with hub_in_thread(data_dir) as hub:
        hub.given(a_channel_order("T1"))
        assert _back_up(data_dir, to) == 0
        hub.given(a_channel_order("since then"))
    assert _bring_back(to, data_dir) == 0
    [aside] = data_dir.glob("replaced-*")
    with closing(sqlite3.connect(aside / "orderdock.db")) as old:
        assert old.execute("SELECT count(*) FROM orders").fetchone() == (2,)
    assert not (data_dir / "restoring").exists()


def test_a_damaged_database_and_another_key_are_put_aside_too(
    data_dir: Path, to: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with hub_in_thread(other):
        pass
    key = (other / "master.key").read_bytes()
    (other / "orderdock.db").write_bytes(b"no database any more " * 500)
    assert _bring_back(to, other) == 0
    [aside] = other.glob("replaced-*")
    assert (aside / "orderdock.db").read_bytes().startswith(b"no database")
    assert (aside / "master.key").read_bytes() == key
    assert len(_orders(other)) == 3


# ----------------------------------------------------------------------------------------------- refusals


def _says(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().err.strip()
    assert said
    assert said.count("\n") == 0
    assert "{" not in said
    return said


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_restore_refuses_while_the_hub_runs(
    data_dir: Path, to: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: Lang
) -> None:
    before = _stands(data_dir)
    with FolderLock(data_dir):
        assert _bring_back(to, data_dir, lang) == 1
    assert "--data-dir" in _says(capsys)
    assert _stands(data_dir) == before


def _stands(data_dir: Path) -> dict[str, bytes]:
    files = (path for path in data_dir.rglob("*") if path.is_file() and "orderdock.db-" not in path.name)
    return {str(path): path.read_bytes() for path in files if path.name not in ("lock", ".probe")}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_wrong_passphrase_is_one_sentence_and_changes_nothing(
    data_dir: Path,
    to: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    lang: Lang,
) -> None:
    before = _stands(data_dir)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "not these words")
    assert _bring_back(to, data_dir, lang) == 1
    assert "--recover" in _says(capsys)
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    typed = iter(["wrong one", "wrong two", "wrong three"])
    assert _bring_back(to, data_dir, lang, ask=lambda _text: next(typed)) == 1
    assert "--recover" in _says(capsys)
    assert _stands(data_dir) == before
    typed = iter(["wrong one", PASSPHRASE])
    assert _bring_back(to, data_dir, lang, ask=lambda _text: next(typed)) == 0


def test_the_recovery_code_opens_a_backup_whose_passphrase_nobody_knows(
    kept: Kept, to: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = kept.code
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    assert _bring_back(to, tmp_path / "new", recover=keys.code_of(bytes(16))) == 1
    assert "another hub" in _says(capsys)
    assert _bring_back(to, tmp_path / "new", recover=code.lower()) == 0
    assert Vault(keys.read_key(tmp_path / "new") or b"").key_id == Backup(to).head.key_id


def test_without_a_terminal_a_passphrase_has_to_be_given(
    data_dir: Path,
    to: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    assert _back_up(data_dir, tmp_path / "next") == 1
    assert PASSPHRASE_VARIABLE in _says(capsys)
    typed = iter(["short"])
    assert _back_up(data_dir, tmp_path / "next", ask=lambda _text: next(typed)) == 1
    assert "at least 8" in _says(capsys)
    typed = iter(["long enough", "but another"])
    assert _back_up(data_dir, tmp_path / "next", ask=lambda _text: next(typed)) == 1
    assert "differ" in _says(capsys)
    assert not (tmp_path / "next").exists()


def test_a_changed_or_cut_backup_is_found_out(
    data_dir: Path, to: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _stands(data_dir)
    cut = tmp_path / "cut"
    cut.write_bytes(to.read_bytes()[: to.stat().st_size // 2])
    assert _bring_back(cut, data_dir) == 1
    assert "damaged" in _says(capsys)
    for name, change in {"orderdock.db": _other_database, "head.json": _other_head}.items():
        changed = tmp_path / f"changed {name}"
        with zipfile.ZipFile(to) as source, zipfile.ZipFile(changed, "w") as target:
            for member in source.namelist():
                data = source.read(member)
                target.writestr(member, change(data) if member == name else data)
        assert _bring_back(changed, data_dir) == 1
        assert _says(capsys)
    assert _stands(data_dir) == before


def _other_database(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _other_head(data: bytes) -> bytes:
    return json.dumps(json.loads(data) | {"series": "Z"}).encode()


def test_a_backup_replaces_nothing_but_a_backup(
    data_dir: Path, to: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "letters.txt", data_dir / "orderdock.db"):
        if not path.exists():
            path.write_text("dear all", encoding="utf-8")
        before = path.read_bytes()
        assert _back_up(data_dir, path) == 1
        assert path.name in _says(capsys)
        assert path.read_bytes() == before
    assert _back_up(data_dir, to) == 0
    assert _back_up(data_dir, tmp_path / "no such folder" / "b") == 1
    assert "cannot be written" in _says(capsys)
    assert _back_up(tmp_path / "nobody", tmp_path / "b") == 1
    assert "no hub" in _says(capsys)
    assert {path.name for path in tmp_path.iterdir()} == {"hub", "backup", "letters.txt"}


def test_a_restore_that_was_cut_is_not_taken_for_an_empty_hub(
    data_dir: Path, to: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hub.main import run

    (data_dir / "restoring").mkdir()
    assert run(None, data_dir, lang="en") == 1
    assert "hub restore" in _says(capsys)
    assert _bring_back(tmp_path / "elsewhere", data_dir) == 1
    assert "There is no backup" in _says(capsys)
    assert _bring_back(to, data_dir) == 0
    assert len(_orders(data_dir)) == 3


def test_a_database_that_its_own_tools_brought_back_begins_its_new_life(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "hub"
    with hub_in_thread(data_dir) as hub:
        assert _number(hub.given(a_channel_order("T1"))) == "001"
        epoch = hub.client().get("/healthz").json()["epoch"]
    assert _bring_back(None, data_dir) == 0
    assert "must be imported again" in capsys.readouterr().out
    with hub_in_thread(data_dir) as hub:
        assert hub.client().get("/healthz").json()["epoch"] != epoch
        assert _number(hub.given(a_channel_order("T2"))) == "A001"


def test_the_commands_of_the_command_line_do_it(kept: Kept, tmp_path: Path) -> None:
    data_dir, to = tmp_path / "数据 目录", tmp_path / "b"
    shutil.copytree(kept.data_dir, data_dir)

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "main.py", "hub", *words, "--data-dir", str(data_dir), "--lang", "en"],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONUTF8": "1"},
        )

    made = call("backup", str(to))
    assert made.returncode == 0, made.stderr
    assert "3 orders" in made.stdout
    wrapped = json.loads(zipfile.ZipFile(to).read("key.json"))
    assert (wrapped["time_cost"], wrapped["memory_kib"], wrapped["lanes"]) == (3, 65_536, 4)
    back = call("restore", str(to))
    assert back.returncode == 0, back.stderr
