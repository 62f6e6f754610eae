"""New passwords and new e-mail addresses, for who has proven to be themselves."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import structlog
from sqlmodel import Session as Database
from supabase_auth.errors import AuthError as SupabaseError
from supabase_auth.types import User

from adjoin.auth.v1 import LinkKind, Proof
from adjoin.db.upsert import upsert
from adjoin.errors import AuthError, AuthProblem, SecretError
from adjoin_auth.local import mails
from adjoin_auth.local.accounts import as_compared
from adjoin_auth.local.refusals import bad_email, bad_link
from adjoin_auth.local.throttle import MAIL, RESET_ADDRESS, Turn, network_of
from adjoin_auth.supabase.calls import Call, Tokens
from adjoin_auth.supabase.guessing import count, sweep
from adjoin_auth.supabase.proofs import pack, proof_of, tokens_of, unpack
from adjoin_auth.supabase.refusals import code_of, translated
from adjoin_auth.supabase.registering import chosen_password, redeem, sendable_email
from adjoin_auth.supabase.signing_in import as_sent, check_password, session_by_password
from adjoin_auth.supabase.tables import LINK_PURPOSE, RedeemedLink

__all__ = ["ask_reset", "change_email", "change_password", "reset"]

_log = structlog.get_logger("adjoin.sign_in.supabase")

#: A redeemed link stays good as long as the session that it has opened can act.
_REDEEMED_FOR = timedelta(minutes=55)
_SILENT = frozenset({"validation_failed", "email_address_invalid", "user_not_found", "over_email_send_rate_limit"})


async def ask_reset(call: Call, email: str, address: str) -> None:
    """Have Supabase mail a link to who has forgotten the password.

    That a mail left a minute ago is told of known addresses alone, so nobody hears of it.
    """
    await sweep(call)
    wanted = as_compared(email)
    await count(call, Turn(RESET_ADDRESS, network_of(address)), Turn(MAIL, wanted))
    async with call.guest(address) as client:
        with translated():
            try:
                await client.reset_password_for_email(wanted)
            except SupabaseError as error:
                if code_of(error) not in _SILENT:
                    raise
                _log.info("no link for a new password was mailed", code=code_of(error))


async def reset(call: Call, token: str, password: str) -> Proof:
    """Set a new password by a mailed link.

    Supabase uses the link up when it is opened. What it opens is kept, sealed, until there is a new password, so that
    one that is refused does not cost the link.
    """
    tokens = await _opened(call, token)
    try:
        user = await call.user(tokens)
    except AuthError as error:
        if error.kind is AuthProblem.ENDED:
            raise bad_link() from None  # the password was changed otherwise meanwhile
        raise
    text = chosen_password(call, password, email=user.email or "", name=_name(user))
    async with call.member(tokens) as client:
        with translated({"session_not_found": bad_link, "bad_jwt": bad_link}):
            try:
                user = (await client.update_user({"password": text})).user
            except SupabaseError as error:
                if code_of(error) != "insufficient_aal":
                    raise
                tokens, user = await _by_operator(call, user, text)
    await call.rows(lambda session: _forget(session, token))
    if user.email:
        await call.context.send(mails.password_changed(user.email))
    return await proof_of(call, tokens, user)


async def change_password(call: Call, subject: str, kept: bytes, current: str, new: str) -> Proof:
    """Set a new password for who knows the current one, in the session they are in. The others end at Supabase, too."""
    user = await check_password(call, subject, kept, current)
    text = chosen_password(call, new, email=user.email or "", name=_name(user))
    tokens = unpack(kept)
    async with call.member(tokens) as client:
        with translated():
            changed = await client.update_user({"password": text, "current_password": as_sent(current)})
    await call.context.send(mails.password_changed(user.email or ""))
    return await proof_of(call, tokens, changed.user)


async def change_email(call: Call, subject: str, kept: bytes, password: str, email: str) -> None:
    """Have Supabase mail a link to the new address, and warn the old one ourselves.

    Where the new one is known, its owner hears of that instead, and who asks hears nothing.
    """
    user = await check_password(call, subject, kept, password)
    wanted = sendable_email(email)
    if wanted == user.email:
        raise bad_email("This is the e-mail address that you have already.")
    await count(call, Turn(MAIL, wanted))
    taken = False
    async with call.member(unpack(kept)) as client:
        with translated(
            {"validation_failed": lambda: bad_email("This is no e-mail address that mail can be sent to.")}
        ):
            try:
                await client.update_user({"email": wanted})
            except SupabaseError as error:
                if code_of(error) != "email_exists":
                    raise
                taken = True
    await call.context.send(mails.known_already(wanted) if taken else mails.changing_address(user.email or ""))


async def _opened(call: Call, token: str) -> Tokens:
    """Redeem a link at Supabase, or go on where that was done before."""
    record = _record(token)
    kept = await call.rows(lambda session: _find(session, call, record))
    if kept is not None:
        try:
            return unpack(call.context.unseal(kept, purpose=LINK_PURPOSE, record=record))
        except SecretError:
            raise bad_link() from None
    tokens = tokens_of(await redeem(call, LinkKind.RESET, token))
    row = {
        "id": record,
        "kept": call.context.seal(pack(tokens), purpose=LINK_PURPOSE, record=record),
        "expires_at": call.now + _REDEEMED_FOR,
    }
    await call.rows(lambda session: upsert(session, RedeemedLink, [row], update=("kept", "expires_at")))
    return tokens


def _find(session: Database, call: Call, record: str) -> bytes | None:
    found = session.get(RedeemedLink, record)
    return None if found is None or found.expires_at <= call.now else found.kept


def _forget(session: Database, token: str) -> None:
    found = session.get(RedeemedLink, _record(token))
    if found is not None:
        session.delete(found)


async def _by_operator(call: Call, user: User, password: str) -> tuple[Tokens, User]:
    """Set the password of who has a second factor, which only they or the operator may; it is still asked for."""
    async with call.operator() as client:
        with translated():
            await client.admin.update_user_by_id(user.id, {"password": password})
    session = await session_by_password(call, user.email or "", password)
    return tokens_of(session), session.user


def _record(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _name(user: User) -> str:
    found = user.user_metadata.get("full_name") or user.user_metadata.get("name")
    return found if isinstance(found, str) else ""
