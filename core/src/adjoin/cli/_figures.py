"""Asking about the figures of the workspace where a command works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from adjoin.analytics.v1 import AnalyticsContext, Answer, Definitions, Question
    from adjoin.cli._place import Place
    from adjoin.kernel import Kernel

__all__ = ["Figures", "figures_of"]


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one workspace."""

    kernel: Kernel
    context: AnalyticsContext

    def ask(self, question: Question) -> Answer:
        """Answer a question. Errors as in `adjoin.analytics.asking.ask`."""
        from adjoin.analytics.asking import ask

        return ask(self.kernel, self.context, question)

    def definitions(self) -> Definitions:
        """Return what can be asked."""
        from adjoin.analytics.asking import definitions

        return definitions(self.kernel, self.context)


@contextmanager
def figures_of(place: Place, *, as_of: datetime | None = None) -> Iterator[Figures]:
    """Open the figures of a place, as they stood at an instant if one is given."""
    from adjoin.analytics.context import WorkspaceContext, describe_platforms

    kernel = place.runtime.kernel
    with place.query(as_of=as_of) as facts:
        yield Figures(
            kernel,
            WorkspaceContext(
                scope=place.store, facts=facts, platforms=describe_platforms(kernel), clock=place.runtime.clock
            ),
        )
