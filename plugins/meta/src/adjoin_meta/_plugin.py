"""The hooks of the `ads` contract, each one line that hands over to the module that does the work.

The imports are inside the functions so that listing plugins stays quick.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from adjoin.ads import v2
from adjoin.contract import hookimpl
from adjoin.errors import ErrorKind, PlatformError

if TYPE_CHECKING:
    from adjoin.testing.world import World

__all__ = ["MetaAds"]


class MetaAds(v2.Ads):
    """Meta's Marketing API. `apply` is not offered yet."""

    @hookimpl
    def describe(self) -> v2.Description:
        from adjoin_meta.description import DESCRIPTION

        return DESCRIPTION

    @hookimpl
    def consent_url(self, app: v2.App, consent: v2.Consent, base_url: str) -> str:
        from adjoin_meta import oauth

        return oauth.consent_url(app, consent, base_url)

    @hookimpl
    async def redeem(self, grant: v2.CodeGrant, client: v2.Client) -> v2.Credential:
        from adjoin_meta import oauth

        return await oauth.redeem(grant, client)

    @hookimpl
    async def renew(self, credential: v2.Credential, client: v2.Client) -> v2.Credential:
        from adjoin_meta import oauth

        return oauth.renew(credential, client.now())

    @hookimpl
    def inspect(self, reply: v2.Reply) -> v2.Verdict:
        from adjoin_meta.verdict import inspect

        return inspect(reply)

    @hookimpl
    async def accounts(self, client: v2.Client) -> list[v2.Account]:
        from adjoin_meta.accounts import list_accounts

        return await list_accounts(client)

    @hookimpl
    async def read(self, request: v2.ReadRequest, client: v2.Client) -> AsyncIterator[v2.Batch]:
        from adjoin_meta.entities import ENTITY_STREAMS, read_entities
        from adjoin_meta.insights import LEVELS, read_facts

        if request.stream not in (*ENTITY_STREAMS, *LEVELS):
            raise PlatformError(f"Meta has no stream {request.stream!r}", kind=ErrorKind.INVALID, code="stream")
        source = read_entities if request.stream in ENTITY_STREAMS else read_facts
        async for batch in source(request, client):
            yield batch

    @hookimpl
    def spec_limits(self) -> tuple[v2.CreativeLimit, ...]:
        from adjoin_meta.creative import LIMITS

        return LIMITS

    @hookimpl
    def sandbox(self, world: World) -> v2.AsgiApp:
        from adjoin_meta.sandbox import make_app

        return make_app(world)
