"""The dialogs of the Members page: what is about to be done, what that means, and the button that does it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from adjoin.access.invitations import LIFETIME
from adjoin.db.people import Role
from adjoin.errors import AdjoinError
from adjoin_dashboard.context import Context
from adjoin_dashboard.members import changes
from adjoin_dashboard.members.model import MOST_AT_ONCE, InvitationLine, MemberLine, MembersPage
from adjoin_dashboard.notices import tell
from adjoin_dashboard.proving import is_proven, show_prove_again
from adjoin_dashboard.words import ROLE_HELP, escaped, role_title, sentence

__all__ = ["open_dialog", "show_dialog"]

_OPEN = "members-dialog"
_PAGE = "members"


def open_dialog(kind: str, which: str = "") -> None:
    """Have a dialog shown from the next run on, until it is closed."""
    st.session_state[_OPEN] = (kind, which)


def show_dialog(context: Context, page: MembersPage) -> None:
    """Draw the dialog that is open, if the visitor may still do something in it."""
    kind, which = st.session_state.get(_OPEN, ("", ""))
    member, invitation = page.member(which), page.invitation(which)
    if kind == "invite" and page.grants:
        st.dialog("Invite people", icon=":material/person_add:", on_dismiss=_close)(_invite)(context, page)
    elif kind == "member" and member is not None and member.manageable:
        st.dialog(escaped(member.title), on_dismiss=_close)(_manage)(context, page, member)
    elif kind == "invitation" and invitation is not None and invitation.may_change:
        st.dialog(escaped(invitation.email), on_dismiss=_close)(_answer)(context, invitation)
    elif kind:
        _close()


def _close() -> None:
    st.session_state.pop(_OPEN, None)


def _do(change: Callable[[], object], said: str) -> None:
    """Make a change, then close the dialog and say on the page that it is done; or say here why not."""
    try:
        change()
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell(said)
    _close()
    st.rerun()


def _invite(context: Context, page: MembersPage) -> None:
    text = st.text_area(
        "E-mail addresses",
        key="invite-addresses",
        placeholder="ada@example.com, grace@example.com",
        help=f"Up to {MOST_AT_ONCE}, by line, comma or blank.",
    )
    role = _choose_role(page.grants, Role.VIEWER, key="invite-role")
    st.caption(f"Each gets a mail with a link that works once, for {LIFETIME.days} days.")
    if changes.needs_proof(role) and not is_proven(context):
        show_prove_again("Inviting an owner", back=_PAGE)
        return
    if not st.button("Send invitations", type="primary", key="invite-send"):
        return
    try:
        done = changes.invite(context, text or "", role)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    for address, why in done.refused if not done.sent else ():
        st.error(f"**{escaped(address)}:** {sentence(why)}", icon=":material/error:")
    if not done.sent:
        return
    tell(f"Invited as {role_title(role)}: {escaped(', '.join(done.sent))}. The mail is on its way.")
    for address, why in done.refused:
        tell(f"Not invited: **{escaped(address)}.** {sentence(why)}", problem=True)
    _close()
    st.rerun()


def _manage(context: Context, page: MembersPage, member: MemberLine) -> None:
    name = escaped(member.title)
    st.caption(f"{escaped(member.email)} · {role_title(member.role)} since {context.write.day(member.since)}")
    if member.roles:
        _show_role(context, member, name)
    if member.may_take_over:
        _show_transfer(context, page, member, name)
    if member.may_remove:
        with st.expander("Remove from the workspace", icon=":material/person_remove:", key="remove-part"):
            st.markdown(
                f"**{name}** loses access at once. Their API keys of this workspace stop working, and invitations that "
                "they sent and nobody has accepted are revoked. Their account and other workspaces stay."
            )
            if st.button(f"Remove {name}", type="primary", key="remove-now"):
                _do(lambda: changes.remove(context, member.user_id), f"{name} is no member any more.")
    if member.is_self:
        _show_leave(context, page, member)


def _show_role(context: Context, member: MemberLine, name: str) -> None:
    role = _choose_role(member.roles, member.role, key=f"role-{member.user_id}")
    if member.is_self and role is not member.role:
        st.caption("This is your own role: you may not be able to take it back yourself.")
    if changes.needs_proof(role, member.role) and not is_proven(context):
        show_prove_again("Making somebody an owner", back=_PAGE)
    elif st.button("Change role", type="primary", key="role-now", disabled=role is member.role):
        _do(
            lambda: changes.change_role(context, member.user_id, role),
            f"{'You are' if member.is_self else f'{name} is'} {role_title(role)} now.",
        )


def _show_transfer(context: Context, page: MembersPage, member: MemberLine, name: str) -> None:
    with st.expander("Transfer ownership", icon=":material/key:", key="transfer-part"):
        st.markdown(
            f"**{name}** becomes an owner of **{escaped(page.workspace)}**, and you step back to Admin. "
            "Only an owner can make you one again."
        )
        if not is_proven(context):
            show_prove_again("A transfer", back=_PAGE)
        elif st.button(f"Make {name} the owner", type="primary", key="transfer-now"):
            _do(
                lambda: changes.transfer(context, member.user_id),
                f"{name} is an owner now, and you are Admin.",
            )


def _show_leave(context: Context, page: MembersPage, member: MemberLine) -> None:
    if not member.may_leave:
        st.info(member.stays_because, icon=":material/info:")
        return
    with st.expander("Leave the workspace", icon=":material/logout:", key="leave-part"):
        st.markdown(
            f"You lose access to **{escaped(page.workspace)}** at once, and your API keys of it stop working. "
            "To come back you need an invitation."
        )
        if st.button("Leave", type="primary", key="leave-now"):
            _do(lambda: changes.leave(context), f"You have left {escaped(page.workspace)}.")


def _answer(context: Context, invitation: InvitationLine) -> None:
    state = "open until" if invitation.open else "expired"
    st.caption(
        f"{role_title(invitation.role)} · sent {context.write.stamp(invitation.sent_at)} · "
        f"{state} {context.write.stamp(invitation.expires_at)}"
    )
    address = escaped(invitation.email)
    st.markdown("Sending it again makes a new link; the old one stops working.")
    with st.container(horizontal=True):
        again = st.button("Send again", type="primary", icon=":material/send:", key="invitation-again")
        revoked = st.button("Revoke", icon=":material/block:", key="invitation-revoke")
    if again:
        _do(lambda: changes.resend(context, invitation.id), f"The invitation of {address} is on its way again.")
    if revoked:
        _do(lambda: changes.revoke(context, invitation.id), f"The invitation of {address} is revoked.")


def _choose_role(roles: tuple[Role, ...], now: Role, *, key: str) -> Role:
    chosen = st.radio(
        "Role",
        roles,
        index=roles.index(now) if now in roles else 0,
        format_func=role_title,
        captions=[ROLE_HELP[role] for role in roles],
        key=key,
    )
    return Role(chosen or now)
