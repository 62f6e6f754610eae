"""Which questions bring what contribution and mix are computed from, and reading the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any

from adjoin.analytics.v1 import Answer, Compare, Condition, Definitions, Dimension, Metric, Question, Unit
from adjoin.errors import BadInput, UnknownName
from adjoin_analytics.analyses.contribution import Key, Member, Sums, compare_ratios, compare_sums, split_sums
from adjoin_analytics.analyses.exact import Exact, summed
from adjoin_analytics.analyses.explanation import Comparing
from adjoin_analytics.analyses.mix import Point
from adjoin_analytics.formula import Binary, Formula, Number, Sum, is_whole, parse, sums_of

__all__ = [
    "Parts",
    "asked_children",
    "check_currency",
    "comparison_question",
    "habit_questions",
    "members_of",
    "mix_question",
    "parts_of",
    "past_of",
    "points_of",
    "rows_of",
]

#: What a sum hangs on: its split is by this and by itself per one of it.
_BEHIND = {"cost": "clicks", "clicks": "impressions", "conversions": "clicks", "conversion_value": "conversions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The metrics to ask for so that the change of one can be explained.

    A ratio is `times` x `amount` / `volume`; a sum is `amount`, and `volume` what it hangs on, if anything. `money`
    says that one of them is an amount in a currency.
    """

    metric: str
    amount: str
    volume: str | None
    ratio: bool
    money: bool
    times: int = 1

    @property
    def metrics(self) -> tuple[str, ...]:
        """What to ask for."""
        return (self.amount,) if self.volume is None else (self.amount, self.volume)

    @property
    def compare(self) -> Comparing:
        """The comparison that fits: of ratios, or of sums with or without a volume behind them.

        Effects on amounts are in micros, and those of a split on counts in hundredths.
        """
        if self.ratio:
            return compare_ratios
        if self.volume is None:
            return compare_sums
        return split_sums if self.money else partial(split_sums, digits=2)


def parts_of(metric: str, definitions: Definitions, *, behind: str | None = None) -> Parts:
    """Take a metric apart. `behind` names what a sum is split by, in place of the usual one; "" for nothing.

    Raises UnknownName for a metric that is not there, BadInput for one whose formula is neither a sum nor a sum divided
    by a sum: what its parts did to it cannot be added up.
    """
    metrics = {one.name: one for one in definitions.metrics}
    if metric not in metrics:
        raise UnknownName(f"There is no metric {metric!r}; there are {', '.join(metrics)}.")
    found = metrics[metric]
    formula = parse(found.formula, found.sums)
    named = {one.formula: one for one in reversed(definitions.metrics)}  # the first of those with the same formula
    divided = _division(formula)
    if divided is not None:
        above, times, below = divided
        if above in named and below in named:
            return Parts(
                metric=metric,
                amount=named[above].name,
                volume=named[below].name,
                ratio=True,
                money=_is_money(named[above], named[below]),
                times=times,
            )
    elif isinstance(formula, Sum) or (is_whole(formula) and _adds_up(formula) and "conversions" not in found.sums):
        hangs_on = _BEHIND.get(metric, "") if behind is None else behind
        if hangs_on and hangs_on not in metrics:
            raise UnknownName(f"There is no metric {hangs_on!r}; there are {', '.join(metrics)}.")
        volume = hangs_on or None
        money = _is_money(found, *([metrics[volume]] if volume else []))
        return Parts(metric=metric, amount=metric, volume=volume, ratio=False, money=money)
    raise BadInput(
        f"The change of {found.title} cannot be shared out among its members: its formula {found.formula!r} is neither "
        "a sum nor a sum divided by a sum."
    )


def comparison_question(question: Question, parts: Parts, dimension: Dimension) -> Question:
    """Return the question whose answer `members_of` reads: the same days, filters and comparison, by a dimension.

    Rows are neither searched nor cut, as effects add up over all members only. Raises BadInput where nothing is
    compared.
    """
    if question.compare is Compare.NOTHING and question.compare_since is None:
        raise BadInput("A change is explained between two periods; say what is compared with what.")
    return replace(
        question,
        metrics=parts.metrics,
        dimensions=(dimension.name,),
        having=(),
        search="",
        order_by=(),
        limit=None,
        offset=0,
    )


def members_of(answer: Answer, parts: Parts, dimension: Dimension) -> list[Member]:
    """Read the members of a dimension. Raises BadInput where amounts are in several currencies."""
    check_currency(answer, parts.money)
    members = []
    for row in rows_of(answer):
        sums = []
        for end in ("", ".before"):
            amount, volume = (None if name is None else row[f"{name}{end}"] for name in (parts.amount, parts.volume))
            there = Sums(amount=None if amount is None else amount * parts.times, volume=volume)
            sums.append(None if amount is None and volume is None else there)
        key, name = _named(row, dimension)
        members.append(Member(key=key, name=name, now=sums[0], before=sums[1]))
    return members


def asked_children(
    ask: Callable[[Question], Answer], question: Question, parts: Parts, dimensions: Sequence[Dimension]
) -> Callable[[Key], list[Member]]:
    """Return the `children` of a walk, which asks one question for each step: `comparison_question` below a member.

    `dimensions` are those of the walk from the top, each with the ids of the one before it in its columns: platform,
    account, campaign, ad_group, ad. A question is asked once.
    """
    depths = {0: dimensions[0]} | {len(_ids(above)): below for above, below in pairwise(dimensions)}
    parents = {len(_ids(one)): one for one in dimensions}
    kept: dict[Key, list[Member]] = {}

    def children(key: Key) -> list[Member]:
        if key not in kept:
            asked = comparison_question(question, parts, depths[len(key)])
            if key:
                condition = Condition(dimension=parents[len(key)].name, values=("/".join(key),))
                asked = replace(asked, where=(*asked.where, condition))
            kept[key] = members_of(ask(asked), parts, depths[len(key)])
        return kept[key]

    return children


def habit_questions(question: Question, parts: Parts, dimension: Dimension, *, periods: int = 8) -> list[Question]:
    """Return the questions whose answers `past_of` reads: the same by itself, in as many periods right before."""
    length = question.until - question.since + timedelta(days=1)
    alone = replace(
        comparison_question(question, parts, dimension),
        metrics=(parts.amount,),
        compare=Compare.NOTHING,
        compare_since=None,
        compare_until=None,
    )
    return [
        replace(alone, since=question.since - back * length, until=question.until - back * length)
        for back in range(1, periods + 1)
    ]


def past_of(answers: Iterable[Answer], parts: Parts, dimension: Dimension) -> dict[Key, list[Exact | None]]:
    """Read what `surprises` compares members with. A member without a row in a period that has any had nothing in it.

    Periods without any rows are left out, as nothing was read then. Raises BadInput where amounts are in several
    currencies.
    """
    periods: list[dict[Key, Exact | None]] = []
    for answer in answers:
        check_currency(answer, parts.money)
        found = {_named(row, dimension)[0]: row[parts.amount] for row in rows_of(answer)}
        if found:
            periods.append(found)
    keys = sorted({key for period in periods for key in period})
    return {key: [period.get(key, 0) for period in periods] for key in keys}


def mix_question(question: Question, metric: str, dimension: Dimension, *, period: str = "week") -> Question:
    """Return the question whose answer `points_of` reads: one metric by period and dimension, all rows of it."""
    return replace(
        question,
        metrics=(metric,),
        dimensions=(period, dimension.name),
        compare=Compare.NOTHING,
        compare_since=None,
        compare_until=None,
        having=(),
        search="",
        order_by=(),
        limit=None,
        offset=0,
    )


def points_of(answer: Answer, dimension: Dimension, *, money: bool) -> list[Point]:
    """Read the points of a mix. `money` says that the metric is an amount, of which currencies must not mix."""
    check_currency(answer, money)
    (metric,), (period, _) = answer.question.metrics, answer.question.dimensions
    points = []
    for row in rows_of(answer):
        key, name = _named(row, dimension)
        points.append(Point(period=row[period], key=key, value=row[metric], name=name))
    return points


def _division(formula: Formula) -> tuple[str, int, str] | None:
    match formula:
        case Binary("/", Sum(above), Sum(below)):
            return above, 1, below
        case Binary("/", Binary("*", Number(times), Sum(above)) | Binary("*", Sum(above), Number(times)), Sum(below)):
            if times == times.to_integral_value():
                return above, int(times), below
    return None


def _adds_up(formula: Formula) -> bool:
    """Say whether the metric of a whole is the sum of those of its members: no constant stands by itself."""
    match formula:
        case Binary("+" | "-", left, right):
            return _adds_up(left) and _adds_up(right)
        case _:
            return bool(sums_of(formula))


def _is_money(*metrics: Metric) -> bool:
    return any(one.unit is Unit.MONEY for one in metrics)


def _ids(dimension: Dimension) -> tuple[str, ...]:
    """Return the columns that a member is known by: its ids, or the one column of a text."""
    return dimension.columns[:-1] or dimension.columns


def _named(row: Mapping[str, Any], dimension: Dimension) -> tuple[Key, str]:
    key = tuple("" if row[column] is None else str(row[column]) for column in _ids(dimension))
    name = row[dimension.columns[-1]]
    return key, "" if name is None else str(name)


def rows_of(answer: Answer) -> Iterator[dict[str, Any]]:
    """Read the rows of an answer, counts without the digits after the point that their column has."""
    rows: list[dict[str, Any]] = answer.rows.to_pylist()
    return iter([{name: _figure(value) for name, value in row.items()} for row in rows])


def _figure(value: Any) -> Any:
    """Write whole decimals without the digits after the point that their column has."""
    return summed([value.normalize()]) if isinstance(value, Decimal) else value


def check_currency(answer: Answer, money: bool) -> None:
    """Raise BadInput where an answer's amounts are in several currencies, and so missing where they mix."""
    if money and answer.currency is None and answer.rows.num_rows:
        raise BadInput("Amounts in several currencies cannot be added; ask for all of them in one currency.")
