"""The mail that an invitation goes out in."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from sqlmodel import select

from adjoin.access import invitations
from adjoin.access.actors import SYSTEM
from adjoin.access.invitation_mail import by_mail, write
from adjoin.access.invitations import InvitationMail
from adjoin.clock import ManualClock
from adjoin.db.people import Invitation, OutgoingMail, Role
from adjoin.errors import BadInput
from adjoin.mail.message import Sender, build
from adjoin.mail.outbox import send_due
from adjoin.mail.v1 import Mail
from adjoin.secrets import Keyring, Vault, new_key


def invitation(**changes: object) -> InvitationMail:
    given = {
        "to": "guest@example.com",
        "token": "adj_i_TOKEN",
        "workspace": "ACME",
        "role": Role.ANALYST,
        "invited_by": "Ada Lovelace",
        "expires_at": datetime(2026, 3, 8, 12, tzinfo=UTC),
    }
    return InvitationMail(**(given | changes))  # type: ignore[arg-type]


class Read(HTMLParser):
    """The text and the links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.links, self.tags = "", [], set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_says_who_invites_to_what_as_what_and_until_when() -> None:
    """In text and in HTML alike, with one link."""
    mail = write(invitation(), base_url="https://ads.example.com/")
    link = "https://ads.example.com/auth/invitation#adj_i_TOKEN"
    assert (mail.to, mail.subject) == ("guest@example.com", "Ada Lovelace invites you to “ACME”")
    page = Read(mail.html)
    for text in (mail.text, page.text):
        for part in ("Ada Lovelace", "“ACME”", "an analyst", "8 March 2026, 12:00 UTC", link):
            assert part in text
    assert page.links == [link]
    assert mail.text.count("https://") == 1


def test_the_operator_has_no_name() -> None:
    """And an installation that does not know its address links to this machine."""
    mail = write(invitation(invited_by=""))
    assert mail.subject == "You are invited to “ACME”"
    assert "http://localhost:8501/auth/invitation#adj_i_TOKEN" in mail.text


@pytest.mark.parametrize(
    "name", ["<b>http://evil.example/x</b>", "evil.example\r\nBcc: all@example.com", "a@evil.example"]
)
def test_a_name_draws_nothing_and_leads_nowhere(name: str) -> None:
    """Whoever names a workspace cannot have the mail link to another place, nor write headers."""
    for changes in ({"workspace": name}, {"invited_by": name}):
        mail = write(invitation(**changes))
        page = Read(mail.html)
        assert page.tags == {"p", "a"}
        assert page.links == ["http://localhost:8501/auth/invitation#adj_i_TOKEN"]
        for text in (mail.text, mail.html, mail.subject):
            assert "evil.example" not in text
            assert "//evil" not in text
        sent = build(mail, Sender("adjoin@example.com"), now=datetime(2026, 3, 1, tzinfo=UTC))
        assert sent["Bcc"] is None


def test_it_leaves_exactly_if_the_invitation_is_there(people) -> None:
    """The outbox is written in the same transaction."""
    workspace_id = people.workspace(ada=Role.OWNER)
    vault = Vault(Keyring([new_key()]))
    send = by_mail(vault, base_url="", now=people.now)

    def invite(email: str) -> None:
        with people.store.write() as session:
            invitations.invite(session, workspace_id, email, Role.VIEWER, by=SYSTEM, send=send, now=people.now)
            if email.startswith("not"):
                raise BadInput("no")

    invite("guest@example.com")
    with pytest.raises(BadInput):
        invite("not@example.com")
    sent: list[Mail] = []
    assert send_due(people.store, vault, sent.append, clock=ManualClock(people.now)).sent == 1
    (mail,) = sent
    token = mail.text.partition("#")[2].split()[0]
    with people.store.read() as session:
        (found,) = session.exec(select(Invitation)).all()
        assert invitations.look(session, token, now=people.now).email == found.email == mail.to
        (row,) = session.exec(select(OutgoingMail)).all()
    assert (row.kind, row.message) == ("workspace.invitation", None)
