"""Members: roles and their limits, leaving and removing, and always an owner."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, select

from adjoin.access import members
from adjoin.access.members import MemberView
from adjoin.db import Store
from adjoin.db.models import Workspace
from adjoin.db.people import ApiToken, Invitation, Member, Role, Session
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName

ONLY = "the only owner of the workspace"


def change(people, workspace_id: str, name: str, role: Role, by: str | None = None) -> Member:
    return people.do(members.change_role, workspace_id, name, role, by=by)


def remove(people, workspace_id: str, name: str, by: str | None = None) -> None:
    people.do(members.remove, workspace_id, name, by=by)


def leave(people, workspace_id: str, name: str) -> None:
    people.do(members.leave, workspace_id, name, by=name)


def give_access(people, workspace_id: str, name: str) -> None:
    """Let a member be signed in and have an API token."""
    at = people.now
    with people.store.write() as session:
        session.add(
            Session(
                id=f"{name} in {workspace_id}",
                token_hash=f"{name} {workspace_id}".encode(),
                rotated_at=at,
                user_id=name,
                provider="local",
                subject=name,
                level="password",
                workspace_id=workspace_id,
                created_at=at,
                last_seen_at=at,
                proven_at=at,
                expires_at=at + timedelta(days=1),
            )
        )
        session.add(
            ApiToken(
                workspace_id=workspace_id,
                id=name,
                name="script",
                token_hash=f"token {name} {workspace_id}".encode(),
                user_id=name,
                created_at=at,
            )
        )


def access(store: Store, workspace_id: str, name: str) -> tuple[bool, bool]:
    """Whether a session looks at the workspace, and whether the API token is good."""
    with store.read() as session:
        looks = session.get_one(Session, f"{name} in {workspace_id}").workspace_id
        return looks == workspace_id, session.get_one(ApiToken, (workspace_id, name)).revoked_at is None


def test_members_are_listed_with_owners_first(people) -> None:
    """Each with what others see."""
    workspace_id = people.workspace(zoe=Role.OWNER, ada=Role.VIEWER, bob=Role.ADMIN)
    people.workspace(eve=Role.OWNER)
    with people.store.read() as session:
        found = members.members_of(session, workspace_id)
    assert [(one.user_id, one.role) for one in found] == [("zoe", "owner"), ("bob", "admin"), ("ada", "viewer")]
    assert found[0] == MemberView(
        user_id="zoe",
        email="zoe@example.com",
        name="Zoe",
        picture_url="",
        role=Role.OWNER,
        since=people.now,
        active=True,
    )


def test_an_admin_changes_roles_up_to_their_own(people) -> None:
    """But makes no owner, and changes none."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN, cy=Role.VIEWER)
    assert change(people, workspace_id, "cy", Role.ADMIN, by="bob").role is Role.ADMIN
    with pytest.raises(Forbidden, match="role admin may not give the role of an owner"):
        change(people, workspace_id, "cy", Role.OWNER, by="bob")
    with pytest.raises(Forbidden, match="role admin may not give the role of an owner"):
        change(people, workspace_id, "bob", Role.OWNER, by="bob")
    with pytest.raises(Forbidden, match="role admin may not change the role of an owner"):
        change(people, workspace_id, "ada", Role.VIEWER, by="bob")
    with pytest.raises(Forbidden, match="role admin may not remove an owner"):
        remove(people, workspace_id, "ada", by="bob")
    assert people.roles(workspace_id) == {"ada": "owner", "bob": "admin", "cy": "admin"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST])
def test_viewers_and_analysts_change_nobody(people, role: Role) -> None:
    """Not even themselves."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=role, cy=Role.VIEWER)
    for name in ("ada", "bob", "cy"):
        with pytest.raises(Forbidden):
            change(people, workspace_id, name, Role.VIEWER, by="bob")
        with pytest.raises(Forbidden):
            remove(people, workspace_id, name, by="bob")


def test_a_change_of_role_is_in_the_log_once(people) -> None:
    """With who, whom, before and after, and from where; the same role again is no change."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.VIEWER)
    change(people, workspace_id, "bob", Role.ANALYST, by="ada")
    change(people, workspace_id, "bob", Role.ANALYST, by="ada")
    (entry,) = [one for one in people.audit(workspace_id) if one.action == "member.role_changed"]
    assert (entry.actor, entry.object_kind, entry.object_id) == ("user:ada", "user", "bob")
    assert (entry.before, entry.after, entry.address) == ({"role": "viewer"}, {"role": "analyst"}, "192.0.2.7")


def test_a_role_that_was_taken_away_counts_no_more(people) -> None:
    """It is read in the transaction, not taken from what a page was made with."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN, cy=Role.VIEWER)
    change(people, workspace_id, "bob", Role.VIEWER, by="ada")
    with pytest.raises(Forbidden):
        remove(people, workspace_id, "cy", by="bob")
    remove(people, workspace_id, "bob", by="ada")
    with pytest.raises(UnknownName, match="there is no workspace"):
        remove(people, workspace_id, "cy", by="bob")


def test_the_only_owner_stays(people) -> None:
    """Whoever asks: themselves, or the operator."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN)
    for by in ("ada", None):
        with pytest.raises(StateError, match=ONLY):
            change(people, workspace_id, "ada", Role.ADMIN, by=by)
        with pytest.raises(StateError, match=ONLY):
            remove(people, workspace_id, "ada", by=by)
    with pytest.raises(StateError, match=ONLY):
        leave(people, workspace_id, "ada")
    assert people.roles(workspace_id) == {"ada": "owner", "bob": "admin"}
    assert people.actions(workspace_id) == ["workspace.created"]


def test_an_owner_who_cannot_sign_in_is_not_enough(people) -> None:
    """Else nobody could act for the workspace."""
    people.user("off", disabled=True)
    workspace_id = people.workspace(ada=Role.OWNER, off=Role.OWNER)
    with pytest.raises(StateError, match=ONLY):
        leave(people, workspace_id, "ada")
    remove(people, workspace_id, "off")
    assert people.roles(workspace_id) == {"ada": "owner"}


def test_with_a_second_owner_the_first_may_go(people) -> None:
    """The workspace is theirs from then on."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.VIEWER)
    change(people, workspace_id, "bob", Role.OWNER, by="ada")
    leave(people, workspace_id, "ada")
    assert people.roles(workspace_id) == {"bob": "owner"}
    with pytest.raises(StateError, match=ONLY):
        leave(people, workspace_id, "bob")


def test_removing_a_member_ends_their_access_at_once(people) -> None:
    """To this workspace only; the session itself goes on, and so do those of others."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN)
    other = people.workspace(bob=Role.OWNER)
    for place, name in ((workspace_id, "ada"), (workspace_id, "bob"), (other, "bob")):
        give_access(people, place, name)
    people.invite(workspace_id, "friend", by="bob")
    people.invite(workspace_id, "guest", by="ada")
    remove(people, workspace_id, "bob", by="ada")
    assert access(people.store, workspace_id, "bob") == (False, False)
    assert access(people.store, other, "bob") == (True, True)
    assert access(people.store, workspace_id, "ada") == (True, True)
    with people.store.read() as session:
        still = session.exec(select(Invitation.email).where(col(Invitation.revoked_at).is_(None))).all()
    assert still == ["guest@example.com"]
    (entry,) = [one for one in people.audit(workspace_id) if one.action == "member.removed"]
    assert entry.before == {"role": "admin", "revoked": {"api keys": 1, "invitations": 1}}


def test_leaving_ends_access_as_well(people) -> None:
    """And nobody else can have somebody leave."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ANALYST)
    give_access(people, workspace_id, "bob")
    with pytest.raises(Forbidden, match="only a member themselves can leave"):
        people.do(members.leave, workspace_id, "bob", by="ada")
    leave(people, workspace_id, "bob")
    assert access(people.store, workspace_id, "bob") == (False, False)
    assert people.actions(workspace_id) == ["member.left", "workspace.created"]
    with pytest.raises(UnknownName, match="has no member 'bob'"):
        leave(people, workspace_id, "bob")


def test_who_is_demoted_no_longer_offers_what_is_above_them(people) -> None:
    """Their other invitations stay."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN)
    people.invite(workspace_id, "one", Role.ADMIN, by="bob")
    people.invite(workspace_id, "two", Role.VIEWER, by="bob")
    change(people, workspace_id, "bob", Role.ANALYST, by="ada")
    with people.store.read() as session:
        query = select(Invitation.email).where(col(Invitation.revoked_at).is_(None))
        assert session.exec(query).all() == ["two@example.com"]


def test_a_workspace_is_transferred_in_one_step(people) -> None:
    """The owner becomes an admin; an admin cannot do it, and it takes a member who can sign in."""
    people.user("off", disabled=True)
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN, off=Role.ADMIN)
    with pytest.raises(Forbidden):
        people.do(members.transfer, workspace_id, "bob", by="bob")
    with pytest.raises(UnknownName, match="has no member 'nobody'"):
        people.do(members.transfer, workspace_id, "nobody", by="ada")
    with pytest.raises(StateError, match="switched off"):
        people.do(members.transfer, workspace_id, "off", by="ada")
    with pytest.raises(BadInput, match="yours already"):
        people.do(members.transfer, workspace_id, "ada", by="ada")
    with pytest.raises(BadInput, match="the operator owns no workspace"):
        people.do(members.transfer, workspace_id, "bob")
    people.do(members.transfer, workspace_id, "bob", by="ada")
    assert people.roles(workspace_id) == {"ada": "admin", "bob": "owner", "off": "admin"}


def test_the_operator_adds_members(people) -> None:
    """As for the first owner of a workspace that has none."""
    people.user("ada")
    people.user("off", disabled=True)
    people.do(members.add, "default", "ada", Role.OWNER)
    with pytest.raises(BadInput, match="a member already"):
        people.do(members.add, "default", "ada", Role.VIEWER)
    for name in ("off", "nobody"):
        with pytest.raises(UnknownName, match=f"no user '{name}'"):
            people.do(members.add, "default", name, Role.VIEWER)
    assert people.roles("default") == {"ada": "owner"}


def test_whose_workspaces_need_them(people) -> None:
    """To be asked before an account goes."""
    people.user("off", disabled=True)
    alone = people.workspace(ada=Role.OWNER, bob=Role.ADMIN)
    in_name = people.workspace(ada=Role.OWNER, off=Role.OWNER)
    people.workspace(ada=Role.OWNER, bob=Role.OWNER)
    people.workspace(bob=Role.OWNER, ada=Role.ADMIN)
    with people.store.read() as session:
        assert members.only_owner_of(session, "ada") == sorted([alone, in_name])


def test_in_a_workspace_that_is_to_be_deleted_members_can_only_go(people) -> None:
    """Nobody is promoted there any more."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.VIEWER)
    with people.store.write() as session:
        session.get_one(Workspace, workspace_id).delete_after = people.now + timedelta(days=30)
    with pytest.raises(StateError, match="takes no changes"):
        change(people, workspace_id, "bob", Role.ADMIN, by="ada")
    remove(people, workspace_id, "bob", by="ada")
    assert people.roles(workspace_id) == {"ada": "owner"}


@pytest.mark.parametrize("how", ["demote each other", "leave", "remove each other", "step back"])
def test_two_owners_at_the_same_time_leave_one(people, together, how: str) -> None:
    """Exactly one of the two comes through; the other is told why not."""
    both = ("ada", "bob")

    def act(workspace_id: str, name: str):
        other = both[name == "ada"]
        match how:
            case "demote each other":
                return lambda: change(people, workspace_id, other, Role.ADMIN, by=name)
            case "step back":
                return lambda: change(people, workspace_id, name, Role.VIEWER, by=name)
            case "remove each other":
                return lambda: remove(people, workspace_id, other, by=name)
            case _:
                return lambda: leave(people, workspace_id, name)

    for _ in range(3):
        workspace_id = people.workspace(ada=Role.OWNER, bob=Role.OWNER)
        outcomes = together(*(act(workspace_id, name) for name in both))
        failed = [one for one in outcomes if isinstance(one, Exception)]
        assert len(failed) == 1
        assert isinstance(failed[0], StateError | Forbidden | UnknownName)
        assert list(people.roles(workspace_id).values()).count("owner") == 1


def test_two_owners_who_transfer_to_each_other_stay_two_or_one(people, together) -> None:
    """There is an owner whatever comes first."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.OWNER, cy=Role.VIEWER)
    together(
        lambda: people.do(members.transfer, workspace_id, "bob", by="ada"),
        lambda: people.do(members.transfer, workspace_id, "ada", by="bob"),
        lambda: people.do(members.transfer, workspace_id, "cy", by="ada"),
    )
    assert "owner" in people.roles(workspace_id).values()
