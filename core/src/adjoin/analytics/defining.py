"""Metrics and naming conventions of a workspace's own: trying, storing and removing them, for those who may."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.analytics import v1
from adjoin.analytics.asking import able, provider

if TYPE_CHECKING:
    from adjoin.kernel import Kernel

__all__ = [
    "custom_metrics",
    "define_field",
    "define_metric",
    "forget_field",
    "forget_metric",
    "trial_question",
    "try_field",
    "try_metric",
]

_TRIED = timedelta(days=30)


def custom_metrics(kernel: Kernel, context: v1.AnalyticsContext) -> tuple[v1.CustomMetric, ...]:
    """Return the workspace's own metrics; none where the plugin has no such thing. Raises StateError."""
    name, hook = provider(kernel), kernel.hook(v1.Analytics.custom_metrics)
    return hook.one(name, context) if hook.implemented_by(name) else ()


def trial_question(metric: v1.CustomMetric, *, today: date, currency: str | None = None) -> v1.Question:
    """Return what a metric is tried with: the last 30 days before today, by platform."""
    return v1.Question(
        since=today - _TRIED,
        until=today - timedelta(1),
        metrics=(metric.name,),
        dimensions=("platform",),
        currency=currency,
        order_by=("platform",),
    )


def try_metric(
    kernel: Kernel, context: v1.AnalyticsContext, metric: v1.CustomMetric, question: v1.Question
) -> v1.Answer:
    """Answer a question as if a metric were stored. Raises StateError where no plugin can, and what the hook says."""
    return kernel.hook(v1.Analytics.try_metric).one(able(kernel, v1.Analytics.try_metric), context, metric, question)


def try_field(
    kernel: Kernel, context: v1.AnalyticsContext, convention: v1.CustomField, *, most: int = 20
) -> v1.FieldTrial:
    """Say what a naming convention makes of names. Raises StateError where no plugin can, and what the hook says."""
    return kernel.hook(v1.Analytics.try_field).one(able(kernel, v1.Analytics.try_field), context, convention, most)


def define_metric(kernel: Kernel, context: v1.AnalyticsContext, metric: v1.CustomMetric, *, by: Actor) -> None:
    """Store a metric. Raises Forbidden, StateError where it cannot be kept, and what the hook says."""
    _check(context, by)
    kernel.hook(v1.Analytics.define_metric).one(able(kernel, v1.Analytics.define_metric), context, metric, by.name)


def forget_metric(kernel: Kernel, context: v1.AnalyticsContext, name: str, *, by: Actor) -> None:
    """Remove a metric. Raises Forbidden, StateError where none is kept, and what the hook says."""
    _check(context, by)
    kernel.hook(v1.Analytics.forget_metric).one(able(kernel, v1.Analytics.forget_metric), context, name, by.name)


def define_field(kernel: Kernel, context: v1.AnalyticsContext, convention: v1.CustomField, *, by: Actor) -> None:
    """Store a naming convention. Raises Forbidden, StateError where it cannot be kept, and what the hook says."""
    _check(context, by)
    kernel.hook(v1.Analytics.define_field).one(able(kernel, v1.Analytics.define_field), context, convention, by.name)


def forget_field(kernel: Kernel, context: v1.AnalyticsContext, name: str, *, by: Actor) -> None:
    """Remove a naming convention. Raises Forbidden, StateError where none is kept, and what the hook says."""
    _check(context, by)
    kernel.hook(v1.Analytics.forget_field).one(able(kernel, v1.Analytics.forget_field), context, name, by.name)


def _check(context: v1.AnalyticsContext, by: Actor) -> None:
    """Raise Forbidden for whoever may not define anything here now, StateError where the workspace is to be deleted."""
    from adjoin.access._locks import lock_staying

    with context.write() as session:
        lock_staying(session, context.workspace_id, by, Permission.DEFINE_METRICS)
