"""The audit log of a workspace: who did what, on what, before and after, and from where. It only grows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.clock import Clock
from adjoin.db.people import AuditEntry, Member
from adjoin.errors import BadInput, UsageError
from adjoin.http.redaction import HIDDEN, is_secret_name, redact_text

__all__ = [
    "SYSTEM",
    "AuditPage",
    "AuditWriter",
    "by_plugin",
    "by_token",
    "by_user",
    "entries",
    "record",
    "record_everywhere",
]

#: The actor of what nobody asked for, such as a job of the scheduler.
SYSTEM = "system"

_ACTOR = re.compile(r"system|(?:user|token|plugin):[A-Za-z0-9._-]{1,100}")
_ACTION = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z][a-z0-9_-]*)+")
_LONGEST_ACTION = 100
_LONGEST_TEXT = 1_000
_LONGEST_NAME = 200
_MOST_ITEMS = 100
_DEEPEST = 5
_MOST_PER_PAGE = 500


def by_user(user_id: str) -> str:
    """Return the actor that stands for a user."""
    return f"user:{user_id}"


def by_token(token_id: str) -> str:
    """Return the actor that stands for an API token: its id, never its text."""
    return f"token:{token_id}"


def by_plugin(name: str) -> str:
    """Return the actor that stands for a plugin."""
    return f"plugin:{name}"


def record(
    session: Session,
    *,
    workspace_id: str,
    actor: str,
    action: str,
    object_kind: str = "",
    object_id: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    address: str = "",
    now: datetime,
) -> AuditEntry:
    """Add an entry in the caller's transaction, so that it stands exactly if what it tells of does.

    `actor` comes from `by_user`, `by_token`, `by_plugin` or is SYSTEM. `action` is a noun and a verb such as
    `member.role_changed`. `before` and `after` hold what changed, as far as JSON can: values under names of secrets
    are hidden, and so is what looks like a token; long texts and lists are cut. Raises UsageError for an actor or
    action of another form.
    """
    if not _ACTOR.fullmatch(actor):
        raise UsageError(f"{actor[:60]!r} is no actor: use by_user, by_token, by_plugin or SYSTEM")
    if not _ACTION.fullmatch(action) or len(action) > _LONGEST_ACTION:
        raise UsageError(f"{action[:60]!r} is no action: write small words joined by dots, as in member.removed")
    entry = AuditEntry(
        workspace_id=workspace_id,
        at=now,
        actor=actor,
        action=action,
        object_kind=_cut(object_kind, _LONGEST_NAME),
        object_id=_cut(redact_text(object_id), _LONGEST_NAME),
        before=None if before is None else _clean_mapping(before, 0),
        after=None if after is None else _clean_mapping(after, 0),
        address=_cut(address, _LONGEST_NAME),
    )
    session.add(entry)
    return entry


def record_everywhere(
    session: Session,
    *,
    user_id: str,
    action: str,
    actor: str | None = None,
    object_kind: str = "",
    object_id: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    address: str = "",
    now: datetime,
) -> int:
    """Add an entry about a person to each workspace that they are a member of; return to how many.

    For what is about the person and not about one workspace, such as a sign-in or a new password. `actor` is the
    person unless it is said otherwise. Errors are those of `record`.
    """
    places = session.exec(select(Member.workspace_id).where(Member.user_id == user_id)).all()
    for workspace_id in sorted(places):
        record(
            session,
            workspace_id=workspace_id,
            actor=actor or by_user(user_id),
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            before=before,
            after=after,
            address=address,
            now=now,
        )
    return len(places)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, newest first. `next` gets the page after it; None: there is none."""

    entries: tuple[AuditEntry, ...]
    next: str | None


def entries(
    session: Session,
    workspace_id: str,
    *,
    actor: str = "",
    action: str = "",
    object_kind: str = "",
    object_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
    after: str | None = None,
) -> AuditPage:
    """Read a workspace's entries, newest first.

    An `action` that ends in a dot matches all that begin with it: `member.`. `since` is the first instant, `until`
    the first one no more. `after` is `next` of the page before; entries that are added meanwhile shift nothing.
    `limit` is 1 to 500. Raises BadInput for a limit or an `after` that is off.
    """
    if not 1 <= limit <= _MOST_PER_PAGE:
        raise BadInput(f"A page has 1 to {_MOST_PER_PAGE} entries, not {limit}")
    query = select(AuditEntry).where(AuditEntry.workspace_id == workspace_id)
    if actor:
        query = query.where(AuditEntry.actor == actor)
    if action.endswith("."):
        query = query.where(col(AuditEntry.action).startswith(action, autoescape=True))
    elif action:
        query = query.where(AuditEntry.action == action)
    if object_kind:
        query = query.where(AuditEntry.object_kind == object_kind)
    if object_id:
        query = query.where(AuditEntry.object_id == object_id)
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    if until is not None:
        query = query.where(AuditEntry.at < until)
    if after is not None:
        at, last = _read_place(after)
        query = query.where(
            sa.or_(col(AuditEntry.at) < at, sa.and_(col(AuditEntry.at) == at, col(AuditEntry.id) < last))
        )
    newest_first = query.order_by(col(AuditEntry.at).desc(), col(AuditEntry.id).desc())
    found = session.exec(newest_first.limit(limit + 1)).all()
    shown = tuple(found[:limit])
    return AuditPage(shown, _place(shown[-1]) if len(found) > limit else None)


class AuditWriter:
    """Writes entries of one workspace on behalf of one plugin. What it writes begins with the plugin's name.

    The host makes it and says who acts: the user whose page it is, or the plugin itself in a job. So a plugin can
    write neither for another workspace nor in another one's name.
    """

    def __init__(
        self,
        write: Callable[[], AbstractContextManager[Session]],
        clock: Clock,
        *,
        workspace_id: str,
        plugin: str,
        actor: str | None = None,
        address: str = "",
    ) -> None:
        self._write = write
        self._clock = clock
        self._workspace_id = workspace_id
        self._plugin = plugin
        self._actor = actor or by_plugin(plugin)
        self._address = address

    def record(
        self,
        action: str,
        *,
        object_kind: str = "",
        object_id: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Add the entry `PLUGIN.ACTION` in a transaction of its own. Errors are those of `audit.record`."""
        with self._write() as session:
            record(
                session,
                workspace_id=self._workspace_id,
                actor=self._actor,
                action=f"{self._plugin}.{action}",
                object_kind=object_kind,
                object_id=object_id,
                before=before,
                after=after,
                address=self._address,
                now=self._clock.now(),
            )


def _clean_mapping(values: Mapping[str, Any], depth: int) -> dict[str, Any]:
    kept = {
        _cut(str(name), _LONGEST_NAME): HIDDEN if is_secret_name(str(name)) else _clean(value, depth)
        for name, value in list(values.items())[:_MOST_ITEMS]
    }
    return kept if len(values) <= _MOST_ITEMS else kept | {"…": f"{len(values) - _MOST_ITEMS} more"}


def _clean(value: Any, depth: int) -> Any:
    match value:
        case Enum():
            return _clean(value.value, depth)
        case None | bool() | int():
            return value
        case float():
            return value if abs(value) < float("inf") else str(value)
        case str():
            return _cut(redact_text(value), _LONGEST_TEXT)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return HIDDEN
        case _ if depth >= _DEEPEST:
            return "…"
        case Mapping():
            return _clean_mapping(value, depth + 1)
        case Sequence() | set() | frozenset():
            items = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
            kept = [_clean(item, depth + 1) for item in items[:_MOST_ITEMS]]
            return kept if len(items) <= _MOST_ITEMS else [*kept, f"… {len(items) - _MOST_ITEMS} more"]
        case _:
            return _cut(redact_text(str(value)), _LONGEST_TEXT)


def _cut(text: str, longest: int) -> str:
    whole = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    return whole if len(whole) <= longest else whole[: longest - 1] + "…"


def _place(entry: AuditEntry) -> str:
    return f"{entry.at.isoformat()}/{entry.id}"


def _read_place(text: str) -> tuple[datetime, str]:
    at, _, last = text.partition("/")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not re.fullmatch(r"[0-9a-f]{32}", last):
        raise BadInput("This is not the place where a page of the audit log ended; start again without it")
    return moment, last
