"""A local object store over real HTTP, for tests: moto's S3 in a thread, with faults that can be switched on.

    with object_storage() as storage:
        facts = FactStore(home, storage.files(home, bucket="facts"))
        storage.fault = read_only

Needs the package moto with its extras `s3` and `server`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adjoin.facts.files.cache import Cache
from adjoin.facts.files.remote import RemoteFiles
from adjoin.facts.files.s3 import S3Objects, S3Place

__all__ = ["Fault", "Refusal", "Request", "Storage", "full", "object_storage", "read_only", "wrong_key"]

HOST = "127.0.0.1"
_KEY, _SECRET = "test-key", "test-secret-that-nobody-may-see"
_WRITES = ("PUT", "POST", "DELETE")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came in. `path` begins with the bucket; `query` is as sent."""

    method: str
    path: str
    query: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that a store gives in place of the real one."""

    status: int
    code: str


Fault = Callable[[Request], Refusal | None]


def read_only(request: Request) -> Refusal | None:
    """Allow reading and nothing else."""
    return Refusal(403, "AccessDenied") if request.method in _WRITES else None


def full(request: Request) -> Refusal | None:
    """Have no room for new objects."""
    return Refusal(507, "XMinioStorageFull") if request.method in ("PUT", "POST") else None


def wrong_key(request: Request) -> Refusal | None:
    """Know no access key."""
    return Refusal(403, "InvalidAccessKeyId")


@dataclass
class Storage:
    """The store. `fault` is asked before each request; `requests` are all that came in."""

    port: int = 0
    fault: Fault | None = None
    requests: list[Request] = field(default_factory=list)
    _server: Any = None
    _thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process use this store: credentials and address, without ADJOIN_FACTS_URL."""
        return {
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def place(self, bucket: str, prefix: str = "adjoin", *, attempts: int = 1) -> S3Place:
        """Return the address of a bucket here, with credentials. Without repeats, so that a fault shows at once."""
        return S3Place(
            bucket=bucket,
            prefix=prefix,
            endpoint=self.endpoint,
            access_key=_KEY,
            secret_key=_SECRET,
            attempts=attempts,
        )

    def files(self, home: Path, *, bucket: str, prefix: str = "adjoin", cache_bytes: int = 10**9) -> RemoteFiles:
        """Return the files of a bucket as a machine with this home has them."""
        return RemoteFiles(S3Objects(self.place(bucket, prefix)), Cache(home / "cache" / "facts", limit=cache_bytes))

    def make_bucket(self, name: str) -> None:
        from pyarrow.fs import S3FileSystem

        S3FileSystem(
            access_key=_KEY,
            secret_key=_SECRET,
            region="us-east-1",
            scheme="http",
            endpoint_override=f"{HOST}:{self.port}",
            allow_bucket_creation=True,
        ).create_dir(name)

    def switch_on(self) -> None:
        """Serve, on the port of before; what was stored is still there. Does nothing where it serves."""
        if self._server is not None:
            return
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = make_server(
            HOST, self.port, self._guarded(DomainDispatcherApplication(create_backend_app)), threaded=True
        )
        self.port = self._server.port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="object storage", daemon=True
        )
        self._thread.start()

    def switch_off(self) -> None:
        """Stop listening: connections are refused from now on."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def _guarded(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            request = Request(environ["REQUEST_METHOD"], environ["PATH_INFO"].lstrip("/"), environ["QUERY_STRING"])
            self.requests.append(request)
            refusal = self.fault(request) if self.fault is not None else None
            if refusal is None:
                return app(environ, start_response)
            # The body has to be read, or the client sees a broken connection in place of the answer.
            chunked = environ.get("HTTP_TRANSFER_ENCODING") == "chunked"
            environ["wsgi.input"].read(-1 if chunked else int(environ.get("CONTENT_LENGTH") or 0))
            said = f"<Error><Code>{refusal.code}</Code><Message>{_KEY}</Message></Error>"
            body = b"" if request.method == "HEAD" else said.encode()
            start_response(
                f"{refusal.status} Refused", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
            )
            return [body]

        return guarded


@contextmanager
def object_storage() -> Iterator[Storage]:
    """Run a store on a free port of this machine."""
    storage = Storage()
    storage.switch_on()
    try:
        yield storage
    finally:
        storage.switch_off()
