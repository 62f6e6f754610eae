"""Monthly budgets that a workspace has set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access import audit
from adjoin.analytics import v1
from adjoin.db.models import Account, Entity, EntityKind
from adjoin.errors import BadInput, UnknownName
from adjoin_analytics.custom._stored import no_tables, read_stored
from adjoin_analytics.tables import StoredBudget

__all__ = ["Key", "budgets_in", "forget_budget", "month_of", "set_budget", "stored_budgets"]

#: Platform and account, or those and a campaign.
Key = tuple[str, ...]

_MOST_MICROS = 10**18  # a million million whole units
_ACCOUNT, _CAMPAIGN = 2, 3
_YEARS = (2000, 2100)


def month_of(day: date) -> date:
    """Return the first day of a month."""
    return day.replace(day=1)


def stored_budgets(context: v1.AnalyticsContext) -> tuple[v1.Budget, ...]:
    """Return the budgets of the workspace by key and month; none where the tables were not made yet."""

    def read(session: Session) -> tuple[v1.Budget, ...]:
        found = [_budget(row) for row in _rows(session, context)]
        return tuple(sorted(found, key=lambda one: (one.key, one.month)))

    return read_stored(context, read, nothing=())


def budgets_in(budgets: Iterable[v1.Budget], month: date) -> Mapping[Key, int]:
    """Return the amounts that hold in a month by key: those of the last month that is not after it."""
    found = {one.key: one.micros for one in sorted(budgets, key=lambda one: one.month) if one.month <= month}
    return {key: micros for key, micros in found.items() if micros is not None}


def set_budget(context: v1.AnalyticsContext, key: Key, month: date, micros: int, *, by: str) -> None:
    """Set a budget from a month on and note it in the audit log. Raises as `v1.Analytics.set_budget` says."""
    if not 0 < micros <= _MOST_MICROS:
        raise BadInput("A budget is an amount above 0; to have none, remove it.")
    first = _checked(key, month)
    try:
        with context.write() as session:
            currency = _currency(session, context, key)
            row = next((one for one in _rows(session, context, key) if one.month == first), None)
            before = None if row is None else _told(row)
            row = row or _new(context, key, first)
            row.micros, row.currency, row.set_at, row.set_by = micros, currency, context.now(), by
            session.add(row)
            _record(session, context, "budget.set", key, by, before=before, after=_told(row))
    except sa.exc.DBAPIError as error:
        raise no_tables(error) or error from error


def forget_budget(context: v1.AnalyticsContext, key: Key, month: date, *, by: str) -> None:
    """End a budget before a month and note it in the audit log. Raises UnknownName where there is none to end."""
    first = _checked(key, month)
    try:
        with context.write() as session:
            rows = sorted(_rows(session, context, key), key=lambda one: one.month)
            earlier = [one for one in rows if one.month < first]
            later = [one for one in rows if one.month >= first]
            held = earlier[-1] if earlier and earlier[-1].micros is not None else None
            ended = held is None or (later and later[0].month == first and later[0].micros is None)
            if ended and not any(one.micros is not None for one in later):
                raise UnknownName(f"No budget of {'/'.join(key)!r} holds in {first:%Y-%m} or later in this workspace.")
            gone = next((one for one in later if one.micros is not None), held)
            _record(session, context, "budget.forgotten", key, by, before=None if gone is None else _told(gone))
            for one in later:
                session.delete(one)
            session.flush()
            if held is not None:
                row = _new(context, key, first)
                row.currency, row.set_at, row.set_by = held.currency, context.now(), by
                session.add(row)
    except sa.exc.DBAPIError as error:
        raise no_tables(error) or error from error


def _checked(key: Key, month: date) -> date:
    if len(key) not in (_ACCOUNT, _CAMPAIGN) or not all(key):
        raise BadInput("A budget is that of an account (platform, account) or of a campaign (platform, account, id).")
    if not _YEARS[0] <= month.year <= _YEARS[1]:
        raise BadInput(f"A budget is for a month of the years {_YEARS[0]} to {_YEARS[1]}, not {month.year}.")
    return month_of(month)


def _currency(session: Session, context: v1.AnalyticsContext, key: Key) -> str:
    """Return the account's currency. Raises UnknownName where the account or the campaign is not there."""
    account = session.get(Account, (context.workspace_id, key[0], key[1]))
    if account is None:
        raise UnknownName(f"This workspace has no account {'/'.join(key[:2])!r}.")
    if len(key) == _CAMPAIGN:
        own = (context.workspace_id, key[0], key[1], EntityKind.CAMPAIGN, key[2])
        if session.get(Entity, own) is None:
            raise UnknownName(f"The account {'/'.join(key[:2])!r} has no campaign {key[2]!r}.")
    return account.currency


def _rows(session: Session, context: v1.AnalyticsContext, key: Key = ()) -> Sequence[StoredBudget]:
    asked = select(StoredBudget).where(col(StoredBudget.workspace_id) == context.workspace_id)
    if key:
        asked = asked.where(
            col(StoredBudget.platform) == key[0],
            col(StoredBudget.account_id) == key[1],
            col(StoredBudget.campaign_id) == _campaign(key),
        )
    return session.exec(asked).all()


def _campaign(key: Key) -> str:
    return key[2] if len(key) == _CAMPAIGN else ""


def _new(context: v1.AnalyticsContext, key: Key, month: date) -> StoredBudget:
    return StoredBudget(
        workspace_id=context.workspace_id,
        platform=key[0],
        account_id=key[1],
        campaign_id=_campaign(key),
        month=month,
        currency="",
        set_at=context.now(),
        set_by="",
    )


def _budget(row: StoredBudget) -> v1.Budget:
    key: Key = (
        (row.platform, row.account_id) if not row.campaign_id else (row.platform, row.account_id, row.campaign_id)
    )
    return v1.Budget(key=key, month=row.month, micros=row.micros, currency=row.currency, at=row.set_at, by=row.set_by)


def _told(row: StoredBudget) -> dict[str, str | int | None]:
    return {"month": row.month.isoformat(), "micros": row.micros, "currency": row.currency}


def _record(
    session: Session,
    context: v1.AnalyticsContext,
    action: str,
    key: Key,
    by: str,
    *,
    before: dict[str, str | int | None] | None,
    after: dict[str, str | int | None] | None = None,
) -> None:
    audit.record(
        session,
        workspace_id=context.workspace_id,
        actor=by,
        action=action,
        object_kind="budget",
        object_id="/".join(key),
        before=before,
        after=after,
        now=context.now(),
    )
