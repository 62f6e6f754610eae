"""What an answer of LinkedIn's means, decided from its codes first and from the HTTP status where it has none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from adjoin.ads.v2 import Fault, Hint, Reply, Verdict
from adjoin.errors import ErrorKind
from adjoin_linkedin.version import end_of

__all__ = ["WARN_DAYS", "inspect"]

#: A good answer above this size is data, and decoded by whoever asked for it. Refusals have a few hundred bytes.
_SMALL = 65_536

#: So many days before a version of the API ends, its operator is told.
WARN_DAYS = 60

#: How long to stay away from a daily limit when the answer does not say what time it is at LinkedIn.
_DAY_LIMIT_WAIT = timedelta(hours=1)

_NO_BODY = frozenset({201, 202, 204})


class _Place(msgspec.Struct, rename="camel"):
    field_path: str = ""


class _Input(msgspec.Struct, rename="camel"):
    input_path: _Place | None = None


class _InputError(msgspec.Struct):
    code: str = ""
    description: str = ""
    input: _Input | None = None

    def __str__(self) -> str:
        place = self.input.input_path.field_path if self.input and self.input.input_path else ""
        words = ": ".join(filter(None, (place, self.description)))
        return f"{words} [{self.code}]" if self.code else words


class _Details(msgspec.Struct, rename="camel"):
    input_errors: list[_InputError] = []


class _Refusal(msgspec.Struct, rename="camel"):
    """A refusal of the API, or one of the OAuth endpoints (`error`, `error_description`)."""

    code: str = ""
    message: str = ""
    service_error_code: int | None = None
    error_details: _Details | None = None
    error: str = ""
    error_description: str = msgspec.field(name="error_description", default="")

    @property
    def reason(self) -> str:
        inputs = self.error_details.input_errors if self.error_details else []
        words = [self.message or self.error_description, *map(str, inputs)]
        return "; ".join(word.strip().rstrip(".") for word in words if word.strip()) or "no reason given"


_refusal = msgspec.json.Decoder(_Refusal, strict=False)


def inspect(reply: Reply) -> Verdict:
    """Judge an answer; cheap for large ones, which are not decoded here. Never raises."""
    headers = {name.lower(): value for name, value in reply.headers.items()}
    now = _platform_time(headers)
    warning = _ending(_version(reply), now)
    if reply.status < 300:
        return Verdict(fault=_garbled(reply) if _is_cut(reply) else None, warning=warning)
    if reply.status < 400:
        return Verdict(warning=warning)  # a redirect: the client refuses it
    try:
        refusal = _refusal.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        refusal = None
    kind = _kind(reply, refusal)
    wait = _wait(refusal, headers, now) if kind is ErrorKind.WAIT else None
    fault = Fault(
        kind=kind,
        message=_message(reply, refusal, kind),
        code=_code(reply, refusal),
        request_id=headers.get("x-li-uuid", ""),
        retry_after=wait,
    )
    # Whom the limit is for; without a hint the client takes it for the connection's.
    whole_app = wait is not None and refusal is not None and "throttle APPLICATION DAY" in refusal.message
    return Verdict(fault=fault, hints=(Hint(scope="app", wait=wait),) if whole_app else (), warning=warning)


def _is_cut(reply: Reply) -> bool:
    """Say whether a good answer is no JSON; of a large one only whether both its ends are there."""
    body = reply.body
    if not body.strip():
        # Creating and changing answer without a body, reading and the token endpoint never do.
        return reply.status not in _NO_BODY and (reply.method == "GET" or "/oauth/" in reply.url)
    if len(body) > _SMALL:
        return not (body[:16].lstrip().startswith(b"{") and body[-16:].rstrip().endswith(b"}"))
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True
    return False


def _garbled(reply: Reply) -> Fault:
    return Fault(
        kind=ErrorKind.RETRY,
        code="garbled",
        message=f"LinkedIn answered {reply.status} with {len(reply.body)} bytes that are not the JSON expected",
    )


def _kind(reply: Reply, refusal: _Refusal | None) -> ErrorKind:
    status = reply.status
    if status == 429:
        return ErrorKind.WAIT
    if status >= 500 or status == 408:
        return ErrorKind.RETRY
    if refusal is not None and refusal.error:
        return _kind_of_oauth(refusal)
    if status == 401:  # expired, revoked, unknown: a renewal shows whether a person is needed
        return ErrorKind.REFRESH
    if refusal is None:  # LinkedIn gives its refusals a body of JSON: this one was lost, or a proxy's
        return ErrorKind.RETRY
    if status == 400 and _names_page_token(refusal):
        return ErrorKind.RESTART
    if status == 403:
        # Where no account is named, or a scope is, another account would fare no better. Names of conversions are no
        # reason to bother the owner: the numbers come without them.
        lacks_scope = "scope" in refusal.message.lower() or not _names_account(reply.url)
        return ErrorKind.RECONNECT if lacks_scope and not _asks_for_names(reply.url) else ErrorKind.SKIP_ACCOUNT
    if status == 404 and _names_account(reply.url) and "virtual resource" not in refusal.message.lower():
        return ErrorKind.SKIP_ACCOUNT
    return ErrorKind.INVALID


def _kind_of_oauth(refusal: _Refusal) -> ErrorKind:
    words = refusal.error_description.lower()
    spent = "refresh token" in words or "revoked" in words
    return ErrorKind.RECONNECT if refusal.error == "invalid_grant" or spent else ErrorKind.INVALID


def _names_page_token(refusal: _Refusal) -> bool:
    inputs = refusal.error_details.input_errors if refusal.error_details else []
    return "pagetoken" in " ".join([refusal.message, *map(str, inputs)]).lower().replace(" ", "")


def _asks_for_names(url: str) -> bool:
    return url.partition("#")[0].partition("?")[0].endswith("/conversions")


def _names_account(url: str) -> bool:
    path, _, query = url.partition("#")[0].partition("?")
    return (
        "/adAccounts/" in path or path.endswith("/adAnalytics") or _asks_for_names(url) or "sponsoredAccount" in query
    )


def _code(reply: Reply, refusal: _Refusal | None) -> str:
    if refusal is None:
        return "garbled" if reply.status < 500 and reply.status not in (401, 429) else str(reply.status)
    if reply.status == 400 and _names_page_token(refusal):
        return "page-token"
    return refusal.code or refusal.error or str(refusal.service_error_code or reply.status)


def _message(reply: Reply, refusal: _Refusal | None, kind: ErrorKind) -> str:
    if refusal is None:
        return f"LinkedIn answered {reply.status} with {len(reply.body)} bytes that are not its JSON"
    version = _version(reply)
    marks = [f"HTTP status {reply.status}"]
    if refusal.service_error_code is not None:
        marks.append(f"serviceErrorCode {refusal.service_error_code}")
    if version:
        marks.append(f"LinkedIn-Version {version}")
    return f"{_lead(reply, refusal, kind)}: {refusal.reason} ({', '.join(marks)})"


def _lead(reply: Reply, refusal: _Refusal, kind: ErrorKind) -> str:
    if reply.status == 426 or refusal.code == "NONEXISTENT_VERSION":
        return (
            "LinkedIn does not serve this version of its API; set api_version (ADJOIN_LINKEDIN_API_VERSION) to one "
            "that it does"
        )
    if refusal.error.startswith("invalid_client"):
        return "LinkedIn does not know the app; check ADJOIN_LINKEDIN_CLIENT_ID and ADJOIN_LINKEDIN_CLIENT_SECRET"
    if reply.status == 401 and kind is ErrorKind.REFRESH:
        return "LinkedIn does not accept the connection's token"
    if reply.status == 403:
        scope = "r_ads_reporting" if "/adAnalytics" in reply.url else "r_ads"
        return f"LinkedIn allows no access: it takes the scope {scope} and a role in the ad account"
    if kind is ErrorKind.WAIT:
        return "LinkedIn is throttling"
    return "LinkedIn has a passing fault" if kind is ErrorKind.RETRY else "LinkedIn refused"


def _wait(refusal: _Refusal | None, headers: Mapping[str, str], now: datetime | None) -> timedelta | None:
    """Return how long to stay away; None leaves it to the client, which waits a little longer each time."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return timedelta(seconds=min(int(told), 86_400))
    if refusal is None or "DAY limit" not in refusal.message:
        return None
    if now is None:
        return _DAY_LIMIT_WAIT
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), tzinfo=UTC)
    return midnight - now


def _platform_time(headers: Mapping[str, str]) -> datetime | None:
    try:
        told = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return None
    return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)


def _version(reply: Reply) -> str:
    """Return the version that the request named, which `rest.call` notes behind the address."""
    return reply.url.partition("#")[2]


def _ending(version: str, now: datetime | None) -> str:
    end = end_of(version)
    if end is None or now is None or now.date() < end - timedelta(days=WARN_DAYS):
        return ""
    return (
        f"LinkedIn serves version {version} of its API until about {end}; set api_version "
        "(ADJOIN_LINKEDIN_API_VERSION) to a newer one before"
    )
