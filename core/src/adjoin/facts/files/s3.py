"""Object storage that speaks S3: Amazon's own and what is compatible with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adjoin.errors import BadInput, StoreDamaged
from adjoin.facts._parquet import explained
from adjoin.facts.files import s3_errors
from adjoin.facts.files.port import DAMAGED, StoredFile

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

__all__ = ["S3Objects", "S3Place", "parse_url"]

_CONNECT_SECONDS = 5.0
_CHUNK = 8 * 1024 * 1024

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """A bucket and how it is reached. Empty credentials: what the machine gives, as AWS's own tools find it.

    `endpoint` is a URL, empty for Amazon's. `attempts` counts the tries of one request where the fault may pass; the
    pauses between them sum up to a few seconds. A request without an answer for `patience` seconds is given up.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    attempts: int = 3
    patience: float = 30.0

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


def parse_url(url: str) -> S3Place:
    """Take `s3://bucket/prefix` apart. Raises BadInput, which repeats nothing that could be a secret."""
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise BadInput(
            "ADJOIN_FACTS_URL must be s3://bucket/prefix and nothing more: credentials belong in AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, an address in ADJOIN_FACTS_ENDPOINT."
        )
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc):
        raise BadInput(f"ADJOIN_FACTS_URL is {url!r}; it must look like s3://bucket/prefix.")
    folders = [name for name in parts.path.split("/") if name]
    if any(name in (".", "..") for name in folders):
        raise BadInput(f"ADJOIN_FACTS_URL is {url!r}; its prefix must not hold '.' or '..'.")
    return S3Place(bucket=parts.netloc, prefix="/".join(folders))


class S3Objects:
    """Files below a prefix of a bucket. The connection is made at first use; threads share it."""

    def __init__(self, place: S3Place) -> None:
        self.place = place
        if place.endpoint:
            parts = urlsplit(place.endpoint)
            if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
                raise BadInput("ADJOIN_FACTS_ENDPOINT must be an address such as https://storage.example.com.")

    @property
    def where(self) -> str:
        return self.place.url

    def put(self, source: Path, path: str) -> None:
        """Upload a file. A small one is one request; a large one goes in parts, which are no object until the last.

        When this raises, the store has nothing under the path, except where the connection broke before the store's
        answer arrived: then it may have the file, whole.
        """
        here = partial(explained, source.parent)
        with here():
            file = source.open("rb")

        def read() -> bytes:
            with here():
                return file.read(_CHUNK)

        with file:
            self._upload(read, path)

    def get(self, path: str, target: Path) -> str:
        here = partial(explained, target.parent)
        with here():
            file = target.open("wb")

        def write(piece: bytes) -> None:
            with here():
                file.write(piece)

        try:
            return self._download(path, write)
        finally:
            with here():
                file.close()

    def checksum(self, path: str) -> str:
        return self._download(path, lambda _: None)

    def size(self, path: str) -> int | None:
        from pyarrow.fs import FileType

        with self._explained("read", path):
            found = self._system.get_file_info(self._key(path))
        if found.type is FileType.File:
            return int(found.size)
        self._check_bucket()
        return None

    def list(self, folder: str) -> Iterator[StoredFile]:
        from pyarrow.fs import FileSelector, FileType

        with self._explained("listed", folder):
            found = self._system.get_file_info(FileSelector(self._key(folder), recursive=True, allow_not_found=True))
        if not found:  # Arrow says nothing of a bucket that is missing here
            self._check_bucket()
        skip = len(self._key(""))
        for one in found:
            if one.type is FileType.File:  # the others are markers that stand for folders
                yield StoredFile(path=one.path[skip:], bytes=one.size, modified_at=one.mtime or datetime.now(UTC))

    def remove(self, path: str) -> None:
        with self._explained("removed", path):
            try:
                self._system.delete_file(self._key(path))
            except FileNotFoundError:
                self._check_bucket()

    def clear(self, folder: str) -> None:
        with self._explained("removed", folder):
            try:
                self._system.delete_dir(self._key(folder))
            except FileNotFoundError:
                self._check_bucket()

    @cached_property
    def _system(self) -> S3FileSystem:
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

        place = self.place
        more: dict[str, Any] = {"allow_delayed_open": True}  # a small file is one request then
        if place.endpoint:
            parts = urlsplit(place.endpoint)
            more |= {"scheme": parts.scheme, "endpoint_override": (parts.netloc + parts.path).rstrip("/")}
        if place.access_key:
            more |= {"access_key": place.access_key, "secret_key": place.secret_key}
            more |= {"session_token": place.session_token} if place.session_token else {}
        if place.region or place.endpoint:
            more["region"] = place.region or "us-east-1"  # what stores of others expect where they expect anything
        with self._explained("reached", ""):
            return S3FileSystem(
                connect_timeout=_CONNECT_SECONDS,
                request_timeout=place.patience,
                retry_strategy=AwsStandardS3RetryStrategy(max_attempts=place.attempts),
                background_writes=False,  # so that an upload fails where it is written
                **more,
            )

    def _key(self, path: str) -> str:
        return "/".join(part for part in (self.place.bucket, self.place.prefix) if part) + f"/{path}"

    def _upload(self, read: Callable[[], bytes], path: str) -> None:
        with self._explained("written", path):
            stream = self._system.open_output_stream(self._key(path), buffer_size=0)
            try:
                while piece := read():
                    stream.write(piece)
            except BaseException:
                # Arrow can close a stream, not drop it, and closing may make an object of the parts that were sent.
                # Left to the garbage collector it would do the same, with all threads waiting for it.
                with suppress(OSError):
                    stream.close()
                with suppress(OSError):
                    self._system.delete_file(self._key(path))
                raise
            stream.close()

    def _download(self, path: str, write: Callable[[bytes], None]) -> str:
        digest = hashlib.sha256()
        with self._explained("read", path):
            try:
                stream = self._system.open_input_file(self._key(path))
            except FileNotFoundError:
                self._check_bucket()
                raise StoreDamaged(f"The fact file {self.where}/{path} is gone. {DAMAGED}") from None
            with stream:
                while piece := stream.read(_CHUNK):
                    digest.update(piece)
                    write(piece)
        return digest.hexdigest()

    def _check_bucket(self) -> None:
        """Say that the bucket is missing where that is why a file is: the answer to a single file does not tell."""
        from pyarrow.fs import FileType

        with self._explained("read", ""):
            if self._system.get_file_info(self.place.bucket).type is FileType.NotFound:
                raise s3_errors.no_bucket(self.place.bucket, self.where)

    @contextmanager
    def _explained(self, what: str, path: str) -> Iterator[None]:
        """Turn what Arrow raises into StateError that says why and what to do, without a secret."""
        try:
            yield
        except OSError as error:
            raise s3_errors.explain(error, what=what, path=path, place=self.place) from None
