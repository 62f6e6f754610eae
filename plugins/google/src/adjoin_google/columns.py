"""Rows of results as Arrow columns. Runs in a thread, for a batch of rows at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from adjoin.ads.columns import Columns, batch_of, conversions
from adjoin.ads.datasets import DATASETS
from adjoin.ads.v2 import FactBatch
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google.amounts import micros, nanos
from adjoin_google.calls import keyword_id
from adjoin_google.rows import Row

__all__ = ["KEYS", "dates", "fact_batch", "unreadable"]

#: Datasets whose rows count views of videos. For keywords and search terms Google gives none.
_WITH_VIEWS = frozenset({"account_daily", "campaign_daily", "ad_group_daily", "ad_daily"})


def _texts(values: list[str]) -> pa.Array[Any]:
    return pa.array(values, pa.string())


#: How the keys of datasets are read from rows. mypy cannot see that what was asked for is there.
KEYS: Mapping[str, Callable[[Sequence[Any]], pa.Array[Any]]] = {
    "campaign_id": lambda rows: _texts([row.campaign.id for row in rows]),
    "ad_group_id": lambda rows: _texts([row.ad_group.id for row in rows]),
    "ad_id": lambda rows: _texts([row.ad_group_ad.ad.id for row in rows]),
    "keyword_id": lambda rows: _texts(
        [keyword_id(row.ad_group.id, row.ad_group_criterion.criterion_id) for row in rows]
    ),
    "search_term": lambda rows: _texts([row.search_term_view.search_term for row in rows]),
}


def fact_batch(dataset: str, account_id: str, rows: Sequence[Row]) -> FactBatch:
    """Return the rows of a dataset. Raises PlatformError of kind `invalid` for one that cannot be read."""
    metrics = [row.metrics for row in rows]
    views = [one.video_trueview_views for one in metrics] if dataset in _WITH_VIEWS else [None] * len(rows)
    try:
        columns: Columns = {
            "date": dates(rows),
            "account_id": pa.repeat(pa.scalar(account_id, pa.string()), len(rows)),
            **{key: KEYS[key](rows) for key in DATASETS[dataset].keys},
            "impressions": pa.array([one.impressions for one in metrics], pa.int64()),
            "clicks": pa.array([one.clicks for one in metrics], pa.int64()),
            "cost_micros": pa.array([one.cost_micros for one in metrics], pa.int64()),
            "conversions": conversions(nanos([one.conversions for one in metrics])),
            "conversion_value_micros": pa.array(micros([one.conversions_value for one in metrics]), pa.int64()),
            "video_views": pa.array(views, pa.int64()),
        }
    except ValueError as error:
        raise unreadable(str(error)) from error
    except AttributeError as error:
        raise unreadable(f"it lacks one of the ids of {dataset}") from error
    return batch_of(dataset, columns)


def dates(rows: Sequence[Row]) -> pa.Array[Any]:
    """Return the days of rows. ValueError for one that is none."""
    return pa.array([row.segments.date for row in rows], pa.string()).cast(pa.date32())


def unreadable(why: str) -> PlatformError:
    """Say that a figure, a day or an id is none, or is not there."""
    return PlatformError(f"Google sent a row that cannot be read: {why}", kind=ErrorKind.INVALID, code="value")
