"""One call to the Graph API, and pages of them.

Paging trusts only that `paging.next` is there: `cursors.after` comes on the last page too, and pages may be short or
empty before the end. The address in `next` holds the access token, so only its cursor is used.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from adjoin.ads.v2 import Client, Reply
from adjoin.errors import ErrorKind, PlatformError
from adjoin_meta.version import api_version

__all__ = ["Cursors", "Page", "Paging", "account_path", "call", "pages", "proof"]

T = TypeVar("T")

#: How often a page that arrives cut off is asked for again, beside what the client repeats by itself.
_DECODE_ATTEMPTS = 3

#: A page size that had to shrink grows again after this many good pages.
_GROW_AFTER = 8

_SMALLEST_LIMIT = 25

#: Pages may be empty before the end, but not for ever.
_EMPTY_PAGES = 50


class Cursors(msgspec.Struct):
    """Opaque and short-lived: never stored."""

    after: str | None = None


class Paging(msgspec.Struct):
    """Where the next page is; without `next` there is none."""

    cursors: Cursors | None = None
    next: str | None = None


class Page(msgspec.Struct, Generic[T]):
    """One page of an edge."""

    data: list[T] = []
    paging: Paging | None = None


def account_path(account_id: str) -> str:
    """Return the node of an ad account: the only kind of id that has a prefix in paths."""
    return f"act_{account_id.removeprefix('act_')}"


def proof(token: str, secret: str) -> str:
    """Return Meta's `appsecret_proof`, which shows that the caller knows the app's secret."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


async def call(
    client: Client,
    method: str,
    path: str,
    *,
    account: str = "",
    params: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    repeatable: bool | None = None,
) -> Reply:
    """Send one call below the version, with the proof of the secret where there is one. Raises PlatformError."""
    query = dict(params or {})
    if client.app.client_secret:
        query["appsecret_proof"] = proof(await client.access_token(), client.app.client_secret)
    return await client.request(
        method,
        f"/{api_version(client.app)}/{path}",
        params=query,
        form=form,
        account=account,
        repeatable=repeatable,
    )


async def pages(
    client: Client,
    path: str,
    params: Mapping[str, str],
    decode: Callable[[bytes], Page[T]],
    *,
    limit: int,
    account: str = "",
    shrink: bool = True,
) -> AsyncIterator[list[T]]:
    """Yield the rows of an edge page by page, empty pages too.

    When Meta asks for less the page size halves, down to 25, and grows back after a while. Raises PlatformError:
    `split` if 25 are still too much, `restart` for pages that go round in circles, come twice or stay empty.
    """
    size, good, empty = limit, 0, 0
    after: str | None = None
    seen: set[str] = set()
    last: list[T] = []
    while True:
        query = {**params, "limit": str(size)} | ({} if after is None else {"after": after})
        try:
            page = await _page(client, path, query, decode, account)
        except PlatformError as error:
            if error.kind is not ErrorKind.SPLIT or not shrink or size <= _SMALLEST_LIMIT:
                raise
            size, good = max(size // 2, _SMALLEST_LIMIT), 0
            continue
        if page.data and page.data == last:
            raise _lost(f"the pages of {path} go round in circles: the same page came twice in a row", "page-twice")
        empty = 0 if page.data else empty + 1
        if empty > _EMPTY_PAGES:
            raise _lost(f"the pages of {path} never end: {empty} in a row were empty", "pages-empty")
        last = page.data
        yield page.data
        after = _cursor(page.paging, path)
        if after is None:
            return
        if after in seen:
            raise _lost(f"the pages of {path} go round in circles: the same cursor came twice", "cursor-twice")
        seen.add(after)
        good += 1
        if good % _GROW_AFTER == 0:
            size = min(size * 2, limit)


def _cursor(paging: Paging | None, path: str) -> str | None:
    if paging is None or not paging.next:
        return None
    # The link is what Meta would follow itself, so its cursor comes before the one beside it.
    named = parse_qs(urlsplit(paging.next).query).get("after", [""])[0]
    after = named or (paging.cursors.after if paging.cursors else None)
    if not after:
        raise _lost(f"{path} goes on but has no cursor", "no-cursor")
    return after


def _lost(how: str, code: str) -> PlatformError:
    """Say that paging cannot be trusted; what was read of the list is to be thrown away."""
    return PlatformError(f"Meta's answers do not fit together: {how}", kind=ErrorKind.RESTART, code=code)


async def _page(
    client: Client, path: str, query: Mapping[str, str], decode: Callable[[bytes], Page[T]], account: str
) -> Page[T]:
    for _ in range(_DECODE_ATTEMPTS):
        reply = await call(client, "GET", path, params=query, account=account)
        try:
            return await client.parse(decode, reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problem = error
    raise PlatformError(
        f"Meta's page of {path} cannot be read, {_DECODE_ATTEMPTS} times in a row: {problem}",
        kind=ErrorKind.RETRY,
        code="garbled",
    ) from problem
