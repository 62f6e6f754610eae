"""Draws the Campaigns page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import streamlit as st

from adjoin.analytics.v1 import Answer, Metric
from adjoin.errors import AdjoinError
from adjoin.writing import MISSING, Writer
from adjoin_dashboard.addresses import PLACE, keep, place
from adjoin_dashboard.campaigns.chart import show_chart
from adjoin_dashboard.campaigns.listing import go, show_listing
from adjoin_dashboard.campaigns.model import LEVELS, Asked, Place, crumbs_of, read_place
from adjoin_dashboard.choices import choose, choose_many
from adjoin_dashboard.context import Context
from adjoin_dashboard.empty import say_not_connected, say_not_synced
from adjoin_dashboard.figures import change_of, metrics_by_name, written_value
from adjoin_dashboard.filters import Filters, show_filters
from adjoin_dashboard.gaps import say_gaps
from adjoin_dashboard.keys import UP
from adjoin_dashboard.managers import manager_links, show_manager_link
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.overview.status import Status, load_status
from adjoin_dashboard.stamp import show_stamp
from adjoin_dashboard.views import show_views
from adjoin_dashboard.words import escaped, sentence

__all__ = ["render"]

PAGE = "campaigns"
#: The page's own parameters.
OWN = ("level", "search", "columns", "sort", "order", "changes", "page")
_USUAL = ("cost", "impressions", "clicks", "ctr", "conversions", "cpa", "roas")
_ORDERS = ("Highest first", "Lowest first")
_MOST_COLUMNS = 12
_MOST_CARDS = 7
_ROOMY = 5
_LONGEST_CRUMB = 60


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Campaigns", anchor=False)
    status = _status(context.workspace_id, context.data_version, context.write, context)
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


# The data version changes with every sync that ends; a run that has begun may show a few seconds later.
@st.cache_data(show_spinner=False, max_entries=200, ttl=timedelta(seconds=15))
def _status(workspace_id: str, data_version: str, write: Writer, _context: Context) -> Status:
    with _context.store.read() as session:
        return load_status(session, workspace_id, _context.host.platform_title, write)


def _show(context: Context, status: Status, filters: Filters) -> None:
    here = read_place(place())
    crumbs = None
    if here is not None:
        with context.store.read() as session:
            crumbs = crumbs_of(session, context.workspace_id, here)
    if here is None or crumbs is None:
        st.info(
            "This link leads to something that this workspace does not have, or not any more.",
            icon=":material/link_off:",
        )
        st.button("Show all campaigns", on_click=go, args=(Place(),))
        return
    _show_crumbs(context, here, crumbs)
    metrics = metrics_by_name(context.definitions().metrics)
    above = st.container()
    asked = _show_choices(here, metrics, filters)
    _show_menu(context, filters, asked)
    shown = {name: metrics[name] for name in dict.fromkeys((*asked.columns, asked.sort))}
    with above:
        totals = context.ask(filters.question(tuple(shown), where=here.where))
        _show_cards(context, shown, asked.columns, totals)
        show_chart(context, status, filters, here, metrics[asked.sort])
    if asked.level:
        show_listing(context, status, filters, here, shown, asked)
    _show_notes(context, filters, shown, totals)


def _show_crumbs(context: Context, here: Place, crumbs: Sequence[tuple[Place, str]]) -> None:
    """Draw the way back, the last of it being where one is, and the way to the platform's own manager."""
    if not crumbs:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="crumbs"):
        up = len(crumbs) - 1
        st.button(
            "All campaigns",
            type="tertiary",
            icon=":material/home:",
            on_click=go,
            args=(Place(),),
            key="crumb-0",
            shortcut=UP if up == 0 else None,
        )
        for number, (at, name) in enumerate(crumbs, start=1):
            st.caption("›", width="content")
            shown = escaped(name if len(name) <= _LONGEST_CRUMB else f"{name[: _LONGEST_CRUMB - 1]}…")
            if number == len(crumbs):
                st.markdown(f"**{shown}**", width="content")
            else:
                key = UP if number == up else None
                st.button(shown, type="tertiary", on_click=go, args=(at,), key=f"crumb-{number}", shortcut=key)
        show_manager_link(context, here.path, manager_links(context, [here.path]).get(here.path))


def _show_choices(here: Place, metrics: Mapping[str, Metric], filters: Filters) -> Asked:
    """Draw what decides on the table and the chart; in an ad there is no table."""
    usual = [name for name in _USUAL if name in metrics] or list(metrics)[:1]
    level = _show_level(here)
    search, order, columns, changes = "", _ORDERS[0], usual, False
    with st.container(horizontal=True, vertical_alignment="bottom", key="campaign-choices"):
        if level:
            search = st.text_input(
                "Search",
                key="search",
                bind="query-params",
                max_chars=100,
                placeholder="A part of a name",
                icon=":material/search:",
                width=220,
            )
        sort = choose(
            "Sort and chart by" if level else "Chart",
            [name for name in metrics if name != usual[0]],
            lambda name: metrics[name].title,
            none=metrics[usual[0]].title,
            key="sort",
            width=180,
        )
        if level:
            order = st.selectbox("Order", _ORDERS, key="order", bind="query-params", width=155)
        with st.popover("Columns", icon=":material/view_column:", key="columns-menu"):
            columns = choose_many(
                "Columns",
                list(metrics),
                lambda name: metrics[name].title,
                key="columns",
                default=usual,
                most=_MOST_COLUMNS,
                width=360,
            )
            if level and filters.compared is not None:
                changes = st.toggle(
                    "Changes of all columns",
                    key="changes",
                    bind="query-params",
                    help="Otherwise there is one of what is sorted by.",
                )
    return Asked(
        level=level,
        columns=tuple(columns or usual),
        sort=sort or usual[0],
        descending=order == _ORDERS[0],
        search=(search or "").strip(),
        changes=changes,
    )


def _show_level(here: Place) -> str:
    """Let somebody choose what is listed here; nothing in an ad."""
    titles = {LEVELS[name]: name for name in here.levels}
    if not titles:
        return ""
    if st.session_state.get("level") not in (None, *titles):
        del st.session_state["level"]
    chosen = st.segmented_control(
        "Level",
        list(titles),
        default=next(iter(titles)),
        required=True,
        key="level",
        bind="query-params",
        label_visibility="collapsed",
    )
    return titles.get(chosen or "", here.levels[0])


def _show_menu(context: Context, filters: Filters, asked: Asked) -> None:
    """Draw the views into the filter row, with all that is chosen on this page."""
    own = {
        PLACE: place(),
        "level": LEVELS[asked.level] if asked.level else "",
        "search": asked.search,
        "sort": str(st.session_state.get("sort") or ""),
        "order": "" if asked.descending else _ORDERS[1],
        "changes": "true" if asked.changes else "",
    }
    address = {**filters.address, **{name: (value,) for name, value in own.items() if value}}
    if "columns" in st.query_params:  # not the usual ones
        address["columns"] = asked.columns
    keep(PAGE, address)
    if filters.menu is not None:
        with filters.menu:
            show_views(context, PAGE, address, own=OWN)


def _show_cards(context: Context, metrics: Mapping[str, Metric], columns: Sequence[str], totals: Answer) -> None:
    """Draw the totals of what is looked at, whichever part of it is listed."""
    colours = {True: "green", False: "red", None: "gray"}
    with st.grid(min(len(columns), _MOST_CARDS), min_column_width=125, border=True, gap="xsmall", key="totals"):
        for name in columns[:_MOST_CARDS]:
            metric, now = metrics[name], totals.totals.get(name)
            change = None
            if totals.before is not None:
                change = change_of(metric, now, totals.before.get(name), context.write)
            st.metric(
                metric.title,
                written_value(metric, now, context.write, totals.currency, compact=True).replace("$", r"\$"),
                delta=None if totals.before is None else MISSING if change is None else change.text,
                delta_arrow="off" if change is None else change.direction,
                delta_color=colours[None if change is None else change.good],  # type: ignore[arg-type]  # a colour
                # With many cards there is no room for its sign beside the title; the table's headings have it, too.
                help=escaped(metric.description) or None if len(columns) <= _ROOMY else None,
            )


def _show_notes(context: Context, filters: Filters, metrics: Mapping[str, Metric], totals: Answer) -> None:
    """Say what is to be known about the figures: what the answer says, and what a metric means on a platform."""
    lines = [escaped(note) for note in totals.notes]
    for metric in metrics.values():
        for platform in filters.platforms:
            if metric.notes.get(platform):
                title = escaped(f"{metric.title}, {context.host.platform_title(platform)}")
                lines.append(f"**{title}:** {escaped(metric.notes[platform])}")
    with st.expander("How these numbers are made", icon=":material/info:"):
        general = "Ratios are sums divided by sums, never averages. Days are days of each account's own time zone."
        st.markdown("\n".join(f"- {line}" for line in [general, *lines]))
