"""Draws the Alerts page."""

from __future__ import annotations

import streamlit as st

from adjoin.alerts.rules import RuleLine
from adjoin_dashboard.alerts.dialogs import open_dialog, show_dialog
from adjoin_dashboard.alerts.model import AlertsPage, load_alerts, state_of, watches, when
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.words import escaped, sentence

__all__ = ["render"]

_PER_PAGE = 25


def render(context: Context) -> None:
    """Draw the page."""
    page = load_alerts(context)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title("Alerts", anchor=False, width="content")
        if page.may_write:
            st.button(
                "New alert",
                type="primary",
                icon=":material/add_alert:",
                key="new-alert",
                on_click=open_dialog,
                args=("new",),
            )
    show_notices()
    if page.leaving_at is not None:
        st.warning(
            f"This workspace is to be deleted on {context.write.stamp(page.leaving_at)}: nothing is checked any more.",
            icon=":material/auto_delete:",
        )
    if page.problem:
        st.warning(f"Figures cannot be watched. {sentence(page.problem)}", icon=":material/warning:")
    if page.lines:
        _show_alerts(context, page)
    else:
        st.info(
            "There is no alert yet. An alert watches a figure or the syncs, tells people when something is so, and "
            "when it is over." + ("" if page.may_write else " Analysts and admins of the workspace make them."),
            icon=":material/notifications:",
        )
    _show_targets(context, page)
    show_dialog(context, page)


def _show_alerts(context: Context, page: AlertsPage) -> None:
    pages = -(-len(page.lines) // _PER_PAGE)
    number = min(st.pagination(pages, key="alerts-page"), pages) if pages > 1 else 1
    with st.container(gap="small", key="alerts"):
        for line in page.lines[(number - 1) * _PER_PAGE : number * _PER_PAGE]:
            with st.container(border=True):
                _show_alert(context, page, line)


def _show_alert(context: Context, page: AlertsPage, line: RuleLine) -> None:
    what, how, button = st.columns([6, 4, 2], vertical_alignment="center")
    what.markdown(f"**{escaped(line.name)}**  \n{escaped(watches(page, context, line))}")
    how.markdown(state_of(context, line))
    if line.note:
        how.caption(sentence(line.note))
    how.caption(f"{escaped(_told(page, line))} · {escaped(when(line))}")
    button.button(
        "Open",
        key=f"alert-{line.id}",
        help=f"History of {escaped(line.name)}, and what can be done",
        width="stretch",
        on_click=open_dialog,
        args=("alert", line.id),
    )


def _told(page: AlertsPage, line: RuleLine) -> str:
    names = [page.people[one] for one in line.people if one in page.people]
    names += [one.name for one in page.targets if one.id in line.targets]
    if not names:
        return "tells nobody"
    return f"tells {', '.join(names[:2])}" + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _show_targets(context: Context, page: AlertsPage) -> None:
    if not page.targets and not page.may_manage:
        return
    st.header("Slack and webhooks", anchor=False)
    for target in page.targets:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            arrived = "" if target.delivered_at is None else f"last arrived {context.write.stamp(target.delivered_at)}"
            st.markdown(f"**{escaped(target.name)}** · {target.kind.title()}")
            if target.failing_since is not None:
                since = context.write.moment(target.failing_since)
                st.markdown(":red-badge[Does not take messages]")
                st.caption(f"Since {escaped(since)}. {sentence(target.problem)}")
            else:
                st.caption(escaped(arrived or "nothing was sent there yet"))
            if page.may_manage:
                st.button(
                    "Open",
                    key=f"target-{target.id}",
                    help=f"Test or delete {escaped(target.name)}",
                    on_click=open_dialog,
                    args=("target", target.id),
                )
    if page.may_manage:
        st.button(
            "Add Slack or a webhook",
            icon=":material/add_link:",
            key="add-target",
            on_click=open_dialog,
            args=("add-target",),
        )
