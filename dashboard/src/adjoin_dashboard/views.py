"""Saved views in the filter row: open, save, share, have one open first, delete, and the link to what is shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TypeAlias

import streamlit as st
from sqlmodel import Session

from adjoin.access import saved_views
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.access.saved_views import ViewLine
from adjoin.errors import AdjoinError
from adjoin_dashboard.addresses import Address, link_of, put
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import closing_key, tell
from adjoin_dashboard.words import escaped, sentence

__all__ = ["default_address", "show_views"]

_CHOSEN = "view-chosen"
#: A change that is made in a workspace by somebody at a time.
_Act: TypeAlias = Callable[[Session, str, Actor, datetime], object]


def default_address(context: Context, page: str) -> Address | None:
    """Return what a page opens with for who looks; None where they have not chosen a view for that."""
    return next((one.address for one in _views(context, page) if one.default), None)


def show_views(context: Context, page: str, address: Address, *, own: Collection[str] = ()) -> None:
    """Draw the menu of views. `address` is all that is chosen on the page, `own` its own parameters."""
    views = _views(context, page)
    with st.container(width="content", gap="xxsmall"):
        st.markdown(":small[Views]")
        with st.popover("Views", icon=":material/bookmark:", key=closing_key("views")):
            if views:
                _show_list(context, page, views, own, address)
            else:
                st.caption("No view of this page is saved yet. A view keeps all that is chosen on it.")
            _show_saving(context, page, address)
            st.caption("The link to what is shown now:")
            st.code(link_of(context, page, address), language=None, wrap_lines=True)


def _views(context: Context, page: str) -> Sequence[ViewLine]:
    with context.store.read() as session:
        return saved_views.views_of(session, context.workspace_id, context.signed_in.user_id, page=page)


def _show_list(context: Context, page: str, views: Sequence[ViewLine], own: Collection[str], address: Address) -> None:
    by_id = {one.id: one for one in views}
    if st.session_state.get(_CHOSEN) not in by_id:
        st.session_state.pop(_CHOSEN, None)
    chosen = st.selectbox(
        "Saved views",
        list(by_id),
        index=None,
        format_func=lambda one: _title(by_id[one]) if one in by_id else "",
        placeholder="Choose a view",
        key=_CHOSEN,
    )
    if chosen is None:
        return
    view = by_id[chosen]
    st.caption(_about(context, view))
    with st.container(horizontal=True, key="view-buttons"):
        st.button("Open", type="primary", key="view-open", on_click=_open, args=(view, own))
        first = "Not first any more" if view.default else "Open first"
        st.button(
            first,
            key="view-default",
            help="Whether this page opens with the view, for you alone.",
            on_click=_do,
            args=(context, f"The view “{escaped(view.name)}” is chosen.", _set_default(page, view)),
        )
        mine = view.mine and (not view.shared or context.may(Permission.SHARE_VIEWS))
        if not (mine or (view.shared and context.may(Permission.MANAGE_VIEWS))):
            return
        if context.may(Permission.SHARE_VIEWS):
            told = "is for you alone again" if view.shared else "is shared with all members of the workspace"
            st.button(
                "Stop sharing" if view.shared else "Share",
                key="view-share",
                on_click=_do,
                args=(context, f"The view “{escaped(view.name)}” {told}.", _change(view, shared=not view.shared)),
            )
        st.button(
            "Update",
            key="view-update",
            help="Have the view keep what is shown now.",
            on_click=_do,
            args=(context, f"The view “{escaped(view.name)}” is updated.", _change(view, address=address)),
        )
        st.button(
            "Delete",
            key="view-delete",
            on_click=_do,
            args=(context, f"The view “{escaped(view.name)}” is deleted.", _delete(view)),
        )


def _show_saving(context: Context, page: str, address: Address) -> None:
    with st.form("view-form", border=False, clear_on_submit=True):
        name = st.text_input("Save what is shown as", max_chars=100, key="view-name", placeholder="A name")
        shared = context.may(Permission.SHARE_VIEWS) and st.checkbox("For all members", key="view-shared")
        if not st.form_submit_button("Save the view", key="view-save"):
            return
    try:
        with context.store.write() as session:
            made = saved_views.save(
                session,
                context.workspace_id,
                page=page,
                name=name or "",
                address=address,
                shared=shared,
                by=context.actor,
                now=context.now(),
            )
            name = made.name
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell(f"The view “{escaped(name)}” is saved.")
    st.rerun()


def _title(view: ViewLine) -> str:
    marks = [*(["opens first"] if view.default else []), *(["shared"] if view.shared else [])]
    return f"{view.name} ({', '.join(marks)})" if marks else view.name


def _about(context: Context, view: ViewLine) -> str:
    whose = "yours" if view.mine else f"shared by {escaped(view.author)}" if view.author else "shared"
    return f"{whose[0].upper()}{whose[1:]} · changed {context.write.moment(view.changed_at)}"


def _open(view: ViewLine, own: Collection[str]) -> None:
    put(view.address, own)


def _set_default(page: str, view: ViewLine) -> _Act:
    chosen = None if view.default else view.id
    return lambda session, workspace_id, by, now: saved_views.set_default(
        session, workspace_id, page=page, view_id=chosen, by=by, now=now
    )


def _change(view: ViewLine, *, address: Address | None = None, shared: bool | None = None) -> _Act:
    return lambda session, workspace_id, by, now: saved_views.change(
        session, workspace_id, view.id, address=address, shared=shared, by=by, now=now
    )


def _delete(view: ViewLine) -> _Act:
    return lambda session, workspace_id, by, now: saved_views.delete(session, workspace_id, view.id, by=by, now=now)


def _do(context: Context, done: str, act: _Act) -> None:
    """Make a change of a view and have the next run say so, or why not."""
    try:
        with context.store.write() as session:
            act(session, context.workspace_id, context.actor, context.now())
    except AdjoinError as error:
        tell(sentence(str(error)), problem=True)
        return
    tell(done)
