"""Stations join with a code: eight characters, once, ten minutes, five tries, bound to kind and warehouse.

A wrong try counts against every open code: who guesses, guesses at all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from hub.auth.callers import StationId
from hub.auth.tokens import hash_of, tidy_pairing_code
from hub.db import tables as t
from hub.orders.desk import Tx

LASTS = timedelta(minutes=10)
TRIES = 5


def add_code(code: str, kind: str, warehouse: str, made_by: str) -> Callable[[Tx], datetime]:
    """Opens a code; gives the moment it expires."""

    def fn(tx: Tx) -> datetime:
        expires_at = tx.now + LASTS
        tx.conn.execute(
            insert(t.pairing_code).values(
                code_hash=hash_of(code),
                kind=kind,
                warehouse=warehouse,
                made_by=made_by,
                made_at=tx.now,
                expires_at=expires_at,
            )
        )
        return expires_at

    return fn


def pair(code: str, name: str, token: str) -> Callable[[Tx], StationId | None]:
    """The new station, or None: the code is wrong, used, too old or was tried too often."""

    def fn(tx: Tx) -> StationId | None:
        p = t.pairing_code
        is_open = (p.c.used_at.is_(None), p.c.expires_at > tx.now, p.c.tries < TRIES)
        code_hash = hash_of(tidy_pairing_code(code))
        found = tx.conn.execute(
            select(p.c.kind, p.c.warehouse).where(p.c.code_hash == code_hash, *is_open)
        ).first()
        if found is None:
            tx.conn.execute(update(p).where(*is_open).values(tries=p.c.tries + 1))
            return None
        station = StationId(station_id=tx.new_id(), name=name, kind=found.kind, warehouse=found.warehouse)
        tx.conn.execute(
            insert(t.station).values(
                station_id=station.station_id,
                name=name,
                kind=station.kind,
                warehouse=station.warehouse,
                token_hash=hash_of(token),
                paired_at=tx.now,
            )
        )
        used = {"used_at": tx.now, "station_id": station.station_id}
        tx.conn.execute(update(p).where(p.c.code_hash == code_hash).values(**used))
        tx.changed("station", station.station_id)
        return station

    return fn


def revoke(station_id: str, warehouse: str | None = None) -> Callable[[Tx], bool]:
    """Takes a station's token away, with every session on it. False: no such station, in this warehouse if named."""

    def fn(tx: Tx) -> bool:
        s = t.station
        which = [s.c.station_id == station_id, *([s.c.warehouse == warehouse] if warehouse else [])]
        done = tx.conn.execute(update(s).where(*which).values(is_revoked=True))
        if done.rowcount == 0:
            return False
        sessions = t.session.c.station_id == station_id, t.session.c.ended_at.is_(None)
        tx.conn.execute(update(t.session).where(*sessions).values(ended_at=tx.now))
        tx.changed("station", station_id)
        return True

    return fn
