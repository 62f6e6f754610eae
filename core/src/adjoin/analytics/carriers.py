"""Which datasets carry a metric or a dimension."""

from __future__ import annotations

from adjoin.ads.datasets import DATASETS
from adjoin.analytics.v1 import Definitions, Dimension, DimensionKind, Metric

__all__ = ["datasets_of_dimension", "datasets_of_metric"]

_EVERYWHERE = {"platform", "account_id"}


def datasets_of_metric(metric: Metric) -> tuple[str, ...]:
    """Return the datasets that have all sums of a metric, the coarsest first."""
    return tuple(name for name, dataset in DATASETS.items() if set(metric.sums) <= set(dataset.metrics))


def datasets_of_dimension(dimension: Dimension, definitions: Definitions) -> tuple[str, ...]:
    """Return the datasets that can tell a dimension apart, the coarsest first.

    What is known of an object is told apart wherever the object is.
    """
    whole = next((one for one in definitions.dimensions if one.name == dimension.of), dimension)
    if whole.kind is DimensionKind.OBJECT:
        keys = set(whole.columns[:-1]) - _EVERYWHERE
    else:
        keys = {key for key in whole.columns if any(key in dataset.keys for dataset in DATASETS.values())}
    return tuple(name for name, dataset in DATASETS.items() if keys <= set(dataset.keys))
