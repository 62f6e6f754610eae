"""Brings the figures for the Overview from the facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from adjoin.analytics import v1
from adjoin.analytics.report import Ask
from adjoin.db.access import Access
from adjoin.writing import Writer
from adjoin_dashboard.overview.model import (
    AccountId,
    DayRow,
    Figures,
    Overview,
    Period,
    PeriodFigures,
    build,
    rows_as_csv,
)
from adjoin_dashboard.overview.status import covered_days, load_accounts, missing_days

__all__ = ["Loaded", "Question", "load", "load_csv"]

_METRICS = ("impressions", "clicks", "cost", "conversions", "conversion_value")

#: The share of the compared days of all accounts that may lack before changes are not shown.
_TOLERATED_GAPS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the facts. Equal questions have equal answers: it names the workspace and the data version.

    `convert` is false when all amounts are in the currency already; `write` is how the visitor has numbers written.
    `accounts` are empty where all accounts of the platforms are meant.
    """

    workspace_id: str
    data_version: str
    period: Period
    compared: Period | None
    platforms: tuple[str, ...]
    currency: str
    convert: bool
    write: Writer
    accounts: tuple[AccountId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The page, and what to know about it.

    `missing` and `missing_before` count for each (platform, account) the days of the period and of the compared one
    that were never synced. `comparable` is false when so many of the compared ones lack that a change would mislead;
    the page has none then. `notes` are sentences on how amounts came about.
    """

    overview: Overview
    notes: tuple[str, ...]
    missing: Mapping[AccountId, int]
    missing_before: Mapping[AccountId, int]
    comparable: bool


def load(question: Question, ask: Ask, store: Access) -> Loaded:
    """Answer a question from the answers of the metric layer. Errors as in `adjoin.analytics.v1.Analytics.ask`."""
    now, notes = _figures(question, question.period, ask)
    before = None
    missing_before: Mapping[AccountId, int] = {}
    comparable = True
    with store.read() as session:
        asked = [
            one
            for one in load_accounts(session, question.workspace_id, question.write)
            if one.platform in question.platforms
            and (not question.accounts or (one.platform, one.account_id) in question.accounts)
        ]
        covered = covered_days(session, question.workspace_id, question.period)
        missing = missing_days(session, question.workspace_id, asked, question.period)
        if question.compared is not None:
            missing_before = missing_days(session, question.workspace_id, asked, question.compared)
            possible = len(asked) * len(question.compared.days)
            comparable = sum(missing_before.values()) <= possible * _TOLERATED_GAPS
    if question.compared is not None and comparable:
        before = _figures(question, question.compared, ask)[0]
    return Loaded(
        overview=build(
            period=question.period,
            currency=question.currency,
            now=now,
            before=before,
            rows=_rows(question, ask),
            covered=covered,
            write=question.write,
        ),
        notes=notes,
        missing=missing,
        missing_before=missing_before,
        comparable=comparable,
    )


def load_csv(question: Question, ask: Ask, names: Mapping[AccountId, str]) -> str:
    """Answer a question with one line per day and account, each in its own currency."""
    return rows_as_csv(_rows(question, ask), names)


def _figures(question: Question, period: Period, ask: Ask) -> tuple[PeriodFigures, tuple[str, ...]]:
    # Without a conversion the currency need not be one that has exchange rates.
    asked = _asked(question, period, question.currency if question.convert else None)
    days = ask(replace(asked, dimensions=("platform", "day")))
    accounts = ask(replace(asked, dimensions=("account",)))
    figures = PeriodFigures(
        totals=_from_row(days.totals),
        days={(row["platform"], row["day"]): _from_row(row) for row in days.rows.to_pylist()},
        accounts={(row["platform"], row["account_id"]): _from_row(row) for row in accounts.rows.to_pylist()},
    )
    return figures, days.notes


def _rows(question: Question, ask: Ask) -> list[DayRow]:
    answer = ask(replace(_asked(question, question.period, None), dimensions=("account", "day")))
    return [
        DayRow(
            day=row["day"],
            platform=row["platform"],
            account_id=row["account_id"],
            currency=row["currency"],
            figures=_from_row(row),
        )
        for row in answer.rows.to_pylist()
    ]


def _asked(question: Question, period: Period, currency: str | None) -> v1.Question:
    accounts = tuple("/".join(one) for one in question.accounts if one[0] in question.platforms)
    where = [v1.Condition(dimension="platform", values=question.platforms)]
    where += [v1.Condition(dimension="account", values=accounts)] if accounts else []
    return v1.Question(since=period.first, until=period.last, metrics=_METRICS, where=tuple(where), currency=currency)


def _from_row(row: Mapping[str, Any]) -> Figures:
    conversions = row["conversions"]
    return Figures(
        impressions=row["impressions"],
        clicks=row["clicks"],
        cost_micros=row["cost"],
        conversions=None if conversions is None else Decimal(conversions),
        conversion_value_micros=row["conversion_value"],
    )
