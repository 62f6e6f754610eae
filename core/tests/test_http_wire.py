"""The API client over real connections on this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adjoin.ads import v2
from adjoin.clock import ManualClock
from adjoin.errors import ErrorKind, PlatformError
from adjoin.http.client import ApiClient
from adjoin.http.credentials import CredentialKeeper

GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n" + b'{"data":[1]}'
CUT = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n" + b'{"data":['
CUT_CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"dat\r\n'


@asynccontextmanager
async def server(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answer each connection with raw bytes in turn, then hang up; the last one for ever."""
    left = list(answers)
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with listening:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{listening.sockets[0].getsockname()[1]}", seen


@asynccontextmanager
async def client_for(base_url: str, **options: Any) -> AsyncIterator[ApiClient]:
    client = ApiClient(
        app=v2.App(),
        base_url=base_url,
        credentials=CredentialKeeper(v2.Credential(access_token="token-of-this-test")),
        clock=ManualClock(),
        **options,
    )
    try:
        yield client
    finally:
        await client.aclose()


def test_cut_and_dropped_connections_are_repeated() -> None:
    async def work() -> None:
        async with server(CUT, CUT_CHUNKED, b"", GOOD) as (url, seen), client_for(url) as client:
            assert (await client.request("GET", "/me")).json() == {"data": [1]}
            assert client.requests == 4
            assert [b"Bearer token-of-this-test" in head for head in seen] == [True] * 4

    asyncio.run(work())


@pytest.mark.parametrize("answer", [CUT, CUT_CHUNKED, b""], ids=["length", "chunked", "nothing"])
def test_a_write_whose_answer_is_cut_is_uncertain_and_sent_once(answer: bytes) -> None:
    async def work() -> PlatformError:
        async with server(answer) as (url, seen), client_for(url) as client:
            with pytest.raises(PlatformError) as caught:
                await client.request("POST", "/ads", form={"name": "x"})
            assert len(seen) == 1
            return caught.value

    error = asyncio.run(work())
    assert (error.kind, error.code) == (ErrorKind.RETRY, "outcome_unknown")
    assert "the connection broke before the whole answer had arrived" in str(error)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_nothing_below_the_client_repeats_a_request(method: str) -> None:
    async def work() -> None:
        async with server(b"", GOOD) as (url, seen), client_for(url) as client:
            with pytest.raises(PlatformError, match="it may have happened"):
                await client.request(method, "/redeem", repeatable=False)
            assert len(seen) == 1

    asyncio.run(work())


@pytest.mark.parametrize(
    "target",
    [
        "/v1/List(urn%3Ali%3Aaccount%3A5)?q=search&ids=List(urn%3Aa,b)&c=%28%29%2C%2F&d=(year:2026,month:1)",
        "/file.zip?sig=a%2Bb%2F%3D&se=2026-11-22T10%3A00%3A00Z",
    ],
)
def test_addresses_arrive_byte_for_byte(target: str) -> None:
    """Rest.li takes `:` and `%3A` for different things, and a signature holds for the address as it was written."""

    async def main() -> bytes:
        async with server(GOOD) as (base, seen), client_for(base) as client:
            await client.request("GET", target)
            return seen[0]

    assert asyncio.run(main()).startswith(f"GET {target} HTTP/1.1\r\n".encode())


def test_a_token_goes_to_the_platforms_own_hosts_alone() -> None:
    """Without it a request may go anywhere that is encrypted, as to where a report is to be fetched."""

    async def main() -> None:
        async with server(GOOD) as (base, _), server(GOOD) as (other, seen):
            async with client_for(base, hosts=(other,)) as client:
                await client.request("GET", f"{other}/v1/x")
                assert b"token-of-this-test" in seen[0]
                async with client.stream("GET", f"{other}/v1/x", authorised=False) as reply:
                    assert reply.status == 200
                assert b"uthorization" not in seen[1]
            async with client_for(base) as client:
                for authorised, url in (
                    (True, f"{other}/v1/x"),
                    (False, f"{other}/v1/x"),
                    (True, "https://x.example/"),
                ):
                    with pytest.raises(PlatformError, match="another host"):
                        await client.request("GET", url, authorised=authorised)
        assert len(seen) == 2

    asyncio.run(main())


def test_a_stream_that_is_cut_raises_in_the_middle() -> None:
    async def work() -> None:
        async with server(CUT) as (url, _), client_for(url) as client, client.stream("GET", "/big") as reply:
            chunks = reply.chunks()
            assert await anext(chunks) == b'{"data":['
            with pytest.raises(PlatformError) as caught:
                await anext(chunks)
            assert caught.value.kind is ErrorKind.RETRY

    asyncio.run(work())


def test_nobody_listening_is_said_plainly_and_repeated_even_for_a_write() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        base_url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        async def work() -> tuple[PlatformError, int]:
            async with client_for(base_url, max_attempts=3) as client:
                with pytest.raises(PlatformError) as caught:
                    await client.request("POST", "/ads")
                return caught.value, client.requests

        error, requests = asyncio.run(work())
    assert (error.kind, error.code, requests) == (ErrorKind.RETRY, "unreachable", 3)
    assert "no connection could be made" in str(error)


def test_usage_headers_of_many_accounts_are_read() -> None:
    """A platform's usage header outgrows the 8 KB that HTTP libraries allow a header."""
    big = b"x" * 40_000
    answer = GOOD.replace(b"\r\n\r\n", b"\r\nX-Usage: " + big + b"\r\n\r\n", 1)

    async def work() -> None:
        async with server(answer) as (url, _), client_for(url) as client:
            reply = await client.request("GET", "/me")
            assert len(reply.headers["x-usage"]) == 40_000

    asyncio.run(work())


def test_two_loops_may_use_one_client_and_one_closes_for_both() -> None:
    async def work() -> None:
        other = asyncio.new_event_loop()
        thread = threading.Thread(target=other.run_forever)
        thread.start()
        try:
            async with server(GOOD) as (url, seen), client_for(url) as client:
                here = await client.request("GET", "/me")
                there = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(client.request("GET", "/me"), other))
                assert here.status == there.status == 200
                assert len(seen) == 2
        finally:
            other.call_soon_threadsafe(other.stop)
            await asyncio.to_thread(thread.join)
            other.close()

    asyncio.run(work())


def test_the_operators_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def work() -> None:
        async with server(GOOD) as (url, _), client_for(url) as client:
            assert (await client.request("GET", "/me")).status == 200

    asyncio.run(work())


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody but this test trusts, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "both.pem"
    path.write_bytes(secret + made.public_bytes(pem))
    return path


@pytest.mark.parametrize("trusted", [True, False])
def test_certificates_are_checked(*, certificate: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)

    async def work() -> None:
        async with server(GOOD, tls=tls) as (url, seen), client_for(url, max_attempts=1) as client:
            if trusted:
                assert (await client.request("GET", "/me")).status == 200
                return
            with pytest.raises(PlatformError, match=r"no connection could be made.*certificate"):
                await client.request("GET", "/me")
            assert seen == []

    asyncio.run(work())
