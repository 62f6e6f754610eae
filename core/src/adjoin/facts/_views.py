"""The SQL that reads fact files as one table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from adjoin.ads.datasets import CONVERSION_SCALE, arrow_schema
from adjoin.db.models import FactFile

__all__ = ["KINDS", "Sources", "quoted", "scan", "select_of", "sources_of"]

#: The paths to read, in order, each with the accounts whose rows count there; None where the file is one account's.
Sources = tuple[tuple[str, frozenset[str] | None], ...]

_KINDS = {"date32[day]": "DATE", "string": "VARCHAR", "int64": "BIGINT"}

#: What columns are in DuckDB that are no text.
KINDS = {
    "date": "DATE",
    "rate_day": "DATE",
    "conversions": f"DECIMAL(18, {CONVERSION_SCALE})",
    **dict.fromkeys(("impressions", "clicks", "cost_micros", "conversion_value_micros", "video_views"), "BIGINT"),
}


def sources_of(files: Iterable[FactFile]) -> Sources:
    """Return what to read for these rows of the manifest: a packed file once, for those of its accounts that count."""
    members: dict[str, set[str] | None] = {}
    for file in files:
        if not file.packed:
            members[file.path] = None
        else:
            accounts = members.setdefault(file.path, set())
            if accounts is not None:
                accounts.add(file.account_id)
    return tuple((path, None if accounts is None else frozenset(accounts)) for path, accounts in members.items())


def select_of(dataset: str, sources: Sources, local: Mapping[str, Path]) -> str:
    """Return the statement that gives the rows of all sources; `local` is where each path can be read."""
    together: dict[frozenset[str] | None, list[Path]] = defaultdict(list)
    for path, accounts in sources:
        together[accounts].append(local[path])
    return " UNION ALL ".join(_scan(paths, accounts) for accounts, paths in together.items()) or _nothing(dataset)


def _scan(paths: Iterable[Path], accounts: Collection[str] | None) -> str:
    statement = f"SELECT * FROM {scan(map(str, paths))}"  # noqa: S608 - our own paths, quoted
    if accounts is None:
        return statement
    return f'{statement} WHERE "account_id" IN ({quoted(sorted(accounts))})'


def scan(paths: Iterable[str]) -> str:
    """Return the table function that reads these files."""
    return f"read_parquet([{quoted(paths)}])"


def quoted(texts: Iterable[str]) -> str:
    """Return texts as literals of SQL, with commas between them."""
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


def _nothing(dataset: str) -> str:
    columns = [("platform", "VARCHAR"), ("currency", "VARCHAR")]
    columns += [(field.name, _KINDS.get(str(field.type), "DECIMAL(18, 9)")) for field in arrow_schema(dataset)]
    nothing = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in columns)
    return f"SELECT {nothing} WHERE false"
