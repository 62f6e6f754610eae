"""Reads the results of an account: one query for a window, one row per object and day.

There is never a condition on the state of an object: what is removed keeps its results, and sums would come short. A
row of which every metric is zero is left out by Google, so a day without a row is a day without results.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from adjoin.ads.v2 import Account, Batch, Client, DateWindow, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google import gaql
from adjoin_google.calls import query_account
from adjoin_google.columns import fact_batch
from adjoin_google.conversions import CONVERSIONS, read_conversions
from adjoin_google.rows import decode_rows

__all__ = ["SOURCES", "facts_query", "read_facts"]

_METRICS = (
    "metrics.impressions",
    "metrics.clicks",
    "metrics.cost_micros",
    "metrics.conversions",
    "metrics.conversions_value",
)
_VIEWS = "metrics.video_trueview_views"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where a dataset comes from: Google's resource, the fields of its keys, and its metrics."""

    resource: str
    keys: tuple[str, ...]
    metrics: tuple[str, ...] = (*_METRICS, _VIEWS)


SOURCES: Mapping[str, _Source] = {
    "account_daily": _Source(resource="customer", keys=("customer.id",)),
    "campaign_daily": _Source(resource="campaign", keys=("campaign.id",)),
    "ad_group_daily": _Source(resource="ad_group", keys=("campaign.id", "ad_group.id")),
    "ad_daily": _Source(resource="ad_group_ad", keys=("campaign.id", "ad_group.id", "ad_group_ad.ad.id")),
    "keyword_daily": _Source(
        resource="keyword_view",
        keys=("campaign.id", "ad_group.id", "ad_group_criterion.criterion_id"),
        metrics=_METRICS,
    ),
    "search_term_daily": _Source(
        resource="search_term_view",
        keys=("campaign.id", "ad_group.id", "search_term_view.search_term"),
        metrics=_METRICS,
    ),
}


def facts_query(dataset: str, window: DateWindow) -> str:
    """Return the query for a dataset; KeyError if it is none of `SOURCES`."""
    source = SOURCES[dataset]
    return gaql.select(
        (*source.keys, "segments.date", *source.metrics), source=source.resource, where=(gaql.days(window),)
    )


async def read_facts(request: ReadRequest, client: Client) -> AsyncGenerator[Batch, None]:
    """Yield the rows of a window. Raises PlatformError; `split` for days that Google cannot work out at once."""
    if request.stream not in SOURCES and request.stream != CONVERSIONS:
        raise PlatformError(
            f"Google Ads has no {request.stream!r}; it has {', '.join([*SOURCES, CONVERSIONS])} and lists of objects",
            kind=ErrorKind.INVALID,
            code="unknown-stream",
        )
    if request.window is None:
        raise PlatformError(f"{request.stream} needs a window of days", kind=ErrorKind.INVALID, code="no-window")
    try:
        async with aclosing(_read(request.stream, request.account, request.window, client)) as batches:
            async for batch in batches:
                yield batch
    except PlatformError as error:
        if error.kind is not ErrorKind.SPLIT or request.window.days > 1:
            raise
        # A single day cannot be split. Google being slow often passes.
        raise PlatformError(str(error), kind=ErrorKind.RETRY, code=error.code, request_id=error.request_id) from error


def _read(stream: str, account: Account, window: DateWindow, client: Client) -> AsyncGenerator[Batch, None]:
    if stream == CONVERSIONS:
        return read_conversions(account, window, client)
    make = partial(fact_batch, stream, account.id)
    return query_account(client, account, facts_query(stream, window), decode_rows, make)
