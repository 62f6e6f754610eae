"""The advertiser's results as columns: what hangs on what, what happened on each day, what is there at an instant."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from adjoin.testing._habits import Habits
from adjoin.testing._restate import Ints, LocalClocks, arrived, hour_share

__all__ = ["Conversions", "Figures", "Leaves", "Searches", "Seen", "Selection", "day_number"]

_EPOCH = date(1970, 1, 1).toordinal()


def day_number(day: date) -> int:
    """Days since 1970, as Arrow counts them."""
    return day.toordinal() - _EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves:
    """What results hang on: an ad in its place, or a campaign without ads (then `ad_group` and `ad` are -1).

    In the order of account, campaign, ad group and ad ids, so that a leaf's number sorts as its ids do. Each array
    holds for every leaf the position of its id in the tuple of ids. An ad whose group was moved is one leaf for each
    campaign that it was in.
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

    @property
    def paths(self) -> list[tuple[str, str, str, str]]:
        """The ids of each leaf's account, campaign, ad group and ad; empty where there is none."""
        columns = [
            [ids[position] if position >= 0 else "" for position in column.tolist()]
            for ids, column in (
                (self.account_ids, self.account),
                (self.campaign_ids, self.campaign),
                (self.ad_group_ids, self.ad_group),
                (self.ad_ids, self.ad),
            )
        ]
        return list(zip(*columns, strict=True))

    @property
    def group_path(self) -> Ints:
        """A number for each leaf that those of one ad group in one campaign share, in the order of the ids."""
        levels = (self.account, self.campaign, self.ad_group)
        return np.cumsum(np.any([np.diff(level, prepend=-2) != 0 for level in levels], axis=0))

    @classmethod
    def of(cls, paths: Sequence[tuple[str, str, str, str]], *, invalid: Ints, curve: Ints) -> tuple[Leaves, Ints]:
        """Sort paths of ids (empty where there is no ad) and return the leaves with the new number of each path."""
        order = sorted(range(len(paths)), key=paths.__getitem__)
        ids: list[tuple[str, ...]] = []
        columns: list[Ints] = []
        for level in range(4):
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

    `count` is in steps of `step_nanos` billionths of a conversion; `value` is, per step, in the steps of
    the account's values.
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
class Searches:
    """Which keyword and which search term each row of the figures came by: positions in the sorted texts, or -1.

    `drawn` is the keyword while it is active, `keyword` what came of it.
    """

    keyword_ids: tuple[str, ...]
    terms: tuple[str, ...]
    drawn: Ints
    keyword: Ints
    term: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is asked for: days (both ends included), and an account or all of them, as it looks at an instant."""

    as_of: datetime
    account_id: str | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What exists of a selection: rows of the figures, and the entries of conversions that have arrived on them.

    `so_far` is the share of its day, in thousandths, that a row shows; `place` is the entry's position among the rows.
    """

    rows: Ints
    age: Ints
    so_far: Ints
    leaf: Ints
    account: Ints
    entry: Ints
    place: Ints
    count: Ints


@dataclass(slots=True, kw_only=True)
class Figures:
    """Final results, one row per leaf and day, sorted by day and leaf. Cost is in steps of the account.

    `ceiling` bounds what a row may show, in thousandths of its day: an ad that is paused at noon shows the morning.
    """

    leaves: Leaves
    habits: Habits
    time_zones: tuple[str, ...]  #: by position of the account
    cost_step: Ints  #: micros, by position of the account
    value_step: Ints  #: likewise
    restated: bool
    day: Ints
    leaf: Ints
    impressions: Ints
    clicks: Ints
    cost: Ints
    video_views: Ints
    conversions: Conversions
    searches: Searches | None = None
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

    def place_keyword(self, keyword_id: str, *, active: bool, at: datetime) -> None:
        """Let a keyword bring results, or no more, from the next day of its account on; the traffic stays."""
        searches = self.searches
        if searches is None or keyword_id not in searches.keyword_ids:  # created later: it never brought any
            return
        position = searches.keyword_ids.index(keyword_id)
        concerned = (searches.drawn == position) & (self._ahead(at) > 0)
        self.searches = replace(searches, keyword=np.where(concerned, position if active else -1, searches.keyword))

    def moved(self, ad_group_id: str, campaign_id: str, *, at: datetime) -> Figures:
        """Return these figures with an ad group in another campaign of its account from its next day on."""
        leaves = self.leaves
        if ad_group_id not in leaves.ad_group_ids:  # it never had any results
            return self
        group = leaves.ad_group_ids.index(ad_group_id)
        paths = leaves.paths
        known = {path: leaf for leaf, path in enumerate(paths)}
        source = list(range(len(paths)))
        goal = np.arange(len(paths), dtype=np.int64)
        for leaf in np.flatnonzero(leaves.ad_group == group).tolist():
            account_id, _campaign_id, _ad_group_id, ad_id = paths[leaf]
            path = (account_id, campaign_id, ad_group_id, ad_id)
            if path not in known:
                known[path] = len(paths)
                paths.append(path)
                source.append(leaf)
            goal[leaf] = known[path]
        moved, place = Leaves.of(paths, invalid=leaves.invalid[source], curve=leaves.curve[source])
        return self._sorted(moved, place[np.where(self._ahead(at) > 0, goal[self.leaf], self.leaf)])

    def _sorted(self, leaves: Leaves, leaf: Ints) -> Figures:
        """Hang the rows on other leaves, and bring them into their order."""
        order = np.lexsort((leaf, self.day))
        row_of = np.empty(len(order), dtype=np.int64)
        row_of[order] = np.arange(len(order))
        conversions, searches = self.conversions, self.searches
        row = row_of[conversions.row]
        entries = np.lexsort((conversions.action, row))
        return replace(
            self,
            leaves=leaves,
            day=self.day[order],
            leaf=leaf[order],
            impressions=self.impressions[order],
            clicks=self.clicks[order],
            cost=self.cost[order],
            video_views=self.video_views[order],
            conversions=replace(
                conversions,
                row=row[entries],
                action=conversions.action[entries],
                count=conversions.count[entries],
                value=conversions.value[entries],
                threshold=conversions.threshold[entries],
            ),
            searches=None
            if searches is None
            else replace(
                searches,
                drawn=searches.drawn[order],
                keyword=searches.keyword[order],
                term=searches.term[order],
            ),
            ceiling=None if self.ceiling is None else self.ceiling[order],
        )

    def _ahead(self, at: datetime) -> Ints:
        """How many days each row lies after the day that it is in its account's zone."""
        return self.day - LocalClocks(at, self.time_zones).days[self.leaves.account[self.leaf]]

    def seen(self, selection: Selection) -> Seen:
        """Return what exists of a selection at its instant."""
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
        return Seen(
            rows=rows,
            age=age,
            so_far=so_far,
            leaf=self.leaf[rows],
            account=account,
            **self._arrived(rows, age, so_far),
        )

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
