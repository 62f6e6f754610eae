"""How `adjoin report` prints the measures that it has always had."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from adjoin.cells import harmless
from adjoin.cli._output import amount, print_table, say

if TYPE_CHECKING:
    from adjoin.analytics.report import Report

__all__ = ["print_report_csv", "print_report_table"]

_NAMES = {
    "platform": ("platform",),
    "account": ("platform", "account_name", "account_id"),
    "campaign": ("platform", "campaign_name", "campaign_id"),
    "ad_group": ("platform", "ad_group_name", "ad_group_id"),
    "ad": ("platform", "ad_name", "ad_id"),
    "keyword": ("platform", "campaign_name", "ad_group_name", "keyword_name", "keyword_id"),
    "search_term": ("platform", "campaign_name", "ad_group_name", "search_term"),
    "day": ("date",),
    "total": (),
}

#: What a line of CSV has before its names, where it is not the account alone: ids that tell equal names apart.
_MORE_IDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("total", "platform", "account", "day"), ()),
    **dict.fromkeys(("keyword", "search_term"), ("account_id", "campaign_id", "ad_group_id")),
}


def print_report_table(found: Report) -> None:
    """Print a report as people read it, and its notes on stderr."""
    names = _NAMES[found.by]
    columns = [(name.removesuffix("_name").replace("_", " "), False) for name in names]
    columns += [(name, True) for name in ("spend", "impressions", "clicks", "conversions", "CPA", "ROAS")]
    rows = [[*(_text(row.get(name)) for name in names), *_figures(row)] for row in found.rows]
    if found.rows and found.by != "total":
        rows.append(["total", *[""] * (len(names) - 1), *_figures(found.totals)])
    print_table(
        columns,
        rows,
        title=f"{found.since} to {found.until}"
        + ("" if found.as_of is None else f", as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC"),
        empty=f"No results from {found.since} to {found.until}. Run `adjoin sync`, or ask for other days.",
    )
    for note in found.notes:
        say(f"note: {note}")


def print_report_csv(found: Report) -> None:
    """Print the rows as CSV, amounts in millionths. No cell is a formula."""
    import csv

    keys = (*_MORE_IDS.get(found.by, ("account_id",)), *_NAMES[found.by])
    figures = (
        "currency",
        "cost_micros",
        "impressions",
        "clicks",
        "conversions",
        "conversion_value_micros",
        "cpa_micros",
        "roas",
        "ctr",
    )
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*keys, *figures])
    for row in found.rows:
        cells = [row.get(name) for name in (*keys, *figures)]
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])


def _figures(row: dict[str, Any]) -> list[str]:
    by_currency = row.get("by_currency")
    if by_currency:
        spend = " + ".join(amount(one["cost_micros"], one["currency"]) for one in by_currency)
    else:
        spend = amount(row["cost_micros"], row["currency"])
    roas = row["roas"]
    return [
        spend,
        _number(row["impressions"]),
        _number(row["clicks"]),
        _number(row["conversions"]),
        amount(row["cpa_micros"], row["currency"]),
        "–" if roas is None else f"{roas:.2f}",
    ]


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:,}"


def _text(value: Any) -> str:
    return "–" if value is None else str(value)
