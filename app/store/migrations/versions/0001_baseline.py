"""The outbox of the first version: acts, scans, print jobs, settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "act",
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("act_id", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("order_no", sa.Text, nullable=False),
        sa.Column("parcel_no", sa.Text),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("receipt", sa.LargeBinary),
        sa.Column("settled_seq", sa.Integer),
        sa.Column("epoch", sa.Text),
        # the session of who did it, until the hub has answered: whoever signs on next did not
        sa.Column("session", sa.Text, nullable=False, server_default=""),
        sa.Column("made_at", sa.Text, nullable=False),
        sa.Column("settled_at", sa.Text),
        sa.CheckConstraint("state IN ('waiting', 'settled', 'needs_person')", name="act_state"),
        sqlite_autoincrement=True,
    )
    op.create_index("act_state", "act", ["state", "n"])
    op.create_index("act_order", "act", ["order_no", "n"])
    op.create_table(
        "scan",
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("scan_id", sa.Text, nullable=False, unique=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
        sa.Column("scan_class", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("order_no", sa.Text, nullable=False),
        sa.Column("parcel_no", sa.Text, nullable=False),
        sa.Column("act_id", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("scan_at", "scan", ["at"])
    op.create_table(
        "print_job",
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.Text, nullable=False, unique=True),
        sa.Column("job_key", sa.Text, nullable=False),
        sa.Column("copy", sa.Integer, nullable=False),
        sa.Column("printer", sa.Text, nullable=False),
        sa.Column("parcel_no", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("print_job_state", "print_job", ["printer", "state", "n"])
    op.create_index("print_job_parcel", "print_job", ["parcel_no"])
    op.create_index(
        "print_job_once",
        "print_job",
        ["job_key", "copy"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('pulled', 'expired')"),
    )
    op.create_table(
        "setting",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
