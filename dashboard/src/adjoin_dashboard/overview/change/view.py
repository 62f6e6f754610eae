"""Draws the panel "What made the change": words, bars, and a table whose lines lead further in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from adjoin.analytics.v1 import Condition, Dimension, DimensionKind, Explanation, Metric
from adjoin.errors import AdjoinError
from adjoin.writing import MISSING
from adjoin_dashboard.addresses import PLACE, Address, clear_place, link_of, place
from adjoin_dashboard.campaigns.model import Place, crumbs_of
from adjoin_dashboard.choices import asked, choose
from adjoin_dashboard.colours import DARK, LIGHT
from adjoin_dashboard.context import Context
from adjoin_dashboard.figures import metrics_by_name
from adjoin_dashboard.filters import Filters
from adjoin_dashboard.overview.accounts import account_names
from adjoin_dashboard.overview.change.chart import effects_chart
from adjoin_dashboard.overview.change.source import load_explanation
from adjoin_dashboard.overview.change.table import OPENED, Line, frame_of, lines_of, settings_of, styled
from adjoin_dashboard.overview.change.words import causes_of, chosen_of, namer_of, sentences
from adjoin_dashboard.overview.status import Status
from adjoin_dashboard.words import escaped, sentence

__all__ = ["OWN", "change_address", "show_change"]

#: The panel's own parameters of an address: the metric, and the dimension.
OWN = ("why", "by")

_USUAL = ("cost", "conversions", "cpa", "roas", "ctr", "cpc")
#: What is offered besides a workspace's own dimensions.
_OFFERED = ("platform", "account", "campaign", "ad_group", "ad", "objective", "channel", "keyword", "search_term")
_WAY_DOWN = ("platform", "account", "campaign", "ad_group", "ad")
_LONGEST_CRUMB = 60
_RESULTS = frozenset({"conversions", "conversion_value_micros"})
_VOLUME, _MIX, _RATE = 0, 6, 2  # places in the palettes


def change_address() -> Address:
    """Return what is chosen on the panel, as parameters of an address."""
    chosen = {name: str(st.session_state.get(name) or next(iter(asked(name)), "")) for name in OWN}
    chosen[PLACE] = place()
    return {name: (value,) for name, value in chosen.items() if value}


def show_change(context: Context, status: Status, filters: Filters, *, comparable: bool) -> None:
    """Draw the panel. Without `comparable` too many of the compared days are missing for a comparison."""
    st.header("What made the change", anchor=False)
    if filters.compared is None:
        st.caption("Choose days to compare with, and this says what made the change, and where.")
        st.button("Compare with the days before", on_click=_compare, key="change-compare")
        return
    if not comparable:
        st.caption("The compared days were not synced completely, so nothing can be said of the change.")
        return
    definitions = context.definitions()
    metrics = metrics_by_name(definitions.metrics)
    dimensions = {one.name: one for one in definitions.dimensions}
    here = _here(status)
    metric, dimension = _choose(context, status, filters, metrics, dimensions, here)
    _show_crumbs(context, status, here)
    question = filters.question((metric,), (dimension,), where=_where(here))
    try:
        found = load_explanation(context, question)
    except AdjoinError as error:
        st.info(sentence(str(error)), icon=":material/info:")
        return
    _show(context, status, filters, found, metrics, dimensions, here)


def _show(
    context: Context,
    status: Status,
    filters: Filters,
    found: Explanation,
    metrics: Mapping[str, Metric],
    dimensions: Mapping[str, Dimension],
    here: tuple[str, ...],
) -> None:
    dimension = dimensions[found.levels[0].dimension if found.levels else "platform"]
    singular = dimension.title.lower() if not dimension.custom else dimension.title
    causes = causes_of(found, metrics, f"{singular}s" if not dimension.custom else "them")
    name = namer_of(context.host.platform_title, account_names(status.accounts))
    told = sentences(found, metrics, name=name, singular=singular, causes=causes, write=context.write)
    st.markdown("  \n".join(line for line in told if line))
    if not found.levels or not found.levels[0].effects:
        return
    metric = metrics[found.metric]
    lines = lines_of(
        found.levels[0],
        name,
        context.write,
        opens=dimension.name in _WAY_DOWN[:-1],
        before=found.before,
        now=found.now,
    )
    palette = DARK if st.context.theme.type == "dark" else LIGHT
    drawn = [line for line in lines[:-1] if line.change or line.volume or line.mix or line.rate]
    if drawn:
        st.echarts_chart(
            effects_chart(
                drawn,
                causes,
                metric,
                write=context.write,
                currency=found.currency,
                colours={
                    "change": palette[_VOLUME],
                    "volume": palette[_VOLUME],
                    "mix": palette[_MIX],
                    "rate": palette[_RATE],
                },
                ink="#F1F3F5" if st.context.theme.type == "dark" else "#212529",
            ),
            height=30 * len(drawn) + 80,
            key="change-chart",
            alt=f"Effects on {metric.title} by {singular}: "
            + ", ".join(f"{line.name} {'up' if line.change > 0 else 'down'}" for line in drawn),
        )
    table = frame_of(lines, causes, dimension.title, metric)
    st.dataframe(
        styled(table, causes, metric, found.currency, context.write),
        hide_index=True,
        column_config=settings_of(table, causes, dimension.title, on_open=_open, lines=lines),
        placeholder=MISSING,
        row_height=40,
        height="content",
        key="change-table",
        alt=f"Effects on {metric.title} by {singular}, which add up to the whole change",
    )
    _show_ways_on(context, filters, found, name, here)
    _show_notes(context, found, metric)


def _choose(
    context: Context,
    status: Status,
    filters: Filters,
    metrics: Mapping[str, Metric],
    dimensions: Mapping[str, Dimension],
    here: tuple[str, ...],
) -> tuple[str, str]:
    """Let somebody choose what is explained, by what."""
    ordered = [*(name for name in _USUAL if name in metrics), *(name for name in metrics if name not in _USUAL)]
    offered = [name for name in _OFFERED if name in dimensions]
    offered += [name for name, one in dimensions.items() if one.custom and one.kind is not DimensionKind.TIME]
    offered = [name for name in offered if name not in _WAY_DOWN[: len(here)]]
    usual = _usual(status, filters, here)
    with st.container(horizontal=True, vertical_alignment="bottom", key="change-choices"):
        metric = choose(
            "Metric", ordered[1:], lambda one: metrics[one].title, none=metrics[ordered[0]].title, key="why", width=170
        )
        others = [name for name in offered if name != usual]
        if st.session_state.get("by") not in (None, "", *others):
            st.session_state["by"] = ""
        by = choose("By", others, lambda one: dimensions[one].title, none=dimensions[usual].title, key="by", width=170)
    return metric or ordered[0], by or usual


def _usual(status: Status, filters: Filters, here: tuple[str, ...]) -> str:
    """Return the widest dimension that tells anything apart."""
    if here:
        return _WAY_DOWN[len(here)]
    accounts = [one for one in status.accounts if filters.shows((one.platform, one.account_id))]
    if len({one.platform for one in accounts}) > 1:
        return "platform"
    return "account" if len(accounts) > 1 else "campaign"


def _here(status: Status) -> tuple[str, ...]:
    """Return the key of what the panel is about, from the address; empty for all, and for what is not there."""
    key = tuple(place().split("/")) if place() else ()
    if not 0 < len(key) < len(_WAY_DOWN) or not all(key) or "\0" in place():
        return ()
    known = {(one.platform, one.account_id) for one in status.accounts}
    there = key[0] in status.platforms if len(key) == 1 else (key[0], key[1]) in known
    return key if there else ()


def _where(here: tuple[str, ...]) -> tuple[Condition, ...]:
    return (Condition(dimension=_WAY_DOWN[len(here) - 1], values=("/".join(here),)),) if here else ()


def _show_crumbs(context: Context, status: Status, here: tuple[str, ...]) -> None:
    """Draw the way back from what the panel is about."""
    if not here:
        return
    names = [context.host.platform_title(here[0])]
    if len(here) > 1:
        names.append(account_names(status.accounts)[here[0], here[1]])
    if len(here) > 2:
        with context.store.read() as session:
            crumbs = crumbs_of(session, context.workspace_id, Place(here))
        names += [called for _, called in crumbs or ()]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="change-crumbs"):
        st.button("Everything", type="tertiary", icon=":material/home:", on_click=_go, args=((),), key="change-crumb-0")
        for number, called in enumerate(names, start=1):
            shown = escaped(called if len(called) <= _LONGEST_CRUMB else f"{called[: _LONGEST_CRUMB - 1]}…")
            st.caption("›", width="content")
            if number == len(names):
                st.markdown(f"**{shown}**", width="content")
            else:
                st.button(shown, type="tertiary", on_click=_go, args=(here[:number],), key=f"change-crumb-{number}")


def _show_ways_on(
    context: Context, filters: Filters, found: Explanation, name: Callable[..., str], here: tuple[str, ...]
) -> None:
    """Link to the page Campaigns: to what made most of the change, or to what the panel is about."""
    way = chosen_of(found)
    key, called = here, ""
    if way and way[-1][0].dimension in _WAY_DOWN:
        key, called = way[-1][1].key, name(way[-1][0].dimension, way[-1][1])
    label = f"Look at {called[:_LONGEST_CRUMB]} in Campaigns" if called else "Look at it in Campaigns"
    st.link_button(
        escaped(label),
        link_of(context, "campaigns", campaigns_address(filters.address, key, found.metric)),
        icon=":material/arrow_forward:",
        type="tertiary",
    )


def campaigns_address(address: Address, key: Sequence[str], metric: str) -> Address:
    """Return the address of the page Campaigns for a platform, an account, or what is inside, by a metric."""
    found = dict(address)
    if len(key) == 1:
        found |= {"platforms": (key[0],), "accounts": ()}
    elif len(key) == 2:
        found |= {"platforms": (key[0],), "accounts": ("/".join(key),)}
    elif key:
        found[PLACE] = ("/".join(key),)
    if metric != _USUAL[0]:
        found["sort"] = (metric,)
    return {name: values for name, values in found.items() if values}


def _show_notes(context: Context, found: Explanation, metric: Metric) -> None:
    lines = [escaped(note) for note in found.notes]
    changing = [day for day in found.changing_since.values() if day <= found.until]
    if changing and _RESULTS & set(metric.sums):
        first = context.write.day(min(changing))
        lines.insert(0, f"Conversions of {first} and later days are still coming in, so the last days look too low.")
    if any(one.incomplete for level in found.levels for one in level.effects):
        lines.append("Some members lack one of the sums that this is computed from; their effects are not whole.")
    if lines:
        st.caption("  \n".join(f":material/info: {line}" for line in lines))


def _compare() -> None:
    st.session_state["compare"] = "Previous period"


def _open(lines: Sequence[Line]) -> None:
    """Lead to what is inside the line whose button was pressed."""
    row = st.session_state[OPENED]["row"]
    if 0 <= row < len(lines) and lines[row].path:
        _go(lines[row].path)


def _go(key: tuple[str, ...]) -> None:
    """Have the panel be about another member: in a callback."""
    if key:
        st.query_params[PLACE] = "/".join(key)
    else:
        clear_place()
    st.session_state["by"] = ""
