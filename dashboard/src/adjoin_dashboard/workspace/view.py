"""Draws the Workspace page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd
import streamlit as st

from adjoin.errors import AdjoinError
from adjoin.writing import MISSING
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import show_notices, tell
from adjoin_dashboard.proving import is_proven, show_prove_again
from adjoin_dashboard.words import escaped, role_title, sentence
from adjoin_dashboard.workspace.model import WorkspacePage, create, delete, load_workspace, rename, restore

__all__ = ["render"]

_PAGE = "workspace"


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Workspace", anchor=False)
    show_notices()
    page = load_workspace(context)
    if page.leaving_at is not None:
        _show_leaving(context, page)
    with st.container(border=True, key="about"):
        st.header(escaped(page.name), anchor=False)
        st.caption(
            f"{context.write.counted(page.members, 'member')} · you are {role_title(context.role)} · since "
            f"{context.write.day(page.created_at)} · id {escaped(page.id)}"
        )
        if page.may_rename:
            _show_rename(context, page)
    _show_mine(context, page)
    if page.may_create:
        _show_create(context)
    if page.may_delete:
        _show_delete(context, page)
    elif page.stays_because:
        st.header("Delete the workspace", anchor=False)
        st.info(page.stays_because, icon=":material/info:")


def _do(change: Callable[[], str]) -> None:
    """Make a change and say on the next run what it says of itself; or say here why it was refused."""
    try:
        said = change()
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell(said)
    st.rerun()


@contextmanager
def _line(key: str) -> Iterator[None]:
    """A form with a field and its button beside it."""
    with st.form(key, border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        yield


def _show_leaving(context: Context, page: WorkspacePage) -> None:
    assert page.leaving_at is not None
    st.warning(
        f"This workspace is to be deleted on {context.write.stamp(page.leaving_at)}. Until then it can be "
        "looked at and takes no changes; then all of it goes for good.",
        icon=":material/auto_delete:",
    )
    if not page.may_restore:
        return

    def keep() -> str:
        restore(context)
        return f"**{escaped(page.name)}** stays. Its schedules go on with their next time."

    if st.button("Restore the workspace", type="primary", icon=":material/restore_from_trash:", key="restore"):
        _do(keep)


def _show_rename(context: Context, page: WorkspacePage) -> None:
    with _line("rename"):
        # The name is in the key, so that one that was changed elsewhere shows up here.
        name = st.text_input("Name", page.name, max_chars=100, key=f"name-{page.name}", width=420)
        asked = st.form_submit_button("Rename")
    if asked:
        _do(lambda: f"The workspace is named **{escaped(rename(context, name or ''))}** now.")


def _show_mine(context: Context, page: WorkspacePage) -> None:
    if len(page.mine) < 2:
        return
    st.header("Your workspaces", anchor=False)
    st.caption("You switch between them in the sidebar.")
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Workspace": one.name,
                    "Your role": role_title(one.role),
                    "State": "open now" if one.id == page.id else None,
                    "Deleted on": None if one.delete_after is None else context.write.stamp(one.delete_after),
                }
                for one in page.mine
            ]
        ),
        hide_index=True,
        placeholder=MISSING,
        row_height=40,
        key="workspaces",
        alt="Your workspaces with your role in each",
    )


def _show_create(context: Context) -> None:
    st.header("Create another workspace", anchor=False)
    st.markdown(
        "With its own connections, figures, members and audit log. You are its owner, and nobody else is in it."
    )
    with _line("create"):
        name = st.text_input("Name of the new workspace", max_chars=100, key="new-name", width=420)
        asked = st.form_submit_button("Create workspace")
    if asked:
        _do(lambda: f"**{escaped(create(context, name or ''))}** is there, and you are in it.")


def _show_delete(context: Context, page: WorkspacePage) -> None:
    st.header("Delete the workspace", anchor=False)
    days = context.write.counted(page.grace.days, "day")
    st.markdown(
        f"- **At once** its syncs stop, its schedules rest, and nothing in it can be changed any more.\n"
        f"- **For {days}** its members can still look at it, and an owner can restore it.\n"
        "- **Then all of it goes for good:** figures, connections, members, API keys and this audit log. Only a backup "
        "brings it back.\n"
        "- Nothing changes on the advertising platforms themselves."
    )
    if not is_proven(context):
        show_prove_again("Deleting a workspace", back=_PAGE)
        return
    with _line("delete"):
        typed = st.text_input(f"Type its name, {escaped(page.name)}, to delete it", key="delete-name", width=420)
        asked = st.form_submit_button("Delete this workspace", type="primary", icon=":material/delete:")

    def go() -> str:
        until = delete(context, typed=typed or "")
        return f"The workspace is to be deleted on {context.write.stamp(until)}."

    if asked:
        _do(go)
