from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow.compute as pc
import pytest

from adjoin.ads.v2 import Status
from adjoin.errors import UnknownName
from adjoin.testing.world import Presence, World, WorldCampaign

TODAY = date(2026, 11, 22)


@pytest.fixture
def world() -> World:
    return World.generate(today=TODAY, scale=0.02, days=20)


@pytest.fixture
def presence(world: World) -> Presence:
    return world.on("meta")


def running(presence: Presence) -> WorldCampaign:
    return next(known for known in presence.campaigns() if known.status is Status.ACTIVE and known.kind == "normal")


def cost(presence: Presence, campaign: WorldCampaign, day: date) -> int:
    table = presence.truth("campaign_daily", since=day, until=day)
    return pc.sum(table.filter(pc.field("campaign_id") == campaign.id)["cost_micros"]).as_py() or 0


class TestUpdate:
    def test_a_new_name_moves_only_the_instant_of_change(self, world, presence):
        before = presence.truth("ad_daily")
        world.set_today(date(2026, 11, 23))
        world_of_before = presence.truth("ad_daily", as_of=datetime(2026, 11, 22, 12, tzinfo=UTC))
        old = running(presence)

        new = presence.update(replace(old, name="Neu"))

        assert new == replace(old, name="Neu", updated_at=world.now)
        assert presence.find(old.id) == new
        assert world_of_before.equals(before)

    def test_a_paused_campaign_delivers_nothing_from_then_on(self, world, presence):
        campaign = running(presence)
        yesterday, today, tomorrow = date(2026, 11, 21), TODAY, date(2026, 11, 23)
        before = cost(presence, campaign, yesterday), cost(presence, campaign, today)

        presence.update(replace(campaign, status=Status.PAUSED))
        seen_at_once = cost(presence, campaign, yesterday), cost(presence, campaign, today)
        world.set_today(tomorrow)

        assert seen_at_once == before
        assert 0 < cost(presence, campaign, today) <= before[1]
        assert cost(presence, campaign, tomorrow) == 0

    def test_a_resumed_campaign_delivers_again(self, world, presence):
        campaign = running(presence)
        presence.update(replace(campaign, status=Status.PAUSED))
        world.set_today(date(2026, 11, 24))

        presence.update(replace(campaign, status=Status.ACTIVE))
        world.set_today(date(2026, 11, 25))

        assert cost(presence, campaign, date(2026, 11, 23)) == 0
        assert cost(presence, campaign, date(2026, 11, 25)) > 0

    def test_other_platforms_see_nothing_of_it(self, world, presence):
        other = world.on("google")
        before = other.truth("ad_daily")

        presence.update(replace(running(presence), status=Status.REMOVED))

        assert other.truth("ad_daily").equals(before)

    def test_what_does_not_exist_cannot_be_changed(self, presence):
        with pytest.raises(UnknownName, match="WorldCampaign with the id '7'"):
            presence.update(replace(running(presence), id="7"))


class TestCreate:
    def test_a_whole_line_of_objects_is_found_again(self, world, presence):
        account = presence.accounts[0]

        campaign = presence.create_campaign(account_id=account.id, name="Neu", daily_budget_micros=10_000_000)
        group = presence.create_ad_group(campaign_id=campaign.id, name="Gruppe")
        ad = presence.create_ad(ad_group_id=group.id, name="Anzeige", landing_url="https://shop.example/")

        assert [presence.find(known.id) for known in (campaign, group, ad)] == [campaign, group, ad]
        assert (ad.account_id, ad.campaign_id) == (account.id, campaign.id)
        assert campaign.status is Status.PAUSED
        assert campaign.created_at == world.now
        assert len({campaign.id, group.id, ad.id}) == 3

    def test_parents_must_exist(self, presence):
        with pytest.raises(UnknownName, match="account '1'"):
            presence.create_campaign(account_id="1", name="Neu")
        with pytest.raises(UnknownName, match="campaign '1'"):
            presence.create_ad_group(campaign_id="1", name="Neu")
        with pytest.raises(UnknownName, match="ad group '1'"):
            presence.create_ad(ad_group_id="1", name="Neu")
