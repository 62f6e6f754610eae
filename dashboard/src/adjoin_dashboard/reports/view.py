"""Draws the Reports page."""

from __future__ import annotations

import streamlit as st

from adjoin.reports.defining import ReportLine
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.reports.dialogs import open_dialog, show_dialog
from adjoin_dashboard.reports.model import ReportsPage, load_reports, state_of, when
from adjoin_dashboard.words import escaped, sentence

__all__ = ["render"]

_PER_PAGE = 25


def render(context: Context) -> None:
    """Draw the page."""
    page = load_reports(context)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title("Reports", anchor=False, width="content")
        if page.may_write:
            st.button(
                "New report",
                type="primary",
                icon=":material/schedule_send:",
                key="new-report",
                on_click=open_dialog,
                args=("new",),
            )
    show_notices()
    if page.leaving_at is not None:
        st.warning(
            f"This workspace is to be deleted on {context.write.stamp(page.leaving_at)}: nothing is sent any more.",
            icon=":material/auto_delete:",
        )
    if page.problem:
        st.warning(f"No report can be made. {sentence(page.problem)}", icon=":material/warning:")
    if page.lines:
        _show_reports(context, page)
    else:
        st.info(
            "There is no scheduled report yet. A report sends figures to people at set times, as a mail with a PDF "
            "file, and to Slack and webhooks." + ("" if page.may_write else " Analysts and admins make them."),
            icon=":material/schedule_send:",
        )
    show_dialog(context, page)


def _show_reports(context: Context, page: ReportsPage) -> None:
    pages = -(-len(page.lines) // _PER_PAGE)
    number = min(st.pagination(pages, key="reports-page"), pages) if pages > 1 else 1
    with st.container(gap="small", key="reports"):
        for line in page.lines[(number - 1) * _PER_PAGE : number * _PER_PAGE]:
            with st.container(border=True):
                _show_report(context, page, line)


def _show_report(context: Context, page: ReportsPage, line: ReportLine) -> None:
    what, how, button = st.columns([6, 4, 2], vertical_alignment="center")
    what.markdown(f"**{escaped(line.name)}**  \n{escaped(when(line.cadence, line.time_zone))}")
    how.markdown(state_of(context, line))
    if line.note:
        how.caption(sentence(line.note))
    following = "" if line.next_at is None else f"next {context.write.moment(line.next_at)} · "
    how.caption(escaped(f"{following}{_goes_to(page, line)}"))
    button.button(
        "Open",
        key=f"report-{line.id}",
        help=f"History of {escaped(line.name)}, and what can be done",
        width="stretch",
        on_click=open_dialog,
        args=("report", line.id),
    )


def _goes_to(page: ReportsPage, line: ReportLine) -> str:
    names = [page.people[one] for one in line.people if one in page.people]
    names += [one.name for one in page.targets if one.id in line.targets]
    if not names:
        return "goes to nobody"
    return f"to {', '.join(names[:2])}" + (f" and {len(names) - 2} more" if len(names) > 2 else "")
