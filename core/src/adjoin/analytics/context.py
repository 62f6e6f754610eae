"""What questions about a workspace are answered from: `analytics.v1.AnalyticsContext` for one workspace."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlmodel import Session

    from adjoin.ads import v2 as ads
    from adjoin.clock import Clock
    from adjoin.db.scope import Scope
    from adjoin.facts.query import FactQuery
    from adjoin.kernel import Kernel

__all__ = ["WorkspaceContext", "describe_platforms"]


@dataclass(frozen=True, slots=True)
class WorkspaceContext:
    """The facts and the state of one workspace; `facts` must be of the same workspace as `scope`."""

    scope: Scope
    facts: FactQuery
    platforms: Mapping[str, ads.Description]
    clock: Clock

    @property
    def workspace_id(self) -> str:
        return self.scope.workspace_id

    def now(self) -> datetime:
        """The time, aware UTC."""
        return self.clock.now()

    def read(self) -> AbstractContextManager[Session]:
        """Read the workspace's state."""
        return self.scope.read()

    def write(self) -> AbstractContextManager[Session]:
        """Write the workspace's state, in one transaction."""
        return self.scope.write()


def describe_platforms(kernel: Kernel) -> Mapping[str, ads.Description]:
    """Return what each loaded ad platform says of itself; one that fails to is left out."""
    from adjoin.ads import v2 as ads

    return {answer.plugin: answer.value for answer in kernel.hook(ads.Ads.describe).all()}
