"""Slowing down who guesses. Supabase counts by network address, and all people of an installation come from one."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from adjoin.db.upsert import upsert
from adjoin_auth.local.refusals import throttled, wrong_code
from adjoin_auth.local.throttle import (
    SIGN_IN_ADDRESS,
    SIGN_IN_EMAIL,
    SIGN_IN_KNOWN,
    Rule,
    Turn,
    clear_buckets,
    give_back,
    network_of,
    take,
)
from adjoin_auth.supabase.calls import Call
from adjoin_auth.supabase.tables import KnownAddress, RedeemedLink, UsedCode

__all__ = ["count", "count_sign_in", "is_used", "right", "right_password", "sweep", "use_code"]

_KNOWN_FOR = timedelta(days=90)
_MOST_KNOWN = 20
_SWEEP = Rule("supabase_sweep", burst=1, interval=timedelta(minutes=1))
_STEP = 30  # seconds that a code is shown
_STEPS = 4  # a code is good a step before and after its own


async def count(call: Call, *turns: Turn) -> None:
    """Count an attempt, where there is somebody to count it for. Raises AuthError of kind `throttled`."""
    wait = await call.rows(lambda session: _count(session, [turn for turn in turns if turn.who], call.now))
    if wait is not None:
        raise throttled(wait)


async def count_sign_in(call: Call, email: str, address: str) -> list[Turn]:
    """Count an attempt to sign in; return what `right_password` takes back. Raises AuthError of kind `throttled`."""
    network = network_of(address)

    def work(session: Session) -> tuple[list[Turn], timedelta | None]:
        if network and _knows(session, email, network, call.now):
            turns = [Turn(SIGN_IN_KNOWN, f"{email}\n{network}")]
        else:
            turns = [turn for turn in (Turn(SIGN_IN_ADDRESS, network), Turn(SIGN_IN_EMAIL, email)) if turn.who]
        return turns, _count(session, turns, call.now)

    turns, wait = await call.rows(work)
    if wait is not None:
        raise throttled(wait)
    return turns


async def right(call: Call, turns: list[Turn]) -> None:
    """Take attempts out of the count again."""
    await call.rows(lambda session: give_back(session, turns))


async def right_password(call: Call, turns: list[Turn], email: str, address: str) -> None:
    """Take a sign-in out of the count, and remember where the right password came from."""
    network = network_of(address)

    def work(session: Session) -> None:
        give_back(session, turns)
        if network:
            _remember(session, email, network, call.now)

    await call.rows(work)


async def is_used(call: Call, subject: str, code: str) -> bool:
    """Say whether a code was taken before, or another one in the same 30 seconds, which may be newer."""
    return await call.rows(lambda session: _is_used(session, subject, code, _step(call.now)))


async def use_code(call: Call, subject: str, code: str) -> None:
    """Use a code up. Raises AuthError of kind `wrong` where somebody was quicker."""
    step = _step(call.now)

    def work(session: Session) -> None:
        if _is_used(session, subject, code, step):
            raise wrong_code()
        session.add(UsedCode(subject=subject, step=step, code_hash=_hash(subject, code)))
        session.flush()

    try:
        await call.rows(work)
    except IntegrityError:
        raise wrong_code() from None


async def sweep(call: Call) -> None:
    """Clear what is over, at most once a minute in all processes together."""

    def work(session: Session) -> None:
        if take(session, Turn(_SWEEP, ""), call.now) is not None:
            return
        run = session.connection().execute
        clear_buckets(session, call.now)
        run(sa.delete(RedeemedLink).where(col(RedeemedLink.expires_at) <= call.now))
        run(sa.delete(UsedCode).where(col(UsedCode.step) < _step(call.now) - _STEPS))
        run(sa.delete(KnownAddress).where(col(KnownAddress.last_seen_at) < call.now - _KNOWN_FOR))

    await call.rows(work)


def _count(session: Session, turns: list[Turn], now: datetime) -> timedelta | None:
    return next((wait for turn in turns if (wait := take(session, turn, now)) is not None), None)


def _knows(session: Session, email: str, network: str, now: datetime) -> bool:
    known = session.get(KnownAddress, (_hash("", email), _hash(email, network)))
    return known is not None and known.last_seen_at > now - _KNOWN_FOR


def _remember(session: Session, email: str, network: str, now: datetime) -> None:
    mine = _hash("", email)
    row = {"email_hash": mine, "address_hash": _hash(email, network), "last_seen_at": now}
    upsert(session, KnownAddress, [row], update=("last_seen_at",))
    newest = (
        select(KnownAddress.address_hash)
        .where(KnownAddress.email_hash == mine)
        .order_by(col(KnownAddress.last_seen_at).desc())
        .limit(_MOST_KNOWN)
    )
    others = sa.delete(KnownAddress).where(col(KnownAddress.email_hash) == mine)
    session.connection().execute(others.where(col(KnownAddress.address_hash).not_in(newest)))


def _is_used(session: Session, subject: str, code: str, step: int) -> bool:
    lately = select(UsedCode).where(UsedCode.subject == subject, col(UsedCode.step) > step - _STEPS)
    mine = _hash(subject, code)
    return any(used.step >= step or used.code_hash == mine for used in session.exec(lately))


def _step(now: datetime) -> int:
    return int(now.timestamp()) // _STEP


def _hash(scope: str, text: str) -> bytes:
    return hashlib.sha256(f"{scope}\n{text}".encode("utf-8", "surrogatepass")).digest()
