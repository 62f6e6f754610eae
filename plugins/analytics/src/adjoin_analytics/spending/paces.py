"""How the budgets of a month stand: by account and by campaign, each in the account's own currency."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from adjoin.analytics import v1
from adjoin.db.models import Account
from adjoin.errors import BadInput, UnknownName
from adjoin_analytics.analyses.asked_changes import rows_of
from adjoin_analytics.analyses.asked_days import final_micros
from adjoin_analytics.analyses.budgets import Budget, BudgetKind, Step
from adjoin_analytics.analyses.completeness import Curve
from adjoin_analytics.analyses.exact import as_decimal
from adjoin_analytics.analyses.pacing import Pacing, pace
from adjoin_analytics.analyses.spend_projection import Spent
from adjoin_analytics.insights.asked import Ask
from adjoin_analytics.spending.budgets import Key, budgets_in, month_of, stored_budgets
from adjoin_analytics.spending.known import KnownBudget, budget_of, known_accounts, known_campaigns, read_days

__all__ = ["pacing_of"]

_PATTERN = timedelta(days=56)  # what a pattern of the week and a level are told from
_LONGEST_RUN = timedelta(days=400)
_FARTHEST = timedelta(days=366)
_MOST_CAMPAIGNS = 100

#: What was spent on days by key; None is missing.
_Amounts = Mapping[Key, Mapping[date, int | None]]


def pacing_of(
    ask: Ask,
    context: v1.AnalyticsContext,
    month: date,
    accounts: tuple[str, ...],
    *,
    curves: Iterable[Curve] = (),
) -> v1.Pacing:
    """Return how budgets stand. Raises as `v1.Analytics.pacing` says.

    With curves of "cost" a projection counts recent days with what they are expected to end at.
    """
    first = month_of(month)
    last = first.replace(day=monthrange(first.year, first.month)[1])
    now = context.now()
    if abs(first - now.date()) > _FARTHEST:
        raise BadInput(f"Budgets are shown for months up to a year away; {first:%Y-%m} is farther.")
    with context.read() as session:
        there = [one for one in known_accounts(session, context) if not accounts or _named(one) in accounts]
    gone = next((one for one in accounts if one not in {_named(account) for account in there}), None)
    if gone is not None:
        raise UnknownName(f"This workspace reads no account {gone!r}.")
    currencies: dict[Key, str] = {(one.platform, one.id): one.currency for one in there}
    set_ones, notes = _set_budgets(context, first, currencies)
    moving = {one.platform: one for one in curves if one.metric == "cost"}
    here = _Month(ask, context, there, first, last, now, set_ones, moving)
    return v1.Pacing(month=first, accounts=here.accounts(), campaigns=here.campaigns(notes), notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class _Month:
    """A month of some accounts, and the amounts that were set for it."""

    ask: Ask
    context: v1.AnalyticsContext
    there: Sequence[Account]
    first: date
    last: date
    now: datetime
    set_ones: Mapping[Key, int]
    curves: Mapping[str, Curve]

    def accounts(self) -> tuple[v1.Pace, ...]:
        """Return how the accounts stand, those that spent most first."""
        since = self.first - _PATTERN
        amounts = self._amounts("account", since)
        with self.context.read() as session:
            read = read_days(session, self.context, since, self.last, campaigns=False)
        found = []
        for account in self.there:
            key: Key = (account.platform, account.id)
            budget = self._whole(self.set_ones.get(key))
            days = self._days(account, amounts.get(key, {}), read.get(key, set()), since)
            source = v1.BudgetSource.SET if key in self.set_ones else None
            found.append(self._pace("account", key, account.name, account, budget, days, source))
        return tuple(_by_spending(found))

    def campaigns(self, notes: list[str]) -> tuple[v1.Pace, ...]:
        """Return how campaigns stand: those with a set budget, and those that spent most in the month."""
        by_key = {(one.platform, one.id): one for one in self.there}
        wanted = self._wanted(set(by_key), notes)
        if not wanted:
            return ()
        with self.context.read() as session:
            known = known_campaigns(session, self.context, wanted)
        budgets = {key: self._budget(key, known.get(key)) for key in wanted}
        starts = [one.since for one in budgets.values() if one is not None]
        since = max(min([self.first, *starts]), self.first - _LONGEST_RUN) - _PATTERN
        amounts = self._amounts("campaign", since, wanted)
        with self.context.read() as session:
            read = read_days(session, self.context, since, self.last, campaigns=True)
        found = []
        for key in wanted:
            account, budget = by_key[key[0], key[1]], budgets[key]
            days = self._days(account, amounts.get(key, {}), read.get(key[:2], set()), since)
            source = None
            if budget is not None:
                source = v1.BudgetSource.SET if key in self.set_ones else v1.BudgetSource.PLATFORM
            name = known[key].name if key in known else ""
            whole = budget or self._whole(None)
            found.append(self._pace("campaign", key, name, account, whole, days, source))
        return tuple(_by_spending(found))

    def _budget(self, key: Key, known: KnownBudget | None) -> Budget | None:
        if key in self.set_ones:
            return self._whole(self.set_ones[key])
        return budget_of(known, self.first, self.last)

    def _whole(self, micros: int | None) -> Budget:
        """Return a budget for the whole month; None is none."""
        steps = () if micros is None else (Step(since=self.first, micros=micros),)
        return Budget(since=self.first, until=self.last, steps=steps)

    def _wanted(self, accounts: Collection[Key], notes: list[str]) -> list[Key]:
        """Return the campaigns to look at: what has a set budget, then what spent most, of each currency apart."""
        wanted = [key for key in self.set_ones if len(key) > 2 and key[:2] in accounts]
        spent: dict[str, list[tuple[int, Key]]] = defaultdict(list)
        if accounts and self.first <= self.now.date() + timedelta(1):
            answer = self.ask(
                v1.Question(
                    since=self.first,
                    until=self.last,
                    metrics=("cost",),
                    dimensions=("campaign",),
                    where=self._where(accounts),
                )
            )
            for row in rows_of(answer):
                key: Key = (row["platform"], row["account_id"], row["campaign_id"])
                if row["cost"]:
                    spent[row["currency"] or ""].append((-row["cost"], key))
        ranked = [(place, key) for some in spent.values() for place, (_, key) in enumerate(sorted(some))]
        others = [key for _, key in sorted(ranked) if key not in set(wanted)]
        left = max(_MOST_CAMPAIGNS - len(wanted), 0)
        if len(others) > left:
            notes.append(
                f"Of {len(others)} campaigns without a budget of your own the {left} that spent most are shown."
            )
        return wanted + others[:left]

    def _where(self, accounts: Iterable[Key], campaigns: Iterable[Key] = ()) -> tuple[v1.Condition, ...]:
        by_account = v1.Condition(dimension="account", values=tuple(dict.fromkeys("/".join(one) for one in accounts)))
        ids = tuple(dict.fromkeys(key[2] for key in campaigns))
        # Accounts apart from ids: many whole paths take long to compare. What is too much is left out later.
        return (by_account, *([v1.Condition(dimension="campaign", values=ids)] if ids else []))

    def _amounts(self, dimension: str, since: date, campaigns: Sequence[Key] = ()) -> _Amounts:
        keys = [(one.platform, one.id) for one in self.there]
        if not keys:
            return {}
        where = self._where({key[:2] for key in campaigns} if campaigns else keys, campaigns)
        answer = self.ask(
            v1.Question(since=since, until=self.last, metrics=("cost",), dimensions=("day", dimension), where=where)
        )
        found: dict[Key, dict[date, int | None]] = defaultdict(dict)
        ids = ("platform", "account_id", *(("campaign_id",) if dimension == "campaign" else ()))
        for row in rows_of(answer):
            found[tuple(row[name] for name in ids)][row["day"]] = row["cost"]
        return found

    def _days(
        self, account: Account, amounts: Mapping[date, int | None], read: Collection[date], since: date
    ) -> list[Spent]:
        """Return what was spent up to today; a day that was read and has no row had no cost, any other is missing."""
        today, curve = self._today(account), self.curves.get(account.platform)
        count = (min(self.last, today) - since).days + 1
        found = []
        for day in (since + timedelta(days=number) for number in range(max(count, 0))):
            micros = amounts.get(day, 0 if day in read else None)
            found.append(
                Spent(day=day, micros=micros, final_micros=final_micros(curve, micros, age=(today - day).days))
            )
        return found

    def _today(self, account: Account) -> date:
        try:
            return self.now.astimezone(ZoneInfo(account.time_zone)).date()
        except (KeyError, ValueError, OSError):
            return self.now.astimezone(UTC).date()

    def _pace(
        self,
        dimension: str,
        key: Key,
        name: str,
        account: Account,
        budget: Budget,
        days: Sequence[Spent],
        source: v1.BudgetSource | None,
    ) -> v1.Pace:
        found: Pacing = pace(budget, days, today=self._today(account))
        return v1.Pace(
            dimension=dimension,
            key=key,
            name=name,
            currency=account.currency,
            since=budget.since,
            until=budget.until,
            state=v1.PacingState(found.state.value),
            source=source,
            kind=v1.BudgetKind(budget.kind.value) if source is not None else None,
            daily_micros=budget.on(budget.until) if source is not None and budget.kind is BudgetKind.DAILY else None,
            budget_micros=found.budget_micros,
            spent_micros=found.spent_micros,
            planned_micros=found.planned_micros,
            ratio=_decimal(found.ratio),
            budget_share=_decimal(found.budget_share),
            elapsed_share=_decimal(found.elapsed_share),
            days=found.days,
            elapsed_days=found.elapsed_days,
            days_left=found.days_left,
            today_micros=found.today_micros,
            left_micros=found.left_micros,
            needed_daily_micros=found.needed_daily_micros,
            projected_micros=found.projected_micros,
            low_micros=found.low_micros,
            high_micros=found.high_micros,
            projected_ratio=_decimal(found.projected_ratio),
            runs_out_on=found.runs_out_on,
            missing_days=len(found.missing_days),
        )


def _set_budgets(
    context: v1.AnalyticsContext, month: date, currencies: Mapping[Key, str]
) -> tuple[Mapping[Key, int], list[str]]:
    """Return the amounts that were set for these accounts and hold in a month, and notes on those left out."""
    stored = [one for one in stored_budgets(context) if one.key[:2] in currencies]
    right = [one for one in stored if one.currency == currencies[one.key[:2]]]
    notes = []
    if len(right) < len(stored):
        notes.append("Budgets that were set before an account's currency changed are left out; set them again.")
    return budgets_in(right, month), notes


def _by_spending(paces: Sequence[v1.Pace]) -> list[v1.Pace]:
    """Order by what was spent, each currency by itself, the commonest first: amounts of two are not compared."""
    counted = Counter(one.currency for one in paces)
    return sorted(paces, key=lambda one: (-counted[one.currency], one.currency, -one.spent_micros, one.key))


def _named(account: Account) -> str:
    return f"{account.platform}/{account.id}"


def _decimal(value: Fraction | None) -> Decimal | None:
    return None if value is None else as_decimal(value)
