"""What single keys do on the pages, and the dialog that lists it. Streamlit leaves keys alone while one types."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

import streamlit as st

from adjoin_dashboard.overview.model import Period

__all__ = ["EARLIER", "HELP", "LATER", "UP", "hide_keys", "moved", "show_help"]

EARLIER, LATER, UP, HELP = "P", "N", "U", "H"

#: What the list says, in its order. The last two are the browser's and Streamlit's own.
_LIST = (
    (EARLIER, "The days before: a month back where a whole month is shown, else as many days as are shown"),
    (LATER, "The days after, up to today"),
    (UP, "One level up on the page Campaigns: from an ad to its ad group, and so on"),
    (HELP, "This list"),
    ("Tab, Shift+Tab", "To the next control, and the one before; Enter or Space presses it"),
    ("Arrows, Enter", "In a menu: to an entry, and choose it; in a table the arrows lead from cell to cell"),
    ("Esc", "Close a menu or a dialog"),
    ("R", "Draw the page anew"),
)
#: Streamlit listens to keys for buttons alone; those that have nothing to press are not drawn.
_HIDDEN = "<style>.st-key-adjoin-keys { display: none; }</style>"


def hide_keys() -> None:
    """Have the buttons in a container with the key "adjoin-keys" be there for their keys alone."""
    st.html(_HIDDEN)


def show_help() -> None:
    """Draw the button in the menu that lists the keys."""
    st.button("Keys", icon=":material/keyboard:", type="tertiary", key="adjoin-keys-help", shortcut=HELP, on_click=_ask)
    if st.session_state.pop("_adjoin_keys", False):
        st.dialog("Keys", icon=":material/keyboard:")(_list)()


def moved(period: Period, *, later: bool, today: date) -> Period | None:
    """Return the days before or after: of whole months the month beside, else as many; None where all are to come."""
    first, last = period.first, period.last
    if first.day == 1 and last == _month_end(first):
        beside = last + timedelta(days=1) if later else (first - timedelta(days=1)).replace(day=1)
        found = Period(beside, _month_end(beside))
    else:
        step = timedelta(days=(last - first).days + 1) * (1 if later else -1)
        found = Period(first + step, last + step)
    return None if found.first > today else Period(found.first, min(found.last, today))


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _ask() -> None:
    st.session_state["_adjoin_keys"] = True


def _list() -> None:
    st.markdown("\n".join(["| Key | What it does |", "|---|---|", *(f"| `{key}` | {does} |" for key, does in _LIST)]))
