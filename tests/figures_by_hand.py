"""What pages should show, computed by hand from the truth of the world, and what they do show, read off them.

The metric layer, its definitions and its analyses are not used here: sums are sums of the truth's rows, ratios are
written out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import isnan
from typing import Any

import pyarrow as pa
from streamlit.testing.v1 import AppTest

from adjoin.writing import Writer

from .whole_advertiser import Bank, Row, Synced, added

MISSING = "–"
SIGNS = {"EUR": "€", "USD": "$", "JPY": "¥", "GBP": "£"}

#: How values of a metric are written, and by which sums they are made. Money is in micros.
MONEY, COUNT, SHARE, TIMES = "money", "count", "share", "times"
KINDS = {
    "Spend": MONEY,
    "Impressions": COUNT,
    "Clicks": COUNT,
    "CTR": SHARE,
    "Conversions": COUNT,
    "Conversion value": MONEY,
    "CPA": MONEY,
    "CPC": MONEY,
    "CPM": MONEY,
    "Conversion rate": SHARE,
    "ROAS": TIMES,
}
Figures = Mapping[str, Fraction | None]


def figures_of(sums: Row | None, currency: str) -> Figures:
    """Write out the metrics of sums whose amounts are in one currency; without sums all of them are missing."""
    if sums is None:
        return dict.fromkeys(KINDS)
    amounts = sums["amounts"].get(currency, {})
    cost, value = amounts.get("cost_micros"), amounts.get("conversion_value_micros")

    def over(above: Any, below: Any) -> Fraction | None:
        return None if above is None or not below else Fraction(above) / Fraction(below)

    plain = {
        "Spend": cost,
        "Impressions": sums["impressions"],
        "Clicks": sums["clicks"],
        "Conversions": sums["conversions"],
        "Conversion value": value,
    }
    return {name: None if one is None else Fraction(one) for name, one in plain.items()} | {
        "CTR": over(sums["clicks"], sums["impressions"]),
        "CPA": over(cost, sums["conversions"]),
        "CPC": over(cost, sums["clicks"]),
        "CPM": over(None if cost is None else cost * 1000, sums["impressions"]),
        "Conversion rate": over(sums["conversions"], sums["clicks"]),
        "ROAS": over(value, cost),
    }


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is chosen in the filter row, and the rows of the truth that this means."""

    name: str
    since: date
    until: date
    before: tuple[date, date] | None
    currency: str
    platforms: tuple[str, ...] = ()
    accounts: tuple[tuple[str, str], ...] = ()
    address: Mapping[str, str | list[str]] = field(default_factory=dict)

    @property
    def days(self) -> list[date]:
        return [self.since + timedelta(days=number) for number in range((self.until - self.since).days + 1)]

    def keeps(self, row: Row, span: tuple[date, date]) -> bool:
        return (
            span[0] <= row["date"] <= span[1]
            and (not self.platforms or row["platform"] in self.platforms)
            and (not self.accounts or (row["platform"], row["account_id"]) in self.accounts)
        )


@dataclass(frozen=True, kw_only=True)
class Hand:
    """Adds up the truth for a setting."""

    synced: Synced
    bank: Bank
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def truth(self, dataset: str) -> list[Row]:
        if dataset not in self.rows:
            self.rows[dataset] = self.synced.truth(dataset)
        return self.rows[dataset]

    def figures(
        self,
        setting: Setting,
        dataset: str,
        keys: Sequence[str] = (),
        *,
        before: bool = False,
        where: Callable[[Row], bool] = lambda row: True,
    ) -> dict[tuple[str, ...], Figures]:
        """Return the figures of the setting's days, or of those before, by keys; converted day by day."""
        span = setting.before if before else (setting.since, setting.until)
        if span is None:
            return {}
        rows = [row for row in self.truth(dataset) if setting.keeps(row, span) and where(row)]
        sums = added(self.bank.converted(rows, keys, setting.currency), keys)
        return {key: figures_of(one, setting.currency) for key, one in sums.items()}

    def together(
        self, setting: Setting, dataset: str, keys: Sequence[str], *, before: bool = False
    ) -> dict[str, Fraction | None]:
        """Return the figures of all, as the sums of those by keys: amounts are rounded when these are converted."""
        there = self.figures(setting, dataset, keys, before=before).values()

        def total(name: str) -> Fraction:
            return sum((one[name] or Fraction(0) for one in there), Fraction(0))

        sums = {name: total(name) for name in ("Spend", "Conversions")}
        return sums | {"CPA": sums["Spend"] / sums["Conversions"] if sums["Conversions"] else None}

    def whole(self, setting: Setting, dataset: str = "account_daily", **more: Any) -> Figures:
        """Return the figures of everything that is kept."""
        return self.figures(setting, dataset, (), **more).get((), figures_of(None, setting.currency))


@dataclass(frozen=True, kw_only=True)
class Words:
    """How figures are written on cards and in cells."""

    write: Writer
    currency: str

    def card(self, name: str, value: Fraction | None, *, compact: bool) -> str:
        exact = None if value is None else exactly(value)
        kind = KINDS[name]
        if kind == MONEY:
            return self.write.money(exact, self.currency, compact=compact).replace("$", r"\$")
        if kind == SHARE:
            return self.write.percent(exact)
        return self.write.times(exact) if kind == TIMES else self.write.count(exact, compact=compact)

    def delta(self, name: str, now: Fraction | None, before: Fraction | None) -> str:
        new, old = (None if one is None else exactly(one) for one in (now, before))
        told = self.write.points(new, old) if KINDS[name] == SHARE else self.write.change(new, old)
        return told or MISSING

    def cells(self, name: str, values: Sequence[Fraction | None]) -> list[str]:
        """Write a column: with as many decimals throughout as its largest value, or its fractions, need."""
        units = [self.unit(name, one) for one in values]
        there = [one for one in units if one is not None]
        kind = KINDS[name]
        sign, after, digits = "", "", 0
        if kind == MONEY:
            sign = SIGNS[self.currency]
            digits = 0 if self.currency == "JPY" or max(there, default=Decimal(0)) >= 100 else 2
        elif kind == COUNT:
            digits = 1 if any(one != one.to_integral_value() for one in there) else 0
        else:
            after, digits = ("%" if kind == SHARE else "×"), 2
        return [MISSING if one is None else f"{sign}{self.write.number(one, digits)}{after}" for one in units]

    def unit(self, name: str, value: Fraction | None) -> Decimal | None:
        """Return a value in what its cell counts: whole units of money, percent."""
        if value is None:
            return None
        kind = KINDS[name]
        return exactly(value / 10**6 if kind == MONEY else value * 100 if kind == SHARE else value)


def exactly(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def table_with(page: AppTest, *columns: str) -> Any:
    """Return the first table that has these columns."""
    return next(one for one in page.dataframe if set(columns) <= set(one.value.columns))


def shown_cells(page: AppTest, *columns: str) -> list[dict[str, str]]:
    """Return a table as it is read: what stands in its cells."""
    data = table_with(page, *columns).proto.arrow_data
    return list(pa.ipc.open_stream(data.styler.display_values).read_all().to_pylist())


def plain_cells(page: AppTest, *columns: str) -> list[dict[str, Any]]:
    """Return a table as it is sorted: what stands behind its cells; None where there is nothing."""
    rows = table_with(page, *columns).value.to_dict("records")
    return [
        {str(name): None if isinstance(one, float) and isnan(one) else one for name, one in row.items()} for row in rows
    ]


def drawn(page: AppTest, key: str) -> list[dict[str, Any]]:
    """Return the data of a chart, a row for each place on its axis."""
    chart = next(one for one in page.get("echarts_chart") if one.proto.id.endswith(f"-{key}"))
    (source,) = chart.proto.datasets
    return list(pa.ipc.open_stream(source.data.data).read_all().to_pylist())


def cards(page: AppTest) -> dict[str, tuple[str, str]]:
    return {one.label: (one.value, one.delta) for one in page.metric}


def words_of(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.info, *page.warning, *page.success, *page.error]
    return "\n".join(str(one.value) for one in shown)


def near(found: Any, expected: Decimal) -> bool:
    """Say whether a number is the float of an exact one; a ratio may differ in its last binary digit."""
    number = Decimal(repr(float(found)))
    return number == expected or abs(number - expected) <= abs(expected) * Decimal("1e-14")
