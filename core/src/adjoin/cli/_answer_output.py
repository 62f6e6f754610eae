"""How an answer of the metric layer is printed and written to files."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoin.cli._output import amount, print_table, say

if TYPE_CHECKING:
    from adjoin.analytics.files import Column, Export, FileKind
    from adjoin.analytics.v1 import Answer, Dimension

__all__ = ["print_answer_csv", "print_answer_json", "print_answer_table", "save_answer"]

_MISSING = "–"


def save_answer(export: Export, kind: FileKind, path: Path) -> None:
    """Write an answer to a file, in place of one that is there. Raises BadInput where it cannot be written.

    A file that has this name is whole: what is half written has another.
    """
    from adjoin.analytics.files import write_file
    from adjoin.errors import BadInput

    part: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:100]}.", delete=False) as file:
            part = Path(file.name)
            write_file(export, kind, file)  # type: ignore[arg-type] # a wrapper around what it wants
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:
        raise BadInput(f"the file {path} cannot be written: {error.strerror}") from None
    finally:
        if part is not None:
            with suppress(FileNotFoundError):
                part.unlink()
    say(f"{export.answer.rows.num_rows:,} rows written to {path}")
    _say_notes(export.answer)


def print_answer_csv(export: Export) -> None:
    """Print the rows as a file of CSV has them."""
    import csv

    from adjoin.analytics.files import csv_rows

    csv.writer(sys.stdout, lineterminator="\n").writerows(csv_rows(export))
    _say_notes(export.answer)


def print_answer_json(export: Export) -> None:
    """Print an answer as JSON: amounts in whole units, exact, and ratios as ratios."""
    import msgspec

    from adjoin.analytics.files import columns_of, in_units

    answer = export.answer
    columns = columns_of(answer, export.definitions)
    rows = [{name: _plain(value) for name, value in row.items()} for row in in_units(answer, columns).to_pylist()]
    told = {
        "since": answer.question.since,
        "until": answer.question.until,
        "compared": None if answer.compared is None else {"since": answer.compared[0], "until": answer.compared[1]},
        "as_of": export.as_of,
        "metrics": answer.question.metrics,
        "by": answer.question.dimensions,
        "currency": answer.currency,
        "rows": rows,
        "total_rows": answer.total_rows,
        "totals": _units(answer.totals, columns),
        "before": None if answer.before is None else _units(answer.before, columns),
        "changing_since": dict(answer.changing_since),
        "notes": answer.notes,
    }
    sys.stdout.write(msgspec.json.Encoder(decimal_format="number").encode(told).decode() + "\n")


def print_answer_table(export: Export) -> None:
    """Print an answer as people read it: names rather than ids, changes beside what is compared; notes on stderr."""
    from adjoin.analytics.files import BEFORE, columns_of

    answer = export.answer
    question = answer.question
    metrics = [one for one in columns_of(answer, export.definitions) if one.metric and not one.name.endswith(BEFORE)]
    known = {one.name: one for one in export.definitions.dimensions}
    dimensions = [known[name] for name in question.dimensions]
    leading = ["platform"] if any(len(one.columns) > 1 for one in dimensions) else []
    leading += [one.name for one in dimensions if one.name not in leading]
    columns = [(known[name].title if name in known else name, False) for name in leading]
    for one in metrics:
        columns.append((one.metric.title if one.metric else one.name, True))
        columns += [("change", True)] if answer.before is not None else []
    rows = [
        [
            *(_name(row, name, known) for name in leading),
            *_figures(row, metrics, answer.currency or row.get("currency")),
        ]
        for row in answer.rows.to_pylist()
    ]
    if rows and question.dimensions:
        rows.append(["total", *[""] * (len(leading) - 1), *_total(answer, metrics)])
    print_table(
        columns,
        rows,
        title=_title(export),
        empty=f"No results from {question.since} to {question.until}. Run `adjoin sync`, or ask for other days.",
    )
    _say_notes(answer)


def _title(export: Export) -> str:
    answer = export.answer
    title = f"{answer.question.since} to {answer.question.until}"
    if answer.compared is not None:
        title += f", compared with {answer.compared[0]} to {answer.compared[1]}"
    if export.as_of is not None:
        title += f", as of {export.as_of:%Y-%m-%d %H:%M:%S} UTC"
    if answer.total_rows > answer.rows.num_rows:
        title += f", {answer.rows.num_rows:,} of {answer.total_rows:,} rows"
    return title


def _name(row: Mapping[str, Any], name: str, known: Mapping[str, Dimension]) -> str:
    value = row[name]
    if value is None and name in known and len(known[name].columns) > 1:
        value = row[known[name].columns[-2]]  # an object without a name is told by its id
    return _MISSING if value is None else str(value)


def _total(answer: Answer, metrics: list[Column]) -> list[str]:
    before = {f"{name}.before": value for name, value in (answer.before or {}).items()}
    return _figures({**answer.totals, **before}, metrics, answer.currency)


def _figures(row: Mapping[str, Any], metrics: list[Column], currency: str | None) -> list[str]:
    from adjoin.analytics.files import BEFORE

    found = []
    for one in metrics:
        value = row.get(one.name)
        found.append(_text(value, one, currency))
        if f"{one.name}{BEFORE}" in row:
            found.append(_change(value, row[f"{one.name}{BEFORE}"], one))
    return found


def _text(value: Any, column: Column, currency: str | None) -> str:
    from adjoin.analytics.files import ColumnKind

    if value is None:
        return _MISSING
    match column.kind:
        case ColumnKind.MONEY:
            return amount(value, currency)
        case ColumnKind.SHARE:
            return f"{value:.2%}"
        case ColumnKind.MULTIPLE:
            return f"{value:,.2f}×"
        case _:
            return f"{_plain(value):,}"


def _change(now: Any, before: Any, column: Column) -> str:
    from adjoin.analytics.files import ColumnKind
    from adjoin.writing import Writer

    write = Writer()
    one, other = (None if value is None else Decimal(str(value)) for value in (now, before))
    if column.kind is ColumnKind.SHARE:
        return write.points(one, other) or _MISSING
    return write.change(one, other) or _MISSING


def _units(figures: Mapping[str, Any], columns: tuple[Column, ...]) -> dict[str, Any]:
    from adjoin.analytics.files import ColumnKind

    money = {one.name for one in columns if one.kind is ColumnKind.MONEY}
    return {
        name: _plain(Decimal(value).scaleb(-6) if name in money and value is not None else value)
        for name, value in figures.items()
    }


def _plain(value: Any) -> Any:
    """Write a decimal as an integer where it is whole, and without zeros at its end where it is not."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else value.normalize()


def _say_notes(answer: Answer) -> None:
    for note in answer.notes:
        say(f"note: {note}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
