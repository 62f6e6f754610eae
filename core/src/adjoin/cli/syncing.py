"""The command that syncs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from adjoin.cli._output import print_json, say
from adjoin.cli._work import work_off
from adjoin.cli.runs import run_as_json, what_to_know

if TYPE_CHECKING:
    from adjoin.cli._place import Place
    from adjoin.db.models import Connection, Run
    from adjoin.sync.choosing import Choice

__all__ = ["parse_day", "register", "sync_connections"]

_PARTLY = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sync")(sync)


def sync(
    context: typer.Context,
    platform: str = typer.Option("", "--platform", help="Only the connections of this platform."),
    account: list[str] = typer.Option([], "--account", help="Only this account; may be repeated."),
    dataset: list[str] = typer.Option([], "--dataset", help="Only this dataset; may be repeated."),
    since: str = typer.Option("", "--since", metavar="DAY", help="Read these days again, from this one on."),
    until: str = typer.Option("", "--until", metavar="DAY", help="The last day to read again (default: today)."),
    full: bool = typer.Option(False, "--full", help="List all campaigns, ads and the like again, not just changes."),
    as_json: bool = typer.Option(False, "--json", help="Print the runs as JSON."),
) -> None:
    """Sync all connections and wait for the end. Exit code 0 done, 1 failed, 3 partly.

    Reads what is new, may have changed or is missing; a long history is read newest first, by several runs.

    Example: adjoin sync --platform meta --since 2026-11-01 --dataset ad_daily
    """
    from adjoin.cli._place import place_of

    with place_of(context) as place:
        asked = _asked(since, until, place.now)
        done = sync_connections(
            place,
            platform=platform or None,
            asked=asked,
            accounts=account,
            datasets=dataset,
            full=full,
            quiet=as_json,
        )
    if as_json:
        print_json([run_as_json(run, connection) for run, connection in done])
    else:
        for connection_id in dict.fromkeys(connection.id for _, connection in done):
            mine = [(run, connection) for run, connection in done if connection.id == connection_id]
            say(_sentence([run for run, _ in mine], mine[0][1]))
    raise typer.Exit(_exit_code([run for run, _ in done]))


def sync_connections(
    place: Place,
    *,
    platform: str | None = None,
    asked: tuple[date, date] | None = None,
    accounts: Collection[str] = (),
    datasets: Collection[str] = (),
    full: bool = False,
    quiet: bool = False,
) -> list[tuple[Run, Connection]]:
    """Queue a run for each connection, execute it here or wait for the process that does, and return how they ended.

    Each is followed by the runs that have read its older history. An unfinished run that does not read what was asked
    for is worked off first; what was asked for is then read by a run of its own.
    """
    from adjoin.sync.choosing import choose

    choices = choose(
        place.store,
        place.runtime.connections,
        workspace_id=place.workspace_id,
        platform=platform,
        days=asked,
        accounts=accounts,
        datasets=datasets,
    )
    queued = [(_enqueue(place, choice, full=full, quiet=quiet), choice.connection) for choice in choices]
    work_off(place, [run.id for run, _ in queued], quiet=quiet)
    done: list[tuple[Run, Connection]] = []
    for run, connection in queued:
        ended = place.runs.get(place.workspace_id, run.id)
        done += [(one, connection) for one in (ended, *place.runs.backfill_after(ended))]
    return done


def _enqueue(place: Place, choice: Choice, *, full: bool, quiet: bool) -> Run:
    """Return the queued run that reads what was chosen; those in its way are worked off."""
    from adjoin.db.models import RunTrigger
    from adjoin.sync.asking import Scope, covers

    since, until = choice.days or (None, None)
    scope = Scope(since=since, until=until, accounts=choice.accounts, streams=choice.streams, full=full)
    while True:
        run, new = place.runtime.runs.enqueue(  # which also tells the workers, who belong to the installation
            workspace_id=place.workspace_id,
            connection_id=choice.connection.id,
            trigger=RunTrigger.PERSON,
            now=place.now,
            since=since,
            until=until,
            accounts=choice.accounts,
            streams=choice.streams,
            full=full,
        )
        if new:
            place.note("sync.asked", of=("connection", choice.connection.id))
        if new or covers(run, scope):
            return run
        work_off(place, [run.id], quiet=quiet)


def parse_day(text: str, option: str) -> date:
    """Read a day as YYYY-MM-DD. Raises BadInput naming the option."""
    from adjoin.errors import BadInput

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option} {text!r} is not a day; write YYYY-MM-DD, such as 2026-11-01") from None


def _asked(since: str, until: str, now: datetime) -> tuple[date, date] | None:
    from adjoin.errors import BadInput

    if not since and not until:
        return None
    latest = (now + timedelta(hours=14)).date()  # the day it is in the zone furthest ahead
    last = parse_day(until, "--until") if until else latest
    if not since:
        raise BadInput("--until needs --since: say from which day on to read")
    first = parse_day(since, "--since")
    future = [day for day in (first, last) if day > latest]
    if future:
        raise BadInput(f"{future[0]} lies in the future: there is nothing to read yet; today is {now:%Y-%m-%d}")
    if first > last:
        raise BadInput(f"--since {first} lies after --until {last}")
    return first, last


def _sentence(runs: Sequence[Run], connection: Connection) -> str:
    """Say how the sync of a connection ended: its run, and those that have read its history."""
    from adjoin.db.models import RunState

    odd = next((run for run in runs if run.state is not RunState.SUCCEEDED), None)
    rows, slices = sum(run.rows for run in runs), sum(run.slices_total for run in runs)
    text = f"{connection.label}: {(odd or runs[0]).state}, {rows:,} rows in {slices} slices"
    if len(runs) > 1:
        text += f" ({len(runs)} runs, newest days first)"
    known = what_to_know(odd) if odd is not None else next(filter(None, map(what_to_know, runs)), "")
    return f"{text}; {known}" if known else text


def _exit_code(ended: Sequence[Run]) -> int:
    from adjoin.db.models import RunState

    states = {run.state for run in ended}
    if states <= {RunState.SUCCEEDED}:
        return 0
    return 1 if states <= {RunState.FAILED, RunState.CANCELLED} else _PARTLY
