"""The part of Sync runs that lists them: filtered, page by page, with what one did not bring in and a way to retry."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from adjoin.writing import MISSING, duration
from adjoin_dashboard.choices import asked, choose
from adjoin_dashboard.context import Context
from adjoin_dashboard.runs.connections import Machinery
from adjoin_dashboard.runs.details import show_details
from adjoin_dashboard.runs.model import STATES, RunFilter, RunLine, count_runs, load_runs
from adjoin_dashboard.tables import written

__all__ = ["show_history"]

_PER_PAGE = 50
_WHOLE_TABLE = 12  # lines; a longer table scrolls
_PAGE = "runs_page"  # the key below, too; other pages have numbers of their own


def show_history(context: Context, machinery: Machinery) -> None:
    """Draw the part."""
    wanted = _show_filters(machinery)
    with context.store.read() as session:
        found = count_runs(session, context.workspace_id, wanted)
    if not found:
        if wanted == RunFilter():
            st.info(
                "Nothing was synced yet. Choose *Schedules* to sync now; `adjoin sync` does it in a terminal.",
                icon=":material/sync:",
            )
        else:
            st.info("No run fits. Choose other states or all connections.", icon=":material/search_off:")
        return
    pages = -(-found // _PER_PAGE)
    page = min(_asked_page(), pages)
    with context.store.read() as session:
        runs = load_runs(
            session,
            context.workspace_id,
            title=context.host.platform_title,
            now=context.now(),
            limit=_PER_PAGE,
            skip=(page - 1) * _PER_PAGE,
            wanted=wanted,
        )
    if not runs:  # the last ones went between the two looks
        st.rerun()
    chosen = _show_table(context, runs, found)
    if pages > 1:
        st.pagination(pages, key="runs_page", bind="query-params")
    if chosen is not None:
        show_details(context, machinery, chosen)


def _show_filters(machinery: Machinery) -> RunFilter:
    with st.container(horizontal=True, vertical_alignment="top", key="run-filters"):
        connection = choose(
            "Connection",
            [one.id for one in machinery.connections],
            machinery.name,
            none="All connections",
            key="connection",
            width=260,
            on_change=_first_page,
        )
        states = st.multiselect(
            "State",
            list(STATES),
            placeholder="Any",
            key="state",
            bind="query-params",
            on_change=_first_page,
            width=300,
        )
    return RunFilter(connection_id=connection, states=tuple(STATES[one] for one in states))


def _first_page() -> None:
    st.session_state[_PAGE] = 1


def _asked_page() -> int:
    """Return which page is asked for, before it is known how many there are."""
    wanted = st.session_state.get(_PAGE) or next(iter(asked(_PAGE)), 1)
    try:
        return max(int(wanted), 1)
    except ValueError:
        return 1


def _show_table(context: Context, runs: list[RunLine], found: int) -> RunLine | None:
    """Draw the runs. Returns the one to show in full: what is selected, else the newest where it has failed."""
    st.caption(
        f"{context.write.counted(found, 'run')}. Times in {context.write.time_zone}. Click the box before a line for "
        "its details."
    )
    event = st.dataframe(
        written(
            _frame(runs),
            {"Started": context.write.moment, "Rows": context.write.count, "Requests": context.write.count},
        ),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        # Another newest run moves all lines, and a selection is a position.
        key=f"runs-{runs[0].id}-{len(runs)}",
        placeholder=MISSING,
        row_height=40,
        height="content" if len(runs) <= _WHOLE_TABLE else 540,
        column_config={
            "State": st.column_config.TextColumn(pinned=True, width=105),
            "Connection": st.column_config.TextColumn(width=165),
            "Trigger": st.column_config.TextColumn(width=88),
            "Started": st.column_config.DatetimeColumn(width=145),
            "Duration": st.column_config.TextColumn(width=88, alignment="right"),
            "Rows": st.column_config.NumberColumn(width=70),
            "Requests": st.column_config.NumberColumn(width=76, help="What it asked of the platform"),
            "Remark": st.column_config.TextColumn(width=205),
        },
        alt="Sync runs, the newest first",
    )
    selected = [row for row in event["selection"]["rows"] if row < len(runs)]
    if selected:
        return runs[selected[0]]
    newest = next((run for run in runs if not run.active), None)
    return newest if newest is not None and newest.error else None


def _frame(runs: list[RunLine]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "State": run.state_text,
                "Connection": run.name,
                "Trigger": run.trigger,
                "Started": run.started_at,
                "Duration": duration(run.duration) if run.duration is not None else None,
                "Rows": run.rows,
                "Requests": None if run.active else run.requests,
                "Remark": run.remark or None,
            }
            for run in runs
        ]
    )
