from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow.compute as pc
import pytest

from adjoin.ads.v2 import Status
from adjoin.errors import BadInput, UnknownName
from adjoin.testing.world import Presence, World, WorldKeyword

TODAY = date(2026, 11, 22)
METRICS = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")
DATASETS = ("keyword_daily", "search_term_daily")


def small_world(seed: int = 1) -> World:
    return World.generate(seed=seed, today=TODAY, scale=0.05, days=60)


@pytest.fixture(scope="module")
def world() -> World:
    """Shared by tests that only read."""
    return small_world()


@pytest.fixture(params=["google", "microsoft"])
def presence(world: World, request: pytest.FixtureRequest) -> Presence:
    return world.on(request.param)


@pytest.fixture(params=["google", "microsoft"])
def changing(request: pytest.FixtureRequest) -> tuple[World, Presence]:
    """A world of the test's own."""
    world = small_world()
    return world, world.on(request.param)


def by_group(table) -> dict:
    """Add up a table by day and ad group."""
    grouped = table.group_by(["date", "ad_group_id"]).aggregate([(metric, "sum") for metric in METRICS])
    return {
        (row["date"], row["ad_group_id"]): [row[f"{metric}_sum"] for metric in METRICS] for row in grouped.to_pylist()
    }


def running(presence: Presence, day: date) -> WorldKeyword:
    """An active keyword with impressions on a day and on the ones after it."""
    rows = presence.truth(
        "keyword_daily", since=day, until=day + timedelta(days=8), as_of=datetime(2027, 1, 1, tzinfo=UTC)
    ).to_pylist()
    days = Counter(row["keyword_id"] for row in rows if row["impressions"])
    there = {row["keyword_id"] for row in rows if row["date"] == day}
    chosen = next(known for known, count in days.most_common() if count > 4 and known in there)
    found = presence.find(chosen)
    assert isinstance(found, WorldKeyword)
    return found


def impressions(presence: Presence, keyword: WorldKeyword, day: date) -> int:
    table = presence.truth("keyword_daily", since=day, until=day)
    return pc.sum(table.filter(pc.field("keyword_id") == keyword.id)["impressions"]).as_py() or 0


class TestKeywords:
    def test_they_hang_on_ad_groups_of_search_campaigns_only(self, presence):
        groups = {known.id: known for known in presence.ad_groups()}
        campaigns = {known.id: known for known in presence.campaigns()}

        assert presence.keywords()
        for keyword in presence.keywords():
            group = groups[keyword.ad_group_id]
            assert (keyword.campaign_id, keyword.account_id) == (group.campaign_id, group.account_id)
            assert campaigns[keyword.campaign_id].channel == "search"

    def test_every_ad_group_of_a_search_campaign_has_some(self, presence):
        searched = {known.id for known in presence.campaigns() if known.channel == "search"}
        counts = Counter(keyword.ad_group_id for keyword in presence.keywords())

        assert set(counts) == {known.id for known in presence.ad_groups() if known.campaign_id in searched}
        assert 4 <= min(counts.values()) < max(counts.values()) <= 8

    def test_an_ad_group_has_no_text_twice(self, presence):
        texts = [(known.ad_group_id, known.text) for known in presence.keywords()]

        assert len(set(texts)) == len(texts)
        assert all(len(text) <= 80 and len(text.split()) <= 10 for _group, text in texts)

    def test_they_are_in_the_language_of_the_account(self, presence):
        japanese = next(account.id for account in presence.accounts if account.currency == "JPY")

        assert all(
            any("\u3040" <= letter <= "\u9fff" for letter in known.text) for known in presence.keywords(japanese)
        )

    def test_states_match_types_and_bids_vary(self, presence):
        assert {known.status for known in presence.keywords()} == {Status.ACTIVE, Status.PAUSED, Status.REMOVED}
        assert {known.match_type for known in presence.keywords()} == {"exact", "phrase", "broad"}
        assert {known.bid_micros is None for known in presence.keywords()} == {True, False}

    def test_they_were_changed_after_they_were_created_and_by_now(self, world, presence):
        assert all(known.created_at <= known.updated_at <= world.now for known in presence.keywords())

    def test_google_shares_a_keywords_number_among_ad_groups(self, world):
        keywords = world.on("google").keywords()
        numbers = {(known.text, known.match_type): known.id.rpartition("~")[2] for known in keywords}

        assert all(known.id == f"{known.ad_group_id}~{numbers[known.text, known.match_type]}" for known in keywords)
        assert len(numbers) < len(keywords) == len({known.id for known in keywords})

    def test_microsoft_gives_each_an_id_of_its_own(self, world):
        ids = [known.id for known in world.on("microsoft").keywords()]

        assert all(each.isdecimal() and len(each) == 18 for each in ids)
        assert len(set(ids)) == len(ids)

    def test_the_same_seed_gives_the_same(self, presence):
        again = small_world().on(presence.platform)

        assert again.keywords() == presence.keywords()
        assert again.truth("keyword_daily").equals(presence.truth("keyword_daily"))
        assert again.truth("search_term_daily").equals(presence.truth("search_term_daily"))

    @pytest.mark.parametrize("platform", ["meta", "linkedin"])
    @pytest.mark.parametrize("dataset", DATASETS)
    def test_platforms_without_search_have_none(self, world, platform, dataset):
        assert world.on(platform).keywords() == ()
        assert dataset not in world.on(platform).datasets
        with pytest.raises(UnknownName, match=f"no dataset '{dataset}' on {platform}"):
            world.on(platform).truth(dataset)


class TestTruth:
    @pytest.mark.parametrize("dataset", DATASETS)
    def test_sums_are_below_the_ad_groups(self, presence, dataset):
        groups = by_group(presence.truth("ad_group_daily"))
        found = by_group(presence.truth(dataset))

        assert found
        for key, sums in found.items():
            assert all(part <= whole for part, whole in zip(sums, groups[key], strict=True))

    @pytest.mark.parametrize(("dataset", "least"), [("keyword_daily", 0.7), ("search_term_daily", 0.8)])
    def test_most_of_a_search_campaigns_traffic_is_there_but_not_all(self, presence, dataset, least):
        searched = {known.id for known in presence.campaigns() if known.channel == "search"}
        groups = [row for row in presence.truth("ad_group_daily").to_pylist() if row["campaign_id"] in searched]
        whole = sum(row["impressions"] for row in groups)
        part = presence.totals(dataset).impressions

        assert least * whole < part < 0.97 * whole

    @pytest.mark.parametrize("dataset", DATASETS)
    def test_views_are_unknown(self, presence, dataset):
        assert set(presence.truth(dataset)["video_views"].to_pylist()) == {None}

    def test_search_terms_hold_what_people_type(self, presence):
        typed = "".join(presence.truth("search_term_daily")["search_term"].to_pylist())

        assert all(letter in typed for letter in '",üß靴🏕⛺')

    def test_keywords_that_are_gone_brought_results_only_before(self, presence):
        rows = presence.truth("keyword_daily").to_pylist()
        gone = {known.id: known for known in presence.keywords() if known.status is not Status.ACTIVE}
        found = [row for row in rows if row["keyword_id"] in gone]

        assert found
        assert all(row["date"] < gone[row["keyword_id"]].updated_at.date() for row in found)

    def test_conversions_of_a_day_grow_as_those_of_its_ad_group_do(self, presence):
        day = date(2026, 11, 10)
        counts = [
            presence.totals(
                "keyword_daily", since=day, until=day, as_of=datetime(2026, 11, 10 + days, 12, tzinfo=UTC)
            ).conversions
            for days in range(12)
        ]

        assert counts == sorted(counts)
        assert counts[0] < counts[-1]


class TestChanges:
    def test_a_paused_keyword_brings_nothing_from_the_next_day_on(self, changing):
        world, presence = changing
        keyword = running(presence, TODAY)
        group_before = by_group(presence.truth("ad_group_daily"))
        today = impressions(presence, keyword, TODAY)

        paused = presence.update(replace(keyword, status=Status.PAUSED))
        assert (paused.updated_at, presence.find(keyword.id)) == (world.now, paused)
        assert by_group(presence.truth("ad_group_daily")) == group_before
        assert impressions(presence, keyword, TODAY) == today > 0
        world.set_today(date(2026, 12, 1))
        assert impressions(presence, keyword, TODAY) > 0
        later = presence.truth("keyword_daily", since=date(2026, 11, 23))
        assert keyword.id not in later["keyword_id"].to_pylist()

        presence.update(replace(paused, status=Status.ACTIVE))
        world.set_today(date(2027, 1, 15))
        again = presence.truth("keyword_daily", since=date(2026, 11, 23)).filter(pc.field("keyword_id") == keyword.id)
        assert pc.min(again["date"]).as_py() > date(2026, 12, 1)

    def test_a_new_bid_changes_no_figure(self, changing):
        _world, presence = changing
        before = presence.truth("keyword_daily")

        presence.update(replace(running(presence, TODAY), bid_micros=5_000_000))

        assert presence.truth("keyword_daily").equals(before)

    def test_a_paused_ad_group_stops_its_keywords(self, changing):
        world, presence = changing
        keyword = running(presence, TODAY)
        group = next(known for known in presence.ad_groups() if known.id == keyword.ad_group_id)

        presence.update(replace(group, status=Status.PAUSED))
        world.set_today(date(2026, 11, 26))

        for dataset in DATASETS:
            later = presence.truth(dataset, since=date(2026, 11, 23))
            assert group.id not in later["ad_group_id"].to_pylist()

    def test_one_is_created_and_found_again(self, changing):
        world, presence = changing
        group = presence.find(presence.keywords()[0].ad_group_id)

        made = presence.create_keyword(
            ad_group_id=group.id, text="stirnlampe", match_type="exact", status=Status.ACTIVE, bid_micros=10**6
        )

        assert presence.find(made.id) == made == presence.keywords(group.account_id)[-1]
        assert (made.campaign_id, made.account_id, made.created_at) == (group.campaign_id, group.account_id, world.now)
        assert made in presence.changed_since(group.account_id, world.now)
        assert presence.update(replace(made, status=Status.REMOVED)).status is Status.REMOVED

    def test_an_equal_text_shares_its_number_on_google(self):
        google = small_world().on("google")
        first, *others = google.keywords()
        other = next(known for known in others if known.ad_group_id != first.ad_group_id)

        made = google.create_keyword(ad_group_id=first.ad_group_id, text="stirnlampe")
        equal = google.create_keyword(ad_group_id=other.ad_group_id, text="stirnlampe")

        assert made.id.rpartition("~")[2] == equal.id.rpartition("~")[2]
        assert made.id != equal.id

    def test_a_removed_one_can_be_created_again(self, changing):
        _world, presence = changing
        keyword = presence.keywords()[0]
        presence.update(replace(keyword, status=Status.REMOVED))

        again = presence.create_keyword(
            ad_group_id=keyword.ad_group_id, text=keyword.text, match_type=keyword.match_type, status=Status.ACTIVE
        )

        assert (again.id == keyword.id) == (presence.platform == "google")
        assert presence.find(again.id).status is Status.ACTIVE

    def test_one_that_the_ad_group_has_is_refused(self, changing):
        _world, presence = changing
        keyword = next(known for known in presence.keywords() if known.status is Status.ACTIVE)

        with pytest.raises(BadInput, match="already has the"):
            presence.create_keyword(ad_group_id=keyword.ad_group_id, text=keyword.text, match_type=keyword.match_type)

    def test_they_need_an_ad_group_of_a_search_campaign(self, changing):
        world, presence = changing
        display = next(known.id for known in presence.campaigns() if known.channel == "display")
        group = next(known for known in presence.ad_groups() if known.campaign_id == display)

        with pytest.raises(BadInput, match="takes no keywords"):
            presence.create_keyword(ad_group_id=group.id, text="zelt")
        meta = world.on("meta")
        with pytest.raises(BadInput, match="takes no keywords"):
            meta.create_keyword(ad_group_id=meta.ad_groups()[0].id, text="zelt")
        with pytest.raises(UnknownName, match="ad group '1'"):
            presence.create_keyword(ad_group_id="1", text="zelt")

    def test_a_keyword_stays_in_its_ad_group(self, changing):
        _world, presence = changing
        first, *others = presence.keywords()
        other = next(known for known in others if known.ad_group_id != first.ad_group_id)

        with pytest.raises(BadInput, match="Only an ad group can be moved"):
            presence.update(replace(first, ad_group_id=other.ad_group_id))
