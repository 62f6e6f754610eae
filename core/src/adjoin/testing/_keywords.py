"""What people search for: the keywords of search campaigns, and which of an ad's results came by which of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import numpy as np

from adjoin.ads.v2 import Status
from adjoin.testing._figures import Figures, Searches, day_number
from adjoin.testing._habits import Habits
from adjoin.testing._names import keyword_texts, search_terms
from adjoin.testing._objects import WorldAccount, WorldAdGroup, WorldKeyword, minor_unit_micros

__all__ = ["KeywordMaker", "keyword_id"]

_MatchType = Literal["exact", "phrase", "broad"]

_EACH = (4, 8)
_WITHOUT_KEYWORD = 1 / 8  #: the share of the rows that no keyword brought
_WITHOUT_TERM = 1 / 16  #: and of those whose search term the platform keeps to itself


def keyword_id(habits: Habits, ad_group_id: str, number: str) -> str:
    """Return the id of a keyword as Adjoin writes it."""
    return f"{ad_group_id}~{number}" if habits.shared_keyword_numbers else number


@dataclass(slots=True, kw_only=True)
class KeywordMaker:
    """Draws keywords from a generator of its own, so that all else is as it would be without."""

    rng: np.random.Generator
    habits: Habits
    today: date
    used_ids: set[str]
    numbers: dict[tuple[str, str], str] = field(default_factory=dict)

    def keywords(
        self, ad_groups: Iterable[WorldAdGroup], accounts: Mapping[str, WorldAccount]
    ) -> dict[str, WorldKeyword]:
        """Make the keywords of ad groups of search campaigns, in the order of the ad groups."""
        made: dict[str, WorldKeyword] = {}
        for group in ad_groups:
            account = accounts[group.account_id]
            texts = keyword_texts(account.currency, account.time_zone)
            count = int(self.rng.integers(*_EACH, endpoint=True))
            for place in self.rng.permutation(len(texts))[:count].tolist():
                keyword = self._keyword(group, texts[place], minor_unit_micros(account.currency))
                made[keyword.id] = keyword
        return made

    def searches(
        self, figures: Figures, keywords: Mapping[str, WorldKeyword], accounts: Mapping[str, WorldAccount]
    ) -> Searches:
        """Give each row of a search campaign's ad group to one of its keywords or to none, and likewise to a term."""
        of_group: dict[str, list[WorldKeyword]] = {}
        for keyword in keywords.values():
            of_group.setdefault(keyword.ad_group_id, []).append(keyword)
        # All keywords in the order of the leaves' ad groups; a group's are the `counts` from `begins` on.
        drawn = [keyword for group in figures.leaves.ad_group_ids for keyword in of_group.get(group, ())]
        counts = np.array([len(of_group.get(group, ())) for group in figures.leaves.ad_group_ids], dtype=np.int64)
        begins = np.cumsum(counts) - counts
        keyword_ids = tuple(sorted(keyword.id for keyword in drawn))
        place = {each: position for position, each in enumerate(keyword_ids)}
        texts = [
            search_terms(keyword.text, accounts[keyword.account_id].currency, accounts[keyword.account_id].time_zone)
            for keyword in drawn
        ]
        terms = tuple(sorted({term for each in texts for term in each}))
        term_place = {term: position for position, term in enumerate(terms)}
        variety = len(texts[0]) if texts else 1

        rows = len(figures.day)
        group = figures.leaves.ad_group[figures.leaf]
        known = np.append(counts, 0)[group]  # a campaign without ads has the group -1: the last
        chance = self.rng.random((3, rows))
        searched = known > 0
        pick = np.where(searched, np.append(begins, 0)[group] + np.floor(chance[0] * known).astype(np.int64), -1)
        ids = np.array([*(place[keyword.id] for keyword in drawn), -1], dtype=np.int64)
        last = np.array([*(self._last_day(keyword) for keyword in drawn), 0], dtype=np.int64)
        own = np.where(chance[1] < _WITHOUT_KEYWORD, -1, ids[pick])
        of_pick = np.array([*(term_place[term] for each in texts for term in each), *[-1] * variety], dtype=np.int64)
        told = np.where(pick < 0, len(drawn), pick) * variety + np.floor(chance[2] * variety).astype(np.int64)
        hidden = chance[1] > 1 - _WITHOUT_TERM
        return Searches(
            keyword_ids=keyword_ids,
            terms=terms,
            drawn=own,
            keyword=np.where(figures.day > last[pick], -1, own),
            term=np.where(hidden, -1, of_pick[told]),
        )

    def _keyword(self, group: WorldAdGroup, text: str, unit_micros: int) -> WorldKeyword:
        rng = self.rng
        match_type: _MatchType = ("exact", "phrase", "broad")[int(rng.integers(3))]
        status = (Status.ACTIVE, Status.PAUSED, Status.REMOVED)[int(np.searchsorted((0.8, 0.9), rng.random()))]
        run = max(0, (self.today - group.start_date).days)
        end = group.start_date + timedelta(days=int(run * rng.random()))
        begin, created = _morning(group.start_date), group.created_at
        updated = begin + (_morning(end) - begin) * float(rng.random())
        bid = int(rng.integers(20, 400)) * 10_000 if rng.random() < 0.6 else None
        return WorldKeyword(
            id=keyword_id(self.habits, group.id, self._number(text, match_type)),
            account_id=group.account_id,
            campaign_id=group.campaign_id,
            ad_group_id=group.id,
            text=text,
            match_type=match_type,
            status=status,
            bid_micros=bid if bid is None or unit_micros <= 10_000 else bid * 100,
            created_at=created,
            updated_at=max(created, updated if status is Status.ACTIVE else _morning(end)),
        )

    def _last_day(self, keyword: WorldKeyword) -> int:
        """The last day on which a keyword brought results: the one before it was paused or removed."""
        if keyword.status is Status.ACTIVE:
            return day_number(date.max)
        return day_number(keyword.updated_at.date()) - 1

    def _number(self, text: str, match_type: _MatchType) -> str:
        if not self.habits.shared_keyword_numbers:
            return self._new_number(120_000_000_000_000_000, 920_000_000_000_000_000)
        if (text, match_type) not in self.numbers:
            self.numbers[text, match_type] = self._new_number(10**11, 10**12)
        return self.numbers[text, match_type]

    def _new_number(self, low: int, high: int) -> str:
        while True:
            made = str(self.rng.integers(low, high))
            if made not in self.used_ids:
                self.used_ids.add(made)
                return made


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(9), tzinfo=UTC)
