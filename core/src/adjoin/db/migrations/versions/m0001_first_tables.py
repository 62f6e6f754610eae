"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import JSON, Instant

revision = "0001"
down_revision = None
branch_labels = ("core",)
depends_on = None

_ACCOUNT_KEY = ["workspace_id", "platform", "id"]


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


def _unique_where(name: str, table: str, columns: list[str], condition: str) -> None:
    op.create_index(
        name,
        table,
        columns,
        unique=True,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )


def upgrade() -> None:
    op.create_table(
        "workspaces",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
    )

    op.create_table(
        "connections",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("base_url", sa.String(), nullable=False),
        sa.Column("credential", sa.LargeBinary()),
        sa.Column("credential_version", sa.Integer(), nullable=False),
        sa.Column("expires_at", Instant()),
        sa.Column("can_renew", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_sync_at", Instant()),
        sa.Column("last_error", sa.String()),
        sa.Column("warning", sa.String()),
        sa.Column("history_start", sa.Date()),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_connections"),
        _refers("connections", ["workspace_id"], "workspaces", ["id"]),
    )
    op.create_index("ix_connections_workspace_id_platform", "connections", ["workspace_id", "platform"])

    op.create_table(
        "accounts",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("connection_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("native_status", sa.String(), nullable=False),
        sa.Column("readable", sa.Boolean(), nullable=False),
        sa.Column("selected", sa.Boolean(), nullable=False),
        sa.Column("parent_id", sa.String()),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("gone_at", Instant()),
        sa.Column("note", sa.String()),
        sa.PrimaryKeyConstraint("workspace_id", "platform", "id", name="pk_accounts"),
        _refers("accounts", ["workspace_id", "connection_id"], "connections", ["workspace_id", "id"]),
    )
    op.create_index("ix_accounts_workspace_id_connection_id", "accounts", ["workspace_id", "connection_id"])

    op.create_table(
        "entities",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("native_status", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.String()),
        sa.Column("ad_group_id", sa.String()),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("gone_at", Instant()),
        sa.PrimaryKeyConstraint("workspace_id", "platform", "account_id", "kind", "id", name="pk_entities"),
        _refers("entities", ["workspace_id", "platform", "account_id"], "accounts", _ACCOUNT_KEY),
    )

    op.create_table(
        "schedules",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("connection_id", sa.String()),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cron", sa.String()),
        sa.Column("every_seconds", sa.Integer()),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("jitter_seconds", sa.Integer(), nullable=False),
        sa.Column("catch_up", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_run_at", Instant(), nullable=False),
        sa.Column("last_run_at", Instant()),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_schedules"),
        _refers("schedules", ["workspace_id"], "workspaces", ["id"]),
        _refers(
            "schedules",
            ["workspace_id", "connection_id"],
            "connections",
            ["workspace_id", "id"],
            cascade=True,
        ),
    )
    op.create_index("ix_schedules_next_run_at", "schedules", ["next_run_at"])

    op.create_table(
        "runs",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("connection_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date()),
        sa.Column("until", sa.Date()),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", Instant()),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("started_at", Instant()),
        sa.Column("finished_at", Instant()),
        sa.Column("heartbeat_at", Instant()),
        sa.Column("slices_total", sa.Integer(), nullable=False),
        sa.Column("slices_done", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String()),
        sa.Column("differences", JSON, nullable=False),
        sa.Column("notes", JSON, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_runs"),
        _refers("runs", ["workspace_id", "connection_id"], "connections", ["workspace_id", "id"]),
    )
    _unique_where(
        "uq_runs_one_active",
        "runs",
        ["workspace_id", "connection_id"],
        "state IN ('queued', 'running')",
    )
    op.create_index("ix_runs_workspace_id_created_at", "runs", ["workspace_id", "created_at"])
    op.create_index("ix_runs_state", "runs", ["state"])

    op.create_table(
        "slices",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("since", sa.Date()),
        sa.Column("until", sa.Date()),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("staged", JSON, nullable=False),
        sa.Column("totals", JSON, nullable=False),
        sa.Column("error", sa.String()),
        sa.Column("error_kind", sa.String()),
        sa.Column("started_at", Instant()),
        sa.Column("finished_at", Instant()),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_slices"),
        _refers("slices", ["workspace_id", "run_id"], "runs", ["workspace_id", "id"], cascade=True),
    )
    op.create_index("ix_slices_workspace_id_run_id", "slices", ["workspace_id", "run_id"])

    op.create_table(
        "fact_files",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("checksum", sa.String(), nullable=False),
        sa.Column("first_date", sa.Date()),
        sa.Column("last_date", sa.Date()),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("sums", JSON, nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("superseded_at", Instant()),
        sa.Column("superseded_by", sa.String()),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_fact_files"),
        _refers("fact_files", ["workspace_id", "platform", "account_id"], "accounts", _ACCOUNT_KEY),
    )
    _unique_where(
        "uq_fact_files_current",
        "fact_files",
        ["workspace_id", "platform", "account_id", "dataset", "month"],
        "superseded_at IS NULL",
    )
    op.create_index("ix_fact_files_workspace_id_dataset_month", "fact_files", ["workspace_id", "dataset", "month"])
    op.create_index("ix_fact_files_superseded_at", "fact_files", ["superseded_at"])

    op.create_table(
        "coverage",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "platform", "account_id", "dataset", "day", name="pk_coverage"),
        _refers("coverage", ["workspace_id", "platform", "account_id"], "accounts", _ACCOUNT_KEY),
    )

    op.create_table(
        "throttles",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("blocked_until", Instant(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "key", name="pk_throttles"),
        _refers("throttles", ["workspace_id"], "workspaces", ["id"]),
    )
