"""What a page says after it has done something and is drawn anew: kept for one run, then forgotten."""

from __future__ import annotations

import streamlit as st

__all__ = ["closing_key", "show_notices", "tell"]

_KEPT = "_adjoin_notices"
_TOLD = "_adjoin_told"


def tell(text: str, *, problem: bool = False) -> None:
    """Have the next run say it. `text` is Markdown: escape names in it."""
    st.session_state.setdefault(_KEPT, []).append((text, problem))
    st.session_state[_TOLD] = st.session_state.get(_TOLD, 0) + 1


def closing_key(name: str) -> str:
    """Return a key for a popover that is to close once something is told, which what is done in it has led to."""
    return f"{name}-{st.session_state.get(_TOLD, 0)}"


def show_notices() -> None:
    """Say what is to be said, once."""
    for text, problem in st.session_state.pop(_KEPT, []):
        if problem:
            st.warning(text, icon=":material/warning:")
        else:
            st.success(text, icon=":material/check:")
