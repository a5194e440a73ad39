"""The code on our pick slip: ``S1`` + parcel_no + slip version (2 digits) + ISO 7064 MOD 1271-36 check (2).

Capital letters and digits only: keyboard scanners mangle everything else under some layouts.
"""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MODULUS = 1271


COMMANDS = ("CLOSE", "PRINT", "UNDO", "ABNORMAL", "BOX", "ASIDE", "HANDOVER", "PACKING", "ACK")
"""The verbs of command codes a bench obeys, in the order people need them; none of them releases a stop. Words:
``station.code_<verb>``, what it does ``paper.command_<verb>``."""


def check_characters(text: str) -> str:
    """The two ISO/IEC 7064 MOD 1271-36 check characters of ``text`` (0-9A-Z); ValueError on others."""
    value = 0
    for char in text:
        value = (value * 36 + _ALPHABET.index(char)) % _MODULUS
    check = (1 - value * 36 * 36) % _MODULUS
    return _ALPHABET[check // 36] + _ALPHABET[check % 36]


def has_valid_check(text: str) -> bool:
    """Whether the last two characters check the rest."""
    if len(text) < 3 or any(char not in _ALPHABET for char in text):
        return False
    return check_characters(text[:-2]) == text[-2:]


def slip_code(parcel_no: str, slip_version: int) -> str:
    """The payload of the slip's QR code."""
    body = f"S1{parcel_no.upper()}{slip_version % 100:02d}"
    return body + check_characters(body)


def command_code(verb: str) -> str:
    """The payload of a paper command barcode: ``C1`` + verb + check, e.g. verb ``ACK``."""
    body = "C1" + verb.upper()
    return body + check_characters(body)


def badge_code(secret: str) -> str:
    """The payload of a person's badge: ``B1`` + 128 random bits as base 32 + check."""
    body = "B1" + secret.upper()
    return body + check_characters(body)
