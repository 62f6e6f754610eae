"""The menu: the pages of all plugins, each behind its own error boundary."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from uuid import uuid4

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from adjoin.errors import AdjoinError
from adjoin.kernel import Kernel
from adjoin.surface import v1
from adjoin_dashboard.context import Context, make_context
from adjoin_dashboard.host import current_host
from adjoin_dashboard.keys import hide_keys, show_help
from adjoin_dashboard.session_guard import current_address, current_visitor
from adjoin_dashboard.visitors import show_ended, show_no_workspace, show_visitor

__all__ = ["Collected", "Placed", "collect", "draw", "draw_page", "show_failure"]

log = logging.getLogger(__name__)

#: The plugin whose pages need no prefix in their address: the one that ships with this server.
HOUSE = "dashboard"

_STATIC = Path(__file__).parent / "site" / "static"
_ROLES: tuple[str, ...] = get_args(v1.Role)
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
#: Streamlit writes white on the theme's main colour, which in the dark is too light to be read on.
_DARK_BUTTONS = '<style>[data-testid^="stBaseButton-primary"]:enabled { color: #0F1420 !important; }</style>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A page with its author and its address."""

    plugin: str
    path: str
    page: v1.Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The pages to show, in the order of the menu, and why others are not shown (plugin, message)."""

    pages: tuple[Placed, ...]
    problems: tuple[tuple[str, str], ...]


def collect(kernel: Kernel, role: v1.Role) -> Collected:
    """Ask all plugins for their pages. A page above the role is left out; one with an unusable slug is a problem."""
    answered = kernel.hook(v1.Surface.pages).all()
    problems = [(plugin, f"The pages could not be listed: {error}") for plugin, error in answered.errors.items()]
    placed: dict[str, Placed] = {}
    for answer in answered:
        for page in answer.value:
            path = page.slug if answer.plugin == HOUSE else f"p-{answer.plugin}-{page.slug}"
            if _SLUG.fullmatch(page.slug) is None:
                problems.append((answer.plugin, f"The slug {page.slug!r} may only hold a-z, 0-9 and single dashes."))
            elif path in placed:
                problems.append((answer.plugin, f"The slug {page.slug!r} is taken; the second page is left out."))
            elif _ROLES.index(page.role) <= _ROLES.index(role):
                placed[path] = Placed(plugin=answer.plugin, path=path, page=page)
    pages = sorted(placed.values(), key=lambda one: (one.page.order, one.page.title, one.path))
    return Collected(pages=tuple(pages), problems=tuple(problems))


def draw() -> None:
    """Draw the dashboard for one visitor: the menu, and the page that is open."""
    host = current_host()
    try:
        visitor = current_visitor(host)  # before anything is drawn: pictures are for whom they are drawn
        _dress()
        if visitor is None:
            show_ended()
            return
        if show_visitor(host, visitor) is None:
            show_no_workspace(host, visitor)
            return
        hide_keys()
        with st.sidebar:
            show_help()
        context = make_context(host, visitor, address=current_address())
    except AdjoinError as error:
        st.error(f"The store cannot be read. {error}", icon=":material/error:")
        return
    collected = collect(host.kernel, context.role)
    if not collected.pages:
        st.info(
            "There is no page to show: the plugin `dashboard` is switched off, or it failed. "
            "Run `adjoin plugins list` to see why."
        )
        return
    opened = st.navigation(_sections(collected.pages, context), position="sidebar", expanded=True)
    try:
        opened.run()
    finally:
        context.close()


def _dress() -> None:
    st.set_page_config(page_title="Adjoin", page_icon=_STATIC / "icon.png", layout="wide")
    dark = st.context.theme.type == "dark"
    st.logo(_STATIC / f"logo-{'dark' if dark else 'light'}.svg", size="large")
    if dark:
        st.html(_DARK_BUTTONS)


def draw_page(placed: Placed, context: Context) -> None:
    """Draw a page; whatever it lets out becomes a message in its place. Streamlit's stop and rerun pass through."""
    try:
        placed.page.render(context)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the boundary around a plugin's page
        show_failure(error, f'The page "{placed.page.title}" of the plugin "{placed.plugin}" failed')


def show_failure(error: BaseException, what: str) -> None:
    """Say that something failed, and write the details to the log under a reference that is shown.

    Only Adjoin's own errors are shown in words: their messages are made for people and hold no secret.
    """
    reference = uuid4().hex[:8]
    log.error("%s (reference %s)", what, reference, exc_info=error)
    why = str(error) if isinstance(error, AdjoinError) else type(error).__name__
    st.error(
        f"{what}: {why}\n\nThe other pages are not affected. The server's log has the details under "
        f"reference `{reference}`.",
        icon=":material/error:",
    )


def _sections(pages: Iterable[Placed], context: Context) -> dict[str, list[StreamlitPage]]:
    sections: dict[str, list[StreamlitPage]] = {}
    for number, placed in enumerate(pages):
        sections.setdefault(placed.page.section, []).append(
            st.Page(
                _bound(placed, context),
                title=placed.page.title,
                icon=placed.page.icon or None,
                url_path=placed.path,
                default=number == 0,
            )
        )
    return sections


def _bound(placed: Placed, context: Context) -> Callable[[], None]:
    return lambda: draw_page(placed, context)
