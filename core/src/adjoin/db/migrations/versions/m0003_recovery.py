"""Retries, cancelling, full listings, job schedules, packed files; leases, shared rate buckets and workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import JSON, Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("schedules", sa.Column("job", sa.String()))
    op.add_column("schedules", sa.Column("last_error", sa.String()))
    op.add_column("runs", sa.Column("full", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("runs", sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("runs", sa.Column("retry_of", sa.String()))
    op.add_column("runs", sa.Column("retry_at", Instant()))
    op.add_column("runs", sa.Column("cancel_requested_at", Instant()))
    op.add_column("runs", sa.Column("worker", sa.String()))
    op.add_column("runs", sa.Column("unexplained", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_index("ix_runs_retry_at", "runs", ["retry_at"])
    op.add_column("fact_files", sa.Column("packed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "leases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "rate_buckets",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("tat", sa.Float(), nullable=False),
        sa.Column("blocked_until", sa.Float(), nullable=False),
        sa.Column("factor", sa.Float(), nullable=False),
        sa.Column("factor_since", sa.Float(), nullable=False),
        sa.Column("full_in_a_row", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_rate_buckets"),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("plugins", JSON, nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("heartbeat_at", Instant(), nullable=False),
        sa.Column("note", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
