"""What is worth looking at, kept until data or the day change, and what somebody put aside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import streamlit as st

from adjoin.access.permissions import Permission
from adjoin.analytics import asking, v1
from adjoin.errors import Forbidden
from adjoin_dashboard.asking import place_of
from adjoin_dashboard.context import Context
from adjoin_dashboard.filters import Filters

__all__ = ["dismiss", "load_dismissed", "load_findings", "restore"]


def load_findings(context: Context, filters: Filters) -> v1.Findings:
    """Return what was found for what is filtered; what is put aside is among it. Errors are those of the hook."""
    until = min(filters.period.last, max(filters.period.first, context.today() - timedelta(days=1)))
    question = (filters.period.first, until, filters.currency, filters.where)
    return _found(context.workspace_id, context.data_version, context.today(), repr(question), context, *question)


# Findings know of no person: what is put aside is asked for by itself, so that it costs no new look.
@st.cache_data(show_spinner="Looking for what stands out …", max_entries=300, ttl=timedelta(hours=1))
def _found(
    workspace_id: str,
    data_version: str,
    today: date,
    asked: str,
    _context: Context,
    _since: date,
    _until: date,
    _currency: str,
    _where: tuple[v1.Condition, ...],
) -> v1.Findings:
    return asking.findings(
        _context.host.kernel, place_of(_context), since=_since, until=_until, currency=_currency, where=_where
    )


def load_dismissed(context: Context) -> Mapping[str, v1.Dismissal]:
    """Return what is put aside today, by id."""
    return {one.finding: one for one in asking.dismissed(context.host.kernel, place_of(context))}


def dismiss(context: Context, finding: v1.Finding, *, until: date | None) -> None:
    """Put a finding aside. Raises Forbidden for whoever may not, now; and what the hook raises."""
    _check(context)
    asking.dismiss(context.host.kernel, place_of(context), finding, by=context.actor.name, until=until)


def restore(context: Context, finding: v1.Finding) -> None:
    """Take a dismissal back. Raises Forbidden for whoever may not, now; and what the hook raises."""
    _check(context)
    asking.restore(context.host.kernel, place_of(context), finding, by=context.actor.name)


def _check(context: Context) -> None:
    """Ask again who it is: the page may have been drawn long ago."""
    found = context.host.still_in(context.signed_in.session_id)
    if found is None or found.workspace_id != context.workspace_id:
        raise Forbidden("you are not signed in to this workspace any more: open the page again")
    found.required(Permission.ANNOTATE)
