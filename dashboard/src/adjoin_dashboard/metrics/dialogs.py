"""The dialogs of the page Metrics: a metric with all that is known of it, and the forms that make and change one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from adjoin.analytics.v1 import CustomField, CustomMetric, Definitions, Good, Metric, Unit
from adjoin.errors import AdjoinError
from adjoin_dashboard.context import Context
from adjoin_dashboard.figures import written_value
from adjoin_dashboard.metrics.model import GOOD, SUMS, UNITS, metric_lines, name_of, trial_rows
from adjoin_dashboard.metrics.naming import show_naming
from adjoin_dashboard.metrics.source import forget_metric, save_metric, try_metric
from adjoin_dashboard.notices import tell
from adjoin_dashboard.words import escaped, sentence

__all__ = ["open_dialog", "show_dialog"]

_OPEN = "metrics-dialog"
#: What is typed into the forms, which starts anew each time that one opens.
_TYPED = ("metric-", "naming-")


def open_dialog(kind: str, which: str = "") -> None:
    """Have a dialog shown from the next run on, until it is closed."""
    _forget_typed()
    st.session_state[_OPEN] = (kind, which)


def show_dialog(context: Context, definitions: Definitions, naming: Sequence[CustomField], *, may: bool) -> None:
    """Draw the dialog that is open, if there still is what it is about."""
    kind, which = st.session_state.get(_OPEN, ("", ""))
    metric = next((one for one in definitions.metrics if one.name == which), None)
    convention = next((one for one in naming if one.name == which), None)
    if kind == "metric" and metric is not None:
        st.dialog(escaped(metric.title), on_dismiss=_close, width="medium")(_look)(
            context, definitions, metric, may=may
        )
    elif kind == "new" and may:
        st.dialog("New metric", icon=":material/add:", on_dismiss=_close, width="medium")(_form)(
            context, definitions, None
        )
    elif kind == "change" and may and metric is not None and metric.custom:
        st.dialog(f"Change {escaped(metric.title)}", on_dismiss=_close, width="medium")(_form)(
            context, definitions, metric
        )
    elif kind == "naming" and (convention is not None or (may and not which)):
        title = "New naming convention" if convention is None else escaped(convention.name)
        st.dialog(title, on_dismiss=_close, width="large")(show_naming)(
            context, convention, [one.name for one in naming], may=may, do=do
        )
    elif kind:
        _close()


def do(act: Callable[[], object], said: str) -> None:
    """Do something, then close the dialog and say on the page that it is done; or say here why not."""
    try:
        act()
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell(said)
    _close()
    st.rerun()


def _close() -> None:
    st.session_state.pop(_OPEN, None)
    _forget_typed()


def _forget_typed() -> None:
    for key in [one for one in st.session_state if isinstance(one, str) and one.startswith(_TYPED)]:
        del st.session_state[key]


def _look(context: Context, definitions: Definitions, metric: Metric, *, may: bool) -> None:
    line = next(one for one in metric_lines(definitions) if one.name == metric.name)
    if metric.description:
        st.markdown(escaped(metric.description))
    st.code(metric.formula, language=None, wrap_lines=True)
    st.caption(
        f"{UNITS[metric.unit]} · {GOOD[metric.good]} · named {escaped(metric.name)} · carried by the daily figures of "
        f"{line.datasets if line.datasets != 'all' else 'everything'}"
    )
    _show_trial(context, CustomMetric(name="tried", title=metric.title, unit=metric.unit, formula=metric.formula))
    for platform, note in metric.notes.items():
        st.markdown(f"**{escaped(context.host.platform_title(platform))}**  \n{escaped(note)}")
    if not (metric.custom and may):
        return
    with st.container(horizontal=True):
        st.button(
            "Change", icon=":material/edit:", on_click=open_dialog, args=("change", metric.name), key="metric-change"
        )
        if st.button("Remove", icon=":material/delete:", type="tertiary", key="metric-remove"):
            do(lambda: forget_metric(context, metric.name), f"{escaped(metric.title)} is removed.")
    st.caption("Views, alerts and links that name a metric that was removed say that it is not there.")


def _form(context: Context, definitions: Definitions, metric: Metric | None) -> None:
    title = st.text_input(
        "Title", value=metric.title if metric else "", key="metric-title", max_chars=80, placeholder="Profit"
    )
    formula = st.text_input(
        "Formula",
        value=metric.formula if metric else "",
        key="metric-formula",
        max_chars=500,
        placeholder="conversion_value_micros - cost_micros",
        help="Arithmetic with + - * / and brackets over the sums below. Press Enter to try it.",
    )
    st.caption("Sums: " + ", ".join(f"`{name}` ({what})" for name, what in SUMS.items()) + ".")
    with st.grid(2, min_column_width=200):
        unit = st.selectbox(
            "Unit",
            list(UNITS),
            index=list(UNITS).index(metric.unit) if metric else 0,
            format_func=lambda one: UNITS[one],
            key="metric-unit",
            help="Money is in millionths of the currency, as the sums are; of two amounts take Multiple or Percent.",
        )
        good = st.selectbox(
            "Direction",
            list(GOOD),
            index=list(GOOD).index(metric.good if metric else Good.NEITHER),
            format_func=lambda one: GOOD[one],
            key="metric-good",
        )
    description = st.text_area(
        "What it means",
        value=metric.description if metric else "",
        key="metric-description",
        max_chars=1000,
        height=80,
    )
    name = metric.name if metric else name_of(title or "", [one.name for one in definitions.metrics])
    wanted = CustomMetric(
        name=name,
        title=(title or "").strip(),
        unit=unit or Unit.COUNT,
        formula=(formula or "").strip(),
        good=good or Good.NEITHER,
        description=(description or "").strip(),
    )
    if wanted.unit is Unit.COUNT and "_micros" in wanted.formula:
        st.info("Amounts are in millionths. If this is one, choose the unit Money.", icon=":material/payments:")
    if wanted.formula:
        _show_trial(context, wanted)
    if title:
        st.caption(f"Its name in reports and addresses: `{name}`")
    if st.button("Save", type="primary", icon=":material/save:", key="metric-save"):
        do(lambda: save_metric(context, wanted), f"Saved: {escaped(wanted.title)}.")


def _show_trial(context: Context, metric: CustomMetric) -> None:
    """Show what a metric comes to in the last 30 days, or what is wrong with its formula."""
    try:
        answer = try_metric(context, metric)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    if not answer.rows.num_rows:
        st.caption("There are no figures of the last 30 days to try it on.")
        return
    shown = Metric(name="tried", title=metric.title, unit=metric.unit, formula=metric.formula, sums=())
    rows = trial_rows(answer.rows.to_pylist(), answer.totals, "tried")
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Last 30 days": "All together" if platform is None else context.host.platform_title(platform),
                    "Value": written_value(shown, value, context.write, context.currency),
                }
                for platform, value in rows
            ]
        ),
        hide_index=True,
        height="content",
        column_config={"Value": st.column_config.TextColumn(alignment="right")},
        key="metric-trial",
        alt="What the metric comes to in the last 30 days, by platform",
    )
    for note in answer.notes:
        st.caption(escaped(note))
