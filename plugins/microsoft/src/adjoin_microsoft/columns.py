"""Tables of a report's text as batches of a dataset. Runs in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from adjoin.ads.datasets import CONVERSION_SCALE, DATASETS, arrow_schema
from adjoin.ads.v2 import DateWindow, FactBatch
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.figures import counts, days, decimals, micros
from adjoin_microsoft.reports import KEY_COLUMNS

__all__ = ["action_table", "fact_batch", "same_action"]

#: Stands where a report names an object but not what it belongs to, as for search terms of Performance Max campaigns,
#: which have asset groups in place of ad groups.
_NO_PARENT = "0"


def fact_batch(dataset: str, account_id: str, window: DateWindow, table: pa.Table) -> FactBatch:
    """Return the rows of a report as a batch. Raises PlatformError for what is no figure or was not asked for."""
    table = _own_rows(table, account_id, DATASETS[dataset].keys)
    try:
        columns: dict[str, Any] = {
            **_keys(dataset, window, table),
            "impressions": counts(table["Impressions"]),
            "clicks": counts(table["Clicks"]),
            "cost_micros": micros(table["Spend"]),
            "conversions": decimals(table["ConversionsQualified"]),
            "conversion_value_micros": micros(table["Revenue"]),
            "video_views": _views(table),
        }
    except ValueError as error:
        raise _no_figure(error) from error
    return FactBatch(dataset=dataset, rows=_record_batch(dataset, columns))


def action_table(
    account_id: str, window: DateWindow, table: pa.Table, keys: tuple[str, ...], actions: Mapping[str, str]
) -> pa.Table:
    """Return rows by goal as rows by action, in the schema of conversion_daily; those without results are left out.

    `keys` are those that the report has; the others are null. `actions` are by name of the goal. One action may have
    several rows of a key: see `same_action`.
    """
    table = _own_rows(table, account_id, keys)
    table = table.filter(pc.is_valid(table["Goal"]))
    no_count, no_value = pa.scalar(0, pa.decimal128(18, CONVERSION_SCALE)), pa.scalar(0, pa.int64())
    try:
        columns: dict[str, Any] = {
            **_keys("conversion_daily", window, table),
            "action": _translated(table["Goal"], actions),
            "conversions": pc.fill_null(decimals(table["AllConversionsQualified"]), no_count),
            "conversion_value_micros": pc.fill_null(micros(table["AllRevenue"]), no_value),
        }
    except ValueError as error:
        raise _no_figure(error) from error
    rows = pa.Table.from_batches([_record_batch("conversion_daily", columns)])
    some = pc.or_(pc.not_equal(rows["conversions"], no_count), pc.not_equal(rows["conversion_value_micros"], no_value))
    return rows.filter(some)


def same_action(table: pa.Table) -> FactBatch:
    """Add up the goals of one action, so that each key has one row."""
    schema = arrow_schema("conversion_daily")
    metrics = DATASETS["conversion_daily"].metrics
    keys = [name for name in schema.names if name not in metrics]
    sums = table.group_by(keys, use_threads=False).aggregate([(metric, "sum") for metric in metrics])
    columns = {name: sums[f"{name}_sum" if name in metrics else name] for name in schema.names}
    return FactBatch(dataset="conversion_daily", rows=_record_batch("conversion_daily", columns))


def _own_rows(table: pa.Table, account_id: str, keys: tuple[str, ...]) -> pa.Table:
    """Keep the rows that name the dataset's own object: traffic without a keyword, say, is no keyword's."""
    strangers = [each for each in pc.unique(table["AccountId"]).to_pylist() if each != account_id]
    if strangers:
        raise PlatformError(
            f"Microsoft sent rows of account {strangers[0]} in a report on account {account_id}",
            kind=ErrorKind.INVALID,
            code="other-account",
        )
    own = table[KEY_COLUMNS[keys[-1]]] if keys else None
    return table if own is None or not own.null_count else table.filter(pc.is_valid(own))


def _keys(dataset: str, window: DateWindow, table: pa.Table) -> dict[str, Any]:
    dates = days(table["TimePeriod"])
    bounds: Any = pc.min_max(dates).as_py()
    if table.num_rows and not (
        window.since <= bounds["min"] and bounds["max"] <= window.until and not dates.null_count
    ):
        raise PlatformError(
            f"Microsoft sent rows of {bounds['min']} to {bounds['max']} in a report on {window}",
            kind=ErrorKind.INVALID,
            code="other-days",
        )
    columns: dict[str, Any] = {"date": dates, "account_id": table["AccountId"]}
    nullable = DATASETS[dataset].nullable_keys
    for key in DATASETS[dataset].keys:
        if (name := KEY_COLUMNS.get(key)) is None:
            continue
        if name not in table.column_names:
            columns[key] = pa.nulls(table.num_rows, pa.string())
        elif table[name].null_count and key not in nullable:
            columns[key] = pc.fill_null(table[name], pa.scalar(_NO_PARENT))
        else:
            columns[key] = table[name]
    return columns


def _views(table: pa.Table) -> Any:
    if "VideoViews" not in table.column_names:
        return pa.nulls(table.num_rows, pa.int64())
    return counts(table["VideoViews"])


def _translated(goals: Any, actions: Mapping[str, str]) -> Any:
    """Replace names of goals, of which there are few, by actions."""
    named = pc.dictionary_encode(_one_chunk(goals))
    taken = set(actions.values())
    words = [
        # A goal that is not listed any more and is called like an action must not get mixed up with it.
        actions.get(name) or (f"{name} (deleted goal)" if name in taken else name)
        for name in named.dictionary.to_pylist()
    ]
    return pa.array(words, pa.string()).take(named.indices)


def _record_batch(dataset: str, columns: Mapping[str, Any]) -> pa.RecordBatch:
    schema = arrow_schema(dataset)
    return pa.RecordBatch.from_arrays([_array(columns[field.name], field.type) for field in schema], schema=schema)


def _array(column: Any, kind: pa.DataType) -> Any:
    array = _one_chunk(column)
    return array if array.type == kind else array.cast(kind)


def _one_chunk(column: Any) -> Any:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _no_figure(error: ValueError) -> PlatformError:
    return PlatformError(
        f"Microsoft sent a figure or a day that is none: {error}", kind=ErrorKind.INVALID, code="value"
    )
