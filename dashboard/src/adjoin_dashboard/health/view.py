"""Draws the Data health page."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from adjoin.errors import AdjoinError
from adjoin.health import Severity, Verdict, connection_health
from adjoin.health.machinery import check_scheduler, check_workers
from adjoin.sync.gaps import Calendar
from adjoin.writing import MISSING
from adjoin_dashboard.context import Context
from adjoin_dashboard.health.calendar import load_calendars, show_calendar
from adjoin_dashboard.health.model import HealthLine, gaps, health_lines
from adjoin_dashboard.words import escaped

__all__ = ["render"]

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
        every = load_calendars(context)
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
    if show_calendar(context, every) is not None:
        _show_gaps(context, every)


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
    st.caption("The next runs read them. To read some now, choose *Days* on the page Sync runs.")
