"""Asks what made a change; an answer is kept until data, definitions or the day change."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from adjoin.analytics import asking, v1
from adjoin_dashboard.asking import own_words, place_of
from adjoin_dashboard.context import Context

__all__ = ["load_explanation"]

_MOST = 6  # members that are listed
_DEPTH = 3  # from the platform to the campaign


def load_explanation(context: Context, question: v1.Question) -> v1.Explanation:
    """Return what made the change that is asked about. Errors are those of `adjoin.analytics.v1.Analytics.explain`."""
    return _explained(
        context.workspace_id,
        context.data_version,
        context.today(),
        own_words(context),
        repr(question),
        context,
        question,
    )


@st.cache_data(show_spinner="Comparing …", max_entries=1000, ttl=timedelta(days=1))
def _explained(
    workspace_id: str,
    data_version: str,
    today: date,
    words: str,
    asked: str,
    _context: Context,
    _question: v1.Question,
) -> v1.Explanation:
    return asking.explain(_context.host.kernel, place_of(_context), _question, most=_MOST, depth=_DEPTH)
