"""What a report is about that is made of a saved view: the same days, parts, columns and order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from adjoin.access.saved_views import ViewLine
from adjoin.analytics.v1 import Compare, Condition, Operator
from adjoin.reports.terms import MOST_METRICS, Span, Terms
from adjoin_dashboard.campaigns.model import LEVELS, read_place

__all__ = ["terms_of_view"]

_SPANS: Mapping[str, Span] = {
    "Last 7 days": Span.DAYS_7,
    "Last 30 days": Span.DAYS_30,
    "Last 90 days": Span.DAYS_90,
    "This month": Span.THIS_MONTH,
    "Last month": Span.LAST_MONTH,
    "Year to date": Span.YEAR,
}
_COMPARED = {
    "Previous period": Compare.PREVIOUS_PERIOD,
    "Previous year": Compare.PREVIOUS_YEAR,
    "Nothing": Compare.NOTHING,
}
_USUAL = ("cost", "impressions", "clicks", "conversions", "cpa", "roas")


def terms_of_view(view: ViewLine, *, metrics: Collection[str], currency: str) -> Terms:
    """Return what a report of a view is about. `metrics` are those that can be asked, `currency` is the usual one.

    Days that a view names one by one do not move along with time: the last 30 are taken. A view that changes later
    changes no report.
    """
    address = view.address
    level = "campaign" if view.page == "campaigns" else "platform"
    place = read_place(_one(address, "at")) if view.page == "campaigns" else None
    levels = {title: name for name, title in LEVELS.items()}
    if view.page == "campaigns":
        below = place.levels[0] if place is not None and place.levels else level
        level = levels.get(_one(address, "level"), below)
    where = [
        Condition(dimension=one, values=values) for one in ("platform", "account") if (values := address.get(f"{one}s"))
    ]
    if place is not None:
        where += place.where
    if search := _one(address, "search").strip():
        where.append(Condition(dimension=level, values=(search,), operator=Operator.CONTAINS))
    columns = [one for one in address.get("columns", ()) if one in metrics]
    sort = _one(address, "sort")
    chosen = list(dict.fromkeys([*([sort] if sort in metrics else []), *columns])) or [
        one for one in _USUAL if one in metrics
    ]
    highest = "" if _one(address, "order") == "Lowest first" else "-"
    return Terms(
        metrics=tuple(chosen[:MOST_METRICS]),
        dimension=level,
        span=_SPANS.get(_one(address, "period"), Span.DAYS_30),
        compare=_COMPARED.get(_one(address, "compare"), Compare.PREVIOUS_PERIOD),
        currency=_one(address, "currency") or currency,
        where=tuple(where),
        order_by=f"{highest}{sort}" if sort in metrics else "",
    )


def _one(address: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(address.get(name, ())), "")
