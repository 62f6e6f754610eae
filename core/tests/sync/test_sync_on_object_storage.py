"""Syncs whose facts are in object storage: as whole as with a folder, from any machine, and sound when it fails."""

from __future__ import annotations

import asyncio
import copy
from datetime import date, timedelta

import pytest
from sqlmodel import select

from adjoin.db.models import DEFAULT_WORKSPACE, FactFile, RunState, SliceState
from adjoin.facts.compact import compact
from adjoin.facts.query import FactQuery
from adjoin.facts.retention import clean
from adjoin.facts.store import FactStore
from adjoin.facts.verify import Fault, verify
from adjoin.sync.retries import queue_retries
from adjoin.testing.storage import Refusal, full, read_only

START = date(2026, 3, 5)
TODAY = date(2026, 3, 15)


@pytest.fixture
def machine(storage, bucket, tmp_path):
    """Turn a house into the same installation as another machine has it: same database and bucket, another home."""

    def machine(house, name):
        other = copy.copy(house)
        other.home = tmp_path / name
        other.facts = FactStore(other.home, storage.files(other.home, bucket=bucket))
        return other

    return machine


@pytest.fixture
def one(house, machine):
    """The first machine."""
    return machine(house, "one")


@pytest.fixture
def another(one, machine):
    """The second machine."""
    return machine(one, "another")


def second_account(request):
    return request.account.id == "a2" and request.stream == "campaign_daily"


def asked(house):
    return [(request.account.id, request.stream) for request in house.platform.asked]


def stored(house):
    return {one.path for folder in ("facts", "staging") for one in house.facts.list(folder)}


def manifest(house):
    with house.store.read() as session:
        return set(session.exec(select(FactFile.path)))


def clicks(house):
    """What a query on this machine answers."""
    with FactQuery(house.store, house.facts, DEFAULT_WORKSPACE) as query:
        rows = query.run(query.table("campaign_daily", START, TODAY)).to_pylist()
    return sorted((row["account_id"], row["date"], row["campaign_id"], row["clicks"]) for row in rows)


def true_clicks(house):
    rows = house.platform.truth("campaign_daily", START, TODAY)
    return sorted((row["account_id"], row["date"], row["campaign_id"], row["clicks"]) for row in rows)


def when(house, name, do):
    """Do something in the middle of a sync: when the second account's results are asked for."""

    def refuse(request):
        if second_account(request):
            do()

    house.platform.concurrency = 1
    setattr(house.platform, name, refuse)


def test_a_sync_is_the_truth(any_house, machine):
    """On each kind of database; what is in the bucket afterwards is what the manifest says, and nothing besides."""
    house = machine(any_house, "one")
    run = house.sync()
    assert (run.state, run.error) == (RunState.SUCCEEDED, None)
    house.assert_whole(START)
    assert stored(house) == manifest(house)
    assert not (house.home / "facts").exists()


def test_another_machine_sees_the_same_and_goes_on(any_house, machine):
    """What one machine has committed, another reads, and builds the next days upon."""
    one, another = machine(any_house, "one"), machine(any_house, "another")
    one.sync()
    another.assert_whole(START)
    assert clicks(another) == true_clicks(another)
    another.clock.advance(86400)
    another.platform.clicks = lambda account, day: {"c1": 7, "c3": day.day}
    another.sync(START, TODAY + timedelta(days=1))
    one.assert_whole(START, TODAY + timedelta(days=1))


def test_another_machine_resumes_a_killed_run(any_house, machine):
    """What was staged on the machine that died is not asked for again."""
    one, another = machine(any_house, "one"), machine(any_house, "another")
    attempt = one.interrupted(second_account)
    run = another.resume()
    assert asked(another) == [("a2", "campaign_daily")]
    assert (run.state, run.id) == (RunState.SUCCEEDED, attempt.run_id)
    another.assert_whole(START)
    assert stored(another) == manifest(another)


def test_a_staged_file_that_the_store_lost_is_fetched_again(one, another):
    """A copy on the machine that staged it does not count: the store's file does."""
    attempt = one.interrupted(second_account)
    (gone,) = [
        file["path"] for piece in one.slices(attempt) if piece.state is SliceState.STAGED for file in piece.staged
    ]
    one.facts.files.objects.remove(gone)
    run = another.resume()
    assert run.state is RunState.SUCCEEDED
    assert ("a2", "campaign_daily") in asked(another)
    assert len(asked(another)) == 2
    another.assert_whole(START)


class TestOutage:
    def test_switched_off_in_the_middle(self, one, storage):
        """The run says which store is away; what was committed stays whole, and the next run fetches the rest."""
        when(one, "refuse", storage.switch_off)
        run = one.sync()
        assert run.state is RunState.PARTLY
        assert "does not accept connections; check ADJOIN_FACTS_ENDPOINT" in run.error
        storage.switch_on()
        one.assert_whole(START, TODAY, "a1")
        one.platform.refuse = lambda request: None
        assert one.sync().state is RunState.SUCCEEDED
        one.assert_whole(START)
        assert stored(one) >= manifest(one)

    def test_it_is_tried_again_by_itself(self, one, storage):
        """An outage is a fault that passes: the run is repeated, for the account that is missing."""
        when(one, "refuse", storage.switch_off)
        run = one.sync()
        storage.switch_on()
        one.platform.refuse = lambda request: None
        retry_at = one.book.get(DEFAULT_WORKSPACE, run.id).retry_at
        assert retry_at is not None
        one.clock.advance((retry_at - one.clock.now()).total_seconds())
        assert len(queue_retries(one.store, now=one.clock.now())) == 1
        one.platform.asked.clear()
        assert one.execute(one.take()).state is RunState.SUCCEEDED
        assert {account for account, _ in asked(one)} == {"a2"}
        one.assert_whole(START)

    def test_staged_leftovers_of_an_outage_are_cleared(self, one, storage):
        """What could not be removed while the store was away goes with retention."""
        when(one, "refuse", storage.switch_off)
        one.sync()
        storage.switch_on()
        assert [path for path in stored(one) if path.startswith("staging/")]
        one.clock.advance(400 * 86400)  # later than the store's own clock, which tells how old a file is
        clean(one.store, one.facts, now=one.clock.now(), keep_superseded_days=30, keep_runs_days=30)
        assert stored(one) == manifest(one)

    def test_away_while_a_run_is_resumed(self, one, another, storage):
        """A store that does not answer has lost nothing: the run ends with what is wrong, and damage is not claimed."""
        one.interrupted(second_account)
        storage.switch_off()
        run = another.resume()
        assert run.state in (RunState.PARTLY, RunState.FAILED)
        assert "does not accept connections" in run.error
        assert "damaged" not in run.error
        storage.switch_on()
        another.clock.advance(3600)
        assert another.sync().state is RunState.SUCCEEDED
        another.assert_whole(START)


class TestRefusal:
    @pytest.mark.parametrize(("fault", "says"), [(read_only, "do not allow it"), (full, "no room left")])
    def test_a_store_that_takes_nothing(self, one, storage, fault, says):
        """The first sync fails in words, and leaves neither rows nor files."""
        storage.fault = fault
        run = one.sync()
        assert run.state is RunState.FAILED
        assert "cannot be written" in run.error
        assert says in run.error
        assert manifest(one) == set()
        storage.fault = None
        assert stored(one) == set()
        assert one.sync().state is RunState.SUCCEEDED
        one.assert_whole(START)

    @pytest.mark.parametrize(
        "fault",
        [
            lambda request: Refusal(507, "XMinioStorageFull") if _writes(request, "campaign_daily") else None,
            lambda request: Refusal(403, "AccessDenied") if _writes(request, "a2") else None,
        ],
        ids=["one of two datasets", "one of two accounts"],
    )
    def test_refused_at_the_commit(self, one, storage, fault):
        """An account becomes current with all of its months or with none; nothing half-written is left in the store."""
        one.sync()
        before = one.committed("account_daily"), one.committed("campaign_daily")
        one.clock.advance(3600)
        one.platform.clicks = lambda account, day: {"c1": 5}
        storage.fault = fault
        run = one.sync(START, TODAY)
        assert run.state in (RunState.FAILED, RunState.PARTLY)
        storage.fault = None
        for account in ("a1", "a2"):
            now = [
                [row for row in one.committed(name) if row["account_id"] == account]
                for name in ("account_daily", "campaign_daily")
            ]
            old = [[row for row in rows if row["account_id"] == account] for rows in before]
            new = [one.platform.truth(name, START, TODAY, account) for name in ("account_daily", "campaign_daily")]
            assert now in (old, new)
        assert stored(one) == manifest(one)
        one.clock.advance(3600)
        assert one.sync(START, TODAY).state is RunState.SUCCEEDED
        one.assert_whole(START)


def _writes(request, what):
    return request.method == "PUT" and "/facts/" in request.path and f"/{what}/" in request.path


class TestCache:
    def test_damaged_copies_are_fetched_again(self, one, another):
        """Whatever happens to the copies of a machine, what it builds on them is right."""
        one.sync()
        before = [row for row in one.committed("campaign_daily") if row["date"] < TODAY]
        for number, copied in enumerate(sorted(one.home.glob("cache/facts/files/**/*.parquet"))):
            copied.write_bytes(b"" if number % 2 else copied.read_bytes()[:-1] + b"?")
        fresh = copy.copy(one)
        fresh.facts = FactStore(one.home, type(one.facts.files)(one.facts.files.objects, _reopened(one)))
        fresh.clock.advance(86400)
        fresh.platform.clicks = lambda account, day: {"c1": 9}
        fresh.sync(TODAY, TODAY + timedelta(days=1))
        # The days that were not read again come from the copies.
        assert [row for row in another.committed("campaign_daily") if row["date"] < TODAY] == before

    def test_a_query_outlives_its_copies(self, one):
        """A cache that is emptied between two questions is filled again."""
        one.sync()
        with FactQuery(one.store, one.facts, DEFAULT_WORKSPACE) as query:
            table = query.table("account_daily", START, TODAY)
            total = table.aggregate(clicks=table.clicks.sum())
            before = query.run(total).to_pylist()
            for copied in one.home.glob("cache/facts/files/**/*.parquet"):
                copied.unlink()
            assert query.run(total).to_pylist() == before

    def test_a_run_uploads_and_fetches_little(self, one, storage):
        """One request stores a file, none fetches what this machine wrote, and nothing that is unchanged is stored."""
        storage.requests.clear()
        one.sync()
        written = [request.path for request in storage.requests if request.method == "PUT" and request.path[-1] != "/"]
        staged = [path for path in written if "/staging/" in path]
        months = [path for path in written if "/facts/" in path]
        assert len(months) == len(manifest(one)) == 4
        assert len(written) == len(staged) + len(months)
        assert not [request for request in storage.requests if request.method == "GET" and request.query == ""]
        storage.requests.clear()
        one.clock.advance(60)
        one.sync(START, TODAY)
        assert not [request for request in storage.requests if request.method == "PUT" and "/facts/" in request.path]


class TestUpkeep:
    def test_history_is_kept_and_removed_there(self, one, another):
        """Superseded files stay in the bucket for as long as was said, and go from it then."""
        one.sync()
        one.clock.advance(3600)
        one.platform.clicks = lambda account, day: {"c1": 5}
        one.sync(START, TODAY)
        before = stored(one)
        assert before == manifest(one)
        assert len(before) == 8
        one.clock.advance(400 * 86400)  # later than the store's own clock, which tells how old a file is
        clean(another.store, another.facts, now=one.clock.now(), keep_superseded_days=30, keep_runs_days=900)
        assert stored(one) == manifest(one) - {""}
        assert len(stored(one)) == 4
        one.assert_whole(START)

    def test_packed_months_are_the_same(self, one, another):
        """Accounts that share a file are read, built upon and checked as before, from any machine."""
        one.sync()
        one.clock.advance(60 * 86400)
        packed = list(compact(one.store, one.facts, now=one.clock.now(), look_back={"fake": 3}))
        assert [(month.dataset, month.accounts) for month in packed] == [("account_daily", 2), ("campaign_daily", 2)]
        assert clicks(another) == true_clicks(another)
        another.platform.clicks = lambda account, day: {"c1": 5 if account == "a1" else 6}
        another.sync(START, TODAY)
        assert clicks(one) == true_clicks(one)
        assert not verify(one.store, one.facts, workspace_id=DEFAULT_WORKSPACE, now=one.clock.now()).damage

    @pytest.mark.parametrize("quick", [True, False])
    def test_damage_in_the_bucket_is_found(self, one, tmp_path, quick):
        """Though the machine has good copies of its own, the files that everybody reads are what is looked at."""
        one.sync()
        first, second, *_ = sorted(stored(one))
        one.facts.files.objects.remove(first)
        (tmp_path / "other").write_bytes(b"x" * (one.facts.size(second) - quick))
        one.facts.files.objects.put(tmp_path / "other", second)
        found = verify(one.store, one.facts, workspace_id=DEFAULT_WORKSPACE, now=one.clock.now(), quick=quick)
        assert {damage.path for damage in found.damage} == {first, second}
        assert {damage.fault for damage in found.damage} == {Fault.UNREADABLE}


def _reopened(house):
    """The cache as a process sees it that starts now."""
    cache = house.facts.files.cache
    return type(cache)(cache.folder, limit=cache.limit)


def test_killed_between_upload_and_transaction(one, another, monkeypatch):
    """Files that were stored for a commit that never came are not current, and the next attempt brings its own."""
    monkeypatch.setattr("adjoin.sync.commit.swap", _die)
    one.enqueue()
    with pytest.raises((_KilledError, BaseExceptionGroup)):
        asyncio.run(one.engine._execute(one.take()))
    assert manifest(one) == set()
    monkeypatch.undo()
    run = another.resume()
    assert run.state is RunState.SUCCEEDED
    another.assert_whole(START)


class _KilledError(BaseException):
    pass


def _die(*_args, **_options):
    raise _KilledError
