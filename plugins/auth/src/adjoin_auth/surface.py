"""What the package contributes to the product: its tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.contract import hookimpl
from adjoin.surface import v1

if TYPE_CHECKING:
    from sqlalchemy import MetaData

__all__ = ["AuthTables", "plugin"]

#: The revision that this release works with.
HEAD = "0001"


class AuthTables(v1.Surface):
    """The tables of the provider `local`."""

    @hookimpl
    def tables(self) -> list[v1.Tables]:
        folder = Path(__file__).with_name("migrations")
        return [v1.Tables(prefix="auth", folder=folder, head=HEAD, metadata=_metadata)]


def _metadata() -> MetaData:
    from adjoin_auth.local.tables import Base

    return Base.metadata


#: What the entry point `auth` names.
plugin = AuthTables()
