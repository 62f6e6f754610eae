"""What the API keys page says, read from the database, and how keys are made and revoked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from adjoin.access import api_tokens
from adjoin.access.accounts import require_fresh
from adjoin.access.api_tokens import NewApiToken
from adjoin.access.members import members_of
from adjoin.access.permissions import Permission, may, permissions_of
from adjoin.db.people import ApiToken, Role
from adjoin.errors import UnknownName
from adjoin_dashboard.context import Context

__all__ = ["LIVES", "SCOPES", "KeyLine", "create", "load_keys", "revoke", "scopes_for"]

#: How long a key may be good, by what the page calls it; None: until it is revoked.
LIVES: Mapping[str, timedelta | None] = {
    "7 days": timedelta(days=7),
    "30 days": timedelta(days=30),
    "90 days": timedelta(days=90),
    "1 year": timedelta(days=365),
    "Until it is revoked": None,
}

#: What each scope lets a script do.
SCOPES: Mapping[Permission, str] = {
    Permission.READ_REPORTS: "Read figures, accounts, campaigns and sync runs",
    Permission.READ_MEMBERS: "Read who is a member",
    Permission.SAVE_VIEWS: "Save views of pages",
    Permission.SHARE_VIEWS: "Share saved views with the workspace",
    Permission.ANNOTATE: "Write notes on days",
    Permission.SET_BUDGETS: "Set and remove monthly budgets",
    Permission.DEFINE_METRICS: "Make and change own metrics and naming conventions of the workspace",
    Permission.MANAGE_VIEWS: "Change and delete shared views and notes of others",
    Permission.WRITE_ALERTS: "Make alerts, and change and mute own ones",
    Permission.MANAGE_ALERTS: "Change alerts of others, and where messages are posted to",
    Permission.SCHEDULE_REPORTS: "Have reports sent, and change and mute own ones",
    Permission.MANAGE_REPORTS: "Change scheduled reports of others",
    Permission.START_SYNCS: "Start and cancel syncs",
    Permission.CREATE_TOKENS: "See and revoke own API keys",
    Permission.MANAGE_CONNECTIONS: "Connect and disconnect platforms, choose accounts",
    Permission.MANAGE_SCHEDULES: "Change when syncs are due",
    Permission.MANAGE_MEMBERS: "Invite, change and remove members",
    Permission.MANAGE_TOKENS: "See and revoke the API keys of all members",
    Permission.RENAME_WORKSPACE: "Rename the workspace",
    Permission.CHANGE_SETTINGS: "Change the settings of the workspace",
    Permission.READ_AUDIT: "Read the audit log",
    Permission.DELETE_WORKSPACE: "Delete and restore the workspace",
    Permission.TRANSFER_WORKSPACE: "Transfer ownership of the workspace",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """A key. `ended` says why it is of no use any more; empty while it is good.

    `idle` are scopes that it has and its owner's role does not allow any more.
    """

    id: str
    name: str
    owner: str
    is_own: bool
    scopes: tuple[str, ...]
    idle: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    ended: str

    @property
    def good(self) -> bool:
        return not self.ended


def scopes_for(role: Role) -> list[Permission]:
    """Return the scopes that a member with this role may give a key, in the order of the table."""
    allowed = permissions_of(role)
    return [one for one in Permission if one in allowed]


def load_keys(session: Session, workspace_id: str, *, user_id: str, role: Role, now: datetime) -> list[KeyLine]:
    """Read the keys that a visitor may see, newest first: all for who manages them, else their own."""
    everybody = may(role, Permission.MANAGE_TOKENS)
    people = {one.user_id: one for one in members_of(session, workspace_id)}
    lines = []
    for row in api_tokens.tokens_of(session, workspace_id, user_id=None if everybody else user_id):
        owner = people.get(row.user_id)
        allowed = permissions_of(owner.role) if owner is not None else frozenset()
        lines.append(
            KeyLine(
                id=row.id,
                name=row.name,
                owner="somebody who has left" if owner is None else owner.name or owner.email,
                is_own=row.user_id == user_id,
                scopes=tuple(row.scopes),
                idle=tuple(scope for scope in row.scopes if scope not in allowed),
                created_at=row.created_at,
                expires_at=row.expires_at,
                last_used_at=row.last_used_at,
                ended=_ended(row, now),
            )
        )
    return lines


def create(context: Context, *, name: str, scopes: Iterable[str], lifetime: timedelta | None) -> NewApiToken:
    """Make a key of the visitor's own. Its text is in what is returned and nowhere else. Raises StaleProof."""
    require_fresh(context.signed_in, context.host.doors)
    with context.host.store.write() as session:
        return api_tokens.create(
            session,
            context.workspace_id,
            name=name,
            scopes=scopes,
            lifetime=lifetime,
            by=context.actor,
            now=context.now(),
        )


def revoke(context: Context, key_id: str) -> str:
    """End a key; return its name."""
    with context.host.store.write() as session:
        try:
            found = api_tokens.revoke(session, context.workspace_id, key_id, by=context.actor, now=context.now())
        except UnknownName:
            raise UnknownName("there is no such API key of yours in this workspace") from None
        return found.name


def _ended(row: ApiToken, now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else ""
