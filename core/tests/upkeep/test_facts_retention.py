"""Retention: what is no longer needed goes, what may be needed stays, and a crash leaves no damage."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlmodel import select

from adjoin.ads.v2 import DateWindow
from adjoin.db import Store
from adjoin.db.models import Coverage, FactFile, Run, RunState, Slice
from adjoin.errors import StateError
from adjoin.facts.query import FactQuery
from adjoin.facts.retention import Cleaned, clean
from adjoin.facts.store import FactStore
from adjoin.facts.verify import verify

SINCE, UNTIL = date(2026, 3, 1), date(2026, 3, 31)
MARCH = (SINCE, UNTIL)


#: Files carry the time of the machine, so days are counted from now.
NOW = datetime.now(UTC)


def fact(clicks: int) -> dict[str, Any]:
    return {"date": SINCE, "clicks": clicks}


def cleaned(upkeep: Any, *, days: float = 0, **options: Any) -> Cleaned:
    """One pass, some days after the start."""
    settings = {"keep_superseded_days": 35, "keep_runs_days": 400} | options
    return clean(upkeep.store, upkeep.facts, now=NOW + timedelta(days=days), **settings)


@pytest.fixture
def three_versions(put_facts: Any) -> None:
    """March as it was committed 50, 40 and 10 days ago."""
    for days, clicks in ((50, 1), (40, 2), (10, 3)):
        put_facts("account_daily", fact(clicks), days=MARCH, now=NOW - timedelta(days=days))


@pytest.mark.usefixtures("three_versions")
class TestSuperseded:
    def test_goes_when_its_time_is_over(self, upkeep: Any, query: FactQuery) -> None:
        """What ended 40 days ago is gone, what ended 10 days ago and what is current stay."""
        done = cleaned(upkeep)
        assert (done.superseded, done.files, done.orphans, done.more) == (1, 1, 0, False)
        assert done.bytes > 0
        mark, old, current = upkeep.rows()
        assert (mark.path, mark.rows, mark.superseded_at) == ("", 0, old.created_at)
        assert upkeep.paths() == {old.path, current.path}
        assert query.run(query.table("account_daily", *MARCH)).column("clicks").to_pylist() == [3]
        assert cleaned(upkeep) == Cleaned()

    def test_one_mark_stays_however_often_it_moves(self, upkeep: Any) -> None:
        """The marks of an account's month become one, which reaches from the first version to the last that is gone."""
        first = upkeep.rows()[0].created_at
        cleaned(upkeep)
        cleaned(upkeep, days=40)
        mark, current = upkeep.rows()
        assert (mark.path, mark.created_at, mark.superseded_at) == ("", first, current.created_at)
        assert upkeep.paths() == {current.path}

    def test_a_dry_run_says_the_same_and_does_nothing(self, upkeep: Any) -> None:
        """What would be removed is counted."""
        before = upkeep.paths()
        said = cleaned(upkeep, days=40, dry_run=True)
        assert upkeep.paths() == before
        assert len(upkeep.rows()) == 3
        assert said == cleaned(upkeep, days=40)
        assert said.superseded == 2

    def test_in_passes(self, upkeep: Any) -> None:
        """A pass stops at its limit and says so; the next ones do the rest."""
        done = [cleaned(upkeep, days=40, limit=1) for _ in range(3)]
        assert [(one.superseded, one.files, one.more) for one in done] == [(1, 1, True), (1, 1, True), (0, 0, False)]

    def test_killed_before_the_file_is_removed(self, upkeep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that lost its row before the process died is found later; nothing is damaged in between."""
        with monkeypatch.context() as patch:
            patch.setattr(upkeep.facts, "remove", _fails)
            with pytest.raises(StateError, match="the disk is gone"):
                cleaned(upkeep)
        assert len(upkeep.paths()) == 3
        assert not verify(upkeep.store, upkeep.facts, workspace_id="default", now=NOW).damage
        assert cleaned(upkeep).orphans == 0  # it is young yet
        assert cleaned(upkeep, days=2).orphans == 1
        assert upkeep.paths() == {row.path for row in upkeep.rows() if row.path}


def _fails(_path: str) -> None:
    raise StateError("the disk is gone")


class TestOrphans:
    def test_go_after_a_day(self, put_facts: Any, upkeep: Any) -> None:
        """A file that no row names goes, not before it is a day old; files of the manifest never do."""
        put_facts("account_daily", fact(1), days=MARCH, now=NOW)
        [current] = upkeep.current()
        orphan = copied(upkeep, current, "0123")
        assert cleaned(upkeep, days=0.9).orphans == 0
        assert orphan in upkeep.paths()
        done = cleaned(upkeep, days=1.1)
        assert (done.orphans, done.files) == (1, 1)
        assert upkeep.paths() == {current.path}

    def test_not_while_the_account_is_synced(self, put_facts: Any, upkeep: Any) -> None:
        """A run may be about to commit a file that nothing names yet, however long it has stood still."""
        put_facts("account_daily", fact(1), days=MARCH, now=NOW)
        put_facts("account_daily", fact(1), platform="google", days=MARCH, now=NOW)
        google, meta = sorted(upkeep.current(), key=lambda row: row.platform)
        spared, orphan = copied(upkeep, meta, "0123"), copied(upkeep, google, "0123")
        upkeep.add_run("run-1", RunState.RUNNING)
        assert cleaned(upkeep, days=30).orphans == 1
        assert spared in upkeep.paths()
        assert orphan not in upkeep.paths()


def copied(upkeep: Any, row: FactFile, name: str) -> str:
    """Write a file beside another one, as a commit does that is killed before its transaction."""
    table = pq.read_table(upkeep.facts.local(row.path, expected=row.checksum), partitioning=None)
    made = f"{row.path.rsplit('/', 1)[0]}/{name}.parquet"
    with upkeep.facts.create(made, table.schema) as file:
        for batch in table.to_batches():
            file.append(batch)
        file.publish()
    return made


class TestStaged:
    def staged(self, upkeep: Any, run_id: str) -> str:
        window = DateWindow(since=SINCE, until=UNTIL)
        with upkeep.facts.stage(
            run_id=run_id, slice_id="s", dataset="account_daily", platform="meta", account_id="act_1", window=window
        ) as writer:
            pass
        return writer.staged.path

    def test_of_runs_that_ended_or_are_gone(self, put_facts: Any, upkeep: Any) -> None:
        """What a run has staged goes when it has ended or is not known; what one may resume from stays."""
        put_facts("account_daily", fact(1), days=MARCH, now=NOW)
        upkeep.facts.clear_staging("run")
        for run_id, state in (("waits", RunState.QUEUED), ("failed", RunState.FAILED)):
            upkeep.add_run(run_id, state, NOW if state.ended else None)
        paths = {run_id: self.staged(upkeep, run_id) for run_id in ("waits", "failed", "unknown")}
        assert cleaned(upkeep).staged == 0
        assert cleaned(upkeep, days=2, dry_run=True).staged == 2
        assert cleaned(upkeep, days=2).staged == 2
        assert [run_id for run_id, path in paths.items() if upkeep.facts.size(path) is not None] == ["waits"]

    @pytest.mark.parametrize("place", ["sqlite"], indirect=True)
    def test_half_written_files(self, put_facts: Any, upkeep: Any, tmp_path: Path) -> None:
        """Temporary files of killed processes go, those of a run that is under way and of its accounts stay."""
        put_facts("account_daily", fact(1), days=MARCH, now=NOW)
        put_facts("account_daily", fact(1), platform="google", days=MARCH, now=NOW)
        upkeep.add_run("runs", RunState.RUNNING)
        google, meta = ((tmp_path / row.path).parent for row in sorted(upkeep.current(), key=lambda row: row.platform))
        left = [google / ".x.parquet.77.part", tmp_path / "staging/gone/s/.y.parquet.77.part"]
        kept = [meta / ".x.parquet.77.part", tmp_path / "staging/runs/s/.z.parquet.77.part"]
        for path in (*left, *kept):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"PAR1")
        assert cleaned(upkeep, days=0.5).drafts == 0
        assert cleaned(upkeep, days=2).drafts == 2
        assert [path.exists() for path in (*left, *kept)] == [False, False, True, True]


class TestRuns:
    @pytest.fixture
    def runs(self, put_facts: Any, upkeep: Any) -> None:
        put_facts("account_daily", fact(1), days=MARCH, now=NOW)
        for run_id, state, days in (
            ("oldest", RunState.SUCCEEDED, 900),
            ("succeeded", RunState.SUCCEEDED, 800),
            ("failed", RunState.FAILED, 700),
            ("to retry", RunState.PARTLY, 600),
            ("last", RunState.FAILED, 500),
        ):
            retry = {"retry_at": NOW} if run_id == "to retry" else {}
            upkeep.add_run(run_id, state, NOW - timedelta(days=days), **retry)
        with upkeep.store.write() as session:
            for run_id in ("oldest", "last"):
                session.add(Slice(workspace_id="default", run_id=run_id, account_id="act_1", stream="account_daily"))

    def left(self, store: Store) -> tuple[set[str], list[str]]:
        with store.read() as session:
            return set(session.exec(select(Run.id))), sorted(session.exec(select(Slice.run_id)))

    @pytest.mark.usefixtures("runs")
    def test_old_ones_go_with_their_slices(self, upkeep: Any, store: Store) -> None:
        """The last run, the last that succeeded and those to be tried again stay, as does what was committed."""
        assert cleaned(upkeep, dry_run=True).runs == 2
        assert cleaned(upkeep).runs == 2
        assert self.left(store) == ({"succeeded", "to retry", "last"}, ["last"])
        with store.read() as session:
            assert len(session.exec(select(Coverage)).all()) == 31
        assert not verify(store, upkeep.facts, workspace_id="default", now=NOW).damage

    @pytest.mark.usefixtures("runs")
    def test_young_and_unfinished_ones_stay(self, upkeep: Any, store: Store) -> None:
        """A newer success lets the old one go; what waits or runs is never touched."""
        upkeep.add_run("new", RunState.SUCCEEDED, NOW - timedelta(days=1))
        upkeep.add_run("waits", RunState.QUEUED)
        assert cleaned(upkeep).runs == 4
        assert self.left(store) == ({"to retry", "new", "waits"}, [])


def test_it_says_what_was_done(upkeep: Any) -> None:
    """The result is a sentence for the log."""
    assert str(cleaned(upkeep)) == (
        "0 fact files (0.0 MB), 0 of them without a row; staged files of 0 runs; 0 half-written files; 0 old runs"
    )


def test_what_is_removed_is_in_no_other_workspace(put_facts: Any, upkeep: Any, facts: FactStore) -> None:
    """A pass over a store that has nothing to remove removes nothing, however late."""
    put_facts("account_daily", fact(1), days=MARCH, now=NOW)
    facts.clear_staging("run")
    before = upkeep.paths()
    assert cleaned(upkeep, days=4000) == Cleaned()
    assert upkeep.paths() == before
