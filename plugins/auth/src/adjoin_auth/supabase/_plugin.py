"""The hooks: each hands over to the module of its subject, which is imported when it is first used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from adjoin.auth import v1
from adjoin.contract import hookimpl
from adjoin_auth.supabase.project import Project, problems_of, project_of

if TYPE_CHECKING:
    from adjoin_auth.supabase.calls import Call, Known

__all__ = ["Supabase"]

_log = structlog.get_logger("adjoin.sign_in.supabase")

#: Access tokens last an hour by default. Early enough to live through a short outage.
_RENEW_WITHIN = timedelta(minutes=10)
_TITLES = {
    "azure": "Microsoft",
    "github": "GitHub",
    "gitlab": "GitLab",
    "linkedin_oidc": "LinkedIn",
    "workos": "WorkOS",
}


class Supabase(v1.Auth):
    """People, passwords and second factors at Supabase Auth. Tests bring settings in place of the environment's."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._known: dict[Project, Known] = {}

    def _call(self, context: v1.AuthContext) -> Call:
        """Begin a call. Raises AuthError of kind `unavailable` where the settings will not do."""
        from adjoin_auth.supabase.calls import Call, Known
        from adjoin_auth.supabase.refusals import unavailable

        problems = problems_of(context.settings)
        if problems:
            _log.error("Supabase cannot be used", problems=list(problems))
            raise unavailable()
        project = project_of(context.settings)
        known = self._known.get(project)
        if known is None:
            known = self._known.setdefault(project, Known(project))
        return Call(context, known)

    @hookimpl
    def describe(self) -> v1.Description:
        from adjoin.access.context import auth_settings

        settings = auth_settings() if self._settings is None else self._settings
        project = project_of(settings)
        return v1.Description(
            title="Supabase",
            issuer=project.issuer or "urn:adjoin:supabase",
            parties=tuple(v1.Party(id=name, title=_title(name)) for name in project.parties),
            renew_within=_RENEW_WITHIN,
            problems=problems_of(settings),
        )

    @hookimpl
    async def sign_up(self, context: v1.AuthContext, form: v1.SignUp) -> None:
        from adjoin_auth.supabase.registering import sign_up

        await sign_up(self._call(context), form)

    @hookimpl
    async def admit(self, context: v1.AuthContext, form: v1.SignUp) -> v1.Proof:
        from adjoin_auth.supabase.registering import admit

        return await admit(self._call(context), form)

    @hookimpl
    async def sign_in(self, context: v1.AuthContext, credentials: v1.Credentials) -> v1.Proof:
        from adjoin_auth.supabase.signing_in import sign_in

        return await sign_in(self._call(context), credentials)

    @hookimpl
    async def second_factor(self, context: v1.AuthContext, subject: str, kept: bytes, code: str) -> v1.Proof:
        from adjoin_auth.supabase.factors import second_factor

        return await second_factor(self._call(context), subject, kept, code)

    @hookimpl
    async def renew(self, context: v1.AuthContext, subject: str, kept: bytes) -> v1.Proof:
        from adjoin_auth.supabase.signing_in import renew

        return await renew(self._call(context), subject, kept)

    @hookimpl
    async def sign_out(self, context: v1.AuthContext, subject: str, kept: bytes) -> None:
        from adjoin_auth.supabase.signing_in import sign_out

        await sign_out(self._call(context), subject, kept)

    @hookimpl
    async def confirm(self, context: v1.AuthContext, kind: v1.LinkKind, token: str) -> v1.Proof:
        from adjoin_auth.supabase.registering import confirm

        return await confirm(self._call(context), kind, token)

    @hookimpl
    async def ask_reset(self, context: v1.AuthContext, email: str, address: str) -> None:
        from adjoin_auth.supabase.passwords import ask_reset

        await ask_reset(self._call(context), email, address)

    @hookimpl
    async def reset(self, context: v1.AuthContext, token: str, password: str) -> v1.Proof:
        from adjoin_auth.supabase.passwords import reset

        return await reset(self._call(context), token, password)

    @hookimpl
    async def check_password(self, context: v1.AuthContext, subject: str, kept: bytes, password: str) -> None:
        from adjoin_auth.supabase.signing_in import check_password

        await check_password(self._call(context), subject, kept, password)

    @hookimpl
    async def change_password(
        self, context: v1.AuthContext, subject: str, kept: bytes, current: str, new: str
    ) -> v1.Proof:
        from adjoin_auth.supabase.passwords import change_password

        return await change_password(self._call(context), subject, kept, current, new)

    @hookimpl
    async def change_email(self, context: v1.AuthContext, subject: str, kept: bytes, password: str, email: str) -> None:
        from adjoin_auth.supabase.passwords import change_email

        await change_email(self._call(context), subject, kept, password, email)

    @hookimpl
    async def factors(self, context: v1.AuthContext, subject: str, kept: bytes) -> list[v1.Factor]:
        from adjoin_auth.supabase.factors import factors

        return await factors(self._call(context), subject, kept)

    @hookimpl
    async def enroll(self, context: v1.AuthContext, subject: str, kept: bytes, label: str) -> v1.Enrollment:
        from adjoin_auth.supabase.factors import enroll

        return await enroll(self._call(context), subject, kept, label)

    @hookimpl
    async def activate(
        self, context: v1.AuthContext, subject: str, kept: bytes, enrollment: str, code: str
    ) -> v1.Proof:
        from adjoin_auth.supabase.factors import activate

        return await activate(self._call(context), subject, kept, enrollment, code)

    @hookimpl
    async def remove_factor(self, context: v1.AuthContext, subject: str, kept: bytes, factor: str) -> None:
        from adjoin_auth.supabase.factors import remove_factor

        await remove_factor(self._call(context), subject, kept, factor)

    @hookimpl
    async def start_external(
        self, context: v1.AuthContext, party: str, redirect_uri: str, again: bool = False
    ) -> v1.Start:
        from adjoin_auth.supabase.parties import start

        return start(self._call(context), party, redirect_uri, again=again)

    @hookimpl
    async def finish_external(self, context: v1.AuthContext, answer: v1.External) -> v1.Proof:
        from adjoin_auth.supabase.parties import finish

        return await finish(self._call(context), answer)

    @hookimpl
    async def forget(self, context: v1.AuthContext, subject: str) -> None:
        from adjoin_auth.supabase.forgetting import forget

        await forget(self._call(context), subject)


def _title(party: str) -> str:
    return _TITLES.get(party, party.removeprefix("custom:").replace("_", " ").title())
