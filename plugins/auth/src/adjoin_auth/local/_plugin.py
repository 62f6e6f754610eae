"""The hooks: each hands over to the module of its subject, which is imported when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from adjoin.auth import v1
from adjoin.contract import hookimpl

if TYPE_CHECKING:
    from adjoin_auth.local.desk import Desk
    from adjoin_auth.local.hashing import Hasher

__all__ = ["Local"]

T = TypeVar("T")

_DESCRIPTION = v1.Description(title="Password", issuer="urn:adjoin:local")


class Local(v1.Auth):
    """Passwords and second factors in Adjoin's own database. Tests bring a quicker hasher."""

    def __init__(self, hasher: Hasher | None = None) -> None:
        self._given = hasher

    @cached_property
    def _hasher(self) -> Hasher:
        from adjoin_auth.local.hashing import Argon2

        return self._given or Argon2()

    async def _do(self, context: v1.AuthContext, work: Callable[[Desk], T]) -> T:
        from adjoin_auth.local.desk import at_desk

        return await at_desk(context, self._hasher, work)

    @hookimpl
    def describe(self) -> v1.Description:
        return _DESCRIPTION

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

        return await self._do(context, partial(second_factor, subject=subject, code=code))

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

        await self._do(context, partial(check_password, subject=subject, password=password))

    @hookimpl
    async def change_password(
        self, context: v1.AuthContext, subject: str, kept: bytes, current: str, new: str
    ) -> v1.Proof:
        from adjoin_auth.local.passwords import change_password

        return await self._do(context, partial(change_password, subject=subject, current=current, new=new))

    @hookimpl
    async def change_email(self, context: v1.AuthContext, subject: str, kept: bytes, password: str, email: str) -> None:
        from adjoin_auth.local.passwords import change_email

        await self._do(context, partial(change_email, subject=subject, password=password, email=email))

    @hookimpl
    async def factors(self, context: v1.AuthContext, subject: str, kept: bytes) -> list[v1.Factor]:
        from adjoin_auth.local.factors import factors

        return await self._do(context, partial(factors, subject=subject))

    @hookimpl
    async def enroll(self, context: v1.AuthContext, subject: str, kept: bytes, label: str) -> v1.Enrollment:
        from adjoin_auth.local.factors import enroll

        return await self._do(context, partial(enroll, subject=subject, label=label))

    @hookimpl
    async def activate(
        self, context: v1.AuthContext, subject: str, kept: bytes, enrollment: str, code: str
    ) -> v1.Proof:
        from adjoin_auth.local.factors import activate

        return await self._do(context, partial(activate, subject=subject, enrollment=enrollment, code=code))

    @hookimpl
    async def recovery_codes(self, context: v1.AuthContext, subject: str, kept: bytes) -> list[str]:
        from adjoin_auth.local.factors import recovery_codes

        return await self._do(context, partial(recovery_codes, subject=subject))

    @hookimpl
    async def remove_factor(self, context: v1.AuthContext, subject: str, kept: bytes, factor: str) -> None:
        from adjoin_auth.local.factors import remove_factor

        await self._do(context, partial(remove_factor, subject=subject, factor=factor))

    @hookimpl
    async def forget(self, context: v1.AuthContext, subject: str) -> None:
        from adjoin_auth.local.sweeping import forget

        await self._do(context, partial(forget, subject=subject))
