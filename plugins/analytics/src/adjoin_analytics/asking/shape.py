"""What the statement of a question depends on. Questions of one shape share one statement, compiled once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from adjoin.analytics.v1 import Unit
from adjoin_analytics.definitions.dimensions import OBJECTS
from adjoin_analytics.definitions.metrics import AMOUNTS
from adjoin_analytics.formula import Formula

__all__ = ["Amounts", "Known", "Limits", "Listed", "Measure", "Shape"]


class Amounts(StrEnum):
    """What is done with amounts."""

    ADDED = "added"  #: all are in one currency, the one that is asked for if one is
    APART = "apart"  #: of several, and none is asked for: missing where they would mix
    CONVERTED = "converted"  #: each day at its rate


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric of the answer."""

    name: str
    formula: Formula
    unit: Unit

    @property
    def is_amount(self) -> bool:
        return self.unit is Unit.MONEY


@dataclass(frozen=True, slots=True)
class Known:
    """A column that is known of an object: joined to its own id. `column` is the name in the answer."""

    column: str
    of: str

    @property
    def ids(self) -> tuple[str, ...]:
        return own_id(self.of)


@dataclass(frozen=True, slots=True)
class Listed:
    """Objects that are kept, or with `negate` left out: the table `name` has their ids."""

    name: str
    of: str
    negate: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """A threshold; amounts in micros."""

    measure: Measure
    at_least: Decimal | None
    at_most: Decimal | None


@dataclass(frozen=True, slots=True)
class Shape:
    """The statement of a question, but for the files, the days and what is looked up in tables.

    `ids` are columns of facts that rows are told apart by, `periods` what days are put together to, `known` what is
    looked up of objects before rows are added up, `named` the objects whose names are needed before rows are cut.
    `moved` is by how many days compared days are moved, None without a comparison.
    """

    ids: tuple[str, ...]
    periods: tuple[str, ...]
    known: tuple[Known, ...]
    listed: tuple[Listed, ...]
    sums: tuple[str, ...]
    measures: tuple[Measure, ...]
    amounts: Amounts
    unrated: bool
    moved: int | None
    limits: tuple[Limits, ...]
    named: tuple[str, ...]
    search: str
    searched: tuple[str, ...]
    order: tuple[tuple[str, bool], ...]
    limit: int | None
    offset: int

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns by which rows are told apart, before names."""
        return (*self.ids, *self.periods, *(one.column for one in self.known))

    @property
    def scanned(self) -> tuple[str, ...]:
        """The ids that facts are added up by first."""
        return unique([*self.ids, *(column for one in self.known for column in one.ids)])

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of facts that are read."""
        told = {
            Amounts.ADDED: (),
            Amounts.APART: ("rate_currency",),
            Amounts.CONVERTED: ("rate_currency", "rate_day"),
        }[self.amounts]
        listed = [column for one in self.listed for column in own_id(one.of)]
        return unique([*self.scanned, *listed, *(("date",) if self.periods else ()), *told, *self.sums])

    @property
    def is_cut(self) -> bool:
        """Whether only some of the rows are wanted."""
        return self.limit is not None or self.offset > 0

    @property
    def money(self) -> tuple[str, ...]:
        """Those of the sums that are amounts."""
        return tuple(name for name in self.sums if name in AMOUNTS)


def own_id(of: str) -> tuple[str, ...]:
    """Return the columns by which an object is looked up: platform, account and its own id."""
    return unique(["platform", "account_id", OBJECTS[of][-1]])


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Return names once each, in their order."""
    return tuple(dict.fromkeys(names))
