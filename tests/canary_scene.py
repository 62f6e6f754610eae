"""An installation in which everything can leak: marked secrets, a platform that quotes them, a plugin that blurts."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from adjoin.testing.packages import Packages
from adjoin.testing.server import running

from .canary_search import Canary, canary, found_below, found_in, key_canary

_DEADLINE = 120  # seconds; far more than is needed, for a machine that is busy
_LOOK_AGAIN = 0.1

#: A platform that repeats whatever it is sent, and a product that quotes secrets when it fails. Both fail on request:
#: the file MODE says how.
PLUGIN = """
import os
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pyarrow as pa
import typer

from adjoin.ads import v2
from adjoin.ads.datasets import arrow_schema
from adjoin.contract import hookimpl
from adjoin.errors import ErrorKind
from adjoin.surface import v1 as surface


def mode():
    return Path(os.environ["LEAKY_MODE"]).read_text()


class Plugin:
    @hookimpl
    def describe(self):
        return v2.Description(
            title="Leaky", base_url=os.environ["LEAKY_URL"], api_version="1",
            auth=v2.Auth(methods=("oauth", "token"), pkce=True),
            streams=(v2.Stream(name="account_daily", kind="facts", look_back=(v2.LookBack(days=3),)),),
        )

    @hookimpl
    def consent_url(self, app, consent, base_url):
        asked = {"client_id": app.client_id, "redirect_uri": consent.redirect_uri, "state": consent.state}
        return f"{base_url}/consent?{urlencode(asked)}"

    @hookimpl
    async def redeem(self, grant, client):
        form = {"code": grant.code, "code_verifier": grant.code_verifier}
        return await self.token(client, grant_type="authorization_code", **form)

    @hookimpl
    async def renew(self, credential, client):
        if mode() == "raise in renew":
            raise KeyError(f"cannot renew {credential.refresh_token} of {client.app.client_secret}")
        return await self.token(client, grant_type="refresh_token", refresh_token=credential.refresh_token)

    async def token(self, client, **form):
        form |= {"client_id": client.app.client_id, "client_secret": client.app.client_secret}
        found = (await client.request("POST", "/token", form=form, authorised=False)).json()
        return v2.Credential(
            access_token=found["access_token"], refresh_token=found["refresh_token"], can_renew=True,
            extra={"id_token": found["id_token"]},
        )

    @hookimpl
    def inspect(self, reply):
        if reply.status < 400:
            return v2.Verdict(warning=reply.headers.get("x-warning", ""))
        kind = ErrorKind.REFRESH if reply.status == 401 else ErrorKind.INVALID
        text = reply.body.decode()
        return v2.Verdict(fault=v2.Fault(kind=kind, message=text, code=text[-60:], request_id=text[:60]))

    @hookimpl
    async def accounts(self, client):
        await self.ask(client, "/accounts")
        return [v2.Account(id="a1", name="One", currency="EUR", time_zone="UTC")]

    @hookimpl
    async def read(self, request, client):
        await self.ask(client, "/facts")
        window = request.window
        rows = [
            dict.fromkeys(arrow_schema("account_daily").names)
            | {"date": window.since + timedelta(days=n), "account_id": "a1", "clicks": 1}
            for n in range(window.days)
        ]
        schema = arrow_schema("account_daily")
        yield v2.FactBatch(dataset="account_daily", rows=pa.RecordBatch.from_pylist(rows, schema=schema))

    async def ask(self, client, path):
        token = await client.access_token()
        if mode() == "raise":
            raise ValueError(f"no luck with {token} and {client.app.client_secret}")
        await client.request("GET", path, params={"access_token": token, "proof": token}, headers={"X-Token": token})


class Product:
    @hookimpl
    def jobs(self):
        return [surface.Job(name="leak", run=leak, every=timedelta(seconds=1))]

    @hookimpl
    def routes(self):
        raise ValueError(secret())

    @hookimpl
    def pages(self):
        raise ValueError(secret())

    @hookimpl
    def commands(self):
        return [surface.Command(name="leak", help="Fail.", load=load)]


def secret():
    return f"the app secret is {os.environ['ADJOIN_LEAKY_CLIENT_SECRET']}"


async def leak(context):
    Path(os.environ["LEAKY_MODE"] + ".job").touch()
    raise RuntimeError(secret())


def load():
    app = typer.Typer()

    @app.command()
    def fail():
        local = secret()
        thread = threading.Thread(target=boom)
        thread.start()
        thread.join()
        raise RuntimeError(local) from ValueError(os.environ["ADJOIN_KEY"])

    return app


def boom():
    raise OSError(secret())


plugin, product = Plugin(), Product()
"""

#: What stands in for a person's browser.
BROWSER = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"


class Platform:
    """A platform that quotes every request in its refusals, and hands out marked tokens."""

    def __init__(self, mode: Path) -> None:
        self.mode = mode
        self.canaries: list[Canary] = []
        self.asked: list[str] = []
        self._valid: str = ""

    @property
    def app(self) -> Starlette:
        every = ["GET", "POST", "PUT", "HEAD"]
        return Starlette(
            routes=[
                Route("/consent", self.consent),
                Route("/token", self.token, methods=["POST"]),
                Route("/{path:path}", self.answer, methods=every),
            ]
        )

    def new(self, name: str, form: str = "{}") -> str:
        self.canaries.append(canary(f"{name} {len(self.canaries)}", form))
        return self.canaries[-1].text

    async def consent(self, request: Request) -> Response:
        query = request.query_params
        back = urlencode({"code": self.new("code", "4/{}"), "state": query["state"]})
        return RedirectResponse(f"{query['redirect_uri']}?{back}")

    async def token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        self.asked.append(f"token {form['grant_type'][0]}")
        self.canaries += [Canary(f"verifier {len(self.canaries)}", one, one) for one in form.get("code_verifier", [])]
        if self.mode.read_text() == "refuse":
            return await self.echo(request, 400)
        self._valid = self.new("access token", "ya/{}+a")
        answer = {"access_token": self._valid, "refresh_token": self.new("refresh token", "1//{}")}
        return JSONResponse(answer | {"id_token": self.new("id token")})

    async def answer(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        mode = self.mode.read_text()
        if mode == "refuse":
            return await self.echo(request, 400)
        if mode == "expired":
            self.mode.write_text("")
        if request.headers.get("authorization") != f"Bearer {self._valid}" or mode == "expired":
            return await self.echo(request, 401)
        return JSONResponse({}, headers={"x-warning": f"careful with {self._valid}"})

    async def echo(self, request: Request, status: int) -> Response:
        heard = f"{request.method} {request.url} {dict(request.headers)} {(await request.body()).decode()}"
        return Response(f"you said: {heard}", status, headers={"x-request-id": heard[:200].replace("\n", " ")})


@dataclass
class Scene:
    """An installation with marked secrets, and all that its commands have said."""

    folder: Path
    environment: Mapping[str, str]
    canaries: list[Canary]
    platform: Platform
    said: list[tuple[str, bytes]] = field(default_factory=list)

    def mode(self, text: str) -> None:
        self.platform.mode.write_text(text)

    def run(self, *arguments: str, stdin: str = "", code: int | None = None, **settings: str) -> str:
        """Run a command to its end; returns what it said on both streams."""
        with self.start("-m", "adjoin", *arguments, **settings) as process:
            out, err = process.communicate(stdin.encode(), timeout=_DEADLINE)
        self.said.append((shlex.join(arguments), out + b"\n" + err))
        text = (out + err).decode()
        assert code is None or process.returncode == code, f"{arguments} ended with {process.returncode}:\n{text}"
        return text

    def start(self, *command: str, **settings: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder / "work",
            env={**self.environment, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_allow_crash_files,
        )

    @contextmanager
    def service(
        self, *command: str, until: Callable[[], bool], end: signal.Signals
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a process that stays, until the block ends; wait at first for what shows that it works."""
        process = self.start(*command)
        kept: list[bytes] = []
        streams = [stream for stream in (process.stdout, process.stderr) if stream is not None]
        readers = [threading.Thread(target=kept.extend, args=(one,)) for one in streams]
        for reader in readers:
            reader.start()
        try:
            deadline = time.monotonic() + _DEADLINE
            while not until():
                assert process.poll() is None, kept
                assert time.monotonic() < deadline, (command, kept)
                time.sleep(_LOOK_AGAIN)
            yield process
        finally:
            process.send_signal(end)
            try:
                process.wait(_DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for reader in readers:
                reader.join()
            for stream in (*streams, process.stdin):
                if stream is not None:
                    stream.close()
            self.said.append((shlex.join(command), b"".join(kept)))

    def leaks(self) -> dict[str, set[str]]:
        """Search all that was said, and every file below the folder, for every secret."""
        everything = [*self.canaries, *self.platform.canaries]
        spoken = {what: found_in(said, everything) for what, said in self.said}
        return {what: hit for what, hit in spoken.items() if hit} | found_below(self.folder, everything)


def _allow_crash_files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


@contextmanager
def scene_below(tmp_path: Path) -> Iterator[Scene]:
    """Make an installation in which every setting that may be secret is marked.

    All folders that a program writes to lie below `scene`; what it is made of, which knows the secrets, lies beside.
    """
    for name in ("home", "tmp", "user", "work"):
        (tmp_path / "scene" / name).mkdir(parents=True)
    folder, packages = tmp_path / "scene", tmp_path / "packages"
    Packages(packages).add(
        "adjoin-leaky",
        modules={"leaky": PLUGIN},
        entry_points={"adjoin.ads.v2": {"leaky": "leaky:plugin"}, "adjoin.surface.v1": {"leaky": "leaky:product"}},
    )
    (tmp_path / "browser.py").write_text(BROWSER)
    platform = Platform(tmp_path / "mode")
    platform.mode.write_text("")
    secret = {
        "ADJOIN_KEY": key_canary(),
        "ADJOIN_LEAKY_CLIENT_SECRET": canary("app secret", "app/{}=x"),
        "ADJOIN_META_CLIENT_SECRET": canary("another app's secret"),
        "ADJOIN_FACTS_SECRET_ACCESS_KEY": canary("S3 secret", "s3/{}+"),
        "ADJOIN_SMTP_URL": canary("password of the mail server", "smtp://mailer:{}@127.0.0.1:1"),
        "AWS_SECRET_ACCESS_KEY": canary("AWS secret"),
        "PGPASSWORD": canary("password of PostgreSQL"),
    }
    with running(platform.app) as base:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ADJOIN_", "AWS_", "PG"))}
        environment = {
            **kept,
            **{name: one.text for name, one in secret.items()},
            "ADJOIN_HOME": str(folder / "home"),
            "ADJOIN_HISTORY_DAYS": "20",
            "ADJOIN_LEAKY_CLIENT_ID": "the-app",
            "BROWSER": f"{shlex.quote(sys.executable)} {shlex.quote(str(tmp_path / 'browser.py'))} %s",
            "COLUMNS": "400",
            "HOME": str(folder / "user"),
            "LEAKY_MODE": str(platform.mode),
            "LEAKY_URL": base,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(packages),
            "PYTHONWARNINGS": "ignore",
            "TMPDIR": str(folder / "tmp"),
        }
        yield Scene(folder, environment, list(secret.values()), platform)
