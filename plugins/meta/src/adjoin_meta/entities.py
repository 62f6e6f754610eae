"""Campaigns, ad sets and ads with their states and budgets."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from adjoin.ads.v2 import Account, Ad, AdGroup, Campaign, Client, Entity, EntityBatch, ReadRequest, Status
from adjoin.errors import ErrorKind, PlatformError
from adjoin_meta.graph import Page, account_path, pages
from adjoin_meta.money import minor_to_micros
from adjoin_meta.objectives import CHANNEL, objective
from adjoin_meta.statuses import EFFECTIVE, status

__all__ = ["ENTITY_STREAMS", "parse_time", "read_entities"]

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(Z|[+-]?\d\d:?\d\d)?")

#: Subcodes for a creative that Meta itself cannot read: it fails the whole page.
_BAD_CREATIVE = frozenset({"100/2446289", "100/2446211", "100/1443048"})


class _Campaign(msgspec.Struct):
    id: str
    name: str = ""
    effective_status: str = ""
    objective: str | None = None
    daily_budget: str | None = None
    lifetime_budget: str | None = None
    start_time: str | None = None
    stop_time: str | None = None
    updated_time: str | None = None


class _AdSet(msgspec.Struct):
    id: str
    campaign_id: str = ""
    name: str = ""
    effective_status: str = ""
    daily_budget: str | None = None
    lifetime_budget: str | None = None
    bid_amount: int | None = None
    updated_time: str | None = None


class _Link(msgspec.Struct):
    link: str | None = None


class _LinkData(msgspec.Struct):
    link: str | None = None
    child_attachments: list[_Link] = []


class _CallToAction(msgspec.Struct):
    value: _Link | None = None


class _VideoData(msgspec.Struct):
    call_to_action: _CallToAction | None = None


class _Story(msgspec.Struct):
    link_data: _LinkData | None = None
    template_data: _LinkData | None = None
    video_data: _VideoData | None = None


class _Website(msgspec.Struct):
    website_url: str | None = None


class _Feed(msgspec.Struct):
    link_urls: list[_Website] = []


class _Creative(msgspec.Struct):
    thumbnail_url: str | None = None
    link_url: str | None = None
    object_story_spec: _Story | None = None
    asset_feed_spec: _Feed | None = None


class _Ad(msgspec.Struct):
    id: str
    campaign_id: str = ""
    adset_id: str = ""
    name: str = ""
    effective_status: str = ""
    creative: _Creative | None = None
    updated_time: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """One of the three lists: where it is, what is asked of it, how an element is turned into ours."""

    path: str
    level: str
    fields: str
    limit: int
    decode: Callable[[bytes], Page[Any]]
    make: Callable[[Any, Account, datetime], Entity]


def parse_time(text: str | None) -> datetime | None:
    """Read Meta's timestamps as UTC: the offset has no colon, the T may be small, a plus may have become a blank.

    ValueError for anything else.
    """
    if not text:
        return None
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no time as Meta writes it")
    offset = found[3] or "+0000"
    if offset[0].isdigit():
        offset = f"+{offset}"
    return datetime.fromisoformat(f"{found[1]}T{found[2]}{offset}").astimezone(UTC)


def _day(text: str | None, account: Account, *, last: bool = False) -> date | None:
    moment = parse_time(text)
    if moment is None:
        return None
    # An end at midnight belongs to the day before.
    return (moment - timedelta(seconds=last)).astimezone(ZoneInfo(account.time_zone)).date()


def _campaign(raw: _Campaign, account: Account, now: datetime) -> Campaign:
    state, stop = status(raw.effective_status), parse_time(raw.stop_time)
    return Campaign(
        id=raw.id,
        account_id=account.id,
        name=raw.name,
        # For Meta a campaign whose time is over stays active.
        status=Status.ENDED if state is Status.ACTIVE and stop is not None and stop <= now else state,
        native_status=raw.effective_status,
        objective=objective(raw.objective),
        channel=CHANNEL,
        daily_budget_micros=minor_to_micros(raw.daily_budget, account.currency),
        lifetime_budget_micros=minor_to_micros(raw.lifetime_budget, account.currency),
        start_date=_day(raw.start_time, account),
        end_date=_day(raw.stop_time, account, last=True),
        updated_at=parse_time(raw.updated_time),
    )


def _ad_group(raw: _AdSet, account: Account, _: datetime) -> AdGroup:
    return AdGroup(
        id=raw.id,
        account_id=account.id,
        campaign_id=raw.campaign_id,
        name=raw.name,
        status=status(raw.effective_status),
        native_status=raw.effective_status,
        daily_budget_micros=minor_to_micros(raw.daily_budget, account.currency),
        lifetime_budget_micros=minor_to_micros(raw.lifetime_budget, account.currency),
        bid_micros=minor_to_micros(raw.bid_amount, account.currency),
        updated_at=parse_time(raw.updated_time),
    )


def _landing_url(creative: _Creative) -> str | None:
    """The first page that the creative leads to, wherever its kind keeps it; a carousel's is that of its first card."""
    story = creative.object_story_spec or _Story()
    found = [creative.link_url]
    for data in (story.link_data, story.template_data):
        if data is not None:
            found += [data.link, *(card.link for card in data.child_attachments)]
    action = story.video_data.call_to_action if story.video_data else None
    found.append(action.value.link if action and action.value else None)
    found += [url.website_url for url in (creative.asset_feed_spec or _Feed()).link_urls]
    return next(filter(None, found), None)


def _format(creative: _Creative) -> str | None:
    """Return what kind of ad it is, by what its story is made of; None where the creative does not tell its story."""
    story = creative.object_story_spec or _Story()
    data = story.link_data or story.template_data
    if creative.asset_feed_spec is not None:
        return "Flexible ad"
    if story.video_data is not None:
        return "Video ad"
    if data is not None:
        return "Carousel ad" if data.child_attachments else "Catalogue ad" if story.template_data else "Image ad"
    return None


def _ad(raw: _Ad, account: Account, _: datetime) -> Ad:
    creative = raw.creative or _Creative()
    return Ad(
        id=raw.id,
        account_id=account.id,
        campaign_id=raw.campaign_id,
        ad_group_id=raw.adset_id,
        name=raw.name,
        status=status(raw.effective_status),
        native_status=raw.effective_status,
        landing_url=_landing_url(creative),
        # Meta signs these links and lets them expire; each sync brings a fresh one.
        thumbnail_url=creative.thumbnail_url,
        format=_format(creative),
        updated_at=parse_time(raw.updated_time),
    )


_AD_FIELDS = "id,campaign_id,adset_id,name,effective_status,updated_time"

#: What is read for each stream.
ENTITY_STREAMS: Mapping[str, _Edge] = {
    "campaigns": _Edge(
        path="campaigns",
        level="campaign",
        fields="id,name,objective,effective_status,daily_budget,lifetime_budget,start_time,stop_time,updated_time",
        limit=100,
        decode=msgspec.json.Decoder(Page[_Campaign], strict=False).decode,
        make=_campaign,
    ),
    "ad_groups": _Edge(
        path="adsets",
        level="adset",
        fields="id,campaign_id,name,effective_status,daily_budget,lifetime_budget,bid_amount,updated_time",
        limit=100,
        decode=msgspec.json.Decoder(Page[_AdSet], strict=False).decode,
        make=_ad_group,
    ),
    "ads": _Edge(
        path="ads",
        level="ad",
        fields=f"{_AD_FIELDS},creative{{thumbnail_url,link_url,object_story_spec,asset_feed_spec}}",
        limit=100,
        decode=msgspec.json.Decoder(Page[_Ad], strict=False).decode,
        make=_ad,
    ),
}


async def read_entities(request: ReadRequest, client: Client) -> AsyncIterator[EntityBatch]:
    """Yield an account's objects in every state, each once. Raises PlatformError.

    With `updated_since` only those edited since then: a parent's pause changes a child's state without editing it, so
    read all of them now and then.
    """
    edge = ENTITY_STREAMS[request.stream]
    seen: set[str] = set()
    try:
        async for batch in _read(request, client, edge, edge.fields, seen):
            yield batch
    except PlatformError as error:
        if edge.level != "ad" or error.code not in _BAD_CREATIVE:
            raise
        # One creative that Meta cannot read fails every page it is on: the rest is read without creatives.
        async for batch in _read(request, client, edge, _AD_FIELDS, seen):
            yield batch


async def _read(
    request: ReadRequest, client: Client, edge: _Edge, fields: str, seen: set[str]
) -> AsyncIterator[EntityBatch]:
    account = request.account
    params = {"fields": fields, "effective_status": _json(EFFECTIVE[edge.level])}
    if request.updated_since is not None:
        params |= _since(edge, int(request.updated_since.timestamp()))
    listed = pages(
        client, f"{account_path(account.id)}/{edge.path}", params, edge.decode, limit=edge.limit, account=account.id
    )
    async for page in listed:
        # Objects move between pages while they are read, so one may come twice.
        fresh = {raw.id: raw for raw in page if raw.id not in seen}
        seen.update(fresh)
        if fresh:
            yield EntityBatch(entities=tuple(_made(edge, raw, account, client.now()) for raw in fresh.values()))


def _made(edge: _Edge, raw: Any, account: Account, now: datetime) -> Entity:
    try:
        return edge.make(raw, account, now)
    except ValueError as error:
        raise PlatformError(
            f"Meta sent a {edge.level} {raw.id} that cannot be read: {error}", kind=ErrorKind.INVALID, code="value"
        ) from error


def _since(edge: _Edge, epoch: int) -> dict[str, str]:
    if edge.level == "campaign":  # the one edge without updated_since
        rule = {"field": "campaign.updated_time", "operator": "GREATER_THAN", "value": epoch}
        return {"filtering": _json([rule])}
    return {"updated_since": str(epoch)}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
