"""Members of workspaces: who they are, as what, and how they come to be others or to leave.

The functions take a session of `store.write()` and belong to its transaction. All of them lock the workspace first, so
that a workspace keeps an owner whatever is done at the same time. Somebody who is no member gets UnknownName, as for a
workspace that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import is_active, lock, lock_for, lock_staying, member
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission, outranks
from adjoin.db.people import ApiToken, Invitation, Member, Role, User
from adjoin.db.people import Session as SignedIn
from adjoin.db.views import DefaultView, SavedView
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName

__all__ = ["MemberView", "add", "change_role", "leave", "members_of", "only_owner_of", "remove", "transfer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """A member with what others see of them. `active` is whether they can sign in."""

    user_id: str
    email: str
    name: str
    picture_url: str
    role: Role
    since: datetime
    active: bool


def members_of(session: Session, workspace_id: str) -> Sequence[MemberView]:
    """Return the members of a workspace: owners first, then by name and e-mail."""
    query = (
        select(Member, User)
        .join(User, col(User.id) == col(Member.user_id))
        .where(col(Member.workspace_id) == workspace_id)
    )
    found = [
        MemberView(
            user_id=user.id,
            email=user.email,
            name=user.name,
            picture_url=user.picture_url,
            role=one.role,
            since=one.created_at,
            active=user.disabled_at is None and user.deleted_at is None,
        )
        for one, user in session.exec(query)
    ]
    order = list(reversed(Role))
    return sorted(found, key=lambda one: (order.index(one.role), one.name.casefold(), one.email))


def add(session: Session, workspace_id: str, user_id: str, role: Role, *, by: Actor, now: datetime) -> Member:
    """Make a user a member without an invitation, as for the first owner. For the operator; BadInput for a member."""
    _, own = lock_staying(session, workspace_id, by, Permission.MANAGE_MEMBERS)
    _not_above(own, role)
    if not is_active(session, user_id):
        raise UnknownName(f"there is no user {user_id!r}, or they are switched off")
    if member(session, workspace_id, user_id) is not None:
        raise BadInput("they are a member already; change their role instead")
    made = Member(workspace_id=workspace_id, user_id=user_id, role=role, created_at=now, invited_by=by.user_id)
    session.add(made)
    by.note(session, workspace_id, "member.added", of=("user", user_id), after={"role": role}, now=now)
    return made


def change_role(session: Session, workspace_id: str, user_id: str, role: Role, *, by: Actor, now: datetime) -> Member:
    """Give a member another role, never above one's own; of somebody above oneself nothing can be changed.

    Raises Forbidden, UnknownName, and StateError where no owner would be left.
    """
    _, own = lock_staying(session, workspace_id, by, Permission.MANAGE_MEMBERS)
    found = _member(session, workspace_id, user_id)
    _not_above(own, found.role, what="change the role of")
    _not_above(own, role)
    return _give(session, found, role, by=by, now=now)


def remove(session: Session, workspace_id: str, user_id: str, *, by: Actor, now: datetime) -> None:
    """Take a member out of a workspace; their access ends at once, with their API tokens of it.

    The invitations that they have sent and nobody has accepted are revoked, and the views that they kept for
    themselves go; those they shared stay. Raises Forbidden, UnknownName, and
    StateError where no owner would be left.
    """
    _, own = lock_for(session, workspace_id, by, Permission.MANAGE_MEMBERS)
    found = _member(session, workspace_id, user_id)
    _not_above(own, found.role, what="remove")
    _take_out(session, found, "member.removed", by=by, now=now)


def leave(session: Session, workspace_id: str, user_id: str, *, by: Actor, now: datetime) -> None:
    """Let a member go of their own will; what becomes of their access is as in `remove`.

    `by` is the member, or the operator who deletes their account. Raises UnknownName, and StateError for the only
    owner.
    """
    lock(session, workspace_id)
    if by.user_id not in (None, user_id):
        raise Forbidden("only a member themselves can leave; to take out somebody else, remove them")
    _take_out(session, _member(session, workspace_id, user_id), "member.left", by=by, now=now)


def transfer(session: Session, workspace_id: str, user_id: str, *, by: Actor, now: datetime) -> Member:
    """Make another member an owner and step back to admin, in one step. Return the new owner.

    Raises Forbidden unless an owner does it, UnknownName where the other is no member, StateError where they are
    switched off, and BadInput for oneself.
    """
    lock_staying(session, workspace_id, by, Permission.TRANSFER_WORKSPACE)
    if by.user_id is None:
        raise BadInput("the operator owns no workspace; give somebody the role owner instead")
    if user_id == by.user_id:
        raise BadInput("the workspace is yours already; name another member")
    found = _member(session, workspace_id, user_id)
    if not is_active(session, user_id):
        raise StateError("they are switched off and could not act as the owner; choose another member")
    made = _give(session, found, Role.OWNER, by=by, now=now)
    _give(session, _member(session, workspace_id, by.user_id), Role.ADMIN, by=by, now=now)
    return made


def only_owner_of(session: Session, user_id: str) -> Sequence[str]:
    """Return the ids of the workspaces that nobody could act for as owner without this user.

    To be asked before an account is deleted.
    """
    mine = select(Member.workspace_id).where(col(Member.user_id) == user_id, col(Member.role) == Role.OWNER)
    return [one for one in sorted(session.exec(mine)) if not _other_owners(session, one, user_id, acting=True)]


def _give(session: Session, found: Member, role: Role, *, by: Actor, now: datetime) -> Member:
    if found.role is role:
        return found
    if found.role is Role.OWNER:
        _keep_an_owner(session, found)
    before, found.role = found.role, role
    session.add(found)
    session.flush()
    if outranks(before, role):
        _revoke_invitations(session, found, above=role, now=now)
    by.note(
        session,
        found.workspace_id,
        "member.role_changed",
        of=("user", found.user_id),
        before={"role": before},
        after={"role": role},
        now=now,
    )
    return found


def _take_out(session: Session, found: Member, action: str, *, by: Actor, now: datetime) -> None:
    if found.role is Role.OWNER:
        _keep_an_owner(session, found)
    mine = (found.workspace_id, found.user_id)
    session.delete(found)
    session.flush()
    invitations = _revoke_invitations(session, found, above=None, now=now)
    tokens = session.connection().execute(
        sa.update(ApiToken)
        .where(
            col(ApiToken.workspace_id) == mine[0], col(ApiToken.user_id) == mine[1], col(ApiToken.revoked_at).is_(None)
        )
        .values(revoked_at=now)
    )
    session.connection().execute(
        sa.update(SignedIn)
        .where(col(SignedIn.user_id) == mine[1], col(SignedIn.workspace_id) == mine[0])
        .values(workspace_id=None)
    )
    session.connection().execute(
        sa.delete(DefaultView).where(col(DefaultView.workspace_id) == mine[0], col(DefaultView.user_id) == mine[1])
    )
    session.connection().execute(
        sa.delete(SavedView).where(
            col(SavedView.workspace_id) == mine[0], col(SavedView.user_id) == mine[1], col(SavedView.shared).is_(False)
        )
    )
    before = {"role": found.role, "revoked": {"api keys": tokens.rowcount, "invitations": invitations}}
    by.note(session, mine[0], action, of=("user", mine[1]), before=before, now=now)


def _revoke_invitations(session: Session, found: Member, *, above: Role | None, now: datetime) -> int:
    """Revoke what a member may not offer any more: all, or what is above a role. Returns how many there were."""
    roles = [role for role in Role if above is None or outranks(role, above)]
    revoked = session.connection().execute(
        sa.update(Invitation)
        .where(
            col(Invitation.workspace_id) == found.workspace_id,
            col(Invitation.invited_by) == found.user_id,
            col(Invitation.role).in_(roles),
            col(Invitation.accepted_at).is_(None),
            col(Invitation.revoked_at).is_(None),
        )
        .values(revoked_at=now)
    )
    return revoked.rowcount


def _keep_an_owner(session: Session, leaving: Member) -> None:
    """Raise StateError unless somebody else is an owner, and one who can sign in where this one can."""
    acting = is_active(session, leaving.user_id)
    if not _other_owners(session, leaving.workspace_id, leaving.user_id, acting=acting):
        raise StateError(
            "this is the only owner of the workspace, and it needs one; make another member an owner first"
        )


def _other_owners(session: Session, workspace_id: str, user_id: str, *, acting: bool) -> bool:
    query = (
        select(Member.user_id)
        .join(User, col(User.id) == col(Member.user_id))
        .where(
            col(Member.workspace_id) == workspace_id,
            col(Member.role) == Role.OWNER,
            col(Member.user_id) != user_id,
            *((col(User.disabled_at).is_(None), col(User.deleted_at).is_(None)) if acting else ()),
        )
    )
    return session.exec(query.limit(1)).first() is not None


def _member(session: Session, workspace_id: str, user_id: str) -> Member:
    found = member(session, workspace_id, user_id)
    if found is None:
        raise UnknownName(f"the workspace has no member {user_id[:80]!r}")
    return found


def _not_above(own: Role, role: Role, *, what: str = "give the role of") -> None:
    if outranks(role, own):
        raise Forbidden(f"a member with the role {own} may not {what} an {role}; ask an owner of the workspace")
