"""The built-in metrics: each a formula over sums of facts."""

from __future__ import annotations

from collections.abc import Mapping

from adjoin.ads import v2 as ads
from adjoin.analytics.v1 import Good, Metric, Unit

__all__ = ["AMOUNTS", "SUMS", "built_in_metrics"]

#: The columns of facts that are added up.
SUMS = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros", "video_views")
#: Those that are amounts, in micros of the account's currency.
AMOUNTS = ("cost_micros", "conversion_value_micros")

_RESULTS = frozenset({"conversions", "conversion_value_micros"})


def _metric(
    name: str, title: str, unit: Unit, formula: str, sums: tuple[str, ...], good: Good, description: str
) -> Metric:
    return Metric(name=name, title=title, unit=unit, formula=formula, sums=sums, good=good, description=description)


_BUILT_IN = (
    _metric(
        "cost",
        "Spend",
        Unit.MONEY,
        "cost_micros",
        ("cost_micros",),
        Good.NEITHER,
        "What the platform charged, before tax and fees.",
    ),
    _metric(
        "impressions",
        "Impressions",
        Unit.COUNT,
        "impressions",
        ("impressions",),
        Good.UP,
        "How often ads were shown.",
    ),
    _metric(
        "clicks",
        "Clicks",
        Unit.COUNT,
        "clicks",
        ("clicks",),
        Good.UP,
        "Clicks as the platform counts them for what it charges.",
    ),
    _metric(
        "conversions",
        "Conversions",
        Unit.COUNT,
        "conversions",
        ("conversions",),
        Good.UP,
        "Actions that the platform credits to ads, on the day of the click or view.",
    ),
    _metric(
        "conversion_value",
        "Conversion value",
        Unit.MONEY,
        "conversion_value_micros",
        ("conversion_value_micros",),
        Good.UP,
        "What the credited conversions were worth.",
    ),
    _metric(
        "video_views",
        "Video views",
        Unit.COUNT,
        "video_views",
        ("video_views",),
        Good.UP,
        "Views of video ads, as each platform counts them.",
    ),
    _metric(
        "ctr",
        "CTR",
        Unit.SHARE,
        "clicks / impressions",
        ("clicks", "impressions"),
        Good.UP,
        "Click-through rate: clicks per impression.",
    ),
    _metric(
        "cpc",
        "CPC",
        Unit.MONEY,
        "cost_micros / clicks",
        ("cost_micros", "clicks"),
        Good.DOWN,
        "Cost per click.",
    ),
    _metric(
        "cpm",
        "CPM",
        Unit.MONEY,
        "1000 * cost_micros / impressions",
        ("cost_micros", "impressions"),
        Good.DOWN,
        "Cost per thousand impressions.",
    ),
    _metric(
        "cvr",
        "Conversion rate",
        Unit.SHARE,
        "conversions / clicks",
        ("conversions", "clicks"),
        Good.UP,
        "Conversions per click.",
    ),
    _metric(
        "cpa",
        "CPA",
        Unit.MONEY,
        "cost_micros / conversions",
        ("cost_micros", "conversions"),
        Good.DOWN,
        "Cost per conversion.",
    ),
    _metric(
        "roas",
        "ROAS",
        Unit.MULTIPLE,
        "conversion_value_micros / cost_micros",
        ("conversion_value_micros", "cost_micros"),
        Good.UP,
        "Return on ad spend: conversion value per unit of cost.",
    ),
    _metric(
        "aov",
        "Value per conversion",
        Unit.MONEY,
        "conversion_value_micros / conversions",
        ("conversion_value_micros", "conversions"),
        Good.UP,
        "What a conversion was worth on average.",
    ),
    _metric(
        "vtr",
        "View rate",
        Unit.SHARE,
        "video_views / impressions",
        ("video_views", "impressions"),
        Good.UP,
        "Video views per impression; only of use for campaigns of video ads.",
    ),
)


def built_in_metrics(platforms: Mapping[str, ads.Description]) -> tuple[Metric, ...]:
    """Return the metrics, with what each platform says of how it counts conversions."""
    told = {
        name: " ".join(note for note in (said.attribution_note, said.conversions_note) if note)
        for name, said in sorted(platforms.items())
    }
    notes = {name: note for name, note in told.items() if note}
    return tuple(
        Metric(
            name=one.name,
            title=one.title,
            unit=one.unit,
            formula=one.formula,
            sums=one.sums,
            description=one.description,
            good=one.good,
            notes=notes,
        )
        if _RESULTS & set(one.sums)
        else one
        for one in _BUILT_IN
    )
