"""The canonical datasets: their grain, their metrics, and the Arrow schema that carries them.

A fact row is one object on one day of the account's time zone. Keys are never null, except below the grain that a
platform can give in `conversion_daily`. Metrics are null where the platform does not give them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CONVERSION_SCALE", "DATASETS", "Dataset", "arrow_schema", "finer_pairs"]

#: Digits after the point of a conversion count. Attribution models give fractions; the wire carries no more than this.
CONVERSION_SCALE = 9

_COUNTS = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros", "video_views")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A fact table at one grain. `keys` follow date and account_id and identify a row together with them."""

    name: str
    keys: tuple[str, ...]
    metrics: tuple[str, ...] = _COUNTS
    nullable_keys: frozenset[str] = frozenset()


DATASETS: Mapping[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset(name="account_daily", keys=()),
        Dataset(name="campaign_daily", keys=("campaign_id",)),
        Dataset(name="ad_group_daily", keys=("campaign_id", "ad_group_id")),
        Dataset(name="ad_daily", keys=("campaign_id", "ad_group_id", "ad_id")),
        Dataset(name="keyword_daily", keys=("campaign_id", "ad_group_id", "keyword_id")),
        Dataset(name="search_term_daily", keys=("campaign_id", "ad_group_id", "search_term")),
        Dataset(
            name="conversion_daily",
            keys=("campaign_id", "ad_group_id", "ad_id", "action"),
            metrics=("conversions", "conversion_value_micros"),
            nullable_keys=frozenset({"ad_group_id", "ad_id"}),
        ),
    )
}

_LADDER = ("ad_daily", "ad_group_daily", "campaign_daily", "account_daily")


def finer_pairs(offered: frozenset[str]) -> list[tuple[str, str]]:
    """Return the pairs (finer, coarser) of offered datasets whose totals should agree."""
    steps = [name for name in _LADDER if name in offered]
    return list(pairwise(steps))


@cache
def arrow_schema(dataset: str) -> pa.Schema:
    """Return the schema of a dataset's batches: date, account_id, the keys, the metrics. KeyError if unknown.

    date is date32, keys are strings, counts and micros are int64, conversions is decimal128(18, 9): exact, and one
    machine word in DuckDB.
    """
    import pyarrow as pa

    spec = DATASETS[dataset]
    kinds = {"conversions": pa.decimal128(18, CONVERSION_SCALE)}
    fields: list[pa.Field[Any]] = [
        pa.field("date", pa.date32(), nullable=False),
        pa.field("account_id", pa.string(), nullable=False),
        *(pa.field(key, pa.string(), nullable=key in spec.nullable_keys) for key in spec.keys),
        *(pa.field(metric, kinds.get(metric, pa.int64())) for metric in spec.metrics),
    ]
    return pa.schema(fields)
