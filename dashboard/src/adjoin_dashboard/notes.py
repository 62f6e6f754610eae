"""Notes on days: listed below a chart, whose marks have their numbers, and written, changed and deleted there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import streamlit as st

from adjoin.access import day_notes
from adjoin.access.day_notes import LONGEST_TEXT, Note
from adjoin.access.permissions import Permission
from adjoin.errors import AdjoinError
from adjoin_dashboard.context import Context
from adjoin_dashboard.filters import Filters
from adjoin_dashboard.notices import closing_key, tell
from adjoin_dashboard.overview.accounts import account_names
from adjoin_dashboard.overview.model import AccountId
from adjoin_dashboard.overview.status import Status
from adjoin_dashboard.words import escaped, sentence

__all__ = ["load_notes", "show_notes"]

#: So many notes are marked and listed, the newest.
_MOST = 50
_EVERYTHING = ""


def load_notes(
    context: Context, filters: Filters, *, platform: str = "", account: AccountId | None = None
) -> Sequence[Note]:
    """Return the notes on the days that are looked at, the oldest first; with `account` none on another one."""
    platforms = (account[0],) if account is not None else (platform,) if platform else filters.platforms
    accounts = (account,) if account is not None else filters.accounts
    with context.store.read() as session:
        return day_notes.notes_on(
            session,
            context.workspace_id,
            filters.period.first,
            filters.period.last,
            user_id=context.signed_in.user_id,
            platforms=platforms,
            accounts=accounts,
            limit=_MOST,
        )


def show_notes(
    context: Context, filters: Filters, status: Status, notes: Sequence[Note], *, account: AccountId | None = None
) -> None:
    """Draw the notes and what writes and changes them. `account` is offered for a new one beside what is filtered."""
    may_write = context.may(Permission.ANNOTATE)
    if not notes and not may_write:
        return
    names = account_names(status.accounts)
    with st.container(horizontal=True, vertical_alignment="center", key="notes"):
        if may_write:
            with st.popover("Add a note", icon=":material/add_comment:", key=closing_key("note-add")):
                _show_form(context, filters, names, account=account)
        if notes:
            with st.popover(
                context.write.counted(len(notes), "note"), icon=":material/sticky_note_2:", key=closing_key("note-list")
            ):
                for number, note in enumerate(notes, start=1):
                    _show_note(context, number, note, names)
    for number, note in enumerate(notes[:3], start=1):
        st.caption(f"**{number}** · {_days(context, note)} · {escaped(_one_line(note.text))}")
    if len(notes) > 3:
        st.caption(f"… and {len(notes) - 3} more in the list.")


def _show_form(
    context: Context, filters: Filters, names: Mapping[AccountId, str], *, account: AccountId | None
) -> None:
    """Ask for a note; pressing the button writes it and draws the page anew."""
    with st.form("note-form", border=False, clear_on_submit=True):
        today = context.today()
        days = st.date_input(
            "On the days",
            (filters.period.last, filters.period.last),
            max_value=max(today, filters.period.last),
            format=context.write.date_order,
            key="note-days",
        )
        targets = _targets(context, filters, names, account)
        target = st.selectbox("On", list(targets), format_func=lambda one: targets[one], key="note-on")
        text = st.text_area("What happened", max_chars=LONGEST_TEXT, key="note-text", height=90)
        if not st.form_submit_button("Add the note", type="primary", key="note-save"):
            return
    chosen: tuple[date, ...] = days if isinstance(days, tuple) else (days,)
    if not chosen:
        st.error("Choose the days first.", icon=":material/error:")
        return
    platform, _, account_id = (target or _EVERYTHING).partition("/")
    try:
        with context.store.write() as session:
            day_notes.annotate(
                session,
                context.workspace_id,
                first_day=chosen[0],
                last_day=chosen[-1],
                text=text or "",
                platform=platform,
                account_id=account_id,
                by=context.actor,
                now=context.now(),
            )
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell("The note is added; all members of the workspace see it.")
    st.rerun()


def _targets(
    context: Context, filters: Filters, names: Mapping[AccountId, str], account: AccountId | None
) -> Mapping[str, str]:
    """What a note can be on: everything, a platform that is looked at, an account that is looked at."""
    title = context.host.platform_title
    found = {_EVERYTHING: "All figures"} | {one: title(one) for one in filters.platforms}
    accounts = dict.fromkeys([*([account] if account is not None else []), *filters.accounts])
    for platform, account_id in accounts:
        found[f"{platform}/{account_id}"] = f"{names.get((platform, account_id), account_id)} ({title(platform)})"
    return found


def _show_note(context: Context, number: int, note: Note, names: Mapping[AccountId, str]) -> None:
    on = "all figures"
    if note.platform:
        on = context.host.platform_title(note.platform)
    if note.account_id:
        on = f"{names.get((note.platform, note.account_id), note.account_id)} ({on})"
    by = f" · {escaped(note.author)}" if note.author else ""
    st.markdown(f"**{number}** · {_days(context, note)} · {escaped(on)}{by}")
    st.text(note.text)
    if not (context.may(Permission.MANAGE_VIEWS) or (note.mine and context.may(Permission.ANNOTATE))):
        return
    with st.container():
        with st.expander("Change", key=f"note-change-{note.id}"):
            text = st.text_area("What happened", note.text, max_chars=LONGEST_TEXT, key=f"note-text-{note.id}")
            days = st.date_input(
                "On the days",
                (note.first_day, note.last_day),
                format=context.write.date_order,
                key=f"note-days-{note.id}",
            )
            if st.button("Save", type="primary", key=f"note-save-{note.id}") and isinstance(days, tuple) and days:
                _change(context, note, days[0], days[-1], text or "")
        st.button("Delete", key=f"note-delete-{note.id}", on_click=_delete, args=(context, note))


def _change(context: Context, note: Note, first: date, last: date, text: str) -> None:
    try:
        with context.store.write() as session:
            day_notes.change(
                session,
                context.workspace_id,
                note.id,
                first_day=first,
                last_day=last,
                text=text,
                by=context.actor,
                now=context.now(),
            )
    except AdjoinError as error:
        st.error(sentence(str(error)), icon=":material/error:")
        return
    tell("The note is changed.")
    st.rerun()


def _delete(context: Context, note: Note) -> None:
    try:
        with context.store.write() as session:
            day_notes.delete(session, context.workspace_id, note.id, by=context.actor, now=context.now())
    except AdjoinError as error:
        tell(sentence(str(error)), problem=True)
        return
    tell("The note is deleted.")


def _days(context: Context, note: Note) -> str:
    return context.write.days(note.first_day, note.last_day)


def _one_line(text: str) -> str:
    whole = " ".join(text.split())
    return whole if len(whole) <= 140 else f"{whole[:139]}…"
