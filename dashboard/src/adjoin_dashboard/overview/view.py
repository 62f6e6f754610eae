"""Draws the Overview."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial

import pandas as pd
import streamlit as st

from adjoin.analytics.asking import ask
from adjoin.analytics.context import WorkspaceContext
from adjoin.errors import AdjoinError
from adjoin.writing import MISSING
from adjoin_dashboard.addresses import keep
from adjoin_dashboard.colours import platform_colours
from adjoin_dashboard.context import Context
from adjoin_dashboard.empty import say_not_connected, say_not_synced
from adjoin_dashboard.filters import Filters, choose_period, show_filters
from adjoin_dashboard.notes import load_notes, show_notes
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.overview.accounts import account_names, lacking, quiet_accounts
from adjoin_dashboard.overview.change.view import OWN, change_address, show_change
from adjoin_dashboard.overview.chart import spend_chart
from adjoin_dashboard.overview.model import AccountId, Kpi, Overview, default_period
from adjoin_dashboard.overview.source import Loaded, Question, load, load_csv
from adjoin_dashboard.overview.status import Status, load_status
from adjoin_dashboard.overview.tables import columns, frame, styled
from adjoin_dashboard.stamp import foreign_currencies, show_stamp
from adjoin_dashboard.views import show_views
from adjoin_dashboard.words import escaped

__all__ = ["render"]

#: Tables up to so many lines are shown whole; longer ones scroll.
_WHOLE_TABLE = 12

_COMPARED_WITH = {"Previous period": "vs prev", "Previous year": "vs year", "Nothing": None}


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Overview", anchor=False)
    with context.store.read() as session:
        status = load_status(session, context.workspace_id, context.host.platform_title, context.write)
    if not status.connected and not status.synced:
        say_not_connected(context)
        return
    if not status.synced:
        say_not_synced(status)
        return
    filters = show_filters(context, status, own=OWN)
    if filters is None:
        return
    show_notices()
    if filters.menu is not None:
        with filters.menu:
            address = {**filters.address, **change_address()}
            keep("overview", address)
            show_views(context, "overview", address, own=OWN)
    question = Question(
        workspace_id=context.workspace_id,
        data_version=context.data_version,
        period=filters.period,
        compared=filters.compared,
        platforms=filters.platforms,
        currency=filters.currency,
        convert=bool(foreign_currencies(status, filters)),
        write=context.write,
        accounts=filters.accounts,
    )
    try:
        loaded = _load(question, context)
    except AdjoinError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    show_stamp(context, status, filters)
    for problem in status.problems:
        st.warning(problem, icon=":material/warning:")
    _say_missing(context, status, loaded, filters)
    if not loaded.overview.platforms:
        _say_empty(context, status, filters)
        return
    _show_kpis(loaded.overview, filters)
    show_change(context, status, filters, comparable=loaded.comparable)
    _show_chart(context, status, loaded.overview, filters)
    _show_platforms(context, loaded.overview, question)
    _show_accounts(context, status, loaded.overview, filters, question)
    _show_download(context, status, question)
    _show_notes(context, loaded, filters)


@st.cache_data(show_spinner="Adding up …", max_entries=500, ttl=timedelta(days=1))
def _load(question: Question, _context: Context) -> Loaded:
    # The question holds the workspace and the data version, so one answer never serves another workspace.
    return load(question, _context.ask, _context.store)


def _show_kpis(overview: Overview, filters: Filters) -> None:
    with st.grid(5, min_column_width=150, border=True, gap="xsmall", key="kpis"):
        for kpi in overview.kpis:
            _show_kpi(kpi, _COMPARED_WITH[filters.comparison])


def _show_kpi(kpi: Kpi, compared_with: str | None) -> None:
    colours = {True: "green", False: "red", None: "gray"}
    st.metric(
        kpi.label,
        kpi.value.replace("$", r"\$"),
        # Without anything to compare with, a dash keeps the cards the same height.
        delta=None if compared_with is None else kpi.delta or MISSING,
        delta_arrow=kpi.direction,
        delta_color=colours[kpi.good],  # type: ignore[arg-type]  # one of the colour names
        delta_description=compared_with,
        chart_data=[value for value in kpi.trend if value is not None],
        chart_type="area",
        help=kpi.help,
    )


def _show_chart(context: Context, status: Status, overview: Overview, filters: Filters) -> None:
    st.header("Spend by platform", anchor=False)
    dark = st.context.theme.type == "dark"
    titles = {one.platform: context.host.platform_title(one.platform) for one in overview.platforms}
    colours = platform_colours([*status.platforms, *titles], dark=dark)
    notes = load_notes(context, filters)
    option = spend_chart(
        overview.days,
        overview.platforms,
        titles=titles,
        colours=colours,
        currency=filters.currency,
        write=context.write,
        moving_since=_moving_since(context, list(titles)),
        notes=notes,
    )
    st.echarts_chart(
        option,
        height=340,
        key="spend",
        alt=f"Spend per day in {filters.currency} for {', '.join(titles.values())}, "
        f"{context.write.days(filters.period.first, filters.period.last)}",
    )
    show_notes(context, filters, status, notes)


def _moving_since(context: Context, platforms: list[str]) -> date | None:
    """The first of the days that each sync reads again, because the platforms still change them."""
    spans = [
        min(one.days for one in stream.look_back)
        for platform in platforms
        if platform in context.host.platforms
        for stream in context.host.platforms[platform].streams
        if stream.kind == "facts" and stream.look_back
    ]
    return context.today() - timedelta(days=max(spans)) if spans else None


def _show_platforms(context: Context, overview: Overview, question: Question) -> None:
    st.header("Platforms", anchor=False)
    names = {(one.platform, ""): context.host.platform_title(one.platform) for one in overview.platforms}
    _show_table("Platform", question, lambda: frame(overview.platforms, names, "Platform"))


def _show_accounts(context: Context, status: Status, overview: Overview, filters: Filters, question: Question) -> None:
    st.header("Accounts", anchor=False)
    names, title = account_names(status.accounts), _title(context, filters)
    _show_table("Account", question, lambda: frame(overview.accounts, names, "Account", title=title))
    chosen = [account for account in status.accounts if filters.shows((account.platform, account.account_id))]
    quiet = quiet_accounts(
        chosen, {(one.platform, one.account_id) for one in overview.accounts}, _title(context, filters)
    )
    if quiet:
        between = " " if len(quiet) == 1 else "\n- "
        st.caption(between.join([":material/block: Without figures in these days:", *quiet]))


def _title(context: Context, filters: Filters) -> Callable[[str], str] | None:
    """What names a platform beside its accounts; None where there is only one."""
    return context.host.platform_title if len(filters.platforms) > 1 else None


@st.cache_data(show_spinner=False, max_entries=500, ttl=timedelta(days=1))
def _show_table(label: str, question: Question, _made: Callable[[], pd.DataFrame]) -> None:
    # Writing each cell takes longer than all else on the page; Streamlit puts the same table up again by itself.
    table = _made()
    st.dataframe(
        styled(table, question.currency, question.write),
        hide_index=True,
        column_config=columns(label, with_change=question.compared is not None),
        placeholder=MISSING,
        row_height=40,
        height="content" if len(table) <= _WHOLE_TABLE else 500,
        key=f"{label.lower()}s",
        alt=f"{label}s with spend, conversions, CPA, ROAS, CTR and the trend of spend",
    )


def _show_download(context: Context, status: Status, question: Question) -> None:
    names = {(account.platform, account.account_id): account.name for account in status.accounts}
    st.download_button(
        "Download CSV",
        data=lambda: _csv(context, question, names),
        file_name=f"adjoin-{question.period.first}-{question.period.last}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        help="One line per day and account, exact amounts in the account's own currency",
    )


def _csv(context: Context, question: Question, names: Mapping[AccountId, str]) -> bytes:
    # Built when the button is pressed, after the page was drawn and its facts were closed.
    with context.query() as facts:
        place = WorkspaceContext(
            scope=context.store, facts=facts, platforms=context.platforms, clock=context.host.clock
        )
        return load_csv(question, partial(ask, context.host.kernel, place), names).encode("utf-8-sig")


def _show_notes(context: Context, loaded: Loaded, filters: Filters) -> None:
    with st.expander("How these numbers are made", icon=":material/info:"):
        lines = [
            "CPA, ROAS and CTR are sums divided by sums, never averages of daily ratios.",
            "Days are days of each account's own time zone.",
            *(escaped(note) for note in loaded.notes),
        ]
        for platform in filters.platforms:
            described = context.host.platforms.get(platform)
            if described is not None:
                title = escaped(described.title)
                told = " ".join(note for note in (described.attribution_note, described.conversions_note) if note)
                lines += [f"**{title}:** {escaped(told)}"] if told else []
        st.markdown("\n".join(f"- {line}" for line in lines))


def _say_missing(context: Context, status: Status, loaded: Loaded, filters: Filters) -> None:
    title = _title(context, filters)
    if loaded.missing:
        st.warning(
            f"Not everything in this date range was synced: {lacking(loaded.missing, status.accounts, title)}. "
            "Fetch it with `adjoin sync --since DAY`.",
            icon=":material/event_busy:",
        )
    elif loaded.missing_before and loaded.overview.platforms:
        advice = "read the changes with care" if loaded.comparable else "no changes are shown"
        st.caption(
            f":material/event_busy: The compared period was not synced completely, so {advice}: "
            f"{lacking(loaded.missing_before, status.accounts, title)}."
        )


def _say_empty(context: Context, status: Status, filters: Filters) -> None:
    chosen = context.write.days(filters.period.first, filters.period.last)
    if status.held is None:
        st.info(f"There are no figures for {chosen}, nor for any other day: the accounts had no traffic.")
        return
    held = status.held
    st.info(
        f"There are no figures for {chosen}. Figures are there from {context.write.day(held.first)} to "
        f"{context.write.day(held.last)}.",
        icon=":material/search_off:",
    )
    st.button(
        "Show the last days with figures",
        on_click=choose_period,
        args=(default_period(held.last + timedelta(days=1), held),),
    )
