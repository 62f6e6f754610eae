"""How amounts of money are written for people."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["amount"]

#: Currencies that have no smaller unit in ISO 4217.
_WITHOUT_DECIMALS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_MICROS = 1_000_000


def amount(micros: int | Decimal | None, currency: str | None) -> str:
    """Write micros, rounded to the currency's smallest unit: `1,234.50 EUR`, `1,235 JPY`."""
    if micros is None:
        return "–"
    places = 0 if currency in _WITHOUT_DECIMALS else 2
    number = (Decimal(micros) / _MICROS).quantize(Decimal(1).scaleb(-places)) + 0  # no -0.00
    return f"{number:,} {currency}" if currency else f"{number:,}"
