"""What reports are asked for."""

from __future__ import annotations

from datetime import date
from importlib import import_module

import pytest

from adjoin.ads.datasets import DATASETS
from adjoin.ads.v2 import DateWindow
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.jobs import State
from adjoin_microsoft.reports import ACTIONS_OF_ADS, ACTIONS_OF_CAMPAIGNS, REPORTS, report_job

WINDOW = DateWindow(since=date(2026, 10, 1), until=date(2026, 10, 31))
ALL = [*REPORTS.values(), ACTIONS_OF_ADS, ACTIONS_OF_CAMPAIGNS]
_MODELS = "openapi_client.models.reporting"


def _words(name):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.type)
def test_types_and_columns_are_those_of_the_vendors_client(report):
    pytest.importorskip(_MODELS)
    name = report.type.removesuffix("Request")
    column = getattr(import_module(f"{_MODELS}.{_words(name)}_column"), f"{name}Column")
    assert set(report.columns) <= {member.value for member in column}
    assert hasattr(import_module(f"{_MODELS}.{_words(report.type)}"), report.type)


@pytest.mark.parametrize("dataset", list(REPORTS))
def test_a_report_has_the_keys_of_its_dataset(dataset):
    assert REPORTS[dataset].keys == DATASETS[dataset].keys


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.type)
def test_the_day_is_always_asked_for(report):
    assert report.columns[:2] == ("TimePeriod", "AccountId")
    assert len(set(report.columns)) == len(report.columns)


def test_an_order_names_everything(fake, run, account):
    client = fake(lambda sent: {"ReportRequestId": "30000012345_12345"})
    job = report_job(client, account, REPORTS["account_daily"], WINDOW)
    assert run(job.order()) == "30000012345_12345"
    (sent,) = client.sent
    assert sent.url == "https://reporting.api.bingads.microsoft.com/Reporting/v13/GenerateReport/Submit"
    assert sent.json == {
        "ReportRequest": {
            "Type": "AccountPerformanceReportRequest",
            "ReportName": "Adjoin",
            "Format": "Csv",
            "FormatVersion": "2.0",
            "ReturnOnlyCompleteData": False,
            "ExcludeReportHeader": True,
            "ExcludeReportFooter": True,
            "ExcludeColumnHeaders": False,
            "Aggregation": "Daily",
            "Columns": [
                "TimePeriod", "AccountId", "Impressions", "Clicks", "Spend", "ConversionsQualified", "Revenue",
                "VideoViews",
            ],
            "Scope": {"AccountIds": ["180012345"]},
            "Time": {
                "CustomDateRangeStart": {"Year": 2026, "Month": 10, "Day": 1},
                "CustomDateRangeEnd": {"Year": 2026, "Month": 10, "Day": 31},
                "ReportTimeZone": "AmsterdamBerlinBernRomeStockholmVienna",
            },
        }
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "state", "url"),
    [
        ({"Status": "Pending", "ReportDownloadUrl": None}, State.PENDING, ""),
        ({"Status": "Success", "ReportDownloadUrl": "https://x/1.zip"}, State.READY, "https://x/1.zip"),
        ({"Status": "Success", "ReportDownloadUrl": None}, State.NOTHING, ""),
        ({"Status": "Error", "ReportDownloadUrl": None}, State.FAILED, ""),
    ],
)
def test_it_says_how_far_it_is(fake, run, account, said, state, url):
    client = fake(lambda sent: {"ReportRequestStatus": said})
    progress = run(report_job(client, account, REPORTS["ad_daily"], WINDOW).ask("1_2"))
    assert (progress.state, progress.url) == (state, url)
    assert client.sent[0].json == {"ReportRequestId": "1_2"}


@pytest.mark.parametrize("said", [None, {"Status": "Dreaming"}])
def test_a_state_that_is_not_known_is_an_error(fake, run, account, said):
    client = fake(lambda sent: {"ReportRequestStatus": said})
    with pytest.raises(PlatformError, match="does not know") as caught:
        run(report_job(client, account, REPORTS["ad_daily"], WINDOW).ask("1_2"))
    assert caught.value.kind is ErrorKind.RETRY
