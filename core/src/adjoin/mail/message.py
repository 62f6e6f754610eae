"""Makes what goes over the wire of a mail: headers that nobody can smuggle lines into, text, and HTML beside it."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from adjoin.errors import MailError
from adjoin.mail.v1 import Mail

__all__ = ["Sender", "build", "check", "envelope_address"]

_LONGEST_ADDRESS = 254  # characters, RFC 5321 section 4.5.3.1.3 less the angle brackets
_LONGEST_LINE = 900  # characters of a header; RFC 5322 section 2.1.1 allows lines of 998
_CONTROL = re.compile("[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]")
_ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\\\"]+@[^\s@,;:<>()\[\]\\\"]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_FILE_NAME = re.compile(r'[^\x00-\x1f\x7f-\x9f\u2028\u2029"/\\\\]{1,150}')
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,60}")
_LARGEST = 7_000_000  # bytes of all attachments: mail servers take 10 MB, and on its way a file grows by a third
_OURS = frozenset(
    {"from", "to", "cc", "bcc", "sender", "subject", "date", "message-id", "reply-to", "return-path", "auto-submitted"}
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who mail is from: an address, and a name if there is one."""

    address: str
    name: str = ""

    @classmethod
    def read(cls, text: str) -> Sender:
        """Read `Name <address>` or an address. Raises MailError; the mails wait until it is set right."""
        name, bracket, address = text.strip().rpartition("<")
        if bracket:
            address = address.removesuffix(">") if address.endswith(">") else ""
        if _CONTROL.search(text) or "<" in name or not _ADDRESS.fullmatch(address):
            raise MailError(
                "ADJOIN_MAIL_FROM is not an address; set it to the one that mail is from, such as "
                "'Adjoin <adjoin@example.com>'",
                may_pass=True,
            )
        return cls(address, name.strip().strip('"'))


def check(mail: Mail) -> None:
    """Raise MailError for a message that no mailer could send: it would be refused each time. Quotes nothing of it."""
    if not _ADDRESS.fullmatch(mail.to) or len(mail.to) > _LONGEST_ADDRESS or _CONTROL.search(mail.to):
        raise _refused("the recipient is not one e-mail address")
    if mail.reply_to and (not _ADDRESS.fullmatch(mail.reply_to) or _CONTROL.search(mail.reply_to)):
        raise _refused("the address for answers is not one e-mail address")
    if not mail.subject.strip() or len(mail.subject) > _LONGEST_LINE or _CONTROL.search(mail.subject):
        raise _refused("the subject is not one line of text")
    for name, value in mail.headers.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS or name.lower().startswith(("content-", "mime-")):
            raise _refused("a header has a name that it cannot have")
        if _CONTROL.search(value) or len(value) > _LONGEST_LINE:
            raise _refused("a header is not one line of text")
    for one in mail.attachments:
        if not _FILE_NAME.fullmatch(one.name) or one.name.strip(". ") == "":
            raise _refused("an attachment has a name that it cannot have")
        if not _CONTENT_TYPE.fullmatch(one.content_type) or one.content_type.startswith(("multipart/", "message/")):
            raise _refused("an attachment is of a kind that it cannot be")
    if sum(len(one.data) for one in mail.attachments) > _LARGEST:
        raise _refused(f"its attachments have more than {_LARGEST:,} bytes")
    envelope_address(mail.to)


def build(mail: Mail, sender: Sender, *, now: datetime) -> EmailMessage:
    """Return the message, dated `now`. With the same key it has the same Message-ID. Raises MailError as `check`."""
    check(mail)
    made = EmailMessage(policy=SMTP if _is_ascii(mail.to, mail.reply_to, sender.address) else SMTPUTF8)
    made["From"] = _address(sender.address, sender.name)
    made["To"] = _address(mail.to)
    if mail.reply_to:
        made["Reply-To"] = _address(mail.reply_to)
    made["Subject"] = mail.subject
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<{_identity(mail)}@{envelope_address(sender.address).rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers, please
    for name, value in mail.headers.items():
        made[name] = value
    made.set_content(mail.text, cte="quoted-printable")
    if mail.html:
        made.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    for one in mail.attachments:
        kind, _, subtype = one.content_type.partition("/")
        made.add_attachment(one.data, maintype=kind, subtype=subtype, filename=one.name)
    return made


def envelope_address(address: str) -> str:
    """Return an address with its domain in ASCII, as mail servers are asked for it. Raises MailError."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        raise _refused("the domain of an address cannot be") from None


def _address(address: str, name: str = "") -> Address:
    local, _, domain = envelope_address(address).rpartition("@")
    return Address(name, username=local, domain=domain)


def _identity(mail: Mail) -> str:
    return hashlib.sha256(f"adjoin mail\0{mail.key}".encode()).hexdigest()[:32] if mail.key else uuid.uuid4().hex


def _is_ascii(*addresses: str) -> bool:
    return all(address.rpartition("@")[0].isascii() for address in addresses)


def _refused(why: str) -> MailError:
    return MailError(f"the mail cannot be sent: {why}", may_pass=False)
