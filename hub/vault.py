"""Personal data sealed with AES-GCM, and blind indexes to find it again without opening it (design 2.8).

A sealed value says for what it was sealed: ``context`` is bound in as additional data, so a row copied to
another order does not open there. Blind indexes are keyed, so nobody without the key can try phone numbers.
"""

from __future__ import annotations

import os
import unicodedata
from collections import deque
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEY_BYTES = 32
BLIND_BYTES = 16
_NONCE_BYTES = 12
#: Random bytes are fetched for so many seals at once: each trip to the system gives the interpreter's lock away, and
#: a thread that waits for it has to begin waiting anew.
_NONCES = 256
_VERSION = b"\x01"

#: Kinds whose blind index looks at digits alone: 138 0013-8000 and １３８００１３８０００ are one number.
_DIGITS_ONLY = frozenset({"phone", "phone_tail"})
#: There are ten thousand endings of four digits: each is digested once.
_TAILS = 10_000


class CannotOpen(Exception):
    """The blob was sealed with another key, for another context, or is damaged."""


class Vault:
    """Seals and opens small JSON objects under one master key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes, not {len(key)}")
        self._aead = AESGCM(_derived(key, b"orderdock seal 1"))
        # HMAC-SHA256 by its two blocks: an import asks for thousands a second, and the library's own takes thrice
        block = _derived(key, b"orderdock blind 1").ljust(64, b"\x00")
        self._blind_inner = bytes(byte ^ 0x36 for byte in block)
        self._blind_outer = bytes(byte ^ 0x5C for byte in block)
        self._nonces: deque[bytes] = deque()
        self._tails: dict[str, bytes] = {}
        #: Names the key without telling anything about it; kept in the database.
        self.key_id: str = _derived(key, b"orderdock key id 1")[:8].hex()

    def seal(self, value: dict[str, Any], context: str) -> bytes:
        """The sealed form of a JSON object; opens only under the same ``context``."""
        nonce = self._nonce()
        plain = msgspec.json.encode(value)
        return _VERSION + nonce + self._aead.encrypt(nonce, plain, context.encode())

    def _nonce(self) -> bytes:
        """Random, and never handed out twice, whatever thread asks."""
        try:
            return self._nonces.pop()
        except IndexError:
            many = os.urandom(_NONCE_BYTES * _NONCES)
            nonces = [many[at : at + _NONCE_BYTES] for at in range(0, len(many), _NONCE_BYTES)]
            last = nonces.pop()
            self._nonces.extend(nonces)
            return last

    def open(self, blob: bytes, context: str) -> dict[str, Any]:
        """The object that was sealed. Raises :class:`CannotOpen`."""
        blob = bytes(blob)
        nonce, sealed = blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]
        if blob[:1] != _VERSION or len(sealed) < 16:
            raise CannotOpen(context)
        try:
            plain = self._aead.decrypt(nonce, sealed, context.encode())
        except InvalidTag as error:
            raise CannotOpen(context) from error
        return msgspec.json.decode(plain, type=dict[str, Any])

    def blind(self, kind: str, text: str) -> bytes:
        """16 bytes that are equal for equal texts of one kind, whatever their width, case or blanks."""
        if kind == "phone_tail" and (known := self._tails.get(text)) is not None:
            return known
        blind = self._blind(kind, text)
        if kind == "phone_tail" and len(self._tails) < _TAILS:
            self._tails[text] = blind
        return blind

    def _blind(self, kind: str, text: str) -> bytes:
        message = f"{kind}\0{normalised(kind, text)}".encode("utf-8", "surrogatepass")
        inner = sha256(self._blind_inner + message).digest()
        return sha256(self._blind_outer + inner).digest()[:BLIND_BYTES]


def normalised(kind: str, text: str) -> str:
    """What two spellings of one thing have in common: NFKC, no blanks, case folded; phones are digits only.

    A mainland number keeps its last eleven digits, so +86 and 0086 in front change nothing.
    """
    if kind not in _DIGITS_ONLY:
        return "".join(unicodedata.normalize("NFKC", text).split()).casefold()
    digits = text if text.isascii() and text.isdigit() else _digits_of(text)
    if len(digits) > 11 and digits.lstrip("0").startswith("86"):
        return digits[-11:]
    return digits


def _digits_of(text: str) -> str:
    wide = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.digit(c)) for c in wide if c.isdecimal())


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=purpose).derive(key)
