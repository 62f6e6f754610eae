"""Commands about which numbers there are: metrics, metrics define and forget, metrics fields."""

from __future__ import annotations

from enum import StrEnum

import typer

from adjoin.cli import naming
from adjoin.cli._output import print_json, print_table, say

__all__ = ["register"]

_commands = typer.Typer(add_completion=False, rich_markup_mode=None)


class _Unit(StrEnum):
    COUNT = "count"
    MONEY = "money"
    SHARE = "share"
    MULTIPLE = "multiple"


class _Good(StrEnum):
    UP = "up"
    DOWN = "down"
    NEITHER = "neither"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    _commands.command("define")(define)
    _commands.command("forget")(forget)
    naming.register(_commands)
    app.add_typer(_commands, name="metrics")


@_commands.callback(invoke_without_command=True)
def metrics(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print them as JSON."),
) -> None:
    """List the metrics and dimensions that a report can have, or make and remove the workspace's own.

    Example: adjoin metrics --json
    """
    if context.invoked_subcommand is not None:
        return
    from adjoin.analytics.carriers import datasets_of_dimension, datasets_of_metric
    from adjoin.cli._figures import figures_of
    from adjoin.cli._place import place_of

    with place_of(context) as place, figures_of(place) as figures:
        known = figures.definitions()
    if as_json:
        print_json(
            {
                "metrics": [
                    {
                        "name": one.name,
                        "title": one.title,
                        "unit": one.unit.value,
                        "formula": one.formula,
                        "sums": list(one.sums),
                        "good": one.good.value,
                        "description": one.description,
                        "notes": dict(one.notes),
                        "datasets": list(datasets_of_metric(one)),
                        "custom": one.custom,
                    }
                    for one in known.metrics
                ],
                "dimensions": [
                    {
                        "name": one.name,
                        "title": one.title,
                        "kind": one.kind.value,
                        "columns": list(one.columns),
                        "inside": one.inside,
                        "of": one.of,
                        "description": one.description,
                        "datasets": list(datasets_of_dimension(one, known)),
                        "custom": one.custom,
                    }
                    for one in known.dimensions
                ],
            }
        )
        return
    print_table(
        [(name, False) for name in ("metric", "title", "unit", "formula", "meaning")],
        [(one.name, one.title, one.unit.value, one.formula, one.description) for one in known.metrics],
        title="Metrics",
    )
    print_table(
        [(name, False) for name in ("dimension", "title", "kind", "part of", "meaning")],
        [(one.name, one.title, one.kind.value, one.inside, one.description) for one in known.dimensions],
        title="Dimensions",
    )
    say("Ask for them: adjoin report --metric cost --by campaign --by day")


def define(
    context: typer.Context,
    name: str = typer.Argument(help="Its name: small letters, digits and underscores."),
    formula: str = typer.Option(
        ..., "--formula", help="Arithmetic (+ - * / and brackets) over sums: conversion_value_micros - cost_micros."
    ),
    unit: _Unit = typer.Option(_Unit.COUNT, "--unit", help="What it is counted in."),
    title: str = typer.Option("", "--title", help="What to call it; without one its name."),
    good: _Good = typer.Option(_Good.NEITHER, "--good", help="Which way it should move."),
    description: str = typer.Option("", "--description", help="What it means."),
    only_try: bool = typer.Option(False, "--try", help="Store nothing; print it for the last 30 days by platform."),
    currency: str = typer.Option("", "--currency", metavar="CODE", help="With --try: convert amounts into it."),
) -> None:
    """Make a metric of the workspace's own, or change the one with this name. Amounts are in micros in formulas.

    Example: adjoin metrics define profit --formula "conversion_value_micros - cost_micros" --unit money --good up
    """
    from adjoin.analytics import defining, v1
    from adjoin.cli._figures import figures_of
    from adjoin.cli._place import place_of

    metric = v1.CustomMetric(
        name=name,
        title=title or name.replace("_", " ").capitalize(),
        unit=v1.Unit(unit.value),
        formula=formula,
        good=v1.Good(good.value),
        description=description,
    )
    with place_of(context) as place, figures_of(place) as figures:
        if not only_try:
            defining.define_metric(figures.kernel, figures.context, metric, by=place.actor)
            say(f"stored: {name}; ask for it: adjoin report --metric {name}")
            return
        from adjoin.analytics.files import Export
        from adjoin.cli._answer_output import print_answer_table

        question = defining.trial_question(metric, today=place.now.date(), currency=currency or None)
        answer = defining.try_metric(figures.kernel, figures.context, metric, question)
        known = figures.definitions()
        tried = v1.Metric(
            name=name, title=metric.title, unit=metric.unit, formula=formula, sums=(), good=metric.good, custom=True
        )
        others = tuple(one for one in known.metrics if one.name != name)
        definitions = v1.Definitions(metrics=(*others, tried), dimensions=known.dimensions)
        print_answer_table(Export(answer=answer, definitions=definitions, made_at=place.now))


def forget(context: typer.Context, name: str = typer.Argument(help="A metric of the workspace's own.")) -> None:
    """Remove a metric of the workspace's own. Views, alerts and reports that name it say that it is not there.

    Example: adjoin metrics forget profit
    """
    from adjoin.analytics.defining import forget_metric
    from adjoin.cli._figures import figures_of
    from adjoin.cli._place import place_of

    with place_of(context) as place, figures_of(place) as figures:
        forget_metric(figures.kernel, figures.context, name, by=place.actor)
    say(f"removed: {name}")
