"""The `analytics` contract, version 1: one definition of each metric and dimension, and answers built from them.

The dashboard, `adjoin report`, exports, alerts and other plugins ask here, so that a figure is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from adjoin.contract import MaybeAsync, hookspec, payload

if TYPE_CHECKING:
    from sqlmodel import Session

    from adjoin.ads import v2 as ads
    from adjoin.facts.query import FactQuery

__all__ = [
    "Analytics",
    "AnalyticsContext",
    "Answer",
    "Budget",
    "BudgetKind",
    "BudgetSource",
    "ChangeLevel",
    "Compare",
    "Condition",
    "CustomField",
    "CustomMetric",
    "Definitions",
    "Dimension",
    "DimensionKind",
    "Dismissal",
    "Effect",
    "Explanation",
    "FieldTrial",
    "Figure",
    "Finding",
    "FindingDay",
    "FindingKind",
    "Findings",
    "Forecast",
    "ForecastDay",
    "FoundValue",
    "Good",
    "Metric",
    "Operator",
    "OtherEffects",
    "Pace",
    "Pacing",
    "PacingState",
    "Presence",
    "Question",
    "ReadName",
    "Threshold",
    "Unit",
]


class Unit(StrEnum):
    """What a metric is counted in, which says how it is written."""

    COUNT = "count"  #: int, or Decimal where fractions are counted
    MONEY = "money"  #: micros of the answer's currency
    SHARE = "share"  #: a ratio that is written as percent: 0.0166 is "1.66%"
    MULTIPLE = "multiple"  #: a ratio that is written with "×"


class Good(StrEnum):
    """Which way a metric should move."""

    UP = "up"
    DOWN = "down"
    NEITHER = "neither"


class DimensionKind(StrEnum):
    """What a dimension tells apart."""

    TIME = "time"  #: day, week (its Monday), month (its first day), quarter, year
    OBJECT = "object"  #: something with an id and a name: account, campaign, ad group, ad, keyword
    TEXT = "text"  #: a word: platform, currency, status, search term, weekday, a field of a naming convention


class Operator(StrEnum):
    """How a condition compares. Texts are compared without regard to case."""

    IS = "is"
    IS_NOT = "is not"
    CONTAINS = "contains"
    LACKS = "does not contain"


class Compare(StrEnum):
    """Which days are compared with those asked about."""

    NOTHING = "nothing"
    PREVIOUS_PERIOD = "previous period"  #: as many days, right before
    PREVIOUS_YEAR = "previous year"  #: 364 days earlier, so that weekdays meet their like


@payload
class Metric:
    """A figure by name.

    `formula` is arithmetic over sums: "cost_micros / conversions"; a ratio is a sum divided by a sum, never an average
    of ratios. `sums` are the columns of facts it takes; where one is missing the metric is missing, never 0. `notes`
    says by platform what is different there.
    """

    name: str
    title: str
    unit: Unit
    formula: str
    sums: tuple[str, ...]
    description: str = ""
    good: Good = Good.NEITHER
    notes: Mapping[str, str] = field(default_factory=dict)
    custom: bool = False


@payload
class Dimension:
    """Something figures are told apart by.

    `columns` are those of an answer's rows that it fills: of an object its ids from the platform down, then its name,
    "campaign": ("platform", "account_id", "campaign_id", "campaign"). `inside` names the dimension that it is part of.
    `of` names the object that a text is known of, as a status or a part of its name is.
    """

    name: str
    title: str
    kind: DimensionKind
    columns: tuple[str, ...]
    inside: str = ""
    description: str = ""
    custom: bool = False
    of: str = ""


@payload
class Condition:
    """Keeps the facts whose dimension is, or is not, one of the values; or whose text contains one of them.

    Objects are named by id, or by platform, account and ids joined with "/" where that might be ambiguous.
    """

    dimension: str
    values: tuple[str, ...]
    operator: Operator = Operator.IS


@payload
class Threshold:
    """Keeps the rows of an answer whose metric is at least, or at most, a value, in the unit that it is written in.

    Money counts in whole units of the answer's currency, a share as it is: 0.02 for 2%.
    """

    metric: str
    at_least: Decimal | None = None
    at_most: Decimal | None = None


@payload
class Question:
    """What is asked: metrics by dimensions over days, both included.

    Without `currency` amounts in different ones are not added: they are missing where they would mix. `order_by` are
    names of columns, with "-" before for the highest first; without it, the first metric's highest first, and time
    ascending. `search` keeps the rows in which a name contains it. `limit` and `offset` cut the rows after ordering.
    `compare_since` and `compare_until` name the compared days themselves, in place of `compare`.
    """

    since: date
    until: date
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    having: tuple[Threshold, ...] = ()
    compare: Compare = Compare.NOTHING
    compare_since: date | None = None
    compare_until: date | None = None
    currency: str | None = None
    order_by: tuple[str, ...] = ()
    search: str = ""
    limit: int | None = None
    offset: int = 0


@payload
class Answer:
    """What the facts say.

    `rows` has the columns of the dimensions, `currency` where none was asked for, and a column for each metric: int64
    for counts and micros, decimal128 for fractional counts, float64 for ratios, null for what is missing. With a
    comparison each metric has a second column, `<name>.before`; a row that is only in the compared days is there too.
    `total_rows` counts the rows before the cut. `totals` and `before` hold the metrics of all rows together, computed
    from the facts and not from the rows.

    `changing_since` is by platform the first of the days that it may still change, `notes` are sentences for the
    reader: on rates, on what a dataset lacks, on amounts that were not added.
    """

    question: Question
    rows: Any  # a pyarrow.Table
    total_rows: int
    totals: Mapping[str, Any]
    before: Mapping[str, Any] | None = None
    compared: tuple[date, date] | None = None
    currency: str | None = None
    changing_since: Mapping[str, date] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@payload
class CustomMetric:
    """A metric of a workspace's own: arithmetic (+ - * / and brackets) over sums and numbers."""

    name: str
    title: str
    unit: Unit
    formula: str
    good: Good = Good.NEITHER
    description: str = ""


@payload
class CustomField:
    """A naming convention: a pattern that takes names apart into dimensions.

    `of` is the object whose names are read: account, campaign, ad_group or ad. `pattern` is a regular expression with
    named groups, or names of fields with what stands between them: "{market}_{product}_{kind}". `values` maps what is
    found by field: {"market": {"US": "United States"}}. Names that do not fit have no value.
    """

    name: str
    of: str
    pattern: str
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@payload
class ReadName:
    """A name as a naming convention reads it: what each field has, without those that are empty."""

    name: str
    values: Mapping[str, str]


@payload
class FoundValue:
    """What names hold for a field: the text in them, the value that it is shown as, and how many names have it."""

    field: str
    text: str
    value: str
    names: int


@payload
class FieldTrial:
    """What a naming convention makes of the names that there are.

    `names` counts those of all objects of its kind, `matched` those that fit. `examples` and `unmatched` are some of
    each, `found` the commonest values of each field.
    """

    names: int
    matched: int
    examples: tuple[ReadName, ...] = ()
    unmatched: tuple[str, ...] = ()
    found: tuple[FoundValue, ...] = ()


@payload
class Definitions:
    """What can be asked in a workspace, in the order in which it is offered."""

    metrics: tuple[Metric, ...]
    dimensions: tuple[Dimension, ...]


class FindingKind(StrEnum):
    """What was looked for where something was found."""

    ANOMALY = "anomaly"  #: a metric far from what its own past lets expect
    CONTRIBUTION = "contribution"  #: who made much of a change
    FATIGUE = "fatigue"  #: an ad that fewer people click than in its first weeks
    TERM_TO_ADD = "term to add"  #: a search term that is worth a keyword
    TERM_TO_EXCLUDE = "term to exclude"  #: a search term that spends without converting
    WASTED_WORDS = "wasted words"  #: words of search terms that cost more than they bring


@payload
class Figure:
    """A number of a finding and what it counts. Money is in micros of the findings' currency."""

    name: str
    title: str
    unit: Unit
    value: Decimal


@payload
class FindingDay:
    """A day of the metric that a finding is about, in the metric's unit; money is in micros.

    `expected` lies between `low` and `high` as surely as whoever expects it says; None where nothing was expected.
    """

    day: date
    value: Decimal | None
    expected: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None


@payload
class Dismissal:
    """That somebody put a finding aside: `by` is an actor of the audit log, `until` the last day, None for good."""

    finding: str
    at: datetime
    by: str
    until: date | None = None


@payload
class Finding:
    """Something worth looking at.

    `title` is a sentence without figures and names. `dimension` and `key` say what it is about, by ids from the
    platform down; `name` is what that is called, "" where it is not known; `subject` is a text as it was typed (a
    search term). `at_stake_micros` is what it costs or could bring in its days, None where that cannot be told in
    money; `severity` is 0 to 1, how certain and how large; `side` is "above" or "below" where something went off.

    `id` stays the same while figures move. `covers` are ids of findings that this one stands for, `dismissed` says that
    somebody put it aside. `days` are those to draw, in their order; there may be none.
    """

    id: str
    kind: FindingKind
    title: str
    metric: str
    dimension: str
    key: tuple[str, ...]
    since: date
    until: date
    severity: float
    name: str = ""
    subject: str = ""
    side: str = ""
    at_stake_micros: int | None = None
    figures: tuple[Figure, ...] = ()
    days: tuple[FindingDay, ...] = ()
    covers: tuple[str, ...] = ()
    dismissed: Dismissal | None = None


@payload
class Findings:
    """What was found, by what is at stake times severity; what cannot be told in money comes last.

    `until` is the last day that was looked at: the last whole one. `notes` are sentences for the reader: what was left
    out, and why.
    """

    since: date
    until: date
    currency: str
    found: tuple[Finding, ...]
    notes: tuple[str, ...] = ()


@payload
class ForecastDay:
    """A day to come with its 80% interval; the intervals of days do not add up to that of their sum."""

    day: date
    expected: Decimal
    low: Decimal
    high: Decimal


@payload
class Forecast:
    """What a metric will add up to after `known_until` up to `until`, with an 80% interval; money is in micros.

    `arriving` is the part of `expected` that known days still lack, so that the actual amounts up to `known_until` and
    `expected` make a period's total. Without a forecast `reason` is a sentence that says why, and the rest is empty.
    """

    metric: str
    until: date
    known_until: date | None = None
    expected: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    arriving: Decimal | None = None
    days: tuple[ForecastDay, ...] = ()
    reason: str = ""


class Presence(StrEnum):
    """In which of two compared periods a member of a dimension has figures."""

    BOTH = "both"
    NEW = "new"
    ENDED = "ended"


@payload
class Effect:
    """What one member of a dimension did to the change of the whole.

    `key` are its ids from the platform down, or its one word; `name` is what it is called, "" where that is not known.
    A key that ends with "" is what the members of a level leave of the one above: campaigns without ads, say.

    `before` and `now` are its own figures, None where it has none. `change` is its part of the change of the whole: the
    sum of `volume` (there was more or less of what the metric hangs on, in all), `mix` (its share of that changed) and
    `rate` (its own ratio changed), which are None where nothing is known that the metric hangs on. `share` is `change`
    as a part of the change that it is listed under: below 0 where it went against it; None where that is 0.
    `incomplete` says that a sum of it is missing in a period.
    """

    key: tuple[str, ...]
    name: str
    presence: Presence
    before: Decimal | None
    now: Decimal | None
    change: Decimal
    volume: Decimal | None = None
    mix: Decimal | None = None
    rate: Decimal | None = None
    share: Decimal | None = None
    incomplete: bool = False


@payload
class OtherEffects:
    """The members that are not listed, added up."""

    count: int
    change: Decimal
    volume: Decimal | None = None
    mix: Decimal | None = None
    rate: Decimal | None = None
    share: Decimal | None = None


@payload
class ChangeLevel:
    """What the members of `dimension` below `parent` did: the largest effects first, and the others as one.

    All of them add up to `change`, `volume`, `mix` and `rate` exactly; these are effects on the first whole, so that
    those of a level are the effect of its parent. `parent` is empty at the top. `chosen` is the key of the member that
    holds half or more of all effects in the direction of the change, empty where none does.
    """

    dimension: str
    parent: tuple[str, ...]
    change: Decimal
    effects: tuple[Effect, ...]
    others: OtherEffects | None = None
    volume: Decimal | None = None
    mix: Decimal | None = None
    rate: Decimal | None = None
    chosen: tuple[str, ...] = ()


@payload
class Explanation:
    """What made the change of a metric between two periods.

    Values are in the metric's unit: micros of `currency`, counts, ratios with 12 digits after the point. `volume` names
    the metric that it hangs on (clicks, of spend; conversions, of the cost per conversion), and `rate` the one that is
    the ratio to it; "" where there is none, or none with a name. A ratio has no volume effects: doubling everything
    does not change it.

    `levels` begins with the dimension that was asked for, and goes down as far as was asked and as one member made most
    of it. It is empty where one of the periods has no figure. `changing_since` is by platform the first of the days
    that it may still change, `notes` are sentences for the reader.
    """

    metric: str
    since: date
    until: date
    compared: tuple[date, date]
    currency: str | None
    before: Decimal | None
    now: Decimal | None
    change: Decimal | None
    volume: str = ""
    rate: str = ""
    levels: tuple[ChangeLevel, ...] = ()
    changing_since: Mapping[str, date] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class BudgetKind(StrEnum):
    """What the amount of a budget is for."""

    TOTAL = "total"  #: all days of its period together
    DAILY = "daily"  #: each day


class BudgetSource(StrEnum):
    """Who says a budget."""

    SET = "set"  #: somebody in the workspace, by month
    PLATFORM = "platform"  #: the ad platform, which tells only what it is now


class PacingState(StrEnum):
    """How a budget stands."""

    NO_BUDGET = "no budget"
    NOT_STARTED = "not started"  #: no whole day of its period has passed
    UNKNOWN = "unknown"  #: none of the days that have passed was read
    UNDER = "under"
    ON = "on"
    OVER = "over"
    SPENT = "spent"  #: nothing is left, and there are days to come


@payload
class Budget:
    """A monthly budget that a workspace has set, of an account or a campaign.

    `key` is the platform and the account, or those and the campaign. `month` is the first day of the first month that
    it is for; it holds until there is another one. Without `micros` there is none from then on. Amounts are in the
    account's currency. `by` is an actor of the audit log.
    """

    key: tuple[str, ...]
    month: date
    micros: int | None
    currency: str
    at: datetime
    by: str


@payload
class Pace:
    """How the budget of an account or a campaign stands. Amounts are micros of `currency`; None cannot be said.

    `since` and `until` are the days of the budget: the month, its part in which a campaign runs, or the whole run where
    the platform has one budget for all of it. `planned_micros` is what was planned for the days that have passed and
    were read, by weekday; `ratio` is `spent_micros` divided by it: 1 is on plan. Whole days count, so today does not.

    `needed_daily_micros` is what may be spent on each day that is left, today among them. `projected_micros` is what
    will have been spent at the end, between the low and the high one 4 times in 5; `runs_out_on` the day on which the
    budget is used up. `missing_days` have passed without being read.
    """

    dimension: str
    key: tuple[str, ...]
    name: str
    currency: str
    since: date
    until: date
    state: PacingState
    spent_micros: int
    days: int
    elapsed_days: int
    days_left: int
    source: BudgetSource | None = None
    kind: BudgetKind | None = None
    daily_micros: int | None = None
    budget_micros: int | None = None
    planned_micros: int | None = None
    ratio: Decimal | None = None
    budget_share: Decimal | None = None
    elapsed_share: Decimal | None = None
    today_micros: int | None = None
    left_micros: int | None = None
    needed_daily_micros: int | None = None
    projected_micros: int | None = None
    low_micros: int | None = None
    high_micros: int | None = None
    projected_ratio: Decimal | None = None
    runs_out_on: date | None = None
    missing_days: int = 0


@payload
class Pacing:
    """How the budgets of a month stand: accounts, then campaigns, by currency and those that spent most first.

    `notes` are sentences for the reader: what was left out, and why.
    """

    month: date
    accounts: tuple[Pace, ...]
    campaigns: tuple[Pace, ...]
    notes: tuple[str, ...] = ()


class AnalyticsContext(Protocol):
    """What is asked about: the facts and the state of one workspace, by somebody."""

    @property
    def workspace_id(self) -> str: ...

    @property
    def facts(self) -> FactQuery:
        """The workspace's facts; with an instant in the past, as they stood then."""
        ...

    @property
    def platforms(self) -> Mapping[str, ads.Description]:
        """What each installed ad platform says of itself."""
        ...

    def now(self) -> datetime:
        """The time, aware UTC."""
        ...

    def read(self) -> AbstractContextManager[Session]:
        """Read the workspace's state: its rows and no other's."""
        ...

    def write(self) -> AbstractContextManager[Session]:
        """Write the workspace's state, in one transaction."""
        ...


class Analytics:
    """Knows what figures are called, and answers questions about them."""

    @hookspec(required=True, timeout=30)
    def definitions(self, context: AnalyticsContext) -> MaybeAsync[Definitions]:
        """Return the metrics and dimensions of a workspace: built in, of its platforms, and its own.

        Called before a page, a command or an export offers them.
        """
        raise NotImplementedError

    @hookspec(required=True, timeout=120)
    def ask(self, context: AnalyticsContext, question: Question) -> MaybeAsync[Answer]:
        """Answer a question from the coarsest datasets that can.

        Called for every page, report, export and alert. Raises UnknownName for a metric, dimension, platform or
        account that is not there, naming those that are; BadInput for days the wrong way round, a combination that no
        dataset carries, a currency without rates, or an instant whose files are no longer kept; StoreDamaged for a
        broken file.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def custom_metrics(self, context: AnalyticsContext) -> MaybeAsync[tuple[CustomMetric, ...]]:
        """Return the workspace's own metrics by name. Called when they are shown to be changed."""
        raise NotImplementedError

    @hookspec(timeout=30)
    def define_metric(self, context: AnalyticsContext, metric: CustomMetric, by: str) -> MaybeAsync[None]:
        """Store a metric of the workspace's own, in place of the one with its name.

        Called when somebody saves one; `by` is the actor for the audit log. Raises BadInput for a name that is taken or
        a formula that cannot be read, saying where.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def forget_metric(self, context: AnalyticsContext, name: str, by: str) -> MaybeAsync[None]:
        """Remove a metric of the workspace's own. Called when somebody deletes one. Raises UnknownName."""
        raise NotImplementedError

    @hookspec(timeout=30)
    def custom_fields(self, context: AnalyticsContext) -> MaybeAsync[tuple[CustomField, ...]]:
        """Return the workspace's naming conventions by name. Called when they are shown to be changed."""
        raise NotImplementedError

    @hookspec(timeout=30)
    def define_field(self, context: AnalyticsContext, convention: CustomField, by: str) -> MaybeAsync[None]:
        """Store a naming convention, in place of the one with its name. Called when somebody saves one.

        Raises BadInput for a pattern that cannot be read or that takes too long, and for fields whose names are taken.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def forget_field(self, context: AnalyticsContext, name: str, by: str) -> MaybeAsync[None]:
        """Remove a naming convention. Called when somebody deletes one. Raises UnknownName."""
        raise NotImplementedError

    @hookspec(timeout=120)
    def try_metric(self, context: AnalyticsContext, metric: CustomMetric, question: Question) -> MaybeAsync[Answer]:
        """Answer a question as if a metric were stored, which the question names; nothing is.

        Called while somebody writes one. Whether its name and its title can be had is not looked at. Raises BadInput
        for a formula that cannot be read, saying where, and what `ask` raises.
        """
        raise NotImplementedError

    @hookspec(timeout=60)
    def try_field(self, context: AnalyticsContext, convention: CustomField, most: int) -> MaybeAsync[FieldTrial]:
        """Say what a naming convention makes of the names that there are, without storing it.

        Called while somebody writes one; `most` is how many examples, names without a match, and values of each field
        are returned. Raises BadInput for a pattern that cannot be read and for an object that has no names.
        """
        raise NotImplementedError

    @hookspec(timeout=120)
    def findings(
        self, context: AnalyticsContext, since: date, until: date, currency: str, where: tuple[Condition, ...]
    ) -> MaybeAsync[Findings]:
        """Return what is worth looking at in some days, in one currency; `where` keeps it to a part of the facts.

        Called by the page Insights and by reports. Days that are not over in every account are left out. What could not
        be looked at, or only in part, is told in the notes. Raises BadInput for days the wrong way round and what `ask`
        raises for the currency and the conditions.
        """
        raise NotImplementedError

    @hookspec(timeout=60)
    def forecast(
        self,
        context: AnalyticsContext,
        metric: str,
        until: date,
        currency: str | None,
        where: tuple[Condition, ...],
    ) -> MaybeAsync[Forecast]:
        """Return what a count or an amount will add up to until a day, and each day to come; or why nobody can say.

        Called where a page or a report shows how a month will end. Raises UnknownName for a metric that is not there,
        BadInput for a ratio, for a day that has passed or is too far away, and what `ask` raises for the rest.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def dismiss(
        self, context: AnalyticsContext, findings: tuple[str, ...], by: str, until: date | None
    ) -> MaybeAsync[None]:
        """Put findings aside up to a day, or for good; those that are aside already get the new day.

        Called when somebody dismisses one, with its id and those it covers; `by` is the actor for the audit log. Raises
        BadInput for what is no id of a finding and for a day that has passed.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def restore(self, context: AnalyticsContext, findings: tuple[str, ...], by: str) -> MaybeAsync[None]:
        """Take dismissals back. Called when somebody undoes one. Raises UnknownName where none of them is aside."""
        raise NotImplementedError

    @hookspec(timeout=30)
    def dismissed(self, context: AnalyticsContext) -> MaybeAsync[tuple[Dismissal, ...]]:
        """Return what is put aside today, the latest first. Called whenever findings are shown."""
        raise NotImplementedError

    @hookspec(timeout=120)
    def explain(self, context: AnalyticsContext, question: Question, most: int, depth: int) -> MaybeAsync[Explanation]:
        """Say what made the change of a metric between two periods, and where.

        The question has one metric, one dimension and a comparison; what it says of rows (order, search, thresholds,
        limit) is passed over, as effects add up over all members only. At most so many members are listed on a level.
        With a `depth` above 1 it goes down from an object to what is inside it, at most so many levels in all.

        Called by pages and reports. Raises BadInput for a question without these, for a metric whose formula is neither
        a sum nor a sum divided by a sum, for amounts in several currencies without one to convert to, and for fewer
        than one member or level; and what `ask` raises.
        """
        raise NotImplementedError

    @hookspec(timeout=120)
    def pacing(self, context: AnalyticsContext, month: date, accounts: tuple[str, ...]) -> MaybeAsync[Pacing]:
        """Return how the budgets of accounts and campaigns stand in a month, given by any of its days.

        `accounts` are "platform/account"; none means all. Each amount is in its account's currency, nothing is
        converted. A budget that was set goes before the one that the platform tells. Called by pages and reports.
        Raises UnknownName for an account that is not there, BadInput for a month more than a year away.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def budgets(self, context: AnalyticsContext) -> MaybeAsync[tuple[Budget, ...]]:
        """Return the budgets that were set, by key and month. Called where they are shown to be changed."""
        raise NotImplementedError

    @hookspec(timeout=30)
    def set_budget(
        self, context: AnalyticsContext, key: tuple[str, ...], month: date, micros: int, by: str
    ) -> MaybeAsync[None]:
        """Set the budget of an account or a campaign for a month and those after it, in the account's currency.

        Called when somebody saves one; `by` is the actor for the audit log. It replaces one of the same month; later
        ones stay. Raises UnknownName for what is not there, BadInput for an amount that is not above 0.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def forget_budget(self, context: AnalyticsContext, key: tuple[str, ...], month: date, by: str) -> MaybeAsync[None]:
        """End the budget of an account or a campaign before a month; earlier months keep theirs.

        Called when somebody removes one. Budgets that were set for later months go as well. Raises UnknownName where
        none holds in that month or later.
        """
        raise NotImplementedError
