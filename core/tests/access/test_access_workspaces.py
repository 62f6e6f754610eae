"""Workspaces: made, renamed, deleted with a time to take that back."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import col, select

from adjoin.access import workspaces
from adjoin.access._names import clean_name
from adjoin.db import Store
from adjoin.db.models import CatchUp, Connection, Run, RunState, RunTrigger, Schedule, Workspace
from adjoin.db.people import Member, Role
from adjoin.errors import AdjoinError, BadInput, Forbidden, StateError, UnknownName
from adjoin.sync.retries import queue_retries
from adjoin.sync.runs import RunBook
from adjoin.sync.schedules import dispatch_due

MONTH = timedelta(days=30)


def connect(people, workspace_id: str, *states: RunState) -> None:
    """Give a workspace a connection with a schedule for each state, and a run in it."""
    with people.store.write() as session:
        for state in states:
            session.add(
                Connection(workspace_id=workspace_id, id=state, platform="meta", label=state, created_at=people.now)
            )
            session.add(
                Schedule(
                    workspace_id=workspace_id,
                    connection_id=state,
                    name="sync",
                    every_seconds=3600,
                    catch_up=CatchUp.ALL,
                    next_run_at=people.now + timedelta(hours=1),
                )
            )
            session.add(
                Run(
                    workspace_id=workspace_id,
                    id=f"run {state}",
                    connection_id=state,
                    trigger=RunTrigger.SCHEDULE,
                    state=state,
                    retry_at=people.now + timedelta(hours=1) if state is RunState.FAILED else None,
                    created_at=people.now,
                )
            )


def run(store: Store, workspace_id: str, state: RunState) -> Run:
    with store.read() as session:
        return session.get_one(Run, (workspace_id, f"run {state}"))


def delete(people, workspace_id: str, by: str | None = None) -> Workspace:
    return people.do(workspaces.delete, workspace_id, grace=MONTH, by=by)


def test_who_makes_a_workspace_owns_it(people) -> None:
    """And sees it in their list."""
    people.user("ada")
    made = people.do(workspaces.create, name="  ACME\tGmbH ", owner_id="ada", by="ada")
    assert made.name == "ACME GmbH"
    assert people.roles(made.id) == {"ada": "owner"}
    with people.store.read() as session:
        (mine,) = workspaces.workspaces_of(session, "ada")
    assert (mine.id, mine.name, mine.role, mine.delete_after) == (made.id, "ACME GmbH", Role.OWNER, None)
    (entry,) = people.audit(made.id)
    assert (entry.action, entry.actor, entry.address) == ("workspace.created", "user:ada", "192.0.2.7")
    assert entry.after == {"name": "ACME GmbH", "owner": "ada"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "must not be empty"),
        (" \t\n ", "must not be empty"),
        ("x" * 101, "at most 100 characters, not 101"),
        ("a\x00b", "a sign that cannot be shown"),
        ("gpj.\u202eexe", "a sign that cannot be shown"),
        ("\ud800", "a sign that cannot be shown"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name: str, why: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(BadInput, match=f"the name .*{why}"):
        clean_name(name, "the name")


def test_a_workspace_gets_no_name_that_cannot_be_used(people) -> None:
    """Neither a new one, nor one that has a name."""
    workspace_id = people.workspace(ada=Role.OWNER)
    with pytest.raises(BadInput, match="the name of a workspace must not be empty"):
        people.do(workspaces.create, name=" ", owner_id="ada", by="ada")
    with pytest.raises(BadInput, match="the name of a workspace must not be empty"):
        people.do(workspaces.rename, workspace_id, " ", by="ada")


@pytest.mark.parametrize("name", ["Müller & Söhne", "株式会社", "x" * 100, "👩‍💻 Studio", "نمونه‌ها"])
def test_names_of_all_scripts_are_kept(name: str) -> None:
    """As they were written."""
    assert clean_name(name, "the name") == name


def test_an_owner_must_be_somebody(people) -> None:
    """Neither unknown nor switched off."""
    people.user("eve", disabled=True)
    for owner in ("nobody", "eve"):
        with pytest.raises(UnknownName, match=f"no user '{owner}'"):
            people.do(workspaces.create, name="ACME", owner_id=owner)


def test_an_admin_renames_and_an_analyst_does_not(people) -> None:
    """The log has both names; the same name again is no change."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN, cy=Role.ANALYST)
    people.do(workspaces.rename, workspace_id, "New", by="bob")
    people.do(workspaces.rename, workspace_id, "New", by="bob")
    with pytest.raises(Forbidden):
        people.do(workspaces.rename, workspace_id, "Newer", by="cy")
    (entry,) = [one for one in people.audit(workspace_id) if one.action == "workspace.renamed"]
    assert (entry.before, entry.after) == ({"name": "ACME"}, {"name": "New"})


def test_for_strangers_there_is_no_workspace(people) -> None:
    """Be they unknown, somebody without a workspace, the owner of another one, or switched off."""
    workspace_id = people.workspace(ada=Role.OWNER)
    people.user("eve")
    people.workspace(mallory=Role.OWNER)
    people.user("off", disabled=True)
    with people.store.write() as session:
        session.add(Member(workspace_id=workspace_id, user_id="off", role=Role.OWNER, created_at=people.now))
    for stranger in ("eve", "nobody", "mallory", "off"):
        for change in (
            partial(people.do, workspaces.rename, workspace_id, "Mine"),
            partial(delete, people, workspace_id),
            partial(people.do, workspaces.restore, workspace_id),
            partial(delete, people, "no-such"),
        ):
            with pytest.raises(UnknownName, match="there is no workspace"):
                change(by=stranger)
    assert people.actions(workspace_id) == ["workspace.created"]


def test_deleting_leaves_a_month_and_stops_the_syncs(people) -> None:
    """What waits is cancelled at once, what runs is asked to end, nothing is tried again."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN)
    connect(people, workspace_id, RunState.QUEUED, RunState.RUNNING, RunState.FAILED)
    with pytest.raises(Forbidden):
        delete(people, workspace_id, by="bob")
    made = delete(people, workspace_id, by="ada")
    assert made.delete_after == people.now + MONTH
    queued = run(people.store, workspace_id, RunState.QUEUED)
    assert (queued.state, queued.finished_at) == (RunState.CANCELLED, people.now)
    running = run(people.store, workspace_id, RunState.RUNNING)
    assert (running.state, running.cancel_requested_at) == (RunState.RUNNING, people.now)
    assert run(people.store, workspace_id, RunState.FAILED).retry_at is None
    people.later(days=1)
    assert dispatch_due(people.store, now=people.now) == []
    assert delete(people, workspace_id, by="ada").delete_after == people.now + MONTH - timedelta(days=1)
    assert people.actions(workspace_id) == ["workspace.created", "workspace.deleted"]


def test_nobody_can_start_a_sync_of_a_workspace_that_is_to_be_deleted(people) -> None:
    """Neither a person nor a retry that came in while it was deleted."""
    workspace_id = people.workspace(ada=Role.OWNER)
    connect(people, workspace_id, RunState.FAILED)
    delete(people, workspace_id)
    with pytest.raises(StateError, match="is to be deleted on 2026-03-31, so nothing is synced"):
        RunBook(people.store).enqueue(
            workspace_id=workspace_id, connection_id=RunState.FAILED, trigger=RunTrigger.PERSON, now=people.now
        )
    with people.store.write() as session:
        session.get_one(Run, (workspace_id, "run failed")).retry_at = people.now
    assert queue_retries(people.store, now=people.now) == []


def test_a_workspace_that_is_to_be_deleted_takes_no_changes(people) -> None:
    """But it can be restored."""
    workspace_id = people.workspace(ada=Role.OWNER)
    delete(people, workspace_id)
    with pytest.raises(StateError, match=r"'ACME' is to be deleted on 2026-03-31 and takes no changes"):
        people.do(workspaces.rename, workspace_id, "New", by="ada")


def test_a_restored_workspace_goes_on_with_the_next_slot(people) -> None:
    """What was missed meanwhile is not made up for, not even where each slot is."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN)
    connect(people, workspace_id, RunState.SUCCEEDED)
    delete(people, workspace_id)
    people.later(days=20)
    with pytest.raises(Forbidden):
        people.do(workspaces.restore, workspace_id, by="bob")
    assert people.do(workspaces.restore, workspace_id, by="ada").delete_after is None
    with people.store.read() as session:
        (schedule,) = session.exec(select(Schedule).where(col(Schedule.workspace_id) == workspace_id)).all()
    assert schedule.next_run_at == people.now + timedelta(hours=1)
    people.later(hours=1)
    assert len(dispatch_due(people.store, now=people.now)) == 1
    assert people.actions(workspace_id) == ["workspace.created", "workspace.deleted", "workspace.restored"]


def test_restoring_too_late_or_for_nothing_is_refused(people) -> None:
    """At the very instant it is too late: files may be going."""
    workspace_id = people.workspace(ada=Role.OWNER)
    with pytest.raises(BadInput, match="is not to be deleted"):
        people.do(workspaces.restore, workspace_id)
    delete(people, workspace_id)
    people.later(days=30)
    with pytest.raises(StateError, match="could be restored until 2026-03-31 12:00 UTC"):
        people.do(workspaces.restore, workspace_id)


def test_the_workspace_of_the_installation_stays(people) -> None:
    """It keeps the jobs of all plugins."""
    with pytest.raises(StateError, match="keeps its jobs, so it cannot be deleted"):
        delete(people, "default")


def test_the_operator_sees_all_workspaces_with_their_members(people) -> None:
    """Also those that are to be deleted."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.VIEWER)
    people.later(seconds=1)
    other = people.workspace(ada=Role.OWNER)
    delete(people, other)
    with people.store.read() as session:
        found = {one.id: count for one, count in workspaces.all_workspaces(session)}
        mine = workspaces.workspaces_of(session, "ada")
    assert found == {"default": 0, workspace_id: 2, other: 1}
    assert {one.id: one.delete_after is not None for one in mine} == {workspace_id: False, other: True}


def test_deleting_and_renaming_at_once_leaves_no_mixture(people, together) -> None:
    """Each either happened before the other or was refused."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN)
    outcomes = together(
        lambda: delete(people, workspace_id, by="ada"),
        lambda: people.do(workspaces.rename, workspace_id, "New", by="bob"),
    )
    assert isinstance(outcomes[0], Workspace)
    with people.store.read() as session:
        stored = session.get_one(Workspace, workspace_id)
    assert stored.delete_after is not None
    if isinstance(outcomes[1], AdjoinError):
        assert (type(outcomes[1]), stored.name) == (StateError, "ACME")
    else:
        assert stored.name == "New"


def test_who_owns_a_workspace_may_make_another(people) -> None:
    """Guests may not, unless everybody may come in anyway; with it comes its owner and an entry in the log."""
    people.workspace(ada=Role.OWNER, bob=Role.ADMIN)

    def make(name: str, registration: str) -> str:
        return people.do(workspaces.create_own, name=" Second ", registration=registration, by=name).id

    for registration in ("invitation", "closed"):
        with pytest.raises(Forbidden, match="ask an owner"):
            make("bob", registration)
        made = make("ada", registration)
        assert people.roles(made) == {"ada": "owner"}
        assert people.audit(made)[0].actor == "user:ada"
    assert people.roles(make("bob", "open")) == {"bob": "owner"}
    with people.store.read() as session:
        assert workspaces.may_create(session, "bob", "invitation")
        assert not workspaces.may_create(session, "nobody", "closed")
    with pytest.raises(BadInput, match="with its owner"):
        people.do(workspaces.create_own, name="X", registration="open")
    people.user("off", disabled=True)
    with pytest.raises(UnknownName):
        people.do(workspaces.create_own, name="X", registration="open", by="off")


def test_one_person_makes_no_workspaces_without_end(people, together, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not by asking twice at once."""
    monkeypatch.setattr(workspaces, "MOST_OWNED", 2)
    people.workspace(ada=Role.OWNER)
    make = partial(people.do, workspaces.create_own, name="More", registration="open", by="ada")
    done = together(make, make)
    assert [type(one) for one in done if isinstance(one, Exception)] == [StateError]
    with people.store.read() as session:
        assert len(workspaces.workspaces_of(session, "ada")) == 2
