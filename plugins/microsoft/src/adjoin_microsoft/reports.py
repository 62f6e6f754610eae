"""The reports that datasets are read from: what is asked for, and how a job for one is ordered and followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

import msgspec

from adjoin.ads.v2 import Account, Client, DateWindow
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.jobs import Job, Progress, State
from adjoin_microsoft.services import call
from adjoin_microsoft.zones import report_zone

__all__ = ["ACTIONS_OF_ADS", "ACTIONS_OF_CAMPAIGNS", "KEY_COLUMNS", "REPORTS", "Report", "report_job"]

_SERVICE = "/Reporting/v13/GenerateReport"

#: Key of a dataset: the column of reports that holds it.
KEY_COLUMNS: Mapping[str, str] = {
    "campaign_id": "CampaignId",
    "ad_group_id": "AdGroupId",
    "ad_id": "AdId",
    "keyword_id": "KeywordId",
    "search_term": "SearchQuery",
}

#: `Conversions` and `AllConversions` are rounded to whole numbers; the qualified ones keep their fractions.
_METRICS = ("Impressions", "Clicks", "Spend", "ConversionsQualified", "Revenue")

#: By goal there are also goals that `Conversions` leaves out, such as steps on the way to a purchase.
_BY_GOAL = ("Goal", "AllConversionsQualified", "AllRevenue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A type of report and the columns beside the day and the account."""

    type: str
    keys: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns in the order asked for. Without TimePeriod Microsoft adds the days up, unasked."""
        return ("TimePeriod", "AccountId", *(KEY_COLUMNS[key] for key in self.keys), *self.values)


#: Dataset: its report.
REPORTS: Mapping[str, Report] = {
    "account_daily": Report(
        type="AccountPerformanceReportRequest",
        keys=(),
        values=(*_METRICS, "VideoViews"),
    ),
    "campaign_daily": Report(
        type="CampaignPerformanceReportRequest",
        keys=("campaign_id",),
        values=(*_METRICS, "VideoViews"),
    ),
    "ad_group_daily": Report(
        type="AdGroupPerformanceReportRequest",
        keys=("campaign_id", "ad_group_id"),
        values=(*_METRICS, "VideoViews"),
    ),
    "ad_daily": Report(
        type="AdPerformanceReportRequest",
        keys=("campaign_id", "ad_group_id", "ad_id"),
        values=(*_METRICS, "VideoViews"),
    ),
    "keyword_daily": Report(
        type="KeywordPerformanceReportRequest",
        keys=("campaign_id", "ad_group_id", "keyword_id"),
        values=_METRICS,
    ),
    "search_term_daily": Report(
        type="SearchQueryPerformanceReportRequest",
        keys=("campaign_id", "ad_group_id", "search_term"),
        values=_METRICS,
    ),
}

#: conversion_daily is read from two: the ads, and for campaigns without ads the campaigns.
ACTIONS_OF_ADS = Report(
    type="AdPerformanceReportRequest",
    keys=("campaign_id", "ad_group_id", "ad_id"),
    values=_BY_GOAL,
)
ACTIONS_OF_CAMPAIGNS = Report(
    type="CampaignPerformanceReportRequest",
    keys=("campaign_id",),
    values=_BY_GOAL,
)


class _Submitted(msgspec.Struct):
    id: str = msgspec.field(name="ReportRequestId")


class _Status(msgspec.Struct):
    status: str = msgspec.field(name="Status", default="")
    url: str | None = msgspec.field(name="ReportDownloadUrl", default=None)


class _Polled(msgspec.Struct):
    status: _Status | None = msgspec.field(name="ReportRequestStatus", default=None)


_STATES: Mapping[str, State] = {"Pending": State.PENDING, "Success": State.READY, "Error": State.FAILED}


def report_job(client: Client, account: Account, report: Report, window: DateWindow) -> Job:
    """Return the job that makes a report on these days of an account, one row per object and day."""
    kind = report.type.removesuffix("ReportRequest")
    return Job(
        what=f"the report {kind} on {window} of account {account.id}",
        order=partial(_submit, client, account, report, window),
        ask=partial(_poll, client, account),
    )


async def _submit(client: Client, account: Account, report: Report, window: DateWindow) -> str:
    body = {"ReportRequest": _request(account, report, window)}
    return (await call(client, f"{_SERVICE}/Submit", body, _Submitted, account=account)).id


def _request(account: Account, report: Report, window: DateWindow) -> Mapping[str, object]:
    return {
        "Type": report.type,
        "ReportName": "Adjoin",
        "Format": "Csv",
        "FormatVersion": "2.0",
        # What is there today is wanted, too; whole days are read again later.
        "ReturnOnlyCompleteData": False,
        "ExcludeReportHeader": True,
        "ExcludeReportFooter": True,
        "ExcludeColumnHeaders": False,
        "Aggregation": "Daily",
        "Columns": list(report.columns),
        "Scope": {"AccountIds": [account.id]},
        "Time": {
            "CustomDateRangeStart": _date(window.since),
            "CustomDateRangeEnd": _date(window.until),
            # It decides which day is today, and is Pacific time where it is left out.
            "ReportTimeZone": report_zone(account),
        },
    }


def _date(day: date) -> Mapping[str, int]:
    return {"Year": day.year, "Month": day.month, "Day": day.day}


async def _poll(client: Client, account: Account, job_id: str) -> Progress:
    body = {"ReportRequestId": job_id}
    answer = await call(client, f"{_SERVICE}/Poll", body, _Polled, account=account)
    native = answer.status.status if answer.status else ""
    state = _STATES.get(native)
    if state is None:
        raise PlatformError(
            f"Microsoft says of a report that it is {native!r}, which this release does not know",
            kind=ErrorKind.RETRY,
            code="report-status",
        )
    url = (answer.status.url if answer.status else None) or ""
    # A report that is done and has no file has no rows.
    return Progress(state=State.NOTHING if state is State.READY and not url else state, url=url)
