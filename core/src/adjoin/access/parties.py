"""Somebody else's word: whom it may join by an address alone, and whom it proves anew."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adjoin.access.accounts import FRESH
from adjoin.access.admission import who_is_joined
from adjoin.access.signed_in import SessionLevel
from adjoin.auth import v1
from adjoin.db.people import Identity
from adjoin.errors import AuthError, AuthProblem, StaleProof

if TYPE_CHECKING:
    from adjoin.access.provider import Provider
    from adjoin.access.signed_in import SignedIn
    from adjoin.access.signing_in import SigningIn
    from adjoin.db import Store

__all__ = ["check_joining", "prove"]


async def check_joining(provider: Provider, store: Store, proof: v1.Proof) -> None:
    """Raise AuthError of kind EMAIL_TAKEN where a party's word would open the account of somebody with a second factor.

    They have asked for more than a mailbox to get in. Signed in with it, they may add the party themselves.
    """
    if not proof.issuer:
        return

    def look() -> str | None:
        with store.read() as database:
            return who_is_joined(database, proof, issuer=provider.description.issuer)

    subject = await asyncio.to_thread(look)
    hook = provider.kernel.hook(v1.Auth.factors)
    if subject is None or not hook.implemented_by(provider.name):
        return
    if await provider.ask(hook.aone(provider.name, provider.context, subject, b"")):
        raise AuthError(
            "There is an account with this e-mail address, and it has a second factor. Sign in to it the way you did "
            "before; then you can add this way to your profile.",
            kind=AuthProblem.EMAIL_TAKEN,
        )


def prove(doors: SigningIn, found: SignedIn, proof: v1.Proof) -> None:
    """Note that a person who is signed in has proven anew to be themselves by somebody else's word. Blocks.

    Raises StaleProof for a word that is old, or of somebody with a second factor, who has to show that one; AuthError
    of kind WRONG for a word about somebody else.
    """
    if found.level is SessionLevel.SECOND_FACTOR:
        raise StaleProof("You have a second factor, so prove by a code of it that it is you.")
    issuer = proof.issuer or doors.provider.description.issuer
    with doors.store.read() as database:
        identity = database.get(Identity, (issuer, proof.subject))
    if identity is None or identity.user_id != found.user_id:
        raise AuthError("This is the sign-in of somebody else. Use your own.", kind=AuthProblem.WRONG)
    if proof.proven_at is not None and doors.clock.now() - proof.proven_at > FRESH:
        raise StaleProof("This matters, so prove again that it is you: sign out there, and sign in again.")
    doors.sessions.change(found.session_id, proven=True)
