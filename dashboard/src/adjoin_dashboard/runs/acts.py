"""What the page Sync runs does: it asks core for it, and says on its next run what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import streamlit as st
from sqlmodel import Session

from adjoin.access import connection_changes, run_changes
from adjoin.access.run_changes import Asked
from adjoin.errors import AdjoinError
from adjoin_dashboard.context import Context
from adjoin_dashboard.notices import tell
from adjoin_dashboard.words import escaped, sentence

__all__ = ["Said", "cancel", "do", "pause", "refetch", "resume", "retry", "sync_now"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Said:
    """What came of an act, in Markdown; a `problem` is not what was hoped for."""

    text: str
    problem: bool = False


def do(act: Callable[[], Said]) -> None:
    """Act, and draw the page anew with what came of it: also where it was refused, as something has changed then."""
    try:
        said = act()
    except AdjoinError as error:
        said = Said(sentence(str(error)), problem=True)
    tell(said.text, problem=said.problem)
    st.rerun()


def sync_now(context: Context, connection_id: str, name: str) -> Said:
    """Have a connection synced."""

    def ask(session: Session) -> bool:
        _, new = connection_changes.sync_now(
            session, context.workspace_id, connection_id, by=context.actor, now=context.now()
        )
        return new

    if _write(context, ask):
        return Said(f"A sync of **{escaped(name)}** is queued. Below you see how far it is.")
    return Said(f"A sync of **{escaped(name)}** was queued or under way already. It is not queued twice.")


def retry(context: Context, run_id: str, name: str) -> Said:
    """Have what a run lacks read now."""
    asked = _write(
        context,
        lambda session: run_changes.retry(session, context.workspace_id, run_id, by=context.actor, now=context.now()),
    )
    if asked.new:
        return Said(f"What **{escaped(name)}** lacks is read next. Below you see how far it is.")
    return _in_the_way(asked, name)


def refetch(
    context: Context,
    connection_id: str,
    name: str,
    *,
    since: date,
    until: date,
    accounts: Collection[str] | None,
    streams: Collection[str] | None = None,
) -> Said:
    """Have days read again, or for the first time."""
    asked = _write(
        context,
        lambda session: run_changes.refetch(
            session,
            context.workspace_id,
            connection_id,
            since=since,
            until=until,
            accounts=accounts,
            streams=streams,
            by=context.actor,
            now=context.now(),
        ),
    )
    if asked.new:
        days = context.write.days(since, until)
        return Said(f"**{escaped(name)}**, {days}, is read next. The figures there are stay until the new ones come.")
    return _in_the_way(asked, name)


def cancel(context: Context, run_id: str, name: str) -> Said:
    """Cancel a run."""
    run = _write(
        context,
        lambda session: run_changes.cancel(session, context.workspace_id, run_id, by=context.actor, now=context.now()),
    )
    if not run.state.ended:
        return Said(f"The sync of **{escaped(name)}** ends within seconds. What it has committed stays.")
    context.host.runtime.facts.clear_staging(run.id)
    return Said(f"The sync of **{escaped(name)}** is cancelled; it was not under way.")


def pause(context: Context, connection_id: str, name: str) -> Said:
    """Let the schedule of a connection rest."""
    _write(
        context,
        lambda session: connection_changes.pause_schedule(
            session, context.workspace_id, connection_id, by=context.actor, now=context.now()
        ),
    )
    return Said(f"The schedule of **{escaped(name)}** rests until it is resumed.")


def resume(context: Context, connection_id: str, name: str) -> Said:
    """Let the schedule of a connection go on."""
    _write(
        context,
        lambda session: connection_changes.resume_schedule(
            session, context.workspace_id, connection_id, by=context.actor, now=context.now()
        ),
    )
    return Said(f"**{escaped(name)}** is synced by its schedule again. What it missed comes with the next sync.")


def _in_the_way(asked: Asked, name: str) -> Said:
    if asked.covered:
        return Said(f"A sync of **{escaped(name)}** that waits or is under way reads this already.")
    return Said(
        f"A sync of **{escaped(name)}** is queued or under way and reads something else, and a connection has one at a "
        "time. Ask again when it has ended, or cancel it.",
        problem=True,
    )


def _write(context: Context, change: Callable[[Session], T]) -> T:
    with context.host.store.write() as session:
        return change(session)
