"""How the first person comes in, and how the operator helps who cannot any more."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adjoin.access.audit import entries
from adjoin.access.members import members_of
from adjoin.access.signed_in import SessionLevel
from adjoin.auth.v1 import Auth, Credentials, SignUp
from adjoin.cli._owner import DEMO_EMAIL, prepare_demo_user
from adjoin.errors import AuthError
from adjoin.runtime import Runtime
from adjoin.settings import load_settings
from adjoin.testing.auth import totp

ADA, PASSWORD, OTHER = "ada@example.com", "violet kettle over marsh", "eleven slow copper boats"


@pytest.fixture
def runtime(adjoin: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A fresh installation, as a dashboard beside the commands has it open."""
    assert adjoin("init").code == 0  # type: ignore[attr-defined]
    with Runtime(load_settings()) as opened:
        yield opened


def owners(runtime: Runtime) -> list[tuple[str, str]]:
    with runtime.store.read() as session:
        return [(one.email, str(one.role)) for one in members_of(session, "default")]


def sign_in(runtime: Runtime, email: str, password: str) -> SessionLevel:
    issued = asyncio.run(runtime.doors.sign_in(Credentials(email=email, password=password)))
    return SessionLevel(issued.session.level)


def sign_up(adjoin, runtime: Runtime) -> None:
    """Let ada come in by the link of `adjoin init --owner`."""
    (link,) = adjoin("init", "--owner", ADA).out.splitlines()
    form = SignUp(email=ADA, password=PASSWORD)
    asyncio.run(runtime.doors.join(form, link.partition("#")[2]))


class TestInit:
    def test_it_says_how_the_owner_comes_in(self, adjoin, runtime: Runtime) -> None:
        """As long as there is nobody."""
        assert "adjoin init --owner" in adjoin("init").err
        sign_up(adjoin, runtime)
        assert "--owner" not in adjoin("init").err

    def test_the_link_makes_an_owner(self, adjoin, runtime: Runtime) -> None:
        """It stands alone on stdout; the rest says for how long it is good, and what has to run."""
        answer = adjoin("init", "--owner", "Ada@Example.com")
        (link,) = answer.out.splitlines()
        assert re.fullmatch(r"http://localhost:8501/auth/invitation#adj_i_\w+", link)
        assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC", answer.err)
        assert "`adjoin dashboard`" in answer.err
        assert link.partition("#")[2] not in answer.err
        asyncio.run(runtime.doors.join(SignUp(email=ADA, password=PASSWORD), link.partition("#")[2]))
        assert owners(runtime) == [(ADA, "owner")]
        assert sign_in(runtime, ADA, PASSWORD) is SessionLevel.PASSWORD

    def test_repeating_it_leaves_the_link_good(self, adjoin, runtime: Runtime) -> None:
        """It may be on its way to somebody; a new one is asked for by name."""
        (link,) = adjoin("init", "--owner", ADA).out.splitlines()
        again = adjoin("init", "--owner", ADA)
        assert (again.code, again.out) == (0, "")
        assert f"`adjoin members resend {ADA} --link`" in again.err
        (newer,) = adjoin("members", "resend", ADA, "--link").out.splitlines()
        form = SignUp(email=ADA, password=PASSWORD)
        with pytest.raises(AuthError):
            asyncio.run(runtime.doors.join(form, link.partition("#")[2]))
        asyncio.run(runtime.doors.join(form, newer.partition("#")[2]))
        done = adjoin("init", "--owner", ADA)
        assert (done.code, done.out) == (0, "")
        assert "is a member of 'Default' already, as owner; sign in at http://localhost:8501" in done.err

    def test_what_is_no_address_is_refused(self, adjoin, runtime: Runtime) -> None:
        answer = adjoin("init", "--owner", "ada")
        assert answer.code == 2
        assert "is not an e-mail address" in answer.err

    def test_the_link_begins_with_the_dashboards_address(
        self, adjoin, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ADJOIN_BASE_URL", "https://ads.example.com")
        monkeypatch.setenv("ADJOIN_REGISTRATION", "closed")
        answer = adjoin("init", "--owner", ADA)
        assert answer.out.startswith("https://ads.example.com/auth/invitation#")
        assert "ADJOIN_REGISTRATION=closed lets nobody register" in answer.err


class TestTheDemosUser:
    URL = "http://127.0.0.1:8501"

    def test_owns_the_default_workspace(self, runtime: Runtime) -> None:
        """By a password of this installation alone, which is stored hashed and told once."""
        first, _ = prepare_demo_user(runtime, self.URL)
        assert first.startswith(f"sign in at {self.URL} as {DEMO_EMAIL} with the password ")
        password = first.split()[-1]
        assert owners(runtime) == [(DEMO_EMAIL, "owner")]
        assert sign_in(runtime, DEMO_EMAIL, password) is SessionLevel.PASSWORD
        for path in load_settings().home.rglob("*"):
            assert not path.is_file() or password.encode() not in path.read_bytes(), path

    def test_comes_in_again_after_another_demo(self, runtime: Runtime) -> None:
        """With the password from before, which still is good, or by a link to choose another one."""
        password = prepare_demo_user(runtime, self.URL)[0].split()[-1]
        known, new = prepare_demo_user(runtime, self.URL)
        assert password not in known + new
        assert sign_in(runtime, DEMO_EMAIL, password) is SessionLevel.PASSWORD
        found = re.search(rf"{self.URL}/auth/reset#(\S+)", new)
        assert found is not None
        asyncio.run(runtime.doors.reset(found[1], OTHER))
        assert sign_in(runtime, DEMO_EMAIL, OTHER) is SessionLevel.PASSWORD

    def test_where_nobody_may_register(self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
        """The demo goes on without one, and says what to do."""
        monkeypatch.setenv("ADJOIN_REGISTRATION", "closed")
        with Runtime(load_settings()) as closed:
            lines = prepare_demo_user(closed, self.URL)
        assert lines[0].startswith("there is no demo user: ")
        assert "adjoin init --owner" in lines[1]


class TestWhoCannotGetIn:
    def test_a_link_sets_a_new_password(self, adjoin, runtime: Runtime) -> None:
        """It works once, is mailed to nobody, and the workspace's log tells of it."""
        sign_up(adjoin, runtime)
        answer = adjoin("users", "reset-link", ADA)
        (link,) = answer.out.splitlines()
        token = link.partition("#")[2]
        assert link.startswith("http://localhost:8501/auth/reset#adj_r_")
        assert token not in answer.err
        assert not list((load_settings().home / "mail").glob("*.eml"))
        asyncio.run(runtime.doors.reset(token, OTHER))
        assert sign_in(runtime, ADA, OTHER) is SessionLevel.PASSWORD
        with pytest.raises(AuthError):
            asyncio.run(runtime.doors.reset(token, PASSWORD))
        with runtime.store.read() as session:
            noted = {one.action: one.actor for one in entries(session, "default").entries}
        assert noted["user.reset_link_made"] == "system"

    def test_a_second_factor_that_is_lost_is_removed(self, adjoin, runtime: Runtime, tmp_path: Path) -> None:
        """A link alone does not get past it. All sessions end, and the person is told."""
        sign_up(adjoin, runtime)
        context, hook = runtime.doors.provider.context, runtime.kernel.hook
        issued = asyncio.run(runtime.doors.sign_in(Credentials(email=ADA, password=PASSWORD)))
        subject = issued.session.subject

        async def enroll() -> None:
            made = await hook(Auth.enroll).aone("local", context, subject, b"", "phone")
            code = totp(made.secret, datetime.now(UTC))
            await hook(Auth.activate).aone("local", context, subject, b"", made.id, code)

        asyncio.run(enroll())
        (link,) = adjoin("users", "reset-link", ADA).out.splitlines()
        reset = asyncio.run(runtime.doors.reset(link.partition("#")[2], OTHER))
        assert reset.pending
        answer = adjoin("users", "drop-second-factor", ADA, "--json")
        assert answer.json["removed"] == 1
        assert asyncio.run(runtime.doors.enter(issued.token)) is None
        assert sign_in(runtime, ADA, OTHER) is SessionLevel.PASSWORD
        assert any("second factor" in mail.read_text() for mail in (load_settings().home / "mail").glob("*.eml"))
        with runtime.store.read() as session:
            noted = {one.action: one.actor for one in entries(session, "default").entries}
        assert noted["user.second_factor_removed"] == "system"
        again = adjoin("users", "drop-second-factor", ADA)
        assert again.code == 1
        assert "has no second factor" in again.err

    def test_what_cannot_be_done_is_said(self, adjoin, runtime: Runtime) -> None:
        """In one line, with what to do."""
        unknown = adjoin("users", "reset-link", "eve@example.com")
        assert (unknown.code, unknown.out) == (2, "")
        sign_up(adjoin, runtime)
        assert adjoin("users", "disable", ADA).code == 0
        off = adjoin("users", "reset-link", ADA)
        assert (off.code, off.out) == (1, "")
        assert f"`adjoin users enable {ADA}` first" in off.err
