"""What the metric layer costs beside DuckDB itself, and beside PostgreSQL.

    python benchmarks/queries.py [--accounts 40] [--campaigns 50] [--ads 350] [--days 730] [--repeat 9]
                                 [--home FOLDER] [--postgres URL] [--json]

Four questions of a dashboard: spend by day and platform over 90 days; the 50 largest campaigns of 90 days beside the 90
before; one campaign's ads by day; monthly ROAS by platform of all there is. In turns, each is asked of the metric
layer (definitions, plan, state database, DuckDB, names, columns: all of an `ask`) and of plain DuckDB over the same
files, those that the manifest leaves. With an address of an empty PostgreSQL database, the ads' rows are loaded there
with covering indexes for these questions and it is asked as well. All must answer the same, or the exit code is 1.

A folder that is given keeps the data, for another run with the same numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from advertiser import Size, account_id, campaign_id, fill, platform_of

from adjoin.analytics import v1
from adjoin.analytics.context import WorkspaceContext
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.facts.query import FactQuery
from adjoin.facts.store import FactStore
from adjoin_analytics import Analyst

LAST = date(2026, 11, 22)
_ACCOUNT, _CAMPAIGN = 1, 1
_KEYS = {
    "daily": ("platform", "day"),
    "top50": ("platform", "account_id", "campaign_id"),
    "ads": ("platform", "account_id", "campaign_id", "ad_group_id", "ad_id", "day"),
    "roas": ("platform", "month"),
}
_VALUES = {
    "daily": ("cost", "clicks", "impressions", "conversions"),
    "top50": ("cost", "clicks", "conversions", "cost.before", "clicks.before", "conversions.before"),
    "ads": ("cost", "clicks", "conversions"),
    "roas": ("cost", "conversion_value"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the metric layer beside DuckDB.")
    parser.add_argument("--accounts", type=int, default=40)
    parser.add_argument("--campaigns", type=int, default=50, help="of each account")
    parser.add_argument("--ads", type=int, default=350, help="of each account")
    parser.add_argument("--days", type=int, default=730, help="at least 180")
    parser.add_argument("--repeat", type=int, default=9, help="how often each is asked, in turns")
    parser.add_argument("--home", type=Path, help="a folder to keep the data in")
    parser.add_argument("--postgres", help="the address of an empty PostgreSQL database")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    if given.days < 180:
        parser.error("the days that are compared need at least 180 days")
    size = Size(accounts=given.accounts, campaigns=given.campaigns, ads=given.ads, days=given.days, last=LAST)
    with _home(given.home) as home:
        report = _measure(home, size, given.repeat, given.postgres)
    if given.json:
        print(json.dumps(report))
    else:
        _print(report)
    for one in report["wrong"]:
        print(f"WRONG: {one}", file=sys.stderr)
    return 1 if report["wrong"] else 0


@contextmanager
def _home(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
    else:
        with TemporaryDirectory() as folder:
            yield Path(folder)


def _measure(home: Path, size: Size, repeat: int, postgres: str | None) -> dict[str, Any]:
    from adjoin_dashboard.testing import make_store

    filled = (home / "adjoin.db").exists()
    with make_store(home, [], now=size.now) if not filled else _opened(home) as store:
        facts = FactStore(home)
        if not filled:
            fill(store, facts, size)
        contenders: dict[str, _Contender] = {"layer": _Layer(store, facts, size), "duckdb": _DuckDb(store, facts, size)}
        if postgres is not None:
            contenders["postgres"] = _Postgres(postgres, size, _DuckDb(store, facts, size))
        report: dict[str, Any] = {"ad_rows": size.ad_rows, "queries": {}, "wrong": []}
        for name in _questions(size):
            report["queries"][name] = _compare(name, contenders, repeat, report["wrong"])
        for one in contenders.values():
            one.close()
    return report


def _opened(home: Path) -> Store:
    return Store.open(f"sqlite:///{home / 'adjoin.db'}", check_schema=False)


def _compare(name: str, contenders: dict[str, _Contender], repeat: int, wrong: list[str]) -> dict[str, Any]:
    answers = {contender: one.answer(name) for contender, one in contenders.items()}
    wrong += [
        f"{name}: {contender} answers otherwise than duckdb"
        for contender, rows in answers.items()
        if rows != answers["duckdb"]
    ]
    if not answers["duckdb"]:
        wrong.append(f"{name}: there are no rows")
    times: dict[str, list[tuple[float, float]]] = {contender: [] for contender in contenders}
    for _ in range(repeat):
        for contender, one in contenders.items():
            cpu, wall = time.process_time(), time.perf_counter()
            one.ask(name)
            times[contender].append((time.perf_counter() - wall, time.process_time() - cpu))
    found: dict[str, Any] = {"rows": len(answers["duckdb"])}
    for contender, measured in times.items():
        walls, cpus = zip(*measured, strict=True)
        found[contender] = {
            "wall_ms": round(1000 * median(walls), 1),
            "wall_ms_best": round(1000 * min(walls), 1),
            "cpu_ms": round(1000 * median(cpus), 1),
            "cpu_ms_best": round(1000 * min(cpus), 1),
        }
    for kind in ("cpu_ms", "cpu_ms_best"):
        found[f"{kind} to duckdb"] = round(found["layer"][kind] / found["duckdb"][kind], 2)
    return found


def _questions(size: Size) -> dict[str, v1.Question]:
    since = max(size.first, size.last - timedelta(days=89))
    campaign = f"{platform_of(_ACCOUNT)}/{account_id(_ACCOUNT)}/{campaign_id(_ACCOUNT, _CAMPAIGN)}"
    days = {"since": since, "until": size.last}
    return {
        "daily": v1.Question(
            **days,
            metrics=("cost", "clicks", "impressions", "conversions"),
            dimensions=("platform", "day"),
            currency="EUR",
        ),
        "top50": v1.Question(
            **days,
            metrics=("cost", "clicks", "conversions", "cpa"),
            dimensions=("campaign",),
            limit=50,
            compare=v1.Compare.PREVIOUS_PERIOD,
            currency="EUR",
        ),
        "ads": v1.Question(
            **days,
            metrics=("cost", "clicks", "conversions"),
            dimensions=("ad", "day"),
            where=(v1.Condition(dimension="campaign", values=(campaign,)),),
            currency="EUR",
        ),
        "roas": v1.Question(
            since=size.first,
            until=size.last,
            metrics=("roas", "cost", "conversion_value"),
            dimensions=("platform", "month"),
            currency="EUR",
        ),
    }


class _Contender:
    """Something that can be asked the four questions by name."""

    def ask(self, name: str) -> Any:
        raise NotImplementedError

    def answer(self, name: str) -> list[tuple[Any, ...]]:
        """Return keys and figures of all rows, in an order of their own."""
        raise NotImplementedError

    def close(self) -> None:
        pass


class _Layer(_Contender):
    def __init__(self, store: Store, facts: FactStore, size: Size) -> None:
        self.scope, self.facts = store.scoped("default", None), facts
        self.clock = ManualClock(size.now)
        self.analyst = Analyst()
        self.questions = _questions(size)

    def ask(self, name: str) -> v1.Answer:
        place = WorkspaceContext(self.scope, FactQuery(self.scope, self.facts, "default"), {}, self.clock)
        return self.analyst.ask(place, self.questions[name])

    def answer(self, name: str) -> list[tuple[Any, ...]]:
        rows = self.ask(name).rows
        return _rows(rows.select([*_KEYS[name], *_VALUES[name]]).to_pylist())


class _DuckDb(_Contender):
    def __init__(self, store: Store, facts: FactStore, size: Size) -> None:
        import duckdb

        self.connection = duckdb.connect()
        self.size = size
        self.statements = _statements(size, self._files(store, facts))

    def _files(self, store: Store, facts: FactStore) -> Callable[[str, date, date, str | None], str]:
        query = FactQuery(store, facts, "default")

        def from_files(dataset: str, since: date, until: date, account: str | None) -> str:
            files = query.files(dataset, since, until, accounts=None if account is None else [account])
            paths = dict.fromkeys(str(facts.local(one.path, expected="")) for one in files)
            return f"read_parquet([{', '.join(repr(path) for path in paths)}])"

        return from_files

    def ask(self, name: str) -> Any:
        return self.connection.sql(self.statements[name]).to_arrow_table()

    def answer(self, name: str) -> list[tuple[Any, ...]]:
        return _rows(self.ask(name).select([*_KEYS[name], *_VALUES[name]]).to_pylist())

    def close(self) -> None:
        self.connection.close()


class _Postgres(_Contender):
    """Rows of ads, with an index for each way to them that holds what is added up."""

    def __init__(self, url: str, size: Size, source: _DuckDb) -> None:
        import psycopg

        self.connection = psycopg.connect(url, autocommit=True)
        self._load(size, source)
        self.statements = _statements(size, lambda *_: "facts")

    def _load(self, size: Size, source: _DuckDb) -> None:
        keys = ("platform", "account_id", "campaign_id", "ad_group_id", "ad_id")
        sums = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")
        run = self.connection.execute
        if run("SELECT to_regclass('facts')").fetchone() != (None,):
            return  # from an earlier run with the same numbers
        texts, numbers = ", ".join(f"{one} text" for one in keys), ", ".join(f"{one} bigint" for one in sums)
        run(f"CREATE TABLE facts (date date, {texts}, {numbers})")
        with TemporaryDirectory() as folder:
            file = Path(folder) / "facts.csv"
            every = source.statements["every ad"]
            columns = ", ".join(("date", *keys, *(f"{one}::BIGINT" for one in sums)))
            source.connection.execute(f"COPY (SELECT {columns} FROM {every}) TO '{file}' (HEADER false)").fetchall()
            with (
                file.open("rb") as rows,
                self.connection.cursor() as cursor,
                cursor.copy("COPY facts FROM STDIN (FORMAT csv)") as copy,
            ):
                while piece := rows.read(1 << 20):
                    copy.write(piece)
        run(f"CREATE INDEX ON facts (date, platform, account_id, campaign_id) INCLUDE ({', '.join(sums)})")
        run("CREATE INDEX ON facts (account_id, campaign_id, date)")
        run("VACUUM ANALYZE facts")

    def ask(self, name: str) -> Any:
        return self.connection.execute(self.statements[name]).fetchall()

    def answer(self, name: str) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(self.statements[name])
        names = [one.name for one in cursor.description or ()]
        return _rows([dict(zip(names, row, strict=True)) for row in cursor.fetchall()], [*_KEYS[name], *_VALUES[name]])

    def close(self) -> None:
        self.connection.close()


def _rows(rows: list[dict[str, Any]], columns: list[str] | None = None) -> list[tuple[Any, ...]]:
    """Return rows as tuples, with whole numbers for all kinds of them, in an order of their own."""

    def plain(value: Any) -> Any:
        return int(value) if isinstance(value, Decimal) else value

    return sorted((tuple(plain(row[name]) for name in columns or row) for row in rows), key=repr)


def _statements(size: Size, source: Callable[[str, date, date, str | None], str]) -> dict[str, str]:
    """Return the questions in SQL; `source` is what holds the rows of a dataset on some days, of an account or all."""
    since = max(size.first, size.last - timedelta(days=89))
    before = since - timedelta(days=(size.last - since).days + 1)
    days = f"date BETWEEN DATE '{since}' AND DATE '{size.last}'"
    days_before = f"date BETWEEN DATE '{before}' AND DATE '{since - timedelta(days=1)}'"
    three = "sum(cost_micros) AS cost, sum(clicks) AS clicks, sum(conversions) AS conversions"
    own = "platform, account_id, campaign_id"
    named = ", ".join(f'b.{one} AS "{one}.before"' for one in ("cost", "clicks", "conversions"))
    ad = "platform, account_id, campaign_id, ad_group_id, ad_id"
    account, campaign = account_id(_ACCOUNT), campaign_id(_ACCOUNT, _CAMPAIGN)
    return {
        "daily": (
            f"SELECT platform, date AS day, {three}, sum(impressions) AS impressions "
            f"FROM {source('account_daily', since, size.last, None)} WHERE {days} GROUP BY 1, 2 ORDER BY 2, 3 DESC"
        ),
        "top50": (
            f"WITH a AS (SELECT {own}, {three} FROM {source('campaign_daily', since, size.last, None)} "
            f"WHERE {days} GROUP BY {own}), "
            f"b AS (SELECT {own}, {three} FROM "
            f"{source('campaign_daily', before, since - timedelta(days=1), None)} "
            f"WHERE {days_before} GROUP BY {own}) "
            f"SELECT {own}, a.cost, a.clicks, a.conversions, {named} FROM a FULL JOIN b USING ({own}) "
            f"ORDER BY a.cost DESC NULLS LAST, b.cost DESC NULLS LAST, {own} LIMIT 50"
        ),
        "ads": (
            f"SELECT {ad}, date AS day, {three} FROM {source('ad_daily', since, size.last, account)} "
            f"WHERE {days} AND account_id = '{account}' AND campaign_id = '{campaign}' "
            f"GROUP BY {ad}, date ORDER BY date, cost DESC"
        ),
        "roas": (
            "SELECT platform, CAST(date_trunc('month', date) AS date) AS month, sum(cost_micros) AS cost, "
            "sum(conversion_value_micros) AS conversion_value, "
            "sum(conversion_value_micros) / sum(cost_micros) AS roas "
            f"FROM {source('account_daily', size.first, size.last, None)} "
            f"WHERE date BETWEEN DATE '{size.first}' AND DATE '{size.last}' GROUP BY 1, 2 ORDER BY 2, 3 DESC"
        ),
        "every ad": source("ad_daily", size.first, size.last, None),
    }


def _print(report: dict[str, Any]) -> None:
    print(f"{report['ad_rows']:,} rows of ads and days; milliseconds, medians (best in brackets)")
    for name, found in report["queries"].items():
        for contender in ("layer", "duckdb", "postgres"):
            if contender in found:
                one = found[contender]
                print(
                    f"{name:>6} {contender:>9}: wall {one['wall_ms']:8} ({one['wall_ms_best']}), "
                    f"CPU of this process {one['cpu_ms']:8} ({one['cpu_ms_best']})"
                )
        print(f"{'':>6} CPU to duckdb: {found['cpu_ms to duckdb']} ({found['cpu_ms_best to duckdb']})")


if __name__ == "__main__":
    sys.exit(main())
