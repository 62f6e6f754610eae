"""Answering a question: plan, compute, and put into columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adjoin.analytics import v1
from adjoin.currency import Rates, ecb_rates
from adjoin_analytics.asking.expression import (
    BEFORE,
    IS_COUNT,
    IS_ROW,
    IS_TOTAL,
    IS_TOTAL_BEFORE,
    KIND,
    RATE_CURRENCY,
    TOTAL_ROWS,
    has_rows_alone,
    statement,
)
from adjoin_analytics.asking.marks import changing_since
from adjoin_analytics.asking.measuring import measured
from adjoin_analytics.asking.notes import notes_of
from adjoin_analytics.asking.objects import AccountRow, Objects, names_of
from adjoin_analytics.asking.planning import Plan, make_plan
from adjoin_analytics.asking.rates import rate_notes
from adjoin_analytics.asking.shape import Amounts, Measure, own_id
from adjoin_analytics.asking.totals import totals_of
from adjoin_analytics.definitions.catalogue import catalogue_of
from adjoin_analytics.definitions.dimensions import OBJECTS, WEEKDAYS
from adjoin_analytics.formula import sums_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Answering"]


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers questions, and keeps what is known of objects. `rates` are the bank's unless others are given."""

    rates: Rates | None = None
    objects: Objects = field(default_factory=Objects)

    def answer(
        self, context: v1.AnalyticsContext, question: v1.Question, *, trial: v1.CustomMetric | None = None
    ) -> v1.Answer:
        """Answer a question, as if a metric on trial were stored. Blocks. Errors as in `v1.Analytics.ask`."""
        catalogue = catalogue_of(context) if trial is None else catalogue_of(context).with_metric(trial)
        listing = context.facts.listing()
        rates = (self.rates or ecb_rates()) if question.currency else None
        plan = make_plan(context, catalogue, question, rates=rates, objects=self.objects, listing=listing)
        found = context.facts.compute(statement(plan.shape), plan.readings, plan.tables)
        rows = _of_kind(found, IS_ROW)
        parts = rows if has_rows_alone(plan.shape) else _of_kind(found, IS_TOTAL)
        totals = totals_of(plan, parts, rates)
        before = None if plan.compared is None else totals_of(plan, _of_kind(found, IS_TOTAL_BEFORE), rates)
        notes = notes_of(context, catalogue, plan, mixed=totals.mixed and bool(plan.shape.money))
        rated = totals.rated | (frozenset() if before is None else before.rated)
        if rates is not None and rated:
            notes = [*rate_notes(rates, rated, plan.target), *notes]
        return v1.Answer(
            question=question,
            rows=_in_columns(context, plan, rows),
            total_rows=_of_kind(found, IS_COUNT)[TOTAL_ROWS][0].as_py() if plan.shape.is_cut else rows.num_rows,
            totals=totals.metrics,
            before=None if before is None else before.metrics,
            compared=plan.compared,
            currency=_currency(plan),
            changing_since=_changing(context, plan),
            notes=tuple(notes),
        )


def _of_kind(found: pa.Table, kind: int) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds: Any = found.column(KIND)
    return found.filter(pc.equal(kinds, pa.scalar(kind, pa.int8())))


def _currency(plan: Plan) -> str | None:
    """Return the currency that all amounts of the answer are in, None where they are in several."""
    if plan.target:
        return plan.target
    return plan.currencies[0] if len(plan.currencies) == 1 else None


def _measured(measure: Measure, rows: pa.Table, end: str) -> Any:
    """Return a metric of each row, from the sums whose names have this end."""
    sums = {name: _typed(rows.column(f"{name}{end}")) for name in sums_of(measure.formula)}
    return measured(measure, sums)


def _in_columns(context: v1.AnalyticsContext, plan: Plan, rows: pa.Table) -> pa.Table:
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for dimension in plan.dimensions:
        for name in dimension.columns:
            if name in OBJECTS and name == dimension.name:
                columns[name] = _names(context, rows, name, plan.accounts)
            elif name == "weekday":
                columns[name] = _weekdays(rows.column(name))
            else:
                columns.setdefault(name, rows.column(name))
    if not plan.question.currency and "currency" not in columns:
        if plan.shape.amounts is Amounts.APART:
            told = [one or None for one in rows.column(RATE_CURRENCY).to_pylist()]  # MIXED is shown as none
            columns["currency"] = pa.array(told, pa.string())
        else:
            only = plan.currencies[0] if plan.currencies else None
            columns["currency"] = pa.array([only] * rows.num_rows, pa.string())
    for measure in plan.shape.measures:
        columns[measure.name] = _measured(measure, rows, "")
        if plan.compared is not None:
            columns[f"{measure.name}{BEFORE}"] = _measured(measure, rows, BEFORE)
    return pa.table(columns)


def _weekdays(numbers: Any) -> Any:
    import pyarrow as pa

    return pa.array([WEEKDAYS[number] for number in numbers.to_pylist()], pa.string())


def _typed(column: Any) -> Any:
    import pyarrow as pa

    whole = column.combine_chunks()
    if pa.types.is_decimal(whole.type) and whole.type.scale == 0:
        return whole.cast(pa.int64())
    return whole


def _names(context: v1.AnalyticsContext, rows: pa.Table, of: str, accounts: Sequence[AccountRow]) -> Any:
    """Return the names of the objects of rows; null where none is known."""
    import pyarrow as pa

    if of in rows.column_names:
        return rows.column(of)
    ids = [rows.column(name).to_pylist() for name in own_id(of)]
    keys = list(zip(*ids, strict=True))
    if of == "account":
        known = {(one.platform, one.id): one.name for one in accounts}
        return pa.array([known.get(key) for key in keys], pa.string())
    found = names_of(context, of, [key for key in dict.fromkeys(keys) if None not in key])
    return pa.array([found.get(key) for key in keys], pa.string())


def _changing(context: v1.AnalyticsContext, plan: Plan) -> dict[str, Any]:
    files = [file for reading in plan.readings.values() for file in reading.files]
    datasets = {file.dataset for file in files}
    there = {file.account for file in files}
    zones: dict[str, set[str]] = defaultdict(set)
    for account in plan.accounts:
        if account.key in there:
            zones[account.platform].add(account.time_zone)
    now = context.facts.as_of or context.now()
    return changing_since(context.platforms, zones, datasets, now)
