"""Reading a world from a CSV file: one account's results per ad and day."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from adjoin.ads.datasets import CONVERSION_SCALE
from adjoin.ads.v2 import AccountStatus, Status
from adjoin.errors import BadInput
from adjoin.testing._figures import Conversions, Figures, Leaves, day_number
from adjoin.testing._habits import Habits, habits_of
from adjoin.testing._objects import WorldAccount, WorldAd, WorldAdGroup, WorldCampaign, minor_unit_micros
from adjoin.testing._portfolio import Portfolio

__all__ = ["CsvWorld", "read_csv"]

_IDS = ("campaign_id", "ad_group_id", "ad_id")
_REQUIRED = ("date", *_IDS, "impressions", "clicks", "cost")
_ACCOUNT_ID = "1000000001"

#: More than any real figure of an ad and day; they keep all sums within 64 bits.
_MOST_COUNTED = 10**12
_MOST_COST = 10**9
_MOST_CONVERSIONS = 10**7


@dataclass(slots=True)
class _Sums:
    """What one ad did on one day. Cost is minor units, conversions billionths by action."""

    impressions: int = 0
    clicks: int = 0
    cost: int = 0
    conversions: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the file and where it stands, so that a complaint can name it."""

    path: Path
    number: int
    cells: Mapping[str, str]

    def refuse(self, column: str, why: str) -> NoReturn:
        raise BadInput(f"{self.path}, line {self.number}, column {column!r}: {why}")

    def text(self, column: str) -> str:
        if not (value := self.cells[column].strip()):
            self.refuse(column, "is empty.")
        return value

    def label(self, column: str) -> str:
        return self.cells.get(column, "").strip()

    def day(self) -> date:
        value = self.text("date")
        try:
            day = date.fromisoformat(value)
        except ValueError:
            self.refuse("date", f"{value!r} is not a date; write it as 2026-11-22.")
        if day.year < 1970:
            self.refuse("date", f"{value} lies before 1970.")
        return day

    def count(self, column: str) -> int:
        value = self.text(column)
        if not (value.isascii() and value.isdecimal()):
            self.refuse(column, f"{value!r} is not a whole number of 0 or more.")
        if int(value) > _MOST_COUNTED:
            self.refuse(column, f"{value} is too large.")
        return int(value)

    def units(self, column: str, *, per_one: int, most: int, unit: str) -> int:
        """Read a number as whole units of which `per_one` make one, exactly."""
        value = self.text(column)
        try:
            number = Decimal(value) if value.isascii() and "_" not in value else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or number < 0:
            self.refuse(column, f"{value!r} is not a number of 0 or more; write it as 1234.56.")
        if number > most:
            self.refuse(column, f"{value} is too large.")
        if number * per_one % 1:
            self.refuse(column, f"{value} is finer than {unit}.")
        return int(number * per_one)


@dataclass(slots=True, kw_only=True)
class CsvWorld:
    """What a file holds, from which any number of platforms can be made."""

    account: WorldAccount
    labels: tuple[str, ...]
    actions: tuple[str, ...]
    parents: dict[str, dict[str, str]] = field(default_factory=lambda: {"ad_group_id": {}, "ad_id": {}})
    campaigns: dict[str, _Line] = field(default_factory=dict)
    ads: dict[str, _Line] = field(default_factory=dict)
    sums: dict[tuple[date, str], _Sums] = field(default_factory=dict)

    def add(self, line: _Line) -> None:
        """Take in one line; BadInput if it cannot be read or contradicts another."""
        campaign_id, ad_group_id, ad_id = (line.text(column) for column in _IDS)
        self._belongs(line, "ad_group_id", ad_group_id, campaign_id)
        self._belongs(line, "ad_id", ad_id, ad_group_id)
        self.campaigns.setdefault(campaign_id, line)
        self.ads.setdefault(ad_id, line)
        day_sums = self.sums.setdefault((line.day(), ad_id), _Sums())
        day_sums.impressions += line.count("impressions")
        day_sums.clicks += line.count("clicks")
        currency = self.account.currency
        day_sums.cost += line.units(
            "cost",
            per_one=10**6 // minor_unit_micros(currency),
            most=_MOST_COST,
            unit=f"the smallest unit of {currency}",
        )
        for action, name in enumerate(self.actions):
            if not line.cells[name].strip():  # many exports leave the cell empty where nothing happened
                continue
            number = line.units(
                name, per_one=10**CONVERSION_SCALE, most=_MOST_CONVERSIONS, unit=f"{CONVERSION_SCALE} decimals"
            )
            day_sums.conversions[action] = day_sums.conversions.get(action, 0) + number

    def _belongs(self, line: _Line, column: str, child: str, parent: str) -> None:
        known = self.parents[column].setdefault(child, parent)
        if known != parent:
            line.refuse(column, f"{child!r} is under {parent!r} here but under {known!r} further up.")

    def portfolio(self, platform: str) -> Portfolio:
        """Make the presence on one platform; each call makes objects of its own."""
        habits = habits_of(platform)
        account = replace(self.account, time_zone=habits.time_zone or self.account.time_zone)
        first = min(day for day, _ad_id in self.sums)
        created = datetime.combine(first, time(), tzinfo=UTC) - timedelta(days=1)
        parents = self.parents
        campaigns = {
            each: WorldCampaign(
                id=each,
                account_id=self.account.id,
                name=line.label("campaign_name") or f"Campaign {each}",
                status=Status.ACTIVE,
                start_date=first,
                created_at=created,
                updated_at=created,
            )
            for each, line in self.campaigns.items()
        }
        ad_groups: dict[str, WorldAdGroup] = {}
        ads: dict[str, WorldAd] = {}
        for ad_id, line in self.ads.items():
            group_id = parents["ad_id"][ad_id]
            campaign_id = parents["ad_group_id"][group_id]
            if group_id not in ad_groups:
                ad_groups[group_id] = WorldAdGroup(
                    id=group_id,
                    account_id=self.account.id,
                    campaign_id=campaign_id,
                    name=line.label("ad_group_name") or f"Ad group {group_id}",
                    status=Status.ACTIVE,
                    start_date=first,
                    created_at=created,
                    updated_at=created,
                )
            ads[ad_id] = WorldAd(
                id=ad_id,
                account_id=self.account.id,
                campaign_id=campaign_id,
                ad_group_id=group_id,
                name=line.label("ad_name") or f"Ad {ad_id}",
                status=Status.ACTIVE,
                labels={label: line.label(label) for label in self.labels},
                created_at=created,
                updated_at=created,
            )
        figures = self._figures(ads, account, habits)
        return Portfolio(accounts=(account,), figures=figures, campaigns=campaigns, ad_groups=ad_groups, ads=ads)

    def _figures(self, ads: Mapping[str, WorldAd], account: WorldAccount, habits: Habits) -> Figures:
        nothing = np.zeros(len(ads), dtype=np.int64)
        paths = [(ad.account_id, ad.campaign_id, ad.ad_group_id, ad.id) for ad in ads.values()]
        leaves, place = Leaves.of(paths, invalid=nothing, curve=nothing)
        place_of = dict(zip(ads, place.tolist(), strict=True))
        rows = sorted((day_number(day), place_of[ad_id], sums) for (day, ad_id), sums in self.sums.items())
        entries = [
            (row, action, count)
            for row, (_day, _leaf, sums) in enumerate(rows)
            for action, count in sorted(sums.conversions.items())
            if count
        ]
        row, action, count = np.array(entries, dtype=np.int64).reshape(-1, 3).T
        return Figures(
            leaves=leaves,
            habits=habits,
            time_zones=(account.time_zone,),
            cost_step=np.array([minor_unit_micros(account.currency)], dtype=np.int64),
            value_step=np.array([minor_unit_micros(account.currency)], dtype=np.int64),
            restated=False,
            day=np.array([day for day, _leaf, _sums in rows], dtype=np.int64),
            leaf=np.array([leaf for _day, leaf, _sums in rows], dtype=np.int64),
            impressions=np.array([sums.impressions for _day, _leaf, sums in rows], dtype=np.int64),
            clicks=np.array([sums.clicks for _day, _leaf, sums in rows], dtype=np.int64),
            cost=np.array([sums.cost for _day, _leaf, sums in rows], dtype=np.int64),
            video_views=np.zeros(len(rows), dtype=np.int64),
            conversions=Conversions(
                actions=self.actions,
                counted=np.ones(len(self.actions), dtype=bool),
                step_nanos=1,
                row=row,
                action=action,
                count=count,
                value=np.zeros(len(entries), dtype=np.int64),
                threshold=np.zeros(len(entries), dtype=np.int64),
            ),
        )


def read_csv(path: Path, *, currency: str, time_zone: str) -> CsvWorld:
    """Read a file; BadInput that names line and column for anything that cannot be read."""
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise BadInput(f"{currency!r} is not a currency code; write it as USD.")
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"{time_zone!r} is not a time zone; write it as America/New_York.") from error
    lines = _lines(path)
    number, columns = next(lines, (0, ()))
    if not columns:
        raise BadInput(f"{path} is empty; it needs a heading line with {', '.join(_REQUIRED)}.")
    columns = [column.strip() for column in columns]
    _check_heading(path, number, columns)
    after_cost = columns.index("cost") + 1
    read = CsvWorld(
        account=WorldAccount(
            id=_ACCOUNT_ID,
            name=path.stem,
            currency=currency,
            time_zone=time_zone,
            status=AccountStatus.ACTIVE,
            created_at=datetime(1970, 1, 1, tzinfo=UTC),
        ),
        labels=tuple(column for column in columns[:after_cost] if column not in _REQUIRED),
        # In the order of their names, as the rows of the dataset are sorted.
        actions=tuple(sorted(column for column in columns[after_cost:] if column not in _REQUIRED)),
    )
    for number, cells in lines:
        if len(cells) != len(columns):
            column = columns[min(len(cells), len(columns) - 1)]
            raise BadInput(
                f"{path}, line {number}, column {column!r}: the line has {len(cells)} columns where the heading has "
                f"{len(columns)}."
            )
        read.add(_Line(path, number, dict(zip(columns, cells, strict=True))))
    if not read.sums:
        raise BadInput(f"{path} has a heading and no results below it.")
    return read


def _lines(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the lines that are not blank, with their number in the file."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        start = error.object.rfind(b"\n", 0, error.start) + 1
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.object.count(b",", start, error.start) + 1
        raise BadInput(
            f"{path}, line {line}, column {column}: the bytes are not UTF-8; save the file as UTF-8 CSV."
        ) from error
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadInput(f"{path}, line {begin}: this is not CSV: {error}.") from error
        if any(cell.strip() for cell in cells):
            yield begin, cells


def _check_heading(path: Path, number: int, columns: Sequence[str]) -> None:
    for place, column in enumerate(columns, start=1):
        if not column:
            raise BadInput(f"{path}, line {number}, column {place}: the heading is empty.")
        if column in columns[: place - 1]:
            raise BadInput(f"{path}, line {number}, column {column!r}: the heading comes twice.")
    if missing := [column for column in _REQUIRED if column not in columns]:
        raise BadInput(
            f"{path}, line {number}: the column {', '.join(map(repr, missing))} is missing; a world needs "
            f"{', '.join(_REQUIRED)}. It has {', '.join(columns)}."
        )
