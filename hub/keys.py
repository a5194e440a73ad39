"""The master key: where it is kept, how it comes back, and the refusal to start without it (design 2.8).

The key lies in ``master.key`` (0600) in the data dir, or in the system's keyring where files have no modes.
A recovery code, shown once when the key is made, makes the very same key again. The database holds the
key's id, so a process with another key or none says so instead of writing rows that nobody can open.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keyring
from keyring.errors import KeyringError

from hub.surroundings import Surroundings
from hub.vault import KEY_BYTES, Vault

KEY_FILE = "master.key"
#: The setting in which a database remembers which key it was sealed with.
KEY_ID = "master_key_id"
_KEYRING_SERVICE = "orderdock-hub"
_SECRET_BYTES = 16
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U to be misread
_CODE_CHARS = 26
_CHECK_CHARS = 2
#: What people type for the letters the alphabet leaves out.
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


@dataclass(frozen=True, slots=True)
class Opened:
    """A vault ready for use. ``recovery_code`` is set only when the key was made just now: show it once."""

    vault: Vault
    recovery_code: str | None = None


def open_vault(data_dir: Path, known_key_id: str | None, recover: str | None = None) -> Opened:
    """The vault of this data dir and database.

    ``known_key_id`` is what the database says (None for a new one), ``recover`` a recovery code somebody
    typed. Raises :class:`Surroundings` ``key_missing``, ``key_other``, ``key_exposed``, ``key_damaged``,
    ``code_wrong`` or ``code_other``.
    """
    if recover is not None:
        return Opened(_recovered(data_dir, known_key_id, recover))
    key = read_key(data_dir)
    if key is None:
        if known_key_id is not None:
            raise Surroundings("key_missing", key_id=known_key_id)
        secret = secrets.token_bytes(_SECRET_BYTES)
        key = _key_of(secret)
        write_key(data_dir, key)
        return Opened(Vault(key), code_of(secret))
    vault = Vault(key)
    if known_key_id is not None and vault.key_id != known_key_id:
        raise Surroundings("key_other", key_id=known_key_id, own=vault.key_id)
    return Opened(vault)


def _recovered(data_dir: Path, known_key_id: str | None, code: str) -> Vault:
    key = recovered_key(code, known_key_id)
    write_key(data_dir, key)
    return Vault(key)


def recovered_key(code: str, known_key_id: str | None) -> bytes:
    """The key of a recovery code. Raises :class:`Surroundings` ``code_wrong``, or ``code_other`` for another's."""
    key = _key_of(secret_of(code))
    if known_key_id is not None and Vault(key).key_id != known_key_id:
        raise Surroundings("code_other", key_id=known_key_id)
    return key


def read_key(data_dir: Path) -> bytes | None:
    """The key of this data dir, from its file or else from the system's keyring; None when neither has it."""
    path = data_dir / KEY_FILE
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _from_keyring(data_dir) if _files_have_no_modes() else None
    except (UnicodeDecodeError, OSError) as error:
        raise Surroundings("key_damaged", path=path) from error
    if not _files_have_no_modes() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Surroundings("key_exposed", path=path)
    return _parsed(text, path)


def _parsed(text: str, where: Path) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise Surroundings("key_damaged", path=where) from error
    if len(key) != KEY_BYTES:
        raise Surroundings("key_damaged", path=where)
    return key


def write_key(data_dir: Path, key: bytes) -> None:
    """Keep the key: a file of mode 0600, or the keyring where files carry no modes and there is one."""
    if _files_have_no_modes() and _try_keyring(lambda: _to_keyring(data_dir, key)):
        return
    path = data_dir / KEY_FILE
    fresh = data_dir / f"{KEY_FILE}.new"
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    if os.name == "posix":  # the new name itself must outlive a power cut
        folder = os.open(data_dir, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _files_have_no_modes() -> bool:
    return os.name == "nt"


def _keyring_name(data_dir: Path) -> str:
    return str(data_dir.resolve())


def _from_keyring(data_dir: Path) -> bytes | None:
    found: list[str] = []

    def look() -> None:
        text = keyring.get_password(_KEYRING_SERVICE, _keyring_name(data_dir))
        if text:
            found.append(text)

    _try_keyring(look)
    return _parsed(found[0], data_dir / KEY_FILE) if found else None


def _to_keyring(data_dir: Path, key: bytes) -> None:
    keyring.set_password(_KEYRING_SERVICE, _keyring_name(data_dir), key.hex())
    if keyring.get_password(_KEYRING_SERVICE, _keyring_name(data_dir)) != key.hex():
        raise KeyringError("the keyring did not keep the key")


def _try_keyring(do: Callable[[], None]) -> bool:
    """Whether the system's keyring did it; a machine without one is no error."""
    try:
        do()
    except KeyringError:
        return False
    return True


def _key_of(secret: bytes) -> bytes:
    """The 256-bit key that belongs to the 128 random bits of a recovery code."""
    return hashlib.sha256(b"orderdock master key 1\x00" + secret).digest()


def code_of(secret: bytes) -> str:
    """The recovery code: seven groups of four, the last two characters a check sum."""
    number = int.from_bytes(secret, "big")
    body = "".join(_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_CODE_CHARS - 1), -1, -5))
    text = body + _check(body)
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def secret_of(code: str) -> bytes:
    """The random bits of a recovery code as somebody typed it. Raises ``Surroundings("code_wrong")``."""
    text = code.upper().translate(_MISREAD)
    body, check = text[:_CODE_CHARS], text[_CODE_CHARS:]
    if len(text) != _CODE_CHARS + _CHECK_CHARS or set(text) - set(_ALPHABET) or _check(body) != check:
        raise Surroundings("code_wrong")
    number = 0
    for char in body:
        number = number << 5 | _ALPHABET.index(char)
    if number >> (8 * _SECRET_BYTES):
        raise Surroundings("code_wrong")
    return number.to_bytes(_SECRET_BYTES, "big")


def _check(body: str) -> str:
    digest = hashlib.sha256(body.encode("ascii")).digest()
    return _ALPHABET[digest[0] & 31] + _ALPHABET[digest[1] & 31]
