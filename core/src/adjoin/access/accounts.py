"""What people do with their own account: password, address, second factor, and its end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog
from sqlmodel import col, select

from adjoin.access import audit, members
from adjoin.access.actors import Actor
from adjoin.access.admission import subject_of
from adjoin.access.kept import kept_of, seal_kept
from adjoin.access.own_data import own_data
from adjoin.access.signed_in import SessionLevel
from adjoin.auth import v1
from adjoin.db.models import Workspace
from adjoin.db.people import Identity, Member, User
from adjoin.errors import AuthError, AuthProblem, PluginError, StaleProof, StateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoin.access.sessions import Ended, Issued
    from adjoin.access.signed_in import SignedIn
    from adjoin.access.signing_in import SigningIn

__all__ = ["FRESH", "Accounts", "require_fresh"]

_log = structlog.get_logger("adjoin.accounts")

#: How long a proof counts as fresh, for what matters more than reading.
FRESH = timedelta(minutes=15)


def require_fresh(found: SignedIn, signing_in: SigningIn) -> None:
    """Raise StaleProof unless the person has proven lately to be themselves; `Accounts.prove_again` does that."""
    if not found.proven_within(FRESH, now=signing_in.clock.now()):
        raise StaleProof("This matters, so prove again that it is you: enter your password or a code.")


class Accounts:
    """What a signed-in person does with their account. Refusals are AuthError, as in `SigningIn`."""

    def __init__(self, signing_in: SigningIn) -> None:
        self._doors = signing_in
        self._provider = signing_in.provider
        self._store = signing_in.store

    async def prove_again(self, found: SignedIn, *, password: str = "", code: str = "") -> None:
        """Check the password, or a code of the second factor; the session counts as freshly proven afterwards.

        Who has come in with a second factor proves themselves by one again.
        """
        kept = await self._doors.kept(found)
        kernel, name, context = self._provider.kernel, self._provider.name, self._provider.context
        stored = None
        if found.level is SessionLevel.SECOND_FACTOR or not self._provider.description.has_passwords:
            hook = kernel.hook(v1.Auth.second_factor)
            proof = await self._provider.ask(hook.aone(name, context, found.subject, kept, code))
            if subject_of(proof) != found.subject or proof.level is not v1.Level.SECOND_FACTOR:
                raise AuthError("The code is wrong. Wait for the next one and try again.", kind=AuthProblem.WRONG)
            stored = seal_kept(self._doors.vault, kept_of(proof, provider=name), session_id=found.session_id)
        else:
            check = kernel.hook(v1.Auth.check_password)
            await self._provider.ask(check.aone(name, context, found.subject, kept, password))
        await asyncio.to_thread(self._doors.sessions.change, found.session_id, proven=True, kept=stored)

    async def change_password(
        self, found: SignedIn, current: str, new: str, *, address: str = "", agent: str = ""
    ) -> Issued:
        """Change the password and end all sessions; the browser goes on with the new one."""
        hook = self._provider.kernel.hook(v1.Auth.change_password)
        kept = await self._doors.kept(found)
        asked = hook.aone(self._provider.name, self._provider.context, found.subject, kept, current, new)
        return await self._doors.replace(
            found,
            await self._provider.ask(asked),
            action="user.password_changed",
            level=found.level,
            address=address,
            agent=agent,
        )

    async def change_email(self, found: SignedIn, password: str, email: str) -> None:
        """Have a link mailed to the new address; nothing changes before it is redeemed (`SigningIn.confirm_email`)."""
        hook = self._provider.kernel.hook(v1.Auth.change_email)
        kept = await self._doors.kept(found)
        await self._provider.ask(
            hook.aone(self._provider.name, self._provider.context, found.subject, kept, password, email)
        )

    async def factors(self, found: SignedIn) -> Sequence[v1.Factor]:
        """List the second factors that are in force; none where the provider has no such thing."""
        hook = self._provider.kernel.hook(v1.Auth.factors)
        if not hook.implemented_by(self._provider.name):
            return ()
        kept = await self._doors.kept(found)
        return await self._provider.ask(hook.aone(self._provider.name, self._provider.context, found.subject, kept))

    async def enroll(self, found: SignedIn, label: str) -> v1.Enrollment:
        """Begin to set up a second factor. Raises StaleProof."""
        require_fresh(found, self._doors)
        hook = self._provider.kernel.hook(v1.Auth.enroll)
        kept = await self._doors.kept(found)
        return await self._provider.ask(
            hook.aone(self._provider.name, self._provider.context, found.subject, kept, label)
        )

    async def activate(
        self, found: SignedIn, enrollment: str, code: str, *, address: str = "", agent: str = ""
    ) -> Issued:
        """Put a second factor into force and end all sessions; the browser goes on with the new one."""
        require_fresh(found, self._doors)
        hook = self._provider.kernel.hook(v1.Auth.activate)
        kept = await self._doors.kept(found)
        asked = hook.aone(self._provider.name, self._provider.context, found.subject, kept, enrollment, code)
        return await self._doors.replace(
            found,
            await self._provider.ask(asked),
            action="user.second_factor_added",
            level=SessionLevel.SECOND_FACTOR,
            address=address,
            agent=agent,
        )

    async def recovery_codes(self, found: SignedIn, *, address: str = "") -> Sequence[str]:
        """Make new recovery codes; the old ones are gone. Raises StaleProof."""
        require_fresh(found, self._doors)
        hook = self._provider.kernel.hook(v1.Auth.recovery_codes)
        kept = await self._doors.kept(found)
        codes = await self._provider.ask(hook.aone(self._provider.name, self._provider.context, found.subject, kept))
        await asyncio.to_thread(self._note, found, "user.recovery_codes_made", address)
        return codes

    async def remove_factor(self, found: SignedIn, factor: str, *, address: str = "") -> None:
        """Remove a second factor. Raises StaleProof."""
        require_fresh(found, self._doors)
        hook = self._provider.kernel.hook(v1.Auth.remove_factor)
        kept = await self._doors.kept(found)
        await self._provider.ask(hook.aone(self._provider.name, self._provider.context, found.subject, kept, factor))
        await asyncio.to_thread(self._note, found, "user.second_factor_removed", address)

    async def export(self, found: SignedIn) -> str:
        """Return all that is kept of a person as JSON, no secrets in it. Raises StaleProof."""
        require_fresh(found, self._doors)
        factors = await self.factors(found)

        def read() -> str:
            with self._store.read() as database:
                return own_data(database, found.user_id, factors=factors, now=self._doors.clock.now())

        return await asyncio.to_thread(read)

    async def delete(self, found: SignedIn, *, address: str = "") -> None:
        """Delete a person's account: they leave all workspaces, and what is personal goes. Offer `export` before.

        Raises StaleProof, and StateError for the only owner of a workspace, naming it and what to do. What the
        provider keeps goes right after; if it cannot be reached, `forget_deleted` does it later.
        """
        require_fresh(found, self._doors)
        ended = await asyncio.to_thread(self._delete, found, address)
        self._doors.sessions.forget(one.session_id for one in ended)
        await self._doors.tell(ended)
        await self.forget_deleted()

    async def forget_deleted(self) -> int:
        """Have the provider forget people whose account is deleted; return how many. For a job of every day."""
        hook = self._provider.kernel.hook(v1.Auth.forget)
        issuer = self._provider.description.issuer
        done = 0
        for subject in await asyncio.to_thread(self._deleted_subjects, issuer):
            try:
                if hook.implemented_by(self._provider.name):
                    await hook.aone(self._provider.name, self._provider.context, subject)
            except (PluginError, AuthError) as error:
                _log.warning("the auth provider has not forgotten somebody yet", error=str(error))
                continue
            await asyncio.to_thread(self._drop_identity, issuer, subject)
            done += 1
        for party in self._provider.description.parties:  # whose word is all that is kept of it
            for subject in await asyncio.to_thread(self._deleted_subjects, party.issuer):
                await asyncio.to_thread(self._drop_identity, party.issuer, subject)
        return done

    def _note(self, found: SignedIn, action: str, address: str) -> None:
        with self._store.write() as database:
            audit.record_everywhere(
                database,
                user_id=found.user_id,
                action=action,
                object_kind="user",
                object_id=found.user_id,
                address=address,
                now=self._doors.clock.now(),
            )

    def _delete(self, found: SignedIn, address: str) -> list[Ended]:
        now = self._doors.clock.now()
        by = Actor.user(found.user_id, address=address)
        with self._store.write() as database:
            alone = members.only_owner_of(database, found.user_id)
            if alone:
                names = database.exec(select(Workspace.name).where(col(Workspace.id).in_(alone))).all()
                raise StateError(
                    f"You are the only owner of {', '.join(sorted(names))}. Make another member an owner there, or "
                    "delete the workspace; then your account can be deleted."
                )
            audit.record_everywhere(
                database,
                user_id=found.user_id,
                action="user.deleted",
                object_kind="user",
                object_id=found.user_id,
                address=address,
                now=now,
            )
            places = database.exec(select(Member.workspace_id).where(Member.user_id == found.user_id)).all()
            for workspace_id in sorted(places):  # always in this order, as each is locked
                members.leave(database, workspace_id, found.user_id, by=by, now=now)
            ended = self._doors.sessions.end_in(database, found.user_id)
            empty = {"name": "", "picture_url": "", "locale": "en", "time_zone": "", "number_format": ""}
            gone = empty | {"date_format": "", "email": f"deleted-{found.user_id}", "email_verified_at": None}
            database.connection().execute(
                sa.update(User)
                .where(col(User.id) == found.user_id)
                .values(**gone, last_sign_in_at=None, deleted_at=now)
            )
        return ended

    def _deleted_subjects(self, issuer: str) -> Sequence[str]:
        query = (
            select(Identity.subject)
            .join(User, col(User.id) == col(Identity.user_id))
            .where(Identity.issuer == issuer, col(User.deleted_at).is_not(None))
        )
        with self._store.read() as database:
            return database.exec(query).all()

    def _drop_identity(self, issuer: str, subject: str) -> None:
        which = sa.and_(col(Identity.issuer) == issuer, col(Identity.subject) == subject)
        with self._store.write() as database:
            database.connection().execute(sa.delete(Identity).where(which))
