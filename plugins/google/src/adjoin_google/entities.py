"""Lists an account's campaigns, ad groups, ads and keywords, in every state, or only those that have changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from adjoin.ads.v2 import Account, Client, Entity, EntityBatch, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google import gaql
from adjoin_google.calls import query_account
from adjoin_google.changes import Change, changed
from adjoin_google.columns import unreadable
from adjoin_google.objects import (
    decode_ad_groups,
    decode_ads,
    decode_campaigns,
    decode_keywords,
    make_ad,
    make_ad_group,
    make_campaign,
    make_keyword,
)
from adjoin_google.search import Batch

__all__ = ["ENTITY_STREAMS", "read_entities"]

#: So many changed objects are asked for by name; above that all are read, which is one query too.
_NAMED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """One of the lists: what is asked for, how a row becomes an entity, and where changes of it are noted."""

    source: str
    fields: tuple[str, ...]
    decode: Callable[[bytes], Batch[Any]]
    make: Callable[[Any, Account], Entity]
    changes: tuple[Change, ...]
    where: tuple[str, ...] = ()


ENTITY_STREAMS: Mapping[str, _Listing] = {
    "campaigns": _Listing(
        source="campaign",
        fields=(
            "campaign.id",
            "campaign.name",
            "campaign.status",
            "campaign.serving_status",
            "campaign.advertising_channel_type",
            "campaign.start_date_time",
            "campaign.end_date_time",
            "campaign_budget.amount_micros",
            "campaign_budget.total_amount_micros",
        ),
        decode=decode_campaigns,
        make=make_campaign,
        changes=(
            Change(kind="CAMPAIGN", noted="campaign", found_by="campaign.resource_name"),
            Change(kind="CAMPAIGN_BUDGET", noted="campaign_budget", found_by="campaign.campaign_budget"),
        ),
    ),
    "ad_groups": _Listing(
        source="ad_group",
        fields=("ad_group.id", "ad_group.name", "ad_group.status", "ad_group.cpc_bid_micros", "campaign.id"),
        decode=decode_ad_groups,
        make=make_ad_group,
        changes=(Change(kind="AD_GROUP", noted="ad_group", found_by="ad_group.resource_name"),),
    ),
    "ads": _Listing(
        source="ad_group_ad",
        fields=(
            "ad_group_ad.ad.id",
            "ad_group_ad.ad.name",
            "ad_group_ad.ad.type",
            "ad_group_ad.ad.final_urls",
            "ad_group_ad.ad.responsive_search_ad.headlines",
            "ad_group_ad.status",
            "ad_group_ad.primary_status",
            "ad_group_ad.policy_summary.approval_status",
            "ad_group.id",
            "campaign.id",
        ),
        decode=decode_ads,
        make=make_ad,
        changes=(Change(kind="AD_GROUP_AD", noted="ad_group_ad", found_by="ad_group_ad.resource_name"),),
    ),
    "keywords": _Listing(
        source="ad_group_criterion",
        fields=(
            "ad_group_criterion.criterion_id",
            "ad_group_criterion.status",
            "ad_group_criterion.keyword.text",
            "ad_group_criterion.keyword.match_type",
            "ad_group_criterion.cpc_bid_micros",
            "ad_group.id",
            "campaign.id",
        ),
        decode=decode_keywords,
        make=make_keyword,
        changes=(
            Change(kind="AD_GROUP_CRITERION", noted="ad_group_criterion", found_by="ad_group_criterion.resource_name"),
        ),
        where=("ad_group_criterion.type = 'KEYWORD'", "ad_group_criterion.negative = FALSE"),
    ),
}


async def read_entities(request: ReadRequest, client: Client) -> AsyncGenerator[EntityBatch, None]:
    """Yield an account's objects, each once; with `updated_since` those that have changed since then, the removed ones
    too. Raises PlatformError.

    What changes by itself, as a campaign whose time is over, is noted nowhere: all must be read now and then.
    """
    listing = ENTITY_STREAMS[request.stream]
    try:
        named = await changed(client, request.account, listing.changes, request.updated_since)
        seen: set[str] = set()
        for condition in _conditions(named):
            async with aclosing(_read(client, request.account, listing, condition)) as batches:
                async for batch in batches:
                    # An ad can be in several ad groups, and what has changed can be named twice.
                    fresh = {one.id: one for one in batch.entities if one.id not in seen}
                    seen.update(fresh)
                    if fresh:
                        yield EntityBatch(entities=tuple(fresh.values()))
    except PlatformError as error:
        if error.kind is not ErrorKind.SPLIT:
            raise
        # A list has no days to be split by. Google being slow often passes.
        raise PlatformError(str(error), kind=ErrorKind.RETRY, code=error.code, request_id=error.request_id) from error


def _conditions(named: Mapping[str, Sequence[str]] | None) -> list[tuple[str, ...]]:
    """Return the conditions of the queries to send: one without any for everything, none for nothing."""
    if named is None or sum(map(len, named.values())) > _NAMED:
        return [()]
    return [(gaql.any_of(field, names),) for field, names in named.items() if names]


def _read(
    client: Client, account: Account, listing: _Listing, condition: tuple[str, ...]
) -> AsyncGenerator[EntityBatch, None]:
    def make(rows: Sequence[Any]) -> EntityBatch:
        try:
            return EntityBatch(entities=tuple(listing.make(row, account) for row in rows))
        except ValueError as error:
            raise unreadable(str(error)) from error

    query = gaql.select(listing.fields, source=listing.source, where=(*listing.where, *condition))
    return query_account(client, account, query, listing.decode, make)
