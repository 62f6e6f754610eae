"""A signed-in user who calls the sandbox by hand, for tests of its wire format."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from adjoin.testing.world import World, WorldAccount
from adjoin_microsoft.sandbox.directory import Directory
from adjoin_microsoft.sandbox.services import DEVELOPER_TOKEN

__all__ = ["Caller", "codes", "days", "unzipped"]

_CAMPAIGNS = "CampaignManagement/v13"


@dataclass(slots=True)
class Caller:
    """Calls the operations about one account. Answers come as they are; nothing is tried again."""

    url: str
    world: World
    account: WorldAccount

    @classmethod
    def of(cls, url: str, world: World, *, named: str = "") -> Caller:
        """Return a caller about the first account, or the first whose name contains a word."""
        accounts = world.on("microsoft").accounts
        return cls(url, world, next(each for each in accounts if named in each.name))

    @property
    def headers(self) -> dict[str, str]:
        customer = Directory(self.world.on("microsoft"), self.world.seed).customer_of(self.account)
        return {
            "Authorization": f"Bearer {self.world.token('microsoft')}",
            "DeveloperToken": DEVELOPER_TOKEN,
            "CustomerId": customer.id,
            "CustomerAccountId": self.account.id,
        }

    def call(self, method: str, path: str, body: object, **changed: str | None) -> httpx.Response:
        """Send a call. `changed` replaces headers (names without hyphens), None leaves one out."""
        headers = {name: value for name, value in (self.headers | changed).items() if value is not None}
        return httpx.request(method, f"{self.url}/{path}", json=body, headers=headers, timeout=60)

    def post(self, path: str, body: object, **changed: str | None) -> httpx.Response:
        return self.call("POST", path, body, **changed)

    def read(self, operation: str, body: Mapping[str, Any]) -> Any:
        """Return what a query of Campaign Management answers."""
        return self.post(f"{_CAMPAIGNS}/{operation}", body).json()

    def change(self, method: str, operation: str, body: Mapping[str, Any]) -> Any:
        """Return what a change of Campaign Management answers."""
        return self.call(method, f"{_CAMPAIGNS}/{operation}", body).json()

    def submit(self, kind: str, columns: Sequence[str], **changed: Any) -> httpx.Response:
        """Order a report of the first week of November 2026; `changed` replaces parts of the request."""
        request = {
            "Type": f"{kind}ReportRequest",
            "ReportName": kind,
            "Format": "Csv",
            "FormatVersion": "2.0",
            "ExcludeReportHeader": True,
            "ExcludeReportFooter": True,
            "Aggregation": "Daily",
            "Columns": list(columns),
            "Scope": {"AccountIds": [self.account.id]},
            "Time": days(date(2026, 11, 1), date(2026, 11, 7)),
        } | changed
        return self.post("Reporting/v13/GenerateReport/Submit", {"ReportRequest": request})

    def poll(self, report_id: str) -> Any:
        """Return the status of a report."""
        answer = self.post("Reporting/v13/GenerateReport/Poll", {"ReportRequestId": report_id})
        return answer.json()["ReportRequestStatus"]

    def report(self, kind: str, columns: Sequence[str], **changed: Any) -> str:
        """Order a report, wait for it and return its file; empty if there is none."""
        report_id = self.submit(kind, columns, **changed).json()["ReportRequestId"]
        while (status := self.poll(report_id))["Status"] == "Pending":
            pass
        url = status["ReportDownloadUrl"]
        return unzipped(httpx.get(url, timeout=60).content) if url else ""

    def rows(self, kind: str, columns: Sequence[str], **changed: Any) -> list[dict[str, str]]:
        """Return the rows of a report by their columns."""
        return list(csv.DictReader(io.StringIO(self.report(kind, columns, **changed))))

    def bulk(self, entities: Sequence[str], **changed: Any) -> list[dict[str, str]]:
        """Download objects and return their rows, with the status as the only one if there is no file."""
        request = {
            "AccountIds": [self.account.id],
            "CompressionType": "Zip",
            "DataScope": "EntityData",
            "DownloadEntities": list(entities),
            "DownloadFileType": "Csv",
            "FormatVersion": "6.0",
            "LastSyncTimeInUTC": None,
        } | changed
        made = self.post("Bulk/v13/Campaigns/DownloadByAccountIds", request).json()
        ask = {"RequestId": made["DownloadRequestId"]}
        while (status := self.post("Bulk/v13/BulkDownloadStatus/Query", ask).json())["RequestStatus"] == "InProgress":
            pass
        if status["ResultFileUrl"] is None:
            return [{"RequestStatus": status["RequestStatus"]}]
        return list(csv.DictReader(io.StringIO(unzipped(httpx.get(status["ResultFileUrl"]).content))))


def days(since: date, until: date) -> dict[str, Any]:
    """Return the Time of a report from one day to another."""
    start, end = ({"Year": day.year, "Month": day.month, "Day": day.day} for day in (since, until))
    zone = "AmsterdamBerlinBernRomeStockholmVienna"
    return {"CustomDateRangeStart": start, "CustomDateRangeEnd": end, "ReportTimeZone": zone}


def unzipped(content: bytes) -> str:
    """Return the text of the one file in a zip, without its byte order mark."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return archive.read(name).decode("utf-8-sig")


def codes(answer: httpx.Response) -> tuple[int, list[int]]:
    """Return the HTTP status of a refusal and the codes in its body."""
    body = answer.json()
    found = body.get("Errors", []) + body.get("OperationErrors", []) + body.get("BatchErrors", [])
    return answer.status_code, [error["Code"] for error in found]
