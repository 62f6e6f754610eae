"""The plugin's tables: metrics, naming conventions and budgets of workspaces, and findings they put aside."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from adjoin.analytics.v1 import Good, Unit
from adjoin.db.columns import JSON, EnumText, Instant
from adjoin.db.models import Workspace
from adjoin.db.tables import plugin_metadata, refers

__all__ = ["PREFIX", "Base", "StoredBudget", "StoredDismissal", "StoredField", "StoredMetric"]

#: What the names of the tables begin with.
PREFIX = "analytics"


class Base(SQLModel):
    """The plugin's own tables."""

    metadata = plugin_metadata(PREFIX)


class StoredMetric(Base, table=True):
    """A metric of a workspace's own."""

    __tablename__ = "analytics_metrics"
    __table_args__ = (refers(["workspace_id"], Workspace),)

    workspace_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    title: str
    unit: Unit = Field(sa_type=EnumText(Unit))
    formula: str
    good: Good = Field(sa_type=EnumText(Good))
    description: str = ""


class StoredField(Base, table=True):
    """A naming convention. `mapped` maps by field what is found in names to what is shown."""

    __tablename__ = "analytics_fields"
    __table_args__ = (refers(["workspace_id"], Workspace),)

    workspace_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    of: str
    pattern: str
    mapped: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class StoredDismissal(Base, table=True):
    """A finding that somebody put aside, until the end of a day or for good."""

    __tablename__ = "analytics_dismissals"
    __table_args__ = (refers(["workspace_id"], Workspace),)

    workspace_id: str = Field(primary_key=True)
    finding: str = Field(primary_key=True)
    dismissed_at: datetime = Field(sa_type=Instant)
    dismissed_by: str
    until: date | None = None


class StoredBudget(Base, table=True):
    """A monthly budget of an account, or of a campaign of it, from a month on; without `micros` there is none then."""

    __tablename__ = "analytics_budgets"
    __table_args__ = (refers(["workspace_id"], Workspace),)

    workspace_id: str = Field(primary_key=True)
    platform: str = Field(primary_key=True)
    account_id: str = Field(primary_key=True)
    campaign_id: str = Field(primary_key=True, default="")
    month: date = Field(primary_key=True)
    micros: int | None = Field(default=None, sa_type=sa.BigInteger)
    currency: str
    set_at: datetime = Field(sa_type=Instant)
    set_by: str
