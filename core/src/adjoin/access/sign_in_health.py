"""How sign-in is set up: whether there is a provider, and what is wrong with its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from adjoin.auth.v1 import Auth
from adjoin.errors import AdjoinError
from adjoin.health.machinery import Check

if TYPE_CHECKING:
    from adjoin.kernel import Kernel

__all__ = ["check_sign_in", "warn_of_sign_in"]

_log = structlog.get_logger("adjoin.sign_in")


def check_sign_in(kernel: Kernel, provider: str) -> list[Check]:
    """Look at the provider that ADJOIN_AUTH names. Asks nobody outside."""
    try:
        described = kernel.hook(Auth.describe).one(provider)
    except AdjoinError as error:
        advice = f"ADJOIN_AUTH names {provider!r}: name a plugin that is installed; `adjoin plugins list` shows them."
        return [Check(check="sign-in", state="failed", detail=str(error), advice=advice)]
    ways = [described.title, *(party.title for party in described.parties)]
    found = [Check(check="sign-in", state="ok", detail=f"{provider}: {', '.join(ways)}")]
    advice = "Correct the setting, and start again what runs. Whatever else people sign in by goes on."
    wrong = [Check(check="sign-in", state="failed", detail=one, advice=advice) for one in described.problems]
    return wrong or found


def warn_of_sign_in(kernel: Kernel, provider: str) -> None:
    """Write into the log what is wrong, where a process starts."""
    for one in check_sign_in(kernel, provider):
        if one.state != "ok":
            _log.error("sign-in is not set up as it should be", problem=one.detail, advice=one.advice)
