"""Plugin and sandbox over real HTTP: what is read equals the truth of the world, exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import Account, DateWindow, ReadRequest, Status
from adjoin.testing.world import World
from adjoin_meta import plugin

TODAY = date(2026, 11, 22)
DATASETS = ("account_daily", "campaign_daily", "ad_group_daily", "ad_daily")


def _back(days, until=TODAY):
    return DateWindow(since=until - timedelta(days=days - 1), until=until)


def _sorted(table):
    figures = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros", "video_views")
    return table.sort_by([(name, "ascending") for name in table.column_names if name not in figures])


async def read_tables(client, account, stream, window):
    """Read one slice and return its rows by dataset."""
    found = {}
    async for batch in plugin.read(ReadRequest(stream=stream, account=account, window=window), client):
        found.setdefault(batch.dataset, []).append(batch.rows)
    return {name: _sorted(pa.Table.from_batches(batches)) for name, batches in found.items()}


def truth(world, dataset, account, window, **more):
    """What should have been read."""
    table = world.on("meta").truth(dataset, account_id=account.id, since=window.since, until=window.until, **more)
    return _sorted(table)


def _check(sandbox, windows, datasets=DATASETS):
    """Compare everything with the truth and return the number of rows by dataset."""

    async def work(client):
        rows = dict.fromkeys((*datasets, "conversion_daily"), 0)
        for account in await plugin.accounts(client):
            for stream in datasets:
                for window in windows:
                    found = await read_tables(client, account, stream, window)
                    expected = {stream, "conversion_daily"} if stream == "ad_daily" else {stream}
                    assert set(found) <= expected
                    for dataset in expected:
                        have = found.get(dataset, arrow_schema(dataset).empty_table())
                        assert have.equals(truth(sandbox.world, dataset, account, window)), (account.name, dataset)
                        rows[dataset] += have.num_rows
        return rows

    return sandbox.call(work)


@pytest.mark.parametrize("seed", [1, 7])
def test_all_datasets_equal_the_truth(serve, seed):
    with serve(World.generate(seed=seed, today=TODAY, scale=0.05, days=90)) as sandbox:
        rows = _check(sandbox, [_back(3), _back(31, TODAY - timedelta(days=20))])
        assert all(rows.values())
        currencies = {account.currency for account in sandbox.world.on("meta").accounts}
        assert "JPY" in currencies


def test_fractions_of_conversions_equal_the_truth(serve):
    with serve(World.generate(seed=2, today=TODAY, scale=0.05, days=40, fractional=True)) as sandbox:
        assert _check(sandbox, [_back(31)], ("ad_daily",))["conversion_daily"] > 0


def test_a_day_looks_different_when_it_is_asked_for_later(sandbox):
    window = DateWindow(since=TODAY, until=TODAY)

    async def work(client):
        for account in await plugin.accounts(client):
            found = await read_tables(client, account, "account_daily", window)
            if found:
                return found["account_daily"]["impressions"].to_pylist()[0]
        return None

    early = sandbox.call(work)
    sandbox.world.set_today(TODAY + timedelta(days=10))
    late = sandbox.call(work)
    assert early < late
    _check(sandbox, [_back(14, TODAY + timedelta(days=10))], ("campaign_daily", "ad_daily"))


def test_the_day_after_tomorrow_is_empty_and_today_ends_at_midnight_of_the_account(sandbox):
    sandbox.world.set_now(datetime(2026, 11, 22, 22, tzinfo=UTC))  # the 23rd in Tokyo, the 22nd in New York
    tomorrow = DateWindow(since=date(2026, 11, 23), until=date(2026, 11, 24))

    async def work(client):
        accounts = {account.time_zone: account for account in await plugin.accounts(client)}
        tokyo = await read_tables(client, accounts["Asia/Tokyo"], "account_daily", tomorrow)
        new_york = await read_tables(client, accounts["America/New_York"], "account_daily", tomorrow)
        return tokyo, new_york

    tokyo, new_york = sandbox.call(work)
    assert tokyo["account_daily"]["date"].to_pylist() == [date(2026, 11, 23)]
    assert new_york == {}


def test_archived_and_deleted_ads_keep_their_results(sandbox):
    gone = {ad.id for ad in sandbox.world.on("meta").ads() if ad.status in (Status.ARCHIVED, Status.REMOVED)}

    async def work(client):
        found = []
        for account in await plugin.accounts(client):
            tables = await read_tables(client, account, "ad_daily", _back(31, TODAY - timedelta(days=40)))
            found += tables["ad_daily"]["ad_id"].to_pylist() if tables else []
        return set(found)

    assert gone & sandbox.call(work)


def test_objects_equal_the_world(sandbox):
    presence = sandbox.world.on("meta")

    async def work(client):
        accounts = await plugin.accounts(client)
        assert [(a.id, a.name, a.currency, a.time_zone, a.status) for a in accounts] == [
            (a.id, a.name, a.currency, a.time_zone, a.status) for a in presence.accounts
        ]
        found = {}
        for stream in ("campaigns", "ad_groups", "ads"):
            found[stream] = {}
            for account in accounts:
                async for batch in plugin.read(ReadRequest(stream=stream, account=account), client):
                    found[stream] |= {entity.id: entity for entity in batch.entities}
        return found

    found = sandbox.call(work)
    whole = lambda moment: moment.replace(microsecond=0)  # noqa: E731
    campaigns = found["campaigns"]
    assert len(campaigns) == len(presence.campaigns())
    for known in presence.campaigns():
        got = campaigns[known.id]
        assert (got.name, got.status, got.objective) == (known.name, known.status, known.objective)
        assert (got.daily_budget_micros, got.lifetime_budget_micros) == (
            known.daily_budget_micros,
            known.lifetime_budget_micros,
        )
        assert (got.start_date, got.end_date, got.updated_at) == (
            known.start_date,
            known.end_date,
            whole(known.updated_at),
        )
    groups = found["ad_groups"]
    assert len(groups) == len(presence.ad_groups())
    for known in presence.ad_groups():
        got = groups[known.id]
        assert (got.campaign_id, got.name, got.daily_budget_micros) == (
            known.campaign_id,
            known.name,
            known.daily_budget_micros,
        )
    ads = found["ads"]
    assert len(ads) == len(presence.ads())
    for known in presence.ads():
        got = ads[known.id]
        assert (got.ad_group_id, got.campaign_id, got.name, got.landing_url) == (
            known.ad_group_id,
            known.campaign_id,
            known.name,
            known.landing_url,
        )


_CSV = """date,campaign_id,ad_group_id,ad_id,age,impressions,clicks,cost,leads,purchases,Newsletter
2026-11-01,916,10,100,30-34,7350,1,1.43,2,1,0
2026-11-01,916,10,101,30-34,17861,0,0,2,0,3
2026-11-02,936,11,102,35-39,693,0,0.00,0,0,0
"""


def test_a_world_from_a_file_arrives_with_all_its_rows_and_actions(serve, tmp_path):
    path = tmp_path / "world.csv"
    path.write_text(_CSV)
    with serve(World.from_csv(path, today=TODAY)) as sandbox:
        rows = _check(sandbox, [DateWindow(since=date(2026, 11, 1), until=date(2026, 11, 5))])
        assert rows["ad_daily"] == 3

        async def work(client):
            (account,) = await plugin.accounts(client)
            assert isinstance(account, Account)
            tables = await read_tables(client, account, "ad_daily", _back(31))
            return set(tables["conversion_daily"]["action"].to_pylist())

        assert sandbox.call(work) == {"leads", "purchases", "Newsletter"}
