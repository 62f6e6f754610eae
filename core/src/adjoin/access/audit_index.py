"""What a workspace's audit log is about: who and what occurs in it, and their names as far as they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access.audit import SYSTEM
from adjoin.db.models import Connection, Workspace
from adjoin.db.people import ApiToken, AuditEntry, Invitation, Member, User

__all__ = ["AuditIndex", "Names", "index", "names_of"]

_MOST = 500
_SHORT = 8  # of an id, enough to tell two apart by eye
#: Under these names before and after hold the id of a user.
_USER_KEYS = frozenset({"user", "owner"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditIndex:
    """The actors, actions and kinds of objects that occur in a log, each once and in order; at most 500 of each."""

    actors: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of those that some entries are about, by id."""

    users: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[tuple[str, str], str] = field(default_factory=dict)  #: by kind and id

    def actor(self, actor: str) -> str:
        """Name who acted: a person, an API token, a plugin, or Adjoin itself."""
        kind, _, which = actor.partition(":")
        match kind:
            case "user":
                return self.user(which)
            case "token":
                name = self.tokens.get(which)
                return f"API key {_short(which)}" if name is None else f"API key “{name}”"
            case "plugin":
                return f"Plugin {which}"
            case _:
                return "Adjoin" if actor == SYSTEM else actor

    def user(self, user_id: str) -> str:
        """Name a person."""
        return self.users.get(user_id) or f"Somebody ({_short(user_id)})"

    def object(self, kind: str, object_id: str) -> str:
        """Name what something was done to; nothing where the entry says of nothing."""
        if kind == "user":
            return self.user(object_id)
        what = kind.replace("_", " ").replace("api token", "API key")
        name = self.objects.get((kind, object_id))
        if name is not None:
            return f"{what} “{name}”".strip()
        return f"{what} {_short(object_id)}".strip()

    def values(self, values: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Return what an entry holds as before or after, with people named."""
        if values is None:
            return None
        return {
            name: self.users.get(value, value) if name in _USER_KEYS and isinstance(value, str) else value
            for name, value in values.items()
        }


def index(session: Session, workspace_id: str) -> AuditIndex:
    """Return what occurs in a workspace's log. It reads the whole log: ask it seldom."""

    def distinct(column: Any) -> tuple[str, ...]:
        query = select(column).where(col(AuditEntry.workspace_id) == workspace_id, column != "")
        return tuple(session.exec(query.distinct().order_by(column).limit(_MOST)).all())

    return AuditIndex(
        actors=distinct(col(AuditEntry.actor)),
        actions=distinct(col(AuditEntry.action)),
        kinds=distinct(col(AuditEntry.object_kind)),
    )


def names_of(
    session: Session, workspace_id: str, entries: Iterable[AuditEntry] = (), *, actors: Iterable[str] = ()
) -> Names:
    """Return the names of who and what some entries of a workspace's log are about.

    People are named as they are called now, members and those of the entries alike, also when they have left; who has
    deleted their account has no name. Takes a session of `Store.read()`, as those who have left are outside of the
    workspace: `entries` and `actors` must come from its log.
    """
    mine = [one for one in entries if one.workspace_id == workspace_id]
    asked = {one.actor for one in mine} | set(actors)
    ids = {actor.partition(":")[2] for actor in asked if actor.startswith("user:")}
    ids |= {one.object_id for one in mine if one.object_kind == "user"}
    members = select(Member.user_id).where(col(Member.workspace_id) == workspace_id)
    people = select(User).where(sa.or_(col(User.id).in_(sorted(ids)), col(User.id).in_(members)))
    users = {one.id: _person(one) for one in session.exec(people)}
    tokens = {
        one.id: one.name for one in session.exec(select(ApiToken).where(col(ApiToken.workspace_id) == workspace_id))
    }
    return Names(users=users, tokens=tokens, objects=_objects(session, workspace_id, mine, tokens))


def _objects(
    session: Session, workspace_id: str, entries: Sequence[AuditEntry], tokens: Mapping[str, str]
) -> Mapping[tuple[str, str], str]:
    named = {("api_token", which): name for which, name in tokens.items()}
    workspace = session.get(Workspace, workspace_id)
    if workspace is not None:
        named["workspace", workspace_id] = workspace.name
    asked = {kind: sorted({one.object_id for one in entries if one.object_kind == kind}) for kind in _LABELS}
    for kind, ids in asked.items():
        if ids:
            model, label = _LABELS[kind]
            query = select(model.id, label).where(model.workspace_id == workspace_id, model.id.in_(ids))
            named |= {(kind, which): text for which, text in session.exec(query) if text}
    return named


_LABELS: Mapping[str, tuple[Any, Any]] = {
    "invitation": (Invitation, col(Invitation.email)),
    "connection": (Connection, col(Connection.label)),
}


def _person(user: User) -> str:
    """Name a person so that nobody can pass for another one: names are free, addresses are not."""
    if user.deleted_at is not None:
        return f"Deleted account ({_short(user.id)})"
    return f"{user.name} ({user.email})" if user.name else user.email


def _short(which: str) -> str:
    return which if len(which) <= _SHORT else f"{which[:_SHORT]}…"
