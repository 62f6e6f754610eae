"""What a run is limited to and costs of a platform's quota, and what incremental lists of entities need."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import JSON, Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("operations", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column("runs", sa.Column("accounts", JSON))
    op.add_column("runs", sa.Column("streams", JSON))
    op.add_column("slices", sa.Column("updated_since", Instant()))
    op.add_column("slices", sa.Column("asked_at", Instant()))
