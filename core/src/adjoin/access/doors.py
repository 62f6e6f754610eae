"""Puts the doors of an installation together: the provider that the operator has picked, its context, the sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoin.access.context import Context, auth_settings
from adjoin.access.provider import Provider
from adjoin.access.sessions import Sessions
from adjoin.access.signed_in import SessionRules
from adjoin.access.signing_in import SigningIn
from adjoin.mail.outbox import put

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.kernel import Kernel
    from adjoin.mail.v1 import Mail
    from adjoin.secrets import Vault
    from adjoin.settings import Settings

__all__ = ["open_doors"]


def open_doors(
    *,
    store: Store,
    kernel: Kernel,
    vault: Vault,
    clock: Clock,
    settings: Settings,
    environ: Mapping[str, str] | None = None,
) -> SigningIn:
    """Return the doors of this process. Whether the provider is installed shows when it is first asked."""

    def outbox(session: Session, mail: Mail) -> None:
        put(session, vault, mail, now=clock.now())

    context = Context(
        store=store,
        vault=vault,
        clock=clock,
        outbox=outbox,
        base_url=settings.base_url,
        settings=auth_settings(environ),
    )
    return SigningIn(
        store=store,
        vault=vault,
        clock=clock,
        sessions=Sessions(store, clock, SessionRules.of(settings)),
        provider=Provider(kernel, settings.auth, context),
        registration=settings.registration,
    )
