"""The single checks: what of a connection's snapshot is worth a finding, and in which words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from adjoin.ads import v2
from adjoin.db.models import ConnectionState, Run, RunState
from adjoin.errors import BadInput
from adjoin.health.advice import advice_for, meaning_of
from adjoin.health.model import Finding, Problem, Severity
from adjoin.health.snapshot import Failure, Snapshot
from adjoin.health.words import short, span, when
from adjoin.sync.differences import difference_sentence, unexplained
from adjoin.sync.retries import STOPPED
from adjoin.sync.slots import next_after

__all__ = [
    "account_findings",
    "authorisation_findings",
    "difference_findings",
    "due_at",
    "failure_findings",
    "lateness_findings",
    "run_findings",
    "schedule_findings",
]

#: A run that was due needs its time; nobody is late before that.
GRACE = timedelta(minutes=30)
_SILENT_AFTER = timedelta(minutes=2)  # a run that is worked on shows a sign of life every few seconds
_STUCK_AFTER = timedelta(hours=1)
_WAITS_AFTER = timedelta(minutes=10)
_NEWS = timedelta(days=30)  # an account that is gone for longer is no news
_WARN_BEFORE = timedelta(days=7)  # where the plugin that knows better is not loaded
_NAMED = 3
_EXPIRY_WARNING = re.compile(r"(?:; )?the authorisation ends on \S+; run `adjoin connect [^`]+` before that")


def due_at(one: Snapshot) -> datetime | None:
    """Return when data should have been fetched again by the schedules that count for the connection.

    None where no schedule is switched on, or none of them says a time.
    """
    start = one.connection.last_sync_at or one.connection.created_at
    slots = []
    for schedule in one.schedules:
        if schedule.enabled:
            try:
                slots.append(next_after(schedule, start))
            except BadInput:  # the schedule's own finding tells of it
                continue
    return min(slots, default=None)


def lateness_findings(one: Snapshot, *, now: datetime, due: datetime | None) -> Iterator[Finding]:
    """Data that is older than the schedule allows."""
    connection = one.connection
    if due is None or now - due <= GRACE or connection.state is ConnectionState.DISABLED:
        return
    late = now - due
    synced = connection.last_sync_at
    active = one.active is not None and not list(run_findings(one, now=now))
    severity = Severity.BROKEN if late > max(timedelta(days=1), 2 * _interval(one, due)) else Severity.ATTENTION
    yield Finding(
        problem=Problem.LATE,
        severity=Severity.NOTE if active else severity,
        what=f"data is {span(late)} late: "
        + (f"last brought up to date {when(synced)}" if synced else "nothing was synced yet")
        + f", due {when(due)}",
        why="a run is under way" if active else _why_late(one, now),
        advice="" if active else f"Start `scheduler.py`, or run `adjoin sync --platform {connection.platform}`.",
        since=due,
    )


def _why_late(one: Snapshot, now: datetime) -> str:
    if one.connection.state is ConnectionState.RECONNECT:
        return "nothing is synced until it is connected again"
    waiting = [schedule for schedule in one.schedules if schedule.enabled and schedule.next_run_at < now - GRACE]
    if waiting:
        return "no scheduler has looked at its schedule since"
    return "the runs since then have brought nothing" if one.ended else ""


def _interval(one: Snapshot, due: datetime) -> timedelta:
    gaps = []
    for schedule in one.schedules:
        if schedule.enabled:
            try:
                gaps.append(next_after(schedule, due) - due)
            except BadInput:
                continue
    return min(gaps, default=timedelta(0))


def authorisation_findings(one: Snapshot, *, now: datetime, described: v2.Description | None) -> Iterator[Finding]:
    """An authorisation that is gone or ends soon, a connection that is off, a plugin that is missing."""
    connection = one.connection
    again = f"Connect again: `adjoin connect {connection.platform}`."
    if connection.state is ConnectionState.DISABLED:
        yield Finding(
            problem=Problem.SWITCHED_OFF, severity=Severity.ATTENTION, what="switched off, so it is not synced"
        )
        return
    if described is None:
        yield Finding(
            problem=Problem.NO_PLUGIN,
            severity=Severity.BROKEN,
            what=f"the plugin {connection.platform!r} is not loaded here, so nothing can be synced",
            advice="`adjoin plugins list` says why; install it, or switch it on with `adjoin plugins enable`.",
        )
    if connection.state is ConnectionState.RECONNECT:
        yield Finding(
            problem=Problem.RECONNECT,
            severity=Severity.BROKEN,
            what="the platform no longer lets Adjoin in",
            why=short(connection.last_error or ""),
            advice=again,
            since=one.ended[0].finished_at if one.ended else None,
        )
        return
    if connection.expires_at is None:
        return
    ours = connection.expires_at - one.ahead  # the platform's clock decides, and may go differently
    left = ours - now
    warn_before = described.auth.warn_before if described is not None else _WARN_BEFORE
    if left <= warn_before:
        ended = left <= timedelta(0)
        what = f"the authorisation {'has ended' if ended else 'ends'} on {connection.expires_at:%Y-%m-%d}"
        yield Finding(
            problem=Problem.EXPIRES,
            severity=Severity.BROKEN if ended else Severity.ATTENTION,
            what=what if ended else f"{what}, in {span(left)}",
            why="this platform lets nobody but a person renew it" if not connection.can_renew else "",
            advice=again if ended else f"{again[:-1]} before that.",
            since=ours if ended else None,
        )


def failure_findings(one: Snapshot, *, now: datetime) -> Iterator[Finding]:
    """What the last runs could not read, by kind of error, what is tried again, and what the platform warns of."""
    connection = one.connection
    if connection.state in (ConnectionState.RECONNECT, ConnectionState.DISABLED):
        return  # one reason for everything, and it has its own finding
    made_good: set[str] = set()
    for place, run in enumerate(one.current):
        failures = [two for two in one.failures.get(run.id, []) if two.account_id not in made_good]
        groups = _by_kind(failures)
        for kind, of_kind in groups.items():
            yield _failed(one, run, kind, of_kind)
        if place == 0 and not groups and run.state in (RunState.FAILED, RunState.PARTLY):
            yield _failed(one, run, "", [])
        if run.retry_at is not None and place == 0:
            yield Finding(
                problem=Problem.RETRY,
                severity=Severity.NOTE,
                what=f"what failed is tried again by itself at {when(run.retry_at)} (try {run.tries + 2})",
                since=run.finished_at,
            )
        if run.streams is None and run.accounts is not None:
            made_good |= set(run.accounts) - {two.account_id for two in one.failures.get(run.id, [])}
    if not one.ended and connection.last_error:
        yield Finding(
            problem=Problem.FAILED,
            severity=Severity.BROKEN if connection.state is ConnectionState.ERROR else Severity.ATTENTION,
            what="the last run could not read everything",
            why=short(connection.last_error),
            advice=advice_for("", connection.platform),
        )
    warning = _EXPIRY_WARNING.sub("", connection.warning or "").removeprefix("; ")
    if warning:
        yield Finding(
            problem=Problem.WARNING,
            severity=Severity.ATTENTION,
            what="the platform warns",
            why=short(warning),
            advice="Upgrade Adjoin and its plugins before that comes true.",
        )


def _failed(one: Snapshot, run: Run, kind: str, failures: list[Failure]) -> Finding:
    platform = one.connection.platform
    again = ""
    if run.retry_at is not None:
        again = f"Nothing yet: it is tried again at {when(run.retry_at)}."
    elif one.active is not None and one.active.retry_of == run.id:
        again = "Nothing yet: it is being tried again."
    if failures:
        accounts = list(dict.fromkeys(two.account_id for two in failures))
        parts = sum(two.parts for two in failures)
        named = ", ".join(one.name_of(account) for account in accounts[:_NAMED])
        rest = f" and {len(accounts) - _NAMED} more accounts" if len(accounts) > _NAMED else ""
        what = f"{parts} {'part' if parts == 1 else 'parts'} of {named}{rest} could not be read"
        why = ": ".join(text for text in (meaning_of(kind), short(failures[0].error)) if text)
    else:
        what = "the last run failed" if run.state is RunState.FAILED else "the last run could not read everything"
        why = short(run.error or "no reason was recorded")
    lost = run.state is RunState.FAILED and not again
    return Finding(
        problem=Problem.FAILED,
        severity=Severity.BROKEN if lost else Severity.ATTENTION,
        what=what,
        why=why,
        advice=again or advice_for(kind, platform),
        since=run.finished_at,
        account_id=failures[0].account_id if len({two.account_id for two in failures}) == 1 else None,
    )


def _by_kind(failures: list[Failure]) -> Mapping[str, list[Failure]]:
    groups: dict[str, list[Failure]] = defaultdict(list)
    for failure in failures:
        groups[failure.kind].append(failure)
    # What was stopped because something else had failed says nothing of its own.
    return {kind: some for kind, some in groups.items() if kind != STOPPED}


def run_findings(one: Snapshot, *, now: datetime) -> Iterator[Finding]:
    """A run that waits for too long, or that nobody seems to work on any more."""
    run = one.active
    if run is None:
        return
    if run.state is RunState.QUEUED:
        ready = max(run.created_at, run.not_before or run.created_at)
        waited = now - max(ready, run.heartbeat_at or ready)
        if waited > _WAITS_AFTER:
            yield Finding(
                problem=Problem.STUCK,
                severity=Severity.BROKEN if waited > _STUCK_AFTER else Severity.ATTENTION,
                what=f"a run waits for {span(waited)}",
                why="; ".join(run.notes[-1:]) or "nobody has taken it",
                advice="Start `scheduler.py` (or `adjoin worker`, where workers execute runs), or run `adjoin sync`.",
                since=ready,
            )
        return
    seen = run.heartbeat_at or run.started_at or run.created_at
    silent = now - seen
    if silent > _SILENT_AFTER:
        worker = f" ({run.worker})" if run.worker else ""
        yield Finding(
            problem=Problem.STUCK,
            severity=Severity.BROKEN if silent > _STUCK_AFTER else Severity.ATTENTION,
            what=f"the run under way has shown no sign of life for {span(silent)}",
            why=f"the process that worked on it{worker} is gone or frozen",
            advice="Start `scheduler.py` or run `adjoin sync`: it goes on where it was.",
            since=seen,
        )


def schedule_findings(one: Snapshot, *, now: datetime) -> Iterator[Finding]:
    """Schedules that cannot be used, are paused, or are not there."""
    if one.connection.state is ConnectionState.DISABLED:
        return
    platform = one.connection.platform
    for schedule in one.schedules:
        if schedule.enabled and schedule.last_error and one.connection.state is not ConnectionState.RECONNECT:
            yield Finding(
                problem=Problem.SCHEDULE,
                severity=Severity.ATTENTION,
                what=f"its schedule {schedule.name!r} came to nothing the last time",
                why=short(schedule.last_error),
                advice="`adjoin schedules` shows and changes it.",
                since=schedule.last_run_at,
            )
    if not any(schedule.enabled for schedule in one.schedules):
        paused = bool(one.schedules)
        yield Finding(
            problem=Problem.SCHEDULE,
            severity=Severity.ATTENTION,
            what="its schedule is paused, so nothing is synced by itself" if paused else "it has no schedule",
            advice=f"Let it go on with `adjoin schedules resume {platform}`."
            if paused
            else f"Give it one with `adjoin schedules set {platform} --every 6h`.",
        )


def account_findings(one: Snapshot, *, now: datetime, read_before: set[str]) -> Iterator[Finding]:
    """Accounts that the platform does not list any more, or does not let be read; `read_before` had rows lately."""
    for account in one.accounts:
        name = one.name_of(account.id)
        if account.gone_at is not None:
            news = account.selected and now - account.gone_at <= _NEWS
            yield Finding(
                problem=Problem.ACCOUNT_GONE,
                severity=Severity.ATTENTION if news else Severity.NOTE,
                what=f"account {name} is gone: the platform does not list it any more",
                why="it was closed, or the user who connected has lost access",
                advice="Look in the platform. If it is closed for good there is nothing to do; its history stays.",
                since=account.gone_at,
                account_id=account.id,
            )
        elif not account.readable and account.selected:
            lost = account.id in read_before
            why = (account.note or account.native_status).removeprefix("not read: ")
            yield Finding(
                problem=Problem.ACCOUNT_UNREADABLE,
                severity=Severity.ATTENTION if lost else Severity.NOTE,
                what=f"account {name} cannot be read" + (" any more" if lost else ""),
                why=why,
                advice=advice_for("skip_account", one.connection.platform) if lost else "",
                account_id=account.id,
            )


def difference_findings(one: Snapshot) -> Iterator[Finding]:
    """Differences between grains that nothing explains, in the runs that tell how things are."""
    seen: set[str] = set()
    currencies = {account.id: account.currency for account in one.accounts}
    for run in one.current:
        unknown = [two for two in unexplained(run.differences) if two["account_id"] not in seen]
        if run.accounts is not None:
            seen |= set(run.accounts)
        if not unknown:
            continue
        first = unknown[0]
        account = str(first["account_id"])
        more = max(run.unexplained, len(unknown)) - 1
        yield Finding(
            problem=Problem.DIFFERENCES,
            severity=Severity.ATTENTION,
            what=difference_sentence(first, name=one.name_of(account), currency=currencies.get(account, ""))
            + (f" (and {more} more)" if more else ""),
            why="the platform's own levels do not add up, or the plugin leaves something out",
            advice=f"`adjoin runs show {run.id[:8]}` has them all. Read the days again: "
            f"`adjoin sync --platform {one.connection.platform} --account {account} --since {first['first_day']} "
            f"--until {first['last_day']}`; if it stays so, report it.",
            since=run.finished_at,
            account_id=account,
        )
