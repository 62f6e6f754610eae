"""Draws the Plugins page."""

from __future__ import annotations

from collections import defaultdict

import pandas as pd
import streamlit as st

from adjoin.writing import MISSING
from adjoin_dashboard.context import Context
from adjoin_dashboard.navigation import collect
from adjoin_dashboard.plugins.model import plugin_lines
from adjoin_dashboard.words import escaped

__all__ = ["render"]


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Plugins", anchor=False)
    kernel = context.host.kernel
    collected = collect(kernel, context.role)
    pages: dict[str, list[str]] = defaultdict(list)
    for placed in collected.pages:
        pages[placed.plugin].append(placed.page.title)
    titles = {platform: described.title for platform, described in context.host.platforms.items()}
    lines = plugin_lines(kernel.reports, collected.problems, platforms=titles, pages=pages)
    for line in lines:
        if line.problem is not None:
            st.error(f"**{escaped(line.name)}:** {escaped(line.problem)}", icon=":material/error:")
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Plugin": line.name,
                    "State": line.state,
                    "Adds": line.adds,
                    "Contract": line.contract,
                    "Package": line.package,
                    "Notes": " ".join(line.notes) or None,
                }
                for line in lines
            ]
        ),
        hide_index=True,
        placeholder=MISSING,
        row_height=40,
        height="content",
        column_config={
            "Plugin": st.column_config.TextColumn(pinned=True),
            "Adds": st.column_config.TextColumn(help="The platform or the pages that come with it"),
            "Notes": st.column_config.TextColumn(width="medium"),
        },
        key="plugins",
        alt="Installed plugins with their state, contract and package",
    )
    st.header("Switch a plugin off or on", anchor=False)
    st.markdown(
        "A plugin that is switched off is not even imported. Do it in a terminal, then start the dashboard again:"
    )
    st.code("adjoin plugins disable NAME\nadjoin plugins enable NAME", language=None)
    st.caption("Plugins run inside Adjoin with all its rights: install only packages that you trust.")
