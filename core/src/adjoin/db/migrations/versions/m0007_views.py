"""Saved views, the ones that open first, and notes on days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import JSON, Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("page", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", JSON, nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        _refers("saved_views", ["workspace_id"], "workspaces", ["id"]),
        _refers("saved_views", ["user_id"], "users", ["id"]),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_saved_views"),
    )
    op.create_index("ix_saved_views_workspace_id_page", "saved_views", ["workspace_id", "page"])
    op.create_table(
        "default_views",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("page", sa.String(), nullable=False),
        sa.Column("view_id", sa.String(), nullable=False),
        sa.Column("chosen_at", Instant(), nullable=False),
        _refers("default_views", ["workspace_id"], "workspaces", ["id"]),
        _refers("default_views", ["user_id"], "users", ["id"]),
        _refers("default_views", ["workspace_id", "view_id"], "saved_views", ["workspace_id", "id"], cascade=True),
        sa.PrimaryKeyConstraint("workspace_id", "user_id", "page", name="pk_default_views"),
    )
    op.create_table(
        "annotations",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("platform", sa.String()),
        sa.Column("account_id", sa.String()),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        _refers("annotations", ["workspace_id"], "workspaces", ["id"]),
        _refers("annotations", ["user_id"], "users", ["id"]),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_annotations"),
    )
    op.create_index("ix_annotations_workspace_id_first_day", "annotations", ["workspace_id", "first_day"])


def _refers(
    table: str, columns: list[str], target: str, keys: list[str], *, cascade: bool = False
) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        columns,
        [f"{target}.{key}" for key in keys],
        name=f"fk_{table}_{target}",
        ondelete="CASCADE" if cascade else None,
        deferrable=True,
        initially="DEFERRED",
    )
