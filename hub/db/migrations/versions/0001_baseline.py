"""Baseline: everything the line needs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


#: Kinds of history that are somebody's work at a bench.
_AT_BENCHES = (
    "kind IN ('opened', 'line_packed', 'line_unpacked', 'parcel_closed', 'freeze_acked', 'parcel_pulled', "
    "'put_back', 'handed_over', 'waybill_bound', 'barcode_learned', 'slip_printed', 'label_printed', 'marked_abnormal')"
)


def upgrade() -> None:
    _tables()
    if op.get_bind().dialect.name == "postgresql":
        _guard_history_postgresql()
    else:
        _guard_history_sqlite()


def _guard_history_sqlite() -> None:
    """History is append-only; ``seq`` alone may move. INSERT OR REPLACE would delete without a trigger."""
    kept = "id, order_no, parcel_no, kind, at, body"
    refuse = "BEGIN SELECT RAISE(ABORT, 'history is append-only'); END"
    op.execute(f"CREATE TRIGGER history_no_delete BEFORE DELETE ON history {refuse}")
    op.execute(f"CREATE TRIGGER history_no_update BEFORE UPDATE OF {kept} ON history {refuse}")
    op.execute(
        "CREATE TRIGGER history_no_replace BEFORE INSERT ON history"
        f" WHEN EXISTS (SELECT 1 FROM history WHERE id = NEW.id) {refuse}"
    )


def _guard_history_postgresql() -> None:
    op.execute(
        """
        CREATE FUNCTION history_guard() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                IF (NEW.id, NEW.order_no, NEW.parcel_no, NEW.kind, NEW.at, NEW.body)
                    IS NOT DISTINCT FROM (OLD.id, OLD.order_no, OLD.parcel_no, OLD.kind, OLD.at, OLD.body)
                THEN
                    RETURN NEW;
                END IF;
            END IF;
            RAISE EXCEPTION 'history is append-only' USING ERRCODE = 'integrity_constraint_violation';
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER history_guard BEFORE UPDATE OR DELETE ON history"
        " FOR EACH ROW EXECUTE FUNCTION history_guard()"
    )
    op.execute(
        "CREATE TRIGGER history_guard_truncate BEFORE TRUNCATE ON history"
        " FOR EACH STATEMENT EXECUTE FUNCTION history_guard()"
    )


def _tables() -> None:
    op.create_table(
        "alarm",
        sa.Column("alarm_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("parcel_no", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("acked_at", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("alarm_id", name="pk_alarm"),
    )
    op.create_index(
        "ix_alarm_open",
        "alarm",
        ["order_no"],
        unique=False,
        sqlite_where=sa.text("acked_at IS NULL"),
        postgresql_where=sa.text("acked_at IS NULL"),
    )
    op.create_index("ix_alarm_seq", "alarm", ["seq"], unique=False)
    op.create_table(
        "day_counter",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_day_counter"),
    )
    op.create_table(
        "feed_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("history_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("series", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("gone_floor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_feed_head_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_feed_head"),
    )
    op.create_table(
        "gone",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "warehouse", "kind", "key", name="pk_gone"),
    )
    op.create_index("ix_gone_seq", "gone", ["scope", "seq"], unique=False)
    op.create_table(
        "import_log",
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("shop_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("file_name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("file_hash", sa.LargeBinary(), nullable=False),
        sa.Column("actor", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", name="pk_import_log"),
    )
    op.create_table(
        "item",
        sa.Column("sku_code", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sku_code", name="pk_item"),
    )
    op.create_index("ix_item_seq", "item", ["seq"], unique=False)
    op.create_table(
        "kept_act",
        sa.Column("act_id", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("shop_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("channel_order_no", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name="pk_kept_act"),
    )
    op.create_index("ix_kept_act_natural", "kept_act", ["channel_order_no", "shop_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("shop_id", sa.Text(), nullable=False),
        sa.Column("channel_order_no", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("order_state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("in_packing", sa.Boolean(), nullable=False),
        sa.Column("in_service", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("order_no", name="pk_orders"),
    )
    op.create_index(
        "ix_orders_due",
        "orders",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_orders_packing_seq",
        "orders",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("in_packing"),
        postgresql_where=sa.text("in_packing"),
    )
    op.create_index("ix_orders_seq", "orders", ["seq"], unique=False)
    op.create_index("uq_orders_natural", "orders", ["channel_order_no", "shop_id"], unique=True)
    op.create_table(
        "pairing_code",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("station_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name="pk_pairing_code"),
    )
    op.create_table(
        "person",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("badge_hash", sa.LargeBinary(), nullable=True),
        sa.Column("is_disabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_person"),
        sa.UniqueConstraint("badge_hash", name="uq_person_badge_hash"),
        sa.UniqueConstraint("name", name="uq_person_name"),
    )
    op.create_index("ix_person_seq", "person", ["seq"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("blob_pii", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name="pk_quarantine"),
    )
    op.create_index("ix_quarantine_at", "quarantine", ["at"], unique=False)
    op.create_table(
        "receipt",
        sa.Column("act_id", sa.Text(), nullable=False),
        sa.Column("act_hash", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("params", sa.LargeBinary(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name="pk_receipt"),
    )
    op.create_index("ix_receipt_at", "receipt", ["at"], unique=False)
    op.create_table(
        "setting",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_setting"),
    )
    op.create_index("ix_setting_seq", "setting", ["seq"], unique=False)
    op.create_table(
        "station",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("is_revoked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("paired_at", sa.BigInteger(), nullable=False),
        sa.Column("last_beat_at", sa.BigInteger(), nullable=True),
        sa.Column("seq_seen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("waiting_acts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("oldest_waiting_at", sa.BigInteger(), nullable=True),
        sa.Column("silent_at", sa.BigInteger(), nullable=True),
        sa.Column("printers", sa.LargeBinary(), nullable=False),
        sa.Column("sign_on", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("clock_offset_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("fed_at", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", name="pk_station"),
        sa.UniqueConstraint("token_hash", name="uq_station_token_hash"),
    )
    op.create_index("ix_station_seq", "station", ["seq"], unique=False)
    op.create_table(
        "waybill_pool",
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("waybill_no", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("routing_code", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("print_data", sa.LargeBinary(), nullable=False),
        sa.Column("pool_state", sa.Text(), nullable=False),
        sa.Column("parcel_no", sa.Text(), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("carrier", "waybill_no", name="pk_waybill_pool"),
    )
    op.create_index(
        "ix_waybill_pool_free",
        "waybill_pool",
        ["carrier", "waybill_no"],
        unique=False,
        sqlite_where=sa.text("pool_state = 'free'"),
        postgresql_where=sa.text("pool_state = 'free'"),
    )
    op.create_index("ix_waybill_pool_parcel", "waybill_pool", ["parcel_no"], unique=False)
    op.create_index("ix_waybill_pool_waybill", "waybill_pool", ["waybill_no"], unique=False)
    op.create_table(
        "history",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("parcel_no", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name="fk_history_order_no"),
        sa.PrimaryKeyConstraint("id", name="pk_history"),
    )
    op.create_index("ix_history_order", "history", ["order_no", "id"], unique=False)
    op.create_index(
        "ix_history_work",
        "history",
        ["at"],
        unique=False,
        sqlite_where=sa.text(_AT_BENCHES),
        postgresql_where=sa.text(_AT_BENCHES),
    )
    op.create_index("ix_history_seq", "history", ["seq"], unique=False)
    op.create_table(
        "item_barcode",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("sku_code", sa.Text(), nullable=False),
        sa.Column("pack_qty", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["sku_code"], ["item.sku_code"], name="fk_item_barcode_sku_code"),
        sa.PrimaryKeyConstraint("code", "sku_code", name="pk_item_barcode"),
    )
    op.create_table(
        "parcel",
        sa.Column("parcel_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("waybill_no", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name="fk_parcel_order_no"),
        sa.PrimaryKeyConstraint("parcel_no", name="pk_parcel"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_parcel_waybill",
        "parcel",
        ["waybill_no"],
        unique=False,
        sqlite_where=sa.text("waybill_no <> ''"),
        postgresql_where=sa.text("waybill_no <> ''"),
    )
    op.create_table(
        "sealed",
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("blob_pii", sa.LargeBinary(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("phone_tail", sa.LargeBinary(), nullable=True),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("nick", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name="fk_sealed_order_no"),
        sa.PrimaryKeyConstraint("order_no", name="pk_sealed"),
    )
    op.create_index("ix_sealed_name", "sealed", ["name"], unique=False)
    op.create_index("ix_sealed_nick", "sealed", ["nick"], unique=False)
    op.create_index("ix_sealed_phone", "sealed", ["phone"], unique=False)
    op.create_index("ix_sealed_phone_tail", "sealed", ["phone_tail"], unique=False)
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.person_id"], name="fk_session_person_id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_session"),
    )
    op.create_index("ix_session_person", "session", ["person_id"], unique=False)
    op.create_table(
        "lease",
        sa.Column("lease_id", sa.Text(), nullable=False),
        sa.Column("parcel_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("how", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["parcel_no"], ["parcel.parcel_no"], name="fk_lease_parcel_no"),
        sa.PrimaryKeyConstraint("lease_id", name="pk_lease"),
    )
    op.create_index(
        "ix_lease_parcel",
        "lease",
        ["parcel_no"],
        unique=False,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index(
        "ix_lease_station",
        "lease",
        ["station_id"],
        unique=False,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_table(
        "parcel_line",
        sa.Column("parcel_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("qty_packed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["parcel_no"], ["parcel.parcel_no"], name="fk_parcel_line_parcel_no"),
        sa.PrimaryKeyConstraint("parcel_no", "order_no", "line_no", name="pk_parcel_line"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "track",
        sa.Column("parcel_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("synced_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["parcel_no"], ["parcel.parcel_no"], name="fk_track_parcel_no"),
        sa.PrimaryKeyConstraint("parcel_no", name="pk_track"),
    )
    op.create_index("ix_track_order", "track", ["order_no"], unique=False)
    op.create_index("ix_track_seq", "track", ["seq"], unique=False)
    op.create_table(
        "fetch_wanted",
        sa.Column("shop_id", sa.Text(), nullable=False),
        sa.Column("channel_order_no", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("kept", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "channel_order_no", name=op.f("pk_fetch_wanted")),
    )
    op.create_index("ix_fetch_wanted_due", "fetch_wanted", ["due_at"], unique=False)
    op.create_table(
        "missed_order",
        sa.Column("shop_id", sa.Text(), nullable=False),
        sa.Column("channel_order_no", sa.Text(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("shop_id", "channel_order_no", name=op.f("pk_missed_order")),
    )
    op.create_table(
        "ship_back",
        sa.Column("parcel_no", sa.Text(), nullable=False),
        sa.Column("waybill_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("shop_id", sa.Text(), nullable=False),
        sa.Column("channel_order_no", sa.Text(), nullable=False),
        sa.Column("warehouse", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("carrier", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("ship_by_at", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("word", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("parcel_no", "waybill_no", name=op.f("pk_ship_back")),
    )
    op.create_index(
        "ix_ship_back_due",
        "ship_back",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index("ix_ship_back_shop", "ship_back", ["shop_id", "state"], unique=False)
    op.create_table(
        "shop_line",
        sa.Column("shop_id", sa.Text(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=True),
        sa.Column("poll_s", sa.Integer(), nullable=True),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("last_good_at", sa.BigInteger(), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("trouble", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("word", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("is_said", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("swept_day", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_shop_line")),
    )
    op.create_table(
        "shop_token",
        sa.Column("shop_id", sa.Text(), nullable=False),
        sa.Column("file_mark", sa.LargeBinary(), nullable=False),
        sa.Column("blob_pii", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_shop_token")),
    )
    op.create_table(
        "buyer_message",
        sa.Column("parcel_no", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("parcel_no", "kind", name=op.f("pk_buyer_message")),
    )
    op.create_index("ix_buyer_message_state", "buyer_message", ["state", "at"])
    op.create_table(
        "strange_word",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "word", name=op.f("pk_strange_word")),
    )
    op.create_table(
        "track_watch",
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("parcel_no", sa.Text(), nullable=False),
        sa.Column("waybill_no", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("heard_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("word", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("blob_pii", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("connector", "parcel_no", "waybill_no", name=op.f("pk_track_watch")),
    )
    op.create_index(
        "ix_track_watch_due",
        "track_watch",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_track_watch_parcel", "track_watch", ["parcel_no"], unique=False)
    op.create_index("ix_track_watch_waybill", "track_watch", ["waybill_no"], unique=False)
