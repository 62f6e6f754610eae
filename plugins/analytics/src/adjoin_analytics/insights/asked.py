"""What the analyses ask about: some days of a workspace, with what objects are called and what was left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from adjoin.analytics import v1
from adjoin.db.models import Account
from adjoin_analytics.analyses.series import Key

__all__ = ["Ask", "Asked", "open_day"]

Ask: TypeAlias = Callable[[v1.Question], v1.Answer]

_SPENDING_DAYS = timedelta(days=28)


@dataclass(slots=True)
class Asked:
    """The days to look at, both included, in one currency; `names` and `notes` grow while questions are asked."""

    ask: Ask
    definitions: v1.Definitions
    since: date
    until: date
    today: date
    currency: str
    where: tuple[v1.Condition, ...]
    names: dict[Key, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def dimension(self, name: str) -> v1.Dimension:
        return next(one for one in self.definitions.dimensions if one.name == name)

    def answer(self, question: v1.Question, *objects: str) -> v1.Answer:
        """Answer a question and remember what these objects in it are called."""
        answer = self.ask(question)
        for name in objects:
            columns = list(self.dimension(name).columns)
            for row in answer.rows.group_by(columns).aggregate([]).to_pylist():
                if row[name]:
                    self.names[tuple(str(row[part] or "") for part in columns[:-1])] = row[name]
        return answer

    def costliest(self, level: str, most: int) -> tuple[v1.Condition, ...]:
        """Keep a question to the members of a level that cost most in the last four weeks; to none where it has few."""
        question = v1.Question(
            since=self.until - _SPENDING_DAYS + timedelta(1),
            until=self.until,
            metrics=("cost",),
            dimensions=(level,),
            where=self.where,
            currency=self.currency,
            order_by=("-cost",),
            limit=most,
        )
        answer = self.ask(question)
        if answer.total_rows <= most:
            return ()
        *_, own, _ = self.dimension(level).columns
        rows = answer.rows.select(["platform", "account_id", own]).to_pylist()
        # Accounts apart from ids: many whole paths take seconds to compare. One id in two accounts is both, then.
        accounts = {f"{row['platform']}/{row['account_id']}": None for row in rows}
        values = tuple(dict.fromkeys(str(row[own]) for row in rows if row[own]))
        plural = f"{level.replace('_', ' ')}s"
        self.notes.append(f"Of {answer.total_rows} {plural} the {len(values)} that cost most were looked at.")
        by_account = v1.Condition(dimension="account", values=tuple(accounts))
        return (by_account,) if level == "account" else (by_account, v1.Condition(dimension=level, values=values))


def open_day(context: v1.AnalyticsContext) -> date:
    """Return the first day that is not over in every account: what has not happened yet must not look unusual."""
    own = col(Account.workspace_id) == context.workspace_id
    with context.read() as session:
        zones = set(session.exec(select(Account.time_zone).where(own)).all())
    now = context.now()
    return min((now.astimezone(_zone(name)).date() for name in zones), default=now.astimezone(UTC).date())


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")
