"""Signing in and out: the one place where a provider's proof becomes a session.

All of it is asynchronous; what asks the database runs in a thread. No transaction is open while the provider is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from adjoin.access import audit, invitations
from adjoin.access.actors import Actor
from adjoin.access.admission import Registration, check_may_sign_up, link, subject_of, user_of
from adjoin.access.agents import plain_agent
from adjoin.access.kept import kept_of, open_kept, seal_kept
from adjoin.access.parties import check_joining, prove
from adjoin.access.renewal import Renewal
from adjoin.access.session_tokens import SessionToken
from adjoin.access.sessions import Ended, Issued, Sessions
from adjoin.access.signed_in import SessionLevel, SignedIn
from adjoin.access.users import normal_email
from adjoin.auth import v1
from adjoin.db.people import Session as SessionRow
from adjoin.errors import AdjoinError, AuthError, AuthProblem, SecretError, UnknownName

if TYPE_CHECKING:
    from sqlmodel import Session as Database

    from adjoin.access.provider import Provider
    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.db.people import User
    from adjoin.secrets import Vault

__all__ = ["SigningIn"]

_log = structlog.get_logger("adjoin.sign_in")


class SigningIn:
    """The doors of an installation. One for a process, shared by its threads; `address` and `agent` are the browser's.

    What is refused raises AuthError, whose message is fit for people.
    """

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        clock: Clock,
        sessions: Sessions,
        provider: Provider,
        registration: Registration,
    ) -> None:
        self.store = store
        self.vault = vault
        self.clock = clock
        self.sessions = sessions
        self.provider = provider
        self._registration: Registration = registration
        self._renewal = Renewal(store=store, vault=vault, clock=clock, sessions=sessions, provider=provider)
        self._touching: dict[str, asyncio.Task[None]] = {}

    # The door

    async def enter(self, token: str, *, address: str = "") -> SignedIn | None:
        """Return who is signed in with a token; None if nobody is, also while a second factor is owed.

        Quick where the session was seen within the last second. Renews the provider's proof where that is due, and
        notes the use of the session behind the caller's back. Raises AuthError of kind `unavailable` only.
        """
        found = self.sessions.cached(token)
        if found is None:
            found = await asyncio.to_thread(self.sessions.find, token, address=address)
        return None if found is None else await self._admitted(found)

    async def still_in(self, session_id: str) -> SignedIn | None:
        """As `enter`, for what was let in by its token and stays open, such as a websocket."""
        found = await asyncio.to_thread(self.sessions.find_by_id, session_id)
        return None if found is None else await self._admitted(found)

    async def settle(self) -> None:
        """Wait for what `enter` has left behind; for the end of a process."""
        await asyncio.gather(*self._touching.values(), return_exceptions=True)

    # Coming in

    async def sign_up(self, form: v1.SignUp, *, invitation: str = "") -> None:
        """Register somebody, who is mailed a link. `invitation` is the token of theirs, where they have one."""
        await asyncio.to_thread(self._check_may_sign_up, form.email, invitation)
        await self.provider.ask(
            self.provider.kernel.hook(v1.Auth.sign_up).aone(self.provider.name, self._context, form)
        )

    async def join(self, form: v1.SignUp, invitation: str, *, agent: str = "") -> Issued:
        """Register somebody by the token that was mailed to them, which proves their address, and let them in at once.

        They are a member of the workspace that invites them. Raises AuthError also for an invitation of another
        address, and where nobody may register.
        """
        await asyncio.to_thread(self._check_invited, form.email, invitation)
        hook = self.provider.kernel.hook(v1.Auth.admit)
        proof = await self.provider.ask(hook.aone(self.provider.name, self._context, form))
        issued = await self._admit(proof, address=form.address, agent=agent)
        await asyncio.to_thread(self._accept, issued, invitation, form.address)
        return issued

    async def sign_in(self, credentials: v1.Credentials, *, agent: str = "") -> Issued:
        """Check a password and make a session. Where it is `pending`, a second factor is owed: `second_factor`."""
        hook = self.provider.kernel.hook(v1.Auth.sign_in)
        proof = await self.provider.ask(hook.aone(self.provider.name, self._context, credentials))
        return await self._admit(proof, address=credentials.address, agent=agent)

    async def second_factor(self, token: str, code: str, *, address: str = "", agent: str = "") -> Issued:
        """Check the code that a pending session owes, and make the session that opens the doors in its place."""
        found = await asyncio.to_thread(self.sessions.find_pending, token, address=address)
        if found is None:
            raise _start_again()
        kept = self._opened(found.kept, found.session_id)
        hook = self.provider.kernel.hook(v1.Auth.second_factor)
        proof = await self.provider.ask(hook.aone(self.provider.name, self._context, found.subject, kept, code))
        if subject_of(proof) != found.subject or proof.needs_second_factor or proof.level is not v1.Level.SECOND_FACTOR:
            raise AuthError("The code is wrong. Wait for the next one and try again.", kind=AuthProblem.WRONG)
        return await self._admit(proof, address=address, agent=agent, instead_of=found)

    async def confirm(self, token: str, *, address: str = "", agent: str = "") -> Issued:
        """Redeem the link of somebody who has registered, and sign them in."""
        hook = self.provider.kernel.hook(v1.Auth.confirm)
        asked = hook.aone(self.provider.name, self._context, v1.LinkKind.CONFIRM, token)
        return await self._admit(await self.provider.ask(asked), address=address, agent=agent)

    async def confirm_email(self, token: str, *, address: str = "") -> str:
        """Redeem the link of somebody who changes their address; return the new one. Nobody is signed in by it."""
        hook = self.provider.kernel.hook(v1.Auth.confirm)
        asked = hook.aone(self.provider.name, self._context, v1.LinkKind.CHANGE_EMAIL, token)
        return await asyncio.to_thread(self._new_email, await self.provider.ask(asked))

    async def ask_reset(self, email: str, *, address: str = "") -> None:
        """Mail a link to somebody who has forgotten the password; nothing tells whether there is such a person."""
        hook = self.provider.kernel.hook(v1.Auth.ask_reset)
        await self.provider.ask(hook.aone(self.provider.name, self._context, email, address))

    async def reset(self, token: str, password: str, *, address: str = "", agent: str = "") -> Issued:
        """Set a new password by a mailed link, end all sessions of the person and make a new one.

        It is `pending` where the person has a second factor.
        """
        hook = self.provider.kernel.hook(v1.Auth.reset)
        proof = await self.provider.ask(hook.aone(self.provider.name, self._context, token, password))
        return await self._admit(proof, address=address, agent=agent, action="user.password_reset", end_all=True)

    async def start_external(self, party: str, redirect_uri: str, *, again: bool = False) -> v1.Start:
        """Begin to ask somebody else. The caller keeps `kept` for this browser alone, until it returns.

        With `again` the person has to prove anew there to be themselves. Raises UnknownName.
        """
        if party not in [one.id for one in self.provider.description.parties]:
            raise UnknownName(f"there is no sign-in with {party[:40]!r} here")
        hook = self.provider.kernel.hook(v1.Auth.start_external)
        return await self.provider.ask(hook.aone(self.provider.name, self._context, party, redirect_uri, again))

    async def finish_external(self, answer: v1.External, *, address: str = "", agent: str = "") -> Issued:
        """Check somebody else's word and make a session."""
        proof = await self._word_of(answer)
        await check_joining(self.provider, self.store, proof)
        return await self._admit(proof, address=address, agent=agent)

    async def link_external(self, found: SignedIn, answer: v1.External) -> None:
        """Let a person who is signed in, and has just proven it, sign in by somebody else's word from now on."""
        proof = await self._word_of(answer)
        issuer = self.provider.description.issuer

        def join() -> None:
            with self.store.write() as database:
                link(database, found.user_id, proof, issuer=issuer, now=self.clock.now())

        await asyncio.to_thread(join)

    async def prove_external(self, found: SignedIn, answer: v1.External) -> None:
        """Count somebody who is signed in as freshly proven by somebody else's word.

        Raises StaleProof where that word is older than asked for, AuthError where it is about somebody else.
        """
        await asyncio.to_thread(prove, self, found, await self._word_of(answer))

    # Going

    async def sign_out(self, token: str, *, address: str = "") -> None:
        """End the session of a token, if there is one, pending ones as well. Never raises for a token that is off."""
        find = asyncio.to_thread(self.sessions.find, token, address=address)
        found = await find or await asyncio.to_thread(self.sessions.find_pending, token, address=address)
        if found is not None:
            await self._end(found.user_id, "session.signed_out", address, only=found.session_id)

    async def sign_out_everywhere(self, found: SignedIn, *, here: bool = True, address: str = "") -> int:
        """End all sessions of a person, or all but this one; return how many."""
        keep = "" if here else found.session_id
        return await self._end(found.user_id, "session.signed_out_everywhere", address, keep=keep)

    async def end_session(self, found: SignedIn, session_id: str, *, address: str = "") -> None:
        """End one session of a person from another one. Raises UnknownName for one that is not theirs, or is over."""
        if not session_id or not await self._end(found.user_id, "session.signed_out", address, only=session_id):
            raise UnknownName(f"you have no session {session_id[:40]!r}; it may have ended already")

    # What the account pages need as well

    async def kept(self, found: SignedIn) -> bytes:
        """Return what the provider wants back for a session, as it is now. Raises AuthError where that is over."""

        def read() -> bytes:
            with self.store.read() as database:
                row = database.get(SessionRow, found.session_id)
            if row is None:
                raise _start_again()
            return self._opened(row.kept, row.id)

        return await asyncio.to_thread(read)

    async def replace(
        self, found: SignedIn, proof: v1.Proof, *, action: str, level: SessionLevel, address: str, agent: str
    ) -> Issued:
        """End all sessions of a person who has changed how they sign in, and go on in a new one."""
        if subject_of(proof) != found.subject:
            raise _start_again()
        return await self._admit(
            proof, address=address, agent=agent, instead_of=found, action=action, level=level, end_all=True
        )

    async def tell(self, ended: Sequence[Ended]) -> None:
        """Have the provider hear of sessions that are over."""
        for one in ended:
            if one.provider == self.provider.name:
                try:
                    kept = open_kept(self.vault, one.kept, session_id=one.session_id).own
                except SecretError:
                    continue  # what cannot be read cannot be used either
                await self.provider.end(one.subject, kept)

    # Inside

    @property
    def _context(self) -> v1.AuthContext:
        return self.provider.context

    async def _admitted(self, found: SignedIn) -> SignedIn | None:
        kept = await self._renewal.keep(found)
        if kept is not None and found.touch_due and found.session_id not in self._touching:
            task = asyncio.ensure_future(asyncio.to_thread(self._touch, found.session_id))
            self._touching[found.session_id] = task
            task.add_done_callback(lambda _: self._touching.pop(found.session_id, None))
        return kept

    def _touch(self, session_id: str) -> None:
        try:
            self.sessions.touch(session_id)
        except AdjoinError as error:
            _log.warning("the use of a session was not noted", session=session_id, error=str(error))

    def _opened(self, blob: bytes | None, session_id: str) -> bytes:
        try:
            return open_kept(self.vault, blob, session_id=session_id).own
        except SecretError as error:
            _log.warning("a session cannot be read any more", session=session_id, error=str(error))
            raise _start_again() from error

    async def _word_of(self, answer: v1.External) -> v1.Proof:
        hook = self.provider.kernel.hook(v1.Auth.finish_external)
        return await self.provider.ask(hook.aone(self.provider.name, self._context, answer))

    async def _admit(
        self,
        proof: v1.Proof,
        *,
        address: str,
        agent: str,
        instead_of: SignedIn | None = None,
        action: str = "session.signed_in",
        level: SessionLevel | None = None,
        end_all: bool = False,
    ) -> Issued:
        def admit() -> tuple[Issued, list[Ended]]:
            with self.store.write() as database:
                return self._new_session(
                    database,
                    proof,
                    address=address,
                    agent=agent,
                    instead_of=instead_of,
                    action=action,
                    level=level,
                    end_all=end_all,
                )

        try:
            issued, ended = await asyncio.to_thread(admit)
        except sa.exc.IntegrityError:
            issued, ended = await asyncio.to_thread(admit)  # the same person has come in by another door meanwhile
        self.sessions.forget(one.session_id for one in ended)
        if end_all:
            await self.tell([one for one in ended if instead_of is None or one.session_id != instead_of.session_id])
        return issued

    def _new_session(
        self,
        database: Database,
        proof: v1.Proof,
        *,
        address: str,
        agent: str,
        instead_of: SignedIn | None,
        action: str,
        level: SessionLevel | None,
        end_all: bool,
    ) -> tuple[Issued, list[Ended]]:
        now = self.clock.now()
        pending = proof.needs_second_factor and level is None
        user = self._user(database, proof, settled=not pending)
        ended: list[Ended] = []
        if instead_of is not None:
            ended += self.sessions.end_in(database, instead_of.user_id, only=instead_of.session_id)
            if not ended or user.id != instead_of.user_id:
                raise _start_again()  # it was used a moment ago, or is somebody else's
        if end_all:
            ended += self.sessions.end_in(database, user.id)
        token = SessionToken.new()
        kept = kept_of(proof, provider=self.provider.name)
        issued = self.sessions.create(
            database,
            user_id=user.id,
            provider=self.provider.name,
            subject=subject_of(proof),
            proven_at=proof.proven_at,
            level=SessionLevel.PENDING if pending else level or SessionLevel(proof.level.value),
            address=address,
            agent=agent,
            workspace_id=None if instead_of is None else instead_of.workspace_id,
            token=token,
            kept=seal_kept(self.vault, kept, session_id=token.session_id),
        )
        if not pending:
            user.last_sign_in_at = now
        if not pending or end_all:
            audit.record_everywhere(
                database,
                user_id=user.id,
                action=action,
                object_kind="user",
                object_id=user.id,
                after={"agent": plain_agent(agent), "level": issued.session.level},
                address=address,
                now=now,
            )
        return issued, ended

    def _user(self, database: Database, proof: v1.Proof, *, settled: bool) -> User:
        return user_of(
            database,
            proof,
            issuer=self.provider.description.issuer,
            policy=self._registration,
            settled=settled,
            now=self.clock.now(),
        )

    def _check_may_sign_up(self, email: str, invitation: str) -> None:
        with self.store.read() as database:
            check_may_sign_up(database, email, invitation, self._registration, now=self.clock.now())

    def _check_invited(self, email: str, invitation: str) -> None:
        policy: Registration = "closed" if self._registration == "closed" else "invitation"
        with self.store.read() as database:
            check_may_sign_up(database, email, invitation, policy, now=self.clock.now())

    def _accept(self, issued: Issued, invitation: str, address: str) -> None:
        by = Actor.user(issued.session.user_id, address=address)
        with self.store.write() as database:
            member = invitations.accept(database, invitation, by=by, now=self.clock.now())
        if not issued.pending:
            self.sessions.choose_workspace(issued.session.id, member.workspace_id)

    def _new_email(self, proof: v1.Proof) -> str:
        with self.store.write() as database:
            user = self._user(database, proof, settled=True)
            if user.email != normal_email(proof.email):
                raise AuthError("This e-mail address belongs to another account here.", kind=AuthProblem.EMAIL_TAKEN)
        return user.email

    async def _end(self, user_id: str, action: str, address: str, *, only: str = "", keep: str = "") -> int:
        def end() -> list[Ended]:
            with self.store.write() as database:
                ended = self.sessions.end_in(database, user_id, only=only, keep=keep)
                if ended:
                    audit.record_everywhere(
                        database,
                        user_id=user_id,
                        action=action,
                        object_kind="user" if not only else "session",
                        object_id=only or user_id,
                        after={"sessions": len(ended)},
                        address=address,
                        now=self.clock.now(),
                    )
            return ended

        ended = await asyncio.to_thread(end)
        self.sessions.forget(one.session_id for one in ended)
        await self.tell(ended)
        return len(ended)


def _start_again() -> AuthError:
    return AuthError("This sign-in has ended. Start again.", kind=AuthProblem.ENDED)
