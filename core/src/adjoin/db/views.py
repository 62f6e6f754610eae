"""The tables of what people keep about figures: saved views, which of them opens first, and notes on days."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field

from adjoin.db.columns import JSON, Instant
from adjoin.db.models import Base, new_id

__all__ = ["Annotation", "DefaultView", "SavedView"]


def _refers(columns: list[str], target: str, keys: list[str], *, cascade: bool = False) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        columns,
        [f"{target}.{key}" for key in keys],
        ondelete="CASCADE" if cascade else None,
        deferrable=True,
        initially="DEFERRED",
    )


class SavedView(Base, table=True):
    """A page of the dashboard with all that was chosen on it: `address` holds the values of each parameter.

    It is its author's alone, or `shared` with the workspace.
    """

    __tablename__ = "saved_views"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        _refers(["user_id"], "users", ["id"]),
        sa.Index(None, "workspace_id", "page"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    user_id: str
    page: str
    name: str
    address: dict[str, list[str]] = Field(default_factory=dict, sa_type=JSON)
    shared: bool = False
    created_at: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)


class DefaultView(Base, table=True):
    """The view that a page opens with for one person."""

    __tablename__ = "default_views"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        _refers(["user_id"], "users", ["id"]),
        _refers(["workspace_id", "view_id"], "saved_views", ["workspace_id", "id"], cascade=True),
    )

    workspace_id: str = Field(primary_key=True)
    user_id: str = Field(primary_key=True)
    page: str = Field(primary_key=True)
    view_id: str
    chosen_at: datetime = Field(sa_type=Instant)


class Annotation(Base, table=True):
    """A note on days, both included: on all figures, on those of a platform, or of one account of it."""

    __tablename__ = "annotations"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        _refers(["user_id"], "users", ["id"]),
        sa.Index(None, "workspace_id", "first_day"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    user_id: str
    first_day: date
    last_day: date
    platform: str | None = None
    account_id: str | None = None
    text: str
    created_at: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)
