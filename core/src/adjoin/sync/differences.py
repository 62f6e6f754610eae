"""Differences between the sums of two grains of an account, and the words for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from adjoin.amounts import amount

if TYPE_CHECKING:
    from adjoin.db.models import Run

__all__ = ["KEPT", "Difference", "added", "difference_sentence", "state_text", "unexplained"]

#: So many differences of a run are kept; more are counted.
KEPT = 500

_NAMES = {"cost_micros": "spend", "conversion_value_micros": "conversion value"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where the sums of two grains do not agree.

    `difference` is coarser minus finer over all `days` of them, `largest` that of the day that is furthest off; both
    are decimal numbers in text, money in micros of `currency`. `known` is what explains it, None where nothing does.
    `against` says what the new rows were compared with: other `new` ones, or those `committed` by an earlier run.
    """

    account_id: str
    currency: str
    finer: str
    coarser: str
    metric: str
    first_day: str
    last_day: str
    days: int
    difference: str
    largest: str
    known: str | None
    against: str = "new"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def unexplained(differences: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those that nothing explains."""
    return [one for one in differences if not one.get("known")]


def added(kept: Sequence[Mapping[str, Any]], new: Sequence[Difference]) -> list[dict[str, Any]]:
    """Return what a run keeps of its differences and new ones: up to KEPT, the unexplained first."""
    every = [*(dict(one) for one in kept), *(one.as_json() for one in new)]
    if len(every) <= KEPT:
        return every
    return sorted(every, key=lambda one: bool(one.get("known")))[:KEPT]


def state_text(run: Run) -> str:
    """Say how a run stands: its state, or "succeeded with differences" where some are unexplained."""
    return "succeeded with differences" if run.state == "succeeded" and run.unexplained else str(run.state)


def difference_sentence(
    one: Mapping[str, Any], *, name: str, money: Callable[[Decimal, str], str] = amount, currency: str = ""
) -> str:
    """Say what differs by how much, on which days, and why.

    `one` is a Difference as it was stored, by an earlier release too. `name` is the account's, `money` writes micros of
    a currency, `currency` is used where none was stored.
    """
    total = Decimal(str(one["difference"]))
    furthest = Decimal(str(one.get("largest", one["difference"])))
    metric = str(one["metric"])
    what = _NAMES.get(metric, metric.replace("_", " "))

    def shown(value: Decimal) -> str:
        if metric.endswith("_micros"):
            return money(abs(value), str(one.get("currency") or currency))
        return f"{abs(value).normalize():,f}"

    days = str(one["first_day"])
    if one["first_day"] != one["last_day"]:
        days += f" to {one['last_day']}"
    why = str(one["known"]) if one.get("known") else "The reason is not known."
    if not total:
        return (
            f"{name}, {days}: {one['coarser']} and {one['finer']} differ by up to {shown(furthest)} {what} on "
            f"{one['days']} days, in both directions. {why}"
        )
    more, less = (one["coarser"], one["finer"]) if total > 0 else (one["finer"], one["coarser"])
    return f"{name}, {days}: {more} has {shown(total)} more {what} than {less}. {why}"
