"""`adjoin --token`: a command acts as an API token, in its workspace, with its permissions, and nothing else."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adjoin.access import api_tokens, members, users
from adjoin.access.actors import SYSTEM, Actor
from adjoin.access.audit import entries
from adjoin.access.permissions import Permission
from adjoin.cli._needs import INSTALLATION, NEEDS
from adjoin.db.people import Role
from adjoin.environment import without_secrets
from adjoin.tokens import API, SESSION, new_token

from .command_arguments import NEEDED

OF_WORKSPACES = sorted(words for words, need in NEEDS.items() if need is not INSTALLATION)
NOW = datetime.now(UTC)


def command(words: str) -> list[str]:
    return [*words.split(), *NEEDED.get(words, ())]


@pytest.mark.parametrize("words", OF_WORKSPACES)
def test_a_command_needs_its_permission(adjoin, town, words: str) -> None:
    """All other ones together do not do, and nothing is changed."""
    need = NEEDS[words]
    token = town.token_file(*(one for one in Permission if one != need))
    before = town.rows()
    answer = adjoin("--token", token, *command(words))
    assert (answer.code, answer.out) == (1, "")
    assert f"the API token 'script' may not do this ({need})" in answer.err
    assert town.rows() == before


@pytest.mark.parametrize("words", OF_WORKSPACES)
def test_its_permission_is_enough(adjoin, town, words: str) -> None:
    """What a command says of the rest is its own matter. The log names the token wherever something was changed."""
    answer = adjoin("--token", town.token_file(NEEDS[words]), *command(words))
    assert "may not" not in answer.err
    assert "zebra" not in (answer.out + answer.err).casefold()
    if words not in ("connect", "doctor", "facts verify", "sync"):  # no platform answers here, and no sync has been
        assert answer.code == 0, answer.err
    with town.open() as store, store.read() as session:
        noted = [one for one in entries(session, "ours").entries if one.action != "api_token.created"]
    assert all(one.actor.startswith("token:") for one in noted)
    changes = NEEDS[words] not in (Permission.READ_REPORTS, Permission.READ_MEMBERS)
    assert bool(noted) == (changes and words not in ("connect", "sync"))


@pytest.mark.parametrize("words", sorted(words for words, need in NEEDS.items() if need is INSTALLATION))
def test_what_is_about_the_installation_takes_no_token(adjoin, town, words: str) -> None:
    """However much it may do in its workspace."""
    before = town.rows()
    answer = adjoin("--token", town.token_file(), *command(words))
    assert (answer.code, answer.out) == (2, "")
    assert f"`adjoin {words}` is about the installation" in answer.err
    assert "leave out --token" in answer.err
    assert {**town.rows(), "api_tokens": [], "audit": []} == {**before, "api_tokens": [], "audit": []}


def test_a_plugins_command_takes_no_token(adjoin, town, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows nothing of permissions, and would do it as the operator."""
    import typer

    from adjoin.cli import plugins

    ran: list[str] = []
    made = typer.Typer()
    made.command()(lambda: ran.append("ran"))
    monkeypatch.setattr(plugins, "plugin_command", lambda name: typer.main.get_command(made))
    answer = adjoin("--token", town.token_file(), "tidy")
    assert answer.code == 2
    assert "`adjoin tidy` is about the installation" in answer.err
    assert adjoin("tidy").code == 0
    assert ran == ["ran"]


class TestWhereATokenComesFrom:
    def test_the_environment(self, adjoin, town, monkeypatch: pytest.MonkeyPatch) -> None:
        """Which programs that are started get without it."""
        monkeypatch.setenv("ADJOIN_TOKEN", town.token())
        assert [one["label"] for one in adjoin("connections", "--json").json] == ["Owl Ads"]
        refused = adjoin("users", "list")
        assert refused.code == 2
        assert "unset ADJOIN_TOKEN" in refused.err
        assert "ADJOIN_TOKEN" not in without_secrets(os.environ)

    def test_a_file_goes_before_the_environment(self, adjoin, town, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ADJOIN_TOKEN", "nonsense")
        assert adjoin("--token", town.token_file(), "connections").code == 0

    def test_standard_input(self, adjoin, town, monkeypatch: pytest.MonkeyPatch) -> None:
        """One line of it, so that a command may read on."""
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{town.token()}\nmore\n"))
        assert [one["label"] for one in adjoin("--token", "-", "connections", "--json").json] == ["Owl Ads"]
        assert sys.stdin.readline() == "more\n"

    def test_a_pipe(self, town) -> None:
        """As `--token <(secret-store get adjoin)` gives one."""
        reading, writing = os.pipe()
        os.write(writing, town.token().encode())
        os.close(writing)
        done = subprocess.run(
            [sys.executable, "-m", "adjoin", "--token", f"/dev/fd/{reading}", "connections", "--json"],
            pass_fds=[reading],
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            check=False,
        )
        os.close(reading)
        assert "Owl Ads" in done.stdout, done.stderr

    def test_never_the_arguments(self, adjoin, town) -> None:
        """Others see them in the list of processes: so it is refused, with the way, and not repeated."""
        token = town.token()
        for given in (token, f" {token}", f"token={token}"):
            answer = adjoin("--token", given, "connections")
            assert (answer.code, answer.out) == (2, "")
            assert "list of processes" in answer.err
            assert "chmod 600" in answer.err
            assert token not in answer.err

    def test_a_file_that_others_can_read_is_refused(self, adjoin, town) -> None:
        path = Path(town.token_file())
        path.chmod(0o640)
        answer = adjoin("--token", str(path), "connections")
        assert answer.code == 2
        assert f"chmod 600 {path}" in answer.err

    def test_a_file_that_is_not_there(self, adjoin, town, tmp_path: Path) -> None:
        answer = adjoin("--token", str(tmp_path / "nothing"), "connections")
        assert answer.code == 2
        assert "cannot be read: No such file or directory" in answer.err

    @pytest.mark.parametrize(
        "text",
        ["", "\n", "secret-text", new_token(SESSION), new_token(API)[:-1], new_token(API) + "x", "\xff", "x" * 10_000],
        ids=["empty", "blank", "words", "another kind", "cut", "longer", "no ascii", "huge"],
    )
    def test_what_is_no_token_is_not_repeated(self, adjoin, town, text: str, tmp_path: Path) -> None:
        path = tmp_path / "token"
        path.touch(mode=0o600)
        path.write_text(text)
        answer = adjoin("--token", str(path), "connections")
        assert (answer.code, answer.out) == (2, "")
        assert "is no API token, or not all of it" in answer.err
        assert not text.strip() or text.strip() not in answer.err


class TestATokenThatIsNotGood:
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda session: api_tokens.revoke(
                session, "ours", api_tokens.tokens_of(session, "ours")[0].id, by=SYSTEM, now=NOW
            ),
            lambda session: members.remove(session, "ours", "owl-oscar", by=SYSTEM, now=NOW),
            lambda session: users.disable(session, "owl-oscar", by=SYSTEM, now=NOW),
        ],
        ids=["revoked", "no member", "switched off"],
    )
    def test_is_refused(self, adjoin, town, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Any], object]) -> None:
        """In the same words, whatever it is."""
        token = town.token(["reports.read"], user="owl-oscar")
        monkeypatch.setenv("ADJOIN_TOKEN", token)
        assert adjoin("connections").code == 0
        with town.open() as store, store.write() as session:
            spoil(session)
        answer = adjoin("connections")
        assert (answer.code, answer.out) == (1, "")
        assert "This API token is not good, or not any more" in answer.err
        assert token not in answer.err

    def test_its_time_is_over(self, adjoin, town, monkeypatch: pytest.MonkeyPatch) -> None:
        long_ago = NOW - timedelta(days=2)
        monkeypatch.setenv("ADJOIN_TOKEN", town.token(now=long_ago, lifetime=timedelta(days=1)))
        assert "not good" in adjoin("connections").err

    def test_nobody_knows_it(self, adjoin, town, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ADJOIN_TOKEN", new_token(API))
        assert "not good" in adjoin("connections").err

    def test_who_made_it_may_no_more(self, adjoin, town, monkeypatch: pytest.MonkeyPatch) -> None:
        """A lost role is lost to the token at once."""
        monkeypatch.setenv("ADJOIN_TOKEN", town.token(["syncs.start"], user="owl-oscar"))
        assert adjoin("runs", "cancel", "owl-run").code == 0
        with town.open() as store, store.write() as session:
            members.change_role(session, "ours", "owl-oscar", Role.VIEWER, by=SYSTEM, now=NOW)
        answer = adjoin("runs", "cancel", "owl-run")
        assert answer.code == 1
        assert "may not do this (syncs.start)" in answer.err


@pytest.mark.parametrize("named", ["default", "Zebra Ltd", "nowhere"])
def test_another_workspace_than_the_tokens_is_refused(
    adjoin, town, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether there is such a one or not, by the option and by the variable."""
    monkeypatch.setenv("ADJOIN_TOKEN", town.token())
    monkeypatch.setenv("ADJOIN_WORKSPACE", "Owl GmbH")
    assert adjoin("--workspace", "ours", "connections").code == 0
    asked = adjoin("--workspace", named, "connections")
    monkeypatch.setenv("ADJOIN_WORKSPACE", named)
    by_variable = adjoin("connections")
    for answer, what in ((asked, "--workspace"), (by_variable, "ADJOIN_WORKSPACE")):
        assert (answer.code, answer.out) == (2, "")
        assert f"is of the workspace 'Owl GmbH', and {what} names another one; leave it out" in answer.err
    assert adjoin("members", "list", "--workspace", named).code == 2


def test_what_only_the_operator_may(adjoin, town) -> None:
    """With a link anybody could register with the address that it is for; jobs serve all workspaces."""
    token = town.token_file()
    for words in (("members", "invite", "new@example.com", "--link"), ("facts", "verify", "--forget")):
        answer = adjoin("--token", token, *words)
        assert answer.code == 1
        assert "is for the operator at the machine" in answer.err
    assert [one["check"] for one in adjoin("--token", token, "doctor", "--json").json if one["check"] == "key"] == []
    with town.open() as store, store.write() as session:
        members.add(session, "default", "owl-olga", Role.OWNER, by=SYSTEM, now=NOW)
        made = api_tokens.create(
            session, "default", name="jobs", scopes=Permission, lifetime=None, by=Actor.user("owl-olga"), now=NOW
        )
    path = Path(token)
    path.write_text(made.token)
    assert {one["job"] for one in adjoin("--token", token, "schedules", "--json").json} == {None}
    assert adjoin("--token", token, "schedules", "pause", "zebra/job").code == 2
    assert adjoin("schedules", "pause", "zebra/job").code == 0


def test_an_invitation_by_a_token_is_its_makers(adjoin, town) -> None:
    """It leaves by mail at once, and no role above the maker's own can be offered."""
    token = town.token_file("members.manage")
    assert adjoin("--token", token, "members", "invite", "new@example.com", "--role", "owner", "--json").code == 0
    (mail,) = (town.home / "mail").glob("*.eml")
    assert "new@example.com" in mail.read_text()
    with town.open() as store, store.write() as session:
        members.change_role(session, "ours", "owl-oscar", Role.OWNER, by=SYSTEM, now=NOW)
        members.change_role(session, "ours", "owl-olga", Role.ADMIN, by=SYSTEM, now=NOW)
    answer = adjoin("--token", token, "members", "invite", "other@example.com", "--role", "owner")
    assert answer.code == 1
    assert "may not invite an owner" in answer.err


@pytest.mark.postgres
def test_the_same_on_postgresql(adjoin, postgres_town, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass over what is refused and what is read."""
    postgres_town.enter(monkeypatch)
    for words in OF_WORKSPACES:
        need = NEEDS[words]
        monkeypatch.setenv("ADJOIN_TOKEN", postgres_town.token([one for one in Permission if one != need]))
        before = postgres_town.rows()
        refused = adjoin(*command(words))
        assert refused.code == 1, words
        assert f"may not do this ({need})" in refused.err, words
        assert postgres_town.rows() == before
    monkeypatch.setenv("ADJOIN_TOKEN", postgres_town.token())
    assert [one["run_id"] for one in adjoin("runs", "--json").json] == ["owl-run"]
    assert adjoin("schedules", "pause", "google").code == 0
    assert adjoin("runs", "show", "zebra-run").code == 2
