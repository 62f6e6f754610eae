"""Campaign groups, campaigns and creatives with their states and budgets: LinkedIn's campaigns, ad groups and ads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from adjoin.ads.v2 import Account, Ad, AdGroup, Campaign, Client, Entity, EntityBatch, ReadRequest, Status
from adjoin.errors import ErrorKind, PlatformError
from adjoin_linkedin.money import Money
from adjoin_linkedin.rest import Page, answer, pages
from adjoin_linkedin.restli import Value
from adjoin_linkedin.statuses import CAMPAIGN_STATUSES, CREATIVE_STATUSES, GROUP_STATUSES, ad_status, status

__all__ = ["ENTITY_STREAMS", "read_entities"]

#: So many campaigns are asked for by their ids at once.
_IDS_AT_ONCE = 50

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: LinkedIn's objectives in the canonical words.
_OBJECTIVES: Mapping[str, str] = {
    "WEBSITE_CONVERSION": "sales",
    "LEAD_GENERATION": "leads",
    "WEBSITE_VISIT": "traffic",
    "BRAND_AWARENESS": "awareness",
    "ENGAGEMENT": "engagement",
    "VIDEO_VIEW": "video_views",
    "JOB_APPLICANT": "jobs",
}


class _Schedule(msgspec.Struct):
    """Instants in milliseconds since 1970."""

    start: int | None = None
    end: int | None = None


class _Stamp(msgspec.Struct):
    time: int | None = None


class _Stamps(msgspec.Struct, rename="camel"):
    last_modified: _Stamp | None = None


class _Group(msgspec.Struct, rename="camel"):
    id: int
    name: str = ""
    status: str = ""
    objective_type: str | None = None
    daily_budget: Money | None = None
    total_budget: Money | None = None
    run_schedule: _Schedule | None = None
    change_audit_stamps: _Stamps | None = None


class _Parent(msgspec.Struct, rename="camel"):
    id: int
    campaign_group: str = ""


class _Campaign(_Parent, rename="camel"):
    name: str = ""
    status: str = ""
    unit_cost: Money | None = None
    daily_budget: Money | None = None
    total_budget: Money | None = None
    run_schedule: _Schedule | None = None
    change_audit_stamps: _Stamps | None = None


class _Inline(msgspec.Struct, rename="camel"):
    headline: str = ""
    landing_page: str | None = None


class _Content(msgspec.Struct, rename="camel"):
    """What a creative shows. Most only refer to a post, whose text takes a scope of its own to be read."""

    text_ad: _Inline | None = None
    spotlight: _Inline | None = None
    follower: _Inline | None = None
    jobs: _Inline | None = None


class _Review(msgspec.Struct):
    status: str = ""


class _Creative(msgspec.Struct, rename="camel"):
    id: str
    campaign: str = ""
    name: str = ""
    intended_status: str = ""
    review: _Review | None = None
    content: _Content | None = None
    last_modified_at: int | None = None


class _Parents(msgspec.Struct):
    results: dict[str, _Parent] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """One of the three lists: where it is, what is asked of it, and how an element is turned into ours."""

    path: str
    params: Mapping[str, Value]
    size: int
    decode: Callable[[bytes], Page[Any]]
    make: Callable[[Any, Account, datetime], Entity]


def bare(urn: str) -> str:
    """Return the number at the end of a URN; a bare number stays as it is."""
    return urn.rpartition(":")[2]


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)


def _first_day(schedule: _Schedule | None) -> date | None:
    start = _instant(schedule.start) if schedule else None
    return start.date() if start else None


def _last_day(schedule: _Schedule | None) -> date | None:
    end = _instant(schedule.end) if schedule else None
    # An end at midnight belongs to the day before.
    return (end - timedelta(milliseconds=1)).date() if end else None


def _updated(stamps: _Stamps | None) -> datetime | None:
    return _instant(stamps.last_modified.time) if stamps and stamps.last_modified else None


def _state(native: str, schedule: _Schedule | None, now: datetime) -> Status:
    state, end = status(native), _instant(schedule.end) if schedule else None
    # For LinkedIn a group whose time is over stays active.
    return Status.ENDED if state is Status.ACTIVE and end is not None and end <= now else state


def _campaign(raw: _Group, account: Account, now: datetime) -> Campaign:
    return Campaign(
        id=str(raw.id),
        account_id=account.id,
        name=raw.name or str(raw.id),
        status=_state(raw.status, raw.run_schedule, now),
        native_status=raw.status,
        objective=_OBJECTIVES.get(raw.objective_type, "other") if raw.objective_type else None,
        channel="social",
        daily_budget_micros=raw.daily_budget.micros(account.currency) if raw.daily_budget else None,
        lifetime_budget_micros=raw.total_budget.micros(account.currency) if raw.total_budget else None,
        start_date=_first_day(raw.run_schedule),
        end_date=_last_day(raw.run_schedule),
        updated_at=_updated(raw.change_audit_stamps),
    )


def _ad_group(raw: _Campaign, account: Account, now: datetime) -> AdGroup:
    return AdGroup(
        id=str(raw.id),
        account_id=account.id,
        campaign_id=bare(raw.campaign_group),
        name=raw.name or str(raw.id),
        status=_state(raw.status, raw.run_schedule, now),
        native_status=raw.status,
        daily_budget_micros=raw.daily_budget.micros(account.currency) if raw.daily_budget else None,
        lifetime_budget_micros=raw.total_budget.micros(account.currency) if raw.total_budget else None,
        bid_micros=raw.unit_cost.micros(account.currency) if raw.unit_cost else None,
        updated_at=_updated(raw.change_audit_stamps),
    )


def _format(content: _Content) -> str | None:
    """Return what kind of ad it is; None for one that shows a post, of which the creative tells nothing."""
    kinds = {
        "Text ad": content.text_ad,
        "Spotlight ad": content.spotlight,
        "Follower ad": content.follower,
        "Jobs ad": content.jobs,
    }
    return next((kind for kind, found in kinds.items() if found is not None), None)


def _ad(raw: _Creative, account: Account, groups: Mapping[str, str]) -> Ad:
    content = raw.content or _Content()
    inline = content.text_ad or content.spotlight or content.follower or content.jobs or _Inline()
    state, native = ad_status(raw.intended_status, raw.review.status if raw.review else "")
    campaign = bare(raw.campaign)
    return Ad(
        id=bare(raw.id),
        account_id=account.id,
        campaign_id=groups.get(campaign, ""),
        ad_group_id=campaign,
        name=raw.name or inline.headline or bare(raw.id),
        status=state,
        native_status=native,
        landing_url=inline.landing_page,
        format=_format(content),
        updated_at=_instant(raw.last_modified_at),
    )


def _search(statuses: tuple[str, ...]) -> Mapping[str, Value]:
    # Without naming them all it is unclear whether archived and removed ones are listed.
    return {"q": "search", "search": {"status": {"values": statuses}}}


_LISTINGS: Mapping[str, _Listing] = {
    "campaigns": _Listing(
        path="adCampaignGroups",
        params=_search(GROUP_STATUSES),
        size=1_000,
        decode=msgspec.json.Decoder(Page[_Group], strict=False).decode,
        make=_campaign,
    ),
    "ad_groups": _Listing(
        path="adCampaigns",
        params=_search(CAMPAIGN_STATUSES),
        size=1_000,
        decode=msgspec.json.Decoder(Page[_Campaign], strict=False).decode,
        make=_ad_group,
    ),
}

_CREATIVES: Mapping[str, Value] = {
    "q": "criteria",
    "intendedStatuses": CREATIVE_STATUSES,
    "sortOrder": "ASCENDING",
}
_CREATIVES_SIZE = 100

_decode_creatives = msgspec.json.Decoder(Page[_Creative], strict=False).decode
_decode_parents = msgspec.json.Decoder(Page[_Parent], strict=False).decode
_decode_results = msgspec.json.Decoder(_Parents, strict=False).decode

ENTITY_STREAMS = frozenset({*_LISTINGS, "ads"})


async def read_entities(request: ReadRequest, client: Client) -> AsyncIterator[EntityBatch]:
    """Yield an account's objects in every state, each once. Raises PlatformError."""
    read = _read_ads if request.stream == "ads" else _read_listing
    try:
        async for batch in read(request, client):
            yield batch
    except (ValueError, OverflowError) as error:
        raise PlatformError(
            f"LinkedIn sent one of the {request.stream} with a value that cannot be read: {error}",
            kind=ErrorKind.INVALID,
            code="value",
        ) from error


async def _read_listing(request: ReadRequest, client: Client) -> AsyncIterator[EntityBatch]:
    account, listing = request.account, _LISTINGS[request.stream]
    listed = pages(
        client,
        f"adAccounts/{account.id}/{listing.path}",
        listing.params,
        listing.decode,
        size=listing.size,
        account=account.id,
    )
    async for page in listed:
        now = client.now()
        yield EntityBatch(entities=tuple(listing.make(raw, account, now) for raw in page))


async def _read_ads(request: ReadRequest, client: Client) -> AsyncIterator[EntityBatch]:
    """A creative names its campaign and not the group above it, so the campaigns are listed first."""
    account = request.account
    groups: dict[str, str] = {}
    campaigns = pages(
        client,
        f"adAccounts/{account.id}/adCampaigns",
        _search(CAMPAIGN_STATUSES),
        _decode_parents,
        size=1_000,
        account=account.id,
    )
    async for parents in campaigns:
        groups |= {str(parent.id): bare(parent.campaign_group) for parent in parents}
    creatives = pages(
        client,
        f"adAccounts/{account.id}/creatives",
        _CREATIVES,
        _decode_creatives,
        size=_CREATIVES_SIZE,
        account=account.id,
    )
    async for page in creatives:
        unknown = sorted({bare(raw.campaign) for raw in page} - groups.keys() - {""})
        groups |= await _groups_of(client, account, unknown)
        yield EntityBatch(entities=tuple(_ad(raw, account, groups) for raw in page))


async def _groups_of(client: Client, account: Account, campaigns: list[str]) -> dict[str, str]:
    """Return the groups of campaigns that the list did not show, as of those made in the meantime."""
    found: dict[str, str] = {}
    for at in range(0, len(campaigns), _IDS_AT_ONCE):
        ids = [int(campaign) for campaign in campaigns[at : at + _IDS_AT_ONCE]]
        got = await answer(
            client,
            f"adAccounts/{account.id}/adCampaigns",
            {"ids": ids},
            _decode_results,
            method="BATCH_GET",
            account=account.id,
        )
        found |= {key: bare(parent.campaign_group) for key, parent in got.results.items()}
    # One that cannot be had at all is asked for once.
    return dict.fromkeys(campaigns, "") | found
