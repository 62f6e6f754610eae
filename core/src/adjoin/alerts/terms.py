"""What a rule watches: kinds of terms, as they are stored, and when they are looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from adjoin.analytics import v1
from adjoin.errors import BadInput
from adjoin.health.model import Severity

__all__ = [
    "Anomaly",
    "Cadence",
    "Change",
    "Compared",
    "Days",
    "Health",
    "Pacing",
    "Part",
    "Side",
    "Terms",
    "Threshold",
    "check",
    "days_of",
    "read_terms",
    "store_terms",
]

_MOST = 100  # platforms, accounts or connections that a rule names
_LONGEST = 200  # characters of a text that is looked for in names
_LARGEST = Decimal(10) ** 15
_CURRENCY = re.compile(r"[A-Z]{3}")


class Days(StrEnum):
    """The days a figure is of. Today is never one of them: it is not over."""

    YESTERDAY = "yesterday"
    WEEK = "last 7 days"
    MONTH = "last 30 days"
    THIS_MONTH = "this month"  #: up to yesterday; on its first day the whole month before


class Side(StrEnum):
    """On which side of a limit something is told."""

    ABOVE = "above"
    BELOW = "below"


class Compared(StrEnum):
    """What a figure is compared with, as `v1.Compare` names it."""

    PERIOD = "previous period"
    YEAR = "previous year"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the figures: of all where nothing is named. Accounts are "platform/id"."""

    platforms: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    campaign: str = ""  #: what the names of campaigns contain

    @property
    def where(self) -> tuple[v1.Condition, ...]:
        """The conditions of a question."""
        found = []
        if self.platforms:
            found.append(v1.Condition(dimension="platform", values=self.platforms))
        if self.accounts:
            found.append(v1.Condition(dimension="account", values=self.accounts))
        if self.campaign:
            campaign = v1.Condition(dimension="campaign", values=(self.campaign,), operator=v1.Operator.CONTAINS)
            found.append(campaign)
        return tuple(found)


class _Terms(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    pass


class Threshold(_Terms, frozen=True, kw_only=True, tag="threshold"):
    """A metric is above or below a value, in the unit it is written in: whole units of money, 0.02 for 2%."""

    metric: str
    days: Days
    side: Side
    value: Decimal
    currency: str
    part: Part = Part()


class Change(_Terms, frozen=True, kw_only=True, tag="change"):
    """A metric has risen (above) or fallen (below) by more than so many percent of what it was before."""

    metric: str
    days: Days
    side: Side
    percent: Decimal
    compared: Compared
    currency: str
    part: Part = Part()


class Anomaly(_Terms, frozen=True, kw_only=True, tag="anomaly"):
    """A metric, or any with "", was yesterday far from what its own past lets expect."""

    metric: str
    currency: str
    part: Part = Part()


class Pacing(_Terms, frozen=True, kw_only=True, tag="pacing"):
    """What the month will have spent is more than so many percent off a budget, on either side."""

    budget: Decimal
    percent: Decimal
    currency: str
    part: Part = Part()


class Health(_Terms, frozen=True, kw_only=True, tag="health"):
    """A connection needs attention, or is broken; of all connections, or of those that are named by id."""

    least: Severity = Severity.ATTENTION
    connections: tuple[str, ...] = ()


Terms: TypeAlias = Threshold | Change | Anomaly | Pacing | Health


def read_terms(stored: Mapping[str, Any]) -> Terms:
    """Read terms as they are stored. Raises BadInput for some that this release does not know."""
    try:
        terms: Terms = msgspec.convert(stored, Threshold | Change | Anomaly | Pacing | Health)
    except msgspec.ValidationError as error:
        raise BadInput(f"what this rule watches cannot be read by this release ({error}); make it anew") from None
    return terms


def store_terms(terms: Terms) -> dict[str, Any]:
    """Return terms as they are stored. Raises BadInput as `check` does."""
    check(terms)
    stored: dict[str, Any] = msgspec.to_builtins(terms)
    return stored


def check(terms: Terms) -> None:
    """Raise BadInput for terms that could never be judged, saying what to enter."""
    if isinstance(terms, Health):
        if terms.least is Severity.NOTE:
            raise BadInput("choose whether to be told from attention on, or only of what is broken")
        if len(terms.connections) > _MOST:
            raise BadInput(f"a rule may name {_MOST} connections; leave them out to watch all")
        return
    if _CURRENCY.fullmatch(terms.currency) is None:
        raise BadInput(f"the currency {terms.currency[:10]!r} is none; write three letters such as EUR")
    _check_part(terms.part)
    match terms:
        case Threshold(value=value):
            _check_number(value, "the value", may_be_zero=True)
        case Change(percent=percent):
            _check_number(percent, "the percentage")
        case Pacing(budget=budget, percent=percent):
            _check_number(budget, "the budget")
            _check_number(percent, "the percentage")
    if isinstance(terms, Threshold | Change) and not terms.metric:
        raise BadInput("choose a metric")


def _check_part(part: Part) -> None:
    if max(len(part.platforms), len(part.accounts)) > _MOST:
        raise BadInput(f"a rule may name {_MOST} platforms and accounts; leave them out to watch all")
    if len(part.campaign) > _LONGEST or "\0" in part.campaign:
        raise BadInput(f"what names of campaigns contain may have {_LONGEST} characters")


def _check_number(value: Decimal, what: str, *, may_be_zero: bool = False) -> None:
    if not value.is_finite() or value < 0 or value > _LARGEST or (value == 0 and not may_be_zero):
        raise BadInput(f"{what} must be a number {'from' if may_be_zero else 'above'} 0")


def days_of(days: Days, today: date) -> tuple[date, date]:
    """Return the first and the last day that are meant on a day."""
    yesterday = today - timedelta(days=1)
    match days:
        case Days.YESTERDAY:
            return yesterday, yesterday
        case Days.WEEK:
            return today - timedelta(days=7), yesterday
        case Days.MONTH:
            return today - timedelta(days=30), yesterday
        case Days.THIS_MONTH:
            return yesterday.replace(day=1), yesterday


class Cadence(msgspec.Struct, frozen=True, kw_only=True):
    """How often a rule is checked: each hour at a minute, each day at a time, or each week on a day at a time."""

    every: str = "day"  #: hour, day or week
    at: time = time(8)
    weekday: int = 0  #: 0 is Monday

    @property
    def cron(self) -> str:
        """The cron line. Raises BadInput for a cadence that is none."""
        if self.every not in ("hour", "day", "week") or not 0 <= self.weekday <= 6:
            raise BadInput("a rule is checked each hour, each day, or each week on one of its days")
        hour = "*" if self.every == "hour" else str(self.at.hour)
        day = str((self.weekday + 1) % 7) if self.every == "week" else "*"
        return f"{self.at.minute} {hour} * * {day}"

    @classmethod
    def of(cls, cron: str) -> Cadence:
        """Read a cron line that `cron` has written; any other one is read as each day at 8."""
        found = re.fullmatch(r"(\d{1,2}) (\*|\d{1,2}) \* \* (\*|[0-6])", cron)
        if found is None:
            return cls()
        minute, hour, day = found.groups()
        try:
            at = time(0 if hour == "*" else int(hour), int(minute))
        except ValueError:
            return cls()
        if day != "*":
            return cls(every="week", at=at, weekday=(int(day) - 1) % 7)
        return cls(every="hour" if hour == "*" else "day", at=at)
