"""The master key: made once, kept closed, brought back by its code, never replaced in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import keys
from hub.surroundings import Surroundings


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "张 三"
    folder.mkdir()
    return folder


def test_the_first_start_makes_a_key_and_shows_its_code_once(data_dir: Path) -> None:
    first = keys.open_vault(data_dir, None)
    again = keys.open_vault(data_dir, first.vault.key_id)
    assert first.recovery_code
    assert again.recovery_code is None
    assert again.vault.key_id == first.vault.key_id


@pytest.mark.skipif(os.name == "nt", reason="files carry no modes there")
def test_the_key_file_is_for_its_owner_alone(data_dir: Path) -> None:
    keys.open_vault(data_dir, None)
    path = data_dir / keys.KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(Surroundings) as refused:
        keys.open_vault(data_dir, None)
    assert refused.value.key == "key_exposed"


def test_a_database_of_another_key_is_not_opened(data_dir: Path) -> None:
    keys.open_vault(data_dir, None)
    with pytest.raises(Surroundings) as refused:
        keys.open_vault(data_dir, "0123456789abcdef")
    assert refused.value.key == "key_other"


def test_a_lost_key_is_not_replaced_in_silence_and_comes_back_by_its_code(data_dir: Path) -> None:
    first = keys.open_vault(data_dir, None)
    sealed = first.vault.seal({"name": "林小满"}, "a")
    (data_dir / keys.KEY_FILE).unlink()
    with pytest.raises(Surroundings) as refused:
        keys.open_vault(data_dir, first.vault.key_id)
    assert refused.value.key == "key_missing"
    assert not (data_dir / keys.KEY_FILE).exists()

    assert first.recovery_code
    typed = first.recovery_code.lower().replace("-", " ")
    back = keys.open_vault(data_dir, first.vault.key_id, recover=typed)
    assert back.vault.open(sealed, "a") == {"name": "林小满"}
    assert keys.open_vault(data_dir, first.vault.key_id).vault.key_id == first.vault.key_id


def test_the_code_of_another_hub_is_refused_and_changes_nothing(data_dir: Path) -> None:
    first = keys.open_vault(data_dir, None)
    before = (data_dir / keys.KEY_FILE).read_bytes()
    with pytest.raises(Surroundings) as refused:
        keys.open_vault(data_dir, first.vault.key_id, recover=keys.code_of(bytes(16)))
    assert refused.value.key == "code_other"
    assert (data_dir / keys.KEY_FILE).read_bytes() == before


@pytest.mark.parametrize("text", ["", "nonsense", "ab" * 31, "é" * 64])
def test_a_damaged_key_file_is_said(data_dir: Path, text: str) -> None:
    path = data_dir / keys.KEY_FILE
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(Surroundings) as refused:
        keys.open_vault(data_dir, None)
    assert refused.value.key == "key_damaged"


@given(st.binary(min_size=16, max_size=16))
def test_a_code_makes_its_own_bits_again(secret: bytes) -> None:
    assert keys.secret_of(keys.code_of(secret)) == secret


@given(
    st.binary(min_size=16, max_size=16),
    st.integers(0, 25),
    st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
)
def test_one_misread_character_is_nearly_always_noticed(secret: bytes, at: int, char: str) -> None:
    code = keys.code_of(secret).replace("-", "")
    typed = code[:at] + char + code[at + 1 :]
    if typed == code:
        return
    try:
        assert keys.secret_of(typed) != secret
    except Surroundings as refused:
        assert refused.key == "code_wrong"


@pytest.mark.parametrize("code", ["", "AAAA", "Z" * 28, "林" * 28, "0" * 27, "0" * 400])
def test_rubbish_is_no_code(code: str) -> None:
    with pytest.raises(Surroundings):
        keys.secret_of(code)
