"""Queries: exactly the current files, and damage is named."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from adjoin.db import Store
from adjoin.errors import BadInput, StoreDamaged, UnknownName
from adjoin.facts.query import AccountKey, FactQuery
from adjoin.facts.store import FactStore

SINCE, UNTIL = date(2026, 1, 1), date(2026, 12, 31)


def fact(month: int, day: int, campaign: str = "c1", **metrics: Any) -> dict[str, Any]:
    return {"date": date(2026, month, day), "campaign_id": campaign, **metrics}


@pytest.fixture
def query(store: Store, tmp_path: Path) -> Iterator[FactQuery]:
    with FactQuery(store, FactStore(tmp_path), "default") as made:
        yield made


def clicks(query: FactQuery, since: date = SINCE, until: date = UNTIL, **filters: Any) -> list[tuple[Any, ...]]:
    rows = query.run(query.table("campaign_daily", since, until, **filters)).to_pylist()
    return sorted((row["platform"], row["account_id"], row["date"].isoformat()[5:], row["clicks"]) for row in rows)


class TestTable:
    def test_holds_the_current_rows(self, put_facts: Any, query: FactQuery) -> None:
        """A restated day appears once, as it is now."""
        put_facts("campaign_daily", fact(3, 1, clicks=1), fact(4, 2, clicks=2))
        put_facts("campaign_daily", fact(3, 1, clicks=9), days=(date(2026, 3, 1), date(2026, 3, 1)))
        assert clicks(query) == [("meta", "act_1", "03-01", 9), ("meta", "act_1", "04-02", 2)]

    def test_of_some_days(self, put_facts: Any, query: FactQuery) -> None:
        """Both ends count, and months outside are not even opened."""
        put_facts(
            "campaign_daily",
            *(fact(month, day, clicks=1) for month in (2, 3, 4) for day in (1, 28)),
            days=(date(2026, 2, 1), date(2026, 4, 30)),
        )
        assert [row[2] for row in clicks(query, date(2026, 2, 28), date(2026, 3, 1))] == ["02-28", "03-01"]
        assert len(query.files("campaign_daily", date(2026, 3, 2), date(2026, 3, 28))) == 1

    def test_of_some_accounts(self, put_facts: Any, query: FactQuery) -> None:
        """The same account id on two platforms is two accounts."""
        put_facts("campaign_daily", fact(3, 1, clicks=1))
        put_facts("campaign_daily", fact(3, 1, clicks=2), platform="google")
        put_facts("campaign_daily", fact(3, 1, clicks=3), account="act_2")
        assert [row[3] for row in clicks(query)] == [2, 1, 3]
        assert [row[3] for row in clicks(query, accounts=["act_1"])] == [2, 1]
        assert [row[3] for row in clicks(query, accounts=[AccountKey("meta", "act_1")])] == [1]
        assert [row[3] for row in clicks(query, platforms=["meta"])] == [1, 3]
        assert clicks(query, accounts=[]) == []

    @pytest.mark.parametrize("dataset", ["account_daily", "conversion_daily"])
    def test_without_files(self, query: FactQuery, dataset: str) -> None:
        """Nothing synced is an empty table of the right schema, which can be summed up."""
        table = query.table(dataset, SINCE, UNTIL)
        result = query.run(table.aggregate(rows=table.count(), conversions=table.conversions.sum()))
        assert result.to_pylist() == [{"rows": 0, "conversions": None}]
        assert query.run(table).schema.names[:4] == ["platform", "currency", "date", "account_id"]

    def test_of_another_workspace(self, store: Store, tmp_path: Path, put_facts: Any) -> None:
        """A workspace sees its own facts only."""
        put_facts("campaign_daily", fact(3, 1, clicks=1))
        with FactQuery(store, FactStore(tmp_path), "other") as query:
            assert clicks(query) == []

    def test_a_sync_meanwhile_changes_nothing_under_a_query(self, put_facts: Any, query: FactQuery) -> None:
        """A table shows what was current when it was made."""
        put_facts("campaign_daily", fact(3, 1, clicks=1))
        table = query.table("campaign_daily", SINCE, UNTIL)
        put_facts("campaign_daily", fact(3, 1, clicks=2))
        assert query.run(table.clicks.sum().name("clicks")).to_pylist() == [{"clicks": 1}]
        assert clicks(query)[0][3] == 2

    def test_from_many_threads(self, put_facts: Any, query: FactQuery) -> None:
        """Threads may share a query."""
        put_facts("campaign_daily", fact(3, 1, clicks=1))
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: clicks(query), range(12)))
        assert all(result == results[0] for result in results)

    def test_unknown_dataset(self, query: FactQuery) -> None:
        """A dataset that does not exist is named."""
        with pytest.raises(UnknownName, match="no dataset 'hourly'"):
            query.table("hourly", SINCE, UNTIL)

    def test_days_the_wrong_way_round(self, query: FactQuery) -> None:
        """A range that ends before it begins is refused."""
        with pytest.raises(BadInput, match="2026-12-31 to 2026-01-01 are the wrong way round"):
            query.table("ad_daily", UNTIL, SINCE)


class TestDamage:
    @pytest.fixture
    def file(self, put_facts: Any, tmp_path: Path) -> Path:
        put_facts("campaign_daily", fact(3, 1, clicks=1))
        return next(tmp_path.glob("facts/**/*.parquet"))

    def test_a_missing_file(self, query: FactQuery, file: Path) -> None:
        """A current file that is gone is named, with what to do."""
        file.unlink()
        with pytest.raises(StoreDamaged, match=rf"{file.name} cannot be read.*sync these days again"):
            clicks(query)

    def test_a_file_cut_short(self, query: FactQuery, file: Path) -> None:
        """A file that lost its end is found before anything is counted."""
        file.write_bytes(file.read_bytes()[:100])
        with pytest.raises(StoreDamaged, match=rf"{file.name} has 100 bytes instead of"):
            clicks(query)

    def test_a_garbled_file(self, query: FactQuery, file: Path) -> None:
        """A file of the right size whose content is not Parquet is found when it is read."""
        file.write_bytes(b"?" * file.stat().st_size)
        with pytest.raises(StoreDamaged, match=rf"{file.name} is damaged"):
            clicks(query)

    def test_changed_bytes(self, query: FactQuery, file: Path) -> None:
        """A check of all files finds what a query might read over."""
        query.verify()
        content = bytearray(file.read_bytes())
        content[20] ^= 0xFF
        file.write_bytes(content)
        with pytest.raises(StoreDamaged, match=rf"{file.name} is damaged: its checksum has changed"):
            query.verify()

    def test_a_mistake_is_not_called_damage(self, put_facts: Any, query: FactQuery) -> None:
        """An expression that cannot be computed fails as what it is."""
        put_facts("campaign_daily", fact(3, 1, clicks=1))
        table = query.table("campaign_daily", SINCE, UNTIL)
        with pytest.raises(duckdb.ConversionException):
            query.run(table.select(number=table.campaign_id.cast("int64")))


class TestCoarsest:
    def test_the_least_to_add_up(self, put_facts: Any, query: FactQuery) -> None:
        """Of datasets that cover the same days the coarsest that has the keys answers."""
        put_facts("campaign_daily", fact(3, 1))
        put_facts("account_daily", {"date": date(2026, 3, 1)})
        account = [AccountKey("meta", "act_1")]
        assert query.coarsest([], SINCE, UNTIL) == {"account_daily": account}
        assert query.coarsest(["campaign_id"], SINCE, UNTIL) == {"campaign_daily": account}
        assert query.coarsest(["ad_id"], SINCE, UNTIL) == {}

    def test_each_account_by_itself(self, put_facts: Any, query: FactQuery) -> None:
        """An account without the coarse dataset is answered from a finer one."""
        put_facts("account_daily", {"date": date(2026, 3, 1)})
        put_facts("campaign_daily", fact(3, 1), account="act_2", platform="simple")
        assert query.coarsest([], SINCE, UNTIL) == {
            "account_daily": [AccountKey("meta", "act_1")],
            "campaign_daily": [AccountKey("simple", "act_2")],
        }

    def test_days_count_more_than_grain(self, put_facts: Any, query: FactQuery) -> None:
        """A coarse dataset that began later does not hide the finer one's earlier days."""
        put_facts("campaign_daily", fact(3, 1), fact(4, 1))
        put_facts("account_daily", {"date": date(2026, 4, 1)}, days=(date(2026, 4, 1), date(2026, 4, 30)))
        account = [AccountKey("meta", "act_1")]
        assert query.coarsest([], SINCE, UNTIL) == {"campaign_daily": account}
        assert query.coarsest([], date(2026, 4, 1), date(2026, 4, 30)) == {"account_daily": account}
