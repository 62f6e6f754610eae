"""Commands about runs: runs, runs show, runs cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from adjoin.cli._place import Place
    from adjoin.db.models import Connection, Run
    from adjoin.sync.retries import Missing

__all__ = ["register", "run_as_json", "what_to_know"]

_commands = typer.Typer(add_completion=False, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_commands, name="runs")


@_commands.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    limit: int = typer.Option(20, "--limit", min=1, help="How many to show, newest first."),
    as_json: bool = typer.Option(False, "--json", help="Print the runs as JSON."),
) -> None:
    """Show the latest sync runs, one of them in full, or cancel one.

    Example: adjoin runs --limit 5
    """
    if context.invoked_subcommand is not None:
        return
    from adjoin.cli._place import place_of
    from adjoin.sync.differences import state_text

    with place_of(context) as place:
        found = place.runs.latest(place.workspace_id, limit=limit)
    if as_json:
        print_json([run_as_json(run, connection) for run, connection in found])
        return
    print_table(
        [
            ("run", False),
            ("connection", False),
            ("asked for by", False),
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
                _asked_for_by(run),
                state_text(run),
                "–" if run.started_at is None else f"{run.started_at:%Y-%m-%d %H:%M:%S}",
                _took(run),
                f"{run.slices_done}/{run.slices_total}",
                f"{run.rows:,}",
                what_to_know(run),
            )
            for run, connection in found
        ],
        empty="There was no run yet. Run `adjoin sync`.",
    )


@_commands.command("show")
def show(
    context: typer.Context,
    run: str = typer.Argument(help="The run, as `adjoin runs` names it; the start of its id is enough."),
    as_json: bool = typer.Option(False, "--json", help="Print the run as JSON."),
) -> None:
    """Show a run: how it ended, what is missing and when that is tried again, and what differs.

    Example: adjoin runs show 1f3a9c20
    """
    from adjoin.cli._place import place_of
    from adjoin.sync.retries import missing_from

    with place_of(context) as place:
        found = place.runs.find(place.workspace_id, run)
        (connection,) = [one for one in place.connections() if one.id == found.connection_id]
        missing = missing_from(place.store, found.workspace_id, found.id)
        retried_by = place.runs.retry_of(found)
        if as_json:
            more = {
                "missing": [_missing_as_json(one) for one in missing],
                "retried_by": None if retried_by is None else retried_by.id,
            }
            print_json({**run_as_json(found, connection), **more})
            return
        _show(place, found, connection, missing, retried_by)


@_commands.command("cancel")
def cancel(
    context: typer.Context,
    run: str = typer.Argument(help="The run, as `adjoin runs` names it; the start of its id is enough."),
    as_json: bool = typer.Option(False, "--json", help="Print the run as JSON."),
) -> None:
    """Cancel a run that waits or is under way. What it has committed stays.

    Example: adjoin runs cancel 1f3a9c20
    """
    from adjoin.cli._place import place_of

    with place_of(context) as place:
        found = place.runs.find(place.workspace_id, run)
        asked = place.runs.request_cancel(place.workspace_id, found.id, now=place.now)
        place.note("sync.cancelled", of=("run", asked.id))
        if asked.state.ended:
            place.runtime.facts.clear_staging(asked.id)
    if as_json:
        print_json({"run_id": asked.id, "state": str(asked.state), "cancel_requested_at": asked.cancel_requested_at})
    elif asked.state.ended:
        say(f"run {asked.id[:8]} is cancelled; it had not been under way")
    else:
        say(f"run {asked.id[:8]} ends within seconds; what it has committed stays")


def run_as_json(run: Run, connection: Connection) -> dict[str, Any]:
    """Return a run as commands print it."""
    from adjoin.sync.differences import state_text

    return {
        "run_id": run.id,
        "platform": connection.platform,
        "connection_id": connection.id,
        "connection": connection.label,
        "state": str(run.state),
        "state_text": state_text(run),
        "trigger": str(run.trigger),
        "since": run.since,
        "until": run.until,
        "accounts": run.accounts,
        "streams": run.streams,
        "full": run.full,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "slices_done": run.slices_done,
        "slices_total": run.slices_total,
        "rows": run.rows,
        "requests": run.requests,
        "operations": run.operations,
        "attempts": run.attempts,
        "worker": run.worker,
        "tries": run.tries,
        "retry_of": run.retry_of,
        "retry_at": run.retry_at,
        "cancel_requested_at": run.cancel_requested_at,
        "error": run.error,
        "notes": run.notes,
        "unexplained": run.unexplained,
        "differences": run.differences,
    }


def what_to_know(run: Run) -> str:
    """Say in one line what an operator should know of a run; empty where there is nothing."""
    if run.cancel_requested_at is not None and not run.state.ended:
        return "is being cancelled"
    parts = [run.error or _differences(run)]
    if run.retry_at is not None:
        parts.append(f"tried again {run.retry_at:%Y-%m-%d %H:%M} UTC")
    elif run.not_before is not None and run.state == "queued":
        parts.append(f"waits until {run.not_before:%Y-%m-%d %H:%M} UTC")
    return "; ".join(part for part in parts if part)


def _show(place: Place, run: Run, connection: Connection, missing: list[Missing], retried_by: Run | None) -> None:
    from adjoin.sync.differences import difference_sentence, state_text

    names = {account.id: account.name for account in _accounts(place, connection)}
    lines = [
        f"run {run.id} of {connection.label}",
        f"asked for by: {_asked_for_by(run)}, {run.created_at:%Y-%m-%d %H:%M:%S} UTC",
        f"reads: {_reads(run)}",
        f"state: {state_text(run)}, {run.slices_done} of {run.slices_total} slices done, {run.rows:,} rows",
        f"took: {_took(run)}, attempt {run.attempts}",
    ]
    if run.error:
        lines.append(f"why: {run.error}")
    if run.state.ended and run.state != "succeeded":
        lines.append(f"what follows: {_what_follows(run, missing, retried_by)}")
    lines += [f"note: {note}" for note in run.notes if note != run.error]
    lines += [
        f"difference: {difference_sentence(one, name=names.get(one['account_id'], one['account_id']))}"
        for one in run.differences
    ]
    typer.echo("\n".join(lines))
    if missing and run.state.ended:
        print_table(
            [("account", False), ("dataset", False), ("days", False), ("why", False)],
            [
                (
                    names.get(one.account_id, one.account_id),
                    one.stream,
                    "the list" if one.since is None else f"{one.since} to {one.until}",
                    one.reason,
                )
                for one in missing
            ],
            title="Missing",
        )


def _accounts(place: Place, connection: Connection) -> list[Any]:
    from sqlmodel import col, select

    from adjoin.db.models import Account

    with place.store.read() as session:
        query = select(Account).where(
            col(Account.workspace_id) == connection.workspace_id, col(Account.connection_id) == connection.id
        )
        return list(session.exec(query))


def _asked_for_by(run: Run) -> str:
    from adjoin.db.models import RunTrigger

    if run.since is None and run.until is not None:
        return f"backfill to {run.until}"
    return {
        RunTrigger.PERSON: "a person",
        RunTrigger.SCHEDULE: "the schedule",
        RunTrigger.BACKFILL: "backfill",
        RunTrigger.RESUME: f"retry {run.tries}",
    }[run.trigger]


def _reads(run: Run) -> str:
    if run.since is not None:
        what = f"{run.since} to {run.until} again"
    elif run.until is not None:
        what = f"days up to {run.until} that were never read"
    else:
        what = "what is new, may have changed or is missing"
    limits = [
        f"{kind} {', '.join(names)}"
        for kind, names in (("accounts", run.accounts), ("datasets", run.streams))
        if names is not None
    ]
    return "; only ".join([what, *limits]) + ("; lists from end to end" if run.full else "")


def _what_follows(run: Run, missing: list[Missing], retried_by: Run | None) -> str:
    from adjoin.sync.retries import BACKOFF

    if run.retry_at is not None:
        left = len(BACKOFF) - run.tries
        return f"tried again at {run.retry_at:%Y-%m-%d %H:%M} UTC by a running scheduler (at most {left} times)"
    if retried_by is not None:
        return f"run {retried_by.id[:8]} has tried it again: {retried_by.state}"
    if any(one.passing for one in missing):
        return "a later sync reads what is missing"
    return "waiting does not help; do what the reasons say, then the next sync reads what is missing"


def _missing_as_json(one: Missing) -> dict[str, Any]:
    return {
        "account_id": one.account_id,
        "dataset": one.stream,
        "since": one.since,
        "until": one.until,
        "reason": one.reason,
        "passing": one.passing,
    }


def _differences(run: Run) -> str:
    if run.unexplained:
        return f"{run.unexplained} unexplained differences between grains (see `adjoin runs show {run.id[:8]}`)"
    return f"{len(run.differences)} known differences between grains" if run.differences else ""


def _took(run: Run) -> str:
    if run.started_at is None or run.finished_at is None:
        return "–"
    return f"{(run.finished_at - run.started_at).total_seconds():.1f} s"
