"""What an answer of the Google Ads API means, decided from the codes in its body and then from its status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from adjoin.ads.v2 import Fault, Hint, Reply, Verdict
from adjoin.errors import ErrorKind
from adjoin_google.failures import AdsError, Refusal, read_refusal
from adjoin_google.words import ADVICE, OAUTH_ADVICE

__all__ = ["inspect", "judge"]

_INVALID, _RETRY, _WAIT, _SPLIT = ErrorKind.INVALID, ErrorKind.RETRY, ErrorKind.WAIT, ErrorKind.SPLIT
_REFRESH, _RECONNECT, _SKIP = ErrorKind.REFRESH, ErrorKind.RECONNECT, ErrorKind.SKIP_ACCOUNT

#: The API's codes that are no mistake of the request. Those of quotas all ask to wait.
_KINDS: Mapping[str, ErrorKind] = {
    "internalError.TRANSIENT_ERROR": _RETRY,
    "internalError.INTERNAL_ERROR": _RETRY,
    "internalError.DEADLINE_EXCEEDED": _SPLIT,
    "databaseError.CONCURRENT_MODIFICATION": _RETRY,
    "requestError.RPC_DEADLINE_TOO_SHORT": _SPLIT,
    "requestError.EXPIRED_PAGE_TOKEN": ErrorKind.RESTART,
    "requestError.INVALID_PAGE_TOKEN": ErrorKind.RESTART,
    "requestError.CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT": _SKIP,
    "queryError.REQUESTED_METRICS_FOR_MANAGER": _SKIP,
    "authenticationError.AUTHENTICATION_ERROR": _REFRESH,
    "authenticationError.OAUTH_TOKEN_EXPIRED": _REFRESH,
    "authenticationError.OAUTH_TOKEN_INVALID": _REFRESH,
    "authenticationError.OAUTH_TOKEN_REVOKED": _RECONNECT,
    "authenticationError.OAUTH_TOKEN_DISABLED": _RECONNECT,
    "authenticationError.NOT_ADS_USER": _RECONNECT,
    "authenticationError.GOOGLE_ACCOUNT_DELETED": _RECONNECT,
    "authenticationError.GOOGLE_ACCOUNT_AUTHENTICATION_FAILED": _RECONNECT,
    "authenticationError.TWO_STEP_VERIFICATION_NOT_ENROLLED": _RECONNECT,
    "authenticationError.ADVANCED_PROTECTION_NOT_ENROLLED": _RECONNECT,
    "authenticationError.CUSTOMER_NOT_FOUND": _SKIP,
    "authorizationError.USER_PERMISSION_DENIED": _SKIP,
    "authorizationError.CUSTOMER_NOT_ENABLED": _SKIP,
    "authorizationError.INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION": _SKIP,
    "authorizationError.ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT": _SKIP,
    "authorizationError.ACCESS_DENIED_FOR_ACCOUNT_TYPE": _SKIP,
    "authorizationError.INCOMPLETE_SIGNUP": _SKIP,
}

#: The reasons of the front end that mean something else than their status.
_REASONS: Mapping[str, ErrorKind] = {
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": _RECONNECT,
    "ACCOUNT_STATE_INVALID": _RECONNECT,
    "RATE_LIMIT_EXCEEDED": _WAIT,
}

_STATUSES: Mapping[str, ErrorKind] = {
    "UNAUTHENTICATED": _REFRESH,
    "RESOURCE_EXHAUSTED": _WAIT,
    "ABORTED": _RETRY,
    "CANCELLED": _RETRY,
    "INTERNAL": _RETRY,
    "UNKNOWN": _RETRY,
    "UNAVAILABLE": _RETRY,
    "DEADLINE_EXCEEDED": _SPLIT,
}

_OAUTH: Mapping[str, ErrorKind] = {
    "invalid_grant": _RECONNECT,
    "unauthorized_client": _RECONNECT,
    "temporarily_unavailable": _RETRY,
    "server_error": _RETRY,
    "internal_failure": _RETRY,
    "rate_limit_exceeded": _WAIT,
}

#: Where Google does not say how long: heavy queries have used up what there is for a while.
_LONG_WAIT = timedelta(hours=1)


def inspect(reply: Reply) -> Verdict:
    """Judge an answer. Never raises."""
    if 300 <= reply.status < 400:
        return Verdict()
    try:
        answer = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Verdict(fault=_unreadable(reply))
    refusal = read_refusal(answer)
    if refusal is None and reply.status < 300:
        return Verdict()
    headers = {name.lower(): value for name, value in reply.headers.items()}
    return judge(refusal or Refusal(), status=reply.status, request_id=headers.get("request-id", ""))


def judge(refusal: Refusal, *, status: int, request_id: str = "") -> Verdict:
    """Say what a refusal means. `status` is the HTTP status, which an error inside a good stream has as 200."""
    kind, error = _kind(refusal, status)
    wait = _wait(refusal, error) if kind is _WAIT else None
    fault = Fault(
        kind=kind,
        code=_code(refusal, error, status),
        message=_message(refusal, error, kind, status),
        request_id=refusal.request_id or request_id,
        retry_after=wait,
    )
    return Verdict(fault=fault, hints=_hints(error, wait))


def _kind(refusal: Refusal, status: int) -> tuple[ErrorKind, AdsError]:
    """Return the kind, and the error that decided it."""
    known = [(_kind_of_code(error), error) for error in refusal.errors]
    for kind, error in known:
        if kind is not None:
            return kind, error
    error = refusal.errors[0] if refusal.errors else AdsError()
    if status == 429:
        return _WAIT, error
    if refusal.oauth:
        return _OAUTH.get(refusal.oauth, _RETRY if status >= 500 else _INVALID), error
    if refusal.status or refusal.reason:
        return _REASONS.get(refusal.reason) or _STATUSES.get(refusal.status, _INVALID), error
    if status == 401:
        return _REFRESH, error
    return (_RETRY if status >= 500 or status == 408 else _INVALID), error


def _kind_of_code(error: AdsError) -> ErrorKind | None:
    return _WAIT if error.family == "quotaError" else _KINDS.get(str(error))


def _wait(refusal: Refusal, error: AdsError) -> timedelta | None:
    told = error.wait or refusal.wait
    if told is None and error.code == "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION":
        return _LONG_WAIT
    return told


def _hints(error: AdsError, wait: timedelta | None) -> tuple[Hint, ...]:
    """Tell everyone whom the limit stops: a customer's, or that of the Cloud project (still called DEVELOPER)."""
    if wait is None or error.scope not in ("ACCOUNT", "DEVELOPER"):
        return ()
    return (Hint(scope="account" if error.scope == "ACCOUNT" else "app", wait=wait),)


def _code(refusal: Refusal, error: AdsError, status: int) -> str:
    return str(error) or refusal.oauth or refusal.reason or refusal.status or str(status)


def _message(refusal: Refusal, error: AdsError, kind: ErrorKind, status: int) -> str:
    said = error.message or refusal.message
    if error.place:
        said = f"{said} (at {error.place})"
    if refusal.oauth:
        advice = OAUTH_ADVICE.get(refusal.oauth, "")
    else:
        advice = ADVICE.get(error.code) or ADVICE.get(refusal.reason, "")
    if advice:
        return f"{advice} (Google: {said})" if said else advice
    if kind is _WAIT:
        rate = f", the limit {error.rate!r}" if error.rate else ""
        return f"Google is throttling{rate}: {said or 'no reason given'}"
    if kind is _REFRESH:
        return f"Google does not accept the access token: {said or 'no reason given'}"
    return f"Google refused: {said}" if said else f"Google answered {status} without saying why"


def _unreadable(reply: Reply) -> Fault:
    status, size = reply.status, len(reply.body)
    begins = reply.body[:64].lstrip()
    if status == 429:
        return Fault(kind=_WAIT, code="429", message="Google is throttling")
    if status == 404 and begins.startswith(b"<"):
        return Fault(
            kind=_INVALID,
            code="404",
            message=f"Google does not know the address {reply.url}. {ADVICE['UNSUPPORTED_VERSION']}",
        )
    # The API gives every refusal a body of JSON, so one without has lost it on the way, or is a gateway's.
    return Fault(kind=_RETRY, code="garbled", message=f"Google answered {status} with {size} bytes that are not JSON")
