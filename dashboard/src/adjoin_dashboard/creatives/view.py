"""Draws the page Creatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adjoin.analytics.v1 import Finding, Metric
from adjoin.errors import AdjoinError
from adjoin_dashboard.addresses import PLACE, keep
from adjoin_dashboard.campaigns.model import trends_of
from adjoin_dashboard.choices import choose
from adjoin_dashboard.context import Context
from adjoin_dashboard.creatives.cards import show_card, show_pair
from adjoin_dashboard.creatives.model import (
    LEAST,
    PER_PAGE,
    Asked,
    Card,
    cards_of,
    conditions_of,
    is_ratio,
    known_of,
    pair_questions,
    path_of,
    tired_by_ad,
    tired_words,
)
from adjoin_dashboard.creatives.source import ads_question, page_number
from adjoin_dashboard.empty import say_not_connected, say_not_synced
from adjoin_dashboard.figures import Value, metrics_by_name
from adjoin_dashboard.filters import Filters, show_filters
from adjoin_dashboard.insights.source import load_findings
from adjoin_dashboard.managers import manager_links
from adjoin_dashboard.notices import show_notices
from adjoin_dashboard.overview.status import Status, load_status
from adjoin_dashboard.stamp import show_stamp
from adjoin_dashboard.views import show_views
from adjoin_dashboard.words import escaped, sentence

__all__ = ["render"]

PAGE = "creatives"
#: The page's own parameters.
OWN = ("search", "sort", "order", "active", "tired", "ads_page")
_USUAL = "cost"
_SORTS = ("impressions", "clicks", "ctr", "cpc", "conversions", "cvr", "cpa", "conversion_value", "roas")
_ORDERS = ("Highest first", "Lowest first")


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Creatives", anchor=False)
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
    try:
        _show(context, status, filters)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")


def _show(context: Context, status: Status, filters: Filters) -> None:
    metrics = metrics_by_name(context.definitions().metrics)
    asked, tired_only = _show_choices(metrics)
    _show_menu(context, filters, asked, tired_only=tired_only)
    tired: Mapping[tuple[str, ...], Finding] | None = None
    if tired_only:
        tired = tired_by_ad(load_findings(context, filters).found)
        asked = replace(asked, only=tuple(tired))
        if not tired:
            st.info(
                "No ad tires on these days: click rates hold, or too little was shown to tell.",
                icon=":material/bedtime:",
            )
            return
    question = ads_question(filters, metrics, asked)
    number = page_number(repr((filters.period, filters.where, filters.comparison, asked)))
    answer = context.ask(replace(question, offset=(number - 1) * PER_PAGE))
    pages = max(-(-answer.total_rows // PER_PAGE), 1)
    if number > pages:  # an old link, or there was more before
        number = pages
        st.session_state["ads_page"] = pages
        answer = context.ask(replace(question, offset=(number - 1) * PER_PAGE))
    if not answer.total_rows:
        _say_nothing(context, filters, asked)
        return
    if not tired_only and number == 1 and not asked.search and answer.total_rows > 1:
        _show_pair(context, filters, metrics, asked)
    paths = [path_of(row) for row in answer.rows.to_pylist()]
    with context.store.read() as session:
        known = known_of(session, context.workspace_id, paths)
    cards = cards_of(answer, metrics, asked.sort, known, context.write)
    first = (number - 1) * PER_PAGE + 1
    part = "" if answer.total_rows == len(cards) else f"{first}–{first + len(cards) - 1} of "
    often = f", of those shown {context.write.count(LEAST)} times or more" if question.having else ""
    st.caption(f"{part}{context.write.counted(answer.total_rows, 'ad')}{often}")
    marks = _show_cards(context, filters, cards, _trends(context, filters, paths), metrics)
    if pages > 1:
        st.pagination(pages, key="ads_page", bind="query-params")
    # Last, as it takes the longest when nobody has looked at these days before.
    _show_tired(context, filters, marks, tired)
    with st.expander("How these numbers are made", icon=":material/info:"):
        lines = [
            "Ads with results on these days are listed; ratios are sums divided by sums, never averages.",
            "The line on a card is the click-through rate by day; gaps are days without impressions.",
            "An ad tires where its click rate fell below that of its first weeks, more than its siblings' did.",
            "Of all ads the 300 that cost most are looked at for that.",
            "Pictures are small ones that the platforms tell, fetched by this server; without one a card is drawn.",
            *(escaped(note) for note in answer.notes),
        ]
        st.markdown("\n".join(f"- {line}" for line in lines))


def _show_choices(metrics: Mapping[str, Metric]) -> tuple[Asked, bool]:
    """Draw what decides on the cards; returns it, and whether tired ads alone are wanted."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="creative-choices"):
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
            "Sort by",
            [name for name in _SORTS if name in metrics],
            lambda name: metrics[name].title,
            none=metrics[_USUAL].title,
            key="sort",
            width=180,
        )
        order = st.selectbox("Order", _ORDERS, key="order", bind="query-params", width=155)
        active = st.toggle("Active only", key="active", bind="query-params")
        tired = st.toggle(
            "Tired only", key="tired", bind="query-params", help="Ads whose click rate falls as people see them again"
        )
    return (
        Asked(sort=sort or _USUAL, descending=order == _ORDERS[0], search=(search or "").strip(), active=bool(active)),
        bool(tired),
    )


def _show_menu(context: Context, filters: Filters, asked: Asked, *, tired_only: bool) -> None:
    """Draw the views into the filter row, with all that is chosen on this page."""
    own = {
        "search": asked.search,
        "sort": "" if asked.sort == _USUAL else asked.sort,
        "order": "" if asked.descending else _ORDERS[1],
        "active": "true" if asked.active else "",
        "tired": "true" if tired_only else "",
    }
    address = {**filters.address, **{name: (value,) for name, value in own.items() if value}}
    keep(PAGE, address)
    if filters.menu is not None:
        with filters.menu:
            show_views(context, PAGE, address, own=OWN)


def _trends(
    context: Context, filters: Filters, paths: Sequence[tuple[str, ...]]
) -> Mapping[tuple[str, ...], Sequence[Value]]:
    columns = next(one.columns for one in context.definitions().dimensions if one.name == "ad")
    answer = context.ask(filters.question(("ctr",), ("ad", "day"), where=conditions_of(paths), compare=False))
    return trends_of(answer, "ad", columns, "ctr", filters.period.days)


def _show_cards(
    context: Context,
    filters: Filters,
    cards: Sequence[Card],
    trends: Mapping[tuple[str, ...], Sequence[Value]],
    metrics: Mapping[str, Metric],
) -> Mapping[tuple[str, ...], DeltaGenerator]:
    """Draw the cards; returns where each has room for what is found of it."""
    links = manager_links(context, [card.path for card in cards])
    marks = {}
    with st.grid(4, min_column_width=250, border=True, gap="small", key="creatives"):
        for place, card in enumerate(cards):
            with st.container(key=f"creative-{place}", gap="xsmall"):
                address = {**filters.address, PLACE: ["/".join(card.path)]}
                marks[card.path] = show_card(
                    context, card, trends.get(card.path, ()), metrics["ctr"], address, links.get(card.path)
                )
    return marks


def _show_tired(
    context: Context,
    filters: Filters,
    marks: Mapping[tuple[str, ...], DeltaGenerator],
    tired: Mapping[tuple[str, ...], Finding] | None,
) -> None:
    """Mark the ads that tire."""
    if tired is None:
        try:
            tired = tired_by_ad(load_findings(context, filters).found)
        except AdjoinError as error:
            st.caption(f"Whether ads tire cannot be told: {sentence(str(error))}")
            return
    for path, mark in marks.items():
        if path in tired:
            mark.markdown(f":orange[:material/bedtime: {escaped(tired_words(tired[path], context.write))}]")


def _show_pair(context: Context, filters: Filters, metrics: Mapping[str, Metric], asked: Asked) -> None:
    """Draw the best and the worst ad beside each other, by what is sorted by where that is a ratio, else by CTR."""
    metric = metrics[asked.sort] if is_ratio(metrics[asked.sort]) else metrics["ctr"]
    pair: list[Card] = []
    for question in pair_questions(ads_question(filters, metrics, replace(asked, sort=metric.name)), metric):
        answer = context.ask(question)
        rows = answer.rows.to_pylist()
        if not rows or rows[0][metric.name] is None:
            return
        with context.store.read() as session:
            known = known_of(session, context.workspace_id, [path_of(rows[0])])
        pair += cards_of(answer, metrics, metric.name, known, context.write)
    if pair[0].path != pair[1].path:
        show_pair(context, metric, pair[0], pair[1])


def _say_nothing(context: Context, filters: Filters, asked: Asked) -> None:
    days = context.write.days(filters.period.first, filters.period.last)
    if asked.search:
        st.info(
            f"No ad with “{escaped(asked.search)}” in the name had results on {days}.", icon=":material/search_off:"
        )
        st.button("Show all of them", on_click=_clear_search, key="search-clear")
        return
    st.info(
        f"No ad had results here on {days}. Choose other days or fewer filters; some kinds of campaigns have no ads "
        "that could be read.",
        icon=":material/search_off:",
    )


def _clear_search() -> None:
    st.session_state["search"] = ""
