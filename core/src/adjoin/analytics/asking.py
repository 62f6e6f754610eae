"""Asking the plugin that answers questions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from adjoin.analytics import v1
from adjoin.errors import StateError

if TYPE_CHECKING:
    from adjoin.kernel import Kernel

__all__ = [
    "able",
    "ask",
    "budgets",
    "conventions",
    "definitions",
    "dismiss",
    "dismissed",
    "explain",
    "findings",
    "forecast",
    "forget_budget",
    "pacing",
    "provider",
    "restore",
    "set_budget",
]


def provider(kernel: Kernel) -> str:
    """Return the name of the one plugin that answers questions. Raises StateError where there is none, or several."""
    found = kernel.plugins("analytics")
    if len(found) == 1:
        return found[0]
    if found:
        raise StateError(
            f"Several plugins answer questions about figures: {', '.join(found)}. Switch off all but one of them: "
            "`adjoin plugins disable NAME`."
        )
    failed = [report for report in kernel.reports if report.contract == "analytics"]
    if not failed:
        raise StateError(
            "No plugin answers questions about figures; install the package adjoin-analytics and start Adjoin again."
        )
    reasons = "; ".join(f"{one.name} is switched off" if one.error is None else one.error for one in failed)
    raise StateError(
        f"No plugin answers questions about figures: {reasons}. Run `adjoin plugins list`, and `adjoin plugins enable "
        "NAME` for one that is switched off."
    )


def ask(kernel: Kernel, context: v1.AnalyticsContext, question: v1.Question) -> v1.Answer:
    """Answer a question. Blocks. Raises StateError as `provider` does, and what `v1.Analytics.ask` says."""
    return kernel.hook(v1.Analytics.ask).one(provider(kernel), context, question)


def definitions(kernel: Kernel, context: v1.AnalyticsContext) -> v1.Definitions:
    """Return what can be asked in a workspace. Raises StateError as `provider`."""
    return kernel.hook(v1.Analytics.definitions).one(provider(kernel), context)


def conventions(kernel: Kernel, context: v1.AnalyticsContext) -> tuple[v1.CustomField, ...]:
    """Return the workspace's naming conventions; none where the plugin has no such thing. Raises StateError."""
    name, hook = provider(kernel), kernel.hook(v1.Analytics.custom_fields)
    return hook.one(name, context) if hook.implemented_by(name) else ()


def findings(
    kernel: Kernel,
    context: v1.AnalyticsContext,
    *,
    since: date,
    until: date,
    currency: str,
    where: tuple[v1.Condition, ...] = (),
) -> v1.Findings:
    """Return what is worth looking at. Raises StateError where no plugin looks, and what the hook says."""
    return kernel.hook(v1.Analytics.findings).one(
        able(kernel, v1.Analytics.findings), context, since, until, currency, where
    )


def forecast(
    kernel: Kernel,
    context: v1.AnalyticsContext,
    metric: str,
    *,
    until: date,
    currency: str | None = None,
    where: tuple[v1.Condition, ...] = (),
) -> v1.Forecast:
    """Return what a metric will come to. Raises StateError where no plugin forecasts, and what the hook says."""
    return kernel.hook(v1.Analytics.forecast).one(
        able(kernel, v1.Analytics.forecast), context, metric, until, currency, where
    )


def dismiss(
    kernel: Kernel, context: v1.AnalyticsContext, finding: v1.Finding, *, by: str, until: date | None = None
) -> None:
    """Put a finding aside with all that it stands for, up to a day or for good. Raises what the hook says."""
    kernel.hook(v1.Analytics.dismiss).one(
        able(kernel, v1.Analytics.dismiss), context, (finding.id, *finding.covers), by, until
    )


def restore(kernel: Kernel, context: v1.AnalyticsContext, finding: v1.Finding, *, by: str) -> None:
    """Take a dismissal back, also of what the finding stands for. Raises what the hook says."""
    kernel.hook(v1.Analytics.restore).one(
        able(kernel, v1.Analytics.restore), context, (finding.id, *finding.covers), by
    )


def dismissed(kernel: Kernel, context: v1.AnalyticsContext) -> tuple[v1.Dismissal, ...]:
    """Return what is put aside today; nothing where the plugin keeps no such thing. Raises StateError as `provider`."""
    name, hook = provider(kernel), kernel.hook(v1.Analytics.dismissed)
    return hook.one(name, context) if hook.implemented_by(name) else ()


def explain(
    kernel: Kernel, context: v1.AnalyticsContext, question: v1.Question, *, most: int = 5, depth: int = 1
) -> v1.Explanation:
    """Say what made the change of a metric. Raises StateError where no plugin can say it, and what the hook says."""
    return kernel.hook(v1.Analytics.explain).one(able(kernel, v1.Analytics.explain), context, question, most, depth)


def pacing(kernel: Kernel, context: v1.AnalyticsContext, month: date, *, accounts: tuple[str, ...] = ()) -> v1.Pacing:
    """Return how the budgets of a month stand. Raises StateError where no plugin knows, and what the hook says."""
    return kernel.hook(v1.Analytics.pacing).one(able(kernel, v1.Analytics.pacing), context, month, accounts)


def budgets(kernel: Kernel, context: v1.AnalyticsContext) -> tuple[v1.Budget, ...]:
    """Return the budgets that were set; none where the plugin keeps no such thing. Raises StateError as `provider`."""
    name, hook = provider(kernel), kernel.hook(v1.Analytics.budgets)
    return hook.one(name, context) if hook.implemented_by(name) else ()


def set_budget(
    kernel: Kernel, context: v1.AnalyticsContext, key: tuple[str, ...], month: date, micros: int, *, by: str
) -> None:
    """Set a monthly budget. Raises StateError where no plugin keeps any, and what the hook says."""
    kernel.hook(v1.Analytics.set_budget).one(able(kernel, v1.Analytics.set_budget), context, key, month, micros, by)


def forget_budget(kernel: Kernel, context: v1.AnalyticsContext, key: tuple[str, ...], month: date, *, by: str) -> None:
    """End a monthly budget. Raises StateError where no plugin keeps any, and what the hook says."""
    kernel.hook(v1.Analytics.forget_budget).one(able(kernel, v1.Analytics.forget_budget), context, key, month, by)


def able(kernel: Kernel, hook: Callable[..., Any]) -> str:
    """Return the plugin that answers questions, which must have this hook too."""
    name = provider(kernel)
    if not kernel.hook(hook).implemented_by(name):
        raise StateError(
            f"The plugin {name!r} answers questions about figures but has no {hook.__name__!r}; install the package "
            "adjoin-analytics in its place."
        )
    return name
