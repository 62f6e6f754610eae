"""Reading through faults: either everything arrives exactly, or the error says what may be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin.testing.world import World
from adjoin_microsoft import plugin

TODAY = date(2026, 11, 22)
WINDOW = DateWindow(since=TODAY - timedelta(days=20), until=TODAY)
ENTITIES = ("campaigns", "ad_groups", "ads", "keywords")


async def _largest(client, world):
    sizes = {
        a.id: world.on("microsoft").totals("ad_daily", account_id=a.id).rows for a in world.on("microsoft").accounts
    }
    return max(await plugin.accounts(client), key=lambda account: sizes[account.id])


def _read(sandbox, dataset="ad_daily", **options):
    """Read a dataset of the largest account and return it beside the truth."""

    async def work(client):
        account = await _largest(client, sandbox.world)
        request = ReadRequest(stream=dataset, account=account, window=WINDOW)
        batches = [batch.rows async for batch in plugin.read(request, client)]
        want = sandbox.world.on("microsoft").truth(
            dataset, account_id=account.id, since=WINDOW.since, until=WINDOW.until
        )
        return pa.Table.from_batches(batches, schema=arrow_schema(dataset)), want

    return sandbox.call(work, **options)


def _same(tables, *, rows=50):
    have, want = tables
    keys = [(name, "ascending") for name in want.column_names if name.endswith("_id") or name in ("date", "action")]
    return have.sort_by(keys).equals(want.sort_by(keys)) and want.num_rows > rows


@pytest.mark.parametrize(
    ("kind", "request_class"),
    [
        ("throttle", "*"),
        ("throttle_bare", "*"),
        ("report_queue_full", "report"),
        ("server_error", "*"),
        ("status:500", "*"),
        ("status:502", "facts"),
        ("status:503", "report"),
        ("cut_before", "*"),
        ("cut_headers", "*"),
        ("cut_body", "*"),
        ("cut_body", "facts"),
        ("truncate", "*"),
        ("truncate", "facts"),
        ("garbage", "*"),
        ("garbage", "facts"),
        ("slow", "facts"),
        ("latency:20", "*"),
        ("clock_skew", "*"),
        ("clock_skew:-300", "*"),
        ("token_expired", "report"),
        ("download_expired", "facts"),
        ("unknown_values", "*"),
    ],
)
@pytest.mark.parametrize("dataset", ["ad_daily", "conversion_daily"])
def test_a_fault_on_every_other_request_changes_nothing(sandbox, kind, request_class, dataset):
    sandbox.fault(kind, request_class, times=1 if kind == "token_expired" else 4, every=2)
    assert _same(_read(sandbox, dataset))
    assert sandbox.world.faults.fired


def test_a_report_that_fails_once_is_ordered_again(sandbox):
    sandbox.fault("report_failed", "report", times=1)
    assert _same(_read(sandbox))
    assert sandbox.world.faults.fired


@pytest.mark.parametrize("stream", ENTITIES)
@pytest.mark.parametrize("kind", ["throttle", "server_error", "cut_body", "truncate", "garbage", "unknown_values"])
def test_objects_arrive_through_faults(sandbox, stream, kind):
    async def work(client):
        account = await _largest(client, sandbox.world)
        request = ReadRequest(stream=stream, account=account)
        calm = [each async for batch in plugin.read(request, client) for each in batch.entities]
        sandbox.fault(kind, "entities", every=3, times=2)
        return calm, [each async for batch in plugin.read(request, client) for each in batch.entities]

    calm, found = sandbox.call(work)
    assert sandbox.world.faults.fired
    assert [each.id for each in found] == [each.id for each in calm] != []
    if kind != "unknown_values":
        assert found == calm


def test_changes_that_cannot_be_told_are_read_from_end_to_end(sandbox):
    since = sandbox.world.now - timedelta(hours=1)

    async def work(client):
        account = await _largest(client, sandbox.world)
        complete = ReadRequest(stream="campaigns", account=account)
        changes = ReadRequest(stream="campaigns", account=account, updated_since=since)
        want = [each async for batch in plugin.read(complete, client) for each in batch.entities]
        sandbox.fault("bulk_full_sync", "entities", times=1)
        return want, [each async for batch in plugin.read(changes, client) for each in batch.entities]

    want, found = sandbox.call(work)
    assert sandbox.world.faults.fired
    assert found == want != []


@pytest.fixture
def own(serve):
    """A sandbox of the test's own, for faults that it does not forget."""
    with serve(World.generate(seed=3, today=TODAY, scale=0.02, days=30)) as served:
        yield served


@pytest.mark.parametrize(
    ("kind", "request_class", "meant"),
    [
        ("throttle", "report", ErrorKind.WAIT),
        ("throttle_bare", "report", ErrorKind.WAIT),
        ("report_queue_full", "report", ErrorKind.WAIT),
        ("report_incomplete", "report", ErrorKind.WAIT),
        ("server_error", "report", ErrorKind.RETRY),
        ("token_revoked", "report", ErrorKind.RECONNECT),
        ("token_expired", "report", ErrorKind.RECONNECT),
        ("account_forbidden", "report", ErrorKind.SKIP_ACCOUNT),
        ("account_disabled", "report", ErrorKind.SKIP_ACCOUNT),
        ("version_retired", "report", ErrorKind.INVALID),
        ("report_failed", "report", ErrorKind.SPLIT),
        ("report_stuck", "report", ErrorKind.WAIT),
        ("garbage", "facts", ErrorKind.RETRY),
        ("download_expired", "facts", ErrorKind.RETRY),
    ],
)
def test_a_fault_that_stays_says_what_may_be_done(own, kind, request_class, meant):
    own.fault(kind, request_class)
    with pytest.raises(PlatformError) as caught:
        _read(own)
    assert caught.value.kind is meant
    assert "sandbox-developer_token" not in str(caught.value)
    assert "sandbox-secret" not in str(caught.value)
    assert "sig=" not in str(caught.value)


def test_a_report_that_ends_without_a_file_has_no_rows(sandbox):
    sandbox.fault("report_empty", "report")
    have, want = _read(sandbox)
    assert have.num_rows == 0 < want.num_rows  # Microsoft does not tell this from a report without results


def test_an_exhausted_quota_of_downloads_is_left_to_a_later_run(sandbox):
    sandbox.fault("quota_exhausted", "entities")

    async def work(client):
        account = await _largest(client, sandbox.world)
        with pytest.raises(PlatformError) as caught:
            async for _ in plugin.read(ReadRequest(stream="campaigns", account=account), client):
                pass
        began = client.now()
        report = ReadRequest(stream="account_daily", account=account, window=WINDOW)
        rows = [batch.rows.num_rows async for batch in plugin.read(report, client)]
        return caught.value, sum(rows), client.now() - began

    error, rows, waited = sandbox.call(work)
    assert error.kind is ErrorKind.WAIT
    assert error.retry_after == timedelta(minutes=15)
    assert rows > 0  # reports have an allowance of their own
    assert waited < timedelta(minutes=1)


def test_a_declined_renewal_asks_a_person_to_connect_again(own):
    own.fault("token_expired", "report", times=1)
    own.fault("token_rejected", "token")
    with pytest.raises(PlatformError, match="Connect again") as caught:
        _read(own)
    assert caught.value.kind is ErrorKind.RECONNECT
    assert own.world.refresh_token("microsoft") not in str(caught.value)


def test_each_renewal_brings_the_next_refresh_token(sandbox):
    sandbox.fault("token_expired", "report", times=1)
    assert _same(_read(sandbox))
    (renewed,) = sandbox.renewed
    assert renewed.refresh_token not in ("", sandbox.world.refresh_token("microsoft"))
    assert renewed.can_renew


def test_a_token_that_was_never_given_out_is_renewed(sandbox):
    assert _same(_read(sandbox, token="made-up-token"))
    assert len(sandbox.renewed) == 1


def test_pages_of_accounts_without_an_end_are_an_error_that_passes(sandbox):
    sandbox.fault("page_endless", "accounts")
    with pytest.raises(PlatformError, match="without an end") as caught:
        sandbox.call(plugin.accounts)
    assert caught.value.kind is ErrorKind.RETRY


def test_an_account_number_is_not_an_account_id(sandbox):
    async def work(client):
        (account, *_) = await plugin.accounts(client)
        wrong = replace(account, id=account.extra["number"])
        return [batch async for batch in plugin.read(ReadRequest(stream="campaigns", account=wrong), client)]

    with pytest.raises(PlatformError):
        sandbox.call(work)
