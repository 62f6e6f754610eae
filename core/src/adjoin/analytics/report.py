"""Reports: spend and results by platform, account, campaign, ad group, ad, keyword, search term or day.

A fixed set of measures in a shape that scripts rely on, put together from answers of the metric layer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, get_args

from adjoin.analytics.v1 import Answer, Condition, Question
from adjoin.errors import BadInput

__all__ = ["METRICS", "Ask", "By", "Report", "Row", "conditions", "dimensions_by", "report"]

By: TypeAlias = Literal["total", "platform", "account", "campaign", "ad_group", "ad", "keyword", "search_term", "day"]

#: Answers a question, as `adjoin.analytics.asking.ask` does about a workspace.
Ask: TypeAlias = Callable[[Question], Answer]

#: One line of a report. The keys of its dimension (platform, account_id, account_name, campaign_id, ... or date), then
#: impressions, clicks, ctr, conversions (int, or Decimal when not whole), conversions_by_action, currency, cost_micros,
#: conversion_value_micros, cpa_micros, roas. Null where nothing gives it. `by_currency` only where there are several.
Row: TypeAlias = dict[str, Any]
_Key: TypeAlias = tuple[Any, ...]

#: What is asked for each row.
METRICS: Final = ("cost", "impressions", "clicks", "ctr", "conversions", "conversion_value", "cpa", "roas")
_AMOUNTS: Final = ("cost", "conversion_value", "cpa", "roas")

#: The dimensions of each kind of report, and the columns of an answer that tell its rows apart.
_DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "total": (),
    "platform": ("platform",),
    "account": ("account",),
    "campaign": ("account", "campaign"),
    "ad_group": ("account", "campaign", "ad_group"),
    "ad": ("account", "campaign", "ad_group", "ad"),
    "keyword": ("account", "campaign", "ad_group", "keyword"),
    "search_term": ("account", "campaign", "ad_group", "search_term"),
    "day": ("day",),
}
_IDS: Mapping[str, tuple[str, ...]] = {
    "account": ("platform", "account_id"),
    "search_term": ("search_term",),
    **{name: (f"{name}_id",) for name in ("campaign", "ad_group", "ad", "keyword")},
}
#: Kinds of report that conversions are told by action in.
_WITH_ACTIONS = frozenset(_DIMENSIONS) - {"keyword", "search_term"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rows ordered by their keys, and totals with the same measures. `notes` are sentences for the reader.

    `as_of` is the instant whose figures these are, None for now.
    """

    since: date
    until: date
    by: str
    currency: str | None
    rows: Sequence[Row]
    totals: Row
    notes: Sequence[str] = field(default=())
    as_of: datetime | None = None

    def to_json(self) -> bytes:
        """Encode as JSON: dates as text, fractional conversions as exact decimal numbers."""
        import msgspec

        return msgspec.json.Encoder(decimal_format="number").encode(
            {
                "since": self.since,
                "until": self.until,
                "by": self.by,
                "as_of": self.as_of,
                "rows": self.rows,
                "totals": self.totals,
                "notes": self.notes,
            }
        )


def dimensions_by(by: str) -> tuple[str, ...]:
    """Return what a kind of report has rows for, with all that its objects are part of. BadInput for another."""
    if by not in get_args(By):
        raise BadInput(f"A report can be by {', '.join(get_args(By))}, not by {by!r}.")
    return _DIMENSIONS[by]


def conditions(
    *,
    platforms: Collection[str] | None = None,
    accounts: Collection[str] | None = None,
    campaign_ids: Collection[str] | None = None,
) -> tuple[Condition, ...]:
    """Return the conditions that leave the named platforms, accounts and campaigns; None leaves all."""
    asked = {"platform": platforms, "account": accounts, "campaign": campaign_ids}
    return tuple(Condition(dimension=name, values=tuple(some)) for name, some in asked.items() if some is not None)


def report(
    ask: Ask,
    *,
    since: date,
    until: date,
    by: str,
    where: tuple[Condition, ...] = (),
    currency: str | None = None,
    as_of: datetime | None = None,
) -> Report:
    """Report the days from `since` to `until`, both included, of all or of what the conditions leave.

    Without `currency`, amounts in different ones are not added: they are null, and given per currency under
    `by_currency`. `as_of` says whose figures `ask` gives. Errors are those of the metric layer.
    """
    question = Question(
        since=since,
        until=until,
        metrics=METRICS,
        dimensions=dimensions_by(by),
        where=where,
        currency=currency,
    )
    answer = ask(question)
    keys = _key_columns(question.dimensions)
    rows = {tuple(row[name] for name in keys): row for row in answer.rows.to_pylist()}
    several = _amounts(ask, question, keys) if rows and answer.currency is None else {}
    in_each = _totals_in_each(ask, question, sorted({row["currency"] for some in several.values() for row in some}))
    actions = _actions(ask, question, keys) if by in _WITH_ACTIONS else {}
    return Report(
        since=since,
        until=until,
        by=by,
        currency=answer.currency,
        rows=[
            _named(row, question.dimensions)
            | _measures(row, answer.currency or row["currency"], several.get(key, []))
            | {"conversions_by_action": actions.get(key, {})}
            for key, row in sorted(rows.items(), key=lambda item: tuple(map(_sortable, item[0])))
        ],
        totals=_measures(answer.totals, answer.currency if rows else None, in_each)
        | {"conversions_by_action": _added(actions.values())},
        notes=list(answer.notes),
        as_of=as_of,
    )


def _key_columns(dimensions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(column for name in dimensions for column in _IDS.get(name, (name,)))


def _amounts(ask: Ask, question: Question, keys: tuple[str, ...]) -> dict[_Key, list[Row]]:
    """Return the amounts of each key in each currency, the currencies in their order."""
    asked = replace(question, metrics=_AMOUNTS, dimensions=(*question.dimensions, "currency"))
    found: dict[_Key, list[Row]] = {}
    for row in sorted(ask(asked).rows.to_pylist(), key=lambda row: str(row["currency"])):
        found.setdefault(tuple(row[name] for name in keys), []).append(row)
    return found


def _totals_in_each(ask: Ask, question: Question, currencies: Collection[str]) -> list[Row]:
    """Return the amounts of all rows together in each currency."""
    found = []
    for currency in currencies:
        own = Condition(dimension="currency", values=(currency,))
        totals = ask(replace(question, metrics=_AMOUNTS, where=(*question.where, own), limit=1)).totals
        found.append({**totals, "currency": currency})
    return found


def _actions(ask: Ask, question: Question, keys: tuple[str, ...]) -> dict[_Key, dict[str, Any]]:
    """Return the conversions of each key by action, without those that a platform does not break down so far."""
    asked = replace(
        question, metrics=("conversions",), dimensions=(*question.dimensions, "action"), order_by=("action",)
    )
    found: dict[_Key, dict[str, Any]] = {}
    for row in ask(asked).rows.to_pylist():
        key = tuple(row[name] for name in keys)
        if None not in key:
            found.setdefault(key, {})[row["action"]] = _count(row["conversions"])
    return found


def _named(row: Row, dimensions: tuple[str, ...]) -> Row:
    """Return the keys of a row, each id with its name beside it."""
    named: Row = {}
    for name in dimensions:
        if name == "day":
            named["date"] = row["day"]
            continue
        named |= {column: row[column] for column in _IDS.get(name, (name,))}
        if name not in ("platform", "search_term"):
            named[f"{name}_name"] = row[name]
    return named


def _measures(row: Mapping[str, Any], currency: str | None, in_each: Sequence[Row]) -> Row:
    made: Row = {
        "impressions": row["impressions"],
        "clicks": row["clicks"],
        "ctr": row["ctr"],
        "conversions": _count(row["conversions"]),
        "currency": currency,
        **_money(row),
    }
    if len(in_each) > 1:
        made |= dict.fromkeys(("currency", "cost_micros", "conversion_value_micros", "cpa_micros", "roas"))
        made["by_currency"] = [{"currency": one["currency"], **_money(one)} for one in in_each]
    return made


def _money(row: Mapping[str, Any]) -> Row:
    return {
        "cost_micros": row["cost"],
        "conversion_value_micros": row["conversion_value"],
        "cpa_micros": row["cpa"],
        "roas": row["roas"],
    }


def _count(value: int | Decimal | None) -> int | Decimal | None:
    """Write a conversion count as an integer when it is whole, else as the exact decimal."""
    if value is None:
        return None
    whole = int(value)
    return whole if whole == value else Decimal(value).normalize()


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else "")


def _added(actions: Collection[Mapping[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for one in actions:
        for action, value in one.items():
            if value is not None:
                total[action] = total.get(action, 0) + value
    return {action: _count(value) for action, value in sorted(total.items())}
