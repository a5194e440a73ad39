"""`make setup` finds out for itself what is missing, and says what to do where it may not act."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.source import ROOT

sys.path.insert(0, str(ROOT / "build"))
import machine

sys.path.remove(str(ROOT / "build"))

linux = pytest.mark.skipif(sys.platform != "linux", reason="system packages are a matter of Linux")


def _program(folder: Path, name: str, lines: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n" + lines, encoding="utf-8")
    path.chmod(0o755)
    return path


@linux
def test_a_library_is_missing_only_if_the_loader_cannot_find_it() -> None:
    assert machine.Need("libc6", lib="libc.so.6").is_met()
    assert not machine.Need("libnone", lib="libnone.so.9").is_met()


@linux
def test_a_program_is_looked_for_on_path_and_a_file_where_it_belongs(tmp_path: Path) -> None:
    assert machine.Need("dash", path="sh").is_met()
    assert not machine.Need("none", path="no-such-program").is_met()
    assert not machine.Need("none", path=str(tmp_path / "none")).is_met()


@linux
@pytest.mark.gbk
def test_an_older_python3_finds_the_newer_one_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path, "python3.13", "echo 'shim: no such version' >&2; exit 127\n")
    _program(tmp_path, "python3.12", "echo pypy 3 12\n")
    good = _program(tmp_path, "python3.11", "echo cpython 3 11\n")
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + "/nowhere")
    monkeypatch.setattr(sys, "executable", str(_program(tmp_path, "old", "")))
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert machine.pick_python() == str(good)


def test_without_any_fitting_python_it_says_which_it_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    with pytest.raises(SystemExit) as end:
        machine.pick_python()
    assert end.value.code == 1
    assert "needs Python 3.11, 3.12, 3.13 or 3.14; this is 3.9" in capsys.readouterr().out


@linux
@pytest.mark.parametrize(("knows_t64", "name"), [(1, "libglib2.0-0"), (0, "libglib2.0-0t64")])
def test_without_rights_it_prints_the_one_line_to_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    knows_t64: int,
    name: str,
) -> None:
    _program(tmp_path, "apt-get", "exit 99\n")
    _program(tmp_path, "apt-cache", f"exit {knows_t64}\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as end:
        machine._get_packages([machine.Need("libglib2.0-0", lib="libnone.so.9")], python=None)
    assert end.value.code == 1
    assert f"sudo apt-get install -y --no-install-recommends {name}\n" in capsys.readouterr().out


@linux
def test_with_rights_it_installs_what_is_missing_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log, made = tmp_path / "log", tmp_path / "made"
    _program(tmp_path, "apt-get", f'echo "$@" >> "{log}"\ncase "$*" in *install*) : > "{made}";; esac\n')
    _program(tmp_path, "apt-cache", "exit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    needs = [machine.Need("there", lib="libc.so.6"), machine.Need("locales", path=str(made))]
    assert machine._get_packages(needs, python=None)
    update, install = log.read_text(encoding="utf-8").splitlines()
    assert update.endswith(" update")
    assert install.endswith(" install -y --no-install-recommends locales")
    assert not machine._get_packages(needs, python=None)


@linux
@pytest.mark.parametrize("may", [True, False])
def test_what_only_some_tests_want_never_ends_the_set_up_and_starts_no_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], may: bool
) -> None:
    log, no_cluster = tmp_path / "log", tmp_path / "etc" / "createcluster.d" / "ours.conf"
    _program(
        tmp_path, "apt-get", f'case "$*" in *install*) /bin/cat "{no_cluster}" > "{log}"; exit 100;; esac\n'
    )
    _program(tmp_path, "apt-cache", "exit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0 if may else 1000)
    monkeypatch.setattr(machine, "NO_CLUSTER", no_cluster)
    needs = [machine.Need("postgresql", path=str(tmp_path / "none"), is_optional=True)]
    assert not machine._get_packages(needs, python=None)
    said = capsys.readouterr().out
    assert log.exists() == may == ("without postgresql some tests are skipped" in said)
    assert not may or log.read_text(encoding="ascii") == "create_main_cluster = false\n"
    assert not no_cluster.parent.parent.exists()


@linux
def test_a_failing_apt_shows_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _program(tmp_path, "apt-get", 'case "$*" in *install*) echo "E: no space left"; exit 100;; esac\n')
    _program(tmp_path, "apt-cache", "exit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SystemExit):
        machine._get_packages([machine.Need("none", lib="libnone.so.9")], python=None)
    assert "E: no space left" in capsys.readouterr().out


def test_an_unknown_command_is_wrong_use() -> None:
    done = subprocess.run(
        [sys.executable, "build/dev.py", "fly"], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 2
    assert "setup|run|test|check|bench|sim|soak|kill|bundle|lock" in done.stdout


def test_every_make_target_is_one_call_of_one_command() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = (ROOT / "build" / "dev.py").read_text(encoding="utf-8")
    [targets] = [
        line.partition(":=")[2].split() for line in recipe.splitlines() if line.startswith("TARGETS")
    ]
    assert [line for line in recipe.splitlines() if line.startswith("\t")] == [
        "\t@$(PYTHON) build/dev.py $@ $(ARGS)"
    ]
    assert not [target for target in targets if f"\ndef {target}(" not in commands]


def test_the_windows_script_is_plain_ascii() -> None:
    """Windows PowerShell 5 reads a script in the machine's code page."""
    (ROOT / "build" / "setup.ps1").read_bytes().decode("ascii")
