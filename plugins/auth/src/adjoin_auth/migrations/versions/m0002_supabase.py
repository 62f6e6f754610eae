"""What the provider `supabase` keeps besides: links that are redeemed, codes that are used, known addresses."""

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
        "auth_supabase_links",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kept", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_auth_supabase_links"),
    )
    op.create_index("ix_auth_supabase_links_expires_at", "auth_supabase_links", ["expires_at"])
    op.create_table(
        "auth_supabase_codes",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "step", name="pk_auth_supabase_codes"),
    )
    op.create_index("ix_auth_supabase_codes_step", "auth_supabase_codes", ["step"])
    op.create_table(
        "auth_supabase_addresses",
        sa.Column("email_hash", sa.LargeBinary(), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("email_hash", "address_hash", name="pk_auth_supabase_addresses"),
    )
    op.create_index("ix_auth_supabase_addresses_last_seen_at", "auth_supabase_addresses", ["last_seen_at"])
