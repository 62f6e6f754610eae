"""From a provider's proof to a user: who is known, who is linked, who is new, and who is not let in.

A user is known by issuer and subject, for good. An e-mail address joins a new identity to a user only where both the
provider and Adjoin know it to be confirmed, and never to a user whom the same issuer knows by another subject: the
address may have passed to somebody else there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from sqlmodel import Session, col, select

from adjoin.access import audit, invitations
from adjoin.access._names import clean_name
from adjoin.access.users import normal_email
from adjoin.auth.v1 import Proof
from adjoin.db.models import DEFAULT_WORKSPACE, Workspace
from adjoin.db.people import Identity, Invitation, Member, Role, User
from adjoin.errors import AuthError, AuthProblem, BadInput

__all__ = ["Registration", "check_may_sign_up", "link", "subject_of", "user_of", "who_is_joined"]

#: Who may register: people who are invited, everybody, or nobody.
Registration: TypeAlias = Literal["invitation", "open", "closed"]

_LONGEST_PICTURE_URL = 2_000


def subject_of(proof: Proof) -> str:
    """Return how a session names a person to its provider: one of a party never reads as one of its own."""
    return f"{proof.issuer} {proof.subject}" if proof.issuer else proof.subject


def check_may_sign_up(session: Session, email: str, invitation: str, policy: Registration, *, now: datetime) -> None:
    """Raise AuthError unless this address may register, `invitation` being the token that was mailed to it.

    Says nothing about who is known: who holds no invitation hears the same for every address.
    """
    if policy == "open":
        return
    if policy == "invitation":
        try:
            if invitations.look(session, invitation, now=now).email == _email(email):
                return
        except AuthError:
            pass
    raise _no_registration(policy)


def user_of(
    session: Session, proof: Proof, *, issuer: str, policy: Registration, settled: bool = True, now: datetime
) -> User:
    """Return the user that a proof is about, made or linked where that is allowed, in the caller's transaction.

    Without `settled`, while a second factor is owed, nothing of a known user is changed. Raises AuthError: DISABLED,
    UNCONFIRMED for an address that nobody vouches for, EMAIL_TAKEN where it belongs to somebody who must sign in as
    before, REFUSED where nobody may register, WRONG for an account that is deleted. `issuer` is the provider's own, for
    proofs that name no other one.
    """
    own, issuer = issuer, proof.issuer or issuer
    identity = session.get(Identity, (issuer, proof.subject))
    if identity is not None:
        user = session.get_one(User, identity.user_id, populate_existing=True)
        _check_active(user)
        if settled and _leads(session, identity, own):
            _follow(session, user, proof, now)
        return user
    if not proof.email_verified:
        raise AuthError(
            "Nobody has confirmed that this e-mail address is yours. Confirm it where you sign in, then try again.",
            kind=AuthProblem.UNCONFIRMED,
        )
    email = _email(proof.email)
    known = _by_email(session, email)
    if known is None:
        known = _new_user(session, proof, email, policy, now)
    else:
        _check_active(known)
        _check_may_join(session, known, issuer)
        if known.email_verified_at is None:
            known.email_verified_at = now
        audit.record_everywhere(
            session, user_id=known.id, action="user.linked", object_kind="user", object_id=known.id,
            after={"issuer": issuer}, now=now,
        )  # fmt: skip
    session.add(Identity(issuer=issuer, subject=proof.subject, user_id=known.id, created_at=now))
    return known


def link(session: Session, user_id: str, proof: Proof, *, issuer: str, now: datetime) -> None:
    """Let a user who is signed in be known by another proof as well. Raises AuthError where it is somebody else's."""
    issuer = proof.issuer or issuer
    identity = session.get(Identity, (issuer, proof.subject))
    if identity is not None and identity.user_id != user_id:
        raise AuthError("This sign-in belongs to another account here.", kind=AuthProblem.EMAIL_TAKEN)
    if identity is None:
        session.add(Identity(issuer=issuer, subject=proof.subject, user_id=user_id, created_at=now))
        audit.record_everywhere(
            session, user_id=user_id, action="user.linked", object_kind="user", object_id=user_id,
            after={"issuer": issuer}, now=now,
        )  # fmt: skip


def who_is_joined(session: Session, proof: Proof, *, issuer: str) -> str | None:
    """Return the subject at `issuer` of the user whom a party's proof would join by its address alone, if any."""
    if session.get(Identity, (proof.issuer, proof.subject)) is not None or not proof.email_verified:
        return None
    user = _by_email(session, _email(proof.email))
    own = select(Identity.subject).where(Identity.issuer == issuer, Identity.user_id == (user.id if user else ""))
    return session.exec(own.order_by(col(Identity.created_at))).first()


def _new_user(session: Session, proof: Proof, email: str, policy: Registration, now: datetime) -> User:
    first = session.exec(select(User.id).limit(1)).first() is None
    if policy == "closed" or (policy == "invitation" and not _is_invited(session, email, now)):
        raise _no_registration(policy)
    user = User(
        email=email,
        email_verified_at=now,
        name=_name(proof.name),
        picture_url=_picture(proof.picture_url),
        created_at=now,
    )
    session.add(user)
    if first and policy == "open" and session.get(Workspace, DEFAULT_WORKSPACE) is not None:
        _own_default(session, user, now)
    return user


def _own_default(session: Session, user: User, now: datetime) -> None:
    """Where everybody may register, the first one owns what was there before there were people."""
    if session.exec(select(Member.user_id).where(Member.workspace_id == DEFAULT_WORKSPACE).limit(1)).first() is None:
        session.add(Member(workspace_id=DEFAULT_WORKSPACE, user_id=user.id, role=Role.OWNER, created_at=now))
        audit.record(
            session, workspace_id=DEFAULT_WORKSPACE, actor=audit.SYSTEM, action="member.added", object_kind="user",
            object_id=user.id, after={"role": Role.OWNER}, now=now,
        )  # fmt: skip


def _leads(session: Session, identity: Identity, own: str) -> bool:
    """Whether a user's address follows this one of their identities.

    The provider's own leads; without it the first one. An address would go back and forth with two that lead.
    """
    if identity.issuer == own:
        return True
    query = select(Identity).where(Identity.user_id == identity.user_id)
    known = session.exec(query.order_by(col(Identity.created_at), col(Identity.issuer))).all()
    return known[0] is identity and all(one.issuer != own for one in known)


def _follow(session: Session, user: User, proof: Proof, now: datetime) -> None:
    """Take over an address that has changed at the provider, where it is confirmed and free."""
    if not proof.email_verified:
        return
    email = _email(proof.email)
    if email == user.email:
        user.email_verified_at = user.email_verified_at or now
    elif _by_email(session, email) is None:
        before, user.email, user.email_verified_at = user.email, email, now
        audit.record_everywhere(
            session, user_id=user.id, action="user.email_changed", object_kind="user", object_id=user.id,
            before={"email": before}, after={"email": email}, now=now,
        )  # fmt: skip


def _check_active(user: User) -> None:
    if user.deleted_at is not None:
        raise AuthError("E-mail address or password is wrong.", kind=AuthProblem.WRONG)
    if user.disabled_at is not None:
        raise AuthError("This account is switched off; ask the operator.", kind=AuthProblem.DISABLED)


def _check_may_join(session: Session, user: User, issuer: str) -> None:
    known = session.exec(select(Identity).where(Identity.user_id == user.id)).all()
    if any(one.issuer == issuer for one in known) or (known and user.email_verified_at is None):
        raise AuthError(
            "There is an account with this e-mail address already. Sign in to it the way you did before; then you "
            "can add this way to your profile.",
            kind=AuthProblem.EMAIL_TAKEN,
        )


def _by_email(session: Session, email: str) -> User | None:
    return session.exec(select(User).where(User.email == email, col(User.deleted_at).is_(None))).one_or_none()


def _is_invited(session: Session, email: str, now: datetime) -> bool:
    found: Sequence[Invitation] = session.exec(select(Invitation).where(Invitation.email == email)).all()
    return any(invitations.is_open(one, now) for one in found)


def _email(text: str) -> str:
    try:
        return normal_email(text)
    except BadInput as error:
        raise AuthError("This is no e-mail address.", kind=AuthProblem.BAD_EMAIL) from error


def _name(text: str) -> str:
    try:
        return clean_name(text, "a name", may_be_empty=True)
    except BadInput:
        return ""


def _picture(url: str) -> str:
    return url if url.startswith("https://") and len(url) <= _LONGEST_PICTURE_URL and url.isprintable() else ""


def _no_registration(policy: Registration) -> AuthError:
    if policy == "closed":
        return AuthError("Nobody can register here. Ask the operator for an account.", kind=AuthProblem.REFUSED)
    return AuthError(
        "Registration is by invitation: open the link in the mail that invites you, and use the address that it was "
        "sent to. If it is too old, ask for another one.",
        kind=AuthProblem.REFUSED,
    )
