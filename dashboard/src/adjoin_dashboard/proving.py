"""Asks people to prove again that it is them, before they do what matters most."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from urllib.parse import quote

import streamlit as st

from adjoin.access.accounts import FRESH, require_fresh
from adjoin.errors import StaleProof
from adjoin_dashboard.context import Context

__all__ = ["PROVE_PATH", "is_proven", "prove_link", "show_prove_again"]

#: The page that asks for the password or a code, and leads back.
PROVE_PATH = "/auth/account/prove"


def is_proven(context: Context) -> bool:
    """Say whether the visitor has proven lately to be themselves. What is done asks again with `require_fresh`."""
    try:
        require_fresh(context.signed_in, context.host.doors)
    except StaleProof:
        return False
    return True


def prove_link(back: str) -> str:
    """Return the address of the page that asks, and leads back to a page of the dashboard, such as `members`."""
    return f"{PROVE_PATH}?next={quote(f'/{back}', safe='')}"


def show_prove_again(what: str, *, back: str) -> None:
    """Say that a proof is owed before something is done, with the way to give it. `what` is Markdown of ours."""
    minutes = FRESH // timedelta(minutes=1)
    st.info(
        f"{what} matters, so prove first that it is still you. You come back here and have {minutes} minutes for it.",
        icon=":material/lock_clock:",
    )
    # Streamlit's own links open another tab; this one must not, as it leads back.
    st.markdown(
        f'<a href="{escape(prove_link(back))}" target="_self"><b>Prove that it is you</b></a>', unsafe_allow_html=True
    )
