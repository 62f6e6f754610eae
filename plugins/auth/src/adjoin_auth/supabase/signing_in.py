"""Passwords, codes and sessions: coming in, staying in, going."""

from __future__ import annotations

import structlog
from supabase_auth.types import Session, User

from adjoin.auth.v1 import Credentials, Proof
from adjoin.errors import AuthError, AuthProblem
from adjoin_auth.local.accounts import as_compared
from adjoin_auth.local.hashing import prepared
from adjoin_auth.local.refusals import unconfirmed, wrong
from adjoin_auth.local.throttle import MAIL, SIGNED_IN, Turn
from adjoin_auth.supabase.calls import Call, Tokens
from adjoin_auth.supabase.guessing import count, count_sign_in, right, right_password, sweep
from adjoin_auth.supabase.proofs import has_ended, proof_of, tokens_of, unpack
from adjoin_auth.supabase.refusals import ended, translated, unavailable

__all__ = [
    "LONGEST_PASSWORD",
    "as_sent",
    "check_password",
    "drop",
    "renew",
    "session_by_password",
    "sign_in",
    "sign_out",
]

_log = structlog.get_logger("adjoin.sign_in.supabase")

#: In bytes: Supabase hashes with bcrypt, which looks at no more.
LONGEST_PASSWORD = 72
#: Before the password is looked at, these would tell who is known.
_TELLING = dict.fromkeys(("user_banned", "validation_failed", "email_address_invalid", "user_not_found"), wrong)


async def sign_in(call: Call, credentials: Credentials) -> Proof:
    """Check an e-mail and a password."""
    await sweep(call)
    email = as_compared(credentials.email)
    turns = await count_sign_in(call, email, credentials.address)
    try:
        session = await session_by_password(call, email, credentials.password, address=credentials.address)
    except AuthError as error:
        if error.kind is AuthProblem.UNCONFIRMED:
            await right(call, turns)
            await _mail_again(call, email)
        elif error.kind is not AuthProblem.WRONG:
            await right(call, turns)
        raise
    await right_password(call, turns, email, credentials.address)
    return await proof_of(call, tokens_of(session), session.user)


async def session_by_password(call: Call, email: str, password: str, *, address: str = "") -> Session:
    """Have Supabase make a session by a password. Raises AuthError of kind `wrong` and others."""
    text = as_sent(password)
    async with call.guest(address) as client:
        with translated(_TELLING):
            answer = await client.sign_in_with_password({"email": email, "password": text})
    if answer.session is None:
        raise unavailable()
    return answer.session


def as_sent(password: str) -> str:
    """Return a password in the form in which it was set. Raises AuthError of kind `wrong` for what can be none."""
    text = prepared(password)
    if not text or len(text) > LONGEST_PASSWORD:
        raise wrong()
    return text.decode()


async def _mail_again(call: Call, email: str) -> None:
    try:
        await count(call, Turn(MAIL, email))
        async with call.guest() as client:
            with translated():
                await client.resend({"type": "signup", "email": email})
    except AuthError as error:
        _log.info("no new link was mailed", kind=error.kind)
    raise unconfirmed() from None


async def check_password(call: Call, subject: str, kept: bytes, password: str) -> User:
    """Check the password of who is signed in, by a session that is over again at once; return who it is."""
    turn = Turn(SIGNED_IN, subject)
    await count(call, turn)
    user = await call.user(unpack(kept))
    if user.id != subject:
        raise ended()
    if not user.email:
        raise wrong()
    session = await session_by_password(call, user.email, password)
    await drop(call, tokens_of(session))
    if session.user.id != subject:
        raise wrong()
    await right(call, [turn])
    return user


async def renew(call: Call, subject: str, kept: bytes) -> Proof:
    """Exchange the refresh token, which is good once. The answer is to be kept before it is used."""
    tokens = unpack(kept)
    async with call.guest() as client:
        with translated():
            answer = await client.refresh_session(tokens.refresh)
    if answer.session is None or answer.session.user.id != subject:
        raise ended()
    return await proof_of(call, tokens_of(answer.session), answer.session.user)


async def sign_out(call: Call, subject: str, kept: bytes) -> None:
    """End the session at Supabase, and no other one of the person."""
    if not kept:
        return
    tokens = unpack(kept)
    try:
        if has_ended(tokens, call.now):  # to end a session takes a token that is still good
            async with call.guest() as client:
                with translated():
                    answer = await client.refresh_session(tokens.refresh)
            if answer.session is None:
                return
            tokens = tokens_of(answer.session)
        await _sign_out(call, tokens)
    except AuthError as error:
        if error.kind is not AuthProblem.ENDED:
            raise


async def drop(call: Call, tokens: Tokens) -> None:
    """End a session that nobody is to use. If that fails it is of no use to anybody either: its tokens are gone."""
    try:
        await _sign_out(call, tokens)
    except AuthError as error:
        _log.info("a session was left behind at Supabase", kind=error.kind)


async def _sign_out(call: Call, tokens: Tokens) -> None:
    async with call.guest() as client:
        with translated():
            await client.admin.sign_out(tokens.access, "local")
