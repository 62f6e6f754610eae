"""The checker of the fault tests finds what is wrong."""

from __future__ import annotations

from datetime import date

import pytest
from sqlmodel import col, select, update

from adjoin.db.models import FactFile, Run, RunTrigger
from adjoin.facts.store import FactStore
from adjoin.testing.soundness import orphans, unsound

DAY = date(2026, 3, 2)


@pytest.fixture
def committed(store, tmp_path, put_facts):
    put_facts("account_daily", {"date": DAY, "clicks": 1})
    put_facts("account_daily", {"date": DAY, "clicks": 2})
    with store.write() as session:  # two commits are of two runs
        session.execute(update(FactFile).where(col(FactFile.superseded_at).is_(None)).values(run_id="another"))
    return store


def test_nothing_is_wrong_with_a_restated_month(committed, tmp_path):
    assert unsound(committed, FactStore(tmp_path)) == []


def test_a_lost_run_is_found(committed, tmp_path):
    with committed.write() as session:
        session.add(Run(workspace_id="default", connection_id="meta", trigger=RunTrigger.PERSON, created_at=_now()))
    (problem,) = unsound(committed, FactStore(tmp_path))
    assert "is queued: it was lost" in problem


def test_a_month_that_a_run_committed_twice_is_found(committed, tmp_path):
    with committed.write() as session:
        session.execute(update(FactFile).values(run_id="run"))
    (problem,) = unsound(committed, FactStore(tmp_path))
    assert "run run committed meta act_1 account_daily 2026-03 2 times" in problem


def test_a_month_without_a_current_file_is_found(committed, tmp_path):
    with committed.write() as session:
        current = session.exec(select(FactFile).where(col(FactFile.superseded_at).is_(None))).one()
        session.delete(current)
    assert any("has 0 current files" in problem for problem in unsound(committed, FactStore(tmp_path)))


def test_a_damaged_file_and_an_orphan_are_found(committed, tmp_path):
    with committed.read() as session:
        file = session.exec(select(FactFile).where(col(FactFile.superseded_at).is_(None))).one()
    path = tmp_path / file.path
    path.write_bytes(path.read_bytes() + b"x")
    path.with_name("stranger.parquet").touch()
    assert any("damaged" in problem for problem in unsound(committed, FactStore(tmp_path)))
    assert f"{path.relative_to(tmp_path).parent.as_posix()}/stranger.parquet" in orphans(committed, tmp_path)


def _now():
    from datetime import UTC, datetime

    return datetime(2026, 3, 3, tzinfo=UTC)
