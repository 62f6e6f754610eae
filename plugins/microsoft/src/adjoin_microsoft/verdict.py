"""What an answer means, decided from the codes in its body and, where there are none, from the HTTP status."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from adjoin.ads.v2 import Fault, Hint, Reply, Verdict
from adjoin.errors import ErrorKind
from adjoin_microsoft.codes import HINTS, KINDS, LOGIN_HINTS, WAITS

__all__ = ["EXPIRED_URL", "ApiError", "fault_of", "inspect"]

#: The code of the fault for a file whose signed address is not good any more.
EXPIRED_URL = "url-expired"

#: Of several errors in one answer, the first of these kinds decides: a passing fault beside a mistake does not make the
#: request right.
_DECISIVE = (
    ErrorKind.RECONNECT,
    ErrorKind.REFRESH,
    ErrorKind.WAIT,
    ErrorKind.SKIP_ACCOUNT,
    ErrorKind.INVALID,
    ErrorKind.RESTART,
    ErrorKind.RETRY,
)

#: Where a missing right concerns the user and not one account.
_WITHOUT_ACCOUNT = "/CustomerManagement/"

_SHOWN = 3
_THROTTLED = timedelta(seconds=60)
#: A wait of more than a minute is for one operation, such as bulk downloads. Without a hint everything that the user
#: asks for would have to wait.
_ONE_OPERATION = (Hint(scope="account", wait=timedelta(0)),)

_TRACE = re.compile(r"\s*(Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_AADSTS = re.compile(r"AADSTS(\d+)")


class ApiError(msgspec.Struct):
    """One entry of any list of errors. `Detail` is AdApiError's spelling of what the others call `Details`."""

    code: int = msgspec.field(name="Code", default=-1)
    name: str | None = msgspec.field(name="ErrorCode", default=None)
    message: str | None = msgspec.field(name="Message", default=None)
    detail: str | None = msgspec.field(name="Detail", default=None)
    details: str | None = msgspec.field(name="Details", default=None)
    index: int | None = msgspec.field(name="Index", default=None)


class _Answer(msgspec.Struct):
    """A fault of any Type (they differ in which lists they have), or a refusal of the identity platform."""

    tracking_id: str | None = msgspec.field(name="TrackingId", default=None)
    errors: list[ApiError | None] | None = msgspec.field(name="Errors", default=None)
    operation_errors: list[ApiError | None] | None = msgspec.field(name="OperationErrors", default=None)
    batch_errors: list[ApiError | None] | None = msgspec.field(name="BatchErrors", default=None)
    editorial_errors: list[ApiError | None] | None = msgspec.field(name="EditorialErrors", default=None)
    error: str = ""
    error_description: str = ""
    error_codes: list[int] = []

    @property
    def all_errors(self) -> list[ApiError]:
        lists = (self.errors, self.operation_errors, self.batch_errors, self.editorial_errors)
        return [error for each in lists for error in each or () if error is not None]


class _Partial(msgspec.Struct):
    errors: list[ApiError | None] | None = msgspec.field(name="PartialErrors", default=None)


_answer = msgspec.json.Decoder(_Answer, strict=False)
_partial = msgspec.json.Decoder(_Partial, strict=False)
_anything = msgspec.json.Decoder(msgspec.Raw)


def inspect(reply: Reply) -> Verdict:
    """Judge an answer. Never raises."""
    fault = _good(reply) if reply.status < 300 else _refused(reply)
    return Verdict(fault=fault, hints=_ONE_OPERATION if _is_long(fault) else ())


def _is_long(fault: Fault | None) -> bool:
    return fault is not None and fault.retry_after is not None and fault.retry_after > _THROTTLED


def fault_of(
    errors: Sequence[ApiError], *, url: str = "", request_id: str = "", waits_by_itself: bool = False
) -> Fault:
    """Turn Microsoft's errors into one fault with a message for people.

    `waits_by_itself` says that the answer tells how long to wait, so that no time of ours is put in its place.
    """
    kinds = [_kind(error, url) for error in errors]
    kind = min(kinds, key=_DECISIVE.index)
    first = errors[kinds.index(kind)]
    message = "; ".join(_words(error) for error in errors[:_SHOWN])
    if len(errors) > _SHOWN:
        message += f"; and {len(errors) - _SHOWN} more"
    verb = "is throttling" if kind is ErrorKind.WAIT else "refused"
    hint = HINTS.get(first.code, "")
    return Fault(
        kind=kind,
        code=str(first.code),
        message=f"Microsoft {verb}: {message.rstrip('.')}" + (f". {hint}" if hint else ""),
        request_id=request_id,
        retry_after=None if kind is not ErrorKind.WAIT or waits_by_itself else WAITS.get(first.code, _THROTTLED),
    )


def _kind(error: ApiError, url: str) -> ErrorKind:
    if error.code == 106 and _WITHOUT_ACCOUNT in url:
        return ErrorKind.RECONNECT
    return KINDS.get(error.code, ErrorKind.INVALID)


def _words(error: ApiError) -> str:
    parts = [error.name or "", error.message or "", error.detail or error.details or ""]
    words = ": ".join(dict.fromkeys(part.strip().rstrip(".") for part in parts if part and part.strip()))
    where = f" (entry {error.index})" if error.index is not None else ""
    return f"{words or 'no reason given'}{where} [{error.code}]"


def _good(reply: Reply) -> Fault | None:
    """Find what is wrong with an answer that calls itself good: cut short, or refusing its entries in part.

    Entries that cannot be read are left to the caller; what may pass concerns the whole call.
    """
    if reply.method != "POST":
        return None
    try:
        if b'"PartialErrors"' in reply.body:
            partial = [each for each in _partial.decode(reply.body).errors or () if each is not None]
        else:
            _anything.decode(reply.body)
            partial = []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Fault(
            kind=ErrorKind.RETRY,
            code="garbled",
            message=f"Microsoft answered {reply.status} with {len(reply.body)} bytes that are not the JSON expected",
            request_id=_tracking(reply),
        )
    passing = [each for each in partial if _kind(each, reply.url) in (ErrorKind.WAIT, ErrorKind.RETRY)]
    return fault_of(passing, request_id=_tracking(reply), waits_by_itself=_tells_wait(reply)) if passing else None


def _refused(reply: Reply) -> Fault:
    try:
        answer = _answer.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _by_status(reply)
    if reply.status == 429:
        return _by_status(reply, answer.all_errors)
    request_id = answer.tracking_id or _tracking(reply)
    if errors := answer.all_errors:
        return fault_of(errors, url=reply.url, request_id=request_id, waits_by_itself=_tells_wait(reply))
    if answer.error:
        return _login_fault(answer, reply)
    return _by_status(reply)


def _by_status(reply: Reply, errors: Sequence[ApiError] = ()) -> Fault:
    status = reply.status
    code, retry_after = str(status), None
    if status == 429:
        kind, words = ErrorKind.WAIT, "it is throttling"
        retry_after = None if _tells_wait(reply) else _THROTTLED
    elif status == 408 or status >= 500:
        kind, words = ErrorKind.RETRY, "a passing fault"
    elif reply.method == "GET" and status in (401, 403, 404, 410):
        # Only files of reports are fetched by GET, and their storage refuses an address after five minutes. Asking
        # again at the same address is no use.
        kind, words, code = ErrorKind.RESTART, "the address of the file is not good any more", EXPIRED_URL
    elif status == 401:
        kind, words = ErrorKind.REFRESH, "it does not accept the access token"
    elif status == 403:
        kind, words = ErrorKind.SKIP_ACCOUNT, "it does not allow this"
    else:
        kind, words = ErrorKind.INVALID, "it does not say why"
    said = "; ".join(_words(error) for error in errors[:_SHOWN]) or _text(reply.body)
    # The address of a file is of no use to people, and longer than the rest.
    asked = "the request for a file" if code == EXPIRED_URL else f"{reply.method} {reply.url}"
    return Fault(
        kind=kind,
        code=code,
        message=f"Microsoft answered {asked} with {status}: {words}" + (f" ({said})" if said else ""),
        request_id=_tracking(reply),
        retry_after=retry_after,
    )


def _login_fault(answer: _Answer, reply: Reply) -> Fault:
    """Judge a refusal of the token endpoint: `error` is OAuth's word, the numbers are Microsoft's."""
    numbers = [int(found) for found in _AADSTS.findall(answer.error_description)] + answer.error_codes
    number = numbers[0] if numbers else 0
    said = _TRACE.sub("", answer.error_description).strip() or answer.error
    hint = next((LOGIN_HINTS[each] for each in numbers if each in LOGIN_HINTS), "")
    if answer.error in ("invalid_grant", "interaction_required", "login_required", "consent_required"):
        kind = ErrorKind.RECONNECT
        hint = hint or "Connect again"
    elif answer.error in ("temporarily_unavailable", "server_error") or reply.status >= 500:
        kind = ErrorKind.RETRY
    else:
        kind = ErrorKind.INVALID
    return Fault(
        kind=kind,
        code=f"AADSTS{number}" if number else answer.error,
        message=f"Microsoft declined the sign-in: {said.rstrip('.')}" + (f". {hint}" if hint else ""),
        request_id=_tracking(reply),
    )


def _tracking(reply: Reply) -> str:
    headers = {name.lower(): value for name, value in reply.headers.items()}
    return headers.get("trackingid", "") or headers.get("x-ms-request-id", "")


def _tells_wait(reply: Reply) -> bool:
    return any(name.lower() == "retry-after" for name in reply.headers)


def _text(body: bytes) -> str:
    """Some of a body that is not Microsoft's JSON, without its markup."""
    text = re.sub(r"<[^>]*>", " ", body[:2_000].decode("utf-8", "replace"))
    return " ".join(text.split())[:200]
