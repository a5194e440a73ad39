"""The line's rows: what it reads of them, and functions for the writer that change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, and_, delete, exists, func, select, update

from app.core.order import Order
from hub.connectors.line.watch import Health
from hub.db import tables as t
from hub.orders.desk import Tx
from hub.orders.results import Sealer

_order = msgspec.json.Decoder(Order)


@dataclass(frozen=True, slots=True)
class SealedToken:
    file_mark: bytes
    blob: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopRow:
    """A shop as the database remembers it."""

    cursor: datetime | None = None
    poll_s: int | None = None
    polled_at: datetime | None = None
    swept_day: str = ""
    health: Health = field(default_factory=Health)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    shop_id: str
    channel_order_no: str
    heard_at: datetime
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One thing in quarantine, without what is in it."""

    quarantine_id: str
    at: datetime
    what: str
    ref: str
    error: str


# ------------------------------------------------------------------------------------------------- reading


class Records:
    """Reads; every call blocks for a moment: run them in a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def shop(self, shop_id: str) -> ShopRow:
        with self._engine.connect() as conn:
            row = conn.execute(select(t.shop_line).where(t.shop_line.c.shop_id == shop_id)).first()
        if row is None:
            return ShopRow()
        health = Health(
            last_good_at=row.last_good_at,
            failing_since=row.failing_since,
            failures=row.failures,
            trouble=row.trouble,
            word=row.word,
            is_said=row.is_said,
        )
        return ShopRow(
            cursor=row.cursor,
            poll_s=row.poll_s,
            polled_at=row.polled_at,
            swept_day=row.swept_day,
            health=health,
        )

    def token(self, shop_id: str) -> SealedToken | None:
        with self._engine.connect() as conn:
            row = conn.execute(select(t.shop_token).where(t.shop_token.c.shop_id == shop_id)).first()
        return SealedToken(bytes(row.file_mark), bytes(row.blob_pii)) if row else None

    def modified(self, shop_id: str, channel_order_nos: Sequence[str]) -> dict[str, datetime | None]:
        """Which of these orders we have, and the platform's own moment of change that we know of each."""
        o, found = t.orders.c, {}
        with self._engine.connect() as conn:
            for at in range(0, len(channel_order_nos), 500):
                some = channel_order_nos[at : at + 500]
                rows = conn.execute(
                    select(o.channel_order_no, o.body).where(
                        o.channel_order_no.in_(some), o.shop_id == shop_id
                    )
                )
                for no, body in rows:
                    found[no] = _order.decode(body).channel_modified_at
        return found

    def wanted(self, now: datetime, shops: Iterable[str], most: int) -> list[Wanted]:
        """Orders of these shops whose fetch is due, the longest waiting first."""
        w = t.fetch_wanted.c
        asked = select(w.shop_id, w.channel_order_no, w.heard_at, w.tries).where(
            w.due_at <= now, w.shop_id.in_(list(shops))
        )
        with self._engine.connect() as conn:
            rows = conn.execute(asked.order_by(w.due_at).limit(most)).all()
        return [Wanted(**row._mapping) for row in rows]

    def is_work_open(self, now: datetime) -> bool:
        """Whether a bench is at work: one has beaten within a minute."""
        s = t.station.c
        fresh = s.last_beat_at > now - timedelta(minutes=1)
        asked = select(s.station_id).where(s.kind == "packing", s.is_revoked.is_(False), fresh).limit(1)
        with self._engine.connect() as conn:
            return conn.execute(asked).first() is not None

    def missed(self, shop_id: str) -> list[str]:
        m = t.missed_order.c
        asked = select(m.channel_order_no).where(m.shop_id == shop_id, _still_missed())
        with self._engine.connect() as conn:
            return list(conn.execute(asked.order_by(m.found_at, m.channel_order_no)).scalars())

    def known(self, shop_id: str, channel_order_nos: Iterable[str]) -> set[str]:
        o, nos, found = t.orders.c, list(channel_order_nos), set()
        with self._engine.connect() as conn:
            for at in range(0, len(nos), 500):
                asked = select(o.channel_order_no).where(
                    o.channel_order_no.in_(nos[at : at + 500]), o.shop_id == shop_id
                )
                found |= set(conn.execute(asked).scalars())
        return found

    def quarantine(self) -> list[Kept]:
        q = t.quarantine.c
        asked = select(q.quarantine_id, q.at, q.what, q.ref, q.error).order_by(q.at.desc()).limit(500)
        with self._engine.connect() as conn:
            return [Kept(**row._mapping) for row in conn.execute(asked)]

    def quarantined(self, quarantine_id: str) -> Kept | None:
        q = t.quarantine.c
        asked = select(q.quarantine_id, q.at, q.what, q.ref, q.error).where(q.quarantine_id == quarantine_id)
        with self._engine.connect() as conn:
            row = conn.execute(asked).first()
        return Kept(**row._mapping) if row else None

    def counts(self, day_prefix: str) -> dict[str, dict[str, Any]]:
        """Per shop: orders of the day, things in quarantine, ship-backs with their first deadline, missed orders."""
        o, q, s, m = t.orders.c, t.quarantine.c, t.ship_back.c, t.missed_order.c
        found: dict[str, dict[str, Any]] = {}

        def put(shop_id: str, **values: Any) -> None:
            found.setdefault(shop_id, {}).update(values)

        with self._engine.connect() as conn:
            today = select(o.shop_id, func.count()).where(
                o.order_no >= day_prefix, o.order_no < day_prefix + "~"
            )
            for shop_id, n in conn.execute(today.group_by(o.shop_id)):
                put(shop_id, orders_today=n)
            for (ref,) in conn.execute(select(q.ref)):
                shop_id = ref.partition(" ")[0]
                put(shop_id, quarantined=found.get(shop_id, {}).get("quarantined", 0) + 1)
            backs = select(s.shop_id, s.state, func.count(), func.min(s.ship_by_at)).where(
                s.state.in_(("waiting", "refused"))
            )
            for shop_id, state, n, first in conn.execute(backs.group_by(s.shop_id, s.state)):
                if state == "refused":
                    put(shop_id, ship_backs_refused=n)
                else:
                    put(shop_id, ship_backs_waiting=n, ship_back_due_at=first)
            lost = select(m.shop_id, func.count()).where(_still_missed()).group_by(m.shop_id)
            for shop_id, n in conn.execute(lost):
                put(shop_id, missed=n)
        return found


def _still_missed() -> ColumnElement[bool]:
    """Listed, not taken by a person, and not come by itself since."""
    m, o = t.missed_order.c, t.orders.c
    here = exists().where(o.channel_order_no == m.channel_order_no, o.shop_id == m.shop_id)
    return and_(m.taken_at.is_(None), ~here)


# ------------------------------------------------------------------------------------------------- writing


def shop_kept(shop_id: str, **values: Any) -> Callable[[Tx], None]:
    """Change columns of the shop's row."""

    def change(tx: Tx) -> None:
        done = tx.conn.execute(update(t.shop_line).where(t.shop_line.c.shop_id == shop_id).values(**values))
        if not done.rowcount:
            tx.conn.execute(t.shop_line.insert().values(shop_id=shop_id, **values))

    return change


def health_values(health: Health) -> dict[str, Any]:
    return {
        "last_good_at": health.last_good_at,
        "failing_since": health.failing_since,
        "failures": health.failures,
        "trouble": health.trouble,
        "word": health.word,
        "is_said": health.is_said,
    }


def token_kept(shop_id: str, file_mark: bytes, blob: bytes) -> Callable[[Tx], None]:
    def change(tx: Tx) -> None:
        tx.conn.execute(delete(t.shop_token).where(t.shop_token.c.shop_id == shop_id))
        row = {"shop_id": shop_id, "file_mark": file_mark, "blob_pii": blob, "at": tx.now}
        tx.conn.execute(t.shop_token.insert().values(row))

    return change


def fetch_later(shop_id: str, channel_order_no: str, due_at: datetime) -> Callable[[Tx], None]:
    w = t.fetch_wanted.c

    def change(tx: Tx) -> None:
        tx.conn.execute(
            update(t.fetch_wanted)
            .where(w.shop_id == shop_id, w.channel_order_no == channel_order_no)
            .values(due_at=due_at, tries=w.tries + 1)
        )

    return change


def fetch_given_up(shop_id: str, channel_order_no: str, heard_until: datetime) -> Callable[[Tx], None]:
    w = t.fetch_wanted.c

    def change(tx: Tx) -> None:
        tx.conn.execute(
            delete(t.fetch_wanted).where(
                w.shop_id == shop_id, w.channel_order_no == channel_order_no, w.heard_at <= heard_until
            )
        )

    return change


def quarantined(
    vault: Sealer, what: str, ref: str, error: str, contents: Sequence[dict[str, Any]]
) -> Callable[[Tx], None]:
    """Keep what could not be read, sealed, 30 days. What names an order, a span or an element is kept once."""
    q, said = t.quarantine.c, ascii(ref)[1:-1]

    def change(tx: Tx) -> None:
        if " " in said:
            # an element comes again with every list whose span overlaps: its mark tells it, not the span
            end = said.partition("#")[2]
            shop = said.partition(" ")[0]
            of_shop = and_(
                q.ref.startswith(f"{shop} ", autoescape=True), q.ref.endswith(f"#{end}", autoescape=True)
            )
            alike = of_shop if end else q.ref == said
            if tx.conn.execute(select(q.quarantine_id).where(q.what == what, alike).limit(1)).first():
                return
        for content in contents:
            quarantine_id = tx.new_id()
            tx.conn.execute(
                t.quarantine.insert().values(
                    quarantine_id=quarantine_id,
                    at=tx.now,
                    what=what,
                    ref=said,
                    error=error,
                    blob_pii=vault.seal(content, quarantine_id),
                )
            )

    return change


def quarantine_over(quarantine_id: str) -> Callable[[Tx], None]:
    def change(tx: Tx) -> None:
        tx.conn.execute(delete(t.quarantine).where(t.quarantine.c.quarantine_id == quarantine_id))

    return change


def swept(shop_id: str, day: str, missing: Sequence[str]) -> Callable[[Tx], None]:
    """The day's sweep is done; what it found missing is listed until it is taken."""

    def change(tx: Tx) -> None:
        m = t.missed_order.c
        listed = set(tx.conn.execute(select(m.channel_order_no).where(m.shop_id == shop_id)).scalars())
        fresh = [no for no in missing if no not in listed]
        if fresh:
            rows = [{"shop_id": shop_id, "channel_order_no": no, "found_at": tx.now} for no in fresh]
            tx.conn.execute(t.missed_order.insert(), rows)
        shop_kept(shop_id, swept_day=day)(tx)

    return change


def missed_taken(shop_id: str, channel_order_nos: Sequence[str]) -> Callable[[Tx], None]:
    m = t.missed_order.c

    def change(tx: Tx) -> None:
        for no in channel_order_nos:
            one = update(t.missed_order).where(m.shop_id == shop_id, m.channel_order_no == no)
            tx.conn.execute(one.values(taken_at=tx.now))

    return change
