"""Scheduled reports and the history of what was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import JSON, Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scheduled_reports",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String()),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("terms", JSON, nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("people", JSON, nullable=False),
        sa.Column("targets", JSON, nullable=False),
        sa.Column("with_pdf", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("muted_until", Instant()),
        sa.Column("slot_at", Instant(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        _refers("scheduled_reports", ["workspace_id"], "workspaces", ["id"]),
        _refers("scheduled_reports", ["user_id"], "users", ["id"]),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_scheduled_reports"),
    )
    op.create_index("ix_scheduled_reports_next_at", "scheduled_reports", ["next_at"])
    op.create_table(
        "report_sends",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("report_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("slot_at", Instant()),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("since", sa.Date()),
        sa.Column("until", sa.Date()),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("problems", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        _refers(
            "report_sends", ["workspace_id", "report_id"], "scheduled_reports", ["workspace_id", "id"], cascade=True
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_report_sends"),
        sa.UniqueConstraint(
            "workspace_id", "report_id", "slot_at", name="uq_report_sends_workspace_id_report_id_slot_at"
        ),
    )
    op.create_index("ix_report_sends_workspace_id_report_id_at", "report_sends", ["workspace_id", "report_id", "at"])


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
