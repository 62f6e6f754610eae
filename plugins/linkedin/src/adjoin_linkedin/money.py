"""LinkedIn's money: decimals in major units as strings, turned into integer micros without floats."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Money", "micros_column", "to_micros"]

MICROS = 1_000_000

# Nine trillion units in micros are the most that 64 bits hold; six digits after the point are micros.
_EXACT = pa.decimal128(28, 6)
_PER_UNIT = pa.scalar(Decimal(MICROS), pa.decimal128(7, 0))


class Money(msgspec.Struct, rename="camel"):
    """A budget or a bid: `{"amount": "18.50", "currencyCode": "USD"}`."""

    amount: str
    currency_code: str = ""

    def micros(self, currency: str) -> int | None:
        """Return it in micros of the account's currency; None if it is in another one, which nobody could add up."""
        return to_micros(self.amount) if self.currency_code in ("", currency) else None


def to_micros(amount: str) -> int:
    """Turn a decimal ("19.91833") into micros; beyond six digits it rounds half to even. ValueError if it is none."""
    try:
        return int((Decimal(amount) * MICROS).to_integral_value(ROUND_HALF_EVEN))
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"{amount!r} is no amount of money") from error


def micros_column(amounts: pa.Array[Any]) -> pa.Array[Any]:
    """Turn a column of texts into one of micros. ValueError if one is no amount, or too large for 64 bits."""
    try:
        exact = amounts.cast(_EXACT)
    except pa.ArrowInvalid:  # more than six digits somewhere ("-2E-18" has been seen), or no number at all
        return pa.array([_fitting(str(amount)) for amount in amounts.to_pylist()], pa.int64())
    return pc.multiply(exact, _PER_UNIT).cast(pa.int64())


def _fitting(amount: str) -> int:
    micros = to_micros(amount)
    if not -(2**63) <= micros < 2**63:
        raise ValueError(f"{amount!r} is more money than fits")
    return micros
