"""The part of Sync runs that says when each connection is synced, and lets it be synced, paused and resumed."""

from __future__ import annotations

import streamlit as st

from adjoin.access.permissions import Permission
from adjoin.health.machinery import check_scheduler
from adjoin_dashboard.context import Context
from adjoin_dashboard.runs import acts
from adjoin_dashboard.runs.connections import Line, Machinery
from adjoin_dashboard.words import escaped, sentence

__all__ = ["show_schedules"]

_PER_PAGE = 20


def show_schedules(context: Context, machinery: Machinery) -> None:
    """Draw the part."""
    found = check_scheduler(context.host.store, now=context.now())
    if found.state in ("attention", "failed"):
        st.warning(f"**Scheduler:** {sentence(found.detail)} {found.advice}".strip(), icon=":material/warning:")
    st.caption(f"Times in {context.write.time_zone}. The command adjoin schedules set changes them.")
    lines = machinery.in_use
    if not lines:
        st.info("All connections are disconnected. The page Connections connects them again.", icon=":material/link:")
        return
    first = 0
    if len(lines) > _PER_PAGE:
        first = (st.pagination(-(-len(lines) // _PER_PAGE), key="schedules-page") - 1) * _PER_PAGE
    for line in lines[first : first + _PER_PAGE]:
        with st.container(border=True, key=f"schedule-{line.id}"):
            _show(context, machinery, line)


def _show(context: Context, machinery: Machinery, line: Line) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{escaped(line.name)}**  \n{_told(line)}", width="content")
        with st.container(horizontal=True, width="content"):
            if context.may(Permission.START_SYNCS):
                why_not = "A sync is queued or under way." if line.syncing else machinery.why_not
                if st.button(
                    "Sync now",
                    icon=":material/sync:",
                    disabled=bool(why_not),
                    help=why_not or None,
                    key=f"sync-{line.id}",
                ):
                    acts.do(lambda: acts.sync_now(context, line.id, line.name))
            if context.may(Permission.MANAGE_SCHEDULES) and line.scheduled:
                if line.paused:
                    if st.button("Resume", icon=":material/play_arrow:", key=f"resume-{line.id}"):
                        acts.do(lambda: acts.resume(context, line.id, line.name))
                elif st.button("Pause", icon=":material/pause:", key=f"pause-{line.id}"):
                    acts.do(lambda: acts.pause(context, line.id, line.name))
    if line.problem:
        st.markdown(f":material/warning: {sentence(line.problem)}")


def _told(line: Line) -> str:
    """Say when it is due; what stands in backticks is a cron line."""
    told = line.schedule if "`" in line.schedule else escaped(line.schedule)
    if not line.scheduled:
        return "No schedule: it is synced by hand only"
    if line.due:
        told += f" · next {escaped(line.due)}"
    return told + (f" · last {escaped(line.last)}" if line.last else "")
