"""Rows of adAnalytics as Arrow columns. Runs in a thread, for all rows of an answer at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from adjoin.ads.columns import batch_of
from adjoin.ads.datasets import CONVERSION_SCALE, DATASETS
from adjoin.ads.v2 import DateWindow, FactBatch
from adjoin_linkedin.keys import CAMPAIGN, CREATIVE, GROUP, RULE, keys_of
from adjoin_linkedin.money import micros_column
from adjoin_linkedin.rows import Row, texts_of

__all__ = ["LEADS", "conversion_batch", "fact_batch", "rules_of"]

_Columns: TypeAlias = dict[str, "pa.Array[Any]"]

#: The action that lead forms are: not a conversion rule of the account, but a metric of its own.
LEADS = "leads"

_KINDS = (GROUP, CAMPAIGN, CREATIVE)
_RULES = (GROUP, CAMPAIGN, RULE)

_NONE = pa.scalar(0, pa.int64())


def fact_batch(dataset: str, account_id: str, window: DateWindow, rows: Sequence[Row]) -> FactBatch:
    """Return the batch of a dataset by level. ValueError for a value that is none, and for a row that comes twice."""
    names = DATASETS[dataset].keys
    keys = keys_of(rows, window, _KINDS[: len(names)])
    website = pa.array([row.external_website_conversions for row in rows], pa.int64())
    leads = pa.array([row.one_click_leads for row in rows], pa.int64())
    columns: _Columns = {
        "date": keys.dates,
        "account_id": pa.repeat(pa.scalar(account_id, pa.string()), len(rows)),
        **{name: keys.column(pivot) for pivot, name in enumerate(names)},
        "impressions": pa.array([row.impressions for row in rows], pa.int64()),
        "clicks": pa.array([row.clicks for row in rows], pa.int64()),
        "cost_micros": _money([row.cost_in_local_currency for row in rows]),
        "conversions": _decimals(pc.add(website, leads)),
        "conversion_value_micros": _money([row.conversion_value_in_local_currency for row in rows]),
        "video_views": pa.array([row.video_views for row in rows], pa.int64()),
    }
    return batch_of(dataset, columns)


def rules_of(rows: Sequence[Row], window: DateWindow) -> set[str]:
    """Return the numbers of the conversion rules that occur. ValueError for a row without one."""
    return keys_of(rows, window, _RULES).different(_RULES.index(RULE))


def conversion_batch(
    account_id: str, window: DateWindow, by_rule: Sequence[Row], leads: Sequence[Row], actions: Mapping[str, str]
) -> FactBatch | None:
    """Return conversions by action, None if there are none.

    `by_rule` are conversions on websites by rule, `leads` the lead forms' by campaign; `actions` says what each rule
    counts. Several rules may count the same action, and are added up then.
    """
    names = ["date", "campaign_id", "ad_group_id", "action"]
    table = pa.concat_tables([_by_rule(by_rule, window, actions), _by_form(leads, window)])
    sums = table.group_by(names, use_threads=False).aggregate([("conversions", "sum"), ("value", "sum")])
    sums = sums.filter(pc.or_(pc.not_equal(sums["conversions_sum"], _NONE), pc.not_equal(sums["value_sum"], _NONE)))
    if not sums.num_rows:
        return None
    columns: _Columns = {
        **{name: sums[name].combine_chunks() for name in names},
        "account_id": pa.repeat(pa.scalar(account_id, pa.string()), sums.num_rows),
        "ad_id": pa.nulls(sums.num_rows, pa.string()),  # LinkedIn gives no conversions by rule below the campaign
        "conversions": _decimals(sums["conversions_sum"].combine_chunks()),
        "conversion_value_micros": sums["value_sum"].combine_chunks(),
    }
    return batch_of("conversion_daily", columns)


def _by_rule(rows: Sequence[Row], window: DateWindow, actions: Mapping[str, str]) -> pa.Table:
    keys = keys_of(rows, window, _RULES)
    rules = keys.column(_RULES.index(RULE)).to_pylist()
    return pa.table(
        {
            "date": keys.dates,
            "campaign_id": keys.column(0),
            "ad_group_id": keys.column(1),
            "action": pa.array([actions[str(rule)] for rule in rules], pa.string()),
            "conversions": pa.array([row.external_website_conversions for row in rows], pa.int64()),
            "value": _money([row.conversion_value_in_local_currency for row in rows]),
        }
    )


def _by_form(rows: Sequence[Row], window: DateWindow) -> pa.Table:
    keys = keys_of(rows, window, _KINDS[:2])
    return pa.table(
        {
            "date": keys.dates,
            "campaign_id": keys.column(0),
            "ad_group_id": keys.column(1),
            "action": pa.repeat(pa.scalar(LEADS, pa.string()), len(rows)),
            "conversions": pa.array([row.one_click_leads for row in rows], pa.int64()),
            "value": pa.repeat(_NONE, len(rows)),
        }
    )


def _money(raws: Sequence[msgspec.Raw]) -> pa.Array[Any]:
    return micros_column(pc.utf8_trim(texts_of(raws).cast(pa.string()), characters='"'))


def _decimals(counts: pa.Array[Any]) -> pa.Array[Any]:
    # 64 bits hold 19 digits, so the first step is always possible and the second says if it is too many.
    return counts.cast(pa.decimal128(19 + CONVERSION_SCALE, CONVERSION_SCALE)).cast(pa.decimal128(18, CONVERSION_SCALE))
