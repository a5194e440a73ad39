"""Stations, and what they and the hub say of themselves: pairing, beats, alarms, the rules of a site, a restore."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from app.core.order import LastGate

#: Protocol version; a hub serves WIRE and WIRE - 1.
WIRE = 1

StationKind = Literal["packing", "supervisor", "service", "ops"]


class PairRequest(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    name: str


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """``warehouse`` "" is all of them. ``ca_sha256``: fingerprint of the hub's own CA, "" without TLS."""

    station_id: str
    token: str
    kind: StationKind
    warehouse: str
    wire: int = WIRE
    ca_sha256: str = ""
    #: Where further processes of this hub are, ``#`` and the fingerprint of its certificate behind those with TLS.
    addresses: list[str] = []


class PairingAsk(msgspec.Struct, frozen=True, kw_only=True):
    kind: StationKind
    warehouse: str = "main"


class PairingCode(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    kind: StationKind
    warehouse: str
    expires_at: datetime
    ca_sha256: str = ""


class PrinterReport(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: str
    waiting: int = 0


class Beat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a station says of itself every 10 s."""

    seq_seen: int = 0
    waiting_acts: int = 0
    oldest_waiting_at: datetime | None = None
    printers: list[PrinterReport] = []
    clock: datetime | None = None
    sign_on: str = ""
    #: The hub's life to which everything settled before was sent again; waits or is sent.
    resent_to: str = ""


class BeatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    now: datetime
    head: int
    epoch: str
    go_check_ms: int = 300
    addresses: list[str] = []


class StationView(msgspec.Struct, frozen=True, kw_only=True):
    """Feed kind ``station``: one bench as supervisors see it.

    ``silent_at``: its beats stay away, noticed then; None again with the next beat.
    """

    station_id: str
    name: str
    kind: StationKind
    warehouse: str
    is_revoked: bool = False
    last_beat_at: datetime | None = None
    seq_seen: int = 0
    waiting_acts: int = 0
    printers: list[PrinterReport] = []
    sign_on: str = ""
    oldest_waiting_at: datetime | None = None
    silent_at: datetime | None = None


class StationList(msgspec.Struct, frozen=True, kw_only=True):
    stations: list[StationView]


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """Feed kind ``alarm``: kind and params are rendered by ``alarms.<kind>`` of the texts."""

    alarm_id: str
    kind: str
    level: Literal["info", "minor", "major", "critical"]
    order_no: str = ""
    parcel_no: str = ""
    params: dict[str, str] = {}
    raised_at: datetime
    acked_at: datetime | None = None
    acked_by: str = ""


class LateStation(msgspec.Struct, frozen=True, kw_only=True):
    """A station that may have acts for a restored hub and has not sent them again yet."""

    station_id: str
    name: str


class SiteRules(msgspec.Struct, frozen=True, kw_only=True):
    """Feed kind ``setting``, key ``rules:<warehouse>``: what hub.toml says of this warehouse.

    A station judges its own acts by it and reads clocks in ``timezone``; a hub that feeds none means the defaults.
    """

    timezone: str = "Asia/Shanghai"
    last_gate: LastGate = "handover"
    countdown_s: int = 15
    auto_release: bool = True
    lease_s: int = 3600


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """Feed kind ``setting``, key ``restored``: this hub was brought back from a backup.

    Numbers of the waybill pool are locked while a station is ``waiting``, unless a supervisor said go (``go_at``).
    What came by file or call from ``backup_at`` to ``restored_at`` has to be brought in again; ``brought_at`` is when
    somebody said that it was.
    """

    epoch: str
    backup_at: datetime
    restored_at: datetime
    waiting: list[LateStation] = []
    go_at: datetime | None = None
    go_by: str = ""
    brought_at: datetime | None = None
    brought_by: str = ""

    @property
    def is_locked(self) -> bool:
        return bool(self.waiting) and self.go_at is None
