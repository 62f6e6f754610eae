"""Why something that was asked for is not done, as a page says it."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from adjoin.errors import AuthError, AuthProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Problem", "sentence"]

_STATUS = {
    AuthProblem.WRONG: 401,
    AuthProblem.THROTTLED: 429,
    AuthProblem.DISABLED: 403,
    AuthProblem.UNCONFIRMED: 403,
    AuthProblem.WEAK_PASSWORD: 400,
    AuthProblem.BAD_EMAIL: 400,
    AuthProblem.EMAIL_TAKEN: 409,
    AuthProblem.BAD_LINK: 400,
    AuthProblem.LINK_EXPIRED: 400,
    AuthProblem.REFUSED: 403,
    AuthProblem.ENDED: 401,
    AuthProblem.UNAVAILABLE: 503,
}


class Problem(Exception):
    """Something that a page tells, at the field it is about; "": about the whole. `status` is that of the answer.

    `others` are further fields with what is wrong with them.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        status: int = 400,
        retry_after: int | None = None,
        kind: AuthProblem | None = None,
        others: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.status = status
        self.kind = kind
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.fields = ({field: message} if field else {}) | dict(others or {})

    @classmethod
    def of(cls, error: AuthError, fields: Mapping[AuthProblem, str]) -> Problem:
        """Return what a refusal says; `fields` names the field for a kind of it."""
        wait = None if error.retry_after is None else ceil(error.retry_after.total_seconds())
        if error.kind is AuthProblem.UNAVAILABLE and wait is None:
            wait = 60
        return cls(
            str(error),
            field=fields.get(error.kind, ""),
            status=_STATUS[error.kind],
            retry_after=wait,
            kind=error.kind,
        )

    def at(self, field: str) -> str:
        """Return what is wrong with a field; "" where nothing is."""
        return self.fields.get(field, "")


def sentence(text: str) -> str:
    """Return the message of an error as a sentence on a page."""
    begun = text[:1].upper() + text[1:]
    return begun if begun.endswith((".", "!", "?", "/")) else f"{begun}."
