"""Texts as cells of a CSV file."""

from __future__ import annotations

import pytest

from adjoin.cells import harmless


@pytest.mark.parametrize("text", ["", "Spring", "a=b", "1-2", "❄ größer; 50 %", "O'Neil", " =1", "a, =1", "x;y"])
def test_most_texts_stay_as_they_are(text: str) -> None:
    """Names are not changed without need."""
    assert harmless(text) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_what_begins_as_a_formula_is_a_text(text: str) -> None:
    """A spreadsheet shows it, with an apostrophe before it."""
    assert harmless(text) == f"'{text}".replace("\t=", "\t'=").replace("\r=", "\r'=")


def test_a_cell_that_a_semicolon_begins_is_no_formula_either() -> None:
    """Where commas are for decimals a spreadsheet splits at semicolons; a line of its own begins a cell, too."""
    assert harmless("a;=1+1;-2;b") == "a;'=1+1;'-2;b"
    assert harmless("a\n=1") == "a\n'=1"
