"""The expression that answers a question of a shape, in Ibis over unbound tables, and the statement made of it.

    scan     facts added up by ids, periods, currency and day of the rate
    parts    with what is known of objects, added up by the keys of rows
    rows     amounts converted and added up: a row for each key
    kept     beside the compared rows, within the limits and the search
    cut      ordered, from offset to limit

One statement gives them all: the rows that are left, and beside them what the totals are made of. Where these are the
rows themselves, it has the rows alone. Planning takes longer than reading a few files does, so it names no more stages
than are used twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache, reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from adjoin_analytics.asking.functions import day_moved, micros_over, period_start
from adjoin_analytics.asking.measuring import roughly
from adjoin_analytics.asking.shape import Amounts, Known, Measure, Shape, own_id
from adjoin_analytics.formula import Sum

if TYPE_CHECKING:
    import ibis.expr.types as ir  # type: ignore[import-untyped]

__all__ = [
    "BEFORE",
    "EARLIER",
    "IS_COUNT",
    "IS_ROW",
    "IS_TOTAL",
    "IS_TOTAL_BEFORE",
    "KIND",
    "MIXED",
    "NOW",
    "RATES",
    "RATE_CURRENCY",
    "RATE_DAY",
    "TOTAL_ROWS",
    "expression",
    "has_rows_alone",
    "statement",
]

#: The tables that a statement names: the facts of the days and of the compared days, rates, and what is known.
NOW, EARLIER, RATES = "facts_now", "facts_before", "rates"
#: The end of the columns of the compared days.
BEFORE = ".before"
#: The column that says what a row is, and those that only some kinds have.
KIND, TOTAL_ROWS, RATE_DAY, RATE_CURRENCY = "~kind", "~rows", "~rate_day", "~rate_currency"
IS_TOTAL, IS_TOTAL_BEFORE, IS_ROW, IS_COUNT = 0, 1, 2, 3
_SUM_TYPES = {"conversions": "decimal(38, 9)"}
_ALL = "~all"
_WHOLE = "decimal(38, 0)"
#: The currency of a row that mixes several.
MIXED = ""
_TYPES = {
    "date": "date",
    "rate_day": "date",
    "conversions": "decimal(18, 9)",
    **dict.fromkeys(("impressions", "clicks", "cost_micros", "conversion_value_micros", "video_views"), "int64"),
}


@lru_cache(maxsize=512)
def statement(shape: Shape) -> str:
    """Return the SELECT for DuckDB. Takes some ten milliseconds for a new shape, and nothing for a known one."""
    stages = Stages()
    selects = expression(shape, stages)
    named = ", ".join(f'"{name}" AS MATERIALIZED ({_sql(stage)})' for name, stage in stages.named.items())
    last = " UNION ALL ".join(f"({_sql(select)})" for select in selects) if len(selects) > 1 else _sql(selects[0])
    order = ", ".join(f"{_quoted(name)} {'DESC' if down else 'ASC'}" for name, down in _order(shape))
    ordered = f"SELECT * FROM ({last}) ORDER BY {order}" if order else last  # noqa: S608 - made by Ibis, and our names
    return f"WITH {named} {ordered}" if named else ordered


def _sql(expression: ir.Table) -> str:
    import ibis

    text: str = ibis.to_sql(expression, dialect="duckdb", pretty=False)
    return text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Stages:
    """Expressions that others are made of, by name. Each is computed once, however often it is used."""

    def __init__(self) -> None:
        self.named: dict[str, ir.Table] = {}

    def keep(self, name: str, stage: ir.Table) -> ir.Table:
        """Give an expression a name, and return the table of that name."""
        import ibis

        self.named[name] = stage
        return ibis.table(stage.schema(), name=name)


def expression(shape: Shape, stages: Stages) -> list[ir.Table]:
    """Return the rows of the answer and what its totals are made of, as tables alike with a column of kinds.

    Totals come by currency and day where amounts are apart or converted, for the caller to add up. The caller puts all
    in the order of the shape.
    """
    if has_rows_alone(shape):
        return [_shown(shape, _with_order(shape, _parts(shape, NOW, 0)), IS_ROW)]
    parts = stages.keep("parts_now", _parts(shape, NOW, 0))
    rows = _rows(shape, parts)
    earlier = None
    if shape.moved is not None:
        earlier = stages.keep("parts_before", _parts(shape, EARLIER, shape.moved))
        rows = _beside(shape, rows, _rows(shape, earlier))
    whole = not shape.limits and not shape.search
    once = whole and not shape.is_cut
    kept = rows if rows is parts and whole and not shape.named else _kept(shape, rows, stages)
    if kept is not parts and not once:
        kept = stages.keep("kept", kept)
    selects = [_shown(shape, _ordered(shape, kept), IS_ROW)]
    selects.append(_shown(shape, _totals(shape, parts, None if whole else kept), IS_TOTAL))
    if earlier is not None:
        selects.append(_shown(shape, _totals(shape, earlier, None if whole else kept), IS_TOTAL_BEFORE))
    if shape.is_cut:
        selects.append(_shown(shape, kept.aggregate(**{TOTAL_ROWS: kept.count()}), IS_COUNT))
    return selects


def has_rows_alone(shape: Shape) -> bool:
    """Say whether the statement gives rows alone: their own sums are then those of the totals."""
    plain = shape.amounts is Amounts.ADDED and shape.moved is None
    return plain and not (shape.is_cut or shape.limits or shape.search or shape.named)


def _parts(shape: Shape, name: str, moved: int) -> ir.Table:
    """Add up the facts by the keys of rows and, where amounts are apart or converted, by currency and day."""
    import ibis

    facts = ibis.table({column: _TYPES.get(column, "string") for column in shape.columns}, name=name)
    for one in shape.listed:
        ids = own_id(one.of)
        listed = ibis.table(dict.fromkeys(ids, "string"), name=one.name)
        same = [facts[column] == listed[column] for column in ids]
        facts = facts.anti_join(listed, same) if one.negate else facts.semi_join(listed, same)
    keys = {column: facts[column] for column in shape.scanned}
    keys |= {period: _period(facts.date, period, moved) for period in shape.periods}
    if shape.amounts is not Amounts.ADDED:
        keys[RATE_CURRENCY] = facts.rate_currency
    if shape.amounts is Amounts.CONVERTED:
        keys[RATE_DAY] = facts.rate_day
    added = _added(facts, keys, shape.sums)
    if not shape.known:
        return added
    about: dict[str, list[Known]] = {}
    for known in shape.known:
        about.setdefault(known.of, []).append(known)
    for of, knowns in about.items():
        ids = own_id(of)
        table = ibis.table(dict.fromkeys((*ids, *(one.column for one in knowns)), "string"), name=f"known_{of}")
        joined = added.left_join(table, [added[column] == table[column] for column in ids])
        added = joined.select(*(added[column] for column in added.columns), *(table[one.column] for one in knowns))
    apart = [column for column in (RATE_CURRENCY, RATE_DAY) if column in added.columns]
    return _added(added, {column: added[column] for column in (*shape.keys, *apart)}, shape.sums)


def _added(table: ir.Table, keys: dict[str, Any], sums: Sequence[str]) -> ir.Table:
    import ibis

    keys = keys or {_ALL: ibis.literal(0)}
    return table.group_by(**keys).aggregate(**{name: table[name].sum() for name in sums})


def _period(day: ir.DateColumn, period: str, moved: int) -> ir.Value:
    if period == "weekday":  # which is not moved: Mondays are compared with Mondays
        return day.day_of_week.index().cast("int32")
    if moved:
        day = day_moved(day, moved)
    return day if period == "day" else period_start(period, day)


def _rows(shape: Shape, parts: ir.Table) -> ir.Table:
    """Make one row for each key of what is apart by currency and day."""
    if shape.amounts is Amounts.ADDED:
        return parts
    import ibis

    if shape.amounts is Amounts.CONVERTED:
        parts = _converted(shape, parts)
    keys = {key: parts[key] for key in shape.keys} or {_ALL: ibis.literal(0)}
    return parts.group_by(**keys).aggregate(**_together(shape, parts))


def _together(shape: Shape, parts: ir.Table) -> dict[str, Any]:
    """Return the sums of parts: amounts as they were converted, or missing where currencies would mix."""
    import ibis

    sums = {name: parts[name].sum() for name in shape.sums}
    if shape.amounts is Amounts.APART:
        first, last = parts[RATE_CURRENCY].min(), parts[RATE_CURRENCY].max()
        sums |= {name: (first == last).ifelse(sums[name], ibis.null("int64")) for name in shape.money}
        sums[RATE_CURRENCY] = (first == last).ifelse(first, MIXED)
    elif shape.amounts is Amounts.CONVERTED and shape.unrated:
        sums |= {
            name: parts[f"{name}~unrated"].any().fill_null(False).ifelse(ibis.null("int64"), sums[name])
            for name in shape.money
        }
    return sums


def _converted(shape: Shape, parts: ir.Table) -> ir.Table:
    """Convert each amount at the rate of its day; those in the target currency have no such day and stay."""
    import ibis

    rates = ibis.table(
        {"rate_day": "date", "rate_currency": "string", "numerator": _WHOLE, "denominator": _WHOLE}, name=RATES
    )
    joined = parts.left_join(
        rates, [parts[RATE_DAY] == rates.rate_day, parts[RATE_CURRENCY] == rates.rate_currency]
    ).select(*(parts[column] for column in parts.columns), rates.numerator, rates.denominator)
    exact: dict[str, Any] = {}
    for name in shape.money:
        rated = micros_over(joined[name], joined.numerator, joined.denominator)
        exact[name] = joined[RATE_DAY].isnull().ifelse(joined[name], rated)
        if shape.unrated:
            lacks = joined[RATE_DAY].notnull() & joined.numerator.isnull() & joined[name].notnull()
            exact[f"{name}~unrated"] = lacks
    return joined.mutate(**exact)


def _beside(shape: Shape, rows: ir.Table, before: ir.Table) -> ir.Table:
    """Put the rows of the compared days beside those of the days: those of one side only are there too."""
    import ibis

    keys = shape.keys or (_ALL,)
    told = _told(shape)
    ends = {f"{name}~": name for name in (*keys, *shape.sums, *told)}
    before = before.rename(ends)
    joined = rows.outer_join(before, [rows[key].identical_to(before[f"{key}~"]) for key in keys])
    columns = {key: ibis.coalesce(joined[key], joined[f"{key}~"]) for key in keys}
    columns |= {name: joined[name] for name in shape.sums}
    columns |= {f"{name}{BEFORE}": joined[f"{name}~"] for name in shape.sums}
    if told:  # amounts of two currencies cannot stand side by side
        one, other = joined[RATE_CURRENCY], joined[f"{RATE_CURRENCY}~"]
        differ = (one != other).fill_null(False)
        for name in shape.money:
            for column in (name, f"{name}{BEFORE}"):
                columns[column] = differ.ifelse(ibis.null("int64"), columns[column])
        columns[RATE_CURRENCY] = differ.ifelse(MIXED, ibis.coalesce(one, other))
    return joined.select(**columns)


def _told(shape: Shape) -> tuple[str, ...]:
    return (RATE_CURRENCY,) if shape.amounts is Amounts.APART else ()


def _kept(shape: Shape, rows: ir.Table, stages: Stages) -> ir.Table:
    """Keep the rows that the limits and the search let pass, with the names that these and the order need."""
    import ibis

    kept = stages.keep("all_rows", rows) if shape.named else rows
    for of in shape.named:
        ids = own_id(of)
        names = ibis.table(dict.fromkeys((*ids, of), "string"), name=f"named_{of}")
        joined = kept.left_join(names, [kept[column] == names[column] for column in ids])
        columns = (*(kept[column] for column in kept.columns), names[of])
        kept = stages.keep(f"rows_with_{of}", joined.select(*columns))
    conditions: list[Any] = []
    for limits in shape.limits:
        value = roughly(limits.measure.formula, kept, "")
        if limits.at_least is not None:
            conditions.append(value >= _bound(limits.at_least))
        if limits.at_most is not None:
            conditions.append(value <= _bound(limits.at_most))
    if shape.search:
        text = ibis.literal(shape.search.lower())
        found = [_searchable(kept, column).lower().contains(text) for column in shape.searched]
        conditions.append(reduce(or_, (one.fill_null(False) for one in found), ibis.literal(False)))
    return kept.filter(reduce(and_, conditions)) if conditions else kept


def _searchable(table: ir.Table, column: str) -> ir.StringValue:
    """Return the name of an object, or its id where it has none."""
    import ibis

    own = f"{column}_id"
    return ibis.coalesce(table[column], table[own]) if own in table.columns else table[column]


def _bound(bound: Decimal) -> int | float:
    return int(bound) if bound == int(bound) else float(bound)


def _totals(shape: Shape, parts: ir.Table, kept: ir.Table | None) -> ir.Table:
    """Add up the parts of all rows, or of those that are kept, by what keeps amounts apart."""
    if kept is not None and shape.keys:
        wanted = kept.select(**{f"{key}~": kept[key] for key in shape.keys})
        parts = parts.semi_join(wanted, [parts[key].identical_to(wanted[f"{key}~"]) for key in shape.keys])
    apart = {column: parts[column] for column in (RATE_DAY, RATE_CURRENCY) if column in parts.columns}
    sums = {name: parts[name].sum() for name in shape.sums}
    return parts.group_by(**apart).aggregate(**sums) if apart else parts.aggregate(**sums)


def _shown(shape: Shape, table: ir.Table, kind: int) -> ir.Table:
    """Bring rows, totals or the count into the same columns."""
    import ibis

    kinds: dict[str, str] = {key: _key_type(shape, key) for key in (*shape.keys, *shape.named)}
    if shape.is_cut:
        kinds[TOTAL_ROWS] = "int64"
    if shape.amounts is not Amounts.ADDED:
        kinds[RATE_CURRENCY] = "string"
    if shape.amounts is Amounts.CONVERTED:
        kinds[RATE_DAY] = "date"
    for end in ("", BEFORE) if shape.moved is not None else ("",):
        kinds |= {f"{name}{end}": _SUM_TYPES.get(name, "int64") for name in shape.sums}
    kinds |= dict.fromkeys(_computed_order(shape), "float64")
    columns = {name: table[name] if name in table.columns else ibis.null(kind_of) for name, kind_of in kinds.items()}
    return table.select(**{KIND: ibis.literal(kind, "int8"), **columns})


def _key_type(shape: Shape, key: str) -> str:
    if key == "weekday":
        return "int32"
    return "date" if key in shape.periods else "string"


def _computed_order(shape: Shape) -> dict[str, tuple[Measure, str]]:
    """Return the columns that rows are ordered by and that are neither keys nor sums: metrics, as floats."""
    measures = {measure.name: measure for measure in shape.measures}
    found = {}
    for name, _ in shape.order:
        end = BEFORE if name.endswith(BEFORE) else ""
        measure = measures.get(name.removesuffix(BEFORE))
        if measure is not None and not isinstance(measure.formula, Sum):
            found[f"~order {name}"] = (measure, end)
    return found


def _order(shape: Shape) -> list[tuple[str, bool]]:
    """Order by what was asked, and then by the keys, so that the order is always the same. What is missing is last."""
    measures = {measure.name: measure for measure in shape.measures}
    order = []
    for name, down in shape.order:
        end = BEFORE if name.endswith(BEFORE) else ""
        measure = measures.get(name.removesuffix(BEFORE))
        column = name
        if measure is not None:
            formula = measure.formula
            column = f"{formula.name}{end}" if isinstance(formula, Sum) else f"~order {name}"
        order.append((column, down))
    named = {name for name, _ in shape.order}
    return [*order, *((key, False) for key in shape.keys if key not in named)]


def _with_order(shape: Shape, table: ir.Table) -> ir.Table:
    """Add the columns that rows are ordered by and that are neither keys nor sums."""
    computed = {name: roughly(measure.formula, table, end) for name, (measure, end) in _computed_order(shape).items()}
    return table.mutate(**computed) if computed else table


def _ordered(shape: Shape, kept: ir.Table) -> ir.Table:
    table = _with_order(shape, kept)
    if not shape.is_cut:
        return table
    order = [table[name].desc(nulls_first=False) if down else table[name].asc() for name, down in _order(shape)]
    return (table.order_by(order) if order else table).limit(shape.limit, offset=shape.offset)
