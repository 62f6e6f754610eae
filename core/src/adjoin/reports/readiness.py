"""How far the data of a report can be trusted: what was not read, and what brings no data any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import col, select

from adjoin.analytics.v1 import Condition, Operator
from adjoin.db.models import Account, Connection, ConnectionState, Coverage
from adjoin.health.model import Severity

if TYPE_CHECKING:
    from adjoin.alerts.judging import Looker

__all__ = ["Lack", "Readiness", "Trouble", "look"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """An account of which days were not read since they were over. `behind` says that the last day is one of them.

    `until` is the last day that was read, None where none of the days was.
    """

    account: str
    platform: str
    days: int
    behind: bool
    until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A connection that brings no data until somebody does something: its name, and what is the case."""

    connection: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What is in the way. `days` are those that were asked about, `accounts` those that the report is about."""

    days: int
    accounts: int
    lacks: tuple[Lack, ...] = ()
    troubles: tuple[Trouble, ...] = ()


def look(looker: Looker, where: Sequence[Condition], since: date, until: date) -> Readiness:
    """Look at the accounts that a report is about, and at their connections. Blocks; asks no platform."""
    from adjoin.health import connection_health

    with looker.store.read() as session:
        query = select(Account, Connection.state).join(
            Connection,
            sa.and_(
                col(Connection.workspace_id) == col(Account.workspace_id),
                col(Connection.id) == col(Account.connection_id),
            ),
        )
        readable = (col(Account.selected).is_(True), col(Account.readable).is_(True), col(Account.gone_at).is_(None))
        found = session.exec(query.where(*readable).order_by(col(Account.name), col(Account.id))).all()
        mine = [(one, state) for one, state in found if _is_part(one, where)]
        key = (col(Coverage.platform), col(Coverage.account_id), col(Coverage.day))
        covered = select(*key, sa.func.max(col(Coverage.fetched_at)))
        covered = covered.where(col(Coverage.day) >= since, col(Coverage.day) <= until)
        read: dict[tuple[str, str], dict[date, datetime]] = {}
        for platform, account, day, at in session.exec(covered.group_by(*key)):
            read.setdefault((platform, account), {})[day] = at
    days = (until - since).days + 1
    lacks = [
        _lack(one, read.get((one.platform, one.id), {}), days, until)
        for one, state in mine
        if state is not ConnectionState.DISABLED
    ]
    connections = {one.connection_id for one, _ in mine}
    health = connection_health(
        looker.store,
        looker.facts,
        now=looker.clock.now(),
        platforms=looker.platforms,
        workspace_id=looker.store.workspace_id,
    )
    troubles = [
        Trouble(connection=one.label, what=one.worst.what)
        for one in health
        if one.connection_id in connections and one.worst is not None and one.worst.severity is Severity.BROKEN
    ]
    return Readiness(
        days=days,
        accounts=len(mine),
        lacks=tuple(one for one in lacks if one.days),
        troubles=tuple(troubles),
    )


def _lack(account: Account, read: Mapping[date, datetime], days: int, until: date) -> Lack:
    whole = [day for day, at in read.items() if at >= _over(account, day)]
    return Lack(
        account=account.name or account.id,
        platform=account.platform,
        days=days - len(whole),
        behind=until not in whole,
        until=max(whole, default=None),
    )


def _is_part(account: Account, where: Sequence[Condition]) -> bool:
    """Say whether conditions on platforms and accounts leave an account; others may leave something of any."""
    known = {
        "platform": {account.platform.casefold()},
        "account": {account.id.casefold(), f"{account.platform}/{account.id}".casefold()},
    }
    for one in where:
        if one.dimension not in known:
            continue
        values = {value.casefold() for value in one.values}
        if one.operator is Operator.IS and not known[one.dimension] & values:
            return False
        if one.operator is Operator.IS_NOT and known[one.dimension] & values:
            return False
    return True


def _over(account: Account, day: date) -> datetime:
    """Return when a day is over in the zone of an account."""
    try:
        zone = ZoneInfo(account.time_zone)
    except (ValueError, OSError, KeyError):  # what zoneinfo raises for names that are none
        zone = ZoneInfo("UTC")
    return datetime.combine(day + timedelta(days=1), time(), zone)
