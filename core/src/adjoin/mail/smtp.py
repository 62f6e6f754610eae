"""The mailer `smtp`: hands mail to the mail server that ADJOIN_SMTP_URL names."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from adjoin.clock import Clock, SystemClock
from adjoin.contract import hookimpl
from adjoin.errors import MailError
from adjoin.mail.message import Sender, build, check, envelope_address
from adjoin.mail.v1 import Mail, Mailer
from adjoin.settings import Settings, load_settings

if TYPE_CHECKING:
    from aiosmtplib import SMTP

__all__ = ["SmtpMailer", "SmtpServer", "mailer"]

_STEP = 20.0  # seconds for each answer of the server
_WHOLE = 50.0  # seconds for all of it: less than the hook's deadline, so that the reason is told
#: Nobody listens between this process and a server on the same machine.
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DETAIL = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463; the words beside it may quote the message
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server: `tls` from the first byte, or by STARTTLS."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def read(cls, url: str) -> SmtpServer:
        """Read smtp://user:password@host:587 or smtps://. Raises MailError, which quotes nothing of it."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError:
            scheme, host, port = "", None, None
        if scheme not in _PORTS or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise _waits(
                "ADJOIN_SMTP_URL must name the mail server as smtp://USER:PASSWORD@HOST:587 or "
                "smtps://USER:PASSWORD@HOST:465, with special characters of the password written as %XX"
            )
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(host, port or _PORTS[scheme], scheme == "smtps", user, password)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class SmtpMailer(Mailer):
    """Sends each mail over a connection of its own, encrypted and with the certificate checked.

    Without encryption it only talks to a server on this machine (`plain_hosts`). Nothing of a message or of what the
    server says in words gets into an error.
    """

    def __init__(
        self,
        settings: Callable[[], Settings] = load_settings,
        *,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
        plain_hosts: Collection[str] = _LOOPBACK,
        step: float = _STEP,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._tls = tls
        self._plain_hosts = plain_hosts
        self._step = step

    @hookimpl
    async def send(self, mail: Mail) -> None:
        """Send over SMTP. Faults of the server or the settings may pass; a message that is refused does not."""
        check(mail)
        settings = self._settings()
        server = SmtpServer.read(settings.smtp_url.get_secret_value())
        sender = Sender.read(settings.mail_from)
        message = build(mail, sender, now=self._clock.now())
        try:
            async with asyncio.timeout(_WHOLE):
                await self._hand_over(server, envelope_address(sender.address), mail, message.as_bytes())
        except TimeoutError:
            raise _waits(f"the mail server {server} did not answer in time") from None

    async def _hand_over(self, server: SmtpServer, sender: str, mail: Mail, message: bytes) -> None:
        import aiosmtplib

        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=self._step,
            use_tls=server.tls,
            start_tls=False,
            tls_context=self._tls or ssl.create_default_context(),
            local_hostname=sender.rpartition("@")[2],
        )
        try:
            await self._open(client, server)
            await _give(client, server, sender, envelope_address(mail.to), message)
        except TimeoutError:
            raise _waits(f"the mail server {server} did not answer in time") from None
        except ssl.SSLCertVerificationError as error:
            raise _waits(f"the certificate of the mail server {server} is not good: {error.verify_message}") from None
        except aiosmtplib.SMTPConnectError as error:
            raise _waits(f"the mail server {server} cannot be reached: {_network(error)}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _waits(f"the mail server {server} broke off: {_network(error)}") from None
        finally:
            client.close()

    async def _open(self, client: SMTP, server: SmtpServer) -> None:
        import aiosmtplib

        await client.connect()
        if not server.tls and server.host not in self._plain_hosts:
            await client.ehlo()
            if not client.supports_extension("starttls"):
                raise _waits(
                    f"the mail server {server} does not offer STARTTLS, and without it mail could be read on its way; "
                    "use a server that does, or smtps://"
                )
            await client.starttls(tls_context=self._tls or ssl.create_default_context())
        if not server.user:
            return
        try:
            await client.login(server.user, server.password)
        except aiosmtplib.SMTPResponseException as error:
            raise _waits(
                f"the mail server {server} refuses the sign-in ({_code(error.code, error.message)}): check the user "
                "and the password in ADJOIN_SMTP_URL"
            ) from None
        except aiosmtplib.SMTPNotSupported:
            raise _waits(f"the mail server {server} offers no sign-in with a password; leave it out") from None


async def _give(client: SMTP, server: SmtpServer, sender: str, to: str, message: bytes) -> None:
    import aiosmtplib

    options = [] if (sender + to).isascii() else ["SMTPUTF8"]
    if options:
        await client.ehlo()
    if options and not client.supports_extension("smtputf8"):
        raise MailError(f"the mail server {server} only takes addresses in plain letters", may_pass=False)
    try:
        await client.sendmail(sender, [to], message, mail_options=options)
    except aiosmtplib.SMTPRecipientsRefused as error:
        first = error.recipients[0]
        raise _refused(server, "the recipient", first.code, first.message) from None
    except aiosmtplib.SMTPSenderRefused as error:
        raise _refused(server, "the sender", error.code, error.message) from None
    except aiosmtplib.SMTPResponseException as error:
        raise _refused(server, "the message", error.code, error.message) from None
    try:
        await client.quit()
    except (aiosmtplib.SMTPException, OSError):
        return  # it has the message; how it says goodbye is no matter


def _refused(server: SmtpServer, what: str, code: int, said: str) -> MailError:
    passing = 400 <= code < 500  # RFC 5321 section 4.2.1: 4yz may be repeated, 5yz not
    return MailError(
        f"the mail server {server} refuses {what}{' for now' if passing else ''} ({_code(code, said)})",
        may_pass=passing,
    )


def _code(code: int, said: str) -> str:
    detail = _DETAIL.search(said)
    return f"{code} {detail[0]}" if detail else str(code)


def _network(error: BaseException) -> str:
    """What the system says of a connection; never what a server says."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not good: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _waits(message: str) -> MailError:
    return MailError(message, may_pass=True)


#: What the entry point `smtp` names.
mailer = SmtpMailer()
