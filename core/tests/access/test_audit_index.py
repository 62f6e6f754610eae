"""What a workspace's audit log is about, by name."""

from __future__ import annotations

import pytest

from adjoin.access import audit, members, users, workspaces
from adjoin.access.audit_index import Names, index, names_of
from adjoin.db.people import Role, User


@pytest.fixture
def scene(people) -> tuple[str, str]:
    """Two workspaces. Of the first, bob was a member, and guest is invited."""
    ours = people.workspace(ada=Role.OWNER, bob=Role.VIEWER)
    theirs = people.workspace(eve=Role.OWNER)
    people.invite(ours, "guest", by="ada")
    people.do(members.remove, ours, "bob", by="ada")
    people.invite(theirs, "other", by="eve")
    return ours, theirs


def entries(people, workspace_id: str):
    with people.store.read() as session:
        return audit.entries(session, workspace_id).entries


def names(people, workspace_id: str, found) -> Names:
    with people.store.read() as session:
        return names_of(session, workspace_id, found)


def test_it_lists_who_and_what_occurs(people, scene) -> None:
    """In this workspace, not in others; a scoped session may ask."""
    ours, theirs = scene
    for store in (people.store, people.store.scoped(ours)):
        with store.read() as session:
            found = index(session, ours)
        assert found.actors == ("system", "user:ada")
        assert found.actions == ("invitation.created", "member.removed", "workspace.created")
        assert found.kinds == ("invitation", "user", "workspace")
    with people.store.scoped(ours).read() as session:
        assert index(session, theirs).actors == ()


def test_people_and_things_are_named(people, scene) -> None:
    """Also who has left; with the address, as anybody can call themselves anything."""
    ours, _ = scene
    found = names(people, ours, entries(people, ours))
    said = {
        one.action: (found.actor(one.actor), found.object(one.object_kind, one.object_id))
        for one in entries(people, ours)
    }
    assert said == {
        "workspace.created": ("Adjoin", "workspace “ACME”"),
        "invitation.created": ("Ada (ada@example.com)", "invitation “guest@example.com”"),
        "member.removed": ("Ada (ada@example.com)", "Bob (bob@example.com)"),
    }
    assert found.values({"owner": "ada", "role": "owner", "n": 1}) == {
        "owner": "Ada (ada@example.com)",
        "role": "owner",
        "n": 1,
    }
    assert found.values(None) is None


def test_entries_of_another_workspace_name_nobody(people, scene) -> None:
    """Whatever is handed in."""
    ours, theirs = scene
    found = names(people, theirs, entries(people, ours))
    assert set(found.users) == {"eve"}
    assert found.object("invitation", entries(people, ours)[0].object_id).startswith("invitation ")
    assert "guest" not in str(found)


def test_who_is_unknown_or_gone_has_no_name(people, scene) -> None:
    """Ids are cut to what can be read."""
    ours, _ = scene
    with people.store.write() as session:
        row = session.get_one(User, "bob")
        row.deleted_at, row.name, row.email = people.now, "", "deleted-bob"
        session.add(row)
    found = names(people, ours, entries(people, ours))
    assert found.user("bob") == "Deleted account (bob)"
    assert found.user("0123456789abcdef") == "Somebody (01234567…)"
    assert found.actor("token:0123456789abcdef") == "API key 01234567…"
    assert found.actor("plugin:meta") == "Plugin meta"
    assert found.object("", "") == ""
    assert found.object("run", "0123456789") == "run 01234567…"


def test_names_follow_those_of_today(people, scene) -> None:
    """A name in the log is the one that people go by now."""
    ours, _ = scene
    people.do(users.change_profile, "ada", users.Profile(name="Ada L."), by="ada")
    people.do(workspaces.rename, ours, "ACME GmbH", by="ada")
    found = names(people, ours, entries(people, ours))
    assert found.actor("user:ada") == "Ada L. (ada@example.com)"
    assert found.object("workspace", ours) == "workspace “ACME GmbH”"
