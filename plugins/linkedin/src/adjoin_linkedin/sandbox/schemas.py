"""The shapes of bodies: which fields a resource has, and what each of them holds.

What breaks the shape is answered with 422 and all problems at once, as the service's own schema check words them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from adjoin_linkedin.sandbox import urns
from adjoin_linkedin.sandbox.errors import schema_violation

__all__ = ["SCHEMAS", "check_shape"]

#: Yields the problems of a value at a path.
Check: TypeAlias = Callable[[Any, str], Iterator[str]]

_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?")


def _coerced(kind: type, word: str) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, kind):
            yield f"{path} :: {value} cannot be coerced to {word}"

    return check


_text, _flag, _map = _coerced(str, "String"), _coerced(bool, "Boolean"), _coerced(dict, "Map")


def _instant(value: Any, path: str) -> Iterator[str]:
    """Milliseconds since 1970, before the year 10000."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 253_402_300_800_000:
        yield f"{path} :: {value} cannot be coerced to Long"


def _enum(*words: str) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        if value not in words:
            yield f'{path} :: "{value}" is not an enum symbol'

    return check


def _urn(kind: str) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        number = value.removeprefix(kind) if isinstance(value, str) and value.startswith(kind) else ""
        if not number or (kind != "urn:li:" and not number.isdecimal()):
            yield f'{path} :: "{value}" is not a URN of the form {kind}<id>'

    return check


def _record(fields: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path or '/'} :: {value} cannot be coerced to Record"
            return
        for name in required:
            if name not in value:
                yield f"{path}/{name} :: field is required but not found and has no default value"
        for name, inner in value.items():
            if name not in fields:
                yield f"{path}/{name} :: unrecognized field found but not allowed"
            else:
                yield from fields[name](inner, f"{path}/{name}")

    return check


def _amount(value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        yield f"{path} :: {value} is not a decimal string"


def _list_of(inner: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path} :: {value} cannot be coerced to Array"
            return
        for at, item in enumerate(value):
            yield from inner(item, f"{path}/{at}")

    return check


_money = _record({"amount": _amount, "currencyCode": _text}, ("amount", "currencyCode"))
_schedule = _record({"start": _instant, "end": _instant}, ("start",))
_status = _enum("ACTIVE", "PAUSED", "DRAFT", "ARCHIVED", "CANCELED", "PENDING_DELETION", "REMOVED")
_type = _enum("TEXT_AD", "SPONSORED_UPDATES", "SPONSORED_INMAILS", "DYNAMIC")
_objective = _enum(
    "BRAND_AWARENESS",
    "ENGAGEMENT",
    "JOB_APPLICANT",
    "LEAD_GENERATION",
    "WEBSITE_CONVERSION",
    "WEBSITE_VISIT",
    "VIDEO_VIEW",
)
_text_ad = _record({"headline": _text, "description": _text, "landingPage": _text}, ("headline", "landingPage"))

SCHEMAS: Mapping[str, Mapping[str, Check]] = {
    "adCampaignGroups": {
        "account": _urn(urns.ACCOUNT),
        "name": _text,
        "status": _status,
        "runSchedule": _schedule,
        "totalBudget": _money,
        "dailyBudget": _money,
        "objectiveType": _objective,
        "budgetOptimization": _record(
            {
                "budgetOptimizationStrategy": _enum("DYNAMIC", "NONE"),
                "bidStrategy": _enum("MAXIMUM_DELIVERY", "COST_CAP", "MANUAL"),
            },
        ),
        "allowedCampaignTypes": _list_of(_type),
        "test": _flag,
    },
    "adCampaigns": {
        "account": _urn(urns.ACCOUNT),
        "campaignGroup": _urn(urns.GROUP),
        "name": _text,
        "type": _type,
        "status": _enum(
            "ACTIVE", "PAUSED", "DRAFT", "ARCHIVED", "CANCELED", "PENDING_DELETION", "REMOVED", "COMPLETED"
        ),
        "objectiveType": _objective,
        "format": _text,
        "costType": _enum("CPM", "CPC", "CPV"),
        "unitCost": _money,
        "dailyBudget": _money,
        "totalBudget": _money,
        "runSchedule": _schedule,
        "locale": _record({"country": _text, "language": _text}, ("country", "language")),
        "associatedEntity": _urn(urns.ORGANIZATION),
        "audienceExpansionEnabled": _flag,
        "offsiteDeliveryEnabled": _flag,
        "offsitePreferences": _map,
        "creativeSelection": _enum("OPTIMIZED", "ROUND_ROBIN"),
        "optimizationTargetType": _text,
        "pacingStrategy": _enum("LIFETIME", "ACCELERATED"),
        "politicalIntent": _enum("POLITICAL", "NOT_POLITICAL", "NOT_DECLARED"),
        "connectedTelevisionOnly": _flag,
        "targetingCriteria": _record({"include": _map, "exclude": _map}, ("include",)),
        "test": _flag,
    },
    "creatives": {
        "account": _urn(urns.ACCOUNT),
        "campaign": _urn(urns.CAMPAIGN),
        "intendedStatus": _status,
        "name": _text,
        "content": _record({"reference": _urn("urn:li:"), "textAd": _text_ad}),
    },
    "posts": {
        "author": _text,
        "commentary": _text,
        "visibility": _enum("PUBLIC", "CONNECTIONS", "LOGGED_IN"),
        "lifecycleState": _enum("PUBLISHED", "DRAFT"),
        "isReshareDisabledByAuthor": _flag,
        "distribution": _map,
        "adContext": _map,
        "content": _record(
            {
                "media": _record({"id": _text, "title": _text, "altText": _text}, ("id",)),
                "article": _record(
                    {"source": _text, "title": _text, "description": _text, "thumbnail": _text}, ("source",)
                ),
            }
        ),
        "contentLandingPage": _text,
        "contentCallToActionLabel": _text,
    },
    "images": {
        "initializeUploadRequest": _record({"owner": _text, "mediaLibraryMetadata": _map}, ("owner",)),
    },
}


def check_shape(resource: str, body: Mapping[str, Any]) -> None:
    """Refuse a body with unknown fields or with values of the wrong kind."""
    if problems := list(_record(SCHEMAS[resource])(dict(body), "")):
        raise schema_violation(*problems)
