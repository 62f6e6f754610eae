"""What members change about connections: who may, what it does, and that the audit log says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from adjoin.access import connection_changes as changes
from adjoin.access import workspaces
from adjoin.ads.v2 import Credential
from adjoin.db.models import Account, Connection, ConnectionState, FactFile, Run, RunState, RunTrigger, Schedule
from adjoin.db.people import Role
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName
from adjoin.secrets import Keyring, Vault
from adjoin.sync.schedules import ensure_schedule
from adjoin.sync.shared_credential import put_credential

from .conftest import NOW, People

VAULT = Vault(Keyring([bytes(range(32))]))


class Shop:
    """A workspace with ada (owner), amy (admin), ann (analyst), vic (viewer), and a connection with three accounts."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.workspace = people.workspace(ada=Role.OWNER, amy=Role.ADMIN, ann=Role.ANALYST, vic=Role.VIEWER)
        self.other = people.workspace(ben=Role.OWNER)
        for workspace in (self.workspace, self.other):
            self.connect(workspace, "meta", "act_1", "act_2", "act_3")

    def connect(self, workspace: str, name: str, *accounts: str) -> None:
        connection = Connection(workspace_id=workspace, id=name, platform="meta", label="Meta", created_at=NOW)
        put_credential(VAULT, connection, Credential(access_token="token-of-a-test", expires_at=NOW))
        with self.people.store.write() as session:
            session.add(connection)
            session.flush()
            ensure_schedule(session, workspace_id=workspace, connection_id=name, now=NOW)
            session.add_all(
                Account(
                    workspace_id=workspace,
                    platform="meta",
                    id=account,
                    connection_id=name,
                    name=account.upper(),
                    currency="EUR",
                    time_zone="UTC",
                    first_seen_at=NOW,
                    last_seen_at=NOW,
                )
                for account in accounts
            )

    def run(self, state: RunState, **values: Any) -> str:
        with self.people.store.write() as session:
            made = Run(
                workspace_id=self.workspace,
                connection_id="meta",
                state=state,
                trigger=RunTrigger.SCHEDULE,
                created_at=NOW,
                **values,
            )
            session.add(made)
        return made.id

    def do(self, change: Callable[..., Any], *args: Any, by: str | None = "ada", connection: str = "meta") -> Any:
        return self.people.do(change, self.workspace, connection, *args, by=by)

    def rows(self, model: Any, workspace: str = "") -> list[Any]:
        with self.people.store.read() as session:
            mine = col(model.workspace_id) == (workspace or self.workspace)
            return list(session.exec(select(model).where(mine).order_by(col(model.id))).all())

    def chosen(self, workspace: str = "") -> list[str]:
        return [one.id for one in self.rows(Account, workspace) if one.selected]

    def told(self) -> list[tuple[str, Any]]:
        return [(one.action, one.after) for one in self.people.audit(self.workspace) if one.object_kind == "connection"]


@pytest.fixture
def shop(people: People) -> Shop:
    return Shop(people)


CHANGES = [
    pytest.param(changes.choose_accounts, ["act_1"], {"amy"}, id="choose"),
    pytest.param(changes.disconnect, None, {"amy"}, id="disconnect"),
    pytest.param(changes.pause_schedule, None, {"amy"}, id="pause"),
    pytest.param(changes.resume_schedule, None, {"amy"}, id="resume"),
    pytest.param(changes.sync_now, None, {"amy", "ann"}, id="sync"),
]


@pytest.mark.parametrize(("change", "given", "allowed"), CHANGES)
class TestWhoMay:
    def test_roles(self, shop: Shop, change: Callable[..., Any], given: Any, allowed: set[str]) -> None:
        args = [] if given is None else [given]
        for user in {"ann", "vic"} - allowed:
            with pytest.raises(Forbidden, match="it takes the role"):
                shop.do(change, *args, by=user)
        assert shop.told() == []
        for user in sorted(allowed):
            shop.do(change, *args, by=user)

    def test_not_with_another_workspaces_connection(
        self, shop: Shop, change: Callable[..., Any], given: Any, allowed: set[str]
    ) -> None:
        """It is not there, as one that never was."""
        shop.connect(shop.other, "theirs", "act_9")
        before = [repr(shop.rows(model, shop.other)) for model in (Connection, Account, Schedule, Run)]
        for connection in ("theirs", "", "x" * 500):
            with pytest.raises(UnknownName, match="there is no connection"):
                shop.do(change, *([] if given is None else [given]), connection=connection)
        with pytest.raises(UnknownName, match="there is no workspace"):
            shop.people.do(change, shop.other, "theirs", *([] if given is None else [given]), by="ada")
        assert before == [repr(shop.rows(model, shop.other)) for model in (Connection, Account, Schedule, Run)]

    def test_not_while_the_workspace_is_about_to_go(
        self, shop: Shop, change: Callable[..., Any], given: Any, allowed: set[str]
    ) -> None:
        shop.people.do(workspaces.delete, shop.workspace, by="ada", grace=timedelta(days=3))
        with pytest.raises(StateError, match="takes no changes"):
            shop.do(change, *([] if given is None else [given]))


class TestAccounts:
    def test_only_the_chosen_ones_are_read(self, shop: Shop) -> None:
        changed = shop.do(changes.choose_accounts, ["act_2", "act_3"])
        assert [one.id for one in changed] == ["act_1"]
        assert shop.chosen() == ["act_2", "act_3"]
        shop.do(changes.choose_accounts, ["act_1", "act_2"])
        assert shop.chosen() == ["act_1", "act_2"]
        assert shop.chosen(shop.other) == ["act_1", "act_2", "act_3"]
        assert ("connection.accounts_chosen", {"added": ["act_1"], "left_out": ["act_3"]}) in shop.told()

    def test_the_same_choice_changes_nothing(self, shop: Shop) -> None:
        assert shop.do(changes.choose_accounts, ["act_1", "act_2", "act_3"]) == []
        assert shop.told() == []

    def test_an_account_of_another_connection_is_none_of_its(self, shop: Shop) -> None:
        shop.connect(shop.workspace, "second", "act_7")
        with pytest.raises(UnknownName, match="has no account 'act_7'"):
            shop.do(changes.choose_accounts, ["act_1", "act_7"])
        assert shop.chosen() == ["act_1", "act_2", "act_3", "act_7"]

    def test_none_is_refused_with_what_to_do(self, shop: Shop) -> None:
        with pytest.raises(BadInput, match="pause the schedule or disconnect"):
            shop.do(changes.choose_accounts, [])


class TestSchedule:
    def test_a_pause_rests_until_it_is_resumed(self, shop: Shop) -> None:
        assert shop.do(changes.pause_schedule) == 1
        assert shop.do(changes.pause_schedule) == 0
        (paused,) = shop.rows(Schedule)
        assert (paused.enabled, paused.next_run_at > NOW + timedelta(days=365)) == (False, True)
        assert shop.rows(Schedule, shop.other)[0].enabled
        assert shop.do(changes.resume_schedule) == 1
        (going,) = shop.rows(Schedule)
        assert going.enabled
        assert NOW < going.next_run_at <= NOW + timedelta(hours=6, minutes=5)
        assert sorted(action for action, _ in shop.told()) == ["schedule.paused", "schedule.resumed"]

    def test_without_a_schedule_it_says_how_to_make_one(self, shop: Shop) -> None:
        with shop.people.store.write() as session:
            for one in session.exec(select(Schedule)):
                session.delete(one)
        with pytest.raises(UnknownName, match="adjoin schedules set"):
            shop.do(changes.pause_schedule)


class TestSyncNow:
    def test_a_run_is_queued_once(self, shop: Shop) -> None:
        run, new = shop.do(changes.sync_now, by="ann")
        assert (run.state, run.trigger, new) == (RunState.QUEUED, RunTrigger.PERSON, True)
        again, new = shop.do(changes.sync_now)
        assert (again.id, new) == (run.id, False)
        assert [action for action, _ in shop.told()] == ["sync.asked"]

    @pytest.mark.parametrize("state", [ConnectionState.RECONNECT, ConnectionState.DISABLED])
    def test_not_where_nothing_could_be_read(self, shop: Shop, state: ConnectionState) -> None:
        with shop.people.store.write() as session:
            stored = session.get_one(Connection, (shop.workspace, "meta"))
            stored.state = state
            session.add(stored)
        with pytest.raises(StateError, match="has to be authorised again"):
            shop.do(changes.sync_now)
        assert shop.rows(Run) == []


class TestDisconnecting:
    def test_the_credential_and_the_schedule_go_and_the_rest_stays(self, shop: Shop) -> None:
        version = shop.rows(Connection)[0].credential_version
        shop.do(changes.disconnect)
        (connection,) = shop.rows(Connection)
        assert changes.is_disconnected(connection)
        assert (connection.credential, connection.expires_at, connection.can_renew) == (None, None, False)
        assert connection.credential_version > version  # a renewal under way must not bring it back
        assert shop.rows(Schedule) == []
        assert len(shop.rows(Account)) == 3
        (told,) = [one for one in shop.people.audit(shop.workspace) if one.object_kind == "connection"]
        assert (told.before, told.actor) == ({"platform": "meta", "label": "Meta", "state": "ok"}, "user:ada")
        assert len(shop.rows(Schedule, shop.other)) == 1
        assert shop.rows(Connection, shop.other)[0].credential is not None

    def test_runs_end_and_are_not_tried_again(self, shop: Shop) -> None:
        shop.connect(shop.workspace, "second", "act_7")
        failed = shop.run(RunState.FAILED, retry_at=NOW)
        queued = shop.run(RunState.QUEUED)
        with shop.people.store.write() as session:
            session.add(
                Run(
                    workspace_id=shop.workspace,
                    id="of-second",
                    connection_id="second",
                    trigger=RunTrigger.SCHEDULE,
                    created_at=NOW,
                )
            )
        shop.do(changes.disconnect)
        runs = {one.id: one for one in shop.rows(Run)}
        assert (runs[failed].retry_at, runs[queued].state) == (None, RunState.CANCELLED)
        assert runs["of-second"].state is RunState.QUEUED

    def test_a_run_under_way_is_asked_to_stop(self, shop: Shop) -> None:
        run = shop.run(RunState.RUNNING, epoch=1)
        shop.do(changes.disconnect)
        (stored,) = shop.rows(Run)
        assert (stored.id, stored.state, stored.cancel_requested_at) == (run, RunState.RUNNING, NOW)

    def test_doing_it_again_changes_nothing(self, shop: Shop) -> None:
        shop.do(changes.disconnect)
        shop.do(changes.disconnect)
        assert [action for action, _ in shop.told()] == ["connection.disconnected"]
        assert shop.rows(FactFile) == []
