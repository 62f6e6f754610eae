"""Alerts: rules, their history, targets, and messages to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import JSON, Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("terms", JSON, nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("cool_down_seconds", sa.Integer(), nullable=False),
        sa.Column("people", JSON, nullable=False),
        sa.Column("targets", JSON, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("muted_until", Instant()),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("checked_at", Instant()),
        sa.Column("told_at", Instant()),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        _refers("alert_rules", ["workspace_id"], "workspaces", ["id"]),
        _refers("alert_rules", ["user_id"], "users", ["id"]),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_alert_rules"),
    )
    op.create_index("ix_alert_rules_next_at", "alert_rules", ["next_at"])
    op.create_table(
        "alert_entries",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("began_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant()),
        sa.Column("told_at", Instant()),
        sa.Column("found", JSON, nullable=False),
        _refers("alert_entries", ["workspace_id", "rule_id"], "alert_rules", ["workspace_id", "id"], cascade=True),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_alert_entries"),
    )
    op.create_index("ix_alert_entries_workspace_id_rule_id_began_at", "alert_entries", _HISTORY)
    op.create_index(
        "uq_alert_entries_one_open",
        "alert_entries",
        ["workspace_id", "rule_id", "kind"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "alert_targets",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("delivered_at", Instant()),
        sa.Column("failing_since", Instant()),
        sa.Column("last_error", sa.String()),
        _refers("alert_targets", ["workspace_id"], "workspaces", ["id"]),
        _refers("alert_targets", ["user_id"], "users", ["id"]),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_alert_targets"),
    )
    op.create_table(
        "alert_deliveries",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sa.Column("message", JSON, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("next_at", Instant()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", Instant()),
        sa.Column("last_error", sa.String()),
        _refers(
            "alert_deliveries", ["workspace_id", "target_id"], "alert_targets", ["workspace_id", "id"], cascade=True
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_alert_deliveries"),
    )
    op.create_index("ix_alert_deliveries_next_at", "alert_deliveries", ["next_at"])


_HISTORY = ["workspace_id", "rule_id", "began_at"]


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
