"""The command line on object storage: the same figures as with a folder, and a store that is away is said in words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from adjoin.testing.storage import Storage, object_storage, wrong_key

REPORT = ("report", "--from", "2026-02-04", "--to", "2026-03-15", "--by", "campaign", "--json")


@pytest.fixture(scope="module")
def running_storage() -> Iterator[Storage]:
    with object_storage() as running:
        yield running


@pytest.fixture
def storage(running_storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """The local object store, with the environment that leads to it; mended afterwards."""
    for name, value in running_storage.environment.items():
        monkeypatch.setenv(name, value)
    yield running_storage
    running_storage.fault = None
    running_storage.switch_on()


@pytest.fixture
def url(storage: Storage) -> str:
    bucket = f"facts-{uuid4().hex}"
    storage.make_bucket(bucket)
    return f"s3://{bucket}/adjoin"


@pytest.fixture
def figures(adjoin: Any, synced: Path) -> Any:
    """What the small advertiser's report says when its facts are in a folder."""
    return adjoin(*REPORT).json


def test_the_figures_are_the_same(
    adjoin: Any, url: str, figures: Any, small_world: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first sync into a bucket, and a report on another machine that has nothing but the database and the bucket."""
    monkeypatch.setenv("ADJOIN_HOME", str(tmp_path / "remote"))
    monkeypatch.setenv("ADJOIN_FACTS_URL", url)
    monkeypatch.setenv("ADJOIN_HISTORY_DAYS", "40")
    assert adjoin("init").code == 0
    assert adjoin("connect", "meta", "--sandbox", small_world).code == 0
    assert adjoin("sync").code == 0
    assert not (tmp_path / "remote" / "facts").exists()
    assert adjoin("facts", "verify").code == 0
    monkeypatch.setenv("ADJOIN_DATABASE_URL", f"sqlite:///{tmp_path / 'remote' / 'adjoin.db'}")
    monkeypatch.setenv("ADJOIN_HOME", str(tmp_path / "another"))
    assert adjoin(*REPORT).json == figures
    shutil.rmtree(tmp_path / "another" / "cache")
    assert adjoin(*REPORT).json == figures


def test_moving_there_and_back(
    adjoin: Any, url: str, figures: Any, synced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Facts of a folder go into a bucket and come back, and each time the figures are the same."""
    moved = adjoin("facts", "move", "--to", url, "--json").json
    assert (moved["to"], moved["there"]) == (url, 0)
    assert moved["files"] > 0
    again = adjoin("facts", "move", "--to", url)
    assert f"copied 0 files (0.0 MB) to {url}; {moved['files']} were there already" in again.out + again.err
    assert f"ADJOIN_FACTS_URL={url}" in again.out + again.err
    shutil.rmtree(synced / "facts")
    monkeypatch.setenv("ADJOIN_FACTS_URL", url)
    assert adjoin(*REPORT).json == figures
    already = adjoin("facts", "move", "--to", url)
    assert (already.code, f"kept in {url} already" in already.err) == (2, True)
    assert adjoin("facts", "move", "--to", "home", "--json").json["files"] == moved["files"]
    monkeypatch.delenv("ADJOIN_FACTS_URL")
    assert adjoin(*REPORT).json == figures


class TestFaults:
    @pytest.fixture
    def moved(self, adjoin: Any, url: str, synced: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """The address of a bucket that the synced home has moved to."""
        assert adjoin("facts", "move", "--to", url).code == 0
        monkeypatch.setenv("ADJOIN_FACTS_URL", url)
        return url

    @pytest.mark.parametrize("fault", ["off", "wrong key"])
    def test_a_sync_fails_in_words_and_is_repeated(self, adjoin: Any, storage: Storage, moved: str, fault: str) -> None:
        """It says which store and what to do, shows no secret, and the next sync is whole."""
        before = adjoin(*REPORT).json
        if fault == "off":
            storage.switch_off()
        else:
            storage.fault = wrong_key
        failed = adjoin("sync", "--since", "2026-03-10", "--until", "2026-03-12")
        said = failed.out + failed.err
        assert failed.code in (1, 3)
        assert moved in said
        assert "AWS_ACCESS_KEY_ID" in said or "ADJOIN_FACTS_ENDPOINT" in said
        for secret in storage.environment["AWS_ACCESS_KEY_ID"], storage.environment["AWS_SECRET_ACCESS_KEY"]:
            assert secret not in said
        assert self.fact_store(adjoin)["state"] == "failed"
        storage.fault = None
        storage.switch_on()
        assert adjoin(*REPORT).json == before
        assert self.fact_store(adjoin) == {"check": "fact store", "state": "ok", "detail": moved, "advice": ""}
        assert adjoin("sync", "--since", "2026-03-10", "--until", "2026-03-12").code == 0
        assert adjoin(*REPORT).json == before

    def fact_store(self, adjoin: Any) -> dict[str, str]:
        """What `adjoin doctor` says of the store."""
        [found] = [one for one in adjoin("doctor", "--json").json if one["check"] == "fact store"]
        assert isinstance(found, dict)
        return found

    @pytest.mark.parametrize("value", ["s3://key:secret-word@bucket", "https://bucket.example.com", "/srv/facts"])
    def test_a_url_that_cannot_be_used(
        self, adjoin: Any, synced: Path, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is a usage error that shows the right form."""
        monkeypatch.setenv("ADJOIN_FACTS_URL", value)
        answer = adjoin(*REPORT)
        assert answer.code == 2
        assert "s3://bucket/prefix" in answer.err
        assert "secret-word" not in answer.err
