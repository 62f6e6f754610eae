"""Draws the Data health page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import groupby

import pandas as pd
import streamlit as st

from adjoin.errors import AdjoinError
from adjoin.health import Severity, Verdict, connection_health
from adjoin.health.machinery import check_scheduler, check_workers
from adjoin.sync.gaps import Calendar, calendars
from adjoin.writing import MISSING
from adjoin_dashboard.context import Context
from adjoin_dashboard.health.model import HealthLine, gap_calendar, gaps, health_lines, strip_summary
from adjoin_dashboard.words import escaped

__all__ = ["render"]

_SPANS = {"90 days": 90, "1 year": 365, "3 years": 3 * 365}
_ICONS = {
    Severity.BROKEN: ":material/error:",
    Severity.ATTENTION: ":material/warning:",
    Severity.NOTE: ":material/info:",
}
_GAPS_SHOWN = 500
_WHOLE_TABLE = 12


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Data health", anchor=False)
    try:
        every = _calendars(context.workspace_id, context.data_version, context)
        healths = connection_health(
            context.store,
            context.host.runtime.facts,
            now=context.now(),
            platforms=context.host.platforms,
            workspace_id=context.workspace_id,
            calendars=every,
        )
    except AdjoinError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    if not healths:
        st.info("No ad account is connected yet. Connect one with `adjoin connect PLATFORM`.", icon=":material/link:")
        return
    lines = health_lines(healths, title=context.host.platform_title, now=context.now())
    _show_machinery(context)
    _show_table(lines)
    for number, line in enumerate(lines):
        if line.findings:
            _show_findings(context, line, number)
    _show_calendars(context, every)


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


def _show_machinery(context: Context) -> None:
    runtime = context.host.runtime
    found = [check_scheduler(runtime.store, now=context.now())]
    if runtime.settings.executor == "workers":
        found += check_workers(runtime.store, now=context.now())
    for one in found:
        if one.state in ("attention", "failed"):
            text = f"**{escaped(one.check.capitalize())}:** {escaped(one.detail)}."
            st.warning(f"{text} {one.advice}".strip(), icon=":material/warning:")


def _show_table(lines: list[HealthLine]) -> None:
    broken = sum(line.verdict is Verdict.BROKEN for line in lines)
    attention = sum(line.verdict is Verdict.ATTENTION for line in lines)
    counted = f"{len(lines)} {'connection' if len(lines) == 1 else 'connections'}"
    told = [f"{broken} broken"] * bool(broken) + [f"{attention} to look at"] * bool(attention)
    st.caption(f"{counted}: {' and '.join(told) or 'all healthy'}.")
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Status": line.status,
                    "Connection": line.name,
                    "Freshness": line.freshness,
                    "Problem": line.problem,
                    "What to do": line.advice,
                }
                for line in lines
            ]
        ),
        hide_index=True,
        placeholder=MISSING,
        row_height=40,
        height="content" if len(lines) <= _WHOLE_TABLE else 540,
        column_config={
            "Status": st.column_config.TextColumn(pinned=True, width=115),
            "Connection": st.column_config.TextColumn(width=170),
            "Freshness": st.column_config.TextColumn(width=170),
            "Problem": st.column_config.TextColumn(width=360),
            "What to do": st.column_config.TextColumn(width=300),
        },
        key="health",
        alt="Connections with their status, freshness, problem and what to do, the worst first",
    )


def _show_findings(context: Context, line: HealthLine, number: int) -> None:
    with st.expander(escaped(line.headline), expanded=line.verdict is not Verdict.HEALTHY, key=f"findings-{number}"):
        for finding in line.findings:
            what = escaped(finding.what[:1].upper() + finding.what[1:])
            reason = (finding.why[:1].upper() + finding.why[1:]).rstrip(".")
            why = f" {escaped(reason)}." if reason else ""
            since = f" Since {context.write.stamp(finding.since)}." if finding.since is not None else ""
            # Advice is ours and holds commands; a platform's words are in the other parts.
            advice = f"  \n:material/build: {finding.advice}" if finding.advice else ""
            st.markdown(f"{_ICONS[finding.severity]} **{what}.**{why}{since}{advice}")


def _show_calendars(context: Context, every: list[Calendar]) -> None:
    st.header("Which days are there", anchor=False)
    by_account = {
        key: list(some)
        for key, some in groupby(every, key=lambda one: (one.platform, one.account_name, one.account_id))
    }
    if not by_account:
        st.info("There is no account to read.", icon=":material/block:")
        return
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
    _show_gaps(context, every)


def _last(calendar: Calendar, days: int) -> Calendar:
    """Cut a calendar to its last days."""
    first = calendar.spans[-1].until - timedelta(days=days - 1)
    spans = [
        span if span.since >= first else replace(span, since=first) for span in calendar.spans if span.until >= first
    ]
    return replace(calendar, spans=tuple(spans))


def _show_gaps(context: Context, every: list[Calendar]) -> None:
    found = gaps(every, context.write)
    st.subheader("Missing days of all accounts", anchor=False)
    if not found:
        st.markdown("No day is missing.")
        return
    st.dataframe(
        pd.DataFrame(
            [
                {"Account": one.account, "Dataset": one.dataset, "Days": one.days, "Count": one.count, "Why": one.why}
                for one in found[:_GAPS_SHOWN]
            ]
        ),
        hide_index=True,
        row_height=40,
        height="content" if len(found) <= _WHOLE_TABLE else 540,
        column_config={"Why": st.column_config.TextColumn(width=420)},
        key="gaps",
        alt="Days that are missing, by account and dataset, with the reason",
    )
    st.caption("The next runs read them. To read some now: `adjoin sync --since DAY --until DAY`.")


def _account(context: Context, key: tuple[str, str, str], names: list[tuple[str, str]]) -> str:
    platform, name, account_id = key
    shown = name if names.count((platform, name)) == 1 else f"{name} ({account_id})"
    return f"{shown} · {context.host.platform_title(platform)}"
