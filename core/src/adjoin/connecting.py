"""Connecting a platform by its consent page, as the command and the dashboard do it alike."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from adjoin.access.actors import SYSTEM, Actor
from adjoin.ads import v2
from adjoin.errors import BadInput, UsageError

if TYPE_CHECKING:
    from adjoin.kernel import Kernel
    from adjoin.sync.connections import Connected, Connections

__all__ = ["Authorising", "address_at", "missing_settings"]

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


def address_at(sandbox: str, platform: str) -> str:
    """Return the address of a platform in a sandbox on this machine, which is all that may be.

    Whoever names a sandbox makes this machine ask there. Raises BadInput for any other address.
    """
    try:
        parts = urlsplit(sandbox)
        local = parts.scheme == "http" and parts.hostname in _LOCAL and parts.username is None and parts.port != 0
    except ValueError:
        local = False
    if not local:
        raise BadInput(f"{sandbox!r} is not a sandbox on this machine; write http://127.0.0.1:8900")
    return f"{sandbox.rstrip('/')}/{platform}"


def missing_settings(platform: str, description: v2.Description, app: v2.App) -> list[str]:
    """Return the environment variables that the operator's registration with a platform still needs.

    The secret is asked for only where the id is missing too: some registrations have none.
    """
    names = [] if app.client_id else ["CLIENT_ID", *(["CLIENT_SECRET"] if not app.client_secret else [])]
    names += [
        field.name.upper() for field in description.auth.app_fields if field.required and not app.extra.get(field.name)
    ]
    prefix = f"ADJOIN_{platform.upper().replace('-', '_')}_"
    return [prefix + name for name in names]


class Authorising:
    """A platform at an address that a person is about to authorise."""

    def __init__(self, kernel: Kernel, connections: Connections, platform: str, base_url: str = "") -> None:
        """Raises UnknownName where the platform's plugin is not loaded."""
        self._kernel = kernel
        self._connections = connections
        self.platform = platform
        self.description = connections.describe(platform)
        self.base_url = base_url or self.description.base_url

    @property
    def pkce(self) -> bool:
        return self.description.auth.pkce

    def missing(self) -> list[str]:
        """Return the environment variables that have to be set before this platform can be connected here."""
        return missing_settings(self.platform, self.description, self._connections.app(self.platform, self.base_url))

    def check(self) -> None:
        """Raise UsageError unless the platform has a consent page, and the operator's registration is there."""
        if "oauth" not in self.description.auth.methods:
            raise UsageError(
                f"{self.description.title} has no consent page; run `adjoin connect {self.platform} --token`"
            )
        missing = self.missing()
        if missing:
            raise UsageError(
                f"{self.description.title} needs the registration of your app: set {', '.join(missing)} "
                f"(see {self.description.docs_url or 'the documentation of the plugin'}), or try a sandbox: "
                f"`adjoin connect {self.platform} --sandbox http://127.0.0.1:8900`"
            )

    def consent_url(self, consent: v2.Consent) -> str:
        """Return the address of the consent page. It holds the state: it is for the person alone."""
        app = self._connections.app(self.platform, self.base_url)
        return self._kernel.hook(v2.Ads.consent_url).one(
            self.platform, app=app, consent=consent, base_url=self.base_url
        )

    async def redeem(self, grant: v2.CodeGrant) -> v2.Credential:
        """Exchange the code. What the platform refuses is raised as PlatformError."""
        client = self._connections.bare_client(self.platform, self.base_url)
        try:
            return await self._kernel.hook(v2.Ads.redeem).aone(self.platform, grant=grant, client=client)
        finally:
            await client.aclose()

    async def connect(
        self,
        grant: v2.CodeGrant,
        *,
        workspace_id: str,
        label: str = "",
        connection_id: str | None = None,
        by: Actor = SYSTEM,
    ) -> Connected:
        """Exchange the code and store the connection, or nothing; see `Connections.connect`."""
        await asyncio.to_thread(self._connections.check_may_connect, workspace_id, by=by)
        credential = await self.redeem(grant)
        return await self._connections.connect(
            self.platform,
            base_url=self.base_url,
            credential=credential,
            workspace_id=workspace_id,
            label=label,
            connection_id=connection_id,
            by=by,
        )
