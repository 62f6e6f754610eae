"""Draws the Members page."""

from __future__ import annotations

import streamlit as st

from adjoin.db.people import Role
from adjoin_dashboard.context import Context
from adjoin_dashboard.door.pictures import picture_tag
from adjoin_dashboard.members import dialogs
from adjoin_dashboard.members.model import InvitationLine, MemberLine, MembersPage, load_members
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.words import ROLE_HELP, escaped, role_title

__all__ = ["render"]

_PER_PAGE = 25
_COLUMNS = [5, 2, 3, 2]


def render(context: Context) -> None:
    """Draw the page."""
    with context.store.read() as session:
        page = load_members(
            session,
            context.workspace_id,
            user_id=context.signed_in.user_id,
            role=Role(context.role),
            now=context.now(),
        )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title("Members", anchor=False, width="content")
        if page.grants:
            st.button(
                "Invite people",
                type="primary",
                icon=":material/person_add:",
                key="invite",
                on_click=dialogs.open_dialog,
                args=("invite",),
            )
    show_notices()
    if page.leaving_at is not None:
        st.warning(
            f"This workspace is to be deleted on {context.write.day(page.leaving_at)} and takes no changes. "
            "An owner can restore it on the page Workspace.",
            icon=":material/auto_delete:",
        )
    _show_members(context, page)
    if page.invitations:
        _show_invitations(context, page)
    dialogs.show_dialog(context, page)


def _show_members(context: Context, page: MembersPage) -> None:
    waiting = sum(one.open for one in page.invitations)
    invited = f", {context.write.counted(waiting, 'invitation')} waiting for an answer" if waiting else ""
    st.caption(f"{escaped(page.workspace)}: {context.write.counted(len(page.members), 'member')}{invited}.")
    found = list(page.members)
    if len(found) > _PER_PAGE:
        sought = st.text_input("Find a member", key="member-search", placeholder="Name or e-mail address", width=320)
        found = [one for one in found if (sought or "").casefold().strip() in f"{one.name} {one.email}".casefold()]
        if not found:
            st.info("Nobody here is called that.", icon=":material/search_off:")
    with st.container(gap="small", key="members"):
        for one in _part(found, "members-page"):
            with st.container(border=True):
                _show_member(context, one)
    with st.expander("What each role may do"):
        st.markdown("\n".join(f"- **{role_title(role)}.** {ROLE_HELP[role]}" for role in reversed(Role)))


def _part(found: list[MemberLine], key: str) -> list[MemberLine]:
    pages = -(-len(found) // _PER_PAGE)
    if pages < 2:
        return found
    number = min(st.pagination(pages, key=key), pages)
    return found[(number - 1) * _PER_PAGE : number * _PER_PAGE]


def _show_member(context: Context, one: MemberLine) -> None:
    who, role, since, button = st.columns(_COLUMNS, vertical_alignment="center")
    picture, who = who.columns([1, 9], vertical_alignment="center")
    picture.html(picture_tag(one.user_id, one.title, one.picture_url), width=40)
    you = " (you)" if one.is_self else ""
    off = " :orange-badge[switched off]" if not one.active else ""
    with who.container(gap=None):
        st.markdown(f"**{escaped(one.title)}**{you}{off}")
        if one.name:
            st.text(one.email)
    role.markdown(role_title(one.role))
    since.caption(f"since {context.write.day(one.since)}")
    if one.manageable:
        button.button(
            "Manage",
            key=f"member-{one.user_id}",
            help="Your role, and how to leave" if one.is_self else f"Role and access of {escaped(one.title)}",
            width="stretch",
            on_click=dialogs.open_dialog,
            args=("member", one.user_id),
        )


def _show_invitations(context: Context, page: MembersPage) -> None:
    st.header("Invitations", anchor=False)
    with st.container(gap="small", key="invitations"):
        for one in page.invitations:
            with st.container(border=True):
                _show_invitation(context, one)


def _show_invitation(context: Context, one: InvitationLine) -> None:
    who, role, until, button = st.columns(_COLUMNS, vertical_alignment="center")
    by = f"by {escaped(one.invited_by)}, " if one.invited_by else ""
    with who.container(gap=None):
        st.markdown(f"**{escaped(one.email)}**")
        st.caption(f"invited {by}{context.write.day(one.sent_at)}")
    role.markdown(role_title(one.role))
    if one.open:
        until.caption(f"open until {context.write.stamp(one.expires_at)}")
    else:
        until.markdown(f":orange-badge[expired] {context.write.day(one.expires_at)}")
    if one.may_change:
        button.button(
            "Manage",
            key=f"invitation-{one.id}",
            help=f"Send the invitation of {escaped(one.email)} again, or revoke it",
            width="stretch",
            on_click=dialogs.open_dialog,
            args=("invitation", one.id),
        )
