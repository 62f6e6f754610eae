"""Packing closed months: fewer files, the same figures, and syncs go on as before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.db.models import FactFile, RunState, new_id
from adjoin.errors import Fenced, StoreDamaged
from adjoin.facts import compact as compacting
from adjoin.facts.commit import NewMonth, Replacement, Target, replace_month, swap
from adjoin.facts.compact import Packed, compact
from adjoin.facts.history import restated
from adjoin.facts.query import AccountKey, FactQuery
from adjoin.facts.retention import Cleaned, clean
from adjoin.facts.verify import Fault, verify

NOW = datetime.now(UTC)
MARCH = (date(2026, 3, 1), date(2026, 3, 31))
EVER = (date(2026, 1, 1), date(2026, 12, 31))
THEN = datetime(2026, 4, 2, tzinfo=UTC)

#: The first day on which March is out of reach of a look-back of 28 days, with the margin.
CLOSED = datetime(2026, 5, 1, tzinfo=UTC)


def fact(day: int, campaign: str = "a", month: int = 3, **metrics: Any) -> dict[str, Any]:
    return {"date": date(2026, month, day), "campaign_id": campaign, **metrics}


def packed(upkeep: Any, *, now: datetime = CLOSED, days: int = 28) -> list[Packed]:
    return list(compact(upkeep.store, upkeep.facts, now=now, look_back={"meta": days, "google": days}))


def everything(upkeep: Any, as_of: datetime | None = None, **filters: Any) -> list[tuple[Any, ...]]:
    """All rows of campaigns, in every column, sorted."""
    with FactQuery(upkeep.store, upkeep.facts, "default", as_of=as_of) as query:
        rows = query.run(query.table("campaign_daily", *EVER, **filters)).to_pylist()
    return sorted((tuple(row.values()) for row in rows), key=repr)


def damage(upkeep: Any) -> list[Any]:
    return verify(upkeep.store, upkeep.facts, workspace_id="default", now=NOW).damage


@pytest.fixture
def three_accounts(put_facts: Any) -> None:
    """March of three accounts in two currencies, and April of one."""
    put_facts("campaign_daily", fact(1, clicks=1), fact(1, "b", clicks=2), fact(9, clicks=3), days=MARCH, now=THEN)
    put_facts("campaign_daily", fact(2, clicks=4), account="act_2", currency="JPY", days=MARCH, now=THEN)
    put_facts("campaign_daily", fact(3, clicks=5, cost_micros=7), account="act_3", days=MARCH, now=THEN)
    put_facts("campaign_daily", fact(4, month=4, clicks=6), days=(date(2026, 4, 1), date(2026, 4, 30)), now=THEN)


class Commit:
    """Commits days of a campaign of March, in steps, as a run does."""

    def __init__(self, upkeep: Any, account: str, *rows: dict[str, Any], days: tuple[int, int] = (1, 31)) -> None:
        self.upkeep = upkeep
        self.currency = "JPY" if account == "act_2" else "EUR"
        self.account = account
        self.current = next(row for row in upkeep.current() if row.account_id == account and row.month == MARCH[0])
        window = DateWindow(since=date(2026, 3, days[0]), until=date(2026, 3, days[1]))
        schema = arrow_schema("campaign_daily")
        whole = [dict.fromkeys(schema.names) | {"account_id": account} | row for row in rows]
        with upkeep.facts.stage(
            run_id="again",
            slice_id=new_id(),
            dataset="campaign_daily",
            platform="meta",
            account_id=account,
            window=window,
        ) as writer:
            writer.append(pa.RecordBatch.from_pylist(whole, schema=schema))
        self.part = Replacement(window=window, staged=writer.staged)

    def build(self) -> NewMonth | None:
        target = Target(
            workspace_id="default",
            platform="meta",
            account_id=self.account,
            currency=self.currency,
            dataset="campaign_daily",
            month=MARCH[0],
        )
        return replace_month(self.upkeep.facts, target, [self.part], current=self.current, run_id="again", now=NOW)

    def swap(self, new: NewMonth | None) -> FactFile:
        assert new is not None
        with self.upkeep.store.write() as session:
            swap(session, [new], now=NOW)
        return new.file


@pytest.mark.usefixtures("three_accounts")
class TestPacking:
    def test_one_file_for_all_accounts(self, upkeep: Any) -> None:
        """Every figure stays, every account keeps its row, and the open month is left alone."""
        before, rows = everything(upkeep), {row.account_id: row for row in upkeep.current() if row.month == MARCH[0]}
        [done] = packed(upkeep)
        assert (done.platform, done.month, done.accounts, done.files_before) == ("meta", MARCH[0], 3, 3)
        assert everything(upkeep) == before
        march = [row for row in upkeep.current() if row.month == MARCH[0]]
        [path] = {row.path for row in march}
        assert path.startswith("facts/default/meta/~packed/campaign_daily/2026-03/")
        for row in march:
            old = rows[row.account_id]
            kept = {name: getattr(row, name) for name in ("id", "rows", "sums", "first_date", "currency", "created_at")}
            assert kept == {name: getattr(old, name) for name in kept}
            assert (row.packed, row.bytes, row.checksum) == (True, done.bytes, march[0].checksum)
        table = pq.read_table(upkeep.facts.intact(path, expected=march[0].checksum), partitioning=None)
        assert table.column("account_id").to_pylist() == ["act_1"] * 3 + ["act_2", "act_3"]
        assert damage(upkeep) == []

    def test_not_before_the_look_back_is_over(self, upkeep: Any) -> None:
        """A month that the platform may still restate is left alone, and one of a platform that nobody describes."""
        assert packed(upkeep, now=CLOSED - timedelta(days=1)) == []
        assert packed(upkeep, days=90) == []
        assert list(compact(upkeep.store, upkeep.facts, now=CLOSED, look_back={"google": 1})) == []
        assert len(packed(upkeep)) == 1

    def test_once(self, upkeep: Any) -> None:
        """What is packed is not packed again."""
        packed(upkeep)
        before = upkeep.paths()
        assert packed(upkeep) == []
        assert upkeep.paths() == before

    def test_some_accounts_of_a_packed_file(self, upkeep: Any) -> None:
        """An account that is not asked for does not show, nor does its namesake on another platform."""
        before = [everything(upkeep, accounts=[account]) for account in ("act_1", "act_2")]
        packed(upkeep)
        assert [everything(upkeep, accounts=[account]) for account in ("act_1", "act_2")] == before
        assert everything(upkeep, accounts=[AccountKey("google", "act_1")]) == []

    def test_as_of_an_instant_before(self, upkeep: Any) -> None:
        """History stays: what counted before the packing is still answered, and packing is no change."""
        before = everything(upkeep, as_of=THEN)
        packed(upkeep)
        assert everything(upkeep, as_of=THEN) == before == everything(upkeep)
        assert everything(upkeep, as_of=THEN - timedelta(seconds=1)) == []
        with FactQuery(upkeep.store, upkeep.facts, "default") as query:
            assert restated(query, since=EVER[0], until=EVER[1]).rows == []

    def test_the_old_files_go_a_day_later(self, upkeep: Any, query: FactQuery) -> None:
        """A query that was made before can still be run; then the small files go, and leave no mark."""
        old = {row.path for row in upkeep.current() if row.month == MARCH[0]}
        table = query.table("campaign_daily", *MARCH)
        packed(upkeep, now=NOW)
        assert old < upkeep.paths()
        assert query.run(table.clicks.sum().name("clicks")).to_pylist() == [{"clicks": 15}]
        upkeep.facts.clear_staging("run")
        settings = {"keep_superseded_days": 35, "keep_runs_days": 400}
        assert clean(upkeep.store, upkeep.facts, now=NOW + timedelta(hours=23), **settings) == Cleaned()
        done = clean(upkeep.store, upkeep.facts, now=NOW + timedelta(hours=25), **settings)
        assert (done.superseded, done.files, done.orphans) == (3, 3, 0)
        assert not old & upkeep.paths()
        assert len(upkeep.rows()) == 4
        assert damage(upkeep) == []

    def test_a_large_account_keeps_its_file(self, upkeep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there is nothing to gain nothing is rewritten."""
        monkeypatch.setattr(compacting, "LARGEST", 2)
        [done] = packed(upkeep)
        assert done.accounts == 2
        assert {row.account_id for row in upkeep.current() if row.packed} == {"act_2", "act_3"}


@pytest.mark.usefixtures("three_accounts")
class TestReplacing:
    def test_days_of_a_packed_account(self, upkeep: Any) -> None:
        """The account gets a file of its own again, with its other days; the others stay packed."""
        before = everything(upkeep, accounts=["act_2", "act_3"])
        packed(upkeep)
        commit = Commit(upkeep, "act_1", fact(9, clicks=30), days=(9, 9))
        file = commit.swap(commit.build())
        assert (file.packed, file.rows, file.sums["clicks"]) == (False, 3, "33")
        assert everything(upkeep, accounts=["act_2", "act_3"]) == before
        rows = everything(upkeep, accounts=["act_1"])
        assert sorted(row[arrow_schema("campaign_daily").names.index("clicks") + 2] for row in rows) == [1, 2, 6, 30]
        assert damage(upkeep) == []

    def test_with_more_rows_than_are_sorted_in_memory(self, upkeep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """DuckDB takes only the account's rows as well."""
        packed(upkeep)
        commit = Commit(upkeep, "act_1", fact(9, clicks=30), days=(9, 9))
        monkeypatch.setattr("adjoin.facts._merge.IN_MEMORY_ROWS", 0)
        file = commit.swap(commit.build())
        assert (file.rows, file.sums["clicks"]) == (3, "33")

    def test_with_the_same_rows(self, upkeep: Any) -> None:
        """Days that are read again and are as before leave the packed file as it is."""
        packed(upkeep)
        before = upkeep.paths()
        assert Commit(upkeep, "act_2", fact(2, clicks=4)).build() is None
        assert Commit(upkeep, "act_1", fact(9, clicks=3), days=(9, 9)).build() is None
        assert upkeep.paths() == before

    def test_with_the_same_sums(self, upkeep: Any) -> None:
        """Equal totals do not make equal rows."""
        packed(upkeep)
        commit = Commit(upkeep, "act_2", fact(5, clicks=4))
        assert commit.swap(commit.build()).first_date == date(2026, 3, 5)

    def test_the_replaced_rows_count_as_of_then(self, upkeep: Any) -> None:
        """A packed file answers for the accounts that were current in it at the instant, not for today's."""
        before = everything(upkeep)
        packed(upkeep)
        commit = Commit(upkeep, "act_1")
        commit.swap(commit.build())
        assert everything(upkeep, as_of=THEN) == before
        assert (
            [row for row in everything(upkeep) if "act_1" in row]
            == everything(upkeep, accounts=["act_1"])
            == everything(upkeep, accounts=["act_1"], as_of=NOW)
        )
        with FactQuery(upkeep.store, upkeep.facts, "default") as query:
            moved = restated(query, since=MARCH[0], until=MARCH[1])
        assert {(row.account_id, row.day.day, row.metric, row.change) for row in moved.rows} == {
            ("act_1", 1, "clicks", -3),
            ("act_1", 9, "clicks", -3),
        }

    def test_packed_once_more(self, upkeep: Any) -> None:
        """Accounts with files of their own join a new packed file, and the old one goes when nobody needs it."""
        packed(upkeep)
        commit = Commit(upkeep, "act_1", fact(9, clicks=30), days=(9, 9))
        commit.swap(commit.build())
        before, first = everything(upkeep), everything(upkeep, as_of=THEN)
        [done] = packed(upkeep, now=NOW)
        assert (done.accounts, done.files_before) == (3, 2)
        assert everything(upkeep) == before
        assert everything(upkeep, as_of=THEN) == first
        assert damage(upkeep) == []
        upkeep.facts.clear_staging("run")
        upkeep.facts.clear_staging("again")
        clean(upkeep.store, upkeep.facts, now=NOW + timedelta(days=2), keep_superseded_days=35, keep_runs_days=400)
        assert everything(upkeep, as_of=THEN) == first  # act_1's old rows lie in the first packed file
        clean(upkeep.store, upkeep.facts, now=NOW + timedelta(days=36), keep_superseded_days=35, keep_runs_days=400)
        assert everything(upkeep) == before
        assert upkeep.paths() == {row.path for row in upkeep.current()}
        assert damage(upkeep) == []


@pytest.mark.usefixtures("three_accounts")
class TestAtTheSameTime:
    def test_a_run_that_has_begun_to_build(self, upkeep: Any) -> None:
        """A commit that was built upon an account's own file goes through when the account is packed meanwhile."""
        commit = Commit(upkeep, "act_1", fact(9, clicks=30), days=(9, 9))
        packed(upkeep)
        commit.swap(commit.build())
        assert sum(row.rows for row in upkeep.current()) == 6
        assert damage(upkeep) == []

    def test_a_run_that_commits_meanwhile(self, upkeep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """An account that is replaced while the packed file is written keeps the newer rows; two builds still clash."""
        commit, late = (Commit(upkeep, "act_1", fact(9, clicks=clicks), days=(9, 9)) for clicks in (30, 31))
        new, too_late = commit.build(), late.build()
        original = compacting._point

        def point(*arguments: Any, **options: Any) -> int:
            commit.swap(new)
            return original(*arguments, **options)

        monkeypatch.setattr(compacting, "_point", point)
        [done] = packed(upkeep)
        assert done.accounts == 2
        assert not any(row.packed for row in upkeep.current() if row.account_id == "act_1")
        assert len(everything(upkeep, accounts=["act_1"])) == 4
        with pytest.raises(Fenced):
            late.swap(too_late)
        assert damage(upkeep) == []

    def test_killed_before_the_rows_know(self, upkeep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A packed file that nobody names is left over, and cleared like all else."""
        upkeep.add_run("elsewhere", RunState.SUCCEEDED, NOW)
        before = everything(upkeep)
        with monkeypatch.context() as patch:
            patch.setattr(compacting, "_point", _dies)
            with pytest.raises(KeyboardInterrupt):
                packed(upkeep)
        assert everything(upkeep) == before
        assert len(upkeep.paths()) == 5
        clean(upkeep.store, upkeep.facts, now=NOW + timedelta(days=2), keep_superseded_days=35, keep_runs_days=400)
        assert upkeep.paths() == {row.path for row in upkeep.current()}

    def test_removed_before_the_rows_know(self, upkeep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process that stood still until its file was cleared away changes nothing."""
        original = compacting._point

        def point(store: Any, facts: Any, rows: Any, **options: Any) -> int:
            facts.remove(options["path"])
            return original(store, facts, rows, **options)

        monkeypatch.setattr(compacting, "_point", point)
        with pytest.raises(StoreDamaged, match="removed before it was used; nothing was changed"):
            packed(upkeep)
        assert damage(upkeep) == []


def _dies(*_arguments: Any, **_options: Any) -> Iterator[None]:
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["sqlite", "postgres"], indirect=True)
class TestDamage:
    def test_a_damaged_account_is_left_out(self, upkeep: Any, three_accounts: None) -> None:
        """The others are packed, and the result says whose file is broken."""
        broken = next(row for row in upkeep.current() if row.account_id == "act_2")
        (upkeep.facts.root / broken.path).write_bytes(b"PAR1")
        [done] = packed(upkeep)
        assert (done.accounts, done.damaged) == (2, ["act_2"])

    def test_a_file_with_other_rows_than_the_manifest_says(self, upkeep: Any, three_accounts: None) -> None:
        """Nothing of its month is packed, so that no error is carried on; the result names the account."""
        row = next(row for row in upkeep.current() if row.account_id == "act_2")
        with upkeep.store.write() as session:
            session.get_one(FactFile, ("default", row.id)).sums = row.sums | {"clicks": "5"}
        before = upkeep.paths()
        [done] = packed(upkeep)
        assert (done.accounts, done.damaged) == (0, ["act_2"])
        assert upkeep.paths() == before

    def test_a_packed_file_that_is_damaged(self, upkeep: Any, three_accounts: None) -> None:
        """It is named for each of its accounts, and a month that is read again in full heals."""
        packed(upkeep)
        path = next(row.path for row in upkeep.current() if row.packed)
        content = bytearray((upkeep.facts.root / path).read_bytes())
        content[20] ^= 0xFF
        (upkeep.facts.root / path).write_bytes(content)
        assert [(one.fault, one.account_id) for one in damage(upkeep)] == [
            (Fault.UNREADABLE, account) for account in ("act_1", "act_2", "act_3")
        ]
        commit = Commit(upkeep, "act_1", fact(1, clicks=1), fact(1, "b", clicks=2), fact(9, clicks=3))
        commit.swap(commit.build())
        assert {(one.account_id, one.history) for one in damage(upkeep)} == {
            ("act_1", True),
            ("act_2", False),
            ("act_3", False),
        }
