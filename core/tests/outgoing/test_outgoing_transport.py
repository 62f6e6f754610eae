"""The guard at the moment of connecting: over real sockets of this machine, and as a backend of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adjoin.errors import BadInput
from adjoin.outgoing.addresses import AddressRule, read_allowed
from adjoin.outgoing.errors import OutgoingError, Reason
from adjoin.outgoing.fetch import Outgoing
from adjoin.outgoing.transport import GuardedBackend, GuardedTransport, MeteredStream, SystemResolver, dial
from adjoin.settings import load_settings

PUBLIC = "93.184.215.14"


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on a free port of 127.0.0.1, and the heads of the requests that it got."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], heads


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for pub.test with its key, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pub.test")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pub.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "pub.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path


class TestRealSockets:
    def test_a_server_that_the_operator_opens(self) -> None:
        """With the machine's own resolver and connections: `localhost` on one port."""

        async def ask() -> tuple[bytes, bytes]:
            async with listening() as (port, heads):
                client = Outgoing(allowed=read_allowed(f"127.0.0.1:{port},[::1]:{port}"))
                fetched = await client.get(f"http://localhost:{port}/v1")
                return fetched.body, heads[0].split(b"\r\n")[0]

        assert asyncio.run(ask()) == (b"hello", b"GET /v1 HTTP/1.1")

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]"])
    def test_one_that_the_operator_has_not_opened(self, host: str) -> None:
        """The server is there, and sees no connection; the error is that of a port where nobody listens."""

        async def ask(port: int) -> str:
            client = Outgoing(allowed=read_allowed(f"10.0.0.0/8:{port}"))
            with pytest.raises(OutgoingError) as caught:
                await client.get(f"http://{host}:{port}/")
            assert caught.value.reason is Reason.UNREACHABLE
            return str(caught.value).replace(str(port), "PORT")

        async def both() -> None:
            async with listening() as (port, heads):
                open_port = await ask(port)
            assert await ask(port) == open_port
            assert heads == []

        asyncio.run(both())

    @pytest.mark.parametrize(("name", "trusted"), [("pub.test", True), ("other.test", True), ("pub.test", False)])
    def test_tls(self, certificate: Path, name: str, trusted: bool) -> None:
        """The certificate is held against the name in the URL, though an address is dialled."""
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(certificate)
        dialled: list[str] = []

        async def ask() -> bytes:
            async with listening(served) as (port, _heads):

                async def resolve(_host: str, _port: int) -> list[str]:
                    return [PUBLIC]

                async def connect(address: str, _port: int, seconds: float) -> httpcore.AsyncNetworkStream:
                    dialled.append(address)
                    return await dial("127.0.0.1", port, seconds)

                trust = ssl.create_default_context(cafile=certificate if trusted else None)
                return (await Outgoing(resolve=resolve, connect=connect, trust=trust).get(f"https://{name}/")).body

        if name == "pub.test" and trusted:
            assert asyncio.run(ask()) == b"hello"
        else:
            with pytest.raises(OutgoingError) as caught:
                asyncio.run(ask())
            assert caught.value.reason is Reason.UNREACHABLE
        assert dialled == [PUBLIC]

    @pytest.mark.parametrize(
        ("host", "addresses"),
        [
            ("127.1", ["127.0.0.1"]),
            ("0x7f000001", ["127.0.0.1"]),
            ("2130706433", ["127.0.0.1"]),
            ("0177.0.0.1", ["127.0.0.1"]),
            ("::1", ["::1"]),
        ],
    )
    def test_the_machines_resolver_knows_many_spellings(self, host: str, addresses: list[str]) -> None:
        """Which is why addresses are judged after it, and each once."""
        assert asyncio.run(SystemResolver()(host, 80)) == addresses

    @pytest.mark.parametrize("host", ["a" * 64 + ".test", "a..b", "a\0b"])
    def test_a_name_that_the_resolver_chokes_on(self, host: str) -> None:
        backend = GuardedBackend(AddressRule(), resolve=SystemResolver())
        with pytest.raises(httpcore.ConnectError, match=r"^the host cannot be asked$"):
            asyncio.run(backend.connect_tcp(host, 80))


class TestBackend:
    """The guard holds by itself, whoever sits on top of it."""

    def connect(self, net, host: str, port: int = 443, allow: str = "") -> object:
        backend = GuardedBackend(AddressRule(read_allowed(allow)), resolve=net.resolve, connect=net.connect)
        stream = asyncio.run(backend.connect_tcp(host, port))
        for connection in net.connections:
            connection.closed = True
        return stream

    @pytest.mark.parametrize("port", [0, 22, 25, 53, 445, 3306, 5432, 6379, 8080, 9200, 27017])
    def test_ports(self, net, port: int) -> None:
        """Public addresses are dialled on two ports only."""
        net.names["pub.test"] = [[PUBLIC]]
        net.sites[PUBLIC] = lambda _asked: [b""]
        with pytest.raises(httpcore.ConnectError):
            self.connect(net, "pub.test", port)
        assert net.dialled == []
        assert isinstance(self.connect(net, "pub.test"), MeteredStream)

    def test_no_unix_socket(self, net) -> None:
        backend = GuardedBackend(AddressRule(), resolve=net.resolve, connect=net.connect)
        with pytest.raises(httpcore.ConnectError):
            asyncio.run(backend.connect_unix_socket("/run/docker.sock"))

    def test_three_addresses_are_tried_in_turn(self, net) -> None:
        """Of both kinds, so that a machine without a route for one gets through with the other."""
        net.names["pub.test"] = [["2606:4700::1", "2606:4700::2", "2606:4700::3", "8.8.8.8", "8.8.4.4"]]
        with pytest.raises(httpcore.ConnectError):
            self.connect(net, "pub.test")
        assert [address for address, _ in net.dialled] == ["2606:4700::1", "8.8.8.8", "2606:4700::2"]

    def test_the_first_that_answers(self, net) -> None:
        net.names["pub.test"] = [["8.8.8.8", "8.8.4.4", "9.9.9.9"]]
        net.sites["8.8.4.4"] = lambda _asked: [b""]
        self.connect(net, "pub.test")
        assert [address for address, _ in net.dialled] == ["8.8.8.8", "8.8.4.4"]

    def test_every_address_is_judged(self, net) -> None:
        """Also those that would never be tried."""
        net.names["pub.test"] = [[*(str(ip_address(PUBLIC) + number) for number in range(200)), "10.0.0.1"]]
        with pytest.raises(httpcore.ConnectError):
            self.connect(net, "pub.test")
        assert net.dialled == []


class TestTransport:
    def test_under_httpx_itself(self, net, answers) -> None:
        """A library that brings its own client can be given the transport; its errors are httpx's."""
        net.serve("pub.test", answers.answer(b"hello"))
        net.names["ten.test"] = [["10.0.0.1"]]

        async def ask() -> bytes:
            backend = GuardedBackend(AddressRule(), resolve=net.resolve, connect=net.connect)
            transport = GuardedTransport(backend, trust=None, body_bytes=1000)
            async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
                with pytest.raises(httpx.ConnectError, match=r"^the host cannot be asked$"):
                    await client.get("http://ten.test/")
                return (await client.get("http://pub.test/")).content

        assert asyncio.run(ask()) == b"hello"

    def test_no_other_protocol(self, net) -> None:
        """A connection that changes its protocol could not be metered any more, even where that was asked for."""
        net.serve("pub.test", [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"])

        async def ask() -> None:
            backend = GuardedBackend(AddressRule(), resolve=net.resolve, connect=net.connect)
            request = httpx.Request("GET", "http://pub.test/", headers={"Upgrade": "x", "Connection": "upgrade"})
            async with GuardedTransport(backend, trust=None, body_bytes=1000) as transport:
                await transport.handle_async_request(request)

        with pytest.raises(httpx.RemoteProtocolError, match="changed the protocol"):
            asyncio.run(ask())

    def test_the_meter_outlives_tls(self, net, answers) -> None:
        """What arrives is counted behind the encryption too."""
        net.serve("pub.test", lambda _asked: iter([b"HTTP/1.1 103 x\r\n\r\n" * 1000] * 100))
        assert net.refused("https://pub.test/").reason is Reason.UNREACHABLE
        assert net.asked[0].tls == "pub.test"
        assert net.connections[0].read_bytes < 3 * 65_536


class TestSetting:
    def test_what_the_operator_allows(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Nothing unless it is said; the text is what `read_allowed` takes."""
        monkeypatch.delenv("ADJOIN_OUTGOING_ALLOW", raising=False)
        assert read_allowed(load_settings(tmp_path).outgoing_allow) == ()
        monkeypatch.setenv("ADJOIN_OUTGOING_ALLOW", "10.20.0.0/16, 127.0.0.1:11434")
        assert len(read_allowed(load_settings(tmp_path).outgoing_allow)) == 2

    @pytest.mark.parametrize(
        ("value", "why"),
        [
            ("localhost:11434", "'localhost:11434' is neither an address nor a network"),
            ("10.0.0.1/8", r"write 10\.0\.0\.0/8"),
            ("0.0.0.0/0", "is too wide"),
            ("169.254.169.254", "cannot be allowed"),
        ],
    )
    def test_a_value_that_is_off_names_its_variable(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, why: str
    ) -> None:
        """At the start of every command, not at the first request."""
        monkeypatch.setenv("ADJOIN_OUTGOING_ALLOW", value)
        with pytest.raises(BadInput, match=f"^ADJOIN_OUTGOING_ALLOW: .*{why}"):
            load_settings(tmp_path)
