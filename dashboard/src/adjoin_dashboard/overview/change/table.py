"""The effects as lines that add up: the members that are listed, the others as one, and all together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from adjoin.analytics.v1 import ChangeLevel, Metric, Presence, Unit
from adjoin.writing import Writer, currency_sign, decimals
from adjoin_dashboard.figures import number_of
from adjoin_dashboard.overview.change.words import Cause, Namer
from adjoin_dashboard.tables import written

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

__all__ = ["OPENED", "Line", "frame_of", "lines_of", "settings_of", "styled"]

#: Where the row whose button was pressed is kept.
OPENED = "change-opened"
_OPEN, _BEFORE, _NOW, _CHANGE, _SHARE = "Open", "Before", "Now", "Change", "Part"
_PINNED = 180  # pixels
_SMALL_POINTS = 0.1  # percentage points, below which effects get a digit more
_PRESENCE = {Presence.NEW: " (new)", Presence.ENDED: " (ended)", Presence.BOTH: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table. `path` is the key of a member that one can look into, otherwise empty."""

    name: str
    path: tuple[str, ...]
    before: Decimal | None
    now: Decimal | None
    change: Decimal
    volume: Decimal | None
    mix: Decimal | None
    rate: Decimal | None
    share: Decimal | None

    def value(self, part: str) -> Decimal:
        """Return the effect by the name of a part, 0 where it has none."""
        found: Decimal | None = getattr(self, part)
        return found or Decimal(0)


def lines_of(
    level: ChangeLevel, name: Namer, write: Writer, *, opens: bool, before: Decimal | None, now: Decimal | None
) -> list[Line]:
    """Return the lines of a level, the last of them the whole with its figures `before` and `now`."""
    lines = [
        Line(
            name=name(level.dimension, one) + _PRESENCE[one.presence],
            path=one.key if opens and one.key[-1] else (),
            before=one.before,
            now=one.now,
            change=one.change,
            volume=one.volume,
            mix=one.mix,
            rate=one.rate,
            share=one.share,
        )
        for one in level.effects
    ]
    if level.others is not None:
        rest = level.others
        lines.append(
            Line(
                name=write.counted(rest.count, "other"),
                path=(),
                before=None,
                now=None,
                change=rest.change,
                volume=rest.volume,
                mix=rest.mix,
                rate=rest.rate,
                share=rest.share,
            )
        )
    whole = Line(
        name="All together",
        path=(),
        before=before,
        now=now,
        change=level.change,
        volume=level.volume,
        mix=level.mix,
        rate=level.rate,
        share=Decimal(1) if level.change else None,
    )
    return [*lines, whole]


def frame_of(lines: Sequence[Line], causes: Sequence[Cause], label: str, metric: Metric) -> pd.DataFrame:
    """Return the table with plain numbers, amounts in whole units; buttons only where a line has a path."""
    opens = any(line.path for line in lines)
    rows = []
    for line in lines:
        row: dict[str, Any] = {_OPEN: _OPEN if line.path else None} if opens else {}
        row |= {label: line.name, _CHANGE: number_of(metric, line.change)}
        row |= {_BEFORE: number_of(metric, line.before), _NOW: number_of(metric, line.now)}
        for cause in causes:
            row[_column(cause)] = number_of(metric, getattr(line, cause.part))
        row[_SHARE] = None if line.share is None else float(line.share * 100)
        rows.append(row)
    return pd.DataFrame(rows)


def styled(table: pd.DataFrame, causes: Sequence[Cause], metric: Metric, currency: str | None, write: Writer) -> Styler:
    """Return the table as the visitor has numbers written, effects with their signs."""
    effects = [_CHANGE, *(_column(cause) for cause in causes)]
    largest = float(table[[_BEFORE, _NOW, *effects]].abs().max().max())
    before, after, digits = "", "", 0
    match metric.unit:
        case Unit.MONEY:
            before, digits = currency_sign(currency or ""), decimals(largest, currency or "")
        case Unit.SHARE:
            after, digits = "%", 2
        case Unit.MULTIPLE:
            after, digits = "×", 2
        case Unit.COUNT:
            digits = 1 if any(value % 1 for name in (_BEFORE, _NOW) for value in table[name].dropna()) else 0
    points, finer = after, digits
    if metric.unit is Unit.SHARE:
        points = "\N{NARROW NO-BREAK SPACE}pp"
        finer = digits if float(table[effects].abs().max().max()) >= _SMALL_POINTS else digits + 1

    def plain(value: float) -> str:
        return f"{before}{write.number(Decimal(repr(float(value))), digits)}{after}"

    def effect(value: float) -> str:
        told = write.signed(Decimal(repr(float(value))), finer, points)
        return f"{told[0]}{before}{told[1:]}"

    cells: dict[str, Callable[[Any], str]] = {_BEFORE: plain, _NOW: plain}
    cells |= dict.fromkeys(effects, effect)
    cells[_SHARE] = lambda value: f"{write.number(Decimal(repr(float(value))), 0)}%".replace("-", "−")
    return written(table, cells)


def settings_of(
    table: pd.DataFrame,
    causes: Sequence[Cause],
    label: str,
    *,
    on_open: Callable[[Sequence[Line]], None],
    lines: Sequence[Line],
) -> Mapping[str, Any]:
    """Return the settings of the columns. `on_open` is called with the lines when a button is pressed."""
    number = st.column_config.NumberColumn
    settings: dict[str, Any] = {
        _OPEN: st.column_config.ButtonColumn(
            _OPEN, width=62, pinned=True, type="tertiary", key=OPENED, on_click=on_open, args=(lines,)
        ),
        label: st.column_config.TextColumn(label, pinned=True, width=_PINNED),
        _CHANGE: number(_CHANGE, help="What it did to the whole; the lines add up to the last one"),
        _SHARE: number("Part of the change"),
    }
    settings |= {_column(cause): number(f"by {cause.title}", help=cause.meaning) for cause in causes}
    return {name: value for name, value in settings.items() if name in table}


def _column(cause: Cause) -> str:
    return f"by {cause.part}"
