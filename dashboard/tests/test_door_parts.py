"""The parts of the door: forms, addresses, limits, leaving for another site, and whose the files are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from adjoin.access.session_tokens import SessionToken
from adjoin.access.signed_in import SignedIn
from adjoin.clock import ManualClock
from adjoin.errors import BadInput
from adjoin_dashboard import owners as owners_module
from adjoin_dashboard.door.addresses import Proxies, group_of
from adjoin_dashboard.door.csrf import ForeignForm, check, form_token
from adjoin_dashboard.door.leaving import leave
from adjoin_dashboard.door.limits import Limits
from adjoin_dashboard.door.visitor import SCOPE_KEY, Visit, actor_of, visit_of
from adjoin_dashboard.owners import Owner, Owners

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def request(
    *,
    sent: bytes = b"",
    cookie: str = "",
    signed_in: SignedIn | None = None,
    token: str | None = None,
    kind: str = "application/x-www-form-urlencoded",
    secure: bool = False,
) -> Request:
    """A request as a route gets it behind the gate."""

    async def receive() -> Message:
        return {"type": "http.request", "body": sent}

    visit = Visit(address="203.0.113.9", secure=secure, now=NOW, token=token, signed_in=signed_in)
    headers = [(b"content-type", kind.encode()), (b"cookie", cookie.encode())]
    scope = {"type": "http", "method": "POST", "path": "/auth/x", "query_string": b"", "headers": headers}
    return Request(scope | {SCOPE_KEY: visit}, receive)


def is_ours(asked: Request) -> bool:
    try:
        asyncio.run(check(asked))
    except ForeignForm:
        return False
    return True


class TestForms:
    """What proves that a form is ours."""

    def test_of_nobody_in_particular_a_cookie_has_the_same_text(self) -> None:
        """No script can read it, and no other site can have it sent."""
        asked = request()
        text = form_token(asked)
        assert form_token(asked) == text
        cookie = visit_of(asked).cookies["adjoin_form"]
        assert cookie == f"adjoin_form={text}; Path=/; HttpOnly; SameSite=Strict"
        assert is_ours(request(sent=f"csrf={text}".encode(), cookie=f"adjoin_form={text}"))

    def test_a_browser_that_has_the_cookie_keeps_it(self) -> None:
        """So a form in another tab stays good."""
        text = form_token(request())
        again = request(cookie=f"adjoin_form={text}")
        assert form_token(again) == text
        assert visit_of(again).cookies == {}

    def test_over_https_no_other_host_can_set_it(self) -> None:
        """By the prefix of its name, and no other name is taken."""
        asked = request(secure=True)
        text = form_token(asked)
        assert visit_of(asked).cookies["__Host-adjoin_form"].endswith("; Secure")
        assert not is_ours(request(sent=f"csrf={text}".encode(), cookie=f"adjoin_form={text}", secure=True))

    @pytest.mark.parametrize("cookie", ["", "adjoin_form=", "adjoin_form=short", f"adjoin_form={'x' * 43}"])
    @pytest.mark.parametrize("sent", [b"", b"csrf=", b"csrf=short", f"csrf={'y' * 43}".encode(), b"csrf=%FF%FE"])
    def test_anything_else_is_refused(self, cookie: str, sent: bytes) -> None:
        """Also nothing on both sides."""
        assert not is_ours(request(sent=sent, cookie=cookie))

    def test_of_somebody_it_is_bound_to_the_session(self, signed_in: SignedIn) -> None:
        """It outlives the renewal of the token, and is good for no other session and for nobody."""
        token = SessionToken.new()
        text = form_token(request(signed_in=signed_in, token=token.text))
        sent = f"csrf={text}".encode()
        assert is_ours(request(sent=sent, signed_in=signed_in, token=token.text))
        assert is_ours(request(sent=sent, signed_in=signed_in, token=token.renewed().text))
        assert not is_ours(request(sent=sent, signed_in=signed_in, token=SessionToken.new().text))
        assert not is_ours(request(sent=sent, token=token.text))
        assert not is_ours(request(sent=sent, cookie=f"adjoin_form={text}"))

    def test_a_form_of_before_the_sign_in_is_not_good_after_it(self, signed_in: SignedIn) -> None:
        """Somebody may have prepared it."""
        text = form_token(request())
        sent, cookie = f"csrf={text}".encode(), f"adjoin_form={text}"
        assert not is_ours(request(sent=sent, cookie=cookie, signed_in=signed_in, token=SessionToken.new().text))

    def test_a_file_or_an_unreadable_form_is_refused(self) -> None:
        """Nothing that is sent makes an error of ours."""
        text = "x" * 43
        part = f'--b\r\nContent-Disposition: form-data; name="csrf"; filename="f"\r\n\r\n{text}\r\n--b--\r\n'.encode()
        cookie = f"adjoin_form={text}"
        assert not is_ours(request(sent=part, cookie=cookie, kind="multipart/form-data; boundary=b"))
        assert not is_ours(request(sent=part, cookie=cookie, kind="multipart/form-data; boundary=b; charset=punycode"))
        assert not is_ours(request(sent=part, cookie=cookie, kind="application/json"))


def test_behind_no_gate_nothing_is_known() -> None:
    """A route that was served past it fails instead of taking everybody for nobody."""
    with pytest.raises(RuntimeError, match="no gate"):
        visit_of(Request({"type": "http", "headers": []}))


def test_who_acts_is_somebody(signed_in: SignedIn) -> None:
    """With the address for the audit log."""
    acts = actor_of(request(signed_in=signed_in))
    assert (acts.user_id, acts.address) == (signed_in.user_id, "203.0.113.9")
    with pytest.raises(RuntimeError, match="nobody is signed in"):
        actor_of(request())


@pytest.mark.parametrize("text", ["proxy.example.com", "10.0.0.0/33", "10.0.0.1;10.0.0.2"])
def test_a_proxy_that_is_no_address_is_said(text: str) -> None:
    """With the setting's name."""
    with pytest.raises(BadInput, match="ADJOIN_PROXIES"):
        Proxies(text)


@pytest.mark.parametrize(
    ("address", "group"),
    [("203.0.113.9", "203.0.113.9"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("::ffff:1.2.3.4", "::ffff:1.2.3.4")],
)
def test_one_subscriber_has_a_whole_network_of_ipv6(address: str, group: str) -> None:
    """Else they could try on with the next address, billions of times."""
    assert group_of(address) == group


def test_what_is_remembered_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were quiet for longest are forgotten first."""
    monkeypatch.setattr("adjoin_dashboard.door.limits._MOST", 3)
    limits = Limits(ManualClock(), burst=1, per_minute=1)
    assert [limits.take(f"10.0.0.{number}") for number in range(5)] == [0.0] * 5
    assert limits.take("10.0.0.4") == 60
    assert limits.take("10.0.0.0") == 0


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"meta", "a", "script"}:
            self.found.append({"tag": tag} | dict(attrs))


def test_leaving_needs_no_redirect() -> None:
    """The address stands in the page, and nothing in it becomes a tag."""
    url = "https://login.example.com/authorize?a=1&state=%22%3E<script>\"'"
    page = _Links()
    page.feed(bytes(leave(url).body).decode())
    assert [one["content"] for one in page.found if one.get("http-equiv") == "refresh"] == [f"0; url={url}"]
    assert [one["href"] for one in page.found if one["tag"] == "a"] == [url]
    assert not [one for one in page.found if one["tag"] == "script"]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "/relative", "https://", ""])
def test_a_browser_is_sent_to_web_addresses_only(url: str) -> None:
    """A script in the address bar would run as ours."""
    with pytest.raises(ValueError, match="http or https"):
        leave(url)


class TestOwners:
    """Whose the files are that scripts have made."""

    @pytest.fixture
    def run_as(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """Has what follows happen in a session of Streamlit's."""

        def run(name: str) -> None:
            context = type("Context", (), {"session_id": name})()
            for module in ("adjoin_dashboard.owners", "streamlit.runtime.scriptrunner_utils.script_run_context"):
                monkeypatch.setattr(f"{module}.get_script_run_ctx", lambda *_, **__: context)

        return run

    @pytest.fixture
    def manager(self) -> MediaFileManager:
        return MediaFileManager(MemoryMediaFileStorage("/media"))

    def test_a_file_belongs_to_whose_script_has_made_it(
        self, run_as: Callable[[str], None], manager: MediaFileManager
    ) -> None:
        """In that workspace; one with the same content belongs to both."""
        ada, bob = Owner("ada", "first", "s1"), Owner("bob", "first", "s2")
        owners = Owners()
        owners.bind(manager)
        run_as("one")
        owners.note_session(ada)
        url = manager.add(b"figures", "text/csv", "1")
        assert owners.owns_file(ada, url)
        assert not owners.owns_file(bob, url)
        assert not owners.owns_file(ada._replace(workspace_id="second"), url)
        assert owners.owns_file(ada._replace(session_id="another browser"), url)
        run_as("two")
        owners.note_session(bob)
        assert manager.add(b"figures", "text/csv", "1") == url
        assert owners.owns_file(ada, url)
        assert owners.owns_file(bob, url)

    def test_a_download_that_is_made_on_the_click_belongs_to_whom_it_was_offered(
        self, run_as: Callable[[str], None], manager: MediaFileManager
    ) -> None:
        """Streamlit makes it in no session at all."""
        ada = Owner("ada", "first", "s1")
        owners = Owners()
        owners.bind(manager)
        run_as("one")
        owners.note_session(ada)
        promised = manager.add_deferred(lambda: b"late", "text/csv", "1")
        run_as("nobody's")
        url = manager.execute_deferred(promised)
        assert owners.owns_file(ada, url)
        assert not owners.owns_file(Owner("bob", "first", "s2"), url)

    def test_what_nobody_has_made_belongs_to_nobody(
        self, run_as: Callable[[str], None], manager: MediaFileManager
    ) -> None:
        """Also what a session made that has ended."""
        ada = Owner("ada", "first", "s1")
        owners = Owners()
        owners.bind(manager)
        run_as("one")
        owners.note_session(ada)
        owners.note_session(None)
        assert not owners.owns_session(ada, "one")
        assert not owners.owns_file(ada, manager.add(b"figures", "text/csv", "1"))

    def test_files_that_are_gone_are_forgotten(
        self, run_as: Callable[[str], None], manager: MediaFileManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is remembered does not grow for ever."""
        monkeypatch.setattr(owners_module, "_PRUNE_EVERY", 2)
        ada = Owner("ada", "first", "s1")
        owners = Owners()
        owners.bind(manager)
        run_as("one")
        owners.note_session(ada)
        first = manager.add(b"first", "text/csv", "1")
        manager.clear_session_refs("one")
        manager.remove_orphaned_files()
        second: Any = manager.add(b"second", "text/csv", "1")
        assert not owners.owns_file(ada, first)
        assert owners.owns_file(ada, second)
