"""The tables that come out of the figures at every grain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adjoin.ads.datasets import CONVERSION_SCALE, arrow_schema
from adjoin.errors import UnknownName
from adjoin.testing._figures import Figures, Searches, Seen, Selection
from adjoin.testing._restate import Ints, settled

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["kept_datasets", "table"]

#: How the datasets are named by the finest key that they group by.
_GRAIN = {"account_daily": "account", "campaign_daily": "campaign", "ad_group_daily": "ad_group", "ad_daily": "ad"}


def kept_datasets(figures: Figures) -> tuple[str, ...]:
    """Return the datasets that there is truth about."""
    of_searches = ("keyword_daily", "search_term_daily") if figures.habits.keywords else ()
    return tuple(sorted((*_GRAIN, "conversion_daily", *of_searches)))


def table(figures: Figures, dataset: str, selection: Selection, *, platform: str) -> pa.Table:
    """Return the rows of a dataset; UnknownName for one that the world does not keep on this platform."""
    import pyarrow as pa

    if dataset not in (kept := kept_datasets(figures)):
        raise UnknownName(f"The world keeps no dataset {dataset!r} on {platform}; it keeps {', '.join(kept)}.")
    seen = figures.seen(selection)
    if dataset == "conversion_daily":
        columns = _by_action(figures, seen)
    elif dataset in _GRAIN:
        columns = _by_grain(figures, _GRAIN[dataset], seen)
    else:
        columns = _by_search(figures, dataset, seen)
    schema = arrow_schema(dataset)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _by_action(figures: Figures, seen: Seen) -> dict[str, pa.Array[Any]]:
    conversions, entry = figures.conversions, seen.entry
    action = conversions.action[entry]
    day, leaf = figures.day[seen.rows][seen.place], seen.leaf[seen.place]
    value = seen.count * conversions.value[entry] * figures.value_step[seen.account[seen.place]]
    count = seen.count
    per_group = figures.habits.action_grain == "ad_group"
    if per_group:
        path = figures.leaves.group_path[leaf]
        order = np.lexsort((action, path, day))
        starts = _starts(day[order], path[order], action[order])
        count, value = _sums(count[order], starts), _sums(value[order], starts)
        day, leaf, action = (column[order][starts] for column in (day, leaf, action))
    keys = _keys(figures, day, leaf)
    if per_group:
        keys["ad_id"] = _ids((), np.full(len(leaf), -1, dtype=np.int64))
    return {
        **keys,
        "action": _ids(conversions.actions, action),
        "conversions": _decimals(count * conversions.step_nanos),
        "conversion_value_micros": _ints(value),
    }


def _by_grain(figures: Figures, grain: str, seen: Seen) -> dict[str, pa.Array[Any]]:
    metrics, something = _metrics(figures, seen)
    group: Ints = getattr(figures.leaves, grain)[seen.leaf]
    kept = np.flatnonzero(something & (group >= 0))  # a campaign without ads has no place at the finer grains
    day, group, leaf = figures.day[seen.rows[kept]], group[kept], seen.leaf[kept]
    starts = _starts(day, group)
    return {
        **_keys(figures, day[starts], leaf[starts]),
        **_columns(metrics, kept, starts, null_views=not figures.habits.zero_views),
    }


def _by_search(figures: Figures, dataset: str, seen: Seen) -> dict[str, pa.Array[Any]]:
    """Group by what people searched for; a campaign that is not in the search has none of it."""
    nothing = np.full(len(figures.day), -1, dtype=np.int64)
    searches = figures.searches or Searches(keyword_ids=(), terms=(), drawn=nothing, keyword=nothing, term=nothing)
    name, texts, positions = "keyword_id", searches.keyword_ids, searches.keyword
    if dataset == "search_term_daily":
        name, texts, positions = "search_term", searches.terms, searches.term
    metrics, something = _metrics(figures, seen)
    position = positions[seen.rows]
    kept = np.flatnonzero(something & (position >= 0))
    day, leaf, position = figures.day[seen.rows[kept]], seen.leaf[kept], position[kept]
    path = figures.leaves.group_path[leaf]
    order = np.lexsort((position, path, day))
    kept, day, leaf, position = kept[order], day[order], leaf[order], position[order]
    starts = _starts(day, path[order], position)
    columns = _columns(metrics, kept, starts, null_views=True)
    return {
        **_keys(figures, day[starts], leaf[starts]),
        name: _ids(texts, position[starts]),
        **columns,
        "video_views": _ints(np.zeros(len(starts), dtype=np.int64), null_zeros=True),
    }


def _metrics(figures: Figures, seen: Seen) -> tuple[dict[str, Ints], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return the metrics of each row seen, and whether the platform shows the row."""
    conversions = figures.conversions
    acted, number, value = np.zeros((3, len(seen.rows)), dtype=np.int64)
    counted = conversions.counted[conversions.action[seen.entry]]
    place, count = seen.place[counted], seen.count[counted]
    np.add.at(acted, seen.place, seen.count)
    np.add.at(number, place, count * conversions.step_nanos)
    np.add.at(value, place, count * conversions.value[seen.entry[counted]])

    def shown(final: Ints) -> Ints:
        invalid = figures.leaves.invalid[seen.leaf]
        return settled(final[seen.rows], age=seen.age, so_far=seen.so_far, invalid=invalid)

    metrics = {
        "impressions": shown(figures.impressions),
        "clicks": shown(figures.clicks),
        "cost_micros": shown(figures.cost) * figures.cost_step[seen.account],
        "conversions": number,
        "conversion_value_micros": value * figures.value_step[seen.account],
        "video_views": shown(figures.video_views),
    }
    signs = [metric != 0 for metric in metrics.values()]
    if figures.habits.uncounted_rows:
        signs.append(acted != 0)
    return metrics, np.any(signs, axis=0)


def _columns(metrics: dict[str, Ints], kept: Ints, starts: Ints, *, null_views: bool) -> dict[str, pa.Array[Any]]:
    sums = {name: _sums(metric[kept], starts) for name, metric in metrics.items()}
    return {
        **{name: _ints(total) for name, total in sums.items()},
        "conversions": _decimals(sums["conversions"]),
        "video_views": _ints(sums["video_views"], null_zeros=null_views),
    }


def _keys(figures: Figures, day: Ints, leaf: Ints) -> dict[str, pa.Array[Any]]:
    leaves = figures.leaves
    return {
        "date": _dates(day),
        "account_id": _ids(leaves.account_ids, leaves.account[leaf]),
        "campaign_id": _ids(leaves.campaign_ids, leaves.campaign[leaf]),
        "ad_group_id": _ids(leaves.ad_group_ids, leaves.ad_group[leaf]),
        "ad_id": _ids(leaves.ad_ids, leaves.ad[leaf]),
    }


def _starts(*keys: Ints) -> Ints:
    """Return where a new group begins among rows that are sorted by their keys."""
    return np.flatnonzero(np.any([np.diff(key, prepend=-2) != 0 for key in keys], axis=0))


def _sums(values: Ints, starts: Ints) -> Ints:
    return np.add.reduceat(values, starts) if len(values) else values


def _dates(days: Ints) -> pa.Array[Any]:
    import pyarrow as pa

    return pa.array(days.astype(np.int32)).cast(pa.date32())


def _ids(ids: tuple[str, ...], positions: Ints) -> pa.Array[Any]:
    import pyarrow as pa

    wanted: pa.Int64Array = pa.array(positions, pa.int64(), mask=positions < 0)
    return pa.array(ids, pa.string()).take(wanted)


def _ints(values: Ints, *, null_zeros: bool = False) -> pa.Array[Any]:
    import pyarrow as pa

    return pa.array(values, pa.int64(), mask=values == 0 if null_zeros else None)


def _decimals(nanos: Ints) -> pa.Array[Any]:
    """Conversions are counted in billionths, which is exactly what the decimal type stores: no arithmetic is needed."""
    import pyarrow as pa

    words = np.zeros((len(nanos), 2), dtype="<i8")
    words[:, 0] = nanos
    kind = pa.decimal128(18, CONVERSION_SCALE)
    return pa.Array.from_buffers(kind, len(nanos), [None, pa.py_buffer(words.tobytes())])
