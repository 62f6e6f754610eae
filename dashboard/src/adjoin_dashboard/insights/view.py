"""Draws the Insights page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import streamlit as st

from adjoin.access.audit_index import names_of
from adjoin.access.permissions import Permission
from adjoin.analytics.v1 import Dismissal, Finding, FindingKind, Findings, Metric
from adjoin.errors import AdjoinError
from adjoin_dashboard.addresses import keep, link_of
from adjoin_dashboard.choices import choose_many
from adjoin_dashboard.colours import DARK, LIGHT
from adjoin_dashboard.context import Context
from adjoin_dashboard.empty import say_not_connected, say_not_synced
from adjoin_dashboard.figures import metrics_by_name
from adjoin_dashboard.filters import Filters, show_filters
from adjoin_dashboard.insights.chart import finding_chart
from adjoin_dashboard.insights.model import ICONS, KINDS, SPANS, Card, card_of, evidence_of, mixed, names_in, until_of
from adjoin_dashboard.insights.source import dismiss, load_dismissed, load_findings, restore
from adjoin_dashboard.managers import manager_links, show_manager_link
from adjoin_dashboard.notices import closing_key, show_notices, tell
from adjoin_dashboard.overview.accounts import account_names
from adjoin_dashboard.overview.status import Status, load_status
from adjoin_dashboard.stamp import show_stamp
from adjoin_dashboard.views import show_views
from adjoin_dashboard.words import escaped, sentence

__all__ = ["render"]

PAGE = "insights"
#: The page's own parameters.
OWN = ("kinds", "aside")
_STEP = 15
_SHOWN, _UNDO = "_adjoin_insights_shown", "_adjoin_insights_undo"
_LONGEST_NAME = 80
_GREY, _ORANGE = 6, 7  # places in the palettes
#: What has a page in a platform's own manager.
_MANAGED = ("account", "campaign", "ad_group", "ad")


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Insights", anchor=False)
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
    undo = st.container(horizontal=True, vertical_alignment="center", key="undo")
    show_stamp(context, status, filters)
    for problem in status.problems:
        st.warning(problem, icon=":material/warning:")
    try:
        found = load_findings(context, filters)
        aside = load_dismissed(context)
        metrics = metrics_by_name(context.definitions().metrics)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    with undo:
        _show_undo(context, found, aside)
    kinds, with_aside = _show_choices(context, filters, found, aside)
    shown = mixed(one for one in found.found if one.kind in kinds and (with_aside or one.id not in aside))
    if shown:
        _show_cards(context, status, filters, shown, aside, metrics)
    else:
        _say_nothing(context, found, aside, filtered=len(kinds) < len(KINDS))
    _show_notes(context, found)


def _show_choices(
    context: Context, filters: Filters, found: Findings, aside: Collection[str]
) -> tuple[Collection[FindingKind], bool]:
    """Draw what decides on the cards: their kinds, and whether those that were put aside are there."""
    counted = Counter(one.kind for one in found.found if one.id not in aside)
    with st.container(horizontal=True, vertical_alignment="bottom", key="insight-choices"):
        chosen = choose_many(
            "Kinds",
            list(KINDS),
            lambda name: f"{KINDS[name][1]} ({context.write.count(counted[KINDS[name][0]])})",
            key="kinds",
            placeholder="All kinds",
            width=420,
        )
        hidden = sum(one.id in aside for one in found.found)
        with_aside = st.toggle(
            f"Show dismissed ({context.write.count(hidden)})", key="aside", bind="query-params", value=False
        )
    address = {**filters.address, "kinds": tuple(chosen), "aside": ("true",) if with_aside else ()}
    address = {name: values for name, values in address.items() if values}
    keep(PAGE, address)
    if filters.menu is not None:
        with filters.menu:
            show_views(context, PAGE, address, own=OWN)
    return {KINDS[name][0] for name in chosen or KINDS}, with_aside


def _show_cards(
    context: Context,
    status: Status,
    filters: Filters,
    findings: Sequence[Finding],
    aside: Mapping[str, Dismissal],
    metrics: Mapping[str, Metric],
) -> None:
    """Draw the first of them, and a button for more."""
    asked = repr((filters.address, [one.id for one in findings[:_STEP]]))
    kept, number = st.session_state.get(_SHOWN, ("", _STEP))
    number = number if kept == asked else _STEP
    drawn = findings[:number]
    with context.store.read() as session:
        names = names_in(session, context.workspace_id, drawn, account_names(status.accounts))
    with context.host.store.read() as session:  # also those who have left
        people = names_of(session, context.workspace_id, actors={one.by for one in aside.values()})
    told = context.write.counted(len(findings), "finding")
    if len(drawn) < len(findings):
        told = f"{context.write.count(len(drawn))} of {told}"
    st.header("Findings", anchor=False)
    st.caption(f"{told}, the weightiest of each kind first")
    managers = manager_links(context, {one.key for one in drawn if one.dimension in _MANAGED})
    for place, finding in enumerate(drawn):
        card = card_of(
            finding,
            metrics[finding.metric],
            names,
            currency=filters.currency,
            write=context.write,
            platform_title=context.host.platform_title,
        )
        kept_aside = aside.get(finding.id)
        by = "" if kept_aside is None else people.actor(kept_aside.by)
        manager = managers.get(finding.key)
        _show_card(context, filters, card, metrics[finding.metric], place, kept_aside, by, manager)
    if len(drawn) < len(findings):
        st.button("Show more", icon=":material/expand_more:", on_click=_show_more, args=(asked, number + _STEP))


def _show_more(asked: str, number: int) -> None:
    st.session_state[_SHOWN] = (asked, number)


def _show_card(
    context: Context,
    filters: Filters,
    card: Card,
    metric: Metric,
    place: int,
    aside: Dismissal | None,
    by: str,
    manager: str | None,
) -> None:
    finding = card.finding
    with st.container(border=True, key=f"finding-{place}"):
        words, drawing = (
            st.columns([3, 2], gap="medium", vertical_alignment="center")
            if finding.days
            else (
                st.container(),
                None,
            )
        )
        with words:
            st.caption(f"{ICONS[finding.kind]} {card.kind} · {card.days}")
            st.subheader(escaped(card.title), anchor=False)
            about = " › ".join(escaped(_short(name)) for name in card.path)
            st.markdown(f"**“{escaped(_short(finding.subject))}”** in {about}" if finding.subject else about)
            lines = [f":gray[{escaped(title)}] **{escaped(value)}**" for title, value in card.figures]
            if card.stake:
                lines.insert(0, f"**{escaped(card.stake)}** :gray[{card.stake_is}]")
            st.markdown(" · ".join(lines))
        if drawing is not None:
            with drawing:
                palette = DARK if st.context.theme.type == "dark" else LIGHT
                st.echarts_chart(
                    finding_chart(
                        finding,
                        metric,
                        currency=filters.currency,
                        write=context.write,
                        colours=(palette[0], palette[_GREY], palette[_ORANGE]),
                    ),
                    height=150,
                    key=f"finding-chart-{place}",
                    alt=f"{metric.title} by day around {card.days}",
                )
        _show_actions(context, filters, finding, place, aside, by, manager)


def _show_actions(
    context: Context,
    filters: Filters,
    finding: Finding,
    place: int,
    aside: Dismissal | None,
    by: str,
    manager: str | None,
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"finding-actions-{place}"):
        address = evidence_of(finding, filters.period, filters.currency)
        st.link_button(
            "Look at it in Campaigns",
            link_of(context, "campaigns", address),
            icon=":material/open_in_new:",
            type="tertiary",
        )
        show_manager_link(context, finding.key, manager)
        may = context.may(Permission.ANNOTATE)
        if aside is not None:
            until = "for good" if aside.until is None else f"until {context.write.day(aside.until)}"
            st.caption(f"Dismissed {until} by {escaped(by)}", width="content")
            if may:
                st.button(
                    "Take back",
                    icon=":material/undo:",
                    type="tertiary",
                    key=f"restore-{finding.id}",
                    on_click=_restore,
                    args=(context, finding),
                )
        elif may:
            with st.popover(
                "Dismiss", icon=":material/visibility_off:", type="tertiary", key=closing_key(f"dismiss-{finding.id}")
            ):
                for number, span in enumerate(SPANS):
                    st.button(
                        span,
                        type="tertiary",
                        key=f"aside-{number}-{finding.id}",
                        on_click=_dismiss,
                        args=(context, finding, span),
                    )
                st.caption("For everybody in this workspace.")


def _dismiss(context: Context, finding: Finding, span: str) -> None:
    try:
        dismiss(context, finding, until=until_of(span, context.now().date()))
    except AdjoinError as error:
        tell(sentence(str(error)), problem=True)
        return
    st.session_state[_UNDO] = (finding.id, f"Dismissed {span.lower()}.")


def _restore(context: Context, finding: Finding) -> None:
    try:
        restore(context, finding)
    except AdjoinError as error:
        tell(sentence(str(error)), problem=True)
        return
    tell("The finding is back.")


def _show_undo(context: Context, found: Findings, aside: Collection[str]) -> None:
    """Say what was dismissed just now, once, and offer to take it back."""
    last, told = st.session_state.pop(_UNDO, ("", ""))
    finding = next((one for one in found.found if one.id == last), None)
    if finding is not None and last in aside:
        st.success(told, icon=":material/check:", width=320)
        st.button("Undo", icon=":material/undo:", key="undo-dismissal", on_click=_restore, args=(context, finding))


def _say_nothing(context: Context, found: Findings, aside: Collection[str], *, filtered: bool) -> None:
    """Say why there is no card, and that this need not be bad."""
    hidden = sum(one.id in aside for one in found.found)
    if filtered and len(found.found) > hidden:
        st.info("Nothing of these kinds was found. Choose other kinds to see the rest.", icon=":material/filter_alt:")
    elif hidden:
        told = context.write.counted(hidden, "finding")
        st.info(
            f"All that was found is dismissed: {told}. Show dismissed lists them.", icon=":material/visibility_off:"
        )
    else:
        days = context.write.days(found.since, found.until)
        st.info(
            f"Nothing stands out, {days}: figures went as their own past lets expect. The first findings need about "
            "six weeks of figures.",
            icon=":material/check_circle:",
        )


def _show_notes(context: Context, found: Findings) -> None:
    with st.expander("How this is found", icon=":material/info:"):
        lines = [
            f"Looked at: {context.write.days(found.since, found.until)}. Days that are not over in every account wait.",
            "Weight is the money at stake times how certain and how large it is; what money cannot tell comes last.",
            "Unusual days are held against what the day before let expect; a chart's band holds 95 of 100 usual days.",
            "Big changes of spend are against as many days right before, whatever other pages compare with.",
            "Search terms are those of 90 days up to a week before the last day, as conversions arrive late.",
            *found.notes,
        ]
        st.markdown("\n".join(f"- {escaped(line)}" for line in lines))


def _short(name: str) -> str:
    whole = " ".join(name.split())
    return whole if len(whole) <= _LONGEST_NAME else f"{whole[: _LONGEST_NAME - 1]}…"
