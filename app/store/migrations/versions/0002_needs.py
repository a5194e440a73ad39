"""What needs a person is kept beside the acts, with who answered it, how and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "need",
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("act_id", sa.Text, nullable=False, unique=True),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("receipt", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False, server_default=""),
        sa.Column("answered_by", sa.Text, nullable=False, server_default=""),
        sa.Column("answered_at", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("need_answered", "need", ["answer", "answered_at"])
    op.execute(
        "INSERT INTO need (act_id, envelope, receipt, at) "
        "SELECT act_id, envelope, receipt, coalesce(settled_at, made_at) "
        "FROM act WHERE state = 'needs_person' AND receipt IS NOT NULL ORDER BY n"
    )
