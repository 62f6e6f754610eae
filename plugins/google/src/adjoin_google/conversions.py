"""Conversions by action. They go with no other metric, so they are a query of their own.

An action counts as a conversion where its goal is primary, which an advertiser may set otherwise for single campaigns.
Then its row has `conversions`, and that is its number; a row without has `all_conversions` alone. Several of Google's
actions can be one of ours (two pixels for purchases): those are added up.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from adjoin.ads.columns import batch_of, conversions
from adjoin.ads.v2 import Account, Client, DateWindow, FactBatch
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google import gaql
from adjoin_google.amounts import micros, nanos
from adjoin_google.calls import query_account
from adjoin_google.columns import KEYS, dates, unreadable
from adjoin_google.rows import Row, decode_rows

__all__ = ["ACTIONS", "CONVERSIONS", "conversions_query", "read_conversions"]

CONVERSIONS = "conversion_daily"

#: Google's categories that have a name of ours. Actions of all others keep the name that the advertiser gave them.
ACTIONS: Mapping[str, str] = {
    "PURCHASE": "purchases",
    "SUBMIT_LEAD_FORM": "leads",
    "SIGNUP": "registrations",
    "ADD_TO_CART": "add_to_cart",
    "BEGIN_CHECKOUT": "checkouts",
}

_KEYS = ("campaign_id", "ad_group_id", "ad_id")
_FIELDS = (
    "segments.date",
    "segments.conversion_action",
    "segments.conversion_action_name",
    "segments.conversion_action_category",
    "metrics.conversions",
    "metrics.conversions_value",
    "metrics.all_conversions",
    "metrics.all_conversions_value",
)
_AD_KEYS = ("campaign.id", "ad_group.id", "ad_group_ad.ad.id")
_WITHOUT_ADS = "campaign.advertising_channel_type = 'PERFORMANCE_MAX'"


def conversions_query(window: DateWindow, *, ads: bool) -> str:
    """Return the query for conversions by ad, or else for those of the campaigns that have no ads."""
    keys, source = (_AD_KEYS, "ad_group_ad") if ads else (("campaign.id",), "campaign")
    where = [gaql.days(window), *([] if ads else [_WITHOUT_ADS])]
    return gaql.select((*keys, *_FIELDS), source=source, where=where, order="segments.date")


async def read_conversions(account: Account, window: DateWindow, client: Client) -> AsyncGenerator[FactBatch, None]:
    """Yield a window's conversions: those of ads, then those of campaigns without ads. Raises PlatformError."""
    for ads in (True, False):
        days = _Days()
        make = partial(_entries, ads=ads)
        query = conversions_query(window, ads=ads)
        async with aclosing(query_account(client, account, query, decode_rows, make)) as parts:
            async for entries in parts:
                if (done := await client.parse(partial(days.add, account.id, entries), b"")) is not None:
                    yield done
        if (done := await client.parse(partial(days.rest, account.id), b"")) is not None:
            yield done


def _entries(rows: Sequence[Row], *, ads: bool) -> pa.Table:
    """Return columns of rows, one per object, day and one of Google's actions, in billionths and micros."""
    metrics = [row.metrics for row in rows]
    counted = [one.conversions != 0 or one.conversions_value != 0 for one in metrics]
    numbers = [one.conversions if yes else one.all_conversions for one, yes in zip(metrics, counted, strict=True)]
    values = [
        one.conversions_value if yes else one.all_conversions_value for one, yes in zip(metrics, counted, strict=True)
    ]
    try:
        return pa.table(
            {
                "date": dates(rows),
                **{key: KEYS[key](rows) if ads or key == "campaign_id" else _none(len(rows)) for key in _KEYS},
                "action": pa.array([_action(row) for row in rows], pa.string()),
                "number": pa.array(nanos(numbers), pa.int64()),
                "value": pa.array(micros(values), pa.int64()),
            }
        )
    except ValueError as error:
        raise unreadable(str(error)) from error
    except AttributeError as error:
        raise unreadable(f"it lacks one of the ids of {CONVERSIONS}") from error


def _none(length: int) -> pa.Array[Any]:
    return pa.nulls(length, pa.string())


def _action(row: Row) -> str:
    segments = row.segments
    named = ACTIONS.get(segments.conversion_action_category) or segments.conversion_action_name
    if not named:
        raise ValueError("a conversion without the name of its action")
    return named


class _Days:
    """Adds up entries of the same day, object and action. Rows come day by day, so one day at most is held."""

    def __init__(self) -> None:
        self._held: list[pa.Table] = []
        self._last: Any = None

    def add(self, account_id: str, entries: pa.Table, _: bytes) -> FactBatch | None:
        """Take in entries and return what the days before the last one come to, if there are any."""
        first, last = pc.min(entries["date"]), pc.max(entries["date"])
        if self._last is not None and first.as_py() < self._last.as_py():
            raise PlatformError(
                "Google's conversions do not come in the order of days that was asked for",
                kind=ErrorKind.RESTART,
                code="order",
            )
        table = pa.concat_tables([*self._held, entries])
        open_day = pc.equal(table["date"], last)
        self._held, self._last = [table.filter(open_day)], last
        return _added_up(account_id, table.filter(pc.invert(open_day)))

    def rest(self, account_id: str, _: bytes) -> FactBatch | None:
        """Return what the last day comes to."""
        return _added_up(account_id, pa.concat_tables(self._held)) if self._held else None


def _added_up(account_id: str, entries: pa.Table) -> FactBatch | None:
    if not entries.num_rows:
        return None
    keys = ["date", *_KEYS, "action"]
    sums = entries.group_by(keys, use_threads=False).aggregate([("number", "sum"), ("value", "sum")])
    columns = {key: _column(sums, key) for key in keys}
    return batch_of(
        CONVERSIONS,
        {
            **columns,
            "account_id": pa.repeat(pa.scalar(account_id, pa.string()), sums.num_rows),
            "conversions": conversions(_column(sums, "number_sum").to_numpy(zero_copy_only=False)),
            "conversion_value_micros": _column(sums, "value_sum"),
        },
    )


def _column(table: pa.Table, name: str) -> pa.Array[Any]:
    column = table[name].combine_chunks()
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
