"""The form of an alert: what is watched, when, and who is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import streamlit as st

from adjoin.alerts.rules import RuleLine, Wanted
from adjoin.alerts.terms import (
    Anomaly,
    Cadence,
    Change,
    Compared,
    Days,
    Health,
    Pacing,
    Part,
    Side,
    Terms,
    Threshold,
)
from adjoin.analytics.v1 import Unit
from adjoin.health.model import Severity
from adjoin_dashboard.alerts.model import COOL_DOWNS, WEEKDAYS, AlertsPage
from adjoin_dashboard.context import Context

__all__ = ["ask"]

Value = TypeVar("Value")

#: The kinds of alerts by what the form calls them.
KINDS: dict[str, type[Terms]] = {
    "A figure is above or below a value": Threshold,
    "A figure has changed": Change,
    "A figure is unusual": Anomaly,
    "The month is off its budget": Pacing,
    "A sync needs attention": Health,
}
_LEAST = {"it needs attention, or is broken": Severity.ATTENTION, "it is broken": Severity.BROKEN}
_COMPARED = {"the days before": Compared.PERIOD, "a year before": Compared.YEAR}
_SIDES = {"above": Side.ABOVE, "below": Side.BELOW}
_MOVES = {"has risen": Side.ABOVE, "has fallen": Side.BELOW}
_USUAL_METRIC = "cost"


def ask(context: Context, page: AlertsPage, line: RuleLine | None) -> Wanted:
    """Draw the form, with what an alert has if one is given, and return what is wanted now."""
    key = f"alert-{line.id if line else 'new'}"
    name = st.text_input("Name", value=line.name if line else "", key=f"{key}-name", max_chars=100) or ""
    terms = _ask_terms(context, page, line.terms if line else None, key)
    cadence, zone = _ask_when(context, line, key)
    st.markdown("**Tell**")
    people = st.multiselect(
        "People, by mail",
        list(page.people),
        default=[one for one in line.people if one in page.people] if line else [context.signed_in.user_id],
        format_func=lambda one: page.people.get(one, one),
        key=f"{key}-people",
    )
    known = {one.id: one.name for one in page.targets}
    chosen: Sequence[str] = ()
    if known:
        chosen = st.multiselect(
            "Slack and webhooks",
            list(known),
            default=[one for one in line.targets if one in known] if line else [],
            format_func=lambda one: known.get(one, one),
            key=f"{key}-targets",
        )
    pause = _choose(
        "Pause between messages",
        _with(COOL_DOWNS, line.cool_down if line else timedelta(0)),
        line.cool_down if line else timedelta(0),
        key=f"{key}-pause",
        hint="How long it stays silent after it has told that it fires, should it be over and begin again.",
    )
    return Wanted(
        name=name,
        terms=terms,
        cron=cadence.cron,
        time_zone=zone,
        people=tuple(people),
        targets=tuple(chosen),
        cool_down=pause,
    )


def _ask_terms(context: Context, page: AlertsPage, old: Terms | None, key: str) -> Terms:
    kinds = KINDS if page.metrics else {name: kind for name, kind in KINDS.items() if kind is Health}
    kind = _choose(
        "Tell me when", kinds, type(old) if old is not None else next(iter(kinds.values())), key=f"{key}-kind"
    )
    if kind is Health:
        return _ask_health(page, old if isinstance(old, Health) else None, key)
    metric = ""
    if kind is not Pacing:
        metric = _ask_metric(page, str(getattr(old, "metric", "")), key, may_be_any=kind is Anomaly)
    unit = page.metrics[metric].unit if metric else Unit.MONEY
    currency = str(getattr(old, "currency", "")) or context.currency
    if unit is Unit.MONEY:
        offered = dict.fromkeys([currency, *page.currencies])
        currency = st.selectbox("Currency", list(offered), key=f"{key}-currency") or currency
    if kind is Threshold:
        threshold = old if isinstance(old, Threshold) else None
        days = _ask_days(threshold.days if threshold else Days.YESTERDAY, key)
        side = _choose("Is", _SIDES, threshold.side if threshold else Side.ABOVE, key=f"{key}-side")
        percent = unit is Unit.SHARE
        value = _number(
            "Value in percent" if percent else "Value",
            (threshold.value * (100 if percent else 1)) if threshold else Decimal(0),
            key=f"{key}-value",
        )
        return Threshold(
            metric=metric,
            days=days,
            side=side,
            value=value / 100 if percent else value,
            currency=currency,
            part=_ask_part(page, old, key),
        )
    if kind is Change:
        change = old if isinstance(old, Change) else None
        days = _ask_days(change.days if change else Days.WEEK, key)
        side = _choose("It", _MOVES, change.side if change else Side.ABOVE, key=f"{key}-move")
        percent_ = _number("By more than, in percent", change.percent if change else Decimal(20), key=f"{key}-percent")
        compared = _choose(
            "Compared with", _COMPARED, change.compared if change else Compared.PERIOD, key=f"{key}-compared"
        )
        return Change(
            metric=metric,
            days=days,
            side=side,
            percent=percent_,
            compared=compared,
            currency=currency,
            part=_ask_part(page, old, key),
        )
    if kind is Pacing:
        pacing = old if isinstance(old, Pacing) else None
        budget = _number("Budget of the month", pacing.budget if pacing else Decimal(0), key=f"{key}-budget")
        off = _number("Off by more than, in percent", pacing.percent if pacing else Decimal(10), key=f"{key}-off")
        return Pacing(budget=budget, percent=off, currency=currency, part=_ask_part(page, old, key))
    st.caption("Judged by the past of the figure itself: weekdays and trend are taken into account.")
    return Anomaly(metric=metric, currency=currency, part=_ask_part(page, old, key))


def _ask_metric(page: AlertsPage, old: str, key: str, *, may_be_any: bool) -> str:
    offered = ["", *page.metrics] if may_be_any else list(page.metrics)
    first = old if old in offered else "" if may_be_any else _USUAL_METRIC if _USUAL_METRIC in offered else offered[0]
    return (
        st.selectbox(
            "Figure",
            offered,
            index=offered.index(first),
            format_func=lambda one: page.metrics[one].title if one else "Any figure",
            key=f"{key}-metric-{may_be_any}",
        )
        or ""
    )


def _ask_days(old: Days, key: str) -> Days:
    return _choose("Of", {one.value: one for one in Days}, old, key=f"{key}-days")


def _ask_part(page: AlertsPage, old: Terms | None, key: str) -> Part:
    part = getattr(old, "part", Part())
    with st.expander("Of a part only", expanded=part != Part()):
        platforms = st.multiselect(
            "Platforms",
            list(dict.fromkeys([*page.platforms, *part.platforms])),
            default=list(part.platforms),
            format_func=lambda one: page.platforms.get(one, one),
            key=f"{key}-platforms",
        )
        accounts = st.multiselect(
            "Accounts",
            list(dict.fromkeys([*page.accounts, *part.accounts])),
            default=list(part.accounts),
            format_func=lambda one: page.accounts.get(one, one),
            key=f"{key}-accounts",
        )
        campaign = st.text_input("Campaigns whose name contains", value=part.campaign, key=f"{key}-campaign")
    return Part(platforms=tuple(platforms), accounts=tuple(accounts), campaign=(campaign or "").strip())


def _ask_health(page: AlertsPage, old: Health | None, key: str) -> Health:
    chosen = st.multiselect(
        "Connections",
        list(dict.fromkeys([*page.connections, *(old.connections if old else ())])),
        default=list(old.connections) if old else [],
        format_func=lambda one: page.connections.get(one, "one that is gone"),
        placeholder="All connections",
        key=f"{key}-connections",
    )
    least = _choose("When", _LEAST, old.least if old else Severity.ATTENTION, key=f"{key}-least")
    return Health(least=least, connections=tuple(chosen))


def _ask_when(context: Context, line: RuleLine | None, key: str) -> tuple[Cadence, str]:
    old = Cadence.of(line.cron) if line else Cadence()
    offered = {"each day": "day", "each hour": "hour", "each week": "week"}
    st.markdown("**Check**")
    every = _choose("How often", offered, old.every, key=f"{key}-every")
    weekday = old.weekday
    if every == "week":
        weekday = _choose("On", {name: n for n, name in enumerate(WEEKDAYS)}, old.weekday, key=f"{key}-weekday")
    at = st.time_input("At", value=old.at, step=timedelta(minutes=15), key=f"{key}-at")
    zones = list(dict.fromkeys([line.time_zone if line else context.time_zone, context.time_zone, "UTC"]))
    zone = st.selectbox("Time zone", zones, key=f"{key}-zone") or zones[0]
    if every == "hour":
        st.caption(f"Of the time, the minutes count: each hour at minute {at.minute}.")
    return Cadence(every=every, at=at.replace(second=0, microsecond=0), weekday=weekday), zone


def _choose(label: str, offered: Mapping[str, Value], old: Value, *, key: str, hint: str | None = None) -> Value:
    names = list(offered)
    first = next((number for number, name in enumerate(names) if offered[name] == old), 0)
    return offered[st.selectbox(label, names, index=first, key=key, help=hint) or names[first]]


def _number(label: str, value: Decimal, *, key: str) -> Decimal:
    typed = st.number_input(label, min_value=0.0, value=float(value), step=1.0, format="%.2f", key=key)
    return Decimal(repr(round(float(typed or 0), 6)))


def _with(offered: Mapping[str, timedelta], value: timedelta) -> dict[str, timedelta]:
    """Offer what is stored too, should it not be offered."""
    return dict(offered) if value in offered.values() else {**offered, str(value): value}
