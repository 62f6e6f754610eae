"""Accounts, links, second factors, recovery codes, known addresses, buckets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adjoin.db.columns import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"], ["auth_accounts.id"], name=f"fk_{table}_auth_accounts", ondelete="CASCADE"
    )


def upgrade() -> None:
    op.create_table(
        "auth_accounts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_confirmed_at", Instant()),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_auth_accounts"),
    )
    op.create_index("uq_auth_accounts_email", "auth_accounts", ["email"], unique=True)
    op.create_table(
        "auth_links",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "kind", name="pk_auth_links"),
        _of_account("auth_links"),
    )
    op.create_index("uq_auth_links_token", "auth_links", ["token_hash"], unique=True)
    op.create_table(
        "auth_factors",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.Integer()),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("active_at", Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_auth_factors"),
        _of_account("auth_factors"),
    )
    op.create_index("ix_auth_factors_account_id", "auth_factors", ["account_id"])
    op.create_table(
        "auth_recovery_codes",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "code_hash", name="pk_auth_recovery_codes"),
        _of_account("auth_recovery_codes"),
    )
    op.create_table(
        "auth_addresses",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "address_hash", name="pk_auth_addresses"),
        _of_account("auth_addresses"),
    )
    op.create_index("ix_auth_addresses_last_seen_at", "auth_addresses", ["last_seen_at"])
    op.create_table(
        "auth_buckets",
        sa.Column("name_hash", sa.LargeBinary(), nullable=False),
        sa.Column("full_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name_hash", name="pk_auth_buckets"),
    )
    op.create_index("ix_auth_buckets_full_at", "auth_buckets", ["full_at"])
