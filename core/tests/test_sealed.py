"""What is secret in the database is sealed, and the registry knows all of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa

from adjoin.db import Store
from adjoin.db.columns import Sealed
from adjoin.db.models import Base, Connection
from adjoin.db.sealed import sealed_columns
from adjoin.http.redaction import is_secret_name

from .conftest import NOW

#: Hashes of random tokens and of passwords tell nothing; these are the endings of their names.
HASHES = ("_hash", "_hashes", "checksum")
#: Columns that sound secret and are none, with the reason.
INNOCENT = {
    "connections.credential_version": "a number",
    "rate_buckets.key": "names what is counted",
    "throttles.key": "names what is throttled",
}


def is_open(name: str) -> bool:
    return name in INNOCENT or name.endswith(HASHES)


def registered() -> list[str]:
    """What a fresh process finds: no other test has imported anything there."""
    program = "from adjoin.db.sealed import sealed_columns; print(*sealed_columns(), sep='\\n')"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_the_credentials_are_among_them() -> None:
    found = {str(one): one for one in sealed_columns()}["connections.credential"]
    assert (found.purpose, found.workspace, found.record) == (
        "credential",
        Base.metadata.tables["connections"].c.workspace_id,
        Base.metadata.tables["connections"].c.id,
    )


def test_every_column_of_bytes_is_sealed_or_a_hash(sqlite_store: Store) -> None:
    """Looked up in a real database, so that no table is left out. A new column gets the type Sealed."""
    with sqlite_store.read() as session:
        inspector = sa.inspect(session.connection())
        binary = {
            f"{table}.{column['name']}"
            for table in inspector.get_table_names()
            for column in inspector.get_columns(table)
            if isinstance(column["type"], sa.LargeBinary)
        }
    assert {name for name in binary if not is_open(name)} == set(registered())


def test_every_column_that_sounds_secret_is_sealed_or_a_hash(sqlite_store: Store) -> None:
    with sqlite_store.read() as session:
        inspector = sa.inspect(session.connection())
        telling = {
            f"{table}.{column['name']}"
            for table in inspector.get_table_names()
            for column in inspector.get_columns(table)
            if is_secret_name(column["name"])
        }
    assert {name for name in telling if not is_open(name)} - set(registered()) == set()


def test_tables_without_models_are_listed_with_their_metadata() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "x_one", metadata, sa.Column("id", sa.String, primary_key=True), sa.Column("b", Sealed("x", workspace=None))
    )
    assert "x_one.b" in {str(one) for one in sealed_columns(metadata)} - {str(one) for one in sealed_columns()}


def test_models_with_a_metadata_of_their_own_are_listed() -> None:
    """As a plugin's tables are. In a process of its own: models cannot be taken back."""
    program = """
import sqlalchemy as sa
from sqlmodel import Field, SQLModel
from adjoin.db.columns import Sealed
from adjoin.db.sealed import sealed_columns

class Base(SQLModel):
    metadata = sa.MetaData()

class Keys(Base, table=True):
    __tablename__ = "x_keys"
    owner: str = Field(primary_key=True)
    seed: bytes = Field(sa_type=Sealed("seed", workspace=None, record="owner"))

(found,) = [one for one in sealed_columns() if str(one) == "x_keys.seed"]
print(found.purpose, found.workspace, found.record.name, *(one.name for one in found.key))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["seed", "None", "owner", "owner"], run.stderr


@pytest.mark.parametrize("blob", [b"", b'{"access_token": "canary-plain-token-in-a-row"}', b"\x01" * 32])
def test_what_is_not_sealed_cannot_be_stored(store: Store, blob: bytes) -> None:
    """And the refusal does not quote it."""
    one = Connection(workspace_id="default", platform="meta", label="x", created_at=NOW, credential=blob)
    with (
        pytest.raises(sa.exc.StatementError, match="stored as credential must be sealed") as caught,
        store.write() as session,
    ):
        session.add(one)
    assert "canary" not in str(caught.value)
