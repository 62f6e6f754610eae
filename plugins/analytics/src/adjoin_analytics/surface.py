"""What the package contributes to the product: its tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.contract import hookimpl
from adjoin.surface import v1

if TYPE_CHECKING:
    from sqlalchemy import MetaData

__all__ = ["AnalyticsTables", "plugin"]

#: The revision that this release works with.
HEAD = "0003"


class AnalyticsTables(v1.Surface):
    """The tables of what workspaces define themselves, and of what they put aside."""

    @hookimpl
    def tables(self) -> list[v1.Tables]:
        folder = Path(__file__).with_name("migrations")
        return [v1.Tables(prefix="analytics", folder=folder, head=HEAD, metadata=_metadata)]


def _metadata() -> MetaData:
    from adjoin_analytics.tables import Base

    return Base.metadata


#: What the entry point `analytics` names.
plugin = AnalyticsTables()
