"""The runs that wait or are under way, drawn anew every other second while there are any."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from adjoin.access.permissions import Permission
from adjoin.db.models import RunState
from adjoin.errors import AdjoinError
from adjoin.writing import duration
from adjoin_dashboard.context import Context
from adjoin_dashboard.runs import acts
from adjoin_dashboard.runs.model import RunLine, load_active
from adjoin_dashboard.words import escaped

__all__ = ["show_active"]

_EVERY = 1.5  # seconds between two looks
_SHOWN = 20


def show_active(context: Context) -> None:
    """Draw how far they are. The page is drawn anew when one comes or goes.

    Without any there is no part that repeats, so it cannot ask for reruns for ever.
    """
    active = _active(context)
    if active:
        st.fragment(_watch, run_every=_EVERY)(context, frozenset(run.id for run in active))


def _watch(context: Context, known: Collection[str]) -> None:
    try:
        active = _active(context)
    except AdjoinError as error:
        st.warning(f"How far syncs are cannot be read at the moment. {escaped(str(error))}", icon=":material/error:")
        return
    if {run.id for run in active} != known:
        st.rerun()
    for run in active:
        with st.container(border=True, key=f"active-{run.id}"):
            _show(run, context)
    if len(active) == _SHOWN:
        st.caption("More may wait; filter the list below by their state to see all of them.")


def _show(run: RunLine, context: Context) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="stretch"):
            _show_progress(run, context)
        if (
            not run.cancelling
            and context.may(Permission.START_SYNCS)
            and st.button("Cancel", icon=":material/cancel:", key=f"cancel-{run.id}", width="content")
        ):
            acts.do(lambda: acts.cancel(context, run.id, run.name))
    if run.silent:
        st.warning(
            "Its worker has shown no sign of life for a while. If it was stopped, the next `adjoin sync` or the "
            "scheduler takes the run up where it was; nothing that is fetched gets lost.",
            icon=":material/heart_broken:",
        )


def _show_progress(run: RunLine, context: Context) -> None:
    title = f"**{escaped(run.name)}**"
    if run.cancelling:
        st.markdown(f":material/cancel: {title} is being cancelled; what was committed stays")
    if run.state is RunState.QUEUED:
        st.markdown(f":material/hourglass_top: {title} {_waits(run, context)}")
        return
    of = f" of {run.slices_total}" if run.slices_total else ""
    length = duration(run.duration) if run.duration is not None else ""
    st.progress(
        run.share,
        text=f"{title} · {run.slices_done}{of} parts · {context.write.count(run.rows)} rows · {length}",
    )


def _waits(run: RunLine, context: Context) -> str:
    """Say what a queued run waits for."""
    if run.not_before is not None and run.not_before > context.now():
        return f"waits until {context.write.stamp(run.not_before)}"
    waited = f"has waited for {duration(context.now() - run.created_at)}"
    return f"{waited}: {escaped(run.notes[-1])}" if run.notes else f"{waited} for a worker"


def _active(context: Context) -> list[RunLine]:
    with context.store.read() as session:
        return load_active(
            session, context.workspace_id, title=context.host.platform_title, now=context.now(), limit=_SHOWN
        )
