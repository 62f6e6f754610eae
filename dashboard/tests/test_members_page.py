"""The Members page: what each role sees, what it does, and what it is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select
from streamlit.testing.v1 import AppTest

from adjoin.access import invitations, workspaces
from adjoin.access.permissions import outranks
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.db.people import Invitation, Member, OutgoingMail, Role, User
from adjoin.errors import AdjoinError, BadInput, Forbidden, StaleProof, StateError, UnknownName
from adjoin.mail.outbox import send_due
from adjoin.mail.v1 import Mail
from adjoin_dashboard.members import changes
from adjoin_dashboard.members.model import MembersPage, load_members, read_addresses
from adjoin_dashboard.testing import KnownAccount

MONTHS = timedelta(days=60)


@pytest.fixture
def accounts() -> list[KnownAccount]:
    """Figures play no part here."""
    return []


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.members.view import render
    from adjoin_dashboard.session_guard import current_address, current_visitor

    found = current_visitor()
    assert found is not None
    render(make_context(current_host(), found, address=current_address()))


def open_page() -> AppTest:
    page = AppTest.from_function(script, default_timeout=30).run()
    assert not page.exception
    return page


def click(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def keys(page: AppTest) -> set[str]:
    return {str(one.key) for one in page.button}


def texts(page: AppTest) -> str:
    shown = [*page.caption, *page.info, *page.success, *page.warning, *page.error, *page.markdown, *page.text]
    return "\n".join(str(one.value) for one in shown).replace("\\", "").replace("\u2060", "")


def load(people: Any, name: str, workspace_id: str = DEFAULT_WORKSPACE) -> MembersPage:
    context = people.context(name)
    with context.host.store.scoped(workspace_id).read() as session:
        return load_members(
            session,
            workspace_id,
            user_id=context.signed_in.user_id,
            role=Role(context.role),
            now=context.now(),
        )


def roles(people: Any, workspace_id: str = DEFAULT_WORKSPACE) -> dict[str, str]:
    names = {which: name for name, which in people.ids.items()}
    with people.host.store.read() as session:
        found = session.exec(select(Member).where(col(Member.workspace_id) == workspace_id))
        return {names[one.user_id]: str(one.role) for one in found}


def mails(people: Any) -> list[Mail]:
    sent: list[Mail] = []
    send_due(people.host.store, people.host.runtime.vault, sent.append, clock=people.host.clock)
    return sent


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ada@example.com", ["ada@example.com"]),
        (" a@x.org,b@x.org ; c@x.org\nd@x.org  e@x.org,", ["a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org"]),
        ('Ada Lovelace <a@x.org>, "B, C" <b@x.org>', ["a@x.org", '"B', "b@x.org"]),
        ("a@x.org\r\na@x.org", ["a@x.org"]),
        (" ,;\n ", []),
        ("<>", []),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, found: list[str]) -> None:
    """Each once; what is no address is left to be refused by name."""
    assert read_addresses(text) == found


@pytest.mark.parametrize("name", ["ada", "bob", "cy", "dee"])
def test_each_role_is_offered_what_it_may_do(people: Any, name: str) -> None:
    """And nothing that would be refused: no role above one's own, no removal of oneself or of the last owner."""
    page = load(people, name)
    own = Role(people.context(name).role)
    manages = name in ("ada", "bob")
    assert page.grants == (tuple(role for role in Role if not outranks(role, own)) if manages else ())
    for one in page.members:
        assert bool(one.roles) == (manages and one.email != "ada@example.com")
        assert one.may_remove == (manages and not one.is_self and one.email != "ada@example.com")
        assert one.may_take_over == (name == "ada" and not one.is_self)
        assert one.may_leave == (one.is_self and name != "ada")
    assert [one.email for one in page.members] == [f"{who}@example.com" for who in ("ada", "bob", "cy", "dee")]


@pytest.mark.parametrize("name", ["cy", "dee"])
def test_who_does_not_manage_sees_no_controls(people: Any, name: str) -> None:
    """But the members, and how to leave; not who is invited."""
    changes.invite(people.context("ada"), "guest@example.com", Role.VIEWER)
    with people.visit(name):
        page = open_page()
    assert keys(page) == {f"member-{people.ids[name]}"}
    assert "4 members." in texts(page)
    assert "bob@example.com" in texts(page)
    assert "guest" not in texts(page)


@pytest.mark.parametrize("name", ["cy", "dee"])
def test_a_call_that_no_control_makes_is_refused(people: Any, name: str) -> None:
    """By the role in the database, whatever the page has shown."""
    changes.invite(people.context("ada"), "guest@example.com", Role.VIEWER)
    (guest,) = load(people, "ada").invitations
    context, other = people.context(name), people.ids["bob"]
    for call in (
        lambda: changes.change_role(context, other, Role.VIEWER),
        lambda: changes.change_role(context, people.ids[name], Role.OWNER),
        lambda: changes.remove(context, other),
        lambda: changes.transfer(context, other),
        lambda: changes.resend(context, guest.id),
        lambda: changes.revoke(context, guest.id),
    ):
        with pytest.raises(Forbidden):
            call()
    done = changes.invite(context, "more@example.com", Role.VIEWER)
    assert done.sent == ()
    assert "takes the role admin" in done.refused[0][1]
    assert roles(people) == {"ada": "owner", "bob": "admin", "cy": "analyst", "dee": "viewer"}


def test_an_admin_is_refused_what_is_above_them(people: Any) -> None:
    """Owners are made and unmade by owners."""
    context = people.context("bob")
    for call in (
        lambda: changes.change_role(context, people.ids["ada"], Role.VIEWER),
        lambda: changes.change_role(context, people.ids["dee"], Role.OWNER),
        lambda: changes.remove(context, people.ids["ada"]),
        lambda: changes.transfer(context, people.ids["dee"]),
    ):
        with pytest.raises(Forbidden):
            call()
    assert changes.invite(context, "x@example.com", Role.OWNER).refused


def test_nothing_of_another_workspace_is_found(people: Any) -> None:
    """Neither read nor changed, by the ids of its members and invitations."""
    changes.invite(people.context("eve"), "guest@example.com", Role.VIEWER)
    (guest,) = load(people, "eve", people.theirs).invitations
    context, eve = people.context("ada"), people.ids["eve"]
    with context.store.read() as session:
        page = load_members(session, people.theirs, user_id=eve, role=Role.OWNER, now=context.now())
    assert (page.workspace, page.members, page.invitations) == ("", (), ())
    assert load(people, "ada").member(eve) is None
    assert load(people, "ada").invitation(guest.id) is None
    for call in (
        lambda: changes.change_role(context, eve, Role.VIEWER),
        lambda: changes.remove(context, eve),
        lambda: changes.transfer(context, eve),
        lambda: changes.resend(context, guest.id),
        lambda: changes.revoke(context, guest.id),
    ):
        with pytest.raises(UnknownName):
            call()
    assert roles(people, people.theirs) == {"eve": "owner"}


def test_several_people_are_invited_at_once(people: Any) -> None:
    """Each by a mail; who cannot be is named with the reason, and keeps nobody else out."""
    with people.visit("ada"):
        page = click(open_page(), "invite")
        page.text_area(key="invite-addresses").set_value("one@example.com, bob@example.com\ntwo@example.com no@").run()
        page.radio(key="invite-role").set_value(Role.ANALYST).run()
        click(page, "invite-send")
    said = texts(page)
    assert "Invited as Analyst: one@example.com, two@example.com." in said
    assert "**bob@example.com.** Bob@example.com is a member of the workspace already." in said
    assert "'no@' is not an e-mail address" in said
    assert "invite-send" not in keys(page)
    assert {one.to for one in mails(people)} == {"one@example.com", "two@example.com"}
    lines = load(people, "ada").invitations
    assert {(one.email, one.role, one.invited_by, one.open) for one in lines} == {
        ("one@example.com", Role.ANALYST, "Ada", True),
        ("two@example.com", Role.ANALYST, "Ada", True),
    }


def test_where_nobody_could_be_invited_the_dialog_stays(people: Any) -> None:
    """With what was typed, so that it can be mended."""
    with people.visit("ada"):
        page = click(open_page(), "invite")
        assert "at least one e-mail address" in texts(click(page, "invite-send"))
        page.text_area(key="invite-addresses").set_value("bob@example.com").run()
        click(page, "invite-send")
        assert "is a member of the workspace already" in texts(page)
        assert page.text_area(key="invite-addresses").value == "bob@example.com"
        page.text_area(key="invite-addresses").set_value(" ".join(f"a{n}@example.com" for n in range(51))).run()
        assert "50 people can be invited at once, and these are 51" in texts(click(page, "invite-send"))
    with people.host.store.read() as session:
        assert session.exec(select(OutgoingMail)).all() == []


def test_an_invitation_is_sent_again_and_revoked(people: Any) -> None:
    """The link of the mail before is dead; too many mails are refused in words."""
    changes.invite(people.context("bob"), "guest@example.com", Role.VIEWER)
    (guest,) = load(people, "ada").invitations
    (first,) = mails(people)
    with people.visit("ada"):
        page = click(click(open_page(), f"invitation-{guest.id}"), "invitation-again")
        assert "on its way again" in texts(page)
        (second,) = mails(people)
        for token, good in ((first, False), (second, True)):
            with people.host.store.read() as session:
                try:
                    invitations.look(session, token.text.partition("#")[2].split()[0], now=people.host.clock.now())
                except AdjoinError:
                    assert not good
                else:
                    assert good
        page = click(click(page, f"invitation-{guest.id}"), "invitation-again")
        page = click(click(page, f"invitation-{guest.id}"), "invitation-again")
        assert "was sent 3 invitations within an hour" in texts(page)
        page = click(page, "invitation-revoke")
    assert "is revoked" in texts(page)
    assert load(people, "ada").invitations == ()


def test_an_invitation_that_expired_says_so(people: Any) -> None:
    """It can be sent again, and is not counted as one that waits."""
    changes.invite(people.context("ada"), "guest@example.com", Role.VIEWER)
    with people.visit("ada"):
        assert "1 invitation waiting for an answer" in texts(open_page())
        with people.host.store.write() as session:
            session.exec(select(Invitation)).one().expires_at = people.host.clock.now()
        page = open_page()
        assert ":orange-badge[expired]" in texts(page)
        assert "waiting" not in texts(page)
        (guest,) = load(people, "ada").invitations
        click(click(page, f"invitation-{guest.id}"), "invitation-again")
    assert load(people, "ada").invitations[0].open


def test_a_role_is_changed(people: Any) -> None:
    """By the buttons of the page; the log knows who did it, and from where."""
    with people.visit("bob"):
        page = click(open_page(), f"member-{people.ids['dee']}")
        assert page.button(key="role-now").disabled
        page.radio(key=f"role-{people.ids['dee']}").set_value(Role.ANALYST).run()
        click(page, "role-now")
    assert "Dee is Analyst now." in texts(page)
    assert roles(people)["dee"] == "analyst"


def test_the_last_owner_stays(people: Any) -> None:
    """The page offers no way and says why; a call is refused."""
    with people.visit("ada"):
        page = click(open_page(), f"member-{people.ids['ada']}")
    assert "You are the only owner" in texts(page)
    assert not {"role-now", "leave-now", "remove-now"} & keys(page)
    context = people.context("ada")
    for call in (
        lambda: changes.change_role(context, people.ids["ada"], Role.VIEWER),
        lambda: changes.leave(context),
    ):
        with pytest.raises(StateError, match="only owner"):
            call()


def test_a_member_is_removed(people: Any) -> None:
    """And is out at once."""
    with people.visit("bob"):
        page = click(click(open_page(), f"member-{people.ids['dee']}"), "remove-now")
    assert "Dee is no member any more." in texts(page)
    found = people.host.still_in(people.sessions["dee"])
    assert found is not None
    assert found.workspace_id is None


def test_a_member_leaves(people: Any) -> None:
    """From their own line."""
    with people.visit("cy"):
        page = AppTest.from_function(script, default_timeout=30).run()
        page.button(key=f"member-{people.ids['cy']}").click().run()
        page.button(key="leave-now").click().run()
    assert "cy" not in roles(people)


def test_ownership_is_transferred(people: Any) -> None:
    """In one step."""
    with people.visit("ada"):
        page = click(click(open_page(), f"member-{people.ids['bob']}"), "transfer-now")
    assert "Bob is an owner now, and you are Admin." in texts(page)
    assert roles(people) | {"cy": "", "dee": ""} == {"ada": "admin", "bob": "owner", "cy": "", "dee": ""}


def test_making_an_owner_takes_a_fresh_proof(people: Any) -> None:
    """The page says so with the way to give it; the call is refused as well."""
    with people.visit("ada", later=timedelta(minutes=16)):
        page = click(open_page(), f"member-{people.ids['bob']}")
        assert "transfer-now" not in keys(page)
        assert "/auth/account/prove?next=%2Fmembers" in texts(page)
        page.radio(key=f"role-{people.ids['bob']}").set_value(Role.OWNER).run()
        assert "role-now" not in keys(page)
        page = click(open_page(), "invite")
        assert "invite-send" in keys(page)
        page.radio(key="invite-role").set_value(Role.OWNER).run()
        assert "invite-send" not in keys(page)
        context = people.context("ada")
        for call in (
            lambda: changes.transfer(context, people.ids["bob"]),
            lambda: changes.change_role(context, people.ids["bob"], Role.OWNER),
            lambda: changes.invite(context, "x@example.com", Role.OWNER),
        ):
            with pytest.raises(StaleProof):
                call()
        changes.change_role(context, people.ids["bob"], Role.ANALYST)
        assert changes.invite(context, "x@example.com", Role.ADMIN).sent == ("x@example.com",)
    assert roles(people)["bob"] == "analyst"


def test_in_a_workspace_that_is_to_be_deleted_nobody_is_invited(people: Any) -> None:
    """It says why; members can only go."""
    context = people.context("eve")
    with people.host.store.write() as session:
        workspaces.delete(session, people.theirs, grace=MONTHS, by=context.actor, now=context.now())
    with people.visit("eve"):
        page = open_page()
    assert "takes no changes" in texts(page)
    assert "invite" not in keys(page)
    refused = changes.invite(context, "x@example.com", Role.VIEWER).refused
    assert "is to be deleted" in refused[0][1]


def test_many_members_are_paged_and_found(people: Any) -> None:
    """25 at a time; whoever is sought is found by name or address."""
    with people.host.store.write() as session:
        for number in range(60):
            user = User(email=f"m{number:02}@example.com", name=f"Zoe {number:02}", created_at=people.host.clock.now())
            session.add(user)
            session.flush()
            session.add(
                Member(
                    workspace_id=DEFAULT_WORKSPACE,
                    user_id=user.id,
                    role=Role.VIEWER,
                    created_at=people.host.clock.now(),
                )
            )
    with people.visit("ada"):
        page = open_page()
        assert len([one for one in keys(page) if one.startswith("member-")]) == 25
        page.pagination(key="members-page").set_value(3).run()
        assert len([one for one in keys(page) if one.startswith("member-")]) == 14
        page.text_input(key="member-search").set_value("ZOE 17").run()
        assert not page.exception
        assert [one.value for one in page.text] == ["m17@example.com"]
        page.text_input(key="member-search").set_value("nobody").run()
        assert "Nobody here is called that." in texts(page)


def test_names_draw_nothing(people: Any) -> None:
    """They are people's own words."""
    with people.host.store.write() as session:
        user = session.get_one(User, people.ids["dee"])
        user.name = "**Dee** [x](http://evil.example)"
        session.add(user)
    with people.visit("ada"):
        page = open_page()
    shown = "\n".join(str(one.value) for one in page.markdown)
    assert r"\*\*Dee\*\* \[x\]\(http\:" in shown
    assert "//evil" not in shown.replace("\u2060//", "")


def test_no_address_is_no_invitation(people: Any) -> None:
    """Said before anybody is asked."""
    with pytest.raises(BadInput, match="at least one"):
        changes.invite(people.context("ada"), "  ", Role.VIEWER)
