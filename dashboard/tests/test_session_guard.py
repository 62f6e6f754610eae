"""Each rerun asks who is there, and nothing of somebody else's is left to them."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from adjoin.access.actors import SYSTEM
from adjoin.access.members import remove
from adjoin.access.signed_in import SignedIn
from adjoin.db.models import DEFAULT_WORKSPACE, Workspace
from adjoin.db.people import Member, Role
from adjoin.errors import AuthError, AuthProblem
from adjoin_dashboard.host import Host
from adjoin_dashboard.server import SITE
from adjoin_dashboard.testing import sign_in, visiting
from adjoin_dashboard.words import escaped


def script() -> None:
    import streamlit as st

    from adjoin_dashboard.session_guard import current_visitor

    found = current_visitor()
    st.text(found.email if found else "nobody")
    st.text(str(st.session_state.get("kept")))
    if st.button("Keep", key="button"):
        st.session_state["kept"] = "theirs"


def dashboard() -> AppTest:
    return AppTest.from_file(str(SITE / "app.py"), default_timeout=30)


def texts(page: AppTest) -> list[str]:
    return [one.value for one in page.text]


def drawn(page: AppTest) -> str:
    shown = [*page.sidebar, *page.title, *page.info, *page.markdown, *page.error]
    return "\n".join(str(getattr(one, "value", "")) for one in shown)


@pytest.fixture
def page(host: Host) -> AppTest:
    """A page on which something was kept."""
    made = AppTest.from_function(script, default_timeout=30).run()
    made.button(key="button").click().run().run()
    assert texts(made) == ["ada@example.com", "theirs"]
    return made


@pytest.fixture
def second(host: Host, signed_in: SignedIn) -> str:
    """Another workspace of the visitor's."""
    with host.store.write() as session:
        session.add(Workspace(id="second", name="Second *one*", created_at=host.clock.now()))
        session.flush()
        member = Member(workspace_id="second", user_id=signed_in.user_id, role=Role.VIEWER, created_at=host.clock.now())
        session.add(member)
    return "second"


class TestGuard:
    """`current_visitor`."""

    def test_somebody_else_finds_nothing_of_theirs(self, page: AppTest, host: Host) -> None:
        """Whoever resumes a session of Streamlit's gets an empty one."""
        with visiting(sign_in(host.store, now=host.clock.now(), email="bob@example.com").session.id):
            assert texts(page.run()) == ["bob@example.com", "None"]

    def test_the_same_person_after_another_sign_in_begins_anew(self, page: AppTest, host: Host) -> None:
        """It may be another browser."""
        with visiting(sign_in(host.store, now=host.clock.now()).session.id):
            assert texts(page.run()) == ["ada@example.com", "None"]

    def test_another_workspace_begins_anew(self, page: AppTest, host: Host, signed_in: SignedIn, second: str) -> None:
        """What was kept belongs to the one before."""
        host.doors.sessions.choose_workspace(signed_in.session_id, second)
        assert texts(page.run()) == ["ada@example.com", "None"]

    def test_a_session_that_has_ended_is_nobodys(self, page: AppTest, host: Host, signed_in: SignedIn) -> None:
        """On the next rerun, with nothing left."""
        host.doors.sessions.end(signed_in.user_id, signed_in.session_id)
        assert texts(page.run()) == ["nobody", "None"]

    def test_without_a_gate_nobody_is_there(self, host: Host) -> None:
        """A script that is reached in any other way knows nobody."""
        with visiting(""):
            assert texts(AppTest.from_function(script, default_timeout=30).run()) == ["nobody", "None"]


class TestDashboard:
    """What is drawn around the pages."""

    def test_it_says_who_is_signed_in_and_where_to_go(self, host: Host) -> None:
        """Account and sign-out are one click away."""
        shown = drawn(dashboard().run())
        assert "Signed in as Ada" in shown
        assert 'href="/auth/account"' in shown
        assert 'href="/auth/sign-out"' in shown
        assert "**Default**" in shown

    def test_a_session_that_has_ended_shows_nothing_else(self, host: Host, signed_in: SignedIn) -> None:
        """The figures of before are gone, and a link leads to the sign-in."""
        page = dashboard().run()
        assert page.metric
        host.doors.sessions.end(signed_in.user_id, signed_in.session_id)
        page.run()
        assert not page.exception
        assert not page.metric
        assert page.title[0].value == "Your session has ended"
        assert 'href="/auth/sign-in"' in drawn(page)

    def test_the_page_is_named_whoever_looks(self, host: Host) -> None:
        """Also when nobody does."""
        with visiting(""):
            assert dashboard().run().title[0].value == "Your session has ended"

    def test_a_sign_in_that_cannot_be_renewed_says_so(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the words that are made for people."""

        def fail(*_: object) -> None:
            raise AuthError("Your sign-in has to be renewed.", kind=AuthProblem.UNAVAILABLE)

        monkeypatch.setattr(type(host.doors.sessions), "find_by_id", fail)
        page = dashboard().run()
        assert "has to be renewed" in page.error[0].value
        assert not page.metric

    def test_another_workspace_can_be_chosen(self, host: Host, second: str) -> None:
        """It is empty, and its pages are those of the role there."""
        page = dashboard().run()
        assert page.metric
        box = page.sidebar.selectbox[0]
        assert (box.value, list(box.options)) == (DEFAULT_WORKSPACE, ["Default", "Second *one*"])
        box.select(second).run()
        assert not page.exception
        assert not page.metric
        assert page.sidebar.selectbox[0].value == second

    def test_who_was_removed_is_told(self, host: Host, signed_in: SignedIn) -> None:
        """And cannot make a workspace where people are invited."""
        sign_in(host.store, now=host.clock.now(), email="bob@example.com")  # there must be an owner
        with host.store.write() as session:
            remove(session, DEFAULT_WORKSPACE, signed_in.user_id, by=SYSTEM, now=host.clock.now())
        host.doors.sessions.forget([signed_in.session_id])
        page = dashboard().run()
        assert page.title[0].value == "No workspace"
        assert escaped("ada@example.com") in page.info[0].value
        assert not page.text_input

    def test_who_has_no_workspace_goes_to_one_they_are_invited_to(self, host: Host, second: str) -> None:
        """A session that looks at none takes the first of theirs."""
        issued = sign_in(host.store, now=host.clock.now(), email="eve@example.com", role=None)
        with host.store.write() as session:
            user_id = issued.session.user_id
            session.add(Member(workspace_id=second, user_id=user_id, role=Role.VIEWER, created_at=host.clock.now()))
        with visiting(issued.session.id):
            page = dashboard().run()
        assert not page.exception
        assert page.title[0].value != "No workspace"
        assert "Second" in drawn(page)


def test_where_everybody_may_register_they_can_make_a_workspace(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is theirs, and they see it at once."""
    opened = host.runtime.settings.model_copy(update={"registration": "open"})
    monkeypatch.setattr(host.runtime, "settings", opened)
    issued = sign_in(host.store, now=host.clock.now(), email="new@example.com", role=None)
    with visiting(issued.session.id):
        page = dashboard().run()
        page.text_input[0].input("My shop")
        page.button[0].click().run()
    assert not page.exception
    assert "My shop" in drawn(page)
