"""What an answer of the Graph API means, decided from the code in its body and not from the HTTP status."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from adjoin.ads.v2 import Fault, Reply, Verdict
from adjoin.errors import ErrorKind
from adjoin_meta import usage

__all__ = ["GraphError", "fault_of", "inspect"]

#: Answers above this size are pages of data. An error body has a few hundred bytes.
_ERROR_BYTES = 65_536

_THROTTLED = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
_PASSING = frozenset({-2, 1, 2, 99, 104, 960})

#: (code, subcode) that mean something else than their code alone.
_BY_SUBCODE: dict[tuple[int, int], ErrorKind] = {
    (-2, 2490547): ErrorKind.RETRY,
    (-3, 1504045): ErrorKind.SPLIT,
    (100, 1504018): ErrorKind.SPLIT,
    (2, 1504038): ErrorKind.SPLIT,
    (100, 1487534): ErrorKind.SPLIT,
    (2, 1504041): ErrorKind.INVALID,
    (2, 1504042): ErrorKind.INVALID,
    (2, 1504043): ErrorKind.RETRY,
    (2, 1504044): ErrorKind.RETRY,
    (1, 2853001): ErrorKind.INVALID,
    (100, 3191001): ErrorKind.SKIP_ACCOUNT,
    (17, 1885172): ErrorKind.INVALID,
}

#: How long to stay away when no header says so, by (code, subcode), then by code.
_WAITS: dict[tuple[int, int | None], timedelta] = {
    (613, 1487632): timedelta(hours=1),
    (17, None): timedelta(minutes=5),
    (368, None): timedelta(hours=2),
}
_WAIT = timedelta(minutes=1)

_RECONNECT = {
    458: "the app's authorisation was withdrawn",
    459: "Meta wants the user to pass a check on facebook.com first",
    460: "the user's password has changed",
    463: "the token has expired",
    464: "the user has not confirmed the account",
    467: "the token has been withdrawn",
    492: "the session is not valid any more",
}


class GraphError(msgspec.Struct, gc=False):
    """The `error` object of an answer. `error_data` is left out: it is text or an object, and nobody needs it."""

    message: str = ""
    type: str = ""
    code: int = 0
    error_subcode: int | None = None
    is_transient: bool = False
    error_user_title: str | None = None
    error_user_msg: str | None = None
    fbtrace_id: str = ""


class _Answer(msgspec.Struct, gc=False):
    error: GraphError | None = None
    success: bool | None = None


_answer = msgspec.json.Decoder(_Answer, strict=False)


def inspect(reply: Reply) -> Verdict:
    """Judge an answer; cheap for large pages, which are not decoded here. Never raises."""
    headers = {name.lower(): value for name, value in reply.headers.items()}
    return Verdict(
        fault=_fault(reply, headers),
        hints=usage.hints(headers),
        warning=_warning(headers),
    )


def _warning(headers: dict[str, str]) -> str:
    text = headers.get("x-ad-api-version-warning", "")
    return f"Meta warns about the API version: {text}" if text else ""


def _fault(reply: Reply, headers: dict[str, str]) -> Fault | None:
    good = reply.status < 400
    body = reply.body
    if good:
        head = body[:16].lstrip()
        # A page of data starts with {"data" and an answer to a batch with [. That the end is there too says that
        # nothing was cut off; what is wrong in between shows when the page is decoded.
        if head.startswith((b'{"data"', b"[")) and body[-16:].rstrip().endswith((b"}", b"]")):
            return None
        if len(body) > _ERROR_BYTES and head.startswith(b"{") and body[-16:].rstrip().endswith(b"}"):
            return None
    try:
        answer = _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _garbled(reply)
    if answer.error is not None:
        return fault_of(answer.error, headers=headers, status=reply.status, url=reply.url)
    if not good:
        return _by_status(reply)
    if answer.success is False:
        return Fault(kind=ErrorKind.INVALID, message="Meta answered that the call did not succeed, without a reason")
    return None


def _garbled(reply: Reply) -> Fault:
    # Meta gives every refusal a body of JSON, so one without has lost it on the way, whatever the status.
    if reply.status == 429:
        return _by_status(reply)
    return Fault(
        kind=ErrorKind.RETRY,
        code="garbled",
        message=f"Meta answered {reply.status} with {len(reply.body)} bytes that are not the JSON expected",
    )


def _by_status(reply: Reply) -> Fault:
    if reply.status == 429:
        return Fault(kind=ErrorKind.WAIT, code="429", message="Meta is throttling", retry_after=_WAIT)
    kind = ErrorKind.RETRY if reply.status >= 500 else ErrorKind.INVALID
    return Fault(kind=kind, code=str(reply.status), message=f"Meta answered {reply.status} without saying why")


def fault_of(error: GraphError, *, headers: dict[str, str], status: int = 400, url: str = "") -> Fault:
    """Turn Meta's error into a fault, with a message for people and the trace id for Meta's support."""
    kind = _kind(error, status=status, url=url)
    subcode = error.error_subcode
    return Fault(
        kind=kind,
        code=f"{error.code}/{subcode}" if subcode else str(error.code),
        message=_message(error, kind),
        request_id=error.fbtrace_id,
        retry_after=_wait(error, headers) if kind is ErrorKind.WAIT else None,
    )


def _kind(error: GraphError, *, status: int, url: str) -> ErrorKind:
    code, subcode, message = error.code, error.error_subcode or 0, error.message
    if (known := _BY_SUBCODE.get((code, subcode))) is not None:
        return known
    # A throttle of the limited tier, dressed up as a missing permission.
    if code in _THROTTLED or 4841000 <= subcode <= 4841999 or code == 368:
        return ErrorKind.WAIT
    if code in (102, 190):
        return ErrorKind.RECONNECT
    if code == 294:
        return ErrorKind.RECONNECT
    if code == 10 or 200 <= code <= 299:
        return ErrorKind.SKIP_ACCOUNT
    if code == 1 and "reduce the amount of data" in message:
        return ErrorKind.SPLIT
    if code == 2642:
        return ErrorKind.RESTART
    if code == 100:
        return _kind_of_100(error, subcode, url)
    if error.is_transient or code in _PASSING or (status >= 500 and code == 0):
        return ErrorKind.RETRY
    return ErrorKind.INVALID


def _kind_of_100(error: GraphError, subcode: int, url: str) -> ErrorKind:
    message = error.message
    if "Missing permissions" in message:
        return ErrorKind.SKIP_ACCOUNT
    if subcode == 33 and "/act_" in url:
        return ErrorKind.SKIP_ACCOUNT
    # Comes and goes for reports whose fields are fine.
    if "Cannot include" in message and "summary param" in message:
        return ErrorKind.RETRY
    return ErrorKind.RETRY if error.is_transient else ErrorKind.INVALID


def _wait(error: GraphError, headers: dict[str, str]) -> timedelta:
    told = usage.wait(headers)
    if told is not None:
        return told
    fixed = _WAITS.get((error.code, error.error_subcode)) or _WAITS.get((error.code, None))
    return fixed or _WAIT


def _message(error: GraphError, kind: ErrorKind) -> str:
    reason = error.message or "no reason given"
    if error.error_user_title and error.error_user_msg:
        reason = f"{error.error_user_title}: {error.error_user_msg}"
    elif error.error_user_msg:
        reason = error.error_user_msg
    if error.code in (102, 190):
        why = _RECONNECT.get(error.error_subcode or 0, "the token is not valid")
        return f"Meta does not accept the connection any more: {why}. Connect again. ({reason})"
    if error.code == 294:
        return f"Meta wants the permission ads_read, which the connection lacks. Connect again. ({reason})"
    if error.code == 2635:
        return f"Meta has retired the version of its API that is set; set a newer api_version. ({reason})"
    if kind is ErrorKind.WAIT:
        return f"Meta is throttling: {reason}"
    return f"Meta refused: {reason}"
