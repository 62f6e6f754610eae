"""The connect flow: one person, one state, one callback, no code in any log."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from adjoin.ads.v2 import CodeGrant, Consent, Credential
from adjoin.errors import UsageError
from adjoin.oauth import ConsentFlow, LoopbackReceiver, connect_with_oauth, consent_by_itself

CODE = "canary-code-9Zt"


def get(url: str, *, host: str | None = None) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}", headers={} if host is None else {"Host": host})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def connect(opener: Callable[[Consent], object], *, pkce: bool = False, **options: timedelta) -> list[CodeGrant]:
    """Run the flow with a person who does `opener` with what the consent page would get."""
    redeemed: list[CodeGrant] = []
    asked: list[Consent] = []

    def consent_url(consent: Consent) -> str:
        asked.append(consent)
        return "http://platform.example/consent"

    async def redeem(grant: CodeGrant) -> Credential:
        redeemed.append(grant)
        return Credential(access_token="token-1")

    async def work() -> Credential:
        return await connect_with_oauth(
            consent_url=consent_url, redeem=redeem, opener=lambda _: opener(asked[0]), pkce=pkce, **options
        )

    assert asyncio.run(work()).access_token == "token-1"
    return redeemed


def answer(consent: Consent, **values: str) -> tuple[int, str]:
    return get(f"{consent.redirect_uri}?{urlencode({'state': consent.state, **values})}")


class TestConsentFlow:
    def test_states_are_long_and_never_the_same(self) -> None:
        states = {ConsentFlow.begin("http://x", pkce=False).state for _ in range(50)}
        assert len(states) == 50
        assert min(map(len, states)) >= 43  # 256 bits

    def test_the_challenge_is_the_hash_of_the_verifier(self) -> None:
        flow = ConsentFlow.begin("http://x", pkce=True)
        digest = hashlib.sha256(flow.code_verifier.encode()).digest()
        assert flow.consent.code_challenge == base64.urlsafe_b64encode(digest).decode().rstrip("=")
        assert 43 <= len(flow.code_verifier) <= 128

    def test_without_pkce_there_is_none(self) -> None:
        flow = ConsentFlow.begin("http://x", pkce=False)
        assert (flow.consent.code_challenge, flow.grant("c").code_verifier) == ("", "")

    @pytest.mark.parametrize("state", ["", "x", "\udcff", "é"])
    def test_another_state_is_not_accepted(self, state: str) -> None:
        flow = ConsentFlow.begin("http://x", pkce=False)
        assert not flow.accepts(state)
        assert flow.accepts(flow.state)

    def test_repr_hides_state_and_verifier(self) -> None:
        flow = ConsentFlow.begin("http://x", pkce=True)
        assert flow.state not in repr(flow)
        assert flow.code_verifier not in repr(flow)


class TestConnect:
    def test_consent_becomes_a_credential(self) -> None:
        pages: list[tuple[int, str]] = []
        (grant,) = connect(lambda consent: pages.append(answer(consent, code=CODE)), pkce=True)
        assert grant.code == CODE
        assert grant.code_verifier
        assert grant.redirect_uri.startswith("http://127.0.0.1:")
        status, page = pages[0]
        assert status == 200
        assert "You can close this window" in page
        assert CODE not in page

    def test_a_wrong_state_is_refused_and_the_right_one_still_counts(self) -> None:
        statuses: list[int] = []

        def person(consent: Consent) -> None:
            statuses.append(get(f"{consent.redirect_uri}?state=forged&code=evil")[0])
            statuses.append(get(f"{consent.redirect_uri}?code=evil")[0])
            statuses.append(get(f"{consent.redirect_uri}?state=forged&error=access_denied")[0])
            statuses.append(answer(consent, code=CODE)[0])

        (grant,) = connect(person)
        assert (grant.code, statuses) == (CODE, [400, 400, 400, 200])

    def test_only_the_first_callback_counts(self) -> None:
        statuses: list[int] = []

        def person(consent: Consent) -> None:
            statuses.append(answer(consent, code=CODE)[0])
            statuses.append(answer(consent, code="second")[0])

        (grant,) = connect(person)
        assert (grant.code, statuses) == (CODE, [200, 410])

    def test_other_paths_and_other_names_of_this_machine_are_refused(self) -> None:
        """A web page that points its own name at 127.0.0.1 gets nothing."""
        statuses: list[int] = []

        def person(consent: Consent) -> None:
            query = urlencode({"state": consent.state, "code": "evil"})
            statuses.append(get(f"{consent.redirect_uri}?{query}", host="evil.example")[0])
            statuses.append(get(f"{consent.redirect_uri.replace('callback', 'favicon.ico')}?{query}")[0])
            answer(consent, code=CODE)

        (grant,) = connect(person)
        assert (grant.code, statuses) == (CODE, [400, 404])

    def test_declining_is_said_plainly(self) -> None:
        with pytest.raises(UsageError, match="Access was declined on the platform's page; nothing was connected"):
            connect(lambda consent: answer(consent, error="access_denied"))

    def test_another_error_of_the_platform_is_named_without_its_markup(self) -> None:
        pages: list[str] = []
        with pytest.raises(UsageError, match=r"did not give access: scriptinvalid_scope$"):
            connect(lambda consent: pages.append(answer(consent, error="<script>invalid_scope")[1]))
        assert "<script>" not in pages[0]

    def test_a_callback_without_code_is_an_error(self) -> None:
        with pytest.raises(UsageError, match="no code came back"):
            connect(lambda consent: answer(consent))

    def test_nobody_answering_ends_the_waiting(self) -> None:
        with pytest.raises(UsageError, match="Nobody consented within 0 seconds"):
            connect(lambda consent: None, timeout=timedelta(0))

    def test_the_port_is_free_again_afterwards(self) -> None:
        ports: list[int] = []
        connect(lambda consent: (ports.append(urlsplit(consent.redirect_uri).port or 0), answer(consent, code=CODE)))
        with pytest.raises(ConnectionRefusedError):
            get(f"http://127.0.0.1:{ports[0]}/callback")

    def test_a_taken_port_is_named(self) -> None:
        async def work() -> None:
            with LoopbackReceiver(pkce=False) as first, pytest.raises(UsageError, match=f"127.0.0.1:{first.port}"):
                LoopbackReceiver(pkce=False, port=first.port)

        asyncio.run(work())

    def test_codes_and_states_are_not_logged(
        self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        states: list[str] = []
        with caplog.at_level(logging.DEBUG):
            connect(lambda consent: (states.append(consent.state), answer(consent, code=CODE)))
        written = caplog.text + "".join(capfd.readouterr())
        assert CODE not in written
        assert states[0] not in written


@contextmanager
def sandbox(respond: Callable[[str], tuple[int, str]]) -> Iterator[str]:
    """Serve `respond(path) -> (status, location)` on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, location = respond(self.path)
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class TestConsentByItself:
    def test_a_sandbox_consents_without_a_person(self) -> None:
        def respond(path: str) -> tuple[int, str]:
            if path.startswith("/first"):
                return 302, path.replace("/first", "/dialog")
            query = parse_qs(urlsplit(path).query)
            back = urlencode({"code": CODE, "state": query["state"][0]})
            return 302, f"{query['redirect_uri'][0]}?{back}"

        async def work(base: str) -> Credential:
            async def redeem(grant: CodeGrant) -> Credential:
                return Credential(access_token=f"for {grant.code}")

            return await connect_with_oauth(
                consent_url=lambda c: f"{base}/first?{urlencode({'state': c.state, 'redirect_uri': c.redirect_uri})}",
                redeem=redeem,
                opener=consent_by_itself,
                pkce=False,
            )

        with sandbox(respond) as base:
            assert asyncio.run(work(base)).access_token == f"for {CODE}"

    @pytest.mark.parametrize(
        "url",
        [
            "https://www.facebook.com/dialog/oauth?state=s3cr3t",
            "http://platform.example/?state=s3cr3t",
            "https://127.0.0.1:8900/?state=s3cr3t",
            "http://localhost@evil.example/?state=s3cr3t",
            "http://user@localhost/?state=s3cr3t",
            "file:///etc/passwd?state=s3cr3t",
        ],
    )
    def test_real_platforms_are_refused_before_anything_is_sent(self, url: str) -> None:
        with pytest.raises(UsageError, match="Only a sandbox on this machine") as caught:
            consent_by_itself(url)
        assert "s3cr3t" not in str(caught.value)

    def test_a_redirect_away_from_this_machine_is_refused(self) -> None:
        with (
            sandbox(lambda path: (302, "http://evil.example/?code=1")) as base,
            pytest.raises(UsageError, match="Only a"),
        ):
            consent_by_itself(f"{base}/dialog")

    def test_a_sandbox_that_refuses_is_named(self) -> None:
        with (
            sandbox(lambda path: (400, "")) as base,
            pytest.raises(UsageError, match="did not consent: it answered 400"),
        ):
            consent_by_itself(f"{base}/dialog?state=s")

    def test_endless_redirects_end(self) -> None:
        with sandbox(lambda path: (302, path)) as base, pytest.raises(UsageError, match="more than 10 redirects"):
            consent_by_itself(f"{base}/dialog")

    def test_a_sandbox_that_does_not_run_is_named(self) -> None:
        with sandbox(lambda path: (200, "")) as base:
            pass
        with pytest.raises(UsageError, match=f"No answer from the sandbox at {base}: is it running"):
            consent_by_itself(f"{base}/dialog")

    @pytest.mark.parametrize("url", ["http://127.0.0.1:port/", "http://127.0.0.1:99999/"])
    def test_a_nonsense_address_is_said(self, url: str) -> None:
        with pytest.raises(UsageError, match="no usable address"):
            consent_by_itself(url)
