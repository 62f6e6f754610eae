"""What the Audit log page says, read from the database, and its filter as the address of the download has it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from adjoin.access import audit
from adjoin.access.audit_index import AuditIndex, Names, index, names_of
from adjoin.db import Store
from adjoin.db.people import AuditEntry
from adjoin.db.scope import Scope
from adjoin.errors import BadInput
from adjoin.writing import MISSING, Writer

__all__ = [
    "EXPORT_PATH",
    "GROUPS",
    "AuditFilter",
    "AuditLine",
    "LogPage",
    "action_title",
    "change_text",
    "day_bounds",
    "export_url",
    "load_index",
    "load_page",
    "read_filter",
    "value_text",
]

#: Where the log is downloaded.
EXPORT_PATH = "/export/audit.csv"

#: What actions begin with, and what they are about.
GROUPS: Mapping[str, str] = {
    "annotation.": "Notes on days",
    "api_token.": "API keys",
    "audit.": "Audit log",
    "connection.": "Connections",
    "invitation.": "Invitations",
    "member.": "Members",
    "report.": "Reports",
    "schedule.": "Schedules",
    "session.": "Sign-ins",
    "sync.": "Syncs",
    "user.": "Accounts",
    "view.": "Saved views",
    "workspace.": "Workspace",
}

_LONGEST_CELL = 120
_ARROW = " → "
#: As the log writes instants.
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?\+00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are asked for; what is empty filters nothing. `action` that ends in a dot is a group of them.

    `since` is the first instant, `until` the first one no more.
    """

    actor: str = ""
    action: str = ""
    object_kind: str = ""
    object_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def as_text(self) -> dict[str, str]:
        """Return what is not empty, as the parameters of an address have it."""
        values = asdict(self)
        return {
            name: value.isoformat() if isinstance(value, datetime) else str(value)
            for name, value in values.items()
            if value
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """An entry in words. `before` and `after` are what it holds, with people named."""

    id: str
    at: datetime
    actor: str
    who: str
    action: str
    object_kind: str
    object_id: str
    what: str
    change: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """Some lines, newest first; `next` gets the page after it, where there is one."""

    lines: tuple[AuditLine, ...]
    next: str | None


def load_index(store: Store, scope: Scope) -> tuple[AuditIndex, Names]:
    """Return who and what occurs in the log of a workspace, and the names of who does."""
    with scope.read() as session:
        found = index(session, scope.workspace_id)
    with store.read() as session:
        return found, names_of(session, scope.workspace_id, actors=found.actors)


def load_page(
    store: Store,
    scope: Scope,
    asked: AuditFilter,
    *,
    limit: int = 50,
    after: str | None = None,
    write: Writer = Writer(),  # noqa: B008 - it never changes
) -> LogPage:
    """Read a page of a workspace's log. Raises BadInput for an `after` that is off.

    `store` is asked for names alone: those who have left the workspace are outside of it.
    """
    with scope.read() as session:
        found = audit.entries(
            session,
            scope.workspace_id,
            actor=asked.actor,
            action=asked.action,
            object_kind=asked.object_kind,
            object_id=asked.object_id,
            since=asked.since,
            until=asked.until,
            limit=limit,
            after=after,
        )
    with store.read() as session:
        names = names_of(session, scope.workspace_id, found.entries)
    return LogPage(lines=tuple(_line(one, names, write) for one in found.entries), next=found.next)


def read_filter(values: Mapping[str, str]) -> AuditFilter:
    """Read what `AuditFilter.as_text` wrote. Raises BadInput for an instant that is none; others are just not found."""
    return AuditFilter(
        actor=values.get("actor", ""),
        action=values.get("action", ""),
        object_kind=values.get("object_kind", ""),
        object_id=values.get("object_id", ""),
        since=_instant("since", values),
        until=_instant("until", values),
    )


def export_url(workspace_id: str, asked: AuditFilter) -> str:
    """Return the address at which what a filter finds is downloaded; the workspace says whose it was meant to be."""
    return f"{EXPORT_PATH}?{urlencode({'workspace': workspace_id} | asked.as_text())}"


def day_bounds(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """Return the first instant of a day in a zone, and the first one after another day, in UTC."""
    local = ZoneInfo(zone)
    return (
        datetime.combine(first, time(), local).astimezone(UTC),
        datetime.combine(last + timedelta(days=1), time(), local).astimezone(UTC),
    )


def action_title(action: str) -> str:
    """Write an action as people read it: "member.role_changed" is "Member: role changed"; a group by its name."""
    if action.endswith("."):
        return GROUPS.get(action, action.removesuffix(".").replace("_", " ").capitalize())
    what, _, rest = action.replace("api_token", "API key").partition(".")
    return f"{what[:1].upper()}{what[1:]}: {rest}".replace("_", " ").replace(".", ", ")


def change_text(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, write: Writer) -> str:
    """Say in one line what has changed: "role: viewer → admin"."""
    parts = []
    for name in dict.fromkeys([*(before or {}), *(after or {})]):
        sides = [value_text(side[name], write) for side in (before, after) if side is not None and name in side]
        parts.append(f"{name.replace('_', ' ')}: {_ARROW.join(dict.fromkeys(sides))}")
    whole = "; ".join(parts)
    return whole if len(whole) <= _LONGEST_CELL else whole[: _LONGEST_CELL - 1] + "…"


def value_text(value: Any, write: Writer) -> str:
    """Write a value that an entry holds."""
    match value:
        case None:
            return MISSING
        case bool():
            return "yes" if value else "no"
        case str():
            return _text(value, write) or "empty"
        case list():
            return ", ".join(value_text(one, write) for one in value) or "none"
        case dict():
            return ", ".join(f"{name} {value_text(one, write)}" for name, one in value.items()) or "none"
        case _:
            return json.dumps(value)


def _text(value: str, write: Writer) -> str:
    if _INSTANT.fullmatch(value):
        with suppress(ValueError):
            return write.stamp(datetime.fromisoformat(value))
    return value


def _instant(name: str, values: Mapping[str, str]) -> datetime | None:
    text = values.get(name, "")
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{name} is not an instant, such as 2026-11-20T00:00:00+00:00") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _line(one: AuditEntry, names: Names, write: Writer) -> AuditLine:
    before, after = names.values(one.before), names.values(one.after)
    return AuditLine(
        id=one.id,
        at=one.at,
        actor=one.actor,
        who=names.actor(one.actor),
        action=one.action,
        object_kind=one.object_kind,
        object_id=one.object_id,
        what=names.object(one.object_kind, one.object_id),
        change=change_text(before, after, write),
        before=before,
        after=after,
        address=one.address,
    )
