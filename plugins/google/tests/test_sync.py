"""Plugin and sandbox over real HTTP: what is read equals the truth of the world, exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.ads.v2 import Account, AccountStatus, App, DateWindow, ReadRequest, Status
from adjoin.errors import ErrorKind, PlatformError
from adjoin.testing.world import World
from adjoin_google import plugin

TODAY = date(2026, 11, 22)
FACTS = tuple(DATASETS)


def _back(days, until=TODAY):
    return DateWindow(since=until - timedelta(days=days - 1), until=until)


def _sorted(table):
    keys = ["date", "account_id", *DATASETS[_dataset_of(table)].keys]
    return table.sort_by([(name, "ascending") for name in keys])


def _dataset_of(table):
    return next(name for name in FACTS if arrow_schema(name).names == table.schema.names)


async def read_table(client, account, stream, window):
    """Read one slice and return its rows."""
    request = ReadRequest(stream=stream, account=account, window=window)
    batches = [batch async for batch in plugin.read(request, client)]
    assert {batch.dataset for batch in batches} <= {stream}
    return _sorted(pa.Table.from_batches([batch.rows for batch in batches], schema=arrow_schema(stream)))


async def read_entities(client, stream, accounts, since=None):
    """Read a list of all accounts by id."""
    found = {}
    for account in accounts:
        async for batch in plugin.read(ReadRequest(stream=stream, account=account, updated_since=since), client):
            found |= {entity.id: entity for entity in batch.entities}
    return found


def truth(world, dataset, account, window):
    """What should have been read."""
    return _sorted(world.on("google").truth(dataset, account_id=account.id, since=window.since, until=window.until))


async def _readable(client):
    return [account for account in await plugin.accounts(client) if account.readable]


def _check(sandbox, windows, datasets=FACTS):
    """Compare everything with the truth and return the number of rows by dataset."""

    async def work(client):
        rows = dict.fromkeys(datasets, 0)
        for account in await _readable(client):
            for dataset in datasets:
                for window in windows:
                    have = await read_table(client, account, dataset, window)
                    assert have.equals(truth(sandbox.world, dataset, account, window)), (account.name, dataset)
                    rows[dataset] += have.num_rows
        return rows

    return sandbox.call(work)


@pytest.mark.parametrize("seed", [1, 7])
def test_all_datasets_equal_the_truth(serve, seed):
    with serve(World.generate(seed=seed, today=TODAY, scale=0.05, days=90)) as sandbox:
        rows = _check(sandbox, [_back(3), _back(31, TODAY - timedelta(days=20))])
        assert all(rows.values())
        assert {"JPY", "EUR", "USD"} <= {account.currency for account in sandbox.world.on("google").accounts}


def test_fractions_of_conversions_equal_the_truth(serve):
    with serve(World.generate(seed=2, today=TODAY, scale=0.05, days=40, fractional=True)) as sandbox:
        _check(sandbox, [_back(31)])
        conversions = sandbox.world.on("google").truth("ad_daily")["conversions"].to_pylist()
        assert any(number % 1 for number in conversions)


def test_a_day_looks_different_when_it_is_asked_for_later(sandbox):
    window = DateWindow(since=TODAY, until=TODAY)

    async def impressions(client):
        tables = [await read_table(client, one, "account_daily", window) for one in await _readable(client)]
        return pc.sum(pa.concat_tables(tables)["impressions"]).as_py()

    early = sandbox.call(impressions)
    sandbox.world.set_today(TODAY + timedelta(days=10))
    assert early < sandbox.call(impressions)
    _check(sandbox, [_back(14, TODAY + timedelta(days=10))])


def test_the_day_after_tomorrow_is_empty_and_today_ends_at_midnight_of_the_account(sandbox):
    sandbox.world.set_now(datetime(2026, 11, 22, 22, tzinfo=UTC))  # the 23rd in Tokyo, the 22nd in New York
    tomorrow = DateWindow(since=date(2026, 11, 23), until=date(2026, 11, 24))

    async def work(client):
        found = {}
        for account in await _readable(client):
            found.setdefault(account.time_zone, []).append(await read_table(client, account, "account_daily", tomorrow))
        return {zone: pa.concat_tables(tables)["date"].to_pylist() for zone, tables in found.items()}

    found = sandbox.call(work)
    assert set(found["Asia/Tokyo"]) == {date(2026, 11, 23)}
    assert found["America/New_York"] == []


def test_removed_ads_keep_their_results(sandbox):
    gone = {ad.id for ad in sandbox.world.on("google").ads() if ad.status in (Status.ARCHIVED, Status.REMOVED)}

    async def work(client):
        found = set()
        for account in await _readable(client):
            table = await read_table(client, account, "ad_daily", _back(31, TODAY - timedelta(days=40)))
            found |= set(table["ad_id"].to_pylist())
        return found

    assert gone & sandbox.call(work)


def test_performance_max_is_only_there_from_the_campaign_up(sandbox):
    presence = sandbox.world.on("google")
    without_ads = {one.id for one in presence.campaigns() if one.kind == "no_ads"}

    async def work(client):
        seen = {dataset: set() for dataset in ("campaign_daily", "ad_group_daily", "ad_daily", "conversion_daily")}
        nulls = set()
        for account in await _readable(client):
            for dataset, ids in seen.items():
                table = await read_table(client, account, dataset, _back(31))
                ids |= set(table["campaign_id"].to_pylist())
                if dataset == "conversion_daily":
                    nulls |= set(table.filter(pc.is_null(table["ad_id"]))["campaign_id"].to_pylist())
        return seen, nulls

    seen, nulls = sandbox.call(work)
    assert without_ads & seen["campaign_daily"]
    assert not without_ads & (seen["ad_group_daily"] | seen["ad_daily"])
    assert nulls
    assert nulls <= without_ads


# --- accounts and objects -------------------------------------------------------------------------------------------


def test_the_whole_hierarchy_is_found_and_each_account_is_asked_through_the_right_manager(sandbox):
    presence = sandbox.world.on("google")
    accounts = {account.id: account for account in sandbox.call(plugin.accounts)}
    assert {account.id for account in presence.accounts} < set(accounts)
    managers = {name for name, account in accounts.items() if account.native_status == "MANAGER"}
    assert managers == set(accounts) - {account.id for account in presence.accounts}
    assert not any(accounts[name].readable for name in managers)
    for known in presence.accounts:
        got = accounts[known.id]
        assert (got.name, got.currency, got.time_zone) == (known.name, known.currency, known.time_zone)
        disabled = known.status is AccountStatus.DISABLED
        assert got.readable is not disabled
        assert got.status is (AccountStatus.DISABLED if disabled else AccountStatus.ACTIVE)
        assert got.native_status == ("CANCELED" if disabled else "ENABLED")
    through = {account.extra["login_customer_id"] for account in accounts.values() if account.readable}
    assert through & managers
    assert through - managers, "one account is linked directly"


def test_the_operator_may_name_the_manager(sandbox):
    accounts = sandbox.call(plugin.accounts)
    top = next(one for one in accounts if one.native_status == "MANAGER" and one.parent_id is None)
    app = App(client_id="sandbox-app", client_secret="sandbox-secret", extra={"login_customer_id": top.id})
    named = sandbox.call(plugin.accounts, app=app)
    assert {one.id for one in named} == {one.id for one in accounts}
    assert {one.extra["login_customer_id"] for one in named} == {top.id}


def test_the_wrong_manager_is_refused_in_words(sandbox):
    async def work(client):
        account = next(one for one in await _readable(client) if one.extra["login_customer_id"] != one.id)
        await read_table(client, replace(account, extra={}), "account_daily", _back(3))

    with pytest.raises(PlatformError, match="ADJOIN_GOOGLE_LOGIN_CUSTOMER_ID") as caught:
        sandbox.call(work)
    assert caught.value.kind is ErrorKind.SKIP_ACCOUNT


def test_a_disabled_account_and_a_stranger_are_skipped_not_empty(sandbox):
    disabled = next(one for one in sandbox.world.on("google").accounts if one.status is AccountStatus.DISABLED)
    for name in (disabled.id, "9990009990"):
        account = Account(id=name, name="", currency="EUR", time_zone="UTC")
        with pytest.raises(PlatformError) as caught:
            sandbox.call(lambda client, account=account: read_table(client, account, "account_daily", _back(3)))
        assert caught.value.kind is ErrorKind.SKIP_ACCOUNT


def _status(known):
    """Google has no archive: what is archived there is removed."""
    return Status.REMOVED if known is Status.ARCHIVED else known


def test_objects_equal_the_world(sandbox):
    presence = sandbox.world.on("google")

    async def work(client):
        accounts = await _readable(client)
        streams = ("campaigns", "ad_groups", "ads", "keywords")
        return {stream: await read_entities(client, stream, accounts) for stream in streams}

    found = sandbox.call(work)
    hidden = {one.id for one in presence.accounts if one.status is AccountStatus.DISABLED}
    for stream in found:
        known = {one.id for one in getattr(presence, stream)() if one.account_id not in hidden}
        assert set(found[stream]) == known, stream
    for known in presence.campaigns():
        if (got := found["campaigns"].get(known.id)) is not None:
            assert (got.account_id, got.name, got.status) == (known.account_id, known.name, _status(known.status))
            assert got.channel == known.channel
            assert got.lifetime_budget_micros == known.lifetime_budget_micros
            if known.daily_budget_micros is not None:
                assert got.daily_budget_micros == known.daily_budget_micros
            assert (got.start_date, got.end_date) == (known.start_date, known.end_date)
    for known in presence.ad_groups():
        if (got := found["ad_groups"].get(known.id)) is not None:
            assert (got.campaign_id, got.name, got.status, got.bid_micros) == (
                known.campaign_id,
                known.name,
                _status(known.status),
                known.bid_micros,
            )
    for known in presence.ads():
        if (got := found["ads"].get(known.id)) is not None:
            assert (got.ad_group_id, got.campaign_id, got.name, got.landing_url, got.status) == (
                known.ad_group_id,
                known.campaign_id,
                known.name,
                known.landing_url,
                _status(known.status),
            )
    for known in presence.keywords():
        if (got := found["keywords"].get(known.id)) is not None:
            assert (got.ad_group_id, got.name, got.match_type, got.bid_micros, got.status) == (
                known.ad_group_id,
                known.text,
                known.match_type,
                known.bid_micros,
                _status(known.status),
            )


def test_what_has_changed_is_found_and_nothing_else(serve):
    with serve(World.generate(seed=4, today=TODAY, scale=0.05, days=30)) as sandbox:
        presence = sandbox.world.on("google")
        since = sandbox.world.now + timedelta(hours=2)
        sandbox.world.set_now(sandbox.world.now + timedelta(hours=4))
        enabled = {one.id for one in presence.accounts if one.status is AccountStatus.ACTIVE}
        campaigns = [one for one in presence.campaigns() if one.account_id in enabled and one.status is Status.ACTIVE]
        renamed = presence.update(replace(campaigns[0], name="Renamed"))
        group = next(one for one in presence.ad_groups() if one.account_id in enabled and one.status is Status.ACTIVE)
        paused = presence.update(replace(group, status=Status.PAUSED))
        ad = next(one for one in presence.ads() if one.account_id in enabled and one.status is Status.ACTIVE)
        removed = presence.update(replace(ad, status=Status.REMOVED))
        keyword = next(one for one in presence.keywords() if one.account_id in enabled)
        bid = presence.update(replace(keyword, bid_micros=4_000_000))

        async def work(client):
            accounts = await _readable(client)
            streams = ("campaigns", "ad_groups", "ads", "keywords")
            found = {stream: await read_entities(client, stream, accounts, since) for stream in streams}
            before = client.requests
            nothing = await read_entities(client, "ads", accounts, sandbox.world.now + timedelta(hours=3))
            return found, nothing, client.requests - before, len(accounts)

        found, nothing, requests, accounts = sandbox.call(work)
        assert {name: list(ids) for name, ids in found.items()} == {
            "campaigns": [renamed.id],
            "ad_groups": [paused.id],
            "ads": [removed.id],
            "keywords": [bid.id],
        }
        assert found["campaigns"][renamed.id].name == "Renamed"
        assert found["ad_groups"][paused.id].status is Status.PAUSED
        assert found["ads"][removed.id].status is Status.REMOVED
        assert found["keywords"][bid.id].bid_micros == 4_000_000
        assert nothing == {}
        assert requests == accounts


_CSV = """date,campaign_id,ad_group_id,ad_id,age,impressions,clicks,cost,leads,purchases,Newsletter
2026-11-01,916,10,100,30-34,7350,1,1.43,2,1,0
2026-11-01,916,10,101,30-34,17861,0,0,2,0,3
2026-11-02,936,11,102,35-39,693,0,0.00,0,0,0
"""


def test_a_world_from_a_file_arrives_with_all_its_rows_and_actions(serve, tmp_path):
    path = tmp_path / "world.csv"
    path.write_text(_CSV)
    with serve(World.from_csv(path, today=TODAY)) as sandbox:
        datasets = ("account_daily", "campaign_daily", "ad_group_daily", "ad_daily", "conversion_daily")
        rows = _check(sandbox, [DateWindow(since=date(2026, 11, 1), until=date(2026, 11, 5))], datasets)
        assert rows["ad_daily"] == 3

        async def work(client):
            (account,) = await _readable(client)
            return set((await read_table(client, account, "conversion_daily", _back(31)))["action"].to_pylist())

        assert sandbox.call(work) == {"leads", "purchases", "Newsletter"}
