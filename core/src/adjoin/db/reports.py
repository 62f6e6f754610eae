"""The tables of scheduled reports: what is sent when and to whom, and what was sent."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from adjoin.db.columns import JSON, EnumText, Instant
from adjoin.db.models import Base, new_id

__all__ = ["Outcome", "ReportSend", "ScheduledReport", "SendKind"]


class SendKind(StrEnum):
    """Why a report was sent."""

    SCHEDULED = "scheduled"
    BY_HAND = "by hand"  #: somebody had it sent to everybody that it goes to
    TEST = "test"  #: somebody had it sent to one person


class Outcome(StrEnum):
    """What came of sending a report."""

    SENT = "sent"
    MUTED = "muted"
    FAILED = "failed"


def _refers(columns: list[str], target: str, keys: list[str], *, cascade: bool = False) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        columns,
        [f"{target}.{key}" for key in keys],
        ondelete="CASCADE" if cascade else None,
        deferrable=True,
        initially="DEFERRED",
    )


class ScheduledReport(Base, table=True):
    """What is sent, when, and to whom. `terms` are read by `adjoin.reports.terms`; the operator's have no `user_id`.

    `cron` is read in `time_zone`. `slot_at` is the time that it is sent for next; `next_at` is when that is due: the
    same, or a moment later while a process is at it or after a failure (`tries`). `epoch` grows with whoever takes or
    changes it. `note` says what went wrong last, empty where nothing did.
    """

    __tablename__ = "scheduled_reports"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        _refers(["user_id"], "users", ["id"]),
        sa.Index(None, "next_at"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    user_id: str | None = None
    name: str
    terms: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    cron: str
    time_zone: str
    people: list[str] = Field(default_factory=list, sa_type=JSON)
    targets: list[str] = Field(default_factory=list, sa_type=JSON)
    with_pdf: bool = True
    enabled: bool = True
    muted_until: datetime | None = Field(default=None, sa_type=Instant)
    slot_at: datetime = Field(sa_type=Instant)
    next_at: datetime = Field(sa_type=Instant)
    tries: int = 0
    epoch: int = 0
    note: str = ""
    created_at: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)


class ReportSend(Base, table=True):
    """A line in the history of a report. `slot_at` is the time it was due, empty for one that was sent by hand.

    `since` and `until` are the days it was about, `told` to how many it went, `problems` how much was said to be in
    the way of trusting it, `why` what went wrong. The slot is in the table once: nothing is sent twice for it.
    """

    __tablename__ = "report_sends"
    __table_args__ = (
        _refers(["workspace_id", "report_id"], "scheduled_reports", ["workspace_id", "id"], cascade=True),
        sa.UniqueConstraint("workspace_id", "report_id", "slot_at"),
        sa.Index(None, "workspace_id", "report_id", "at"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    report_id: str
    kind: SendKind = Field(sa_type=EnumText(SendKind))
    slot_at: datetime | None = Field(default=None, sa_type=Instant)
    at: datetime = Field(sa_type=Instant)
    outcome: Outcome = Field(sa_type=EnumText(Outcome))
    since: date | None = None
    until: date | None = None
    told: int = 0
    problems: int = 0
    why: str = ""
