"""Findings that were put aside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "analytics_dismissals",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("finding", sa.String(), nullable=False),
        sa.Column("dismissed_at", Instant(), nullable=False),
        sa.Column("dismissed_by", sa.String(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "finding", name="pk_analytics_dismissals"),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_analytics_dismissals_workspaces",
            deferrable=True,
            initially="DEFERRED",
        ),
    )
