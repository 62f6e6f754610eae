"""Results of the world for one insights query: filtered, summed up to a level, and written as rows of the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from adjoin_meta.sandbox.actions import wire_names

__all__ = ["KEYS", "Results", "Step", "spend_text", "summed"]

_Action: TypeAlias = "tuple[str, Decimal, int]"

#: The days of a period, calendar months, or the whole range as one.
Step: TypeAlias = "int | Literal['monthly'] | None"

#: The key columns of the world's tables by Meta's level.
KEYS: Mapping[str, tuple[str, ...]] = {
    "account": (),
    "campaign": ("campaign_id",),
    "adset": ("campaign_id", "ad_group_id"),
    "ad": ("campaign_id", "ad_group_id", "ad_id"),
}

_SUMS = ("impressions", "clicks", "cost_micros", "video_views")
_ID_FIELDS = {"campaign_id": "campaign_id", "adset_id": "ad_group_id", "ad_id": "ad_id"}


def spend_text(micros: int) -> str:
    """Write micros as a decimal in major units: 12370000 is "12.37", whole amounts have no point."""
    whole, rest = divmod(micros, 1_000_000)
    if not rest:
        return str(whole)
    if rest % 10_000 == 0:
        return f"{whole}.{rest // 10_000:02d}"
    return f"{whole}.{rest:06d}".rstrip("0")


def _count_text(count: Decimal) -> str:
    whole = int(count)
    return str(whole) if count == whole else format(count.normalize(), "f")


def summed(table: pa.Table, level: str, *, since: date, until: date, step: Step) -> pa.Table:
    """Sum a table of daily truth up to a level and to periods of `step` days.

    `date` becomes the first day of the period. A conversion table keeps its actions.
    """
    keys = ["date", *KEYS[level]] + (["action"] if "action" in table.column_names else [])
    if step == "monthly":
        begin = pc.max_element_wise(pc.floor_temporal(table["date"], unit="month"), pa.scalar(since, pa.date32()))
        table = table.set_column(0, "date", begin.cast(pa.date32()))
    elif step != 1:
        days = pc.subtract(table["date"].cast(pa.int32()), _day_number(since))
        width = step or (until - since).days + 1
        begin = pc.add(pc.multiply(pc.divide(days, width), width), _day_number(since))
        table = table.set_column(0, "date", begin.cast(pa.int32()).cast(pa.date32()))
    figures = [name for name in (*_SUMS, "conversions", "conversion_value_micros") if name in table.column_names]
    grouped = table.group_by(keys, use_threads=False).aggregate([(name, "sum") for name in figures])
    grouped = grouped.rename_columns([name.removesuffix("_sum") for name in grouped.column_names])
    return grouped.sort_by([(key, "ascending") for key in keys])


def _day_number(day: date) -> pa.Scalar[Any]:
    return pa.scalar(day.toordinal() - date(1970, 1, 1).toordinal(), pa.int32())


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The rows of one query, in a fixed order. `facts` are constant or looked up texts: account, names, objectives."""

    rows: pa.Table
    actions: Mapping[int, Sequence[_Action]]
    fields: Sequence[str]
    step: Step
    until: date
    constants: Mapping[str, str]
    names: Mapping[str, Mapping[str, str]]

    @classmethod
    def index_actions(cls, rows: pa.Table, conversions: pa.Table, level: str) -> dict[int, list[_Action]]:
        """Return the actions of each row by the row's number."""
        finest = [*KEYS[level][-1:]]
        places = {key: place for place, key in enumerate(_keys(rows, finest))}
        found: dict[int, list[_Action]] = {}
        columns: Iterable[tuple[Any, Any, Any, Any]] = zip(
            _keys(conversions, finest),
            conversions["action"].to_pylist(),
            conversions["conversions"].to_pylist(),
            conversions["conversion_value_micros"].to_pylist(),
            strict=True,
        )
        for key, action, count, value in columns:
            place = places.get(key)
            if place is not None:
                found.setdefault(place, []).append((action, count, value))
        return found

    def __len__(self) -> int:
        return self.rows.num_rows

    def page(self, start: int, stop: int) -> list[str]:
        """Return rows as JSON texts. Written column by column, since a backfill asks for a great many."""
        part = self.rows.slice(start, max(0, stop - start))
        figures: dict[str, list[Any]] = {name: part[name].to_pylist() for name in part.column_names}
        columns = [self._column(name, figures, start) for name in self.fields]
        columns.append([f'"date_start":"{day}","date_stop":"{self._end(day)}"' for day in figures["date"]])
        return ["{" + ",".join(filter(None, row)) + "}" for row in zip(*columns, strict=True)]

    def _end(self, begin: date) -> date:
        if self.step == 1:
            return begin
        if self.step is None:
            return self.until
        if self.step == "monthly":
            return min(self.until, (begin.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1))
        return min(self.until, begin + timedelta(days=self.step - 1))

    def _column(self, name: str, figures: Mapping[str, list[Any]], start: int) -> list[str]:
        """One field of every row, empty where the row has no value: zeros are left out."""
        rows = len(figures["date"])
        if name in self.constants:
            return [f'"{name}":{_quoted(self.constants[name])}'] * rows
        if name in _ID_FIELDS:
            return [f'"{name}":"{value}"' for value in figures.get(_ID_FIELDS[name], [])] or [""] * rows
        if name in self.names:
            key, names = _ID_FIELDS.get(f"{name.partition('_')[0]}_id", "campaign_id"), self.names[name]
            return [f'"{name}":{_quoted(names[value])}' for value in figures.get(key, [])] or [""] * rows
        if name in ("impressions", "clicks"):
            return [f'"{name}":"{value}"' if value else "" for value in figures[name]]
        if name == "inline_link_clicks":
            return [f'"{name}":"{value}"' if value else "" for value in figures["clicks"]]
        if name == "spend":
            return [f'"spend":"{spend_text(value)}"' if value else "" for value in figures["cost_micros"]]
        if name in ("ctr", "cpc", "cpm"):
            return self._ratios(name, figures)
        if name == "actions":
            entries = zip(figures["clicks"], figures["video_views"], strict=True)
            return [self._actions(start + row, clicks, views) for row, (clicks, views) in enumerate(entries)]
        if name == "action_values":
            return [self._action_values(start + row) for row in range(rows)]
        return [""] * rows

    def _ratios(self, name: str, figures: Mapping[str, list[Any]]) -> list[str]:
        out = []
        for impressions, clicks, micros in zip(
            figures["impressions"], figures["clicks"], figures["cost_micros"], strict=True
        ):
            over, below = {
                "ctr": (Decimal(clicks * 100), impressions),
                "cpc": (Decimal(micros) / 1_000_000, clicks),
                "cpm": (Decimal(micros) / 1_000, impressions),
            }[name]
            out.append(f'"{name}":"{round(over / below, 6)}"' if over and below else "")
        return out

    def _actions(self, row: int, clicks: int, views: int | None) -> str:
        entries = []
        if clicks:
            entries += [_entry("link_click", str(clicks)), _entry("post_engagement", str(clicks))]
        if views:
            entries.append(_entry("video_view", str(views)))
        for action, count, _ in self.actions.get(row, ()):
            if count:
                text = _count_text(count)
                entries += [_entry(name, text) for name in wire_names(action)]
        return f'"actions":[{",".join(entries)}]' if entries else ""

    def _action_values(self, row: int) -> str:
        entries = [
            _entry(name, spend_text(value))
            for action, _, value in self.actions.get(row, ())
            if value
            for name in wire_names(action)
        ]
        return f'"action_values":[{",".join(entries)}]' if entries else ""


def _entry(action_type: str, value: str) -> str:
    return f'{{"action_type":"{action_type}","value":"{value}"}}'


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _keys(table: pa.Table, columns: Sequence[str]) -> list[Any]:
    days = table["date"].cast(pa.int32()).to_pylist()
    if not columns:
        return days
    return list(zip(days, table[columns[0]].to_pylist(), strict=True))
