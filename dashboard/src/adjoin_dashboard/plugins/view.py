"""Draws the Plugins page."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from adjoin.access.permissions import Permission
from adjoin.writing import MISSING
from adjoin_dashboard.context import Context
from adjoin_dashboard.navigation import collect
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.plugins.contributions import Contributions, contributions
from adjoin_dashboard.plugins.model import Card, cards
from adjoin_dashboard.plugins.switch import may_switch, show_question, show_switch
from adjoin_dashboard.words import escaped

__all__ = ["render"]


def render(context: Context) -> None:
    """Draw the page: a table of all plugins, and for who manages the workspace what each adds and takes."""
    st.title("Plugins", anchor=False)
    show_notices()
    kernel = context.host.kernel
    collected = collect(kernel, "owner")  # what there is, not what the visitor may open
    added = contributions(context, collected)
    found = cards(kernel.reports, collected.problems, added)
    for card in found:
        if card.problem:
            st.error(f"**{escaped(card.name)}:** {escaped(card.problem)}", icon=":material/error:")
    _show_table(found)
    operates = may_switch(context)
    if operates or context.may(Permission.MANAGE_CONNECTIONS):
        st.header("Each in full", anchor=False)
        for card in found:
            _show(context, card, added, operates=operates)
        show_question(context, found)
    st.caption(
        "Plugins belong to the whole installation, so no role of a workspace switches them: those who run it do, by "
        "`adjoin plugins`, or here where ADJOIN_OPERATORS names them. They run inside Adjoin with all its rights: "
        "install only packages that you trust."
    )


def _show_table(found: list[Card]) -> None:
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Plugin": card.name,
                    "State": card.state,
                    "Adds": card.summary or None,
                    "Contracts": ", ".join(card.contracts),
                    "Package": ", ".join(card.packages),
                    "Notes": " ".join(card.notes) or None,
                }
                for card in found
            ]
        ),
        hide_index=True,
        placeholder=MISSING,
        row_height=40,
        height="content",
        column_config={
            "Plugin": st.column_config.TextColumn(pinned=True),
            "Adds": st.column_config.TextColumn(width=300),
            "Contracts": st.column_config.TextColumn(width=150),
            "Notes": st.column_config.TextColumn(width=180),
        },
        key="plugins",
        alt="Installed plugins with their state, what they add, contracts and package",
    )


def _show(context: Context, card: Card, added: Mapping[str, Contributions], *, operates: bool) -> None:
    with st.expander(escaped(f"{card.state} · {card.name}"), key=f"plugin-{card.name}"):
        st.caption(escaped(f"{', '.join(card.packages)} · {', '.join(card.contracts)}"))
        for note in card.notes:
            st.markdown(f":material/info: {escaped(note)}")
        mine = added.get(card.name, Contributions())
        if mine.adds:
            st.markdown(
                "\n".join(f"- **{kind}:** {escaped(', '.join(some))}" for kind, some in mine.adds.items() if some)
            )
        elif card.loaded:
            st.markdown("It adds nothing by itself.")
        if mine.settings:
            st.dataframe(
                pd.DataFrame(
                    [{"Setting": one.name, "What it is": one.label, "State": one.state} for one in mine.settings]
                ),
                hide_index=True,
                height="content",
                alt=f"Settings of {card.name} and whether they are set",
            )
        if operates:
            show_switch(context, card)
        elif card.switched_off:
            st.markdown("It is not even imported. To switch it on, run this where Adjoin runs, and start it again:")
            st.code(f"adjoin plugins enable {card.name}", language=None)
        else:
            st.markdown(
                "To switch it off, run this where Adjoin runs, and start it again. Its pages, jobs and syncs stop for "
                "all workspaces; what is stored stays:"
            )
            st.code(f"adjoin plugins disable {card.name}", language=None)
