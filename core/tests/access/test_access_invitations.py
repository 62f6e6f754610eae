"""Invitations: a link works once, for the address it was sent to, and says little to whoever else has it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import col, select

from adjoin.access import invitations, members, workspaces
from adjoin.access.invitations import LIFETIME, MOST_MAILS_PER_HOUR, MOST_OPEN
from adjoin.db.models import Workspace, new_id
from adjoin.db.people import Invitation, Member, Role, User
from adjoin.errors import AuthError, AuthProblem, BadInput, Forbidden, StateError, UnknownName
from adjoin.tokens import API, INVITATION, hash_token, kind_of, new_token


def stored(people, invitation: Invitation) -> Invitation:
    with people.store.read() as session:
        return session.get_one(Invitation, (invitation.workspace_id, invitation.id))


def refused(people, token: str, by: str) -> str:
    """Try to accept; the link must be refused, and nobody become a member."""
    with pytest.raises(AuthError) as caught:
        people.accept(token, by=by)
    assert caught.value.kind is AuthProblem.BAD_LINK
    return str(caught.value)


def test_who_is_invited_becomes_a_member(people) -> None:
    """With the role that was offered, and it is written down who invited them."""
    workspace_id = people.workspace(ada=Role.OWNER)
    people.user("bob")
    made = people.invite(workspace_id, "bob", Role.ANALYST, by="ada")
    mail = people.mails[-1]
    assert (mail.to, mail.workspace, mail.role, mail.invited_by) == ("bob@example.com", "ACME", "analyst", "Ada")
    assert mail.expires_at == people.now + LIFETIME
    assert kind_of(mail.token) == INVITATION
    joined = people.accept(mail.token, by="bob")
    assert (joined.role, joined.invited_by, joined.created_at) == (Role.ANALYST, "ada", people.now)
    assert people.roles(workspace_id) == {"ada": "owner", "bob": "analyst"}
    after = stored(people, made)
    assert (after.accepted_by, after.accepted_at) == ("bob", people.now)
    assert people.actions(workspace_id) == ["invitation.accepted", "invitation.created", "workspace.created"]


def test_the_token_is_in_the_mail_alone(people) -> None:
    """Neither stored, nor shown by what prints the mail, nor in the log."""
    workspace_id = people.workspace(ada=Role.OWNER)
    made = people.invite(workspace_id, "bob", by="ada")
    assert stored(people, made).token_hash == hash_token(people.token)
    assert people.token not in repr(people.mails[-1])
    assert people.token not in repr([one.model_dump() for one in people.audit(workspace_id)])
    assert "bob@example.com" not in repr([one.model_dump() for one in people.audit(workspace_id)])


def test_addresses_are_compared_as_people_mean_them(people) -> None:
    """In capitals or not, composed or not."""
    workspace_id = people.workspace(ada=Role.OWNER)
    with people.store.write() as session:
        session.add(
            User(id="ute", email="ute@m\u00fcller.example", email_verified_at=people.now, created_at=people.now)
        )
    people.do(invitations.invite, workspace_id, " UTE@Mu\u0308ller.Example ", Role.VIEWER, by="ada", send=people.send)
    people.accept(people.token, by="ute")
    assert "ute" in people.roles(workspace_id)


def test_what_the_link_offers_can_be_seen_before_signing_in(people) -> None:
    """So that the page can say where to and as whom."""
    workspace_id = people.workspace(ada=Role.OWNER)
    people.invite(workspace_id, "bob", Role.ADMIN, by="ada")
    with people.store.read() as session:
        offer = invitations.look(session, people.token, now=people.now)
        assert (offer.workspace_id, offer.workspace) == (workspace_id, "ACME")
        assert (offer.email, offer.role) == ("bob@example.com", "admin")
        with pytest.raises(AuthError, match="This invitation cannot be used"):
            invitations.look(session, new_token(INVITATION), now=people.now)


def test_all_bad_links_are_refused_alike(people) -> None:
    """Malformed, unknown, of another kind, foreign, used, old, revoked, expired, of a workspace that goes: one text."""
    workspace_id = people.workspace(ada=Role.OWNER)
    for name in ("bob", "eve", "dan", "kim", "joe", "uma"):
        people.user(name)
    texts = {refused(people, token, "bob") for token in ("", "x", "adj_i_" + "0" * 49, "\x00", "ü" * 10_000, "\ud800")}
    texts |= {refused(people, new_token(kind), "bob") for kind in (INVITATION, API)}

    people.invite(workspace_id, "bob", by="ada")
    bobs = people.token
    texts |= {refused(people, bobs, by) for by in ("eve", "ada", "nobody")}
    texts.add(refused(people, bobs[:-1] + ("a" if bobs[-1] != "a" else "b"), "bob"))
    people.accept(bobs, by="bob")
    texts |= {refused(people, bobs, by) for by in ("bob", "eve")}

    dans = people.invite(workspace_id, "dan", by="ada")
    first = people.token
    people.resend(dans, by="ada")
    texts.add(refused(people, first, "dan"))
    people.do(invitations.revoke, workspace_id, dans.id, by="ada")
    texts.add(refused(people, people.token, "dan"))

    people.invite(workspace_id, "kim", by="ada")
    people.later(seconds=LIFETIME.total_seconds())
    texts.add(refused(people, people.token, "kim"))

    people.invite(workspace_id, "joe", by="ada")
    people.do(workspaces.delete, workspace_id, grace=timedelta(days=30), by="ada")
    texts.add(refused(people, people.token, "joe"))
    with people.store.read() as session, pytest.raises(AuthError) as caught:
        invitations.look(session, people.token, now=people.now)
    texts.add(str(caught.value))
    assert len(texts) == 1
    assert people.roles(workspace_id) == {"ada": "owner", "bob": "viewer"}


def test_a_link_is_good_until_the_last_moment(people) -> None:
    """And not at the one in which it expires."""
    workspace_id = people.workspace(ada=Role.OWNER)
    people.user("bob")
    people.invite(workspace_id, "bob", by="ada")
    people.later(seconds=LIFETIME.total_seconds() - 1)
    people.accept(people.token, by="bob")
    assert "bob" in people.roles(workspace_id)


def test_the_address_must_be_confirmed(people) -> None:
    """Else whoever signs up with a foreign address and finds the link would come in."""
    workspace_id = people.workspace(ada=Role.OWNER)
    people.user("bob", verified=False)
    people.invite(workspace_id, "bob", by="ada")
    with pytest.raises(AuthError, match="Confirm your e-mail address first") as caught:
        people.accept(people.token, by="bob")
    assert caught.value.kind is AuthProblem.UNCONFIRMED
    with people.store.write() as session:
        session.get_one(User, "bob").email_verified_at = people.now
    people.accept(people.token, by="bob")
    assert "bob" in people.roles(workspace_id)


def test_who_is_switched_off_does_not_come_in(people) -> None:
    """They are told so: the link is theirs."""
    workspace_id = people.workspace(ada=Role.OWNER)
    people.user("bob", disabled=True)
    people.invite(workspace_id, "bob", by="ada")
    with pytest.raises(AuthError, match="switched off") as caught:
        people.accept(people.token, by="bob")
    assert caught.value.kind is AuthProblem.DISABLED


def test_who_is_a_member_meanwhile_stays_what_they_are(people) -> None:
    """A link does not change a role."""
    workspace_id = people.workspace(ada=Role.OWNER)
    people.user("bob")
    people.invite(workspace_id, "bob", Role.ADMIN, by="ada")
    people.do(members.add, workspace_id, "bob", Role.VIEWER)
    assert people.accept(people.token, by="bob").role is Role.VIEWER
    refused(people, people.token, "bob")


def test_nobody_invites_above_themselves(people) -> None:
    """Nor sends again or revokes what is above them; who may manage nobody does none of it."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN, cy=Role.ANALYST)
    people.workspace(eve=Role.OWNER)
    with pytest.raises(Forbidden, match="may not invite an owner"):
        people.invite(workspace_id, "joe", Role.OWNER, by="bob")
    made = people.invite(workspace_id, "joe", Role.OWNER, by="ada")
    with pytest.raises(Forbidden, match="may not invite an owner"):
        people.resend(made, by="bob")
    with pytest.raises(Forbidden):
        people.do(invitations.revoke, workspace_id, made.id, by="bob")
    with pytest.raises(Forbidden):
        people.invite(workspace_id, "kim", by="cy")
    for change in (
        lambda: people.invite(workspace_id, "kim", by="eve"),
        lambda: people.resend(made, by="eve"),
        lambda: people.do(invitations.revoke, workspace_id, made.id, by="eve"),
    ):
        with pytest.raises(UnknownName, match="there is no workspace"):
            change()
    assert len(people.mails) == 1


def test_ids_of_another_workspace_are_unknown(people) -> None:
    """As if they did not exist."""
    workspace_id = people.workspace(ada=Role.OWNER)
    other = people.workspace(eve=Role.OWNER)
    made = people.invite(workspace_id, "bob", by="ada")
    with pytest.raises(UnknownName, match="has no invitation"):
        people.do(invitations.revoke, other, made.id, by="eve")
    with pytest.raises(UnknownName, match="has no invitation"):
        people.do(invitations.resend, other, made.id, by="eve", send=people.send)


def test_what_is_no_address_is_refused(people) -> None:
    """Before anything is stored or sent."""
    workspace_id = people.workspace(ada=Role.OWNER)
    for email in ("", "bob@", "x" * 400 + "@example.com", "Bob <bob@example.com>"):
        with pytest.raises(BadInput, match="e-mail address"):
            people.do(invitations.invite, workspace_id, email, Role.VIEWER, by="ada", send=people.send)
    assert people.mails == []


def test_members_and_invited_people_are_not_invited_again(people) -> None:
    """Until their invitation has expired or was revoked."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.VIEWER)
    with pytest.raises(BadInput, match="is a member of the workspace already"):
        people.invite(workspace_id, "bob", by="ada")
    first = people.invite(workspace_id, "joe", by="ada")
    with pytest.raises(BadInput, match="is invited already"):
        people.invite(workspace_id, "joe", by="ada")
    people.later(seconds=LIFETIME.total_seconds())
    people.invite(workspace_id, "joe", by="ada")
    with pytest.raises(BadInput, match="a member or invited already"):
        people.resend(first, by="ada")


def test_an_expired_invitation_is_open_again_when_sent_again(people) -> None:
    """With a new link and a new date."""
    workspace_id = people.workspace(ada=Role.OWNER)
    people.user("bob")
    made = people.invite(workspace_id, "bob", by="ada")
    people.later(days=60)
    sent = people.resend(made, by="ada")
    assert (sent.sent_at, sent.expires_at, sent.created_at) == (people.now, people.now + LIFETIME, made.created_at)
    people.accept(people.token, by="bob")
    for change in (
        lambda: people.resend(made, by="ada"),
        lambda: people.do(invitations.revoke, workspace_id, made.id, by="ada"),
    ):
        with pytest.raises(BadInput, match="was accepted already"):
            change()


def test_an_address_gets_few_mails_within_an_hour(people) -> None:
    """Also when invitations are revoked and made anew; other addresses and other workspaces are not held up."""
    workspace_id = people.workspace(ada=Role.OWNER)
    other = people.workspace(ada=Role.OWNER)
    for _ in range(MOST_MAILS_PER_HOUR - 1):
        made = people.invite(workspace_id, "bob", by="ada")
        people.do(invitations.revoke, workspace_id, made.id, by="ada")
        people.later(minutes=10)
    made = people.invite(workspace_id, "bob", by="ada")
    with pytest.raises(StateError, match=r"was sent 3 invitations within an hour; .* after 13:00 UTC"):
        people.resend(made, by="ada")
    people.do(invitations.revoke, workspace_id, made.id, by="ada")
    with pytest.raises(StateError, match="within an hour"):
        people.invite(workspace_id, "bob", by="ada")
    people.invite(workspace_id, "joe", by="ada")
    people.invite(other, "bob", by="ada")
    people.later(minutes=40)
    people.invite(workspace_id, "bob", by="ada")
    assert len(people.mails) == MOST_MAILS_PER_HOUR + 3


def test_a_workspace_has_only_so_many_open_invitations(people) -> None:
    """Those that have expired do not count, until they are sent again."""
    workspace_id = people.workspace(ada=Role.OWNER)

    def add(count: int, expires_at) -> None:
        with people.store.write() as session:
            session.add_all(
                Invitation(
                    workspace_id=workspace_id,
                    id=new_id(),
                    email=f"{new_id()}@example.com",
                    role=Role.VIEWER,
                    token_hash=hash_token(new_id()),
                    invited_by="ada",
                    created_at=people.now,
                    sent_at=people.now,
                    expires_at=expires_at,
                )
                for _ in range(count)
            )

    add(1, people.now)
    add(MOST_OPEN - 1, people.now + LIFETIME)
    made = people.invite(workspace_id, "bob", by="ada")
    with pytest.raises(StateError, match="100 invitations of the workspace wait"):
        people.invite(workspace_id, "joe", by="ada")
    people.resend(made, by="ada")
    with people.store.read() as session:
        (old,) = session.exec(select(Invitation).where(col(Invitation.expires_at) <= people.now)).all()
    with pytest.raises(StateError, match="100 invitations of the workspace wait"):
        people.resend(old, by="ada")


def test_a_mail_that_cannot_be_put_out_undoes_the_invitation(people) -> None:
    """Both happen or neither does."""
    workspace_id = people.workspace(ada=Role.OWNER)

    def fail(*_: object) -> None:
        raise StateError("the outbox is full")

    with pytest.raises(StateError, match="the outbox is full"):
        people.do(invitations.invite, workspace_id, "bob@example.com", Role.VIEWER, by="ada", send=fail)
    assert people.actions(workspace_id) == ["workspace.created"]
    people.invite(workspace_id, "bob", by="ada")


def test_open_invitations_are_listed_newest_first(people) -> None:
    """Accepted and revoked ones are not; expired ones are, as they can be sent again."""
    workspace_id = people.workspace(ada=Role.OWNER)
    people.user("bob")
    people.invite(workspace_id, "bob", by="ada")
    people.accept(people.token, by="bob")
    for name in ("one", "two", "three"):
        made = people.invite(workspace_id, name, by="ada")
        people.later(days=3)
    people.do(invitations.revoke, workspace_id, made.id, by="ada")
    with people.store.read() as session:
        found = invitations.open_invitations(session, workspace_id)
    assert [(one.email.partition("@")[0], invitations.is_open(one, people.now)) for one in found] == [
        ("two", True),
        ("one", False),
    ]


def test_of_several_who_accept_at_the_same_time_one_wins(people, together) -> None:
    """In two browsers, say: one member, and refusals."""
    people.user("bob")
    for _ in range(3):
        workspace_id = people.workspace(ada=Role.OWNER)
        people.invite(workspace_id, "bob", by="ada")
        outcomes = together(*[partial(people.accept, people.token, by="bob")] * 4)
        assert [type(one) for one in outcomes].count(Member) == 1
        assert [one.kind for one in outcomes if isinstance(one, AuthError)] == [AuthProblem.BAD_LINK] * 3
        assert people.actions(workspace_id).count("invitation.accepted") == 1


def test_accepting_while_it_is_revoked_is_one_or_the_other(people, together) -> None:
    """Never both."""
    people.user("bob")
    for _ in range(3):
        workspace_id = people.workspace(ada=Role.OWNER)
        made = people.invite(workspace_id, "bob", by="ada")
        accepted, revoked = together(
            partial(people.accept, people.token, by="bob"),
            partial(people.do, invitations.revoke, workspace_id, made.id, by="ada"),
        )
        assert isinstance(accepted, Member) is isinstance(revoked, BadInput)
        after = stored(people, made)
        assert (after.accepted_at is None) is not (after.revoked_at is None)


def test_the_same_person_is_invited_once_at_the_same_time(people, together) -> None:
    """By two admins: the second hears that it is done."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN)
    outcomes = together(
        lambda: people.invite(workspace_id, "joe", by="ada"),
        lambda: people.invite(workspace_id, "joe", by="bob"),
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["BadInput", "Invitation"]


def test_nobody_is_invited_to_a_workspace_that_is_to_be_deleted(people) -> None:
    """Before a mail goes out."""
    workspace_id = people.workspace(ada=Role.OWNER)
    with people.store.write() as session:
        session.get_one(Workspace, workspace_id).delete_after = people.now + timedelta(days=30)
    with pytest.raises(StateError, match="takes no changes"):
        people.invite(workspace_id, "bob", by="ada")
    assert people.mails == []
