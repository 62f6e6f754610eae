"""Bulk downloads: all campaigns, ad groups, ads or keywords of an account in one file.

The other way, one call per campaign and per ad group, takes thousands of calls for a large account.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from adjoin.ads.v2 import Account, Client
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.jobs import Job, Progress, State
from adjoin_microsoft.services import call
from adjoin_microsoft.verdict import ApiError, fault_of

__all__ = ["COLUMNS", "bulk_job", "remembers"]

_SERVICE = "/Bulk/v13"

#: Microsoft remembers changes for 30 days; a day is kept in hand.
_MEMORY = timedelta(days=29)

#: The columns that are looked at, of some hundreds; a file may lack those that its records do not need.
COLUMNS = (
    "Type", "Status", "Id", "Parent Id", "Campaign", "Ad Group", "Campaign Type", "Budget", "Budget Type", "Start Date",
    "End Date", "Cpc Bid", "Cpm Bid", "Cpv Bid", "Keyword", "Match Type", "Bid", "Editorial Status", "Headline",
    "Headlines", "Long Headline", "Title Part 1", "Title", "Promotion", "Text", "Final Url", "Modified Time",
)  # fmt: skip


class _Ordered(msgspec.Struct):
    id: str = msgspec.field(name="DownloadRequestId")


class _Status(msgspec.Struct):
    status: str = msgspec.field(name="RequestStatus", default="")
    url: str | None = msgspec.field(name="ResultFileUrl", default=None)
    errors: list[ApiError | None] | None = msgspec.field(name="Errors", default=None)


_STATES: Mapping[str, State] = {
    "InProgress": State.PENDING,
    "Completed": State.READY,
    "CompletedWithErrors": State.FAILED,
    "Failed": State.FAILED,
    "FailedFullSyncRequired": State.OUTDATED,
}


def remembers(since: datetime, now: datetime) -> bool:
    """Say whether Microsoft can still tell what has changed since then."""
    return now - since <= _MEMORY


def bulk_job(
    client: Client, account: Account, entities: tuple[str, ...], *, changed_since: datetime | None = None
) -> Job:
    """Return the job that lists entities: all that are not deleted or, since an instant, what changed and was deleted.

    It comes out as `outdated` where Microsoft cannot tell what changed.
    """
    changes = f" that have changed since {changed_since:%Y-%m-%d %H:%M}" if changed_since else ""
    return Job(
        what=f"the list of {' and '.join(entities)}{changes} of account {account.id}",
        order=partial(_order, client, account, entities, changed_since),
        ask=partial(_ask, client, account),
    )


async def _order(client: Client, account: Account, entities: tuple[str, ...], changed_since: datetime | None) -> str:
    body = {
        "AccountIds": [account.id],
        "CompressionType": "Zip",
        "DataScope": "EntityData",
        "DownloadEntities": list(entities),
        "DownloadFileType": "Csv",
        "FormatVersion": "6.0",
        "LastSyncTimeInUTC": None if changed_since is None else f"{changed_since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
    }
    return (await call(client, f"{_SERVICE}/Campaigns/DownloadByAccountIds", body, _Ordered, account=account)).id


async def _ask(client: Client, account: Account, job_id: str) -> Progress:
    body = {"RequestId": job_id}
    answer = await call(client, f"{_SERVICE}/BulkDownloadStatus/Query", body, _Status, account=account)
    state = _STATES.get(answer.status)
    if state is None:
        raise PlatformError(
            f"Microsoft says of a download that it is {answer.status!r}, which this release does not know",
            kind=ErrorKind.RETRY,
            code="bulk-status",
        )
    errors = [error for error in answer.errors or () if error is not None]
    reason = fault_of(errors).message if errors else ""
    if state is State.READY and not answer.url:
        return Progress(state=State.FAILED, reason="it has no file")
    return Progress(state=state, url=answer.url or "", reason=reason)
