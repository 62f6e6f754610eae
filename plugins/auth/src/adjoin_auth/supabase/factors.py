"""Second factors: codes of the time (TOTP), set up and checked at Supabase. There are no recovery codes there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, timedelta

from supabase_auth.errors import AuthError as SupabaseError
from supabase_auth.types import AuthMFAVerifyResponse, User
from supabase_auth.types import Factor as StoredFactor

from adjoin.auth.v1 import Enrollment, Factor, Proof
from adjoin.errors import BadInput
from adjoin_auth.local import mails
from adjoin_auth.local.refusals import bad_link, wrong_code
from adjoin_auth.local.throttle import SECOND_FACTOR, Turn
from adjoin_auth.supabase.calls import Call, Tokens
from adjoin_auth.supabase.guessing import count, is_used, right, use_code
from adjoin_auth.supabase.proofs import proof_of, unpack
from adjoin_auth.supabase.refusals import code_of, ended, translated, unavailable

__all__ = ["activate", "enroll", "factors", "remove_factor", "second_factor"]

_CODE = re.compile(r"[0-9]{6}")
_ENROLLMENT_FOR = timedelta(minutes=10)
_MOST_FACTORS = 10
_LONGEST_LABEL = 100
_ISSUER = "Adjoin"
_NOT_IT = frozenset({"mfa_verification_failed", "mfa_verification_rejected", "mfa_challenge_expired"})


async def factors(call: Call, subject: str, kept: bytes) -> list[Factor]:
    """List the factors that are in force, oldest first. Without a session it is the operator who asks."""
    user = await _stored(call, subject) if not kept else await _person(call, subject, unpack(kept))
    return [
        Factor(id=one.id, label=one.friendly_name or "", created_at=one.created_at.astimezone(UTC))
        for one in _in_force(user.factors if user else None)
    ]


async def second_factor(call: Call, subject: str, kept: bytes, code: str) -> Proof:
    """Check a code of any factor that is in force. Supabase takes a code again while it lasts; we do not."""
    turn = Turn(SECOND_FACTOR, subject)
    await count(call, turn)
    plain = _plain(code)
    tokens = unpack(kept)
    user = await _person(call, subject, tokens)
    if await is_used(call, subject, plain):
        raise wrong_code()
    for factor in _in_force(user.factors):
        answer = await _verify(call, tokens, factor.id, plain)
        if answer is not None:
            return await _passed(call, subject, plain, turn, answer)
    raise wrong_code()


async def enroll(call: Call, subject: str, kept: bytes, label: str) -> Enrollment:
    """Make a seed that is not in force yet, in place of one that was never activated."""
    tokens = unpack(kept)
    user = await _person(call, subject, tokens)
    if len(_in_force(user.factors)) >= _MOST_FACTORS:
        raise BadInput(f"There can be {_MOST_FACTORS} second factors at most; remove one first")
    name = _free_label(label, user)
    async with call.member(tokens, subject) as client:
        with translated():
            for one in user.factors or ():
                if one.status != "verified" and one.factor_type == "totp":
                    await client.mfa.unenroll({"factor_id": one.id})
            made = await client.mfa.enroll({"factor_type": "totp", "friendly_name": name, "issuer": _ISSUER})
    if made.totp is None:
        raise unavailable()
    return Enrollment(id=made.id, secret=made.totp.secret, uri=made.totp.uri)


async def activate(call: Call, subject: str, kept: bytes, enrollment: str, code: str) -> Proof:
    """Put a factor into force by a code of it, which is used up by that. The session is of two factors from then on."""
    tokens = unpack(kept)
    user = await _person(call, subject, tokens)
    factor = next((one for one in user.factors or () if one.id == enrollment), None)
    if factor is None or factor.status == "verified" or factor.created_at + _ENROLLMENT_FOR <= call.now:
        raise bad_link()
    turn = Turn(SECOND_FACTOR, subject)
    await count(call, turn)
    plain = _plain(code)
    if await is_used(call, subject, plain):
        raise wrong_code()
    answer = await _verify(call, tokens, enrollment, plain)
    if answer is None:
        raise wrong_code()
    proof = await _passed(call, subject, plain, turn, answer)
    if user.email:
        await call.context.send(mails.factor_added(user.email))
    return proof


async def remove_factor(call: Call, subject: str, kept: bytes, factor: str) -> None:
    """Remove a factor of the person; what is unknown or somebody else's is left alone.

    Supabase wants a session of two factors for it. Without a session it is the operator who removes it.
    """
    user = await _stored(call, subject) if not kept else await _person(call, subject, unpack(kept))
    found = next((one for one in (user.factors if user else None) or () if one.id == factor), None)
    if user is None or found is None:
        return
    with translated():
        try:
            if kept:
                async with call.member(unpack(kept), subject) as client:
                    await client.mfa.unenroll({"factor_id": factor})
            else:
                async with call.operator() as client:
                    await client.admin.mfa.delete_factor({"user_id": subject, "id": factor})
        except SupabaseError as error:
            if code_of(error) == "mfa_factor_not_found":
                return
            raise
    if found.status == "verified" and user.email:
        await call.context.send(mails.factor_removed(user.email))


async def _person(call: Call, subject: str, tokens: Tokens) -> User:
    user = await call.user(tokens)
    if user.id != subject:
        raise ended()
    return user


async def _stored(call: Call, subject: str) -> User | None:
    """Look somebody up by the secret key; None if there is no such person."""
    async with call.operator() as client:
        with translated():
            try:
                return (await client.admin.get_user_by_id(subject)).user
            except SupabaseError as error:
                if code_of(error) == "user_not_found":
                    return None
                raise


async def _verify(call: Call, tokens: Tokens, factor: str, code: str) -> AuthMFAVerifyResponse | None:
    """Try a code; None where it is wrong."""
    async with call.member(tokens) as client:
        with translated():
            try:
                return await client.mfa.challenge_and_verify({"factor_id": factor, "code": code})
            except SupabaseError as error:
                if code_of(error) in _NOT_IT:
                    return None
                raise


async def _passed(call: Call, subject: str, code: str, turn: Turn, answer: AuthMFAVerifyResponse) -> Proof:
    await use_code(call, subject, code)
    await right(call, [turn])
    return await proof_of(call, Tokens(answer.access_token, answer.refresh_token), answer.user)


def _in_force(factors: Iterable[StoredFactor] | None) -> list[StoredFactor]:
    found = [one for one in factors or () if one.status == "verified" and one.factor_type == "totp"]
    return sorted(found, key=lambda one: (one.created_at, one.id))


def _free_label(label: str, user: User) -> str:
    """Return a label that the person has not given before: Supabase wants names of factors that are all different."""
    wanted = label.strip()[:_LONGEST_LABEL] or "Authenticator"
    taken = {one.friendly_name for one in user.factors or () if one.status == "verified" or one.factor_type != "totp"}
    names = (wanted, *(f"{wanted} {number}" for number in range(2, _MOST_FACTORS + 2)))
    return next(name for name in names if name not in taken)


def _plain(code: str) -> str:
    """Return a code without what people put into it. Raises AuthError of kind `wrong` for what can be none."""
    plain = re.sub(r"[\s\-]", "", code[:100])
    if not _CODE.fullmatch(plain):
        raise wrong_code()
    return plain
