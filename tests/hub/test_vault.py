"""Personal data at rest: sealed, bound to its order, found only by who holds the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.vault import CannotOpen, Vault

KEY = bytes(range(32))
FULL = {"name": "林小满", "phone": "18312342807", "address": "杭州市西湖区文三路 1 号 𠮷"}


def test_what_was_sealed_opens_again_and_shows_nothing_while_sealed() -> None:
    vault = Vault(KEY)
    blob = vault.seal(FULL, "order:OD20261121001")
    assert vault.open(blob, "order:OD20261121001") == FULL
    assert b"18312342807" not in blob
    assert "林".encode() not in blob


def test_the_same_thing_never_seals_to_the_same_bytes() -> None:
    vault = Vault(KEY)
    assert vault.seal(FULL, "a") != vault.seal(FULL, "a")


def test_a_blob_moved_to_another_order_does_not_open() -> None:
    vault = Vault(KEY)
    blob = vault.seal(FULL, "order:OD20261121001")
    with pytest.raises(CannotOpen):
        vault.open(blob, "order:OD20261121002")


def test_another_key_does_not_open() -> None:
    blob = Vault(KEY).seal(FULL, "a")
    with pytest.raises(CannotOpen):
        Vault(bytes(32)).open(blob, "a")


@given(at=st.integers(0, 200), flip=st.integers(1, 255))
def test_a_damaged_blob_never_opens(at: int, flip: int) -> None:
    vault = Vault(KEY)
    blob = bytearray(vault.seal(FULL, "a"))
    blob[at % len(blob)] ^= flip
    with pytest.raises(CannotOpen):
        vault.open(bytes(blob), "a")


@given(st.binary(max_size=40))
def test_rubbish_never_opens(blob: bytes) -> None:
    with pytest.raises(CannotOpen):
        Vault(KEY).open(blob, "a")


@pytest.mark.parametrize(
    "spelling",
    [
        "18312342807",
        "183-1234-2807",
        "183 1234 2807",
        "+86 18312342807",
        "0086-183-1234-2807",
        "１８３１２３４２８０７",
    ],
)
def test_a_phone_is_found_however_it_is_written(spelling: str) -> None:
    vault = Vault(KEY)
    assert vault.blind("phone", spelling) == vault.blind("phone", "18312342807")


def test_a_name_is_found_in_any_width_and_case() -> None:
    vault = Vault(KEY)
    assert vault.blind("name", "Ｌｉｎ Xiaoman") == vault.blind("name", "linxiaoman")
    assert vault.blind("name", "林 小满") == vault.blind("name", "林小满")


def test_a_blind_index_depends_on_the_kind_and_on_the_key() -> None:
    vault = Vault(KEY)
    assert len(vault.blind("name", "2807")) == 16
    assert vault.blind("name", "2807") != vault.blind("phone_tail", "2807")
    assert vault.blind("name", "2807") != Vault(bytes(32)).blind("name", "2807")


def test_the_key_id_is_stable_and_not_the_key() -> None:
    assert Vault(KEY).key_id == Vault(KEY).key_id != Vault(bytes(32)).key_id
    assert Vault(KEY).key_id not in KEY.hex()


def test_a_blind_index_is_hmac_sha256() -> None:
    import hmac

    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    key = HKDFExpand(algorithm=SHA256(), length=32, info=b"orderdock blind 1").derive(bytes(32))
    wanted = hmac.digest(key, b"phone\x0018312342807", "sha256")[:16]
    assert Vault(bytes(32)).blind("phone", "183 1234 2807") == wanted
