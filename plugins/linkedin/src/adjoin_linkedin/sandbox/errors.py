"""The refusals of the API: a plain shape, and one with the inputs that are wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

__all__ = [
    "InputError",
    "Refusal",
    "access_denied",
    "bad_input",
    "day_quota",
    "internal",
    "method_not_allowed",
    "not_found",
    "param_invalid",
    "schema_violation",
    "throttled",
    "token_refused",
    "too_many_entities",
    "unknown_param",
    "version_gone",
    "version_missing",
]

_SEVERAL = "Multiple errors occurred during the input validation. Please see errorDetails for more information."
_GATEWAY = {"X-RestLi-Gateway-Error": "true"}


class InputError(msgspec.Struct, frozen=True):
    """One input that is wrong: where (`search/account`), why, and the kind of mistake."""

    path: str
    description: str
    code: str = "PARAM_INVALID"


class Refusal(Exception):
    """An error as the API answers it."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str = "",
        service_code: int | None = None,
        inputs: Sequence[InputError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.service_code = service_code
        self.inputs = tuple(inputs)
        self.headers = dict(headers or {})

    def to_json(self) -> dict[str, Any]:
        """The answer's body."""
        body: dict[str, Any] = {"status": self.status}
        if self.service_code is not None:
            body["serviceErrorCode"] = self.service_code
        if self.code:
            body["code"] = self.code
        body["message"] = self.message
        if self.inputs:
            body["errorDetailType"] = "com.linkedin.common.error.BadRequest"
            body["errorDetails"] = {
                "inputErrors": [
                    {
                        "description": each.description,
                        "input": {"inputPath": {"fieldPath": each.path}},
                        "code": each.code,
                    }
                    for each in self.inputs
                ]
            }
        return body


def bad_input(*inputs: InputError) -> Refusal:
    return Refusal(_SEVERAL, inputs=inputs)


def param_invalid(path: str, description: str = "Invalid argument") -> Refusal:
    return bad_input(InputError(path, description))


def unknown_param(name: str) -> Refusal:
    return bad_input(InputError(name, "Unknown query parameter", "QUERY_PARAM_NOT_ALLOWED"))


def schema_violation(*problems: str) -> Refusal:
    """Refuse a body that is not of the resource's schema: `/objectiveType :: "X" is not an enum symbol`."""
    return Refusal("\n".join(f"ERROR :: {problem}" for problem in problems), status=422)


def too_many_entities() -> Refusal:
    return Refusal("Request would return too many entities. ")


def token_refused(kind: str) -> Refusal:
    """Refuse a token that is "empty", "invalid", "revoked" or "expired"."""
    service_code, code, message = {
        "empty": (None, "", "Empty oauth2_access_token"),
        "invalid": (65600, "INVALID_ACCESS_TOKEN", "Invalid access token"),
        "revoked": (65601, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user"),
        "expired": (65602, "EXPIRED_ACCESS_TOKEN", "Expired access token"),
    }[kind]
    return Refusal(message, status=401, code=code, service_code=service_code, headers=_GATEWAY)


def access_denied(operation: str) -> Refusal:
    """Refuse for want of a scope or a role: `operation` is such as partnerApiCampaigns.FINDER-search.20260401."""
    return Refusal(
        f"Not enough permissions to access: {operation}",
        status=403,
        code="ACCESS_DENIED",
        service_code=100,
        headers=_GATEWAY,
    )


def not_found(message: str) -> Refusal:
    return Refusal(message, status=404, code="RESOURCE_NOT_FOUND")


def method_not_allowed(method: str) -> Refusal:
    return Refusal(f"{method} is not supported for this resource", status=405, code="METHOD_NOT_ALLOWED")


def version_missing() -> Refusal:
    return Refusal(
        "A version must be present. Please specify a version by adding the LinkedIn-Version header.",
        code="VERSION_MISSING",
        headers=_GATEWAY,
    )


def version_gone(version: str) -> Refusal:
    return Refusal(
        f"Requested version {version} is not active", status=426, code="NONEXISTENT_VERSION", headers=_GATEWAY
    )


def throttled(headers: Mapping[str, str] | None = None) -> Refusal:
    return _too_many("APPLICATION_AND_MEMBER limit", headers or {})


def day_quota() -> Refusal:
    return _too_many("APPLICATION DAY limit", {})


def _too_many(limit: str, headers: Mapping[str, str]) -> Refusal:
    return Refusal(
        f"Resource level throttle {limit} for calls to this resource is reached.",
        status=429,
        code="TOO_MANY_REQUESTS",
        service_code=101,
        headers={**_GATEWAY, **headers},
    )


def internal() -> Refusal:
    return Refusal("Internal Server Error", status=500, code="INTERNAL_SERVER_ERROR")
