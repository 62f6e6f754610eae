"""What Google says when it refuses: read from any of its shapes, and never from the words alone.

A refusal is `{"error": {...}}`; where the answer is a stream, that object is an element of an array. The API's own
codes are in the detail whose type ends in `GoogleAdsFailure`; what refuses in front of the API (no token, API switched
off) gives a `google.rpc.ErrorInfo`, or nothing. The token endpoint has `{"error": "invalid_grant", ...}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

__all__ = ["AdsError", "Refusal", "read_refusal"]

_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdsError:
    """One error of the API: its family (`quotaError`), its code there, and where in the request it is."""

    family: str = ""
    code: str = ""
    message: str = ""
    place: str = ""
    wait: timedelta | None = None
    scope: str = ""
    rate: str = ""

    def __str__(self) -> str:
        return f"{self.family}.{self.code}" if self.family else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What was said, as far as it can be read. `status` is the name of the gRPC status, `oauth` the token
    endpoint's code."""

    status: str = ""
    message: str = ""
    reason: str = ""
    oauth: str = ""
    request_id: str = ""
    wait: timedelta | None = None
    errors: tuple[AdsError, ...] = field(default=())


def read_refusal(answer: object) -> Refusal | None:
    """Return the refusal in a decoded answer, bare or wrapped in an array; None if it holds none. Never raises."""
    for one in answer if isinstance(answer, list) else [answer]:
        if isinstance(one, dict) and "error" in one:
            error = one["error"]
            if isinstance(error, str):
                return Refusal(oauth=error, message=_text(one.get("error_description")))
            return _refusal(_object(error))
    return None


def _refusal(error: dict[str, Any]) -> Refusal:
    details = [_object(detail) for detail in _list(error.get("details"))]
    by_type = {_text(detail.get("@type")).rpartition(".")[2]: detail for detail in reversed(details)}
    failure = by_type.get("GoogleAdsFailure", {})
    return Refusal(
        status=_text(error.get("status")),
        message=_text(error.get("message")),
        reason=_text(by_type.get("ErrorInfo", {}).get("reason")),
        request_id=_text(failure.get("requestId")),
        wait=_duration(by_type.get("RetryInfo", {}).get("retryDelay")),
        errors=tuple(_ads_error(_object(one)) for one in _list(failure.get("errors"))),
    )


def _ads_error(error: dict[str, Any]) -> AdsError:
    family, code = next(iter(_object(error.get("errorCode")).items()), ("", ""))
    quota = _object(_object(error.get("details")).get("quotaErrorDetails"))
    path = [_object(step) for step in _list(_object(error.get("location")).get("fieldPathElements"))]
    return AdsError(
        family=family,
        code=_text(code),
        message=_text(error.get("message")),
        place=".".join(_step(step) for step in path),
        wait=_duration(quota.get("retryDelay")),
        scope=_text(quota.get("rateScope")),
        rate=_text(quota.get("rateName")),
    )


def _step(step: dict[str, Any]) -> str:
    index = step.get("index")
    return _text(step.get("fieldName")) + ("" if index is None else f"[{index}]")


def _duration(value: object) -> timedelta | None:
    found = _SECONDS.fullmatch(_text(value))
    return timedelta(seconds=float(found[1])) if found else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
