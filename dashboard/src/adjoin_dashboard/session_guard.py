"""Who is behind a rerun of the script: asked anew each time, and nothing of somebody else's is left to them.

Streamlit freezes headers and cookies at the websocket's handshake, and a websocket may resume any session of
Streamlit's whose id it knows. So the gate passes on which session let the websocket in, and here it is looked up again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from adjoin_dashboard.host import Host, current_host
from adjoin_dashboard.owners import Owner

if TYPE_CHECKING:
    from adjoin.access.signed_in import SignedIn

__all__ = ["ADDRESS_HEADER", "SESSION_HEADER", "current_address", "current_session_id", "current_visitor"]

#: Set by the gate on a websocket; what a client sends under these names is thrown away.
SESSION_HEADER = "x-adjoin-session"
ADDRESS_HEADER = "x-adjoin-address"

_OWNER = "_adjoin_owner"


def current_session_id() -> str:
    """Return the id of the session that let this websocket in; empty outside one. Tests put their own in its place."""
    return st.context.headers.get(SESSION_HEADER, "")


def current_address() -> str:
    """Return the network address behind this websocket, for the audit log."""
    return st.context.headers.get(ADDRESS_HEADER, "")


def current_visitor(host: Host | None = None) -> SignedIn | None:
    """Return who is signed in, None where the session has ended. Call it at the top of each rerun.

    If Streamlit's session was somebody else's, or looked at another workspace, all of its state is dropped first.
    Raises AuthError of kind `unavailable` where the sign-in must be renewed and cannot be now.
    """
    session_id = current_session_id()
    host = host or current_host()
    found = host.still_in(session_id) if session_id else None
    owner = None if found is None else Owner.of(found)
    host.owners.note_session(owner)
    if st.session_state.get(_OWNER, owner) != owner:
        st.session_state.clear()
    st.session_state[_OWNER] = owner
    return found
