"""The line below the filters: how fresh figures are, in which currency, and what they are compared with."""

from __future__ import annotations

import streamlit as st

from adjoin_dashboard.context import Context
from adjoin_dashboard.filters import Filters
from adjoin_dashboard.overview.status import Status

__all__ = ["foreign_currencies", "show_stamp"]


def show_stamp(context: Context, status: Status, filters: Filters) -> None:
    """Draw the line."""
    known = [status.as_of[platform] for platform in filters.platforms if platform in status.as_of]
    fresh = f"Data as of {context.write.stamp(min(known))}" if known else "Not synced by a run yet"
    foreign = foreign_currencies(status, filters)
    converted = f" ({', '.join(foreign)} converted at daily ECB rates)" if foreign else ", no conversion needed"
    compared = filters.compared
    against = f" · compared with {context.write.days(compared.first, compared.last)}" if compared is not None else ""
    st.caption(f":material/schedule: {fresh} · amounts in {filters.currency}{converted}{against}")


def foreign_currencies(status: Status, filters: Filters) -> list[str]:
    """Return the currencies of what is looked at that have to be converted."""
    found = {one.currency for one in status.accounts if filters.shows((one.platform, one.account_id))}
    return sorted(found - {filters.currency})
