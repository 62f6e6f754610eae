"""Keeping a credential: renewed once, stored before use, lost only when a person must act."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from adjoin.ads.v2 import Credential
from adjoin.clock import ManualClock
from adjoin.errors import ErrorKind, PlatformError
from adjoin.http.credentials import CredentialKeeper

T = TypeVar("T")

OLD = Credential(access_token="old-token", refresh_token="old-refresh", can_renew=True)
NEW = Credential(access_token="new-token", refresh_token="new-refresh", can_renew=True)


class TokenEndpoint:
    """Renews, or fails as told; counts."""

    def __init__(self, *failures: Exception, answer: Credential = NEW) -> None:
        self.failures = list(failures)
        self.answer = answer
        self.calls = 0
        self.hold: asyncio.Event | None = None

    async def __call__(self, stale: Credential) -> Credential:
        self.calls += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.failures:
            raise self.failures.pop(0)
        return self.answer


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def reconnect() -> PlatformError:
    return PlatformError("withdrawn", kind=ErrorKind.RECONNECT, code="190")


def test_it_is_stored_before_anyone_may_use_it() -> None:
    endpoint = TokenEndpoint()
    seen: list[Credential] = []

    async def save(credential: Credential) -> None:
        seen.append(await keeper.get())  # what others get while it is being stored
        seen.append(credential)

    keeper = CredentialKeeper(OLD, renew=endpoint, save=save)
    assert run(keeper.renew(OLD)) == NEW
    assert seen == [OLD, NEW]
    assert run(keeper.get()) == NEW


def test_who_asks_with_an_older_credential_gets_the_newer_one() -> None:
    endpoint = TokenEndpoint()
    keeper = CredentialKeeper(OLD, renew=endpoint)
    run(keeper.renew(OLD))
    assert run(keeper.renew(OLD)) == NEW
    assert endpoint.calls == 1


def test_a_credential_that_could_not_be_stored_is_not_used_and_not_renewed_twice() -> None:
    """The platform has replaced the refresh token by then, so asking again with the old one would fail."""
    endpoint = TokenEndpoint()
    stored: list[Credential] = []

    def save(credential: Credential) -> None:
        stored.append(credential)
        if len(stored) == 1:
            raise OSError("disk full")

    keeper = CredentialKeeper(OLD, renew=endpoint, save=save)
    with pytest.raises(OSError, match="disk full"):
        run(keeper.renew(OLD))
    assert run(keeper.get()) == OLD
    assert run(keeper.renew(OLD)) == NEW
    assert (endpoint.calls, stored) == (1, [NEW, NEW])


def test_once_a_person_must_connect_again_nobody_asks_the_platform() -> None:
    endpoint = TokenEndpoint(reconnect())
    keeper = CredentialKeeper(OLD, renew=endpoint)
    for ask in (lambda: keeper.renew(OLD), keeper.get, lambda: keeper.renew(OLD)):
        with pytest.raises(PlatformError, match="withdrawn") as caught:
            run(ask())
        assert (caught.value.kind, caught.value.code) == (ErrorKind.RECONNECT, "190")
    assert endpoint.calls == 1


def test_a_passing_fault_of_the_token_endpoint_is_not_remembered() -> None:
    endpoint = TokenEndpoint(PlatformError("later", kind=ErrorKind.RETRY))
    keeper = CredentialKeeper(OLD, renew=endpoint)
    with pytest.raises(PlatformError, match="later"):
        run(keeper.renew(OLD))
    assert run(keeper.renew(OLD)) == NEW


@pytest.mark.parametrize(
    "keeper",
    [CredentialKeeper(OLD), CredentialKeeper(Credential(access_token="old-token"), renew=TokenEndpoint())],
    ids=["no hook", "no refresh token"],
)
def test_what_cannot_be_renewed_needs_a_person(keeper: CredentialKeeper) -> None:
    with pytest.raises(PlatformError, match="connect again") as caught:
        run(keeper.renew(run(keeper.get())))
    assert caught.value.kind is ErrorKind.RECONNECT


def test_a_cancelled_caller_does_not_lose_the_new_token() -> None:
    endpoint = TokenEndpoint()
    stored: list[Credential] = []

    async def work() -> Credential:
        endpoint.hold = asyncio.Event()
        keeper = CredentialKeeper(OLD, renew=endpoint, save=stored.append)
        first = asyncio.create_task(keeper.renew(OLD))
        second = asyncio.create_task(keeper.renew(OLD))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        endpoint.hold.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert run(work()) == NEW
    assert (endpoint.calls, stored) == (1, [NEW])


def test_callers_in_two_loops_share_one_renewal() -> None:
    endpoint = TokenEndpoint()
    begun, release = threading.Event(), threading.Event()

    def save(_: Credential) -> None:
        begun.set()
        assert release.wait(10)

    keeper = CredentialKeeper(OLD, renew=endpoint, save=save)
    got: list[Credential] = []
    first = threading.Thread(target=lambda: got.append(asyncio.run(keeper.renew(OLD))))
    first.start()
    assert begun.wait(10)

    async def join_in() -> Credential:
        waiting = asyncio.create_task(keeper.renew(OLD))
        await asyncio.sleep(0)
        release.set()
        return await waiting

    got.append(run(join_in()))
    first.join(10)
    assert (got, endpoint.calls) == ([NEW, NEW], 1)


class TestExpiry:
    def keeper(self, clock: ManualClock, endpoint: TokenEndpoint, *, left: timedelta) -> CredentialKeeper:
        soon = Credential(access_token="soon-over", expires_at=clock.now() + left, can_renew=True)
        return CredentialKeeper(soon, renew=endpoint, clock=clock)

    def test_what_is_about_to_expire_is_renewed_first(self) -> None:
        keeper = self.keeper(ManualClock(), TokenEndpoint(), left=timedelta(seconds=30))
        assert run(keeper.get()) == NEW

    def test_what_has_time_left_is_not(self) -> None:
        keeper = self.keeper(ManualClock(), TokenEndpoint(), left=timedelta(seconds=90))
        assert run(keeper.get()).access_token == "soon-over"

    def test_the_last_moments_are_used_while_the_token_endpoint_is_down(self) -> None:
        clock = ManualClock()
        endpoint = TokenEndpoint(*[PlatformError("down", kind=ErrorKind.RETRY)] * 2)
        keeper = self.keeper(clock, endpoint, left=timedelta(seconds=30))
        assert run(keeper.get()).access_token == "soon-over"
        clock.advance(30)
        with pytest.raises(PlatformError, match="down"):
            run(keeper.get())

    def test_a_token_born_with_little_life_is_not_renewed_for_each_request(self) -> None:
        clock = ManualClock()
        brief = Credential(access_token="brief", expires_at=clock.now() + timedelta(seconds=20), can_renew=True)
        endpoint = TokenEndpoint(answer=brief)
        keeper = self.keeper(clock, endpoint, left=timedelta(0))
        assert [run(keeper.get()).access_token for _ in range(5)] == ["brief"] * 5
        assert endpoint.calls == 1
