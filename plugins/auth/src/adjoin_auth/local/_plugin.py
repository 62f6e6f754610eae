"""The hooks: each hands over to the module of its subject, which is imported when it is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from adjoin.auth import v1
from adjoin.contract import hookimpl

if TYPE_CHECKING:
    from adjoin_auth.local.desk import Desk
    from adjoin_auth.local.hashing import Hasher
    from adjoin_auth.local.parties import PartyDesk

__all__ = ["Local"]

T = TypeVar("T")

_TITLE, _ISSUER = "Password", "urn:adjoin:local"


class Local(v1.Auth):
    """Passwords and second factors in Adjoin's own database, and the word of parties that the operator sets up.

    Tests bring a quicker hasher, and settings in place of the environment.
    """

    def __init__(self, hasher: Hasher | None = None, *, settings: Mapping[str, str] | None = None) -> None:
        self._given = hasher
        self._settings = settings

    @cached_property
    def _hasher(self) -> Hasher:
        from adjoin_auth.local.hashing import Argon2

        return self._given or Argon2()

    @cached_property
    def _parties(self) -> PartyDesk:
        from adjoin_auth.local.parties import PartyDesk

        return PartyDesk(self._settings)

    async def _of(self, context: v1.AuthContext, subject: str, work: Callable[[Desk], T]) -> T:
        """Do work on the account of a subject, who must have one here."""
        self._parties.check_own(subject)
        return await self._do(context, work)

    async def _do(self, context: v1.AuthContext, work: Callable[[Desk], T]) -> T:
        from adjoin_auth.local.desk import at_desk

        return await at_desk(context, self._hasher, work)

    @hookimpl
    def describe(self) -> v1.Description:
        known = self._parties.now
        return v1.Description(title=_TITLE, issuer=_ISSUER, parties=known.described, problems=known.problems)

    @hookimpl
    async def sign_up(self, context: v1.AuthContext, form: v1.SignUp) -> None:
        from adjoin_auth.local.registering import sign_up

        await self._do(context, partial(sign_up, form=form))

    @hookimpl
    async def admit(self, context: v1.AuthContext, form: v1.SignUp) -> v1.Proof:
        from adjoin_auth.local.registering import admit

        return await self._do(context, partial(admit, form=form))

    @hookimpl
    async def sign_in(self, context: v1.AuthContext, credentials: v1.Credentials) -> v1.Proof:
        from adjoin_auth.local.signing_in import sign_in

        return await self._do(context, partial(sign_in, credentials=credentials))

    @hookimpl
    async def second_factor(self, context: v1.AuthContext, subject: str, kept: bytes, code: str) -> v1.Proof:
        from adjoin_auth.local.factors import second_factor

        return await self._of(context, subject, partial(second_factor, subject=subject, code=code))

    @hookimpl
    async def confirm(self, context: v1.AuthContext, kind: v1.LinkKind, token: str) -> v1.Proof:
        from adjoin_auth.local.registering import confirm

        return await self._do(context, partial(confirm, kind=kind, token=token))

    @hookimpl
    async def ask_reset(self, context: v1.AuthContext, email: str, address: str) -> None:
        from adjoin_auth.local.passwords import ask_reset

        await self._do(context, partial(ask_reset, email=email, address=address))

    @hookimpl
    async def reset(self, context: v1.AuthContext, token: str, password: str) -> v1.Proof:
        from adjoin_auth.local.passwords import reset

        return await self._do(context, partial(reset, token=token, password=password))

    @hookimpl
    async def check_password(self, context: v1.AuthContext, subject: str, kept: bytes, password: str) -> None:
        from adjoin_auth.local.signing_in import check_password

        await self._of(context, subject, partial(check_password, subject=subject, password=password))

    @hookimpl
    async def change_password(
        self, context: v1.AuthContext, subject: str, kept: bytes, current: str, new: str
    ) -> v1.Proof:
        from adjoin_auth.local.passwords import change_password

        return await self._of(context, subject, partial(change_password, subject=subject, current=current, new=new))

    @hookimpl
    async def change_email(self, context: v1.AuthContext, subject: str, kept: bytes, password: str, email: str) -> None:
        from adjoin_auth.local.passwords import change_email

        await self._of(context, subject, partial(change_email, subject=subject, password=password, email=email))

    @hookimpl
    async def factors(self, context: v1.AuthContext, subject: str, kept: bytes) -> list[v1.Factor]:
        from adjoin_auth.local.factors import factors

        return await self._do(context, partial(factors, subject=subject))

    @hookimpl
    async def enroll(self, context: v1.AuthContext, subject: str, kept: bytes, label: str) -> v1.Enrollment:
        from adjoin_auth.local.factors import enroll

        return await self._of(context, subject, partial(enroll, subject=subject, label=label))

    @hookimpl
    async def activate(
        self, context: v1.AuthContext, subject: str, kept: bytes, enrollment: str, code: str
    ) -> v1.Proof:
        from adjoin_auth.local.factors import activate

        work = partial(activate, subject=subject, enrollment=enrollment, code=code)
        return await self._of(context, subject, work)

    @hookimpl
    async def recovery_codes(self, context: v1.AuthContext, subject: str, kept: bytes) -> list[str]:
        from adjoin_auth.local.factors import recovery_codes

        return await self._of(context, subject, partial(recovery_codes, subject=subject))

    @hookimpl
    async def remove_factor(self, context: v1.AuthContext, subject: str, kept: bytes, factor: str) -> None:
        from adjoin_auth.local.factors import remove_factor

        await self._of(context, subject, partial(remove_factor, subject=subject, factor=factor))

    @hookimpl
    async def start_external(
        self, context: v1.AuthContext, party: str, redirect_uri: str, again: bool = False
    ) -> v1.Start:
        return await self._parties.start(context, party, redirect_uri, again=again)

    @hookimpl
    async def finish_external(self, context: v1.AuthContext, answer: v1.External) -> v1.Proof:
        return await self._parties.finish(context, answer)

    @hookimpl
    async def forget(self, context: v1.AuthContext, subject: str) -> None:
        from adjoin_auth.local.sweeping import forget

        await self._do(context, partial(forget, subject=subject))
