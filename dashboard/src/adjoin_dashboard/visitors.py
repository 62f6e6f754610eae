"""What is drawn around the pages for who is signed in: who they are, which workspace they look at, and the way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

import streamlit as st

from adjoin.access import workspaces
from adjoin.access.actors import Actor
from adjoin.access.signed_in import SignedIn
from adjoin.access.workspaces import UserWorkspace, workspaces_of
from adjoin.errors import AdjoinError
from adjoin_dashboard.door.pictures import picture_tag
from adjoin_dashboard.host import Host
from adjoin_dashboard.session_guard import current_address
from adjoin_dashboard.words import escaped

__all__ = ["show_ended", "show_no_workspace", "show_visitor"]

_SIGN_IN, _SIGN_OUT, _ACCOUNT = "/auth/sign-in", "/auth/sign-out", "/auth/account"


def show_ended() -> None:
    """Say that the session is over, and where to go. Nothing else is drawn."""
    st.title("Your session has ended")
    st.info("You were signed out, here or from another browser, or were away for long.", icon=":material/lock:")
    _links((_SIGN_IN, "Sign in"))


def show_visitor(host: Host, visitor: SignedIn) -> str | None:
    """Draw who is signed in, and let them change the workspace. Return the one they look at; None: they have none."""
    with host.store.read() as session:
        mine = workspaces_of(session, visitor.user_id)
    with st.sidebar:
        chosen = _choose(mine, visitor.workspace_id)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.html(picture_tag(visitor.user_id, visitor.name or visitor.email, visitor.picture_url), width="content")
            st.caption(
                f"Signed in as {escaped(visitor.name or visitor.email)}",
                help=escaped(visitor.email),
                width="content",
            )
        _links((_ACCOUNT, "Your account"), (_SIGN_OUT, "Sign out"))
    if chosen is not None and chosen != visitor.workspace_id:
        host.doors.sessions.choose_workspace(visitor.session_id, chosen)
        st.query_params.clear()  # what was filtered by is not there
        st.rerun()
    return chosen


def show_no_workspace(host: Host, visitor: SignedIn) -> None:
    """Say that somebody belongs to no workspace, and let them make one where everybody may."""
    st.title("No workspace")
    st.info(
        f"You are signed in as {escaped(visitor.email)}, and are a member of no workspace. Ask somebody who is "
        "to invite you under this address.",
        icon=":material/group_off:",
    )
    registration = host.runtime.settings.registration
    with host.store.read() as session:
        allowed = workspaces.may_create(session, visitor.user_id, registration)
    if not allowed:
        return
    with st.form("first-workspace"):
        name = st.text_input("Or make one of your own: its name", max_chars=80)
        if not st.form_submit_button("Create the workspace", type="primary"):
            return
    by = Actor.user(visitor.user_id, address=current_address())
    try:
        with host.store.write() as session:
            made = workspaces.create_own(session, name=name, registration=registration, by=by, now=host.clock.now())
            workspace_id = made.id
        host.doors.sessions.choose_workspace(visitor.session_id, workspace_id)
    except AdjoinError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    st.rerun()


def _choose(mine: Sequence[UserWorkspace], current: str | None) -> str | None:
    names = _names(mine)
    ids = list(names)
    if not ids:
        return None
    if len(ids) == 1:
        st.caption(f"Workspace **{escaped(names[ids[0]])}**")
        return ids[0]
    # Its key holds what is looked at now, so that another tab's choice is not undone by this one's.
    return st.selectbox(
        "Workspace",
        ids,
        index=ids.index(current) if current in ids else 0,
        format_func=lambda one: names.get(one, one),
        key=f"adjoin-workspace-{current}",
    )


def _names(mine: Sequence[UserWorkspace]) -> dict[str, str]:
    """Return how the workspaces are called, by their ids. Those of one name are told apart."""
    same = Counter(one.name for one in mine)
    names = {}
    for one in mine:
        shown = one.name if same[one.name] == 1 else f"{one.name} ({one.id[-6:]})"
        names[one.id] = shown if one.delete_after is None else f"{shown} (to be deleted)"
    return names


def _links(*links: tuple[str, str]) -> None:
    """Draw links that stay in this tab, which Streamlit's own do not."""
    drawn = " · ".join(f'<a href="{escape(to)}" target="_self">{escape(words)}</a>' for to, words in links)
    st.markdown(drawn, unsafe_allow_html=True)
