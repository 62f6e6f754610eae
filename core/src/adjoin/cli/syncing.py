"""Commands that sync and show runs: sync, runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import print_json, print_table, say
from adjoin.cli._work import work_off

if TYPE_CHECKING:
    from adjoin.db.models import Connection, Run
    from adjoin.runtime import Runtime
    from adjoin.sync.choosing import Choice

__all__ = ["parse_day", "register", "sync_connections"]

_PARTLY = 3


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sync")(sync)
    app.command("runs")(runs)


def sync(
    platform: str = typer.Option("", "--platform", help="Only the connections of this platform."),
    account: list[str] = typer.Option([], "--account", help="Only this account; may be repeated."),
    dataset: list[str] = typer.Option([], "--dataset", help="Only this dataset; may be repeated."),
    since: str = typer.Option("", "--since", metavar="DAY", help="Read these days again, from this one on."),
    until: str = typer.Option("", "--until", metavar="DAY", help="The last day to read again (default: today)."),
    as_json: bool = typer.Option(False, "--json", help="Print the runs as JSON."),
) -> None:
    """Sync all connections and wait for the end. Exit code 0 done, 1 failed, 3 partly.

    Example: adjoin sync --platform meta --since 2026-11-01 --dataset ad_daily
    """
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        asked = _asked(since, until, runtime.clock.now())
        done = sync_connections(
            runtime, platform=platform or None, asked=asked, accounts=account, datasets=dataset, quiet=as_json
        )
    if as_json:
        print_json([_as_json(run, connection) for run, connection in done])
    else:
        for run, connection in done:
            say(_sentence(run, connection))
    raise typer.Exit(_exit_code([run for run, _ in done]))


def sync_connections(
    runtime: Runtime,
    *,
    platform: str | None = None,
    asked: tuple[date, date] | None = None,
    accounts: Collection[str] = (),
    datasets: Collection[str] = (),
    quiet: bool = False,
) -> list[tuple[Run, Connection]]:
    """Queue a run for each connection, execute it here or wait for the process that does, and return how they ended.

    A run that an earlier process left unfinished is resumed first; what was asked for is then read by a run of its own.
    """
    from adjoin.db.models import DEFAULT_WORKSPACE
    from adjoin.sync.choosing import choose

    choices = choose(
        runtime.store,
        runtime.connections,
        workspace_id=DEFAULT_WORKSPACE,
        platform=platform,
        days=asked,
        accounts=accounts,
        datasets=datasets,
    )
    limited = bool(asked or accounts or datasets)
    queued = []
    for choice in choices:
        run, new = _enqueue(runtime, choice)
        if not new and limited and not _same(run, choice):
            work_off(runtime, [run.id], quiet=quiet)
            run, _ = _enqueue(runtime, choice)
        queued.append((run, choice.connection))
    work_off(runtime, [run.id for run, _ in queued], quiet=quiet)
    return [(runtime.runs.get(DEFAULT_WORKSPACE, run.id), connection) for run, connection in queued]


def _same(run: Run, choice: Choice) -> bool:
    """Say whether an unfinished run is what is asked for."""
    limits = (set(run.accounts or ()), set(run.streams or ()))
    days = (run.since, run.until)
    return days == (choice.days or (None, None)) and limits == (choice.accounts or set(), choice.streams or set())


def _enqueue(runtime: Runtime, choice: Choice) -> tuple[Run, bool]:
    from adjoin.db.models import RunTrigger

    since, until = choice.days or (None, None)
    return runtime.runs.enqueue(
        workspace_id=choice.connection.workspace_id,
        connection_id=choice.connection.id,
        trigger=RunTrigger.PERSON,
        now=runtime.clock.now(),
        since=since,
        until=until,
        accounts=choice.accounts,
        streams=choice.streams,
    )


def runs(
    limit: int = typer.Option(20, "--limit", min=1, help="How many to show, newest first."),
    as_json: bool = typer.Option(False, "--json", help="Print the runs as JSON."),
) -> None:
    """Show the latest sync runs.

    Example: adjoin runs --limit 5
    """
    from adjoin.db.models import DEFAULT_WORKSPACE
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        found = runtime.runs.latest(DEFAULT_WORKSPACE, limit=limit)
    if as_json:
        print_json([_as_json(run, connection) for run, connection in found])
        return
    print_table(
        [
            ("run", False),
            ("connection", False),
            ("state", False),
            ("started (UTC)", False),
            ("took", True),
            ("slices", True),
            ("rows", True),
            ("what to know", False),
        ],
        [
            (
                run.id[:8],
                connection.label,
                str(run.state),
                "–" if run.started_at is None else f"{run.started_at:%Y-%m-%d %H:%M:%S}",
                _took(run),
                f"{run.slices_done}/{run.slices_total}",
                f"{run.rows:,}",
                run.error or _differences(run),
            )
            for run, connection in found
        ],
        empty="There was no run yet. Run `adjoin sync`.",
    )


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


def _as_json(run: Run, connection: Connection) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "platform": connection.platform,
        "connection_id": connection.id,
        "connection": connection.label,
        "state": str(run.state),
        "trigger": str(run.trigger),
        "since": run.since,
        "until": run.until,
        "accounts": run.accounts,
        "streams": run.streams,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "slices_done": run.slices_done,
        "slices_total": run.slices_total,
        "rows": run.rows,
        "requests": run.requests,
        "operations": run.operations,
        "attempts": run.attempts,
        "error": run.error,
        "notes": run.notes,
        "differences": run.differences,
    }


def _sentence(run: Run, connection: Connection) -> str:
    text = f"{connection.label}: {run.state}, {run.rows:,} rows in {run.slices_total} slices"
    if run.error:
        text += f"; {run.error}"
    elif run.differences:
        text += f"; {_differences(run)}"
    return text


def _differences(run: Run) -> str:
    unknown = [one for one in run.differences if not one["known"]]
    if unknown:
        return f"{len(unknown)} unexplained differences between grains (see `adjoin runs --json`)"
    return f"{len(run.differences)} known differences between grains" if run.differences else ""


def _took(run: Run) -> str:
    if run.started_at is None or run.finished_at is None:
        return "–"
    return f"{(run.finished_at - run.started_at).total_seconds():.1f} s"


def _exit_code(ended: Sequence[Run]) -> int:
    from adjoin.db.models import RunState

    states = {run.state for run in ended}
    if states <= {RunState.SUCCEEDED}:
        return 0
    return 1 if states <= {RunState.FAILED, RunState.CANCELLED} else _PARTLY
