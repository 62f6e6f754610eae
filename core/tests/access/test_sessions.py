"""Sessions: found by a token that changes, ended by a copy of an old one, listed and ended by their owner."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlmodel import select

from adjoin.access.agents import plain_agent
from adjoin.access.permissions import Permission
from adjoin.access.session_cache import LIFE_SECONDS
from adjoin.access.session_tokens import SessionToken
from adjoin.access.sessions import Issued, Sessions
from adjoin.access.signed_in import SessionLevel, SessionRules
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.people import AuditEntry, Member, Role, Session, User
from adjoin.errors import Forbidden, UnknownName
from adjoin.testing.stores import initialise

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = SessionRules()
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


class Browser:
    """Somebody's sessions: each call of `comes` is a new browser."""

    def __init__(self, people: Any) -> None:
        self.clock = ManualClock(NOW)
        self.store = people.store
        self.sessions = Sessions(people.store, self.clock)

    def comes(self, user: str, *, level: SessionLevel = SessionLevel.PASSWORD, workspace: str | None = None) -> Issued:
        with self.store.write() as database:
            return self.sessions.create(
                database,
                user_id=user,
                provider="fake",
                subject=f"s-{user}",
                level=level,
                address="192.0.2.1",
                agent=FIREFOX,
                workspace_id=workspace,
            )

    def waits(self, span: timedelta) -> None:
        self.clock.advance(span.total_seconds())

    def uses(self, token: str) -> None:
        """A request, as the door handles it: what is seen is noted."""
        found = self.sessions.find(token)
        assert found is not None
        if found.touch_due:
            self.sessions.touch(found.session_id)


@pytest.fixture
def browser(people: Any) -> Browser:
    return Browser(people)


def audited(store: Store) -> list[AuditEntry]:
    with store.read() as database:
        return list(database.exec(select(AuditEntry).order_by(AuditEntry.at)))


class TestFinding:
    def test_it_tells_who_where_and_as_what(self, people: Any, browser: Browser) -> None:
        workspace = people.workspace(ada=Role.OWNER)
        issued = browser.comes("ada")
        found = browser.sessions.find(issued.token)
        assert found is not None
        assert (found.user_id, found.email, found.workspace_id, found.workspace_name, found.role) == (
            "ada", "ada@example.com", workspace, "ACME", Role.OWNER,
        )  # fmt: skip
        assert found.may(Permission.DELETE_WORKSPACE)
        assert found.level is SessionLevel.PASSWORD

    def test_by_its_id_it_is_the_same(self, people: Any, browser: Browser) -> None:
        people.workspace(ada=Role.VIEWER)
        issued = browser.comes("ada")
        assert browser.sessions.find_by_id(issued.session.id) == browser.sessions.find(issued.token)
        assert browser.sessions.find_by_id("0" * 32) is None

    def test_what_is_no_token_finds_nobody(self, browser: Browser) -> None:
        for text in ("", "x", "adj_s_x", ".", "adj_f_.adj_s_", "é" * 50, "a" * 100_000, "\0", "\ud800.\ud800"):
            assert browser.sessions.find(text) is None
            assert browser.sessions.find_pending(text) is None
            assert browser.sessions.rotate(text) is None

    def test_a_well_formed_token_that_was_never_issued_finds_nobody(self, browser: Browser) -> None:
        assert browser.sessions.find(SessionToken.new().text) is None

    def test_the_id_does_not_help_to_make_a_token(self, people: Any, browser: Browser) -> None:
        """Nobody who reads an id in the audit log can end a session by a made-up old token."""
        people.user("ada")
        issued = browser.comes("ada")
        made_up = SessionToken.new()
        assert made_up.session_id != issued.session.id
        assert browser.sessions.find(made_up.text) is None
        assert browser.sessions.find(issued.token) is not None

    def test_neither_half_is_stored_or_shown(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        issued = browser.comes("ada")
        with browser.store.read() as database:
            row = database.exec(select(Session)).one()
        stored = repr(row.model_dump()) + repr(issued) + repr(SessionToken.read(issued.token))
        assert not any(half in stored for half in issued.token.split("."))

    def test_a_pending_one_opens_nothing_but_its_step(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        issued = browser.comes("ada", level=SessionLevel.PENDING)
        assert issued.pending
        assert browser.sessions.find(issued.token) is None
        assert browser.sessions.find_by_id(issued.session.id) is None
        assert browser.sessions.find_pending(issued.token) is not None
        assert browser.sessions.of("ada") == []
        browser.waits(RULES.pending)
        assert browser.sessions.find_pending(issued.token) is None

    @pytest.mark.parametrize("field", ["disabled_at", "deleted_at"])
    def test_who_is_switched_off_is_out_within_a_second(self, people: Any, browser: Browser, field: str) -> None:
        people.user("ada")
        issued = browser.comes("ada")
        assert browser.sessions.find(issued.token) is not None
        with people.store.write() as database:
            setattr(database.get_one(User, "ada"), field, NOW)
        browser.waits(timedelta(seconds=LIFE_SECONDS))
        assert browser.sessions.find(issued.token) is None

    def test_who_belongs_nowhere_may_do_nothing(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        found = browser.sessions.find(browser.comes("ada").token)
        assert found is not None
        assert (found.workspace_id, found.role) == (None, None)
        assert not found.may(Permission.READ_REPORTS)
        with pytest.raises(Forbidden, match="no workspace is chosen"):
            found.required(Permission.READ_REPORTS)


class TestExpiry:
    def test_it_ends_at_its_end_even_when_used(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        token = browser.comes("ada").token
        for _ in range(29):
            browser.waits(timedelta(days=1))
            browser.uses(token)
        browser.waits(timedelta(days=1))
        assert browser.sessions.find(token) is None

    def test_it_ends_when_nobody_uses_it(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        token = browser.comes("ada").token
        browser.waits(RULES.idle - timedelta(seconds=1))
        assert browser.sessions.find(token) is not None
        browser.waits(timedelta(seconds=1))
        assert browser.sessions.find(token) is None

    def test_what_is_cached_does_not_outlive_it(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        browser.sessions.rules = SessionRules(lifetime=timedelta(seconds=0.5))
        token = browser.comes("ada").token
        assert browser.sessions.find(token) is not None
        browser.waits(timedelta(seconds=0.5))
        assert browser.sessions.find(token) is None

    def test_what_has_expired_is_cleaned_up(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        browser.comes("ada")
        browser.comes("ada", level=SessionLevel.PENDING)
        browser.waits(timedelta(days=6))
        kept = browser.comes("ada")
        assert browser.sessions.clean_up() == 1
        browser.waits(timedelta(days=1))
        assert browser.sessions.clean_up() == 1
        with browser.store.read() as database:
            assert [row.id for row in database.exec(select(Session))] == [kept.session.id]


class TestRotation:
    def test_it_is_due_after_an_hour(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        token = browser.comes("ada").token
        browser.waits(RULES.rotate_after - timedelta(seconds=1))
        found = browser.sessions.find(token)
        assert found is not None
        assert not found.rotate_due
        browser.waits(timedelta(seconds=1))
        found = browser.sessions.find(token)
        assert found is not None
        assert found.rotate_due

    def test_for_a_moment_both_are_good(self, people: Any, browser: Browser) -> None:
        """Another tab and requests under way still have the old one."""
        people.user("ada")
        old = browser.comes("ada").token
        browser.waits(RULES.rotate_after)
        new = browser.sessions.rotate(old)
        assert new is not None
        assert new != old
        browser.uses(new)
        browser.waits(RULES.grace - timedelta(seconds=1))
        assert browser.sessions.find(new) is not None
        assert browser.sessions.find(old) is not None
        assert browser.sessions.rotate(old) is None, "one of several requests gets a new token"

    def test_an_old_one_ends_the_session_after_that(self, people: Any, browser: Browser) -> None:
        workspace = people.workspace(ada=Role.OWNER)
        old = browser.comes("ada").token
        browser.waits(RULES.rotate_after)
        new = browser.sessions.rotate(old)
        assert new is not None
        browser.uses(new)
        browser.waits(RULES.grace)
        assert browser.sessions.find(old, address="203.0.113.9") is None
        assert browser.sessions.find(new) is None
        entry = audited(people.store)[-1]
        assert (entry.workspace_id, entry.action, entry.actor, entry.address) == (
            workspace, "session.old_token_used", "system", "203.0.113.9",
        )  # fmt: skip
        assert entry.before == {"user": "ada", "address": "192.0.2.1", "agent": "Firefox on Linux"}
        assert not any(half in repr(entry.model_dump()) for half in [*old.split("."), *new.split(".")])

    def test_however_old_it_is(self, people: Any, browser: Browser) -> None:
        """A thief who has renewed the token several times is found out when the owner comes back."""
        people.user("ada")
        first = token = browser.comes("ada").token
        for _ in range(5):
            browser.waits(RULES.rotate_after)
            renewed = browser.sessions.rotate(token)
            assert renewed is not None
            token = renewed
            browser.uses(token)
        assert browser.sessions.find(first) is None
        assert browser.sessions.find(token) is None

    def test_a_new_one_that_never_arrived_is_no_theft(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        old = browser.comes("ada").token
        browser.waits(RULES.rotate_after)
        assert browser.sessions.rotate(old) is not None  # the answer is lost
        browser.waits(RULES.grace)
        found = browser.sessions.find(old)
        assert found is not None
        assert found.rotate_due
        assert not found.touch_due, "only the new token can show that it has arrived"
        again = browser.sessions.rotate(old)
        assert again is not None
        browser.uses(again)
        browser.waits(RULES.grace)
        assert browser.sessions.find(again) is not None

    def test_of_many_at_once_one_gets_it(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        old = browser.comes("ada").token
        browser.waits(RULES.rotate_after)
        renewed: list[str | None] = []
        start = threading.Barrier(4)

        def ask() -> None:
            start.wait()
            renewed.append(browser.sessions.rotate(old))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [new] = [one for one in renewed if one is not None]
        assert browser.sessions.find(new) is not None
        assert browser.sessions.find(old) is not None


class TestCache:
    def test_it_saves_the_queries_of_a_second(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        token = browser.comes("ada").token
        found = browser.sessions.find(token)
        with people.store.write() as database:
            database.delete(database.exec(select(Session)).one())
        browser.waits(timedelta(seconds=LIFE_SECONDS - 0.1))
        assert browser.sessions.find(token) == found == browser.sessions.cached(token)
        browser.waits(timedelta(seconds=0.1))
        assert browser.sessions.find(token) is None

    def test_a_sign_out_in_another_process_holds_within_a_second(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        issued = browser.comes("ada")
        other = Sessions(people.store, browser.clock)
        assert other.find(issued.token) is not None
        browser.sessions.end("ada", issued.session.id)
        assert browser.sessions.find(issued.token) is None, "here it holds at once"
        browser.waits(timedelta(seconds=LIFE_SECONDS))
        assert other.find(issued.token) is None
        assert LIFE_SECONDS < 1

    def test_who_asked_before_an_end_does_not_bring_it_back(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        issued = browser.comes("ada")
        cache = browser.sessions._cache
        ticket = cache.ticket()
        found = browser.sessions.find(issued.token)
        assert found is not None
        browser.sessions.end("ada", issued.session.id)
        cache.put(issued.session.id, found, ticket)
        assert browser.sessions.find_by_id(issued.session.id) is None

    def test_a_new_role_is_seen_within_a_second(self, people: Any, browser: Browser) -> None:
        workspace = people.workspace(ada=Role.OWNER, bob=Role.VIEWER)
        token = browser.comes("bob").token
        browser.uses(token)
        with people.store.write() as database:
            database.get_one(Member, (workspace, "bob")).role = Role.ADMIN
        browser.waits(timedelta(seconds=LIFE_SECONDS))
        seen = browser.sessions.find(token)
        assert seen is not None
        assert seen.role is Role.ADMIN


class TestOwners:
    def test_they_are_listed_in_plain_words(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        people.user("bob")
        first = browser.comes("ada")
        browser.waits(timedelta(hours=2))
        second = browser.comes("ada")
        browser.comes("bob")
        listed = browser.sessions.of("ada", current=second.session.id)
        assert [(one.id, one.current) for one in listed] == [(second.session.id, True), (first.session.id, False)]
        assert {(one.agent, one.address) for one in listed} == {("Firefox on Linux", "192.0.2.1")}

    def test_one_of_somebody_else_cannot_be_ended(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        people.user("bob")
        issued = browser.comes("ada")
        with pytest.raises(UnknownName, match="there is no session"):
            browser.sessions.end("bob", issued.session.id)
        assert browser.sessions.find(issued.token) is not None

    def test_the_others_end_and_this_one_stays(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        people.user("bob")
        kept, other, foreign = browser.comes("ada"), browser.comes("ada"), browser.comes("bob")
        ended = browser.sessions.end_others("ada", kept.session.id)
        assert [(one.session_id, one.subject) for one in ended] == [(other.session.id, "s-ada")]
        assert browser.sessions.find(other.token) is None
        assert browser.sessions.find(kept.token) is not None
        assert len(browser.sessions.end_all("ada")) == 1
        assert browser.sessions.find(kept.token) is None
        assert browser.sessions.find(foreign.token) is not None

    def test_they_choose_among_their_own_workspaces(self, people: Any, browser: Browser) -> None:
        first = people.workspace(ada=Role.OWNER)
        second = people.workspace(ada=Role.OWNER)
        foreign = people.workspace(bob=Role.OWNER)
        issued = browser.comes("ada", workspace=first)
        browser.uses(issued.token)
        browser.sessions.choose_workspace(issued.session.id, second)
        found = browser.sessions.find(issued.token)
        assert found is not None
        assert (found.workspace_id, found.role) == (second, Role.OWNER)
        for unknown in (foreign, "nothing"):
            with pytest.raises(UnknownName, match="you have no workspace"):
                browser.sessions.choose_workspace(issued.session.id, unknown)
        assert browser.comes("ada").session.workspace_id == second, "the next browser begins where they were"
        assert browser.comes("ada", workspace=foreign).session.workspace_id == second

    def test_a_proof_is_fresh_for_a_while(self, people: Any, browser: Browser) -> None:
        people.user("ada")
        issued = browser.comes("ada")
        browser.waits(timedelta(minutes=20))
        found = browser.sessions.find(issued.token)
        assert found is not None
        assert not found.proven_within(timedelta(minutes=15), now=browser.clock.now())
        browser.sessions.change(issued.session.id, proven=True)
        found = browser.sessions.find(issued.token)
        assert found is not None
        assert found.proven_within(timedelta(minutes=15), now=browser.clock.now())


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
         "Chrome on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1 Version/18.1 Mobile Safari/604.1",
         "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("", "an unknown program"),
        ("<script>alert(1)</script>", "an unknown program"),
    ],
)  # fmt: skip
def test_agents_are_told_in_plain_words(header: str, words: str) -> None:
    assert plain_agent(header) == words


class SessionMachine(RuleBasedStateMachine):
    """One person's sessions against a model: for each, the tokens that were ever issued, and what is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.store = Store.open(f"sqlite:///{Path(self.folder.name) / 'a.db'}", check_schema=False)
        self.clock = ManualClock(NOW)
        self.sessions = Sessions(self.store, self.clock)
        self.issued: list[list[str]] = []
        self.alive: set[int] = set()
        self.created: list[float] = []
        self.seen: list[float] = []
        self.rotated: list[float] = []
        self.arrived: list[bool] = []

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        initialise(self.store, now=NOW)
        with self.store.write() as database:
            database.add(User(id="ada", email="ada@example.com", created_at=NOW))

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def expire(self) -> None:
        lifetime, idle = RULES.lifetime.total_seconds(), RULES.idle.total_seconds()
        over = {n for n in self.alive if self.now - self.created[n] >= lifetime or self.now - self.seen[n] >= idle}
        self.alive -= over

    @rule()
    def sign_in(self) -> None:
        with self.store.write() as database:
            made = self.sessions.create(
                database, user_id="ada", provider="fake", subject="a", level=SessionLevel.PASSWORD
            )
        self.alive.add(len(self.issued))
        self.issued.append([made.token])
        self.created.append(self.now)
        self.seen.append(self.now)
        self.rotated.append(self.now)
        self.arrived.append(False)

    @rule(seconds=st.sampled_from([1, 30, 61, 3_601, 100_000, 500_000]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.expire()

    @rule(data=st.data())
    def use(self, data: st.DataObject) -> None:
        if not self.issued:
            return
        n = data.draw(st.integers(0, len(self.issued) - 1))
        age = data.draw(st.integers(0, len(self.issued[n]) - 1))
        found = self.sessions.find(self.issued[n][-1 - age])
        previous = not self.arrived[n] or self.now - self.rotated[n] < RULES.grace.total_seconds()
        good = age == 0 or (age == 1 and previous)
        assert (found is not None) == (n in self.alive and good)
        if not good:
            self.alive.discard(n)
        if found is not None and found.touch_due:
            assert age == 0
            self.sessions.touch(found.session_id)
            self.seen[n], self.arrived[n] = self.now, True

    @rule(data=st.data())
    def rotate(self, data: st.DataObject) -> None:
        if not self.issued:
            return
        n = data.draw(st.integers(0, len(self.issued) - 1))
        age = data.draw(st.integers(0, min(1, len(self.issued[n]) - 1)))
        new = self.sessions.rotate(self.issued[n][-1 - age])
        waited = self.now - self.rotated[n] >= RULES.grace.total_seconds()
        allowed = n in self.alive and waited and (age == 0 or not self.arrived[n])
        assert (new is not None) == allowed
        if new is not None:
            if age == 1:
                self.issued[n].pop()  # it never arrived, and nobody has it
            self.issued[n].append(new)
            self.rotated[n], self.arrived[n] = self.now, False

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        if not self.alive:
            return
        n = data.draw(st.sampled_from(sorted(self.alive)))
        token = SessionToken.read(self.issued[n][-1])
        assert token is not None
        self.sessions.end("ada", token.session_id)
        self.alive.discard(n)

    @rule()
    def end_all(self) -> None:
        self.sessions.end_all("ada")
        self.alive.clear()

    @rule()
    def clean_up(self) -> None:
        self.sessions.clean_up()

    @invariant()
    def listed_is_what_is_alive(self) -> None:
        self.expire()
        expected = {token.session_id for n in self.alive if (token := SessionToken.read(self.issued[n][-1]))}
        assert {one.id for one in self.sessions.of("ada")} == expected


SessionMachine.TestCase.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
TestSessionMachine = SessionMachine.TestCase
