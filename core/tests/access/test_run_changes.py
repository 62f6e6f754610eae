"""What members ask of runs: who may, what is read then, what is said of it, and what two who ask at once get."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from adjoin.access import run_changes as changes
from adjoin.access import workspaces
from adjoin.access.run_changes import Asked
from adjoin.ads.v2 import Credential
from adjoin.db.models import Account, Connection, ConnectionState, Run, RunState, RunTrigger, Slice, SliceState
from adjoin.db.people import Role
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName
from adjoin.secrets import Keyring, Vault
from adjoin.sync.shared_credential import put_credential

from .conftest import NOW, People

VAULT = Vault(Keyring([bytes(range(32))]))
DAYS = {"since": date(2026, 2, 1), "until": date(2026, 2, 3)}


class Shop:
    """A workspace with ada (owner), ann (analyst), vic (viewer), and a connection with two accounts."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.workspace = people.workspace(ada=Role.OWNER, ann=Role.ANALYST, vic=Role.VIEWER)
        connection = Connection(workspace_id=self.workspace, id="meta", platform="meta", label="Meta", created_at=NOW)
        put_credential(VAULT, connection, Credential(access_token="token-of-a-test"))
        with people.store.write() as session:
            session.add(connection)
            for account in ("act_1", "act_2"):
                session.add(
                    Account(
                        workspace_id=self.workspace,
                        platform="meta",
                        id=account,
                        connection_id="meta",
                        name=account.upper(),
                        currency="EUR",
                        time_zone="UTC",
                        first_seen_at=NOW,
                        last_seen_at=NOW,
                    )
                )

    def run(self, state: RunState, *pieces: tuple[str, str], **values: Any) -> str:
        """Add a run; `pieces` are accounts and kinds of error of its failed slices."""
        with self.people.store.write() as session:
            made = Run(
                workspace_id=self.workspace,
                connection_id="meta",
                state=state,
                trigger=RunTrigger.SCHEDULE,
                created_at=NOW - timedelta(hours=1),
                slices_total=len(pieces),
                **values,
            )
            session.add(made)
            session.add_all(
                Slice(
                    workspace_id=self.workspace,
                    run_id=made.id,
                    account_id=account,
                    stream="ad_daily",
                    state=SliceState.FAILED,
                    error="No.",
                    error_kind=kind,
                )
                for account, kind in pieces
            )
        return made.id

    def stored(self, run_id: str) -> Run:
        with self.people.store.read() as session:
            return session.get_one(Run, (self.workspace, run_id))

    def runs(self) -> list[Run]:
        with self.people.store.read() as session:
            return list(session.exec(select(Run).where(col(Run.workspace_id) == self.workspace)))

    def change(self, model: Any, key: tuple[str, ...], **values: Any) -> None:
        with self.people.store.write() as session:
            found = session.get_one(model, (self.workspace, *key))
            for name, value in values.items():
                setattr(found, name, value)
            session.add(found)

    def do(self, change: Callable[..., Any], *args: Any, by: str = "ann", **options: Any) -> Any:
        return self.people.do(change, self.workspace, *args, by=by, **options)

    def told(self) -> list[tuple[str, str, Any]]:
        every = self.people.audit(self.workspace)
        return [(one.action, one.object_id, one.after) for one in every if one.action.startswith("sync.")]


@pytest.fixture
def shop(people: People) -> Shop:
    return Shop(people)


def act_on(shop: Shop, act: str) -> Callable[[str], Any]:
    """One of the acts, as somebody does it."""
    if act == "refetch":
        return lambda user: shop.do(changes.refetch, "meta", **DAYS, by=user)
    run = shop.run(RunState.FAILED if act == "retry" else RunState.QUEUED)
    change = changes.retry if act == "retry" else changes.cancel
    return lambda user: shop.do(change, run, by=user)


def test_analysts_may_and_viewers_may_not(people: People) -> None:
    for act in ("refetch", "retry", "cancel"):
        shop = Shop(people)
        do = act_on(shop, act)
        with pytest.raises(Forbidden, match="it takes the role"):
            do("vic")
        assert shop.told() == []
        do("ann")
        assert len(shop.told()) == 1


def test_nothing_is_asked_of_a_workspace_that_goes(people: People) -> None:
    for act in ("refetch", "retry", "cancel"):
        shop = Shop(people)
        do = act_on(shop, act)
        shop.people.do(workspaces.delete, shop.workspace, by="ada", grace=timedelta(days=3))
        with pytest.raises(StateError, match="takes no changes"):
            do("ada")


def test_strangers_find_nothing(shop: Shop) -> None:
    """Neither connection nor run of another workspace, and of one's own not what was never there."""
    run = shop.run(RunState.FAILED)
    other = shop.people.workspace(ben=Role.OWNER)
    for change, args, options in (
        (changes.refetch, ("meta",), DAYS),
        (changes.retry, (run,), {}),
        (changes.cancel, (run,), {}),
    ):
        with pytest.raises(UnknownName, match="there is no"):
            shop.people.do(change, other, *args, by="ben", **options)
        with pytest.raises(UnknownName, match="there is no workspace"):
            shop.people.do(change, shop.workspace, *args, by="ben", **options)
    assert [one.id for one in shop.runs()] == [run]


class TestRefetch:
    def test_days_accounts_and_streams_are_what_was_asked(self, shop: Shop) -> None:
        asked: Asked = shop.do(changes.refetch, "meta", **DAYS, accounts=["act_2"], streams=["ad_daily"])
        run = shop.stored(asked.run.id)
        assert (asked.new, asked.covered) == (True, True)
        assert (run.since, run.until, run.accounts, run.streams) == (*DAYS.values(), ["act_2"], ["ad_daily"])
        assert (run.trigger, run.priority) == (RunTrigger.PERSON, 10)
        after = {"since": "2026-02-01", "until": "2026-02-03", "accounts": ["act_2"], "datasets": ["ad_daily"]}
        assert shop.told() == [("sync.asked", "meta", after)]

    def test_who_asks_second_hears_of_the_first(self, shop: Shop) -> None:
        """One run reads it for both; other days are said not to be read by it."""
        first: Asked = shop.do(changes.refetch, "meta", **DAYS)
        again: Asked = shop.do(changes.refetch, "meta", **DAYS, by="ada")
        other: Asked = shop.do(changes.refetch, "meta", since=date(2026, 1, 1), until=date(2026, 1, 1))
        assert (again.run.id, again.new, again.covered) == (first.run.id, False, True)
        assert (other.run.id, other.new, other.covered) == (first.run.id, False, False)
        assert len(shop.told()) == 1

    def test_days_that_make_no_sense(self, shop: Shop) -> None:
        with pytest.raises(BadInput, match="the other way round"):
            shop.do(changes.refetch, "meta", since=date(2026, 2, 3), until=date(2026, 2, 1))
        with pytest.raises(BadInput, match="lies in the future"):
            shop.do(changes.refetch, "meta", since=date(2026, 2, 1), until=date(2026, 3, 3))

    def test_the_day_that_has_begun_somewhere(self, shop: Shop) -> None:
        """At noon UTC on 1 March it is 2 March in the zone furthest ahead."""
        assert shop.do(changes.refetch, "meta", since=date(2026, 3, 2), until=date(2026, 3, 2)).new

    def test_accounts_have_to_be_there_and_readable(self, shop: Shop) -> None:
        with pytest.raises(UnknownName, match="has no account 'act_9'"):
            shop.do(changes.refetch, "meta", **DAYS, accounts=["act_9"])
        shop.change(Account, ("meta", "act_2"), readable=False, note="not read: it is a manager")
        with pytest.raises(BadInput, match="ACT_2 cannot be read: it is a manager"):
            shop.do(changes.refetch, "meta", **DAYS, accounts=["act_1", "act_2"])
        with pytest.raises(BadInput, match="at least one account"):
            shop.do(changes.refetch, "meta", **DAYS, accounts=[])

    def test_a_connection_that_cannot_be_used(self, shop: Shop) -> None:
        shop.change(Connection, ("meta",), state=ConnectionState.RECONNECT)
        with pytest.raises(StateError, match="authorised again"):
            shop.do(changes.refetch, "meta", **DAYS)


class TestRetry:
    def test_all_that_lacks_is_read_within_the_same_limits(self, shop: Shop) -> None:
        """Also what does not pass by itself: who asks may have mended it. It is not tried again by itself then."""
        old = shop.run(RunState.PARTLY, ("act_2", "invalid"), retry_at=NOW, tries=3, streams=["ad_daily"], **DAYS)
        asked: Asked = shop.do(changes.retry, old)
        run = shop.stored(asked.run.id)
        assert asked.new
        assert (run.accounts, run.streams, run.since, run.until) == (["act_2"], ["ad_daily"], *DAYS.values())
        assert (run.retry_of, run.tries, run.trigger) == (old, 0, RunTrigger.PERSON)
        assert shop.stored(old).retry_at is None
        assert shop.told() == [("sync.retried", old, {"run": run.id})]

    def test_a_run_that_never_began_is_read_as_it_was_to_be(self, shop: Shop) -> None:
        asked: Asked = shop.do(changes.retry, shop.run(RunState.FAILED, accounts=["act_1"], full=True))
        run = shop.stored(asked.run.id)
        assert (run.accounts, run.full) == (["act_1"], True)

    def test_two_at_once_get_one_run(self, shop: Shop) -> None:
        old = shop.run(RunState.PARTLY, ("act_1", "wait"))
        first: Asked = shop.do(changes.retry, old)
        second: Asked = shop.do(changes.retry, old, by="ada")
        assert (second.run.id, second.new, second.covered) == (first.run.id, False, True)
        assert len(shop.runs()) == 2

    def test_another_run_in_the_way(self, shop: Shop) -> None:
        """It is named, and the old one is still tried again by itself."""
        old = shop.run(RunState.PARTLY, ("act_1", "wait"), retry_at=NOW)
        other = shop.run(RunState.RUNNING, since=date(2026, 1, 1), until=date(2026, 1, 1))
        asked: Asked = shop.do(changes.retry, old)
        assert (asked.run.id, asked.new, asked.covered) == (other, False, False)
        assert shop.stored(old).retry_at == NOW

    def test_nothing_to_retry(self, shop: Shop) -> None:
        with pytest.raises(BadInput, match="has brought everything"):
            shop.do(changes.retry, shop.run(RunState.SUCCEEDED))
        with pytest.raises(BadInput, match="has not ended yet"):
            shop.do(changes.retry, shop.run(RunState.RUNNING))


class TestCancel:
    def test_what_waits_ends_at_once_and_what_runs_is_asked_to(self, shop: Shop) -> None:
        waiting = shop.do(changes.cancel, shop.run(RunState.QUEUED))
        assert (waiting.state, waiting.cancel_requested_at) == (RunState.CANCELLED, NOW)
        running = shop.do(changes.cancel, shop.run(RunState.RUNNING))
        assert (running.state, running.cancel_requested_at) == (RunState.RUNNING, NOW)
        assert {(one[0], one[1]) for one in shop.told()} == {
            ("sync.cancelled", waiting.id),
            ("sync.cancelled", running.id),
        }

    def test_a_run_that_ended_meanwhile(self, shop: Shop) -> None:
        with pytest.raises(BadInput, match=r"has ended already \(succeeded\)"):
            shop.do(changes.cancel, shop.run(RunState.SUCCEEDED))
        assert shop.told() == []
