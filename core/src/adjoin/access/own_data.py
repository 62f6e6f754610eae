"""All that is kept of a person, for themselves, as JSON without a secret in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, SQLModel, col, select

from adjoin.access.audit import by_user
from adjoin.db.alerts import AlertRule
from adjoin.db.models import Workspace
from adjoin.db.people import ApiToken, AuditEntry, Identity, Invitation, Member, User
from adjoin.db.people import Session as SessionRow
from adjoin.db.reports import ScheduledReport
from adjoin.db.views import Annotation, SavedView
from adjoin.errors import UnknownName

if TYPE_CHECKING:
    from adjoin.auth.v1 import Factor

__all__ = ["own_data"]

#: What is stored of a secret is of no use to anybody, and is left out.
_HIDDEN = frozenset({"token_hash", "previous_hash", "kept"})


def own_data(session: Session, user_id: str, *, factors: Iterable[Factor] = (), now: datetime) -> str:
    """Return everything that Adjoin keeps about a person as a JSON object, indented. Raises UnknownName.

    The names of its parts are those of the tables. What others have written about them in the audit log of a
    workspace belongs to the workspace and is not in it.
    """
    user = session.get(User, user_id)
    if user is None:
        raise UnknownName(f"there is no user {user_id!r}")
    workspaces = (
        select(Member, col(Workspace.name))
        .join(Workspace, col(Workspace.id) == col(Member.workspace_id))
        .where(Member.user_id == user_id)
    )
    mine = select(AuditEntry).where(AuditEntry.actor == by_user(user_id)).order_by(col(AuditEntry.at))
    found = {
        "exported_at": now,
        "user": _plain(user),
        "identities": _rows(session.exec(select(Identity).where(Identity.user_id == user_id)).all()),
        "members": [_plain(one) | {"workspace": name} for one, name in session.exec(workspaces)],
        "sessions": _rows(session.exec(select(SessionRow).where(SessionRow.user_id == user_id)).all()),
        "second_factors": [asdict(factor) for factor in factors],
        "api_tokens": _rows(session.exec(select(ApiToken).where(ApiToken.user_id == user_id)).all()),
        "invitations_received": _rows(session.exec(select(Invitation).where(Invitation.email == user.email)).all()),
        "invitations_sent": _rows(session.exec(select(Invitation).where(Invitation.invited_by == user_id)).all()),
        "saved_views": _rows(session.exec(select(SavedView).where(SavedView.user_id == user_id)).all()),
        "annotations": _rows(session.exec(select(Annotation).where(Annotation.user_id == user_id)).all()),
        "alert_rules": _rows(session.exec(select(AlertRule).where(AlertRule.user_id == user_id)).all()),
        "scheduled_reports": _rows(
            session.exec(select(ScheduledReport).where(ScheduledReport.user_id == user_id)).all()
        ),
        "audit": _rows(session.exec(mine).all()),
    }
    return json.dumps(found, indent=2, ensure_ascii=False, default=_text)


def _rows(rows: Sequence[SQLModel]) -> list[dict[str, Any]]:
    return [_plain(row) for row in rows]


def _plain(row: SQLModel) -> dict[str, Any]:
    return {name: value for name, value in row.model_dump().items() if name not in _HIDDEN}


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
