"""Connections: stored whole or not at all, and their credentials kept fresh."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from adjoin.ads import v2
from adjoin.contract import hookimpl
from adjoin.db.models import Connection, ConnectionState, RunState, Schedule
from adjoin.errors import BadInput, ErrorKind, PlatformError, SecretError, StateError, UnknownName, UsageError
from adjoin.secrets import Keyring, Vault, open_credential
from adjoin.sync.connections import sandbox_app_of


def connections(house):
    with house.store.read() as session:
        return list(session.exec(select(Connection)))


def test_connecting_stores_all_that_a_sync_needs(any_house):
    """The credential encrypted, the accounts, and a schedule."""
    stored = any_house.stored_connection()
    assert (stored.platform, stored.label, stored.state, stored.credential_version) == (
        "fake",
        "Fake",
        ConnectionState.OK,
        1,
    )
    assert b"token" not in stored.credential
    assert {any_house.account(name).connection_id for name in ("a1", "a2")} == {stored.id}
    with any_house.store.read() as session:
        (schedule,) = session.exec(select(Schedule)).all()
    assert schedule.connection_id == stored.id


@pytest.mark.parametrize(
    ("listing", "fault", "error", "message"),
    [
        ([], None, UsageError, "accepted the authorisation but it reaches no ad account; ask the owner"),
        (None, PlatformError("bad token", kind=ErrorKind.RECONNECT), PlatformError, "bad token"),
    ],
    ids=["no account", "refused"],
)
def test_what_does_not_work_is_not_stored(house, listing, fault, error, message):
    """Nothing is left of an attempt that failed."""
    house.platform.listing = house.platform.listing if listing is None else listing
    house.platform.listing_fault = fault
    with pytest.raises(error, match=message):
        house.connect("another")
    assert [one.credential_version for one in connections(house)] == [1]


def test_an_unknown_platform_names_the_known_ones(house):
    """With where to look."""
    with pytest.raises(UnknownName, match="there is no ads plugin 'gogle'; loaded are: fake"):
        house.connections.describe("gogle")


def test_a_connection_without_an_address_is_refused(house):
    """Better than asking nobody."""
    with pytest.raises(BadInput, match="the connection to Fake has no address"):
        house.connections.bare_client("fake", "")


def test_a_sandbox_on_this_machine_has_an_app_of_its_own(house):
    """The operator's registration is not sent to it, nor is the sandbox's sent anywhere else."""
    app = house.connections.app
    assert app("fake", "http://127.0.0.1:8900/fake") == sandbox_app_of(house.connections.describe("fake"))
    assert app("fake", "https://fake.example/") == v2.App()
    assert app("fake", "https://other.example") == v2.App()


def test_a_wrong_key_fails_the_run_with_what_it_is(house):
    """The connection is named, the credential is not shown, nothing is asked."""
    house.connections._vault = Vault(Keyring([os.urandom(32)]))
    run = house.sync()
    assert run.state is RunState.FAILED
    assert run.error.startswith("the credential of connection 'Fake': ")
    assert house.platform.asked == []
    assert house.stored_connection().state is ConnectionState.ERROR
    with pytest.raises(SecretError):
        house.connections.client(house.connection)


def test_a_connection_without_a_credential_says_what_to_run(house):
    """One line that helps."""
    with pytest.raises(StateError, match="has no credential; run `adjoin connect fake`"):
        house.connections.client(
            Connection(workspace_id="default", platform="fake", label="x", created_at=house.clock.now())
        )


@pytest.mark.parametrize(("days", "said"), [(6, True), (8, False)])
def test_an_authorisation_that_ends_soon_is_said_ahead_of_time(house, days, said):
    """Time enough for a person to come back from a holiday, by what the platform states (7 days by default)."""
    ends = house.clock.now() + timedelta(days=days)
    credential = v2.Credential(access_token="token", expires_at=ends)
    asyncio.run(house.connections.connect("fake", base_url="https://fake.example", credential=credential))
    house.sync()
    warning = house.stored_connection().warning
    assert warning == (
        f"the authorisation ends on {ends:%Y-%m-%d}; run `adjoin connect fake` before that" if said else None
    )


def test_a_renewed_credential_is_stored_before_it_is_used(any_house):
    """Refresh tokens rotate: the old one is dead, so the new one must not be lost."""
    house = any_house
    house.kernel.close()
    house.kernel = type(house.kernel)(house.kernel._contracts.values())
    seen = []

    class Renewing(type(house.platform)):
        @hookimpl
        async def renew(self, credential: v2.Credential, client: v2.Client) -> v2.Credential:
            seen.append(credential.refresh_token)
            return replace(
                credential,
                access_token="fresh",
                refresh_token="second",
                expires_at=soon + timedelta(hours=1),
                refresh_expires_at=soon + timedelta(days=60),
            )

        @hookimpl
        async def accounts(self, client: v2.Client) -> list[v2.Account]:
            seen.append(await client.access_token())
            return await super().accounts(client)

    house.kernel.add("fake", "ads", 2, Renewing())
    house.connections._kernel = house.kernel
    soon = house.clock.now() + timedelta(seconds=30)
    credential = v2.Credential(access_token="stale", refresh_token="first", expires_at=soon, can_renew=True)
    asyncio.run(house.connections.connect("fake", base_url="https://fake.example", credential=credential))
    seen.clear()
    assert house.sync().state is RunState.SUCCEEDED
    assert seen == ["first", "fresh"]
    stored = house.stored_connection()
    assert (stored.credential_version, stored.expires_at) == (3, soon + timedelta(days=60))
    kept = open_credential(house.vault, stored.credential, workspace="default", connection=stored.id)
    assert (kept.access_token, kept.refresh_token) == ("fresh", "second")
    house.kernel.close()
