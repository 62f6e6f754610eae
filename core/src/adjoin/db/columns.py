"""Column types that behave alike on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

__all__ = ["JSON", "EnumText", "Instant", "Sealed"]

#: Lists and objects. Assign a new value: a change made inside a stored list is not noticed.
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Instant(sa.TypeDecorator[datetime]):
    """An instant: aware on the way in, aware UTC on the way out. A naive datetime raises ValueError.

    SQLite keeps no zone, so the UTC wall time is stored; its text sorts as the instants do.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant needs a time zone, got the naive {value.isoformat(sep=' ')}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class EnumText(sa.TypeDecorator[Any]):
    """A StrEnum stored as its text, so that a new member needs no migration. Other text raises ValueError."""

    impl = sa.String
    cache_ok = True

    def __init__(self, members: type[StrEnum]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else self.members(value).value

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> StrEnum | None:
        return None if value is None else self.members(value)


class Sealed(sa.TypeDecorator[bytes]):
    """Blobs of a Vault, sealed for this purpose. Anything that does not look like one raises ValueError.

    `workspace` and `record` name the columns of the same table with the workspace and the record that the blobs are
    bound to; without `workspace` they are bound to "", the installation as a whole. Sealing and opening are the
    caller's: `vault.seal(data, workspace=..., purpose=..., record=...)` with the same three.
    """

    impl = sa.LargeBinary
    cache_ok = True

    #: A version byte, the id of the key, a nonce, and what the cipher adds.
    _SHORTEST = 1 + 4 + 12 + 16

    def __init__(self, purpose: str, *, workspace: str | None = "workspace_id", record: str = "id") -> None:
        super().__init__()
        self.purpose = purpose
        self.workspace = workspace
        self.record = record

    def process_bind_param(self, value: bytes | None, dialect: sa.Dialect) -> bytes | None:
        if value is not None and (len(value) < self._SHORTEST or value[0] != 1):
            raise ValueError(f"what is stored as {self.purpose} must be sealed; seal it with the Vault")
        return value
