"""The rows of a report: the world's truth, grouped by what is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute

from adjoin.testing.world import ACTIONS, CONVERSIONS, Presence
from adjoin_microsoft.sandbox.columns import ATTRIBUTES, words
from adjoin_microsoft.sandbox.report_request import ReportQuery

__all__ = ["MEASURES", "report_rows"]

#: The stubs know no plain values as operands.
pc: Any = pyarrow.compute

_DATASETS: Mapping[str, str] = {
    "AccountPerformance": "account_daily",
    "CampaignPerformance": "campaign_daily",
    "AdGroupPerformance": "ad_group_daily",
    "AdPerformance": "ad_daily",
    "KeywordPerformance": "keyword_daily",
    "SearchQueryPerformance": "search_term_daily",
    "ConversionPerformance": "ad_group_daily",
}

#: The key that each attribute names, so that a report has a row for each of its values. All others never differ.
_KEY_OF: Mapping[str, str] = {
    **dict.fromkeys(
        ("AccountId", "AccountName", "AccountNumber", "AccountStatus", "CurrencyCode", "CustomerId", "CustomerName"),
        "account_id",
    ),
    **dict.fromkeys(
        ("CampaignId", "CampaignName", "CampaignStatus", "CampaignType", "BudgetName", "BudgetStatus"), "campaign_id"
    ),
    **dict.fromkeys(("AdGroupId", "AdGroupName", "AdGroupStatus", "AdGroupType", "Status"), "ad_group_id"),
    **dict.fromkeys(
        words(
            "AdId AdTitle AdDescription AdDescription2 AdType AdStatus FinalUrl DisplayUrl DestinationUrl TitlePart1 "
            "TitlePart2 TitlePart3 Headline LongHeadline Path1 Path2"
        ),
        "ad_id",
    ),
    **dict.fromkeys(("KeywordId", "Keyword", "KeywordStatus", "CurrentMaxCpc", "BidMatchType"), "keyword_id"),
    "SearchQuery": "search_term",
    **dict.fromkeys(("Goal", "GoalType", "GoalId"), "action"),
}

#: What rows are counted in; `all_` counts every action, the others those that count as conversions.
MEASURES = (
    "impressions",
    "clicks",
    "cost_micros",
    "video_views",
    "conversions",
    "conversion_value_micros",
    "all_conversions",
    "all_value_micros",
)
_OF_CONVERSIONS = ("Conver", "Revenue", "Sale")


def report_rows(world: Presence, query: ReportQuery) -> pa.Table:
    """Return the rows with the columns `period`, the keys asked for, and all measures; sorted."""
    dataset = _DATASETS[query.kind]
    if query.kind == "ConversionPerformance" and {"Keyword", "KeywordId", "KeywordStatus"} & set(query.columns):
        dataset = "keyword_daily"
    base = _read(world, dataset, query)
    keys = _keys(query, base)
    by_goal = "action" in keys
    if query.kind == "ConversionPerformance":
        base = base.filter(pc.greater(base["conversions"], pa.scalar(0, base["conversions"].type)))
    if by_goal:
        parts = [_conversion_rows(world, query, dataset, keys)]
        if any(name not in ATTRIBUTES and not any(part in name for part in _OF_CONVERSIONS) for name in query.columns):
            parts.append(_without_conversions(base, [key for key in keys if key != "action"]))
        rows = pa.concat_tables([part.select([*keys, *MEASURES]) for part in parts], promote_options="permissive")
    else:
        rows = _with_all(base)
        whole = [name for name in base.column_names if name.endswith("_id") or name == "search_term"]
        if query.aggregation != "Daily" or set(keys) != {"period", *whole}:
            rows = _sums(rows, keys)
        rows = rows.select([*keys, *MEASURES])
        if dataset not in ("keyword_daily", "search_term_daily") and any("All" in name for name in query.columns):
            every = _conversion_rows(world, query, dataset, keys).select([*keys, "all_conversions", "all_value_micros"])
            rows = _join(rows.drop_columns(["all_conversions", "all_value_micros"]), every, keys)
    return rows.sort_by([(key, "ascending") for key in keys])


def _keys(query: ReportQuery, base: pa.Table) -> list[str]:
    asked = dict.fromkeys(_KEY_OF[name] for name in query.columns if name in _KEY_OF)
    order = ("account_id", "campaign_id", "ad_group_id", "ad_id", "keyword_id", "search_term", "action")
    return ["period", *(key for key in order if key in asked and (key == "action" or key in base.column_names))]


def _read(world: Presence, dataset: str, query: ReportQuery) -> pa.Table:
    tables = [
        world.truth(dataset, account_id=account, since=query.time.since, until=query.time.until, as_of=query.as_of)
        for account in query.accounts
    ]
    table = pa.concat_tables(tables)
    for column, ids in (("campaign_id", query.campaigns), ("ad_group_id", query.ad_groups)):
        if ids is not None:
            table = table.filter(pc.is_in(table[column], value_set=pa.array(sorted(ids), pa.string())))
    return table.append_column("period", _periods(table["date"], query.aggregation))


def _periods(days: Any, aggregation: str) -> Any:
    """Return the first day of each row's period as a number of days, or the weekday from Sunday = 1."""
    number = days.cast(pa.int32())
    if aggregation == "Summary":
        return pc.multiply(number, 0)
    if aggregation == "Daily":
        return number
    if aggregation in ("Monthly", "Yearly"):
        unit = "month" if aggregation == "Monthly" else "year"
        return pc.floor_temporal(days, unit=unit).cast(pa.date32()).cast(pa.int32())
    # 1970-01-01 was a Thursday.
    from_sunday = _modulo(pc.add(number, 4))
    if aggregation == "DayOfWeek":
        return pc.add(from_sunday, 1)
    back = from_sunday if aggregation == "Weekly" else _modulo(pc.add(number, 3))
    return pc.subtract(number, back)


def _modulo(number: Any) -> Any:
    return pc.subtract(number, pc.multiply(pc.divide(number, 7), 7))


def _with_all(table: pa.Table) -> pa.Table:
    """Add the columns of all conversions, equal to those that count."""
    return table.append_column("all_conversions", table["conversions"]).append_column(
        "all_value_micros", table["conversion_value_micros"]
    )


def _conversion_rows(world: Presence, query: ReportQuery, dataset: str, keys: Sequence[str]) -> pa.Table:
    """Return what each key converted, by action if that is a key."""
    table = _read(world, "conversion_daily", query)
    if dataset not in ("account_daily", "campaign_daily"):
        table = table.filter(pc.is_valid(table["ad_group_id"]))
    uncounted = pa.array([action for action in ACTIONS if action not in CONVERSIONS], pa.string())
    counts = pc.invert(pc.is_in(table["action"], value_set=uncounted))
    zero = pa.scalar(0, table["conversions"].type)
    nothing = pa.array([0] * table.num_rows, pa.int64())
    made = table.select([key for key in keys if key in table.column_names])
    for name in ("impressions", "clicks", "cost_micros", "video_views"):
        made = made.append_column(name, nothing)
    made = made.append_column("conversions", pc.if_else(counts, table["conversions"], zero))
    value = table["conversion_value_micros"]
    made = made.append_column("conversion_value_micros", pc.if_else(counts, value, 0))
    made = made.append_column("all_conversions", table["conversions"]).append_column("all_value_micros", value)
    return _sums(made, keys)


def _without_conversions(base: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Return the traffic itself, under no goal."""
    for name in ("conversions", "conversion_value_micros"):
        place = base.column_names.index(name)
        base = base.set_column(place, name, pa.repeat(pa.scalar(0, base[name].type), base.num_rows))
    rows = _sums(_with_all(base), keys)
    return rows.append_column("action", pa.array([""] * rows.num_rows, pa.string()))


def _sums(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    grouped = table.group_by(list(keys), use_threads=False).aggregate([(name, "sum") for name in MEASURES])
    return grouped.rename_columns([name.removesuffix("_sum") for name in grouped.column_names])


def _join(rows: pa.Table, every: pa.Table, keys: Sequence[str]) -> pa.Table:
    joined = rows.join(every, list(keys), join_type="left outer", use_threads=False)
    for name in ("all_conversions", "all_value_micros"):
        place = joined.column_names.index(name)
        zero = pa.scalar(0, joined[name].type)
        joined = joined.set_column(place, name, pc.fill_null(joined[name], zero))
    return joined
