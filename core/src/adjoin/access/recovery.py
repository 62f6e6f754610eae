"""What the operator does for somebody who cannot get in any more: a link for a new password, no second factor.

Both end in the provider's own ways, so that nothing is open that would not be open to the person: a link works once
and for a while, a second factor that is not removed is still asked for, and the workspaces' audit logs tell of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session, select

from adjoin.access import audit
from adjoin.auth import v1
from adjoin.db.people import Identity, User
from adjoin.errors import StateError

if TYPE_CHECKING:
    from adjoin.access.actors import Actor
    from adjoin.access.sessions import Ended
    from adjoin.access.signing_in import SigningIn
    from adjoin.mail.v1 import Mail

__all__ = ["drop_second_factors", "reset_link"]


async def reset_link(doors: SigningIn, user: User, *, by: Actor) -> str:
    """Have the provider make a link of kind `reset` for a user, and return it in place of the mail.

    It makes an older link void, and ends nothing before it is used. Raises StateError for an account that is switched
    off and where the provider hands over no link, AuthError where too many were asked for.
    """
    if user.disabled_at is not None:
        raise StateError(f"{user.email} is switched off; run `adjoin users enable {user.email}` first")
    provider = doors.provider
    title = provider.description.title
    hook = provider.kernel.hook(v1.Auth.ask_reset)
    if not hook.implemented_by(provider.name):
        raise StateError(f"{title} ({provider.name}) has no way to set a new password")
    heard = _Heard(provider.context)
    await provider.ask(hook.aone(provider.name, heard, user.email, ""))
    if not heard.links:
        raise StateError(
            f"{title} ({provider.name}) gave no link for {user.email}: it does not know a password of theirs, or it "
            "mails such links itself, and then has done so"
        )
    await _note(doors, user, "user.reset_link_made", by)
    return heard.links[-1]


async def drop_second_factors(doors: SigningIn, user: User, *, by: Actor) -> int:
    """Remove a user's second factors and end all their sessions; return how many factors there were.

    Raises StateError where the provider keeps none for this user, AuthError where it needs the person for it.
    """
    provider = doors.provider
    listing, removing = provider.kernel.hook(v1.Auth.factors), provider.kernel.hook(v1.Auth.remove_factor)
    title = provider.description.title
    if not (listing.implemented_by(provider.name) and removing.implemented_by(provider.name)):
        raise StateError(f"{title} ({provider.name}) keeps no second factors that could be removed here")

    def find() -> str | None:
        issuer = provider.description.issuer
        with doors.store.read() as session:
            query = select(Identity.subject).where(Identity.user_id == user.id, Identity.issuer == issuer)
            return session.exec(query).first()

    subject = await asyncio.to_thread(find)
    found = [] if subject is None else await provider.ask(listing.aone(provider.name, provider.context, subject, b""))
    if subject is None or not found:
        raise StateError(f"{user.email} has no second factor with {title} ({provider.name})")
    for factor in found:
        await provider.ask(removing.aone(provider.name, provider.context, subject, b"", factor.id))

    def end() -> list[Ended]:
        with doors.store.write() as session:
            return doors.sessions.end_in(session, user.id)

    ended = await asyncio.to_thread(end)
    doors.sessions.forget(one.session_id for one in ended)
    await doors.tell(ended)
    await _note(doors, user, "user.second_factor_removed", by)
    return len(found)


async def _note(doors: SigningIn, user: User, action: str, by: Actor) -> None:
    def note() -> None:
        with doors.store.write() as session:
            audit.record_everywhere(
                session,
                user_id=user.id,
                action=action,
                actor=by.name,
                object_kind="user",
                object_id=user.id,
                address=by.address,
                now=doors.clock.now(),
            )

    await asyncio.to_thread(note)


class _Heard:
    """The context of the installation, for one call, whose mail goes to nobody: its links are for the operator."""

    def __init__(self, context: v1.AuthContext) -> None:
        self._context = context
        self.links: list[str] = []

    def now(self) -> datetime:
        return self._context.now()

    def read(self) -> AbstractContextManager[Session]:
        return self._context.read()

    def write(self) -> AbstractContextManager[Session]:
        return self._context.write()

    def seal(self, data: bytes, *, purpose: str, record: str) -> bytes:
        return self._context.seal(data, purpose=purpose, record=record)

    def unseal(self, blob: bytes, *, purpose: str, record: str) -> bytes:
        return self._context.unseal(blob, purpose=purpose, record=record)

    async def send(self, mail: Mail) -> None:
        """Keep the mail back."""

    def link(self, kind: v1.LinkKind, token: str) -> str:
        made = self._context.link(kind, token)
        if kind is v1.LinkKind.RESET:
            self.links.append(made)
        return made

    @property
    def settings(self) -> Mapping[str, str]:
        return self._context.settings
