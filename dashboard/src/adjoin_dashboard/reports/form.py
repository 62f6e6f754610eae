"""The form of a report: what is in it, when it is sent, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeVar

import streamlit as st

from adjoin.analytics.v1 import Compare, Condition, DimensionKind, Operator
from adjoin.reports.defining import ReportLine, Wanted
from adjoin.reports.terms import MOST_METRICS, MOST_ROWS, Span, Terms
from adjoin.reports.timing import LAST_MONTH_DAY, Cadence
from adjoin_dashboard.context import Context
from adjoin_dashboard.reports.from_views import terms_of_view
from adjoin_dashboard.reports.model import WEEKDAYS, ReportsPage

__all__ = ["ask"]

Value = TypeVar("Value")

_USUAL = ("cost", "conversions", "cpa", "roas")
_COMPARED = {
    "the days before": Compare.PREVIOUS_PERIOD,
    "a year before": Compare.PREVIOUS_YEAR,
    "nothing": Compare.NOTHING,
}
_EVERY = {"each week": "week", "each day": "day", "each month": "month"}
#: What the form itself asks about; other conditions of a report stay as they are.
_PARTS = ("platform", "account", "campaign")


def ask(context: Context, page: ReportsPage, line: ReportLine | None) -> Wanted | None:
    """Draw the form, with what a report has if one is given, and return what is wanted now; None without a metric."""
    key = f"report-{line.id if line else 'new'}"
    old = line.terms if line else None
    name = st.text_input("Name", value=line.name if line else "", key=f"{key}-name", max_chars=100) or ""
    if old is None and page.views:
        views = {one.id: one for one in page.views}
        chosen = st.selectbox(
            "Start from a saved view",
            ["", *views],
            format_func=lambda one: f"{views[one].name} ({views[one].page.title()})" if one else "No view",
            help="Takes its days, filters, columns and order. If the view changes later, the report stays as it is.",
            key=f"{key}-view",
        )
        if chosen:
            old = terms_of_view(views[chosen], metrics=page.metrics, currency=context.currency)
            key = f"{key}-{chosen}"
    terms = _ask_terms(context, page, old, key)
    cadence, zone = _ask_when(context, line, key)
    st.markdown("**Send to**")
    people = st.multiselect(
        "People, by mail",
        list(page.people),
        default=[one for one in line.people if one in page.people] if line else [context.signed_in.user_id],
        format_func=lambda one: page.people.get(one, one),
        key=f"{key}-people",
    )
    known = {one.id: one.name for one in page.targets}
    targets: list[str] = []
    if known:
        targets = st.multiselect(
            "Slack and webhooks",
            list(known),
            default=[one for one in line.targets if one in known] if line else [],
            format_func=lambda one: known.get(one, one),
            help="Those of the page Alerts. They are sent the figures as text or data, without the PDF file.",
            key=f"{key}-targets",
        )
    with_pdf = st.checkbox("Attach a PDF file to the mails", value=line.with_pdf if line else True, key=f"{key}-pdf")
    if terms is None:
        return None
    return Wanted(
        name=name,
        terms=terms,
        cadence=cadence,
        time_zone=zone,
        people=tuple(people),
        targets=tuple(targets),
        with_pdf=with_pdf,
    )


def _ask_terms(context: Context, page: ReportsPage, old: Terms | None, key: str) -> Terms | None:
    usual = [one for one in _USUAL if one in page.metrics]
    metrics = st.multiselect(
        "Figures",
        list(page.metrics),
        default=[one for one in old.metrics if one in page.metrics] if old else usual,
        format_func=lambda one: page.metrics[one].title if one in page.metrics else one,
        max_selections=MOST_METRICS,
        help="The first one is drawn by day.",
        key=f"{key}-metrics",
    )
    rows = [one.name for one in page.dimensions.values() if one.kind is not DimensionKind.TIME or one.name == "day"]
    first = old.dimension if old else "campaign"
    offered = ["", *rows] if first in rows or not first else [first, "", *rows]
    dimension = st.selectbox(
        "Rows by",
        offered,
        index=offered.index(first) if first in offered else 0,
        format_func=lambda one: (
            page.dimensions[one].title if one in page.dimensions else one or "No rows, totals alone"
        ),
        key=f"{key}-dimension",
    )
    span = _choose(
        "Days", {one.value.capitalize(): one for one in Span}, old.span if old else Span.DAYS_7, key=f"{key}-span"
    )
    compare = _choose("Compared with", _COMPARED, old.compare if old else Compare.PREVIOUS_PERIOD, key=f"{key}-compare")
    held = old.currency if old else context.currency
    currencies = list(dict.fromkeys([held, *page.currencies]))
    currency = st.selectbox("Currency", currencies, key=f"{key}-currency") or held
    where = _ask_part(page, old, key)
    shown = st.number_input(
        "Rows at most", min_value=1, max_value=MOST_ROWS, value=old.rows if old else 20, step=5, key=f"{key}-rows"
    )
    if not metrics:
        st.caption(":material/info: Choose at least one figure.")
        return None
    order = old.order_by if old and old.order_by.removeprefix("-") in metrics else ""
    return Terms(
        metrics=tuple(metrics),
        dimension=dimension or "",
        span=span,
        compare=compare,
        currency=currency,
        where=where,
        order_by=order,
        rows=int(shown),
    )


def _ask_part(page: ReportsPage, old: Terms | None, key: str) -> tuple[Condition, ...]:
    held = old.where if old else ()
    plain = {one.dimension: one for one in held if one.dimension in _PARTS and one.operator is _operator(one.dimension)}
    others = tuple(one for one in held if one not in plain.values())
    had = {name: plain[name].values if name in plain else () for name in _PARTS}
    with st.expander("Of a part only", expanded=bool(held)):
        platforms = st.multiselect(
            "Platforms",
            list(dict.fromkeys([*page.platforms, *had["platform"]])),
            default=list(had["platform"]),
            format_func=lambda one: page.platforms.get(one, one),
            key=f"{key}-platforms",
        )
        accounts = st.multiselect(
            "Accounts",
            list(dict.fromkeys([*page.accounts, *had["account"]])),
            default=list(had["account"]),
            format_func=lambda one: page.accounts.get(one, one),
            key=f"{key}-accounts",
        )
        campaign = st.text_input(
            "Campaigns whose name contains", value=next(iter(had["campaign"]), ""), max_chars=200, key=f"{key}-campaign"
        )
        if others:
            st.caption(f"And {len(others)} more of the view or of the command line, which stay.")
    chosen = {"platform": tuple(platforms), "account": tuple(accounts)}
    chosen["campaign"] = ((campaign or "").strip(),) if (campaign or "").strip() else ()
    return (
        *(
            Condition(dimension=name, values=values, operator=_operator(name))
            for name, values in chosen.items()
            if values
        ),
        *others,
    )


def _operator(part: str) -> Operator:
    return Operator.CONTAINS if part == "campaign" else Operator.IS


def _ask_when(context: Context, line: ReportLine | None, key: str) -> tuple[Cadence, str]:
    old = line.cadence if line else Cadence()
    st.markdown("**Send**")
    every = _choose("How often", _EVERY, old.every, key=f"{key}-every")
    weekday, day = old.weekday, old.day
    if every == "week":
        weekday = _choose("On", {name: n for n, name in enumerate(WEEKDAYS)}, old.weekday, key=f"{key}-weekday")
    if every == "month":
        day = int(
            st.number_input("On day", min_value=1, max_value=LAST_MONTH_DAY, value=old.day, step=1, key=f"{key}-day")
        )
    at = st.time_input("At", value=old.at, step=timedelta(minutes=15), key=f"{key}-at")
    zones = list(dict.fromkeys([line.time_zone if line else context.time_zone, context.time_zone, "UTC"]))
    zone = st.selectbox("Time zone", zones, key=f"{key}-zone") or zones[0]
    cadence = Cadence(every=every, at=at.replace(second=0, microsecond=0), weekday=weekday, day=day)
    return cadence, zone


def _choose(label: str, offered: Mapping[str, Value], old: Value, *, key: str) -> Value:
    names = list(offered)
    first = next((number for number, name in enumerate(names) if offered[name] == old), 0)
    return offered[st.selectbox(label, names, index=first, key=key) or names[first]]
