"""Plugin and sandbox over real HTTP: what is read equals the truth of the world, exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.ads.v2 import AccountStatus, DateWindow, ReadRequest, Status
from adjoin.testing.world import World
from adjoin_linkedin import plugin
from adjoin_linkedin.facts import QUERIES, read_facts

TODAY = date(2026, 11, 22)


def _back(days, until=TODAY):
    return DateWindow(since=until - timedelta(days=days - 1), until=until)


def _sorted(table, dataset):
    keys = ("date", "account_id", *DATASETS[dataset].keys)
    return table.combine_chunks().sort_by([(name, "ascending") for name in keys])


async def read_table(client, account, dataset, window, **options):
    """Read one slice and return its rows."""
    request = ReadRequest(stream=dataset, account=account, window=window)
    batches = [batch async for batch in read_facts(request, client, **options)]
    assert {batch.dataset for batch in batches} <= {dataset}
    return _sorted(pa.Table.from_batches([each.rows for each in batches], schema=arrow_schema(dataset)), dataset)


def truth(world, dataset, account, window):
    """What should have been read."""
    table = world.on("linkedin").truth(dataset, account_id=account.id, since=window.since, until=window.until)
    return _sorted(table, dataset)


def _check(sandbox, windows, datasets=tuple(QUERIES), **options):
    """Compare everything with the truth and return the number of rows by dataset."""

    async def work(client):
        rows = dict.fromkeys(datasets, 0)
        for account in await plugin.accounts(client):
            for dataset in datasets:
                for window in windows:
                    have = await read_table(client, account, dataset, window, **options)
                    assert have.equals(truth(sandbox.world, dataset, account, window)), (account.name, dataset)
                    rows[dataset] += have.num_rows
        return rows

    return sandbox.call(work)


@pytest.mark.parametrize("seed", [1, 7])
def test_all_datasets_equal_the_truth(serve, seed):
    with serve(World.generate(seed=seed, today=TODAY, scale=0.05, days=90)) as sandbox:
        rows = _check(sandbox, [_back(3), _back(31, TODAY - timedelta(days=20)), _back(31, TODAY - timedelta(days=59))])
        assert all(rows.values())
        currencies = {account.currency for account in sandbox.world.on("linkedin").accounts}
        assert {"EUR", "USD", "JPY"} <= currencies


def test_actions_are_the_canonical_ones(sandbox):
    async def work(client):
        found = set()
        for account in await plugin.accounts(client):
            found |= set((await read_table(client, account, "conversion_daily", _back(31)))["action"].to_pylist())
        return found

    assert sandbox.call(work) == {"leads", "purchases", "registrations"}


def test_a_day_looks_different_when_it_is_asked_for_later(sandbox):
    window = DateWindow(since=TODAY, until=TODAY)

    async def work(client):
        account = (await plugin.accounts(client))[0]
        return sum((await read_table(client, account, "account_daily", window))["impressions"].to_pylist())

    early = sandbox.call(work)
    sandbox.world.set_today(TODAY + timedelta(days=10))
    late = sandbox.call(work)
    assert 0 < early < late
    _check(sandbox, [_back(14, TODAY + timedelta(days=10))])


def test_days_begin_at_midnight_utc_in_every_account(sandbox):
    sandbox.world.set_now(datetime(2026, 11, 23, 0, 30, tzinfo=UTC))

    async def work(client):
        accounts = await plugin.accounts(client)
        assert {account.time_zone for account in accounts} == {"UTC"}
        window = DateWindow(since=date(2026, 11, 22), until=date(2026, 11, 25))
        tables = [await read_table(client, account, "account_daily", window) for account in accounts]
        return max(day for table in tables for day in table["date"].to_pylist())

    # Half an hour into the 23rd of Adjoin's and LinkedIn's day, while it is still the 22nd in New York.
    assert sandbox.call(work) <= date(2026, 11, 23)
    _check(sandbox, [_back(3, date(2026, 11, 24))])


# At 100 rows some days are left at once, at 20 one, and at 12 a day has to be read by its campaigns.
@pytest.mark.parametrize("most", [100, 20, 12])
def test_what_linkedin_cuts_without_a_word_arrives_whole(serve, most):
    with serve(World.generate(seed=3, today=TODAY, scale=0.05, days=40), analytics_rows=most) as sandbox:
        rows = _check(sandbox, [_back(9)], ("ad_daily", "conversion_daily"), most_rows=most)
        assert rows["ad_daily"] > 300


def test_without_watching_for_the_cut_rows_would_be_missing(serve):
    with serve(World.generate(seed=3, today=TODAY, scale=0.1, days=60), analytics_rows=400) as sandbox:

        async def work(client):
            sizes = {}
            for account in await plugin.accounts(client):
                have = await read_table(client, account, "ad_daily", _back(31))
                sizes[account.id] = (have.num_rows, truth(sandbox.world, "ad_daily", account, _back(31)).num_rows)
            return sizes

        assert any(have == 400 < want for have, want in sandbox.call(work).values())


def test_results_stay_where_they_were_after_a_campaign_moved_to_another_group(serve):
    world = World.generate(seed=5, today=TODAY, scale=0.2, days=40)
    with serve(world) as sandbox:
        presence = world.on("linkedin")
        group = next(
            g for g in presence.ad_groups() if g.status is Status.ACTIVE
            and presence.totals("ad_group_daily", account_id=g.account_id).rows
            and any(c.account_id == g.account_id and c.id != g.campaign_id for c in presence.campaigns())
        )  # fmt: skip
        goal = next(c for c in presence.campaigns(group.account_id) if c.id != group.campaign_id)
        presence.update(replace(group, campaign_id=goal.id, name="Umgezogen"))
        ad = presence.ads(group.account_id)[0]
        presence.update(replace(ad, name="Neuer Name", status=Status.ARCHIVED))
        world.set_today(TODAY + timedelta(days=3))
        _check(sandbox, [_back(20, TODAY + timedelta(days=3))])


def test_archived_and_removed_creatives_keep_their_results(sandbox):
    gone = {ad.id for ad in sandbox.world.on("linkedin").ads() if ad.status in (Status.ARCHIVED, Status.REMOVED)}

    async def work(client):
        found = set()
        for account in await plugin.accounts(client):
            table = await read_table(client, account, "ad_daily", _back(31, TODAY - timedelta(days=40)))
            found |= set(table["ad_id"].to_pylist())
        return found

    assert gone & sandbox.call(work)


def test_a_cancelled_account_is_shown_and_still_read_and_an_empty_one_is_empty(sandbox):
    presence = sandbox.world.on("linkedin")

    async def work(client):
        accounts = {account.id: account for account in await plugin.accounts(client)}
        window = DateWindow(since=TODAY - timedelta(days=89), until=TODAY - timedelta(days=60))
        return accounts, {a.id: (await read_table(client, a, "ad_daily", window)).num_rows for a in accounts.values()}

    accounts, rows = sandbox.call(work)
    for known in presence.accounts:
        got = accounts[known.id]
        assert (got.name, got.currency, got.time_zone, got.status) == (
            known.name,
            known.currency,
            known.time_zone,
            known.status,
        )
        assert got.readable
        if known.status is AccountStatus.DISABLED:
            assert got.native_status == "CANCELED"
            assert rows[known.id] > 0
    assert 0 in rows.values()


def test_objects_equal_the_world(sandbox):
    presence = sandbox.world.on("linkedin")

    async def work(client):
        found = {}
        for stream in ("campaigns", "ad_groups", "ads"):
            found[stream] = {}
            for account in await plugin.accounts(client):
                async for batch in plugin.read(ReadRequest(stream=stream, account=account), client):
                    for entity in batch.entities:
                        assert entity.account_id == account.id
                        assert entity.id not in found[stream]
                        found[stream][entity.id] = entity
        return found

    found = sandbox.call(work)
    millis = lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)  # noqa: E731
    campaigns = found["campaigns"]
    assert campaigns.keys() == {known.id for known in presence.campaigns()}
    for known in presence.campaigns():
        got = campaigns[known.id]
        assert (got.name, got.status, got.objective, got.channel) == (
            known.name,
            known.status,
            known.objective,
            "social",
        )
        assert (got.daily_budget_micros, got.lifetime_budget_micros) == (
            known.daily_budget_micros,
            known.lifetime_budget_micros,
        )
        assert (got.start_date, got.end_date, got.updated_at) == (
            known.start_date,
            known.end_date,
            millis(known.updated_at),
        )
    groups = found["ad_groups"]
    assert groups.keys() == {known.id for known in presence.ad_groups()}
    for known in presence.ad_groups():
        got = groups[known.id]
        assert (got.campaign_id, got.name) == (known.campaign_id, known.name)
        if known.daily_budget_micros is not None:
            assert got.daily_budget_micros == known.daily_budget_micros
        if known.status is not Status.ACTIVE:
            assert got.status is known.status
    ads = found["ads"]
    assert ads.keys() == {known.id for known in presence.ads()}
    for known in presence.ads():
        got = ads[known.id]
        assert (got.ad_group_id, got.campaign_id, got.name, got.status) == (
            known.ad_group_id,
            known.campaign_id,
            known.name,
            known.status,
        )
        assert got.landing_url in (None, known.landing_url)
    assert any(ad.landing_url for ad in ads.values())


_CSV = """date,campaign_id,ad_group_id,ad_id,age,impressions,clicks,cost,leads,purchases,Newsletter,add_to_cart
2026-11-01,916,10,100,30-34,7350,1,1.43,2,1,0,4
2026-11-01,916,10,101,30-34,17861,0,0,2,0,3,0
2026-11-02,936,11,102,35-39,693,0,0.00,0,0,0,0
"""


def test_a_world_from_a_file_arrives_with_all_its_rows_and_actions(serve, tmp_path):
    path = tmp_path / "world.csv"
    path.write_text(_CSV)
    with serve(World.from_csv(path, today=TODAY)) as sandbox:
        rows = _check(sandbox, [DateWindow(since=date(2026, 11, 1), until=date(2026, 11, 5))])
        assert rows["ad_daily"] == 3

        async def work(client):
            (account,) = await plugin.accounts(client)
            table = await read_table(client, account, "conversion_daily", _back(31))
            return set(table["action"].to_pylist())

        assert sandbox.call(work) == {"leads", "purchases", "Newsletter", "add_to_cart"}
