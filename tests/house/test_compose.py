"""build/compose.yaml: what it says to the hub is what the hub understands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]

from commands import cli
from hub import config

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "build" / "compose.yaml"
HUBS = {"hub-one": 8620, "hub-two": 8621}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="containers of Linux")


def _service(name: str) -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"][name]
    return service


def _words(name: str) -> list[str]:
    """What the container runs behind the entrypoint, as the program's own words."""
    command = _service(name)["command"]
    line = command if isinstance(command, str) else command[-1].rpartition("exec ")[2]
    words = shlex.split(line)
    assert words[:2] == ["python", "main.py"]
    return words[2:]


@pytest.mark.parametrize("name", HUBS)
def test_each_hub_is_started_with_words_the_program_knows(name: str, tmp_path: Path) -> None:
    group = typer.main.get_command(cli)
    words = _words(name)
    hub = group.get_command(group.make_context("main.py", ["hub"]), words[0])  # type: ignore[attr-defined]
    given = hub.make_context("hub", words[1:]).params
    assert (given["host"], given["port"]) == ("0.0.0.0", HUBS[name])
    (tmp_path / "hub.toml").write_text(f'[hub]\ndb = "{given["db"]}"\n', encoding="utf-8")
    assert config.load(tmp_path / "hub.toml", tmp_path, {}).db_url == given["db"]


@pytest.mark.parametrize("name", HUBS)
def test_each_hub_names_both_or_takes_the_settings_it_is_given(name: str, tmp_path: Path) -> None:
    """The entrypoint as it is, its folders moved."""
    entry = [word.replace("$$", "$") for word in _service(name)["entrypoint"]]
    entry = [re.sub(r"/(data|tmp)/", f"{tmp_path}/", word.replace("/tmp/hub", "/tmp/made")) for word in entry]

    def made() -> config.Settings:
        env = os.environ | {"ADDRESS": "10.0.0.5"}
        subprocess.run([*entry, "true"], check=True, timeout=60, env=env)
        return config.load(tmp_path / "made.toml", tmp_path, {})

    assert tuple(made().hub.addresses) == ("https://10.0.0.5:8620", "https://10.0.0.5:8621")
    assert (tmp_path / "made.toml").stat().st_mode & 0o777 == 0o600
    (tmp_path / "hub.toml").write_text("[hub]\ncountdown_s = 7\n", encoding="utf-8")
    taken = made().hub
    assert (tuple(taken.addresses), taken.countdown_s) == ((), 7)


@pytest.mark.parametrize("name", HUBS)
def test_the_password_of_the_database_stands_in_no_command(name: str) -> None:
    service = _service(name)
    assert service["environment"]["PGPASSWORD"].startswith("${ORDERDOCK_DB_PASSWORD:?")
    assert "PASSWORD" not in str(service["command"]) + str(service["entrypoint"])


def test_no_settings_data_or_keys_get_into_the_image() -> None:
    kept_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {".venv", ".git", "**/hub.toml", "**/master.key", "**/tls", "**/*.db"} <= set(kept_out)
