"""Questions of pages to the metric layer. An answer is kept until data, definitions or the day change."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from adjoin.analytics import v1
from adjoin.analytics.context import WorkspaceContext

if TYPE_CHECKING:
    from adjoin_dashboard.context import Context

__all__ = ["ask", "definitions", "forget_definitions", "own_words", "place_of"]

#: How long another process may go on with metrics and naming conventions that were changed in this one.
_DEFINITIONS_HOLD = timedelta(seconds=30)


def ask(context: Context, question: v1.Question) -> v1.Answer:
    """Answer a question about the workspace of a page; one that was answered before costs a few milliseconds.

    Errors are those of `adjoin.analytics.v1.Analytics.ask`, and StateError where no plugin answers. The answer is the
    caller's own copy.
    """
    return _answered(
        context.workspace_id,
        context.data_version,
        context.today(),
        own_words(context),
        repr(question),
        context,
        question,
    )


def definitions(context: Context) -> v1.Definitions:
    """Return the metrics and dimensions that can be asked for here. Raises StateError where no plugin answers."""
    return _known(context.workspace_id, context).definitions


def forget_definitions(context: Context) -> None:
    """Have the next question see metrics and naming conventions as they are now: call it after a change of them."""
    _known.clear(context.workspace_id, context)


class _Known:
    """What can be asked in a workspace, and the text by which a change of it is noticed."""

    def __init__(self, definitions: v1.Definitions, conventions: tuple[v1.CustomField, ...]) -> None:
        self.definitions = definitions
        self.words = repr((definitions, conventions))


def own_words(context: Context) -> str:
    """Return a text that changes with the metrics, dimensions and naming conventions of a workspace."""
    return _known(context.workspace_id, context).words


# What is hashed makes an answer a workspace's own: its id, the version of its data, the day that is "today" there.
@st.cache_data(show_spinner="Adding up …", max_entries=2000, max_size="200MB", ttl=timedelta(days=1))
def _answered(
    workspace_id: str,
    data_version: str,
    today: date,
    words: str,
    asked: str,
    _context: Context,
    _question: v1.Question,
) -> v1.Answer:
    from adjoin.analytics.asking import ask as ask_plugin

    return ask_plugin(_context.host.kernel, place_of(_context), _question)


@st.cache_resource(show_spinner=False, max_entries=500, ttl=_DEFINITIONS_HOLD)
def _known(workspace_id: str, _context: Context) -> _Known:
    from adjoin.analytics.asking import conventions, definitions

    kernel, place = _context.host.kernel, place_of(_context)
    return _Known(definitions(kernel, place), conventions(kernel, place))


def place_of(context: Context) -> WorkspaceContext:
    """Return what hooks of `analytics` are given."""
    return WorkspaceContext(
        scope=context.store, facts=context.facts, platforms=context.platforms, clock=context.host.clock
    )
