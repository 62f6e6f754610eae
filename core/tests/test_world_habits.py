"""The truth of a platform holds what its wire can carry, and no more."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.testing.world import Presence, World

TODAY = date(2026, 11, 22)
PLATFORMS = ("google", "linkedin", "microsoft")
LADDER = ("account_daily", "campaign_daily", "ad_group_daily", "ad_daily")


@pytest.fixture(scope="module")
def world() -> World:
    return World.generate(seed=4, today=TODAY, scale=0.2, days=60)


@pytest.fixture(params=PLATFORMS)
def presence(world: World, request: pytest.FixtureRequest) -> Presence:
    return world.on(request.param)


def column(presence: Presence, dataset: str, name: str) -> list:
    return presence.truth(dataset)[name].to_pylist()


class TestEvery:
    def test_tables_have_the_published_schema_and_sorted_keys(self, presence):
        for dataset in presence.datasets:
            table = presence.truth(dataset)
            names = ("date", "account_id", *DATASETS[dataset].keys)
            keys = [tuple(row[name] or "" for name in names) for row in table.select(names).to_pylist()]

            assert table.schema == arrow_schema(dataset)
            assert keys == sorted(set(keys))
            table.validate(full=True)

    @pytest.mark.parametrize("dataset", LADDER)
    def test_rows_of_nothing_do_not_exist(self, presence, dataset):
        table = presence.truth(dataset)
        something = [any(row[name] for name in DATASETS[dataset].metrics) for row in table.to_pylist()]

        assert all(something)
        assert something

    @pytest.mark.parametrize("dataset", LADDER)
    def test_no_views_are_zero(self, presence, dataset):
        views = column(presence, dataset, "video_views")

        assert None not in views
        assert 0 in views or dataset == "account_daily"

    def test_all_grains_add_up_to_the_same(self, presence):
        without = {known.id for known in presence.campaigns() if known.kind == "no_ads"}
        campaigns = presence.truth("campaign_daily")
        with_ads = campaigns.filter(
            pc.invert(pc.is_in(campaigns["campaign_id"], pa.array(sorted(without), pa.string())))
        )

        for metric in DATASETS["ad_daily"].metrics:
            ads = pc.sum(presence.truth("ad_daily")[metric])
            assert pc.sum(presence.truth("account_daily")[metric]) == pc.sum(campaigns[metric])
            assert pc.sum(presence.truth("ad_group_daily")[metric]) == pc.sum(with_ads[metric]) == ads

    def test_conversions_are_the_sum_of_the_actions_that_count(self, presence):
        actions = presence.truth("conversion_daily")
        counted = actions.filter(pc.is_in(actions["action"], pa.array(["leads", "purchases", "registrations"])))
        totals = presence.totals("account_daily")

        assert pc.sum(counted["conversions"]).as_py() == totals.conversions > 0
        assert pc.sum(counted["conversion_value_micros"]).as_py() == totals.conversion_value_micros > 0

    def test_budgets_and_bids_are_multiples_of_the_smallest_unit(self, presence):
        for account in presence.accounts:
            unit = 1_000_000 if account.currency == "JPY" else 10_000
            objects = (*presence.campaigns(account.id), *presence.ad_groups(account.id))
            budgets = [known.daily_budget_micros or known.lifetime_budget_micros or 0 for known in objects]
            bids = [known.bid_micros or 0 for known in presence.keywords(account.id)]
            assert not any(micros % unit for micros in (*budgets, *bids))

    def test_conversions_that_are_still_arriving_are_no_finer_than_final_ones(self, presence):
        step = {"google": Decimal("0.000001"), "microsoft": Decimal("0.01"), "linkedin": Decimal(1)}[presence.platform]
        young = presence.truth("ad_daily", since=TODAY - timedelta(days=5))["conversions"].to_pylist()

        assert any(young)
        assert not any(count % step for count in young)


class TestGoogle:
    @pytest.fixture
    def presence(self, world):
        return world.on("google")

    def test_accounts_have_ten_digits(self, presence):
        assert all(len(account.id) == 10 for account in presence.accounts)

    def test_cost_is_as_fine_as_a_micro_in_yen_too(self, presence):
        yen = next(account.id for account in presence.accounts if account.currency == "JPY")

        assert any(micros % 10 for micros in column(presence, "ad_daily", "cost_micros"))
        assert any(micros % 10 for micros in presence.truth("ad_daily", account_id=yen)["cost_micros"].to_pylist())

    def test_conversions_have_six_decimals(self, presence):
        counts = column(presence, "conversion_daily", "conversions")

        assert any(count % Decimal("0.00001") for count in counts)
        assert not any(count % Decimal("0.000001") for count in counts)

    @pytest.mark.parametrize("dataset", [*LADDER, "conversion_daily", "keyword_daily"])
    def test_doubles_carry_conversions_and_values_without_loss(self, presence, dataset):
        for count in column(presence, dataset, "conversions"):
            assert Decimal(repr(float(count))) == count
        for micros in column(presence, dataset, "conversion_value_micros"):
            assert Decimal(repr(micros / 10**6)) * 10**6 == micros

    def test_values_are_there_and_have_decimals(self, presence):
        values = column(presence, "conversion_daily", "conversion_value_micros")

        assert any(micros % 10_000 for micros in values)


class TestLinkedIn:
    @pytest.fixture
    def presence(self, world):
        return world.on("linkedin")

    def test_accounts_live_in_utc(self, presence):
        assert {account.time_zone for account in presence.accounts} == {"UTC"}
        assert {account.currency for account in presence.accounts} == {"EUR", "USD", "JPY"}

    def test_money_has_five_decimals(self, presence):
        cost = column(presence, "ad_daily", "cost_micros")

        assert not any(micros % 10 for micros in (*cost, *column(presence, "ad_daily", "conversion_value_micros")))
        assert any(micros % 100 for micros in cost)

    def test_conversions_are_whole_though_fractions_were_asked_for(self):
        presence = World.generate(today=TODAY, scale=0.02, days=20, fractional=True).on("linkedin")
        counts = column(presence, "conversion_daily", "conversions")

        assert counts
        assert not any(count % 1 for count in counts)

    def test_only_actions_that_count_exist_and_no_deeper_than_the_ad_group(self, presence):
        table = presence.truth("conversion_daily")

        assert set(table["action"].to_pylist()) == {"leads", "purchases", "registrations"}
        assert set(table["ad_id"].to_pylist()) == {None}
        assert None not in table["ad_group_id"].to_pylist()

    def test_every_campaign_has_ads(self, presence):
        assert {known.kind for known in presence.campaigns()} == {"normal"}


class TestMicrosoft:
    @pytest.fixture
    def presence(self, world):
        return world.on("microsoft")

    def test_money_is_whole_smallest_units(self, presence):
        for account in presence.accounts:
            unit = 1_000_000 if account.currency == "JPY" else 10_000
            table = presence.truth("ad_daily", account_id=account.id)
            assert not any(micros % unit for micros in table["cost_micros"].to_pylist())
            assert not any(micros % unit for micros in table["conversion_value_micros"].to_pylist())

    def test_conversions_are_hundredths(self, presence):
        counts = column(presence, "conversion_daily", "conversions")

        assert any(count % 1 for count in counts)
        assert not any(count % Decimal("0.01") for count in counts)


class TestChannels:
    def test_campaigns_without_ads_are_the_performance_max_ones(self, world):
        for platform in ("meta", *PLATFORMS):
            for campaign in world.on(platform).campaigns():
                assert (campaign.channel == "performance_max") == (campaign.kind == "no_ads")

    @pytest.mark.parametrize("platform", ["google", "microsoft"])
    def test_the_smallest_world_has_campaigns_in_the_search_and_outside(self, platform):
        for seed in range(3):
            small = World.generate(seed=seed, today=TODAY, scale=0.01, days=5).on(platform)
            assert {known.channel for known in small.campaigns()} >= {"search", "display", "performance_max"}

    def test_all_of_a_platforms_channels_occur(self):
        presences = World.generate(today=TODAY, days=5)

        assert {known.channel for known in presences.on("google").campaigns()} == {
            "search",
            "shopping",
            "display",
            "video",
            "performance_max",
        }
        assert {known.channel for known in presences.on("linkedin").campaigns()} == {"display", "video"}

    def test_search_ads_are_text(self, world):
        google = world.on("google")
        searched = {known.id for known in google.campaigns() if known.channel == "search"}

        assert {ad.format for ad in google.ads() if ad.campaign_id in searched} == {"text"}
