"""Pages of `search`: opaque tokens, which belong to one query and do not live long."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adjoin_google.sandbox.errors import invalid
from adjoin_google.sandbox.rows import Rows

__all__ = ["PAGE_LIFE", "Asked", "Pages"]

#: How long a page token can be used.
PAGE_LIFE = timedelta(hours=1)

_KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query as it was asked: what a page token belongs to."""

    customer_id: str
    query: str
    total: bool


@dataclass(frozen=True, slots=True)
class _Page:
    asked: Asked
    rows: Rows
    start: int
    made_at: datetime


@dataclass(slots=True)
class Pages:
    """The pages that tokens have been given out for. The rows of a query do not change from page to page."""

    _pages: dict[str, _Page] = field(default_factory=dict)

    def keep(self, asked: Asked, rows: Rows, start: int, now: datetime) -> str:
        """Return a token for the page that starts there."""
        token = base64.urlsafe_b64encode(secrets.token_bytes(24)).decode()
        self._pages[token] = _Page(asked, rows, start, now)
        while len(self._pages) > _KEPT:
            del self._pages[next(iter(self._pages))]
        return token

    def take(self, token: str, asked: Asked, now: datetime) -> tuple[Rows, int]:
        """Return the rows of a query and where the page starts; refuses a token that is another query's, or too old."""
        page = self._pages.get(token)
        if page is not None and page.asked.total != asked.total:
            raise invalid(
                "requestError",
                "TOTAL_RESULTS_COUNT_NOT_ORIGINALLY_REQUESTED",
                "Total results count was not requested for the first page.",
            )
        if page is None or page.asked != asked:
            raise invalid("requestError", "INVALID_PAGE_TOKEN", "The page token is invalid.")
        if now - page.made_at > PAGE_LIFE:
            raise invalid("requestError", "EXPIRED_PAGE_TOKEN", "The page token has expired.")
        return page.rows, page.start
