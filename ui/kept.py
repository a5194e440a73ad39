"""What a person set on this computer, by its name in the outbox file. No Qt here."""

from __future__ import annotations

LANG, LOOK = "lang", "look"
PRINTER_ADDRESS, SLIPS_AT_ONCE = "printer_address", "slips_at_once"
