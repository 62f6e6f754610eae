"""The part of Sync runs about what syncing costs of the platforms' quotas: per day, and per connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import sqlalchemy as sa
import streamlit as st
from sqlmodel import col

from adjoin.db.models import Run
from adjoin.writing import MISSING, Writer
from adjoin_dashboard.colours import DARK, LIGHT
from adjoin_dashboard.context import Context
from adjoin_dashboard.runs.connections import Machinery
from adjoin_dashboard.tables import written
from adjoin_dashboard.words import escaped

__all__ = ["Usage", "load_usage", "show_usage", "usage_chart"]

_DAYS = 30
_SERIES = 7  # connections with a colour of their own; the rest are one
_OTHERS = "Other connections"
_WHOLE_TABLE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the runs of a connection that began on a day have asked of its platform."""

    day: date
    connection_id: str
    runs: int
    rows: int
    requests: int
    operations: int


def load_usage(context: Context, *, days: int = _DAYS) -> list[Usage]:
    """Return the use of the last days, today included, oldest first. A run counts when it ends."""
    zone = ZoneInfo(context.time_zone)
    first = context.today() - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=zone)
    query = (
        sa.select(col(Run.connection_id), col(Run.started_at), col(Run.rows), col(Run.requests), col(Run.operations))
        .where(col(Run.workspace_id) == context.workspace_id)
        .where(col(Run.created_at) >= since - timedelta(days=1))
        .where(col(Run.started_at) >= since)
    )
    sums: dict[tuple[date, str], list[int]] = {}
    with context.store.read() as session:
        for connection_id, started_at, rows, requests, operations in session.connection().execute(query):
            assert started_at is not None
            counted = sums.setdefault((started_at.astimezone(zone).date(), connection_id), [0, 0, 0, 0])
            for place, value in enumerate((1, rows, requests, operations)):
                counted[place] += value
    return [
        Usage(day=day, connection_id=connection_id, runs=runs, rows=rows, requests=requests, operations=operations)
        for (day, connection_id), (runs, rows, requests, operations) in sorted(sums.items())
    ]


def usage_chart(
    usage: Sequence[Usage],
    names: Mapping[str, str],
    *,
    operations: bool,
    last: date,
    write: Writer,
    dark: bool,
    days: int = _DAYS,
) -> dict[str, Any]:
    """Return the ECharts option: a bar for each day, stacked by connection, the dearest connections below."""
    totals: dict[str, int] = {}
    for one in usage:
        totals[one.connection_id] = totals.get(one.connection_id, 0) + _cost(one, operations)
    dearest = sorted(totals, key=lambda one: (-totals[one], one))
    own = dearest if len(dearest) <= _SERIES + 1 else dearest[:_SERIES]
    every = [last - timedelta(days=back) for back in reversed(range(days))]
    stacks: dict[str, dict[date, int]] = {one: {} for one in own}
    for one in usage:
        stack = stacks.setdefault(one.connection_id if one.connection_id in own else "", {})
        stack[one.day] = stack.get(one.day, 0) + _cost(one, operations)
    text, line = ("#AEB8CA", "#2A3448") if dark else ("#596276", "#DDE2EC")
    palette = DARK if dark else LIGHT
    return {
        "animation": False,
        "legend": {"left": 0, "top": 0, "icon": "roundRect", "textStyle": {"color": text}},
        "tooltip": {"trigger": "axis", "confine": True},
        "grid": {"left": 4, "right": 12, "top": 40, "bottom": 4, "containLabel": True},
        "xAxis": {
            "type": "category",
            "data": [write.day(day) for day in every],
            "axisTick": {"show": False},
            "axisLabel": {"color": text, "hideOverlap": True},
        },
        "yAxis": {
            "type": "value",
            "minInterval": 1,
            "axisLabel": {"color": text},
            "splitLine": {"lineStyle": {"color": line}},
        },
        "series": [
            {
                "type": "bar",
                "stack": "all",
                "name": names.get(key, key) if key else _OTHERS,
                "itemStyle": {"color": palette[place % len(palette)]},
                "data": [stack.get(day, 0) for day in every],
            }
            for place, (key, stack) in enumerate(stacks.items())
        ],
    }


def show_usage(context: Context, machinery: Machinery) -> None:
    """Draw the part."""
    usage = load_usage(context)
    if not usage:
        st.info(f"Nothing was asked of a platform in the last {_DAYS} days.", icon=":material/sync_disabled:")
        return
    measure = st.segmented_control(
        "What is counted", ["Requests", "API operations"], default="Requests", required=True, key="usage-measure"
    )
    operations = measure == "API operations"
    names = {one.id: one.name for one in machinery.connections}
    total = sum(_cost(one, operations) for one in usage)
    told = context.write.counted(total, "API operation" if operations else "request")
    st.echarts_chart(
        usage_chart(
            usage,
            names,
            operations=operations,
            last=context.today(),
            write=context.write,
            dark=st.context.theme.type == "dark",
        ),
        height=280,
        key="usage",
        alt=f"{told} in the last {_DAYS} days, by day and connection",
    )
    runs = context.write.counted(sum(one.runs for one in usage), "run")
    st.caption(
        f"{told} in {runs} of the last {_DAYS} days, by the day in {escaped(context.time_zone)} on which a run began; "
        "it counts when it has ended. API operations are what the platform takes off its quota."
    )
    _show_table(context, usage, names)


def _show_table(context: Context, usage: Sequence[Usage], names: Mapping[str, str]) -> None:
    lines: list[dict[str, Any]] = []
    for connection_id in dict.fromkeys(one.connection_id for one in usage):
        mine = [one for one in usage if one.connection_id == connection_id]
        lines.append(
            {
                "Connection": names.get(connection_id, connection_id),
                "Runs": sum(one.runs for one in mine),
                "Rows": sum(one.rows for one in mine),
                "Requests": sum(one.requests for one in mine),
                "API operations": sum(one.operations for one in mine) or None,
                "Busiest day": context.write.day(max(mine, key=lambda one: (one.requests, one.day)).day),
            }
        )
    lines.sort(key=lambda line: (-line["Requests"], line["Connection"]))
    table = pd.DataFrame(lines)
    counts = dict.fromkeys(("Runs", "Rows", "Requests", "API operations"), context.write.count)
    st.dataframe(
        written(table, counts),
        hide_index=True,
        placeholder=MISSING,
        row_height=40,
        height="content" if len(lines) <= _WHOLE_TABLE else 540,
        key="usage-table",
        alt="Connections with their runs, rows, requests and API operations, the busiest first",
    )


def _cost(one: Usage, operations: bool) -> int:
    return one.operations if operations else one.requests
