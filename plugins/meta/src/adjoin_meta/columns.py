"""Insights rows as Arrow columns. Runs in a thread, for the rows of many pages at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from adjoin.ads.datasets import CONVERSION_SCALE, DATASETS, arrow_schema
from adjoin.ads.v2 import FactBatch
from adjoin_meta.conversions import CUSTOM, VIDEO_VIEW, chosen, count_to_nanos, counts
from adjoin_meta.money import major_to_micros
from adjoin_meta.rows import Row

__all__ = ["ROW_KEYS", "Tally", "conversion_batch", "fact_batch"]

#: The keys of the datasets, the coarsest first.
ROW_KEYS = ("campaign_id", "ad_group_id", "ad_id")

_Columns: TypeAlias = dict[str, "pa.Array[Any]"]

_ONE_NANO = pa.scalar(Decimal(1).scaleb(-CONVERSION_SCALE), pa.decimal128(9, CONVERSION_SCALE))


@dataclass(slots=True)
class Tally:
    """Columns of keys and figures, one entry per row, and beside them one entry per row and action.

    Conversions are in billionths, values in micros. `places` says which row an action belongs to. Rows are added page
    by page: as objects, with all their actions, they take ten times the memory.
    """

    dates: list[str] = field(default_factory=list)
    campaigns: list[str] = field(default_factory=list)
    ad_sets: list[str] = field(default_factory=list)
    ads: list[str] = field(default_factory=list)
    impressions: list[int] = field(default_factory=list)
    clicks: list[int] = field(default_factory=list)
    cost: list[int] = field(default_factory=list)
    conversions: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    video_views: list[int | None] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    action_counts: list[int] = field(default_factory=list)
    action_values: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def customs(self) -> set[str]:
        """The custom conversions that occur, as `offsite_conversion.custom.<id>`."""
        return {action for action in set(self.actions) if action.startswith(CUSTOM)}

    def add(self, rows: Sequence[Row]) -> None:
        """Take in rows, and work out their money and conversions. ValueError for a figure that is no number."""
        self.cost += [major_to_micros(row.spend) for row in rows]
        for place, row in enumerate(rows, start=len(self)):
            number = value = 0
            if row.actions or row.action_values:
                found = chosen(row.actions, count_to_nanos)
                worth = chosen(row.action_values, major_to_micros) if row.action_values else {}
                # A value without a count would be lost by looking at the counts alone.
                for action in found if worth.keys() <= found.keys() else {**found, **worth}:
                    nanos, micros = found.get(action, 0), worth.get(action, 0)
                    if not nanos and not micros:
                        continue
                    self.places.append(place)
                    self.actions.append(action)
                    self.action_counts.append(nanos)
                    self.action_values.append(micros)
                    if counts(action):
                        number += nanos
                        value += micros
            self.conversions.append(number)
            self.values.append(value)
            self.video_views.append(_video_views(row))
        self.dates += [row.date_start for row in rows]
        self.campaigns += [row.campaign_id for row in rows]
        self.ad_sets += [row.adset_id for row in rows]
        self.ads += [row.ad_id for row in rows]
        self.impressions += [row.impressions for row in rows]
        self.clicks += [row.clicks for row in rows]


def fact_batch(dataset: str, account_id: str, figures: Tally) -> FactBatch:
    """Return the batch of a dataset by level. ValueError for a day that is none."""
    keys = dict(zip(ROW_KEYS, (figures.campaigns, figures.ad_sets, figures.ads), strict=True))
    columns: _Columns = {
        "date": pa.array(figures.dates, pa.string()).cast(pa.date32()),
        "account_id": pa.repeat(pa.scalar(account_id, pa.string()), len(figures)),
        **{key: pa.array(keys[key], pa.string()) for key in DATASETS[dataset].keys},
        "impressions": pa.array(figures.impressions, pa.int64()),
        "clicks": pa.array(figures.clicks, pa.int64()),
        "cost_micros": pa.array(figures.cost, pa.int64()),
        "conversions": _decimals(figures.conversions),
        "conversion_value_micros": pa.array(figures.values, pa.int64()),
        "video_views": pa.array(figures.video_views, pa.int64()),
    }
    return FactBatch(dataset=dataset, rows=_record_batch(dataset, columns))


def conversion_batch(facts: FactBatch, figures: Tally, names: Mapping[str, str]) -> FactBatch | None:
    """Return the conversions by action of rows that `fact_batch` made into a batch, None if there are none.

    Those of campaigns have no ad group and no ad.
    """
    if not figures.places:
        return None
    places = pa.array(figures.places, pa.int64())
    columns: _Columns = {
        "action": pa.array([names.get(action, action) for action in figures.actions], pa.string()),
        "conversions": _decimals(figures.action_counts),
        "conversion_value_micros": pa.array(figures.action_values, pa.int64()),
    }
    for key in ("date", "account_id", *ROW_KEYS):
        known = key in facts.rows.schema.names
        columns[key] = facts.rows[key].take(places) if known else pa.nulls(len(places), pa.string())
    return FactBatch(dataset="conversion_daily", rows=_record_batch("conversion_daily", columns))


def _record_batch(dataset: str, columns: _Columns) -> pa.RecordBatch:
    schema = arrow_schema(dataset)
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _decimals(nanos: list[int]) -> pa.Array[Any]:
    # Decimal times decimal, exact: 3_000_000_000 * 0.000000001.
    whole = pa.array(nanos, pa.int64()).cast(pa.decimal128(19, 0))
    return pc.multiply(whole, _ONE_NANO).cast(pa.decimal128(18, CONVERSION_SCALE))


def _video_views(row: Row) -> int | None:
    # Null and not 0 where absent: most ads are no videos, and for those that are Meta tells no difference.
    for action in row.actions:
        if action.action_type == VIDEO_VIEW:
            return count_to_nanos(action.value) // 1_000_000_000
    return None
