"""People, workspaces, sessions and invitations in any order of steps, by clocks that are set back and forth as well.

Nobody is ever known as what they are not at that moment, and a link lets in one person, once, while it is good.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlmodel import select

from adjoin.access import invitations, members, users, workspaces
from adjoin.access.actors import SYSTEM, Actor
from adjoin.access.invitations import InvitationMail
from adjoin.access.purge import MARGIN, purge
from adjoin.access.sessions import Issued, Sessions
from adjoin.access.signed_in import SessionLevel, SessionRules
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import Workspace
from adjoin.db.people import Member, Role, User
from adjoin.errors import AdjoinError, AuthError, UnknownName
from adjoin.facts.store import FactStore
from adjoin.testing.stores import initialise

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = SessionRules()
GRACE = timedelta(days=2)
NAMES = ("ada", "bob", "cy")
PLACES = ("north", "south")
NAME, PLACE, ROLE = st.sampled_from(NAMES), st.sampled_from(PLACES), st.sampled_from(Role)


class WrongClock(ManualClock):
    """A clock that somebody sets; its stopwatch goes on."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass
class Browser:
    """What the model knows of a session. `seen` and `created` are times by the clock as it was."""

    issued: Issued
    name: str
    place: str | None
    pending: bool
    created: datetime
    seen: datetime
    ended: bool = False


@dataclass
class Link:
    """What the model knows of an invitation; `tokens` are all there were, the last one good."""

    id: str
    place: str
    name: str
    role: Role
    expires: datetime
    tokens: list[str] = field(default_factory=list)
    over: bool = False


class Lives(RuleBasedStateMachine):
    """Three people and two workspaces. The operator does what takes a role: who may do it is tried elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(f"sqlite:///{Path(self.folder.name) / 'adjoin.db'}", check_schema=False)
        self.clock = WrongClock(NOW)
        self.sessions = Sessions(self.store, self.clock)
        self.roles: dict[str, dict[str, Role]] = {}
        self.leaving: dict[str, datetime] = {}
        self.disabled: set[str] = set()
        self.browsers: list[Browser] = []
        self.links: list[Link] = []

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        initialise(self.store, now=NOW)
        with self.store.write() as session:
            for name in NAMES:
                session.add(User(id=name, email=f"{name}@example.com", email_verified_at=NOW, created_at=NOW))
            session.add_all(Workspace(id=place, name=place, created_at=NOW) for place in PLACES)
        self.roles = {place: {} for place in PLACES}
        self.add("ada", "north", Role.OWNER)
        self.add("bob", "north", Role.ANALYST)
        self.add("ada", "south", Role.OWNER)
        for name in ("ada", "bob"):
            self.sign_in(name, "north", False)
        self.invite("cy", "north", Role.ADMIN)
        self.invite("bob", "south", Role.VIEWER)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def attempt(self, change: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Return what came of it; None where it was refused."""
        self.clock.advance(1)  # what is known of a session is good for less than a second
        try:
            with self.store.write() as session:
                return change(session, *args, by=SYSTEM, now=self.now, **options) or True
        except AdjoinError:
            return None

    def lives(self, browser: Browser) -> bool:
        lasts = RULES.pending if browser.pending else RULES.lifetime
        in_time = self.now < browser.created + lasts and self.now - browser.seen < RULES.idle
        return in_time and not browser.ended and browser.name not in self.disabled

    def end(self, *, but: Browser | None = None, name: str) -> None:
        for browser in self.browsers:
            browser.ended |= browser.name == name and browser is not but

    # Sessions

    @rule(name=NAME, place=PLACE, pending=st.sampled_from((False, False, True)))
    def sign_in(self, name: str, place: str, pending: bool) -> None:
        if name in self.disabled or name not in self.roles.get(place, {}):
            return
        level = SessionLevel.PENDING if pending else SessionLevel.PASSWORD
        with self.store.write() as session:
            issued = self.sessions.create(
                session, user_id=name, provider="fake", subject=name, level=level, workspace_id=place
            )
        self.browsers.append(Browser(issued, name, place, pending, self.now, self.now))

    @precondition(lambda self: self.browsers)
    @rule(data=st.data(), place=PLACE)
    def choose(self, data: st.DataObject, place: str) -> None:
        browser = data.draw(st.sampled_from(self.browsers))
        try:
            self.sessions.choose_workspace(browser.issued.session.id, place)
        except UnknownName:
            assert browser.ended or browser.name not in self.roles.get(place, {}) or not self.lives(browser)
            return
        assert browser.name in self.roles[place]
        browser.place = place

    @precondition(lambda self: self.browsers)
    @rule(data=st.data())
    def use(self, data: st.DataObject) -> None:
        browser = data.draw(st.sampled_from(self.browsers))
        found = self.sessions.find(browser.issued.token)
        if found is not None and found.touch_due:
            self.sessions.touch(found.session_id)
            browser.seen = max(self.now, browser.created + timedelta(microseconds=1))

    @precondition(lambda self: self.browsers)
    @rule(data=st.data(), how=st.sampled_from(("one", "others", "all")))
    def sign_out(self, data: st.DataObject, how: str) -> None:
        browser = data.draw(st.sampled_from(self.browsers))
        if how == "one":
            try:
                self.sessions.end(browser.name, browser.issued.session.id)
            except UnknownName:
                assert not self.lives(browser)
            browser.ended = True
        elif how == "others":
            self.sessions.end_others(browser.name, browser.issued.session.id)
            self.end(name=browser.name, but=browser)
        else:
            self.sessions.end_all(browser.name)
            self.end(name=browser.name)

    @rule()
    def clean_up(self) -> None:
        self.sessions.clean_up()
        for browser in self.browsers:
            browser.ended |= not self.lives(browser)

    @rule(name=NAME)
    def switch(self, name: str) -> None:
        off = name in self.disabled
        assert self.attempt(users.enable if off else users.disable, name) is not None
        self.disabled ^= {name}
        if not off:
            self.end(name=name)

    # Workspaces and their members

    @rule(name=NAME, place=PLACE, role=ROLE)
    def add(self, name: str, place: str, role: Role) -> None:
        done = self.attempt(members.add, place, name, role)
        there = place in self.roles and place not in self.leaving
        assert (done is not None) == (there and name not in self.roles[place] and name not in self.disabled)
        if done is not None:
            self.roles[place][name] = role

    @rule(name=NAME, place=PLACE, role=ROLE)
    def change_role(self, name: str, place: str, role: Role) -> None:
        if self.attempt(members.change_role, place, name, role) is not None:
            assert place not in self.leaving
            self.roles[place][name] = role

    @rule(name=NAME, place=PLACE)
    def remove(self, name: str, place: str) -> None:
        if self.attempt(members.remove, place, name) is not None:
            del self.roles[place][name]
            for browser in self.browsers:
                if browser.name == name and browser.place == place:
                    browser.place = None

    @precondition(lambda self: any(len(found) > 1 for found in self.roles.values()))
    @rule(data=st.data(), role=ROLE)
    def come_back(self, data: st.DataObject, role: Role) -> None:
        """Take somebody out who is signed in, and let them in again as something else."""
        place = data.draw(st.sampled_from(sorted(self.roles)))
        if not self.roles[place]:
            return
        name = data.draw(st.sampled_from(sorted(self.roles[place])))
        self.remove(name, place)
        self.everybody_is_known_as_what_they_are()
        if name not in self.roles[place] and name not in self.disabled and place not in self.leaving:
            self.add(name, place, role)

    @rule(place=PLACE, restore=st.booleans())
    def delete(self, place: str, restore: bool) -> None:
        if restore:
            if self.attempt(workspaces.restore, place) is not None:
                self.leaving.pop(place, None)
        elif self.attempt(workspaces.delete, place, grace=GRACE) is not None:
            self.leaving.setdefault(place, self.now + GRACE)

    @rule()
    def purge(self) -> None:
        purge(self.store, FactStore(Path(self.folder.name)), now=self.now)
        for place, when in list(self.leaving.items()):
            if when + MARGIN <= self.now:
                del self.leaving[place], self.roles[place]
                self.links = [one for one in self.links if one.place != place]

    # Invitations

    @rule(name=NAME, place=PLACE, role=ROLE)
    def invite(self, name: str, place: str, role: Role) -> None:
        sent: list[InvitationMail] = []
        made = self.attempt(
            invitations.invite, place, f"{name}@example.com", role, send=lambda _, mail: sent.append(mail)
        )
        if made is not None:
            assert place in self.roles
            assert place not in self.leaving
            assert name not in self.roles[place]
            self.links.append(Link(made.id, place, name, role, made.expires_at, [sent[0].token]))

    @precondition(lambda self: self.links)
    @rule(data=st.data(), again=st.booleans())
    def change_link(self, data: st.DataObject, again: bool) -> None:
        link = data.draw(st.sampled_from(self.links))
        sent: list[InvitationMail] = []
        if again:
            made = self.attempt(invitations.resend, link.place, link.id, send=lambda _, mail: sent.append(mail))
            if made is not None:
                assert not link.over
                link.tokens.append(sent[0].token)
                link.expires = made.expires_at
        elif self.attempt(invitations.revoke, link.place, link.id) is not None:
            assert not link.over
            link.over = True

    @precondition(lambda self: self.links)
    @rule(data=st.data(), together=st.booleans())
    def accept(self, data: st.DataObject, together: bool) -> None:
        """By the right person and by others; also twice at the same moment."""
        link = data.draw(st.sampled_from(self.links))
        token = data.draw(st.sampled_from([link.tokens[-1]] * 3 + link.tokens))
        name = data.draw(st.sampled_from([link.name] * 3 + list(NAMES)))
        self.take(link, token, name, together=together)

    @precondition(lambda self: self.links)
    @rule(data=st.data())
    def accept_late(self, data: st.DataObject) -> None:
        """In the moment in which it expires it is good no more."""
        link = data.draw(st.sampled_from(self.links))
        self.clock.advance(max(0.0, (link.expires - self.now).total_seconds()))
        self.take(link, link.tokens[-1], link.name, together=False)

    @precondition(lambda self: any(one.over for one in self.links))
    @rule(data=st.data())
    def accept_what_is_over(self, data: st.DataObject) -> None:
        """A link that was used or revoked lets nobody in again."""
        link = data.draw(st.sampled_from([one for one in self.links if one.over]))
        self.take(link, link.tokens[-1], link.name, together=False)

    def take(self, link: Link, token: str, name: str, *, together: bool) -> None:
        """Use a link, and compare what comes of it."""
        due = (
            token == link.tokens[-1]
            and name == link.name
            and not link.over
            and self.now < link.expires
            and link.place not in self.leaving
            and name not in self.disabled
        )

        def accept(_: int) -> Role | None:
            try:
                with self.store.write() as session:
                    return invitations.accept(session, token, by=Actor.user(name), now=self.now).role
            except AuthError:
                return None

        self.clock.advance(1)
        if together:
            with ThreadPoolExecutor(2) as pool:
                joined = [role for role in pool.map(accept, range(2)) if role is not None]
        else:
            joined = [role for role in [accept(0)] if role is not None]
        assert len(joined) == due
        if due:
            link.over = True
            assert self.roles[link.place].setdefault(name, link.role) is joined[0]

    # Time

    @rule(seconds=st.sampled_from((60, 3_600, 86_400, 300_000, 605_000)))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(hours=st.sampled_from((-48, -1, 1, 100)))
    def set_the_clock(self, hours: int) -> None:
        self.clock.ahead += timedelta(hours=hours)
        self.clock.advance(1)

    # What holds at any time

    @invariant()
    def everybody_is_known_as_what_they_are(self) -> None:
        self.clock.advance(1)
        for browser in self.browsers:
            found = self.sessions.find(browser.issued.token)
            pending = self.sessions.find_pending(browser.issued.token)
            alive = self.lives(browser)
            assert (found is not None) == (alive and not browser.pending)
            assert (pending is not None) == (alive and browser.pending)
            known = found or pending
            if known is not None:
                role = self.roles.get(browser.place or "", {}).get(browser.name)
                assert known.user_id == browser.name
                assert known.role is role
                assert known.workspace_id == (None if role is None else browser.place)

    @invariant()
    def the_members_are_those_of_the_model(self) -> None:
        with self.store.read() as session:
            stored: dict[str, dict[str, Role]] = {place: {} for place in self.roles}
            for one in session.exec(select(Member)):
                stored[one.workspace_id][one.user_id] = one.role
        assert stored == self.roles


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=15, stateful_step_count=35, deadline=None, suppress_health_check=list(HealthCheck)
)
