"""What the page Metrics says, computed without Streamlit: lists, formulas in words, and what a trial has found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adjoin.analytics.carriers import datasets_of_dimension, datasets_of_metric
from adjoin.analytics.v1 import (
    CustomField,
    Definitions,
    DimensionKind,
    FieldTrial,
    Good,
    Unit,
)
from adjoin_dashboard.figures import Value

__all__ = [
    "GOOD",
    "NAMED",
    "SUMS",
    "UNITS",
    "Line",
    "dimension_lines",
    "fits",
    "mapped_values",
    "metric_lines",
    "name_of",
    "trial_rows",
    "value_rows",
]

UNITS: Mapping[Unit, str] = {
    Unit.COUNT: "Count",
    Unit.MONEY: "Money",
    Unit.SHARE: "Percent",
    Unit.MULTIPLE: "Multiple (×)",
}
GOOD: Mapping[Good, str] = {Good.UP: "Higher is better", Good.DOWN: "Lower is better", Good.NEITHER: "Neither"}
_KINDS: Mapping[DimensionKind, str] = {
    DimensionKind.TIME: "Time",
    DimensionKind.OBJECT: "Object",
    DimensionKind.TEXT: "Text",
}
#: The sums that formulas take, and what they are.
SUMS: Mapping[str, str] = {
    "impressions": "impressions",
    "clicks": "clicks",
    "cost_micros": "spend, in millionths",
    "conversions": "conversions",
    "conversion_value_micros": "their value, in millionths",
    "video_views": "views of videos",
}
#: The objects whose names a convention can read.
NAMED: Mapping[str, str] = {"campaign": "Campaigns", "ad_group": "Ad groups", "ad": "Ads", "account": "Accounts"}
_DATASETS: Mapping[str, str] = {
    "account_daily": "accounts",
    "campaign_daily": "campaigns",
    "ad_group_daily": "ad groups",
    "ad_daily": "ads",
    "keyword_daily": "keywords",
    "search_term_daily": "search terms",
    "conversion_daily": "conversion actions",
}
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A metric or a dimension in a list. `formula` is empty for a dimension, `kind` is the unit of a metric."""

    name: str
    title: str
    description: str
    formula: str
    kind: str
    part_of: str
    datasets: str
    custom: bool


def metric_lines(definitions: Definitions, *, search: str = "") -> list[Line]:
    """Return the metrics, the workspace's own first; `search` keeps those that have it in a text."""
    found = [
        Line(
            name=one.name,
            title=one.title,
            description=one.description,
            formula=one.formula,
            kind=UNITS[one.unit],
            part_of="",
            datasets=_carried(datasets_of_metric(one)),
            custom=one.custom,
        )
        for one in definitions.metrics
    ]
    return _kept(found, search)


def dimension_lines(definitions: Definitions, *, search: str = "") -> list[Line]:
    """Return the dimensions, the workspace's own first; `search` keeps those that have it in a text."""
    titles = {one.name: one.title for one in definitions.dimensions}
    found = [
        Line(
            name=one.name,
            title=one.title,
            description=one.description,
            formula="",
            kind=_KINDS[one.kind],
            part_of=titles.get(one.inside or one.of, ""),
            datasets=_carried(datasets_of_dimension(one, definitions)),
            custom=one.custom,
        )
        for one in definitions.dimensions
    ]
    return _kept(found, search)


def name_of(title: str, taken: Iterable[str]) -> str:
    """Make a name out of a title: small letters, digits and underscores, not one that is taken."""
    plain = re.sub(r"[^a-z0-9]+", "_", title.casefold()).strip("_")[: _LONGEST_NAME - 3].strip("_")
    if not plain or not plain[0].isalpha() or not plain[0].isascii():
        plain = f"own_{plain}".strip("_")
    name, number, used = plain, 2, set(taken)
    while name in used:
        name, number = f"{plain}_{number}", number + 1
    return name


def trial_rows(
    rows: Sequence[Mapping[str, object]], totals: Mapping[str, Value], metric: str
) -> list[tuple[str | None, Value]]:
    """Return what a metric comes to by platform, and of all together under None."""
    found: list[tuple[str | None, Value]] = [(str(row["platform"]), row[metric]) for row in rows]  # type: ignore[misc]
    return [*found, (None, totals.get(metric))]


def fits(trial: FieldTrial) -> str:
    """Say how many names fit, in words."""
    if not trial.names:
        return "There are no names yet."
    if trial.matched == trial.names:
        return f"All {trial.names:,} names fit." if trial.names > 1 else "The one name fits."
    return f"{trial.matched:,} of {trial.names:,} names fit, {trial.names - trial.matched:,} do not."


def mapped_values(rows: Iterable[Mapping[Any, Any]]) -> dict[str, dict[str, str]]:
    """Read what is shown as something else from the rows of the table of values; what is the same stays out."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        field, text, value = (str(row.get(name) or "").strip() for name in ("Field", "In names", "Shown as"))
        if field and text and value and value != text:
            found.setdefault(field, {})[text] = value
    return found


def value_rows(trial: FieldTrial, kept: CustomField | None, pattern: str) -> list[dict[str, object]]:
    """Return the table of values: those in names, with what each is shown as, then mapped ones that no name has.

    What is mapped of fields that the pattern has no more is left out.
    """
    mapped = {} if kept is None else kept.values
    rows: list[dict[str, object]] = [
        {
            "Field": one.field,
            "In names": one.text,
            "Shown as": mapped.get(one.field, {}).get(one.text, one.text),
            "Names": one.names,
        }
        for one in trial.found
    ]
    there = {(one.field, one.text) for one in trial.found}
    fields = {field for field in mapped if f"{{{field}}}" in pattern or f"<{field}>" in pattern}
    rows += [
        {"Field": field, "In names": text, "Shown as": value, "Names": None}
        for field, values in mapped.items()
        if field in fields
        for text, value in values.items()
        if (field, text) not in there
    ]
    return rows


def _carried(datasets: Sequence[str]) -> str:
    if len(datasets) == len(_DATASETS):
        return "all"
    return ", ".join(_DATASETS.get(name, name) for name in datasets)


def _kept(lines: Iterable[Line], search: str) -> list[Line]:
    wanted = search.strip().casefold()
    kept = [
        one
        for one in lines
        if not wanted or any(wanted in text.casefold() for text in (one.title, one.name, one.description, one.formula))
    ]
    return sorted(kept, key=lambda one: not one.custom)
