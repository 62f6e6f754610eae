"""One call to LinkedIn's versioned API, and the pages of its finders.

A finder ends where no `nextPageToken` comes: `start` and `count` are ignored there without a word, so asking with them
would give the first page for ever.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Generic, Protocol, TypeVar

import msgspec

from adjoin.ads.v2 import Client, Reply
from adjoin.errors import ErrorKind, PlatformError
from adjoin_linkedin.restli import Value, query_string
from adjoin_linkedin.version import api_version

__all__ = ["LONGEST_QUERY", "Metadata", "Page", "answer", "call", "pages"]

#: A longer query is sent as the body of a POST; at about 4 kB LinkedIn answers 414.
LONGEST_QUERY = 4_000

#: How often an answer that arrives cut off is asked for again, beside what the client repeats by itself.
_DECODE_ATTEMPTS = 3

#: How often a listing begins again because a page token was refused.
_RESTARTS = 2

#: So many pages in a row without anything new, and still a next one: the listing has no end.
_MOST_BARREN = 10


class _Identified(Protocol):
    @property
    def id(self) -> str | int: ...


T = TypeVar("T")
ElementT = TypeVar("ElementT", bound=_Identified)


class Metadata(msgspec.Struct):
    """Where the next page is. Opaque, and only good with all other parameters unchanged."""

    next_page_token: str | None = msgspec.field(name="nextPageToken", default=None)


class Page(msgspec.Struct, Generic[T]):
    """One page of a finder. `metadata` may be missing, or be there without a token: the last page."""

    elements: list[T]
    metadata: Metadata | None = None


async def call(
    client: Client,
    path: str,
    params: Mapping[str, Value],
    *,
    fields: tuple[str, ...] = (),
    method: str = "FINDER",
    account: str = "",
) -> Reply:
    """Read something below `/rest`. `method` is Rest.li's word for the call. Raises PlatformError."""
    version = api_version(client.app)
    query = query_string(params, fields=fields)
    address = f"/rest/{path}?{query}" if query else f"/rest/{path}"
    headers = {
        "LinkedIn-Version": version,
        "X-Restli-Protocol-Version": "2.0.0",
        "X-RestLi-Method": method,
    }
    # What follows the # is not sent. It lets `inspect`, which sees the answer alone, know the version it belongs to.
    if len(query) <= LONGEST_QUERY:
        return await client.request("GET", f"{address}#{version}", headers=headers, account=account)
    headers |= {"X-HTTP-Method-Override": "GET", "Content-Type": "application/x-www-form-urlencoded"}
    return await client.request(
        "POST",
        f"/rest/{path}#{version}",
        headers=headers,
        json=msgspec.Raw(query.encode()),  # raw is sent byte for byte
        account=account,
        repeatable=True,
    )


async def answer(
    client: Client,
    path: str,
    params: Mapping[str, Value],
    decode: Callable[[bytes], T],
    *,
    fields: tuple[str, ...] = (),
    method: str = "FINDER",
    account: str = "",
) -> T:
    """Read something and decode it off the loop; one that arrives cut off is asked for again."""
    for _ in range(_DECODE_ATTEMPTS):
        reply = await call(client, path, params, fields=fields, method=method, account=account)
        try:
            return await client.parse(decode, reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problem = error
    raise PlatformError(
        f"LinkedIn's answer of {path} cannot be read, {_DECODE_ATTEMPTS} times in a row: {problem}",
        kind=ErrorKind.RETRY,
        code="garbled",
    ) from problem


async def pages(
    client: Client,
    path: str,
    params: Mapping[str, Value],
    decode: Callable[[bytes], Page[ElementT]],
    *,
    size: int,
    account: str = "",
) -> AsyncIterator[list[ElementT]]:
    """Yield the elements of a finder page by page, each once however often LinkedIn shows it; no page is empty.

    A refused page token begins the listing again, without showing anything twice. Raises PlatformError of kind
    `restart` for pages that never end.
    """
    known: set[str | int] = set()
    for restarts_left in reversed(range(_RESTARTS + 1)):
        try:
            async for page in _once_through(client, path, params, decode, size=size, account=account):
                fresh = {element.id: element for element in page if element.id not in known}
                known.update(fresh)
                if fresh:
                    yield list(fresh.values())
        except PlatformError as error:
            if error.code != "page-token" or not restarts_left:
                raise
        else:
            return


async def _once_through(
    client: Client,
    path: str,
    params: Mapping[str, Value],
    decode: Callable[[bytes], Page[ElementT]],
    *,
    size: int,
    account: str,
) -> AsyncIterator[list[ElementT]]:
    tokens: set[str] = set()
    ids: set[str | int] = set()
    barren = 0
    token: str | None = None
    while True:
        query = {**params, "pageSize": size} | ({"pageToken": token} if token else {})
        page = await answer(client, path, query, decode, account=account)
        yield page.elements
        token = page.metadata.next_page_token if page.metadata else None
        if not token:
            return
        before = len(ids)
        ids.update(element.id for element in page.elements)
        barren = 0 if len(ids) > before else barren + 1
        if token in tokens or barren >= _MOST_BARREN:
            why = "the same page token came twice" if token in tokens else f"{barren} pages brought nothing new"
            raise PlatformError(
                f"LinkedIn's pages of {path} go round in circles: {why}", kind=ErrorKind.RESTART, code="page-circle"
            )
        tokens.add(token)
