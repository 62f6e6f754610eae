"""New passwords and new e-mail addresses, for who has proven to be themselves."""

from __future__ import annotations

from adjoin.auth.v1 import LinkKind, Proof
from adjoin_auth.local import mails
from adjoin_auth.local.accounts import account_of, as_compared, find, proof_of, required_email
from adjoin_auth.local.desk import Desk
from adjoin_auth.local.links import issue, look_up, redeem, void
from adjoin_auth.local.refusals import bad_email, bad_link, throttled, wrong
from adjoin_auth.local.signing_in import check_password
from adjoin_auth.local.sweeping import leave_a_trace, sweep
from adjoin_auth.local.throttle import MAIL, RESET_ADDRESS, Turn, network_of, take
from adjoin_auth.local.weakness import strong_password

__all__ = ["ask_reset", "change_email", "change_password", "reset"]


def ask_reset(desk: Desk, email: str, address: str) -> None:
    """Mail a link to who has forgotten the password. For an unknown e-mail as many rows are written, to no effect."""
    sweep(desk)
    wanted = as_compared(email)
    if address:
        with desk.context.write() as session:
            wait = take(session, Turn(RESET_ADDRESS, network_of(address)), desk.now)
        if wait is not None:
            raise throttled(wait)
    with desk.context.write() as session:
        wait = take(session, Turn(MAIL, wanted), desk.now)
        account = find(session, wanted)
        if wait is None and account is not None:
            token = issue(session, account.id, LinkKind.RESET, account.email, desk.now)
            desk.mails.append(mails.reset(desk.context, account.email, token))
    if wait is not None:
        raise throttled(wait)
    if account is None:
        leave_a_trace(desk)  # where a mail would have gone into the outbox


def reset(desk: Desk, token: str, password: str) -> Proof:
    """Set a new password by a mailed link, which proves the e-mail too."""
    with desk.context.read() as session:
        link = look_up(session, LinkKind.RESET, token, desk.now)
        account = account_of(session, link.account_id)
    if account is None:
        raise bad_link()
    hashed = desk.hasher.hash(strong_password(password, email=account.email, name=account.name, now=desk.now))
    with desk.context.write() as session:
        redeem(session, LinkKind.RESET, token, desk.now)
        current = account_of(session, account.id)
        if current is None or current.email != link.email:
            raise bad_link()
        current.password_hash = hashed
        current.email_confirmed_at = current.email_confirmed_at or desk.now
        void(session, current.id)
        session.flush()
        desk.mails.append(mails.password_changed(current.email))
        return proof_of(session, current)


def change_password(desk: Desk, subject: str, current: str, new: str) -> Proof:
    """Set a new password for who knows the current one. Links that were mailed before are void."""
    account = check_password(desk, subject, current)
    hashed = desk.hasher.hash(strong_password(new, email=account.email, name=account.name, now=desk.now))
    with desk.context.write() as session:
        stored = account_of(session, subject)
        if stored is None or stored.password_hash != account.password_hash:
            raise wrong()
        stored.password_hash = hashed
        void(session, subject)
        session.flush()
        desk.mails.append(mails.password_changed(stored.email))
        return proof_of(session, stored)


def change_email(desk: Desk, subject: str, password: str, email: str) -> None:
    """Mail a link to the new address and a warning to the old one. It is not said whether the new one is known."""
    wanted = required_email(email)
    account = check_password(desk, subject, password)
    if wanted == account.email:
        raise bad_email("This is the e-mail address that you have already.")
    with desk.context.write() as session:
        wait = take(session, Turn(MAIL, wanted), desk.now)
        if wait is None:
            token = issue(session, subject, LinkKind.CHANGE_EMAIL, wanted, desk.now)
            desk.mails.append(mails.change_address(desk.context, wanted, token))
            desk.mails.append(mails.changing_address(account.email))
    if wait is not None:
        raise throttled(wait)
