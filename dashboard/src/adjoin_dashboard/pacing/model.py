"""What the page Pacing says, computed without Streamlit: states in words, months, headlines, and typed amounts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from adjoin.analytics.v1 import BudgetSource, Pace, PacingState
from adjoin.errors import BadInput
from adjoin.writing import Writer

__all__ = [
    "STATES",
    "Headline",
    "State",
    "counted_states",
    "headlines",
    "months",
    "read_amount",
    "read_month",
    "said",
    "source_of",
    "state_word",
]

_PAST, _TO_COME = 12, 2  # months that are offered
_MICROS = 10**6
_NUMBER = re.compile(r"\d+(\.\d{1,6})?")


@dataclass(frozen=True, slots=True)
class State:
    """How a state is called, with a sign that tells it apart without colour; `colour` is one of the page's colours."""

    title: str
    colour: str


STATES: Mapping[PacingState, State] = {
    PacingState.OVER: State("▲ Over", "orange"),
    PacingState.SPENT: State("■ Used up", "red"),
    PacingState.ON: State("● On plan", "green"),
    PacingState.UNDER: State("▼ Under", "blue"),
    PacingState.NOT_STARTED: State("○ Not begun", "grey"),
    PacingState.UNKNOWN: State("? Not read", "grey"),
    PacingState.NO_BUDGET: State("– No budget", "grey"),
}


@dataclass(frozen=True, slots=True)
class Headline:
    """A number at the top of the page."""

    label: str
    value: str
    help: str


def months(today: date) -> list[date]:
    """Return the first days of the months that are offered: two to come, this one, and the twelve before."""
    first = today.replace(day=1)
    found = [first]
    for _ in range(_TO_COME):
        found.insert(0, (found[0] + timedelta(days=32)).replace(day=1))
    for _ in range(_PAST):
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found


def read_month(text: str) -> date | None:
    """Read a month as it stands in an address, "2026-11"; None for anything else."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return None


def headlines(paces: Sequence[Pace], write: Writer) -> list[Headline]:
    """Return what accounts come to together, of the two commonest currencies, each apart."""
    found = []
    currencies = sorted(
        {one.currency for one in paces if one.spent_micros or one.budget_micros},
        key=lambda currency: (-sum(one.currency == currency for one in paces), currency),
    )
    for currency in currencies[:2]:
        own = [one for one in paces if one.currency == currency]
        of = f" ({currency})" if len(currencies) > 1 else ""
        found.append(
            Headline(
                f"Spent{of}",
                write.money(sum(one.spent_micros for one in own), currency, compact=True),
                "By all accounts on the days that are over.",
            )
        )
        with_budget = [one for one in own if one.budget_micros is not None]
        if with_budget:
            found.append(
                Headline(
                    f"Budgets{of}",
                    write.money(sum(one.budget_micros or 0 for one in with_budget), currency, compact=True),
                    f"Of {write.counted(len(with_budget), 'account')} with one.",
                )
            )
        projected = [one.projected_micros for one in own if one.projected_micros is not None]
        if projected:
            found.append(
                Headline(
                    f"Expected{of}",
                    write.money(sum(projected), currency, compact=True),
                    "What all accounts will have spent at the end of the month if they go on as in the last weeks.",
                )
            )
    return found


def counted_states(paces: Iterable[Pace], write: Writer) -> str:
    """Say how many budgets are in which state; nothing without any."""
    counted: Counter[PacingState] = Counter(one.state for one in paces if one.state is not PacingState.NO_BUDGET)
    if not counted:
        return ""
    told = ", ".join(f"{counted[state]} {state_word(state)}" for state in STATES if counted[state])
    return f"{write.counted(counted.total(), 'account has a budget', 'accounts have a budget')}: {told}."


def state_word(state: PacingState) -> str:
    """Return a state without its sign, as within a sentence: "used up"."""
    return STATES[state].title[2:].lower()


def source_of(pace: Pace, write: Writer) -> str:
    """Say where a budget comes from."""
    if pace.source is None:
        return ""
    if pace.source is BudgetSource.SET:
        return "Set here"
    if pace.daily_micros is not None:
        return f"Platform, {write.money(pace.daily_micros, pace.currency)} a day"
    return f"Platform, {write.days(pace.since, pace.until)}"


def said(paces: Iterable[Pace], name: Mapping[tuple[str, ...], str], write: Writer) -> list[str]:
    """Return sentences on the budgets that need somebody: those that will not hold and those that will be left over."""
    found = []
    for one in paces:
        if one.state not in (PacingState.OVER, PacingState.UNDER, PacingState.SPENT) or one.budget_micros is None:
            continue
        called = name[one.key]
        if one.state is PacingState.SPENT:
            found.append(f"{called} has used up its budget with {write.counted(one.days_left, 'day')} to go.")
            continue
        if one.projected_micros is None or not one.days_left:
            continue
        more = one.projected_micros - one.budget_micros
        where = "above" if more > 0 else "below"
        sentence = (
            f"{called} is expected to end {write.money(abs(more), one.currency, compact=True)} {where} its budget"
        )
        if one.runs_out_on is not None and one.runs_out_on < one.until:
            sentence += f", which is used up on {write.day(one.runs_out_on)}"
        if one.needed_daily_micros is not None:
            sentence += f"; {write.money(one.needed_daily_micros, one.currency)} a day would meet it"
        found.append(f"{sentence}.")
    return found


def read_amount(text: str, symbols: tuple[str, str]) -> int:
    """Read an amount as its writer's locale has it, and plain ones, into micros. Raises BadInput for what is none.

    `symbols` separate thousands, and decimals.
    """
    group, point = symbols
    plain = re.sub(r"[\s\u00a0\u202f'’]", "", text)
    if point in plain or plain.count(group) != 1 or re.search(rf"{re.escape(group)}\d{{3}}$", plain):
        plain = plain.replace(group, "").replace(point, ".")
    try:
        if _NUMBER.fullmatch(plain) is None:
            raise InvalidOperation
        return int(Decimal(plain) * _MICROS)
    except InvalidOperation:
        raise BadInput(
            f"{text[:40]!r} is no amount; write it like 12{group}000 or 1{group}500{point}50, without a currency."
        ) from None
