"""A plugin's sandbox for the conformance tests of `ads`: clients that talk to it, and the way of one who connects."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from adjoin.ads import v2
from adjoin.kernel import Kernel

if TYPE_CHECKING:
    import httpx

    from adjoin.http.credentials import CredentialKeeper
    from adjoin.testing.world import World

__all__ = ["Stage"]

#: Where the consent page leads back to, and a proof key (PKCE, S256).
_BACK = "http://127.0.0.1:8765/callback"
_VERIFIER = "conformance-verifier-0123456789-0123456789-0123456789"
_CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Stage:
    """A plugin's sandbox on a world, without a socket, and clients that talk to it."""

    def __init__(self, kernel: Kernel, platform: str, world: World, app: v2.App) -> None:
        self.kernel = kernel
        self.platform = platform
        self.world = world
        self.app = app
        self.base_url = f"http://sandbox.test/{platform}"

    @cached_property
    def transport(self) -> httpx.ASGITransport:
        """One application for everyone: codes and tokens are known only to the sandbox that gave them."""
        import httpx

        from adjoin.testing.server import sandbox_app

        sandbox = self.kernel.hook(v2.Ads.sandbox).one(self.platform, world=self.world)
        return httpx.ASGITransport(app=sandbox_app({self.platform: sandbox}, self.world))

    @property
    def described(self) -> v2.Description:
        return self.kernel.hook(v2.Ads.describe).one(self.platform)

    def client(
        self, credential: v2.Credential | None, *, on_renewed: Callable[[v2.Credential], None] | None = None
    ) -> v2.Client:
        """Return a real API client, which renews its credential where the plugin can; None has none."""
        from adjoin.clock import ManualClock
        from adjoin.http.credentials import CredentialKeeper

        renew = self.kernel.hook(v2.Ads.renew)

        async def renewed(stale: v2.Credential) -> v2.Credential:
            return await renew.aone(self.platform, credential=stale, client=self._client(CredentialKeeper(stale)))

        if credential is None:
            return self._client(None)
        return self._client(
            CredentialKeeper(
                credential,
                renew=renewed if renew.implemented_by(self.platform) else None,
                save=on_renewed,
                clock=ManualClock(self.world.now),
            )
        )

    def connect(self) -> v2.Credential:
        """Go the way of a person who connects: the consent page, back with a code, and its exchange.

        Raises AssertionError where the way does not lead back.
        """
        consent = v2.Consent(
            redirect_uri=_BACK, state="the-state", code_challenge=_CHALLENGE if self.described.auth.pkce else ""
        )
        url = self.kernel.hook(v2.Ads.consent_url).one(self.platform, self.app, consent, base_url=self.base_url)
        assert url.startswith(f"{self.base_url}/"), (
            f"for the base URL of a sandbox the consent page lies below that URL, on the platform's own path, not {url}"
        )
        answer = asyncio.run(self._browse(url))
        back = answer.headers.get("location", "")
        assert answer.is_redirect, f"the sandbox's consent page consents at once, but it answered {answer.status_code}"
        assert back.startswith(_BACK), f"the consent page must lead back to the redirect_uri, not to {back}"
        query = parse_qs(urlsplit(back).query)
        assert query.get("state") == ["the-state"], "the state guards against forged answers and must come back"
        grant = v2.CodeGrant(
            code=query["code"][0], redirect_uri=_BACK, code_verifier=_VERIFIER if self.described.auth.pkce else ""
        )
        return self.kernel.hook(v2.Ads.redeem).one(self.platform, grant, client=self.client(None))

    async def _browse(self, url: str) -> httpx.Response:
        import httpx

        async with httpx.AsyncClient(transport=self.transport) as browser:
            return await browser.get(url)

    def _client(self, keeper: CredentialKeeper | None) -> v2.Client:
        from adjoin.clock import ManualClock
        from adjoin.http.client import ApiClient

        inspect = self.kernel.hook(v2.Ads.inspect)
        return ApiClient(
            app=self.app,
            base_url=self.base_url,
            hosts=self.described.hosts,
            credentials=keeper,
            inspect=(lambda reply: inspect.one(self.platform, reply))
            if inspect.implemented_by(self.platform)
            else None,
            clock=ManualClock(self.world.now),
            transport=self.transport,
            secret_fields=[field.name for field in self.described.auth.app_fields if field.secret],
        )
