"""Reading through faults: either everything arrives exactly, or the error says what may be done."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from adjoin.ads.v2 import DateWindow, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin.testing.world import World
from adjoin_meta import plugin

TODAY = date(2026, 11, 22)
WINDOW = DateWindow(since=TODAY - timedelta(days=20), until=TODAY)


async def _largest(client, world):
    sizes = {a.id: world.on("meta").totals("ad_daily", account_id=a.id).rows for a in world.on("meta").accounts}
    return max(await plugin.accounts(client), key=lambda account: sizes[account.id])


def _read(sandbox, stream="ad_daily", window=WINDOW, **options):
    """Read the largest account and return its impressions by day and ad, beside the truth."""

    async def work(client):
        account = await _largest(client, sandbox.world)
        request = ReadRequest(stream=stream, account=account, window=window)
        batches = [batch.rows async for batch in plugin.read(request, client) if batch.dataset == stream]
        want = sandbox.world.on("meta").truth(stream, account_id=account.id, since=window.since, until=window.until)
        return pa.Table.from_batches(batches), want

    return sandbox.call(work, **options)


def _same(tables, *, rows=500):
    have, want = tables
    keys = [(name, "ascending") for name in want.column_names if name.endswith("_id") or name == "date"]
    return have.sort_by(keys).equals(want.sort_by(keys)) and want.num_rows > rows


@pytest.mark.parametrize(
    ("kind", "request_class"),
    [
        ("throttle", "*"),
        ("throttle_insights", "facts"),
        ("throttle_bare", "report"),
        ("throttle_in_200", "*"),
        ("server_error", "*"),
        ("status:503", "facts"),
        ("cut_before", "*"),
        ("cut_headers", "facts"),
        ("cut_body", "facts"),
        ("truncate", "facts"),
        ("garbage", "*"),
        ("reduce_data", "facts"),
        ("page_empty", "facts"),
        ("report_unknown", "report"),
        ("report_slow", "report"),
        ("report_full_but_running", "report"),
        ("report_failed", "report"),
        ("report_skipped", "report"),
    ],
)
def test_a_fault_on_every_other_request_changes_nothing(sandbox, kind, request_class):
    times = 1 if kind.startswith("report_") else 4
    sandbox.fault(kind, request_class, times=times, every=2)
    assert _same(_read(sandbox))
    assert sandbox.world.faults.fired


@pytest.mark.parametrize("stream", ["campaigns", "ad_groups", "ads"])
def test_objects_arrive_through_faults(sandbox, stream):
    for kind in ("throttle", "cut_body", "truncate"):
        sandbox.fault(kind, "entities", every=3, times=2)

    async def work(client):
        account = await _largest(client, sandbox.world)
        request = ReadRequest(stream=stream, account=account)
        return account.id, [each.id async for batch in plugin.read(request, client) for each in batch.entities]

    account_id, found = sandbox.call(work)
    known = getattr(sandbox.world.on("meta"), stream)(account_id)
    assert sorted(found) == sorted(each.id for each in known)


@pytest.mark.parametrize(
    ("kind", "request_class", "meant"),
    [
        ("page_duplicate", "facts", ErrorKind.RESTART),
        ("page_endless", "facts", ErrorKind.RESTART),
        ("page_circle", "facts", ErrorKind.RESTART),
        ("page_expired", "facts", ErrorKind.RESTART),
        ("account_forbidden", "facts", ErrorKind.SKIP_ACCOUNT),
        ("quota_exhausted", "facts", ErrorKind.WAIT),
        ("report_stuck", "report", ErrorKind.SPLIT),
        ("page_invalid", "facts", ErrorKind.RESTART),
        ("token_expired", "*", ErrorKind.RECONNECT),
        ("token_revoked", "*", ErrorKind.RECONNECT),
        ("version_retired", "facts", ErrorKind.INVALID),
        ("report_too_large", "report", ErrorKind.SPLIT),
        ("report_failed", "report", ErrorKind.SPLIT),
        ("reduce_data", "facts", ErrorKind.SPLIT),
        ("throttle_insights", "facts", ErrorKind.WAIT),
    ],
)
def test_a_fault_that_stays_says_what_may_be_done(sandbox, kind, request_class, meant):
    sandbox.fault(kind, request_class)
    with pytest.raises(PlatformError) as caught:
        _read(sandbox)
    assert caught.value.kind is meant


def test_no_message_holds_the_token_or_the_secret(sandbox):
    sandbox.fault("server_error", "facts")
    with pytest.raises(PlatformError) as caught:
        _read(sandbox)
    assert sandbox.world.token("meta") not in str(caught.value)
    assert "sandbox-secret" not in str(caught.value)


def test_a_token_that_was_never_given_out_is_refused(sandbox):
    with pytest.raises(PlatformError, match="Connect again") as caught:
        _read(sandbox, token="made-up-token")
    assert caught.value.kind is ErrorKind.RECONNECT


def test_a_day_too_large_for_one_query_arrives_in_parts(serve):
    world = World.generate(seed=3, today=TODAY, scale=0.1, days=30)
    yesterday = TODAY - timedelta(days=1)
    with serve(world, query=20) as sandbox:
        have, want = _read(sandbox, window=DateWindow(since=yesterday, until=yesterday))
        assert want.num_rows > 20
        assert pc.sum(have["impressions"]) == pc.sum(want["impressions"])
        assert have.num_rows == want.num_rows


def test_a_report_too_large_is_given_back_to_be_split(serve):
    with serve(World.generate(seed=3, today=TODAY, scale=0.1, days=30), report=100) as sandbox:
        with pytest.raises(PlatformError) as caught:
            _read(sandbox)
        assert caught.value.kind is ErrorKind.SPLIT


def test_pages_larger_than_the_api_likes_shrink_and_all_rows_arrive(serve):
    with serve(World.generate(seed=3, today=TODAY, scale=0.1, days=60), page=60) as sandbox:
        assert _same(_read(sandbox), rows=130)


def test_older_than_37_months_is_refused_and_the_retention_is_not(sandbox):
    retention = plugin.describe().stream("account_daily").retention_days
    oldest = TODAY - timedelta(days=retention)
    _read_window = lambda since: _read(sandbox, "account_daily", DateWindow(since=since, until=since))  # noqa: E731
    with pytest.raises(PlatformError, match="37 months"):
        _read_window(TODAY - timedelta(days=1130))
    with pytest.raises(ValueError, match="Must pass schema"):  # nothing that old, and no refusal either
        _read_window(oldest)
