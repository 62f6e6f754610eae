"""Draws the page Metrics."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from adjoin.access.permissions import Permission
from adjoin.analytics.v1 import CustomField
from adjoin.errors import AdjoinError
from adjoin.writing import MISSING
from adjoin_dashboard.context import Context
from adjoin_dashboard.metrics.dialogs import open_dialog, show_dialog
from adjoin_dashboard.metrics.model import NAMED, Line, dimension_lines, metric_lines
from adjoin_dashboard.metrics.source import conventions
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.words import sentence

__all__ = ["render"]

_WHOLE_TABLE = 30
_OPENED = "metrics-opened"
_OPENED_NAMING = "metrics-opened-naming"


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Metrics", anchor=False)
    show_notices()
    try:
        definitions, naming = context.definitions(), conventions(context)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    may = context.may(Permission.DEFINE_METRICS)
    st.caption("What every figure means, here, in reports and in exports: one definition each.")
    with st.container(horizontal=True, vertical_alignment="bottom", key="metrics-row"):
        search = st.text_input("Search", key="search", bind="query-params", placeholder="Name or formula", width=280)
        if may:
            st.button(
                "New metric",
                icon=":material/add:",
                type="primary",
                on_click=open_dialog,
                args=("new",),
                key="metric-new",
            )
    _show_metrics(metric_lines(definitions, search=search or ""))
    st.header("Dimensions", anchor=False)
    st.caption("What figures can be told apart by.")
    _show_dimensions(dimension_lines(definitions, search=search or ""))
    st.header("Naming conventions", anchor=False)
    st.caption(
        "Where names follow a pattern, such as US_Brand_Search, its parts become dimensions: market, product, kind."
    )
    if may:
        st.button(
            "New naming convention", icon=":material/add:", on_click=open_dialog, args=("naming",), key="naming-new"
        )
    _show_conventions(naming, may=may)
    show_dialog(context, definitions, naming, may=may)


def _show_metrics(lines: Sequence[Line]) -> None:
    if not lines:
        st.info("No metric has this in its name or formula.", icon=":material/search_off:")
        return
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Open": "Open",
                    "Metric": one.title,
                    "Formula": one.formula,
                    "Unit": one.kind,
                    "Yours": one.custom,
                    "What it is": one.description or None,
                    "Name": one.name,
                    "Carried by": one.datasets,
                }
                for one in lines
            ]
        ),
        hide_index=True,
        placeholder=MISSING,
        row_height=40,
        height="content" if len(lines) <= _WHOLE_TABLE else 900,
        column_config={
            "Open": st.column_config.ButtonColumn(
                "Open",
                width=64,
                pinned=True,
                type="tertiary",
                key=_OPENED,
                on_click=_open,
                args=(_OPENED, lines, "metric"),
            ),
            "Metric": st.column_config.TextColumn(pinned=True, width=160),
            "Formula": st.column_config.TextColumn(width=290, help="Over sums: a ratio is a sum divided by a sum"),
            "Unit": st.column_config.TextColumn(width=100),
            "What it is": st.column_config.TextColumn(width=340),
            "Yours": st.column_config.CheckboxColumn(width=70, help="Made in this workspace"),
            "Name": st.column_config.TextColumn(help="For `adjoin report --metric` and addresses"),
            "Carried by": st.column_config.TextColumn(help="Daily figures that have it: of accounts, of campaigns …"),
        },
        key="metrics",
        alt="Metrics with formula, unit, meaning and the datasets that carry them",
    )


def _show_dimensions(lines: Sequence[Line]) -> None:
    if not lines:
        st.info("No dimension has this in its name.", icon=":material/search_off:")
        return
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Dimension": one.title,
                    "What it is": one.description or None,
                    "Part of": one.part_of or None,
                    "Kind": one.kind,
                    "Yours": one.custom,
                    "Name": one.name,
                    "Carried by": one.datasets,
                }
                for one in lines
            ]
        ),
        hide_index=True,
        placeholder=MISSING,
        row_height=40,
        height="content" if len(lines) <= _WHOLE_TABLE else 900,
        column_config={
            "Dimension": st.column_config.TextColumn(pinned=True, width=160),
            "What it is": st.column_config.TextColumn(width=440),
            "Yours": st.column_config.CheckboxColumn(
                width=70, help="Read from names by a convention of this workspace"
            ),
            "Name": st.column_config.TextColumn(help="For `adjoin report --by` and addresses"),
            "Carried by": st.column_config.TextColumn(help="Daily figures that tell it apart", width=300),
        },
        key="dimensions",
        alt="Dimensions with meaning, kind and the datasets that carry them",
    )


def _show_conventions(naming: Sequence[CustomField], *, may: bool) -> None:
    if not naming:
        st.caption("There is none yet." if may else "There is none yet. Analysts, admins and owners make them.")
        return
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Open": "Open",
                    "Convention": one.name,
                    "Names of": NAMED.get(one.of, one.of),
                    "Pattern": one.pattern,
                    "Values mapped": sum(len(some) for some in one.values.values()) or None,
                }
                for one in naming
            ]
        ),
        hide_index=True,
        placeholder=MISSING,
        row_height=40,
        height="content",
        column_config={
            "Open": st.column_config.ButtonColumn(
                "Open",
                width=64,
                pinned=True,
                type="tertiary",
                key=_OPENED_NAMING,
                on_click=_open,
                args=(_OPENED_NAMING, naming, "naming"),
            ),
            "Convention": st.column_config.TextColumn(pinned=True, width=160),
            "Pattern": st.column_config.TextColumn(width=400),
        },
        key="conventions",
        alt="Naming conventions with whose names they read and their pattern",
    )


def _open(place: str, lines: Sequence[Line] | Sequence[CustomField], kind: str) -> None:
    """Open the dialog for the line whose button was pressed: in a callback."""
    row = st.session_state[place]["row"]
    if 0 <= row < len(lines):
        open_dialog(kind, lines[row].name)
