"""Commands about scheduled reports: reports list, add, show, pause, resume, mute, send, history, remove."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import print_json, print_table, say
from adjoin.cli.reporting import ComparedWith

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoin.cli._place import Place
    from adjoin.db.reports import ReportSend
    from adjoin.reports.defining import ReportLine
    from adjoin.reports.terms import Span, Terms
    from adjoin.reports.timing import Cadence

__all__ = ["register"]

_NAME = typer.Argument(metavar="REPORT", help="A report by its name or id, as `adjoin reports list` names it.")
_JSON = typer.Option(False, "--json", help="Print as JSON.")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class _Every(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Scheduled reports: what is sent when, and to whom.", rich_markup_mode=None)
    group.command("list")(list_reports)
    group.command("add")(add)
    group.command("show")(show)
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("mute")(mute)
    group.command("send")(send)
    group.command("history")(history)
    group.command("remove")(remove)
    app.add_typer(group, name="reports", no_args_is_help=True)


def list_reports(context: typer.Context, as_json: bool = _JSON) -> None:
    """List the scheduled reports. `scheduler.py` has to run for them to be sent.

    Example: adjoin reports list
    """
    from adjoin.cli._place import place_of
    from adjoin.reports.defining import reports_of

    with place_of(context) as place:
        with place.store.read() as session:
            lines = reports_of(session, place.workspace_id, now=place.now)
        if as_json:
            print_json([_as_json(one) for one in lines])
            return
        print_table(
            [("report", False), ("state", False), ("sent", False), ("next", False), ("last", False), ("id", False)],
            [[one.name, _state(one), _when(one), _at(one.next_at), _last(one.last), one.id[:8]] for one in lines],
            empty="There is no scheduled report yet; make one with `adjoin reports add`, or on the page Reports.",
        )


def add(
    context: typer.Context,
    name: str = typer.Argument(metavar="NAME", help="What the report is called."),
    metric: list[str] = typer.Option(
        [], "--metric", metavar="NAME", help="A metric of `adjoin metrics`; the first is drawn; may be repeated."
    ),
    by: str = typer.Option("campaign", "--by", metavar="DIMENSION", help="What to have rows for, or total."),
    over: str = typer.Option(
        "last 7 days",
        "--over",
        metavar="DAYS",
        help="yesterday, last 7 days, last week, last 30 days, last 90 days, this month, last month, year to date.",
    ),
    where: list[str] = typer.Option(
        [], "--where", metavar="CONDITION", help="Only what fits: platform=google, campaign~brand; may be repeated."
    ),
    compare: ComparedWith | None = typer.Option(
        ComparedWith.PREVIOUS_PERIOD, "--compare", help="Put the figures of earlier days beside."
    ),
    currency: str = typer.Option("", "--currency", metavar="CODE", help="Default: that of the workspace."),
    limit: int = typer.Option(20, "--limit", metavar="ROWS", help="How many rows; totals are of all."),
    every: _Every = typer.Option(_Every.WEEK, "--every", help="How often it is sent."),
    on: str = typer.Option("", "--on", metavar="DAY", help="Of a week: monday to sunday; of a month: 1 to 28."),
    at: str = typer.Option("08:00", "--at", metavar="TIME", help="When, such as 08:00."),
    zone: str = typer.Option("", "--zone", help="The time zone, such as Europe/Berlin. Default: the workspace's."),
    to: list[str] = typer.Option([], "--to", metavar="EMAIL", help="A member who is sent it; may be repeated."),
    target: list[str] = typer.Option(
        [], "--target", metavar="NAME", help="A Slack channel or webhook of the page Alerts; may be repeated."
    ),
    pdf: bool = typer.Option(True, "--pdf/--no-pdf", help="Attach it as a PDF file to mails."),
) -> None:
    """Have a report sent at set times.

    Example: adjoin reports add "Weekly" --metric cost --metric cpa --by campaign --over "last week" --every week
    --on monday --at 08:00 --to ada@example.com
    """
    from adjoin.analytics.addresses import condition_of
    from adjoin.analytics.v1 import Compare
    from adjoin.cli._place import place_of
    from adjoin.reports import defining
    from adjoin.reports.terms import Terms

    cadence, span = _cadence(every, on, at), _span(over)
    conditions = tuple(condition_of(text, of="--where") for text in where)
    with place_of(context) as place:
        with place.store.read() as session:
            usual, usual_zone = defining.usual(session, place.workspace_id)
        terms = Terms(
            metrics=tuple(metric) or ("cost", "conversions", "cpa"),
            dimension="" if by == "total" else by,
            span=span,
            compare=Compare.NOTHING if compare is None else Compare(compare.value.replace("-", " ")),
            currency=currency.upper() or usual,
            where=conditions,
            rows=limit,
        )
        _check_names(place, terms)
        with place.runtime.store.write() as session:
            wanted = defining.Wanted(
                name=name,
                terms=terms,
                cadence=cadence,
                time_zone=zone or usual_zone,
                people=_people(session, place, to),
                targets=_targets(session, place, target),
                with_pdf=pdf,
            )
            made = defining.create(session, place.workspace_id, wanted, by=place.actor, now=place.now)
            said = f"added: {made.name}, sent first {_at(made.next_at)}"
    say(said)


def show(context: typer.Context, report: str = _NAME, as_json: bool = _JSON) -> None:
    """Show what a report is about, when it is sent and to whom.

    Example: adjoin reports show Weekly
    """
    from adjoin.access.members import members_of
    from adjoin.alerts.targets import targets_of
    from adjoin.cli._place import place_of
    from adjoin.reports.defining import find, reports_of

    with place_of(context) as place:
        with place.store.read() as session:
            found = find(session, place.workspace_id, report)
            lines = reports_of(session, place.workspace_id, now=place.now)
            line = next(one for one in lines if one.id == found.id)
            people = {one.user_id: one.name or one.email for one in members_of(session, place.workspace_id)}
            targets = {one.id: one.name for one in targets_of(session, place.workspace_id)}
        if as_json:
            print_json(_as_json(line))
            return
        to = [*(people.get(one, "") for one in line.people), *(targets.get(one, "") for one in line.targets)]
        rows = [
            ["name", line.name],
            ["state", _state(line)],
            ["about", line.note if line.terms is None else _about(line.terms)],
            ["sent", f"{_when(line)}, {'with' if line.with_pdf else 'without'} PDF"],
            ["to", ", ".join(one for one in to if one) or "nobody"],
            ["next", _at(line.next_at)],
            ["last", _last(line.last)],
            ["made by", line.author],
            ["id", line.id],
            *([["note", line.note]] if line.note and line.terms is not None else []),
        ]
        print_table([("", False), ("", False)], rows)


def pause(context: typer.Context, report: str = _NAME) -> None:
    """Pause a report until `resume`: its times pass.

    Example: adjoin reports pause Weekly
    """
    _switch(context, report, on=False)


def resume(context: typer.Context, report: str = _NAME) -> None:
    """Have a paused report sent again, from its next time on.

    Example: adjoin reports resume Weekly
    """
    _switch(context, report, on=True)


def mute(
    context: typer.Context,
    report: str = _NAME,
    span: str = typer.Option("7d", "--for", metavar="TIME", help="For how long, such as 3d or 2w."),
    off: bool = typer.Option(False, "--off", help="End it."),
) -> None:
    """Leave out the times of a report for a while.

    Example: adjoin reports mute Weekly --for 2w
    """
    from adjoin.cli.schedules import parse_span
    from adjoin.reports import defining

    length = parse_span(span, "--for")

    def act(session: Any, place: Place, report_id: str) -> str:
        if off:
            made = defining.unmute(session, place.workspace_id, report_id, by=place.actor, now=place.now)
            return f"not muted any more: {made.name}"
        until = place.now + length
        made = defining.mute(session, place.workspace_id, report_id, until=until, by=place.actor, now=place.now)
        return f"muted until {_at(until)}: {made.name}"

    _change(context, report, act)


def send(
    context: typer.Context,
    report: str = _NAME,
    to: str = typer.Option("", "--to", metavar="EMAIL", help="As a test to this member alone."),
) -> None:
    """Send a report now, to everybody that it goes to or as a test to one. Its times stay as they are.

    Example: adjoin reports send Weekly --to ada@example.com
    """
    from adjoin.alerts.judging import looker_of
    from adjoin.alerts.telling import Post
    from adjoin.cli._place import place_of
    from adjoin.reports.defining import find
    from adjoin.reports.sending import send_now

    with place_of(context) as place:
        runtime = place.runtime
        with place.store.read() as session:
            found = find(session, place.workspace_id, report)
            people = _people(session, place, [to] if to else [])
        sent = send_now(
            runtime.store,
            looker_of(runtime.kernel, runtime.facts, runtime.clock),
            Post(runtime.vault, runtime.settings.base_url),
            place.workspace_id,
            found.id,
            to=people[0] if people else "",
            by=place.actor,
            clock=runtime.clock,
        )
        count = f"{sent.told} {'message' if sent.told == 1 else 'messages'}"
        say(f"on its way: {found.name!r} of {sent.since} to {sent.until}, {count}; the scheduler sends")


def history(context: typer.Context, report: str = _NAME, as_json: bool = _JSON) -> None:
    """Show when a report was sent, to how many, and what went wrong.

    Example: adjoin reports history Weekly
    """
    from adjoin.cli._place import place_of
    from adjoin.reports.defining import find, sends_of

    with place_of(context) as place:
        with place.store.read() as session:
            found = find(session, place.workspace_id, report)
            sends = sends_of(session, place.workspace_id, found.id)
        if as_json:
            print_json([_send_json(one) for one in sends])
            return
        print_table(
            [(name, name == "to") for name in ("at", "for", "kind", "days", "outcome", "to", "why")],
            [
                [
                    _at(one.at),
                    _at(one.slot_at),
                    one.kind.value,
                    "–" if one.since is None else f"{one.since} – {one.until}",
                    one.outcome.value,
                    str(one.told),
                    one.why,
                ]
                for one in sends
            ],
            empty="It was not sent yet.",
        )


def remove(context: typer.Context, report: str = _NAME) -> None:
    """Delete a report with its history.

    Example: adjoin reports remove Weekly
    """
    from adjoin.reports import defining

    def act(session: Any, place: Place, report_id: str) -> str:
        made = defining.delete(session, place.workspace_id, report_id, by=place.actor, now=place.now)
        return f"deleted: {made.name}"

    _change(context, report, act)


def _switch(context: typer.Context, report: str, *, on: bool) -> None:
    from adjoin.reports import defining

    def act(session: Any, place: Place, report_id: str) -> str:
        made = defining.switch(session, place.workspace_id, report_id, on=on, by=place.actor, now=place.now)
        return f"sent again: {made.name}, next {_at(made.next_at)}" if on else f"paused: {made.name}"

    _change(context, report, act)


def _change(context: typer.Context, report: str, act: Callable[[Any, Place, str], str]) -> None:
    from adjoin.cli._place import place_of
    from adjoin.reports.defining import find

    with place_of(context) as place, place.runtime.store.write() as session:
        said = act(session, place, find(session, place.workspace_id, report).id)
    say(said)


def _cadence(every: _Every, on: str, at: str) -> Cadence:
    from datetime import time

    from adjoin.errors import BadInput
    from adjoin.reports.timing import Cadence

    try:
        when = time.fromisoformat(at)
    except ValueError:
        raise BadInput(f"--at {at!r} is no time; write one such as 08:00") from None
    day = on.strip().lower()
    if every is _Every.DAY and day:
        raise BadInput("--on goes with --every week or month")
    if every is _Every.WEEK and day and day not in _WEEKDAYS:
        raise BadInput(f"--on {on!r} is no weekday; write one of {', '.join(_WEEKDAYS)}")
    if every is _Every.MONTH and day and not (day.isascii() and day.isdecimal()):
        raise BadInput(f"--on {on!r} is no day of a month; write one from 1 to 28")
    cadence = Cadence(
        every=every.value,
        at=when.replace(second=0, microsecond=0, tzinfo=None),
        weekday=_WEEKDAYS.index(day) if every is _Every.WEEK and day else 0,
        day=int(day) if every is _Every.MONTH and day else 1,
    )
    _ = cadence.cron  # which says what is wrong, if something is
    return cadence


def _span(text: str) -> Span:
    from adjoin.errors import BadInput
    from adjoin.reports.terms import Span

    wanted = " ".join(text.lower().replace("-", " ").split())
    if wanted not in set(Span):
        raise BadInput(f"--over {text!r} is not known; there are {', '.join(Span)}")
    return Span(wanted)


def _check_names(place: Place, terms: Terms) -> None:
    """Raise UnknownName for metrics and dimensions that are not there: better now than when it is sent."""
    from adjoin.cli._figures import figures_of
    from adjoin.errors import UnknownName

    with figures_of(place) as figures:
        known = figures.definitions()
    metrics, dimensions = {one.name for one in known.metrics}, {one.name for one in known.dimensions}
    wrong = [one for one in terms.metrics if one not in metrics]
    wrong += [
        one for one in (terms.dimension, *(one.dimension for one in terms.where)) if one and one not in dimensions
    ]
    if wrong:
        raise UnknownName(f"there is no metric or dimension {wrong[0]!r}; `adjoin metrics` lists them")


def _people(session: Any, place: Place, emails: Sequence[str]) -> tuple[str, ...]:
    from adjoin.access.members import members_of
    from adjoin.errors import UnknownName

    known = {one.email.casefold(): one.user_id for one in members_of(session, place.workspace_id) if one.active}
    unknown = next((one for one in emails if one.strip().casefold() not in known), None)
    if unknown is not None:
        raise UnknownName(f"{unknown[:80]!r} is no member of this workspace; `adjoin members list` names them")
    return tuple(known[one.strip().casefold()] for one in emails)


def _targets(session: Any, place: Place, names: Sequence[str]) -> tuple[str, ...]:
    from adjoin.alerts.targets import targets_of
    from adjoin.errors import UnknownName

    known = {one.name.casefold(): one.id for one in targets_of(session, place.workspace_id)}
    unknown = next((one for one in names if one.strip().casefold() not in known), None)
    if unknown is not None:
        raise UnknownName(f"there is no target {unknown[:80]!r}; the page Alerts lists them, and adds some")
    return tuple(known[one.strip().casefold()] for one in names)


def _about(terms: Terms) -> str:
    from datetime import date

    from adjoin.analytics.addresses import question_text

    told = question_text(terms.question(date.min, date.min)).replace(f"from={date.min} to={date.min} ", "")
    return f"{terms.span}: {told}"


def _as_json(one: ReportLine) -> dict[str, Any]:
    from adjoin.reports.terms import store_terms

    return {
        "id": one.id,
        "name": one.name,
        "state": "paused" if not one.enabled else "muted" if one.muted_until is not None else "on",
        "about": None if one.terms is None else store_terms(one.terms),
        "cron": one.cadence.cron,
        "time_zone": one.time_zone,
        "people": list(one.people),
        "targets": list(one.targets),
        "with_pdf": one.with_pdf,
        "muted_until": one.muted_until,
        "next_at": one.next_at,
        "last": None if one.last is None else _send_json(one.last),
        "note": one.note,
        "author": one.author,
    }


def _send_json(one: ReportSend) -> dict[str, Any]:
    return {
        "at": one.at,
        "due": one.slot_at,
        "kind": one.kind.value,
        "outcome": one.outcome.value,
        "since": one.since,
        "until": one.until,
        "told": one.told,
        "problems": one.problems,
        "why": one.why,
    }


def _state(one: ReportLine) -> str:
    if not one.enabled:
        return "paused"
    return "on" if one.muted_until is None else f"muted until {_at(one.muted_until)}"


def _when(one: ReportLine) -> str:
    cadence = one.cadence
    day = {
        "day": "each day",
        "week": f"each {_WEEKDAYS[cadence.weekday].title()}",
        "month": f"on day {cadence.day} of each month",
    }[cadence.every]
    return f"{day} at {cadence.at:%H:%M} ({one.time_zone})"


def _last(send: ReportSend | None) -> str:
    return "–" if send is None else f"{_at(send.at)}: {send.outcome.value}"


def _at(at: Any) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
