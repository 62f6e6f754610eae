"""No secret of people comes out: a life at the doors of a real dashboard, and then all that it left is searched."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlmodel import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adjoin.access import api_tokens
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.db.people import User
from adjoin.testing.auth import totp
from adjoin.testing.packages import Packages
from adjoin.testing.server import running
from adjoin_auth.testing.identity_provider import IdentityProvider

from .canary_scene import Scene, scene_below
from .canary_search import Canary, ProcessList, canary, found_in

EMAIL, INVITED = "ada@company.example", "bob@company.example"
_DEADLINE = 120  # seconds; far more than is needed, for a machine that is busy
_LOOK_AGAIN = 0.2

#: A mailer that hands mails over to the test, and then says that it could not, with all that it knows.
MAILER = """
import os
import urllib.request

from adjoin.contract import hookimpl
from adjoin.mail.v1 import Mailer


class Postbox(Mailer):
    @hookimpl
    def send(self, mail):
        asked = urllib.request.Request(os.environ["POSTBOX_URL"], data=mail.text.encode())
        urllib.request.urlopen(asked).read()
        raise ValueError(f"cannot send {mail.text}")


mailer = Postbox()
"""


@dataclass
class Postbox:
    """Takes mails. Each comes several times, as its mailer says that it failed."""

    texts: list[str] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        self.texts.append((await request.body()).decode())
        return Response()

    def token(self, path: str) -> str:
        """Wait for a mail with a link to a page, and return the token behind its #."""
        deadline = monotonic() + _DEADLINE
        while monotonic() < deadline:
            for text in self.texts:
                if found := re.search(rf"{path}#(\S+)", text):
                    self.texts.remove(text)
                    return found[1]
            sleep(_LOOK_AGAIN)
        raise AssertionError(f"no mail with a link to {path} has come")


@dataclass
class Visitor:
    """A browser. Every new token that it gets is one of the scene's secrets."""

    scene: Scene
    client: httpx.Client

    def know(self, name: str, text: str) -> str:
        if text and all(one.text != text for one in self.scene.canaries):
            self.scene.canaries.append(Canary(f"{name} {len(self.scene.canaries)}", text, text))
        return text

    def ask(self, method: str, url: str, **options: object) -> httpx.Response:
        answer = self.client.request(method, url, **options)  # type: ignore[arg-type]
        for half in self.client.cookies.get("adjoin_session", "").split("."):
            self.know("session", half)
        self.know("form", self.client.cookies.get("adjoin_form", ""))
        self.scene.said.append((f"{method} {url}: where to", answer.headers.get("location", "").encode()))
        return answer

    def send(self, path: str, **fields: str) -> httpx.Response:
        """Open a page and send its form."""
        found = re.search(r'name="csrf"\s+value="([^"]+)"', self.ask("GET", path).text)
        assert found is not None, f"the page {path} has no form"
        return self.ask("POST", path, data={"csrf": found[1], **fields})


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with scene_below(tmp_path) as made:
        yield made


def test_no_secret_of_people_comes_out(scene: Scene, tmp_path: Path) -> None:
    """Passwords, tokens of sessions, links and scripts, seeds, states and verifiers: not to a log, a file, the
    database, a traceback, an address or the process list.
    """
    postbox = Postbox()
    company = IdentityProvider(
        {"ada": {"sub": "1", "email": EMAIL, "email_verified": True}}, secret=canary("secret of the company").text
    )
    Packages(tmp_path / "packages").add(
        "adjoin-postbox", modules={"postbox": MAILER}, entry_points={"adjoin.mail.v1": {"postbox": "postbox:mailer"}}
    )
    with running(postbox.app) as address, running(company.app) as issuer, ProcessList() as processes:
        company.issuer = issuer
        scene.canaries.append(Canary("secret of the company", company.secret, company.secret))
        scene.environment = {
            **scene.environment,
            **{f"ADJOIN_AUTH_{name.upper()}": value for name, value in company.settings(title="Company").items()},
            "ADJOIN_MAILER": "postbox",
            "ADJOIN_REGISTRATION": "open",
            "POSTBOX_URL": address,
        }
        scene.run("init", code=0)
        with dashboard(scene) as visitor:
            secret = come_in(visitor, postbox)
            connect(visitor)
            come_by_company(visitor, company)
            forget(visitor, postbox, secret)
        script(scene, postbox)
    assert len(processes.shown) > 3, "processes were seen"
    assert found_in(b"\n".join(processes.shown), [*scene.canaries, *scene.platform.canaries]) == set()
    assert scene.leaks() == {}
    kinds = {one.name.rstrip("0123456789 ") for one in [*scene.canaries, *scene.platform.canaries]}
    assert kinds >= KINDS


#: What was handed out, and looked for.
KINDS = {
    "session", "form", "password", "link", "seed", "recovery code", "state", "verifier", "code", "API token",
    "invitation", "secret of the company", "state of the company", "begun", "access token",
}  # fmt: skip


@contextmanager
def dashboard(scene: Scene) -> Iterator[Visitor]:
    """The dashboard of the scene, with a visitor, who is told everything that may go wrong."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{base}/healthz", trust_env=False).status_code < 500
        except httpx.TransportError:
            return False

    command = ("-m", "adjoin", "--debug", "dashboard", "--port", str(port))
    with scene.service(*command, until=answers, end=signal.SIGTERM):
        headers = {"accept": "text/html", "origin": base}
        with httpx.Client(base_url=base, trust_env=False, headers=headers, timeout=_DEADLINE) as client:
            yield Visitor(scene, client)


def come_in(visitor: Visitor, postbox: Postbox) -> str:
    """Register, confirm, set up a second factor and sign in with it; return its seed."""
    password = visitor.know("password", canary("x", "{} Ü+/").text)
    assert visitor.send("/auth/register", email=EMAIL, new_password=password).status_code == 303
    token = visitor.know("link", postbox.token("/auth/confirm"))
    visitor.ask("GET", "/auth/reset", params={"x": "y"})
    assert visitor.send("/auth/reset", token=token, new_password=password).status_code == 400, "a link of another kind"
    assert visitor.send("/auth/confirm", token=token).status_code == 303
    assert visitor.send("/auth/confirm", token=token).status_code == 400, "used up"
    shown = visitor.send("/auth/account/second-factor", do="enroll", label="phone").text
    (key,) = re.findall(r'<dd class="code">([^<]+)</dd>', shown)
    secret = visitor.know("seed", key.replace(" ", ""))
    (enrollment,) = re.findall(r'name="enrollment" value="([^"]+)"', shown)
    code = totp(secret, datetime.now(UTC))
    wrong = visitor.send("/auth/account/second-factor", do="activate", enrollment=enrollment, code="000000")
    assert wrong.status_code == 401
    done = visitor.send("/auth/account/second-factor", do="activate", enrollment=enrollment, code=code)
    assert done.status_code == 200
    for one in re.findall(r"<li><code>([^<]+)</code></li>", done.text):
        visitor.know("recovery code", one)
    assert visitor.send("/auth/sign-out").status_code == 303
    assert visitor.send("/auth/sign-in", email=EMAIL, password=password + "x").status_code == 401
    assert visitor.send("/auth/sign-in", email=EMAIL, password=password).headers["location"] == "/auth/second-factor"
    recovery = next(one.text for one in visitor.scene.canaries if one.name.startswith("recovery code"))
    assert visitor.send("/auth/second-factor", code=recovery).headers["location"] == "/"
    return secret


def connect(visitor: Visitor) -> None:
    """Connect a platform: refused by it in words that repeat everything, by an exception, and at last."""
    for mode, expected in (("refuse", 502), ("raise", 502), ("", 303)):
        visitor.scene.mode(mode)
        left = visitor.send("/connect/leaky", place="platform", label="Leaky")
        assert left.status_code == 200
        (url,) = re.findall(r'href="(http://127[^"]+/consent[^"]+)"', left.text)
        (state,) = parse_qs(urlsplit(unescape(url)).query)["state"]
        visitor.know("state", state)
        back = httpx.get(unescape(url), trust_env=False).headers["location"]
        answer = visitor.ask("GET", back)
        assert answer.status_code == expected, answer.text
        visitor.scene.said.append((f"the page after {mode!r}", answer.content))
        assert visitor.ask("GET", back).status_code == 410, "used up"


def come_by_company(visitor: Visitor, company: IdentityProvider) -> None:
    """Let the company vouch for who is signed in, once well and once with a state that is not ours."""
    for person, tampered in (("ada", True), ("ada", False)):
        found = re.search(r'name="csrf"\s+value="([^"]+)"', visitor.ask("GET", "/auth/account/sign-in").text)
        assert found is not None
        left = visitor.ask("POST", "/auth/with/company", data={"csrf": found[1], "purpose": "link", "next": "/"})
        assert left.status_code == 200, left.text
        visitor.know("begun", visitor.client.cookies.get("adjoin_with", ""))
        (url,) = re.findall(rf'href="({re.escape(company.issuer)}[^"]+)"', left.text)
        answer = company.consents(unescape(url), person)
        for name in ("state", "code"):
            visitor.know(f"{name} of the company", answer[name])
        if tampered:
            answer["state"] = visitor.know("state of the company", answer["state"][::-1])
        back = visitor.ask("GET", "/auth/with/company/back", params=answer)
        assert back.status_code == (400 if tampered else 303), back.text


def forget(visitor: Visitor, postbox: Postbox, secret: str) -> None:
    """Reset the password by a mailed link, and sign out everywhere."""
    assert visitor.send("/auth/sign-out", where="everywhere").status_code == 303
    assert visitor.send("/auth/forgot", email=EMAIL).status_code == 303
    token = visitor.know("link", postbox.token("/auth/reset"))
    assert visitor.send("/auth/reset", token=token, new_password="short").status_code == 400
    password = visitor.know("password", canary("x", "{} again").text)
    assert visitor.send("/auth/reset", token=token, new_password=password).headers["location"] == "/auth/second-factor"
    visitor.send("/auth/second-factor", code=totp(secret, datetime.now(UTC) + timedelta(hours=1)))


def script(scene: Scene, postbox: Postbox) -> None:
    """Invite somebody, and use a script's key: a good one, a wrong one and one for what it may not."""
    scene.run("--debug", "members", "invite", INVITED, code=0)
    token = postbox.token("/auth/invitation")
    scene.canaries.append(Canary("invitation", token, token))
    now = datetime.now(UTC)
    with Store.open(f"sqlite:///{scene.folder / 'home' / 'adjoin.db'}") as store, store.write() as session:
        user = session.exec(select(User).where(User.email == EMAIL)).one()
        made = api_tokens.create(
            session,
            DEFAULT_WORKSPACE,
            name="script",
            scopes=[Permission.READ_REPORTS],
            lifetime=None,
            by=Actor.user(user.id),
            now=now,
        )
    scene.canaries.append(Canary("API token", made.token, made.token))
    scene.run("--debug", "report", ADJOIN_TOKEN=made.token)
    scene.run("--debug", "members", "invite", "eve@company.example", ADJOIN_TOKEN=made.token, code=1)
    scene.run("--debug", "report", ADJOIN_TOKEN=made.token[:-1] + "!", code=2)
