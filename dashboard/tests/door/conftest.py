"""A browser before the doors, on a real store and the real provider `local`, with hashing that takes no time."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlmodel import select
from starlette.applications import Starlette
from starlette.middleware import Middleware

from adjoin.access import invitations, workspaces
from adjoin.access.actors import SYSTEM
from adjoin.access.invitations import InvitationMail
from adjoin.clock import ManualClock
from adjoin.db.people import Member, OutgoingMail, Role, User
from adjoin.kernel import Kernel
from adjoin.mail.outbox import send_due
from adjoin.mail.v1 import Mail
from adjoin_auth.local import plugin
from adjoin_auth.local.hashing import Argon2
from adjoin_dashboard.door import account, links, registering, sign_in
from adjoin_dashboard.door import invitation as invitation_page
from adjoin_dashboard.door.limits import Limits
from adjoin_dashboard.gate import Gate
from adjoin_dashboard.host import Host, open_host
from adjoin_dashboard.testing import make_store

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)
PASSWORD, OTHER = "garnet otter fjord 41", "violet anvil brook 88"
MODULES = (sign_in, registering, links, invitation_page, account)


class Browser:
    """Keeps cookies, sends forms as a browser does, and reads pages."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=house.app), base_url="http://127.0.0.1")

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request."""
        return self.house.runner.run(self.client.request(method, path, **options))

    def get(self, path: str) -> httpx.Response:
        return self.ask("GET", path, headers={"accept": "text/html"})

    def send(self, path: str, *, at: str | None = None, **fields: str) -> httpx.Response:
        """Open a page (`at`, else the one of `path`), and send a form to `path` with its hidden proof."""
        return self.ask("POST", path, data={"csrf": self.csrf(at or path)} | fields)

    def csrf(self, path: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)
        return found[1] if found else ""

    @property
    def token(self) -> str | None:
        return self.client.cookies.get("adjoin_session")

    def is_in(self) -> bool:
        """Whether somebody is signed in: the account page opens for nobody else."""
        return self.get("/auth/account").status_code == 200

    def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> httpx.Response:
        return self.send("/auth/sign-in", email=email, password=password, **more)


class House:
    """An installation and its mails."""

    def __init__(self, host: Host, clock: ManualClock, runner: asyncio.Runner) -> None:
        self.host = host
        self.clock = clock
        self.runner = runner
        self.app = Starlette(
            routes=[route for module in MODULES for route in module.routes(host)],
            middleware=[Middleware(Gate, host=host, limits=Limits(clock, burst=1_000_000))],
        )

    def browser(self) -> Browser:
        return Browser(self)

    def mails(self) -> list[Mail]:
        """What has left since the last time, oldest first."""
        sent: list[Mail] = []
        send_due(self.host.store, self.host.runtime.vault, sent.append, clock=self.clock)
        return sent

    def token(self, to: str) -> str:
        """The token of the newest mail to somebody that has one."""
        found = [re.search(r"#(\S+)", mail.text) for mail in self.mails() if mail.to == to]
        tokens = [one[1] for one in found if one is not None]
        return tokens[-1]

    def person(self, email: str, *, password: str = PASSWORD, member_of: str | None = None) -> Browser:
        """Register somebody, confirm their address and return their browser, signed in."""
        browser = self.browser()
        assert browser.send("/auth/register", email=email, new_password=password, name="Ada").status_code == 303
        assert browser.send("/auth/confirm", token=self.token(email)).status_code == 303
        assert browser.is_in()
        if member_of is not None:
            with self.host.store.write() as session:
                session.add(
                    Member(workspace_id=member_of, user_id=self.user(email).id, role=Role.OWNER, created_at=NOW)
                )
        return browser

    def user(self, email: str) -> User:
        with self.host.store.read() as session:
            return session.exec(select(User).where(User.email == email)).one()

    def workspace(self, name: str, owner: str) -> str:
        with self.host.store.write() as session:
            made = workspaces.create(session, name=name, owner_id=self.user(owner).id, by=SYSTEM, now=self.clock.now())
            return made.id

    def invite(self, workspace_id: str, email: str, role: Role = Role.ANALYST) -> str:
        """Invite somebody; return the token."""
        mails: list[InvitationMail] = []
        with self.host.store.write() as session:
            invitations.invite(
                session,
                workspace_id,
                email,
                role,
                by=SYSTEM,
                send=lambda _, mail: mails.append(mail),
                now=self.clock.now(),
            )
        return mails[0].token

    def waiting(self) -> int:
        with self.host.store.read() as session:
            return session.connection().execute(sa.select(sa.func.count()).select_from(OutgoingMail)).scalar_one()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with nobody in it."""
    home = tmp_path_factory.mktemp("template")
    make_store(home, [], now=NOW).close()
    return home


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operator has set: anybody may register."""
    for name in ("ADJOIN_DATABASE_URL", "ADJOIN_DISABLE", "ADJOIN_BASE_URL", "ADJOIN_AUTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ADJOIN_REGISTRATION", "open")


@pytest.fixture(scope="session")
def plugins() -> Iterator[Kernel]:
    """The installed plugins, loaded once."""
    kernel = Kernel.load()
    yield kernel
    kernel.close()


@pytest.fixture
def house(
    template: Path, tmp_path: Path, plugins: Kernel, settings: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    quick = Argon2(memory_kib=8, passes=1, parallelism=1)
    monkeypatch.setitem(vars(plugin), "_hasher", quick)
    monkeypatch.setattr(Kernel, "load", lambda **_: plugins)
    monkeypatch.setattr(plugins, "close", lambda: None)
    home = tmp_path / "home"
    shutil.copytree(template, home)
    clock = ManualClock(NOW)
    with open_host(home, clock=clock) as host, asyncio.Runner() as runner:
        yield House(host, clock, runner)
        runner.run(host.doors.settle())


@pytest.fixture
def browser(house: House) -> Browser:
    return house.browser()
