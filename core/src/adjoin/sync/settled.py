"""Committed days that no platform changes any more: what a grain that is read by itself can be compared with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.db import Store
from adjoin.db.models import Coverage, FactFile
from adjoin.errors import StoreDamaged
from adjoin.facts.layout import months
from adjoin.facts.store import FactStore
from adjoin.sync.planner import look_back_horizon
from adjoin.sync.reconcile import Grain, compared_pairs

__all__ = ["SettledGrains"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledGrains:
    """Finds the committed neighbours of what was read of an account. `now` is the platform's time."""

    workspace_id: str
    platform: str
    account: v2.Account
    description: v2.Description
    store: Store
    facts: FactStore
    now: datetime

    def beside(self, read: Mapping[str, Collection[date]]) -> dict[str, Grain]:
        """Return, by dataset, the committed days to compare with the days read now.

        A day counts when both grains were read after it had left the platform's look-back. Empty, and without a query,
        where all grains were read on the same days or the days may still change, as in most runs.
        """
        offered = {name: stream for stream in self.description.streams for name in (stream.name, *stream.yields)}
        today = self.now.astimezone(ZoneInfo(self.account.time_zone)).date()
        wanted: dict[str, set[date]] = {}
        for pair in compared_pairs(frozenset(offered), self.description.known_gaps):
            horizon = max(look_back_horizon(offered[name]) for name in pair)
            for mine, other in (pair, pair[::-1]):
                days = set(read.get(mine, ())) - set(read.get(other, ()))
                wanted.setdefault(other, set()).update(day for day in days if (today - day).days > horizon)
        found = {
            name: self._grain(name, days, look_back_horizon(offered[name])) for name, days in wanted.items() if days
        }
        return {name: grain for name, grain in found.items() if grain is not None}

    def _grain(self, dataset: str, days: Collection[date], horizon: int) -> Grain | None:
        first, last = min(days), max(days)
        zone = ZoneInfo(self.account.time_zone)
        with self.store.read() as session:
            covered = session.exec(
                select(col(Coverage.day), col(Coverage.fetched_at)).where(
                    col(Coverage.workspace_id) == self.workspace_id,
                    col(Coverage.platform) == self.platform,
                    col(Coverage.account_id) == self.account.id,
                    col(Coverage.dataset) == dataset,
                    col(Coverage.day).between(first, last),
                )
            ).all()
            settled = frozenset(
                day
                for day, fetched_at in covered
                if day in days and (fetched_at.astimezone(zone).date() - day).days > horizon
            )
            touched = {month for day in settled for month in months(day, day)}
            files = session.exec(
                select(FactFile).where(
                    col(FactFile.workspace_id) == self.workspace_id,
                    col(FactFile.platform) == self.platform,
                    col(FactFile.account_id) == self.account.id,
                    col(FactFile.dataset) == dataset,
                    col(FactFile.month).in_(touched),
                    col(FactFile.superseded_at).is_(None),
                )
            ).all()
        if not settled:
            return None
        try:
            paths = [self.facts.local(file.path, expected=file.checksum) for file in files]
        except StoreDamaged:  # `adjoin facts verify` tells of it; what was read now is committed all the same
            return None
        return Grain(files=paths, days=settled)
