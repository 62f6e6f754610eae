"""Which rows of the manifest count: the current ones, or those that were current at an instant.

A row counts from `created_at` on until just before `superseded_at`, and of one account, dataset and month exactly one
row counts at any instant. Where a row has no path its file is no longer kept: such a row marks, at most once per
account, dataset and month, the time before `superseded_at` as gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.db.models import FactFile
from adjoin.errors import BadInput

__all__ = ["AccountKey", "check_history", "counting", "limited_to"]


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """An account of a workspace: ids are the platform's own, so they need it beside them."""

    platform: str
    account_id: str


def counting(as_of: datetime | None) -> sa.ColumnElement[bool]:
    """Return the condition for rows that count at an instant; now, for None."""
    if as_of is None:
        return col(FactFile.superseded_at).is_(None)
    return sa.and_(
        col(FactFile.created_at) <= as_of,
        sa.or_(col(FactFile.superseded_at).is_(None), col(FactFile.superseded_at) > as_of),
    )


def limited_to(
    platforms: Collection[str] | None, accounts: Collection[str | AccountKey] | None
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions for rows of these platforms and accounts; None is all."""
    conditions: list[sa.ColumnElement[bool]] = []
    if platforms is not None:
        conditions.append(col(FactFile.platform).in_(list(platforms)))
    if accounts is not None:
        plain = [one for one in accounts if isinstance(one, str)]
        keyed: dict[str, list[str]] = defaultdict(list)
        for one in accounts:
            if isinstance(one, AccountKey):
                keyed[one.platform].append(one.account_id)
        conditions.append(
            sa.or_(
                col(FactFile.account_id).in_(plain),
                *(
                    sa.and_(col(FactFile.platform) == platform, col(FactFile.account_id).in_(ids))
                    for platform, ids in keyed.items()
                ),
            )
        )
    return conditions


def check_history(
    session: Session,
    workspace_id: str,
    as_of: datetime,
    *,
    since: date,
    until: date,
    limits: Collection[sa.ColumnElement[bool]],
) -> None:
    """Raise BadInput with the earliest possible instant where a file that counted at `as_of` is no longer kept.

    All datasets are looked at, since one report may read several.
    """
    marks: Any = [
        FactFile.workspace_id == workspace_id,
        FactFile.path == "",
        col(FactFile.month) >= since.replace(day=1),
        col(FactFile.month) <= until,
        col(FactFile.superseded_at) > as_of,
    ]
    gone = select(FactFile.id).where(*marks, col(FactFile.created_at) <= as_of, *limits).limit(1)
    if session.exec(gone).first() is None:
        return
    latest = select(col(FactFile.superseded_at)).where(*marks, *limits).order_by(col(FactFile.superseded_at).desc())
    earliest = session.exec(latest.limit(1)).one() or as_of
    raise BadInput(
        f"How {since} to {until} stood at {as_of:%Y-%m-%d %H:%M:%S} UTC is no longer known: superseded files are kept "
        "for a time only (ADJOIN_KEEP_SUPERSEDED_DAYS). The earliest possible instant is "
        f"{earliest:%Y-%m-%dT%H:%M:%S.%fZ}."
    )
