"""The commands `setup`, `pair` and `user` against real hubs: a warehouse grows without anybody calling an address."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.codes.reader import Reader
from commands import cli
from rehearsal.processes import HubProcess, StepFailed, call
from tests.helpers.ports import held_port
from tests.helpers.real_hub import PASSWORD, RealHub, real_hub

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHub]:
    with real_hub(tmp_path_factory.mktemp("人员") / "hub") as running:
        yield running


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERDOCK_PASSWORD", PASSWORD)
    monkeypatch.setenv("ORDERDOCK_NEW_PASSWORD", "packer-8-am")


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """One command as it is typed: its exit status, what it said, and why not. In this process, for they are many."""

    def run(hub_url: str, *words: str) -> tuple[int, str, str]:
        status = cli([*words, "--hub", hub_url, "--lang", "zh"], standalone_mode=False)
        said = capsys.readouterr()
        return int(status or 0), said.out, said.err

    return run


def test_a_code_from_the_command_lets_one_station_in_once(hub: RealHub, said: Said) -> None:
    status, out, _ = said(hub.url.removeprefix("http://"), "pair", "--kind", "service")
    assert status == 0 and "客服台" in out
    assert f"地址：{hub.url}" in out and "--host 0.0.0.0" in out, "it says that others cannot reach this hub"
    found = re.search(r"配对码：(\w{4}-\w{4})", out)
    assert found is not None
    joined = call(hub.url, "POST", "/v1/stations", {"code": found[1], "name": "客服 1"})
    assert joined["kind"] == "service"
    with pytest.raises(StepFailed):
        call(hub.url, "POST", "/v1/stations", {"code": found[1], "name": "客服 2"})


def test_people_are_added_changed_and_switched_off(
    hub: RealHub, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = said(hub.url, "user", "add", "小王", "--role", "packer")
    assert status == 0 and "「小王」" in out and "拣货/打包员" in out
    call(hub.url, "POST", "/v1/sessions", {"user": "小王", "password": "packer-8-am"})

    status, _, why = said(hub.url, "user", "add", "小王", "--role", "packer")
    assert status == 1 and len(why.strip().splitlines()) == 1
    status, _, why = said(hub.url, "user", "add", "小李", "--role", "packr")
    assert status == 2 and "packer（拣货/打包员）" in why and "cs_rep（客服专员）" in why

    assert said(hub.url, "user", "role", "小王", "supervisor")[0] == 0
    monkeypatch.setenv("ORDERDOCK_NEW_PASSWORD", "another-8-am")
    assert said(hub.url, "user", "password", "小王")[0] == 0
    session = call(hub.url, "POST", "/v1/sessions", {"user": "小王", "password": "another-8-am"})
    assert session["role"] == "supervisor"
    assert said(hub.url, "user", "role", "小王", "supervisor", "--off")[0] == 0
    with pytest.raises(StepFailed):
        call(hub.url, "POST", "/v1/sessions", {"user": "小王", "password": "another-8-am"})
    assert "小王，岗位：仓库主管（supervisor），已停用" in said(hub.url, "user", "list")[1]


def test_a_badge_is_drawn_once_signs_on_and_is_taken_away(hub: RealHub, said: Said, tmp_path: Path) -> None:
    said(hub.url, "user", "add", "小周", "--role", "packer")
    card = tmp_path / "工牌" / "小周.png"
    status, out, _ = said(hub.url, "user", "badge", "小周", "--out", str(card))
    assert status == 0 and "只出这一次" in out
    assert os.name == "nt" or card.stat().st_mode & 0o077 == 0, "who has the file has the badge"
    [found] = Reader().read_file(card)
    bench = call(hub.url, "POST", "/v1/stations", {"code": hub.code("packing"), "name": "打包 9"})
    badge = {"badge": found.text}
    assert call(hub.url, "POST", "/v1/sessions", badge, bench["token"])["user"] == "小周"
    assert said(hub.url, "user", "badge", "小周", "--off")[0] == 0
    with pytest.raises(StepFailed):
        call(hub.url, "POST", "/v1/sessions", badge, bench["token"])


def test_who_may_not_is_told_in_one_sentence(
    hub: RealHub, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERDOCK_PASSWORD", "not this one")
    status, _, why = said(hub.url, "pair")
    assert status == 1 and "密码不对。请" in why, "no gap between two Chinese sentences"
    status, _, why = said("http://127.0.0.1:9", "pair")
    assert status == 1 and "连不上订单中枢" in why
    status, _, why = said("http://192.0.2.1:8620", "pair")
    assert status == 1 and "没有加密" in why and "plain_http" not in why


def test_the_first_administrator_of_a_bare_hub_is_made_with_the_code_it_said(
    tmp_path: Path, said: Said
) -> None:
    with _bare_hub(tmp_path) as hub:
        hub.wait_ready(60)
        found, end = None, time.monotonic() + 20
        while found is None and time.monotonic() < end:  # it serves a moment before it says so
            time.sleep(0.05)
            found = re.search(r"setup --code (\w{8})", hub.last_words())
        assert found is not None
        assert said(hub.url, "setup", "--code", "WRONGONE")[0] == 1
        status, out, _ = said(hub.url, "setup", "--code", found[1], "--name", "老板")
        assert status == 0 and "「老板」" in out
        call(hub.url, "POST", "/v1/sessions", {"user": "老板", "password": "packer-8-am"})
        assert said(hub.url, "setup", "--code", found[1])[0] == 1, "the code is good once"


@contextmanager
def _bare_hub(folder: Path) -> Iterator[HubProcess]:
    """A hub that has just been installed."""
    config = folder / "hub.toml"
    config.write_text("", encoding="utf-8")
    with held_port() as port:
        hub = HubProcess(folder / "data", config, port, folder / "hub.log")
        try:
            yield hub
        finally:
            hub.stop()
