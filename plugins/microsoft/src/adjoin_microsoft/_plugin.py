"""The hooks of the `ads` contract, each one line that hands over to the module that does the work.

The imports are inside the functions so that listing plugins stays quick.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from adjoin.ads import v2
from adjoin.contract import hookimpl

if TYPE_CHECKING:
    from adjoin.testing.world import World

__all__ = ["MicrosoftAds"]


class MicrosoftAds(v2.Ads):
    """The Microsoft Advertising API v13 (REST). `apply` is not offered yet."""

    @hookimpl
    def describe(self) -> v2.Description:
        from adjoin_microsoft.description import DESCRIPTION

        return DESCRIPTION

    @hookimpl
    def consent_url(self, app: v2.App, consent: v2.Consent, base_url: str) -> str:
        from adjoin_microsoft import oauth

        return oauth.consent_url(app, consent, base_url)

    @hookimpl
    async def redeem(self, grant: v2.CodeGrant, client: v2.Client) -> v2.Credential:
        from adjoin_microsoft import oauth

        return await oauth.redeem(grant, client)

    @hookimpl
    async def renew(self, credential: v2.Credential, client: v2.Client) -> v2.Credential:
        from adjoin_microsoft import oauth

        return await oauth.renew(credential, client)

    @hookimpl
    def inspect(self, reply: v2.Reply) -> v2.Verdict:
        from adjoin_microsoft.verdict import inspect

        return inspect(reply)

    @hookimpl
    async def accounts(self, client: v2.Client) -> list[v2.Account]:
        from adjoin_microsoft.accounts import list_accounts

        return await list_accounts(client)

    @hookimpl
    async def read(self, request: v2.ReadRequest, client: v2.Client) -> AsyncIterator[v2.Batch]:
        from adjoin_microsoft.entities import ENTITY_STREAMS, read_entities
        from adjoin_microsoft.facts import read_facts

        source = read_entities if request.stream in ENTITY_STREAMS else read_facts
        async for batch in source(request, client):
            yield batch

    @hookimpl
    def spec_limits(self) -> tuple[v2.CreativeLimit, ...]:
        from adjoin_microsoft.creative import LIMITS

        return LIMITS

    @hookimpl
    def sandbox(self, world: World) -> v2.AsgiApp:
        from adjoin_microsoft.sandbox import make_app

        return make_app(world, pending_polls=0)  # who tries it out does not wait for reports
