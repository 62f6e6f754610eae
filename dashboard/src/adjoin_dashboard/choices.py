"""Choices that are kept in the address by what they are, not by how they are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import streamlit as st

__all__ = ["asked", "choose", "choose_days", "choose_many", "read_days"]


def asked(key: str) -> list[str]:
    """Return what the address says under a name."""
    return st.query_params.get_all(key)


def read_days(texts: Sequence[str]) -> tuple[date, date] | None:
    """Return the first and the last day of two ISO texts, in their order; None for anything else."""
    try:
        first, last = (date.fromisoformat(one) for one in texts)
    except ValueError:
        return None
    return first, last


def choose(
    label: str,
    options: Sequence[str],
    title: Callable[[str], str],
    *,
    none: str,
    key: str,
    width: int,
    on_change: Callable[[], None] | None = None,
) -> str:
    """Offer a choice, also of nothing, and keep it in the address.

    There it stands by itself and not by its title, as Streamlit would have it: titles change, two things may have the
    same, and one may hold an e-mail address. What an old address names and is not there any more is nothing.
    """
    if key not in st.session_state and st.query_params.get(key) in options:
        st.session_state[key] = st.query_params[key]
    chosen = st.selectbox(
        label,
        ["", *options],
        format_func=lambda one: title(one) if one else none,
        key=key,
        width=width,
        on_change=on_change,
    )
    if chosen:
        st.query_params[key] = chosen
    elif key in st.query_params:
        del st.query_params[key]
    return chosen or ""


def choose_many(
    label: str,
    options: Sequence[str],
    title: Callable[[str], str],
    *,
    key: str,
    default: Sequence[str] = (),
    placeholder: str = "",
    width: int | str = "stretch",
    help: str | None = None,  # noqa: A002 - Streamlit's word for it
    most: int | None = None,
    on_change: Callable[[], None] | None = None,
) -> list[str]:
    """Offer several choices and keep them in the address as `choose` does; it is empty while they are the default.

    `options` must hold what is chosen already. What an old address names and is not there any more is left out.
    """
    if key not in st.session_state:
        known = [one for one in st.query_params.get_all(key) if one in options]
        st.session_state[key] = list(dict.fromkeys(known))[:most] or list(default)
    chosen = st.multiselect(
        label,
        options,
        format_func=title,
        key=key,
        placeholder=placeholder,
        width=width,  # type: ignore[arg-type]  # pixels, or one of Streamlit's words
        help=help,
        max_selections=most,
        on_change=on_change,
    )
    if chosen and chosen != list(default):
        st.query_params[key] = chosen
    elif key in st.query_params:
        del st.query_params[key]
    return chosen


def choose_days(
    label: str,
    start: tuple[date, date],
    *,
    key: str,
    earliest: date,
    latest: date,
    order: str,
    width: int,
) -> tuple[date, ...]:
    """Offer a range of days and keep it in the address, also while it is the one that it starts with.

    One day alone is returned while somebody chooses. What an address says beyond the bounds is cut to them.
    `order` is how a day is typed.
    """
    if key not in st.session_state:
        read = read_days(asked(key)) or start
        within = [min(max(day, earliest), latest) for day in sorted(read)]
        st.session_state[key] = (within[0], within[1])
    chosen = st.date_input(label, start, min_value=earliest, max_value=latest, format=order, key=key, width=width)
    days: tuple[date, ...] = chosen if isinstance(chosen, tuple) else (chosen,)
    if len(days) == 2:
        st.query_params[key] = [day.isoformat() for day in days]
    return days
