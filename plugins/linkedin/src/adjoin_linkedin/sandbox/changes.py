"""Creating, changing and deleting campaign groups, campaigns and creatives: into the world, and what it cannot hold
beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from adjoin.ads.v2 import Status
from adjoin.testing.world import WorldAccount, WorldAd, WorldAdGroup, WorldCampaign
from adjoin_linkedin.sandbox import urns
from adjoin_linkedin.sandbox.amounts import micros_of
from adjoin_linkedin.sandbox.content import Content
from adjoin_linkedin.sandbox.errors import InputError, bad_input
from adjoin_linkedin.sandbox.objects import OBJECTIVES, Objects, last_day
from adjoin_linkedin.sandbox.patches import patched
from adjoin_linkedin.sandbox.rules import Rules
from adjoin_linkedin.sandbox.schemas import SCHEMAS, check_shape
from adjoin_linkedin.sandbox.states import status_of

__all__ = ["Changes"]

_Objective = Literal["sales", "leads", "traffic", "awareness"]

#: What the world holds itself, so that it is not kept a second time.
_HELD = frozenset({"account", "name", "campaignGroup", "campaign", "dailyBudget", "totalBudget", "unitCost", "test"})

#: What stays as it was made.
_FIXED = frozenset({"account", "campaign", "type", "objectiveType", "format", "test", "content"})

_WORLD_OBJECTIVES: Mapping[str, _Objective] = {
    "WEBSITE_CONVERSION": "sales",
    "LEAD_GENERATION": "leads",
    "JOB_APPLICANT": "leads",
    "WEBSITE_VISIT": "traffic",
    "ENGAGEMENT": "traffic",
    "VIDEO_VIEW": "awareness",
    "BRAND_AWARENESS": "awareness",
}


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes below one account, at an instant. All checks come before anything is changed."""

    objects: Objects
    content: Content
    account: WorldAccount
    now: datetime

    @property
    def _rules(self) -> Rules:
        return Rules(self.objects, self.account, int(self.now.timestamp() * 1000))

    def create(self, resource: str, body: dict[str, Any]) -> str:
        """Create an object and return its id, of a creative its URN."""
        check_shape(resource, body)
        self._rules.check(resource, body)
        make = {"adCampaignGroups": self._group, "adCampaigns": self._campaign, "creatives": self._creative}
        return make[resource](body)

    def create_inline(self, body: dict[str, Any], *, ready: bool) -> str:
        """Create a post and the creative that shows it; `ready` as in `Content.check_post`."""
        creative = body.get("creative")
        inline = creative.get("inlineContent") if isinstance(creative, dict) else None
        post = inline.get("post") if isinstance(inline, dict) else None
        if not isinstance(creative, dict) or not isinstance(post, dict):
            raise bad_input(InputError("creative/inlineContent/post", "Field is required", "MISSING_FIELD"))
        self.content.check_post(post, ready=ready)
        plain = {name: value for name, value in creative.items() if name != "inlineContent"}
        # The post is made last, so that nothing is left over where the creative is refused.
        planned = {**plain, "content": {"reference": "urn:li:share:0"}}
        check_shape("creatives", planned)
        self._rules.check("creatives", planned)
        return self._creative({**plain, "content": {"reference": self.content.add_post(post, self.now)}})

    def update(self, resource: str, item: WorldCampaign | WorldAdGroup | WorldAd, body: dict[str, Any]) -> None:
        """Apply a partial update."""
        before = self.objects.node(item)
        after = patched(before, body)
        differs = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        check_shape(resource, {name: after[name] for name in differs if name in after})
        if fixed := sorted(name for name in differs if name not in SCHEMAS[resource] or name in _FIXED):
            raise bad_input(*(InputError(name, "Field is read-only", "FIELD_INVALID") for name in fixed))
        self._rules.check(resource, after, before=before)
        status = "intendedStatus" if resource == "creatives" else "status"
        changed: dict[str, Any] = {"name": after.get("name", "")}
        if status in differs:
            changed["status"] = status_of(after[status])
        elif item.status is Status.ENDED and _end(after) != _end(before):
            changed["status"] = Status.ACTIVE
        if resource != "creatives":
            changed |= _money(after) | {"end_date": _end(after)}
        if isinstance(item, WorldAdGroup):
            group = urns.bare(after["campaignGroup"], urns.GROUP, path="campaignGroup")
            changed |= {"bid_micros": _micros(after, "unitCost"), "campaign_id": group}
        self._store(item, changed)
        self._keep(item.id, {name: after.get(name) for name in differs} | {status: after[status]})

    def delete(self, resource: str, item: WorldCampaign | WorldAdGroup | WorldAd) -> None:
        """Delete a draft; refuses anything else."""
        status = "intendedStatus" if resource == "creatives" else "status"
        if self.objects.node(item)[status] != "DRAFT":
            raise bad_input(
                InputError(status, "Only a DRAFT can be deleted; set PENDING_DELETION instead", "FIELD_INVALID")
            )
        self._store(item, {"status": Status.REMOVED})
        self.objects.deleted.add(item.id)

    # --- making -------------------------------------------------------------------------------------------------------

    def _group(self, body: dict[str, Any]) -> str:
        made = self.objects.world.create_campaign(
            account_id=self.account.id,
            name=body["name"],
            status=status_of(body["status"]),
            objective=_WORLD_OBJECTIVES[body.get("objectiveType", OBJECTIVES["sales"][0])],
            end_date=_end(body),
            **_money(body),
        )
        self._keep(made.id, body)
        return made.id

    def _campaign(self, body: dict[str, Any]) -> str:
        made = self.objects.world.create_ad_group(
            campaign_id=urns.bare(body["campaignGroup"], urns.GROUP, path="campaignGroup"),
            name=body["name"],
            status=status_of(body["status"]),
            bid_micros=_micros(body, "unitCost"),
            end_date=_end(body),
            **_money(body),
        )
        self._keep(made.id, body)
        return made.id

    def _creative(self, body: dict[str, Any]) -> str:
        content = body["content"]
        if "textAd" in content:
            style: Literal["image", "video", "text"] = "text"
            headline, landing_url = content["textAd"]["headline"], content["textAd"]["landingPage"]
        else:
            post = self.content.post(content["reference"])
            inner = post.get("content", {})
            media = inner.get("media", {}) or inner.get("article", {})
            style = "video" if str(media.get("id", "")).startswith("urn:li:video:") else "image"
            headline = str(media.get("title", ""))
            landing_url = str(post.get("contentLandingPage", media.get("source", "")))
        made = self.objects.world.create_ad(
            ad_group_id=urns.bare(body["campaign"], urns.CAMPAIGN, path="campaign"),
            name=body.get("name", ""),
            status=status_of(body["intendedStatus"]),
            format=style,
            headline=headline,
            landing_url=landing_url,
        )
        self._keep(made.id, body)
        return f"{urns.CREATIVE}{made.id}"

    def _store(self, item: WorldCampaign | WorldAdGroup | WorldAd, changed: Mapping[str, Any]) -> None:
        world = self.objects.world
        if isinstance(item, WorldCampaign):  # noqa: SIM114 - typed for one kind at a time
            world.update(replace(item, **changed))
        elif isinstance(item, WorldAdGroup):
            world.update(replace(item, **changed))
        else:
            world.update(replace(item, **changed))

    def _keep(self, object_id: str, given: Mapping[str, Any]) -> None:
        kept = {name: value for name, value in given.items() if name not in _HELD}
        details = {**self.objects.details.get(object_id, {}), **kept}
        self.objects.details[object_id] = {name: value for name, value in details.items() if value is not None}


def _micros(body: Mapping[str, Any], field: str) -> int | None:
    return micros_of(body[field]) if field in body else None


def _money(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "daily_budget_micros": _micros(body, "dailyBudget"),
        "lifetime_budget_micros": _micros(body, "totalBudget"),
    }


def _end(body: Mapping[str, Any]) -> date | None:
    end = body["runSchedule"].get("end")
    return None if end is None else last_day(end)
