"""What the Overview page says, computed without Streamlit from rows of facts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias, TypeVar

from adjoin.cells import harmless
from adjoin.writing import Writer

__all__ = [
    "COMPARISONS",
    "AccountId",
    "Comparison",
    "DayRow",
    "Figures",
    "Group",
    "Kpi",
    "Overview",
    "Period",
    "PeriodFigures",
    "build",
    "compared",
    "default_period",
    "rows_as_csv",
]

K = TypeVar("K")
N = TypeVar("N", int, Decimal)

Comparison = Literal["Previous period", "Previous year", "Nothing"]
COMPARISONS: tuple[Comparison, ...] = ("Previous period", "Previous year", "Nothing")

DEFAULT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    def overlaps(self, other: Period) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Sums of metrics, amounts in micros of one currency. None where no platform gives the metric."""

    impressions: int | None = None
    clicks: int | None = None
    cost_micros: int | None = None
    conversions: Decimal | None = None
    conversion_value_micros: int | None = None

    def __add__(self, other: Figures) -> Figures:
        return Figures(**{one.name: _sum(getattr(self, one.name), getattr(other, one.name)) for one in fields(Figures)})

    @property
    def cpa_micros(self) -> Decimal | None:
        return _ratio(self.cost_micros, self.conversions)

    @property
    def roas(self) -> Decimal | None:
        return _ratio(self.conversion_value_micros, self.cost_micros)

    @property
    def ctr(self) -> Decimal | None:
        return _ratio(self.clicks, self.impressions)


#: A platform, and an account of it.
AccountId: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """The figures of an account on a day, in the account's own currency."""

    day: date
    platform: str
    account_id: str
    currency: str
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodFigures:
    """The figures of a period in one currency: of all, of each platform's days, of each account."""

    totals: Figures
    days: Mapping[tuple[str, date], Figures]
    accounts: Mapping[AccountId, Figures]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """A headline number. `trend` has one value per day; `good` is None where neither direction is good or bad."""

    label: str
    value: str
    delta: str | None
    direction: Literal["up", "down", "off"]
    good: bool | None
    trend: tuple[float | None, ...]
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A line of a table: a platform, or an account of it. `trend` is the spend of each day in whole units."""

    platform: str
    account_id: str = ""
    figures: Figures
    before: Figures
    trend: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The page. `days` are ISO dates, the axis of all trends; `groups` are ordered by spend, highest first."""

    days: tuple[str, ...]
    totals: Figures
    before: Figures
    kpis: tuple[Kpi, ...]
    platforms: tuple[Group, ...]
    accounts: tuple[Group, ...]


def default_period(today: date, held: Period | None) -> Period:
    """Return the last 30 full days; where `held`, the days with data, has none of them, its own last 30 days."""
    recent = Period(today - timedelta(days=DEFAULT_DAYS), today - timedelta(days=1))
    if held is None or held.overlaps(recent):
        return recent
    return Period(max(held.first, held.last - timedelta(days=DEFAULT_DAYS - 1)), held.last)


def compared(period: Period, comparison: Comparison) -> Period | None:
    """Return the period to compare with. A year is 364 days, so that weekdays meet their like."""
    match comparison:
        case "Previous period":
            length = timedelta(days=(period.last - period.first).days + 1)
            return Period(period.first - length, period.last - length)
        case "Previous year":
            return Period(period.first - timedelta(days=364), period.last - timedelta(days=364))
        case "Nothing":
            return None


def build(
    *,
    period: Period,
    currency: str,
    now: PeriodFigures,
    before: PeriodFigures | None,
    rows: Iterable[DayRow] = (),
    covered: Collection[tuple[str, date]] = (),
    write: Writer,
) -> Overview:
    """Compute the page from the figures of the period and of the compared one (None: no comparison).

    `rows` give the accounts' trends, each in its own currency: a trend shows a shape. `covered` are the (platform,
    day) that were synced: a day without rows counts as 0 there and as missing elsewhere. `write` writes the headlines.
    """
    days = period.days
    earlier = before or PeriodFigures(totals=Figures(), days={}, accounts={})
    by_day = _added(now.days, lambda key: key[1])
    spent = {(platform, "", day): figures.cost_micros for (platform, day), figures in now.days.items()}
    spent |= {(row.platform, row.account_id, row.day): row.figures.cost_micros for row in rows}

    def groups(of: Mapping[AccountId, Figures], compared_with: Mapping[AccountId, Figures]) -> tuple[Group, ...]:
        made = [
            Group(
                platform=platform,
                account_id=account_id,
                figures=figures,
                before=compared_with.get((platform, account_id), Figures()),
                trend=tuple(
                    _float(spent.get((platform, account_id, day), 0 if (platform, day) in covered else None), 10**6)
                    for day in days
                ),
            )
            for (platform, account_id), figures in of.items()
        ]
        return tuple(sorted(made, key=lambda one: (-(one.figures.cost_micros or 0), one.platform, one.account_id)))

    return Overview(
        days=tuple(day.isoformat() for day in days),
        totals=now.totals,
        before=earlier.totals,
        kpis=_kpis(now.totals, earlier.totals, [by_day.get(day, Figures()) for day in days], currency, write),
        platforms=groups(_added(now.days, _platform), _added(earlier.days, _platform)),
        accounts=groups(now.accounts, earlier.accounts),
    )


def rows_as_csv(rows: Iterable[DayRow], account_names: Mapping[AccountId, str]) -> str:
    """Write the rows as CSV: one line per day and account, amounts as exact decimals in the account's own currency."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["date", "platform", "account_id", "account", "currency", "impressions", "clicks", "spend", "conversions",
         "conversion_value"]
    )  # fmt: skip
    for row in sorted(rows, key=lambda row: (row.day, row.platform, row.account_id)):
        one = row.figures
        writer.writerow(
            [
                row.day.isoformat(),
                row.platform,
                row.account_id,
                harmless(account_names.get((row.platform, row.account_id), "")),
                row.currency,
                _plain(one.impressions),
                _plain(one.clicks),
                _plain(one.cost_micros, micros=True),
                _plain(one.conversions),
                _plain(one.conversion_value_micros, micros=True),
            ]
        )
    return out.getvalue()


def _kpis(now: Figures, before: Figures, daily: Sequence[Figures], currency: str, write: Writer) -> tuple[Kpi, ...]:
    def trend(value: Callable[[Figures], int | Decimal | None], scale: int = 1) -> tuple[float | None, ...]:
        return tuple(_float(value(one), scale) for one in daily)

    return (
        _kpi(
            "Spend",
            write.money(now.cost_micros, currency, compact=True),
            write.change(now.cost_micros, before.cost_micros),
            better=None,
            trend=trend(lambda one: one.cost_micros, 10**6),
            help="What the platforms charged for the ads.",
        ),
        _kpi(
            "Conversions",
            write.count(now.conversions, compact=(now.conversions or 0) >= 1_000_000),
            write.change(now.conversions, before.conversions),
            better="up",
            trend=trend(lambda one: one.conversions),
            help="As each platform counts them, by its own attribution.",
        ),
        _kpi(
            "CPA",
            write.money(now.cpa_micros, currency),
            write.change(now.cpa_micros, before.cpa_micros),
            better="down",
            trend=trend(lambda one: one.cpa_micros, 10**6),
            help="Cost per conversion: spend divided by conversions.",
        ),
        _kpi(
            "ROAS",
            write.times(now.roas),
            write.change(now.roas, before.roas),
            better="up",
            trend=trend(lambda one: one.roas),
            help="Return on ad spend: the value of the conversions divided by spend.",
        ),
        _kpi(
            "CTR",
            write.percent(now.ctr),
            write.points(now.ctr, before.ctr),
            better="up",
            trend=trend(lambda one: one.ctr),
            help="Click-through rate: clicks divided by impressions.",
        ),
    )


def _kpi(
    label: str,
    value: str,
    delta: str | None,
    *,
    better: Literal["up", "down"] | None,
    trend: tuple[float | None, ...],
    help: str,  # noqa: A002 - Streamlit's word for it
) -> Kpi:
    directions: Mapping[str, Literal["up", "down"]] = {"+": "up", "−": "down"}
    direction = directions.get(delta[0]) if delta is not None else None
    return Kpi(
        label=label,
        value=value,
        delta=delta,
        direction=direction or "off",
        good=None if better is None or direction is None else direction == better,
        trend=trend,
        help=help,
    )


def _platform(key: tuple[str, date]) -> AccountId:
    return key[0], ""


def _added(figures: Mapping[tuple[str, date], Figures], key: Callable[[tuple[str, date]], K]) -> dict[K, Figures]:
    sums: dict[K, Figures] = {}
    for one, value in figures.items():
        group = key(one)
        sums[group] = sums[group] + value if group in sums else value
    return sums


def _sum(one: N | None, other: N | None) -> N | None:
    if one is None:
        return other
    return one if other is None else one + other


def _ratio(above: int | Decimal | None, below: int | Decimal | None) -> Decimal | None:
    return None if above is None or not below else Decimal(above) / Decimal(below)


def _float(value: int | Decimal | None, scale: int = 1) -> float | None:
    """A number for a drawing, which has no use for more digits than a float has."""
    return None if value is None else float(value / scale)


def _plain(value: int | Decimal | None, *, micros: bool = False) -> str:
    if value is None:
        return ""
    exact = Decimal(value).scaleb(-6) if micros else Decimal(value)
    return f"{exact.normalize():f}"
