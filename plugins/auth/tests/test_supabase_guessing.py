"""Attempts, known addresses and used codes, on each kind of database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.errors import AuthError, AuthProblem
from adjoin_auth.supabase.calls import Call, Known
from adjoin_auth.supabase.guessing import count_sign_in, is_used, right_password, sweep, use_code
from adjoin_auth.supabase.project import Project
from adjoin_auth.supabase.tables import KnownAddress, UsedCode

EMAIL, HOME = "ada@company.example", "203.0.113.7"


@pytest.fixture
def call(auth_context: Any) -> Call:
    return Call(auth_context, Known(Project("http://127.0.0.1:9", "key", "secret")))


def rows(store: Store, model: Any) -> list[Any]:
    with store.read() as session:
        return list(session.exec(select(model)))


async def attempts(call: Call, address: str) -> int:
    """How many attempts there are before somebody has to wait."""
    for n in range(100):
        try:
            await count_sign_in(call, EMAIL, address)
        except AuthError as error:
            if error.kind is AuthProblem.THROTTLED:
                return n
            raise
    raise AssertionError("nobody was slowed down")


def test_who_guesses_does_not_slow_a_known_address_down(call: Call, store: Store, clock: ManualClock) -> None:
    async def story() -> None:
        turns = await count_sign_in(call, EMAIL, HOME)
        await right_password(call, turns, EMAIL, HOME)
        assert await attempts(call, "198.51.100.9") == 5
        assert await attempts(call, HOME) == 10

    asyncio.run(story())
    [known] = rows(store, KnownAddress)
    assert EMAIL.encode() not in known.email_hash + known.address_hash


def test_only_so_many_addresses_of_a_person_are_known(call: Call, store: Store, clock: ManualClock) -> None:
    async def story() -> None:
        for n in range(25):
            clock.advance(1)
            await right_password(call, [], EMAIL, f"198.51.100.{n}")

    asyncio.run(story())
    assert len(rows(store, KnownAddress)) == 20


def test_a_code_is_used_up_for_its_time_and_for_one_person(call: Call, clock: ManualClock) -> None:
    async def story() -> None:
        await use_code(call, "ada", "123456")
        assert await is_used(call, "ada", "123456")
        assert await is_used(call, "ada", "654321"), "one in 30 seconds: another one may be older"
        assert not await is_used(call, "eve", "123456")
        clock.advance(60)
        assert await is_used(call, "ada", "123456")
        assert not await is_used(call, "ada", "654321")
        clock.advance(60)
        assert not await is_used(call, "ada", "123456"), "by chance it may come again"

    asyncio.run(story())


def test_of_two_who_use_a_code_at_once_one_is_refused(call: Call) -> None:
    async def story() -> list[Any]:
        return await asyncio.gather(*(use_code(call, "ada", "123456") for _ in range(4)), return_exceptions=True)

    told = asyncio.run(story())

    assert told.count(None) == 1
    assert {one.kind for one in told if one is not None} == {AuthProblem.WRONG}


def test_what_is_over_is_cleared(call: Call, store: Store, clock: ManualClock) -> None:
    async def story() -> None:
        await use_code(call, "ada", "123456")
        await right_password(call, [], EMAIL, HOME)
        clock.advance(timedelta(minutes=10).total_seconds())
        await sweep(call)
        assert (len(rows(store, UsedCode)), len(rows(store, KnownAddress))) == (0, 1)
        clock.advance(timedelta(days=91).total_seconds())
        await sweep(call)

    asyncio.run(story())
    assert rows(store, KnownAddress) == []
