"""Messages, and the mailers that need no server: `file` and `console`."""

from __future__ import annotations

import email
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from adjoin.clock import ManualClock
from adjoin.errors import MailError
from adjoin.mail.console import ConsoleMailer
from adjoin.mail.file import FileMailer
from adjoin.mail.message import Sender, build, check
from adjoin.mail.v1 import Attachment, Mail
from adjoin.settings import Settings
from adjoin.testing.mail import MailConformance

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
FROM = Sender("ads@example.com", "Adjoin Gmbh, Köln")
MAIL = Mail(to="someone@example.com", subject="Hello", text="Text\n", kind="auth.confirm", key="k")


class TestMessage:
    def test_headers(self) -> None:
        """Who, when, what, and that no person wrote it."""
        made = build(replace(MAIL, headers={"X-Adjoin": "1"}), FROM, now=NOW)
        assert made["From"] == '"Adjoin Gmbh, Köln" <ads@example.com>'
        assert made["Date"] == "Sun, 01 Mar 2026 12:30:00 +0000"
        assert made["Auto-Submitted"] == "auto-generated"
        assert made["X-Adjoin"] == "1"
        assert made["Message-ID"].endswith("@example.com>")
        assert made.as_bytes().isascii()

    def test_text_alone_and_with_html(self) -> None:
        """Programs show what they can."""
        assert build(MAIL, FROM, now=NOW).get_content_type() == "text/plain"
        both = build(replace(MAIL, html="<p>Text</p>"), FROM, now=NOW)
        assert both.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in both.iter_parts()] == ["text/plain", "text/html"]

    def test_no_line_is_too_long_for_old_servers(self) -> None:
        """RFC 5322 allows 998 characters."""
        made = build(replace(MAIL, text="ä" * 5_000, html="<p>" + "x" * 5_000, subject="ü" * 800), FROM, now=NOW)
        assert max(map(len, made.as_bytes().split(b"\r\n"))) < 998

    def test_domains_in_other_letters(self) -> None:
        """Servers get them in ASCII."""
        made = build(replace(MAIL, to="jemand@köln.example"), FROM, now=NOW)
        assert made["To"] == "jemand@xn--kln-sna.example"

    def test_without_a_key_each_mail_has_its_own_identity(self) -> None:
        """Nobody asked for more."""
        one, other = (build(replace(MAIL, key=""), FROM, now=NOW) for _ in range(2))
        assert one["Message-ID"] != other["Message-ID"]

    @pytest.mark.parametrize(
        "bad",
        [
            {"to": ""},
            {"to": "a@b@c.example"},
            {"to": "A <a@b.example>"},
            {"to": "a b@c.example"},
            {"to": f"{'a' * 250}@b.example"},
            {"to": "a@" + "x" * 64 + ".example"},
            {"to": "a@b..example"},
            {"to": "a@b.example\x00"},
            {"subject": ""},
            {"subject": "a\u2028b"},
            {"subject": "x" * 1_000},
            {"headers": {"Content-Type": "text/html"}},
            {"headers": {"MIME-Version": "2"}},
            {"headers": {"": "x"}},
            {"headers": {"X-A": "a\x7fb"}},
            {"reply_to": "x"},
            {"attachments": (Attachment(name="", content_type="text/csv", data=b""),)},
            {"attachments": (Attachment(name="../a.csv", content_type="text/csv", data=b""),)},
            {"attachments": (Attachment(name='a".csv', content_type="text/csv", data=b""),)},
            {"attachments": (Attachment(name="a.eml", content_type="message/rfc822", data=b""),)},
            {"attachments": (Attachment(name="a.csv", content_type="csv", data=b""),)},
            {"attachments": (Attachment(name="a.csv", content_type="text/csv", data=bytes(4_000_000)),) * 2},
        ],
    )
    def test_what_cannot_be_sent(self, bad: dict[str, object]) -> None:
        """It is refused for good."""
        with pytest.raises(MailError, match=r"^the mail cannot be sent: ") as refused:
            check(replace(MAIL, **bad))  # type: ignore[arg-type]
        assert not refused.value.may_pass

    @pytest.mark.parametrize(
        "text", ["", "nobody", "a@b.example\r\nBcc: c@d.example", "A <a@b.example>, <c@d.example>", "A <a@b.example"]
    )
    def test_senders_that_cannot_be(self, text: str) -> None:
        """The mails wait until the setting is right."""
        with pytest.raises(MailError, match="ADJOIN_MAIL_FROM is not an address") as refused:
            Sender.read(text)
        assert refused.value.may_pass

    def test_senders(self) -> None:
        """With a name or without."""
        assert Sender.read("Adjoin <a@b.example>") == Sender("a@b.example", "Adjoin")
        assert Sender.read('"Adjoin, Köln" <a@b.example>') == Sender("a@b.example", "Adjoin, Köln")
        assert Sender.read("a@b.example") == Sender("a@b.example")


class TestFile(MailConformance):
    """One file for each mail, readable by its owner alone."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        return tmp_path / "home"

    @pytest.fixture
    def implementation(self, home: Path) -> FileMailer:
        return FileMailer(lambda: Settings(home=home), clock=ManualClock(NOW))

    @pytest.fixture
    def delivered(self, home: Path) -> Callable[[], Sequence[EmailMessage]]:
        def read() -> list[EmailMessage]:
            files = sorted((home / "mail").glob("*"))
            assert all(file.suffix == ".eml" for file in files)
            return [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]  # type: ignore[misc]

        return read

    def test_the_files_are_private(self, implementation: FileMailer, home: Path) -> None:
        implementation.send(MAIL)
        (file,) = (home / "mail").iterdir()
        assert file.name.startswith("20260301T123000Z-")
        assert file.stat().st_mode & 0o777 == 0o600
        assert (home / "mail").stat().st_mode & 0o777 == 0o700

    def test_a_mail_that_comes_again_is_one_file(self, implementation: FileMailer, home: Path) -> None:
        implementation.send(MAIL)
        implementation._clock.advance(60)  # type: ignore[attr-defined]
        implementation.send(MAIL)
        assert len(list((home / "mail").iterdir())) == 1

    def test_a_folder_that_cannot_be_written(self, implementation: FileMailer, home: Path) -> None:
        """It may pass: somebody can make room."""
        home.mkdir()
        (home / "mail").write_text("in the way", encoding="utf-8")
        with pytest.raises(MailError, match=r"the mail cannot be written to .*mail: ") as refused:
            implementation.send(MAIL)
        assert refused.value.may_pass

    def test_a_disk_that_is_full_leaves_nothing_half(
        self, implementation: FileMailer, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(MailError, match="No space left on device"):
            implementation.send(MAIL)
        assert list((home / "mail").iterdir()) == []


class TestConsole(MailConformance):
    """What it prints is no message, so the suite looks at what it refuses."""

    @pytest.fixture
    def implementation(self) -> ConsoleMailer:
        return ConsoleMailer(io.StringIO)

    def test_it_prints_the_mail_and_says_that_nobody_gets_it(self) -> None:
        out = io.StringIO()
        ConsoleMailer(lambda: out).send(replace(MAIL, text="One\nTwo"))
        assert out.getvalue() == (
            "A mail, shown here and sent to nobody: the mailer `console` is for development.\n"
            "  To: someone@example.com\n  Subject: Hello\n\n  One\n  Two\n\n"
        )
