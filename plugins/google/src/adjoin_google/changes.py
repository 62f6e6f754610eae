"""Finds which objects of an account have changed, from Google's own list of changes (`change_status`).

The list reaches back about 90 days, gives 10,000 entries at a time and is written up to three minutes late. It holds
one entry per object, with the time of its last change in the account's local time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from adjoin.ads.v2 import Account, Client
from adjoin_google import gaql
from adjoin_google.calls import query_account
from adjoin_google.search import Batch

__all__ = ["MOST", "Change", "changed"]

#: Entries that one query may ask for.
MOST = 10_000

#: A little less than the 90 days that Google remembers.
_REMEMBERED = timedelta(days=88)

#: Local time goes back by an hour once a year, so it may show what is later as earlier.
_FOLD = timedelta(hours=1)

_TIME = "change_status.last_change_date_time"
_SECONDS = len("2026-12-01 00:00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A kind of change: Google's name of it, the field that names the object, and the field it is found by."""

    kind: str
    noted: str
    found_by: str


class _Status(msgspec.Struct, rename="camel"):
    last_change_date_time: str
    resource_type: str = ""
    campaign: str = ""
    campaign_budget: str = ""
    ad_group: str = ""
    ad_group_ad: str = ""
    ad_group_criterion: str = ""


class _Row(msgspec.Struct, rename="camel"):
    change_status: _Status


_decode = msgspec.json.Decoder(Batch[_Row], strict=False).decode


async def changed(
    client: Client, account: Account, kinds: Sequence[Change], since: datetime | None
) -> Mapping[str, Sequence[str]] | None:
    """Return the resource names of what has changed since an instant, by the field they are found by.

    None where that cannot be told: without an instant, with one that Google does not remember, or when more has changed
    within a second than one query may ask for. Raises PlatformError.
    """
    if since is None or since < client.now() - _REMEMBERED:
        return None
    zone = ZoneInfo(account.time_zone)
    first = since.astimezone(zone).replace(tzinfo=None) - _FOLD
    last = client.now().astimezone(zone).replace(tzinfo=None) + timedelta(days=1)
    names: dict[str, dict[str, None]] = {kind.found_by: {} for kind in kinds}
    while True:
        entries = await _entries(client, account, kinds, first, last)
        for entry in entries:
            for kind in kinds:
                name = getattr(entry, kind.noted)
                if name and entry.resource_type == kind.kind:
                    names[kind.found_by][name] = None
        if len(entries) < MOST:
            return {field: list(found) for field, found in names.items()}
        newest = datetime.fromisoformat(entries[-1].last_change_date_time[:_SECONDS])
        if newest <= first.replace(microsecond=0):
            return None
        first = newest  # once more for the entries of the same second


async def _entries(
    client: Client, account: Account, kinds: Sequence[Change], first: datetime, last: datetime
) -> list[_Status]:
    query = gaql.select(
        (_TIME, "change_status.resource_type", *(f"change_status.{kind.noted}" for kind in kinds)),
        source="change_status",
        where=(
            gaql.between(_TIME, first, last),
            gaql.any_of("change_status.resource_type", (kind.kind for kind in kinds)),
        ),
        order=_TIME,
        limit=MOST,
    )
    found: list[_Status] = []
    async with aclosing(
        query_account(client, account, query, _decode, lambda rows: [row.change_status for row in rows])
    ) as parts:
        async for part in parts:
            found += part
    return found
