"""What a browser sends: the fields of a form, and where somebody wants to go."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from adjoin_dashboard.door.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Form", "read_form", "safe_next"]

#: In characters. What is stored has closer limits of its own.
_LONGEST_TEXT = 2_500
_LONGEST_SECRET = 8_192
_LONGEST_NEXT = 2_000
_MEDIA_TYPE = "application/x-www-form-urlencoded"
_UNFIT = frozenset({"Cc", "Cs"})


class Form:
    """The fields of a form that was sent, or of none. Of a field that was sent several times the last one counts."""

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self._fields = dict(fields or {})

    def text(self, name: str, *, what: str = "This field") -> str:
        """Return a line of text, trimmed; "" where there is none.

        Raises Problem for what is too long or holds control signs. `what` begins the sentence.
        """
        text = self._fields.get(name, "").strip()
        if len(text) > _LONGEST_TEXT:
            raise Problem(f"{what} is too long.", field=name)
        if any(unicodedata.category(sign) in _UNFIT for sign in text):
            raise Problem(f"{what} holds a sign that cannot be used.", field=name)
        return text

    def secret(self, name: str, *, what: str = "The password") -> str:
        """Return a password as it was typed. Raises Problem for none, and for one that is far too long."""
        secret = self._fields.get(name, "")
        if not secret:
            raise Problem(f"{what} is missing.", field=name)
        if len(secret) > _LONGEST_SECRET or "\x00" in secret:
            raise Problem(f"{what} cannot be used.", field=name)
        return secret

    def path(self, name: str) -> str | None:
        """Return a path of our own to go to; None where the form does not say."""
        return safe_next(self._fields[name]) if name in self._fields else None

    def shown(self, name: str, default: str = "") -> str:
        """Return what a field may show again: nothing of what is unfit or too long. Never ask it for a password."""
        text = self._fields.get(name, default)
        fit = "".join(sign for sign in text if unicodedata.category(sign) not in _UNFIT)
        return fit if len(fit) <= _LONGEST_TEXT else ""


async def read_form(request: Request) -> Form:
    """Return the form that a request has sent. Raises Problem for what is no form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"", _MEDIA_TYPE}:
        raise Problem("This was not sent as a form.", status=415)
    try:
        sent = await request.form()
    except (ValueError, HTTPException):  # parameters of the type that cannot be decoded, or far too many fields
        raise Problem("This was not sent as a form that can be read.") from None
    return Form(dict(_lines(sent)))


def safe_next(text: str | None) -> str:
    """Return a path of our own to go to, "/" for anything else."""
    if not text or len(text) > _LONGEST_NEXT or not text.startswith("/") or text.startswith("//") or "\\" in text:
        return "/"
    if re.search(r"[^\x21-\x7e]", text):
        return "/"
    try:
        split = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if split.scheme or split.netloc else text


def _lines(sent: FormData) -> list[tuple[str, str]]:
    return [(name, value) for name, value in sent.multi_items() if isinstance(value, str)]
