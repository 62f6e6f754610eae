"""Brings the figures for the Overview from the facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adjoin.facts.query import FactQuery
from adjoin.facts.report import daily, report
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

_METRICS = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")

#: The share of the compared days of all accounts that may lack before changes are not shown.
_TOLERATED_GAPS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the facts. Equal questions have equal answers: it names the workspace and the data version.

    `convert` is false when all amounts are in the currency already; `write` is how the visitor has numbers written.
    """

    workspace_id: str
    data_version: str
    period: Period
    compared: Period | None
    platforms: tuple[str, ...]
    currency: str
    convert: bool
    write: Writer


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


def load(question: Question, facts: FactQuery) -> Loaded:
    """Answer a question. Errors as in `adjoin.facts.report.report`."""
    now, notes = _figures(question, question.period, facts)
    before = None
    missing_before: Mapping[AccountId, int] = {}
    comparable = True
    with facts.store.read() as session:
        asked = [
            one
            for one in load_accounts(session, question.workspace_id, question.write)
            if one.platform in question.platforms
        ]
        covered = covered_days(session, question.workspace_id, question.period)
        missing = missing_days(session, question.workspace_id, asked, question.period)
        if question.compared is not None:
            missing_before = missing_days(session, question.workspace_id, asked, question.compared)
            possible = len(asked) * len(question.compared.days)
            comparable = sum(missing_before.values()) <= possible * _TOLERATED_GAPS
    if question.compared is not None and comparable:
        before = _figures(question, question.compared, facts)[0]
    return Loaded(
        overview=build(
            period=question.period,
            currency=question.currency,
            now=now,
            before=before,
            rows=_rows(question, facts),
            covered=covered,
            write=question.write,
        ),
        notes=notes,
        missing=missing,
        missing_before=missing_before,
        comparable=comparable,
    )


def load_csv(question: Question, facts: FactQuery, names: Mapping[AccountId, str]) -> str:
    """Answer a question with one line per day and account, each in its own currency."""
    return rows_as_csv(_rows(question, facts), names)


def _figures(question: Question, period: Period, facts: FactQuery) -> tuple[PeriodFigures, tuple[str, ...]]:
    # Without a conversion the currency need not be one that has exchange rates.
    target = question.currency if question.convert else None
    since, until, platforms = period.first, period.last, question.platforms
    days = daily(facts, since=since, until=until, platforms=platforms, currency=target)
    accounts = report(facts, since=since, until=until, by="account", platforms=platforms, currency=target)
    figures = PeriodFigures(
        totals=_from_row(days.totals),
        days={(row["platform"], row["date"]): _from_row(row) for row in days.rows},
        accounts={(row["platform"], row["account_id"]): _from_row(row) for row in accounts.rows},
    )
    return figures, tuple(days.notes)


def _rows(question: Question, facts: FactQuery) -> list[DayRow]:
    period = question.period
    found = []
    for dataset, accounts in facts.coarsest((), period.first, period.last, platforms=question.platforms).items():
        table = facts.table(dataset, period.first, period.last, accounts=accounts)
        sums = table.group_by("date", "platform", "account_id", "currency").aggregate(
            **{name: table[name].sum() for name in _METRICS}
        )
        found += [
            DayRow(
                day=row["date"],
                platform=row["platform"],
                account_id=row["account_id"],
                currency=row["currency"],
                figures=_from_row(row),
            )
            for row in facts.run(sums).to_pylist()
        ]
    return found


def _from_row(row: Mapping[str, Any]) -> Figures:
    conversions = row["conversions"]
    return Figures(
        impressions=row["impressions"],
        clicks=row["clicks"],
        cost_micros=row["cost_micros"],
        conversions=None if conversions is None else Decimal(conversions),
        conversion_value_micros=row["conversion_value_micros"],
    )
