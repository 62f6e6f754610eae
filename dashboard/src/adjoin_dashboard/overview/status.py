"""How complete and how fresh the data of a workspace are: what the Overview says beside its numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.db.models import Account, Connection, ConnectionState, Coverage, FactFile, Run, RunState
from adjoin.writing import Writer
from adjoin_dashboard.overview.model import Period
from adjoin_dashboard.runs.model import connection_name
from adjoin_dashboard.words import escaped

__all__ = [
    "KnownAccount",
    "Status",
    "covered_days",
    "load_accounts",
    "load_status",
    "missing_days",
    "offered_currencies",
]

#: The datasets that say the same at different grains. A report takes the coarsest that an account has.
_LADDER = ("account_daily", "campaign_daily", "ad_group_daily", "ad_daily")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """An account of the workspace. `problem` says why it is not read, if it is not; `status` is the platform's."""

    platform: str
    account_id: str
    name: str
    currency: str
    status: str
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of connections, accounts and syncs.

    `as_of` is when each platform's data was last brought up to date, by its slowest connection; a platform that
    never was is not in it. `held` are the first and the last day with rows. `problems` are sentences for people, in
    Markdown.
    """

    connected: bool
    synced: bool
    active: bool
    accounts: tuple[KnownAccount, ...]
    as_of: Mapping[str, datetime]
    held: Period | None
    problems: tuple[str, ...]

    @property
    def currencies(self) -> list[str]:
        """The currencies of the accounts, the commonest first."""
        found = [account.currency for account in self.accounts]
        return sorted(set(found), key=lambda currency: (-found.count(currency), currency))

    @property
    def platforms(self) -> list[str]:
        return sorted({account.platform for account in self.accounts})


def load_status(session: Session, workspace_id: str, title: Callable[[str], str], write: Writer) -> Status:
    """Read the status. `title` names a platform."""
    connections = session.exec(_with_runs(workspace_id)).all()
    asked = [last_id for _, last_id, _, _ in connections if last_id is not None]
    ended = session.exec(select(Run).where(Run.workspace_id == workspace_id, col(Run.id).in_(asked))).all()
    last = {run.id: run for run in ended}
    as_of: dict[str, datetime] = {}
    problems: list[str] = []
    for connection, last_id, good, _ in connections:
        problems += _problems(connection, title(connection.platform), last.get(last_id))
        if good is not None:
            as_of[connection.platform] = min(as_of.get(connection.platform, good), good)
    held = session.exec(
        select(sa.func.min(FactFile.first_date), sa.func.max(FactFile.last_date))
        .where(FactFile.workspace_id == workspace_id)
        .where(col(FactFile.dataset).in_(_LADDER))
        .where(col(FactFile.superseded_at).is_(None))
    ).one()
    return Status(
        connected=bool(connections),
        synced=bool(as_of) or held[0] is not None,
        active=any(active for _, _, _, active in connections),
        accounts=load_accounts(session, workspace_id, write),
        as_of=as_of,
        held=Period(held[0], held[1]) if held[0] is not None and held[1] is not None else None,
        problems=tuple(problems),
    )


def load_accounts(session: Session, workspace_id: str, write: Writer) -> tuple[KnownAccount, ...]:
    """Read the accounts, by platform and name."""
    accounts = session.exec(
        select(Account)
        .where(Account.workspace_id == workspace_id)
        .order_by(col(Account.platform), col(Account.name), col(Account.id))
    ).all()
    return tuple(
        KnownAccount(
            platform=account.platform,
            account_id=account.id,
            name=account.name,
            currency=account.currency,
            status=account.status,
            problem=_account_problem(account, write),
        )
        for account in accounts
    )


def offered_currencies(status: Status, base: str) -> list[str]:
    """Return the currencies that amounts can be shown in: the workspace's own first, where `base` names one."""
    return list(dict.fromkeys([*([base] if base else []), *status.currencies]))


def missing_days(
    session: Session, workspace_id: str, accounts: Collection[KnownAccount], period: Period
) -> Mapping[tuple[str, str], int]:
    """Return for each readable account how many days of the period were never synced; complete ones are left out."""
    wanted = len(period.days)
    counted = session.exec(
        select(col(Coverage.platform), col(Coverage.account_id), sa.func.count(sa.distinct(col(Coverage.day))))
        .where(Coverage.workspace_id == workspace_id)
        .where(col(Coverage.dataset).in_(_LADDER))
        .where(col(Coverage.day).between(period.first, period.last))
        .group_by(col(Coverage.platform), col(Coverage.account_id))
    ).all()
    held: Mapping[tuple[str, str], int] = defaultdict(int, {(row[0], row[1]): row[2] for row in counted})
    missing = {
        (account.platform, account.account_id): wanted - held[account.platform, account.account_id]
        for account in accounts
        if account.problem is None
    }
    return {key: days for key, days in missing.items() if days}


def covered_days(session: Session, workspace_id: str, period: Period) -> frozenset[tuple[str, date]]:
    """Return the (platform, day) of the period that were synced for at least one account."""
    rows = session.exec(
        select(col(Coverage.platform), col(Coverage.day))
        .where(Coverage.workspace_id == workspace_id)
        .where(col(Coverage.dataset).in_(_LADDER))
        .where(col(Coverage.day).between(period.first, period.last))
        .distinct()
    ).all()
    return frozenset((row[0], row[1]) for row in rows)


def _with_runs(workspace_id: str) -> Any:
    """Ask for the connections, each with its last ended run, when it was last read well, and whether it is now.

    Looked up by an index for each: the history of runs may be long.
    """

    def its(column: Any, states: Collection[RunState]) -> Any:
        return (
            sa.select(column)
            .where(col(Run.workspace_id) == col(Connection.workspace_id))
            .where(col(Run.connection_id) == col(Connection.id))
            .where(col(Run.state).in_(states))
            .correlate(Connection)
        )

    newest = col(Run.finished_at).desc()
    ended = its(col(Run.id), [state for state in RunState if state.ended]).order_by(newest).limit(1)
    good = its(col(Run.finished_at), (RunState.SUCCEEDED, RunState.PARTLY)).order_by(newest).limit(1)
    active = its(col(Run.id), [state for state in RunState if not state.ended])
    return (
        sa.select(Connection, ended.scalar_subquery(), good.scalar_subquery(), active.exists())
        .where(col(Connection.workspace_id) == workspace_id)
        .order_by(col(Connection.platform))
    )


def _problems(connection: Connection, title: str, last: Run | None) -> list[str]:
    name = escaped(connection_name(title, connection.label))
    problems = []
    if connection.state is ConnectionState.RECONNECT:
        problems.append(f"{name} no longer lets Adjoin in. Connect it again: `adjoin connect {connection.platform}`.")
    elif connection.state is ConnectionState.DISABLED:
        problems.append(f"{name} is switched off and is not synced.")
    elif last is not None and last.state in (RunState.FAILED, RunState.PARTLY):
        outcome = "failed" if last.state is RunState.FAILED else "was not complete"
        reason = f" {escaped(last.error)}" if last.error else ""
        problems.append(
            f"The last sync of {name} {outcome}, so figures may be missing or old.{reason} "
            "The page Sync runs has the details."
        )
    if connection.warning:
        problems.append(f"{name}: {escaped(connection.warning)}")
    return problems


def _account_problem(account: Account, write: Writer) -> str | None:
    if account.gone_at is not None:
        return f"no longer listed by the platform since {write.day(account.gone_at)}"
    if not account.readable:
        if account.note == f"not read: {account.native_status}":  # the platform's own word in capitals
            return f"{account.native_status.replace('_', ' ').lower()}, not read"
        return account.note or "the platform does not let it be read"
    return None if account.selected else "not selected for syncing"
