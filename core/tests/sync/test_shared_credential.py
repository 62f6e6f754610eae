"""A credential that several processes use: renewed once for all of them, and never lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest

from adjoin.ads.v2 import Credential
from adjoin.clock import ManualClock
from adjoin.db.models import Connection, ConnectionState
from adjoin.errors import ErrorKind, PlatformError, StateError
from adjoin.http.credentials import CredentialKeeper
from adjoin.secrets import Keyring, Vault, open_credential
from adjoin.sync.shared_credential import SharedCredential, put_credential

KEY = bytes(range(32))
FIRST = Credential(access_token="access-1", refresh_token="refresh-1", can_renew=True)


class Platform:
    """Gives a new pair of tokens for the refresh token that is valid now, and for no other."""

    def __init__(self) -> None:
        self.valid = 1
        self.calls = 0
        self.before = lambda: None

    async def renew(self, stale: Credential) -> Credential:
        self.calls += 1
        await asyncio.sleep(0)
        if stale.refresh_token != f"refresh-{self.valid}":
            raise PlatformError("the refresh token is dead", kind=ErrorKind.RECONNECT, code="invalid_grant")
        self.valid += 1
        self.before()
        return replace(stale, access_token=f"access-{self.valid}", refresh_token=f"refresh-{self.valid}")


@pytest.fixture
def vault():
    return Vault(Keyring([KEY]))


@pytest.fixture
def connection(store, vault):
    made = Connection(workspace_id="default", id="c", platform="fake", label="c", created_at=ManualClock().now())
    put_credential(vault, made, FIRST)
    with store.write() as session:
        session.add(made)
    return made


def stored(store, vault):
    with store.read() as session:
        row = session.get_one(Connection, ("default", "c"))
    return row, open_credential(vault, row.credential, workspace="default", connection="c")


def keeper(store, vault, connection, platform):
    share = SharedCredential(store, vault, connection)
    return CredentialKeeper(FIRST, renew=platform.renew, share=share, clock=ManualClock())


def test_two_that_find_it_expired_renew_it_once(store, vault, connection):
    """The second gets what the first has stored."""
    platform = Platform()
    keepers = [keeper(store, vault, connection, platform) for _ in range(4)]

    async def race():
        return await asyncio.gather(*(one.renew(FIRST) for one in keepers))

    got = asyncio.run(race())
    assert {one.access_token for one in got} == {"access-2"}
    assert platform.calls == 1
    row, kept = stored(store, vault)
    assert (row.credential_version, kept.refresh_token) == (2, "refresh-2")


def test_they_go_on_taking_turns(store, vault, connection):
    """Who comes with what the other one has replaced gets the newer one, and nothing is asked for it."""
    platform = Platform()
    one, other = (keeper(store, vault, connection, platform) for _ in range(2))

    async def take_turns():
        for n in range(6):
            mine = (one, other)[n % 2]
            yielded = await mine.renew(await mine.get())
        return yielded

    assert asyncio.run(take_turns()).access_token == "access-4"
    assert platform.calls == 3
    assert stored(store, vault)[1].refresh_token == "refresh-4"


def test_what_a_person_has_connected_meanwhile_stays(store, vault, connection):
    """It is newer than what the old authorisation brings."""
    platform = Platform()
    fresh = Credential(access_token="fresh", refresh_token="fresh-refresh", can_renew=True)

    def connect_again():
        with store.write() as session:
            row = session.get_one(Connection, ("default", "c"))
            put_credential(vault, row, fresh)
            session.add(row)

    platform.before = connect_again
    assert asyncio.run(keeper(store, vault, connection, platform).renew(FIRST)) == fresh
    assert stored(store, vault)[1] == fresh


def test_a_dead_token_that_was_replaced_is_no_end(store, vault, connection):
    """The platform refuses the old one just while a person connects again."""
    platform = Platform()
    fresh = Credential(access_token="fresh")

    async def renew(stale):
        with store.write() as session:
            row = session.get_one(Connection, ("default", "c"))
            put_credential(vault, row, fresh)
            session.add(row)
        raise PlatformError("dead", kind=ErrorKind.RECONNECT)

    platform.renew = renew
    assert asyncio.run(keeper(store, vault, connection, platform).renew(FIRST)) == fresh


def test_a_dead_token_is_an_end(store, vault, connection):
    """Where nobody has a better one."""
    platform = Platform()
    platform.valid = 9
    with pytest.raises(PlatformError, match="dead"):
        asyncio.run(keeper(store, vault, connection, platform).renew(FIRST))
    assert stored(store, vault)[0].credential_version == 1


def test_a_store_that_is_away_does_not_cost_the_new_token(store, vault, connection, monkeypatch):
    """The platform has forgotten the old one, so storing is tried for a while."""
    platform = Platform()
    save, failures = SharedCredential._save, [1, 2, 3]

    def away(self, credential):
        if failures:
            failures.pop()
            raise StateError("The database cannot be reached.")
        return save(self, credential)

    monkeypatch.setattr(SharedCredential, "_save", away)
    assert asyncio.run(keeper(store, vault, connection, platform).renew(FIRST)).access_token == "access-2"
    assert platform.calls == 1
    assert stored(store, vault)[1].refresh_token == "refresh-2"


def test_a_store_that_stays_away_is_said_and_the_token_kept(store, vault, connection, monkeypatch):
    """The next request stores it; the platform is not asked again."""
    platform = Platform()
    one = keeper(store, vault, connection, platform)
    save, away = SharedCredential._save, [True]

    def broken(self, credential):
        if away[0]:
            raise StateError("The database cannot be reached.")
        return save(self, credential)

    monkeypatch.setattr(SharedCredential, "_save", broken)
    with pytest.raises(StateError, match="cannot be reached"):
        asyncio.run(one.renew(FIRST))
    away[0] = False
    assert asyncio.run(one.renew(FIRST)).access_token == "access-2"
    assert platform.calls == 1


def test_a_renewal_brings_a_connection_back(store, vault, connection):
    """Another process may have given it up with a token that this one had replaced. A person's switch stays."""
    platform = Platform()
    states = []
    for state in (ConnectionState.RECONNECT, ConnectionState.DISABLED):
        with store.write() as session:
            row = session.get_one(Connection, ("default", "c"))
            row.state, row.last_error = state, "given up"
            session.add(row)
        _, known = stored(store, vault)
        share = SharedCredential(store, vault, connection)
        one = CredentialKeeper(known, renew=platform.renew, share=share, clock=ManualClock())
        asyncio.run(one.renew(known))
        row, _ = stored(store, vault)
        states.append((row.state, row.last_error))
    assert states == [(ConnectionState.OK, None), (ConnectionState.DISABLED, "given up")]


def test_a_removed_connection_is_said(store, vault, connection):
    """There is nothing to renew."""
    with store.write() as session:
        session.delete(session.get_one(Connection, ("default", "c")))
    platform = Platform()
    with pytest.raises(StateError, match="was removed while it was in use"):
        asyncio.run(keeper(store, vault, connection, platform).renew(FIRST))
    assert platform.calls == 0


_RACER = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from adjoin.db import Store
from adjoin.db.models import Connection
from adjoin.http.credentials import CredentialKeeper
from adjoin.secrets import Keyring, Vault, open_credential
from adjoin.sync.shared_credential import SharedCredential

store, vault, platform = Store.open(sys.argv[1]), Vault(Keyring([bytes(range(32))])), Path(sys.argv[2])
with store.read() as session:
    connection = session.get_one(Connection, ("default", "c"))

async def renew(stale):
    valid = platform.read_text()
    if stale.refresh_token != valid:
        raise RuntimeError(f"{stale.refresh_token} is dead, {valid} is valid")
    await asyncio.sleep(0.01)
    n = int(valid.split("-")[1]) + 1
    platform.write_text(f"refresh-{n}")
    return replace(stale, access_token=f"access-{n}", refresh_token=f"refresh-{n}")

async def main():
    credential = open_credential(vault, connection.credential, workspace="default", connection="c")
    keeper = CredentialKeeper(credential, renew=renew, share=SharedCredential(store, vault, connection))
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(10):
        credential = await keeper.renew(credential)

asyncio.run(main())
store.close()
"""


@contextmanager
def racers(url, platform, count):
    command = [sys.executable, "-c", _RACER, url, str(platform)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for one in running:
            assert one.stdout.readline() == "ready\n", one.stderr.read()
        yield running
    finally:
        for one in running:
            one.kill()
            one.communicate()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_processes_that_race_never_use_a_dead_token(request, kind, vault, tmp_path):
    """Nor does a killed one leave its lock behind. What is stored in the end is what the platform takes."""
    store = request.getfixturevalue(f"{kind}_store")
    made = Connection(workspace_id="default", id="c", platform="fake", label="c", created_at=ManualClock().now())
    put_credential(vault, made, FIRST)
    with store.write() as session:
        session.add(made)
    platform = tmp_path / "platform"
    platform.write_text("refresh-1")
    url = store._url.render_as_string(hide_password=False)
    with racers(url, platform, 3) as running:
        for one in running:
            one.stdin.write("go\n")
            one.stdin.flush()
        ended = [one.communicate(timeout=60) for one in running]
        assert [one.returncode for one in running] == [0, 0, 0], ended
    row, kept = stored(store, vault)
    assert kept.refresh_token == platform.read_text()
    renewals = int(kept.refresh_token.split("-")[1]) - 1
    assert 10 <= renewals <= 30
    assert row.credential_version == renewals + 1


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_the_lock_of_a_killed_process_is_free(request, kind, vault):
    """However it ends."""
    store = request.getfixturevalue(f"{kind}_store")
    made = Connection(workspace_id="default", id="c", platform="fake", label="c", created_at=ManualClock().now())
    hold = """
import asyncio, sys
from adjoin.db import Store
from adjoin.db.models import Connection
from adjoin.sync.shared_credential import SharedCredential

async def main():
    connection = Connection(workspace_id="default", id="c", credential_version=1)
    async with SharedCredential(Store.open(sys.argv[1]), None, connection).hold():
        print("held", flush=True)
        sys.stdin.read()

asyncio.run(main())
"""
    url = store._url.render_as_string(hide_password=False)
    share = SharedCredential(store, vault, made)

    async def is_free(within):
        try:
            async with asyncio.timeout(within), share.hold():
                return True
        except TimeoutError:
            return False

    command = [sys.executable, "-c", hold, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        assert not asyncio.run(is_free(0.3))
        other.kill()
        other.wait(20)
        assert asyncio.run(is_free(20))
