"""The file of a report: a zip with one CSV, all fields quoted, UTF-8 with a byte order mark, lines ended by CR LF."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from adjoin.testing.world import WorldAd, WorldAdGroup, WorldCampaign, WorldKeyword, WorldObject
from adjoin_microsoft.sandbox import states
from adjoin_microsoft.sandbox.columns import ATTRIBUTES
from adjoin_microsoft.sandbox.directory import Directory
from adjoin_microsoft.sandbox.goals import Goals
from adjoin_microsoft.sandbox.objects import Objects
from adjoin_microsoft.sandbox.report_request import ReportQuery
from adjoin_microsoft.sandbox.report_values import Texts, measure_text, thousands

__all__ = ["ReportWriter", "zipped"]

#: The stubs know no plain values as operands.
pc: Any = pyarrow.compute

_BOM = "\ufeff".encode()
_GROUPED = frozenset({"AllRevenue", "Assists", "Revenue"})

_CONSTANTS: Mapping[str, str] = {
    "AdDistribution": "Search",
    "DeviceType": "Computer",
    "DeviceOS": "Windows",
    "Network": "Microsoft sites and select traffic",
    "TopVsOther": "Bing and Yahoo! search - Top",
    "Language": "English",
    "BaseCampaignId": "",
    "Channel": "Unknown",
}


def zipped(name: str, content: bytes) -> bytes:
    """Return a zip with one file; the same content gives the same bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


class ReportWriter:
    """Writes rows of a report with the names and states that objects have at the moment, deleted ones too."""

    def __init__(self, objects: Objects, directory: Directory, goals: Goals) -> None:
        self._objects = objects
        self._directory = directory
        self._goals = goals

    def content(self, query: ReportQuery, rows: pa.Table) -> bytes:
        """Return the text file: metadata, headings, rows and footer, as asked for."""
        columns = {name: self._column(name, query, rows) for name in query.columns}
        made = io.BytesIO()
        made.write(_BOM)
        if query.header:
            made.write("".join(f'"{line}"\r\n' for line in self._header(query, rows.num_rows)).encode() + b"\r\n")
        # The stubs lack two of the options.
        options = pyarrow.csv.WriteOptions(  # type: ignore[call-arg]
            include_header=query.column_headers,
            quoting_style="all_valid",
            quoting_header="all_valid",
            delimiter=query.delimiter,
            eol="\r\n",
        )
        pyarrow.csv.write_csv(pa.table(columns), made, options)
        if query.footer:
            year = query.as_of.year
            made.write(f'\r\n"©{year} Microsoft Corporation. All rights reserved. "\r\n'.encode())
        return made.getvalue()

    def _header(self, query: ReportQuery, count: int) -> list[str]:
        time = query.time
        days = [f"{day.month}/{day.day}/{day.year}" for day in dict.fromkeys((time.since, time.until))]
        at = query.as_of.strftime("%-m/%-d/%Y %-I:%M:%S %p")
        aggregation = "Summary" if query.aggregation == "Summary" else query.aggregation
        return [
            f"Report Name: {query.name.replace(chr(34), chr(34) * 2)}",
            f"Report Time: {','.join(days)}",
            f"Time Zone: {time.zone}",
            f"Last Completed Available Day: {at} (GMT)",
            f"Last Completed Available Hour: {at} (GMT)",
            f"Report Aggregation: {aggregation}",
            "Report Filter: ",
            f"Potential Incomplete Data: {str(time.until >= query.as_of.date() - timedelta(days=1)).lower()}",
            f"Rows: {count}",
        ]

    def _column(self, name: str, query: ReportQuery, rows: pa.Table) -> Texts:
        if name == "TimePeriod":
            return _periods(rows["period"], query.aggregation)
        if name in ATTRIBUTES:
            return self._attribute(name, query, rows)
        texts = measure_text(name, rows)
        if query.version == "1.0" and name in _GROUPED:
            return pa.array([thousands(str(text)) for text in texts.to_pylist()], pa.string())
        return texts

    def _attribute(self, name: str, query: ReportQuery, rows: pa.Table) -> Texts:
        key, text = self._lookup(name, query.kind)
        if key not in rows.column_names:
            constant = query.accounts[0] if name == "AccountId" else _CONSTANTS.get(name, "")
            return pa.array([constant] * rows.num_rows, pa.string())
        found = pc.dictionary_encode(pc.fill_null(rows[key].combine_chunks(), ""))
        texts = pa.array([text(each) for each in found.dictionary.to_pylist()], pa.string())
        taken: Texts = texts.take(found.indices)
        return taken

    def _lookup(self, name: str, kind: str) -> tuple[str, Callable[[str], str]]:
        """Return the key that an attribute depends on, and how its text follows from it."""
        if name == "Status":
            name = "AdGroupStatus"
        if name == "BidMatchType" and kind != "KeywordPerformance":
            return "", str
        for key, texts in (
            ("account_id", self._of_account()),
            ("campaign_id", self._of(WorldCampaign, self._campaign_texts())),
            ("ad_group_id", self._of(WorldAdGroup, _AD_GROUP_TEXTS)),
            ("ad_id", self._of(WorldAd, self._ad_texts())),
            ("keyword_id", self._of(WorldKeyword, _KEYWORD_TEXTS)),
            ("search_term", {"SearchQuery": str}),
            ("action", self._of_goal()),
        ):
            if name in texts:
                return key, texts[name]
        return "", str

    def _of_account(self) -> Mapping[str, Callable[[str], str]]:
        directory, world = self._directory, self._objects.world
        return {
            "AccountId": str,
            "AccountName": lambda each: world.account(each).name,
            "AccountNumber": lambda each: directory.number(world.account(each)),
            "AccountStatus": lambda each: states.ACCOUNT_STATUS[world.account(each).status],
            "CurrencyCode": lambda each: world.account(each).currency,
            "CustomerId": lambda each: directory.customer_of(world.account(each)).id,
            "CustomerName": lambda each: directory.customer_of(world.account(each)).name,
        }

    def _of_goal(self) -> Mapping[str, Callable[[str], str]]:
        goals = self._goals
        return {
            "Goal": lambda action: goals.name(action) if action else "",
            "GoalType": lambda action: "Event" if action else "",
            "GoalId": lambda action: goals.id(action) if action else "",
        }

    def _of(self, kind: type[Any], texts: Mapping[str, Callable[[Any], str]]) -> Mapping[str, Callable[[str], str]]:
        world = self._objects.world

        def reader(text: Callable[[Any], str]) -> Callable[[str], str]:
            def read(object_id: str) -> str:
                found: WorldObject | None = world.find(object_id)
                return text(found) if isinstance(found, kind) else ""

            return read

        return {name: reader(text) for name, text in texts.items()}

    def _campaign_texts(self) -> Mapping[str, Callable[[WorldCampaign], str]]:
        def budget(campaign: WorldCampaign) -> str:
            shared = self._objects.details.shared(campaign)
            return "" if shared is None else shared.name

        return {
            "CampaignId": lambda campaign: campaign.id,
            "CampaignName": lambda campaign: campaign.name,
            "CampaignStatus": states.campaign_status,
            "CampaignType": lambda campaign: states.REPORT_CAMPAIGN_TYPES[states.campaign_type(campaign)],
            "BudgetName": budget,
            "BudgetStatus": lambda campaign: "Active" if budget(campaign) else "",
        }

    def _ad_texts(self) -> Mapping[str, Callable[[WorldAd], str]]:
        objects = self._objects

        def kept(name: str) -> Callable[[WorldAd], str]:
            return lambda ad: str(objects.ad_json(ad).get(name) or "")

        return {
            "AdId": lambda ad: ad.id,
            "AdStatus": states.ad_status,
            "AdType": lambda ad: states.REPORT_AD_TYPES.get(objects.ad_type(ad), objects.ad_type(ad)),
            "FinalUrl": lambda ad: next(iter(objects.ad_json(ad)["FinalUrls"] or [""])),
            "Headline": kept("Headline"),
            "LongHeadline": kept("LongHeadlineString"),
            "AdDescription": kept("Text"),
            "TitlePart1": kept("TitlePart1"),
            "TitlePart2": kept("TitlePart2"),
            "TitlePart3": kept("TitlePart3"),
            "Path1": kept("Path1"),
            "Path2": kept("Path2"),
            "DisplayUrl": kept("Domain"),
        }


_AD_GROUP_TEXTS: Mapping[str, Callable[[WorldAdGroup], str]] = {
    "AdGroupId": lambda group: group.id,
    "AdGroupName": lambda group: group.name,
    "AdGroupStatus": states.ad_group_status,
}
_KEYWORD_TEXTS: Mapping[str, Callable[[WorldKeyword], str]] = {
    "KeywordId": lambda keyword: keyword.id,
    "Keyword": lambda keyword: keyword.text,
    "KeywordStatus": states.keyword_status,
    "BidMatchType": lambda keyword: keyword.match_type.capitalize(),
    "CurrentMaxCpc": lambda keyword: f"{(keyword.bid_micros or 0) / 1_000_000:.2f}",
}


def _periods(numbers: Any, aggregation: str) -> Texts:
    numbers = numbers.combine_chunks()
    if aggregation == "DayOfWeek":
        weekdays: Texts = numbers.cast(pa.string())
        return weekdays
    days = numbers.cast(pa.int32()).cast(pa.date32())
    texts: Texts = (pc.year(days) if aggregation == "Yearly" else days).cast(pa.string())
    return texts
