"""Metrics and naming conventions of workspaces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import JSON

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _of_workspace(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_id"], ["workspaces.id"], name=f"fk_{table}_workspaces", deferrable=True, initially="DEFERRED"
    )


def upgrade() -> None:
    op.create_table(
        "analytics_metrics",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("formula", sa.String(), nullable=False),
        sa.Column("good", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name="pk_analytics_metrics"),
        _of_workspace("analytics_metrics"),
    )
    op.create_table(
        "analytics_fields",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("of", sa.String(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("mapped", JSON, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name="pk_analytics_fields"),
        _of_workspace("analytics_fields"),
    )
