"""Draws the Connections page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import quote

import pandas as pd
import streamlit as st

from adjoin.access import connection_changes
from adjoin.access.permissions import Permission
from adjoin.errors import AdjoinError
from adjoin.health import Severity, Verdict
from adjoin.health.machinery import runs_are_executed
from adjoin.writing import MISSING
from adjoin_dashboard.connections.model import ConnectionLine, load_connections, load_offers
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import show_notices, tell
from adjoin_dashboard.words import escaped, sentence

__all__ = ["render"]

_BADGES: Mapping[Verdict, tuple[str, str, Literal["green", "orange", "red"]]] = {
    Verdict.HEALTHY: ("Healthy", ":material/check:", "green"),
    Verdict.ATTENTION: ("Attention", ":material/warning:", "orange"),
    Verdict.BROKEN: ("Broken", ":material/error:", "red"),
}
_ICONS = {
    Severity.BROKEN: ":material/error:",
    Severity.ATTENTION: ":material/warning:",
    Severity.NOTE: ":material/info:",
}
_WHOLE_TABLE = 12
_NOBODY_EXECUTES = "Nothing executes syncs at the moment. Start `scheduler.py`, or run `adjoin sync` in a terminal."


def render(context: Context) -> None:
    """Draw the page."""
    st.title("Connections", anchor=False)
    show_notices()
    try:
        lines = load_connections(context)
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    active = [line for line in lines if not line.disconnected]
    over = [line for line in lines if line.disconnected]
    if not active:
        st.info("No platform is connected yet.", icon=":material/link:")
    executed = _executed(context)
    if active and not executed and context.may(Permission.START_SYNCS):
        st.info(_NOBODY_EXECUTES, icon=":material/info:")
    for line in active:
        _show(context, line, executed=executed)
    if context.may(Permission.MANAGE_CONNECTIONS):
        _show_offers(context)
    else:
        st.caption("Owners and admins of the workspace connect platforms and choose accounts.")
    if over:
        _show_over(context, over)


def _executed(context: Context) -> bool:
    runtime = context.host.runtime
    return runs_are_executed(context.host.store, executor=runtime.settings.executor, now=context.now())


def _show(context: Context, line: ConnectionLine, *, executed: bool) -> None:
    with st.container(border=True, key=f"connection-{line.id}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.header(escaped(line.name), anchor=False, width="content")
            words, icon, colour = _BADGES[line.verdict]
            st.badge(words, icon=icon, color=colour)
        with st.grid(4, min_column_width=170):
            _fact("Accounts", line.reach(context.write))
            _fact("Last sync", line.synced)
            _fact("Schedule", f"{line.schedule}" + (f", next {line.due}" if line.due and not line.paused else ""))
            _fact("Authorised", line.authorised)
        _show_findings(context, line)
        _show_accounts(context, line)
        _show_buttons(context, line, executed=executed)


def _fact(label: str, text: str) -> None:
    st.markdown(f":gray[{label}]  \n{text if '`' in text else escaped(text)}")


def _show_findings(context: Context, line: ConnectionLine) -> None:
    for finding, advice in line.findings:
        if finding.severity is Severity.NOTE:
            continue
        reason = f" {sentence(finding.why)}" if finding.why else ""
        since = f" Since {context.write.stamp(finding.since)}." if finding.since is not None else ""
        todo = f"  \n:material/build: {advice}" if advice else ""
        st.markdown(f"{_ICONS[finding.severity]} **{sentence(finding.what)}**{reason}{since}{todo}")


def _show_accounts(context: Context, line: ConnectionLine) -> None:
    if not line.accounts:
        return
    with st.expander(f"Accounts: {line.reach(context.write)}", key=f"accounts-{line.id}"):
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Account": one.name,
                        "Id": one.id,
                        "Currency": one.currency or None,
                        "Zone": one.time_zone or None,
                        "State": one.state,
                    }
                    for one in line.accounts
                ]
            ),
            hide_index=True,
            placeholder=MISSING,
            height="content" if len(line.accounts) <= _WHOLE_TABLE else 460,
            alt=f"Accounts of {line.name} and whether they are read",
        )


def _show_buttons(context: Context, line: ConnectionLine, *, executed: bool) -> None:
    manages = context.may(Permission.MANAGE_CONNECTIONS)
    with st.container(horizontal=True, key=f"actions-{line.id}"):
        if manages and line.can_authorise:
            st.link_button(
                "Authorise again",
                _again(line),
                icon=":material/key:",
                key=f"authorise-{line.id}",
            )
        if manages:
            st.link_button(
                "Choose accounts",
                f"/connect/accounts/{quote(line.id, safe='')}",
                icon=":material/checklist:",
                key=f"choose-{line.id}",
            )
        if context.may(Permission.START_SYNCS):
            _show_sync(context, line, executed=executed)
        if context.may(Permission.MANAGE_SCHEDULES) and line.scheduled:
            _show_pause(context, line)
        if manages:
            with st.popover("Disconnect …", icon=":material/link_off:", key=f"disconnect-{line.id}", width="content"):
                _ask_to_disconnect(context, line)


def _show_sync(context: Context, line: ConnectionLine, *, executed: bool) -> None:
    why_not = "A sync is queued or under way: see Sync runs." if line.syncing else ""
    why_not = why_not or ("" if executed else _NOBODY_EXECUTES)
    if st.button(
        "Sync now",
        icon=":material/sync:",
        disabled=bool(why_not),
        help=why_not or None,
        key=f"sync-{line.id}",
    ):
        _do(
            context,
            line,
            connection_changes.sync_now,
            f"A sync of **{escaped(line.name)}** is queued. Sync runs shows how far it is.",
        )


def _show_pause(context: Context, line: ConnectionLine) -> None:
    name = escaped(line.name)
    if line.paused:
        if st.button("Resume schedule", icon=":material/play_arrow:", key=f"resume-{line.id}"):
            _do(
                context,
                line,
                connection_changes.resume_schedule,
                f"**{name}** is synced by its schedule again. What it missed comes with the next sync.",
            )
    elif st.button("Pause schedule", icon=":material/pause:", key=f"pause-{line.id}"):
        _do(
            context,
            line,
            connection_changes.pause_schedule,
            f"The schedule of **{name}** rests until it is resumed.",
        )


def _ask_to_disconnect(context: Context, line: ConnectionLine) -> None:
    title = escaped(context.host.platform_title(line.platform))
    st.markdown(
        f"**What it means to disconnect {escaped(line.name)}**\n\n"
        "- Adjoin deletes its authorisation, and nobody can read the accounts with it any more.\n"
        "- Its schedule ends, and a sync that waits or runs is cancelled.\n"
        "- **All figures stay**, with accounts, campaigns and past runs, and are in the reports as before.\n"
        "- Connecting the same accounts again goes on where it was.\n"
        f"- {title} is not told: to withdraw the access there too, remove Adjoin from the apps of the user who "
        "connected."
    )
    if st.button("Disconnect", icon=":material/link_off:", key=f"confirm-{line.id}"):
        _do(
            context,
            line,
            connection_changes.disconnect,
            f"**{escaped(line.name)}** is disconnected. Its figures are kept.",
        )


def _show_offers(context: Context) -> None:
    st.header("Connect a platform", anchor=False)
    offers = load_offers(context)
    if not offers:
        st.info("No platform is installed. `adjoin plugins list` says why.", icon=":material/extension:")
        return
    with st.grid(4, min_column_width=220):
        for offer in offers:
            with st.container(border=True, key=f"offer-{offer.platform}"):
                st.markdown(f"**{escaped(offer.title)}**")
                if offer.by_token:
                    st.markdown(f"Connected by a token: run `adjoin connect {offer.platform} --token`.")
                    continue
                if offer.missing:
                    names = "\n".join(f"- `{name}`" for name in offer.missing)
                    st.markdown(f"Not set up yet. Whoever runs this installation sets:\n\n{names}")
                st.link_button(
                    "How to set it up" if offer.missing else "Connect",
                    f"/connect/{quote(offer.platform, safe='')}",
                    icon=":material/build:" if offer.missing else ":material/add_link:",
                    key=f"connect-{offer.platform}",
                )


def _show_over(context: Context, lines: list[ConnectionLine]) -> None:
    st.header("Disconnected", anchor=False)
    st.caption("Their figures are kept. Connecting again goes on where it was.")
    for line in lines:
        with st.container(
            border=True,
            horizontal=True,
            vertical_alignment="center",
            horizontal_alignment="distribute",
            key=f"connection-{line.id}",
        ):
            st.markdown(
                f"**{escaped(line.name)}** · {context.write.counted(len(line.accounts), 'account')} · "
                f"last sync {escaped(line.synced)}",
                width="content",
            )
            if context.may(Permission.MANAGE_CONNECTIONS) and line.can_authorise:
                st.link_button("Connect again", _again(line), icon=":material/key:", key=f"authorise-{line.id}")


def _again(line: ConnectionLine) -> str:
    return f"/connect/{quote(line.platform, safe='')}?connection={quote(line.id, safe='')}"


def _do(context: Context, line: ConnectionLine, change: Callable[..., object], said: str) -> None:
    """Make a change and say on the next run what it did; or say here why it was refused."""
    try:
        with context.host.store.write() as session:
            change(session, context.workspace_id, line.id, by=context.actor, now=context.now())
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell(said)
    st.rerun()
