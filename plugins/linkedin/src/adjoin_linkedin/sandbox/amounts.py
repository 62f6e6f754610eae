"""Money as LinkedIn writes it: decimal strings in major units."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from adjoin.testing.world import minor_unit_micros

__all__ = ["amount_node", "amount_text", "cost_text", "micros_of"]

_MICROS = 1_000_000


def amount_text(micros: int, currency: str) -> str:
    """Write a budget or bid: 18500000 is "18.50" in EUR and "18.5" needs no more digits than the currency has."""
    whole, rest = divmod(micros, _MICROS)
    if not rest:
        return str(whole)
    unit = minor_unit_micros(currency)
    digits = len(str(_MICROS // unit)) - 1 if rest % unit == 0 else 6
    return f"{whole}.{rest:06d}"[: len(str(whole)) + 1 + digits]


def amount_node(micros: int | None, currency: str) -> dict[str, str] | None:
    """A CurrencyAmount, None for none."""
    return None if micros is None else {"amount": amount_text(micros, currency), "currencyCode": currency}


def micros_of(node: dict[str, Any]) -> int:
    """Read a CurrencyAmount that has been found to be one."""
    return int(Decimal(node["amount"]) * _MICROS)


def cost_text(micros: int) -> str:
    """Write a result's money, with one to five decimals where they suffice: "0.0", "19.91833"."""
    sign, (whole, rest) = "-" if micros < 0 else "", divmod(abs(micros), _MICROS)
    return f"{sign}{whole}." + (f"{rest:06d}".rstrip("0") or "0")
