"""The table of the Campaigns page with its pages and downloads, and the way further in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from adjoin.analytics.v1 import Answer, Condition, Metric
from adjoin.errors import BadInput
from adjoin.writing import MISSING
from adjoin_dashboard.addresses import PLACE
from adjoin_dashboard.campaigns.model import LEVELS, Asked, Line, Place, lines_of, states_of, trends_of
from adjoin_dashboard.campaigns.table import OPENED, frame_of, settings_of, styled
from adjoin_dashboard.choices import asked as asked_for
from adjoin_dashboard.context import Context
from adjoin_dashboard.door.report_exports import export_url
from adjoin_dashboard.figures import Value, written_value
from adjoin_dashboard.filters import Filters
from adjoin_dashboard.managers import manager_links
from adjoin_dashboard.overview.accounts import account_names
from adjoin_dashboard.overview.status import Status
from adjoin_dashboard.words import escaped, sentence

__all__ = ["PER_PAGE", "go", "show_listing"]

PER_PAGE = 25
_WHOLE_TABLE = 12
_ASKED = "_adjoin_campaigns_asked"
_CHOSEN = "campaign-chosen"
_LONGEST_NUMBER = 6
_LONGEST_NAME = 60
#: The levels whose lines lead further in.
_OPENS = ("campaign", "ad_group", "ad")


def go(to: Place) -> None:
    """Show another place, from its first page on: in a callback."""
    if to.path:
        st.query_params[PLACE] = to.text
    elif PLACE in st.query_params:
        del st.query_params[PLACE]
    if to.levels:
        st.session_state["level"] = LEVELS[to.levels[0]]
    st.session_state["search"] = ""
    st.session_state["page"] = 1


def show_listing(
    context: Context, status: Status, filters: Filters, here: Place, metrics: Mapping[str, Metric], asked: Asked
) -> None:
    """Draw what is found of a level in a place, a page at a time. `metrics` are the columns and what is sorted by."""
    level = asked.level
    columns = next(one.columns for one in context.definitions().dimensions if one.name == level)
    number = _page_number(repr((filters.period, filters.where, filters.comparison, here, asked)))
    answer = _ask(context, filters, here, metrics, asked, page=number)
    pages = max(-(-answer.total_rows // PER_PAGE), 1)
    if number > pages:  # an old link, or there was more before
        number = pages
        st.session_state["page"] = pages
        answer = _ask(context, filters, here, metrics, asked, page=pages)
    if not answer.total_rows:
        _say_nothing(context, filters, asked)
        return
    lines = lines_of(answer, level, columns, tuple(metrics))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(_counted(context, metrics, asked, answer, number, len(lines)), width="content")
        with st.container(horizontal=True, width="content"):
            if level in _OPENS:
                _show_opening(lines)
            _show_downloads(context, filters, here, metrics, asked)
    with context.store.read() as session:
        states = states_of(session, context.workspace_id, level, [line.path for line in lines])
    several = len(status.accounts) > 1 and not here.path
    table = frame_of(
        lines,
        metrics,
        asked,
        states=states,
        accounts=account_names(status.accounts) if several else {},
        platform_title=context.host.platform_title,
        trends=_trends(context, filters, here, asked, columns, lines),
        compared=answer.before is not None,
        opens=level in _OPENS,
        links=_links(context, level, lines),
    )
    st.dataframe(
        styled(table, metrics, answer.currency, context.write),
        hide_index=True,
        column_config=settings_of(table, metrics, asked.sort, on_open=_open, lines=lines),
        placeholder=MISSING,
        row_height=40,
        height="content" if len(lines) <= _WHOLE_TABLE else 560,
        key=f"{level}s",
        alt=f"{LEVELS[level]} with {', '.join(metrics[name].title for name in asked.columns)}",
    )
    if pages > 1:
        st.pagination(pages, key="page", bind="query-params")


def _ask(
    context: Context, filters: Filters, here: Place, metrics: Mapping[str, Metric], asked: Asked, *, page: int
) -> Answer:
    return context.ask(
        filters.question(
            tuple(metrics),
            (asked.level,),
            where=here.where,
            order_by=asked.order_by,
            search=asked.search,
            limit=PER_PAGE,
            offset=(page - 1) * PER_PAGE,
        )
    )


def _page_number(question: str) -> int:
    """Return the page of the table that is looked at: the first one after another question was asked."""
    before = st.session_state.get(_ASKED)
    st.session_state[_ASKED] = question
    if before is not None and before != question and st.session_state.get("page", 1) != 1:
        st.session_state["page"] = 1
    wanted = str(st.session_state.get("page") or next(iter(asked_for("page")), "1"))
    return max(int(wanted), 1) if wanted.isdecimal() and len(wanted) <= _LONGEST_NUMBER else 1


def _counted(
    context: Context, metrics: Mapping[str, Metric], asked: Asked, answer: Answer, page: int, shown: int
) -> str:
    """Say how many there are and what they come to: less than the whole where a level does not hold everything."""
    counted = context.write.counted(answer.total_rows, LEVELS[asked.level][:-1].lower())
    first = (page - 1) * PER_PAGE + 1
    part = "" if answer.total_rows == shown else f"{first}–{first + shown - 1} of "
    metric = metrics[asked.sort]
    together = written_value(metric, answer.totals.get(asked.sort), context.write, answer.currency)
    return f"{part}{counted} · {escaped(metric.title)} together {escaped(together)}"


def _trends(
    context: Context, filters: Filters, here: Place, asked: Asked, columns: Sequence[str], lines: Sequence[Line]
) -> Mapping[tuple[str, ...], Sequence[Value]]:
    shown = Condition(dimension=asked.level, values=tuple("/".join(line.path) for line in lines))
    question = filters.question((asked.sort,), (asked.level, "day"), where=(*here.where, shown), compare=False)
    return trends_of(context.ask(question), asked.level, columns, asked.sort, filters.period.days)


def _links(context: Context, level: str, lines: Sequence[Line]) -> Mapping[tuple[str, ...], str]:
    """Return by path where the platforms' managers show the lines; a keyword is shown in its ad group."""
    if level == "search_term":
        return {}
    places = {line.path: line.path[:-1] if level == "keyword" else line.path for line in lines}
    found = manager_links(context, set(places.values()))
    return {path: found[place] for path, place in places.items() if place in found}


def _show_downloads(
    context: Context, filters: Filters, here: Place, metrics: Mapping[str, Metric], asked: Asked
) -> None:
    question = filters.question(
        tuple(metrics), (asked.level,), where=here.where, order_by=asked.order_by, search=asked.search
    )
    with st.popover("Download", icon=":material/download:", key="download"):
        st.caption("All that is found, not this page alone.")
        try:
            for kind, title in (("csv", "CSV"), ("xlsx", "Excel"), ("parquet", "Parquet")):
                st.link_button(title, export_url(context.workspace_id, question, kind), width="stretch")
        except BadInput as error:  # so many accounts are chosen that no address holds them
            st.caption(sentence(str(error)))


def _say_nothing(context: Context, filters: Filters, asked: Asked) -> None:
    what = LEVELS[asked.level].lower()
    days = context.write.days(filters.period.first, filters.period.last)
    if asked.search:
        st.info(
            f"No {what} with “{escaped(asked.search)}” in the name had results on {days}.", icon=":material/search_off:"
        )
        st.button("Show all of them", on_click=_clear_search, key="search-clear")
    elif asked.level in ("keyword", "search_term"):
        st.info(
            f"There are no {what} here on {days}. Not every platform and kind of campaign has them, and they are "
            "fetched by syncs that read them: the page Data health shows which days are there.",
            icon=":material/search_off:",
        )
    else:
        st.info(
            f"No {what} had results here on {days}. Choose other days, or fewer filters.", icon=":material/search_off:"
        )


def _clear_search() -> None:
    st.session_state["search"] = ""


def _show_opening(lines: Sequence[Line]) -> None:
    """Offer the lines in a menu, too: a table's buttons are for pointers alone."""
    st.selectbox(
        "Open a line",
        range(len(lines)),
        index=None,
        format_func=lambda row: lines[row].name[:_LONGEST_NAME] if row < len(lines) else "",
        placeholder="Open …",
        label_visibility="collapsed",
        key=_CHOSEN,
        on_change=_open_chosen,
        args=(lines,),
        width=150,
    )


def _open_chosen(lines: Sequence[Line]) -> None:
    """Lead to the line that was chosen in the menu."""
    row = st.session_state.pop(_CHOSEN, None)
    if row is not None and 0 <= row < len(lines):
        go(Place(lines[row].path))


def _open(lines: Sequence[Line]) -> None:
    """Lead to the line whose button was pressed."""
    row = st.session_state[OPENED]["row"]
    if 0 <= row < len(lines):
        go(Place(lines[row].path))
