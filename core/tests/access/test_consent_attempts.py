"""Attempts to connect in the browser: one answer, in time, to who asked for it, for what they asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from adjoin.access import workspaces
from adjoin.access.actors import SYSTEM, Actor
from adjoin.access.consent_attempts import KEPT, LIFETIME, Asked, Attempt, ConsentAttempts, clean_up
from adjoin.clock import ManualClock
from adjoin.db.models import Connection
from adjoin.db.people import ConsentAttempt, Role
from adjoin.errors import ConsentError, ConsentProblem, Forbidden, OutOfScope, SecretError, StateError, UnknownName
from adjoin.oauth import ConsentFlow
from adjoin.secrets import Keyring, Vault
from adjoin.tokens import INVITATION, hash_token, kind_of, new_token

from .conftest import NOW, People

ASKED = Asked(platform="meta", base_url="https://graph.example", redirect_uri="https://ads.example.com/connect/back")
SESSION = "session-of-ada"


class Desk:
    """The attempts of a workspace with ada (owner), amy (admin), ann (analyst) and vic (viewer)."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.clock = ManualClock(NOW)
        self.vault = Vault(Keyring([bytes(range(32))]))
        self.attempts = ConsentAttempts(people.store, self.vault, self.clock)
        self.workspace = people.workspace(ada=Role.OWNER, amy=Role.ADMIN, ann=Role.ANALYST, vic=Role.VIEWER)

    def begin(
        self, asked: Asked = ASKED, *, user: str = "ada", session: str = SESSION, pkce: bool = True, workspace: str = ""
    ) -> ConsentFlow:
        by = Actor.user(user)
        return self.attempts.begin(workspace or self.workspace, session, asked, pkce=pkce, by=by)

    def take(self, state: str, **changes: Any) -> Attempt:
        who = {"session_id": SESSION, "user_id": "ada", "workspace_id": self.workspace} | changes
        return self.attempts.take(state, **who)

    def refused(self, state: str, **changes: Any) -> ConsentProblem:
        with pytest.raises(ConsentError) as caught:
            self.take(state, **changes)
        assert "Nothing was stored" in str(caught.value)
        return caught.value.problem

    def rows(self) -> list[ConsentAttempt]:
        with self.people.store.read() as session:
            return list(session.exec(select(ConsentAttempt)).all())


@pytest.fixture
def desk(people: People) -> Desk:
    return Desk(people)


class TestAnswer:
    def test_it_is_given_what_was_asked_for(self, desk: Desk) -> None:
        asked = replace(ASKED, label="Shop")
        flow = desk.begin(asked)
        attempt = desk.take(flow.state)
        assert (attempt.workspace_id, attempt.asked) == (desk.workspace, asked)
        assert attempt.flow.grant("code-1") == flow.grant("code-1")
        assert len(flow.code_verifier) >= 43

    def test_without_pkce_there_is_no_verifier(self, desk: Desk) -> None:
        flow = desk.begin(pkce=False)
        assert desk.rows()[0].verifier is None
        assert desk.take(flow.state).flow.grant("code-1").code_verifier == ""

    def test_of_two_at_once_one_gets_it(self, desk: Desk, together: Callable[..., list[Any]]) -> None:
        flow = desk.begin()
        answers = together(*[lambda: desk.take(flow.state)] * 4)
        assert len([one for one in answers if isinstance(one, Attempt)]) == 1
        problems = [one.problem for one in answers if isinstance(one, ConsentError)]
        assert problems == [ConsentProblem.USED] * 3

    def test_attempts_beside_each_other_do_not_meet(self, desk: Desk) -> None:
        first = desk.begin()
        second = desk.begin(replace(ASKED, platform="google"))
        assert desk.take(first.state).asked.platform == "meta"
        assert desk.take(second.state).asked.platform == "google"


class TestRefusals:
    @pytest.mark.parametrize(
        "state",
        ["", "x", "adj_c_", "\udcff", "ä" * 300, "a" * 100_000, new_token(INVITATION), new_token("c")],
        ids=["empty", "short", "prefix", "surrogate", "letters", "long", "another-kind", "never-issued"],
    )
    def test_what_was_never_asked_for(self, desk: Desk, state: str) -> None:
        desk.begin()
        assert desk.refused(state) is ConsentProblem.UNKNOWN
        assert desk.rows()[0].used_at is None

    def test_a_changed_letter(self, desk: Desk) -> None:
        state = desk.begin().state
        assert desk.refused(state[:-1] + ("a" if state[-1] != "a" else "b")) is ConsentProblem.UNKNOWN
        assert desk.take(state).asked == ASKED

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"session_id": "another"}, ConsentProblem.FOREIGN_SESSION),
            ({"session_id": ""}, ConsentProblem.FOREIGN_SESSION),
            ({"user_id": "amy"}, ConsentProblem.FOREIGN_SESSION),
            ({"user_id": ""}, ConsentProblem.FOREIGN_SESSION),
            ({"workspace_id": "default"}, ConsentProblem.FOREIGN_WORKSPACE),
            ({"workspace_id": None}, ConsentProblem.FOREIGN_WORKSPACE),
        ],
    )
    def test_somebody_elses_or_for_another_workspace(
        self, desk: Desk, changes: dict[str, Any], problem: ConsentProblem
    ) -> None:
        """And who had it cannot try on: it is over for its owner as well."""
        state = desk.begin().state
        assert desk.refused(state, **changes) is problem
        assert desk.refused(state) is ConsentProblem.USED

    def test_a_second_time(self, desk: Desk) -> None:
        state = desk.begin().state
        desk.take(state)
        assert desk.refused(state) is ConsentProblem.USED

    def test_too_late(self, desk: Desk) -> None:
        """To the instant, and ten minutes are what is said."""
        early, late = desk.begin().state, desk.begin().state
        desk.clock.advance((LIFETIME - timedelta(microseconds=1)).total_seconds())
        assert desk.take(early).asked == ASKED
        desk.clock.advance((timedelta(microseconds=1)).total_seconds())
        assert desk.refused(late) is ConsentProblem.EXPIRED
        assert timedelta(minutes=10) == LIFETIME


class TestBeginning:
    @pytest.mark.parametrize("user", ["ann", "vic"])
    def test_it_takes_the_role(self, desk: Desk, user: str) -> None:
        with pytest.raises(Forbidden, match="takes the role admin"):
            desk.begin(user=user)
        assert desk.rows() == []

    def test_strangers_learn_nothing(self, desk: Desk) -> None:
        desk.people.user("eve")
        with pytest.raises(UnknownName, match="there is no workspace"):
            desk.begin(user="eve")

    def test_the_operator_has_no_browser(self, desk: Desk) -> None:
        with pytest.raises(Forbidden, match="members who are signed in"):
            desk.attempts.begin(desk.workspace, SESSION, ASKED, pkce=True, by=SYSTEM)

    def test_a_connection_to_authorise_again_must_be_there(self, desk: Desk) -> None:
        """In this workspace, and of this platform."""
        other = desk.people.workspace(ben=Role.OWNER)
        with desk.people.store.write() as session:
            for workspace, name in ((desk.workspace, "mine"), (other, "theirs")):
                session.add(Connection(workspace_id=workspace, id=name, platform="meta", label="Meta", created_at=NOW))
        state = desk.begin(replace(ASKED, connection_id="mine")).state
        assert desk.take(state).asked.connection_id == "mine"
        for wrong in (replace(ASKED, connection_id="theirs"), replace(ASKED, connection_id="mine", platform="google")):
            with pytest.raises(UnknownName, match="there is no connection"):
                desk.begin(wrong)

    def test_not_in_a_workspace_that_is_to_be_deleted(self, desk: Desk) -> None:
        desk.people.do(workspaces.delete, desk.workspace, by="ada", grace=timedelta(days=3))
        with pytest.raises(StateError, match="is to be deleted"):
            desk.begin()


class TestStored:
    def test_neither_state_nor_verifier_nor_session_stands_in_the_database(self, desk: Desk) -> None:
        flow = desk.begin()
        (row,) = desk.rows()
        assert kind_of(flow.state) == "c"
        assert row.state_hash == hash_token(flow.state)
        told = repr(row.model_dump()).encode()
        for secret in (flow.state, flow.code_verifier, SESSION):
            assert secret.encode() not in told + bytes(row.verifier or b"")

    def test_the_verifier_goes_when_the_answer_comes(self, desk: Desk) -> None:
        desk.take(desk.begin().state)
        (row,) = desk.rows()
        assert (row.verifier, row.used_at) == (None, NOW)

    def test_a_verifier_of_another_attempt_does_not_open(self, desk: Desk) -> None:
        """The blob is bound to its row."""
        first, second = desk.begin().state, desk.begin().state
        blobs = {row.state_hash: row.verifier for row in desk.rows()}
        with desk.people.store.write() as session:
            session.connection().execute(
                sa.update(ConsentAttempt)
                .where(ConsentAttempt.state_hash == hash_token(first))  # type: ignore[arg-type]
                .values(verifier=blobs[hash_token(second)])
            )
        with pytest.raises(SecretError):
            desk.take(first)

    def test_old_ones_go_with_the_next_or_when_told(self, desk: Desk) -> None:
        desk.begin()
        desk.clock.advance((LIFETIME + KEPT - timedelta(seconds=1)).total_seconds())
        desk.begin()
        assert len(desk.rows()) == 2
        desk.clock.advance((timedelta(seconds=1)).total_seconds())
        desk.begin()
        assert len(desk.rows()) == 2
        desk.clock.advance((LIFETIME + KEPT).total_seconds())
        assert clean_up(desk.people.store, now=desk.clock.now()) == 2
        assert desk.rows() == []

    def test_another_workspace_does_not_see_them(self, desk: Desk) -> None:
        other = desk.people.workspace(ben=Role.OWNER)
        desk.begin()
        with desk.people.store.scoped(other).read() as session:
            assert session.exec(select(ConsentAttempt)).all() == []
        with desk.people.store.scoped(desk.workspace).read() as session:
            row = session.exec(select(ConsentAttempt)).one()
        with pytest.raises(OutOfScope), desk.people.store.scoped(other).write() as session:
            session.add(row)
