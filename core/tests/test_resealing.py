"""A new key: everything is sealed with it, and nothing that is stored meanwhile is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from adjoin.ads.v2 import Credential
from adjoin.db import Store
from adjoin.db.models import Connection
from adjoin.resealing import count_sealed, reseal
from adjoin.secrets import Keyring, Vault, open_credential, seal_credential

from .conftest import NOW

ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))
OLD, NEW, LOST = (Keyring([key]).ids[0] for key in (ONE, TWO, THREE))
W = "default"


def put(store: Store, vault: Vault, name: str, *, token: str = "first") -> None:
    with store.write() as session:
        one = session.get(Connection, (W, name)) or Connection(
            workspace_id=W, id=name, platform="meta", label=name, created_at=NOW
        )
        one.credential = seal_credential(vault, Credential(access_token=token), workspace=W, connection=name)
        one.credential_version += 1
        session.add(one)


def get(store: Store, name: str) -> tuple[str, str, int]:
    """The token of a connection, the key it is sealed with, and its version."""
    vault = Vault(Keyring([ONE, TWO, THREE]))
    with store.read() as session:
        one = session.get(Connection, (W, name))
    assert one is not None
    assert one.credential is not None
    credential = open_credential(vault, one.credential, workspace=W, connection=name)
    return credential.access_token, vault.key_of(one.credential), one.credential_version


class Meddled(Vault):
    """A vault that lets something happen between reading a blob and replacing it."""

    def __init__(self, keyring: Keyring, meddle: Callable[[], None]) -> None:
        super().__init__(keyring)
        self._meddle: Callable[[], None] | None = meddle

    def open(self, blob: bytes, *, workspace: str, purpose: str, record: str) -> bytes:
        meddle, self._meddle = self._meddle, None
        if meddle is not None:
            meddle()
        return super().open(blob, workspace=workspace, purpose=purpose, record=record)


def test_everything_is_sealed_with_the_first_key(store: Store) -> None:
    for name in ("a", "b"):
        put(store, Vault(Keyring([ONE])), name)
    put(store, Vault(Keyring([TWO])), "c")
    result = reseal(store, Vault(Keyring([TWO, ONE])))
    assert (result.done, result.problems) == (2, [])
    assert [get(store, name) for name in "abc"] == [("first", NEW, 1)] * 3


def test_a_second_time_there_is_nothing_to_do(store: Store) -> None:
    put(store, Vault(Keyring([ONE])), "a")
    vault = Vault(Keyring([TWO, ONE]))
    reseal(store, vault)
    assert (reseal(store, vault).done, reseal(store, vault).problems) == (0, [])


def test_connections_without_a_credential_are_passed_over(store: Store) -> None:
    with store.write() as session:
        session.add(Connection(workspace_id=W, id="empty", platform="meta", label="x", created_at=NOW))
    assert reseal(store, Vault(Keyring([TWO, ONE]))).done == 0


@pytest.mark.parametrize("key", [ONE, TWO], ids=["with the old key", "with the new key"])
def test_a_credential_that_is_stored_meanwhile_stays(store: Store, key: bytes) -> None:
    """A sync renews the token while the old one is being sealed again: the newer one wins, and is sealed anew too."""
    put(store, Vault(Keyring([ONE])), "a")
    vault = Meddled(Keyring([TWO, ONE]), lambda: put(store, Vault(Keyring([key])), "a", token="renewed"))
    result = reseal(store, vault)
    assert get(store, "a") == ("renewed", NEW, 2)
    assert result.problems == []


def test_a_connection_that_is_removed_meanwhile_is_no_problem(store: Store) -> None:
    put(store, Vault(Keyring([ONE])), "a")

    def remove() -> None:
        with store.write() as session:
            session.delete(session.get(Connection, (W, "a")))

    result = reseal(store, Meddled(Keyring([TWO, ONE]), remove))
    assert (result.done, result.problems) == (0, [])


def test_what_does_not_open_is_told_and_the_rest_is_done(store: Store) -> None:
    put(store, Vault(Keyring([THREE])), "lost")
    put(store, Vault(Keyring([ONE])), "a")
    result = reseal(store, Vault(Keyring([TWO, ONE])))
    assert result.done == 1
    (problem,) = result.problems
    assert f"credential of lost is encrypted with key {LOST}" in problem
    assert get(store, "lost") == ("first", LOST, 1)


def test_keys_are_counted_by_column(store: Store) -> None:
    put(store, Vault(Keyring([ONE])), "a")
    put(store, Vault(Keyring([ONE])), "b")
    put(store, Vault(Keyring([THREE])), "lost")
    assert count_sealed(store, Vault(Keyring([TWO, ONE]))) == {
        OLD: {"connections.credential": 2},
        LOST: {"connections.credential": 1},
    }


def test_blobs_of_a_plugin_that_is_not_loaded_count_too(store: Store) -> None:
    """A key must not go while such a plugin's secrets need it."""
    vault = Vault(Keyring([ONE]))
    blob = vault.seal(b"x", workspace="", purpose="other", record="1")
    with store.write() as session:
        connection = session.connection()
        binary = "BLOB" if store.dialect == "sqlite" else "BYTEA"
        connection.execute(
            sa.text(f"CREATE TABLE x_seeds (id INTEGER PRIMARY KEY, seed {binary}, other_hash {binary})")
        )
        connection.execute(
            sa.text("INSERT INTO x_seeds VALUES (1, :blob, :noise), (2, NULL, NULL)"),
            {"blob": blob, "noise": bytes(32)},
        )
    assert count_sealed(store, vault) == {OLD: {"x_seeds.seed": 1}}
    (problem,) = reseal(store, Vault(Keyring([TWO, ONE]))).problems
    assert "1 in x_seeds.seed are of a plugin that is not loaded" in problem
