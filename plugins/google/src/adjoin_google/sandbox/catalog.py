"""The field catalogue: which fields there are, of what kind, and which go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from adjoin_google.sandbox._enums import ENUMS
from adjoin_google.sandbox._fields import FIELDS

__all__ = [
    "ACTION_SEGMENTS",
    "CONVERSION_METRICS",
    "DATE_SEGMENTS",
    "METRIC_RESOURCES",
    "RESOURCES",
    "SHARE_METRICS",
    "Field",
    "camel",
    "enum_values",
    "find",
    "known_fields",
    "snake",
]

_CAMPAIGN_LINE = ("customer", "campaign")
_GROUP_LINE = (*_CAMPAIGN_LINE, "ad_group")

#: Resources that FROM takes, and those whose attributes may be selected beside their own.
RESOURCES: Mapping[str, tuple[str, ...]] = {
    "customer": (),
    "customer_client": ("customer",),
    "campaign": ("customer", "campaign_budget"),
    "campaign_budget": ("customer",),
    "ad_group": _CAMPAIGN_LINE,
    "ad_group_ad": _GROUP_LINE,
    "ad_group_criterion": _GROUP_LINE,
    "keyword_view": (*_GROUP_LINE, "ad_group_criterion"),
    "search_term_view": _GROUP_LINE,
    "asset_group": _CAMPAIGN_LINE,
    "conversion_action": ("customer",),
    "change_status": (*_GROUP_LINE, "ad_group_ad", "ad_group_criterion"),
    "change_event": _GROUP_LINE,
}

#: The resources that have results.
METRIC_RESOURCES = frozenset(
    {"customer", "campaign", "ad_group", "ad_group_ad", "keyword_view", "search_term_view", "asset_group"}
)

#: Segments that may be filtered by without being selected, and must have a beginning and an end.
DATE_SEGMENTS = frozenset(f"segments.{name}" for name in ("date", "week", "month", "quarter", "year"))

#: Segments that go only with conversion metrics.
ACTION_SEGMENTS = frozenset(
    f"segments.{name}" for name in ("conversion_action", "conversion_action_name", "conversion_action_category")
)
CONVERSION_METRICS = frozenset(
    f"metrics.{name}" for name in ("conversions", "conversions_value", "all_conversions", "all_conversions_value")
)

#: Metrics that only customers, campaigns and ad groups have.
SHARE_METRICS = frozenset(
    f"metrics.{name}" for name in FIELDS["metrics"]["double"].split() if name.endswith("_impression_share")
)

_DATES = frozenset({"date", "week", "month", "quarter"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field by its name in queries. `kind` is int64, int32, double, bool, string, date, message or enum."""

    name: str
    kind: str
    enum: str = ""
    repeated: bool = False

    @property
    def resource(self) -> str:
        """The first part of the name; `segments` and `metrics` too."""
        return self.name.partition(".")[0]

    @property
    def path(self) -> tuple[str, ...]:
        """The keys that lead to the value in a row's JSON."""
        return tuple(camel(part) for part in self.name.split("."))


@cache
def camel(name: str) -> str:
    """Turn snake_case into lowerCamelCase: `video_quartile_p25_rate` is `videoQuartileP25Rate`."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


@cache
def snake(name: str) -> str:
    """Turn lowerCamelCase into snake_case."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@cache
def known_fields() -> Mapping[str, Field]:
    """All fields by name."""
    found: dict[str, Field] = {}
    for resource, kinds in FIELDS.items():
        for text, names in kinds.items():
            repeated = text.endswith("[]")
            kind, _, enum = text.removesuffix("[]").partition(":")
            for name in names.split():
                as_date = resource == "segments" and name in _DATES
                full = f"{resource}.{name}"
                found[full] = Field(name=full, kind="date" if as_date else kind, enum=enum, repeated=repeated)
    return found


def find(name: str) -> Field | None:
    """Return a field, None if there is none of this name."""
    return known_fields().get(name)


@cache
def enum_values(enum: str) -> frozenset[str]:
    """The names of an enum's values."""
    return frozenset({"UNSPECIFIED", "UNKNOWN", *ENUMS[enum].split()})
