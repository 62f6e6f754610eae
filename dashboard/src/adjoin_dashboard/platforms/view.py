"""Draws the page Platforms."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import streamlit as st

from adjoin.analytics.v1 import Answer, Metric, Question
from adjoin.errors import AdjoinError, BadInput
from adjoin.writing import MISSING
from adjoin_dashboard.addresses import keep
from adjoin_dashboard.choices import choose_many
from adjoin_dashboard.colours import platform_colours
from adjoin_dashboard.context import Context
from adjoin_dashboard.door.report_exports import export_url
from adjoin_dashboard.empty import say_not_connected, say_not_synced
from adjoin_dashboard.figures import metrics_by_name
from adjoin_dashboard.filters import Filters, show_filters
from adjoin_dashboard.gaps import say_gaps
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.overview.status import Status, covered_days, load_status
from adjoin_dashboard.platforms.chart import mix_chart
from adjoin_dashboard.platforms.model import differing, mix_of, partial_weeks, rows_of
from adjoin_dashboard.platforms.source import actions_question, ask_mix, load_freshness, side_by_side
from adjoin_dashboard.platforms.table import (
    actions_frame,
    actions_settings,
    actions_styled,
    freshness_frame,
    side_frame,
    side_settings,
    side_styled,
)
from adjoin_dashboard.stamp import show_stamp
from adjoin_dashboard.views import show_views
from adjoin_dashboard.words import escaped, sentence

__all__ = ["render"]

PAGE = "platforms"
#: The page's own parameters.
OWN = ("columns", "grain", "counting")
_USUAL = ("cost", "impressions", "clicks", "ctr", "cpc", "cpm", "conversions", "cvr", "cpa", "conversion_value", "roas")
_GRAINS = ("Days", "Weeks")
_COUNTINGS = ("Side by side", "Conversions by action")
_DAYS_AS_BARS = 45
_WHOLE_TABLE = 14
#: Good and bad on light and on dark; both can be read as text.
_LIGHT = {True: "#2B8A3E", False: "#C92A2A"}
_DARK = {True: "#69DB7C", False: "#FF8787"}


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Platforms", anchor=False)
    with context.store.read() as session:
        status = load_status(session, context.workspace_id, context.host.platform_title, context.write)
    if not status.connected and not status.synced:
        say_not_connected(context)
        return
    if not status.synced:
        say_not_synced(status)
        return
    filters = show_filters(context, status, page=PAGE, own=OWN)
    if filters is None:
        return
    show_notices()
    show_stamp(context, status, filters)
    for problem in status.problems:
        st.warning(problem, icon=":material/warning:")
    say_gaps(context, status, filters)
    try:
        _show(context, status, filters)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")


def _show(context: Context, status: Status, filters: Filters) -> None:
    metrics = metrics_by_name(context.definitions().metrics)
    titles = {platform: context.host.platform_title(platform) for platform in status.platforms}
    counting, chosen = _show_choices(metrics)
    question = side_by_side(filters, tuple(chosen))
    answer = context.ask(question)
    if counting == _COUNTINGS[1]:
        _show_actions(context, filters, metrics, answer.notes)
    else:
        _show_side_by_side(context, filters, [metrics[name] for name in chosen], titles, question, answer)
    _show_mix(context, status, filters, titles)
    _show_freshness(context, status, filters, titles, answer)
    _show_definitions(filters, [metrics[name] for name in chosen], titles)
    _show_menu(context, filters, chosen, counting, usual=[name for name in _USUAL if name in metrics])
    _show_notes(answer)


def _show_choices(metrics: Mapping[str, Metric]) -> tuple[str, list[str]]:
    """Let somebody choose what is compared; returns how conversions are counted, and the metrics."""
    usual = [name for name in _USUAL if name in metrics]
    with st.container(horizontal=True, vertical_alignment="bottom", key="platform-choices"):
        counting = st.segmented_control(
            "What is compared",
            _COUNTINGS,
            default=_COUNTINGS[0],
            required=True,
            key="counting",
            bind="query-params",
            label_visibility="collapsed",
        )
        chosen = usual
        with st.popover("Metrics", icon=":material/view_list:", key="platform-metrics"):
            chosen = choose_many(
                "Metrics", list(metrics), lambda name: metrics[name].title, key="columns", default=usual, width=360
            )
    return counting or _COUNTINGS[0], chosen or usual


def _show_menu(context: Context, filters: Filters, chosen: Sequence[str], counting: str, *, usual: list[str]) -> None:
    """Draw the views into the filter row, with all that is chosen on this page."""
    own = {
        "grain": (st.session_state["grain"],) if st.session_state.get("grain") else (),
        "counting": (counting,) if counting != _COUNTINGS[0] else (),
        "columns": tuple(chosen) if list(chosen) != usual else (),
    }
    address = {**filters.address, **{name: values for name, values in own.items() if values}}
    keep(PAGE, address)
    if filters.menu is not None:
        with filters.menu:
            show_views(context, PAGE, address, own=OWN)


def _show_side_by_side(
    context: Context,
    filters: Filters,
    metrics: Sequence[Metric],
    titles: Mapping[str, str],
    question: Question,
    answer: Answer,
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption("Each metric is defined once for all platforms; what they count differently is below.")
        _show_downloads(context, question)
    if not answer.total_rows:
        days = context.write.days(filters.period.first, filters.period.last)
        st.info(
            f"No platform had figures on {days}. Choose other days, or fewer filters.", icon=":material/search_off:"
        )
        return
    rows = rows_of(answer, metrics, filters.platforms, context.write)
    table = side_frame(rows, filters.platforms, titles, compared=answer.before is not None)
    st.dataframe(
        side_styled(table, rows, colours=_DARK if st.context.theme.type == "dark" else _LIGHT),
        hide_index=True,
        column_config=side_settings(table),
        placeholder=MISSING,
        row_height=40,
        height="content" if len(rows) <= _WHOLE_TABLE else 600,
        key="platforms",
        alt=f"Metrics of {', '.join(titles[one] for one in filters.platforms)} side by side",
    )


def _show_actions(context: Context, filters: Filters, metrics: Mapping[str, Metric], known: Collection[str]) -> None:
    """Draw conversions as the platforms themselves tell them apart; `known` are notes that the page has anyway."""
    question = actions_question(filters)
    answer = context.ask(question)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(
            "Actions as each platform names and counts them. They need not add up to its conversions: some count "
            "actions that are no goal of the account, or one event under several names."
        )
        _show_downloads(context, question)
    if not answer.total_rows:
        st.info(
            "No platform tells conversions by action on these days. They are fetched by syncs that read them: the page "
            "Data health shows which days are there.",
            icon=":material/search_off:",
        )
        return
    table = actions_frame(answer, metrics, context.host.platform_title)
    st.dataframe(
        actions_styled(table, answer, metrics, context.write),
        hide_index=True,
        column_config=actions_settings(metrics),
        placeholder=MISSING,
        row_height=40,
        height="content" if len(table) <= _WHOLE_TABLE else 600,
        key="actions",
        alt="Conversions by platform and action",
    )
    for note in answer.notes:
        if note not in known:
            st.caption(escaped(note))


def _show_downloads(context: Context, question: Question) -> None:
    with st.popover("Download", icon=":material/download:", key="download"):
        try:
            for kind, title in (("csv", "CSV"), ("xlsx", "Excel"), ("parquet", "Parquet")):
                st.link_button(title, export_url(context.workspace_id, question, kind), width="stretch")
        except BadInput as error:  # so many accounts are chosen that no address holds them
            st.caption(sentence(str(error)))


def _show_mix(context: Context, status: Status, filters: Filters, titles: Mapping[str, str]) -> None:
    """Draw each platform's share of the spend by day or week."""
    st.header("Share of spend", anchor=False)
    usual = _GRAINS[len(filters.period.days) > _DAYS_AS_BARS]
    if st.session_state.get("grain") not in (None, *_GRAINS):
        del st.session_state["grain"]
    grain = st.segmented_control(
        "By", _GRAINS, default=usual, required=True, key="grain", bind="query-params", label_visibility="collapsed"
    )
    weeks = (grain or usual) == _GRAINS[1]
    answer = ask_mix(context, filters, weeks=weeks)
    with context.store.read() as session:
        covered = covered_days(session, context.workspace_id, filters.period)
    points = mix_of(answer, filters.platforms, filters.period, covered, weeks=weeks)
    if not any(share is not None for point in points for share in point.shares.values()):
        st.caption("Nothing was spent on these days, or in currencies that cannot be added.")
        return
    st.echarts_chart(
        mix_chart(
            points,
            filters.platforms,
            titles=titles,
            colours=platform_colours(status.platforms, dark=st.context.theme.type == "dark"),
            currency=answer.currency,
            write=context.write,
        ),
        height=300,
        key="mix",
        alt=f"Share of spend by platform, {context.write.days(filters.period.first, filters.period.last)}",
    )
    lacking = sum(any(value is None for value in point.micros.values()) for point in points)
    told = []
    if lacking:
        one = "week" if weeks else "day"
        told.append(
            f"On {context.write.counted(lacking, one)} not every platform was read: shares are of those that were."
        )
    if weeks and partial_weeks(filters.period):
        told.append("Weeks begin on Monday; the first and the last hold only the days of the date range.")
    if told:
        st.caption(" ".join(told))


def _show_freshness(
    context: Context, status: Status, filters: Filters, titles: Mapping[str, str], answer: Answer
) -> None:
    st.header("How fresh they are", anchor=False)
    found = load_freshness(context, status, filters, answer.changing_since)
    st.dataframe(
        freshness_frame(found, titles, context.write, days=len(filters.period.days)),
        hide_index=True,
        column_config={
            "Platform": st.column_config.TextColumn("Platform", pinned=True, width=165),
            "May still change from": st.column_config.TextColumn(
                "May still change from", help="Figures from that day on may move; each sync reads them again"
            ),
            "Days missing": st.column_config.TextColumn(
                "Days missing", help="Of the date range, of each account: Sync runs fetches them again"
            ),
        },
        row_height=40,
        height="content",
        key="freshness",
        alt="Freshness by platform",
    )


def _show_definitions(filters: Filters, metrics: Sequence[Metric], titles: Mapping[str, str]) -> None:
    st.header("What they count differently", anchor=False)
    found = differing(metrics, filters.platforms)
    if not found:
        st.caption("Of these metrics no platform tells of anything that it counts in its own way.")
        return
    for one in found:
        names = ", ".join(escaped(metric.title) for metric in one.metrics)
        lines = [f"- **{escaped(titles[platform])}:** {escaped(note)}" for platform, note in one.notes.items()]
        st.markdown("\n".join([f"**{names}**", "", *lines]))


def _show_notes(answer: Answer) -> None:
    general = [
        "Ratios are sums divided by sums, never averages. Days are days of each account's own time zone.",
        "Amounts in other currencies are converted at each day's rate; *All* adds what was converted.",
    ]
    with st.expander("How these numbers are made", icon=":material/info:"):
        st.markdown("\n".join(f"- {line}" for line in [*general, *(escaped(note) for note in answer.notes)]))
