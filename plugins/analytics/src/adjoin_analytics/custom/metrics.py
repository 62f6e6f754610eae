"""The metrics of a workspace's own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from adjoin.access import audit
from adjoin.analytics import v1
from adjoin.errors import BadInput, UnknownName
from adjoin_analytics.custom._stored import no_tables, read_stored, stored
from adjoin_analytics.custom.patterns import NAME
from adjoin_analytics.definitions.dimensions import BUILT_IN
from adjoin_analytics.definitions.metrics import SUMS, built_in_metrics
from adjoin_analytics.formula import parse
from adjoin_analytics.tables import StoredMetric

__all__ = ["define_metric", "forget_metric", "metrics_in", "stored_metrics"]

_MOST = 200
_LONGEST_TITLE, _LONGEST_DESCRIPTION = 80, 1000


def stored_metrics(context: v1.AnalyticsContext) -> tuple[v1.CustomMetric, ...]:
    """Return them by name."""
    return read_stored(context, lambda session: metrics_in(session, context.workspace_id), nothing=())


def metrics_in(session: Session, workspace_id: str) -> tuple[v1.CustomMetric, ...]:
    """Return those of a workspace by name, from a session."""
    return tuple(
        v1.CustomMetric(
            name=row.name,
            title=row.title,
            unit=row.unit,
            formula=row.formula,
            good=row.good,
            description=row.description,
        )
        for row in stored(session, workspace_id, StoredMetric)
    )


def define_metric(context: v1.AnalyticsContext, metric: v1.CustomMetric, *, by: str) -> None:
    """Store a metric in place of the one with its name, and note it in the audit log.

    Raises BadInput for a name that is taken, a formula that cannot be read, or texts that are too long; StateError
    where the plugin's tables are not there.
    """
    check_metric(context, metric)
    try:
        with context.write() as session:
            before = session.get(StoredMetric, (context.workspace_id, metric.name))
            told = None if before is None else _told(before)
            row = before or StoredMetric(
                workspace_id=context.workspace_id,
                name=metric.name,
                title="",
                unit=metric.unit,
                formula="",
                good=metric.good,
            )
            row.title = metric.title.strip()
            row.unit, row.formula, row.good = metric.unit, metric.formula.strip(), metric.good
            row.description = metric.description.strip()
            session.add(row)
            audit.record(
                session,
                workspace_id=context.workspace_id,
                actor=by,
                action="metric.defined",
                object_kind="metric",
                object_id=metric.name,
                before=told,
                after=_told(row),
                now=context.now(),
            )
    except sa.exc.DBAPIError as error:
        raise no_tables(error) or error from error


def check_metric(context: v1.AnalyticsContext, metric: v1.CustomMetric) -> None:
    """Raise BadInput for a metric that cannot be stored, saying what is wrong with it."""
    if not NAME.fullmatch(metric.name):
        raise BadInput(
            f"A metric cannot be named {metric.name!r}: use small letters, digits and underscores, beginning with a "
            "letter, at most 40."
        )
    taken = {one.name for one in built_in_metrics({})} | {name for one in BUILT_IN for name in one.columns} | set(SUMS)
    if metric.name in taken:
        raise BadInput(f"The name {metric.name!r} is taken by what is built in; choose another one.")
    if metric.name in _field_names(context):
        raise BadInput(f"The name {metric.name!r} is taken by a field of a naming convention; choose another one.")
    if not metric.title.strip() or len(metric.title) > _LONGEST_TITLE:
        raise BadInput(f"A metric needs a title of at most {_LONGEST_TITLE} characters.")
    if len(metric.description) > _LONGEST_DESCRIPTION:
        raise BadInput(f"The description of a metric has at most {_LONGEST_DESCRIPTION} characters.")
    parse(metric.formula, SUMS)
    kept = stored_metrics(context)
    if len(kept) >= _MOST and metric.name not in {one.name for one in kept}:
        raise BadInput(f"A workspace has at most {_MOST} metrics of its own; delete one that is not used.")


def forget_metric(context: v1.AnalyticsContext, name: str, *, by: str) -> None:
    """Remove a metric and note it in the audit log. Raises UnknownName."""
    try:
        with context.write() as session:
            row = session.get(StoredMetric, (context.workspace_id, name))
            if row is None:
                raise UnknownName(f"This workspace has no metric {name!r} of its own.")
            audit.record(
                session,
                workspace_id=context.workspace_id,
                actor=by,
                action="metric.forgotten",
                object_kind="metric",
                object_id=name,
                before=_told(row),
                now=context.now(),
            )
            session.delete(row)
    except sa.exc.DBAPIError as error:
        raise no_tables(error) or error from error


def _field_names(context: v1.AnalyticsContext) -> set[str]:
    from adjoin_analytics.custom.fields import names_of_fields

    return names_of_fields(context)


def _told(row: StoredMetric) -> dict[str, Any]:
    return {
        "title": row.title,
        "unit": row.unit.value,
        "formula": row.formula,
        "good": row.good.value,
        "description": row.description,
    }
