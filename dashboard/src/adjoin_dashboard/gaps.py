"""What pages about figures say of days that were not synced: of the days that are shown, and of those compared with."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from adjoin_dashboard.context import Context
from adjoin_dashboard.filters import Filters
from adjoin_dashboard.overview.accounts import lacking
from adjoin_dashboard.overview.model import AccountId
from adjoin_dashboard.overview.status import Status, missing_days

__all__ = ["say_gaps"]


def say_gaps(context: Context, status: Status, filters: Filters) -> None:
    """Name the accounts that lack days, else those that lack days of the compared ones."""
    looked_at = [one for one in status.accounts if filters.shows((one.platform, one.account_id))]
    compared = filters.compared
    with context.store.read() as session:
        missing = missing_days(session, context.workspace_id, looked_at, filters.period)
        before: Mapping[AccountId, int] = {}
        if not missing and compared is not None:
            before = missing_days(session, context.workspace_id, looked_at, compared)
    title = context.host.platform_title if len(filters.platforms) > 1 else None
    if missing:
        st.warning(
            f"Not everything in this date range was synced: {lacking(missing, status.accounts, title)}. "
            "The page Data health shows which days are there, and Sync runs fetches them again.",
            icon=":material/event_busy:",
        )
    elif before:
        st.caption(
            ":material/event_busy: The compared period was not synced completely, so read the changes with care: "
            f"{lacking(before, status.accounts, title)}."
        )
