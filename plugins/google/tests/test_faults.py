"""Reading through faults: either everything arrives exactly, or the error says what may be done."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import App, DateWindow, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin.testing.world import World
from adjoin_google import plugin
from adjoin_google.sandbox.service import Sizes

TODAY = date(2026, 11, 22)
WINDOW = DateWindow(since=TODAY - timedelta(days=20), until=TODAY)

_AGAIN = (ErrorKind.RETRY, ErrorKind.RESTART, ErrorKind.WAIT)


@pytest.fixture(scope="module")
def _small(serve):
    """A sandbox that sends batches of 40 rows, so that an answer has many."""
    with serve(World.generate(seed=1, today=TODAY, scale=0.1, days=60), sizes=Sizes(batch=40)) as served:
        yield served


@pytest.fixture
def sandbox(_small):
    _small.world.faults.clear()
    _small.world.set_today(TODAY)
    yield _small
    _small.world.faults.clear()


async def _largest(client, world):
    sizes = {
        one.id: world.on("google").totals("ad_daily", account_id=one.id).rows for one in world.on("google").accounts
    }
    readable = [account for account in await plugin.accounts(client) if account.readable]
    return max(readable, key=lambda account: sizes[account.id])


async def _slice(client, account, stream, *, tries):
    """Read a slice as a run does: from its start again where that may help."""
    request = ReadRequest(stream=stream, account=account, window=WINDOW)
    for tried in range(1, tries + 1):
        try:
            return [batch.rows async for batch in plugin.read(request, client)]
        except PlatformError as error:
            if error.kind not in _AGAIN or tried == tries:
                raise
    raise AssertionError


def _read(sandbox, stream="ad_daily", *, tries=3, **options):
    """Read the largest account beside the truth."""

    async def work(client):
        account = await _largest(client, sandbox.world)
        batches = await _slice(client, account, stream, tries=tries)
        have = pa.Table.from_batches(batches, schema=arrow_schema(stream))
        return have, sandbox.world.on("google").truth(
            stream, account_id=account.id, since=WINDOW.since, until=WINDOW.until
        )

    return sandbox.call(work, **options)


def _same(tables, *, rows=100):
    have, want = tables
    keys = [(name, "ascending") for name in want.column_names if name not in ("conversions", "video_views")]
    return have.sort_by(keys).equals(want.sort_by(keys)) and want.num_rows > rows


@pytest.mark.parametrize(
    ("kind", "request_class"),
    [
        ("throttle", "*"),
        ("throttle_bare", "facts"),
        ("throttle_in_200", "*"),
        ("throttle_late", "facts"),
        ("quota_short", "facts"),
        ("server_error", "*"),
        ("internal_late", "facts"),
        ("status:502", "*"),
        ("status:503", "facts"),
        ("cut_before", "*"),
        ("cut_headers", "*"),
        ("cut_body", "*"),
        ("truncate", "*"),
        ("garbage", "*"),
        ("slow", "facts"),
        ("unknown_values", "*"),
        ("clock_skew", "*"),
        ("empty_array", "facts"),
    ],
)
@pytest.mark.parametrize("stream", ["ad_daily", "conversion_daily"])
def test_a_fault_on_every_other_request_changes_nothing(sandbox, kind, request_class, stream):
    sandbox.fault(kind, request_class, times=1 if kind == "slow" else 3, every=2)
    assert _same(_read(sandbox, stream))
    assert sandbox.world.faults.fired or kind == "empty_array"


@pytest.mark.parametrize("kind", ["cut_body", "truncate", "garbage", "throttle_in_200", "cut_headers"])
def test_an_answer_that_breaks_before_anything_was_used_needs_no_new_slice(sandbox, kind):
    sandbox.fault(kind, "facts", times=2)
    assert _same(_read(sandbox, tries=1))
    assert len(sandbox.world.faults.fired) == 2


@pytest.mark.parametrize("stream", ["campaigns", "ad_groups", "ads", "keywords"])
def test_objects_arrive_through_faults(sandbox, stream):
    for kind in ("throttle", "cut_body", "truncate", "unknown_values"):
        sandbox.fault(kind, "entities", every=3, times=2)

    async def work(client):
        account = await _largest(client, sandbox.world)
        request = ReadRequest(stream=stream, account=account)
        return account.id, [one.id async for batch in plugin.read(request, client) for one in batch.entities]

    account_id, found = sandbox.call(work)
    assert sorted(found) == sorted(one.id for one in getattr(sandbox.world.on("google"), stream)(account_id))


@pytest.mark.parametrize(
    ("kind", "request_class", "meant", "words"),
    [
        ("deadline", "facts", ErrorKind.SPLIT, "less is asked for"),
        ("quota_exhausted", "facts", ErrorKind.WAIT, "explorer access"),
        ("version_retired", "facts", ErrorKind.INVALID, "ADJOIN_GOOGLE_API_VERSION"),
        ("version_unrouted", "facts", ErrorKind.INVALID, "ADJOIN_GOOGLE_API_VERSION"),
        ("account_forbidden", "facts", ErrorKind.SKIP_ACCOUNT, "ADJOIN_GOOGLE_LOGIN_CUSTOMER_ID"),
        ("account_disabled", "facts", ErrorKind.SKIP_ACCOUNT, "not enabled"),
        ("token_expired", "*", ErrorKind.RECONNECT, "connect again"),
        ("server_error", "facts", ErrorKind.RETRY, "TRANSIENT_ERROR"),
        ("throttle", "facts", ErrorKind.WAIT, "throttling"),
        ("throttle_late", "facts", ErrorKind.WAIT, "throttling"),
        ("internal_late", "facts", ErrorKind.RETRY, "refused"),
        ("truncate", "facts", ErrorKind.RETRY, "broke off"),
        ("garbage", "facts", ErrorKind.RETRY, "no JSON"),
    ],
)
def test_a_fault_that_stays_says_what_may_be_done(sandbox, kind, request_class, meant, words):
    sandbox.fault(kind, request_class)
    with pytest.raises(PlatformError, match=words) as caught:
        _read(sandbox, tries=1)
    assert caught.value.kind is meant
    assert sandbox.world.token("google") not in str(caught.value)
    assert "sandbox-secret" not in str(caught.value)


def test_a_quota_that_is_used_up_says_for_how_long(sandbox):
    sandbox.fault("quota_exhausted", "facts")
    with pytest.raises(PlatformError) as caught:
        _read(sandbox, tries=1)
    assert caught.value.retry_after == timedelta(seconds=900)


def test_one_account_that_is_closed_stops_no_other(sandbox):
    sandbox.fault("account_disabled", "facts")

    async def work(client):
        outcomes = []
        for account in await plugin.accounts(client):
            if account.readable:
                try:
                    await _slice(client, account, "account_daily", tries=1)
                except PlatformError as error:
                    outcomes.append(error.kind)
                else:
                    outcomes.append(None)
        return outcomes

    outcomes = sandbox.call(work)
    assert outcomes.count(ErrorKind.SKIP_ACCOUNT) == 1
    assert outcomes.count(None) == len(outcomes) - 1 > 1


def test_a_token_that_expires_is_renewed_and_the_slice_goes_on(sandbox):
    sandbox.fault("token_expired", "facts", times=1)
    assert _same(_read(sandbox, renewable=True))
    assert sandbox.world.faults.fired


@pytest.mark.parametrize("renewable", [True, False])
def test_access_that_was_withdrawn_needs_a_person(serve, renewable):
    with serve(World.generate(seed=5, today=TODAY, scale=0.02, days=10)) as sandbox:
        sandbox.fault("token_revoked", "facts", times=1)
        with pytest.raises(PlatformError, match="Connect again") as caught:
            _read(sandbox, renewable=renewable)
        assert caught.value.kind is ErrorKind.RECONNECT
        with pytest.raises(PlatformError) as caught:
            sandbox.call(plugin.accounts, renewable=renewable)
        assert caught.value.kind is ErrorKind.RECONNECT


def test_a_dead_refresh_token_needs_a_person(sandbox):
    sandbox.fault("token_expired", "facts", times=1)
    sandbox.fault("token_rejected", "token")
    with pytest.raises(PlatformError, match="Connect again") as caught:
        _read(sandbox, renewable=True)
    assert caught.value.kind is ErrorKind.RECONNECT
    assert sandbox.world.refresh_token("google") not in str(caught.value)


def test_accounts_are_found_through_faults(sandbox):
    whole = sandbox.call(plugin.accounts)
    for kind in ("throttle", "throttle_in_200", "cut_body", "truncate", "server_error", "unknown_values"):
        sandbox.fault(kind, "accounts", every=2, times=2)
    assert sandbox.call(plugin.accounts) == whole


def test_a_token_that_was_never_given_out_is_refused(sandbox):
    with pytest.raises(PlatformError) as caught:
        _read(sandbox, token="made-up-token")
    assert caught.value.kind is ErrorKind.RECONNECT
    assert "made-up-token" not in str(caught.value)


def test_a_version_that_is_gone_is_said_to_be(sandbox):
    app = App(client_id="sandbox-app", client_secret="sandbox-secret", extra={"api_version": "v19"})
    with pytest.raises(PlatformError, match="ADJOIN_GOOGLE_API_VERSION") as caught:
        _read(sandbox, app=app)
    assert caught.value.kind is ErrorKind.INVALID


def test_the_retention_is_within_what_google_answers_for(sandbox):
    retention = plugin.describe().stream("account_daily").retention_days

    async def work(client, days):
        account = await _largest(client, sandbox.world)
        day = TODAY - timedelta(days=days)
        request = ReadRequest(stream="account_daily", account=account, window=DateWindow(since=day, until=day))
        return [batch async for batch in plugin.read(request, client)]

    assert sandbox.call(lambda client: work(client, retention)) == []


def test_each_query_counts_as_one_operation_and_tokens_as_none(sandbox):
    async def work(client):
        account = await _largest(client, sandbox.world)
        before = client.operations
        await _slice(client, account, "ad_daily", tries=1)
        between = client.operations
        await _slice(client, account, "conversion_daily", tries=1)
        return between - before, client.operations - between

    assert sandbox.call(work) == (1, 2)
