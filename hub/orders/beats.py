"""Beats of stations: what they say of themselves, their clock, and the leases that end with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, select, update

from app.wire import Beat
from hub.db import tables as t
from hub.db.tables import to_ms
from hub.orders.claims import is_waited_for
from hub.orders.desk import Tx
from hub.orders.held import Cause, HeldStation
from hub.orders.jobs import Answer, Job
from hub.orders.leases import settle
from hub.orders.restored import note_beat
from hub.orders.work import Work

#: ``last_beat_at`` in the feed is at most this much behind: 500 stations must not feed 50 rows a second.
FEED_EVERY = timedelta(seconds=30)
#: A bench beats every 10 s and again 3 s after a beat that failed: when this long nothing came, a beat is missing
#: and so is the second try. Supervisors then know within 15 s. Its stream says less: after a power cut it stays
#: open for half a minute, and it may be another hub process's. Leases wait longer (``online_s``): they are moved.
SILENT_AFTER = timedelta(seconds=14)


class BeatJob(Job[bool]):
    what = "beat"

    def __init__(self, station_id: str, beat: Beat) -> None:
        self.station_id = station_id
        self.beat = beat

    def run(self, work: Work) -> Answer[bool]:
        station = work.station(self.station_id)
        if station is None or station.is_revoked:
            return lambda numbers: False
        beat = self.beat
        offset = work.now - beat.clock if beat.clock else station.clock_offset
        printers = msgspec.json.encode(beat.printers)
        shown = (printers, beat.sign_on, beat.waiting_acts > 0)
        is_back = not station.is_online(work.now, work.settings.online_s)
        is_stale = station.fed_at is None or work.now - station.fed_at >= FEED_EVERY
        is_news = is_back or station.is_silent or is_stale or shown != station.shown
        heard = replace(
            station,
            last_beat_at=work.now,
            waiting_acts=beat.waiting_acts,
            clock_offset=offset,
            fed_at=work.now if is_news else station.fed_at,
            shown=shown,
            is_silent=False,
        )
        work.put(work.stations, self.station_id, heard)
        self._write(work, heard, printers)
        if is_news:
            work.feed("station", self.station_id)
        note_beat(work, heard, beat, _oldest_waiting(beat, heard))
        if not is_waited_for(work, heard.station_id):
            self._settle(work, heard)
        return lambda numbers: True

    def _write(self, work: Work, heard: HeldStation, printers: bytes) -> None:
        beat = self.beat
        oldest = _oldest_waiting(beat, heard)
        row = (
            work.now_ms,
            beat.seq_seen,
            beat.waiting_acts,
            None if oldest is None else to_ms(oldest),
            None,  # not silent
            printers,
            beat.sign_on,
            heard.clock_offset // timedelta(milliseconds=1),
            self.station_id,
        )
        work.row(work.sql.station_beat, row)

    def _settle(self, work: Work, heard: HeldStation) -> None:
        """A beat after a lease's end with no waiting act made before it: the hub knows all of it."""
        oldest = _oldest_waiting(self.beat, heard)
        why = Cause(actor=self.station_id, station_id=self.station_id, source=f"station:{self.station_id}")
        for lease in work.leases_of_station(self.station_id):
            is_over = work.now > lease.until and (oldest is None or oldest > lease.until)
            if not is_over and not lease.is_presumed:  # it has asked again for what it really holds
                continue
            order = work.order(lease.order_no)
            parcel = order.parcel(lease.parcel_no) if order else None
            if order is None or parcel is None:
                work.settle_lease(lease, "settled")
                continue
            settle(work, order, parcel, lease, why, "settled")


def are_silent(conn: Connection, now: datetime) -> bool:
    """Whether a beat is missing that nobody has been told of yet."""
    return conn.execute(select(t.station.c.station_id).where(_is_silent(now)).limit(1)).first() is not None


def name_silent(tx: Tx) -> None:
    """Inside the writer, behind all beats that came before: who is silent now is fed as such."""
    s = t.station.c
    named = update(t.station).where(_is_silent(tx.now)).values(silent_at=tx.now).returning(s.station_id)
    for station_id in list(tx.conn.execute(named).scalars()):
        tx.changed("station", station_id)


def _is_silent(now: datetime) -> ColumnElement[bool]:
    s = t.station.c
    return and_(s.is_revoked.is_(False), s.silent_at.is_(None), s.last_beat_at < now - SILENT_AFTER)


def _oldest_waiting(beat: Beat, heard: HeldStation) -> datetime | None:
    """By the hub's clock; a station that has waiting acts but does not say since when waits since ever."""
    if beat.waiting_acts == 0:
        return None
    if beat.oldest_waiting_at is None:
        return datetime.fromtimestamp(0, heard.last_beat_at.tzinfo) if heard.last_beat_at else None
    return beat.oldest_waiting_at + heard.clock_offset
