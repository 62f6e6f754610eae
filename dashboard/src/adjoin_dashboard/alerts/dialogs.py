"""The dialogs of the Alerts page: an alert with what can be done about it, its form, and targets."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from adjoin.alerts import rules
from adjoin.alerts.rules import RuleLine
from adjoin.alerts.targets import TargetLine
from adjoin.db.alerts import AlertState, TargetKind
from adjoin.errors import AdjoinError
from adjoin_dashboard.alerts import form
from adjoin_dashboard.alerts.model import (
    MUTES,
    AlertsPage,
    add_target,
    change,
    delete_target,
    history,
    save,
    send_test_of,
    state_of,
    try_out,
    watches,
    when,
)
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import tell
from adjoin_dashboard.words import escaped, sentence

__all__ = ["open_dialog", "show_dialog"]

_OPEN = "alerts-dialog"
_SECRET = "alerts-secret"  # noqa: S105 - the name of a place
_KINDS = {TargetKind.SLACK: "Slack", TargetKind.WEBHOOK: "Webhook"}


def open_dialog(kind: str, which: str = "") -> None:
    """Have a dialog shown from the next run on, until it is closed."""
    st.session_state[_OPEN] = (kind, which)


def show_dialog(context: Context, page: AlertsPage) -> None:
    """Draw the dialog that is open, if the visitor may still do something in it."""
    kind, which = st.session_state.get(_OPEN, ("", ""))
    line, target = page.line(which), page.target(which)
    if kind == "new" and page.may_write:
        st.dialog("New alert", icon=":material/add_alert:", on_dismiss=_close, width="medium")(_form)(
            context, page, None
        )
    elif kind == "change" and line is not None and page.may_change(line):
        st.dialog(escaped(line.name), on_dismiss=_close, width="medium")(_form)(context, page, line)
    elif kind == "alert" and line is not None:
        st.dialog(escaped(line.name), on_dismiss=_close, width="large")(_look)(context, page, line)
    elif kind == "add-target" and page.may_manage:
        st.dialog("Slack or webhook", icon=":material/add_link:", on_dismiss=_close)(_add_target)(context)
    elif kind == "target" and target is not None and page.may_manage:
        st.dialog(escaped(target.name), on_dismiss=_close)(_target)(context, target)
    elif kind:
        _close()


def _close() -> None:
    st.session_state.pop(_OPEN, None)
    st.session_state.pop(_SECRET, None)


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


def _form(context: Context, page: AlertsPage, line: RuleLine | None) -> None:
    if page.problem:
        st.warning(f"Figures cannot be watched. {sentence(page.problem)}", icon=":material/warning:")
    wanted = form.ask(context, page, line)
    if line is not None:
        st.caption("What goes on by the old terms ends without a word when they are changed.")
    if st.button("Save", type="primary", icon=":material/save:", key="alert-save"):
        name = escaped(wanted.name)
        _do(lambda: save(context, wanted, line.id if line else ""), f"Saved: {name}.")


def _look(context: Context, page: AlertsPage, line: RuleLine) -> None:
    st.markdown(f"{state_of(context, line)}  \n{escaped(watches(page, context, line))}.")
    if line.note:
        st.info(sentence(line.note), icon=":material/info:")
    checked = "Not checked yet" if line.checked_at is None else f"Checked {context.write.stamp(line.checked_at)}"
    following = "" if line.next_at is None else f", next {context.write.stamp(line.next_at)}"
    st.caption(f"{checked}{following}; {escaped(when(line))}. Made by {escaped(line.author)}.")
    if page.may_change(line):
        _actions(context, line)
    entries = history(context, line.id)
    if not entries:
        st.caption("Nothing has happened yet.")
        return
    st.markdown("**History**")
    st.dataframe(pd.DataFrame(entries), hide_index=True, key="alert-history", alt="What became of the alert")


def _actions(context: Context, line: RuleLine) -> None:
    name = escaped(line.name)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button("Change", icon=":material/edit:", key="alert-change", on_click=open_dialog, args=("change", line.id))
        if st.button("Send a test", icon=":material/send:", key="alert-test"):
            _do(lambda: send_test_of(context, line.id), f"A test of {name} is on its way.")
        if line.enabled:
            if st.button("Switch off", icon=":material/notifications_off:", key="alert-off"):
                _do(lambda: change(context, rules.switch, line.id, on=False), f"{name} is switched off.")
        elif st.button("Switch on", icon=":material/notifications_active:", key="alert-on"):
            _do(lambda: change(context, rules.switch, line.id, on=True), f"{name} is switched on.")
        if st.button("Delete", icon=":material/delete:", key="alert-delete"):
            _do(lambda: change(context, rules.delete, line.id), f"{name} is deleted, with its history.")
    if not line.enabled:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if line.state is AlertState.MUTED:
            if st.button("End the mute", icon=":material/volume_up:", key="alert-unmute"):
                _do(lambda: change(context, rules.unmute, line.id), f"{name} tells again.")
            return
        chosen = st.selectbox("Tell nobody for", list(MUTES), index=1, key="alert-mute-for", width=180)
        if st.button("Mute", icon=":material/volume_off:", key="alert-mute"):
            until = context.now() + MUTES[chosen or "1 day"]
            _do(
                lambda: change(context, rules.mute, line.id, until=until),
                f"{name} is muted until {context.write.stamp(until)}.",
            )


def _add_target(context: Context) -> None:
    secret = st.session_state.get(_SECRET)
    if secret is not None:
        st.success("Saved. What is sent there is signed with this secret; it is shown this once.")
        st.code(secret, language=None)
        st.button("Done", key="target-done", on_click=_close)
        return
    kind = (
        st.selectbox("Kind", list(_KINDS), format_func=lambda one: _KINDS[one], key="target-kind") or TargetKind.SLACK
    )
    name = st.text_input("Name", key="target-name", placeholder="#marketing", max_chars=100) or ""
    url = st.text_input(
        "Address",
        key="target-url",
        type="password",
        help="Of Slack the incoming webhook. It is kept encrypted and never shown again.",
    )
    if not st.button("Save", type="primary", icon=":material/save:", key="target-save"):
        return
    try:
        made = add_target(context, kind=kind, name=name, url=url or "")
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    if made:
        st.session_state[_SECRET] = made
    else:
        tell(f"Saved: {escaped(name)}. Choose it in the alerts that are to be told there.")
        _close()
    st.rerun()


def _target(context: Context, target: TargetLine) -> None:
    st.markdown(_KINDS[target.kind])
    if target.problem:
        st.warning(sentence(target.problem), icon=":material/link_off:")
    with st.container(horizontal=True):
        if st.button("Send a test", icon=":material/send:", key="target-test"):
            _do(lambda: try_out(context, target.id), f"The test has arrived at {escaped(target.name)}.")
        if st.button("Delete", icon=":material/delete:", key="target-delete"):
            _do(lambda: delete_target(context, target.id), f"{escaped(target.name)} is deleted.")
