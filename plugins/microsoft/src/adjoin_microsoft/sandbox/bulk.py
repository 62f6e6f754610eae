"""Bulk: downloads of a whole account as one file, all of it or what has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from adjoin.testing.world import WorldAccount
from adjoin_microsoft.sandbox.bulk_file import ENTITIES, BulkOrder, BulkWriter
from adjoin_microsoft.sandbox.calls import Call, check_keys, id_of, object_of
from adjoin_microsoft.sandbox.codes import problem
from adjoin_microsoft.sandbox.directory import Directory
from adjoin_microsoft.sandbox.errors import bad_body, fault, operation_error
from adjoin_microsoft.sandbox.faulting import Faulting
from adjoin_microsoft.sandbox.links import Links, refused_link
from adjoin_microsoft.sandbox.objects import Objects
from adjoin_microsoft.sandbox.report_file import zipped

__all__ = ["Bulk"]

_LIFE = timedelta(days=2)
_INCREMENTAL = timedelta(days=30)
_SCOPES = ("EntityData", "EntityPerformanceData", "QualityScoreData", "BidSuggestionsData")


@dataclass(slots=True)
class _Download:
    id: str
    order: BulkOrder
    pending: int
    full_sync: bool
    failed: bool = False
    content: bytes | None = None


@dataclass(slots=True)
class Bulk:
    """All downloads. `pending_polls` of each show it in progress."""

    objects: Objects
    directory: Directory
    faulting: Faulting
    links: Links
    pending_polls: int = 1
    _downloads: dict[str, _Download] = field(default_factory=dict)

    def answer(self, call: Call, account: WorldAccount, now: datetime) -> Mapping[str, Any]:
        operation = f"{call.method} {call.operation}"
        if operation == "POST Campaigns/DownloadByAccountIds":
            self._check_accounts(call, account)
            return self._order(call, account, None, now)
        if operation == "POST Campaigns/DownloadByCampaignIds":
            return self._order(call, account, self._campaigns(call, account), now)
        if operation == "POST BulkDownloadStatus/Query":
            return self._status(call, now)
        raise fault(204, details=operation)

    def _check_accounts(self, call: Call, account: WorldAccount) -> None:
        call.known_keys("AccountIds", *_COMMON)
        ids = call.ids("AccountIds")
        if not ids:
            raise operation_error(3306)
        if len(ids) > 1:
            raise operation_error(3201)
        if ids != [account.id]:
            raise fault(106, status=403)

    def _campaigns(self, call: Call, account: WorldAccount) -> frozenset[str]:
        call.known_keys("Campaigns", *_COMMON)
        found = set()
        for at, given in enumerate(call.list("Campaigns")):
            path = f"$.Campaigns[{at}]"
            part = object_of(given, path)
            check_keys(part, ("CampaignId", "ParentAccountId"), path)
            if id_of(part.get("ParentAccountId"), path) != account.id:
                raise operation_error(3203)
            campaign_id = id_of(part.get("CampaignId"), path)
            if self.objects.campaign(campaign_id, account.id) is None:
                raise operation_error(1100, campaign_id)
            found.add(campaign_id)
        if not found:
            raise operation_error(1118)
        return frozenset(found)

    def _order(
        self, call: Call, account: WorldAccount, campaigns: frozenset[str] | None, now: datetime
    ) -> Mapping[str, Any]:
        entities = [str(name) for name in call.list("DownloadEntities")]
        for at, name in enumerate(entities):
            if name not in ENTITIES:
                raise bad_body(f"$.DownloadEntities[{at}]", f"Requested value '{name}' was not found.")
        if not entities:
            raise operation_error(3210)
        if call.text("FormatVersion") != "6.0":
            raise operation_error(3211)
        if (call.text("CompressionType") or "Zip") != "Zip":
            raise fault(204, details="This sandbox writes zips.")
        if call.text("DownloadFileType") not in ("", "Csv", "Tsv"):
            raise bad_body("$.DownloadFileType", "Requested value was not found.")
        scope = call.flags("DataScope", _SCOPES)
        since = _last_sync(call, now)
        if since is not None and scope & {"QualityScoreData", "BidSuggestionsData"}:
            raise operation_error(3603)
        if self.faulting.due("entities", "quota_exhausted"):
            raise operation_error(4204)
        order = BulkOrder(
            account=account,
            entities=frozenset(entities),
            campaigns=campaigns,
            since=since,
            delimiter="\t" if call.text("DownloadFileType") == "Tsv" else ",",
            as_of=now,
            news=self.faulting.due("entities", "unknown_values"),
        )
        too_old = since is not None and now - since > _INCREMENTAL
        made = _Download(
            id=f"{len(self._downloads) + 1}-{now:%Y%m%d}-{account.id[-8:]}",
            order=order,
            pending=1_000_000 if self.faulting.due("entities", "report_stuck") else self.pending_polls,
            full_sync=too_old or (since is not None and self.faulting.due("entities", "bulk_full_sync")),
            failed=self.faulting.due("entities", "report_failed"),
        )
        self._downloads[made.id] = made
        return {"DownloadRequestId": made.id}

    def _status(self, call: Call, now: datetime) -> Mapping[str, Any]:
        call.known_keys("RequestId")
        made = self._downloads.get(call.text("RequestId"))
        if made is None or now - made.order.as_of >= _LIFE:
            raise operation_error(3205)
        if made.pending > 0:
            made.pending -= 1
            return _progress("InProgress", 40)
        if made.full_sync:
            return _progress("FailedFullSyncRequired", 0, error=3603)
        if made.failed:
            return _progress("Failed", 0, error=0)
        return _progress("Completed", 100, self.links.make(call.base, f"bulk/{made.id}.zip", now))

    def file(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> bytes:
        """Return the file of a link."""
        self.links.check(path, params, headers, now)
        if self.faulting.due("entities", "download_expired"):
            raise refused_link("Signature not valid in the specified time frame.")
        made = self._downloads[path.removeprefix("bulk/").removesuffix(".zip")]
        if made.content is None:
            made.content = zipped(f"{made.id}.csv", BulkWriter(self.objects, self.directory).content(made.order))
        return made.content


_COMMON = (
    "LastSyncTimeInUTC",
    "DownloadEntities",
    "DataScope",
    "DownloadFileType",
    "FormatVersion",
    "CompressionType",
)


def _last_sync(call: Call, now: datetime) -> datetime | None:
    text = call.text("LastSyncTimeInUTC")
    if not text:
        return None
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        raise bad_body("$.LastSyncTimeInUTC", f"Could not convert string to DateTime: {text}.") from None
    since = since.replace(tzinfo=UTC) if since.tzinfo is None else since.astimezone(UTC)
    if since > now:
        raise operation_error(3208)
    return since


def _progress(status: str, percent: int, url: str | None = None, *, error: int | None = None) -> Mapping[str, Any]:
    """Answer a poll. Without an error there is no list of errors: the vendor's client cannot read an empty one."""
    errors = None
    if error is not None:
        name, message = problem(error)
        errors = [{"Code": error, "Details": None, "ErrorCode": name, "Message": message}]
    return {
        "RequestStatus": status,
        "PercentComplete": percent,
        "ResultFileUrl": url,
        "Errors": errors,
        "ForwardCompatibilityMap": [],
    }
