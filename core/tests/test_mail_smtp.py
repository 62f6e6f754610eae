"""The mailer `smtp` against a real server on this machine: delivered, refused, put off, cut off."""

from __future__ import annotations

import asyncio
import email
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from adjoin.clock import ManualClock
from adjoin.errors import MailError
from adjoin.mail.smtp import SmtpMailer, SmtpServer
from adjoin.mail.v1 import Mail
from adjoin.settings import Settings
from adjoin.testing.mail import MailConformance

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CANARY = "canary-31bc"
MAIL = Mail(to="someone@example.com", subject=f"S {CANARY}", text=f"https://x/#{CANARY}", kind="auth.confirm", key="k")
PASSWORD = "pass:w@rd/canary-77"


@dataclass
class Post:
    """What the server does with mail. `answers` are given instead of taking it, one for each mail, by command."""

    answers: dict[str, list[str]] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)
    sessions: list[Any] = field(default_factory=list)

    def _answer(self, server: SMTP, command: str) -> str | None:
        waiting = self.answers.get(command, [])
        said = waiting.pop(0) if waiting else None
        if said == "drop":
            server.transport.abort()
        return said

    async def handle_MAIL(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's names
        said = self._answer(server, "MAIL")
        envelope.mail_from = address
        return said or "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's names
        said = self._answer(server, "RCPT")
        if said is None:
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's names
        said = self._answer(server, "DATA")
        if said is None:
            self.raw.append(envelope.content)
            self.sessions.append(session)
        return said or "250 OK"

    @property
    def messages(self) -> list[EmailMessage]:
        return [email.message_from_bytes(one, policy=policy.default) for one in self.raw]  # type: ignore[misc]


@contextmanager
def serving(factory: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on a free port in a thread of its own; gives the port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", 0, ssl=tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:

        async def end() -> None:
            server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@dataclass(frozen=True)
class Certificates:
    """A server's certificate for localhost, and a client that trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "server.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return Certificates(server, ssl.create_default_context(cafile=str(file)))


def mailer(url: str, **options: Any) -> SmtpMailer:
    settings = Settings(smtp_url=SecretStr(url), mail_from="Adjoin <ads@example.com>")
    return SmtpMailer(lambda: settings, clock=ManualClock(NOW), **options)


def send(one: SmtpMailer, message: Mail = MAIL) -> None:
    asyncio.run(one.send(message))


def refused(one: SmtpMailer, message: Mail = MAIL) -> MailError:
    """Send what is not to be sent; nothing of it, of the password or of the server's words may be told."""
    with pytest.raises(MailError) as caught:
        send(one, message)
    error: BaseException | None = caught.value
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    for secret in (CANARY, "someone@", "canary-77", "words"):
        assert secret not in str(error)
    return caught.value


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def plain(post: Post) -> Iterator[int]:
    """A server without encryption."""
    with serving(lambda: SMTP(post, hostname="mail.example.com", enable_SMTPUTF8=True)) as port:
        yield port


class TestPlain(MailConformance):
    """A server on the same machine needs no encryption."""

    @pytest.fixture
    def implementation(self, plain: int) -> SmtpMailer:
        return mailer(f"smtp://127.0.0.1:{plain}")

    @pytest.fixture
    def delivered(self, post: Post) -> Callable[[], Sequence[EmailMessage]]:
        return lambda: post.messages

    def test_an_address_in_other_letters(self, implementation: SmtpMailer, post: Post) -> None:
        """Where the server takes them."""
        send(implementation, replace(MAIL, to="jürgen@köln.example"))
        assert "\r\nTo: jürgen@xn--kln-sna.example\r\n".encode() in post.raw[0]

    def test_an_address_that_the_server_cannot_take(self, post: Post) -> None:
        with serving(lambda: SMTP(post, hostname="mail.example.com")) as port:
            error = refused(mailer(f"smtp://127.0.0.1:{port}"), replace(MAIL, to="jürgen@köln.example"))
        assert "only takes addresses in plain letters" in str(error)
        assert not error.may_pass


class TestRefusals:
    @pytest.mark.parametrize(
        ("command", "answer", "said", "may_pass"),
        [
            ("RCPT", "451 4.7.1 Greylisted, words <someone@example.com>", "the recipient for now (451 4.7.1)", True),
            ("RCPT", "550 5.1.1 words <someone@example.com>", "the recipient (550 5.1.1)", False),
            ("RCPT", "552 words", "the recipient (552)", False),
            ("MAIL", "452 4.3.1 words", "the sender for now (452 4.3.1)", True),
            ("MAIL", "553 words ads@example.com", "the sender (553)", False),
            ("DATA", f"554 5.7.1 spam words {CANARY}", "the message (554 5.7.1)", False),
            ("DATA", "421 4.3.2 words", "the message for now (421 4.3.2)", True),
        ],
    )
    def test_codes(self, plain: int, post: Post, command: str, answer: str, said: str, may_pass: bool) -> None:
        """4xx may pass, 5xx does not; the code is told and the server's words are not."""
        post.answers[command] = [answer]
        error = refused(mailer(f"smtp://localhost:{plain}"))
        assert str(error) == f"the mail server localhost:{plain} refuses {said}"
        assert error.may_pass is may_pass
        assert post.raw == []

    def test_greylisting_lets_the_second_try_in(self, plain: int, post: Post) -> None:
        """The same message is taken later."""
        post.answers["RCPT"] = ["451 4.7.1 Greylisted"]
        one = mailer(f"smtp://127.0.0.1:{plain}")
        refused(one)
        send(one)
        assert len(post.raw) == 1

    @pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
    def test_a_connection_that_breaks(self, plain: int, post: Post, command: str) -> None:
        """Whether it was taken is unknown, so it is sent again."""
        post.answers[command] = ["drop"]
        error = refused(mailer(f"smtp://127.0.0.1:{plain}"))
        assert "broke off" in str(error)
        assert error.may_pass

    def test_nobody_listens(self, plain: int) -> None:
        with serving(asyncio.Protocol) as port:
            pass
        error = refused(mailer(f"smtp://127.0.0.1:{port}"))
        assert "cannot be reached" in str(error)
        assert error.may_pass

    def test_a_server_that_says_nothing(self) -> None:
        with serving(asyncio.Protocol) as port:
            error = refused(mailer(f"smtp://127.0.0.1:{port}", step=0.1))
        assert "did not answer in time" in str(error) or "cannot be reached" in str(error)
        assert error.may_pass

    def test_a_server_of_another_kind(self) -> None:
        class Web(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                transport.write(b"HTTP/1.1 400 words\r\n\r\n")

        with serving(Web) as port:
            assert refused(mailer(f"smtp://127.0.0.1:{port}")).may_pass


class TestEncryption:
    def test_starttls_and_a_password(self, post: Post, certificates: Certificates) -> None:
        """The password only goes over an encrypted line."""
        heard: list[tuple[bytes, bytes]] = []

        def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
            heard.append((data.login, data.password))
            return AuthResult(success=True)

        def server() -> SMTP:
            return SMTP(post, tls_context=certificates.server, require_starttls=True, authenticator=authenticate)

        with serving(server) as port:
            url = f"smtp://us%40er:pass%3Aw%40rd%2Fcanary-77@localhost:{port}"
            send(mailer(url, tls=certificates.client, plain_hosts=()))
        assert heard == [(b"us@er", PASSWORD.encode())]
        assert post.sessions[0].ssl is not None

    def test_a_wrong_password(self, post: Post, certificates: Certificates) -> None:
        """It is the setting that is wrong, not the mail: it waits."""

        def authenticate(*_: Any) -> AuthResult:
            return AuthResult(success=False, handled=False, message="535 5.7.8 words user:pass")

        def server() -> SMTP:
            return SMTP(post, tls_context=certificates.server, authenticator=authenticate)

        with serving(server) as port:
            url = f"smtp://user:canary-77@localhost:{port}"
            error = refused(mailer(url, tls=certificates.client, plain_hosts=()))
        assert "refuses the sign-in (535" in str(error)
        assert error.may_pass

    def test_without_starttls_nothing_is_sent(self, plain: int, post: Post) -> None:
        """A server elsewhere, or somebody in between who takes the offer out."""
        error = refused(mailer(f"smtp://user:canary-77@localhost:{plain}", plain_hosts=()))
        assert "does not offer STARTTLS" in str(error)
        assert error.may_pass
        assert post.raw == []

    def test_a_certificate_that_nobody_vouches_for(self, post: Post, certificates: Certificates) -> None:
        with serving(lambda: SMTP(post, tls_context=certificates.server)) as port:
            error = refused(mailer(f"smtp://localhost:{port}", plain_hosts=()))
        assert "certificate" in str(error)
        assert post.raw == []

    def test_tls_from_the_first_byte(self, post: Post, certificates: Certificates) -> None:
        with serving(lambda: SMTP(post), certificates.server) as port:
            send(mailer(f"smtps://localhost:{port}", tls=certificates.client))
        assert len(post.raw) == 1

    def test_a_certificate_for_another_name(self, post: Post, certificates: Certificates) -> None:
        with serving(lambda: SMTP(post), certificates.server) as port:
            error = refused(mailer(f"smtps://127.0.0.1:{port}", tls=certificates.client))
        assert "certificate" in str(error)
        assert post.raw == []


class TestUrl:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("smtp://mail.example.com", SmtpServer("mail.example.com", 587, tls=False)),
            ("smtps://mail.example.com/", SmtpServer("mail.example.com", 465, tls=True)),
            ("smtp://a:b%40c@[::1]:25", SmtpServer("::1", 25, tls=False, user="a", password="b@c")),
        ],
    )
    def test_urls(self, url: str, expected: SmtpServer) -> None:
        assert SmtpServer.read(url) == expected
        assert "b@c" not in repr(SmtpServer.read(url))

    @pytest.mark.parametrize(
        "url",
        ["", "mail.example.com", "http://canary-77@x", "smtp://", "smtp://u:canary-77@x:99999", "smtp://u:p#canary-77@x",
         "smtp://u:canary-77@x/path", "smtp://[u:canary-77"],
    )  # fmt: skip
    def test_urls_that_cannot_be(self, url: str) -> None:
        """The message quotes nothing of it."""
        error = refused(mailer(url))
        assert "ADJOIN_SMTP_URL must name the mail server" in str(error)
        assert error.may_pass
