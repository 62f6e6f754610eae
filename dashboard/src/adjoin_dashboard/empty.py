"""What pages about figures say while there are none."""

from __future__ import annotations

import streamlit as st

from adjoin_dashboard.context import Context
from adjoin_dashboard.overview.status import Status

__all__ = ["say_not_connected", "say_not_synced"]


def say_not_connected(context: Context) -> None:
    """Say how an account is connected."""
    known = sorted(context.host.platforms)
    st.info(
        "No ad account is connected yet. Connect one in a terminal, then fetch its figures:\n\n"
        + "\n".join(f"- `adjoin connect {platform}`" for platform in known or ["PLATFORM"])
        + "\n- `adjoin sync`\n\nTo look around first, `make demo` fills a store with a made-up advertiser.",
        icon=":material/link:",
    )


def say_not_synced(status: Status) -> None:
    """Say how figures get here, or that they are on their way."""
    for problem in status.problems:
        st.warning(problem, icon=":material/warning:")
    if status.active:
        st.info("The first sync is under way; the page Sync runs shows how far it is.", icon=":material/sync:")
    else:
        st.info("Connected, but nothing was synced yet. Run `adjoin sync`.", icon=":material/sync:")
