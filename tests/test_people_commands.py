"""`adjoin workspaces`, `members` and `users`: what the operator at the machine does about people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from adjoin.access import invitations
from adjoin.access.actors import Actor
from adjoin.db import Store
from adjoin.db.people import OutgoingMail, User


@pytest.fixture
def store(adjoin, tmp_path: Path):
    """An installation with three users, who are members of nothing."""
    assert adjoin("init").code == 0
    now = datetime.now(UTC)
    with Store.open(f"sqlite:///{tmp_path / 'home' / 'adjoin.db'}") as opened:
        with opened.write() as session:
            for name in ("ada", "bob", "cy"):
                email = f"{name}@example.com"
                session.add(User(id=name, email=email, name=name, email_verified_at=now, created_at=now))
        yield opened


def join(store: Store, link: str, name: str) -> None:
    """Follow a link as a user."""
    with store.write() as session:
        invitations.accept(session, link.partition("#")[2], by=Actor.user(name), now=datetime.now(UTC))


def members(adjoin, workspace: str = "default") -> dict[str, tuple[str, str]]:
    found = adjoin("members", "list", "--workspace", workspace, "--json").json
    return {one["email"].partition("@")[0]: (one["role"], one["state"]) for one in found}


def test_a_workspace_is_made_renamed_deleted_and_restored(adjoin, store: Store) -> None:
    """By its id or its name."""
    made = adjoin("workspaces", "create", "ACME", "--owner", "Ada@Example.com", "--json")
    assert made.code == 0
    assert adjoin("workspaces", "rename", "ACME", "ACME GmbH").err.strip().endswith("is named 'ACME GmbH'")
    gone = adjoin("workspaces", "delete", made.json["id"], "--json")
    left = datetime.fromisoformat(gone.json["delete_after"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    assert f"{gone.json['delete_after'][:10]}" in adjoin("workspaces", "list").out
    assert "until then `adjoin workspaces restore" in adjoin("workspaces", "delete", "ACME GmbH").err
    assert adjoin("workspaces", "restore", "ACME GmbH", "--json").json["delete_after"] is None
    found = {one["name"]: one["members"] for one in adjoin("workspaces", "list", "--json").json}
    assert found == {"Default": 0, "ACME GmbH": 1}


@pytest.mark.parametrize(
    ("command", "code", "why"),
    [
        (("workspaces", "create", "ACME", "--owner", "eve@example.com"), 2, "there is no user 'eve@example.com'"),
        (("workspaces", "create", " ", "--owner", "ada"), 2, "must not be empty"),
        (("workspaces", "create", "ACME"), 2, "--owner"),
        (("workspaces", "rename", "nothing", "x"), 2, "there is no workspace 'nothing'"),
        (("workspaces", "delete", "default"), 1, "cannot be deleted"),
        (("workspaces", "restore", "default"), 2, "there is nothing to restore"),
        (("members", "list", "--workspace", "nothing"), 2, "there is no workspace 'nothing'"),
        (("members", "invite", "ada@"), 2, "is not an e-mail address"),
        (("members", "invite", "dan@example.com", "--role", "king"), 2, "is one of viewer, analyst, admin, owner"),
        (("members", "role", "ada@example.com", "owner"), 2, "has no member 'ada@example.com'"),
        (("members", "remove", "eve@example.com"), 2, "has no member 'eve@example.com'"),
        (("users", "disable", "eve@example.com"), 2, "there is no user"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(adjoin, store: Store, command, code: int, why: str) -> None:
    """With the exit code that scripts go by."""
    answer = adjoin(*command)
    assert (answer.code, answer.out) == (code, "")
    assert why in answer.err
    assert len(answer.err.splitlines()) == 1


def test_two_workspaces_of_one_name_are_told_apart_by_id(adjoin, store: Store) -> None:
    """Rather than one of them be taken."""
    ids = [adjoin("workspaces", "create", "ACME", "--owner", "ada", "--json").json["id"] for _ in range(2)]
    answer = adjoin("workspaces", "delete", "ACME")
    assert answer.code == 2
    assert all(one in answer.err for one in ids)


def test_the_first_owner_comes_in_by_a_link(adjoin, store: Store) -> None:
    """The link is printed once, alone on stdout, and leads to the installation's address."""
    assert "has no members yet" in adjoin("members", "list").out
    shown = adjoin("members", "invite", "ada@example.com", "--role", "owner", "--link")
    (link,) = shown.out.splitlines()
    assert link.startswith("http://localhost:8501/auth/invitation#adj_i_")
    assert link.partition("#")[2] not in shown.err
    assert members(adjoin) == {"ada": ("owner", "invited")}
    join(store, link, "ada")
    assert members(adjoin) == {"ada": ("owner", "active")}


def test_an_invitation_goes_out_by_mail(adjoin, store: Store, tmp_path: Path) -> None:
    """What is printed holds no link; the mail leaves before the command ends."""
    shown = adjoin("members", "invite", "ada@example.com", "--role", "owner")
    assert shown.out == ""
    assert f"the mail with the link is a file in {tmp_path / 'home' / 'mail'}" in shown.err
    told = adjoin("members", "invite", "bob@example.com", "--json")
    assert set(told.json) == {"email", "role", "expires_at"}
    assert "adj_i_" not in shown.err + told.out + told.err
    with store.read() as session:
        mails = [(one.kind, one.sent_at is not None) for one in session.exec(select(OutgoingMail))]
    assert mails == [("workspace.invitation", True)] * 2
    assert len(list((tmp_path / "home" / "mail").glob("*.eml"))) == 2


def test_roles_are_changed_and_members_removed(adjoin, store: Store) -> None:
    """But the only owner stays."""
    for name, role in (("ada", "owner"), ("bob", "viewer")):
        made = adjoin("members", "invite", f"{name}@example.com", "--role", role, "--link", "--json").json
        assert (made["email"], made["role"]) == (f"{name}@example.com", role)
        join(store, made["link"], name)
    assert adjoin("members", "role", "bob@example.com", "admin").err.strip() == "bob@example.com is admin now"
    for command in (("role", "ada@example.com", "viewer"), ("remove", "ada@example.com")):
        answer = adjoin("members", *command)
        assert answer.code == 1
        assert "the only owner of the workspace" in answer.err
    assert adjoin("members", "role", "bob@example.com", "owner", "--json").json["role"] == "owner"
    assert adjoin("members", "remove", "ada@example.com").code == 0
    assert members(adjoin) == {"bob": ("owner", "active")}


def test_users_are_listed_and_switched(adjoin, store: Store) -> None:
    """For people and for scripts."""
    assert adjoin("users", "disable", "bob@example.com").err.strip() == "bob@example.com is switched off"
    states = {one["user_id"]: one["state"] for one in adjoin("users", "list", "--json").json}
    assert states == {"ada": "active", "bob": "disabled", "cy": "active"}
    assert "bob@example.com" in adjoin("users", "list").out
    assert adjoin("users", "enable", "bob@example.com", "--json").json["state"] == "active"
