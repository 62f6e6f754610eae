"""Formulas of metrics: arithmetic over sums and numbers, read by a parser of its own and never evaluated as code.

formula  = term (("+" | "-") term)*
term     = factor (("*" | "/") factor)*
factor   = ("-" | "+") factor | number | name | "(" formula ")"
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from adjoin.errors import BadInput

__all__ = ["Binary", "Formula", "Negative", "Number", "Sum", "is_whole", "parse", "sums_of"]

#: The longest formula, in characters, and the deepest nesting of brackets and signs.
LONGEST, DEEPEST = 500, 30
#: How large numbers may become, and how many sums may be multiplied or divided by each other.
LARGEST, MOST_PRODUCTS = Decimal(10) ** 18, 8
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[-+*/()]))"
)
_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: Decimal


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of a column of facts."""

    name: str


@dataclass(frozen=True, slots=True)
class Negative:
    """A formula with the other sign."""

    of: Formula


@dataclass(frozen=True, slots=True)
class Binary:
    """Two formulas and what is done with them. Division by zero gives nothing, and so does anything with nothing."""

    sign: Literal["+", "-", "*", "/"]
    left: Formula
    right: Formula


Formula: TypeAlias = Number | Sum | Negative | Binary


def parse(text: str, known: Collection[str]) -> Formula:
    """Read a formula over the sums that are known. Raises BadInput that says what is wrong, and at which character."""
    if len(text) > LONGEST:
        raise BadInput(f"The formula has {len(text)} characters; {LONGEST} are the most.")
    parser = _Parser(text, known)
    found = parser.formula(0)
    parser.expect_end()
    if _weight(found) > LARGEST or _degree(found) > MOST_PRODUCTS:
        raise BadInput(
            f"The formula {text.strip()!r} could become too large to be computed: its numbers may come to 10^18, and "
            f"at most {MOST_PRODUCTS} sums may be multiplied or divided by each other."
        )
    if not sums_of(found):
        raise BadInput(f"The formula {text.strip()!r} takes no sum; name at least one of {', '.join(sorted(known))}.")
    return found


def sums_of(formula: Formula) -> tuple[str, ...]:
    """Return the sums that a formula takes, in the order in which they are named."""
    return tuple(dict.fromkeys(_sums(formula)))


def is_whole(formula: Formula) -> bool:
    """Say whether a formula can be computed without rounding: sums and whole numbers added or multiplied by numbers."""
    match formula:
        case Number(value):
            return value == value.to_integral_value()
        case Sum():
            return True
        case Negative(of):
            return is_whole(of)
        case Binary("/", _, _):
            return False
        case Binary("*", left, right):
            return is_whole(left) and is_whole(right) and not (sums_of(left) and sums_of(right))
        case Binary(_, left, right):
            return is_whole(left) and is_whole(right)


def _weight(formula: Formula) -> Decimal:
    """Return how large the numbers of a formula can make a sum at the most."""
    match formula:
        case Number(value):
            return max(abs(value), Decimal(1))
        case Sum():
            return Decimal(1)
        case Negative(of):
            return _weight(of)
        case Binary("*", left, right):
            return _weight(left) * _weight(right)
        case Binary("/", left, Number(value)) if 0 < value < 1:
            return _weight(left) / value
        case Binary("/", left, _):
            return _weight(left)
        case Binary(_, left, right):
            return _weight(left) + _weight(right)


def _degree(formula: Formula) -> int:
    match formula:
        case Number():
            return 0
        case Sum():
            return 1
        case Negative(of):
            return _degree(of)
        case Binary("*" | "/", left, right):
            return _degree(left) + _degree(right)
        case Binary(_, left, right):
            return max(_degree(left), _degree(right))


def _sums(formula: Formula) -> Iterator[str]:
    match formula:
        case Sum(name):
            yield name
        case Negative(of):
            yield from _sums(of)
        case Binary(_, left, right):
            yield from _sums(left)
            yield from _sums(right)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


class _Parser:
    def __init__(self, text: str, known: Collection[str]) -> None:
        self._text = text
        self._known = known
        self._tokens = list(_tokens(text))
        self._next = 0

    def formula(self, depth: int) -> Formula:
        found = self._term(depth)
        while (sign := self._sign("+-")) is not None:
            found = Binary(sign, found, self._term(depth))
        return found

    def expect_end(self) -> None:
        token = self._peek()
        if token.kind != "end":
            raise self._wrong(token, "an operator (+ - * /) or the end")

    def _term(self, depth: int) -> Formula:
        found = self._factor(depth)
        while (sign := self._sign("*/")) is not None:
            found = Binary(sign, found, self._factor(depth))
        return found

    def _factor(self, depth: int) -> Formula:
        if depth > DEEPEST:
            raise BadInput(f"The formula is nested more than {DEEPEST} deep; write it with fewer brackets.")
        token = self._peek()
        if token.text in {"-", "+"}:
            self._next += 1
            inner = self._factor(depth + 1)
            return Negative(inner) if token.text == "-" else inner
        if token.text == "(":
            self._next += 1
            inner = self.formula(depth + 1)
            if self._peek().text != ")":
                raise self._wrong(self._peek(), f'")" for the bracket of character {token.at + 1}')
            self._next += 1
            return inner
        if token.kind == "number":
            self._next += 1
            if sum(one.isdigit() for one in token.text) > _DIGITS:
                raise BadInput(f"The number {token.text} at character {token.at + 1} has more than {_DIGITS} digits.")
            return Number(Decimal(token.text))
        if token.kind == "name":
            self._next += 1
            if token.text not in self._known:
                raise BadInput(
                    f"There is no sum {token.text!r} (character {token.at + 1} of the formula); there are "
                    f"{', '.join(sorted(self._known))}."
                )
            return Sum(token.text)
        raise self._wrong(token, "a number, the name of a sum, or an opening bracket")

    def _sign(self, allowed: str) -> Literal["+", "-", "*", "/"] | None:
        token = self._peek()
        if token.kind == "sign" and token.text in allowed:
            self._next += 1
            return token.text  # type: ignore[return-value]  # one of the four
        return None

    def _peek(self) -> _Token:
        if self._next < len(self._tokens):
            return self._tokens[self._next]
        return _Token("end", "", len(self._text))

    def _wrong(self, token: _Token, wanted: str) -> BadInput:
        there = "it ends" if token.kind == "end" else f"there is {token.text!r}"
        return BadInput(f"The formula cannot be read at character {token.at + 1}: {there}, and {wanted} should be.")


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            bad = at + len(text[at:]) - len(text[at:].lstrip())
            raise BadInput(
                f"The formula cannot be read at character {bad + 1}: {text[bad]!r} is none of + - * / ( ), numbers "
                "with a point, and names of sums."
            )
        yield _Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup))
        at = found.end()
