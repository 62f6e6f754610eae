"""Invitations: somebody is asked to become a member, by a link in a mail that works once.

The functions take a session of `store.write()` and belong to its transaction. As with members, all of them lock the
workspace first. A link is good until it expires, is used, revoked, or sent again with a new one; whatever is wrong
with it, whoever holds it hears the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import is_active, lock, lock_staying, member
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission, outranks
from adjoin.access.users import normal_email
from adjoin.db.models import Workspace, new_id
from adjoin.db.people import AuditEntry, Invitation, Member, Role, User
from adjoin.errors import AuthError, AuthProblem, BadInput, Forbidden, StateError, UnknownName
from adjoin.tokens import INVITATION, hash_token, kind_of, new_token

__all__ = [
    "LIFETIME",
    "LINK_PATH",
    "MOST_MAILS_PER_HOUR",
    "MOST_OPEN",
    "InvitationMail",
    "Offer",
    "Send",
    "accept",
    "invite",
    "is_open",
    "link",
    "look",
    "open_invitations",
    "resend",
    "revoke",
]

#: The page that takes a link.
LINK_PATH = "/auth/invitation"
#: How long a link is good.
LIFETIME = timedelta(days=7)
#: Invitations of a workspace that wait for an answer at one time.
MOST_OPEN = 100
#: Mails to one address from one workspace within an hour, first ones and those sent again.
MOST_MAILS_PER_HOUR = 3

_HOUR = timedelta(hours=1)
_CREATED, _RESENT = "invitation.created", "invitation.resent"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationMail:
    """What the mail says. Whoever holds `token` and the address may use it: it is told to nobody else."""

    to: str
    token: str = field(repr=False)
    workspace: str
    role: Role
    invited_by: str  #: the name of who invites, or their address; empty for the operator
    expires_at: datetime


#: Puts the mail where it leaves from, in the session's transaction: so it goes exactly if the invitation is there.
Send: TypeAlias = Callable[[Session, InvitationMail], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a link offers to whoever holds it."""

    workspace_id: str
    workspace: str
    email: str
    role: Role
    expires_at: datetime


def invite(
    session: Session,
    workspace_id: str,
    email: str,
    role: Role,
    *,
    by: Actor,
    send: Send,
    now: datetime,
    lifetime: timedelta = LIFETIME,
) -> Invitation:
    """Ask somebody to become a member, with a role that is not above one's own.

    Raises BadInput for the address, for a member and for somebody who is asked already; Forbidden, UnknownName; and
    StateError where too many are open or were sent within an hour, or the workspace is about to be deleted.
    """
    workspace, own = lock_staying(session, workspace_id, by, Permission.MANAGE_MEMBERS)
    _not_above(own, role)
    address = normal_email(email)
    if _is_member(session, workspace_id, address):
        raise BadInput(f"{address} is a member of the workspace already")
    waiting = [one for one in open_invitations(session, workspace_id) if is_open(one, now)]
    if any(one.email == address for one in waiting):
        raise BadInput(f"{address} is invited already; send that invitation again, or revoke it first")
    if len(waiting) >= MOST_OPEN:
        raise StateError(
            f"{MOST_OPEN} invitations of the workspace wait for an answer, and that is as many as there may be; "
            "revoke some first"
        )
    _not_too_often(session, workspace_id, address, now)
    token = new_token(INVITATION)
    made = Invitation(
        workspace_id=workspace_id,
        id=new_id(),
        email=address,
        role=role,
        token_hash=hash_token(token),
        invited_by=by.user_id or "",
        created_at=now,
        sent_at=now,
        expires_at=now + lifetime,
    )
    session.add(made)
    session.flush()
    by.note(session, workspace_id, _CREATED, of=("invitation", made.id), after={"role": role}, now=now)
    send(session, _mail(session, made, token, workspace))
    return made


def resend(
    session: Session,
    workspace_id: str,
    invitation_id: str,
    *,
    by: Actor,
    send: Send,
    now: datetime,
    lifetime: timedelta = LIFETIME,
) -> Invitation:
    """Send an invitation again, with a new link and a new date; the old link is dead from now on.

    One that has expired is open again. Raises BadInput for one that was accepted or revoked, and else as `invite`.
    """
    workspace, own = lock_staying(session, workspace_id, by, Permission.MANAGE_MEMBERS)
    found = _unanswered(session, workspace_id, invitation_id)
    _not_above(own, found.role)
    others = [one for one in open_invitations(session, workspace_id) if is_open(one, now) and one.id != found.id]
    if _is_member(session, workspace_id, found.email) or any(one.email == found.email for one in others):
        raise BadInput(f"{found.email} is a member or invited already; revoke this invitation")
    if len(others) >= MOST_OPEN:
        raise StateError(f"{MOST_OPEN} invitations of the workspace wait for an answer; revoke some first")
    _not_too_often(session, workspace_id, found.email, now)
    token = new_token(INVITATION)
    found.token_hash, found.sent_at, found.expires_at = hash_token(token), now, now + lifetime
    session.add(found)
    session.flush()
    by.note(session, workspace_id, _RESENT, of=("invitation", found.id), now=now)
    send(session, _mail(session, found, token, workspace))
    return found


def revoke(session: Session, workspace_id: str, invitation_id: str, *, by: Actor, now: datetime) -> Invitation:
    """Take an invitation back; its link is dead from now on.

    Raises BadInput for one that was accepted or revoked, Forbidden, UnknownName.
    """
    _, own = lock_staying(session, workspace_id, by, Permission.MANAGE_MEMBERS)
    found = _unanswered(session, workspace_id, invitation_id)
    _not_above(own, found.role)
    found.revoked_at = now
    session.add(found)
    by.note(session, workspace_id, "invitation.revoked", of=("invitation", found.id), now=now)
    return found


def look(session: Session, token: str, *, now: datetime) -> Offer:
    """Return what a link offers, as for the page that asks to sign up or in. It needs no user; raises as `accept`."""
    found = _by_token(session, token, now)
    workspace = session.get(Workspace, found.workspace_id)
    if workspace is None or workspace.delete_after is not None:
        raise _bad_link()
    return Offer(
        workspace_id=workspace.id,
        workspace=workspace.name,
        email=found.email,
        role=found.role,
        expires_at=found.expires_at,
    )


def accept(session: Session, token: str, *, by: Actor, now: datetime) -> Member:
    """Make a signed-in user the member that a link offers. The user's confirmed address must be the one it went to.

    Who is a member already stays what they are. Raises AuthError: BAD_LINK, with one message for a link that is
    malformed, unknown, used, revoked, expired or somebody else's; UNCONFIRMED while the user's address is not
    confirmed; DISABLED.
    """
    workspace = lock(session, _by_token(session, token, now).workspace_id)
    found = _by_token(session, token, now)  # as it is now that nobody else can change it
    user = None if by.user_id is None else session.get(User, by.user_id, populate_existing=True)
    if user is None or user.deleted_at is not None or user.email != found.email or workspace.delete_after is not None:
        raise _bad_link()
    if not is_active(session, user.id):
        raise AuthError("This account is switched off; ask the operator.", kind=AuthProblem.DISABLED)
    if user.email_verified_at is None:
        raise AuthError(
            "Confirm your e-mail address first: the invitation was sent to it.", kind=AuthProblem.UNCONFIRMED
        )
    found.accepted_at, found.accepted_by = now, user.id
    session.add(found)
    joined = member(session, workspace.id, user.id)
    if joined is None:
        joined = Member(
            workspace_id=workspace.id,
            user_id=user.id,
            role=found.role,
            created_at=now,
            invited_by=found.invited_by or None,
        )
        session.add(joined)
    after = {"user": user.id, "role": joined.role}
    by.note(session, workspace.id, "invitation.accepted", of=("invitation", found.id), after=after, now=now)
    return joined


def link(base_url: str, token: str) -> str:
    """Return the link for a token. What stands after # is sent to no server, so it is in no log of one."""
    return f"{base_url.rstrip('/')}{LINK_PATH}#{token}"


def open_invitations(session: Session, workspace_id: str) -> Sequence[Invitation]:
    """Return the invitations that were neither accepted nor revoked, newest first; some may have expired."""
    query = select(Invitation).where(
        col(Invitation.workspace_id) == workspace_id,
        col(Invitation.accepted_at).is_(None),
        col(Invitation.revoked_at).is_(None),
    )
    return session.exec(query.order_by(col(Invitation.sent_at).desc(), col(Invitation.id))).all()


def is_open(invitation: Invitation, now: datetime) -> bool:
    """Say whether the link of an invitation is still good."""
    return invitation.accepted_at is None and invitation.revoked_at is None and now < invitation.expires_at


def _by_token(session: Session, token: str, now: datetime) -> Invitation:
    if kind_of(token) != INVITATION:
        raise _bad_link()
    query = select(Invitation).where(col(Invitation.token_hash) == hash_token(token))
    found = session.exec(query.execution_options(populate_existing=True)).one_or_none()
    if found is None or not is_open(found, now):
        raise _bad_link()
    return found


def _bad_link() -> AuthError:
    return AuthError(
        "This invitation cannot be used: it has expired, was used or taken back, or is for another e-mail address. "
        "Sign in with the address that it was sent to, or ask who invited you to send it again.",
        kind=AuthProblem.BAD_LINK,
    )


def _unanswered(session: Session, workspace_id: str, invitation_id: str) -> Invitation:
    query = select(Invitation).where(col(Invitation.workspace_id) == workspace_id, col(Invitation.id) == invitation_id)
    found = session.exec(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise UnknownName(f"the workspace has no invitation {invitation_id[:80]!r}")
    if found.accepted_at is not None or found.revoked_at is not None:
        how = "accepted" if found.revoked_at is None else "revoked"
        raise BadInput(f"the invitation of {found.email} was {how} already")
    return found


def _is_member(session: Session, workspace_id: str, email: str) -> bool:
    query = (
        select(sa.literal(1))
        .select_from(Member)
        .join(User, col(User.id) == col(Member.user_id))
        .where(col(Member.workspace_id) == workspace_id, col(User.email) == email, col(User.deleted_at).is_(None))
    )
    return session.exec(query.limit(1)).first() is not None


def _not_above(own: Role, role: Role) -> None:
    if outranks(role, own):
        raise Forbidden(f"a member with the role {own} may not invite an {role}; ask an owner of the workspace")


def _not_too_often(session: Session, workspace_id: str, email: str, now: datetime) -> None:
    """Raise StateError where an address got too many mails within an hour; the audit log knows."""
    query = (
        select(col(AuditEntry.at))
        .join(
            Invitation,
            sa.and_(
                col(Invitation.workspace_id) == col(AuditEntry.workspace_id),
                col(Invitation.id) == col(AuditEntry.object_id),
            ),
        )
        .where(
            col(AuditEntry.workspace_id) == workspace_id,
            col(AuditEntry.at) > now - _HOUR,
            col(AuditEntry.action).in_((_CREATED, _RESENT)),
            col(Invitation.email) == email,
        )
    )
    sent = sorted(session.exec(query))
    if len(sent) >= MOST_MAILS_PER_HOUR:
        free = sent[-MOST_MAILS_PER_HOUR] + _HOUR
        raise StateError(
            f"{email} was sent {len(sent)} invitations within an hour; send the next one after {free:%H:%M} UTC"
        )


def _mail(session: Session, invitation: Invitation, token: str, workspace: Workspace) -> InvitationMail:
    inviter = session.get(User, invitation.invited_by)
    return InvitationMail(
        to=invitation.email,
        token=token,
        workspace=workspace.name,
        role=invitation.role,
        invited_by="" if inviter is None else inviter.name or inviter.email,
        expires_at=invitation.expires_at,
    )
