"""Reads the results of an account, one row per object and day of UTC.

adAnalytics has no pages. It gives at most 15,000 rows and leaves the others out without a word, so an answer of that
length counts as cut: it is thrown away and the days are asked for in smaller parts, a single day by its campaigns.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeAlias, TypeVar

from adjoin.ads.v2 import Account, Batch, Client, DateWindow, FactBatch, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin_linkedin.columns import conversion_batch, fact_batch, rules_of
from adjoin_linkedin.conversions import Rules, actions_of
from adjoin_linkedin.keys import CAMPAIGN, keys_of
from adjoin_linkedin.rest import answer, call
from adjoin_linkedin.restli import Value, date_range, urn
from adjoin_linkedin.rows import Row, decode_rows

__all__ = ["MOST_ROWS", "QUERIES", "Query", "read_facts"]

T = TypeVar("T")

#: LinkedIn's limit of one answer.
MOST_ROWS = 15_000

#: So many campaigns are asked for at once where a single day has to be split.
_CAMPAIGNS_AT_ONCE = 100

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of adAnalytics: by what the rows are broken down, at most three, and which metrics they hold."""

    pivots: tuple[str, ...]
    metrics: tuple[str, ...]


# Seven metrics and two more fields, of at most twenty.
_LEVEL_METRICS = (
    "impressions",
    "clicks",
    "costInLocalCurrency",
    "externalWebsiteConversions",
    "oneClickLeads",
    "conversionValueInLocalCurrency",
    "videoViews",
)

#: Dataset: the queries that it takes. The rows name their parents themselves, as of the day they are about.
QUERIES: Mapping[str, tuple[Query, ...]] = {
    "account_daily": (Query(("ACCOUNT",), _LEVEL_METRICS),),
    "campaign_daily": (Query(("CAMPAIGN_GROUP",), _LEVEL_METRICS),),
    "ad_group_daily": (Query(("CAMPAIGN_GROUP", "CAMPAIGN"), _LEVEL_METRICS),),
    "ad_daily": (Query(("CAMPAIGN_GROUP", "CAMPAIGN", "CREATIVE"), _LEVEL_METRICS),),
    "conversion_daily": (
        Query(
            ("CAMPAIGN_GROUP", "CAMPAIGN", "CONVERSION"),
            ("externalWebsiteConversions", "conversionValueInLocalCurrency"),
        ),
        # Lead forms are no conversion rule, so that pivot does not know them.
        Query(("CAMPAIGN_GROUP", "CAMPAIGN"), ("oneClickLeads",)),
    ),
}


async def read_facts(request: ReadRequest, client: Client, *, most_rows: int = MOST_ROWS) -> AsyncIterator[Batch]:
    """Yield the rows of a window. Raises PlatformError."""
    queries = QUERIES.get(request.stream)
    if queries is None:
        raise PlatformError(
            f"LinkedIn Ads has no stream {request.stream!r}; its results are {', '.join(QUERIES)}",
            kind=ErrorKind.INVALID,
            code="no-stream",
        )
    if request.window is None:
        raise PlatformError(f"{request.stream} needs a window of days", kind=ErrorKind.INVALID, code="no-window")
    account, dataset = request.account, request.stream
    make = _Conversions(client, account) if dataset == "conversion_daily" else _Level(client, account, dataset)
    reader = _Reader(client=client, account=account, queries=queries, make=make, most_rows=most_rows)
    empty = True
    async for batch in reader.batches(request.window):
        empty = False
        yield batch
    if empty:
        # adAnalytics shows an account without access as one without results, which would wipe out what is known of it.
        await call(client, f"adAccounts/{account.id}", {}, method="GET", account=account.id)


#: Turns the whole answers to all queries, about some days, into a batch.
_Make: TypeAlias = Callable[[DateWindow, list[list[Row]]], Awaitable[FactBatch | None]]


@dataclass(frozen=True, slots=True)
class _Level:
    """Makes batches of a dataset by level."""

    client: Client
    account: Account
    dataset: str

    async def __call__(self, window: DateWindow, answers: list[list[Row]]) -> FactBatch | None:
        (rows,) = answers
        if not rows:
            return None
        return await _parsed(self.client, partial(fact_batch, self.dataset, self.account.id, window, rows))


class _Conversions:
    """Makes batches of conversions by action."""

    def __init__(self, client: Client, account: Account) -> None:
        self._client = client
        self._account_id = account.id
        self._rules = Rules(client, account)

    async def __call__(self, window: DateWindow, answers: list[list[Row]]) -> FactBatch | None:
        by_rule, leads = answers
        if not (by_rule or leads):
            return None
        numbers = await _parsed(self._client, partial(rules_of, by_rule, window))
        actions = actions_of(numbers, await self._rules.load()) if numbers else {}
        return await _parsed(self._client, partial(conversion_batch, self._account_id, window, by_rule, leads, actions))


async def _parsed(client: Client, work: Callable[[], T]) -> T:
    """Run some work on rows off the loop."""
    try:
        return await client.parse(lambda _: work(), b"")
    except (ValueError, OverflowError) as error:
        raise PlatformError(
            f"LinkedIn sent results that cannot be right: {error}", kind=ErrorKind.INVALID, code="value"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Asks until every answer is whole. The rows of one answer are gone before the next is asked for."""

    client: Client
    account: Account
    queries: tuple[Query, ...]
    make: _Make
    most_rows: int

    async def batches(self, window: DateWindow) -> AsyncIterator[FactBatch]:
        """Read a window in parts that do not overlap. Once a part was cut, the ones after it are as short."""
        since, longest = window.since, window.days
        while since <= window.until:
            days = DateWindow(since=since, until=min(since + (longest - 1) * _DAY, window.until))
            made = await self.ask(days, {"accounts": [urn("sponsoredAccount", self.account.id)]})
            if made is None and days.days > 1:
                longest = days.days // 2
                continue
            for batch in made or ():
                yield batch
            if made is None:
                async for batch in self.by_campaigns(days):
                    yield batch
            since = days.until + _DAY

    async def by_campaigns(self, day: DateWindow) -> AsyncIterator[FactBatch]:
        """Read a single day in parts of some campaigns each."""
        if not all("CAMPAIGN" in query.pivots for query in self.queries):
            raise self.too_much(day)
        campaigns = await self.campaigns(day)
        starts = reversed(range(0, len(campaigns), _CAMPAIGNS_AT_ONCE))
        todo = [campaigns[at : at + _CAMPAIGNS_AT_ONCE] for at in starts]
        while todo:
            some = todo.pop()
            made = await self.ask(day, {"campaigns": some})
            for batch in made or ():
                yield batch
            if made is not None:
                continue
            if len(some) == 1:
                raise self.too_much(day)
            middle = len(some) // 2
            todo += [some[middle:], some[:middle]]

    async def campaigns(self, day: DateWindow) -> list[str]:
        """Return the URNs of the campaigns that have rows: a deleted one may be in no list of campaigns."""
        metrics = dict.fromkeys(metric for query in self.queries for metric in query.metrics)
        facet = {"accounts": [urn("sponsoredAccount", self.account.id)]}
        rows = await self.rows(Query(("CAMPAIGN",), tuple(metrics)), day, facet)
        if rows is None:
            raise self.too_much(day)
        keys = await _parsed(self.client, partial(keys_of, rows, day, (CAMPAIGN,)))
        found = [f"{CAMPAIGN}{number}" for number in sorted(keys.different(0))]
        if not found:
            raise PlatformError(
                f"LinkedIn gave {self.most_rows:,} rows for {day.since} and then named no campaign that they are of",
                kind=ErrorKind.RESTART,
                code="no-campaigns",
            )
        return found

    async def ask(self, window: DateWindow, facet: Mapping[str, Sequence[str]]) -> list[FactBatch] | None:
        """Return what the answers to all queries come to, or None if one of them was cut."""
        answers: list[list[Row]] = []
        for query in self.queries:
            rows = await self.rows(query, window, facet)
            if rows is None:
                return None
            answers.append(rows)
        batch = await self.make(window, answers)
        return [] if batch is None else [batch]

    async def rows(self, query: Query, window: DateWindow, facet: Mapping[str, Sequence[str]]) -> list[Row] | None:
        """Return the rows of one answer, or None if it was cut."""
        pivots: dict[str, Value]
        if len(query.pivots) == 1:
            pivots = {"q": "analytics", "pivot": query.pivots[0]}
        else:
            pivots = {"q": "statistics", "pivots": query.pivots}
        params = {
            **pivots,
            "timeGranularity": "DAILY",
            "dateRange": date_range(window.since, window.until),
            **facet,
        }
        fields = ("dateRange", "pivotValues", *query.metrics)
        decode = partial(decode_rows, fewer_than=self.most_rows)
        return await answer(self.client, "adAnalytics", params, decode, fields=fields, account=self.account.id)

    def too_much(self, day: DateWindow) -> PlatformError:
        return PlatformError(
            f"LinkedIn has {self.most_rows:,} rows or more for {day.since} alone and shows no more than that, "
            "so the day cannot be read whole",
            kind=ErrorKind.SPLIT,
            code="cut",
        )
