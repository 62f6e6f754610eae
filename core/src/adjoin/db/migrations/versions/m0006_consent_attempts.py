"""Attempts to connect a platform in the browser: who was sent to a consent page, and for what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consent_attempts",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("verifier", sa.LargeBinary()),
        sa.Column("session_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("base_url", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("connection_id", sa.String()),
        sa.Column("redirect_uri", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant()),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name="fk_consent_attempts_workspaces",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_consent_attempts"),
    )
    op.create_index("uq_consent_attempts_state", "consent_attempts", ["state_hash"], unique=True)
    op.create_index("ix_consent_attempts_expires_at", "consent_attempts", ["expires_at"])
