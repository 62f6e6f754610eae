"""Formulas: what can be read means what it says, and nothing else can be read."""

from __future__ import annotations

import contextlib
import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.definitions.metrics import SUMS, built_in_metrics
from adjoin_analytics.formula import Binary, Formula, Negative, Number, Sum, is_whole, parse, sums_of

VALUES = {name: Fraction(number, 7) for number, name in enumerate(SUMS, start=3)}


def value_of(formula: Formula) -> Fraction | None:
    """What a formula comes to for VALUES; nothing where it divides by zero."""
    match formula:
        case Number(value):
            return Fraction(value)
        case Sum(name):
            return VALUES[name]
        case Negative(of):
            found = value_of(of)
            return None if found is None else -found
        case Binary(sign, left, right):
            one, other = value_of(left), value_of(right)
            if one is None or other is None or (sign == "/" and not other):
                return None
            return {"+": one.__add__, "-": one.__sub__, "*": one.__mul__, "/": one.__truediv__}[sign](other)


numbers = st.integers(0, 99).map(str) | st.decimals(0, 9, places=2).map(str)
leaves = numbers | st.sampled_from(SUMS)
texts = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("-{}".format),
    ),
    max_leaves=6,
)


class TestWhatCanBeRead:
    @settings(max_examples=60)
    @given(texts)
    def test_means_what_python_would_take_it_for(self, text: str) -> None:
        """Signs, brackets and precedence are those that everybody knows."""
        try:
            found = parse(f"clicks - clicks + ({text})", SUMS)
        except BadInput:  # numbers that could become too large
            return
        exact: dict[str, Any] = {"F": Fraction, **VALUES}

        python = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)", r"F('\1')", text)
        try:
            expected = eval(python, {"__builtins__": {}}, exact)
        except ZeroDivisionError:
            expected = None
        assert value_of(found) == expected

    def test_the_sums_that_it_takes(self) -> None:
        assert sums_of(parse("(cost_micros + 2) / clicks - cost_micros", SUMS)) == ("cost_micros", "clicks")

    @pytest.mark.parametrize("metric", built_in_metrics({}), ids=lambda one: one.name)
    def test_what_is_built_in_names_its_sums(self, metric: Any) -> None:
        assert sorted(sums_of(parse(metric.formula, SUMS))) == sorted(metric.sums)

    @pytest.mark.parametrize(
        ("text", "whole"),
        [("2 * clicks - 1", True), ("clicks / 2", False), ("0.5 * clicks", False), ("clicks * clicks", False)],
    )
    def test_whether_it_is_exact(self, text: str, whole: bool) -> None:
        assert is_whole(parse(text, SUMS)) is whole


class TestWhatCannotBeRead:
    @settings(max_examples=60)
    @given(st.text(max_size=30))
    def test_is_bad_input_and_nothing_else(self, text: str) -> None:
        """Whatever is typed: it is a formula or it is refused, and never an error of the program."""
        with contextlib.suppress(BadInput):
            assert sums_of(parse(text, SUMS))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "at character 1: it ends"),
            ("clicks +", "at character 9: it ends"),
            ("clicks clicks", "at character 8: there is 'clicks'"),
            ("(clicks", "bracket of character 1"),
            ("clicks)", "at character 7: there is ')'"),
            ("clicks ** 2", "at character 9: there is '*'"),
            ("cliks", "There is no sum 'cliks' (character 1 of the formula); there are clicks"),
            ("clicks; 1", "at character 7: ';' is none of"),
            ("clicks.real", "'.' is none of"),
            ("f(clicks)", "no sum 'f'"),
            ("1 + 2", "takes no sum"),
            ("1" * 16 + " * clicks", "more than 15 digits"),
            ("9" * 15 + "*" + "9" * 15 + "*clicks", "too large"),
            ("*".join(["clicks"] * 9), "too large"),
            ("(" * 40 + "clicks" + ")" * 40, "nested more than 30"),
            ("-" * 40 + "clicks", "nested more than 30"),
            ("clicks " * 100, "700 characters"),
        ],
    )
    def test_says_where(self, text: str, said: str) -> None:
        with pytest.raises(BadInput) as refused:
            parse(text, SUMS)
        assert said in str(refused.value)
