"""Draws an ad as a card, and the best and the worst one beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adjoin.analytics.v1 import Metric
from adjoin_dashboard.addresses import Address, link_of
from adjoin_dashboard.colours import DARK, LIGHT
from adjoin_dashboard.context import Context
from adjoin_dashboard.creatives.model import Card, sparkline
from adjoin_dashboard.figures import Change, Value
from adjoin_dashboard.managers import show_manager_link
from adjoin_dashboard.words import escaped

__all__ = ["show_card", "show_pair"]

_LONGEST_NAME = 90
_GOOD = {True: ("#2B8A3E", "#69DB7C"), False: ("#C92A2A", "#FF8787"), None: ("#5C636A", "#ADB5BD")}


def show_card(
    context: Context, card: Card, trend: Sequence[Value], ctr: Metric, address: Address, manager: str | None
) -> DeltaGenerator:
    """Draw a card; returns the place in it for what is found of the ad."""
    st.html(_picture(card, height=150))
    st.markdown(f"**{escaped(_short(card.name))}**")
    about = [context.host.platform_title(card.path[0]), card.kind, card.status]
    st.caption(f"{escaped(' · '.join(one for one in about if one))}  \n{escaped(_short(card.campaign))}")
    st.html(_figures(card, dark=_is_dark()))
    drawn = sparkline(trend, ctr, colour=(DARK if _is_dark() else LIGHT)[0])
    if drawn:
        title = escape(f"{ctr.title} by day", quote=True)
        st.html(f'<img src="{drawn}" alt="{title}" title="{title}" style="width: 100%; height: 36px; display: block">')
    mark = st.empty()
    with st.container(horizontal=True, gap="xsmall"):
        st.link_button("Campaigns", link_of(context, "campaigns", address), icon=":material/campaign:", type="tertiary")
        show_manager_link(context, card.path, manager)
    return mark


def show_pair(context: Context, metric: Metric, best: Card, worst: Card) -> None:
    """Draw the best and the worst ad by a metric."""
    st.header(f"Best and worst {metric.title}", anchor=False)
    with st.grid(2, min_column_width=300, border=True, gap="small", key="creative-pair"):
        for word, card in (("Best", best), ("Worst", worst)):
            with st.container(key=f"creative-{word.lower()}", gap="xsmall"):
                left, right = st.columns([2, 3], gap="small")
                with left:
                    st.html(_picture(card, height=120))
                with right:
                    title, value, _ = card.figures[0]
                    st.markdown(f"{word}: **{escaped(value)}** {escaped(title)}")
                    st.markdown(escaped(_short(card.name)))
                    st.caption(
                        f"{escaped(context.host.platform_title(card.path[0]))} · {escaped(_short(card.campaign))}"
                    )


def _is_dark() -> bool:
    return st.context.theme.type == "dark"


def _picture(card: Card, *, height: int) -> str:
    told = escape(f"Picture of the ad {card.name}", quote=True)
    return (
        f'<img src="{escape(card.picture, quote=True)}" alt="{told}" loading="lazy" style="width: 100%; '
        f'height: {height}px; object-fit: contain; border-radius: 8px; background: rgba(128, 128, 128, 0.12)">'
    )


def _figures(card: Card, *, dark: bool) -> str:
    cells = "".join(
        f'<div><div style="font-size: 12px; opacity: 0.75">{escape(title)}</div>'
        f'<div style="font-weight: 600; font-size: 15px">{escape(value)}{_told(change, dark=dark)}</div></div>'
        for title, value, change in card.figures
    )
    return f'<div style="display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 6px 10px">{cells}</div>'


def _told(change: Change | None, *, dark: bool) -> str:
    if change is None:
        return ""
    colour = _GOOD[change.good][dark]
    return f' <span style="font-size: 12px; font-weight: 500; color: {colour}">{escape(change.text)}</span>'


def _short(name: str) -> str:
    whole = " ".join(name.split())
    return whole if len(whole) <= _LONGEST_NAME else f"{whole[: _LONGEST_NAME - 1]}…"
