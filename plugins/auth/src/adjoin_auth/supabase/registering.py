"""Signing up, being admitted, and confirming that an e-mail is one's own."""

from __future__ import annotations

import re
from dataclasses import replace

import structlog
from supabase_auth.types import Session, User

from adjoin.auth.v1 import LinkKind, Proof, SignUp
from adjoin.errors import AuthError, AuthProblem
from adjoin_auth.local import mails
from adjoin_auth.local.accounts import required_email
from adjoin_auth.local.refusals import bad_email, bad_link, email_taken, weak_password
from adjoin_auth.local.throttle import MAIL, SIGN_UP_ADDRESS, Turn, network_of
from adjoin_auth.local.weakness import strong_password
from adjoin_auth.supabase.calls import Call
from adjoin_auth.supabase.guessing import count, sweep
from adjoin_auth.supabase.proofs import proof_of, tokens_of
from adjoin_auth.supabase.refusals import translated, unavailable
from adjoin_auth.supabase.signing_in import LONGEST_PASSWORD, drop, session_by_password

__all__ = ["admit", "chosen_password", "confirm", "redeem", "sendable_email", "sign_up"]

_log = structlog.get_logger("adjoin.sign_in.supabase")

_LONGEST_NAME = 200
_TOKEN = re.compile(r"[0-9A-Za-z_]{16,200}")
#: What Supabase calls the links that it mails.
_TYPES = {LinkKind.CONFIRM: "signup", LinkKind.RESET: "recovery", LinkKind.CHANGE_EMAIL: "email_change"}
_NO_EMAIL = {"validation_failed": lambda: bad_email("This is no e-mail address that mail can be sent to.")}


async def sign_up(call: Call, form: SignUp) -> None:
    """Register somebody, who is mailed a link by Supabase; the owner of a known e-mail is told by us.

    Supabase would keep the password of an older sign-up that nobody has confirmed, so that one is removed before.
    """
    email = sendable_email(form.email)
    password = chosen_password(call, form.password, email=email, name=form.name)
    await sweep(call)
    await count(call, Turn(SIGN_UP_ADDRESS, network_of(form.address)), Turn(MAIL, email))
    await _make_room(call, email)
    async with call.guest(form.address) as client:
        with translated({**_NO_EMAIL, "user_already_exists": unavailable, "email_exists": unavailable}):
            answer = await client.sign_up({"email": email, "password": password, "options": {"data": _data(form)}})
    if answer.session is not None:
        # Somebody who has proven nothing: 'Confirm email' is off.
        await _remove(call, answer.session.user)
        _log.error("Supabase lets in who has not confirmed an e-mail: switch 'Confirm email' on; the sign-up is undone")
        raise unavailable()
    if answer.user is not None and answer.user.identities == []:  # made up: the e-mail belongs to somebody
        await call.context.send(mails.known_already(email))


async def admit(call: Call, form: SignUp) -> Proof:
    """Register somebody whose e-mail is proven, and sign them in."""
    email = sendable_email(form.email)
    password = chosen_password(call, form.password, email=email, name=form.name)
    if not await _make_room(call, email):
        raise email_taken()
    async with call.operator() as client:
        with translated(_NO_EMAIL):
            await client.admin.create_user(
                {"email": email, "password": password, "email_confirm": True, "user_metadata": _data(form)}
            )
    session = await session_by_password(call, email, password, address=form.address)
    return replace(await proof_of(call, tokens_of(session), session.user), email_verified=True)


async def confirm(call: Call, kind: LinkKind, token: str) -> Proof:
    """Redeem a link that proves an e-mail: the first one of somebody, or their new one."""
    if kind is LinkKind.RESET:
        raise bad_link()  # that one is for a new password and nothing else
    session = await redeem(call, kind, token)
    proof = await proof_of(call, tokens_of(session), session.user)
    if kind is LinkKind.CHANGE_EMAIL:  # nobody is signed in by that
        await drop(call, tokens_of(session))
        return replace(proof, kept=b"", expires_at=None)
    return proof


async def redeem(call: Call, kind: LinkKind, token: str) -> Session:
    """Use a mailed link up at Supabase. It does not tell old links from made-up ones: both are `bad_link`."""
    if not _TOKEN.fullmatch(token):
        raise bad_link()
    async with call.guest() as client:
        with translated({"validation_failed": bad_link, "email_exists": email_taken}):
            answer = await client.verify_otp({"type": _TYPES[kind], "token_hash": token})  # type: ignore[typeddict-item]
    if answer.session is None:
        raise AuthError(
            "That was the first of two steps: now follow the link that was mailed to your other address.",
            kind=AuthProblem.UNCONFIRMED,
        )
    return answer.session


def sendable_email(text: str) -> str:
    """Return an e-mail as it is compared. Raises AuthError of kind `bad_email`; Supabase takes ASCII only."""
    email = required_email(text)
    if not email.isascii():
        raise bad_email("An e-mail address can only have plain letters here (ASCII).")
    return email


def chosen_password(call: Call, password: str, *, email: str, name: str) -> str:
    """Return a new password as it is sent. Raises AuthError of kind `weak_password`."""
    text = strong_password(password, email=email, name=name, now=call.now)
    if len(text) > LONGEST_PASSWORD:
        raise weak_password(f"The password is too long: use at most {LONGEST_PASSWORD} bytes.", "long")
    return text.decode()


async def _make_room(call: Call, email: str) -> bool:
    """Remove a sign-up that nobody has confirmed; say whether the e-mail is nobody's then."""
    known = await call.find(email)
    if known is None:
        return True
    if known.email_confirmed_at is not None or known.phone_confirmed_at is not None:
        return False
    await _remove(call, known)
    return True


async def _remove(call: Call, user: User) -> None:
    async with call.operator() as client:
        with translated():
            await client.admin.delete_user(user.id)


def _data(form: SignUp) -> dict[str, str]:
    name = form.name.strip()[:_LONGEST_NAME]
    return {"full_name": name, "locale": form.locale} if name else {"locale": form.locale}
