"""Copies of stored files: fetched once, whole and checked, let go of by their last use, never one that is in use."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier

import pytest

from adjoin.errors import StateError, StoreDamaged
from adjoin.facts.files.cache import KEPT_SECONDS, Cache
from adjoin.facts.files.remote import RemoteFiles
from adjoin.facts.files.s3 import S3Objects, S3Place
from adjoin.testing.storage import Storage

PATH = "facts/default/meta/act_1/ad_daily/2026-03/file.parquet"
DAY = 24 * 3600.0


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Shelf:
    """Stored files in memory, and a clock that is moved by hand."""

    cache_folder: Path
    limit: int = 1000
    time: float = 1_790_000_000.0
    content: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def cache(self) -> Cache:
        """The cache as a process sees it that has just started."""
        return Cache(self.cache_folder, limit=self.limit, now=lambda: self.time)

    def store(self, name: str, content: bytes) -> str:
        self.content[name] = content
        return digest(content)

    def fetch(self, name: str) -> Callable[[Path], str]:
        def fetch(target: Path) -> str:
            self.fetched.append(name)
            target.write_bytes(self.content[name])
            return digest(self.content[name])

        return fetch

    def get(self, cache: Cache, name: str, *, check: bool = False) -> Path:
        return cache.get(name, expected=digest(self.content[name]), fetch=self.fetch(name), check=check)

    def held(self) -> set[str]:
        return {path.name.split(".")[0] for path in (self.cache_folder / "files").rglob("*") if path.is_file()}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache")


class TestCopies:
    def test_fetched_once(self, shelf: Shelf) -> None:
        """The second time the copy is there, also for a process that starts later."""
        shelf.store(PATH, b"rows")
        cache = shelf.cache()
        first = shelf.get(cache, PATH)
        assert first.read_bytes() == b"rows"
        assert shelf.get(cache, PATH) == first
        assert shelf.get(shelf.cache(), PATH) == first
        assert shelf.fetched == [PATH]

    def test_threads_fetch_once(self, shelf: Shelf) -> None:
        """Those that want a file at the same time wait for the one that fetches it."""
        shelf.store(PATH, b"rows")
        cache, start = shelf.cache(), Barrier(8)

        def get(_: int) -> bytes:
            start.wait(10)
            return shelf.get(cache, PATH).read_bytes()

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(get, range(8))) == [b"rows"] * 8
        assert shelf.fetched == [PATH]

    def test_another_content_is_another_copy(self, shelf: Shelf) -> None:
        """A path whose file was replaced never gives the old one."""
        shelf.store(PATH, b"before")
        cache = shelf.cache()
        shelf.get(cache, PATH)
        shelf.store(PATH, b"after")
        assert shelf.get(cache, PATH).read_bytes() == b"after"

    @pytest.mark.parametrize("harm", [b"ROWS", b"ro", b""])
    def test_a_changed_copy_is_fetched_again(self, shelf: Shelf, harm: bytes) -> None:
        """A process that starts on a copy with other bytes, or fewer, does not use it."""
        shelf.store(PATH, b"rows")
        shelf.get(shelf.cache(), PATH).write_bytes(harm)
        assert shelf.get(shelf.cache(), PATH).read_bytes() == b"rows"
        assert shelf.fetched == [PATH] * 2

    def test_a_copy_that_changes_under_a_process(self, shelf: Shelf) -> None:
        """Size and time tell; where even these are kept, a full check does."""
        shelf.store(PATH, b"rows")
        cache = shelf.cache()
        copy = shelf.get(cache, PATH)
        copy.write_bytes(b"ROWS")
        os.utime(copy, (shelf.time, 1.0))
        assert shelf.get(cache, PATH).read_bytes() == b"rows"
        found = copy.stat()
        with copy.open("r+b") as file:
            file.write(b"ROWS")
        os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
        assert shelf.get(cache, PATH, check=True).read_bytes() == b"rows"
        assert shelf.fetched == [PATH] * 3

    def test_a_bad_arrival_is_fetched_once_more(self, shelf: Shelf) -> None:
        """What arrives damaged may have been damaged on the way."""
        expected = shelf.store(PATH, b"rows")
        arrivals = [b"r?ws", b"rows"]

        def fetch(target: Path) -> str:
            content = arrivals.pop(0)
            target.write_bytes(content)
            return digest(content)

        assert shelf.cache().get(PATH, expected=expected, fetch=fetch).read_bytes() == b"rows"
        assert arrivals == []

    def test_damage_in_the_store_is_said(self, shelf: Shelf) -> None:
        """A stored file with another checksum is never handed out, and leaves no copy."""
        shelf.store(PATH, b"other")
        with pytest.raises(StoreDamaged, match=r"2026-03/file\.parquet is damaged: .*adjoin sync"):
            shelf.cache().get(PATH, expected=digest(b"rows"), fetch=shelf.fetch(PATH))
        assert shelf.fetched == [PATH] * 2
        assert list(shelf.cache_folder.rglob("*.parquet")) == []

    def test_a_fetch_that_fails_leaves_nothing(self, shelf: Shelf) -> None:
        """A download that breaks off is no copy, and the next one starts anew."""
        shelf.store(PATH, b"rows")

        def broken(target: Path) -> str:
            target.write_bytes(b"ro")
            raise StateError("the store is away")

        cache = shelf.cache()
        with pytest.raises(StateError, match="away"):
            cache.get(PATH, expected=digest(b"rows"), fetch=broken)
        assert list(shelf.cache_folder.rglob("*.parquet")) == []
        assert shelf.get(cache, PATH).read_bytes() == b"rows"

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        """A cache that cannot be written names its folder."""
        (tmp_path / "cache").write_text("")
        shelf = Shelf(tmp_path / "cache")
        shelf.store(PATH, b"rows")
        with pytest.raises(StateError, match=r"Cannot write fact files in .*/cache"):
            shelf.get(shelf.cache(), PATH)


class TestRoom:
    def test_the_longest_unused_goes_first(self, shelf: Shelf) -> None:
        """Beyond the limit copies go by their last use, until the rest takes nine tenths of it."""
        cache = shelf.cache()
        for number in range(10):
            shelf.store(f"f{number}", bytes([number]) * 100)
            shelf.get(cache, f"f{number}")
            shelf.time += 60 * 10
        shelf.time += DAY
        shelf.get(cache, "f0")
        shelf.time += DAY
        shelf.store("new", b"n" * 100)
        shelf.get(cache, "new")
        assert shelf.held() == {"f0", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "new"}

    def test_what_was_handed_out_lately_stays(self, shelf: Shelf) -> None:
        """The limit gives way to readers, whichever process they are in."""
        shelf.limit = 250
        for number in range(5):
            shelf.store(f"f{number}", bytes([number]) * 100)
            shelf.get(shelf.cache(), f"f{number}")
            shelf.time += KEPT_SECONDS / 5
        assert shelf.held() == {"f0", "f1", "f2", "f3", "f4"}
        shelf.time += KEPT_SECONDS / 2
        shelf.get(shelf.cache(), "f0")
        shelf.cache().trim()
        assert shelf.held() == {"f0", "f3", "f4"}
        shelf.time += DAY
        shelf.cache().trim()
        assert shelf.held() == {"f0", "f4"}

    def test_an_open_file_stays_readable(self, shelf: Shelf) -> None:
        """Who reads for longer than a copy is kept still reads it to its end."""
        shelf.limit = 10
        shelf.store("f", b"r" * 100)
        with shelf.get(shelf.cache(), "f").open("rb") as file:
            shelf.time += DAY
            shelf.cache().trim()
            assert shelf.held() == set()
            assert file.read() == b"r" * 100

    def test_empty_folders_go(self, shelf: Shelf) -> None:
        """Years of runs and months do not leave a forest of folders."""
        shelf.limit = 10
        shelf.store("staging/run/slice/ad_daily.parquet", b"r" * 100)
        cache = shelf.cache()
        shelf.get(cache, "staging/run/slice/ad_daily.parquet")
        shelf.time += DAY
        cache.trim()
        assert list((shelf.cache_folder / "files").iterdir()) == []

    def test_forgetting(self, shelf: Shelf) -> None:
        """Copies of a removed file and of a finished run go at once, others stay."""
        names = ["staging/one/s/ad_daily.parquet", "staging/one/t/ad_daily.parquet", "staging/two/s/ad_daily.parquet"]
        cache = shelf.cache()
        for number, name in enumerate(names):
            shelf.store(name, bytes([number]))
            shelf.get(cache, name)
        cache.forget(names[1])
        cache.forget_below("staging/two")
        for name in names:
            shelf.get(cache, name)
        assert shelf.fetched == [*names, names[1], names[2]]

    def test_a_removed_copy_is_fetched_again(self, shelf: Shelf) -> None:
        """A cache that someone has emptied fills anew."""
        shelf.store(PATH, b"rows")
        cache = shelf.cache()
        shelf.get(cache, PATH).unlink()
        assert shelf.get(cache, PATH).read_bytes() == b"rows"


def _read_elsewhere(place: S3Place, folder: Path, expected: str) -> bytes:
    files = RemoteFiles(S3Objects(place), Cache(folder, limit=10**9))
    return files.local(PATH, expected=expected).read_bytes()


class TestProcesses:
    def test_processes_fetch_once(self, storage: Storage, bucket: str, tmp_path: Path) -> None:
        """Processes that share a home download a file once."""
        source = tmp_path / "source"
        source.write_bytes(b"rows" * 1000)
        place = storage.place(bucket)
        S3Objects(place).put(source, PATH)
        storage.requests.clear()
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            asked = [
                pool.submit(_read_elsewhere, place, tmp_path / "cache", digest(source.read_bytes())) for _ in range(4)
            ]
            assert {one.result(60) for one in asked} == {b"rows" * 1000}
        assert [one.method for one in storage.requests].count("GET") == 1
