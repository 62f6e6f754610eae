"""What is chosen on pages about figures, as the parameters of an address: to enter a page with, to keep and to link.

The values that several pages share go along from one to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlencode, urlsplit

import streamlit as st

from adjoin.access.context import DEFAULT_BASE_URL
from adjoin_dashboard.choices import read_days
from adjoin_dashboard.context import Context
from adjoin_dashboard.navigation import collect

__all__ = ["PLACE", "SHARED", "Address", "clear_place", "enter", "keep", "link_of", "path_of", "place", "put"]

Address: TypeAlias = Mapping[str, Sequence[str]]

#: The choices of the filter row, which all pages about figures have.
SHARED = ("period", "range", "compare", "platforms", "accounts", "currency")
#: Where one is on a page that leads further and further in. It is no widget's: the browser's back button changes it.
PLACE = "at"

_SEVERAL = frozenset({"platforms", "accounts", "columns", "kinds"})
#: What pages themselves keep in the address (`adjoin_dashboard.choices`); Streamlit keeps the others.
_OURS = frozenset({"range", "platforms", "accounts", "columns", "sort", "why", "by"})
_PUT = "_adjoin_put"
_ENTERED, _KEPT, _LATEST = "_adjoin_entered", "_adjoin_addresses", "_adjoin_shared"


def enter(page: str, own: Collection[str], first: Callable[[], Address | None]) -> bool:
    """Have a page that is newly entered open as it was left, or with `first` where it was not open in this session.

    An address that says something goes before. `own` are the page's parameters beside the shared ones. Returns whether
    the page is newly entered, or a view of it was opened: what is chosen then may not be there any more.
    """
    opened = st.session_state.pop(_PUT, False)
    if st.session_state.get(_ENTERED) == page and "period" in st.session_state:
        return bool(opened)
    st.session_state[_ENTERED] = page
    if any(name in st.query_params for name in (*SHARED, *own, PLACE)):
        return True
    left = st.session_state.get(_KEPT, {}).get(page)
    address = first() if left is None else {**left, **st.session_state.get(_LATEST, {})}
    if address is None:
        address = st.session_state.get(_LATEST, {})
    put(address, own)
    del st.session_state[_PUT]
    return True


def put(address: Address, own: Collection[str]) -> None:
    """Choose what an address says, and nothing else: before the widgets are drawn, or in a callback."""
    st.session_state[_PUT] = True
    for name in (*SHARED, *own):
        values = list(address.get(name, ()))
        days = read_days(values) if name == "range" else None
        if not values or (name == "range" and days is None):
            st.session_state.pop(name, None)
            if name in _OURS and name in st.query_params:
                del st.query_params[name]
        else:
            st.session_state[name] = days if name == "range" else values if name in _SEVERAL else values[0]
    if address.get(PLACE):
        st.query_params[PLACE] = address[PLACE][0]
    else:
        clear_place()


def keep(page: str, address: Address) -> None:
    """Remember what a page was left with."""
    st.session_state.setdefault(_KEPT, {})[page] = {name: list(some) for name, some in address.items() if name != PLACE}
    st.session_state[_LATEST] = {name: list(some) for name, some in address.items() if name in SHARED}


def link_of(context: Context, page: str, address: Address) -> str:
    """Return the full address that shows a page with these choices to whoever may see it."""
    base = context.host.runtime.settings.base_url or _own_base() or DEFAULT_BASE_URL
    query = urlencode([(name, value) for name, values in address.items() for value in values])
    return f"{base.rstrip('/')}{path_of(context, page)}" + (f"?{query}" if query else "")


def path_of(context: Context, page: str) -> str:
    """Return where a page is: the first one of the menu is at the root, and nowhere else."""
    pages = collect(context.host.kernel, context.role).pages
    return "/" if pages and pages[0].path == page else f"/{page}"


def _own_base() -> str:
    """Where the visitor's browser found this server."""
    found = urlsplit(st.context.url or "")
    return f"{found.scheme}://{found.netloc}" if found.scheme in ("http", "https") and found.netloc else ""


def place() -> str:
    """Return where one is on the page; empty at its top."""
    return st.query_params.get(PLACE, "")


def clear_place() -> None:
    """Go to the top of the page."""
    if PLACE in st.query_params:
        del st.query_params[PLACE]
