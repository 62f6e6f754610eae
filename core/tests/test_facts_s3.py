"""Object storage: what is written is there whole or not at all, and every refusal says why and what to do."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.errors import BadInput, StateError, StoreDamaged
from adjoin.facts.files.choosing import s3_place
from adjoin.facts.files.remote import RemoteFiles
from adjoin.facts.files.s3 import S3Objects, S3Place, parse_url
from adjoin.facts.store import FactStore, StagedFile
from adjoin.settings import Settings, load_settings
from adjoin.testing.storage import Fault, Refusal, Request, Storage, full, read_only, wrong_key

PATH = "facts/default/meta/act%2F1/ad_daily/2026-03/f.parquet"
SECRET = "test-secret-that-nobody-may-see"
BIG = 25_000_000  # bytes, for an upload in parts


@pytest.fixture
def facts(storage: Storage, bucket: str, tmp_path: Path) -> FactStore:
    return FactStore(tmp_path / "home", storage.files(tmp_path / "home", bucket=bucket))


@pytest.fixture
def objects(storage: Storage, bucket: str) -> S3Objects:
    return S3Objects(storage.place(bucket))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.parquet"
    path.write_bytes(b"rows" * 100)
    return path


def stage(facts: FactStore) -> StagedFile:
    schema = arrow_schema("ad_daily")
    row = dict.fromkeys(schema.names) | {"date": date(2026, 3, 1), "account_id": "act_1"}
    row |= dict.fromkeys(("campaign_id", "ad_group_id", "ad_id"), "x")
    with facts.stage(
        run_id="run",
        slice_id="slice",
        dataset="ad_daily",
        platform="meta",
        account_id="act_1",
        window=DateWindow(since=date(2026, 3, 1), until=date(2026, 3, 1)),
    ) as writer:
        writer.append(pa.RecordBatch.from_pylist([row], schema=schema))
    return writer.staged


def methods(storage: Storage) -> list[str]:
    return [one.method for one in storage.requests]


class TestObjects:
    def test_a_small_file_is_one_request(self, storage: Storage, objects: S3Objects, source: Path) -> None:
        """A month's file costs one request to store; the name keeps its percent signs."""
        storage.requests.clear()
        objects.put(source, PATH)
        assert storage.requests == [Request("PUT", f"{objects.place.bucket}/adjoin/{PATH}", "")]
        [found] = objects.list("facts")
        assert (found.path, found.bytes) == (PATH, 400)
        assert abs(found.modified_at - datetime.now(UTC)) < timedelta(minutes=5)

    def test_a_large_file_goes_in_parts(self, storage: Storage, objects: S3Objects, tmp_path: Path) -> None:
        """What is larger than a part comes back as it was."""
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(bytes(range(256)) * (BIG // 256))
        objects.put(source, PATH)
        assert sum("partNumber" in one.query for one in storage.requests) >= 2
        found = objects.get(PATH, target)
        assert target.read_bytes() == source.read_bytes()
        assert found == objects.checksum(PATH)

    @pytest.mark.parametrize("request_of", ["partNumber=2&", "uploadId="])
    def test_a_part_that_fails_makes_no_object(
        self, storage: Storage, objects: S3Objects, tmp_path: Path, request_of: str
    ) -> None:
        """A store that is full in the middle of a large file, or at its end, has nothing of it."""
        source = tmp_path / "source"
        source.write_bytes(b"x" * BIG)
        storage.fault = lambda request: (
            Refusal(507, "XMinioStorageFull") if request.query.startswith(request_of) else None
        )
        with pytest.raises(StateError, match="no room left"):
            objects.put(source, PATH)
        storage.fault = None
        assert sum("partNumber" in one.query for one in storage.requests) >= 2
        assert objects.size(PATH) is None
        assert list(objects.list("facts")) == []

    def test_a_source_that_breaks_makes_no_object(
        self, objects: S3Objects, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A disk that fails while a file is uploaded leaves no half object."""
        pieces: list[bytes | Exception] = [b"rows", OSError(5, "Input/output error")]

        class Broken:
            def __enter__(self) -> Broken:
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def read(self, _: int) -> bytes:
                piece = pieces.pop(0)
                if isinstance(piece, Exception):
                    raise piece
                return piece

        monkeypatch.setattr(Path, "open", lambda *_: Broken())
        with pytest.raises(StateError, match="Input/output error"):
            objects.put(source, PATH)
        assert objects.size(PATH) is None

    def test_a_fault_that_passes_is_tried_again(self, storage: Storage, bucket: str, source: Path) -> None:
        """A store that asks to slow down once is asked again."""
        answers = [Refusal(503, "SlowDown")]
        storage.fault = lambda _: answers.pop() if answers else None
        S3Objects(storage.place(bucket, attempts=3)).put(source, PATH)
        assert methods(storage)[-2:] == ["PUT", "PUT"]

    def test_repeats_are_bounded(self, storage: Storage, bucket: str, source: Path) -> None:
        """A store that always fails is asked as often as was said, and not for ever."""
        storage.requests.clear()
        storage.fault = lambda _: Refusal(500, "InternalError")
        with pytest.raises(StateError, match="a fault of its own; try again later"):
            S3Objects(storage.place(bucket, attempts=2)).put(source, PATH)
        assert methods(storage) == ["PUT", "PUT"]

    def test_a_store_that_never_answers(self, storage: Storage, tmp_path: Path) -> None:
        """A request without an answer ends."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            place = S3Place(
                bucket="facts",
                endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}",
                access_key="key",
                secret_key=SECRET,
                attempts=1,
                patience=1.0,
            )
            with pytest.raises(StateError, match=r"cannot be read: http://127\.0\.0\.1:\d+: it did not answer in time"):
                S3Objects(place).size(PATH)

    def test_an_endpoint_below_a_path(self, storage: Storage, bucket: str, source: Path) -> None:
        """Stores that serve S3 below a path of their address are reached there."""
        place = storage.place(bucket)
        below = S3Place(
            bucket=bucket,
            endpoint=f"{storage.endpoint}/storage/v1/s3",
            access_key=place.access_key,
            secret_key=place.secret_key,
            attempts=1,
        )
        storage.requests.clear()
        storage.fault = lambda _: Refusal(404, "NoSuchKey")
        with pytest.raises(StateError):
            S3Objects(below).put(source, PATH)
        assert storage.requests[0].path == f"storage/v1/s3/{bucket}/{PATH}"


ASKS: dict[str, Callable[[FactStore], Any]] = {
    "stage": stage,
    "check": lambda facts: facts.check(),
    "read": lambda facts: facts.local(PATH, expected="0" * 64),
    "intact": lambda facts: facts.intact(PATH, expected="0" * 64),
    "verify": lambda facts: facts.verify(PATH, expected="0" * 64),
    "size": lambda facts: facts.size(PATH),
    "list": lambda facts: list(facts.list("facts")),
    "remove": lambda facts: facts.remove(PATH),
    "clear": lambda facts: facts.clear_staging("run"),
}

FAULTS: dict[str, tuple[Fault, str]] = {
    "wrong key": (wrong_key, r"access key; check AWS_ACCESS_KEY_ID|do not allow it; they need GetObject"),
    "wrong secret": (
        lambda _: Refusal(403, "SignatureDoesNotMatch"),
        r"the secret does not belong to the access key|do not allow it; they need GetObject",
    ),
    "expired": (
        lambda _: Refusal(400, "ExpiredToken"),
        r"the session token has expired; check AWS|it refused the request; check AWS",
    ),
    "another region": (lambda _: Refusal(301, "PermanentRedirect"), r"in another region; set ADJOIN_FACTS_REGION"),
    "overloaded": (lambda _: Refusal(503, "SlowDown"), r"try again later; what was committed is safe"),
    "unheard of": (lambda _: Refusal(418, "Teapot"), r"the store answered (Teapot|UNKNOWN), HTTP 418"),
}


class TestRefusals:
    @pytest.mark.parametrize("ask", ASKS)
    @pytest.mark.parametrize("fault", FAULTS)
    def test_every_refusal_is_explained(self, storage: Storage, facts: FactStore, fault: str, ask: str) -> None:
        """Whatever is asked, the answer names the store and what to do, and holds no secret."""
        storage.fault, says = FAULTS[fault]
        with pytest.raises(StateError, match=says) as caught:
            ASKS[ask](facts)
        assert not isinstance(caught.value, StoreDamaged), "a store that refuses has lost nothing"
        assert facts.where in str(caught.value)
        assert "test-key" not in str(caught.value)
        assert "test-secret" not in str(caught.value)

    @pytest.mark.parametrize("ask", ASKS)
    def test_switched_off(self, storage: Storage, facts: FactStore, ask: str) -> None:
        """A store that is not there is named by its address."""
        storage.switch_off()
        with pytest.raises(StateError, match=r"127\.0\.0\.1:\d+: it does not accept connections; check ADJOIN_FACTS"):
            ASKS[ask](facts)

    @pytest.mark.parametrize("ask", ASKS)
    def test_no_bucket(self, storage: Storage, tmp_path: Path, ask: str) -> None:
        """A bucket that does not exist is not an empty one, nor damage."""
        facts = FactStore(tmp_path, storage.files(tmp_path, bucket="nowhere-to-be-found"))
        with pytest.raises(
            StateError, match="there is no such bucket; create it, or correct ADJOIN_FACTS_URL"
        ) as caught:
            ASKS[ask](facts)
        assert not isinstance(caught.value, StoreDamaged)

    @pytest.mark.parametrize(("fault", "says"), [(read_only, "do not allow it"), (full, "no room left")])
    def test_a_store_that_takes_nothing(
        self, storage: Storage, facts: FactStore, fault: Fault, says: str, tmp_path: Path
    ) -> None:
        """Where writing is refused, what is there can be read and nothing new half exists, here or there."""
        staged = stage(facts)
        storage.fault = fault
        with pytest.raises(StateError, match=f"cannot be written: .*{says}"):
            facts.check()
        schema = pa.schema([pa.field("here", pa.string())])
        with pytest.raises(StateError, match=says), facts.create(PATH, schema) as file:
            file.publish()
        facts.verify(staged.path, expected=staged.checksum)
        assert facts.size(PATH) is None
        assert [path for path in tmp_path.glob("home/cache/facts/drafts/**/*") if path.is_file()] == []

    def test_a_name_that_cannot_be_resolved(self, tmp_path: Path) -> None:
        """An address with a slip is told from one that refuses."""
        place = S3Place(
            bucket="facts", endpoint="http://no.such.host.invalid", access_key="a", secret_key="b", attempts=1
        )
        with pytest.raises(StateError, match=r"no\.such\.host\.invalid: its name cannot be resolved; check ADJOIN"):
            S3Objects(place).size(PATH)


class TestReading:
    def test_what_was_written_here_is_not_fetched(self, storage: Storage, facts: FactStore) -> None:
        """The machine that wrote a file has its copy already."""
        staged = stage(facts)
        facts.local(staged.path, expected=staged.checksum)
        facts.intact(staged.path, expected=staged.checksum)
        assert "GET" not in methods(storage)

    def test_another_machine_fetches_once(
        self, storage: Storage, bucket: str, facts: FactStore, tmp_path: Path
    ) -> None:
        """A second home reads what the first has written, once."""
        staged = stage(facts)
        other = FactStore(tmp_path / "other", storage.files(tmp_path / "other", bucket=bucket))
        storage.requests.clear()
        mine = facts.local(staged.path, expected=staged.checksum)
        for _ in range(3):
            assert other.local(staged.path, expected=staged.checksum).read_bytes() == mine.read_bytes()
            other.intact(staged.path, expected=staged.checksum)
        assert methods(storage).count("GET") == 1

    def test_a_file_that_is_gone_from_the_store_is_damage(self, storage: Storage, facts: FactStore) -> None:
        """A copy here does not hide that others cannot read the file any more."""
        staged = stage(facts)
        _objects(facts).remove(staged.path)
        with pytest.raises(StoreDamaged, match=r"s3://.*ad_daily\.parquet is gone\. .*adjoin sync"):
            facts.intact(staged.path, expected=staged.checksum)
        with pytest.raises(StoreDamaged, match="is gone"):
            facts.verify(staged.path, expected=staged.checksum)

    def test_a_file_that_was_changed_in_the_store(self, facts: FactStore, tmp_path: Path, source: Path) -> None:
        """Size tells at once, the bytes when the stored file itself is read."""
        staged = stage(facts)
        _objects(facts).put(source, staged.path)
        with pytest.raises(StoreDamaged, match=r"has 400 bytes instead of \d+"):
            facts.intact(staged.path, expected=staged.checksum)
        source.write_bytes(b"x" * facts.local(staged.path, expected=staged.checksum).stat().st_size)
        _objects(facts).put(source, staged.path)
        with pytest.raises(StoreDamaged, match="its checksum has changed"):
            facts.verify(staged.path, expected=staged.checksum)

    def test_prefixes_are_apart(self, storage: Storage, bucket: str, tmp_path: Path) -> None:
        """Two installations in one bucket do not see or clear each other's files."""
        one = FactStore(tmp_path / "1", storage.files(tmp_path / "1", bucket=bucket, prefix="one"))
        two = FactStore(tmp_path / "2", storage.files(tmp_path / "2", bucket=bucket, prefix="on"))
        staged = stage(one)
        two.clear_staging("run")
        assert list(two.list("staging")) == []
        assert [found.path for found in one.list("staging")] == [staged.path]


def _objects(facts: FactStore) -> S3Objects:
    files = facts.files
    assert isinstance(files, RemoteFiles)
    assert isinstance(files.objects, S3Objects)
    return files.objects


class TestSettings:
    @pytest.mark.parametrize(
        ("url", "bucket", "prefix"),
        [
            ("s3://facts", "facts", ""),
            ("s3://facts/", "facts", ""),
            ("s3://my.facts-1/a/b/", "my.facts-1", "a/b"),
        ],
    )
    def test_urls(self, url: str, bucket: str, prefix: str) -> None:
        """A bucket with or without a prefix."""
        place = parse_url(url)
        assert (place.bucket, place.prefix) == (bucket, prefix)
        assert place.url == url.rstrip("/")

    @pytest.mark.parametrize(
        "url",
        ["facts", "/srv/facts", "https://facts/a", "s3://", "s3:///a", "s3://b", "s3://bucket/../other", "s3://a b/c"],
    )
    def test_impossible_urls(self, url: str) -> None:
        """What is no bucket is refused with the form that is."""
        with pytest.raises(BadInput, match="ADJOIN_FACTS_URL"):
            parse_url(url)

    @pytest.mark.parametrize("url", [f"s3://key:{SECRET}@bucket/a", f"s3://bucket/a?secret_key={SECRET}"])
    def test_secrets_do_not_belong_in_the_url(self, url: str) -> None:
        """A URL with credentials is refused and not repeated."""
        with pytest.raises(BadInput, match="credentials belong in AWS_ACCESS_KEY_ID") as caught:
            parse_url(url)
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("endpoint", ["storage.example.com", f"https://key:{SECRET}@example.com", "ftp://a"])
    def test_impossible_endpoints(self, tmp_path: Path, endpoint: str) -> None:
        """An address must be one, and is not repeated where it might hold a secret."""
        settings = Settings(home=tmp_path, facts_url="s3://facts", facts_endpoint=endpoint)
        with pytest.raises(BadInput, match=r"ADJOIN_FACTS_ENDPOINT must be an address such as https") as caught:
            FactStore.open(settings, {})
        assert SECRET not in str(caught.value)

    def test_own_settings_come_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """ADJOIN_FACTS_... goes before AWS_..., and credentials are never mixed."""
        environ = {
            "AWS_ACCESS_KEY_ID": "aws-key",
            "AWS_SECRET_ACCESS_KEY": "aws-secret",
            "AWS_SESSION_TOKEN": "aws-token",
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": "http://aws.test",
        }
        place = s3_place(Settings(home=tmp_path), environ, url="s3://facts")
        assert (place.access_key, place.secret_key, place.session_token) == ("aws-key", "aws-secret", "aws-token")
        assert (place.region, place.endpoint) == ("eu-west-1", "http://aws.test")
        for name, value in {"ACCESS_KEY_ID": "own", "SECRET_ACCESS_KEY": SECRET, "REGION": "eu-north-1"}.items():
            monkeypatch.setenv(f"ADJOIN_FACTS_{name}", value)
        settings = load_settings(tmp_path)
        place = s3_place(settings, environ, url="s3://facts")
        assert (place.access_key, place.secret_key, place.session_token) == ("own", SECRET, "")
        assert place.region == "eu-north-1"
        assert SECRET not in repr(place) + repr(settings) + str(settings)

    def test_half_a_credential(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A key without its secret is a slip."""
        monkeypatch.setenv("ADJOIN_FACTS_ACCESS_KEY_ID", "own")
        with pytest.raises(BadInput, match="go together"):
            s3_place(load_settings(tmp_path), {}, url="s3://facts")

    def test_the_default_is_below_home(self, tmp_path: Path) -> None:
        """Without a URL nothing of object storage is set up."""
        facts = FactStore.open(Settings(home=tmp_path), {})
        assert facts.where == str(tmp_path)
        assert facts.local("facts/f.parquet", expected="") == tmp_path / "facts/f.parquet"

    def test_opening_connects_to_nothing(self, tmp_path: Path) -> None:
        """A store that is away is noticed when it is used, so that commands that do not need it still work."""
        settings = Settings(home=tmp_path, facts_url="s3://facts/a", facts_endpoint="http://127.0.0.1:1")
        assert FactStore.open(settings, {}).where == "s3://facts/a"

    def test_nothing_is_logged(self, storage: Storage, facts: FactStore, caplog: pytest.LogCaptureFixture) -> None:
        """Neither a key nor a secret gets into a log, of success or failure."""
        with caplog.at_level(logging.DEBUG):
            stage(facts)
            storage.fault = wrong_key
            with pytest.raises(StateError):
                stage(facts)
        assert "test-key" not in caplog.text
        assert "test-secret" not in caplog.text
