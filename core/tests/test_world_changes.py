from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow.compute as pc
import pytest

from adjoin.ads.v2 import Status
from adjoin.errors import BadInput, UnknownName
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


class TestMove:
    TOMORROW = date(2026, 11, 23)

    @pytest.fixture(params=["meta", "google", "linkedin", "microsoft"])
    def world_and_presence(self, request):
        world = World.generate(seed=3, today=TODAY, scale=0.1, days=20)
        return world, world.on(request.param)

    def pair(self, presence: Presence):
        """An ad group that delivers every day, and another running campaign of its account and channel."""
        rows = presence.truth("ad_group_daily", since=date(2026, 11, 20))["ad_group_id"].to_pylist()
        group = next(known for known in presence.ad_groups() if rows.count(known.id) == 3)
        own = presence.find(group.campaign_id)
        for campaign in presence.campaigns(group.account_id):
            alike = (campaign.channel, campaign.status) == (own.channel, Status.ACTIVE)
            if alike and campaign.id != own.id:
                return group, campaign
        account = group.account_id
        return group, presence.create_campaign(
            account_id=account, name="Neu", status=Status.ACTIVE, channel=own.channel
        )

    def homes(self, presence: Presence, dataset: str, group) -> dict[date, set[str]]:
        table = presence.truth(dataset).filter(pc.field("ad_group_id") == group.id)
        found: dict[date, set[str]] = {}
        for row in table.select(["date", "campaign_id"]).to_pylist():
            found.setdefault(row["date"], set()).add(row["campaign_id"])
        return found

    def test_results_count_in_the_new_campaign_from_the_next_day_on(self, world_and_presence):
        world, presence = world_and_presence
        group, campaign = self.pair(presence)
        world.set_today(date(2026, 12, 10))
        without = {name: presence.truth(name) for name in presence.datasets}
        world.set_today(TODAY)
        before = {name: presence.truth(name) for name in presence.datasets}

        moved = presence.update(replace(group, campaign_id=campaign.id))

        assert presence.find(group.id) == moved
        assert {ad.campaign_id for ad in presence.ads() if ad.ad_group_id == group.id} == {campaign.id}
        assert {each.campaign_id for each in presence.keywords() if each.ad_group_id == group.id} <= {campaign.id}
        for name, table in before.items():
            assert presence.truth(name).equals(table), name
        world.set_today(date(2026, 12, 10))
        for name in presence.datasets:
            table = presence.truth(name)
            keys = [known for known in table.schema.names if known == "date" or known.endswith("_id")]
            rows = table.select(keys).to_pylist()
            assert [tuple(row[key] or "" for key in keys) for row in rows] == sorted(
                tuple(row[key] or "" for key in keys) for row in rows
            )
        for name in set(presence.datasets) - {"account_daily", "campaign_daily"}:
            homes = self.homes(presence, name, group)
            assert all(
                found == {campaign.id if day >= self.TOMORROW else group.campaign_id} for day, found in homes.items()
            ), name
            table = presence.truth(name)
            own = pc.field("ad_group_id") == group.id
            assert table.filter(~own).equals(without[name].filter(~own)), name
            figures = [each for each in table.schema.names if each not in ("campaign_id", "account_id")]
            order = [(each, "ascending") for each in figures]
            assert (
                table.filter(own)
                .select(figures)
                .sort_by(order)
                .equals(without[name].filter(own).select(figures).sort_by(order))
            ), name
        assert presence.truth("account_daily").equals(without["account_daily"])
        assert max(self.homes(presence, "ad_group_daily", group)) > self.TOMORROW

    def test_a_group_that_moves_back_is_where_it_was(self, world_and_presence):
        world, presence = world_and_presence
        group, campaign = self.pair(presence)
        world.set_today(date(2026, 12, 10))
        without = {name: presence.truth(name) for name in presence.datasets}
        world.set_today(TODAY)

        moved = presence.update(replace(group, campaign_id=campaign.id))
        presence.update(replace(moved, campaign_id=group.campaign_id))
        world.set_today(date(2026, 12, 10))

        for name, table in without.items():
            assert presence.truth(name).equals(table), name

    def test_a_moved_group_can_be_paused(self, world_and_presence):
        world, presence = world_and_presence
        group, campaign = self.pair(presence)
        moved = presence.update(replace(group, campaign_id=campaign.id))
        world.set_today(date(2026, 11, 25))

        presence.update(replace(moved, status=Status.PAUSED))
        world.set_today(date(2026, 11, 28))

        assert max(self.homes(presence, "ad_daily", group)) == date(2026, 11, 25)

    def test_a_group_in_a_paused_campaign_delivers_nothing(self, world_and_presence):
        world, presence = world_and_presence
        group, campaign = self.pair(presence)
        presence.update(replace(campaign, status=Status.PAUSED))

        presence.update(replace(group, campaign_id=campaign.id))
        world.set_today(date(2026, 11, 25))

        assert max(self.homes(presence, "ad_daily", group)) == TODAY

    def test_the_next_day_begins_at_midnight_of_the_account(self, world):
        """At 20:00 UTC the next day of Tokyo is the one after tomorrow."""
        google = world.on("google")
        tokyo = next(account.id for account in google.accounts if account.time_zone == "Asia/Tokyo")
        group = next(
            known
            for known in google.ad_groups(tokyo)
            if google.truth("ad_group_daily", since=TODAY).filter(pc.field("ad_group_id") == known.id).num_rows
        )
        other = google.create_campaign(account_id=tokyo, name="Neu", status=Status.ACTIVE)
        world.set_now(datetime(2026, 11, 22, 20, tzinfo=UTC))

        google.update(replace(group, campaign_id=other.id))
        world.set_today(date(2026, 11, 27))

        homes = self.homes(google, "ad_group_daily", group)
        assert homes[date(2026, 11, 23)] == {group.campaign_id}
        assert homes[date(2026, 11, 24)] == {other.id}

    def test_it_stays_within_its_account_and_among_campaigns_with_ads(self, world, presence):
        group = presence.ad_groups()[0]
        foreign = next(known for known in presence.campaigns() if known.account_id != group.account_id)
        without = next(known for known in presence.campaigns(group.account_id) if known.kind == "no_ads")

        with pytest.raises(UnknownName, match=f"no meta campaign '{foreign.id}'"):
            presence.update(replace(group, campaign_id=foreign.id))
        with pytest.raises(BadInput, match="has no ad groups"):
            presence.update(replace(group, campaign_id=without.id))
        with pytest.raises(BadInput, match="within its account"):
            presence.update(replace(group, account_id=foreign.account_id, campaign_id=foreign.id))
        assert presence.find(group.id) == group


class TestChangedSince:
    def test_it_gives_what_was_created_or_changed_since(self, world):
        google = world.on("google")
        account = google.accounts[0].id
        yesterday = datetime(2026, 11, 21, 12, tzinfo=UTC)
        world.set_today(date(2026, 11, 24))
        assert google.changed_since(account, world.now) == ()

        keyword = google.update(replace(google.keywords(account)[0], status=Status.REMOVED))
        campaign = google.update(replace(google.campaigns(account)[0], name="Neu"))
        google.update(replace(google.campaigns(google.accounts[1].id)[0], name="Neu"))

        assert google.changed_since(account, world.now) == (campaign, keyword)
        older = google.changed_since(account, yesterday)
        assert campaign in older
        assert keyword in older
        assert all(known.account_id == account and known.updated_at >= yesterday for known in older)
        assert len(google.changed_since(account, datetime(2000, 1, 1, tzinfo=UTC))) == sum(
            len(known(account)) for known in (google.campaigns, google.ad_groups, google.ads, google.keywords)
        )
