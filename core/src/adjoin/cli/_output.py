"""How commands print: JSON for scripts, tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from adjoin.amounts import amount

__all__ = ["amount", "print_json", "print_table", "say"]


def say(text: str) -> None:
    """Tell people something, on stderr, so that data on stdout stays data."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a value as JSON in one line."""
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str), flush=True)


def print_table(
    columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]], *, title: str = "", empty: str = ""
) -> None:
    """Print a table; columns are (name, right-aligned). `empty` is printed where there is no row."""
    from rich.console import Console
    from rich.table import Table

    listed = [list(row) for row in rows]
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)  # nobody has set a width for a pipe
    if not listed:
        console.print(empty, markup=False)
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", pad_edge=False)
    for name, numeric in columns:
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    from rich.text import Text

    for row in listed:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
