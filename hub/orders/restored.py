"""A hub that was brought back from a backup: what it waits for, who says go, what has to be brought in again.

The row ``restored`` of the settings is the whole of it (:class:`app.wire.Restored`), fed to every desk. The command
``hub restore`` writes it; the writer alone changes it from then on (design 3.11).
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from app.core.acts import Actor
from app.wire import Beat, Restored
from hub.orders.held import Cause, HeldStation
from hub.orders.jobs import Answer, Job
from hub.orders.leases import settle
from hub.orders.said import open_alarms
from hub.orders.work import Work

#: Alarms of a restored hub: what must be imported again, and whose acts are not here yet.
AGAIN, WAITS = "restored_again", "restored_waits"


def note_beat(work: Work, station: HeldStation, beat: Beat, oldest_waiting: datetime | None) -> None:
    """A beat may say that this station has sent everything again that the backup may lack."""
    restored = work.restored()
    if restored is None or not restored.waiting or beat.resent_to != restored.epoch:
        return
    if oldest_waiting is not None and oldest_waiting <= restored.restored_at:
        return
    left = [late for late in restored.waiting if late.station_id != station.station_id]
    if len(left) < len(restored.waiting):
        work.set_restored(msgspec.structs.replace(restored, waiting=left))
        if not left:
            _over(work, WAITS)


class AnnounceJob(Job[Restored | None]):
    """The first start after a restore: everybody is told once."""

    what = "restored"

    def run(self, work: Work) -> Answer[Restored | None]:
        restored = work.restored()
        if restored is not None and not work.restored_is_told:
            zone = work.settings.timezone
            since, until = _shown(restored.backup_at, zone), _shown(restored.restored_at, zone)
            work.raise_alarm(AGAIN, "major", None, "", {"since": since, "until": until})
            if restored.waiting:
                names = ", ".join(late.name for late in restored.waiting)
                work.raise_alarm(WAITS, "major", None, "", {"names": names})
            work.set_restored(restored)
        return lambda numbers: restored


class GoJob(Job[Restored | None]):
    """A supervisor answers for the stations that have not come back: waybill numbers are given again, and no parcel
    counts as theirs only because nobody knows."""

    what = "restored go"

    def __init__(self, by: Actor) -> None:
        self.by = by

    def run(self, work: Work) -> Answer[Restored | None]:
        restored = work.restored()
        if restored is not None and restored.is_locked:
            for late in restored.waiting:
                _presumed_no_more(work, late.station_id, Cause.of(self.by))
            restored = msgspec.structs.replace(restored, go_at=work.now, go_by=self.by.name)
            work.set_restored(restored)
            _over(work, WAITS, self.by.name)
        return lambda numbers: restored


class BroughtJob(Job[Restored | None]):
    """Somebody says that what came by file or call since the backup is here again."""

    what = "restored brought"

    def __init__(self, by: Actor) -> None:
        self.by = by

    def run(self, work: Work) -> Answer[Restored | None]:
        restored = work.restored()
        if restored is not None and restored.brought_at is None:
            restored = msgspec.structs.replace(restored, brought_at=work.now, brought_by=self.by.name)
            work.set_restored(restored)
            _over(work, AGAIN, self.by.name)
        return lambda numbers: restored


def _presumed_no_more(work: Work, station_id: str, why: Cause) -> None:
    """Somebody answers for what this station may have been granted since the backup."""
    for lease in work.leases_of_station(station_id):
        order = work.order(lease.order_no) if lease.is_presumed else None
        parcel = order.parcel(lease.parcel_no) if order else None
        if order is not None and parcel is not None:
            settle(work, order, parcel, lease, why, "answered_for")


def _over(work: Work, kind: str, by: str = "hub") -> None:
    for alarm in open_alarms(work):
        if alarm.kind == kind:
            work.set_alarm(msgspec.structs.replace(alarm, acked_at=work.now, acked_by=by))


def _shown(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
