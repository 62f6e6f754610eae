"""From a question to what is read and the shape of its statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from adjoin.ads.datasets import DATASETS
from adjoin.analytics import v1
from adjoin.currency import Rates
from adjoin.errors import BadInput, UnknownName
from adjoin.facts.listing import Listing
from adjoin.facts.manifest import AccountKey
from adjoin.facts.query import FactQuery, datasets_with
from adjoin.facts.reading import Reading
from adjoin_analytics.asking.conditions import Conditions, days_kept, read_conditions
from adjoin_analytics.asking.objects import AccountRow, Objects, column_of
from adjoin_analytics.asking.rates import rates_between
from adjoin_analytics.asking.shape import Amounts, Known, Limits, Listed, Measure, Shape, own_id, unique
from adjoin_analytics.definitions.catalogue import Catalogue
from adjoin_analytics.definitions.dimensions import OBJECTS, PERIODS, TEXTS
from adjoin_analytics.formula import sums_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Plan", "make_plan"]

_BEFORE = ".before"
_MICROS = 1_000_000
_YEAR = 364  # days, so that weekdays meet their like


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read for a question, and how it is computed."""

    question: v1.Question
    dimensions: tuple[v1.Dimension, ...]
    shape: Shape
    readings: Mapping[str, Reading]
    tables: Mapping[str, pa.Table]
    compared: tuple[date, date] | None
    target: str
    currencies: tuple[str, ...]
    accounts: Sequence[AccountRow]


@dataclass(frozen=True, slots=True)
class _Asked:
    question: v1.Question
    catalogue: Catalogue
    dimensions: tuple[v1.Dimension, ...]
    measures: tuple[Measure, ...]
    limits: tuple[Limits, ...]

    @property
    def objects(self) -> tuple[str, ...]:
        """The objects that rows are told apart by."""
        return tuple(one.name for one in self.dimensions if one.name in OBJECTS)

    @property
    def known(self) -> tuple[Known, ...]:
        named = [(one.name, self.catalogue.object_of(one.name)) for one in self.dimensions]
        return tuple(Known(name, of) for name, of in named if of)

    @property
    def ids(self) -> tuple[str, ...]:
        found: list[str] = []
        for one in self.dimensions:
            if one.name in OBJECTS:
                found += OBJECTS[one.name]
            elif one.name in TEXTS:
                found.append(one.name)
        return unique(found)

    @property
    def periods(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.dimensions if one.name in PERIODS)

    @property
    def sums(self) -> tuple[str, ...]:
        measures = (*self.measures, *(one.measure for one in self.limits))
        return unique([name for measure in measures for name in sums_of(measure.formula)])


def make_plan(
    context: v1.AnalyticsContext,
    catalogue: Catalogue,
    question: v1.Question,
    *,
    rates: Rates | None,
    objects: Objects,
    listing: Listing,
) -> Plan:
    """Decide what is read and how. `rates` are needed where the question names a currency. Errors as in `ask`."""
    asked = _read(catalogue, question)
    compared = _compared(question)
    conditions = read_conditions(context, catalogue, question.where, objects=objects, version=listing.version)
    target = rates.known(question.currency) if question.currency and rates is not None else ""
    keys = conditions.keys | {key for key in asked.ids if key not in ("platform", "account_id", "currency")}
    keys |= {OBJECTS[one.of][-1] for one in asked.known if one.of != "account"}
    _check_carried(asked, keys)
    moved = None if compared is None else (question.since - compared[0]).days
    windows = {"facts_now": (question.since, question.until, 0)}
    if compared is not None and moved is not None:
        windows["facts_before"] = (*compared, moved)
    chosen = {
        name: _chosen(context.facts, keys, since, until, conditions, listing)
        for name, (since, until, _) in windows.items()
    }
    readings: dict[str, Reading] = {}
    for name, (since, until, days) in windows.items():
        kept = days_kept(conditions.days, since, until, days)
        readings[name] = context.facts.reading(
            chosen[name],
            since,
            until,
            columns=(),
            keep=[*conditions.keep, *([kept] if kept else [])],
            listing=listing,
        )
    currencies = tuple(sorted({file.currency for one in readings.values() for file in one.files}))
    others = [one for one in currencies if one != target]
    amounts = Amounts.ADDED
    if target and others:
        amounts = Amounts.CONVERTED
    elif not target and len(currencies) > 1:
        amounts = Amounts.APART
    tables: dict[str, pa.Table] = {one.name: table for one, table in conditions.listed.items()}
    unrated = False
    if amounts is Amounts.CONVERTED and rates is not None:
        since = min(since for since, _, _ in windows.values())
        until = max(until for _, until, _ in windows.values())
        since, until = _within(readings.values(), since, until)
        found = rates_between(rates, others, target, since, until)
        tables["rates"], unrated = found.table, bool(found.lacking)
    shape = _shape(asked, list(conditions.listed), amounts=amounts, unrated=unrated, moved=moved)
    tables |= _known_tables(context, catalogue, shape, objects, listing.version)
    return Plan(
        question=question,
        dimensions=asked.dimensions,
        shape=shape,
        readings={
            name: Reading(
                files=one.files, since=one.since, until=one.until, columns=shape.columns, keep=one.keep, target=target
            )
            for name, one in readings.items()
        },
        tables=tables,
        compared=compared,
        target=target,
        currencies=currencies,
        accounts=conditions.accounts,
    )


def _read(catalogue: Catalogue, question: v1.Question) -> _Asked:
    if question.since > question.until:
        raise BadInput(f"The days {question.since} to {question.until} are the wrong way round.")
    if not question.metrics:
        raise BadInput("The question names no metric; name at least one.")
    if (question.limit is not None and question.limit < 1) or question.offset < 0:
        raise BadInput(f"Rows can be cut from 0 on to at least 1, not to {question.limit} from {question.offset}.")

    def measure(name: str) -> Measure:
        return Measure(name, catalogue.formulas[name], catalogue.metric(name).unit)

    for name in (*question.metrics, *(one.metric for one in question.having)):
        catalogue.metric(name)
    limits = tuple(
        Limits(one, _micros(threshold.at_least, one), _micros(threshold.at_most, one))
        for threshold in question.having
        for one in [measure(threshold.metric)]
    )
    return _Asked(
        question=question,
        catalogue=catalogue,
        dimensions=tuple(catalogue.dimension(name) for name in unique(question.dimensions)),
        measures=tuple(measure(name) for name in unique(question.metrics)),
        limits=limits,
    )


def _micros(bound: Decimal | None, measure: Measure) -> Decimal | None:
    return None if bound is None else bound * _MICROS if measure.is_amount else bound


def _compared(question: v1.Question) -> tuple[date, date] | None:
    since, until = question.compare_since, question.compare_until
    if since is not None or until is not None:
        if since is None or until is None:
            raise BadInput("Compared days need both a first and a last day.")
        if since > until:
            raise BadInput(f"The compared days {since} to {until} are the wrong way round.")
        return since, until
    try:
        match question.compare:
            case v1.Compare.PREVIOUS_PERIOD:
                days = (question.until - question.since).days + 1
                return question.since - timedelta(days=days), question.since - timedelta(days=1)
            case v1.Compare.PREVIOUS_YEAR:
                return question.since - timedelta(days=_YEAR), question.until - timedelta(days=_YEAR)
            case v1.Compare.NOTHING:
                return None
    except OverflowError:
        raise BadInput(f"There are no days before {question.since} to compare with.") from None


def _check_carried(asked: _Asked, keys: Collection[str]) -> None:
    """Raise BadInput where no dataset tells the dimensions apart, or where those that do lack a sum."""
    able = datasets_with(keys)
    told = ", ".join(one.name for one in asked.dimensions) or "the conditions"
    if not able:
        raise BadInput(
            f"No platform's data tells {told} apart together: keywords, search terms, ads and conversion actions come "
            "in tables of their own. Ask for them one at a time."
        )
    for measure in (*asked.measures, *(one.measure for one in asked.limits)):
        lacking = [name for name in sums_of(measure.formula) if all(name not in DATASETS[one].metrics for one in able)]
        if lacking:
            carried = [
                name
                for name, formula in asked.catalogue.formulas.items()
                if set(sums_of(formula)) <= set(DATASETS[able[0]].metrics)
            ]
            raise BadInput(
                f"{measure.name} cannot be told apart by {told}: that data has only {', '.join(carried)}. Leave it "
                "out, or ask without that dimension or condition."
            )


def _chosen(
    facts: FactQuery, keys: Collection[str], since: date, until: date, conditions: Conditions, listing: Listing
) -> dict[str, list[AccountKey]]:
    accounts = frozenset(one.key for one in conditions.accounts) if conditions.narrowed else None
    return facts.coarsest(keys, since, until, accounts=accounts, listing=listing)


def _within(readings: Collection[Reading], since: date, until: date) -> tuple[date, date]:
    """Return the days in which there are files, so that no rates are looked up for others."""
    files = [file for one in readings for file in one.files]
    first = min((file.first_date for file in files if file.first_date is not None), default=since)
    last = max((file.last_date for file in files if file.last_date is not None), default=until)
    return max(since, first), min(until, last)


def _shape(
    asked: _Asked,
    listed: Sequence[Listed],
    *,
    amounts: Amounts,
    unrated: bool,
    moved: int | None,
) -> Shape:
    question = asked.question
    order = _order(asked, compares=moved is not None)
    searched: tuple[str, ...] = ()
    if question.search:
        texts = [one.name for one in asked.dimensions if one.kind is v1.DimensionKind.TEXT and one.name != "weekday"]
        searched = (*asked.objects, *texts)
        if not searched:
            raise BadInput("A search needs a dimension with names, such as campaign; these rows have none.")
    ordered = {name for name, _ in order}
    named = tuple(one for one in asked.objects if question.search or one in ordered)
    return Shape(
        ids=asked.ids,
        periods=asked.periods,
        known=asked.known,
        listed=tuple(listed),
        sums=asked.sums,
        measures=asked.measures,
        amounts=amounts,
        unrated=unrated,
        moved=moved,
        limits=asked.limits,
        named=named,
        search=question.search,
        searched=searched,
        order=order,
        limit=question.limit,
        offset=question.offset,
    )


def _order(asked: _Asked, *, compares: bool) -> tuple[tuple[str, bool], ...]:
    if not asked.question.order_by:
        first = asked.measures[0].name
        gone = ((f"{first}{_BEFORE}", True),) if compares else ()
        return (*((period, False) for period in asked.periods), (first, True), *gone)
    columns = [column for one in asked.dimensions for column in one.columns]
    columns += [one.name for one in asked.measures]
    if compares:
        columns += [f"{one.name}{_BEFORE}" for one in asked.measures]
    order = []
    for asked_for in asked.question.order_by:
        name = asked_for.removeprefix("-")
        if name not in columns:
            raise UnknownName(f"Rows cannot be ordered by {name!r}; they have {', '.join(unique(columns))}.")
        order.append((name, asked_for.startswith("-")))
    return tuple(dict(order).items())


def _known_tables(
    context: v1.AnalyticsContext, catalogue: Catalogue, shape: Shape, objects: Objects, version: str
) -> dict[str, pa.Table]:
    """Return what is looked up of objects: attributes that rows are told apart by, and names."""
    tables: dict[str, pa.Table] = {}
    for of in unique([one.of for one in shape.known]):
        table = objects.of(context, of, version)
        wanted = [one.column for one in shape.known if one.of == of]
        found = table.select(list(own_id(of)))
        for name in wanted:
            found = found.append_column(name, column_of(table, name, catalogue))
        tables[f"known_{of}"] = found
    for of in shape.named:
        table = objects.of(context, of, version)
        tables[f"named_{of}"] = table.select([*own_id(of), "name"]).rename_columns([*own_id(of), of])
    return tables
