"""The dialog of a naming convention: its pattern tried on the names that there are, and what values are shown as."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from adjoin.analytics.v1 import CustomField, FieldTrial
from adjoin.errors import AdjoinError
from adjoin_dashboard.context import Context
from adjoin_dashboard.metrics.model import NAMED, fits, mapped_values, name_of, value_rows
from adjoin_dashboard.metrics.source import forget_field, save_field, try_field
from adjoin_dashboard.words import escaped, sentence

__all__ = ["show_naming"]

_MOST_SHOWN = 8


def show_naming(
    context: Context,
    kept: CustomField | None,
    taken: Sequence[str],
    *,
    may: bool,
    do: Callable[[Callable[[], object], str], None],
) -> None:
    """Draw the dialog. `do` stores or removes, then closes it."""
    with st.grid(2, min_column_width=240):
        of = st.selectbox(
            "Names of",
            list(NAMED),
            index=list(NAMED).index(kept.of) if kept and kept.of in NAMED else 0,
            format_func=lambda one: NAMED[one],
            key="naming-of",
            disabled=not may,
        )
        called = st.text_input(
            "Name of the convention",
            value=kept.name if kept else "",
            key="naming-name",
            max_chars=40,
            placeholder="campaigns",
            disabled=kept is not None or not may,
        )
    pattern = st.text_input(
        "Pattern",
        value=kept.pattern if kept else "",
        key="naming-pattern",
        max_chars=500,
        placeholder="{market}_{product}_{kind}",
        help="Fields in braces with what stands between them; or a regular expression with named groups, "
        "(?P<market>[A-Z]{2})_(?P<product>.+). Press Enter to try it.",
        disabled=not may,
    )
    trial = _tried(context, CustomField(name="tried", of=of or "campaign", pattern=(pattern or "").strip()))
    values = kept.values if kept else {}
    if trial is not None:
        _show_names(trial)
        values = _show_values(trial, kept, pattern or "", may=may)
    if not may:
        return
    name = kept.name if kept else name_of(called or f"{of or ''} names", taken)
    wanted = CustomField(name=name, of=of or "campaign", pattern=(pattern or "").strip(), values=values)
    with st.container(horizontal=True):
        if st.button("Save", type="primary", icon=":material/save:", key="naming-save"):
            do(lambda: save_field(context, wanted), f"Saved: {escaped(name)}. Its fields are dimensions now.")
        if kept and st.button("Remove", icon=":material/delete:", type="tertiary", key="naming-remove"):
            do(lambda: forget_field(context, kept.name), f"{escaped(kept.name)} is removed, with its fields.")


def _tried(context: Context, convention: CustomField) -> FieldTrial | None:
    if not convention.pattern:
        return None
    try:
        return try_field(context, convention)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return None


def _show_names(trial: FieldTrial) -> None:
    told = fits(trial)
    if trial.names and not trial.matched:
        st.warning(told, icon=":material/warning:")
    else:
        st.markdown(f"**{told}**")
    if trial.examples:
        st.dataframe(
            pd.DataFrame([{"Name": one.name, **one.values} for one in trial.examples[:_MOST_SHOWN]]),
            hide_index=True,
            height="content",
            placeholder="–",
            key="naming-examples",
            alt="Names that fit, with what each field has",
        )
    if trial.unmatched:
        with st.expander("Names that do not fit"):
            st.dataframe(
                pd.DataFrame({"Name": list(trial.unmatched)}),
                hide_index=True,
                height="content",
                key="naming-unmatched",
                alt="Names that do not fit",
            )


def _show_values(trial: FieldTrial, kept: CustomField | None, pattern: str, *, may: bool) -> dict[str, dict[str, str]]:
    """Let somebody say what values are shown as; returns what is mapped, also by rows that are added."""
    rows = value_rows(trial, kept, pattern)
    if not rows:
        return {}
    st.markdown("**Values, and what they are shown as**")
    table = pd.DataFrame(rows, columns=["Field", "In names", "Shown as", "Names"])
    table["Names"] = table["Names"].astype("Int64")
    edited = st.data_editor(
        table,
        hide_index=True,
        height="content" if len(rows) <= _MOST_SHOWN else 330,
        disabled=["Field", "In names", "Names"] if may else True,
        # Another pattern has other rows, to which what was typed does not belong.
        key=f"naming-values-{pattern}",
        column_config={
            "Names": st.column_config.NumberColumn(help="How many names have it; the commonest of each field"),
        },
    )
    return mapped_values(edited.to_dict("records"))
