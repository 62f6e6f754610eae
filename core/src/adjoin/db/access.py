"""What code needs that works with rows and does not care whether all of them are in reach, or one workspace's."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sqlmodel import Session

__all__ = ["Access"]


class Access(Protocol):
    """Sessions on the state database: a `Store`, or the `Scope` of one workspace, which reaches nothing else."""

    def read(self) -> AbstractContextManager[Session]:
        """Yield a session that sees one state of the database and cannot change it."""
        ...

    def write(self) -> AbstractContextManager[Session]:
        """Yield a session in a transaction, undone if the block raises."""
        ...
