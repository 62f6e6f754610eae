"""Asks how budgets stand, kept until data, budgets or the day change; sets and removes budgets."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import streamlit as st

from adjoin.access.permissions import Permission
from adjoin.analytics import asking, v1
from adjoin.errors import Forbidden
from adjoin_dashboard.asking import place_of
from adjoin_dashboard.context import Context

__all__ = ["forget_budget", "load_pacing", "set_budget"]


def load_pacing(context: Context, month: date, accounts: tuple[str, ...]) -> v1.Pacing:
    """Return how the budgets of a month stand. Errors are those of `adjoin.analytics.v1.Analytics.pacing`."""
    kept = asking.budgets(context.host.kernel, place_of(context))
    # A new hour may be a new day in an account's zone.
    hour = context.now().replace(minute=0, second=0, microsecond=0)
    return _paced(context.workspace_id, context.data_version, hour, month, accounts, repr(kept), context)


@st.cache_data(show_spinner="Looking at budgets …", max_entries=300, ttl=timedelta(hours=2))
def _paced(
    workspace_id: str,
    data_version: str,
    hour: datetime,
    month: date,
    accounts: tuple[str, ...],
    budgets: str,
    _context: Context,
) -> v1.Pacing:
    return asking.pacing(_context.host.kernel, place_of(_context), month, accounts=accounts)


def set_budget(context: Context, key: tuple[str, ...], month: date, micros: int) -> None:
    """Set a budget. Raises Forbidden for whoever may not, now; and what the hook raises."""
    _check(context)
    asking.set_budget(context.host.kernel, place_of(context), key, month, micros, by=context.actor.name)


def forget_budget(context: Context, key: tuple[str, ...], month: date) -> None:
    """End a budget before a month. Raises Forbidden for whoever may not, now; and what the hook raises."""
    _check(context)
    asking.forget_budget(context.host.kernel, place_of(context), key, month, by=context.actor.name)


def _check(context: Context) -> None:
    """Ask again who it is: the page may have been drawn long ago."""
    found = context.host.still_in(context.signed_in.session_id)
    if found is None or found.workspace_id != context.workspace_id:
        raise Forbidden("you are not signed in to this workspace any more: open the page again")
    found.required(Permission.SET_BUDGETS)
