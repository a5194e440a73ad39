"""The backup file: a ZIP that any tool opens, with the database, its head, and what only a secret opens.

=============== ==============================================================================================
``head.json``   what this is: :class:`Head`
``key.json``    the master key, wrapped by the passphrase: :class:`Wrapped`; the head is sealed in with it
``sealed.bin``  hub.toml and the certificates, sealed under the master key itself; the head is sealed in too
``orderdock.db`` the database; not there where the database has backups of its own (PostgreSQL)
=============== ==============================================================================================

Either secret (passphrase or recovery code) therefore also tells whether somebody changed the file: the head holds
the database's SHA-256, and neither part opens beside another head.
"""

from __future__ import annotations

import hashlib
import secrets
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from hub.surroundings import Surroundings
from hub.vault import KEY_BYTES

FORMAT = 1
#: Fewer characters are guessed in no time.
PASSPHRASE_MIN = 8

_HEAD, _KEY, _SEALED, DATABASE = "head.json", "key.json", "sealed.bin", "orderdock.db"
_CHUNK = 1 << 20
_NONCE_BYTES = 12
#: What a head, a wrapped key or hub.toml may hold at most: a file that says otherwise is none of ours.
_SMALL = 4 << 20


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """``made_at`` is the moment the copy shows; ``sha256`` (hex) and ``size`` are the database's, "" without one."""

    format: int
    made_at: datetime
    version: str
    key_id: str
    epoch: str
    series: str
    seq: int
    orders: int
    sha256: str = ""
    size: int = 0


class Wrapped(msgspec.Struct, frozen=True, kw_only=True):
    """A key under a passphrase: argon2id makes the key of an AES-GCM box from it."""

    salt: bytes
    time_cost: int
    memory_kib: int
    lanes: int
    nonce: bytes
    key: bytes


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """What argon2id makes who guesses a passphrase pay for each guess; each file says its own."""

    time_cost: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 4


#: Of every backup that anybody keeps.
FULL_EFFORT = Effort()


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """Small files of the data dir, by their names there, as text."""

    files: dict[str, str]


class WrongPassphrase(Exception):
    """This passphrase does not open this file, or somebody changed the file."""


class Backup:
    """An opened backup file.

    Raises :class:`Surroundings` ``backup_missing``, ``backup_unreadable`` or ``backup_too_new``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as file:
                self._head_bytes = _small(file, _HEAD)
                self._key_bytes = _small(file, _KEY)
                self._sealed = _small(file, _SEALED)
                self.has_database = DATABASE in file.namelist()
            self.head = msgspec.json.decode(self._head_bytes, type=Head)
            self._wrapped = msgspec.json.decode(self._key_bytes, type=Wrapped)
        except FileNotFoundError as error:
            raise Surroundings("backup_missing", path=path) from error
        except (OSError, zipfile.BadZipFile, KeyError, ValueError, msgspec.MsgspecError) as error:
            raise Surroundings("backup_unreadable", path=path) from error
        if self.head.format > FORMAT:
            raise Surroundings("backup_too_new", path=path, version=self.head.version)

    def key(self, passphrase: str) -> bytes:
        """The master key. Raises :class:`WrongPassphrase`."""
        wrapped = self._wrapped
        try:
            box = AESGCM(_from_passphrase(passphrase, wrapped))
            return box.decrypt(wrapped.nonce, wrapped.key, self._head_bytes)
        except (InvalidTag, ValueError) as error:
            raise WrongPassphrase from error

    def rest(self, key: bytes) -> Rest:
        """The sealed small files. Raises :class:`Surroundings` ``backup_changed``."""
        nonce, sealed = self._sealed[:_NONCE_BYTES], self._sealed[_NONCE_BYTES:]
        try:
            plain = AESGCM(_rest_key(key)).decrypt(nonce, sealed, self._head_bytes)
            return msgspec.json.decode(plain, type=Rest)
        except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
            raise Surroundings("backup_changed", path=self.path) from error

    def unpack(self, to: Path) -> None:
        """The database into a new file. Raises :class:`Surroundings` ``backup_changed``."""
        try:
            with zipfile.ZipFile(self.path) as file, file.open(DATABASE) as source, open(to, "xb") as target:
                sha256 = _copied(source.read, target.write)
        except (zipfile.BadZipFile, EOFError) as error:
            raise Surroundings("backup_changed", path=self.path) from error
        self._compare(sha256)

    def verify(self) -> None:
        """The database reads back as it was. Raises :class:`Surroundings` ``backup_changed``."""
        if not self.has_database:
            return
        try:
            with zipfile.ZipFile(self.path) as file, file.open(DATABASE) as source:
                sha256 = _copied(source.read, len)
        except (zipfile.BadZipFile, EOFError) as error:
            raise Surroundings("backup_changed", path=self.path) from error
        self._compare(sha256)

    def _compare(self, sha256: str) -> None:
        if sha256 != self.head.sha256:
            raise Surroundings("backup_changed", path=self.path)


def write(
    to: Path,
    head: Head,
    key: bytes,
    passphrase: str,
    rest: Rest,
    database: Path | None,
    effort: Effort = FULL_EFFORT,
) -> None:
    """A new backup file; it is whole and on the disk when this returns. Raises OSError."""
    if database is not None:
        with open(database, "rb") as file:
            sha256 = _copied(file.read, len)
        head = msgspec.structs.replace(head, sha256=sha256, size=database.stat().st_size)
    head_bytes = msgspec.json.encode(head)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + AESGCM(_rest_key(key)).encrypt(nonce, msgspec.json.encode(rest), head_bytes)
    with (
        open(to, "xb") as target,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
    ):
        file.writestr(_HEAD, head_bytes)
        file.writestr(_KEY, msgspec.json.encode(_wrapped(key, passphrase, head_bytes, effort)))
        file.writestr(_SEALED, sealed)
        if database is not None:
            file.write(database, DATABASE)


def _wrapped(key: bytes, passphrase: str, head: bytes, effort: Effort) -> Wrapped:
    empty = Wrapped(
        salt=secrets.token_bytes(16),
        time_cost=effort.time_cost,
        memory_kib=effort.memory_kib,
        lanes=effort.lanes,
        nonce=secrets.token_bytes(_NONCE_BYTES),
        key=b"",
    )
    box = AESGCM(_from_passphrase(passphrase, empty))
    return msgspec.structs.replace(empty, key=box.encrypt(empty.nonce, key, head))


def _from_passphrase(passphrase: str, how: Wrapped) -> bytes:
    """Bounded: a file from elsewhere must not make us allocate without end."""
    if not (0 < how.time_cost <= 20 and 0 < how.memory_kib <= 1 << 20 and 0 < how.lanes <= 16):
        raise ValueError("no parameters of ours")
    return hash_secret_raw(
        passphrase.encode("utf-8", "surrogatepass"),
        how.salt,
        how.time_cost,
        how.memory_kib,
        how.lanes,
        KEY_BYTES,
        Type.ID,
    )


def _rest_key(key: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=b"orderdock backup 1").derive(key)


def _small(file: zipfile.ZipFile, name: str) -> bytes:
    with file.open(name) as member:
        data = member.read(_SMALL + 1)
    if len(data) > _SMALL:
        raise ValueError(name)
    return data


def _copied(read: Callable[[int], bytes], write: Callable[[bytes], int]) -> str:
    """The SHA-256 of what went over."""
    total = hashlib.sha256()
    while chunk := read(_CHUNK):
        total.update(chunk)
        write(chunk)
    return total.hexdigest()
