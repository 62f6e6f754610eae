"""The auth provider that the operator has picked, as the rest of Adjoin asks it."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import structlog

from adjoin.auth import v1
from adjoin.errors import AuthError, AuthProblem, NotImplementedByPlugin, PluginError

if TYPE_CHECKING:
    from adjoin.kernel import Kernel

__all__ = ["Provider"]

T = TypeVar("T")
_log = structlog.get_logger("adjoin.sign_in")


class Provider:
    """The provider by its name, with the context that its hooks get. Never ask it within a transaction."""

    def __init__(self, kernel: Kernel, name: str, context: v1.AuthContext) -> None:
        self.kernel = kernel
        self.name = name
        self.context = context

    @cached_property
    def description(self) -> v1.Description:
        """What it is and can do. Raises UnknownName where it is not installed."""
        return self.kernel.hook(v1.Auth.describe).one(self.name)

    async def ask(self, asked: Awaitable[T]) -> T:
        """Await a hook. A provider that fails becomes an AuthError of kind `unavailable`, which people may read."""
        try:
            return await asked
        except NotImplementedByPlugin:
            raise
        except PluginError as error:
            _log.error("the auth provider failed", provider=self.name, error=str(error))
            raise AuthError(
                "Sign-in does not work at the moment. Try again in a few minutes; who is signed in already stays so.",
                kind=AuthProblem.UNAVAILABLE,
            ) from error

    async def end(self, subject: str, kept: bytes) -> None:
        """Tell it that a session is over. What fails is logged and changes nothing."""
        hook = self.kernel.hook(v1.Auth.sign_out)
        if not hook.implemented_by(self.name):
            return
        try:
            await hook.aone(self.name, self.context, subject, kept)
        except (PluginError, AuthError) as error:
            _log.warning("the auth provider did not hear of a sign-out", provider=self.name, error=str(error))
