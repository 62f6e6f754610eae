"""The refusals of the Google Ads API, in the shapes of its body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "AdsError",
    "NoRoute",
    "Path",
    "Refusal",
    "ads_status",
    "bad_payload",
    "deadline",
    "failure",
    "invalid",
    "invalid_token",
    "missing_token",
    "not_enabled",
    "permission_denied",
    "quota",
    "revoked_token",
    "transient",
    "unsupported_version",
]

#: Where in a request something is wrong: names in snake_case, with a number for one of several.
Path: TypeAlias = "tuple[str | tuple[str, int], ...]"

_EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)

_STATUS = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: (
        "UNAUTHENTICATED",
        f"Request had invalid authentication credentials. {_EXPECTED}",
    ),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    409: ("ABORTED", "The operation was aborted."),
    429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    500: ("INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "The service is currently unavailable."),
    504: ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}

_RPC = "type.googleapis.com/google.rpc"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdsError:
    """One error of a failure. `family` is the camelCase name of its enum, `code` the value."""

    family: str
    code: str
    message: str
    path: Path = ()
    trigger: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"errorCode": {self.family: self.code}, "message": self.message}
        if self.trigger is not None:
            value["trigger"] = {"stringValue": self.trigger}
        if self.path:
            value["location"] = {"fieldPathElements": [_element(part) for part in self.path]}
        if self.details:
            value["details"] = dict(self.details)
        return value


def _element(part: str | tuple[str, int]) -> dict[str, Any]:
    return {"fieldName": part} if isinstance(part, str) else {"fieldName": part[0], "index": part[1]}


class Refusal(Exception):
    """A request refused. With `errors` the API itself says why; without, its front end does by `details`."""

    def __init__(
        self,
        http_status: int,
        *errors: AdsError,
        message: str = "",
        details: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or (errors[0].message if errors else _STATUS[http_status][1]))
        self.http_status = http_status
        self.errors = errors
        self.message = message
        self.details = list(details)
        self.headers = dict(headers or {})

    def to_json(self, version: str, request_id: str) -> dict[str, Any]:
        """The body: always one bare object; a stream wraps it into an array."""
        status, message = _STATUS[self.http_status]
        error: dict[str, Any] = {"code": self.http_status, "message": self.message or message, "status": status}
        details = [dict(detail) for detail in self.details]
        if self.errors:
            details.insert(0, failure(self.errors, version, request_id))
        if details:
            error["details"] = details
        return {"error": error}


class NoRoute(Exception):
    """Nothing answers on this path: the front end sends a page of HTML with 404."""


def failure(errors: Sequence[AdsError], version: str, request_id: str) -> dict[str, Any]:
    """Return a GoogleAdsFailure as it stands among the details of a status."""
    return {
        "@type": f"type.googleapis.com/google.ads.googleads.{version}.errors.GoogleAdsFailure",
        "errors": [error.to_json() for error in errors],
        "requestId": request_id,
    }


def ads_status(errors: Sequence[AdsError], version: str, request_id: str) -> dict[str, Any]:
    """Return the google.rpc.Status that a partial failure carries."""
    message = "Multiple errors in ‘details’. First error: " if len(errors) > 1 else ""
    return {
        "code": 3,
        "message": f"{message}{errors[0].message}",
        "details": [failure(errors, version, request_id)],
    }


def invalid(family: str, code: str, message: str, *, path: Path = (), trigger: str | None = None) -> Refusal:
    """A 400 with one error."""
    return Refusal(400, AdsError(family=family, code=code, message=message, path=path, trigger=trigger))


def bad_payload(message: str, where: str = "") -> Refusal:
    """What the front end says to JSON that it cannot read into the request."""
    text = f"Invalid JSON payload received. {message}"
    violation = {"description": text} if not where else {"field": where, "description": text}
    return Refusal(400, message=text, details=[{"@type": f"{_RPC}.BadRequest", "fieldViolations": [violation]}])


def _error_info(reason: str) -> dict[str, Any]:
    return {
        "@type": f"{_RPC}.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": "googleads.googleapis.com"},
    }


_CHALLENGE = {"www-authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'}


def missing_token() -> Refusal:
    return Refusal(
        401,
        message=f"Request is missing required authentication credential. {_EXPECTED}",
        details=[_error_info("CREDENTIALS_MISSING")],
        headers={"www-authenticate": 'Bearer realm="https://accounts.google.com/"'},
    )


def invalid_token(*, expired: bool = False) -> Refusal:
    """A token that is not known, or has run out."""
    reason = "ACCESS_TOKEN_EXPIRED" if expired else "ACCESS_TOKEN_TYPE_UNSUPPORTED"
    return Refusal(401, details=[_error_info(reason)], headers=_CHALLENGE)


def revoked_token() -> Refusal:
    return Refusal(
        401,
        AdsError(family="authenticationError", code="OAUTH_TOKEN_REVOKED", message="The OAuth token has been revoked."),
        headers=_CHALLENGE,
    )


def permission_denied() -> Refusal:
    return Refusal(
        403,
        AdsError(
            family="authorizationError",
            code="USER_PERMISSION_DENIED",
            message="User doesn't have permission to access customer. Note: If you're accessing a client customer, the "
            "manager's customer id must be set in the 'login-customer-id' header. See "
            "https://developers.google.com/google-ads/api/docs/concepts/call-structure#cid",
        ),
    )


def not_enabled() -> Refusal:
    return Refusal(
        403,
        AdsError(
            family="authorizationError",
            code="CUSTOMER_NOT_ENABLED",
            message="The customer account can't be accessed because it is not yet enabled or has been deactivated.",
        ),
    )


def quota(code: str, message: str, *, seconds: int | None, scope: str, rate: str) -> Refusal:
    """A 429; without seconds it does not say for how long."""
    details: dict[str, Any] = {}
    if seconds is not None:
        details["quotaErrorDetails"] = {"rateScope": scope, "rateName": rate, "retryDelay": f"{seconds}s"}
    return Refusal(429, AdsError(family="quotaError", code=code, message=message, details=details))


def transient() -> Refusal:
    return Refusal(
        500,
        AdsError(
            family="internalError",
            code="TRANSIENT_ERROR",
            message="A transient internal error has occurred. Retry the request.",
        ),
    )


def deadline() -> Refusal:
    return Refusal(
        504,
        AdsError(
            family="internalError",
            code="DEADLINE_EXCEEDED",
            message="The response took longer than a deadline, or the server ran out of time.",
        ),
    )


def unsupported_version(version: str) -> Refusal:
    return invalid(
        "requestError",
        "UNSUPPORTED_VERSION",
        f"Version {version} is deprecated. Requests to this version will be blocked.",
    )
