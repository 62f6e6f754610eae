"""The chart of the Campaigns page: what is looked at over time, with the notes on those days."""

from __future__ import annotations

import streamlit as st

from adjoin.analytics.v1 import Metric
from adjoin_dashboard.campaigns.model import Place, series_of
from adjoin_dashboard.charts import Line, time_chart
from adjoin_dashboard.colours import DARK, LIGHT
from adjoin_dashboard.context import Context
from adjoin_dashboard.filters import Filters
from adjoin_dashboard.notes import load_notes, show_notes
from adjoin_dashboard.overview.status import Status

__all__ = ["show_chart"]

_BEFORE = 6  # the place of the grey in the palettes


def show_chart(context: Context, status: Status, filters: Filters, here: Place, metric: Metric) -> None:
    """Draw a metric of a place by day, the compared days beside it, and the notes."""
    name = metric.name
    days = filters.period.days
    answer = context.ask(filters.question((name,), ("day",), where=here.where))
    now, before = series_of(answer, name, days)
    st.header(f"{metric.title} by day", anchor=False)
    palette = DARK if st.context.theme.type == "dark" else LIGHT
    notes = load_notes(context, filters, account=here.account)
    if any(value is not None for value in now):
        lines = [Line(name=metric.title, values=now, colour=palette[0])]
        if before is not None and filters.compared is not None:
            told = context.write.days(filters.compared.first, filters.compared.last)
            lines.append(Line(name=told, values=before, colour=palette[_BEFORE], compared=True))
        platforms = {here.path[0]} if here.path else set(filters.platforms)
        changing = [day for platform, day in answer.changing_since.items() if platform in platforms]
        st.echarts_chart(
            time_chart(
                days,
                lines,
                metric,
                write=context.write,
                currency=answer.currency,
                changing_since=min(changing, default=None),
                notes=notes,
            ),
            height=300,
            key="campaign-chart",
            alt=f"{metric.title} per day, {context.write.days(filters.period.first, filters.period.last)}",
        )
        if changing and min(changing) <= days[0]:
            st.caption(":material/update: The platforms may still change figures of all these days.")
    else:
        st.caption(f"No day of these has {metric.title}.")
    show_notes(context, filters, status, notes, account=here.account)
