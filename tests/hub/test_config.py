"""hub.toml: what is wrong is said with its line and the nearest right name, secrets never."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import texts
from app.core.texts import Texts
from hub import config
from hub.config import BadConfig, Settings
from hub.main import line_settings
from hub.surroundings import Surroundings

ROOT = Path(__file__).resolve().parents[2]

WHOLE = """\
[hub]
host = "127.0.0.1"
port = 8620
db = "sqlite:///orderdock.db"
timezone = "Asia/Shanghai"
order_prefix = "OD"
auto_release = true

[[warehouse]]
id = "main"
last_gate = "handover"
[[warehouse]]
id = "north"
last_gate = "close"

[[shop]]
id = "pdd-main"
connector = "pdd"
warehouse = "north"
base_url = "https://gw-api.pinduoduo.com"
backup_url = ""
app_key = "k"
app_secret = "s"
access_token = "t"
poll_s = 900
message_url = "wss://message-api.pinduoduo.com"
refresh_token = ""
[[shop]]
id = "files"
connector = "file"

[[carrier]]
connector = "kuaidi100"
base_url = "https://poll.kuaidi100.com"
customer = "c"
key = "k"
salt = "s"

[[notice]]
id = "ops"
url = "dingtalk://token"

[[user]]
name = "admin"
role = "admin"
password = "not-a-good-one"
"""


@pytest.fixture(scope="module")
def words() -> Texts:
    return texts.load(ROOT / "resources" / "texts")


def parse(text: str, **environment: str) -> Settings:
    return config.parse(text, Path("hub.toml"), Path("data"), environment)


def refused(text: str, words: Texts) -> list[str]:
    """The English sentences of a refusal, after checking that the Chinese ones exist."""
    with pytest.raises(BadConfig) as bad:
        parse(text)
    assert "{" not in bad.value.sentence(words, "zh")
    assert bad.value.sentence(words, "zh").count("\n") == bad.value.sentence(words, "en").count("\n")
    return bad.value.sentence(words, "en").split("\n")


def test_every_setting_of_the_manual_is_understood() -> None:
    settings = parse(WHOLE)
    assert settings.hub.port == 8620
    assert [house.last_gate for house in settings.warehouses] == ["handover", "close"]
    assert settings.shops[0].app_secret == "s"
    assert settings.shops[1].poll_s == 900
    assert settings.rules("north").last_gate == "close"
    assert settings.users[0].role == "admin"
    assert str(settings.zone) == "Asia/Shanghai"


def test_nothing_at_all_is_a_whole_configuration() -> None:
    settings = parse("")
    assert (settings.hub.host, settings.hub.port) == ("127.0.0.1", 8620)
    assert [house.id for house in settings.warehouses] == ["main"]
    assert settings.db_url == "sqlite:///data/orderdock.db"


@pytest.mark.parametrize(
    ("bad", "line", "said"),
    [
        ("[hub]\nprot = 1", 2, 'Did you mean "port"?'),
        ('[hub]\nport = "8620"', 2, "whole number from 0 to 65535"),
        ("[hub]\n\n# here\nport = 99999", 4, '"port" cannot be 99999'),
        ('[hub]\ntimezone = "Asia/Shangai"', 2, 'Did you mean "Asia/Shanghai"?'),
        ('[hub]\norder_prefix = "订单"', 2, "capital letters"),
        ('[hub]\nauto_release = "yes"', 2, "true or false"),
        ('[hub]\ndb = "mysql://x"', 2, "must be a database"),
        ("[huub]\nport = 1", 1, 'Did you mean "hub"?'),
        ("[[hub]]\nport = 1", 1, "must be a section: [hub]"),
        ("[shop]\nid = 'a'", 1, "must be a section: [[shop]]"),
        ('[[shop]]\nconnector = "file"', 1, '[[shop]] lacks "id"'),
        ('[[shop]]\nid = "a"\nconnector = "pd"', 3, 'Did you mean "pdd"?'),
        ('[[shop]]\nid = "a b"\nconnector = "pdd"', 2, "1 to 32 letters"),
        ('[[shop]]\nid = "a"\nconnector = "pdd"\npoll_s = 0', 4, "from 1 to 86400"),
        ('[[shop]]\nid = "a"\nconnector = "pdd"\nbase_url = "gw.x"', 4, "http://"),
        ('[[shop]]\nid = "a"\nconnector = "pdd"\nwarehouse = "mian"', 4, 'Did you mean "main"?'),
        (
            '[[shop]]\nid = "a"\nconnector = "file"\n[[shop]]\nid = "A"\nconnector = "file"',
            5,
            '"id" is A twice',
        ),
        ('[[warehouse]]\nid = "m"\nlast_gate = "handovr"', 3, 'Did you mean "handover"?'),
        ('[[user]]\nname = "a"\nrole = "amdin"\npassword = "12345678"', 3, 'Did you mean "admin"?'),
        ('[[user]]\nname = "a"\nrole = "admin"\npassword = "short"', 4, "at least 8 characters"),
        ('note = """\n[hub]\nport = 1\n"""\n[hub]\nprot = 2', 6, 'Did you mean "port"?'),
        ("hub = { prot = 2 }", 1, 'Did you mean "port"?'),
        ("hub.prot = 2", 1, 'Did you mean "port"?'),
        ("[hub]\nport = 1\nport = 2", 3, "cannot be read"),
        ("[hub\nport = 1", 1, "cannot be read"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_nearest_right_name(
    bad: str, line: int, said: str, words: Texts
) -> None:
    sentences = refused(bad, words)
    assert any(s.startswith(f"hub.toml line {line}: ") and said in s for s in sentences), sentences


def test_all_mistakes_are_said_at_once(words: Texts) -> None:
    assert len(refused('[hub]\nprot = 1\nhost = ""\n[[shop]]\nid = "a"', words)) == 3


def test_a_secret_is_not_repeated_in_a_refusal(words: Texts) -> None:
    text = '[hub]\ndb = "mysql://me:pa55word@x"\n[[user]]\nname = "a"\nrole = "admin"\npassword = "s3cr3t"'
    sentences = "\n".join(refused(text, words))
    assert "s3cr3t" not in sentences
    assert "pa55word" not in sentences


def test_secrets_come_from_the_environment_and_win() -> None:
    settings = parse(
        WHOLE, ORDERDOCK_SECRET_PDD_MAIN_APP_SECRET="from outside", ORDERDOCK_SECRET_KUAIDI100_KEY="c"
    )
    assert settings.shops[0].app_secret == "from outside"
    assert settings.carriers[0].key == "c"
    assert settings.strangers == ()


def test_a_secret_for_nobody_is_noticed() -> None:
    settings = parse(WHOLE, ORDERDOCK_SECRET_PDD_MIAN_APP_SECRET="x", HOME="/root")
    assert settings.strangers == ("ORDERDOCK_SECRET_PDD_MIAN_APP_SECRET",)


def test_shops_whose_secrets_would_share_a_name_are_refused(words: Texts) -> None:
    text = '[[shop]]\nid = "a-b"\nconnector = "file"\n[[shop]]\nid = "a_b"\nconnector = "file"'
    assert "twice" in refused(text, words)[0]


def _two(*more: str, app: str = "k") -> str:
    return "".join(
        f'[[shop]]\nid = "s{n}"\nconnector = "pdd"\napp_key = "{app}"\n{said}\n'
        for n, said in enumerate(more)
    )


@pytest.mark.parametrize(
    ("one", "other", "lines"),
    [("", "", [1, 6]), ('seller_id = "1"', "", [6]), ('seller_id = "1"', 'seller_id = "1"', [5, 10])],
)
def test_two_shops_of_one_app_need_a_seller_each(
    words: Texts, one: str, other: str, lines: list[int]
) -> None:
    assert all("its own seller_id" in said for said in refused(_two(one, other), words))
    with pytest.raises(BadConfig) as bad:
        parse(_two(one, other))
    assert [fault.line for fault in bad.value.faults] == lines


def test_sellers_are_told_apart_and_shops_without_an_app_share_none() -> None:
    assert len(parse(_two('seller_id = "1"', 'seller_id = "2"')).shops) == 2
    assert len(parse(_two("", "", app="")).shops) == 2


def test_an_app_that_the_environment_names_is_seen_to_be_shared(words: Texts) -> None:
    with pytest.raises(BadConfig) as bad:
        parse(
            _two("", "", app=""),
            ORDERDOCK_SECRET_S0_APP_KEY="the shared key",
            ORDERDOCK_SECRET_S1_APP_KEY="the shared key",
        )
    assert len(bad.value.faults) == 2
    assert "the shared key" not in bad.value.sentence(words, "en")


def test_a_secret_the_keyring_lacks_is_said(words: Texts) -> None:
    [sentence] = refused('[[shop]]\nid = "a"\nconnector = "pdd"\napp_secret = "keyring:"', words)
    assert "keyring set orderdock a.app_secret" in sentence


@pytest.mark.gbk
def test_a_file_with_a_byte_order_mark_and_chinese_around_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "张 三" / "hub.toml"
    path.parent.mkdir()
    path.write_bytes("﻿# 订单中枢\n[hub]\r\nport = 1234\r\n".encode())
    assert config.load(path, tmp_path, {}).hub.port == 1234


def test_a_file_that_is_not_utf_8_is_said_with_its_line(tmp_path: Path, words: Texts) -> None:
    path = tmp_path / "hub.toml"
    path.write_bytes("[hub]\n# 订单\n".encode("gb18030"))
    with pytest.raises(BadConfig) as bad:
        config.load(path, tmp_path, {})
    assert bad.value.sentence(words, "en").startswith("hub.toml line 2: this is not UTF-8")


@pytest.mark.skipif(os.name == "nt", reason="files carry no modes there")
def test_a_world_readable_file_with_secrets_is_refused(tmp_path: Path, words: Texts) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(WHOLE, encoding="utf-8")
    path.chmod(0o644)
    with pytest.raises(BadConfig) as bad:
        config.load(path, tmp_path, {})
    assert "chmod 640" in bad.value.sentence(words, "en")
    path.chmod(0o640)
    assert config.load(path, tmp_path, {}).hub.port == 8620


@pytest.mark.skipif(os.name == "nt", reason="files carry no modes there")
def test_a_world_readable_file_without_secrets_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    path.write_text('[hub]\nport = 1\n[[shop]]\nid = "a"\nconnector = "file"\n', encoding="utf-8")
    path.chmod(0o644)
    assert config.load(path, tmp_path, {}).hub.port == 1


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_a_file_that_is_not_there_is_said(tmp_path: Path, name: str, words: Texts) -> None:
    with pytest.raises(Surroundings) as said:
        config.load(tmp_path / name, tmp_path, {})
    assert said.value.sentence(words, "zh")
    assert said.value.sentence(words, "en")


@given(st.text(max_size=200))
def test_no_text_at_all_is_a_fault_of_ours(text: str) -> None:
    try:
        parse(text)
    except BadConfig as bad:
        assert bad.faults


_VALUES = st.recursive(
    st.sampled_from([
        '"x"',
        "1",
        "-1",
        "true",
        "1.5",
        "1979-05-27",
        '""',
        "[]",
        "{}",
        "99999999999999999999",
    ]),
    lambda inner: st.lists(inner, max_size=2).map(lambda items: "[" + ", ".join(items) + "]"),
    max_leaves=3,
)
_HEADERS = st.sampled_from([
    "[hub]",
    "[[shop]]",
    "[[user]]",
    "[[carrier]]",
    "[shop]",
    "[[hub]]",
    "[[notice]]",
])
_KEYS = st.sampled_from([
    "id",
    "port",
    "db",
    "connector",
    "warehouse",
    "poll_s",
    "password",
    "role",
    "name",
    "x.y",
])


@given(st.lists(st.tuples(_HEADERS, st.dictionaries(_KEYS, _VALUES, max_size=4)), max_size=4))
def test_values_of_any_kind_are_refused_in_words(
    words: Texts, tables: list[tuple[str, dict[str, str]]]
) -> None:
    lines = [line for header, keys in tables for line in [header, *(f"{k} = {v}" for k, v in keys.items())]]
    try:
        parse("\n".join(lines))
    except BadConfig as bad:
        assert "{" not in bad.sentence(words, "en").replace("{}", "")


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("sqlite:///orders.db", "sqlite:///data/orders.db"),
        ("sqlite:////srv/orders.db", "sqlite:////srv/orders.db"),
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
    ],
)
def test_a_database_is_found_relative_to_the_data_dir(given_url: str, url: str) -> None:
    assert parse(f'[hub]\ndb = "{given_url}"').db_url == url


def test_how_long_a_station_may_go_on_without_the_hub_is_a_setting_of_the_shop() -> None:
    assert line_settings(parse("")).lease_s == 3600
    assert line_settings(parse("[hub]\nlease_min = 30")).lease_s == 1800
    with pytest.raises(BadConfig):
        parse("[hub]\nlease_min = 1")
