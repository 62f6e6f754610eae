"""The insights edge: reads a query's parameters and works out its results from the truth of the world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from adjoin.testing.world import Presence, WorldAccount
from adjoin_meta.sandbox.errors import bad_parameter, no_such_field, too_old
from adjoin_meta.sandbox.fields import parse_fields
from adjoin_meta.sandbox.filters import Filter, matches, parse_filtering
from adjoin_meta.sandbox.objects import FIELDS, HIDDEN, Objects
from adjoin_meta.sandbox.results import Results, Step, summed

__all__ = ["Insights", "Query", "months_back"]

_LEVELS = ("account", "campaign", "adset", "ad")
_DATASETS = {"account": "account_daily", "campaign": "campaign_daily", "adset": "ad_group_daily", "ad": "ad_daily"}
_ID_COLUMN = {"campaign": "campaign_id", "adset": "ad_group_id", "ad": "ad_id"}

_ROLLING = {f"last_{days}d": days for days in (3, 7, 14, 28, 30, 90)}


#: Results are kept for as long as their pages are likely to be asked for.
_KEPT_RESULTS = 8


def months_back(today: date, months: int) -> date:
    """Return the day so many months before, or the last one of its month."""
    index = today.year * 12 + today.month - 1 - months
    year, month = index // 12, index % 12 + 1
    after = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(today.day, (after - timedelta(days=1)).day))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question, with everything that decides its answer: also the instant it is asked at."""

    account_id: str
    level: str
    fields: tuple[str, ...]
    since: date
    until: date
    step: Step
    filtering: str
    scope: tuple[str, str] | None
    as_of: datetime


@dataclass(slots=True)
class Insights:
    """Answers queries, and keeps the last results so that their pages cost nothing more."""

    world: Presence
    objects: Objects
    _kept: dict[Query, Results] = field(default_factory=dict)

    def query(
        self, account: WorldAccount, params: Mapping[str, str], now: datetime, scope: tuple[str, str] | None
    ) -> Query:
        """Read the parameters of a call; refuses what the API would refuse."""
        if "date_format" in params:
            raise bad_parameter("The parameter date_format is not supported")
        if breakdowns := params.get("breakdowns"):
            raise bad_parameter(f"Current combination of data breakdown columns ({breakdowns}) is invalid")
        level = params.get("level") or (scope[0] if scope else "account")
        if level not in _LEVELS:
            raise bad_parameter(f"level must be one of the following values: {', '.join(_LEVELS)}")
        # Without fields the API sends a few.
        wanted = tuple(parse_fields(params.get("fields") or "account_id,impressions,spend"))
        for name in wanted:
            if name not in FIELDS["insights"]:
                raise no_such_field(name, "AdsInsights")
        today = self.world.today(account.id, as_of=now)
        since, until = _range(params, today)
        if since < months_back(today, 37):
            raise too_old()
        parse_filtering(params.get("filtering", ""))
        return Query(
            account_id=account.id,
            level=level,
            fields=tuple(name for name in wanted if name not in ("date_start", "date_stop")),
            since=since,
            until=until,
            step=_step(params.get("time_increment", "")),
            filtering=params.get("filtering", ""),
            scope=scope,
            as_of=now,
        )

    def results(self, query: Query) -> Results:
        """Return the results, from those kept if they are there."""
        found = self._kept.pop(query, None) or self._work_out(query)
        self._kept[query] = found
        while len(self._kept) > _KEPT_RESULTS:
            del self._kept[next(iter(self._kept))]
        return found

    def forget(self) -> None:
        """Work everything out anew, as after a change."""
        self._kept.clear()

    def _work_out(self, query: Query) -> Results:
        filters = parse_filtering(query.filtering)
        # Filters on a finer level than the one shown need the finer rows.
        named = [condition.field.partition(".")[0] for condition in filters]
        levels = [query.level, *(level for level in named if level in _ID_COLUMN)]
        base = max([*levels, query.scope[0]] if query.scope else levels, key=_LEVELS.index)
        allowed = self._allowed(query, filters)
        rows = self._truth(_DATASETS[base], query, allowed)
        conversions = self._truth("conversion_daily", query, allowed)
        if base != query.level or query.step != 1:
            rows = summed(rows, query.level, since=query.since, until=query.until, step=query.step)
        # Conversions of the world are per ad, with all keys.
        conversions = summed(conversions, query.level, since=query.since, until=query.until, step=query.step)
        return Results(
            rows=_metric_filtered(rows, filters),
            actions=Results.index_actions(_metric_filtered(rows, filters), conversions, query.level),
            fields=query.fields,
            step=query.step,
            until=query.until,
            constants=self._constants(query),
            names=self._names(query),
        )

    def _truth(self, dataset: str, query: Query, allowed: Mapping[str, list[str]]) -> pa.Table:
        table = self.world.truth(
            dataset, account_id=query.account_id, since=query.since, until=query.until, as_of=query.as_of
        )
        for column, ids in allowed.items():
            if column in table.column_names:
                table = table.filter(pc.is_in(table[column], value_set=pa.array(ids, pa.string())))
        return table

    def _allowed(self, query: Query, filters: list[Filter]) -> dict[str, list[str]]:
        """The ids that may show, by column. Without a filter on its state, what is archived or deleted does not."""
        allowed: dict[str, list[str]] = {}
        for level, column in _ID_COLUMN.items():
            mine = [condition for condition in filters if condition.field.startswith(f"{level}.")]
            stated = any(condition.field.endswith("effective_status") for condition in mine)
            hides = level == query.level and not stated and query.scope is None
            in_scope = query.scope is not None and query.scope[0] == level
            if not (mine or hides or in_scope):
                continue
            allowed[column] = [
                node["id"]
                for node in self._nodes(level, query.account_id, mine)
                if not (hides and node["effective_status"] in HIDDEN)
                and (not in_scope or (query.scope is not None and node["id"] == query.scope[1]))
                and all(matches(node.get(condition.field.partition(".")[2]), condition) for condition in mine)
            ]
        return allowed

    def _nodes(self, level: str, account_id: str, filters: list[Filter]) -> Iterator[dict[str, Any]]:
        attributes = {condition.field.partition(".")[2] for condition in filters}
        plain = attributes <= {"id", "name", "effective_status"}
        return self.objects.brief(level, account_id) if plain else self.objects.of(level, account_id)

    def _constants(self, query: Query) -> dict[str, str]:
        account = self.world.account(query.account_id)
        return {
            "account_id": account.id.removeprefix("act_"),
            "account_name": account.name,
            "account_currency": account.currency,
            "attribution_setting": "7d_click_1d_view",
        }

    def _names(self, query: Query) -> dict[str, dict[str, str]]:
        names: dict[str, dict[str, str]] = {}
        shown = _LEVELS.index(query.level)
        for level in _LEVELS[1 : shown + 1]:
            wanted = [name for name in query.fields if name == f"{level}_name"]
            if level == "campaign":
                wanted += [name for name in query.fields if name in ("objective", "buying_type")]
            if not wanted:
                continue
            nodes = list(self.objects.of(level, query.account_id))
            for name in wanted:
                attribute = "name" if name.endswith("_name") else name
                names[name] = {node["id"]: str(node[attribute]) for node in nodes}
        return names


def _metric_filtered(rows: pa.Table, filters: list[Filter]) -> pa.Table:
    """Apply conditions on figures, such as `impressions` above 0."""
    columns = {"impressions": "impressions", "clicks": "clicks", "spend": "cost_micros"}
    for condition in filters:
        column = columns.get(condition.field.rpartition(".")[2])
        if column is None or "." in condition.field:
            continue
        scale = 1_000_000 if column == "cost_micros" else 1
        keep = [matches((value or 0) / scale, condition) for value in rows[column].to_pylist()]
        rows = rows.filter(pa.array(keep, pa.bool_()))
    return rows


def _step(text: str) -> Step:
    if text in ("", "all_days"):
        return None
    if text == "monthly":
        return "monthly"
    if not text.isdecimal() or not 1 <= int(text) <= 90:
        raise bad_parameter("param time_increment must be between 1 and 90, monthly or all_days")
    return int(text)


def _range(params: Mapping[str, str], today: date) -> tuple[date, date]:
    if text := params.get("time_range"):
        try:
            given = msgspec.json.decode(text, type=dict[str, Any])
            since, until = date.fromisoformat(given["since"]), date.fromisoformat(given["until"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            raise bad_parameter("param time_range must be an object with since and until") from None
        if since > until:
            raise bad_parameter("since must be before until")
        return since, until
    return _preset(params.get("date_preset") or "last_30d", today)


def _preset(preset: str, today: date) -> tuple[date, date]:
    yesterday = today - timedelta(days=1)
    if preset in _ROLLING:
        return today - timedelta(days=_ROLLING[preset]), yesterday
    first = today.replace(day=1)
    before = first - timedelta(days=1)
    quarter = today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1)
    monday, sunday = today - timedelta(days=today.weekday()), today - timedelta(days=today.isoweekday() % 7)
    week = timedelta(days=6)
    ranges = {
        "this_quarter": (quarter, today),
        "last_quarter": (months_back(quarter, 3), quarter - timedelta(days=1)),
        "last_year": (date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
        "last_week_mon_sun": (monday - timedelta(days=7), monday - timedelta(days=7) + week),
        "last_week_sun_sat": (sunday - timedelta(days=7), sunday - timedelta(days=7) + week),
        "this_week_mon_today": (monday, today),
        "this_week_sun_today": (sunday, today),
        "data_maximum": (months_back(today, 37), today),
        "today": (today, today),
        "yesterday": (yesterday, yesterday),
        "this_month": (first, today),
        "last_month": (before.replace(day=1), before),
        "this_year": (today.replace(month=1, day=1), today),
        "maximum": (months_back(today, 37), today),
    }
    if preset not in ranges:
        raise bad_parameter(f"date_preset {preset} is not known")
    return ranges[preset]
