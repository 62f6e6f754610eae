"""One run in full: how it ended, what it lacks and what follows, and the button that has it read now."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from sqlmodel import select

from adjoin.access.permissions import Permission
from adjoin.db.models import Account, RunState
from adjoin.errors import UnknownName
from adjoin.sync.retries import missing_from
from adjoin.sync.runs import RunBook
from adjoin_dashboard.context import Context
from adjoin_dashboard.runs import acts
from adjoin_dashboard.runs.connections import Machinery
from adjoin_dashboard.runs.model import RunLine, difference_sentences, missing_lines
from adjoin_dashboard.words import escaped

__all__ = ["show_details"]

_WHOLE_TABLE = 12


def show_details(context: Context, machinery: Machinery, run: RunLine) -> None:
    """Draw the run."""
    started = context.write.stamp(run.started_at) if run.started_at is not None else "not started"
    st.header("Details", anchor=False)
    st.caption(
        f"{escaped(run.name)} · {run.outcome} · {started} · "
        f"{context.write.count(run.slices_done)} of {context.write.count(run.slices_total)} parts · "
        f"{_order(run)}{run.effort(context.write)} · run {escaped(run.id)}"
    )
    if run.error:
        st.error(escaped(run.error), icon=":material/error:")
    if run.retry_at is not None:
        st.info(
            f"What failed is tried again by itself: {context.write.stamp(run.retry_at)}.",
            icon=":material/replay:",
        )
    if run.lacks_something:
        _show_retry(context, machinery, run)
    with context.store.read() as session:
        rows = session.exec(
            select(Account.id, Account.name, Account.currency).where(Account.workspace_id == context.workspace_id)
        ).all()
    names = {row[0]: row[1] for row in rows}
    if run.lacks_something:
        _show_missing(context, run, names)
    sentences = difference_sentences(run.differences, names, {row[0]: row[2] for row in rows}, context.write)
    _show_list("Differences between levels", sentences)
    uncounted = run.unexplained - sum(not one.get("known") for one in run.differences)
    if uncounted > 0:
        st.caption(f"{context.write.count(uncounted)} more unexplained differences were counted and not kept.")
    _show_list("Notes", list(run.notes))
    if run.state is RunState.SUCCEEDED and not (sentences or run.notes):
        st.markdown("Everything was fetched, and the levels add up to the same totals.")


def _show_retry(context: Context, machinery: Machinery, run: RunLine) -> None:
    """Say what has become of what is missing, and offer to read it now."""
    books = RunBook(context.store)
    try:
        retried_by = books.retry_of(books.get(context.workspace_id, run.id))
    except UnknownName:  # it was so old that it is gone since the list was read
        return
    if retried_by is not None:
        if not retried_by.state.ended:
            st.info("What is missing is being read now.", icon=":material/replay:")
            return
        st.markdown(f":material/replay: Run `{retried_by.id[:8]}` has tried it again: {retried_by.state}.")
        if retried_by.state is RunState.SUCCEEDED:
            return
    if not context.may(Permission.START_SYNCS):
        return
    line = next((one for one in machinery.in_use if one.id == run.connection_id), None)
    if line is None:
        why_not = "The connection is disconnected."
    else:
        why_not = "A sync is queued or under way." if line.syncing else machinery.why_not
    if st.button(
        "Read what is missing" if run.state is RunState.CANCELLED else "Retry",
        icon=":material/replay:",
        disabled=bool(why_not),
        help=why_not or "Reads what is missing now, and nothing that this run has brought.",
        key=f"retry-{run.id}",
    ):
        acts.do(lambda: acts.retry(context, run.id, run.name))


def _show_missing(context: Context, run: RunLine, names: dict[str, str]) -> None:
    found = missing_from(context.store, context.workspace_id, run.id)
    missing = missing_lines(found, names, retry_at=run.retry_at, write=context.write)
    if not missing:
        return
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
