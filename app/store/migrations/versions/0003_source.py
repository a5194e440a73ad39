"""Each scan says which device it came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("scan", sa.Column("source", sa.Text, nullable=False, server_default=""))
