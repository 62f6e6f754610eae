"""Which days of an account are there: read once for all pages that show it, and drawn as strips."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import groupby

import streamlit as st

from adjoin.sync.gaps import Calendar, calendars
from adjoin_dashboard.context import Context
from adjoin_dashboard.health.model import gap_calendar, strip_summary
from adjoin_dashboard.words import escaped

__all__ = ["load_calendars", "show_calendar"]

_SPANS = {"90 days": 90, "1 year": 365, "3 years": 3 * 365}


def load_calendars(context: Context) -> list[Calendar]:
    """Return the calendars of all accounts of the workspace that are read; kept for a minute, or until data comes."""
    return _calendars(context.workspace_id, context.data_version, context)


@st.cache_data(show_spinner="Looking at each day …", max_entries=50, ttl=timedelta(minutes=1))
def _calendars(workspace_id: str, data_version: str, _context: Context) -> list[Calendar]:
    # Both arguments make the answer of one workspace and state of its data that one's own.
    runtime = _context.host.runtime
    return calendars(
        _context.store,
        _context.host.describe,
        workspace_id=workspace_id,
        now=_context.now(),
        history_days=runtime.settings.history_days,
    )


def show_calendar(context: Context, every: list[Calendar]) -> list[Calendar] | None:
    """Let an account be chosen, and draw the strips of its datasets. Returns its calendars; None: there is no account.

    The first one that lacks days is chosen where nobody chose.
    """
    by_account = {
        key: list(some)
        for key, some in groupby(every, key=lambda one: (one.platform, one.account_name, one.account_id))
    }
    if not by_account:
        st.info("There is no account to read.", icon=":material/block:")
        return None
    accounts = list(by_account)
    names = [key[:2] for key in accounts]
    with st.container(horizontal=True, vertical_alignment="top", key="calendar-filters"):
        chosen = st.selectbox(
            "Account",
            range(len(accounts)),
            index=next((place for place, key in enumerate(accounts) if any(one.gaps for one in by_account[key])), 0),
            format_func=lambda place: _account(context, accounts[place], names),
            key="calendar-account",
            width=320,
        )
        span = st.segmented_control("Back to", list(_SPANS), default="90 days", required=True, key="calendar-span")
    key = accounts[min(chosen or 0, len(accounts) - 1)]
    cut = [one for one in (_last(one, _SPANS[span or "90 days"]) for one in by_account[key]) if one.spans]
    name = _account(context, key, names)
    if cut:
        option, height = gap_calendar(cut, context.write, dark=st.context.theme.type == "dark")
        st.echarts_chart(
            option,
            height=height,
            key="calendar",
            alt=f"Days of {name} by dataset, {context.write.days(cut[0].spans[0].since, cut[0].spans[-1].until)}: "
            f"{strip_summary(cut)}",
        )
        st.caption(escaped(f"{name}: {strip_summary(cut)}."))
    return by_account[key]


def _last(calendar: Calendar, days: int) -> Calendar:
    """Cut a calendar to its last days."""
    first = calendar.spans[-1].until - timedelta(days=days - 1)
    spans = [
        span if span.since >= first else replace(span, since=first) for span in calendar.spans if span.until >= first
    ]
    return replace(calendar, spans=tuple(spans))


def _account(context: Context, key: tuple[str, str, str], names: list[tuple[str, str]]) -> str:
    platform, name, account_id = key
    shown = name if names.count((platform, name)) == 1 else f"{name} ({account_id})"
    return f"{shown} · {context.host.platform_title(platform)}"
