"""Every table of the hub, in SQLAlchemy Core. Migrations build them; a test holds both equal.

Moments are stored as whole milliseconds UTC (:class:`Moment`), bodies as the JSON bytes that the feed sends.
``seq`` is the number of a row's last change (design 3.1); 0 = never fed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeDecorator

from app.core.figures import WORK_KINDS

_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970 UTC. A naive moment is a fault of ours: TypeError."""
    return (moment - _ZERO) // _MILLISECOND


def from_ms(millis: int) -> datetime:
    """The aware UTC moment of :func:`to_ms`."""
    return _ZERO + timedelta(milliseconds=millis)


class Moment(TypeDecorator[datetime]):
    """Aware UTC datetimes kept as integer milliseconds: equal and sortable on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_ms(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_ms(int(value))


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _number(name: str, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text(str(default)))


def _words(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text("''"))


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def _body() -> Column[bytes]:
    return Column("body", LargeBinary, nullable=False)


# ---------------------------------------------------------------------------------------- the one counter

#: One row. Taking numbers from it is the last lock of every write (design 3.2).
feed_head = Table(
    "feed_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Text, nullable=False),
    _number("seq"),
    _number("history_id"),
    _words("series"),  # letter of the numbering after a restore
    _number("gone_floor"),  # tombstones up to here are swept: older cursors begin at 0
    CheckConstraint("id = 1", name="one_row"),
)

# ------------------------------------------------------------------------------------------------- orders

orders = Table(
    "orders",
    metadata,
    Column("order_no", Text, primary_key=True),
    Column("shop_id", Text, nullable=False),
    Column("channel_order_no", Text, nullable=False),
    Column("warehouse", Text, nullable=False),
    Column("order_state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("in_packing", Boolean, nullable=False),
    Column("in_service", Boolean, nullable=False),
    _body(),
    Index("uq_orders_natural", "channel_order_no", "shop_id", unique=True),
    Index("ix_orders_seq", "seq"),
    Index(
        "ix_orders_packing_seq", "seq", sqlite_where=text("in_packing"), postgresql_where=text("in_packing")
    ),
    Index(
        "ix_orders_due",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
)

#: Parcel number and waybill to the order that owns the parcel.
parcel = Table(
    "parcel",
    metadata,
    Column("parcel_no", Text, primary_key=True),
    Column("order_no", Text, ForeignKey("orders.order_no"), nullable=False),
    _words("waybill_no"),
    Index(
        "ix_parcel_waybill",
        "waybill_no",
        sqlite_where=text("waybill_no <> ''"),
        postgresql_where=text("waybill_no <> ''"),
    ),
    sqlite_with_rowid=False,
)

#: What of which order lies in which box: split and merge from day one.
parcel_line = Table(
    "parcel_line",
    metadata,
    Column("parcel_no", Text, ForeignKey("parcel.parcel_no"), primary_key=True),
    Column("order_no", Text, primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("qty", Integer, nullable=False),
    Column("qty_packed", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: What somebody did at a bench (app.core.figures): an index holds these alone, so no import of orders touches it.
WORK_KINDS_SQL = f"kind IN ({', '.join(repr(str(kind)) for kind in WORK_KINDS)})"

#: Append-only. Triggers forbid DELETE, and UPDATE of everything but ``seq``.
history = Table(
    "history",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("order_no", Text, ForeignKey("orders.order_no"), nullable=False),
    Column("parcel_no", Text),
    Column("kind", Text, nullable=False),
    Column("at", Moment, nullable=False),
    _body(),
    Index("ix_history_seq", "seq"),
    Index("ix_history_order", "order_no", "id"),
    Index("ix_history_work", "at", sqlite_where=text(WORK_KINDS_SQL), postgresql_where=text(WORK_KINDS_SQL)),
)

#: All courier nodes of one parcel in one row.
track = Table(
    "track",
    metadata,
    Column("parcel_no", Text, ForeignKey("parcel.parcel_no"), primary_key=True),
    Column("order_no", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("synced_at", Moment, nullable=False),
    _body(),
    Index("ix_track_seq", "seq"),
    Index("ix_track_order", "order_no"),
)

#: The only personal data of the hub. Erasing a buyer deletes this row and nothing else (design 2.8).
sealed = Table(
    "sealed",
    metadata,
    Column("order_no", Text, ForeignKey("orders.order_no"), primary_key=True),
    Column("blob_pii", LargeBinary, nullable=False),
    Column("phone", LargeBinary),
    Column("phone_tail", LargeBinary),
    Column("name", LargeBinary),
    Column("nick", LargeBinary),
    Index("ix_sealed_phone", "phone"),
    Index("ix_sealed_phone_tail", "phone_tail"),
    Index("ix_sealed_name", "name"),
    Index("ix_sealed_nick", "nick"),
)

#: Last number given out per business day and series.
day_counter = Table(
    "day_counter",
    metadata,
    Column("day", Text, primary_key=True),
    Column("n", Integer, nullable=False),
)

# --------------------------------------------------------------------------------------------------- acts

receipt = Table(
    "receipt",
    metadata,
    Column("act_id", Text, primary_key=True),
    Column("act_hash", LargeBinary, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("params", LargeBinary, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("made_at", Moment, nullable=False),  # as the station's own clock said it
    Index("ix_receipt_at", "at"),
)

#: Facts of orders the hub does not have: kept, applied when the order comes (design 3.11).
kept_act = Table(
    "kept_act",
    metadata,
    Column("act_id", Text, primary_key=True),
    Column("order_no", Text, nullable=False),
    _words("shop_id"),
    _words("channel_order_no"),
    Column("at", Moment, nullable=False),
    Column("actor", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Index("ix_kept_act_natural", "channel_order_no", "shop_id"),
)

#: What failed on our side, sealed; swept after 30 days.
quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("what", Text, nullable=False),
    _words("ref"),
    Column("error", Text, nullable=False),
    Column("blob_pii", LargeBinary, nullable=False),
    Index("ix_quarantine_at", "at"),
)

#: Who had which parcel, and whether the hub knows how it ended (design 3.8: claimed = not settled).
lease = Table(
    "lease",
    metadata,
    Column("lease_id", Text, primary_key=True),
    Column("parcel_no", Text, ForeignKey("parcel.parcel_no"), nullable=False),
    Column("order_no", Text, nullable=False),
    Column("station_id", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("granted_at", Moment, nullable=False),
    Column("until_at", Moment, nullable=False),
    Column("settled_at", Moment),
    _words("how"),
    Index(
        "ix_lease_station",
        "station_id",
        sqlite_where=text("settled_at IS NULL"),
        postgresql_where=text("settled_at IS NULL"),
    ),
    Index(
        "ix_lease_parcel",
        "parcel_no",
        sqlite_where=text("settled_at IS NULL"),
        postgresql_where=text("settled_at IS NULL"),
    ),
)

waybill_pool = Table(
    "waybill_pool",
    metadata,
    Column("carrier", Text, primary_key=True),
    Column("waybill_no", Text, primary_key=True),
    _words("warehouse"),
    _words("routing_code"),
    Column("print_data", LargeBinary, nullable=False),
    Column("pool_state", Text, nullable=False),  # free, taken, void
    Column("parcel_no", Text),
    Column("added_at", Moment, nullable=False),
    Column("taken_at", Moment),
    Index(
        "ix_waybill_pool_free",
        "carrier",
        "waybill_no",
        sqlite_where=text("pool_state = 'free'"),
        postgresql_where=text("pool_state = 'free'"),
    ),
    Index("ix_waybill_pool_parcel", "parcel_no"),
    Index("ix_waybill_pool_waybill", "waybill_no"),
)

#: Tombstones: what left a scope. A gone order takes its track and history rows along.
gone = Table(
    "gone",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("warehouse", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_gone_seq", "scope", "seq"),
)

# -------------------------------------------------------------------------------------------- other feeds

item = Table(
    "item",
    metadata,
    Column("sku_code", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    _body(),
    Index("ix_item_seq", "seq"),
)

item_barcode = Table(
    "item_barcode",
    metadata,
    Column("code", Text, primary_key=True),
    Column("sku_code", Text, ForeignKey("item.sku_code"), primary_key=True),
    Column("pack_qty", Integer, nullable=False),
)

alarm = Table(
    "alarm",
    metadata,
    Column("alarm_id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("warehouse", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("parcel_no", Text, nullable=False),
    Column("raised_at", Moment, nullable=False),
    Column("acked_at", Moment),
    _body(),
    Index("ix_alarm_seq", "seq"),
    Index(
        "ix_alarm_open",
        "order_no",
        sqlite_where=text("acked_at IS NULL"),
        postgresql_where=text("acked_at IS NULL"),
    ),
)

station = Table(
    "station",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("warehouse", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    _flag("is_revoked"),
    Column("paired_at", Moment, nullable=False),
    Column("last_beat_at", Moment),
    _number("seq_seen"),
    _number("waiting_acts"),
    Column("oldest_waiting_at", Moment),
    Column("silent_at", Moment),
    Column("printers", LargeBinary, nullable=False, default=b"[]"),
    _words("sign_on"),
    _number("clock_offset_ms"),  # hub minus station
    Column("fed_at", Moment),
    _number("seq"),
    Column("body", LargeBinary, nullable=False, default=b""),
    Index("ix_station_seq", "seq"),
)

# ------------------------------------------------------------------------------------- people and doors

person = Table(
    "person",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("warehouse", Text),
    Column("password_hash", Text),
    Column("badge_hash", LargeBinary, unique=True),
    _flag("is_disabled"),
    Column("made_at", Moment, nullable=False),
    _number("seq"),
    Column("body", LargeBinary, nullable=False, default=b""),
    Index("ix_person_seq", "seq"),
)

session = Table(
    "session",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("person_id", Text, ForeignKey("person.person_id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("station_id", Text),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index("ix_session_person", "person_id"),
)

pairing_code = Table(
    "pairing_code",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("warehouse", Text, nullable=False),
    _words("made_by"),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    _number("tries"),
    Column("used_at", Moment),
    Column("station_id", Text),
)

setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("changed_at", Moment, nullable=False),
    _words("changed_by"),
    _number("seq"),
    Column("body", LargeBinary, nullable=False, default=b""),
    Index("ix_setting_seq", "seq"),
)

import_log = Table(
    "import_log",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    _words("shop_id"),
    _words("file_name"),
    Column("file_hash", LargeBinary, nullable=False),
    _words("actor"),
    Column("report", LargeBinary, nullable=False),
)

# --------------------------------------------------------------------------------- the line to platforms

#: Per shop: how far its changes were taken, and how it does. The cursor moves in the transaction that follows the
#: orders of its window.
shop_line = Table(
    "shop_line",
    metadata,
    Column("shop_id", Text, primary_key=True),
    Column("cursor", Moment),  # changes before this moment are taken
    Column("poll_s", Integer),  # what somebody set; else hub.toml's
    Column("polled_at", Moment),
    Column("last_good_at", Moment),
    Column("failing_since", Moment),
    _number("failures"),
    _words("trouble"),  # later, no_permission, sign_in_again, wrong_settings, bad_payload
    _words("word"),  # the platform's own
    _flag("is_said"),  # people were told that it fails
    _words("swept_day"),  # the business day whose sweep is done
)

#: Refreshed tokens, sealed; they win until the value in hub.toml changes (``file_mark``).
shop_token = Table(
    "shop_token",
    metadata,
    Column("shop_id", Text, primary_key=True),
    Column("file_mark", LargeBinary, nullable=False),
    Column("blob_pii", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
)

#: Orders that a hint asked to be fetched; the row goes when a detail asked for after the hint is taken.
fetch_wanted = Table(
    "fetch_wanted",
    metadata,
    Column("shop_id", Text, primary_key=True),
    Column("channel_order_no", Text, primary_key=True),
    Column("heard_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    _number("tries"),
    Column("kept", LargeBinary, nullable=False),  # stopping hints of an order nobody has yet
    Index("ix_fetch_wanted_due", "due_at"),
)

#: Waybills to be told to their platform, with its deadline (C45).
ship_back = Table(
    "ship_back",
    metadata,
    Column("parcel_no", Text, primary_key=True),
    Column("waybill_no", Text, primary_key=True),
    Column("order_no", Text, nullable=False),
    Column("shop_id", Text, nullable=False),
    Column("channel_order_no", Text, nullable=False),
    _words("warehouse"),
    _words("carrier"),
    Column("state", Text, nullable=False),  # waiting, told, refused, overtaken
    Column("asked_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("ship_by_at", Moment),
    Column("told_at", Moment),
    _number("tries"),
    _words("word"),
    Index(
        "ix_ship_back_due",
        "due_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("ix_ship_back_shop", "shop_id", "state"),
)

#: Words of platforms and couriers that no table of ours knows: one alarm each, ever.
buyer_message = Table(
    "buyer_message",
    metadata,
    Column("parcel_no", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("order_no", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_buyer_message_state", "state", "at"),
)

strange_word = Table(
    "strange_word",
    metadata,
    Column("source", Text, primary_key=True),
    Column("word", Text, primary_key=True),
    Column("at", Moment, nullable=False),
)

#: Orders that the morning sweep found at a platform and not here; kept when taken, for the record.
missed_order = Table(
    "missed_order",
    metadata,
    Column("shop_id", Text, primary_key=True),
    Column("channel_order_no", Text, primary_key=True),
    Column("found_at", Moment, nullable=False),
    Column("taken_at", Moment),
)

#: Waybills whose course a courier source is asked for: subscribed, asked again at ``due_at``, never sooner than
#: the source allows after ``asked_at`` (its 30-minute floor holds across processes).
track_watch = Table(
    "track_watch",
    metadata,
    Column("connector", Text, primary_key=True),
    Column("parcel_no", Text, primary_key=True),
    Column("waybill_no", Text, primary_key=True),
    _words("carrier"),
    Column("state", Text, nullable=False),  # wanted, watched, over, given_up, refused
    Column("wanted_at", Moment, nullable=False),
    Column("asked_at", Moment),
    Column("heard_at", Moment),
    Column("due_at", Moment),
    _number("tries"),
    _words("word"),
    Column("blob_pii", LargeBinary),
    Index(
        "ix_track_watch_due",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index("ix_track_watch_waybill", "waybill_no"),
    Index("ix_track_watch_parcel", "parcel_no"),
)
