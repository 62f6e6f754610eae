"""Workers on several machines keep their facts in one place, or are told how to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlmodel import select

from adjoin.db.models import Lease, Worker
from adjoin.errors import StateError
from adjoin.sync.workers.folder import check_folder
from adjoin.sync.workers.registry import DEAD_AFTER, beat

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture
def running(store):
    made = Worker(host="first", pid=1, version="1", plugins={}, concurrency=1, started_at=NOW, heartbeat_at=NOW)
    beat(store, made, now=NOW)
    return made


def test_the_same_folder_is_fine_from_anywhere(store, running, tmp_path):
    """However it is mounted, and again after each start."""
    check_folder(store, tmp_path, now=NOW)
    (tmp_path / "elsewhere").symlink_to(tmp_path)
    check_folder(store, tmp_path / "elsewhere", now=NOW)


def test_another_folder_is_refused_while_the_others_work(store, running, tmp_path):
    """With who they are and both ways out."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    check_folder(store, tmp_path / "one", now=NOW)
    with pytest.raises(
        StateError, match=r"\(first\) keep fact files in another folder.*Set ADJOIN_FACTS_URL to the same"
    ):
        check_folder(store, tmp_path / "two", now=NOW)


def test_workers_that_start_at_once_agree(store, tmp_path):
    """None fails because another one was writing the mark, or its row, in the same moment."""
    together = Barrier(8)

    def start(_: int) -> None:
        together.wait()
        check_folder(store, tmp_path, now=NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(8)))
    with store.read() as session:
        [row] = session.exec(select(Lease)).all()
    assert (row.holder, row.epoch) == ((tmp_path / "facts-folder").read_text(), 0)
    assert [path.name for path in tmp_path.glob("*facts-folder*")] == ["facts-folder"]


def test_a_bucket_and_a_folder_do_not_mix(store, running, tmp_path):
    """Nor do two buckets."""
    check_folder(store, tmp_path, bucket="s3://facts/one", now=NOW)
    check_folder(store, tmp_path, bucket="s3://facts/one", now=NOW)
    for bucket, place in (("", str(tmp_path)), ("s3://facts/two", "s3://facts/two")):
        with pytest.raises(StateError, match=f"keep fact files in s3://facts/one, this one would keep them in {place}"):
            check_folder(store, tmp_path, bucket=bucket, now=NOW)


def test_a_folder_is_not_given_up_for_a_bucket_while_the_others_work(store, running, tmp_path):
    """The other way round."""
    check_folder(store, tmp_path, now=NOW)
    with pytest.raises(StateError, match="another folder, this one would keep them in s3://facts/one"):
        check_folder(store, tmp_path, bucket="s3://facts/one", now=NOW)


def test_a_folder_that_takes_the_place_of_another_is_fine_when_nobody_works(store, running, tmp_path):
    """After a restore on a new disk, say."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    check_folder(store, tmp_path / "one", now=NOW)
    later = NOW + DEAD_AFTER + timedelta(seconds=1)
    check_folder(store, tmp_path / "two", now=later)
    beat(store, running, now=later)
    with pytest.raises(StateError, match="another folder"):
        check_folder(store, tmp_path / "one", now=later)


def test_a_folder_that_is_not_there_is_said(store, tmp_path):
    """Before anything is read."""
    with pytest.raises(StateError, match="gone cannot be used: No such file or directory; set ADJOIN_HOME"):
        check_folder(store, tmp_path / "gone", now=NOW)
