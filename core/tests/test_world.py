from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.ads.v2 import AccountStatus, Status
from adjoin.errors import BadInput, UnknownName
from adjoin.testing.world import CONVERSIONS, Presence, World

TODAY = date(2026, 11, 22)
LADDER = ("ad_daily", "ad_group_daily", "campaign_daily", "account_daily")
METRICS = DATASETS["ad_daily"].metrics


def small_world(*, seed: int = 1, today: date = TODAY, fractional: bool = False) -> World:
    return World.generate(seed=seed, today=today, scale=0.1, days=120, fractional=fractional)


@pytest.fixture(scope="module")
def world() -> World:
    """Shared by tests that only read."""
    return small_world()


@pytest.fixture(scope="module")
def presence(world: World) -> Presence:
    return world.on("meta")


def summed(table: pa.Table, keys: list[str]) -> pa.Table:
    """Add up the metrics by some keys, in the order and with the names of the input."""
    grouped = table.group_by(["date", "account_id", *keys], use_threads=False).aggregate([(m, "sum") for m in METRICS])
    order = [("date", "ascending"), ("account_id", "ascending"), *((key, "ascending") for key in keys)]
    plain = grouped.rename_columns([name.removesuffix("_sum") for name in grouped.column_names])
    return plain.select(["date", "account_id", *keys, *METRICS]).sort_by(order)


class TestTruth:
    @pytest.mark.parametrize("dataset", [*LADDER, "conversion_daily"])
    def test_tables_have_the_published_schema(self, presence, dataset):
        assert presence.truth(dataset).schema == arrow_schema(dataset)

    @pytest.mark.parametrize("dataset", [*LADDER, "conversion_daily"])
    def test_rows_are_sorted_by_their_keys_and_come_once(self, presence, dataset):
        table = presence.truth(dataset)
        names = ("date", "account_id", *DATASETS[dataset].keys)
        keys = [tuple(row[name] or "" for name in names) for row in table.select(names).to_pylist()]

        assert keys == sorted(set(keys))

    @pytest.mark.parametrize("dataset", LADDER)
    def test_tables_validate(self, presence, dataset):
        presence.truth(dataset).validate(full=True)

    def test_the_same_arguments_give_the_same_world(self, presence):
        again = small_world().on("meta")

        assert again.truth("ad_daily").equals(presence.truth("ad_daily"))
        assert again.truth("conversion_daily").equals(presence.truth("conversion_daily"))
        assert (again.accounts, again.campaigns(), again.ads()) == (
            presence.accounts,
            presence.campaigns(),
            presence.ads(),
        )

    def test_seeds_and_platforms_differ(self, world, presence):
        assert not small_world(seed=2).on("meta").truth("account_daily").equals(presence.truth("account_daily"))
        assert not {ad.id for ad in world.on("google").ads()} & {ad.id for ad in presence.ads()}

    def test_the_order_of_asking_for_platforms_changes_nothing(self, presence):
        other = small_world()
        other.on("google")

        assert other.on("meta").truth("account_daily").equals(presence.truth("account_daily"))

    def test_ad_groups_are_the_sums_of_their_ads(self, presence):
        expected = summed(presence.truth("ad_daily"), ["campaign_id", "ad_group_id"])

        assert presence.truth("ad_group_daily").cast(expected.schema).equals(expected)

    def test_accounts_are_the_sums_of_their_campaigns(self, presence):
        expected = summed(presence.truth("campaign_daily"), [])

        assert presence.truth("account_daily").cast(expected.schema).equals(expected)

    def test_campaigns_are_the_sums_of_their_ad_groups_unless_they_have_no_ads(self, presence):
        without = pa.array([known.id for known in presence.campaigns() if known.kind == "no_ads"])
        campaigns = presence.truth("campaign_daily")
        of_no_ads = pc.is_in(campaigns["campaign_id"], value_set=without)
        expected = summed(presence.truth("ad_group_daily"), ["campaign_id"])

        assert campaigns.filter(pc.invert(of_no_ads)).cast(expected.schema).equals(expected)
        assert pc.sum(campaigns.filter(of_no_ads)["cost_micros"]).as_py() > 0

    def test_conversions_are_the_sum_of_the_actions_that_count(self, presence):
        actions = presence.truth("conversion_daily")
        counted = actions.filter(pc.is_in(actions["action"], value_set=pa.array(sorted(CONVERSIONS))))
        totals = presence.totals("account_daily")

        assert pc.sum(counted["conversions"]).as_py() == totals.conversions > 0
        assert pc.sum(counted["conversion_value_micros"]).as_py() == totals.conversion_value_micros > 0
        assert counted.num_rows < actions.num_rows

    def test_a_selection_is_a_part_of_the_whole(self, presence):
        account = presence.accounts[1].id
        since, until = date(2026, 10, 1), date(2026, 10, 7)
        whole = presence.truth("ad_daily")
        wanted = whole.filter(
            (pc.field("account_id") == account) & (pc.field("date") >= since) & (pc.field("date") <= until)
        )
        part = presence.truth("ad_daily", account_id=account, since=since, until=until)

        assert part.num_rows > 0
        assert part.equals(wanted.combine_chunks())

    def test_totals_add_up_a_selection(self, presence):
        account = presence.accounts[0].id
        table = presence.truth("ad_daily", account_id=account)
        totals = presence.totals("ad_daily", account_id=account)

        assert totals.rows == table.num_rows
        assert totals.cost_micros == sum(table["cost_micros"].to_pylist())
        assert (totals.first_date, totals.last_date) == (date(2026, 7, 26), TODAY)

    def test_a_range_without_days_is_empty(self, presence):
        assert presence.truth("ad_daily", since=date(2020, 1, 1), until=date(2020, 1, 2)).num_rows == 0
        assert presence.truth("conversion_daily", since=TODAY, until=date(2026, 11, 1)).num_rows == 0

    def test_unknown_datasets_and_accounts_are_refused_by_name(self, presence):
        with pytest.raises(UnknownName, match="no dataset 'hourly' on meta; it keeps account_daily"):
            presence.truth("hourly")
        with pytest.raises(UnknownName, match="no meta account '5'"):
            presence.truth("ad_daily", account_id="5")


class TestAdvertiser:
    def test_accounts_cover_currencies_zones_and_states(self, presence):
        live = [account for account in presence.accounts if presence.campaigns(account.id)][:4]

        assert {(account.currency, account.time_zone) for account in live} >= {
            ("EUR", "Europe/Berlin"),
            ("USD", "America/New_York"),
            ("JPY", "Asia/Tokyo"),
        }
        assert sum(account.status is AccountStatus.DISABLED for account in presence.accounts) == 1

    def test_one_account_is_active_and_empty(self, presence):
        empty = [account for account in presence.accounts if not presence.campaigns(account.id)]

        assert [account.status for account in empty] == [AccountStatus.ACTIVE]
        assert presence.totals("account_daily", account_id=empty[0].id).rows == 0

    def test_the_disabled_account_has_past_results_only(self, presence):
        (disabled,) = (account for account in presence.accounts if account.status is AccountStatus.DISABLED)
        totals = presence.totals("account_daily", account_id=disabled.id)

        assert totals.rows > 0
        assert totals.last_date < TODAY - timedelta(days=28)

    def test_ids_do_not_fit_into_a_double(self, presence):
        ids = [
            known.id for known in (*presence.accounts, *presence.campaigns(), *presence.ad_groups(), *presence.ads())
        ]

        assert all(len(each) == 18 and int(each) > 2**53 for each in ids)
        assert len(set(ids)) == len(ids)

    def test_money_is_whole_minor_units(self, presence):
        for account in presence.accounts:
            unit = 1_000_000 if account.currency == "JPY" else 10_000
            table = presence.truth("ad_daily", account_id=account.id)

            assert not any(micros % unit for micros in table["cost_micros"].to_pylist())
            assert not any(micros % unit for micros in table["conversion_value_micros"].to_pylist())
            assert not any((known.daily_budget_micros or 0) % unit for known in presence.campaigns(account.id))

    def test_objects_that_are_gone_keep_their_results(self, presence):
        with_results = set(presence.truth("ad_daily")["ad_id"].to_pylist())
        gone = {ad.status for ad in presence.ads() if ad.id in with_results}

        assert {Status.ARCHIVED, Status.REMOVED, Status.PAUSED} <= gone

    def test_nothing_runs_today_that_is_not_active_all_the_way_up(self, presence):
        campaigns = {known.id: known for known in presence.campaigns()}
        groups = {known.id: known for known in presence.ad_groups()}
        ads = {known.id: known for known in presence.ads()}
        running = presence.truth("ad_daily", since=TODAY)["ad_id"].to_pylist()

        assert running
        for ad in (ads[each] for each in running):
            parents = (ad, groups[ad.ad_group_id], campaigns[ad.campaign_id])
            assert [known.status for known in parents] == [Status.ACTIVE] * 3

    def test_objects_were_created_before_their_results_and_changed_by_now(self, world, presence):
        for known in (*presence.campaigns(), *presence.ad_groups(), *presence.ads()):
            assert known.created_at <= known.updated_at <= world.now

    def test_awkward_days_occur(self, presence):
        rows = presence.truth("ad_daily").to_pylist()

        assert any(row["impressions"] and not row["clicks"] and not row["cost_micros"] for row in rows)
        assert any(row["conversions"] and not row["clicks"] for row in rows)
        assert any(row["video_views"] is None for row in rows)
        assert any(row["video_views"] for row in rows)

    def test_names_hold_what_people_type(self, presence):
        names = " ".join(known.name for known in presence.campaigns())

        assert "US_Brand_Search" in names
        assert any("\u0590" <= letter <= "\u06ff" for letter in names)

    def test_budgets_stand_on_the_campaign_or_on_its_ad_groups(self, presence):
        on_groups = {known.campaign_id for known in presence.ad_groups() if known.daily_budget_micros}
        on_campaigns = {
            known.id for known in presence.campaigns() if known.daily_budget_micros or known.lifetime_budget_micros
        }

        assert not on_groups & on_campaigns
        assert on_groups | on_campaigns == {known.id for known in presence.campaigns()}

    def test_each_further_unit_of_budget_brings_less(self, presence):
        curve = presence.campaigns()[0].curve
        first = curve.expected(10**8)
        second = curve.expected(2 * 10**8) - first

        assert first > second > 0

    def test_conversions_are_whole_unless_asked_otherwise(self, presence):
        fractional = small_world(fractional=True).on("meta").truth("account_daily")["conversions"].to_pylist()

        assert not any(each % 1 for each in presence.truth("account_daily")["conversions"].to_pylist())
        assert any(each % 1 for each in fractional)
        assert all(each == round(each, 2) for each in fractional)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [({"scale": 0}, "scale"), ({"scale": float("nan")}, "scale"), ({"days": 0}, "days"), ({"seed": -1}, "seed")],
    )
    def test_sizes_that_cannot_be_are_refused(self, arguments, message):
        with pytest.raises(BadInput, match=message):
            World.generate(today=TODAY, **arguments)

    def test_the_token_is_plainly_made_up(self, world):
        assert world.token("meta") == "sandbox-meta-token-1"
        assert world.refresh_token("meta") == "sandbox-meta-refresh-1"


class TestRestatement:
    DAY = date(2026, 11, 10)

    def asked(self, presence: Presence, days_later: int, dataset: str = "account_daily") -> pa.Table:
        moment = datetime(2026, 11, 10, 12, tzinfo=UTC) + timedelta(days=days_later)
        return presence.truth(dataset, since=self.DAY, until=self.DAY, as_of=moment)

    def test_conversions_only_grow_and_end_after_28_days(self, presence):
        noon = datetime(2026, 11, 10, 12, tzinfo=UTC)
        conversions = [
            presence.totals(
                "account_daily", since=date(2026, 11, 1), until=self.DAY, as_of=noon + timedelta(days=days)
            ).conversions
            for days in range(40)
        ]

        assert conversions == sorted(conversions)
        assert conversions[1] < conversions[10] < conversions[28]
        assert set(conversions[28:]) == {conversions[28]}

    def test_each_action_of_each_ad_only_grows(self, presence):
        names = ["ad_id", "campaign_id", "action"]
        before: dict[tuple[str, ...], Decimal] = {}
        for days in range(30):
            table = self.asked(presence, days, "conversion_daily").to_pylist()
            now = {tuple(str(row[name]) for name in names): row["conversions"] for row in table}
            assert all(now[key] >= count for key, count in before.items())
            before = now

    def test_delivery_shrinks_a_little_and_ends_after_3_days(self, presence):
        cost = [pc.sum(self.asked(presence, days)["cost_micros"]).as_py() for days in range(1, 6)]

        assert cost[0] > cost[1] > cost[2] == cost[3] == cost[4]
        assert cost[0] < cost[2] * 1.05

    def test_sums_across_grains_hold_at_any_moment(self, presence):
        for days in (0, 1, 5):
            expected = summed(self.asked(presence, days, "campaign_daily"), [])
            assert self.asked(presence, days).cast(expected.schema).equals(expected)

    def test_asking_for_an_old_view_gives_what_was_seen_then(self, presence):
        earlier = small_world()
        earlier.set_now(datetime(2026, 11, 12, 3, 30, tzinfo=UTC))

        assert earlier.on("meta").truth("ad_daily").equals(presence.truth("ad_daily", as_of=earlier.now))

    def test_moving_the_clock_back_and_forth_changes_no_figure(self):
        world = small_world()
        before = world.on("meta").truth("ad_daily")
        world.set_today(date(2026, 12, 24))
        later = world.on("meta").totals("ad_daily")
        world.set_today(TODAY)

        assert later.last_date == date(2026, 12, 24)
        assert world.on("meta").truth("ad_daily").equals(before)


class TestClock:
    @pytest.mark.parametrize(
        ("account", "zone", "midnight", "hours"),
        [
            (0, "Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
            (0, "Europe/Berlin", datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
            (1, "America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC), 23),
            (1, "America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
        ],
    )
    def test_a_day_at_a_change_of_the_clocks_is_as_long_as_it_is(self, account, zone, midnight, hours):
        presence = World.generate(today=midnight.date() + timedelta(days=2), scale=0.02, days=10).on("google")
        known = presence.accounts[account]
        end = midnight + timedelta(hours=hours)
        day = presence.today(known.id, as_of=midnight)
        minute = timedelta(minutes=1)

        def last(moment: datetime) -> date | None:
            return presence.totals("account_daily", account_id=known.id, as_of=moment).last_date

        by_hour = [
            presence.totals("account_daily", account_id=known.id, since=day, as_of=midnight + timedelta(hours=hour))
            for hour in range(hours)
        ]
        impressions = [totals.impressions for totals in by_hour]

        assert known.time_zone == zone
        assert presence.today(known.id, as_of=midnight - minute) == last(midnight - minute) == day - timedelta(days=1)
        assert presence.today(known.id, as_of=end - minute) == last(end - minute) == day
        assert presence.today(known.id, as_of=end) == day + timedelta(days=1)
        assert impressions == sorted(impressions)
        assert impressions[0] == 0 < impressions[-1]

    def test_today_is_a_matter_of_the_zone(self, presence):
        """At 20:00 UTC it is tomorrow in Tokyo and still today in New York."""
        evening = datetime(2026, 11, 20, 20, tzinfo=UTC)
        today = {known.time_zone: presence.today(known.id, as_of=evening) for known in presence.accounts}
        last = {
            known.time_zone: presence.totals("account_daily", account_id=known.id, as_of=evening).last_date
            for known in presence.accounts[:3]
        }

        assert today["Asia/Tokyo"] == last["Asia/Tokyo"] == date(2026, 11, 21)
        assert today["America/New_York"] == last["America/New_York"] == date(2026, 11, 20)

    def test_today_fills_up_by_the_hour(self, presence):
        berlin = presence.accounts[0].id
        midnight = datetime(2026, 11, 19, 23, tzinfo=UTC)
        by_hour = [
            presence.totals(
                "account_daily", account_id=berlin, since=date(2026, 11, 20), as_of=midnight + timedelta(hours=hour)
            ).impressions
            for hour in range(24)
        ]

        assert by_hour[0] == 0
        assert by_hour == sorted(by_hour)
        assert by_hour[6] < by_hour[12] < by_hour[23]

    def test_noon_is_the_same_day_everywhere(self, world, presence):
        assert {presence.today(known.id) for known in presence.accounts} == {TODAY} == {world.today}

    def test_an_instant_needs_a_zone(self, world):
        with pytest.raises(BadInput, match="zone"):
            world.set_now(datetime(2026, 11, 22))  # noqa: DTZ001


def test_the_usual_size_is_as_documented():
    presence = World.generate(today=TODAY).on("meta")

    assert 55 <= len(presence.campaigns()) <= 70
    assert 350 <= len(presence.ad_groups()) <= 450
    assert 1800 <= len(presence.ads()) <= 2200
    assert 150_000 <= presence.truth("ad_daily").num_rows <= 250_000
