"""What an old link or a saved view asks for and is not there: taken out of what is chosen, and said."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta

import streamlit as st

from adjoin_dashboard.choices import asked, read_days
from adjoin_dashboard.context import Context
from adjoin_dashboard.overview.model import COMPARISONS
from adjoin_dashboard.overview.status import Status, offered_currencies
from adjoin_dashboard.periods import CUSTOM, PERIODS, named_period

__all__ = ["earliest_day", "link_problems", "show_problems"]

_SAID = "_adjoin_link_problems"


def earliest_day(context: Context, status: Status) -> date:
    """Return the first day that a range may begin with."""
    start = named_period("Year to date", context.today(), None).first
    return min(start, status.held.first if status.held is not None else start) - timedelta(days=366)


def link_problems(context: Context, status: Status) -> list[str]:
    """Say what an address or a saved view asks for that is not there, and take it out of what is chosen."""
    found = []

    def wanted(key: str) -> list[str]:
        kept = st.session_state.get(key)
        if kept is None:
            return asked(key)
        return [str(one) for one in kept] if isinstance(kept, list | tuple) else [str(kept)]

    days = wanted("range")
    if days and not asked("period") and "period" not in st.session_state:
        st.session_state["period"] = CUSTOM
    if any(one not in PERIODS for one in wanted("period")):
        found.append("a date range by a name that there is not")
        st.session_state.pop("period", None)
    if days and CUSTOM in (*wanted("period"), st.session_state.get("period")):
        found += _range_problems(context, status, days)
    if any(one not in COMPARISONS for one in wanted("compare")):
        found.append("a comparison that there is not")
        st.session_state.pop("compare", None)
    gone = [one for one in wanted("platforms") if one not in status.platforms]
    if gone:
        found.append(f"{context.write.counted(len(gone), 'platform')} without an account here")
        _leave_out("platforms", gone)
    known = {f"{one.platform}/{one.account_id}" for one in status.accounts}
    gone = [one for one in wanted("accounts") if one not in known]
    if gone:
        found.append(
            f"{context.write.counted(len(gone), 'account')} that this workspace does not have, or not any more"
        )
        _leave_out("accounts", gone)
    if any(one not in offered_currencies(status, context.settings.currency) for one in wanted("currency")):
        found.append("a currency that no account has")
        st.session_state.pop("currency", None)
    return found


def _leave_out(key: str, gone: Collection[str]) -> None:
    if key in st.session_state:
        st.session_state[key] = [one for one in st.session_state[key] if one not in gone]


def _range_problems(context: Context, status: Status, texts: Sequence[str]) -> list[str]:
    days = read_days(texts)
    if days is None:
        return [] if len(texts) == 1 else ["days that cannot be read"]
    problems = ["days that are the wrong way round"] if days[0] > days[1] else []
    if max(days) > context.today():
        problems.append(f"days that are still to come (today is {context.write.day(context.today())})")
    if min(days) < earliest_day(context, status):
        problems.append("days long before the first figures")
    return problems


def show_problems(problems: list[str], *, entered: bool) -> None:
    """Say what was wrong with an address until something else is chosen."""
    chosen = repr([st.session_state.get(name) for name in ("period", "range", "compare", "platforms", "accounts")])
    if entered:
        st.session_state[_SAID] = (problems, chosen)
    said, of = st.session_state.get(_SAID, ([], ""))
    if said and of == chosen:
        told = "; ".join(said)
        st.info(f"This link asks for {told}. What there is of it is shown.", icon=":material/link_off:")
