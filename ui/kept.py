"""What a person set on this computer, by its name in the outbox file. No Qt here."""

from __future__ import annotations

LANG, LOOK = "lang", "look"
PRINTER_ADDRESS, SLIPS_AT_ONCE = "printer_address", "slips_at_once"
LAYOUT = "scanner_layout"
SERIAL_ON, SERIAL_PORT, SERIAL_BAUD = "serial_on", "serial_port", "serial_baud"
SCALE_ON, SCALE_PORT, SCALE_BAUD = "scale_on", "scale_port", "scale_baud"
SCANNER_DEVICES = "scanner_devices"
CAMERA_ON, CAMERA = "camera_on", "camera"
#: "all": pictures of slips and labels that belong together are kept as well.
PROOFS, PROOFS_ALL = "proofs", "all"
SCANNER_GAP_MS, SCANNER_SUFFIX, SCANNER_PREFIX = "scanner_gap_ms", "scanner_suffix", "scanner_prefix"
