"""The tables of alerts: rules, what became of them, where messages go beside mail, and the messages themselves."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from adjoin.db.columns import JSON, EnumText, Instant, Sealed
from adjoin.db.models import Base, new_id

__all__ = [
    "TARGET_PURPOSE",
    "AlertDelivery",
    "AlertEntry",
    "AlertRule",
    "AlertState",
    "AlertTarget",
    "EntryKind",
    "TargetKind",
]

#: What the address of a target is sealed for.
TARGET_PURPOSE = "alert target"


class AlertState(StrEnum):
    """How a rule is. `broken` could not be checked; `muted` is checked and tells nobody."""

    OK = "ok"
    FIRING = "firing"
    MUTED = "muted"
    BROKEN = "broken"


class EntryKind(StrEnum):
    """What the history of a rule tells: that what it watches for was so, or that it could not be checked."""

    FIRING = "firing"
    BROKEN = "broken"


class TargetKind(StrEnum):
    """How a target is spoken to."""

    WEBHOOK = "webhook"
    SLACK = "slack"


def _refers(columns: list[str], target: str, keys: list[str], *, cascade: bool = False) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        columns,
        [f"{target}.{key}" for key in keys],
        ondelete="CASCADE" if cascade else None,
        deferrable=True,
        initially="DEFERRED",
    )


class AlertRule(Base, table=True):
    """What is watched, when, and who is told. `terms` are read by `adjoin.alerts.terms`.

    `cron` is read in `time_zone`. `next_at` is when the rule is due; while a process checks it, when another one may.
    `epoch` grows with whoever takes or changes it: what was found with an older one is not written. `told_at` is when
    it last told of an occurrence. `note` is what the last check has to say, empty where it went as it should.
    """

    __tablename__ = "alert_rules"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        _refers(["user_id"], "users", ["id"]),
        sa.Index(None, "next_at"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    user_id: str
    name: str
    terms: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    cron: str
    time_zone: str
    cool_down_seconds: int = 0
    people: list[str] = Field(default_factory=list, sa_type=JSON)
    targets: list[str] = Field(default_factory=list, sa_type=JSON)
    enabled: bool = True
    state: AlertState = Field(default=AlertState.OK, sa_type=EnumText(AlertState))
    muted_until: datetime | None = Field(default=None, sa_type=Instant)
    next_at: datetime = Field(sa_type=Instant)
    checked_at: datetime | None = Field(default=None, sa_type=Instant)
    told_at: datetime | None = Field(default=None, sa_type=Instant)
    epoch: int = 0
    note: str = ""
    created_at: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)


class AlertEntry(Base, table=True):
    """Something in the history of a rule, from when to when; `ended_at` is empty while it goes on.

    `told_at` is when people were told, `found` what the check had found when it began.
    """

    __tablename__ = "alert_entries"
    __table_args__ = (
        _refers(["workspace_id", "rule_id"], "alert_rules", ["workspace_id", "id"], cascade=True),
        sa.Index(None, "workspace_id", "rule_id", "began_at"),
        sa.Index(
            "uq_alert_entries_one_open",
            "workspace_id",
            "rule_id",
            "kind",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    rule_id: str
    kind: EntryKind = Field(sa_type=EnumText(EntryKind))
    began_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    told_at: datetime | None = Field(default=None, sa_type=Instant)
    found: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class AlertTarget(Base, table=True):
    """A Slack channel or a web server that messages are posted to. `sealed` holds its address and its secret.

    `failing_since` is set while messages do not get there, with `last_error` for the reason.
    """

    __tablename__ = "alert_targets"
    __table_args__ = (_refers(["workspace_id"], "workspaces", ["id"]), _refers(["user_id"], "users", ["id"]))

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    user_id: str
    kind: TargetKind = Field(sa_type=EnumText(TargetKind))
    name: str
    sealed: bytes = Field(sa_type=Sealed(TARGET_PURPOSE))
    created_at: datetime = Field(sa_type=Instant)
    delivered_at: datetime | None = Field(default=None, sa_type=Instant)
    failing_since: datetime | None = Field(default=None, sa_type=Instant)
    last_error: str | None = None


class AlertDelivery(Base, table=True):
    """A message on its way to a target. `next_at` is empty once it was delivered (`sent_at`) or given up."""

    __tablename__ = "alert_deliveries"
    __table_args__ = (
        _refers(["workspace_id", "target_id"], "alert_targets", ["workspace_id", "id"], cascade=True),
        sa.Index(None, "next_at"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    target_id: str
    message: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(sa_type=Instant)
    next_at: datetime | None = Field(default=None, sa_type=Instant)
    tries: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    last_error: str | None = None
