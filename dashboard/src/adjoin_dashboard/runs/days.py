"""The part of Sync runs about days: have some read again, see which are there, and fetch those that are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import streamlit as st
from sqlmodel import col, select

from adjoin.access.permissions import Permission
from adjoin.db.models import Account
from adjoin.sync.choosing import streams_of
from adjoin.sync.gaps import Calendar
from adjoin_dashboard.context import Context
from adjoin_dashboard.health.calendar import load_calendars, show_calendar
from adjoin_dashboard.health.model import why_missing
from adjoin_dashboard.runs import acts
from adjoin_dashboard.runs.connections import Line, Machinery
from adjoin_dashboard.words import escaped

__all__ = ["MissingDays", "missing_days", "show_days"]

_GAPS_SHOWN = 15
_MOST_CHOSEN = 50
_NAMED = 2  # datasets


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingDays:
    """Days in a row that an account lacks in some of its datasets, for one reason."""

    since: date
    until: date
    datasets: tuple[str, ...]
    why: str

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1


def missing_days(calendars: Sequence[Calendar]) -> list[MissingDays]:
    """Return what an account lacks, the newest first; datasets that lack the same days for the same reason are one."""
    found: dict[tuple[date, date, str], list[str]] = {}
    for one in calendars:
        for span in one.gaps:
            found.setdefault((span.since, span.until, why_missing(one, span)), []).append(one.dataset)
    return [
        MissingDays(since=since, until=until, datasets=tuple(datasets), why=why)
        for (since, until, why), datasets in sorted(
            found.items(), key=lambda pair: (pair[0][1], pair[0][0]), reverse=True
        )
    ]


def show_days(context: Context, machinery: Machinery) -> None:
    """Draw the part."""
    if context.may(Permission.START_SYNCS) and machinery.in_use:
        _show_form(context, machinery)
    st.header("Which days are there", anchor=False)
    chosen = show_calendar(context, load_calendars(context))
    if chosen:
        _show_gaps(context, machinery, chosen)


def _show_form(context: Context, machinery: Machinery) -> None:
    st.header("Read days again", anchor=False)
    lines = {one.id: one for one in machinery.in_use}
    today = context.today()
    with st.container(horizontal=True, vertical_alignment="bottom", key="again"):
        connection_id = st.selectbox(
            "Connection", list(lines), format_func=lambda one: lines[one].name, key="again-connection", width=240
        )
        line = lines[connection_id or next(iter(lines))]
        names = _accounts(context, line)
        accounts = st.multiselect(
            "Accounts",
            list(names),
            format_func=lambda one: names[one],
            placeholder="All that are read",
            max_selections=_MOST_CHOSEN,
            key=f"again-accounts-{line.id}",
            width=260,
        )
        days = st.date_input(
            "Days",
            (today - timedelta(days=7), today - timedelta(days=1)),
            max_value=today,
            format=context.write.date_order,
            key="again-days",
            width=250,
        )
        both = isinstance(days, tuple) and len(days) == 2
        why_not = machinery.why_not or ("" if both else "Choose the last day too.")
        asked = st.button(
            "Read again", icon=":material/replay:", disabled=bool(why_not), help=why_not or None, key="again-ask"
        )
    st.caption("Figures stay as they are until the new ones have come. Each day costs quota of the platform.")
    if asked and isinstance(days, tuple) and len(days) == 2:
        since, until = days
        _refetch(context, line, since=since, until=until, accounts=accounts or None)


def _show_gaps(context: Context, machinery: Machinery, calendars: Sequence[Calendar]) -> None:
    st.subheader("What is missing", anchor=False)
    found = missing_days(calendars)
    if not found:
        st.markdown("No day is missing.")
        return
    line = next((one for one in machinery.in_use if one.id == calendars[0].connection_id), None)
    for number, gap in enumerate(found[:_GAPS_SHOWN]):
        with st.container(
            border=True,
            horizontal=True,
            vertical_alignment="center",
            horizontal_alignment="distribute",
            key=f"gap-{number}",
        ):
            count = context.write.counted(gap.days, "day")
            st.markdown(
                f"**{context.write.days(gap.since, gap.until)}** ({count}) · {escaped(_listed(gap.datasets))}  \n"
                f"{escaped(gap.why)}",
                width="content",
            )
            if line is None or not context.may(Permission.START_SYNCS):
                continue
            why_not = "A sync is queued or under way." if line.syncing else machinery.why_not
            if st.button(
                "Fetch these days",
                icon=":material/download:",
                disabled=bool(why_not),
                help=why_not or None,
                key=f"fetch-{calendars[0].account_id}-{gap.since}-{gap.until}-{number}",
            ):
                _refetch(
                    context,
                    line,
                    since=gap.since,
                    until=gap.until,
                    accounts=[calendars[0].account_id],
                    streams=streams_of(context.host.describe(line.platform), gap.datasets),
                )
    if len(found) > _GAPS_SHOWN:
        older = context.write.counted(len(found) - _GAPS_SHOWN, "older gap")
        st.caption(f"{older} not shown; the command adjoin gaps has all.")


def _listed(datasets: Sequence[str]) -> str:
    """Name the first ones; the strips above show all."""
    more = len(datasets) - _NAMED
    return ", ".join(datasets) if more <= 1 else f"{', '.join(datasets[:_NAMED])} and {more} more"


def _refetch(
    context: Context,
    line: Line,
    *,
    since: date,
    until: date,
    accounts: Collection[str] | None,
    streams: Collection[str] | None = None,
) -> None:
    acts.do(
        lambda: acts.refetch(context, line.id, line.name, since=since, until=until, accounts=accounts, streams=streams)
    )


def _accounts(context: Context, line: Line) -> dict[str, str]:
    """Return the accounts of a connection that are read, by their id."""
    with context.store.read() as session:
        rows = session.exec(
            select(Account.id, Account.name)
            .where(Account.workspace_id == context.workspace_id)
            .where(Account.connection_id == line.id)
            .where(col(Account.selected).is_(True))
            .where(col(Account.readable).is_(True))
            .where(col(Account.gone_at).is_(None))
        ).all()
    often = Counter(row[1] for row in rows)
    told = {row[0]: row[1] if often[row[1]] == 1 and row[1] else f"{row[1]} ({row[0]})".strip() for row in rows}
    return dict(sorted(told.items(), key=lambda pair: (pair[1].casefold(), pair[0])))
