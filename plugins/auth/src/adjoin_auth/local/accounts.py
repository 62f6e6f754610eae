"""Accounts: found by e-mail or subject, and what is proven of them."""

from __future__ import annotations

from sqlmodel import Session, col, select

from adjoin.access.users import normal_email
from adjoin.auth.v1 import Level, Proof
from adjoin.errors import BadInput
from adjoin_auth.local.refusals import bad_email
from adjoin_auth.local.tables import Account, SecondFactor

__all__ = ["account_of", "active_factors", "as_compared", "find", "proof_of", "required_email"]


def required_email(text: str) -> str:
    """Return an e-mail as it is compared. Raises AuthError of kind `bad_email`."""
    try:
        return normal_email(text)
    except BadInput as error:
        raise bad_email(str(error)) from None


def as_compared(text: str) -> str:
    """Return an e-mail as it is compared; text that is none comes back shortened, and belongs to nobody."""
    try:
        return normal_email(text)
    except BadInput:
        return f"? {text[:254]}"


def find(session: Session, email: str) -> Account | None:
    """Find an account by its e-mail, as it is compared."""
    return session.exec(select(Account).where(Account.email == email)).one_or_none()


def account_of(session: Session, subject: str) -> Account | None:
    """Find the account of a proof's subject."""
    return session.get(Account, subject)


def active_factors(session: Session, subject: str) -> list[SecondFactor]:
    """List the second factors that are in force, oldest first."""
    chosen = select(SecondFactor).where(SecondFactor.account_id == subject, col(SecondFactor.active_at).is_not(None))
    return list(session.exec(chosen.order_by(col(SecondFactor.active_at), col(SecondFactor.id))))


def proof_of(session: Session, account: Account, level: Level = Level.PASSWORD) -> Proof:
    """Say who somebody is. At the level of a password, a second factor that is in force is still to be shown."""
    return Proof(
        subject=account.id,
        email=account.email,
        email_verified=account.email_confirmed_at is not None,
        level=level,
        needs_second_factor=level is Level.PASSWORD and bool(active_factors(session, account.id)),
        name=account.name,
    )
