"""What the Members page says, read from the database: who is a member or invited, and what may be done about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from adjoin.access.invitations import is_open, open_invitations
from adjoin.access.members import MemberView, members_of
from adjoin.access.permissions import Permission, may, outranks
from adjoin.db.models import Workspace
from adjoin.db.people import Invitation, Role

__all__ = ["MOST_AT_ONCE", "InvitationLine", "MemberLine", "MembersPage", "load_members", "read_addresses"]

#: Addresses that are invited in one go.
MOST_AT_ONCE = 50

_SEPARATORS = re.compile(r"[,;\n\r]+")
_BRACKETED = re.compile(r".*<([^<>]*)>\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """A member, and what the visitor may do about them: `roles` to give, if any but their own."""

    user_id: str
    name: str
    email: str
    picture_url: str
    role: Role
    since: datetime
    active: bool
    is_self: bool
    roles: tuple[Role, ...]
    may_remove: bool
    may_take_over: bool  #: the visitor may make them the owner in their own place
    may_leave: bool
    stays_because: str  #: why the visitor cannot leave

    @property
    def title(self) -> str:
        return self.name or self.email

    @property
    def manageable(self) -> bool:
        return bool(self.roles) or self.may_remove or self.may_take_over or self.is_self


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationLine:
    """An invitation that nobody has taken up. `open` says whether its link is still good."""

    id: str
    email: str
    role: Role
    invited_by: str
    sent_at: datetime
    expires_at: datetime
    open: bool
    may_change: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersPage:
    """The page for one visitor. `grants` are the roles that they may give; none where they may invite nobody."""

    workspace: str
    leaving_at: datetime | None
    members: tuple[MemberLine, ...]
    invitations: tuple[InvitationLine, ...]
    grants: tuple[Role, ...]

    def member(self, user_id: str) -> MemberLine | None:
        return next((one for one in self.members if one.user_id == user_id), None)

    def invitation(self, invitation_id: str) -> InvitationLine | None:
        return next((one for one in self.invitations if one.id == invitation_id), None)


def load_members(session: Session, workspace_id: str, *, user_id: str, role: Role, now: datetime) -> MembersPage:
    """Read the page for a visitor with a role. Invitations are told to those who manage members, to nobody else.

    Reads what belongs to this workspace only; nothing where there is no such workspace.
    """
    workspace = session.get(Workspace, workspace_id)
    leaving_at = None if workspace is None else workspace.delete_after
    manages = may(role, Permission.MANAGE_MEMBERS)
    found = members_of(session, workspace_id)
    names = {one.user_id: one.name or one.email for one in found}
    invited = open_invitations(session, workspace_id) if manages else ()
    changes = manages and leaving_at is None
    return MembersPage(
        workspace="" if workspace is None else workspace.name,
        leaving_at=leaving_at,
        members=tuple(
            _member(one, found, user_id=user_id, role=role, changes=changes, manages=manages) for one in found
        ),
        invitations=tuple(_invitation(one, names, role=role, changes=changes, now=now) for one in invited),
        grants=tuple(one for one in Role if not outranks(one, role)) if changes else (),
    )


def read_addresses(text: str) -> list[str]:
    """Return the addresses of a text, each once: by line, comma, semicolon or blank, also as `Name <address>`."""
    found: list[str] = []
    for part in _SEPARATORS.split(text):
        bracketed = _BRACKETED.fullmatch(part)
        found += [bracketed[1].strip()] if bracketed else part.split()
    return list(dict.fromkeys(address for address in found if address))


def _member(
    one: MemberView, every: Sequence[MemberView], *, user_id: str, role: Role, changes: bool, manages: bool
) -> MemberLine:
    is_self, above = one.user_id == user_id, outranks(one.role, role)
    last = one.role is Role.OWNER and not _other_owner(one, every)
    grants = [other for other in Role if not outranks(other, role)]
    return MemberLine(
        user_id=one.user_id,
        name=one.name,
        email=one.email,
        picture_url=one.picture_url,
        role=one.role,
        since=one.since,
        active=one.active,
        is_self=is_self,
        roles=tuple(grants) if changes and not above and not last else (),
        may_remove=manages and not is_self and not above and not last,
        may_take_over=changes and not is_self and one.active and may(role, Permission.TRANSFER_WORKSPACE),
        may_leave=is_self and not last,
        stays_because="You are the only owner, and the workspace needs one: make somebody else an owner first."
        if is_self and last
        else "",
    )


def _other_owner(one: MemberView, every: Sequence[MemberView]) -> bool:
    """Say whether another owner is there, who can act where this one can: as `access.members` decides it."""
    return any(
        other.role is Role.OWNER and other.user_id != one.user_id and (other.active or not one.active)
        for other in every
    )


def _invitation(one: Invitation, names: dict[str, str], *, role: Role, changes: bool, now: datetime) -> InvitationLine:
    return InvitationLine(
        id=one.id,
        email=one.email,
        role=one.role,
        invited_by=names.get(one.invited_by, ""),
        sent_at=one.sent_at,
        expires_at=one.expires_at,
        open=is_open(one, now),
        may_change=changes and not outranks(one.role, role),
    )
