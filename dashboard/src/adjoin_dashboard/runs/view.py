"""Draws the Sync runs page."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from sqlmodel import select

from adjoin.db.models import Account, RunState
from adjoin.sync.retries import missing_from
from adjoin.writing import MISSING, duration
from adjoin_dashboard.context import Context
from adjoin_dashboard.runs.model import RunLine, difference_sentences, load_runs, missing_lines
from adjoin_dashboard.tables import written
from adjoin_dashboard.words import escaped

__all__ = ["render"]

_SHOWN = 100
_WHOLE_TABLE = 12  # lines; a longer table scrolls
_EVERY = 1.5  # seconds between two looks at a run that is under way


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Sync runs", anchor=False)
    runs = _runs(context)
    if not runs:
        st.info(
            "Nothing was synced yet. Run `adjoin sync` in a terminal, or start `scheduler.py` to sync by schedule.",
            icon=":material/sync:",
        )
        return
    if any(run.active for run in runs):
        # The interval holds until the next run of the whole page, which the fragment asks for when all has ended. From
        # then on this branch is not taken, so it cannot ask again.
        st.fragment(_show_active, run_every=_EVERY)(context)
    _show_table(context, runs)


def _show_active(context: Context) -> None:
    active = [run for run in _runs(context) if run.active]
    if not active:
        st.rerun()
    for run in active:
        with st.container(border=True, key=f"active-{run.id}"):
            _show_progress(run, context)


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
    if run.silent:
        st.warning(
            "Its worker has shown no sign of life for a while. If it was stopped, the next `adjoin sync` or the "
            "scheduler takes the run up where it was; nothing that is fetched gets lost.",
            icon=":material/heart_broken:",
        )


def _waits(run: RunLine, context: Context) -> str:
    """Say what a queued run waits for."""
    if run.not_before is not None and run.not_before > context.now():
        return f"waits until {context.write.stamp(run.not_before)}"
    waited = f"has waited for {duration(context.now() - run.created_at)}"
    return f"{waited}: {escaped(run.notes[-1])}" if run.notes else f"{waited} for a worker"


def _show_table(context: Context, runs: list[RunLine]) -> None:
    st.caption(f"Times in {context.write.time_zone}. Click the box before a line for its details.")
    event = st.dataframe(
        written(_frame(runs), {"Started": context.write.moment, "Rows": context.write.count}),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        # Another newest run moves all lines, and a selection is a position.
        key=f"runs-{runs[0].id}",
        placeholder=MISSING,
        row_height=40,
        height="content" if len(runs) <= _WHOLE_TABLE else 540,
        column_config={
            "State": st.column_config.TextColumn(pinned=True, width=115),
            "Connection": st.column_config.TextColumn(width=170),
            "Trigger": st.column_config.TextColumn(width=85),
            "Started": st.column_config.DatetimeColumn(width=150),
            "Duration": st.column_config.TextColumn(width=95, alignment="right"),
            "Rows": st.column_config.NumberColumn(width=75),
            "Remark": st.column_config.TextColumn(width=270),
        },
        alt="Sync runs, the newest first",
    )
    selected = [row for row in event["selection"]["rows"] if row < len(runs)]
    newest = next((run for run in runs if not run.active), None)
    if selected:
        _show_details(context, runs[selected[0]])
    elif newest is not None and newest.error:
        _show_details(context, newest)


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
                "Remark": run.remark or None,
            }
            for run in runs
        ]
    )


def _show_details(context: Context, run: RunLine) -> None:
    started = context.write.stamp(run.started_at) if run.started_at is not None else "not started"
    st.header("Details", anchor=False)
    st.caption(
        f"{escaped(run.name)} · {run.outcome} · {started} · "
        f"{context.write.count(run.slices_done)} of {context.write.count(run.slices_total)} parts · "
        f"{_order(run)}{run.effort(context.write)} · run `{run.id}`"
    )
    if run.error:
        st.error(escaped(run.error), icon=":material/error:")
    if run.retry_at is not None:
        st.info(
            f"What failed is tried again by itself: {context.write.stamp(run.retry_at)}.",
            icon=":material/replay:",
        )
    with context.store.read() as session:
        rows = session.exec(
            select(Account.id, Account.name, Account.currency).where(Account.workspace_id == context.workspace_id)
        ).all()
    names = {row[0]: row[1] for row in rows}
    missing = []
    if run.state in (RunState.PARTLY, RunState.FAILED, RunState.CANCELLED):
        found = missing_from(context.store, context.workspace_id, run.id)
        missing = missing_lines(found, names, retry_at=run.retry_at, write=context.write)
    if missing:
        st.subheader("What is missing", anchor=False)
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Account": one.account,
                        "Stream": one.stream,
                        "Days": one.days,
                        "Why": one.why,
                        "Tried again": one.again,
                    }
                    for one in missing
                ]
            ),
            hide_index=True,
            height="content" if len(missing) <= _WHOLE_TABLE else 540,
            alt="Parts of the run that are missing, with the reason and when they are tried again",
        )
    sentences = difference_sentences(run.differences, names, {row[0]: row[2] for row in rows}, context.write)
    _show_list("Differences between levels", sentences)
    uncounted = run.unexplained - sum(not one.get("known") for one in run.differences)
    if uncounted > 0:
        st.caption(f"{context.write.count(uncounted)} more unexplained differences were counted and not kept.")
    _show_list("Notes", list(run.notes))
    if run.state is RunState.SUCCEEDED and not (sentences or run.notes):
        st.markdown("Everything was fetched, and the levels add up to the same totals.")


def _order(run: RunLine) -> str:
    """Say who asked for it, how urgent it is, who worked on it and how often it was taken up."""
    told = [run.trigger.lower() + (f", {run.urgency}" if run.urgency else f", priority {run.priority}")]
    if run.worker:
        told.append(escaped(run.worker))
    if run.attempts > 1:
        told.append(f"taken up {run.attempts} times")
    return "".join(f"{one} · " for one in told)


def _show_list(title: str, lines: list[str]) -> None:
    if lines:
        st.subheader(title, anchor=False)
        st.markdown("\n".join(f"- {escaped(line)}" for line in lines))


def _runs(context: Context) -> list[RunLine]:
    with context.store.read() as session:
        return load_runs(
            session, context.workspace_id, title=context.host.platform_title, now=context.now(), limit=_SHOWN
        )
