"""The conformance suite of the `mail` contract: what every mailer promises, as tests to inherit.

    from adjoin.testing.mail import MailConformance

    class TestMailer(MailConformance):
        @pytest.fixture
        def implementation(self):
            return mailer

        @pytest.fixture
        def delivered(self, inbox):
            return lambda: inbox.messages

Without `delivered` the suite cannot see what arrives, and looks only at how the mailer refuses. Set up the mailer so
that the mails of the suite (to addresses at example.com) do not leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from email.message import EmailMessage

import pytest

from adjoin import mail
from adjoin.errors import MailError
from adjoin.kernel import Kernel
from adjoin.mail.v1 import Attachment, Mail, Mailer

__all__ = ["MailConformance"]

_PLUGIN = "mailer"
_CANARY = "canary-5d1c"
_MAIL = Mail(
    to="someone@example.com",
    subject="Grüße aus Köln 🙂",
    text=f"Open https://ads.example.com/#{_CANARY}\n.\nÄöü\nA line that is long: {'word ' * 300}",
    html=f"<p>Open <a href='https://ads.example.com/#{_CANARY}'>this</a>. Äöü</p>",
    kind="auth.confirm",
    reply_to="help@example.com",
    key="4f1c",
)


class MailConformance:
    """Inherit, and override the fixtures `implementation` and, where it can be seen, `delivered`."""

    __adjoin_conformance__ = True

    @pytest.fixture
    def implementation(self) -> object:
        """The plugin object: what the entry point names."""
        raise NotImplementedError("override the fixture `implementation` to return the plugin object")

    @pytest.fixture
    def delivered(self) -> Callable[[], Sequence[EmailMessage]] | None:
        """A function that returns the messages that have arrived, the oldest first."""
        return None

    @pytest.fixture
    def kernel(self, implementation: object) -> Iterator[Kernel]:
        """A kernel that has the mailer and nothing else."""
        kernel = Kernel([mail.CONTRACT])
        kernel.add(_PLUGIN, "mail", mail.CONTRACT.newest.number, implementation)
        yield kernel
        kernel.close()

    def test_send_delivers_what_was_asked(
        self, kernel: Kernel, delivered: Callable[[], Sequence[EmailMessage]] | None
    ) -> None:
        """`send` hands over subject, text and HTML as they are, marked as sent by a program."""
        arrived = self._sends(kernel, delivered, _MAIL)[-1]
        assert arrived["To"] == _MAIL.to
        assert arrived["Subject"] == _MAIL.subject
        assert arrived["Reply-To"] == _MAIL.reply_to
        assert arrived["Auto-Submitted"] == "auto-generated"
        assert arrived["From"], "nobody knows who it is from"
        assert arrived["Date"].datetime.tzinfo is not None, "the date has no zone"
        assert _content(arrived, "plain") == _MAIL.text
        assert _content(arrived, "html") == _MAIL.html

    def test_send_delivers_attachments(
        self, kernel: Kernel, delivered: Callable[[], Sequence[EmailMessage]] | None
    ) -> None:
        """`send` carries files whole and under their names, or leaves all of them out."""
        files = [Attachment(name="Umsätze März.pdf", content_type="application/pdf", data=bytes(range(256)) * 40)]
        arrived = self._sends(kernel, delivered, replace(_MAIL, attachments=tuple(files)))[-1]
        assert _content(arrived, "plain") == _MAIL.text
        assert _content(arrived, "html") == _MAIL.html
        if got := list(arrived.iter_attachments()):
            assert [(one.get_filename(), one.get_content_type()) for one in got] == [
                (one.name, one.content_type) for one in files
            ]
            assert [one.get_content() for one in got] == [one.data for one in files]

    def test_send_again_has_the_same_identity(
        self, kernel: Kernel, delivered: Callable[[], Sequence[EmailMessage]] | None
    ) -> None:
        """`send` is repeated with the same key after a fault, and programs can see that it is the same mail."""
        arrived = self._sends(kernel, delivered, _MAIL, _MAIL, replace(_MAIL, key="another"))
        known = [one["Message-ID"] for one in arrived]
        assert all(known), "a message has no Message-ID"
        assert len(set(known)) == 2, f"two mails, one of them twice, have these identities: {known}"

    @pytest.mark.parametrize(
        "bad",
        [
            replace(_MAIL, subject="Hello\r\nBcc: everybody@example.com"),
            replace(_MAIL, subject="Hello\nX: y"),
            replace(_MAIL, to="someone@example.com\r\nBcc: everybody@example.com"),
            replace(_MAIL, to="someone@example.com, everybody@example.com"),
            replace(_MAIL, to="no address"),
            replace(_MAIL, reply_to="help@example.com\r\nX: y"),
            replace(_MAIL, headers={"X-Note": "a\r\nBcc: everybody@example.com"}),
            replace(_MAIL, headers={"X-Note: a\r\nBcc": "everybody@example.com"}),
            replace(_MAIL, headers={"Bcc": "everybody@example.com"}),
            replace(_MAIL, attachments=(Attachment(name="a\r\nX: y", content_type="text/csv", data=b"x"),)),
            replace(_MAIL, attachments=(Attachment(name="a.csv", content_type="text/csv\r\nX: y", data=b"x"),)),
        ],
    )
    def test_send_refuses_smuggled_lines(
        self, kernel: Kernel, delivered: Callable[[], Sequence[EmailMessage]] | None, bad: Mail
    ) -> None:
        """`send` refuses for good what would add recipients or headers, and says nothing of the text."""
        before = len(delivered()) if delivered is not None else 0
        with pytest.raises(MailError) as refused:
            kernel.hook(Mailer.send).one(_PLUGIN, mail=bad)
        said = str(refused.value)
        assert _CANARY not in said, "the error quotes the text"
        assert "everybody@" not in said, "the error quotes the message"
        if delivered is not None:
            assert len(delivered()) == before, "it was sent all the same"
            assert not refused.value.may_pass, "a message that cannot be sent must not be tried again"

    def _sends(
        self, kernel: Kernel, delivered: Callable[[], Sequence[EmailMessage]] | None, *mails: Mail
    ) -> Sequence[EmailMessage]:
        if delivered is None:
            pytest.skip("not implemented: the fixture `delivered`, so nobody can see what arrives")
        for one in mails:
            kernel.hook(Mailer.send).one(_PLUGIN, mail=one)
        return delivered()


def _content(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None, f"the message has no part text/{kind}"
    text: str = body.get_content()
    return text.replace("\r\n", "\n").rstrip("\n")
