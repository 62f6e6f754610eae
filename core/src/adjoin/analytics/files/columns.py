"""What the columns of a file are: named and ordered as in the answer, with amounts in whole units."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from adjoin.analytics.v1 import Answer, Definitions, Metric, Unit

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BEFORE", "Column", "ColumnKind", "columns_of", "in_units"]

#: How the name of a compared column ends.
BEFORE = ".before"
_CURRENCY, _AMOUNTS_IN = "currency", "amounts_in"


class ColumnKind(StrEnum):
    """What the cells of a column are."""

    TEXT = "text"
    DAY = "day"
    COUNT = "count"  #: int, or Decimal where fractions are counted
    MONEY = "money"  #: whole units of the row's currency, with up to six decimals
    SHARE = "share"  #: a ratio, 0.0166 for 1.66%
    MULTIPLE = "multiple"  #: a ratio, 5.54 for 5.54×


_OF_UNITS = {
    Unit.COUNT: ColumnKind.COUNT,
    Unit.MONEY: ColumnKind.MONEY,
    Unit.SHARE: ColumnKind.SHARE,
    Unit.MULTIPLE: ColumnKind.MULTIPLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name, its kind, and the metric where it is one's."""

    name: str
    kind: ColumnKind
    metric: Metric | None = None


def columns_of(answer: Answer, definitions: Definitions) -> tuple[Column, ...]:
    """Return the columns of an answer's file.

    They are those of its rows. Where amounts were converted, a column `currency` stands before the first metric, so
    that each row says what its amounts are in; it is called `amounts_in` beside the dimension `currency`, which tells
    accounts apart by theirs.
    """
    metrics = {one.name: one for one in definitions.metrics}
    columns = [_column(field, metrics) for field in answer.rows.schema]
    amounts = any(one.kind is ColumnKind.MONEY for one in columns)
    if amounts and answer.question.currency is not None:
        first = next(place for place, one in enumerate(columns) if one.metric is not None)
        name = _CURRENCY if _CURRENCY not in answer.rows.schema.names else _AMOUNTS_IN
        columns.insert(first, Column(name=name, kind=ColumnKind.TEXT))
    return tuple(columns)


def in_units(answer: Answer, columns: tuple[Column, ...]) -> pa.Table:
    """Return the rows with the columns of a file: amounts, which are micros in an answer, as exact decimals in units.

    Money is decimal128(38, 6); what is null stays null.
    """
    import pyarrow as pa

    table: pa.Table = answer.rows
    made: list[Any] = []
    for column in columns:
        if column.name not in table.schema.names:  # the answer's one currency
            made.append(pa.repeat(pa.scalar(answer.currency, pa.string()), table.num_rows))
        elif column.kind is ColumnKind.MONEY:
            made.append(_units(table.column(column.name)))
        else:
            made.append(table.column(column.name))
    return pa.table(dict(zip((one.name for one in columns), made, strict=True)))


def _units(micros: Any) -> Any:
    """Divide by a million, exactly: whole decimals, read again with the point six places further left."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole, exact = pa.decimal128(38, 0), pa.decimal128(38, 6)
    if not pa.types.is_integer(micros.type):
        micros = pc.round(micros, round_mode="half_to_even")
    made: Any = [
        pa.Array.from_buffers(exact, len(chunk), chunk.buffers(), offset=chunk.offset)
        for chunk in micros.cast(whole).chunks
    ]
    return pa.chunked_array(made, type=exact)  # type: ignore[call-overload] # the stubs lack decimals


def _column(field: pa.Field[Any], metrics: dict[str, Metric]) -> Column:
    import pyarrow as pa

    metric = metrics.get(field.name.removesuffix(BEFORE))
    if metric is not None and (field.name in metrics or field.name.endswith(BEFORE)):
        return Column(name=field.name, kind=_OF_UNITS[metric.unit], metric=metric)
    if pa.types.is_date(field.type):
        return Column(name=field.name, kind=ColumnKind.DAY)
    numeric = pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type)
    return Column(name=field.name, kind=ColumnKind.COUNT if numeric else ColumnKind.TEXT)
