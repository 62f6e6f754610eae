"""Draws the Audit log page."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from adjoin.access.audit_index import AuditIndex, Names
from adjoin.access.permissions import Permission
from adjoin.writing import MISSING, Writer
from adjoin_dashboard.audit.model import (
    GROUPS,
    AuditFilter,
    AuditLine,
    LogPage,
    action_title,
    day_bounds,
    export_url,
    load_index,
    load_page,
    value_text,
)
from adjoin_dashboard.choices import choose
from adjoin_dashboard.context import Context
from adjoin_dashboard.tables import written
from adjoin_dashboard.words import escaped

__all__ = ["render"]

_PER_PAGE = 50
_WHOLE_TABLE = 12
_SPANS = {"Last 24 hours": 1, "Last 7 days": 7, "Last 30 days": 30, "Last 90 days": 90}
_ALL_TIME, _BETWEEN = "All time", "Between two days"
_PLACES = "audit-places"  # where the pages begin that were turned over, the first one left out


def render(context: Context) -> None:
    """Draw the page."""
    context.signed_in.required(Permission.READ_AUDIT)
    st.title("Audit log", anchor=False)
    asked = _show_filters(context)
    if asked is None:
        return
    places = _places(asked)
    page = load_page(
        context.host.store,
        context.store,
        asked,
        limit=_PER_PAGE,
        after=places[-1] if places else None,
        write=context.write,
    )
    if not page.lines:
        st.info("Nothing was noted that fits. The log begins with the workspace.", icon=":material/search_off:")
        return
    selected = _show_table(context, page, asked)
    _show_turning(context, page, places)
    if selected is not None:
        _show_entry(context, selected)


def _show_filters(context: Context) -> AuditFilter | None:
    found, names = _index(context.workspace_id, context)
    prefixes = sorted({f"{action.partition('.')[0]}." for action in found.actions}, key=action_title)
    actions = [one for prefix in prefixes for one in (prefix, *(a for a in found.actions if a.startswith(prefix)))]
    with st.container(horizontal=True, vertical_alignment="top", key="audit-filters"):
        actors = sorted(found.actors, key=lambda one: names.actor(one).casefold())
        actor = choose("Who", actors, names.actor, none="Anybody", key="who", width=230)
        action = choose("Did what", actions, _action_option, none="Anything", key="what", width=210)
        kind = choose("To what", found.kinds, _kind_title, none="Anything", key="kind", width=130)
        which = st.text_input("With the id", key="id", bind="query-params", width=140, placeholder="any")
        span = st.selectbox("When", [*_SPANS, _ALL_TIME, _BETWEEN], index=2, key="when", bind="query-params", width=165)
        between = None
        if span == _BETWEEN:
            today = context.today()
            between = st.date_input(
                "From and to",
                (today - timedelta(days=6), today),
                max_value=today,
                format=context.write.date_order,
                key="between",
                bind="query-params",
                width=250,
            )
    since = until = None
    if between is not None:
        if not isinstance(between, tuple) or len(between) != 2:
            st.info("Choose the last day too.", icon=":material/date_range:")
            return None
        since, until = day_bounds(between[0], between[1], context.write.time_zone)
    elif span in _SPANS:
        # From a full hour on: the same filter while pages are turned.
        since = context.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=_SPANS[span])
    return AuditFilter(
        actor=actor,
        action=action,
        object_kind=kind,
        object_id=(which or "").strip(),
        since=since,
        until=until,
    )


@st.cache_data(show_spinner=False, max_entries=50, ttl=timedelta(seconds=30))
def _index(workspace_id: str, _context: Context) -> tuple[AuditIndex, Names]:
    # The workspace makes the answer its own.
    return load_index(_context.host.store, _context.host.store.scoped(workspace_id, _context.signed_in.user_id))


def _action_option(action: str) -> str:
    return f"{GROUPS.get(action, action_title(action))}: all" if action.endswith(".") else action_title(action)


def _kind_title(kind: str) -> str:
    return "API key" if kind == "api_token" else kind.replace("_", " ").capitalize()


def _places(asked: AuditFilter) -> list[str]:
    """Return where the pages that were turned over end; none for another filter than theirs."""
    of, places = st.session_state.get(_PLACES, (asked, []))
    kept = list(places) if of == asked else []
    st.session_state[_PLACES] = (asked, kept)
    return kept


def _show_table(context: Context, page: LogPage, asked: AuditFilter) -> AuditLine | None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(f"Times in {context.write.time_zone}. Click the box before a line for all of it.", width="content")
        st.link_button(
            "Download CSV",
            export_url(context.workspace_id, asked),
            icon=":material/download:",
            help="Everything that the filter finds, not this page alone. The log notes the download.",
        )
    table = pd.DataFrame(
        [
            {
                "When": one.at,
                "Who": one.who,
                "Did what": action_title(one.action),
                "To what": one.what or None,
                "Change": one.change or None,
                "From": one.address or None,
            }
            for one in page.lines
        ]
    )
    event = st.dataframe(
        written(table, {"When": lambda at: context.write.moment(at, seconds=True)}),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        # A selection is a position: another page or a newer entry moves all of them.
        key=f"audit-{page.lines[0].id}-{len(page.lines)}",
        placeholder=MISSING,
        row_height=40,
        height="content" if len(page.lines) <= _WHOLE_TABLE else 540,
        column_config={
            "When": st.column_config.DatetimeColumn(width=172),
            "Who": st.column_config.TextColumn(width=180),
            "Did what": st.column_config.TextColumn(width=155),
            "To what": st.column_config.TextColumn(width=165),
            "Change": st.column_config.TextColumn(width=173),
            "From": st.column_config.TextColumn(width=95),
        },
        alt="Entries of the audit log, the newest first",
    )
    selected = [row for row in event["selection"]["rows"] if row < len(page.lines)]
    return page.lines[selected[0]] if selected else None


def _show_turning(context: Context, page: LogPage, places: list[str]) -> None:
    if not places and page.next is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="audit-turning"):
        st.button("Newer", icon=":material/chevron_left:", disabled=not places, key="newer", on_click=_turn_back)
        st.button(
            "Older",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=page.next is None,
            key="older",
            on_click=_turn,
            args=(page.next,),
        )
        st.caption(
            f"Page {len(places) + 1}, {context.write.counted(len(page.lines), 'entry', 'entries')}", width="content"
        )


def _turn(place: str) -> None:
    of, places = st.session_state[_PLACES]
    st.session_state[_PLACES] = (of, [*places, place])


def _turn_back() -> None:
    of, places = st.session_state[_PLACES]
    st.session_state[_PLACES] = (of, places[:-1])


def _show_entry(context: Context, one: AuditLine) -> None:
    st.header(action_title(one.action), anchor=False)
    what = f" · {escaped(one.what)}" if one.what else ""
    where = f" · from {escaped(one.address)}" if one.address else ""
    st.markdown(f"{context.write.stamp(one.at)} · **{escaped(one.who)}**{what}{where}")
    names = list(dict.fromkeys([*(one.before or {}), *(one.after or {})]))
    if names:
        st.table(
            pd.DataFrame(
                [[_cell(one.before, name, context.write), _cell(one.after, name, context.write)] for name in names],
                index=[escaped(name.replace("_", " ")) for name in names],
                columns=["Before", "After"],
            )
        )
    on = f" on {one.object_kind} {one.object_id}" if one.object_id else ""
    st.caption(escaped(f"{one.action} by {one.actor}{on} · entry {one.id}"))
    with st.container(horizontal=True):
        st.button("All that they did", key="only-who", on_click=_narrow, args=({"who": one.actor},))
        if one.object_id:
            only = {"kind": one.object_kind, "id": one.object_id}
            st.button("All that was done to it", key="only-it", on_click=_narrow, args=(only,))


def _narrow(values: dict[str, str]) -> None:
    """Filter by what an entry says, and by nothing else but the time."""
    _index.clear()  # who has only just done something is to be found
    for name in ("who", "what", "kind", "id"):
        st.session_state[name] = values.get(name, "")


def _cell(values: object, name: str, write: Writer) -> str:
    return escaped(value_text(values[name], write)) if isinstance(values, dict) and name in values else MISSING
