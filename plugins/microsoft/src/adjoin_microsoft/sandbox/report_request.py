"""The order of a report: reads the request, and refuses what the API would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adjoin_microsoft.sandbox.calls import Call, check_keys, id_of, list_of, object_of, text_of
from adjoin_microsoft.sandbox.columns import (
    ATTRIBUTES,
    IMPRESSION_SHARE,
    REPORT_COLUMNS,
    REQUIRED,
    SHARE_EXCLUDES,
    words,
)
from adjoin_microsoft.sandbox.directory import Directory
from adjoin_microsoft.sandbox.errors import RawRefusal, bad_body, fault, operation_error
from adjoin_microsoft.sandbox.objects import Objects
from adjoin_microsoft.sandbox.report_time import AGGREGATIONS, ReportTime, read_time

__all__ = ["ReportQuery", "read_request"]

_SUFFIX = "ReportRequest"
_KEYS = words(
    "ReportName Format FormatVersion ReturnOnlyCompleteData ExcludeReportHeader ExcludeReportFooter "
    "ExcludeColumnHeaders Scope Filter Time Aggregation Columns Type"
)
_SCOPES: Mapping[str, tuple[str, ...]] = {
    "AccountPerformance": ("AccountIds",),
    "CampaignPerformance": ("AccountIds", "Campaigns"),
}
_FLAGS = ("ReturnOnlyCompleteData", "ExcludeReportHeader", "ExcludeReportFooter", "ExcludeColumnHeaders")
_PATH = "$.ReportRequest"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery:
    """One report as it is to be made, with everything that decides it: also the instant it was ordered at.

    `campaigns` and `ad_groups` narrow the accounts down; None takes all.
    """

    kind: str
    name: str
    columns: tuple[str, ...]
    aggregation: str
    time: ReportTime
    accounts: tuple[str, ...]
    campaigns: frozenset[str] | None
    ad_groups: frozenset[str] | None
    delimiter: str
    version: str
    header: bool
    footer: bool
    column_headers: bool
    as_of: datetime


def read_request(call: Call, directory: Directory, objects: Objects, now: datetime) -> ReportQuery:
    """Read the body of GenerateReport/Submit."""
    call.known_keys("ReportRequest")
    if call.body.get("ReportRequest") is None:
        raise operation_error(2001)
    given = object_of(call.body["ReportRequest"], _PATH)
    kind = text_of(given.get("Type"), f"{_PATH}.Type").removesuffix(_SUFFIX)
    if kind not in REPORT_COLUMNS or not str(given["Type"]).endswith(_SUFFIX):
        raise operation_error(2002)
    check_keys(given, _KEYS | {"Sort", "MaxRows"} if kind == "KeywordPerformance" else _KEYS, _PATH)
    flags = {name: _flag(given, name) for name in _FLAGS}
    name = text_of(given.get("ReportName"), f"{_PATH}.ReportName") or f"{kind}Report"
    if len(name) > 200:
        raise operation_error(2006)
    columns = _columns(given, kind)
    aggregation = _aggregation(given, columns)
    time = read_time(given.get("Time"), aggregation, complete=flags["ReturnOnlyCompleteData"], now=now)
    _refuse_filters(given)
    accounts, campaigns, ad_groups = _scope(given, kind, directory, objects)
    return ReportQuery(
        kind=kind,
        name=name,
        columns=columns,
        aggregation=aggregation,
        time=time,
        accounts=accounts,
        campaigns=campaigns,
        ad_groups=ad_groups,
        delimiter=_delimiter(given),
        version=_version(given),
        header=not flags["ExcludeReportHeader"],
        footer=not flags["ExcludeReportFooter"],
        column_headers=not flags["ExcludeColumnHeaders"],
        as_of=now,
    )


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_body(f"{_PATH}.{name}", "Error converting value to type 'Boolean'.")
    return bool(value)


def _delimiter(given: Mapping[str, Any]) -> str:
    name = text_of(given.get("Format"), f"{_PATH}.Format") or "Csv"
    if name == "Xml":
        raise fault(204, details="This sandbox writes Csv and Tsv.")
    if name not in ("Csv", "Tsv"):
        raise bad_body(f"{_PATH}.Format", f"Requested value '{name}' was not found.")
    return "," if name == "Csv" else "\t"


def _version(given: Mapping[str, Any]) -> str:
    version = text_of(given.get("FormatVersion"), f"{_PATH}.FormatVersion") or "1.0"
    if version not in ("1.0", "2.0"):
        raise fault(201, details="FormatVersion")
    return version


def _columns(given: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    columns = [text_of(name, f"{_PATH}.Columns") for name in list_of(given.get("Columns"), f"{_PATH}.Columns")]
    if not columns:
        raise operation_error(2014)
    for at, name in enumerate(columns):
        if name not in REPORT_COLUMNS[kind]:
            raise bad_body(f"{_PATH}.Columns[{at}]", f"Requested value '{name}' was not found.")
    if repeated := sorted({name for name in columns if columns.count(name) > 1}):
        raise operation_error(2016, ",".join(repeated))
    asked = frozenset(columns)
    if not asked & ATTRIBUTES:
        raise operation_error(2015, "At least one attribute")
    if missing := REQUIRED.get(kind, frozenset()) - asked:
        raise operation_error(2015, ",".join(sorted(missing)))
    if asked <= ATTRIBUTES | IMPRESSION_SHARE:
        raise operation_error(2017)
    if asked & IMPRESSION_SHARE and (bad := asked & SHARE_EXCLUDES.get(kind, frozenset())):
        raise operation_error(2060, ",".join(sorted(bad)))
    if kind in ("KeywordPerformance", "SearchQueryPerformance") and asked & {"Goal", "GoalType", "GoalId"}:
        raise operation_error(2060, "This sandbox has no goals by keyword or search query.")
    return tuple(columns)


def _aggregation(given: Mapping[str, Any], columns: tuple[str, ...]) -> str:
    """Return the aggregation. Without the column TimePeriod it silently becomes Summary."""
    name = text_of(given.get("Aggregation"), f"{_PATH}.Aggregation") or "Summary"
    if name not in AGGREGATIONS:
        raise bad_body(f"{_PATH}.Aggregation", f"Requested value '{name}' was not found.")
    if name == "Summary" and "TimePeriod" in columns:
        raise operation_error(2034)
    if "TimePeriod" not in columns:
        return "Summary"
    if name in ("Hourly", "HourOfDay"):
        raise operation_error(2059, "This sandbox has no hours.")
    return name


def _refuse_filters(given: Mapping[str, Any]) -> None:
    filters = {} if given.get("Filter") is None else object_of(given["Filter"], f"{_PATH}.Filter")
    used = sorted(name for name, value in filters.items() if value not in (None, []))
    if used or given.get("Sort") or given.get("MaxRows"):
        raise operation_error(2060, f"This sandbox filters nothing: {', '.join(used)}")


def _scope(
    given: Mapping[str, Any], kind: str, directory: Directory, objects: Objects
) -> tuple[tuple[str, ...], frozenset[str] | None, frozenset[str] | None]:
    path = f"{_PATH}.Scope"
    if given.get("Scope") is None:
        raise operation_error(2026)
    scope = object_of(given["Scope"], path)
    check_keys(scope, _SCOPES.get(kind, ("AccountIds", "Campaigns", "AdGroups")), path)
    accounts = [id_of(value, f"{path}.AccountIds") for value in list_of(scope.get("AccountIds"), f"{path}.AccountIds")]
    campaigns = _parts(scope, "Campaigns", ("AccountId", "CampaignId"))
    ad_groups = _parts(scope, "AdGroups", ("AccountId", "CampaignId", "AdGroupId"))
    for ids in (*campaigns, *ad_groups):
        accounts += [ids[0]] if ids[0] not in accounts else []
    if not accounts:
        raise operation_error(2026)
    if unknown := [account for account in accounts if directory.account(account) is None]:
        raise operation_error(2003, ",".join(unknown))
    for ids in campaigns:
        if getattr(objects.world.find(ids[1]), "account_id", "") != ids[0]:
            raise operation_error(2019, ids[1])
    for ids in ad_groups:
        if getattr(objects.world.find(ids[2]), "account_id", "") != ids[0]:
            raise operation_error(2022, ids[2])
    return (
        tuple(dict.fromkeys(accounts)),
        frozenset(ids[1] for ids in campaigns) if campaigns else None,
        frozenset(ids[2] for ids in ad_groups) if ad_groups else None,
    )


def _parts(scope: Mapping[str, Any], name: str, keys: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Read the campaigns or ad groups of a scope. One that lacks an id gets an answer without any explanation."""
    found = []
    for at, given in enumerate(list_of(scope.get(name), f"{_PATH}.Scope.{name}")):
        path = f"{_PATH}.Scope.{name}[{at}]"
        part = object_of(given, path)
        check_keys(part, keys, path)
        ids = tuple(id_of(part.get(key), f"{path}.{key}") for key in keys)
        if not all(ids):
            raise RawRefusal("", status=400, media_type="application/json")
        found.append(ids)
    return found
