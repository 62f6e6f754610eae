"""The hooks: each hands over to the module of its subject, which is imported when it is first used."""

from __future__ import annotations

from datetime import date
from functools import cached_property, partial
from typing import TYPE_CHECKING

from adjoin.analytics import v1
from adjoin.contract import hookimpl

if TYPE_CHECKING:
    from adjoin.currency import Rates
    from adjoin_analytics.asking.answering import Answering
    from adjoin_analytics.insights.arriving import Curves

__all__ = ["Analyst"]


class Analyst(v1.Analytics):
    """Answers questions from Parquet facts, with DuckDB. Tests bring rates of their own."""

    def __init__(self, rates: Rates | None = None) -> None:
        self._rates = rates

    @cached_property
    def _answering(self) -> Answering:
        from adjoin_analytics.asking.answering import Answering

        return Answering(self._rates)

    @cached_property
    def _curves(self) -> Curves:
        from adjoin_analytics.insights.arriving import Curves

        return Curves()

    @hookimpl
    def definitions(self, context: v1.AnalyticsContext) -> v1.Definitions:
        from adjoin_analytics.definitions.catalogue import catalogue_of

        return catalogue_of(context).definitions

    @hookimpl
    def ask(self, context: v1.AnalyticsContext, question: v1.Question) -> v1.Answer:
        return self._answering.answer(context, question)

    @hookimpl
    def custom_metrics(self, context: v1.AnalyticsContext) -> tuple[v1.CustomMetric, ...]:
        from adjoin_analytics.custom.metrics import stored_metrics

        return stored_metrics(context)

    @hookimpl
    def define_metric(self, context: v1.AnalyticsContext, metric: v1.CustomMetric, by: str) -> None:
        from adjoin_analytics.custom.metrics import define_metric

        define_metric(context, metric, by=by)

    @hookimpl
    def forget_metric(self, context: v1.AnalyticsContext, name: str, by: str) -> None:
        from adjoin_analytics.custom.metrics import forget_metric

        forget_metric(context, name, by=by)

    @hookimpl
    def custom_fields(self, context: v1.AnalyticsContext) -> tuple[v1.CustomField, ...]:
        from adjoin_analytics.custom.fields import stored_fields

        return stored_fields(context)

    @hookimpl
    def define_field(self, context: v1.AnalyticsContext, convention: v1.CustomField, by: str) -> None:
        from adjoin_analytics.custom.fields import define_field

        define_field(context, convention, by=by)

    @hookimpl
    def forget_field(self, context: v1.AnalyticsContext, name: str, by: str) -> None:
        from adjoin_analytics.custom.fields import forget_field

        forget_field(context, name, by=by)

    @hookimpl
    def try_metric(self, context: v1.AnalyticsContext, metric: v1.CustomMetric, question: v1.Question) -> v1.Answer:
        return self._answering.answer(context, question, trial=metric)

    @hookimpl
    def try_field(self, context: v1.AnalyticsContext, convention: v1.CustomField, most: int) -> v1.FieldTrial:
        from adjoin_analytics.custom.trials import try_field

        return try_field(context, convention, self._answering.objects, most=most)

    @hookimpl
    def findings(
        self,
        context: v1.AnalyticsContext,
        since: date,
        until: date,
        currency: str,
        where: tuple[v1.Condition, ...],
    ) -> v1.Findings:
        from adjoin_analytics.insights.looking import look

        ask, known = partial(self._answering.answer, context), self.definitions(context)
        curves = self._curves.of(context, known)
        return look(ask, context, known, since=since, until=until, currency=currency, where=where, curves=curves)

    @hookimpl
    def forecast(
        self,
        context: v1.AnalyticsContext,
        metric: str,
        until: date,
        currency: str | None,
        where: tuple[v1.Condition, ...],
    ) -> v1.Forecast:
        from adjoin_analytics.insights.outlook import foresee

        ask = partial(self._answering.answer, context)
        return foresee(ask, context, self.definitions(context), metric, until=until, currency=currency, where=where)

    @hookimpl
    def dismiss(self, context: v1.AnalyticsContext, findings: tuple[str, ...], by: str, until: date | None) -> None:
        from adjoin_analytics.insights.dismissals import dismiss

        dismiss(context, findings, by=by, until=until)

    @hookimpl
    def restore(self, context: v1.AnalyticsContext, findings: tuple[str, ...], by: str) -> None:
        from adjoin_analytics.insights.dismissals import restore

        restore(context, findings, by=by)

    @hookimpl
    def dismissed(self, context: v1.AnalyticsContext) -> tuple[v1.Dismissal, ...]:
        from adjoin_analytics.insights.dismissals import dismissed

        return dismissed(context)

    @hookimpl
    def explain(self, context: v1.AnalyticsContext, question: v1.Question, most: int, depth: int) -> v1.Explanation:
        from adjoin_analytics.explaining.changes import explain_change

        ask = partial(self._answering.answer, context)
        return explain_change(ask, self.definitions(context), question, most=most, depth=depth)

    @hookimpl
    def pacing(self, context: v1.AnalyticsContext, month: date, accounts: tuple[str, ...]) -> v1.Pacing:
        from adjoin_analytics.spending.paces import pacing_of

        curves = self._curves.of(context, self.definitions(context))
        return pacing_of(partial(self._answering.answer, context), context, month, accounts, curves=curves)

    @hookimpl
    def budgets(self, context: v1.AnalyticsContext) -> tuple[v1.Budget, ...]:
        from adjoin_analytics.spending.budgets import stored_budgets

        return stored_budgets(context)

    @hookimpl
    def set_budget(self, context: v1.AnalyticsContext, key: tuple[str, ...], month: date, micros: int, by: str) -> None:
        from adjoin_analytics.spending.budgets import set_budget

        set_budget(context, key, month, micros, by=by)

    @hookimpl
    def forget_budget(self, context: v1.AnalyticsContext, key: tuple[str, ...], month: date, by: str) -> None:
        from adjoin_analytics.spending.budgets import forget_budget

        forget_budget(context, key, month, by=by)
