"""The state database: models, sessions, migrations."""

from __future__ import annotations

from adjoin.db.engine import Store
from adjoin.db.upsert import cover, upsert

__all__ = ["Store", "cover", "upsert"]
