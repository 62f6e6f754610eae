"""Insights rows as Arrow columns. Runs in a thread, for the rows of many pages at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from adjoin.ads.columns import Ints, batch_of, conversions
from adjoin.ads.datasets import CONVERSION_SCALE, DATASETS
from adjoin.ads.v2 import FactBatch
from adjoin_meta.actions import Marks, read_actions
from adjoin_meta.conversions import CUSTOM, NANOS, chosen, count_to_nanos, counts
from adjoin_meta.money import major_to_micros
from adjoin_meta.rows import Sheet

__all__ = ["ROW_KEYS", "Tally", "conversion_batch", "fact_batch"]

#: The keys of the datasets, the coarsest first.
ROW_KEYS = ("campaign_id", "ad_group_id", "ad_id")

_Columns: TypeAlias = dict[str, "pa.Array[Any]"]

_MICRO_DIGITS = 6


@dataclass(frozen=True, slots=True)
class _Results:
    """Conversions by row and action, sorted by both: counts in billionths, values in micros."""

    actions: tuple[str, ...]
    place: Ints
    action: Ints
    nanos: Ints
    micros: Ints


class Tally:
    """The rows of some pages. What is worked out of them is worked out once."""

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        self._sheets = sheets
        self._starts = list(accumulate((len(sheet) for sheet in sheets), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    def column(self, pick: Callable[[Sheet], pa.Array[Any]]) -> pa.Array[Any]:
        """The column of all pages, one after the other."""
        return pa.concat_arrays([pick(sheet) for sheet in self._sheets])

    @property
    def customs(self) -> set[str]:
        """The custom conversions that occur, as `offsite_conversion.custom.<id>`."""
        return {action for action in self.results.actions if action.startswith(CUSTOM)}

    @cached_property
    def results(self) -> _Results:
        """What the rows say of conversions. ValueError for a figure that is no number."""
        counts = self._counts
        counted = chosen(counts.places, counts.codes, _scaled(counts.figures, CONVERSION_SCALE, count_to_nanos))
        values = read_actions(b"\n".join([sheet.values for sheet in self._sheets]))
        valued = chosen(values.places, values.codes, _scaled(values.figures, _MICRO_DIGITS, major_to_micros))
        actions = tuple(dict.fromkeys((*counted.actions, *valued.actions)))
        keys = []
        for one in (counted, valued):
            position = np.array([actions.index(action) for action in one.actions], dtype=np.int64)
            keys.append(one.place * len(actions) + (position[one.action] if len(one.action) else one.action))
        # A value without a count would be lost by looking at the counts alone.
        both = keys[0] if np.isin(keys[1], keys[0], assume_unique=True).all() else np.union1d(*keys)
        nanos, micros = np.zeros((2, len(both)), dtype=np.int64)
        nanos[np.searchsorted(both, keys[0])] = counted.figure
        micros[np.searchsorted(both, keys[1])] = valued.figure
        some = (nanos != 0) | (micros != 0)
        place, action = np.divmod(both[some], max(len(actions), 1))
        return _Results(actions, place, action, nanos[some], micros[some])

    @property
    def video_views(self) -> pa.Array[Any]:
        """Null and not 0 where absent: most ads are no videos, and for those that are Meta tells no difference."""
        views = np.zeros(len(self), dtype=np.int64)
        known = np.zeros(len(self), dtype=bool)
        counts = self._counts
        views[counts.view_places] = _scaled(counts.views, CONVERSION_SCALE, count_to_nanos) // NANOS
        known[counts.view_places] = True
        return pa.array(views, pa.int64(), mask=~known)

    @cached_property
    def _counts(self) -> Marks:
        return read_actions(b"\n".join([sheet.counts for sheet in self._sheets]))


def fact_batch(dataset: str, account_id: str, figures: Tally) -> FactBatch:
    """Return the batch of a dataset by level. ValueError for a day or an amount that is none."""
    results = figures.results
    counted = np.array([counts(action) for action in results.actions], dtype=bool)
    of_count = counted[results.action] if len(results.action) else results.action.astype(bool)
    nanos, micros = np.zeros((2, len(figures)), dtype=np.int64)
    np.add.at(nanos, results.place[of_count], results.nanos[of_count])
    np.add.at(micros, results.place[of_count], results.micros[of_count])
    picks: dict[str, Callable[[Sheet], pa.Array[Any]]] = {
        "campaign_id": lambda sheet: sheet.campaigns,
        "ad_group_id": lambda sheet: sheet.ad_sets,
        "ad_id": lambda sheet: sheet.ads,
    }
    spend = figures.column(lambda sheet: sheet.spend)
    columns: _Columns = {
        "date": figures.column(lambda sheet: sheet.dates).cast(pa.date32()),
        "account_id": pa.repeat(pa.scalar(account_id, pa.string()), len(figures)),
        **{key: figures.column(picks[key]) for key in DATASETS[dataset].keys},
        "impressions": figures.column(lambda sheet: sheet.impressions),
        "clicks": figures.column(lambda sheet: sheet.clicks),
        "cost_micros": pa.array(_scaled(spend, _MICRO_DIGITS, major_to_micros)),
        "conversions": conversions(nanos),
        "conversion_value_micros": pa.array(micros),
        "video_views": figures.video_views,
    }
    return batch_of(dataset, columns)


def conversion_batch(facts: FactBatch, figures: Tally, names: Mapping[str, str]) -> FactBatch | None:
    """Return the conversions by action of rows that `fact_batch` made into a batch, None if there are none.

    Those of campaigns have no ad group and no ad.
    """
    results = figures.results
    if not len(results.place):
        return None
    places = pa.array(results.place, pa.int64())
    called = pa.array([names.get(action, action) for action in results.actions], pa.string())
    columns: _Columns = {
        "action": called.take(pa.array(results.action, pa.int64())),
        "conversions": conversions(results.nanos),
        "conversion_value_micros": pa.array(results.micros),
    }
    for key in ("date", "account_id", *ROW_KEYS):
        known = key in facts.rows.schema.names
        columns[key] = facts.rows[key].take(places) if known else pa.nulls(len(places), pa.string())
    return batch_of("conversion_daily", columns)


def _scaled(texts: pa.Array[Any], digits: int, read: Callable[[str], int]) -> Ints:
    """Return decimals as whole numbers of 10**-digits. What Arrow cannot read exactly is read one by one."""
    try:
        decimals = texts.cast(pa.decimal128(18, digits))
    except pa.ArrowInvalid:
        return np.array([read(str(text)) for text in texts.to_pylist()], dtype=np.int64)
    # A low and a high word each; the low one is all of it for what 18 digits hold.
    words: Ints = np.frombuffer(memoryview(decimals.buffers()[1] or b""), dtype="<i8", count=2 * len(decimals))
    return words[::2].copy()
