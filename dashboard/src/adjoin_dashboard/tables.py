"""Tables whose cells are written as the visitor likes, and are sorted by what stands behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from adjoin.writing import MISSING

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

__all__ = ["written"]


def written(table: pd.DataFrame, columns: Mapping[str, Callable[[Any], str]]) -> Styler:
    """Return a table for `st.dataframe`. `columns` names those that are written by a function; what lacks is "–".

    The column's own settings must have no `format`, which would win.
    """
    lists = [name for name in table if table[name].map(lambda value: isinstance(value, list)).any()]
    told: dict[Any, str | Callable[[object], str] | None] = {name: _told(columns[name]) for name in columns}
    told |= dict.fromkeys(lists, lambda _: "")  # they are drawn, and their text would be sent for nothing
    return table.style.format(told)


def _told(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: MISSING if pd.isna(value) else write(value)
