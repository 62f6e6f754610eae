"""Notes on days: what happened, so that a chart can say why a line moves. All members read them.

The functions that change something take a session of `write()` and belong to its transaction; the audit log tells
what they did.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import lock_staying
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission, required
from adjoin.db.models import Account
from adjoin.db.people import User
from adjoin.db.views import Annotation
from adjoin.errors import BadInput, StateError, UnknownName

__all__ = ["LONGEST_TEXT", "MOST", "Note", "annotate", "change", "delete", "notes_on"]

LONGEST_TEXT = 500
#: Notes that a workspace may have.
MOST = 5_000
_LONGEST_SPAN = timedelta(days=3_660)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note as somebody sees it; without `platform` it is on all figures, without `account_id` on the platform's."""

    id: str
    first_day: date
    last_day: date
    platform: str
    account_id: str
    text: str
    author: str
    mine: bool
    changed_at: datetime


def notes_on(
    session: Session,
    workspace_id: str,
    first: date,
    last: date,
    *,
    user_id: str = "",
    platforms: Collection[str] = (),
    accounts: Collection[tuple[str, str]] = (),
    limit: int = 200,
) -> Sequence[Note]:
    """Return the notes on any of these days, both included: the newest `limit` of them, the oldest day first.

    With `platforms` those on all figures and on these; with `accounts`, pairs of platform and id, those that are on
    other accounts are left out as well.
    """
    query = (
        select(Annotation, User)
        .join(User, col(User.id) == col(Annotation.user_id), isouter=True)
        .where(
            col(Annotation.workspace_id) == workspace_id,
            col(Annotation.first_day) <= last,
            col(Annotation.last_day) >= first,
        )
        .order_by(col(Annotation.first_day).desc(), col(Annotation.created_at).desc(), col(Annotation.id))
    )
    if platforms:
        query = query.where(sa.or_(col(Annotation.platform).is_(None), col(Annotation.platform).in_(list(platforms))))
    if accounts:
        chosen = [sa.and_(col(Annotation.platform) == one[0], col(Annotation.account_id) == one[1]) for one in accounts]
        query = query.where(sa.or_(col(Annotation.account_id).is_(None), *chosen))
    found = [
        Note(
            id=one.id,
            first_day=one.first_day,
            last_day=one.last_day,
            platform=one.platform or "",
            account_id=one.account_id or "",
            text=one.text,
            author="" if user is None else user.name or user.email,
            mine=one.user_id == user_id,
            changed_at=one.changed_at,
        )
        for one, user in session.exec(query.limit(limit))
    ]
    return found[::-1]


def annotate(
    session: Session,
    workspace_id: str,
    *,
    first_day: date,
    last_day: date,
    text: str,
    platform: str = "",
    account_id: str = "",
    by: Actor,
    now: datetime,
) -> Annotation:
    """Write a note. Raises BadInput for the days or the text, UnknownName for the account, Forbidden, StateError."""
    lock_staying(session, workspace_id, by, Permission.ANNOTATE)
    if by.user_id is None:
        raise BadInput("notes are written by people; the operator is none of them")
    _check_days(first_day, last_day)
    if account_id and session.get(Account, (workspace_id, platform, account_id)) is None:
        raise UnknownName(f"there is no account {account_id[:80]!r} of the platform {platform[:80]!r} here")
    counted = select(sa.func.count()).select_from(Annotation).where(col(Annotation.workspace_id) == workspace_id)
    if session.exec(counted).one() >= MOST:
        raise StateError(f"the workspace has {MOST:,} notes already; delete some that are not needed any more")
    note = Annotation(
        workspace_id=workspace_id,
        user_id=by.user_id,
        first_day=first_day,
        last_day=last_day,
        platform=platform or None,
        account_id=account_id or None,
        text=_clean(text),
        created_at=now,
        changed_at=now,
    )
    session.add(note)
    by.note(session, workspace_id, "annotation.added", of=("annotation", note.id), after=_told(note), now=now)
    return note


def change(
    session: Session,
    workspace_id: str,
    note_id: str,
    *,
    first_day: date,
    last_day: date,
    text: str,
    by: Actor,
    now: datetime,
) -> Annotation:
    """Change a note. One of somebody else takes MANAGE_VIEWS. Raises as `annotate`, and UnknownName."""
    note = _mine_to_change(session, workspace_id, note_id, by)
    _check_days(first_day, last_day)
    before = _told(note)
    note.first_day, note.last_day, note.text, note.changed_at = first_day, last_day, _clean(text), now
    session.add(note)
    if _told(note) != before:
        of = ("annotation", note.id)
        by.note(session, workspace_id, "annotation.changed", of=of, before=before, after=_told(note), now=now)
    return note


def delete(session: Session, workspace_id: str, note_id: str, *, by: Actor, now: datetime) -> None:
    """Delete a note. One of somebody else takes MANAGE_VIEWS. Raises Forbidden, UnknownName."""
    note = _mine_to_change(session, workspace_id, note_id, by)
    by.note(session, workspace_id, "annotation.deleted", of=("annotation", note.id), before=_told(note), now=now)
    session.delete(note)


def _mine_to_change(session: Session, workspace_id: str, note_id: str, by: Actor) -> Annotation:
    _, role = lock_staying(session, workspace_id, by, Permission.ANNOTATE)
    note = session.get(Annotation, (workspace_id, note_id))
    if note is None:
        raise UnknownName(f"there is no note {note_id[:80]!r}; it may have been deleted")
    if by.user_id not in (None, note.user_id):
        required(role, Permission.MANAGE_VIEWS)
    return note


def _check_days(first: date, last: date) -> None:
    if first > last:
        raise BadInput(f"the days {first} to {last} are the wrong way round")
    if last - first > _LONGEST_SPAN:
        raise BadInput("a note is on ten years at most; write one for each time that it is about")


def _clean(text: str) -> str:
    cleaned = unicodedata.normalize("NFC", text).strip()
    if not cleaned:
        raise BadInput("a note needs a text")
    if len(cleaned) > LONGEST_TEXT:
        raise BadInput(f"a note has at most {LONGEST_TEXT} characters, not {len(cleaned):,}")
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign != "\n" for sign in cleaned):
        raise BadInput("the note holds a sign that cannot be shown; leave it out")
    return cleaned


def _told(note: Annotation) -> dict[str, object]:
    return {
        "days": f"{note.first_day} to {note.last_day}" if note.first_day != note.last_day else f"{note.first_day}",
        "text": note.text,
        **({"platform": note.platform} if note.platform else {}),
        **({"account": note.account_id} if note.account_id else {}),
    }
