"""Where one is on the Campaigns page, and the lines of its table, without Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session, col, select

from adjoin.analytics.v1 import Answer, Condition
from adjoin.db.models import Account, Entity, EntityKind
from adjoin_dashboard.figures import Value
from adjoin_dashboard.overview.model import AccountId

__all__ = [
    "KINDS",
    "LEVELS",
    "Asked",
    "Line",
    "Place",
    "crumbs_of",
    "lines_of",
    "read_place",
    "series_of",
    "states_of",
    "trends_of",
]

#: What can be listed, by dimension, from the widest on; the first three lead further in.
LEVELS: Mapping[str, str] = {
    "campaign": "Campaigns",
    "ad_group": "Ad groups",
    "ad": "Ads",
    "keyword": "Keywords",
    "search_term": "Search terms",
}
#: What is stored of an object of a level.
KINDS: Mapping[str, EntityKind] = {
    "campaign": EntityKind.CAMPAIGN,
    "ad_group": EntityKind.AD_GROUP,
    "ad": EntityKind.AD,
    "keyword": EntityKind.KEYWORD,
}
_PATH = ("campaign", "ad_group", "ad")
_OWN_IDS = 2  # of a path: platform and account come before


@dataclass(frozen=True, slots=True)
class Place:
    """A campaign, an ad group of it, or an ad: `path` holds platform, account and ids. At the top it is empty."""

    path: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As it stands in the address, and in conditions of questions."""
        return "/".join(self.path)

    @property
    def dimension(self) -> str:
        """What one is in: campaign, ad_group or ad; nothing at the top."""
        return _PATH[len(self.path) - _OWN_IDS - 1] if self.path else ""

    @property
    def account(self) -> AccountId | None:
        return (self.path[0], self.path[1]) if self.path else None

    @property
    def levels(self) -> tuple[str, ...]:
        """What can be listed here; nothing in an ad."""
        if self.dimension == "ad":
            return ()
        names = tuple(LEVELS)
        return names[names.index(self.dimension) + 1 :] if self.path else names

    @property
    def where(self) -> tuple[Condition, ...]:
        """What keeps a question to it."""
        return (Condition(dimension=self.dimension, values=(self.text,)),) if self.path else ()

    @property
    def up(self) -> Place:
        """The place around it."""
        return Place(self.path[:-1]) if len(self.path) > _OWN_IDS + 1 else Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is chosen about the table: a level (none in an ad), columns, order, a part of names.

    `changes` are wanted of all columns, not only of what is sorted by.
    """

    level: str
    columns: tuple[str, ...]
    sort: str
    descending: bool = True
    search: str = ""
    changes: bool = False

    @property
    def order_by(self) -> tuple[str, ...]:
        return (f"{'-' if self.descending else ''}{self.sort}",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the table. `path` leads to it: platform, account and ids; of a search term it is its text.

    `values` and `before` are by metric; `before` is empty without a comparison.
    """

    path: tuple[str, ...]
    name: str
    values: Mapping[str, Value]
    before: Mapping[str, Value]

    @property
    def account(self) -> AccountId | None:
        return (self.path[0], self.path[1]) if len(self.path) > _OWN_IDS else None


def read_place(text: str) -> Place | None:
    """Read a place from an address; None for what is none."""
    if not text:
        return Place()
    parts = tuple(text.split("/"))
    if not _OWN_IDS < len(parts) <= _OWN_IDS + len(_PATH) or not all(parts) or "\0" in text:
        return None
    return Place(parts)


def lines_of(answer: Answer, dimension: str, columns: Sequence[str], metrics: Sequence[str]) -> list[Line]:
    """Return the lines of an answer by a dimension with these columns. What has no name is called by its id."""
    ids = [name for name in columns if name != dimension] or [dimension]
    return [
        Line(
            path=tuple(str(row[name]) for name in ids),
            name=str(row[dimension] if row[dimension] is not None else row[ids[-1]]),
            values={name: row[name] for name in metrics},
            before={name: row[f"{name}.before"] for name in metrics} if answer.before is not None else {},
        )
        for row in answer.rows.to_pylist()
    ]


def trends_of(
    answer: Answer, dimension: str, columns: Sequence[str], metric: str, days: Sequence[date]
) -> Mapping[tuple[str, ...], list[Value]]:
    """Return by path the values of each day; a day without a row is missing."""
    ids = [name for name in columns if name != dimension] or [dimension]
    places = {day: number for number, day in enumerate(days)}
    found: dict[tuple[str, ...], list[Value]] = {}
    for row in answer.rows.to_pylist():
        values = found.setdefault(tuple(str(row[name]) for name in ids), [None] * len(days))
        if row["day"] in places:
            values[places[row["day"]]] = row[metric]
    return found


def series_of(answer: Answer, metric: str, days: Sequence[date]) -> tuple[list[Value], list[Value] | None]:
    """Return the values of each day, and those of the compared days beside them; None where nothing is compared."""
    rows: dict[date, Mapping[str, Any]] = {row["day"]: row for row in answer.rows.to_pylist()}
    now = [rows[day][metric] if day in rows else None for day in days]
    if answer.before is None:
        return now, None
    return now, [rows[day][f"{metric}.before"] if day in rows else None for day in days]


def states_of(
    session: Session, workspace_id: str, dimension: str, paths: Sequence[tuple[str, ...]]
) -> Mapping[tuple[str, ...], str]:
    """Return the states of objects by path, as words; of what is not listed by the platform any more "removed"."""
    kind = KINDS.get(dimension)
    if kind is None or not paths:
        return {}
    wanted = {(path[0], path[1], path[-1]): path for path in paths}
    rows = session.exec(
        select(Entity).where(
            col(Entity.workspace_id) == workspace_id,
            col(Entity.kind) == kind,
            col(Entity.platform).in_({path[0] for path in paths}),
            col(Entity.account_id).in_({path[1] for path in paths}),
            col(Entity.id).in_({path[-1] for path in paths}),
        )
    )
    found = {}
    for one in rows:
        path = wanted.get((one.platform, one.account_id, one.id))
        if path is not None:
            found[path] = "removed" if one.gone_at is not None else one.status.replace("_", " ")
    return found


def crumbs_of(session: Session, workspace_id: str, place: Place) -> list[tuple[Place, str]] | None:
    """Return the places from the campaign down to this one with their names; None where the account is not there.

    What the platform does not list any more is called by its id.
    """
    if place.account is None:
        return []
    platform, account_id = place.account
    if session.get(Account, (workspace_id, platform, account_id)) is None:
        return None
    found = []
    for number, dimension in enumerate(_PATH[: len(place.path) - _OWN_IDS]):
        own = place.path[_OWN_IDS + number]
        entity = session.get(Entity, (workspace_id, platform, account_id, KINDS[dimension], own))
        found.append((Place(place.path[: _OWN_IDS + number + 1]), own if entity is None else entity.name or own))
    return found
