"""The refusals of the Graph API, word for word as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = [
    "Refusal",
    "bad_cursor",
    "bad_parameter",
    "bad_value",
    "expired_token",
    "forbidden_account",
    "forbidden_write",
    "invalid_token",
    "missing_token",
    "no_such_field",
    "no_such_object",
    "no_such_path",
    "passing",
    "reduce_data",
    "retired_version",
    "revoked_token",
    "throttled_account",
    "throttled_app",
    "throttled_insights",
    "too_old",
]

_OAUTH = "OAuthException"


class Refusal(Exception):
    """An error as the API answers it. `headers` go with it, as the usage that explains a throttle."""

    def __init__(
        self,
        message: str,
        *,
        code: int,
        subcode: int | None = None,
        status: int = 400,
        type_: str = _OAUTH,
        transient: bool = False,
        user: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        blame: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.subcode = subcode
        self.status = status
        self.type = type_
        self.transient = transient
        self.user = user
        self.headers = dict(headers or {})
        self.blame = blame

    def body(self, trace_id: str) -> bytes:
        """The JSON of the answer."""
        error: dict[str, Any] = {"message": self.message, "type": self.type, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        error["is_transient"] = self.transient
        if self.user is not None:
            error["error_user_title"], error["error_user_msg"] = self.user
        if self.blame:
            # A text that holds JSON, as the API sends it.
            error["error_data"] = msgspec.json.encode({"blame_field_specs": [[self.blame]]}).decode()
        error["fbtrace_id"] = trace_id
        return msgspec.json.encode({"error": error})


def missing_token() -> Refusal:
    return Refusal("An active access token must be used to query information about the current user.", code=2500)


def invalid_token() -> Refusal:
    return Refusal("Invalid OAuth access token - Cannot parse access token", code=190)


def expired_token(when: str) -> Refusal:
    return Refusal(f"Error validating access token: Session has expired on {when}.", code=190, subcode=463, status=401)


def revoked_token() -> Refusal:
    return Refusal(
        "Error validating access token: The session has been invalidated because the user changed their password or "
        "Facebook has changed the session for security reasons.",
        code=190,
        subcode=460,
    )


def bad_parameter(message: str) -> Refusal:
    return Refusal(f"(#100) {message}", code=100)


def bad_value(
    message: str, *, subcode: int, title: str = "Invalid parameter", blame: str = "", code: int = 100
) -> Refusal:
    """Return the refusal of a value in a change: what people are told is in title and message."""
    return Refusal("Invalid parameter", code=code, subcode=subcode, user=(title, message), blame=blame)


def forbidden_account() -> Refusal:
    return Refusal("(#200) Ad account owner has NOT grant ads_management or ads_read permission", code=200, status=403)


def forbidden_write() -> Refusal:
    return Refusal("(#200) The ads_management permission is required to change ads", code=200, status=403)


def no_such_field(name: str, node: str) -> Refusal:
    return bad_parameter(f"Tried accessing nonexisting field ({name}) on node type ({node})")


def no_such_object(object_id: str) -> Refusal:
    return Refusal(
        f"Unsupported get request. Object with ID '{object_id}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation. Please read the Graph API documentation at "
        "https://developers.facebook.com/docs/graph-api",
        code=100,
        subcode=33,
        type_="GraphMethodException",
    )


def no_such_path(path: str) -> Refusal:
    return Refusal(f"Unknown path components: /{path}", code=2500)


def retired_version() -> Refusal:
    return Refusal(
        "(#2635) You are calling a deprecated version of the Ads API. Please update to the latest version: v26.0.",
        code=2635,
    )


def too_old() -> Refusal:
    return Refusal(
        "(#3018) The start date of the time range cannot be beyond 37 months from the current date", code=3018
    )


def bad_cursor() -> Refusal:
    return Refusal("(#2642) Invalid cursors values", code=2642)


def passing() -> Refusal:
    return Refusal("Service temporarily unavailable", code=2, status=500, transient=True, type_="OAuthException")


def reduce_data() -> Refusal:
    return Refusal("Please reduce the amount of data you're asking for, then retry your request", code=1, status=500)


def throttled_account(headers: Mapping[str, str], *, status: int = 400) -> Refusal:
    return Refusal(
        "User request limit reached",
        code=17,
        subcode=2446079,
        status=status,
        user=(
            "Ad Account Has Too Many API Calls",
            "There have been too many calls from this ad-account. Please wait a bit and try again.",
        ),
        headers=headers,
    )


def throttled_insights(headers: Mapping[str, str]) -> Refusal:
    return Refusal(
        "(#80000) There have been too many calls from this ad-account. Please wait a bit and try again. For more "
        "info, please refer to https://developers.facebook.com/docs/graph-api/overview/rate-limiting.",
        code=80000,
        subcode=2446079,
        headers=headers,
    )


def throttled_app(headers: Mapping[str, str]) -> Refusal:
    return Refusal("(#4) Application request limit reached", code=4, transient=True, headers=headers)
