"""Insights rows as Arrow columns. Runs in a thread, for the rows of many pages at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import attrgetter
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from adjoin.ads.datasets import CONVERSION_SCALE, DATASETS, arrow_schema
from adjoin.ads.v2 import FactBatch
from adjoin_meta.conversions import CUSTOM, VIDEO_VIEW, chosen, count_to_nanos, counts
from adjoin_meta.money import major_to_micros
from adjoin_meta.rows import Row

__all__ = ["ROW_KEYS", "Tally", "conversion_batch", "fact_batch", "tally"]

#: How to get each key of the datasets from a row, the coarsest first.
ROW_KEYS: Mapping[str, Callable[[Row], str]] = {
    "campaign_id": attrgetter("campaign_id"),
    "ad_group_id": attrgetter("adset_id"),
    "ad_id": attrgetter("ad_id"),
}

_Columns: TypeAlias = dict[str, "pa.Array[Any]"]

_ONE_NANO = pa.scalar(Decimal(1).scaleb(-CONVERSION_SCALE), pa.decimal128(9, CONVERSION_SCALE))


@dataclass(slots=True)
class Tally:
    """Columns of figures, one entry per row, and beside them one entry per row and action.

    Conversions are in billionths, values in micros. `places` says which row an action belongs to.
    """

    cost: list[int] = field(default_factory=list)
    conversions: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    video_views: list[int | None] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    action_counts: list[int] = field(default_factory=list)
    action_values: list[int] = field(default_factory=list)

    @property
    def customs(self) -> set[str]:
        """The custom conversions that occur, as `offsite_conversion.custom.<id>`."""
        return {action for action in set(self.actions) if action.startswith(CUSTOM)}


def tally(rows: Sequence[Row]) -> Tally:
    """Work out money and conversions of rows. ValueError for a figure that is no number."""
    out = Tally(cost=[major_to_micros(row.spend) for row in rows])
    for place, row in enumerate(rows):
        number = value = 0
        if row.actions or row.action_values:
            found = chosen(row.actions, count_to_nanos)
            worth = chosen(row.action_values, major_to_micros)
            # A value without a count would be lost by looking at the counts alone.
            for action in found if worth.keys() <= found.keys() else {**found, **worth}:
                nanos, micros = found.get(action, 0), worth.get(action, 0)
                if not nanos and not micros:
                    continue
                out.places.append(place)
                out.actions.append(action)
                out.action_counts.append(nanos)
                out.action_values.append(micros)
                if counts(action):
                    number += nanos
                    value += micros
        out.conversions.append(number)
        out.values.append(value)
        out.video_views.append(_video_views(row))
    return out


def fact_batch(dataset: str, account_id: str, rows: Sequence[Row], figures: Tally) -> FactBatch:
    """Return the batch of a dataset by level. ValueError for a day that is none."""
    columns: _Columns = {
        "date": pa.array([row.date_start for row in rows], pa.string()).cast(pa.date32()),
        "account_id": pa.repeat(pa.scalar(account_id, pa.string()), len(rows)),
        **{key: pa.array(list(map(ROW_KEYS[key], rows)), pa.string()) for key in DATASETS[dataset].keys},
        "impressions": pa.array([row.impressions for row in rows], pa.int64()),
        "clicks": pa.array([row.clicks for row in rows], pa.int64()),
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
