"""The tables of the state database.

Every row belongs to a workspace, which is the first column of every key; only leases, rate buckets and workers (and
users, in adjoin.db.people) belong to the installation as a whole. Ids are uuid4 hex unless the platform gives them.
Foreign keys are checked at commit, so rows may be added in any order within a transaction. Instants are aware UTC.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from adjoin.db.columns import JSON, EnumText, Instant, Sealed

__all__ = [
    "DEFAULT_WORKSPACE",
    "Account",
    "Base",
    "CatchUp",
    "Connection",
    "ConnectionState",
    "Coverage",
    "Entity",
    "EntityKind",
    "FactFile",
    "Lease",
    "RateBucket",
    "Run",
    "RunState",
    "RunTrigger",
    "Schedule",
    "Slice",
    "SliceState",
    "Throttle",
    "Worker",
    "Workspace",
    "new_id",
]

#: The workspace that `adjoin init` makes, and the only one until members exist.
DEFAULT_WORKSPACE = "default"


def new_id() -> str:
    """Return a fresh uuid4 in hex."""
    return uuid4().hex


class Base(SQLModel):
    """What all tables of the core share: their own metadata, with a name for every constraint."""

    metadata = sa.MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


def _refers(columns: list[str], target: str, keys: list[str], *, cascade: bool = False) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        columns,
        [f"{target}.{key}" for key in keys],
        ondelete="CASCADE" if cascade else None,
        deferrable=True,
        initially="DEFERRED",
    )


class ConnectionState(StrEnum):
    """Whether a connection can be used. `reconnect` waits for a person to authorise it again."""

    OK = "ok"
    RECONNECT = "reconnect"
    ERROR = "error"
    DISABLED = "disabled"


class EntityKind(StrEnum):
    """The levels of the hierarchy."""

    CAMPAIGN = "campaign"
    AD_GROUP = "ad_group"
    AD = "ad"
    KEYWORD = "keyword"


class CatchUp(StrEnum):
    """What a schedule does about the times it missed: run once, run for each, or wait for the next."""

    LATEST = "latest"
    ALL = "all"
    NONE = "none"


class RunState(StrEnum):
    """Where a sync run stands. `partly` has committed some slices and failed in others."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTLY = "partly"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in (RunState.QUEUED, RunState.RUNNING)


class RunTrigger(StrEnum):
    """Who asked for a run."""

    PERSON = "person"
    SCHEDULE = "schedule"
    BACKFILL = "backfill"
    RESUME = "resume"


class SliceState(StrEnum):
    """Where a slice stands. A `split` one was too large and lives on in smaller ones."""

    PLANNED = "planned"
    FETCHING = "fetching"
    STAGED = "staged"
    COMMITTED = "committed"
    FAILED = "failed"
    SPLIT = "split"


class Workspace(Base, table=True):
    """The tenant: a company, or an agency's client. With `delete_after` it goes then, unless it is kept.

    `currency`, `time_zone`, `period` and `comparison` are what its pages start with, see
    `adjoin.access.workspace_settings`; empty ones go by its accounts, or are the usual ones.
    """

    __tablename__ = "workspaces"

    id: str = Field(primary_key=True)
    name: str
    created_at: datetime = Field(sa_type=Instant)
    delete_after: datetime | None = Field(default=None, sa_type=Instant)
    currency: str = Field(default="", sa_column_kwargs={"server_default": sa.text("''")})
    time_zone: str = Field(default="", sa_column_kwargs={"server_default": sa.text("''")})
    period: str = Field(default="", sa_column_kwargs={"server_default": sa.text("''")})
    comparison: str = Field(default="", sa_column_kwargs={"server_default": sa.text("''")})


class Connection(Base, table=True):
    """A workspace's authorisation for one platform.

    `credential` is encrypted. `credential_version` grows with each renewal: write with the version that was
    read, so that of two workers that renew at once one loses. `expires_at` is when a person has to connect again, where
    that is known. `history_start` is the first day that
    backfill reaches for.
    """

    __tablename__ = "connections"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        sa.Index(None, "workspace_id", "platform"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    platform: str
    label: str
    state: ConnectionState = Field(default=ConnectionState.OK, sa_type=EnumText(ConnectionState))
    base_url: str = ""
    credential: bytes | None = Field(default=None, sa_type=Sealed("credential"))
    credential_version: int = 0
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
    can_renew: bool = False
    created_at: datetime = Field(sa_type=Instant)
    last_sync_at: datetime | None = Field(default=None, sa_type=Instant)
    last_error: str | None = None
    warning: str | None = None
    history_start: date | None = None


class Account(Base, table=True):
    """An ad account, by the platform's own id.

    `selected` is the operator's choice, `readable` the platform's. `gone_at` is set when the platform stops
    listing it; `note` says why it is not read.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        _refers(["workspace_id", "connection_id"], "connections", ["workspace_id", "id"]),
        sa.Index(None, "workspace_id", "connection_id"),
    )

    workspace_id: str = Field(primary_key=True)
    platform: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    connection_id: str
    name: str
    currency: str
    time_zone: str
    status: str = "active"
    native_status: str = ""
    readable: bool = True
    selected: bool = True
    parent_id: str | None = None
    first_seen_at: datetime = Field(sa_type=Instant)
    last_seen_at: datetime = Field(sa_type=Instant)
    gone_at: datetime | None = Field(default=None, sa_type=Instant)
    note: str | None = None


class Entity(Base, table=True):
    """A campaign, ad group, ad or keyword. `detail` holds what only its kind has: budgets, dates, addresses."""

    __tablename__ = "entities"
    __table_args__ = (
        _refers(["workspace_id", "platform", "account_id"], "accounts", ["workspace_id", "platform", "id"]),
    )

    workspace_id: str = Field(primary_key=True)
    platform: str = Field(primary_key=True)
    account_id: str = Field(primary_key=True)
    kind: EntityKind = Field(primary_key=True, sa_type=EnumText(EntityKind))
    id: str = Field(primary_key=True)
    name: str
    status: str
    native_status: str = ""
    campaign_id: str | None = None
    ad_group_id: str | None = None
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    first_seen_at: datetime = Field(sa_type=Instant)
    last_seen_at: datetime = Field(sa_type=Instant)
    gone_at: datetime | None = Field(default=None, sa_type=Instant)


class Schedule(Base, table=True):
    """When runs are due: by a cron line in `time_zone`, or every so many seconds.

    Without a connection it counts for all connections of the workspace; with `job` ("plugin/name") it is a job of a
    plugin's instead. `last_error` says why the last slot came to nothing.
    """

    __tablename__ = "schedules"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        _refers(["workspace_id", "connection_id"], "connections", ["workspace_id", "id"], cascade=True),
        sa.Index(None, "next_run_at"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    connection_id: str | None = None
    job: str | None = None
    name: str
    cron: str | None = None
    every_seconds: int | None = None
    time_zone: str = "UTC"
    jitter_seconds: int = 0
    catch_up: CatchUp = Field(default=CatchUp.LATEST, sa_type=EnumText(CatchUp))
    enabled: bool = True
    next_run_at: datetime = Field(sa_type=Instant)
    last_run_at: datetime | None = Field(default=None, sa_type=Instant)
    last_error: str | None = None


class Run(Base, table=True):
    """One execution of a sync for a connection; a connection has one queued or running at most.

    `since` and `until` are the days asked for, if any; `accounts` and `streams` what it is limited to. `epoch` grows
    with every attempt that takes the run; a worker that holds an older one must not write. A higher `priority` goes
    first. `requests` counts what was sent, `operations` what it costs of the platform's quota.

    `full` lists all entities from end to end. What failed for now is tried again at `retry_at` by another run, which
    names this one in `retry_of` and counts one more in `tries`. `worker` is who executes it; `unexplained` counts the
    differences between grains that nothing explains.
    """

    __tablename__ = "runs"
    __table_args__ = (
        _refers(["workspace_id", "connection_id"], "connections", ["workspace_id", "id"]),
        sa.Index(
            "uq_runs_one_active",
            "workspace_id",
            "connection_id",
            unique=True,
            sqlite_where=sa.text("state IN ('queued', 'running')"),
            postgresql_where=sa.text("state IN ('queued', 'running')"),
        ),
        sa.Index(None, "workspace_id", "created_at"),
        sa.Index(None, "state"),
        sa.Index(None, "retry_at"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    connection_id: str
    state: RunState = Field(default=RunState.QUEUED, sa_type=EnumText(RunState))
    trigger: RunTrigger = Field(sa_type=EnumText(RunTrigger))
    priority: int = 0
    since: date | None = None
    until: date | None = None
    accounts: list[str] | None = Field(default=None, sa_type=JSON)
    streams: list[str] | None = Field(default=None, sa_type=JSON)
    full: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    epoch: int = 0
    attempts: int = 0
    tries: int = Field(default=0, sa_column_kwargs={"server_default": sa.text("0")})
    retry_of: str | None = None
    retry_at: datetime | None = Field(default=None, sa_type=Instant)
    cancel_requested_at: datetime | None = Field(default=None, sa_type=Instant)
    worker: str | None = None
    not_before: datetime | None = Field(default=None, sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)
    started_at: datetime | None = Field(default=None, sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    heartbeat_at: datetime | None = Field(default=None, sa_type=Instant)
    slices_total: int = 0
    slices_done: int = 0
    rows: int = Field(default=0, sa_type=sa.BigInteger)
    requests: int = Field(default=0, sa_type=sa.BigInteger)
    operations: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": sa.text("0")})
    error: str | None = None
    unexplained: int = Field(default=0, sa_column_kwargs={"server_default": sa.text("0")})
    differences: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    notes: list[str] = Field(default_factory=list, sa_type=JSON)


class Slice(Base, table=True):
    """A stream of an account, for facts with a window of days.

    `staged` lists its files as objects: dataset, path, rows, checksum. `updated_since` is set where only changed
    entities are asked for; `asked_at` is the platform's own time when the reading began.
    """

    __tablename__ = "slices"
    __table_args__ = (
        _refers(["workspace_id", "run_id"], "runs", ["workspace_id", "id"], cascade=True),
        sa.Index(None, "workspace_id", "run_id"),
    )

    workspace_id: str = Field(primary_key=True)
    run_id: str
    id: str = Field(default_factory=new_id, primary_key=True)
    account_id: str
    stream: str
    since: date | None = None
    until: date | None = None
    updated_since: datetime | None = Field(default=None, sa_type=Instant)
    asked_at: datetime | None = Field(default=None, sa_type=Instant)
    state: SliceState = Field(default=SliceState.PLANNED, sa_type=EnumText(SliceState))
    attempts: int = 0
    rows: int = Field(default=0, sa_type=sa.BigInteger)
    staged: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    totals: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    error: str | None = None
    error_kind: str | None = None
    started_at: datetime | None = Field(default=None, sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)


class FactFile(Base, table=True):
    """A fact file; those without `superseded_at` are the current ones, one per account, dataset and month.

    `month` is its first day, `path` is relative to the fact store's root with forward slashes, `checksum` is
    SHA-256 in hex. `first_date` and `last_date` bound the rows (None in a file without rows). `sums` holds
    the exact total of each metric as a decimal number in text, null where no row gives it. A `packed` file holds the
    months of several accounts, each of which has a row here that counts its own rows and sums.
    """

    __tablename__ = "fact_files"
    __table_args__ = (
        _refers(["workspace_id", "platform", "account_id"], "accounts", ["workspace_id", "platform", "id"]),
        sa.Index(
            "uq_fact_files_current",
            "workspace_id",
            "platform",
            "account_id",
            "dataset",
            "month",
            unique=True,
            sqlite_where=sa.text("superseded_at IS NULL"),
            postgresql_where=sa.text("superseded_at IS NULL"),
        ),
        sa.Index(None, "workspace_id", "dataset", "month"),
        sa.Index(None, "superseded_at"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    platform: str
    account_id: str
    dataset: str
    month: date
    path: str
    rows: int = Field(sa_type=sa.BigInteger)
    bytes: int = Field(sa_type=sa.BigInteger)
    checksum: str
    first_date: date | None = None
    last_date: date | None = None
    currency: str
    sums: dict[str, str | None] = Field(default_factory=dict, sa_type=JSON)
    packed: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    run_id: str
    created_at: datetime = Field(sa_type=Instant)
    superseded_at: datetime | None = Field(default=None, sa_type=Instant)
    superseded_by: str | None = None


class Coverage(Base, table=True):
    """A day of a dataset that is committed, the run that fetched it last, and when. It may have no rows."""

    __tablename__ = "coverage"
    __table_args__ = (
        _refers(["workspace_id", "platform", "account_id"], "accounts", ["workspace_id", "platform", "id"]),
    )

    workspace_id: str = Field(primary_key=True)
    platform: str = Field(primary_key=True)
    account_id: str = Field(primary_key=True)
    dataset: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    run_id: str
    fetched_at: datetime = Field(sa_type=Instant)


class Throttle(Base, table=True):
    """A platform's order to stay away, kept so that a restart still obeys it. `key` names the rate bucket."""

    __tablename__ = "throttles"
    __table_args__ = (_refers(["workspace_id"], "workspaces", ["id"]),)

    workspace_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    blocked_until: datetime = Field(sa_type=Instant)
    note: str = ""


class Lease(Base, table=True):
    """Who may do a chore that only one process does at a time, until when. `epoch` grows with each new holder.

    A chore of the whole installation, not of a workspace.
    """

    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    holder: str
    epoch: int = 0
    expires_at: datetime = Field(sa_type=Instant)


class RateBucket(Base, table=True):
    """The state of a bucket of the limiter that all workers share. Times are seconds since 1970, by the database.

    `tat` is GCRA's theoretical arrival time; `factor` the part of the pace that is left since `factor_since`. Shared by
    the connections of one registered app, which may belong to several workspaces.
    """

    __tablename__ = "rate_buckets"

    key: str = Field(primary_key=True)
    tat: float = 0.0
    blocked_until: float = 0.0
    factor: float = 1.0
    factor_since: float = 0.0
    full_in_a_row: int = 0


class Worker(Base, table=True):
    """A process that executes runs, as it last said of itself. `plugins` are those it has, with their versions.

    `note` says what it leaves to others and why. Serves the whole installation.
    """

    __tablename__ = "workers"

    id: str = Field(default_factory=new_id, primary_key=True)
    host: str
    pid: int
    version: str
    plugins: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    concurrency: int
    running: int = 0
    started_at: datetime = Field(sa_type=Instant)
    heartbeat_at: datetime = Field(sa_type=Instant)
    note: str | None = None
