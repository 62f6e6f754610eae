"""The world's results as one table of whole numbers, at the grain that a query asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adjoin.testing.world import Presence
from adjoin_google.sandbox.actions import actions_of
from adjoin_google.sandbox.dates import Span, start_of
from adjoin_google.sandbox.metrics import SUMS

__all__ = ["KEYS", "Wanted", "build"]

Ints: TypeAlias = npt.NDArray[np.int64]

#: The columns of ids by resource, from the campaign down.
KEYS: Mapping[str, tuple[str, ...]] = {
    "customer": (),
    "campaign": ("campaign_id",),
    "asset_group": ("campaign_id",),
    "ad_group": ("campaign_id", "ad_group_id"),
    "ad_group_ad": ("campaign_id", "ad_group_id", "ad_id"),
    "keyword_view": ("campaign_id", "ad_group_id", "keyword_id"),
    "search_term_view": ("campaign_id", "ad_group_id", "search_term"),
}
_DATASETS = {
    "customer": "account_daily",
    "campaign": "campaign_daily",
    "asset_group": "campaign_daily",
    "ad_group": "ad_group_daily",
    "ad_group_ad": "ad_daily",
    "keyword_view": "keyword_daily",
    "search_term_view": "search_term_daily",
}
_PERIODS = ("date", "week", "month", "quarter", "year")
_ACTION_COLUMNS = ("conversion_action", "conversion_action_name", "conversion_action_category")
_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")

#: How results spread over devices and, by channel, over networks, in tenths; the last one takes what is left.
_DEVICES = {"MOBILE": 6, "DESKTOP": 3, "TABLET": 1}
_NETWORKS = {
    "search": {"SEARCH": 9, "SEARCH_PARTNERS": 1},
    "shopping": {"SEARCH": 10},
    "display": {"CONTENT": 10},
    "video": {"YOUTUBE": 10},
    "performance_max": {"MIXED": 10},
}

#: The smallest parts that conversions are split into: six decimals.
_STEP = {"conversions": 1_000, "all_conversions": 1_000}

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of the world. `segments` are names without `segments.`; all conversions cost a second look."""

    resource: str
    account_id: str
    span: Span
    as_of: datetime
    segments: tuple[str, ...]
    all_conversions: bool

    @property
    def keys(self) -> tuple[str, ...]:
        return KEYS[self.resource]


def build(world: Presence, wanted: Wanted) -> pa.Table:
    """Return one row per key and selected segment with the columns of `SUMS`, segments as the wire has them."""
    by_network = "ad_network_type" in wanted.segments
    # What a customer has is spread over networks by its campaigns.
    source = "campaign" if wanted.resource == "customer" and by_network else wanted.resource
    if any(segment in _ACTION_COLUMNS for segment in wanted.segments):
        parts = list(_by_action(world, wanted))
    else:
        parts = [_daily(world, wanted, source)]
        if wanted.all_conversions:
            parts.append(_all_conversions(world, wanted, source))
    table = pa.concat_tables(parts) if parts else _empty(wanted, source)
    if wanted.resource == "asset_group":
        ids = [each.id for each in world.campaigns(wanted.account_id) if each.channel == "performance_max"]
        table = table.filter(pc.is_in(table["campaign_id"], value_set=pa.array(ids, pa.string())))
    if "device" in wanted.segments:
        table = _split(table, "device", lambda _: _DEVICES)
    if by_network:
        channels = {each.id: each.channel for each in world.campaigns(wanted.account_id)}
        table = _split(table, "ad_network_type", lambda campaign: _NETWORKS[channels[campaign]])
    fine = len(parts) == 1 and source == wanted.resource and wanted.segments == ("date",)
    table = _with_days(table, wanted.segments)
    if not wanted.segments:
        table = pa.concat_tables([table, _zeros(world, wanted, table.schema)])
    if fine:
        return table
    by = [*wanted.keys, *wanted.segments]
    grouped = table.append_column("one", pa.array(np.zeros(table.num_rows, dtype=np.int8)))
    summed = grouped.group_by(["one", *by], use_threads=False).aggregate([(name, "sum") for name in SUMS])
    return summed.rename_columns([name.removesuffix("_sum") for name in summed.column_names]).drop_columns(["one"])


def _numbers(column: pa.ChunkedArray[Any]) -> Ints:
    """A column of whole numbers; what is null counts as nothing."""
    return np.asarray(column.combine_chunks().fill_null(0).to_numpy(), dtype=np.int64)


def _is(column: pa.ChunkedArray[Any], text: object) -> Any:
    return pc.equal(column, pa.scalar(str(text), pa.string()))


def _nanos(column: pa.ChunkedArray[Any]) -> Ints:
    """Decimals as billionths: the low words of what Arrow stores."""
    whole = column.combine_chunks()
    buffer = whole.buffers()[1]
    if not len(whole) or buffer is None:
        return np.zeros(0, dtype=np.int64)
    words: Ints = np.frombuffer(memoryview(buffer), dtype=np.dtype("<i8")).reshape(-1, 2)
    return words[whole.offset : whole.offset + len(whole), 0].copy()


def _table(rows: pa.Table, keys: Iterable[str], sums: Mapping[str, Ints]) -> pa.Table:
    nothing = np.zeros(rows.num_rows, dtype=np.int64)
    columns: dict[str, Any] = {"date": rows["date"].cast(pa.int32()), **{key: rows[key] for key in keys}}
    return pa.table({**columns, **{name: pa.array(sums.get(name, nothing)) for name in SUMS}})


def _truth(world: Presence, wanted: Wanted, dataset: str) -> pa.Table:
    return world.truth(
        dataset,
        account_id=wanted.account_id,
        since=wanted.span.since,
        until=wanted.span.until,
        as_of=wanted.as_of,
    )


def _daily(world: Presence, wanted: Wanted, source: str) -> pa.Table:
    rows = _truth(world, wanted, _DATASETS[source])
    sums = {name: _numbers(rows[name]) for name in ("impressions", "clicks", "cost_micros", "video_views")}
    sums["conversions"] = _nanos(rows["conversions"])
    sums["value"] = _numbers(rows["conversion_value_micros"])
    if source in ("keyword_view", "search_term_view"):
        # What is below the ad group is only known for the actions that count.
        sums |= {"all_conversions": sums["conversions"], "all_value": sums["value"]}
    return _table(rows, KEYS[source], sums)


def _conversions(world: Presence, wanted: Wanted, keys: Sequence[str]) -> pa.Table:
    rows = _truth(world, wanted, "conversion_daily")
    return rows.filter(pc.is_valid(rows[keys[-1]])) if keys else rows


def _all_conversions(world: Presence, wanted: Wanted, source: str) -> pa.Table:
    if source in ("keyword_view", "search_term_view"):
        return _empty(wanted, source)
    rows = _conversions(world, wanted, KEYS[source])
    sums = {"all_conversions": _nanos(rows["conversions"]), "all_value": _numbers(rows["conversion_value_micros"])}
    return _table(rows, KEYS[source], sums)


def _by_action(world: Presence, wanted: Wanted) -> Iterable[pa.Table]:
    """One table per conversion action; where two of them are one of the world's, the second has a quarter."""
    keys = ("campaign_id", *wanted.keys[1:])
    rows = _conversions(world, wanted, wanted.keys)
    for name in rows["action"].unique().to_pylist():
        mine = rows.filter(_is(rows["action"], name))
        count, value = _nanos(mine["conversions"]), _numbers(mine["conversion_value_micros"])
        actions = actions_of(str(name))
        for place, action in enumerate(actions):
            part, worth = count, value
            if len(actions) > 1:
                quarter, quarter_worth = count // 4 // 1_000 * 1_000, value // 4
                part, worth = (count - quarter, value - quarter_worth) if place == 0 else (quarter, quarter_worth)
            sums = {"all_conversions": part, "all_value": worth}
            if action.counted:
                sums |= {"conversions": part, "value": worth}
            table = _table(mine, keys, sums)
            texts = (action.resource_name(wanted.account_id), action.name, action.category)
            for column, text in zip(_ACTION_COLUMNS, texts, strict=True):
                table = table.append_column(column, pa.array([text] * table.num_rows, pa.string()))
            yield table


def _empty(wanted: Wanted, source: str) -> pa.Table:
    columns: dict[str, pa.Array[Any]] = {"date": pa.array([], pa.int32())}
    keys = [*KEYS[source]] + [name for name in wanted.segments if name in _ACTION_COLUMNS]
    columns |= {key: pa.array([], pa.string()) for key in keys}
    return pa.table({**columns, **{name: pa.array([], pa.int64()) for name in SUMS}})


def _split(table: pa.Table, column: str, shares_of: Callable[[str], Mapping[str, int]]) -> pa.Table:
    """Spread every number of a row over some values so that they add up to it again."""
    if column == "device":
        groups = [(table, shares_of(""))]
    else:
        campaigns = table["campaign_id"].unique().to_pylist()
        groups = [(table.filter(_is(table["campaign_id"], each)), shares_of(str(each))) for each in campaigns]
    made: list[pa.Table] = []
    for rows, shares in groups:
        left = {name: _numbers(rows[name]) for name in SUMS}
        whole = dict(left)
        for place, (value, tenths) in enumerate(shares.items()):
            last = place == len(shares) - 1
            taken = {
                name: left[name] if last else numbers * tenths // 10 // _STEP.get(name, 1) * _STEP.get(name, 1)
                for name, numbers in whole.items()
            }
            left = {name: left[name] - taken[name] for name in SUMS}
            part = rows
            for name in SUMS:
                part = part.set_column(part.column_names.index(name), name, pa.array(taken[name]))
            made.append(part.append_column(column, pa.array([value] * part.num_rows, pa.string())))
    if not made:
        return table.append_column(column, pa.array([], pa.string()))
    return pa.concat_tables(made)


def _with_days(table: pa.Table, segments: Sequence[str]) -> pa.Table:
    """Turn days into what the selected segments say of them; without one, days are dropped."""
    days, inverse = np.unique(table["date"].to_numpy(), return_inverse=True)
    known = [_EPOCH + timedelta(days=int(day)) for day in days]
    table = table.drop_columns(["date"])
    for segment in segments:
        if segment in _PERIODS:
            starts = [start_of(f"segments.{segment}", day) for day in known]
            texts = [str(start.year) if segment == "year" else start.isoformat() for start in starts]
        elif segment == "day_of_week":
            texts = [_WEEKDAYS[day.weekday()] for day in known]
        else:
            continue
        column = pa.array(texts, pa.string()).take(pa.array(inverse, pa.int64()))
        table = table.append_column(segment, column)
    return table


def _zeros(world: Presence, wanted: Wanted, schema: pa.Schema) -> pa.Table:
    """A row of zeros for everything there is, so that what had no results shows as well."""
    account = wanted.account_id
    keys: list[tuple[str, ...]] = []
    match wanted.resource:
        case "customer":
            keys = [()]
        case "campaign":
            keys = [(each.id,) for each in world.campaigns(account)]
        case "asset_group":
            keys = [(each.id,) for each in world.campaigns(account) if each.channel == "performance_max"]
        case "ad_group":
            keys = [(each.campaign_id, each.id) for each in world.ad_groups(account)]
        case "ad_group_ad":
            keys = [(each.campaign_id, each.ad_group_id, each.id) for each in world.ads(account)]
        case "keyword_view":
            keys = [(each.campaign_id, each.ad_group_id, each.id) for each in world.keywords(account)]
    columns: dict[str, pa.Array[Any]] = {
        name: pa.array([key[place] for key in keys], pa.string()) for place, name in enumerate(wanted.keys)
    }
    columns |= {name: pa.array(np.zeros(len(keys), dtype=np.int64)) for name in SUMS}
    return pa.table([columns[name] for name in schema.names], schema=schema)
