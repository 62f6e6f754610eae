"""What can be asked in a workspace: what is built in, and what is the workspace's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

from adjoin.analytics import v1
from adjoin.errors import BadInput, UnknownName
from adjoin_analytics.custom._stored import read_stored
from adjoin_analytics.custom.fields import fields_in
from adjoin_analytics.custom.metrics import metrics_in
from adjoin_analytics.custom.patterns import Pattern, read_pattern
from adjoin_analytics.definitions.dimensions import ATTRIBUTES, BUILT_IN
from adjoin_analytics.definitions.metrics import SUMS, built_in_metrics
from adjoin_analytics.formula import Formula, parse, sums_of

__all__ = ["Catalogue", "Field", "catalogue_of"]


_Own: TypeAlias = tuple[tuple[v1.CustomMetric, ...], tuple[v1.CustomField, ...]]


@dataclass(frozen=True, slots=True)
class Field:
    """A dimension that is read from names: which object's, and by which convention."""

    of: str
    pattern: Pattern
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The definitions of a workspace, and what is behind them."""

    definitions: v1.Definitions
    metrics: Mapping[str, v1.Metric]
    formulas: Mapping[str, Formula]
    dimensions: Mapping[str, v1.Dimension]
    fields: Mapping[str, Field]

    def metric(self, name: str) -> v1.Metric:
        """Return a metric. Raises UnknownName."""
        if name not in self.metrics:
            raise UnknownName(f"There is no metric {name!r}; there are {', '.join(self.metrics)}.")
        return self.metrics[name]

    def dimension(self, name: str) -> v1.Dimension:
        """Return a dimension. Raises UnknownName."""
        if name not in self.dimensions:
            raise UnknownName(f"There is no dimension {name!r}; there are {', '.join(self.dimensions)}.")
        return self.dimensions[name]

    def with_metric(self, own: v1.CustomMetric) -> Catalogue:
        """Return the catalogue with one more metric, in place of the one with its name. Raises BadInput."""
        formula = formula_of(own.formula)
        metrics = {**self.metrics, own.name: _defined(own, formula)}
        return replace(
            self,
            definitions=replace(self.definitions, metrics=tuple(metrics.values())),
            metrics=metrics,
            formulas={**self.formulas, own.name: formula},
        )

    def object_of(self, dimension: str) -> str:
        """Return the object that a dimension of the kind TEXT is known of; empty where it is none of these."""
        if dimension in self.fields:
            return self.fields[dimension].of
        return ATTRIBUTES[dimension].of if dimension in ATTRIBUTES else ""


@lru_cache(maxsize=1024)
def formula_of(text: str) -> Formula:
    """Return a formula over the sums of facts. Raises BadInput."""
    return parse(text, SUMS)


def catalogue_of(context: v1.AnalyticsContext) -> Catalogue:
    """Read what can be asked in a workspace. What of its own cannot be used any more is left out."""
    workspace = context.workspace_id
    nothing: _Own = ((), ())
    own_metrics, conventions = read_stored(
        context, lambda session: (metrics_in(session, workspace), fields_in(session, workspace)), nothing=nothing
    )
    metrics = {one.name: one for one in built_in_metrics(context.platforms)}
    formulas = {one.name: formula_of(one.formula) for one in metrics.values()}
    dimensions = {one.name: one for one in BUILT_IN}
    for own in own_metrics:
        try:
            formula = formula_of(own.formula)
        except BadInput:  # stored by a release that knew another sum
            continue
        formulas[own.name] = formula
        metrics[own.name] = _defined(own, formula)
    fields: dict[str, Field] = {}
    for convention in conventions:
        pattern = read_pattern(convention.pattern)
        for name in pattern.fields:
            fields[name] = Field(convention.of, pattern, dict(convention.values.get(name, {})))
            dimensions[name] = v1.Dimension(
                name=name,
                title=name.replace("_", " ").capitalize(),
                kind=v1.DimensionKind.TEXT,
                columns=(name,),
                description=f"Read from names by the convention {convention.name}.",
                custom=True,
                of=convention.of,
            )
    return Catalogue(
        definitions=v1.Definitions(metrics=tuple(metrics.values()), dimensions=tuple(dimensions.values())),
        metrics=metrics,
        formulas=formulas,
        dimensions=dimensions,
        fields=fields,
    )


def _defined(own: v1.CustomMetric, formula: Formula) -> v1.Metric:
    return v1.Metric(
        name=own.name,
        title=own.title,
        unit=own.unit,
        formula=own.formula,
        sums=sums_of(formula),
        description=own.description,
        good=own.good,
        custom=True,
    )
