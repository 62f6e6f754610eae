"""How Supabase Auth refuses: a code, in the form of the API version that is asked for."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

__all__ = ["VERSION", "OAuthRefusal", "Refusal", "refused", "refused_by_oauth"]

VERSION = "2024-01-01"
_HEADER = "x-supabase-api-version"


class Refusal(Exception):
    """An answer with a code. `code` "" is one of the gateway, which knows no codes."""

    def __init__(self, status: int, code: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra


class OAuthRefusal(Exception):
    """An answer in the form of OAuth, without a code."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


async def refused(request: Request, error: Exception) -> Response:
    """Answer a refusal: the new form where the version header asks for it, else the old one."""
    assert isinstance(error, Refusal)
    if not error.code:
        return JSONResponse({"message": error.message}, error.status)
    headers = {"x-sb-error-code": error.code}
    if request.headers.get(_HEADER, "") >= VERSION:
        body = {"code": error.code, "message": error.message, **error.extra}
        return JSONResponse(body, error.status, {**headers, _HEADER: VERSION})
    body = {"code": error.status, "error_code": error.code, "msg": error.message, "error_id": str(uuid4())}
    return JSONResponse({**body, **error.extra}, error.status, headers)


async def refused_by_oauth(request: Request, error: Exception) -> Response:
    """Answer in the form of OAuth."""
    assert isinstance(error, OAuthRefusal)
    return JSONResponse({"error": error.error, "error_description": error.description}, 400)
