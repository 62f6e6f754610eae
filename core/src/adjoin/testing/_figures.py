"""The advertiser's results as columns, and the tables that come out of them at every grain."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from adjoin.ads.datasets import CONVERSION_SCALE, arrow_schema
from adjoin.errors import UnknownName
from adjoin.testing._restate import Ints, LocalClocks, arrived, hour_share, settled

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Conversions", "Figures", "Leaves", "Selection", "day_number"]

_EPOCH = date(1970, 1, 1).toordinal()

#: How the datasets are named by the finest key that they group by.
_GRAIN = {"account_daily": "account", "campaign_daily": "campaign", "ad_group_daily": "ad_group", "ad_daily": "ad"}


def day_number(day: date) -> int:
    """Days since 1970, as Arrow counts them."""
    return day.toordinal() - _EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves:
    """What results hang on: an ad, or a campaign without ads (then `ad_group` and `ad` are -1).

    In the order of account, campaign, ad group and ad ids, so that a leaf's number sorts as its ids do. Each array
    holds for every leaf the position of its id in the tuple of ids.
    """

    account_ids: tuple[str, ...]
    campaign_ids: tuple[str, ...]
    ad_group_ids: tuple[str, ...]
    ad_ids: tuple[str, ...]
    account: Ints
    campaign: Ints
    ad_group: Ints
    ad: Ints
    invalid: Ints  #: thousandths of the delivery that are taken out again
    curve: Ints  #: how fast conversions arrive

    @property
    def ids(self) -> list[str]:
        """The id of each leaf: of the ad, or of the campaign without ads."""
        pairs = zip(self.ad.tolist(), self.campaign.tolist(), strict=True)
        return [self.ad_ids[ad] if ad >= 0 else self.campaign_ids[campaign] for ad, campaign in pairs]

    @classmethod
    def of(cls, paths: Sequence[tuple[str, str, str, str]], *, invalid: Ints, curve: Ints) -> tuple[Leaves, Ints]:
        """Sort paths of ids (empty where there is no ad) and return the leaves with the new number of each path."""
        order = sorted(range(len(paths)), key=paths.__getitem__)
        ids: list[tuple[str, ...]] = []
        columns: list[Ints] = []
        for level in range(4):
            # A parent may come back under another one only in a damaged file, which is refused before this.
            known: dict[str, int] = {}
            column = [known.setdefault(paths[at][level], len(known)) if paths[at][level] else -1 for at in order]
            ids.append(tuple(known))
            columns.append(np.array(column, dtype=np.int64))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        made = cls(
            account_ids=ids[0],
            campaign_ids=ids[1],
            ad_group_ids=ids[2],
            ad_ids=ids[3],
            account=columns[0],
            campaign=columns[1],
            ad_group=columns[2],
            ad=columns[3],
            invalid=invalid[order],
            curve=curve[order],
        )
        return made, place


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversions:
    """Final conversions, long: one entry per row and action, sorted by both.

    `count` is in steps of `step_nanos` billionths of a conversion; `value` is minor units of the currency per step.
    """

    actions: tuple[str, ...]
    counted: npt.NDArray[np.bool_]
    step_nanos: int
    row: Ints
    action: Ints
    count: Ints
    value: Ints
    threshold: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is asked for: days (both ends included), and an account or all of them, as it looks at an instant."""

    as_of: datetime
    account_id: str | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What exists of a selection: rows of the figures, and the entries of conversions that have arrived on them.

    `so_far` is the share of its day, in thousandths, that a row shows; `place` is the entry's position among the rows.
    """

    rows: Ints
    age: Ints
    so_far: Ints
    leaf: Ints
    minor: Ints
    entry: Ints
    place: Ints
    count: Ints


@dataclass(slots=True, kw_only=True)
class Figures:
    """Final results, one row per leaf and day, sorted by both. Cost is minor units of the account's currency.

    `ceiling` bounds what a row may show, in thousandths of its day: an ad that is paused at noon shows the morning.
    """

    leaves: Leaves
    time_zones: tuple[str, ...]  #: by position of the account
    minor_micros: Ints  #: by position of the account
    restated: bool
    day: Ints
    leaf: Ints
    impressions: Ints
    clicks: Ints
    cost: Ints
    video_views: Ints
    conversions: Conversions
    ceiling: Ints | None = None

    def stop(self, ids: Set[str], *, at: datetime) -> None:
        """Let ads, or campaigns without ads, deliver nothing more from an instant on."""
        self._bound(ids, at=at, after=0)

    def resume(self, ids: Set[str], *, at: datetime) -> None:
        """Let ads, or campaigns without ads, deliver again from an instant on."""
        self._bound(ids, at=at, after=1000)

    def _bound(self, ids: Set[str], *, at: datetime, after: int) -> None:
        ceiling = np.full(len(self.day), 1000, dtype=np.int64) if self.ceiling is None else self.ceiling.copy()
        clocks = LocalClocks(at, self.time_zones)
        account = self.leaves.account[self.leaf]
        ahead = self.day - clocks.days[account]
        concerned = np.array([leaf in ids for leaf in self.leaves.ids], dtype=bool)[self.leaf]
        ceiling[concerned & (ahead > 0)] = after
        today = concerned & (ahead == 0) & self.restated  # a world from a file knows no hours
        passed = hour_share(clocks.hours[account[today]])
        before = np.minimum(ceiling[today], passed)
        ceiling[today] = before if after == 0 else before + 1000 - passed
        # Swapped whole: a sandbox thread may be reading.
        self.ceiling = ceiling

    def table(self, dataset: str, selection: Selection) -> pa.Table:
        """Return the rows of a dataset; UnknownName for one that the world does not keep."""
        import pyarrow as pa

        if dataset not in _GRAIN and dataset != "conversion_daily":
            known = ", ".join(sorted([*_GRAIN, "conversion_daily"]))
            raise UnknownName(f"The world keeps no dataset {dataset!r}; it keeps {known}.")
        seen = self._seen(selection)
        columns = self._by_action(seen) if dataset == "conversion_daily" else self._by_grain(_GRAIN[dataset], seen)
        schema = arrow_schema(dataset)
        return pa.table([columns[name] for name in schema.names], schema=schema)

    def _seen(self, selection: Selection) -> _Seen:
        leaves = self.leaves
        first = 0 if selection.since is None else np.searchsorted(self.day, day_number(selection.since))
        after = None if selection.until is None else np.searchsorted(self.day, day_number(selection.until) + 1)
        rows = np.arange(len(self.day), dtype=np.int64)[first:after]
        account = leaves.account[self.leaf[rows]]
        clocks = LocalClocks(selection.as_of, self.time_zones)
        age = clocks.days[account] - self.day[rows]
        wanted = age >= 0
        if selection.account_id is not None:
            wanted &= np.array([known == selection.account_id for known in leaves.account_ids], dtype=bool)[account]
        rows, age, account = rows[wanted], age[wanted], account[wanted]
        so_far = np.full(len(rows), 1000, dtype=np.int64)
        if self.restated:
            so_far[age == 0] = hour_share(clocks.hours)[account[age == 0]]
        if self.ceiling is not None:
            so_far = np.minimum(so_far, self.ceiling[rows])
        return _Seen(
            rows=rows,
            age=age,
            so_far=so_far,
            leaf=self.leaf[rows],
            minor=self.minor_micros[account],
            **self._arrived(rows, age, so_far),
        )

    def _by_action(self, seen: _Seen) -> dict[str, pa.Array[Any]]:
        entry = seen.entry
        day, minor = self.day[seen.rows][seen.place], seen.minor[seen.place]
        return {
            **self._keys(day, seen.leaf[seen.place]),
            "action": _ids(self.conversions.actions, self.conversions.action[entry]),
            "conversions": _decimals(seen.count * self.conversions.step_nanos),
            "conversion_value_micros": _ints(seen.count * self.conversions.value[entry] * minor),
        }

    def _by_grain(self, grain: str, seen: _Seen) -> dict[str, pa.Array[Any]]:
        conversions = self.conversions
        acted, number, value = np.zeros((3, len(seen.rows)), dtype=np.int64)
        counted = conversions.counted[conversions.action[seen.entry]]
        place, count = seen.place[counted], seen.count[counted]
        np.add.at(acted, seen.place, seen.count)
        np.add.at(number, place, count * conversions.step_nanos)
        np.add.at(value, place, count * conversions.value[seen.entry[counted]])

        def shown(final: Ints) -> Ints:
            invalid = self.leaves.invalid[seen.leaf]
            return settled(final[seen.rows], age=seen.age, so_far=seen.so_far, invalid=invalid)

        metrics = {
            "impressions": shown(self.impressions),
            "clicks": shown(self.clicks),
            "cost_micros": shown(self.cost) * seen.minor,
            "conversions": number,
            "conversion_value_micros": value * seen.minor,
            "video_views": shown(self.video_views),
        }
        group: Ints = getattr(self.leaves, grain)[seen.leaf]
        something = np.any([acted != 0, *(metric != 0 for metric in metrics.values())], axis=0)
        kept = np.flatnonzero(something & (group >= 0))  # a campaign without ads has no place at the finer grains
        day, group, leaf = self.day[seen.rows[kept]], group[kept], seen.leaf[kept]
        starts = np.flatnonzero(np.diff(day, prepend=-1) | np.diff(group, prepend=-1))
        sums = {name: _sums(metric[kept], starts) for name, metric in metrics.items()}
        return {
            **self._keys(day[starts], leaf[starts]),
            **{name: _ints(total) for name, total in sums.items()},
            "conversions": _decimals(sums["conversions"]),
            "video_views": _ints(sums["video_views"], null_zeros=True),
        }

    def _arrived(self, rows: Ints, age: Ints, so_far: Ints) -> dict[str, Ints]:
        everything = self.conversions
        if len(rows) == 0:
            nothing = np.zeros(0, dtype=np.int64)
            return {"entry": nothing, "place": nothing, "count": nothing}
        low, high = rows[0], rows[-1] + 1
        span = slice(*np.searchsorted(everything.row, [low, high]))
        position = np.full(high - low, -1, dtype=np.int64)
        position[rows - low] = np.arange(len(rows))
        place = position[everything.row[span] - low]
        entry = np.flatnonzero(place >= 0) + (span.start or 0)
        place = place[place >= 0]
        count = everything.count[entry]
        if self.restated:
            count = arrived(
                count,
                age=age[place],
                so_far=so_far[place],
                curve=self.leaves.curve[self.leaf[rows[place]]],
                threshold=everything.threshold[entry],
            )
        there = (count > 0) & (so_far[place] > 0)
        return {"entry": entry[there], "place": place[there], "count": count[there]}

    def _keys(self, day: Ints, leaf: Ints) -> dict[str, pa.Array[Any]]:
        leaves = self.leaves
        return {
            "date": _dates(day),
            "account_id": _ids(leaves.account_ids, leaves.account[leaf]),
            "campaign_id": _ids(leaves.campaign_ids, leaves.campaign[leaf]),
            "ad_group_id": _ids(leaves.ad_group_ids, leaves.ad_group[leaf]),
            "ad_id": _ids(leaves.ad_ids, leaves.ad[leaf]),
        }


def _sums(values: Ints, starts: Ints) -> Ints:
    return np.add.reduceat(values, starts) if len(values) else values


def _dates(days: Ints) -> pa.Array[Any]:
    import pyarrow as pa

    return pa.array(days.astype(np.int32)).cast(pa.date32())


def _ids(ids: tuple[str, ...], positions: Ints) -> pa.Array[Any]:
    import pyarrow as pa

    wanted: pa.Int64Array = pa.array(positions, pa.int64(), mask=positions < 0)
    return pa.array(ids, pa.string()).take(wanted)


def _ints(values: Ints, *, null_zeros: bool = False) -> pa.Array[Any]:
    import pyarrow as pa

    return pa.array(values, pa.int64(), mask=values == 0 if null_zeros else None)


def _decimals(nanos: Ints) -> pa.Array[Any]:
    """Conversions are counted in billionths, which is exactly what the decimal type stores: no arithmetic is needed."""
    import pyarrow as pa

    words = np.zeros((len(nanos), 2), dtype="<i8")
    words[:, 0] = nanos
    kind = pa.decimal128(18, CONVERSION_SCALE)
    return pa.Array.from_buffers(kind, len(nanos), [None, pa.py_buffer(words.tobytes())])
