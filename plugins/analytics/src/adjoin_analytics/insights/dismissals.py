"""Findings that somebody put aside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access import audit
from adjoin.analytics import v1
from adjoin.errors import BadInput, UnknownName
from adjoin_analytics.custom._stored import no_tables, read_stored
from adjoin_analytics.tables import StoredDismissal

__all__ = ["dismiss", "dismissed", "restore"]

_ID = re.compile(r"[0-9a-f]{16}")
_MOST = 1_000


def dismissed(context: v1.AnalyticsContext) -> tuple[v1.Dismissal, ...]:
    """Return what is put aside today, the latest first; nothing where the tables were not made yet."""
    today = context.now().date()

    def read(session: Session) -> tuple[v1.Dismissal, ...]:
        rows = [row for row in _stored(session, context) if row.until is None or row.until >= today]
        rows.sort(key=lambda row: (row.dismissed_at, row.finding), reverse=True)
        return tuple(
            v1.Dismissal(finding=row.finding, at=row.dismissed_at, by=row.dismissed_by, until=row.until) for row in rows
        )

    return read_stored(context, read, nothing=())


def dismiss(context: v1.AnalyticsContext, findings: Sequence[str], *, by: str, until: date | None) -> None:
    """Put findings aside and note it in the audit log under the first one's id; forget what has run out.

    Raises BadInput for what is no id, for none and for too many of them, and for a day that has passed; StateError
    where the tables are not there.
    """
    wrong = next((one for one in findings if not _ID.fullmatch(one)), None)
    if wrong is not None or not 0 < len(findings) <= _MOST:
        told = "nothing" if not findings else repr((wrong or findings[0])[:40])
        raise BadInput(f"{told} is not the id of a finding; take it from the list of findings, at most {_MOST}.")
    today = context.now().date()
    if until is not None and until < today:
        raise BadInput(f"{until} has passed; choose a day to come.")
    try:
        with context.write() as session:
            rows = {row.finding: row for row in _stored(session, context)}
            first = rows.get(findings[0])
            before = None if first is None else _told(first, 1)
            for one in dict.fromkeys(findings):
                row = rows.get(one) or StoredDismissal(
                    workspace_id=context.workspace_id, finding=one, dismissed_at=context.now(), dismissed_by=by
                )
                row.dismissed_at, row.dismissed_by, row.until = context.now(), by, until
                session.add(row)
                rows[one] = row
            for row in rows.values():
                if row.until is not None and row.until < today:
                    session.delete(row)
            audit.record(
                session,
                workspace_id=context.workspace_id,
                actor=by,
                action="finding.dismissed",
                object_kind="finding",
                object_id=findings[0],
                before=before,
                after=_told(rows[findings[0]], len(findings)),
                now=context.now(),
            )
    except sa.exc.DBAPIError as error:
        raise no_tables(error) or error from error


def restore(context: v1.AnalyticsContext, findings: Sequence[str], *, by: str) -> None:
    """Take dismissals back and note it in the audit log. Raises UnknownName where there is none."""
    try:
        with context.write() as session:
            rows = [row for row in _stored(session, context) if row.finding in findings]
            if not rows:
                told = repr(findings[0][:40]) if findings else "nothing"
                raise UnknownName(f"The finding {told} is not put aside in this workspace.")
            audit.record(
                session,
                workspace_id=context.workspace_id,
                actor=by,
                action="finding.restored",
                object_kind="finding",
                object_id=findings[0],
                before=_told(rows[0], len(rows)),
                now=context.now(),
            )
            for row in rows:
                session.delete(row)
    except sa.exc.DBAPIError as error:
        raise no_tables(error) or error from error


def _stored(session: Session, context: v1.AnalyticsContext) -> Sequence[StoredDismissal]:
    own = col(StoredDismissal.workspace_id) == context.workspace_id
    return session.exec(select(StoredDismissal).where(own)).all()


def _told(row: StoredDismissal, findings: int) -> dict[str, Any]:
    return {"until": None if row.until is None else row.until.isoformat(), "findings": findings}
