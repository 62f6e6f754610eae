"""What the page Creatives asks: ads, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import streamlit as st

from adjoin.analytics.v1 import Metric, Question, Threshold
from adjoin_dashboard.choices import asked as asked_for
from adjoin_dashboard.creatives.model import LEAST, PER_PAGE, Asked, is_ratio
from adjoin_dashboard.filters import Filters

__all__ = ["ads_question", "page_number"]

_METRICS = ("cost", "impressions", "ctr", "conversions", "cpa", "roas")
_ASKED = "_adjoin_creatives_asked"
_LONGEST_NUMBER = 6


def ads_question(filters: Filters, metrics: Mapping[str, Metric], asked: Asked) -> Question:
    """Return the question for the first page of ads; by a ratio only those that were shown often enough."""
    names = dict.fromkeys([asked.sort, *(name for name in _METRICS if name in metrics)])
    question = filters.question(
        tuple(names),
        ("ad",),
        where=asked.conditions(),
        order_by=(f"{'-' if asked.descending else ''}{asked.sort}",),
        search=asked.search,
        limit=PER_PAGE,
    )
    if is_ratio(metrics[asked.sort]):
        return replace(question, having=(Threshold(metric="impressions", at_least=Decimal(LEAST)),))
    return question


def page_number(question: str) -> int:
    """Return the page that is looked at: the first one after another question was asked."""
    before = st.session_state.get(_ASKED)
    st.session_state[_ASKED] = question
    if before is not None and before != question and st.session_state.get("ads_page", 1) != 1:
        st.session_state["ads_page"] = 1
    wanted = str(st.session_state.get("ads_page") or next(iter(asked_for("ads_page")), "1"))
    return max(int(wanted), 1) if wanted.isdecimal() and len(wanted) <= _LONGEST_NUMBER else 1
