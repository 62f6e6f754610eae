"""What the pages of a workspace start with: currency, time zone, date range and comparison."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("currency", "time_zone", "period", "comparison"):
        op.add_column("workspaces", sa.Column(name, sa.String(), nullable=False, server_default=sa.text("''")))
