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
HEAD = "0002"


class AuthTables(v1.Surface):
    """The tables of the providers; both have them, whichever is picked."""

    @hookimpl
    def tables(self) -> list[v1.Tables]:
        folder = Path(__file__).with_name("migrations")
        return [v1.Tables(prefix="auth", folder=folder, head=HEAD, metadata=_metadata)]


def _metadata() -> MetaData:
    import adjoin_auth.supabase.tables  # noqa: F401 - its tables are in the same metadata
    from adjoin_auth.local.tables import Base

    return Base.metadata


#: What the entry point `auth` names.
plugin = AuthTables()
