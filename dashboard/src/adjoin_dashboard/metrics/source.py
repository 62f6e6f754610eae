"""Asks about the metrics of a workspace, tries new ones on real figures and names, and stores and removes them."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from adjoin.analytics import asking, defining, v1
from adjoin_dashboard.asking import forget_definitions, place_of
from adjoin_dashboard.context import Context

__all__ = ["conventions", "forget_field", "forget_metric", "save_field", "save_metric", "try_field", "try_metric"]

_EXAMPLES = 20


def conventions(context: Context) -> tuple[v1.CustomField, ...]:
    """Return the naming conventions. Raises StateError where no plugin answers."""
    return asking.conventions(context.host.kernel, place_of(context))


def try_metric(context: Context, metric: v1.CustomMetric) -> v1.Answer:
    """Return what a metric comes to in the last 30 days, by platform. Raises as `v1.Analytics.try_metric` says."""
    return _tried(
        context.workspace_id,
        context.data_version,
        context.today(),
        context.currency,
        metric.formula,
        metric.unit.value,
        context,
    )


@st.cache_data(show_spinner=False, max_entries=500, ttl=timedelta(hours=1))
def _tried(
    workspace_id: str, data_version: str, today: date, currency: str, formula: str, unit: str, _context: Context
) -> v1.Answer:
    metric = v1.CustomMetric(name="tried", title="Tried", unit=v1.Unit(unit), formula=formula)
    question = defining.trial_question(metric, today=today, currency=currency)
    return defining.try_metric(_context.host.kernel, place_of(_context), metric, question)


def try_field(context: Context, convention: v1.CustomField) -> v1.FieldTrial:
    """Return what a convention makes of the names there are. Raises as `v1.Analytics.try_field` says."""
    return _read(context.workspace_id, context.data_version, convention.of, convention.pattern, context)


@st.cache_data(show_spinner=False, max_entries=200, ttl=timedelta(hours=1))
def _read(workspace_id: str, data_version: str, of: str, pattern: str, _context: Context) -> v1.FieldTrial:
    convention = v1.CustomField(name="tried", of=of, pattern=pattern)
    return defining.try_field(_context.host.kernel, place_of(_context), convention, most=_EXAMPLES)


def save_metric(context: Context, metric: v1.CustomMetric) -> None:
    """Store a metric. Raises as `adjoin.analytics.defining.define_metric` says."""
    defining.define_metric(context.host.kernel, place_of(context), metric, by=context.actor)
    forget_definitions(context)


def forget_metric(context: Context, name: str) -> None:
    """Remove a metric. Raises as `adjoin.analytics.defining.forget_metric` says."""
    defining.forget_metric(context.host.kernel, place_of(context), name, by=context.actor)
    forget_definitions(context)


def save_field(context: Context, convention: v1.CustomField) -> None:
    """Store a naming convention. Raises as `adjoin.analytics.defining.define_field` says."""
    defining.define_field(context.host.kernel, place_of(context), convention, by=context.actor)
    forget_definitions(context)


def forget_field(context: Context, name: str) -> None:
    """Remove a naming convention. Raises as `adjoin.analytics.defining.forget_field` says."""
    defining.forget_field(context.host.kernel, place_of(context), name, by=context.actor)
    forget_definitions(context)
