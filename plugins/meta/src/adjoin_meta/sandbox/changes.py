"""Creating, changing and deleting: everything ends up in the world and is read back from there.

What the world has no place for (targeting, bid strategy, optimization goal ...) is kept beside it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from adjoin.ads.v2 import Status
from adjoin.testing.world import Presence, WorldAccount, WorldAd, WorldAdGroup, WorldCampaign
from adjoin_meta.money import minor_to_micros
from adjoin_meta.sandbox import rules
from adjoin_meta.sandbox.creatives import Creatives, story_of
from adjoin_meta.sandbox.errors import Refusal, bad_parameter, bad_value, no_such_object
from adjoin_meta.sandbox.given import Given
from adjoin_meta.sandbox.objects import KINDS, Objects, stamp

__all__ = ["Changes"]

_STATES = {"ACTIVE": Status.ACTIVE, "PAUSED": Status.PAUSED, "ARCHIVED": Status.ARCHIVED, "DELETED": Status.REMOVED}
_OBJECTIVES: Mapping[str, Literal["sales", "leads", "traffic", "awareness"]] = {
    "OUTCOME_SALES": "sales",
    "OUTCOME_LEADS": "leads",
    "OUTCOME_TRAFFIC": "traffic",
    "OUTCOME_AWARENESS": "awareness",
    # The world has no word of its own for these.
    "OUTCOME_ENGAGEMENT": "traffic",
    "OUTCOME_APP_PROMOTION": "sales",
}

#: Parameters that the world holds by itself; all others are kept as they were given.
_IN_WORLD = frozenset({"name", "status", "daily_budget", "lifetime_budget", "campaign_id", "adset_id", "creative"})
_AS_JSON = rules.words(
    "special_ad_categories special_ad_category_country promoted_object targeting attribution_spec bid_constraints "
    "tracking_specs object_story_spec asset_feed_spec degrees_of_freedom_spec adlabels adset_schedule "
    "frequency_control_specs regional_regulated_categories destination_spec"
)
_TIMES = frozenset({"start_time", "stop_time", "end_time"})

_BUDGET_CHANGES, _BUDGET_PERIOD = 4, timedelta(hours=1)


@dataclass(slots=True)
class Changes:
    """Changes the world as the API would. Each method answers what the API answers, or raises Refusal."""

    world: Presence
    objects: Objects
    now: Callable[[], datetime]
    _budget_changes: dict[str, list[datetime]] = field(default_factory=dict)

    @property
    def _creatives(self) -> Creatives:
        return self.objects.creatives

    def create(self, edge: str, account: WorldAccount, params: Mapping[str, str]) -> dict[str, Any]:
        """Create what an account's edge holds."""
        makers = {
            "campaigns": self._campaign,
            "adsets": self._ad_set,
            "ads": self._ad,
            "adcreatives": self._creative,
            "adimages": self._image,
        }
        if edge not in makers:
            raise Refusal("Unsupported post request.", code=100, type_="GraphMethodException")
        return makers[edge](account, Given(params))

    def update(self, node_id: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Change what is named of an object, nothing else."""
        level, known = self._known(node_id)
        given = Given(params)
        given.only(rules.EDITABLE[level], KINDS[level])
        state = given.one_of("status", rules.STATES)
        rules.check_name(given)
        rules.check_budget(given)
        if level == "creative":
            if not given.validate_only:
                node = self._creatives.made.get(node_id)
                if node is None:
                    raise bad_parameter("The creative of a made-up ad cannot be changed")
                node |= {name: params[name] for name in ("name", "status") if name in params}
            return {"success": True}
        assert known is not None
        if known.status is Status.REMOVED and state != "DELETED":
            raise bad_value("Deleted objects cannot be changed.", subcode=1487056, title="Object is deleted")
        account = self.world.account(known.account_id)
        if isinstance(known, WorldCampaign):
            self._check_campaign_change(known, given)
        elif isinstance(known, WorldAdGroup):
            self._check_ad_set_change(known, given)
        else:
            self._check_ad_change(account, given)
        if given.validate_only:
            return {"success": True}
        self._write(known, account, given)
        self._keep(known.id, given, account)
        return {"success": True}

    def _write(self, known: WorldCampaign | WorldAdGroup | WorldAd, account: WorldAccount, given: Given) -> None:
        changed: dict[str, Any] = {}
        if (name := given.text("name")) is not None:
            changed["name"] = name
        if (state := given.text("status")) is not None:
            changed["status"] = _STATES[state]
        if isinstance(known, WorldAd):
            if "creative" in given:
                changed |= self._use_creative(known.id, account, given)
            self.world.update(replace(known, **changed))
            return
        changed |= _budgets(given, account)
        if "daily_budget" in given or "lifetime_budget" in given:
            self._budget_changes.setdefault(known.id, []).append(self.now())
        if stop := given.time("stop_time" if isinstance(known, WorldCampaign) else "end_time"):
            changed["end_date"] = _last_day(stop, account)
        if isinstance(known, WorldCampaign):
            self.world.update(replace(known, **changed))
            return
        if (bid := given.whole("bid_amount")) is not None:
            changed["bid_micros"] = minor_to_micros(bid, account.currency)
        self.world.update(replace(known, **changed))

    def delete(self, node_id: str) -> dict[str, Any]:
        """Delete an object: it stays readable by its id, as DELETED."""
        _, known = self._known(node_id)
        if known is None:
            if self._creatives.made.pop(node_id, None) is None:
                raise bad_parameter("The creative of a made-up ad cannot be deleted")
        else:
            self._write(known, self.world.account(known.account_id), Given({"status": "DELETED"}))
        return {"success": True}

    # --- creating -----------------------------------------------------------------------------------------------------

    def _campaign(self, account: WorldAccount, given: Given) -> dict[str, Any]:
        rules.check_campaign(given)
        if given.validate_only:
            return {"success": True}
        stop = given.time("stop_time")
        made = self.world.create_campaign(
            account_id=account.id,
            name=given.need("name"),
            status=_STATES[given.text("status") or "PAUSED"],
            objective=_OBJECTIVES[given.need("objective")],
            end_date=_last_day(stop, account) if stop else None,
            daily_budget_micros=minor_to_micros(given.whole("daily_budget"), account.currency),
            lifetime_budget_micros=minor_to_micros(given.whole("lifetime_budget"), account.currency),
        )
        self._keep(made.id, given, account)
        return {"id": made.id, "success": True}

    def _ad_set(self, account: WorldAccount, given: Given) -> dict[str, Any]:
        campaign = self.world.find(given.need("campaign_id"))
        if not isinstance(campaign, WorldCampaign) or campaign.account_id != account.id:
            raise no_such_object(given.need("campaign_id"))
        rules.check_ad_set(given, campaign_has_budget=_has_budget(campaign))
        rules.check_bid(self._strategy(campaign.id), given.whole("bid_amount"))
        if given.validate_only:
            return {"success": True}
        end = given.time("end_time")
        made = self.world.create_ad_group(
            campaign_id=campaign.id,
            name=given.need("name"),
            status=_STATES[given.text("status") or "PAUSED"],
            bid_micros=minor_to_micros(given.whole("bid_amount"), account.currency),
            end_date=_last_day(end, account) if end else None,
            **_budgets(given, account),
        )
        self._keep(made.id, given, account)
        return {"id": made.id}

    def _ad(self, account: WorldAccount, given: Given) -> dict[str, Any]:
        rules.check_ad(given)
        group = self.world.find(given.need("adset_id"))
        if not isinstance(group, WorldAdGroup) or group.account_id != account.id:
            raise no_such_object(given.need("adset_id"))
        self._check_ad_change(account, given)
        if given.validate_only:
            return {"success": True}
        used = self._use_creative("", account, given)
        made = self.world.create_ad(
            ad_group_id=group.id,
            name=given.need("name"),
            status=_STATES[given.text("status") or "PAUSED"],
            **used,
        )
        self._creatives.use(made.id, self._creative_id(account, given))
        self._keep(made.id, given, account)
        return {"id": made.id}

    def _creative(self, account: WorldAccount, given: Given) -> dict[str, Any]:
        rules.check_creative(given)
        if given.validate_only:
            return {"success": True}
        return {"id": self._creatives.create(account.id, _values(given, account))["id"]}

    def _image(self, account: WorldAccount, given: Given) -> dict[str, Any]:
        try:
            data = base64.b64decode(given.need("bytes"), validate=True)
        except binascii.Error:
            raise bad_parameter("Param bytes must be base64") from None
        name = given.text("name") or "bytes"
        node = self._creatives.add_image(account.id, name, data)
        return {"images": {name: {key: node[key] for key in ("hash", "url", "name")}}}

    # --- checking -----------------------------------------------------------------------------------------------------

    def _known(self, node_id: str) -> tuple[str, WorldCampaign | WorldAdGroup | WorldAd | None]:
        found = self.objects.node(node_id)
        if found is None or found[0] == "account":
            raise no_such_object(node_id)
        item = self.world.find(node_id)
        return found[0], item if isinstance(item, WorldCampaign | WorldAdGroup | WorldAd) else None

    def _strategy(self, object_id: str) -> str | None:
        strategy = self.objects.written.get(object_id, {}).get("bid_strategy")
        return None if strategy is None else str(strategy)

    def _check_campaign_change(self, campaign: WorldCampaign, given: Given) -> None:
        rules.check_categories(given, required=False)
        groups = [group for group in self.world.ad_groups(campaign.account_id) if group.campaign_id == campaign.id]
        if any(given.whole(name) for name in ("daily_budget", "lifetime_budget")) and any(map(_has_budget, groups)):
            raise bad_value(
                "The ad sets of this campaign have budgets, so it cannot have one.",
                subcode=1885621,
                title="Only one budget is possible",
                blame="daily_budget",
            )
        if given.flag("is_adset_budget_sharing_enabled"):
            raise bad_value(
                "Sharing of budgets cannot be switched on later.",
                subcode=3858418,
                blame="is_adset_budget_sharing_enabled",
            )

    def _check_ad_set_change(self, group: WorldAdGroup, given: Given) -> None:
        campaign = self.world.find(group.campaign_id)
        assert isinstance(campaign, WorldCampaign)
        rules.check_ad_set_values(given, campaign_has_budget=_has_budget(campaign))
        if "daily_budget" not in given and "lifetime_budget" not in given:
            return
        recent = [at for at in self._budget_changes.get(group.id, ()) if self.now() - at < _BUDGET_PERIOD]
        if len(recent) >= _BUDGET_CHANGES:
            raise Refusal(
                "(#613) Calls to this api have exceeded the rate limit.",
                code=613,
                subcode=1487632,
                user=("Ad Set Budget Changed Too Often", "The budget may be changed 4 times per hour."),
            )

    def _check_ad_change(self, account: WorldAccount, given: Given) -> None:
        if "bid_amount" in given:
            raise bad_parameter("bid_amount cannot be set on an ad; set it on the ad set")
        if "creative" not in given:
            return
        spec = given.json("creative", dict)
        if creative_id := str(spec.get("creative_id", "")):
            found = self.objects.node(creative_id)
            if found is None or found[0] != "creative" or found[1]["account_id"] != account.id.removeprefix("act_"):
                raise no_such_object(creative_id)
        elif not spec.get("object_story_spec"):
            raise bad_parameter("creative needs creative_id or object_story_spec")

    # --- writing ------------------------------------------------------------------------------------------------------

    def _creative_id(self, account: WorldAccount, given: Given) -> str:
        """The creative that an ad names; one that is spelt out is created."""
        spec = given.json("creative", dict)
        if not spec.get("creative_id"):
            spec |= {"creative_id": self._creatives.create(account.id, {"name": given.need("name"), **spec})["id"]}
        return str(spec["creative_id"])

    def _use_creative(self, ad_id: str, account: WorldAccount, given: Given) -> dict[str, Any]:
        """Return what the world keeps of an ad's creative, and point the ad to it where there is one already."""
        spec = given.json("creative", dict)
        creative_id = str(spec.get("creative_id", ""))
        found = self.objects.node(creative_id) if creative_id else ("creative", spec)
        assert found is not None
        if ad_id:
            self._creatives.use(ad_id, self._creative_id(account, given))
        kind, headline, link = story_of(found[1])
        return {"format": kind, "headline": headline, "landing_url": link}

    def _keep(self, object_id: str, given: Given, account: WorldAccount) -> None:
        values = {name: value for name, value in _values(given, account).items() if name not in _IN_WORLD}
        self.objects.written.setdefault(object_id, {}).update(values)


def _values(given: Given, account: WorldAccount) -> dict[str, Any]:
    """The parameters as they read back: JSON as JSON, times in the account's zone."""
    values: dict[str, Any] = {}
    for name, text in given.params.items():
        if name in ("access_token", "appsecret_proof", "execution_options", "summary"):
            continue
        if name in _AS_JSON:
            values[name] = given.json(name, list if text.lstrip().startswith("[") else dict)
        elif name in _TIMES:
            moment = given.time(name)
            values[name] = None if moment is None else stamp(moment, account.time_zone)
        elif name == "bid_amount":
            values[name] = given.whole(name)
        elif name == "is_adset_budget_sharing_enabled":
            values[name] = given.flag(name)
        else:
            values[name] = text
    return values


def _budgets(given: Given, account: WorldAccount) -> dict[str, int | None]:
    """The budgets that are given; setting one of the two ends the other."""
    daily, lifetime = given.whole("daily_budget"), given.whole("lifetime_budget")
    if daily is None and lifetime is None:
        return {}
    return {
        "daily_budget_micros": minor_to_micros(daily, account.currency),
        "lifetime_budget_micros": minor_to_micros(lifetime, account.currency),
    }


def _has_budget(item: WorldCampaign | WorldAdGroup) -> bool:
    return item.daily_budget_micros is not None or item.lifetime_budget_micros is not None


def _last_day(stop: datetime, account: WorldAccount) -> date:
    return (stop - timedelta(seconds=1)).astimezone(ZoneInfo(account.time_zone)).date()
