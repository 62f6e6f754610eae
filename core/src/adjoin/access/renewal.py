"""Renewing the provider's proof of a session before it ends, one call at a time for each session, in all processes.

Who renews writes a claim into the session's sealed part first, which runs out by itself. A provider that cannot be
reached is asked again after a pause; until the proof ends the session goes on.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import structlog

from adjoin.access import audit
from adjoin.access.admission import subject_of
from adjoin.access.kept import Kept, kept_of, open_kept, seal_kept
from adjoin.auth import v1
from adjoin.db.people import Session
from adjoin.errors import AuthError, AuthProblem, SecretError

if TYPE_CHECKING:
    from adjoin.access.provider import Provider
    from adjoin.access.sessions import Sessions
    from adjoin.access.signed_in import SignedIn
    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.secrets import Vault

__all__ = ["Renewal"]

_log = structlog.get_logger("adjoin.sessions")
_CLAIM = timedelta(seconds=45)  # longer than a provider may take
_PAUSE = timedelta(seconds=15)
_LONGEST_WAIT = timedelta(seconds=10)
_LOOK_AGAIN = 0.1  # seconds
#: What a provider may say that does not end a session.
_PASSING = frozenset({AuthProblem.UNAVAILABLE, AuthProblem.THROTTLED})


class _Claim(Enum):
    OURS = "ours"
    ANOTHERS = "another's"
    PAUSED = "paused"
    NOT_DUE = "not due"
    OVER = "over"


class Renewal:
    """Keeps the proofs of sessions good."""

    def __init__(self, *, store: Store, vault: Vault, clock: Clock, sessions: Sessions, provider: Provider) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._sessions = sessions
        self._provider = provider

    async def keep(self, found: SignedIn) -> SignedIn | None:
        """Return who is signed in, with the proof renewed where it was due; None where the session is over by that.

        Raises AuthError of kind `unavailable` when the proof has ended and cannot be renewed now: the session is not
        over then, and opens nothing.
        """
        within = self._provider.description.renew_within
        if within is None or found.provider != self._provider.name:
            return found
        try:
            kept = open_kept(self._vault, found.kept, session_id=found.session_id)
        except SecretError as error:
            _log.warning("a session cannot be read any more and ends", session=found.session_id, error=str(error))
            await asyncio.to_thread(self._end, found, "session.ended_unreadable")
            return None
        now = self._clock.now()
        if kept.ends_at is None or kept.ends_at - now > within:
            return found
        over = kept.ends_at <= now
        name = uuid4().hex
        claim = await self._wait_for(found, name, within, wait=over)
        if claim is _Claim.OVER:
            return None
        if claim is _Claim.OURS:
            # Not left half done when the browser goes away: the new proof would be lost with the old one used up.
            return await asyncio.shield(asyncio.ensure_future(self._renew(found, name, over=over)))
        if over and claim is not _Claim.NOT_DUE:
            raise _unavailable()
        return found

    async def _wait_for(self, found: SignedIn, name: str, within: timedelta, *, wait: bool) -> _Claim:
        deadline = self._clock.now() + _LONGEST_WAIT
        while True:
            claim = await asyncio.to_thread(self._claim, found.session_id, name, within)
            if claim is not _Claim.ANOTHERS or not wait or self._clock.now() >= deadline:
                return claim
            await self._clock.sleep(_LOOK_AGAIN)

    async def _renew(self, found: SignedIn, name: str, *, over: bool) -> SignedIn | None:
        kept = await asyncio.to_thread(self._kept, found.session_id)
        hook = self._provider.kernel.hook(v1.Auth.renew)
        try:
            proof = await self._provider.ask(
                hook.aone(self._provider.name, self._provider.context, found.subject, kept.own)
            )
            renewed = kept_of(proof, provider=self._provider.name)
            if subject_of(proof) != found.subject:
                raise AuthError("The session is of somebody else.", kind=AuthProblem.ENDED)
        except AuthError as error:
            if error.kind not in _PASSING:
                _log.info("the auth provider has ended a session", session=found.session_id, kind=error.kind)
                await asyncio.to_thread(self._end, found, "session.ended_by_provider")
                return None
            pause = msgspec.structs.replace(kept, claim="", claimed_until=self._clock.now() + _PAUSE)
            await asyncio.to_thread(self._save, found.session_id, name, pause)
            if over:
                raise _unavailable() from error
            return found
        await asyncio.to_thread(self._save, found.session_id, name, renewed)
        return found

    def _claim(self, session_id: str, name: str, within: timedelta) -> _Claim:
        now = self._clock.now()
        with self._store.write() as database:
            row = database.get(Session, session_id, with_for_update=True)
            if row is None:
                return _Claim.OVER
            kept = open_kept(self._vault, row.kept, session_id=session_id)
            if kept.ends_at is None or kept.ends_at - now > within:
                return _Claim.NOT_DUE
            if kept.claimed_until is not None and now < kept.claimed_until:
                return _Claim.ANOTHERS if kept.claim else _Claim.PAUSED
            taken = msgspec.structs.replace(kept, claim=name, claimed_until=now + _CLAIM)
            row.kept = seal_kept(self._vault, taken, session_id=session_id)
        return _Claim.OURS

    def _kept(self, session_id: str) -> Kept:
        with self._store.read() as database:
            row = database.get(Session, session_id)
        return Kept() if row is None else open_kept(self._vault, row.kept, session_id=session_id)

    def _save(self, session_id: str, name: str, kept: Kept) -> None:
        with self._store.write() as database:
            row = database.get(Session, session_id, with_for_update=True)
            if row is not None:
                stored = open_kept(self._vault, row.kept, session_id=session_id)
                if stored.claim == name:  # else it ran out, and another one has renewed meanwhile
                    row.kept = seal_kept(self._vault, kept, session_id=session_id)
        self._sessions.forget([session_id])

    def _end(self, found: SignedIn, action: str) -> None:
        with self._store.write() as database:
            ended = self._sessions.end_in(database, found.user_id, only=found.session_id)
            for one in ended:
                audit.record_everywhere(
                    database,
                    user_id=one.user_id,
                    actor=audit.SYSTEM,
                    action=action,
                    object_kind="session",
                    object_id=one.session_id,
                    now=self._clock.now(),
                )
        self._sessions.forget([found.session_id])


def _unavailable() -> AuthError:
    return AuthError(
        "Your sign-in has to be renewed, and the service that does it cannot be reached. Try again in a minute; you "
        "stay signed in.",
        kind=AuthProblem.UNAVAILABLE,
    )
