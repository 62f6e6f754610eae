"""The API client that plugins reach their platform with: authorised, paced, retried, logged and redacted."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn, TypeVar

import httpx
import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from adjoin.ads.v2 import App, Credential, Fault, Hint, Reply, Verdict
from adjoin.clock import Clock, PlatformClock, SystemClock
from adjoin.errors import ErrorKind, PlatformError
from adjoin.http import _wire
from adjoin.http._address import base_address, target_address
from adjoin.http.credentials import CredentialKeeper
from adjoin.http.limiter import Limiter, Pace
from adjoin.http.redaction import Redactor, is_secret_name
from adjoin.http.verdicts import inspect_status, refused_redirect, retry_after

if TYPE_CHECKING:
    from adjoin.ads import v2

__all__ = ["ApiClient"]

T = TypeVar("T")

#: Pauses between repeated attempts, in seconds: a random part of `first * 2**n`, at most `longest` (full jitter).
_BACKOFF_FIRST = 0.5
_BACKOFF_LONGEST = 30.0
#: How long to stay away when the platform throttles without saying for how long; doubles each time.
_WAIT_FIRST = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One request as the plugin asked for it, whatever number of attempts it takes."""

    id: str
    method: str
    url: httpx.URL
    shown: str  # the URL without its secrets
    headers: Mapping[str, str]
    body: bytes
    account: str
    repeatable: bool
    authorised: bool
    cost: int
    streamed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What one attempt came to: an answer (a reply, or an open response when streamed) or a fault."""

    reply: Reply | None = None
    response: httpx.Response | None = None
    fault: Fault | None = None
    hints: tuple[Hint, ...] = ()
    reached: bool = True  # whether the platform may have seen the request
    answered: bool = True


class ApiClient:
    """The `Client` of one connection.

    Safe to use from many tasks, and from several event loops: each gets its own connections. Close it before the loops
    stop.

    - `credentials`: None for a connection that is only being made; then every request must be `authorised=False`.
    - `hosts`: other addresses of the platform that may get the token (`Description.hosts`).
    - `inspect`: the plugin's hook; without it the status decides (`verdicts.inspect_status`).
    - `pace`: the limits it shares with others; without it the client paces itself by what it is told alone.
    - `clock`: give a PlatformClock to learn what time it is at the platform.
    - `max_attempts`: of one request, the first included; a renewal of the token does not count.
    - `max_wait`: a longer wait that the platform asks for is raised as PlatformError(kind=wait) with `retry_after`.
    - `max_body`: bytes of a decoded answer; more raises PlatformError(kind=split). Streams have no bound.
    - `secret_fields`: names in `app.extra` that are secret, besides those that sound like it.
    - `on_warning`: told of each warning of the platform once.
    """

    def __init__(
        self,
        *,
        app: App,
        base_url: str,
        hosts: Collection[str] = (),
        credentials: CredentialKeeper | None = None,
        inspect: Callable[[Reply], Verdict] | None = None,
        pace: Pace | None = None,
        clock: Clock | None = None,
        log: FilteringBoundLogger | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        jitter: random.Random | None = None,
        max_attempts: int = 5,
        max_wait: timedelta = timedelta(seconds=60),
        max_body: int = 512 * 1024 * 1024,
        connect_timeout: timedelta = timedelta(seconds=10),
        read_timeout: timedelta = timedelta(seconds=60),
        secret_fields: Collection[str] = (),
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        self._app = app
        self._base = base_address(base_url)
        self._hosts = tuple(map(base_address, hosts))
        self._credentials = credentials
        self._clock = clock if isinstance(clock, PlatformClock) else PlatformClock(clock or SystemClock())
        self._inspect = inspect or (lambda reply: inspect_status(reply, now=self._clock.now()))
        self._pace = pace or Pace(
            Limiter(self._clock),
            clock=self._clock,
            platform=self._base.host,
            client_id=app.client_id,
            connection="",
            waits_at_most=max_wait,
        )
        log = log or structlog.get_logger("adjoin.http")
        self._log: FilteringBoundLogger = log.bind(host=self._base.netloc.decode())
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._max_attempts = max_attempts
        self._max_wait = max_wait
        self._max_body = max_body
        self._timeout = httpx.Timeout(read_timeout.total_seconds(), connect=connect_timeout.total_seconds()).as_dict()
        self._user_agent = f"adjoin/{version('adjoin')}"
        self._on_warning = on_warning
        self._warned: set[str] = set()
        self._transports = _wire.Transports(base_url=self._base, given=transport)
        self._parser = _parser()
        self._requests = 0
        self._operations = 0
        hidden = [v for k, v in app.extra.items() if k in secret_fields or is_secret_name(k)]
        self._redact_app = Redactor([app.client_secret, *hidden])

    def __repr__(self) -> str:
        return f"ApiClient({self._redact(str(self._base))!r})"

    @property
    def app(self) -> App:
        return self._app

    @property
    def base_url(self) -> str:
        return str(self._base)

    @property
    def requests(self) -> int:
        """How many requests were sent, repeated ones included."""
        return self._requests

    @property
    def operations(self) -> int:
        """What they cost of the platform's quota: the sum of their `cost`."""
        return self._operations

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def access_token(self) -> str:
        return (await self._credential()).access_token

    async def parse(self, function: Callable[[bytes], T], data: bytes) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._parser, function, data)

    async def aclose(self) -> None:
        """Close all connections. The client may be used again afterwards, and opens new ones."""
        await self._transports.aclose()
        self._parser.shutdown(wait=False)
        self._parser = _parser()

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: object = None,
        account: str = "",
        repeatable: bool | None = None,
        authorised: bool = True,
        cost: int = 1,
    ) -> Reply:
        """Send a request and return the good answer; see `adjoin.ads.v2.Client.request`.

        A request that is not repeatable and of which no answer came raises PlatformError(kind=retry,
        code="outcome_unknown"): it may have happened. Refusals that the platform made without acting (throttled,
        token expired) are repeated all the same, and so is a request for which no connection could be made.
        """
        call = self._call(
            method, url, params=params, headers=headers, form=form, json=json, account=account,
            repeatable=repeatable, authorised=authorised, cost=cost, streamed=False,
        )  # fmt: skip
        outcome = await self._perform(call)
        if outcome.reply is None:
            raise RuntimeError("an attempt ended with neither answer nor fault")
        return outcome.reply

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        account: str = "",
        authorised: bool = True,
        cost: int = 1,
    ) -> AsyncIterator[v2.ReplyStream]:
        """Send a repeatable request and read the answer while it arrives; see `adjoin.ads.v2.Client.stream`."""
        call = self._call(
            method, url, params=params, headers=headers, form=None, json=json, account=account,
            repeatable=True, authorised=authorised, cost=cost, streamed=True,
        )  # fmt: skip
        outcome = await self._perform(call)
        if outcome.response is None:
            raise RuntimeError("an attempt ended with neither answer nor fault")
        stream = _Stream(outcome.response, broken=lambda error: self._cut(call, error))
        try:
            yield stream
        finally:
            await outcome.response.aclose()
            self._log.debug("read", request_id=call.id, url=call.shown, bytes=stream.size)

    # --- one request ------------------------------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        form: Mapping[str, str] | None,
        json: object,
        account: str,
        repeatable: bool | None,
        authorised: bool,
        cost: int,
        streamed: bool,
    ) -> _Call:
        method = method.upper()
        target = target_address(self._base, url, hosts=self._hosts, authorised=authorised, redact=self._redact)
        if params:
            target = target.copy_merge_params(dict(params))
        sent = httpx.Headers({"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": self._user_agent})
        body = b""
        if form is not None:
            body = str(httpx.QueryParams(dict(form))).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        elif json is not None:
            body = msgspec.json.encode(json)
            sent["Content-Type"] = "application/json"
        sent.update(dict(headers or {}))
        return _Call(
            id=secrets.token_hex(6),
            method=method,
            url=target,
            shown=self._redact(str(target)),
            headers=sent,
            body=body,
            account=account,
            repeatable=method in {"GET", "HEAD"} if repeatable is None else repeatable,
            authorised=authorised,
            cost=cost,
            streamed=streamed,
        )

    async def _perform(self, call: _Call) -> _Outcome:
        """Attempt until there is an answer, or until what is wrong must be raised."""
        renewed = False
        attempt = 0
        while True:
            await self._pace.acquire(call.account, call.cost)
            credential = await self._credential() if call.authorised else None
            attempt += 1
            outcome = await self._attempt(call, credential, attempt)
            for hint in outcome.hints:
                await self._pace.report(hint, call.account)
            fault = outcome.fault
            if fault is None:
                return outcome
            if fault.kind is ErrorKind.REFRESH:
                if credential is None or self._credentials is None or renewed:
                    self._fail(fault, kind=ErrorKind.RECONNECT)
                renewed = True
                attempt -= 1
                await self._credentials.renew(credential)
            elif fault.kind is ErrorKind.WAIT:
                await self._stay_away(call, outcome, fault, attempt)
            elif fault.kind is ErrorKind.RETRY:
                await self._back_off(call, outcome, fault, attempt)
            else:
                self._fail(fault)

    async def _stay_away(self, call: _Call, outcome: _Outcome, fault: Fault, attempt: int) -> None:
        """Tell all who share the limit; the next attempt then waits for the limiter.

        Throttled requests were not executed, so repeating one is safe even where it writes.
        """
        told = [hint.wait for hint in outcome.hints if hint.wait is not None]
        header = retry_after(outcome.reply.headers, now=self._clock.now()) if outcome.reply else None
        wait = fault.retry_after or (max(told) if told else None) or header or _WAIT_FIRST * 2 ** (attempt - 1)
        if not told:
            await self._pace.report(Hint(scope="credential", wait=wait), call.account)
        if wait > self._max_wait or attempt >= self._max_attempts:
            self._fail(fault, wait=wait)

    async def _back_off(self, call: _Call, outcome: _Outcome, fault: Fault, attempt: int) -> None:
        if not call.repeatable and outcome.reached:
            doubt = "; it may have happened all the same, so look before repeating it"
            self._fail(fault, more=doubt, code=fault.code if outcome.answered else "outcome_unknown")
        if attempt >= self._max_attempts:
            self._fail(fault, more=f"; gave up after {attempt} attempts" if attempt > 1 else "")
        asked = fault.retry_after or timedelta(0)
        if asked > self._max_wait:
            self._fail(fault)
        longest = min(_BACKOFF_FIRST * 2 ** (attempt - 1), _BACKOFF_LONGEST)
        await self._clock.sleep(max(self._jitter.uniform(0, longest), asked.total_seconds()))

    async def _credential(self) -> Credential:
        if self._credentials is None:
            raise PlatformError(
                "There is no access token yet: send this request with authorised=False",
                kind=ErrorKind.INVALID,
                code="no_token",
            )
        return await self._credentials.get()

    # --- one attempt ------------------------------------------------------------------------------------------------

    async def _attempt(self, call: _Call, credential: Credential | None, attempt: int) -> _Outcome:
        headers = httpx.Headers(call.headers)
        if credential is not None:
            headers["Authorization"] = f"Bearer {credential.access_token}"
        request = httpx.Request(
            call.method, call.url, headers=headers, content=call.body or None, extensions={"timeout": self._timeout}
        )
        self._requests += 1
        self._operations += call.cost
        started = self._clock.monotonic()
        outcome = await self._send(call, request)
        fault = outcome.fault
        facts = {
            "request_id": call.id,
            "method": call.method,
            "url": call.shown,
            "status": _status(outcome),
            "ms": round((self._clock.monotonic() - started) * 1000),
            "attempt": attempt,
            "bytes": len(outcome.reply.body) if outcome.reply else None,
        }
        if fault is None:
            self._log.debug("request", **facts)
        else:
            self._log.warning(
                "request failed",
                **facts,
                kind=str(fault.kind),
                error_code=self._redact(fault.code),
                reason=self._redact(fault.message),
                platform_request=self._redact(fault.request_id),
            )
        return outcome

    async def _send(self, call: _Call, request: httpx.Request) -> _Outcome:
        # The transport is used without httpx's client on top: that one writes full URLs to its log, tokens in `next`
        # links included, follows environment settings and keeps cookies.
        response: httpx.Response | None = None
        keep_open = False
        try:
            response = await self._transports.here().handle_async_request(request)
            response.request = request
            if call.streamed and response.is_success:
                keep_open = True
                return _Outcome(response=response)
            pieces = _wire.read_pieces(response, limit=self._max_body, count=_wire.Count())
            body = b"".join([piece async for piece in pieces])
        except _wire.BodyTooLarge:
            return _Outcome(
                fault=Fault(
                    kind=ErrorKind.SPLIT,
                    message=f"{call.method} {call.shown}: the answer is larger than {self._max_body:,} bytes",
                    code="too_large",
                )
            )
        except _wire.BROKEN as error:
            fault = Fault(kind=ErrorKind.RETRY, message=self._broken(call, error), code=_broken_code(error))
            return _Outcome(fault=fault, reached=not _wire.never_sent(error), answered=False)
        finally:
            if response is not None and not keep_open:
                await _close(response)
        if "date" in response.headers and "age" not in response.headers:  # an aged answer comes from a cache
            self._clock.hear(response.headers["date"])
        return self._judge(
            Reply(
                status=response.status_code,
                headers=response.headers,
                body=body,
                method=call.method,
                url=call.shown,
            )
        )

    def _judge(self, reply: Reply) -> _Outcome:
        try:
            verdict = self._inspect(reply)
        except PlatformError as error:  # as `reply.json()` raises for a garbled answer
            verdict = Verdict(fault=_fault(error))
        if verdict.warning:
            self._warn(verdict.warning)
        fault = verdict.fault
        if fault is None and 300 <= reply.status < 400:
            fault = refused_redirect(reply)
        return _Outcome(reply=reply, fault=fault, hints=verdict.hints)

    def _warn(self, warning: str) -> None:
        warning = self._redact(warning)
        if warning in self._warned:
            return
        self._warned.add(warning)
        self._log.warning("platform warning", warning=warning)
        if self._on_warning is not None:
            self._on_warning(warning)

    # --- words ------------------------------------------------------------------------------------------------------

    def _redact(self, text: str) -> str:
        text = self._redact_app(text)
        return text if self._credentials is None else self._credentials.redact(text)

    def _broken(self, call: _Call, error: BaseException) -> str:
        return self._redact(f"{call.method} {call.shown}: {_wire.describe(error)}")

    def _cut(self, call: _Call, error: BaseException) -> PlatformError:
        message = self._broken(call, error)
        self._log.warning("request failed", request_id=call.id, url=call.shown, kind="retry", reason=message)
        return PlatformError(message, kind=ErrorKind.RETRY, code=_broken_code(error))

    def _fail(
        self,
        fault: Fault,
        *,
        kind: ErrorKind | None = None,
        more: str = "",
        code: str | None = None,
        wait: timedelta | None = None,
    ) -> NoReturn:
        code = fault.code if code is None else code
        marks = [f"code {fault.code}"] if fault.code and fault.code not in fault.message else []
        if fault.request_id:
            marks.append(f"request {fault.request_id}")
        message = fault.message.rstrip(". ") + more + (f" ({', '.join(marks)})" if marks else "")
        raise PlatformError(
            self._redact(message),
            kind=kind or fault.kind,
            code=self._redact(code),
            request_id=self._redact(fault.request_id),
            retry_after=wait or fault.retry_after,
        )


class _Stream:
    """An answer under way."""

    def __init__(self, response: httpx.Response, *, broken: Callable[[BaseException], PlatformError]) -> None:
        self._response = response
        self._broken = broken
        self._count = _wire.Count()

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def size(self) -> int:
        """Bytes read so far, decoded."""
        return self._count.size

    async def chunks(self) -> AsyncIterator[bytes]:
        failure: PlatformError | None = None
        pieces = _wire.read_pieces(self._response, limit=None, count=self._count)
        while True:
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except _wire.BROKEN as error:
                failure = self._broken(error)
                break
            yield piece
        raise failure


def _fault(error: PlatformError) -> Fault:
    return Fault(
        kind=error.kind,
        message=str(error),
        code=error.code,
        request_id=error.request_id,
        retry_after=error.retry_after,
    )


def _status(outcome: _Outcome) -> int | None:
    if outcome.reply is not None:
        return outcome.reply.status
    return None if outcome.response is None else outcome.response.status_code


def _broken_code(error: BaseException) -> str:
    return "unreachable" if _wire.never_sent(error) else "cut"


def _parser() -> ThreadPoolExecutor:
    """One thread, started when it is first needed: parsing holds the interpreter's lock, and in one thread what was
    just decoded is still in the cache when it is worked on."""
    return ThreadPoolExecutor(1, thread_name_prefix="adjoin-parse")


async def _close(response: httpx.Response) -> None:
    try:
        await response.aclose()
    except _wire.BROKEN:
        return  # it is broken already, and what broke it has been noted


if TYPE_CHECKING:
    _satisfies: Callable[[ApiClient], v2.Client] = lambda client: client  # noqa: E731
