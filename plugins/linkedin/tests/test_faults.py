"""Reading through faults: either everything arrives exactly, or the error says what may be done."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.ads.v2 import App, Credential, DateWindow, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin.testing.world import World
from adjoin_linkedin import plugin

TODAY = date(2026, 11, 22)
WINDOW = DateWindow(since=TODAY - timedelta(days=20), until=TODAY)


async def _largest(client, world):
    presence = world.on("linkedin")
    sizes = {account.id: len(presence.ads(account.id)) for account in presence.accounts}
    return max(await plugin.accounts(client), key=lambda account: sizes[account.id])


def _sorted(table, dataset):
    keys = ("date", "account_id", *DATASETS[dataset].keys)
    return table.combine_chunks().sort_by([(name, "ascending") for name in keys])


def _read(sandbox, stream="ad_daily", window=WINDOW, **options):
    """Read the largest account's rows, beside the truth."""

    async def work(client):
        account = await _largest(client, sandbox.world)
        request = ReadRequest(stream=stream, account=account, window=window)
        batches = [batch.rows async for batch in plugin.read(request, client)]
        have = pa.Table.from_batches(batches, schema=arrow_schema(stream))
        want = sandbox.world.on("linkedin").truth(stream, account_id=account.id, since=window.since, until=window.until)
        return _sorted(have, stream), _sorted(want, stream)

    return sandbox.call(work, **options)


def _objects(sandbox, stream, **options):
    """Read the ids of the largest account's objects, beside the world's."""

    async def work(client):
        account = await _largest(client, sandbox.world)
        request = ReadRequest(stream=stream, account=account)
        found = [each.id async for batch in plugin.read(request, client) for each in batch.entities]
        return found, [each.id for each in getattr(sandbox.world.on("linkedin"), stream)(account.id)]

    return sandbox.call(work, **options)


@pytest.fixture(scope="module")
def _many():
    return World.generate(seed=4, today=TODAY, scale=0.3, days=30)


@pytest.fixture
def many(serve, _many):
    """A world whose largest account has more than one page of creatives."""
    _many.faults.clear()
    with serve(_many) as served:
        yield served
    _many.faults.clear()


@pytest.mark.parametrize("stream", ["ad_daily", "conversion_daily"])
@pytest.mark.parametrize(
    ("kind", "request_class"),
    [
        ("throttle", "*"),
        ("throttle_bare", "*"),
        ("server_error", "*"),
        ("status:500", "accounts"),
        ("status:502", "facts"),
        ("status:503", "facts"),
        ("cut_before", "*"),
        ("cut_headers", "facts"),
        ("cut_body", "facts"),
        ("truncate", "facts"),
        ("garbage", "*"),
        ("slow", "facts"),
        ("unknown_values", "facts"),
    ],
)
def test_a_fault_on_every_other_request_changes_nothing(sandbox, stream, kind, request_class):
    sandbox.fault(kind, request_class, times=4, every=2 if request_class == "*" else 1)
    have, want = _read(sandbox, stream)
    assert have.equals(want)
    assert want.num_rows > 20
    assert sandbox.world.faults.fired


@pytest.mark.parametrize("stream", ["campaigns", "ad_groups", "ads"])
def test_objects_arrive_through_faults(sandbox, stream):
    for kind in ("throttle", "cut_body", "truncate", "unknown_values"):
        sandbox.fault(kind, "entities", every=2, times=2)
    found, known = _objects(sandbox, stream)
    assert sorted(found) == sorted(known)


@pytest.mark.parametrize("kind", ["page_expired", "page_invalid", "page_duplicate"])
def test_creatives_arrive_once_when_paging_goes_wrong_once(many, kind):
    many.fault(kind, "entities", times=1)
    found, known = _objects(many, "ads")
    assert sorted(found) == sorted(known)
    assert len(known) > 100
    assert [fired.kind for fired in many.world.faults.fired] == [kind]


@pytest.mark.parametrize("kind", ["page_expired", "page_invalid", "page_endless"])
def test_paging_that_stays_wrong_is_given_back(many, kind):
    many.fault(kind, "entities")
    with pytest.raises(PlatformError) as caught:
        _objects(many, "ads")
    assert caught.value.kind is ErrorKind.RESTART


@pytest.mark.parametrize(
    ("kind", "request_class", "meant"),
    [
        ("token_expired", "*", ErrorKind.RECONNECT),
        ("token_revoked", "*", ErrorKind.RECONNECT),
        ("version_retired", "facts", ErrorKind.INVALID),
        ("account_forbidden", "facts", ErrorKind.SKIP_ACCOUNT),
        ("throttle_bare", "facts", ErrorKind.WAIT),
        ("quota_exhausted", "facts", ErrorKind.WAIT),
        ("server_error", "facts", ErrorKind.RETRY),
        ("garbage", "facts", ErrorKind.RETRY),
    ],
)
def test_a_fault_that_stays_says_what_may_be_done(serve, kind, request_class, meant):
    with serve(World.generate(seed=1, today=TODAY, scale=0.02, days=30)) as sandbox:
        sandbox.fault(kind, request_class)
        with pytest.raises(PlatformError) as caught:
            _read(sandbox)
        assert caught.value.kind is meant
        assert sandbox.world.token("linkedin") not in str(caught.value)
        assert "sandbox-secret" not in str(caught.value)


def test_a_daily_limit_waits_for_midnight_utc(sandbox):
    sandbox.fault("quota_exhausted", "facts")
    with pytest.raises(PlatformError, match="DAY limit") as caught:
        _read(sandbox)
    assert caught.value.retry_after == timedelta(hours=12)


def test_a_retired_version_says_which_setting_to_change(sandbox):
    with pytest.raises(PlatformError, match="ADJOIN_LINKEDIN_API_VERSION") as caught:
        _read(sandbox, app=App(extra={"api_version": "202504"}))
    assert caught.value.code == "NONEXISTENT_VERSION"
    assert "202504" in str(caught.value)


def test_a_version_about_to_end_is_announced_while_all_is_well(sandbox):
    async def work(client):
        warnings = []
        client._on_warning = warnings.append
        await plugin.accounts(client)
        return warnings

    assert sandbox.call(work) == []
    (warning,) = sandbox.call(work, app=App(extra={"api_version": "202601"}))
    assert "202601" in warning
    assert "2027-01-15" in warning


def test_an_expired_token_is_renewed_in_the_middle_of_a_run(sandbox):
    sandbox.fault("token_expired", "facts", times=1)
    have, want = _read(sandbox, credential=sandbox.renewable())
    assert have.equals(want)
    assert [fired.kind for fired in sandbox.world.faults.fired] == ["token_expired"]


def test_a_withdrawn_consent_is_for_a_person(serve):
    with serve(World.generate(seed=1, today=TODAY, scale=0.02, days=30)) as sandbox:
        sandbox.fault("token_revoked", "facts")
        with pytest.raises(PlatformError, match="Connect again") as caught:
            _read(sandbox, credential=sandbox.renewable())
        assert caught.value.kind is ErrorKind.RECONNECT
        assert sandbox.world.refresh_token("linkedin") not in str(caught.value)


def test_a_renewal_that_is_refused_is_for_a_person(sandbox):
    sandbox.fault("token_expired", "facts", times=1)
    sandbox.fault("token_rejected", "token", times=1)
    with pytest.raises(PlatformError, match="365 days") as caught:
        _read(sandbox, credential=sandbox.renewable())
    assert caught.value.kind is ErrorKind.RECONNECT


def test_an_account_that_is_cancelled_meanwhile_can_still_be_read(serve):
    with serve(World.generate(seed=1, today=TODAY, scale=0.02, days=30)) as sandbox:
        sandbox.fault("account_disabled", "facts", times=1)
        have, want = _read(sandbox)
        assert have.equals(want)


def test_a_token_that_was_never_given_out_is_refused(sandbox):
    with pytest.raises(PlatformError) as caught:
        _read(sandbox, credential=Credential(access_token="made-up-token"))
    assert caught.value.kind is ErrorKind.RECONNECT
    assert "made-up-token" not in str(caught.value)


def test_a_clock_five_minutes_off_does_no_harm(sandbox):
    sandbox.fault("clock_skew")
    have, want = _read(sandbox)
    assert have.equals(want)


def test_more_values_at_once_than_the_app_may_read_are_waited_for(serve):
    """The throttle of 45 million values in five minutes, at a size that a test reaches."""
    world = World.generate(seed=1, today=TODAY, scale=0.02, days=30)
    with serve(world, metric_values=10) as sandbox, pytest.raises(PlatformError) as caught:
        _read(sandbox)
    assert caught.value.kind is ErrorKind.WAIT
