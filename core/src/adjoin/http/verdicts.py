"""What an answer means when the platform's plugin does not say: the status decides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from adjoin.ads.v2 import Fault, Reply, Verdict
from adjoin.errors import ErrorKind

__all__ = ["inspect_status", "refused_redirect", "retry_after"]

_NO_BODY = frozenset({204, 205, 304})


def inspect_status(reply: Reply, *, now: datetime) -> Verdict:
    """Judge an answer by its status: 429 waits, 401 renews, 403 skips the account, 5xx is repeated, others are our bug.

    A good answer that calls itself JSON and is not (cut or garbled on the way) is repeated too. `now` is needed where
    Retry-After is a date.
    """
    status = reply.status
    if status < 300:
        return Verdict(fault=_garbled(reply))
    if status < 400:
        return Verdict(fault=refused_redirect(reply))
    if status == 401:
        kind, words = ErrorKind.REFRESH, "the platform does not accept the access token"
    elif status == 403:
        kind, words = ErrorKind.SKIP_ACCOUNT, "the platform does not allow this"
    elif status == 429:
        kind, words = ErrorKind.WAIT, "the platform asks to slow down"
    elif status == 408 or status >= 500:
        kind, words = ErrorKind.RETRY, "the platform has a passing fault"
    else:
        kind, words = ErrorKind.INVALID, "the platform refused the request"
    return Verdict(
        fault=Fault(
            kind=kind,
            message=f"{reply.method} {reply.url} answered {status}: {words}",
            code=str(status),
            request_id=reply.headers.get("x-request-id", ""),
            retry_after=retry_after(reply.headers, now=now),
        )
    )


def refused_redirect(reply: Reply) -> Fault:
    """Build the fault for a redirect: it is never followed, as it could carry the token to another host."""
    return Fault(
        kind=ErrorKind.INVALID,
        message=f"{reply.method} {reply.url} answered {reply.status}: a redirect, which is not followed. "
        "Is the base URL right?",
        code=str(reply.status),
    )


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Read Retry-After, in seconds or as a date; None if it is missing, senseless or over."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        wait = timedelta(seconds=float(value))
    except OverflowError:
        return None
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return wait if wait > timedelta(0) else None


def _garbled(reply: Reply) -> Fault | None:
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if reply.method == "HEAD" or reply.status in _NO_BODY or not (kind.endswith(("/json", "+json"))):
        return None
    try:
        # Raw only walks over the text: no objects are built.
        msgspec.json.decode(reply.body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Fault(
            kind=ErrorKind.RETRY,
            message=f"{reply.method} {reply.url} answered {reply.status} with {len(reply.body)} bytes "
            f"that are not JSON: {error}",
            code="garbled",
        )
    return None
