"""Draws the Settings page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from adjoin.access.workspace_settings import AUTOMATIC, WorkspaceSettings
from adjoin.errors import AdjoinError
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import show_notices, tell
from adjoin_dashboard.settings.model import (
    COMPARISON,
    CURRENCY,
    PERIOD,
    TIME_ZONE,
    Setting,
    load_settings_page,
    reset,
    save,
)
from adjoin_dashboard.words import escaped, sentence

__all__ = ["render"]


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Settings", anchor=False)
    show_notices()
    page = load_settings_page(context)
    st.caption(f"What the pages of {escaped(page.workspace)} start with, for all of its members.")
    if page.leaving_at is not None:
        st.warning(
            f"This workspace is to be deleted on {context.write.stamp(page.leaving_at)} and takes no changes.",
            icon=":material/auto_delete:",
        )
    if page.may_change:
        _show_form(context, page.stored, page.settings)
    else:
        _show_as_text(page.settings)
        if page.leaving_at is None:
            st.caption("Owners and admins of the workspace change them.")
    st.caption("How numbers and days are written, and the zone that times are told in, is yours alone: *Your account*.")


def _show_form(context: Context, stored: WorkspaceSettings, settings: tuple[Setting, ...]) -> None:
    chosen: dict[str, str] = {}
    with st.form("settings"):
        with st.grid(2, min_column_width=280):
            for setting in settings:
                chosen[setting.name] = _choose(setting)
        asked = st.form_submit_button("Save", type="primary", icon=":material/save:")
    if asked:
        wanted = WorkspaceSettings(
            currency=chosen[CURRENCY],
            time_zone=chosen[TIME_ZONE],
            period=chosen[PERIOD],
            comparison=chosen[COMPARISON],
        )
        _do(lambda: save(context, wanted), "Saved. The pages start with it from now on.")
    if stored != AUTOMATIC and st.button("Make all automatic", icon=":material/restart_alt:", key="reset"):
        _do(lambda: reset(context), "Everything is automatic again.")


def _choose(setting: Setting) -> str:
    automatic = f"Automatic: {setting.automatic}, {setting.because}"
    return (
        st.selectbox(
            setting.label,
            ["", *setting.options],
            index=setting.options.index(setting.value) + 1 if setting.value else 0,
            format_func=lambda one: one or automatic,
            # What is stored is in the key, so that a change made elsewhere shows up here.
            key=f"setting-{setting.name}-{setting.value}",
            help=setting.help,
        )
        or ""
    )


def _show_as_text(settings: tuple[Setting, ...]) -> None:
    with st.grid(2, min_column_width=280):
        for setting in settings:
            st.markdown(f":gray[{setting.label}]  \n{escaped(setting.told)}", help=setting.help)


def _do(act: Callable[[], bool], said: str) -> None:
    try:
        changed = act()
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell(said if changed else "Nothing was changed: these are the settings already.")
    st.rerun()
