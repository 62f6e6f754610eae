"""The dialogs of the Reports page: a report with what can be done about it, its form, and how it looks."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from adjoin.errors import AdjoinError
from adjoin.reports import defining
from adjoin.reports.defining import ReportLine, Wanted
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import tell
from adjoin_dashboard.reports import form
from adjoin_dashboard.reports.model import (
    MUTES,
    ReportsPage,
    change,
    history,
    look_at,
    save,
    send_to_all,
    send_to_me,
    state_of,
    when,
)
from adjoin_dashboard.words import escaped, sentence

__all__ = ["open_dialog", "show_dialog"]

_OPEN = "reports-dialog"


def open_dialog(kind: str, which: str = "") -> None:
    """Have a dialog shown from the next run on, until it is closed."""
    st.session_state[_OPEN] = (kind, which)


def show_dialog(context: Context, page: ReportsPage) -> None:
    """Draw the dialog that is open, if the visitor may still do something in it."""
    kind, which = st.session_state.get(_OPEN, ("", ""))
    line = page.line(which)
    if kind == "new" and page.may_write:
        st.dialog("New report", icon=":material/schedule_send:", on_dismiss=_close, width="large")(_form)(
            context, page, None
        )
    elif kind == "change" and line is not None and page.may_change(line):
        st.dialog(escaped(line.name), on_dismiss=_close, width="large")(_form)(context, page, line)
    elif kind == "report" and line is not None:
        st.dialog(escaped(line.name), on_dismiss=_close, width="large")(_look)(context, page, line)
    elif kind:
        _close()


def _close() -> None:
    st.session_state.pop(_OPEN, None)


def _do(act: Callable[[], object], said: str) -> None:
    """Do something, then close the dialog and say on the page that it is done; or say here why not."""
    try:
        act()
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell(said)
    _close()
    st.rerun()


def _form(context: Context, page: ReportsPage, line: ReportLine | None) -> None:
    if page.problem:
        st.warning(f"No report can be made. {sentence(page.problem)}", icon=":material/warning:")
        return
    wanted = form.ask(context, page, line)
    if wanted is None:
        return
    with st.container(horizontal=True):
        saved = st.button("Save", type="primary", icon=":material/save:", key="report-save")
        looked = st.button("Preview", icon=":material/visibility:", key="report-preview")
    if saved:
        name = escaped(wanted.name)
        _do(lambda: save(context, wanted, line.id if line else ""), f"Saved: {name}.")
    if looked:
        _show(context, wanted)


def _show(context: Context, wanted: Wanted) -> None:
    """Show the mail as who looks would be sent it now."""
    try:
        with st.spinner("Adding up …"):
            made = look_at(context, wanted)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    st.caption(f"The mail, as it would be sent to you now. Subject: {escaped(made.subject)}")
    with st.container(border=True, key="report-paper"):
        # A mail is dark on white in every program, whatever the theme here.
        st.html(f'<div style="background:#FFFFFF;padding:8px;overflow-x:auto;">{made.html}</div>')


def _look(context: Context, page: ReportsPage, line: ReportLine) -> None:
    st.markdown(f"{state_of(context, line)}  \n{_about(page, line)}")
    if line.note:
        st.warning(sentence(line.note), icon=":material/warning:")
    following = "" if line.next_at is None else f" Next {context.write.stamp(line.next_at)}."
    author = f" Made by {escaped(line.author)}." if line.author else ""
    sent = escaped(when(line.cadence, line.time_zone))
    st.caption(f"Sent {sent}.{escaped(following)}{author}")
    if page.may_change(line):
        _actions(context, line)
    if line.terms is not None and st.button("Preview", icon=":material/visibility:", key="report-preview"):
        _show(
            context,
            Wanted(name=line.name, terms=line.terms, cadence=line.cadence, time_zone=line.time_zone),
        )
    entries = history(context, line.id)
    if not entries:
        st.caption("It was not sent yet.")
        return
    st.markdown("**History**")
    st.dataframe(pd.DataFrame(entries), hide_index=True, key="report-history", alt="When the report was sent")


def _about(page: ReportsPage, line: ReportLine) -> str:
    if line.terms is None:
        return "Something that this release cannot read."
    titles = [page.metrics[one].title if one in page.metrics else one for one in line.terms.metrics]
    dimension = page.dimensions.get(line.terms.dimension)
    by = "" if not line.terms.dimension else f" by {dimension.title.lower() if dimension else line.terms.dimension}"
    return escaped(f"{', '.join(titles)}{by}, {line.terms.span.value}, in {line.terms.currency}.")


def _actions(context: Context, line: ReportLine) -> None:
    name = escaped(line.name)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button("Change", icon=":material/edit:", key="report-change", on_click=open_dialog, args=("change", line.id))
        if st.button("Send a test to me", icon=":material/send:", key="report-test"):
            _do(lambda: send_to_me(context, line.id), f"A test of {name} is on its way to you.")
        if st.button("Send now", icon=":material/forward_to_inbox:", key="report-send"):
            _do(lambda: send_to_all(context, line.id), f"{name} is on its way to everybody that it goes to.")
        if line.enabled:
            if st.button("Pause", icon=":material/pause:", key="report-pause"):
                _do(lambda: change(context, defining.switch, line.id, on=False), f"{name} is paused.")
        elif st.button("Resume", icon=":material/play_arrow:", key="report-resume"):
            _do(lambda: change(context, defining.switch, line.id, on=True), f"{name} is sent again.")
        if st.button("Delete", icon=":material/delete:", key="report-delete"):
            _do(lambda: change(context, defining.delete, line.id), f"{name} is deleted, with its history.")
    if not line.enabled:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if line.muted_until is not None:
            if st.button("End the mute", icon=":material/volume_up:", key="report-unmute"):
                _do(lambda: change(context, defining.unmute, line.id), f"{name} is sent again.")
            return
        chosen = st.selectbox("Leave out for", list(MUTES), key="report-mute-for", width=180)
        if st.button("Mute", icon=":material/volume_off:", key="report-mute"):
            until = context.now() + MUTES[chosen or "1 week"]
            _do(
                lambda: change(context, defining.mute, line.id, until=until),
                f"{name} is muted until {context.write.stamp(until)}.",
            )
