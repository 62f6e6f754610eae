"""How figures are written in a report: counts, money, percentages, and what is not available."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute

from adjoin_microsoft.sandbox.columns import words

__all__ = ["Texts", "measure_text", "thousands"]

Texts: TypeAlias = "pa.Array[Any]"
_Write: TypeAlias = Callable[[pa.Table], Texts]

#: The stubs know no plain values as operands.
pc: Any = pyarrow.compute

_MICROS = 1_000_000


def _whole(column: Any) -> Texts:
    """Combine a column into one array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _text(column: Any) -> Texts:
    return _whole(column.cast(pa.string()))


def _money(micros: Any) -> Texts:
    """Write micros with two decimals, or with as many as it takes."""
    micros = _whole(micros)
    if micros.null_count or pc.any(pc.not_equal(_modulo(micros, 10_000), 0)).as_py():
        return pa.array([_exact(value) for value in micros.to_pylist()], pa.string())
    return _decimals(pc.divide(micros, 10_000))


def _exact(micros: int) -> str:
    sign, rest = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{rest // _MICROS}.{rest % _MICROS:06d}".rstrip("0") if micros % 10_000 else f"{micros / _MICROS:.2f}"


def _decimals(hundredths: Any) -> Texts:
    """Write whole numbers of hundredths: 1234 is 12.34. They are not negative."""
    whole = pc.divide(hundredths, 100)
    rest = pa.array([f".{part:02d}" for part in range(100)], pa.string()).take(_modulo(hundredths, 100))
    return _whole(pc.binary_join_element_wise(whole.cast(pa.string()), rest, ""))


def _modulo(number: Any, by: int) -> Any:
    return pc.subtract(number, pc.multiply(pc.divide(number, by), by))


def _hundredths(count: Any) -> Any:
    """Return a decimal count as whole hundredths."""
    rounded = pc.round(_whole(count).cast(pa.decimal128(38, 9)), ndigits=2, round_mode="half_up")
    return pc.multiply(rounded.cast(pa.decimal128(20, 2)), pa.scalar(Decimal(100))).cast(pa.int64())


def _count(name: str) -> _Write:
    """A count of conversions without decimals, as the older columns have it."""

    def write(rows: pa.Table) -> Texts:
        return _text(pc.divide(pc.add(_hundredths(rows[name]), 50), 100))

    return write


def _ratio(above: str, below: str, *, scale: int = 1, empty: str = "", sign: str = "") -> _Write:
    """A quotient with two decimals, `empty` where there is nothing to divide by."""

    def write(rows: pa.Table) -> Texts:
        left, right = _steps(rows, above), _steps(rows, below)
        nothing = pc.equal(right, 0)
        quotient = pc.divide(pc.multiply(left, float(scale)), pc.if_else(nothing, 1.0, right))
        hundredths = pc.round(pc.multiply(quotient, 100.0), round_mode="half_up").cast(pa.int64())
        texts = _decimals(hundredths)
        if sign:
            texts = pc.binary_join_element_wise(texts, sign, "")
        return _whole(pc.if_else(nothing, empty, texts))

    return write


def _steps(rows: pa.Table, name: str) -> Any:
    """Return a measure in its unit: amounts in the currency, counts as they are."""
    value = _whole(rows[name]).cast(pa.float64())
    return pc.divide(value, float(_MICROS)) if name.endswith("_micros") else value


def _constant(text: str) -> _Write:
    return lambda rows: pa.array([text] * rows.num_rows, pa.string())


def thousands(text: str) -> str:
    """Group the digits of a number by commas, as format version 1.0 does: 1234.50 is 1,234.50."""
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole.isdecimal() else text


_ZERO, _NOTHING, _UNKNOWN = _constant("0"), _constant(""), _constant("--")

#: What each column of figures writes. Columns of things that the world does not know are zero, empty or `--`, as the
#: vendor's are where they are not available.
_WRITERS: Mapping[str, _Write] = {
    "Impressions": lambda rows: _text(rows["impressions"]),
    "Clicks": lambda rows: _text(rows["clicks"]),
    "Spend": lambda rows: _money(rows["cost_micros"]),
    "VideoViews": lambda rows: _text(pc.fill_null(rows["video_views"], 0)),
    "Conversions": _count("conversions"),
    "ConversionsQualified": lambda rows: _decimals(_hundredths(rows["conversions"])),
    "Revenue": lambda rows: _money(rows["conversion_value_micros"]),
    "AllConversions": _count("all_conversions"),
    "AllConversionsQualified": lambda rows: _decimals(_hundredths(rows["all_conversions"])),
    "AllRevenue": lambda rows: _money(rows["all_value_micros"]),
    "Ctr": _ratio("clicks", "impressions", scale=100, empty="0.00%", sign="%"),
    "AverageCpc": _ratio("cost_micros", "clicks", empty="0.00"),
    "AverageCpm": _ratio("cost_micros", "impressions", scale=1000, empty="0.00"),
    "AverageCPV": _ratio("cost_micros", "video_views"),
    "ViewThroughRate": _ratio("video_views", "impressions", scale=100, empty="0.00%", sign="%"),
    "ConversionRate": _ratio("conversions", "clicks", scale=100, sign="%"),
    "AllConversionRate": _ratio("all_conversions", "clicks", scale=100, sign="%"),
    "CostPerConversion": _ratio("cost_micros", "conversions"),
    "AllCostPerConversion": _ratio("cost_micros", "all_conversions"),
    "ReturnOnAdSpend": _ratio("conversion_value_micros", "cost_micros"),
    "AllReturnOnAdSpend": _ratio("all_value_micros", "cost_micros"),
    "RevenuePerConversion": _ratio("conversion_value_micros", "conversions"),
    "AllRevenuePerConversion": _ratio("all_value_micros", "all_conversions"),
    "AveragePosition": _constant("0.00"),
    **dict.fromkeys(
        words(
            "Assists LowQualityClicks LowQualityImpressions LowQualityConversions LowQualityGeneralClicks "
            "LowQualitySophisticatedClicks PhoneImpressions PhoneCalls ViewThroughConversions Sales Installs Downloads "
            "AppInstalls Purchases Subscriptions NewCustomerConversions NewCustomerCount VideoViewsAt25Percent "
            "VideoViewsAt50Percent VideoViewsAt75Percent CompletedVideoViews TotalWatchTimeInMS "
            "UnknownCustomerConversions"
        ),
        _ZERO,
    ),
    **dict.fromkeys(
        words(
            "QualityScore ExpectedCtr AdRelevance LandingPageExperience HistoricalQualityScore HistoricalExpectedCtr "
            "HistoricalAdRelevance HistoricalLandingPageExperience QualityImpact ImpressionSharePercent "
            "ImpressionLostToBudgetPercent ImpressionLostToRankAggPercent"
        ),
        _UNKNOWN,
    ),
}


def measure_text(name: str, rows: pa.Table) -> Texts:
    """Return the texts of a column of figures; empty where the world knows nothing of it."""
    return _WRITERS.get(name, _NOTHING)(rows)
