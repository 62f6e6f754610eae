"""What a question reads of the facts: files, days, columns, and the rows that count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from adjoin.facts._views import KINDS, quoted, scan
from adjoin.facts.listing import Listed

__all__ = ["Keep", "Reading", "with_readings"]


_DAY = '"date"'


@dataclass(frozen=True, slots=True)
class Keep:
    """Keeps the rows that are like one of the values, or with `negate` like none of them.

    A value is columns and what they hold; a row that lacks a column is like none. With `folded` case is passed over,
    with `within` it is enough that the column contains the text. Days are given as ISO text.
    """

    values: tuple[tuple[tuple[str, str], ...], ...]
    negate: bool = False
    folded: bool = False
    within: bool = False

    @property
    def sql(self) -> str:
        if not self.values:
            return "true" if self.negate else "false"
        alike: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for value in self.values:
            alike.setdefault(tuple(column for column, _ in value), []).append(tuple(text for _, text in value))
        parts = [part for columns, rows in alike.items() for part in self._among(columns, rows)]
        condition = " OR ".join(parts)
        return f"(({condition}) IS NOT TRUE)" if self.negate else f"({condition})"

    def _among(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        """Return what a row must be like, of values with the same columns: any of it is enough.

        Many values are one IN, which DuckDB looks up; as many ANDs joined by OR take seconds for a few hundred.
        """
        if self.within or len(rows) == 1:
            return [self._like(columns, row) for row in rows]
        told = [f'lower("{column}")' if self.folded else f'"{column}"' for column in columns]
        if len(columns) == 1:
            texts = [self._text(row[0]) for row in rows]
        else:
            told = [f"({', '.join(told)})"]
            texts = [f"({', '.join(map(self._text, row))})" for row in rows]
        return [f"{told[0]} IN ({', '.join(texts)})"]

    def _like(self, columns: Sequence[str], row: Sequence[str]) -> str:
        single = [self._is(column, text) for column, text in zip(columns, row, strict=True)]
        return single[0] if len(single) == 1 else f"({' AND '.join(single)})"

    def _is(self, column: str, text: str) -> str:
        if self.within:
            return f'contains(lower("{column}"), {self._text(text)})'
        return f'lower("{column}") = {self._text(text)}' if self.folded else f'"{column}" = {self._text(text)}'

    def _text(self, text: str) -> str:
        folds = self.folded or self.within
        return f"lower({quoted([text])})" if folds else quoted([text])


@dataclass(frozen=True, slots=True)
class Reading:
    """The rows of some files on the days from `since` to `until`, with some columns. Files of a dataset stay together.

    `columns` are names of published columns, of platform and currency; every dataset of the files has them. Besides
    there are `rate_currency` and `rate_day`: currency and day, but nothing where amounts are in `target` already.
    """

    files: Sequence[Listed]
    since: date
    until: date
    columns: tuple[str, ...]
    keep: tuple[Keep, ...] = ()
    target: str = ""

    def sql(self, local: Mapping[str, Path]) -> str:
        """Return the statement that gives the rows; `local` is where each path can be read."""
        groups: dict[tuple[str, str, frozenset[str] | None], list[Listed]] = {}
        packed: dict[tuple[str, str], list[Listed]] = {}
        told = {"currency", "rate_currency", "rate_day"} & set(self.columns)
        for file in self.files:
            currency = file.currency if told else ""
            if file.packed:
                packed.setdefault((file.path, currency), []).append(file)
            else:
                groups.setdefault((file.dataset, currency, None), []).append(file)
        for (_, currency), members in packed.items():
            together = frozenset(file.account_id for file in members)
            groups.setdefault((members[0].dataset, currency, together), []).extend(members)
        selects = []
        for (_, currency, accounts), files in groups.items():
            columns = ", ".join(self._column(name, currency) for name in self.columns) or "1"
            wheres = [one.sql for one in self.keep]
            if any(self._cuts(file) for file in files):
                wheres.append(f"\"date\" BETWEEN DATE '{self.since}' AND DATE '{self.until}'")
            if accounts is not None:
                wheres.append(f'"account_id" IN ({quoted(sorted(accounts))})')
            where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
            paths = dict.fromkeys(str(local[file.path]) for file in files)
            selects.append(f"SELECT {columns} FROM {scan(paths)}{where}")  # noqa: S608 - names of ours, texts quoted
        return " UNION ALL ".join(selects) or self._nothing()

    def _column(self, name: str, currency: str) -> str:
        """Return a column, of files that all are in one currency: it is in the manifest and need not be read."""
        match name:
            case "currency":
                return f'{quoted([currency])} AS "currency"'
            case "rate_currency":
                return f'{"NULL::VARCHAR" if currency == self.target else quoted([currency])} AS "rate_currency"'
            case "rate_day":
                return f'{"NULL::DATE" if currency == self.target else _DAY} AS "rate_day"'
        return f'"{name}"'

    def _cuts(self, file: Listed) -> bool:
        """Say whether a file may have rows of other days; in a packed one, the accounts that are read."""
        return (
            file.first_date is None
            or file.last_date is None
            or file.first_date < self.since
            or file.last_date > self.until
        )

    def _nothing(self) -> str:
        columns = ", ".join(f'NULL::{KINDS.get(name, "VARCHAR")} AS "{name}"' for name in self.columns)
        return f"SELECT {columns} WHERE false"


def with_readings(text: str, selects: Mapping[str, str]) -> str:
    """Put named selects before a statement, which refers to them; it may begin with a WITH of its own."""
    named: Iterable[str] = (f'"{name}" AS NOT MATERIALIZED ({select})' for name, select in selects.items())
    rest = text.lstrip()
    joined = f", {rest[5:]}" if rest[:5].upper() == "WITH " else f" {rest}"
    return f"WITH {', '.join(named)}{joined}"
