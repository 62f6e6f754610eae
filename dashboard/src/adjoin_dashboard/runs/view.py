"""Draws the Sync runs page: what is under way above, and below it one of four parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from adjoin.db.models import Workspace
from adjoin.errors import AdjoinError
from adjoin.health.machinery import runs_are_executed
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.runs.connections import Machinery, load_lines
from adjoin_dashboard.runs.days import show_days
from adjoin_dashboard.runs.history import show_history
from adjoin_dashboard.runs.schedules import show_schedules
from adjoin_dashboard.runs.usage import show_usage
from adjoin_dashboard.runs.watching import show_active
from adjoin_dashboard.words import sentence

__all__ = ["render"]

_PARTS: Mapping[str, Callable[[Context, Machinery], None]] = {
    "Runs": show_history,
    "Schedules": show_schedules,
    "Days": show_days,
    "API use": show_usage,
}


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Sync runs", anchor=False)
    show_notices()
    try:
        machinery = _machinery(context)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    if not machinery.connections:
        st.info("No platform is connected yet. The page Connections connects one.", icon=":material/link:")
        return
    if machinery.why_not:
        st.info(machinery.why_not, icon=":material/info:")
    show_active(context)
    part = st.segmented_control(
        "Part of the page",
        list(_PARTS),
        default="Runs",
        required=True,
        key="part",
        bind="query-params",
        label_visibility="collapsed",
    )
    _PARTS[part or "Runs"](context, machinery)


def _machinery(context: Context) -> Machinery:
    runtime = context.host.runtime
    with context.store.read() as session:
        leaving = session.get_one(Workspace, context.workspace_id).delete_after
    why_not = ""
    if leaving is not None:
        why_not = (
            f"This workspace is to be deleted on {context.write.stamp(leaving)}, so nothing is synced for it. An owner "
            "can restore it on the page Workspace."
        )
    elif not runs_are_executed(runtime.store, executor=runtime.settings.executor, now=context.now()):
        start = "`adjoin worker`" if runtime.settings.executor == "workers" else "`scheduler.py`"
        why_not = f"Nothing executes syncs at the moment. Start {start}, or run `adjoin sync` in a terminal."
    return Machinery(connections=tuple(load_lines(context)), why_not=why_not)
