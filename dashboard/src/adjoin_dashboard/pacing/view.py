"""Draws the page Pacing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import streamlit as st

from adjoin.access.permissions import Permission
from adjoin.analytics.v1 import Pace, Pacing, PacingState
from adjoin.errors import AdjoinError
from adjoin.writing import MISSING
from adjoin_dashboard.choices import choose, choose_many
from adjoin_dashboard.context import Context
from adjoin_dashboard.empty import say_not_connected, say_not_synced
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.overview.accounts import account_names
from adjoin_dashboard.overview.status import Status, load_status
from adjoin_dashboard.pacing.dialog import open_budget, show_dialog
from adjoin_dashboard.pacing.model import counted_states, headlines, months, read_month, said
from adjoin_dashboard.pacing.source import load_pacing
from adjoin_dashboard.pacing.table import OPENED, frame_of, settings_of, styled
from adjoin_dashboard.words import escaped, sentence

__all__ = ["render"]

_WHOLE_TABLE = 12
_MOST_SAID = 5
#: Colours of states on light and on dark, all of which can be read as text.
_LIGHT = {"green": "#2B8A3E", "blue": "#1864AB", "orange": "#C2410C", "red": "#C92A2A", "grey": "#5C636A"}
_DARK = {"green": "#69DB7C", "blue": "#74C0FC", "orange": "#FFA94D", "red": "#FF8787", "grey": "#ADB5BD"}


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Pacing", anchor=False)
    with context.store.read() as session:
        status = load_status(session, context.workspace_id, context.host.platform_title, context.write)
    if not status.connected and not status.synced:
        say_not_connected(context)
        return
    if not status.synced:
        say_not_synced(status)
        return
    month, accounts = _choose(context, status)
    show_notices()
    for problem in status.problems:
        st.warning(problem, icon=":material/warning:")
    if not accounts:
        st.info("None of these accounts is read, so there is nothing to pace.", icon=":material/search_off:")
        return
    try:
        found = load_pacing(context, month, accounts)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    _show(context, status, found)


def _choose(context: Context, status: Status) -> tuple[date, tuple[str, ...]]:
    """Let somebody choose the month and the platforms; returns the accounts that are read, as the hook names them."""
    offered = months(context.today())
    this = context.today().replace(day=1)
    titles = {f"{one:%Y-%m}": _month_title(one) for one in offered}
    with st.container(horizontal=True, vertical_alignment="top", key="pacing-choices"):
        chosen = choose(
            "Month",
            [name for name in titles if name != f"{this:%Y-%m}"],
            lambda name: titles[name],
            none=titles[f"{this:%Y-%m}"],
            key="month",
            width=180,
        )
        platforms = choose_many(
            "Platforms",
            status.platforms,
            context.host.platform_title,
            key="platforms",
            placeholder="All platforms",
            width=260,
        )
    read = [one for one in status.accounts if one.problem is None and (not platforms or one.platform in platforms)]
    return read_month(chosen) or this, tuple(f"{one.platform}/{one.account_id}" for one in read)


def _month_title(month: date) -> str:
    return f"{month:%B %Y}"


def _show(context: Context, status: Status, found: Pacing) -> None:
    names: dict[tuple[str, ...], str] = {}
    names |= {(platform, own): name for (platform, own), name in account_names(status.accounts).items()}
    names |= {one.key: one.name or one.key[-1] for one in found.campaigns}
    _show_headlines(context, found)
    several = len(status.platforms) > 1
    titles = {
        key: f"{name} ({context.host.platform_title(key[0])})" if several else name for key, name in names.items()
    }
    _say_what_needs_somebody(context, found, titles)
    may_set = context.may(Permission.SET_BUDGETS)
    if not any(one.source is not None for one in found.accounts):
        told = "Set one with the button at an account" if may_set else "Analysts, admins and owners set them"
        st.info(
            f"No account has a budget for this month. {told}; what it will spend is shown without one, too.",
            icon=":material/savings:",
        )
    st.header("Accounts", anchor=False)
    _show_table(context, found.accounts, "Account", names, may_set=may_set, several=several)
    st.header("Campaigns", anchor=False)
    if found.campaigns:
        st.caption("With the budgets that the platforms tell, unless one was set here. Paused ones have none of these.")
        _show_table(context, found.campaigns, "Campaign", names, may_set=may_set, several=several)
    else:
        st.caption("No campaign of these accounts has spent anything in this month.")
    _show_notes(found)
    if may_set:
        show_dialog(context, found, titles)


def _show_headlines(context: Context, found: Pacing) -> None:
    told = headlines(found.accounts, context.write)
    if told:
        with st.grid(min(len(told), 6), min_column_width=150, border=True, gap="xsmall", key="pacing-headlines"):
            for one in told:
                st.metric(one.label, one.value.replace("$", r"\$"), help=one.help)
    states = counted_states(found.accounts, context.write)
    if states:
        st.caption(states)


def _say_what_needs_somebody(context: Context, found: Pacing, names: Mapping[tuple[str, ...], str]) -> None:
    lines = said(found.accounts, names, context.write)
    if lines:
        more = f"\n- and {len(lines) - _MOST_SAID} more" if len(lines) > _MOST_SAID else ""
        text = "\n".join(f"- {escaped(line)}" for line in lines[:_MOST_SAID])
        st.warning(f"{text}{more}", icon=":material/speed:")


def _show_table(
    context: Context,
    paces: Sequence[Pace],
    label: str,
    names: Mapping[tuple[str, ...], str],
    *,
    may_set: bool,
    several: bool,
) -> None:
    table = frame_of(
        paces,
        label,
        names=names,
        platform_title=context.host.platform_title if several else None,
        write=context.write,
        may_set=may_set,
    )
    what = label.lower()
    st.dataframe(
        styled(table, paces, context.write, colours=_DARK if st.context.theme.type == "dark" else _LIGHT),
        hide_index=True,
        column_config=settings_of(table, label, what, on_set=_open, paces=paces),
        placeholder=MISSING,
        row_height=40,
        height="content" if len(paces) <= _WHOLE_TABLE else 560,
        key=f"pacing-{what}s",
        alt=f"{label}s with state, spend, budget, pace and what is expected at the end",
    )


def _open(paces: Sequence[Pace]) -> None:
    """Open the dialog for the line whose button was pressed: in a callback."""
    row = st.session_state[OPENED[paces[0].dimension]]["row"]
    if 0 <= row < len(paces):
        open_budget(paces[row].key)


def _show_notes(found: Pacing) -> None:
    lines = [
        "Pace is the part of the budget that is spent divided by the part of the month that has passed.",
        "A day counts by what is usually spent on its weekday. 0.95 to 1.05 is on plan; today counts in none of it.",
        "Expected is what the last weeks lead to, the latest week counting most. It knows nothing of changes to come.",
        "Amounts are in each account's own currency, and days those of its time zone.",
        *(escaped(note) for note in found.notes),
    ]
    if any(one.state is PacingState.UNKNOWN or one.missing_days for one in (*found.accounts, *found.campaigns)):
        lines.append("Days that were not synced are in no ratio. The page Sync runs fetches them again.")
    with st.expander("How these numbers are made", icon=":material/info:"):
        st.markdown("\n".join(f"- {line}" for line in lines))
