"""What a call of analytics asks, read from its parameters. Refuses what the API would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from adjoin_linkedin.sandbox import urns
from adjoin_linkedin.sandbox.errors import InputError, bad_input, param_invalid
from adjoin_linkedin.sandbox.limits import Limits
from adjoin_linkedin.sandbox.metrics import FIELDS
from adjoin_linkedin.sandbox.params import Params

__all__ = ["PIVOTS", "Question", "ask"]

#: What rows can be told apart by, and the column of the world's tables that holds it.
PIVOTS: Mapping[str, str] = {
    "ACCOUNT": "account_id",
    "CAMPAIGN_GROUP": "campaign_id",
    "CAMPAIGN": "ad_group_id",
    "CREATIVE": "ad_id",
    "CONVERSION": "action",
}

#: Those that the world knows nothing of: no rows.
_EMPTY_PIVOTS = frozenset(
    {
        "SHARE",
        "COMPANY",
        "CONVERSATION_NODE",
        "CONVERSATION_NODE_OPTION_INDEX",
        "SERVING_LOCATION",
        "CARD_INDEX",
        "IMPRESSION_DEVICE_TYPE",
        "MEMBER_COMPANY_SIZE",
        "MEMBER_INDUSTRY",
        "MEMBER_SENIORITY",
        "MEMBER_JOB_TITLE",
        "MEMBER_JOB_FUNCTION",
        "MEMBER_COUNTRY_V2",
        "MEMBER_REGION_V2",
        "MEMBER_COMPANY",
    }
)

_FACETS: Mapping[str, str] = {
    "accounts": urns.ACCOUNT,
    "campaignGroups": urns.GROUP,
    "campaigns": urns.CAMPAIGN,
    "creatives": urns.CREATIVE,
}
_EMPTY_FACETS = ("shares", "companies")

_FINDERS = {"analytics": ("pivot",), "statistics": ("pivots",)}
_COMMON = ("q", "dateRange", "timeGranularity", "fields", "campaignType", "sortBy", "start", "count")
_MOST_PIVOTS = 3

#: Of days older than this, ALL only knows whole months.
_DAILY_FOR = timedelta(days=183)

Granularity = Literal["DAILY", "MONTHLY", "YEARLY", "ALL"]
_GRANULARITIES: Mapping[str, Granularity] = {
    "DAILY": "DAILY",
    "MONTHLY": "MONTHLY",
    "YEARLY": "YEARLY",
    "ALL": "ALL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with everything that decides its answer. `facets` are bare ids by facet."""

    pivots: tuple[str, ...]
    granularity: Granularity
    since: date
    until: date
    facets: Mapping[str, frozenset[str]]
    fields: tuple[str, ...]
    campaign_types: frozenset[str] = frozenset()
    descending_by: str = ""
    nothing: bool = False


def ask(params: Params, limits: Limits, today: date) -> Question:
    """Read the parameters of `q=analytics` and `q=statistics`."""
    finder = params.choice("q", tuple(_FINDERS))
    params.allow(*_COMMON, *_FINDERS[finder], *_FACETS, *_EMPTY_FACETS)
    if missing := [name for name in ("dateRange", "timeGranularity", *_FINDERS[finder]) if name not in params]:
        raise bad_input(*(InputError(name, "Required parameter is missing", "PARAM_MISSING") for name in missing))
    pivots = tuple(params.texts("pivots") or ()) if finder == "statistics" else (params.text("pivot"),)
    if not 1 <= len(pivots) <= _MOST_PIVOTS or len(set(pivots)) != len(pivots):
        raise param_invalid("pivots", f"Invalid argument: between 1 and {_MOST_PIVOTS} different pivots are needed")
    for pivot in pivots:
        if pivot not in PIVOTS and pivot not in _EMPTY_PIVOTS:
            raise param_invalid(_FINDERS[finder][0], f'"{pivot}" is not an enum symbol')
    facets = {
        name: frozenset(urns.bare(urn, kind, path=name) for urn in params.texts(name) or ())
        for name, kind in _FACETS.items()
        if name in params
    }
    nothing = any(params.texts(name) for name in _EMPTY_FACETS) or not _EMPTY_PIVOTS.isdisjoint(pivots)
    if not any(facets.values()) and not nothing:
        raise param_invalid("accounts", "At least one facet is needed: accounts, campaignGroups, campaigns, creatives")
    granularity = _GRANULARITIES[params.choice("timeGranularity", tuple(_GRANULARITIES))]
    since, until = _range(params, today)
    question = Question(
        pivots=pivots,
        granularity=granularity,
        since=since,
        until=until,
        facets=facets,
        fields=_fields(params, limits),
        campaign_types=frozenset([params.text("campaignType")] if "campaignType" in params else ()),
        descending_by=_sort(params),
        nothing=nothing,
    )
    return _widened(question, today) if granularity == "ALL" else question


def _fields(params: Params, limits: Limits) -> tuple[str, ...]:
    if "fields" not in params:
        return ("dateRange", "pivotValues", "impressions", "clicks")
    wanted = tuple(dict.fromkeys(name for name in params.text("fields").split(",") if name))
    if unknown := [name for name in wanted if name not in FIELDS]:
        raise bad_input(*(InputError("fields", f"Unknown field {name}", "FIELD_INVALID") for name in unknown))
    if len(wanted) > limits.analytics_fields:
        raise param_invalid("fields", f"At most {limits.analytics_fields} fields may be asked for")
    return wanted


def _range(params: Params, today: date) -> tuple[date, date]:
    given = params.record("dateRange")
    assert given is not None
    given.allow("start", "end")
    start, end = given.record("start"), given.record("end")
    if start is None:
        raise param_invalid("dateRange/start", "Required parameter is missing")
    since = _day(start)
    until = _day(end) if end is not None else max(since, today)
    if until < since:
        raise param_invalid("dateRange", "Invalid argument: end is before start")
    return since, until


def _day(given: Params) -> date:
    given.allow("year", "month", "day")
    try:
        return date(given.number("year", 0), given.number("month", 0), given.number("day", 0))
    except (ValueError, OverflowError):
        raise param_invalid(given.path, "Invalid argument: not a date") from None


def _sort(params: Params) -> str:
    given = params.record("sortBy")
    if given is None:
        return ""
    given.allow("field", "order")
    names = {"COST_IN_LOCAL_CURRENCY": "costInLocalCurrency", "IMPRESSIONS": "impressions", "CLICKS": "clicks"}
    order = given.choice("order", ("ASCENDING", "DESCENDING"), "DESCENDING")
    return ("" if order == "DESCENDING" else "-") + names[given.choice("field", tuple(names))]


def _widened(question: Question, today: date) -> Question:
    """Widen a range to whole months where its ends lie too far back."""
    since, until = question.since, question.until
    if today - since > _DAILY_FOR:
        since = since.replace(day=1)
    if today - until > _DAILY_FOR:
        after = (until.replace(day=28) + timedelta(days=4)).replace(day=1)
        until = after - timedelta(days=1)
    return replace(question, since=since, until=until)
