"""The client for addresses that people enter."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING

import httpx
import structlog

from adjoin.outgoing import bodies
from adjoin.outgoing.addresses import AddressRule, Allowed
from adjoin.outgoing.errors import OutgoingError, Reason
from adjoin.outgoing.transport import Connect, GuardedBackend, GuardedTransport, Resolve, SystemResolver, dial
from adjoin.outgoing.urls import next_url, origin, read_url, shown

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["Bounds", "Fetched", "Hop", "Outgoing"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Ours to say: they decide who is asked and how the answer is cut up. Nothing is carried from one request to another.
_RESERVED = frozenset(
    {
        "accept-encoding", "connection", "content-length", "content-type", "cookie", "expect", "forwarded", "host",
        "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "via",
    }
)  # fmt: skip
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]{1,100}")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?|")
_CHUNK_MARKS = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much an answer may cost. The defaults suit web pages and webhooks."""

    total: timedelta = timedelta(seconds=10)  #: for everything: all hops, names, connections, bodies
    step: timedelta = timedelta(seconds=5)  #: for resolving, connecting, and each wait for the other side
    raw_bytes: int = 2_000_000  #: of the body as it is sent
    body_bytes: int = 2_000_000  #: of the body as it unfolds
    redirects: int = 5  #: that are followed, where any are

    def __post_init__(self) -> None:
        if min(self.total, self.step) <= timedelta(0) or min(self.raw_bytes, self.body_bytes) < 1 or self.redirects < 0:
            raise ValueError("bounds must be positive, and redirects not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One request on the way: what was asked, and the status of the answer."""

    url: str = field(repr=False)
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer, of any status. Nothing in it is to be trusted; the body is what the server says it is, or not."""

    url: str = field(repr=False)  #: the one that answered, after redirects
    status: int
    content_type: str  #: `text/html`; empty if the server does not say
    charset: str  #: a codec that Python knows
    headers: Mapping[str, str] = field(repr=False)  #: names in lower case
    body: bytes = field(repr=False)
    hops: tuple[Hop, ...]  #: all requests in order, the last one included

    @property
    def text(self) -> str:
        """The body as text. What does not fit the charset becomes the replacement character."""
        return self.body.decode(self.charset, errors="replace").removeprefix("\ufeff")


class Outgoing:
    """Asks URLs that people enter, without reaching what only this machine can reach.

    Every URL is judged at every hop, and every address before it is dialled, see `adjoin.outgoing.addresses`. Sends
    no cookies and keeps none; proxies of the environment are not used, as they would resolve the names themselves.
    Holds no connections, so it need not be closed, and works in any event loop.
    """

    def __init__(
        self,
        *,
        allowed: Iterable[Allowed] = (),
        bounds: Bounds | None = None,
        resolve: Resolve | None = None,
        connect: Connect = dial,
        trust: ssl.SSLContext | None = None,
        user_agent: str = "",
        log: FilteringBoundLogger | None = None,
    ) -> None:
        """`allowed` is the operator's, by `read_allowed`; `resolve`, `connect` and `trust` are for tests."""
        self._rule = AddressRule(allowed)
        self._bounds = bounds or Bounds()
        self._given_trust = trust
        self._user_agent = user_agent or f"adjoin/{version('adjoin')}"
        self._log: FilteringBoundLogger = log or structlog.get_logger("adjoin.outgoing")
        self._backend = GuardedBackend(self._rule, resolve=resolve or SystemResolver(), connect=connect, log=self._log)

    async def get(
        self,
        url: str,
        *,
        accept: Collection[str] = (),
        headers: Mapping[str, str] | None = None,
        bounds: Bounds | None = None,
    ) -> Fetched:
        """Get a URL and return the answer, whatever its status; OutgoingError if there is none within the bounds.

        Redirects are followed, `headers` only as long as scheme, host and port stay the same. `accept` lists types
        (`text/html`, `image/*`): a good answer of another type is refused before its body is read.
        """
        return await self._bounded(
            _Ask("GET", url, b"", accept, self._headers(accept, headers), bounds or self._bounds)
        )

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        content_type: str,
        accept: Collection[str] = (),
        headers: Mapping[str, str] | None = None,
        bounds: Bounds | None = None,
    ) -> Fetched:
        """Post to a URL; see `get`. A redirect is refused, as nobody has agreed that its target gets the body.

        Sent at most once. After an error it may have arrived all the same.
        """
        sent = self._headers(accept, headers)
        sent["Content-Type"] = _checked("Content-Type", content_type)
        return await self._bounded(_Ask("POST", url, body, accept, sent, bounds or self._bounds))

    async def _bounded(self, ask: _Ask) -> Fetched:
        state = _State(read_url(ask.url, ports=self._rule.ports))
        try:
            async with asyncio.timeout(ask.bounds.total.total_seconds()):
                answer = await self._walk(ask, state)
        except OutgoingError as error:
            self._failed(ask, state, error.reason)
            raise
        except (httpx.TimeoutException, TimeoutError):
            failure = _too_slow(state) if state.answered else _unreachable(state)
        except (httpx.TransportError, OSError):
            failure = _broken_off(state) if state.answered else _unreachable(state)
        else:
            self._log.debug(
                "outgoing request",
                method=ask.method,
                host=shown(state.url),
                status=answer.status,
                bytes=len(answer.body),
                hops=len(answer.hops),
            )
            return answer
        # Outside of the handlers, so that no traceback drags along what was dialled.
        self._failed(ask, state, failure.reason)
        raise failure

    async def _walk(self, ask: _Ask, state: _State) -> Fetched:
        first = origin(state.url)
        sent = httpx.Headers(ask.headers)
        hops: list[Hop] = []
        seen: set[httpx.URL] = set()
        while True:
            async with self._asked(ask, state, sent) as response:
                state.answered = True
                hops.append(Hop(url=str(state.url), status=response.status_code))
                locations = response.headers.get_list("location")
                if response.status_code not in _REDIRECTS or not locations:
                    return await self._read(ask, state, response, tuple(hops))
            if ask.method != "GET":
                raise _refused_redirect(
                    state, ", and what is posted is not sent on. Enter the address that it leads to"
                )
            seen.add(state.url.copy_with(fragment=None))
            state.move(next_url(state.url, locations, ports=self._rule.ports))
            if state.url.copy_with(fragment=None) in seen:
                raise _refused_redirect(state, " in a circle")
            if len(hops) > ask.bounds.redirects:
                raise _refused_redirect(state, f" on and on: more than {ask.bounds.redirects} times")
            if origin(state.url) != first:  # for good, even if a later hop comes back
                sent = self._headers(ask.accept, None)

    @asynccontextmanager
    async def _asked(self, ask: _Ask, state: _State, headers: httpx.Headers) -> AsyncIterator[httpx.Response]:
        # Without httpx's client on top: that one logs whole URLs, keeps cookies and follows the environment.
        step = ask.bounds.step.total_seconds()
        request = httpx.Request(
            ask.method,
            state.url.copy_with(fragment=None),
            headers=headers,
            content=ask.body if ask.method == "POST" else None,
            extensions={"timeout": httpx.Timeout(step).as_dict()},
        )
        transport = GuardedTransport(
            self._backend,
            trust=self._trust if state.url.scheme == "https" else None,
            body_bytes=2 * ask.bounds.raw_bytes + _CHUNK_MARKS,
        )
        async with transport:
            response = await transport.handle_async_request(request)
            response.request = request
            try:
                yield response
            finally:
                await response.aclose()

    async def _read(self, ask: _Ask, state: _State, response: httpx.Response, hops: tuple[Hop, ...]) -> Fetched:
        given = bodies.media_type(response.headers)
        if response.is_success and ask.accept and not _matches(given, ask.accept):
            raise OutgoingError(
                f"{shown(state.url)} answers with {_brief(given) or 'no type'}, expected {', '.join(ask.accept)}",
                reason=Reason.WRONG_TYPE,
            )
        body = await bodies.read_body(
            response, raw_bytes=ask.bounds.raw_bytes, body_bytes=ask.bounds.body_bytes, shown=shown(state.url)
        )
        return Fetched(
            url=str(state.url),
            status=response.status_code,
            content_type=given,
            charset=bodies.charset_of(response.headers),
            headers=dict(response.headers.items()),
            body=body,
            hops=hops,
        )

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return self._given_trust or httpx.create_ssl_context()

    def _headers(self, accept: Collection[str], given: Mapping[str, str] | None) -> httpx.Headers:
        headers = httpx.Headers(
            {"Accept": ", ".join(accept) or "*/*", "Accept-Encoding": "gzip", "User-Agent": self._user_agent}
        )
        for name, value in (given or {}).items():
            headers[name] = _checked(name, value)
            if name.lower() in _RESERVED or name.lower().startswith("proxy-"):
                raise OutgoingError(f"The header {name} cannot be set", reason=Reason.BAD_REQUEST)
        headers["Connection"] = "close"
        return headers

    def _failed(self, ask: _Ask, state: _State, reason: Reason) -> None:
        self._log.info("outgoing request failed", method=ask.method, host=shown(state.url), reason=str(reason))


@dataclass(frozen=True, slots=True, repr=False)
class _Ask:
    method: str
    url: str
    body: bytes
    accept: Collection[str]
    headers: httpx.Headers
    bounds: Bounds


@dataclass(slots=True)
class _State:
    """Where on the way a request is."""

    url: httpx.URL
    answered: bool = False  # the head of an HTTP answer has arrived

    def move(self, url: httpx.URL) -> None:
        self.url = url
        self.answered = False


def _checked(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise OutgoingError("A header's name holds signs that do not belong there", reason=Reason.BAD_REQUEST)
    if not _VALUE.fullmatch(value):
        raise OutgoingError(f"The header {name} holds signs that do not belong there", reason=Reason.BAD_REQUEST)
    return value


def _matches(given: str, accept: Collection[str]) -> bool:
    return any(given == each or (each.endswith("/*") and given.startswith(each[:-1])) for each in accept)


def _brief(given: str) -> str:
    return "".join(sign for sign in given if sign.isprintable())[:60]


def _unreachable(state: _State) -> OutgoingError:
    # The same words for all causes: which one it was would tell names and ports of this network apart.
    return OutgoingError(
        f"{shown(state.url)} gives no answer. The name may not exist or may not lead to a public address, or no web "
        "server answers there in time. An address of the operator's own network must be allowed in "
        "ADJOIN_OUTGOING_ALLOW",
        reason=Reason.UNREACHABLE,
    )


def _too_slow(state: _State) -> OutgoingError:
    return OutgoingError(f"The answer of {shown(state.url)} did not arrive in time", reason=Reason.TOO_SLOW)


def _broken_off(state: _State) -> OutgoingError:
    return OutgoingError(
        f"The answer of {shown(state.url)} cannot be read: it broke off or is malformed", reason=Reason.DAMAGED
    )


def _refused_redirect(state: _State, whither: str) -> OutgoingError:
    return OutgoingError(f"{shown(state.url)} redirects{whither}", reason=Reason.REDIRECT)
