"""Plugin and sandbox over real HTTP: what is read equals the truth of the world, exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.ads.v2 import AccountStatus, DateWindow, ReadRequest, Status
from adjoin.testing.world import World
from adjoin_microsoft import plugin

TODAY = date(2026, 11, 22)
ALL = tuple(DATASETS)


def _back(days, until=TODAY):
    return DateWindow(since=until - timedelta(days=days - 1), until=until)


def _sorted(table):
    keys = [name for name in table.column_names if name not in DATASETS["ad_daily"].metrics]
    return table.sort_by([(name, "ascending") for name in keys])


async def read_table(client, account, dataset, window):
    """Read one slice and return its rows, in order."""
    request = ReadRequest(stream=dataset, account=account, window=window)
    batches = [batch.rows async for batch in plugin.read(request, client)]
    return _sorted(pa.Table.from_batches(batches, schema=arrow_schema(dataset)))


def truth(world, dataset, account, window):
    """What should have been read."""
    return _sorted(world.on("microsoft").truth(dataset, account_id=account.id, since=window.since, until=window.until))


def _check(sandbox, windows, datasets=ALL):
    """Compare everything with the truth and return the number of rows by dataset."""

    async def work(client):
        rows = dict.fromkeys(datasets, 0)
        for account in await plugin.accounts(client):
            for dataset in datasets:
                for window in windows:
                    have = await read_table(client, account, dataset, window)
                    want = truth(sandbox.world, dataset, account, window)
                    assert have.equals(want), (account.name, dataset, window)
                    rows[dataset] += have.num_rows
        return rows

    return sandbox.call(work)


@pytest.mark.parametrize("seed", [1, 7])
def test_all_datasets_equal_the_truth(serve, seed):
    with serve(World.generate(seed=seed, today=TODAY, scale=0.05, days=90)) as sandbox:
        rows = _check(sandbox, [_back(3), _back(31, TODAY - timedelta(days=20))])
        assert all(rows.values()), rows
        currencies = {account.currency for account in sandbox.world.on("microsoft").accounts}
        assert {"EUR", "USD", "JPY"} <= currencies


def test_fractions_of_conversions_equal_the_truth(serve):
    with serve(World.generate(seed=2, today=TODAY, scale=0.05, days=40, fractional=True)) as sandbox:
        assert _check(sandbox, [_back(31)], ("ad_daily", "conversion_daily"))["conversion_daily"] > 0


def test_a_day_looks_different_when_it_is_asked_for_later(sandbox):
    window = DateWindow(since=TODAY, until=TODAY)

    async def work(client):
        tables = [await read_table(client, one, "account_daily", window) for one in await plugin.accounts(client)]
        return sum(sum(table["impressions"].to_pylist()) for table in tables)

    early = sandbox.call(work)
    sandbox.world.set_today(TODAY + timedelta(days=10))
    assert 0 < early < sandbox.call(work)
    _check(sandbox, [_back(14, TODAY + timedelta(days=10))], ("campaign_daily", "ad_daily", "conversion_daily"))


def test_today_begins_at_midnight_of_the_account_and_tomorrow_is_empty(sandbox):
    sandbox.world.set_now(datetime(2026, 11, 22, 22, tzinfo=UTC))  # the 23rd in Tokyo, the 22nd in New York
    tomorrow = DateWindow(since=date(2026, 11, 23), until=date(2026, 11, 24))

    async def work(client):
        accounts = {account.time_zone: account for account in await plugin.accounts(client)}
        tokyo = await read_table(client, accounts["Asia/Tokyo"], "account_daily", tomorrow)
        new_york = await read_table(client, accounts["America/New_York"], "account_daily", tomorrow)
        return tokyo["date"].to_pylist(), new_york.num_rows

    assert sandbox.call(work) == ([date(2026, 11, 23)], 0)


def test_performance_max_is_in_the_totals_of_campaigns_only(sandbox):
    without_ads = {one.id for one in sandbox.world.on("microsoft").campaigns() if one.channel == "performance_max"}
    window = _back(31, TODAY - timedelta(days=10))

    async def work(client):
        seen = {"campaign_daily": set(), "ad_group_daily": set(), "ad_daily": set(), "conversion_daily": set()}
        for account in await plugin.accounts(client):
            for dataset, found in seen.items():
                found.update((await read_table(client, account, dataset, window))["campaign_id"].to_pylist())
        return seen

    seen = sandbox.call(work)
    assert without_ads & seen["campaign_daily"]
    assert without_ads & seen["conversion_daily"]
    assert not without_ads & (seen["ad_group_daily"] | seen["ad_daily"])


def test_accounts_equal_the_world(sandbox):
    found = sandbox.call(plugin.accounts)
    known = sandbox.world.on("microsoft").accounts
    assert {(a.id, a.name, a.currency) for a in found} == {(a.id, a.name, a.currency) for a in known}
    now = datetime.combine(TODAY, datetime.min.time(), UTC)
    from zoneinfo import ZoneInfo

    zones = {account.id: account.time_zone for account in found}
    for account in known:
        assert now.astimezone(ZoneInfo(zones[account.id])).utcoffset() == (
            now.astimezone(ZoneInfo(account.time_zone)).utcoffset()
        )
    disabled = {account.id for account in known if account.status is AccountStatus.DISABLED}
    assert {account.id for account in found if account.status is AccountStatus.DISABLED} == disabled
    assert all(account.readable for account in found)


async def _entities(client, stream, since=None):
    found = {}
    for account in await plugin.accounts(client):
        request = ReadRequest(stream=stream, account=account, updated_since=since)
        async for batch in plugin.read(request, client):
            for entity in batch.entities:
                assert entity.id not in found
                found[entity.id] = entity
    return found


_GONE = (Status.REMOVED, Status.ARCHIVED)  # Microsoft has no archive


def _there(presence):
    """The objects that Microsoft lists: not deleted, nor anything above them."""
    campaigns = {one.id: one for one in presence.campaigns() if one.status not in _GONE}
    groups = {one.id: one for one in presence.ad_groups() if one.status not in _GONE and one.campaign_id in campaigns}
    ads = {one.id: one for one in presence.ads() if one.status not in _GONE and one.ad_group_id in groups}
    keywords = {one.id: one for one in presence.keywords() if one.status not in _GONE and one.ad_group_id in groups}
    return campaigns, groups, ads, keywords


def _to_millis(moment):
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_objects_equal_the_world(sandbox):
    async def work(client):
        return [await _entities(client, stream) for stream in ("campaigns", "ad_groups", "ads", "keywords")]

    campaigns, groups, ads, keywords = sandbox.call(work)
    known_campaigns, known_groups, known_ads, known_keywords = _there(sandbox.world.on("microsoft"))
    channels = {"video": "display"}
    assert {(c.id, c.name, c.status, c.channel, _to_millis(c.updated_at)) for c in campaigns.values()} == {
        (k.id, k.name, k.status, channels.get(k.channel, k.channel), _to_millis(k.updated_at))
        for k in known_campaigns.values()
    }
    for known in known_campaigns.values():
        got = campaigns[known.id]
        if known.daily_budget_micros or known.lifetime_budget_micros:
            assert got.daily_budget_micros == known.daily_budget_micros
            assert got.lifetime_budget_micros == known.lifetime_budget_micros
    assert {(g.id, g.campaign_id, g.name, g.status) for g in groups.values()} == {
        (k.id, k.campaign_id, k.name, k.status) for k in known_groups.values()
    }
    assert {(a.id, a.campaign_id, a.ad_group_id, a.landing_url, a.status) for a in ads.values()} == {
        (k.id, k.campaign_id, k.ad_group_id, k.landing_url, k.status) for k in known_ads.values()
    }
    assert {(k.id, k.campaign_id, k.ad_group_id, k.name, k.match_type, k.bid_micros) for k in keywords.values()} == {
        (k.id, k.campaign_id, k.ad_group_id, k.text, k.match_type, k.bid_micros) for k in known_keywords.values()
    }
    assert all((campaigns, groups, ads, keywords))


def test_what_changes_is_read_alone_and_what_is_deleted_comes_as_removed(serve):
    with serve(World.generate(seed=5, today=TODAY, scale=0.03, days=40)) as sandbox:
        presence = sandbox.world.on("microsoft")
        campaigns, groups, ads, _ = _there(presence)
        since = sandbox.world.now
        sandbox.world.set_now(since + timedelta(hours=2))
        renamed = presence.update(replace(next(iter(campaigns.values())), name="Renamed"))
        ad = next(one for one in ads.values() if one.campaign_id != renamed.id)
        presence.update(replace(ad, status=Status.REMOVED))
        group = next(one for one in groups.values() if one.id != ad.ad_group_id)
        presence.update(replace(group, status=Status.PAUSED))

        async def work(client):
            return [await _entities(client, stream, since) for stream in ("campaigns", "ad_groups", "ads")]

        found = sandbox.call(work)
        assert [(one.id, one.name) for one in found[0].values()] == [(renamed.id, "Renamed")]
        assert [(one.id, one.status) for one in found[1].values()] == [(group.id, Status.PAUSED)]
        assert [(one.id, one.status, one.campaign_id) for one in found[2].values()] == [
            (ad.id, Status.REMOVED, ad.campaign_id)
        ]


def test_results_of_what_was_deleted_and_renamed_stay(serve):
    with serve(World.generate(seed=6, today=TODAY, scale=0.03, days=40)) as sandbox:
        presence = sandbox.world.on("microsoft")
        campaigns, _, ads, _ = _there(presence)
        presence.update(replace(next(iter(campaigns.values())), name="Renamed"))
        for ad in list(ads.values())[:3]:
            presence.update(replace(ad, status=Status.REMOVED))
        sandbox.world.set_today(TODAY + timedelta(days=3))
        _check(sandbox, [_back(20, TODAY + timedelta(days=3))], ("campaign_daily", "ad_group_daily", "ad_daily"))


_CSV = """date,campaign_id,ad_group_id,ad_id,age,impressions,clicks,cost,leads,purchases,Newsletter
2026-11-01,916,10,100,30-34,7350,1,1.43,2,1,0
2026-11-01,916,10,101,30-34,17861,0,0,2,0,3
2026-11-02,936,11,102,35-39,693,0,0.00,0,0,0
"""


def test_a_world_from_a_file_arrives_with_all_its_rows_and_actions(serve, tmp_path):
    path = tmp_path / "world.csv"
    path.write_text(_CSV)
    with serve(World.from_csv(path, today=TODAY)) as sandbox:
        window = DateWindow(since=date(2026, 11, 1), until=date(2026, 11, 5))
        assert _check(sandbox, [window], ("ad_daily", "conversion_daily"))["ad_daily"] == 3

        async def work(client):
            (account,) = await plugin.accounts(client)
            return (await read_table(client, account, "conversion_daily", window))["action"].to_pylist()

        assert set(sandbox.call(work)) == {"leads", "purchases", "Newsletter"}
