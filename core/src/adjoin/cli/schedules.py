"""Commands about schedules: schedules, and set, pause, resume, remove below it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from adjoin.cli._place import Place
    from adjoin.db.models import Schedule
    from adjoin.sync.timetable import Entry, Timetable

__all__ = ["parse_span", "register"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_REMOVED = "schedule.removed"
_JSON = typer.Option(False, "--json", help="Print the schedules as JSON.")
_TARGET = typer.Argument(
    metavar="CONNECTION", help="A connection by its name, platform or id; or a job, as `adjoin schedules` names it."
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="When syncs and jobs are due.", invoke_without_command=True, rich_markup_mode=None)
    group.callback()(schedules)
    group.command("set")(set_schedule)
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("remove")(remove)
    app.add_typer(group, name="schedules")


def schedules(context: typer.Context, as_json: bool = _JSON) -> None:
    """Show when syncs and jobs are due, and set it.

    Times are UTC; a cron line is read in its own time zone. `scheduler.py` has to run for them to come about.

    Example: adjoin schedules set meta --cron "0 6 * * *" --zone Europe/Berlin
    """
    if context.invoked_subcommand is not None:
        return
    from adjoin.cli._place import place_of

    with place_of(context) as place:
        _show(_timetable(place).entries(), place.now, as_json=as_json)


def set_schedule(
    context: typer.Context,
    target: str = _TARGET,
    cron: str | None = typer.Option(
        None, "--cron", metavar="LINE", help="Five fields: minute hour day month weekday, such as '0 6 * * 1-5'."
    ),
    every: str | None = typer.Option(None, "--every", metavar="TIME", help="An interval, such as 30m, 6h or 1d."),
    zone: str | None = typer.Option(None, "--zone", help="The time zone of the cron line, such as Europe/Berlin."),
    jitter: str | None = typer.Option(
        None, "--jitter", metavar="TIME", help="Spread: each schedule is later by a time of its own, up to this."
    ),
    catch_up: str | None = typer.Option(
        None, "--catch-up", help="What to do about missed times: latest (one run for all), all (one for each), none."
    ),
    as_json: bool = _JSON,
) -> None:
    """Change when a connection is synced, or a job is run. What is not given stays as it is.

    Example: adjoin schedules set meta --every 4h --jitter 10m
    """
    from adjoin.db.models import CatchUp
    from adjoin.errors import BadInput
    from adjoin.sync.timetable import Timing

    if (cron, every, zone, jitter, catch_up) == (None, None, None, None, None):
        raise BadInput("say what to set: --cron, --every, --zone, --jitter or --catch-up")
    if catch_up is not None and catch_up not in set(CatchUp):
        raise BadInput(f"--catch-up {catch_up!r} is none of {', '.join(CatchUp)}")
    timing = Timing(
        cron=cron,
        every=None if every is None else parse_span(every, "--every"),
        time_zone=zone,
        jitter=None if jitter is None else parse_span(jitter, "--jitter"),
        catch_up=None if catch_up is None else CatchUp(catch_up),
    )
    changed = _change(context, "schedule.set", lambda timetable, now: [timetable.set(target, timing, now=now)])
    _show(*changed, as_json=as_json)


def pause(context: typer.Context, target: str = _TARGET, as_json: bool = _JSON) -> None:
    """Let the schedules of a connection or job rest. What they miss meanwhile is not made up for run by run.

    Example: adjoin schedules pause meta
    """
    changed = _change(context, "schedule.paused", lambda timetable, now: timetable.pause(target, now=now))
    _show(*changed, as_json=as_json)


def resume(context: typer.Context, target: str = _TARGET, as_json: bool = _JSON) -> None:
    """Let paused schedules go on with their next time.

    Example: adjoin schedules resume meta
    """
    changed = _change(context, "schedule.resumed", lambda timetable, now: timetable.resume(target, now=now))
    _show(*changed, as_json=as_json)


def remove(context: typer.Context, target: str = _TARGET) -> None:
    """Delete the schedules of a connection: it is synced by `adjoin sync` only. A job gets its own time back.

    Example: adjoin schedules remove meta
    """
    gone, _ = _change(context, _REMOVED, lambda timetable, _: timetable.remove(target))
    for entry in gone:
        say(f"removed: {entry.target}, {_when(entry.schedule)}")


def parse_span(text: str, option: str) -> timedelta:
    """Read a length of time such as 90s, 30m, 6h, 1d, 1h30m or 0. Raises BadInput naming the option."""
    from adjoin.errors import BadInput

    parts = re.findall(r"(\d{1,6})\s*([smhdw])", text.strip().lower())
    whole = re.sub(r"\s+", "", text.strip().lower())
    if whole == "0":
        return timedelta(0)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != whole:
        raise BadInput(f"{option} {text!r} is not a length of time; write such as 90s, 30m, 6h, 1d or 1h30m")
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in parts))


def _change(
    context: typer.Context, action: str, change: Callable[[Timetable, datetime], list[Entry]]
) -> tuple[list[Entry], datetime]:
    """Do something about schedules and note it in the audit log; return them, and when that was."""
    from adjoin.cli._place import place_of

    with place_of(context) as place:
        entries = change(_timetable(place), place.now)
        for entry in entries:
            kind, which = _subject(entry)
            place.note(action, of=(kind, which), after=None if action == _REMOVED else {"due": _when(entry.schedule)})
        return entries, place.now


def _timetable(place: Place) -> Timetable:
    from adjoin.sync.timetable import Timetable

    return Timetable(place.store, place.workspace_id, jobs=not place.by_token)


def _subject(entry: Entry) -> tuple[str, str]:
    if entry.connection is not None:
        return "connection", entry.connection.id
    return "schedule", entry.schedule.id


def _show(entries: list[Entry], now: datetime, *, as_json: bool) -> None:
    if as_json:
        print_json([_as_json(entry) for entry in entries])
        return
    print_table(
        [
            ("schedule of", False),
            ("due", False),
            ("next (UTC)", False),
            ("last (UTC)", False),
            ("missed", False),
            ("what to know", False),
        ],
        [
            (
                entry.target,
                _when(entry.schedule),
                _next(entry, now),
                "never" if entry.schedule.last_run_at is None else f"{entry.schedule.last_run_at:%Y-%m-%d %H:%M}",
                str(entry.schedule.catch_up),
                entry.schedule.last_error or "",
            )
            for entry in entries
        ],
        empty="There is no schedule yet: each connection gets one when it is made. Run `adjoin connect PLATFORM`.",
    )


def _as_json(entry: Entry) -> dict[str, Any]:
    schedule = entry.schedule
    return {
        "schedule_id": schedule.id,
        "connection_id": schedule.connection_id,
        "connection": None if entry.connection is None else entry.connection.label,
        "platform": None if entry.connection is None else entry.connection.platform,
        "job": schedule.job,
        "cron": schedule.cron,
        "every_seconds": schedule.every_seconds,
        "time_zone": schedule.time_zone,
        "jitter_seconds": schedule.jitter_seconds,
        "catch_up": str(schedule.catch_up),
        "enabled": schedule.enabled,
        "next_run_at": entry.next_run_at,
        "last_run_at": schedule.last_run_at,
        "last_error": schedule.last_error,
    }


def _when(schedule: Schedule) -> str:
    if schedule.cron is not None:
        text = f"{schedule.cron} in {schedule.time_zone}"
    elif schedule.every_seconds:
        text = f"every {_span(schedule.every_seconds)}"
    else:
        text = "at no time"
    return f"{text}, spread over {_span(schedule.jitter_seconds)}" if schedule.jitter_seconds else text


def _next(entry: Entry, now: datetime) -> str:
    if entry.next_run_at is None:
        return "paused"
    late = "" if entry.next_run_at > now else " (due)"
    return f"{entry.next_run_at:%Y-%m-%d %H:%M}{late}"


def _span(seconds: int) -> str:
    """Write seconds as `parse_span` reads them: 5400 is 1h30m."""
    parts = []
    for unit, size in reversed(_UNITS.items()):
        if unit != "w" and seconds >= size:
            parts.append(f"{seconds // size}{unit}")
            seconds %= size
    return "".join(parts) or "0s"
