"""API tokens: shown once, with scopes and an end, and never worth more than who made them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from adjoin.access import api_tokens, members
from adjoin.access.actors import SYSTEM, Actor
from adjoin.access.api_tokens import ApiTokens, NewApiToken
from adjoin.access.permissions import Permission
from adjoin.clock import ManualClock
from adjoin.db.people import ApiToken, AuditEntry, Member, Role, User
from adjoin.errors import BadInput, Forbidden, UnknownName
from adjoin.tokens import API, SESSION, new_token

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def create(people: Any, workspace: str, by: str = "ada", **options: Any) -> NewApiToken:
    values: dict[str, Any] = {"name": "nightly", "scopes": ["reports.read"], "lifetime": timedelta(days=90)}
    with people.store.write() as session:
        return api_tokens.create(session, workspace, **(values | options), by=Actor.user(by), now=NOW)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def tokens(people: Any, clock: ManualClock) -> ApiTokens:
    return ApiTokens(people.store, clock)


class TestMaking:
    def test_it_is_shown_once_and_stored_hashed(self, people: Any) -> None:
        workspace = people.workspace(ada=Role.ADMIN)
        made = create(people, workspace)
        with people.store.read() as session:
            stored = [*session.exec(select(ApiToken)), *session.exec(select(AuditEntry))]
        assert made.token not in repr([one.model_dump() for one in stored]) + repr(made)
        assert people.actions(workspace).count("api_token.created") == 1

    @pytest.mark.parametrize(
        ("options", "why"),
        [
            ({"name": " "}, "must not be empty"),
            ({"name": "x" * 101}, "at most 100"),
            ({"scopes": []}, "at least one scope"),
            ({"scopes": ["reports.write"]}, "there is no scope 'reports.write'"),
            ({"lifetime": timedelta(0)}, "good for up to"),
            ({"lifetime": timedelta(days=4_000)}, "good for up to"),
        ],
    )
    def test_what_is_off_is_said(self, people: Any, options: dict[str, Any], why: str) -> None:
        workspace = people.workspace(ada=Role.ADMIN)
        with pytest.raises(BadInput, match=why):
            create(people, workspace, **options)

    def test_no_scope_is_beyond_its_maker(self, people: Any) -> None:
        workspace = people.workspace(ada=Role.OWNER, bob=Role.ANALYST, eve=Role.VIEWER)
        with pytest.raises(Forbidden, match=r"analyst does not allow members\.manage"):
            create(people, workspace, by="bob", scopes=["members.manage", "reports.read"])
        with pytest.raises(Forbidden, match=r"tokens\.create"):
            create(people, workspace, by="eve")
        people.user("stranger")
        with pytest.raises(UnknownName):
            create(people, workspace, by="stranger")

    def test_a_token_and_the_operator_make_none(self, people: Any) -> None:
        workspace = people.workspace(ada=Role.OWNER)
        for by in (SYSTEM, Actor.token("t1", "ada")):
            with pytest.raises(Forbidden, match="members who are signed in"), people.store.write() as session:
                api_tokens.create(session, workspace, name="x", scopes=["reports.read"], lifetime=None, by=by, now=NOW)

    def test_there_is_an_end_to_them(self, people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(api_tokens, "MOST", 2)
        workspace = people.workspace(ada=Role.OWNER)
        first = create(people, workspace)
        create(people, workspace, lifetime=None)
        with pytest.raises(BadInput, match="already; revoke one"):
            create(people, workspace)
        with people.store.write() as session:
            api_tokens.revoke(session, workspace, first.row.id, by=Actor.user("ada"), now=NOW)
        create(people, workspace)


class TestUsing:
    def test_it_may_do_what_its_scopes_say(self, people: Any, tokens: ApiTokens) -> None:
        workspace = people.workspace(ada=Role.OWNER)
        made = create(people, workspace, scopes=["reports.read", "syncs.start"])
        found = tokens.find(made.token)
        assert found is not None
        assert (found.workspace_id, found.user_id, found.name) == (workspace, "ada", "nightly")
        assert found.permissions == {Permission.READ_REPORTS, Permission.START_SYNCS}
        found.required(Permission.START_SYNCS)
        with pytest.raises(Forbidden, match=r"'nightly' may not do this \(audit.read\)"):
            found.required(Permission.READ_AUDIT)
        assert found.actor().name == f"token:{made.row.id}"

    def test_and_no_more_than_its_maker_may_now(self, people: Any, tokens: ApiTokens) -> None:
        workspace = people.workspace(ada=Role.OWNER, bob=Role.ADMIN)
        made = create(people, workspace, by="bob", scopes=["reports.read", "members.manage"])
        with people.store.write() as session:
            session.get_one(Member, (workspace, "bob")).role = Role.VIEWER
        found = tokens.find(made.token)
        assert found is not None
        assert found.permissions == {Permission.READ_REPORTS}
        with people.store.write() as session:
            members.leave(session, workspace, "bob", by=Actor.user("bob"), now=NOW)
        assert tokens.find(made.token) is None

    def test_a_scope_of_another_release_is_worth_nothing(self, people: Any, tokens: ApiTokens) -> None:
        workspace = people.workspace(ada=Role.OWNER)
        made = create(people, workspace)
        with people.store.write() as session:
            session.get_one(ApiToken, (workspace, made.row.id)).scopes = ["everything", "reports.read"]
        found = tokens.find(made.token)
        assert found is not None
        assert found.permissions == {Permission.READ_REPORTS}

    @pytest.mark.parametrize(
        "text",
        ["", "x", "adj_t_x", new_token(API), new_token(SESSION), "é" * 9_999, "\0"],
        ids=["empty", "short", "cut", "unknown", "of a session", "long", "zero"],
    )
    def test_what_is_no_token_finds_nobody(self, sqlite_store: Any, clock: ManualClock, text: str) -> None:
        assert ApiTokens(sqlite_store, clock).find(text) is None

    def test_it_ends_on_time_by_hand_and_with_its_maker(
        self, people: Any, tokens: ApiTokens, clock: ManualClock
    ) -> None:
        workspace = people.workspace(ada=Role.OWNER, bob=Role.ANALYST)
        expiring, revoked, switched = (
            create(people, workspace),
            create(people, workspace),
            create(people, workspace, by="bob", lifetime=None),
        )
        with people.store.write() as session:
            api_tokens.revoke(session, workspace, revoked.row.id, by=Actor.user("ada"), now=NOW)
            session.get_one(User, "bob").disabled_at = NOW
        assert tokens.find(revoked.token) is None
        assert tokens.find(switched.token) is None
        clock.advance(timedelta(days=90).total_seconds() - 1)
        assert tokens.find(expiring.token) is not None
        clock.advance(1)
        assert tokens.find(expiring.token) is None

    def test_its_use_is_noted_now_and_then(self, people: Any, tokens: ApiTokens, clock: ManualClock) -> None:
        workspace = people.workspace(ada=Role.OWNER)
        made = create(people, workspace)

        def noted() -> datetime | None:
            with people.store.read() as session:
                found: datetime | None = session.get_one(ApiToken, (workspace, made.row.id)).last_used_at
                return found

        assert noted() is None
        tokens.find(made.token)
        assert noted() == NOW
        clock.advance(299)
        tokens.find(made.token)
        assert noted() == NOW
        clock.advance(1)
        tokens.find(made.token)
        assert noted() == NOW + timedelta(minutes=5)


class TestRevoking:
    def test_ones_own_or_with_the_permission(self, people: Any) -> None:
        workspace = people.workspace(ada=Role.OWNER, bob=Role.ANALYST, cy=Role.ANALYST)
        made = create(people, workspace, by="bob")

        def revoke(by: str, token_id: str = made.row.id) -> ApiToken:
            with people.store.write() as session:
                return api_tokens.revoke(session, workspace, token_id, by=Actor.user(by), now=NOW)

        with pytest.raises(UnknownName, match="no API token"):
            revoke("cy")
        with pytest.raises(UnknownName):
            revoke("ada", "nothing")
        assert revoke("ada").revoked_at == NOW
        revoke("bob")
        assert people.actions(workspace).count("api_token.revoked") == 1

    def test_they_are_listed_newest_first(self, people: Any) -> None:
        workspace = people.workspace(ada=Role.OWNER, bob=Role.ANALYST)
        create(people, workspace, name="one")
        create(people, workspace, by="bob", name="two")
        with people.store.read() as session:
            assert {one.name for one in api_tokens.tokens_of(session, workspace)} == {"one", "two"}
            assert [one.name for one in api_tokens.tokens_of(session, workspace, user_id="bob")] == ["two"]
