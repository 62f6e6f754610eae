"""The contender pydantic: the same answers, read as a model per row, then the same staging.

One function per platform turns the answers of a slice into rows by dataset, as one writes it with pydantic: the body
through `json` or `csv`, each row through a validated model with Decimals, then a dict.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from pydantic import BaseModel, Field
from tape import DATASET, Tape, csv_rows

__all__ = ["NORMALISE"]

_MICROS = 1_000_000

#: A row and its dataset.
Made: TypeAlias = tuple[str, dict[str, Any]]


def _micros(amount: Decimal) -> int:
    return int(amount * _MICROS)


# --- Meta -----------------------------------------------------------------------------------------------------------


class _Action(BaseModel):
    action_type: str
    value: Decimal


class _MetaRow(BaseModel):
    date_start: date
    campaign_id: str
    adset_id: str | None = None
    ad_id: str | None = None
    impressions: int = 0
    clicks: int = 0
    spend: Decimal = Decimal(0)
    actions: list[_Action] = []
    action_values: list[_Action] = []


#: What the sandbox's actions are called in Adjoin, and which of them count.
_META_ACTIONS = {
    "omni_purchase": "purchases",
    "lead": "leads",
    "omni_complete_registration": "registrations",
    "omni_add_to_cart": "add_to_cart",
    "omni_initiated_checkout": "checkouts",
}
_META_COUNTED = ("omni_purchase", "lead", "omni_complete_registration")


def _meta(tape: Tape) -> Iterator[Made]:
    with_ads: set[str] = set()
    for answers in tape.answers.values():
        for _, _, body in answers:
            for raw in json.loads(body).get("data", []):
                row = _MetaRow.model_validate(raw)
                if row.ad_id is not None:
                    with_ads.add(row.campaign_id)
                elif row.campaign_id in with_ads:
                    continue  # campaigns are asked for beside, for those without ads
                counts = {one.action_type: one.value for one in row.actions}
                values = {one.action_type: one.value for one in row.action_values}
                for name, action in _META_ACTIONS.items():
                    if name in counts:
                        yield (
                            "conversion_daily",
                            {
                                "date": row.date_start,
                                "account_id": tape.account.id,
                                "campaign_id": row.campaign_id,
                                "ad_group_id": row.adset_id,
                                "ad_id": row.ad_id,
                                "action": action,
                                "conversions": counts[name],
                                "conversion_value_micros": _micros(values.get(name, Decimal(0))),
                            },
                        )
                views = counts.get("video_view")
                if row.ad_id is None:
                    continue
                yield (
                    DATASET,
                    {
                        "date": row.date_start,
                        "account_id": tape.account.id,
                        "campaign_id": row.campaign_id,
                        "ad_group_id": row.adset_id,
                        "ad_id": row.ad_id,
                        "impressions": row.impressions,
                        "clicks": row.clicks,
                        "cost_micros": _micros(row.spend),
                        "conversions": sum((counts.get(name, Decimal(0)) for name in _META_COUNTED), Decimal(0)),
                        "conversion_value_micros": _micros(
                            sum((values.get(name, Decimal(0)) for name in _META_COUNTED), Decimal(0))
                        ),
                        "video_views": None if views is None else int(views),
                    },
                )


# --- Google ---------------------------------------------------------------------------------------------------------


class _Ad(BaseModel):
    id: str


class _AdGroupAd(BaseModel):
    ad: _Ad


class _Named(BaseModel):
    id: str


class _Segments(BaseModel):
    date: date


class _Metrics(BaseModel):
    impressions: int = 0
    clicks: int = 0
    cost_micros: int = Field(0, alias="costMicros")
    conversions: Decimal = Decimal(0)
    conversions_value: Decimal = Field(Decimal(0), alias="conversionsValue")
    video_views: int = Field(0, alias="videoTrueviewViews")


class _GoogleRow(BaseModel):
    campaign: _Named
    ad_group: _Named = Field(alias="adGroup")
    ad_group_ad: _AdGroupAd = Field(alias="adGroupAd")
    segments: _Segments
    metrics: _Metrics


def _google(tape: Tape) -> Iterator[Made]:
    for answers in tape.answers.values():
        for _, _, body in answers:
            for batch in json.loads(b"".join(tape.played(body)), parse_float=Decimal):
                for raw in batch.get("results", []):
                    row = _GoogleRow.model_validate(raw)
                    yield (
                        DATASET,
                        {
                            "date": row.segments.date,
                            "account_id": tape.account.id,
                            "campaign_id": row.campaign.id,
                            "ad_group_id": row.ad_group.id,
                            "ad_id": row.ad_group_ad.ad.id,
                            "impressions": row.metrics.impressions,
                            "clicks": row.metrics.clicks,
                            "cost_micros": row.metrics.cost_micros,
                            "conversions": row.metrics.conversions,
                            "conversion_value_micros": _micros(row.metrics.conversions_value),
                            "video_views": row.metrics.video_views,
                        },
                    )


# --- LinkedIn -------------------------------------------------------------------------------------------------------


class _Day(BaseModel):
    year: int
    month: int
    day: int


class _Range(BaseModel):
    start: _Day
    end: _Day


class _LinkedInRow(BaseModel):
    pivots: list[str] = Field(alias="pivotValues")
    range: _Range = Field(alias="dateRange")
    impressions: int = 0
    clicks: int = 0
    cost: Decimal = Field(Decimal(0), alias="costInLocalCurrency")
    website: int = Field(0, alias="externalWebsiteConversions")
    leads: int = Field(0, alias="oneClickLeads")
    value: Decimal = Field(Decimal(0), alias="conversionValueInLocalCurrency")
    views: int = Field(0, alias="videoViews")


def _linkedin(tape: Tape) -> Iterator[Made]:
    for answers in tape.answers.values():
        for _, _, body in answers:
            elements = json.loads(body)["elements"]
            if len(elements) >= 15_000:
                continue  # cut short: its parts are asked for
            for raw in elements:
                row = _LinkedInRow.model_validate(raw)
                group, campaign, creative = (urn.rpartition(":")[2] for urn in row.pivots)
                start = row.range.start
                yield (
                    DATASET,
                    {
                        "date": date(start.year, start.month, start.day),
                        "account_id": tape.account.id,
                        "campaign_id": group,
                        "ad_group_id": campaign,
                        "ad_id": creative,
                        "impressions": row.impressions,
                        "clicks": row.clicks,
                        "cost_micros": _micros(row.cost),
                        "conversions": Decimal(row.website + row.leads),
                        "conversion_value_micros": _micros(row.value),
                        "video_views": row.views,
                    },
                )


# --- Microsoft ------------------------------------------------------------------------------------------------------


class _MicrosoftRow(BaseModel):
    day: date = Field(alias="TimePeriod")
    campaign_id: str = Field(alias="CampaignId")
    ad_group_id: str = Field(alias="AdGroupId")
    ad_id: str = Field(alias="AdId")
    impressions: int = Field(alias="Impressions")
    clicks: int = Field(alias="Clicks")
    spend: Decimal = Field(alias="Spend")
    conversions: Decimal = Field(alias="ConversionsQualified")
    revenue: Decimal = Field(alias="Revenue")
    views: int = Field(alias="VideoViews")


def _microsoft(tape: Tape) -> Iterator[Made]:
    for answers in tape.answers.values():
        for _, _, body in answers:
            if not body.startswith(b"PK"):
                continue
            for raw in csv_rows(tape, body):
                row = _MicrosoftRow.model_validate({key: value.replace(",", "") for key, value in raw.items()})
                yield (
                    DATASET,
                    {
                        "date": row.day,
                        "account_id": tape.account.id,
                        "campaign_id": row.campaign_id,
                        "ad_group_id": row.ad_group_id,
                        "ad_id": row.ad_id,
                        "impressions": row.impressions,
                        "clicks": row.clicks,
                        "cost_micros": _micros(row.spend),
                        "conversions": row.conversions,
                        "conversion_value_micros": _micros(row.revenue),
                        "video_views": row.views,
                    },
                )


NORMALISE: dict[str, Callable[[Tape], Iterator[Made]]] = {
    "google": _google,
    "linkedin": _linkedin,
    "meta": _meta,
    "microsoft": _microsoft,
}
