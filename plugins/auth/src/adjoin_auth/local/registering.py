"""Signing up, and confirming that an e-mail is one's own."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from adjoin.auth.v1 import LinkKind, Proof, SignUp
from adjoin_auth.local import mails
from adjoin_auth.local.accounts import account_of, find, proof_of, required_email
from adjoin_auth.local.desk import Desk
from adjoin_auth.local.links import issue, redeem, void
from adjoin_auth.local.refusals import bad_link, email_taken, throttled
from adjoin_auth.local.sweeping import sweep
from adjoin_auth.local.tables import Account
from adjoin_auth.local.throttle import MAIL, SIGN_UP_ADDRESS, Turn, network_of, take
from adjoin_auth.local.weakness import strong_password

__all__ = ["admit", "confirm", "sign_up"]

_LONGEST_NAME = 200


def sign_up(desk: Desk, form: SignUp) -> None:
    """Register somebody, or tell the owner of the e-mail that somebody has tried. Both take the same steps."""
    email = required_email(form.email)
    password = strong_password(form.password, email=email, name=form.name, now=desk.now)
    sweep(desk)
    if form.address:
        with desk.context.write() as session:
            wait = take(session, Turn(SIGN_UP_ADDRESS, network_of(form.address)), desk.now)
        if wait is not None:
            raise throttled(wait)
    hashed = desk.hasher.hash(password)
    with desk.context.write() as session:
        wait = take(session, Turn(MAIL, email), desk.now)  # waits for others who sign up with this e-mail
        if wait is None:
            account = _pending(session, desk, form, email, hashed)
            if account is None:
                desk.mails.append(mails.known_already(email))
            else:
                token = issue(session, account.id, LinkKind.CONFIRM, email, desk.now)
                desk.mails.append(mails.confirm(desk.context, email, token))
    if wait is not None:
        raise throttled(wait)


def admit(desk: Desk, form: SignUp) -> Proof:
    """Register somebody whose e-mail is proven."""
    email = required_email(form.email)
    hashed = desk.hasher.hash(strong_password(form.password, email=email, name=form.name, now=desk.now))
    try:
        with desk.context.write() as session:
            account = _pending(session, desk, form, email, hashed)
            if account is None:
                raise email_taken()
            void(session, account.id)
            account.email_confirmed_at = desk.now
            session.flush()
            return proof_of(session, account)
    except IntegrityError:  # somebody was quicker
        raise email_taken() from None


def _pending(session: Session, desk: Desk, form: SignUp, email: str, hashed: str) -> Account | None:
    """Make or renew an account that is not confirmed; None if the e-mail belongs to somebody."""
    account = find(session, email)
    if account is None:
        account = Account(email=email, password_hash=hashed, created_at=desk.now)
    elif account.email_confirmed_at is not None:
        return None
    account.password_hash = hashed
    account.name = form.name.strip()[:_LONGEST_NAME]
    account.created_at = desk.now
    session.add(account)
    session.flush()
    return account


def confirm(desk: Desk, kind: LinkKind, token: str) -> Proof:
    """Redeem a link that proves an e-mail: the first one of an account, or its new one."""
    if kind is LinkKind.RESET:
        raise bad_link()  # that one is for a new password and nothing else
    try:
        with desk.context.write() as session:
            link = redeem(session, kind, token, desk.now)
            account = account_of(session, link.account_id)
            if account is None:
                raise bad_link()
            before = account.email
            if link.email != before:
                _make_room(session, link.email)
                account.email = link.email
                void(session, account.id)  # what was mailed to the old address
                desk.mails.append(mails.address_changed(before))
            account.email_confirmed_at = desk.now
            session.flush()
            return proof_of(session, account)
    except IntegrityError:
        raise email_taken() from None


def _make_room(session: Session, email: str) -> None:
    """Let go of a sign-up that nobody has confirmed. Raises AuthError of kind `email_taken` for an account."""
    other = find(session, email)
    if other is None:
        return
    if other.email_confirmed_at is not None:
        raise email_taken()
    session.delete(other)
    session.flush()
