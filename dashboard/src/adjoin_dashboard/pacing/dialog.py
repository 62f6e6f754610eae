"""The dialog that sets and removes a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import streamlit as st

from adjoin.analytics.v1 import BudgetSource, Pace, Pacing
from adjoin.errors import AdjoinError
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import tell
from adjoin_dashboard.pacing.model import read_amount
from adjoin_dashboard.pacing.source import forget_budget, set_budget
from adjoin_dashboard.words import escaped, sentence

__all__ = ["open_budget", "show_dialog"]

_OPEN = "pacing-dialog"


def open_budget(key: tuple[str, ...]) -> None:
    """Have the dialog shown from the next run on, until it is closed."""
    st.session_state[_OPEN] = key
    st.session_state.pop("budget-amount", None)


def show_dialog(context: Context, found: Pacing, names: Mapping[tuple[str, ...], str]) -> None:
    """Draw the dialog that is open."""
    key = st.session_state.get(_OPEN)
    pace = next((one for one in (*found.accounts, *found.campaigns) if one.key == key), None)
    if pace is not None:
        title = f"Budget of {escaped(names[pace.key])}"
        st.dialog(title, icon=":material/savings:", on_dismiss=_close)(_edit)(context, found, pace, names[pace.key])
    elif key is not None:
        _close()


def _edit(context: Context, found: Pacing, pace: Pace, name: str) -> None:
    month = f"{found.month:%B %Y}"
    own = pace.source is BudgetSource.SET
    if pace.source is BudgetSource.PLATFORM:
        st.caption("The platform tells a budget of its own. One that is set here is shown in its place.")
    with st.form("budget", border=False):
        _, point = context.write.symbols
        before = ""
        if own and pace.budget_micros is not None:
            exact = (Decimal(pace.budget_micros) / 10**6).normalize()
            before = f"{exact:f}".replace(".", point)
        text = st.text_input(
            f"Amount for the whole month, in {pace.currency}",
            value=before,
            key="budget-amount",
            max_chars=30,
            placeholder="12000",
        )
        st.caption(f"From {month} on, until another one is set. Months before keep theirs.")
        asked = st.form_submit_button("Save", type="primary", icon=":material/save:")
    if asked:
        _do(
            lambda: set_budget(context, pace.key, found.month, read_amount(text or "", context.write.symbols)),
            f"Set the budget of {escaped(name)} from {month} on.",
        )
    if own and st.button("Remove", icon=":material/delete:", type="tertiary", key="budget-remove"):
        _do(
            lambda: forget_budget(context, pace.key, found.month),
            f"{escaped(name)} has no budget from {month} on.",
        )


def _do(change: Callable[[], object], told: str) -> None:
    """Make a change, then close the dialog and say on the page that it is done; or say here why not."""
    try:
        change()
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell(told)
    _close()
    st.rerun()


def _close() -> None:
    st.session_state.pop(_OPEN, None)
