"""Checking passwords, at the same cost for everybody."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.auth.v1 import Credentials, LinkKind, Proof
from adjoin.db.upsert import upsert
from adjoin_auth.local import mails
from adjoin_auth.local.accounts import account_of, as_compared, find, proof_of
from adjoin_auth.local.desk import Desk
from adjoin_auth.local.hashing import Verdict, prepared
from adjoin_auth.local.links import issue
from adjoin_auth.local.refusals import throttled, unconfirmed, wrong
from adjoin_auth.local.sweeping import sweep
from adjoin_auth.local.tables import Account, KnownAddress
from adjoin_auth.local.throttle import (
    MAIL,
    SIGN_IN_ADDRESS,
    SIGN_IN_EMAIL,
    SIGN_IN_KNOWN,
    SIGNED_IN,
    Turn,
    give_back,
    network_of,
    take,
)

__all__ = ["KNOWN_FOR", "check_password", "sign_in"]

#: How long an address is remembered after the right password came from it, and how many of each account.
KNOWN_FOR = timedelta(days=90)
_MOST_KNOWN = 20


def sign_in(desk: Desk, credentials: Credentials) -> Proof:
    """Check an e-mail and a password."""
    sweep(desk)
    email = as_compared(credentials.email)
    address = network_of(credentials.address)
    with desk.context.write() as session:
        account = find(session, email)
        turns = _turns(session, account, email, address, desk.now)
        wait = _take(session, turns, desk.now)
    if wait is not None:
        raise throttled(wait)
    verdict = _verify(desk, account, credentials.password)
    if account is None or not verdict.fits:
        raise wrong()
    with desk.context.write() as session:
        give_back(session, turns)
        current = _still(session, account)
        _renew(session, current, verdict)
        if current.email_confirmed_at is None:
            if take(session, Turn(MAIL, current.email), desk.now) is None:
                token = issue(session, current.id, LinkKind.CONFIRM, current.email, desk.now)
                desk.mails.append(mails.confirm(desk.context, current.email, token))
            proof = None
        else:
            _remember(session, current.id, address, desk.now)
            proof = proof_of(session, current)
    if proof is None:
        raise unconfirmed()
    return proof


def check_password(desk: Desk, subject: str, password: str) -> Account:
    """Check the password of somebody who is signed in; their attempts are counted apart from those who sign in."""
    turn = Turn(SIGNED_IN, subject)
    with desk.context.write() as session:
        account = account_of(session, subject)
        wait = take(session, turn, desk.now)
    if wait is not None:
        raise throttled(wait)
    verdict = _verify(desk, account, password)
    if account is None or not verdict.fits:
        raise wrong()
    with desk.context.write() as session:
        give_back(session, [turn])
        current = _still(session, account)
        _renew(session, current, verdict)
        return current


def _still(session: Session, account: Account) -> Account:
    """Return the account of today, whose password must still be the one that was checked."""
    current = session.get(Account, account.id)
    if current is None or current.password_hash != account.password_hash:
        raise wrong()
    return current


def _verify(desk: Desk, account: Account | None, password: str) -> Verdict:
    text = prepared(password)
    if text is None:  # the same whoever is meant
        return Verdict(fits=False)
    return desk.hasher.verify(text, None if account is None else account.password_hash)


def _renew(session: Session, account: Account, verdict: Verdict) -> None:
    if verdict.renewed is not None:
        account.password_hash = verdict.renewed
        session.flush()


def _turns(session: Session, account: Account | None, email: str, address: str, now: datetime) -> list[Turn]:
    """What an attempt counts against; always in this order, so that no two wait for each other's rows."""
    if account is not None and address and _knows(session, account.id, address, now):
        return [Turn(SIGN_IN_KNOWN, f"{email}\n{address}")]
    by_email = [Turn(SIGN_IN_EMAIL, email)]
    return [Turn(SIGN_IN_ADDRESS, address), *by_email] if address else by_email


def _take(session: Session, turns: list[Turn], now: datetime) -> timedelta | None:
    for turn in turns:
        wait = take(session, turn, now)
        if wait is not None:
            return wait
    return None


def _address_hash(account_id: str, address: str) -> bytes:
    return hashlib.sha256(f"{account_id}\n{address}".encode("utf-8", "surrogatepass")).digest()


def _knows(session: Session, account_id: str, address: str, now: datetime) -> bool:
    known = session.get(KnownAddress, (account_id, _address_hash(account_id, address)))
    return known is not None and known.last_seen_at > now - KNOWN_FOR


def _remember(session: Session, account_id: str, address: str, now: datetime) -> None:
    if not address:
        return
    row = {"account_id": account_id, "address_hash": _address_hash(account_id, address), "last_seen_at": now}
    upsert(session, KnownAddress, [row], update=("last_seen_at",))
    newest = (
        select(KnownAddress.address_hash)
        .where(KnownAddress.account_id == account_id)
        .order_by(col(KnownAddress.last_seen_at).desc())
        .limit(_MOST_KNOWN)
    )
    session.connection().execute(
        sa.delete(KnownAddress).where(
            col(KnownAddress.account_id) == account_id, col(KnownAddress.address_hash).not_in(newest)
        )
    )
