"""Finds out whether what a rule watches for is so. Asks and reads; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlmodel import col, select

from adjoin.alerts.terms import Anomaly, Change, Compared, Days, Health, Pacing, Part, Side, Terms, Threshold, days_of
from adjoin.analytics import v1
from adjoin.db.models import Account, Connection, ConnectionState, Coverage
from adjoin.errors import StateError, UnknownName
from adjoin.health.model import Severity

if TYPE_CHECKING:
    from adjoin.ads import v2 as ads
    from adjoin.analytics.context import WorkspaceContext
    from adjoin.clock import Clock
    from adjoin.db.scope import Scope
    from adjoin.facts.store import FactStore
    from adjoin.kernel import Kernel

__all__ = ["Against", "Found", "Looker", "Thing", "Waiting", "judge", "looker_of", "read_found"]

#: How many days data may be behind until a rule that needs it counts as broken.
STALE = 2
_MOST_THINGS = 20  # that a message names
_NAMED = 3


class Against(StrEnum):
    """What a figure is held against."""

    LIMIT = "limit"  #: a value
    BEFORE = "before"  #: what it was before; `limit` is in percent
    BUDGET = "budget"  #: what the month may spend; `before` is what it has spent so far


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """One of several things that were found: what it is called, and a sentence on it."""

    name: str
    text: str


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a check has found. `so` says whether what the rule watches for is so.

    `value`, `before` and `limit` are in the unit of the metric: money in whole units of `currency`, a share as 0.02.
    `percent` is by how much a figure has changed or is off, in percent. `changing`: days among them may still change.
    """

    so: bool
    against: Against = Against.LIMIT
    title: str = ""
    unit: v1.Unit | None = None
    currency: str = ""
    since: date | None = None
    until: date | None = None
    value: Decimal | None = None
    before: Decimal | None = None
    limit: Decimal | None = None
    percent: Decimal | None = None
    changing: bool = False
    things: tuple[Thing, ...] = ()
    more: int = 0  #: things that are not named


def read_found(stored: Mapping[str, Any]) -> Found | None:
    """Read what a check had found, as the history holds it; None for what this release does not know."""
    try:
        return msgspec.convert(stored, Found)
    except msgspec.ValidationError:
        return None


class Waiting(msgspec.Struct, frozen=True):
    """The check has to wait, and why: a sentence for people."""

    why: str


@dataclass(frozen=True)
class Looker:
    """What a check of one workspace looks with."""

    kernel: Kernel
    store: Scope
    facts: FactStore
    platforms: Mapping[str, ads.Description]
    clock: Clock

    @cached_property
    def context(self) -> WorkspaceContext:
        """What questions are answered from. Close `facts` of it when done."""
        from adjoin.analytics.context import WorkspaceContext
        from adjoin.facts.query import FactQuery

        query = FactQuery(self.store, self.facts, self.store.workspace_id)
        return WorkspaceContext(self.store, query, self.platforms, self.clock)

    def close(self) -> None:
        """Let go of the facts."""
        if "context" in self.__dict__:
            self.context.facts.close()


Outcome: TypeAlias = Found | Waiting


def looker_of(kernel: Kernel, facts: FactStore, clock: Clock) -> Callable[[Scope], Looker]:
    """Return what makes a `Looker` of a workspace; the platforms are asked once."""
    from adjoin.analytics.context import describe_platforms

    platforms = describe_platforms(kernel)
    return lambda store: Looker(kernel, store, facts, platforms, clock)


def judge(terms: Terms, looker: Looker, *, time_zone: str) -> Outcome:
    """Say whether it is so, or that the check has to wait until the days are there. Blocks.

    Days are counted in `time_zone`. Raises AdjoinError where it cannot be found out.
    """
    try:
        match terms:
            case Threshold():
                return _judge_threshold(terms, looker, time_zone)
            case Change():
                return _judge_change(terms, looker, time_zone)
            case Anomaly():
                return _judge_anomaly(terms, looker, time_zone)
            case Pacing():
                return _judge_pacing(terms, looker, time_zone)
            case Health():
                return _judge_health(terms, looker)
    finally:
        looker.close()


def _judge_threshold(terms: Threshold, looker: Looker, zone: str) -> Outcome:
    since, until = days_of(terms.days, _today(looker, zone))
    if (waiting := _awaited(looker, terms.part, until)) is not None:
        return waiting
    metric = _metric(looker, terms.metric)
    answer = _ask(looker, _question(terms, since, until))
    value = _written(metric, answer.totals[metric.name])
    if value is None:
        raise _missing(metric, since, until)
    return Found(
        so=value > terms.value if terms.side is Side.ABOVE else value < terms.value,
        title=metric.title,
        unit=metric.unit,
        currency=terms.currency,
        since=since,
        until=until,
        value=value,
        limit=terms.value,
        changing=_changing(answer, until),
    )


def _judge_change(terms: Change, looker: Looker, zone: str) -> Outcome:
    since, until = days_of(terms.days, _today(looker, zone))
    if (waiting := _awaited(looker, terms.part, until)) is not None:
        return waiting
    metric = _metric(looker, terms.metric)
    compare = v1.Compare.PREVIOUS_PERIOD if terms.compared is Compared.PERIOD else v1.Compare.PREVIOUS_YEAR
    answer = _ask(looker, _question(terms, since, until, compare))
    value = _written(metric, answer.totals[metric.name])
    before = _written(metric, (answer.before or {}).get(metric.name))
    if value is None:
        raise _missing(metric, since, until)
    if before is None or before == 0:
        first, last = answer.compared or (since, until)
        raise StateError(f"there is nothing to compare with: {metric.title} has no figures from {first} to {last}")
    percent = (value - before) / abs(before) * 100
    return Found(
        so=percent > terms.percent if terms.side is Side.ABOVE else percent < -terms.percent,
        against=Against.BEFORE,
        title=metric.title,
        unit=metric.unit,
        currency=terms.currency,
        since=since,
        until=until,
        value=value,
        before=before,
        limit=terms.percent,
        percent=percent,
        changing=_changing(answer, until),
    )


def _judge_anomaly(terms: Anomaly, looker: Looker, zone: str) -> Outcome:
    from adjoin.analytics.asking import findings

    since, until = days_of(Days.YESTERDAY, _today(looker, zone))
    if (waiting := _awaited(looker, terms.part, until)) is not None:
        return waiting
    if terms.metric:
        _metric(looker, terms.metric)
    answer = findings(
        looker.kernel, looker.context, since=since, until=until, currency=terms.currency, where=terms.part.where
    )
    if answer.until < until:
        return Waiting(f"{until} is not over in every account")
    found = [
        one
        for one in answer.found
        if one.kind is v1.FindingKind.ANOMALY and one.dismissed is None and terms.metric in ("", one.metric)
    ]
    things = [Thing(name=one.name or "/".join(one.key), text=one.title) for one in found]
    return _with_things(things, since=since, until=until, currency=terms.currency)


def _judge_pacing(terms: Pacing, looker: Looker, zone: str) -> Outcome:
    from adjoin.analytics.asking import forecast

    today = _today(looker, zone)
    first = today.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    if (waiting := _awaited(looker, terms.part, today - timedelta(days=1))) is not None:
        return waiting
    said = forecast(looker.kernel, looker.context, "cost", until=last, currency=terms.currency, where=terms.part.where)
    if said.expected is None or said.known_until is None:
        raise StateError(f"nobody can say what the month will have spent: {said.reason}")
    spent = Decimal(0)
    if said.known_until >= first:
        asked = v1.Question(
            since=first,
            until=said.known_until,
            metrics=("cost",),
            where=terms.part.where,
            currency=terms.currency,
        )
        spent = _exact(_ask(looker, asked).totals["cost"]) or Decimal(0)
    value = _plain((spent + said.expected).scaleb(-6))
    percent = (value - terms.budget) / terms.budget * 100
    return Found(
        so=abs(percent) > terms.percent,
        against=Against.BUDGET,
        title="Spend",
        unit=v1.Unit.MONEY,
        currency=terms.currency,
        since=first,
        until=last,
        value=value,
        before=_plain(spent.scaleb(-6)),
        limit=terms.budget,
        percent=percent,
    )


def _judge_health(terms: Health, looker: Looker) -> Outcome:
    from adjoin.health import connection_health

    found = connection_health(
        looker.store,
        looker.facts,
        now=looker.clock.now(),
        platforms=looker.platforms,
        workspace_id=looker.store.workspace_id,
    )
    known = {one.connection_id for one in found}
    gone = [one for one in terms.connections if one not in known]
    if gone and len(gone) == len(terms.connections):
        raise UnknownName("none of the connections that this rule watches is there any more")
    watched = [one for one in found if not terms.connections or one.connection_id in terms.connections]
    bad = {Severity.BROKEN} if terms.least is Severity.BROKEN else {Severity.BROKEN, Severity.ATTENTION}
    things = [
        Thing(name=one.label, text=one.worst.what)
        for one in watched
        if one.worst is not None and one.worst.severity in bad
    ]
    return _with_things(things)


def _with_things(things: list[Thing], **rest: Any) -> Found:
    return Found(so=bool(things), things=tuple(things[:_MOST_THINGS]), more=max(len(things) - _MOST_THINGS, 0), **rest)


def _question(
    terms: Threshold | Change, since: date, until: date, compare: v1.Compare = v1.Compare.NOTHING
) -> v1.Question:
    return v1.Question(
        since=since,
        until=until,
        metrics=(terms.metric,),
        where=terms.part.where,
        compare=compare,
        currency=terms.currency,
    )


def _ask(looker: Looker, question: v1.Question) -> v1.Answer:
    from adjoin.analytics.asking import ask

    return ask(looker.kernel, looker.context, question)


def _metric(looker: Looker, name: str) -> v1.Metric:
    from adjoin.analytics.asking import definitions

    known = {one.name: one for one in definitions(looker.kernel, looker.context).metrics}
    if name not in known:
        raise UnknownName(f"there is no metric {name[:60]!r} any more; choose another one for this rule")
    return known[name]


def _written(metric: v1.Metric, value: Any) -> Decimal | None:
    exact = _exact(value)
    return _plain(exact.scaleb(-6)) if exact is not None and metric.unit is v1.Unit.MONEY else exact


def _plain(value: Decimal) -> Decimal:
    """Return a number without zeros at its end."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def _exact(value: Any) -> Decimal | None:
    if value is None or value != value:  # NaN, which alone differs from itself
        return None
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _missing(metric: v1.Metric, since: date, until: date) -> StateError:
    days = f"on {since}" if since == until else f"from {since} to {until}"
    return StateError(f"{metric.title} has no figures {days}, so nobody can say whether it is above or below")


def _changing(answer: v1.Answer, until: date) -> bool:
    return any(day <= until for day in answer.changing_since.values())


def _today(looker: Looker, time_zone: str) -> date:
    return looker.clock.now().astimezone(ZoneInfo(time_zone)).date()


def _awaited(looker: Looker, part: Part, until: date) -> Waiting | None:
    """Return what a check waits for: accounts of which the last day has not been read since it was over.

    Raises StateError where an account has brought nothing for longer than STALE: that is no wait any more.
    """
    with looker.store.read() as session:
        accounts = session.exec(
            select(Account)
            .join(
                Connection,
                sa.and_(
                    col(Connection.workspace_id) == col(Account.workspace_id),
                    col(Connection.id) == col(Account.connection_id),
                ),
            )
            .where(
                col(Account.selected).is_(True),
                col(Account.readable).is_(True),
                col(Account.gone_at).is_(None),
                col(Connection.state) != ConnectionState.DISABLED,
            )
            .order_by(col(Account.name), col(Account.id))
        ).all()
        mine = [one for one in accounts if _is_part(one, part)]
        if not mine:
            raise StateError("there is no account to watch: none that is chosen and can be read fits this rule")
        earliest = until - timedelta(days=STALE)
        key = (col(Coverage.platform), col(Coverage.account_id), col(Coverage.day))
        query = select(*key, sa.func.max(col(Coverage.fetched_at)))
        query = query.where(col(Coverage.day) >= earliest, col(Coverage.day) <= until)
        read: dict[tuple[str, str], dict[date, datetime]] = {}
        for platform, account, day, at in session.exec(query.group_by(*key)):
            read.setdefault((platform, account), {})[day] = at
    missing: list[Account] = []
    stale: list[Account] = []
    for one in mine:
        days = {day for day, at in read.get((one.platform, one.id), {}).items() if at >= _over(one, day)}
        if not days:
            stale.append(one)
        elif until not in days:
            missing.append(one)
    if stale:
        raise StateError(f"the data of {_names(stale)} ends before {earliest}; the page Data health says why")
    return Waiting(f"waiting for the data of {until}: {_names(missing)}") if missing else None


def _names(accounts: list[Account]) -> str:
    names = ", ".join(one.name or one.id for one in accounts[:_NAMED])
    return names + (f" and {len(accounts) - _NAMED} more" if len(accounts) > _NAMED else "")


def _is_part(account: Account, part: Part) -> bool:
    named = f"{account.platform}/{account.id}"
    return (not part.platforms or account.platform in part.platforms) and (not part.accounts or named in part.accounts)


def _over(account: Account, day: date) -> datetime:
    """Return when a day is over in the zone of an account."""
    try:
        zone = ZoneInfo(account.time_zone)
    except (ValueError, OSError, KeyError):  # what zoneinfo raises for names that are none
        zone = ZoneInfo("UTC")
    return datetime.combine(day + timedelta(days=1), time(), zone)
