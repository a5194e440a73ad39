"""Secrets people and machines carry: made random, stored as hashes only.

Tokens and badges are 128 bits and more, so a plain hash is enough; pairing codes live ten minutes and five
tries, so it is for them too. Passwords are another matter: see :mod:`hub.auth.people`.
"""

from __future__ import annotations

import hashlib
import secrets

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks like something else
_BADGE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRING_CHARS = 8
_BADGE_CHARS = 26


def new_token() -> str:
    """A bearer token: 256 random bits, safe in headers and URLs."""
    return secrets.token_urlsafe(32)


def new_pairing_code() -> str:
    """Eight characters a person can read out: about 39 bits for ten minutes and five tries."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(PAIRING_CHARS))


def new_badge_secret() -> str:
    """128 random bits as 26 letters and digits; :func:`app.core.qr.badge_code` makes the printed code of it."""
    number = secrets.randbits(128)
    return "".join(_BADGE_ALPHABET[number >> shift & 31] for shift in range(5 * (_BADGE_CHARS - 1), -1, -5))


def hash_of(secret: str) -> bytes:
    """What is stored in the place of a token, badge or pairing code."""
    return hashlib.sha256(b"orderdock\x00" + secret.encode("utf-8", "surrogatepass")).digest()


def tidy_pairing_code(typed: str) -> str:
    """A pairing code as typed: blanks and dashes out, upper case."""
    return "".join(c for c in typed.upper() if c.isalnum())


def badge_secret(scanned: str) -> str:
    """The secret of a badge, given whole code (``B1`` ... check) or secret alone."""
    text = scanned.strip().upper()
    if text.startswith("B1") and len(text) == 2 + _BADGE_CHARS + 2:
        return text[2:-2]
    return text
