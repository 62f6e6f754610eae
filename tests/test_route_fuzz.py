"""Whatever is sent to whatever route: no error of the server's own, no traceback, no secret, and always the headers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import quote, urlencode, urljoin
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from starlette.routing import Route

from adjoin.clock import ManualClock
from adjoin_auth.local import plugin as provider
from adjoin_dashboard.door.csrf import FIELD
from adjoin_dashboard.testing import sign_in

from .served import COOKIE, Answer, Served, served
from .two_workspaces import NOW, PLATFORM, QUICK, Tenant, plant

METHODS = ("GET", "GET", "GET", "POST", "POST", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")

#: Of the right form, and never sent to anybody.
INVITATION = "adj_i_Gwbn8V6NOpi69I4MeDGczMHz0NBGIjipnE7q7uPJiyl1WATKT"

#: Texts on which programs that read texts have stumbled.
ODD = (
    "", " ", ".", "..", "../../etc/passwd", "..\\..\\windows", "/", "//evil.example", "\\\\evil.example", "%", "%zz",
    "%00", "\x00", "a\x00b", "\r\nSet-Cookie: x=1", "\x7f", "é", "ﬀ", "\u202e", "\ufeff", "\ud800", "😀" * 50,
    "a" * 5_000, "{0}", "{{7*7}}", "${x}", "'", '"', "' OR 1=1 --", "<script>alert(1)</script>", "null", "true", "-1",
    "0", "NaN", "1e999", "9" * 400, "²", "٣", "2026-02-30", "ada@example.com", "ada@exa\x00mple.com", "@", "[",
    "a@" + "b" * 300, "[::1", "javascript:x", "https://evil.example",
)  # fmt: skip

#: Parameters and fields that some route reads.
NAMES = (
    FIELD, "account", "actor", "between", "code", "connection", "current_password", "date_format", "do", "done",
    "email", "enrollment", "error", "factor", "id", "kind", "label", "locale", "name", "new", "new_password", "next",
    "number_format", "page", "password", "picture_url", "place", "proof", "purpose", "session", "shown", "state",
    "sync", "tick", "time_zone", "token", "what", "when", "where", "who", "workspace",
    "ad", "platform",
    "by", "compare", "compared", "currency", "from", "having", "limit", "metrics", "offset", "order", "search", "to",
)  # fmt: skip

#: What leads further into an endpoint than odd texts do.
CHOICES: dict[str, tuple[str, ...]] = {
    "do": ("one", "others", "export", "delete", "enroll", "activate", "codes", "remove", "password", "email", "accept",
           "join", "forget"),
    "where": ("here", "everywhere", "account=act_zqvictim", "campaign~a\\,b", "platform!=meta"),
    "from": ("2026-03-01", "2026-02-30"),
    "to": ("2026-03-31",),
    "metrics": ("cost", "cost,roas", "nothing"),
    "by": ("campaign", "day,platform", "nothing"),
    "having": ("cost=1..2", "cost=..0.5"),
    "compare": ("previous-period", "previous-year"),
    "compared": ("2025-03-01..2025-03-31",),
    "currency": ("EUR", "JPY", "XXX"),
    "order": ("-cost", "campaign_id"),
    "limit": ("1",),
    "purpose": ("sign-in", "link", "again"),
    "place": ("platform", "same", "sandbox"),
    "code": ("123456",),
    "proof": ("123456",),
    "token": (INVITATION,),
    "workspace": ("elsewhere", "default"),
    "connection": ("zqvisitor0", "zqvictim0"),
    "account": ("act_zqvisitor", "act_zqvictim"),
    "shown": ("act_zqvisitor",),
    "enrollment": ("zqvisitor-tablet", "zqvictim-tablet"),
    "factor": ("zqvisitor-phone", "zqvictim-phone"),
    "next": ("/runs?x=1", "/"),
    "page": ("1", "2"),
    "time_zone": ("Europe/Berlin",),
}  # fmt: skip

TYPES = (
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-16",
    "application/x-www-form-urlencoded; charset=punycode",
    "multipart/form-data; boundary=b",
    "multipart/form-data; boundary=b; charset=idna",
    "multipart/form-data",
    "multipart/form-data; boundary=" + "b" * 300,
    "application/json",
    "text/plain",
    "image/png; x=\xff",
    "",
    ";;;=,",
)

HEADERS: dict[str, tuple[str, ...]] = {
    "accept": ("text/html", "*/*", "", "\xff", "text/html;q=abc"),
    "accept-encoding": ("gzip", "br;q=x", "*"),
    "content-length": ("0", "-1", "1e3", "\xb2", "99999999999", "", "65537", "abc"),
    "host": (
        "127.0.0.1",
        "localhost:8501",
        "evil.example",
        "",
        "[",
        "[::1]:x",
        "127.0.0.1:99999",
        "a@127.0.0.1",
        "\xff",
    ),
    "if-modified-since": ("yesterday", "\xff"),
    "if-none-match": ("*", '"', "\xff"),
    "origin": ("http://127.0.0.1", "https://evil.example", "null", "", "http://[", "http://127.0.0.1:x", "\xff"),
    "range": ("bytes=0-0", "bytes=-1", "bytes=9-1", "bytes=a-b", "bytes=" + "0-1," * 500, "lines=1-2"),
    "referer": ("https://evil.example/?x=1", "\xff"),
    "sec-fetch-mode": ("navigate", "cors", "\xff"),
    "sec-fetch-site": ("same-origin", "cross-site", "none", ""),
    "transfer-encoding": ("chunked", "x"),
    "upgrade": ("websocket", "h2c"),
    "user-agent": ("", "\xff" * 2_000, "<b>"),
    "x-adjoin-address": ("10.0.0.1",),
    "x-adjoin-session": ("0" * 32, "\xff"),
    "x-forwarded-for": ("10.0.0.1", "10.0.0.1, 127.0.0.1", ",,", "[::1", "a" * 3_000, "\xff"),
    "x-forwarded-host": ("evil.example", "[", ""),
    "x-forwarded-proto": ("https", "gopher"),
    "x-http-method-override": ("DELETE",),
}


@dataclass(frozen=True)
class Request:
    """What is sent. In it `{token}` is a session's, `{form}` the text that proves a form to be ours."""

    method: str
    path: bytes
    query: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    signed_in: bool = True
    own_form: bool = True
    fields: tuple[tuple[str, str], ...] = ()
    kind: str = TYPES[0]
    raw: bytes | None = field(default=None)


odd = st.one_of(st.sampled_from(ODD), st.text(max_size=12))


def value_of(name: str) -> st.SearchStrategy[str]:
    known = CHOICES.get(name)
    return odd if known is None else st.one_of(st.sampled_from(known), odd)


pair = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), value_of(name)))
pairs = st.lists(pair, max_size=6).map(tuple)
whole_forms = st.lists(pair, min_size=6, max_size=24, unique_by=lambda one: one[0]).map(tuple)
segments = st.one_of(
    st.sampled_from(
        (PLATFORM, "zqvictim0", "zqvisitor0", "accounts", "back", "index.html", "..%2f..%2fetc%2fpasswd", "%2e%2e")
    ),
    st.sampled_from(ODD).map(lambda text: quote(text, safe="", errors="surrogatepass")),
    st.binary(max_size=4).map(lambda data: quote(data, safe="")),
    st.sampled_from(("%", "%zz", "%c0%af", "%ff", "a//b", ".", "..", ";x=1")),
)
headers = st.lists(
    st.sampled_from(sorted(HEADERS)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(HEADERS[name]))),
    max_size=4,
).map(tuple)
cookies = st.lists(
    st.tuples(
        st.sampled_from((COOKIE, "adjoin_form", "adjoin_with", "adjoin_invitation", "_streamlit_user", "x")),
        st.sampled_from(("", "{token}", "{token}", "x", "\xff", "a" * 5_000, "adj_f_x.adj_s_y", '"', "=", INVITATION)),
    ),
    max_size=2,
).map(tuple)


others = st.lists(segments, max_size=3).map(lambda found: _bytes("/" + "/".join(found)))


def paths(pattern: str) -> st.SearchStrategy[bytes]:
    """A route's, with anything in its parameters."""
    parts = [segments if part.startswith("{") else st.just(part) for part in pattern.split("/")]
    return st.tuples(*parts).map(lambda found: _bytes("/".join(found)))


def polite(method: str, pattern: str) -> st.SearchStrategy[Request]:
    """What the gate lets through, with anything that an endpoint reads."""
    return st.builds(
        Request,
        method=st.just(method),
        path=paths(pattern),
        query=st.one_of(pairs.map(_encoded), st.just(b"")),
        cookies=cookies,
        signed_in=st.sampled_from((True, True, False)),
        fields=whole_forms,
    )


def rude(patterns: list[str]) -> st.SearchStrategy[Request]:
    """Anything at all, to any address."""
    bodies = st.sampled_from(
        (
            json.dumps({"a": [1]}).encode(),
            b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nx\r\n--b--',
            b"--b\r\nContent-Disposition: form-data; name=\xff; filename*=x''%ff\r\n\r\n",
            b"a=1&" * 2_000,
            b"=&=&%zz",
        )
    )
    return st.builds(
        Request,
        method=st.sampled_from(METHODS),
        path=st.one_of(st.sampled_from(patterns).flatmap(paths), others),
        query=st.one_of(pairs.map(_encoded), st.binary(max_size=20)),
        headers=headers,
        cookies=cookies,
        signed_in=st.booleans(),
        own_form=st.booleans(),
        fields=pairs,
        kind=st.sampled_from(TYPES),
        raw=st.one_of(st.none(), st.none(), st.binary(max_size=60), bodies),
    )


def _encoded(some: tuple[tuple[str, str], ...]) -> bytes:
    return urlencode(some, errors="surrogatepass").encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Sender:
    """Sends requests to one dashboard, each from an address of its own."""

    def __init__(self, server: Served, visitor: Tenant) -> None:
        self.server = server
        self._visitor = visitor
        self._numbers = count()
        self._token, self._form = visitor.token, server.form_token(visitor.token)

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Methods and paths."""
        found = [one for one in self.server.routes if isinstance(one, Route)]
        return sorted({(method, one.path) for one in found for method in one.methods or ()})

    def send(self, request: Request) -> Answer:
        number = next(self._numbers)
        self._come_back()
        form = self._form if request.signed_in else "f" * 43
        fields = request.fields + (((FIELD, form),) if request.own_form else ())
        has_body = request.method not in {"GET", "HEAD"}
        body = b"" if not has_body else request.raw if request.raw is not None else _encoded(fields)
        jar = [("adjoin_form", form), *request.cookies] if request.own_form else list(request.cookies)
        jar += [(COOKIE, self._token)] if request.signed_in else []
        sent = {"host": "127.0.0.1", "accept": "text/html"}
        if has_body:
            sent |= {"content-length": str(len(body)), "content-type": request.kind, "origin": "http://127.0.0.1"}
        sent |= dict(request.headers)
        cookie = "; ".join(f"{name}={value}" for name, value in jar).replace("{token}", self._token)
        return self.server.ask_raw(
            request.method,
            request.path,
            request.query,
            [(name.encode("latin-1"), value.encode("latin-1")) for name, value in [*sent.items(), ("cookie", cookie)]],
            body,
            address=f"203.0.{number // 250 % 250}.{number % 250}",
        )

    def _come_back(self) -> None:
        """Sign in again, where an answer has ended the session."""
        if self.server.host.doors.sessions.find(self._token) is None:
            email = f"{self._visitor.word}@example.com"
            store = self.server.host.store
            self._token = sign_in(store, now=NOW, email=email, workspace_id=self._visitor.workspace_id).token
            self._form = self.server.form_token(self._token)


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    home = tmp_path_factory.mktemp("home")
    _, visitor = plant(home)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADJOIN_DATABASE_URL", "ADJOIN_DISABLE", "ADJOIN_BASE_URL", "ADJOIN_SANDBOX"):
            patch.delenv(name, raising=False)
        patch.setenv("ADJOIN_META_CLIENT_ID", "the-app")
        patch.setenv("ADJOIN_META_CLIENT_SECRET", "zqvictim-secret")
        patch.setenv("ADJOIN_SMTP_URL", "smtp://mailer:zqvictim-mail@127.0.0.1:1")
        patch.setitem(vars(provider), "_hasher", QUICK)
        with served(home, clock=ManualClock(NOW)) as server:
            yield Sender(server, visitor)


def check(answer: Answer, request: Request) -> None:
    """What holds of every answer."""
    told = f"{request} was answered with {answer.status}: {answer.text[:300]}"
    assert answer.status < 500, told
    assert b"Traceback" not in answer.body, told
    names = dict(answer.headers)
    assert names["x-content-type-options"] == "nosniff", told
    assert names["x-frame-options"] == "DENY", told
    assert "frame-ancestors 'none'" in names["content-security-policy"], told
    assert {"referrer-policy", "cross-origin-opener-policy", "permissions-policy"} <= set(names), told
    assert not {"access-control-allow-origin", "server"} & set(names), told
    assert not any(sign in value for value in names.values() for sign in "\r\n\0"), told
    if "zqvictim" not in str(request):  # which an answer may repeat
        assert b"zqvictim" not in answer.everything, told
    where = answer.header("location")
    assert urljoin("http://127.0.0.1/x/y", where).startswith("http://127.0.0.1/"), told


def run(strategy: st.SearchStrategy[Request], sender: Sender, examples: int, *, by: str = "") -> Counter[int]:
    """Send so many requests, the same ones each time; return how often there was which answer."""
    seen: Counter[int] = Counter()

    def send(request: Request) -> None:
        answer = sender.send(request)
        seen[answer.status] += 1
        check(answer, request)

    quick = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    seed(crc32(by.encode()))(quick(given(strategy)(send)))()
    return seen


def test_what_endpoints_read(sender: Sender) -> None:
    """Every route with every method that it has: whatever is in its path, its query, its form and the cookies."""
    everything: Counter[int] = Counter()
    for method, path in sender.routes:
        reads = method in {"GET", "POST"} and not path.startswith("/_stcore/agent/")
        seen = run(polite(method, path), sender, 10 if reads else 2, by=f"{method} {path}")
        everything += seen
    assert {200, 303, 400, 404} <= set(everything), "the requests got through the gate"


def test_whatever_is_sent(sender: Sender) -> None:
    """Anything at all."""
    seen = run(rude([path for _, path in sender.routes]), sender, 250)
    assert len({303, 400, 401, 403, 404, 405, 421} & set(seen)) >= 5, "the requests were of many kinds"


@pytest.mark.parametrize(
    "request_",
    [
        Request(
            "POST", b"/auth/sign-in", signed_in=False, fields=(("email", "a@b.example"), ("password", "x" * 9_000))
        ),
        Request(
            "POST", b"/connect/meta", kind="multipart/form-data; boundary=b; charset=punycode", raw=b"--b\r\n\r\n--b--"
        ),
        Request("POST", b"/connect/accounts/zqvisitor0", fields=(("account", "x"),) * 1_500),
        Request("PUT", b"/_stcore/upload_file/x/y", kind="multipart/form-data", raw=b"x"),
        Request("GET", b"/auth/with/%00/back", query=b"state=x&state=y"),
        Request("GET", b"/.", query=b"\x80"),
    ],
    ids=lambda one: one.path.decode(),
)
def test_what_has_failed_elsewhere(sender: Sender, request_: Request) -> None:
    check(sender.send(request_), request_)
