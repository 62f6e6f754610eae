"""Whatever is sent to the doors: an answer that is no failure of ours, and never a secret in it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

if TYPE_CHECKING:
    from dashboard.tests.door.conftest import Browser, House

ADA = "ada@example.com"
CANARY = "canary-7f3a"

NAMES = (
    "email", "name", "token", "code", "do", "next", "where", "label", "enrollment", "factor", "session", "locale",
    "time_zone", "picture_url", "number_format", "date_format", "proof",
)  # fmt: skip
SECRETS = ("password", "new_password", "current_password")
DEEDS = ("open", "accept", "join", "forget", "password", "email", "enroll", "activate", "codes", "remove", "one",
         "others", "export", "here", "everywhere")  # fmt: skip
TYPES = (
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=punycode",
    "application/x-www-form-urlencoded; charset*=idna''%ff",
    "multipart/form-data",
    'multipart/form-data; boundary="x"; charset=punycode',
    "application/json",
    "text/plain",
    "*/*; q=\x7f",
    "",
)

texts = st.one_of(
    st.sampled_from((*DEEDS, ADA, "eve@example.com", "123456", "/auth/account", "//evil.example", "de-AT")),
    st.text(max_size=40),
    st.characters().map(lambda sign: sign * 3000),
)
fields = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(NAMES), texts),
        st.tuples(st.sampled_from(SECRETS), st.sampled_from((CANARY, CANARY * 3, f"{CANARY}\x00"))),
    ),
    max_size=6,
)
bodies = st.one_of(fields, fields, fields, st.binary(max_size=200))
headers = st.dictionaries(
    st.sampled_from(("user-agent", "accept", "accept-language", "x-forwarded-for", "x-adjoin-session", "cookie")),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60),
    max_size=2,
)


def encoded(body: object, csrf: str) -> bytes:
    if isinstance(body, bytes):
        return body
    assert isinstance(body, list)
    pairs = [(name.encode("utf-8", "replace"), text.encode("utf-8", "replace")) for name, text in body]
    return urlencode([*pairs, ("csrf", csrf)]).encode()


def test_no_request_makes_a_door_fail(house: House) -> None:
    """Forms, queries, cookies and content types at random, signed in or not: no 5xx, and no password comes back."""
    paths = sorted({route.path for route in house.app.routes if isinstance(route, Route)})
    assert len(paths) >= 14
    house.person(ADA)
    inside, outside = house.browser(), house.browser()
    inside.sign_in(ADA)

    def proof(browser: Browser) -> str:
        if browser is inside:
            if not browser.is_in():
                house.clock.advance(600)
                browser.sign_in(ADA)
            return browser.csrf("/auth/sign-out")
        return browser.csrf("/auth/forgot")

    @settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(
        path=st.sampled_from(paths),
        method=st.sampled_from(("POST", "POST", "POST", "GET", "HEAD", "DELETE")),
        who=st.sampled_from((inside, outside)),
        query=st.lists(st.tuples(st.sampled_from(("next", "done", "x")), texts), max_size=2),
        kind=st.one_of(st.just(TYPES[0]), st.just(TYPES[0]), st.sampled_from(TYPES)),
        body=bodies,
        more=headers,
    )
    def ask(
        path: str,
        method: str,
        who: Browser,
        query: list[tuple[str, str]],
        kind: str,
        body: object,
        more: dict[str, str],
    ) -> None:
        sent = {name: value.encode("latin-1") for name, value in more.items()} | {"content-type": kind.encode()}
        params = [(name, text.encode("utf-8", "replace").decode()[:500]) for name, text in query]
        answer = who.ask(method, path, content=encoded(body, proof(who)), headers=sent, params=params)
        assert answer.status_code < 500, answer.text
        assert CANARY not in answer.text
        assert CANARY not in str(answer.headers)

    ask()
