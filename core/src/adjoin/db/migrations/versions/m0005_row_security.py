"""Row-level security on PostgreSQL: a role and policies that hold sessions of a workspace to it."""

from __future__ import annotations

from alembic import op

import adjoin.db.people  # noqa: F401 - all tables of core's
from adjoin.db.models import Base
from adjoin.db.row_security import secure

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    secure(op.get_bind(), Base.metadata.tables.values())
