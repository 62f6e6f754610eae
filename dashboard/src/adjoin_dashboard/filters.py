"""The filter row that pages about figures share. Every choice is in the address, so a link shows the same page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import streamlit as st

from adjoin_dashboard.context import Context
from adjoin_dashboard.overview.model import COMPARISONS, Comparison, Period, compared, default_period
from adjoin_dashboard.overview.status import Status

__all__ = ["Filters", "show_filters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the visitor asked for. `platforms` are never none: no choice means all of them."""

    period: Period
    comparison: Comparison
    platforms: tuple[str, ...]
    currency: str

    @property
    def compared(self) -> Period | None:
        return compared(self.period, self.comparison)


def show_filters(context: Context, status: Status) -> Filters | None:
    """Draw the filters; None while a date range is half chosen or cannot be used (a hint is shown then)."""
    today = context.today()
    start = default_period(today, status.held)
    oldest = min(start.first, status.held.first if status.held is not None else start.first) - timedelta(days=366)
    with st.container(horizontal=True, vertical_alignment="top", key="filters"):
        chosen = st.date_input(
            "Date range",
            (start.first, start.last),
            min_value=oldest,
            max_value=today,
            format=context.write.date_order,
            key="range",
            bind="query-params",
            width=250,
        )
        comparison = st.segmented_control(
            "Compare with",
            COMPARISONS,
            default=COMPARISONS[0],
            required=True,
            key="compare",
            bind="query-params",
        )
        platforms = st.multiselect(
            "Platforms",
            status.platforms,
            format_func=context.host.platform_title,
            placeholder="All platforms",
            key="platforms",
            bind="query-params",
            width=210,
        )
        currency = context.currency
        if len(status.currencies) > 1:
            currency = st.selectbox(
                "Currency",
                status.currencies,
                key="currency",
                bind="query-params",
                width=110,
                help="Amounts in other currencies are converted at each day's rate of the European Central Bank.",
            )
    if not isinstance(chosen, tuple) or len(chosen) != 2:
        st.info("Choose the last day of the date range too.", icon=":material/date_range:")
        return None
    return Filters(
        period=Period(chosen[0], chosen[1]),
        comparison=comparison or COMPARISONS[0],
        platforms=tuple(platforms) or tuple(status.platforms),
        currency=currency,
    )
