"""One small advertiser on four platforms, synced from its sandboxes, and sums of its truth that are made by hand.

Nothing here uses the metric layer: amounts are added as integers, and converted with decimals by the bank's own file.
"""

from __future__ import annotations

import csv
import importlib.resources
import io
import logging
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path
from typing import Any

import structlog
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.cli._place import Place
from adjoin.cli.connecting import connect_platform
from adjoin.cli.syncing import sync_connections
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import Account, RunState
from adjoin.db.tables import PluginTables, upgrade_tables
from adjoin.runtime import Runtime
from adjoin.secrets import Keyring
from adjoin.settings import Settings
from adjoin.testing.server import running, sandbox_app
from adjoin.testing.world import World

PLATFORMS = ("google", "linkedin", "meta", "microsoft")

#: Three weeks with a change to summer time, weekends, and two holidays of the bank: Good Friday and Easter Monday.
TODAY = date(2026, 4, 12)
HISTORY = 20

MONEY = ("cost_micros", "conversion_value_micros")
COUNTS = ("impressions", "clicks", "conversions")

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Synced:
    """A home with one advertiser on four platforms, and the world that it was synced from."""

    home: Path
    world: World
    unreadable: frozenset[str]

    def truth(self, dataset: str) -> list[Row]:
        """The truth of the readable accounts since their history begins, with platform and currency."""
        rows = []
        for platform in PLATFORMS:
            presence = self.world.on(platform)
            if dataset not in presence.datasets:
                continue
            for account in presence.accounts:
                if account.id in self.unreadable:
                    continue
                since = presence.today(account.id) - timedelta(days=HISTORY)
                known = presence.truth(dataset, account_id=account.id, since=since).to_pylist()
                rows += [row | {"platform": platform, "currency": account.currency} for row in known]
        return rows


def sync_everywhere(home: Path) -> Synced:
    """Make an installation in a folder, connect it to the sandboxes of a small advertiser, and sync once."""
    settings = Settings(home=home, history_days=HISTORY)
    with Store.open(settings.database, check_schema=False) as store:
        store.initialise(now=datetime(2026, 1, 1, tzinfo=UTC))
    Keyring.create_file(settings.key_file)
    world = small_world()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with Runtime(settings, clock=ManualClock(world.now), environ={}) as runtime:
            made = upgrade_tables(runtime.store, PluginTables.of_kernel(runtime.kernel))
            assert {one.state for one in made} == {"ok"}
            sandbox = runtime.kernel.hook(v2.Ads.sandbox)
            apps = {platform: sandbox.one(platform, world=world) for platform in PLATFORMS}
            with running(sandbox_app(apps, world)) as base:
                for platform in PLATFORMS:
                    connect_platform(Place.of_operator(runtime), platform, sandbox=base)
                for run, connection in sync_connections(Place.of_operator(runtime), quiet=True):
                    assert (run.state, run.error) == (RunState.SUCCEEDED, None), connection.platform
    finally:
        structlog.reset_defaults()
    return Synced(home=home, world=world, unreadable=unreadable_in(settings))


def small_world() -> World:
    return World.generate(seed=7, today=TODAY, scale=0.02, days=HISTORY + 6, fractional=True)


def unreadable_in(settings: Settings) -> frozenset[str]:
    """The ids of the accounts that are known and not read."""
    with Store.open(settings.database) as store, store.read() as session:
        accounts = session.exec(select(Account).where(col(Account.readable).is_(False))).all()
        return frozenset(account.id for account in accounts)


def added(rows: Iterable[Row], keys: Sequence[str]) -> dict[tuple[Any, ...], Row]:
    """Add up rows by hand: the counts of each key, and its amounts in each currency."""
    sums: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(str(row[name]) for name in keys)
        into = sums.setdefault(key, {"amounts": {}, **dict.fromkeys(COUNTS, 0)})
        for name in COUNTS:
            into[name] += row[name]
        amounts = into["amounts"].setdefault(row["currency"], dict.fromkeys(MONEY))
        for name in MONEY:
            if row[name] is not None:
                amounts[name] = (amounts[name] or 0) + row[name]
    return sums


def bank_rates() -> dict[date, dict[str, Decimal]]:
    """The reference rates, read from the file that ships with the package: units of each currency for one euro."""
    packed = importlib.resources.files("currency_converter").joinpath("eurofxref-hist.zip")
    with packed.open("rb") as file, zipfile.ZipFile(file) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    lines = csv.DictReader(io.StringIO(text))
    return {
        date.fromisoformat(line["Date"]): {name: Decimal(line[name]) for name in ("USD", "JPY", "GBP")}
        for line in lines
        if line["Date"] >= "2026-01"
    }


class Bank:
    """Conversion by hand: each key's sum of a day and currency, rounded half to even to whole micros."""

    def __init__(self) -> None:
        self._rates = bank_rates()

    def rated(self, day: date) -> date:
        """The day whose rate counts: the day itself, or the last before that has one."""
        while day not in self._rates:
            day -= timedelta(days=1)
        return day

    def exact(self, micros: int, currency: str, target: str, day: date) -> int:
        if currency == target:
            return micros
        per_euro = {"EUR": Decimal(1), **self._rates[self.rated(day)]}
        with localcontext(prec=60):
            return int((micros * per_euro[target] / per_euro[currency]).to_integral_value(ROUND_HALF_EVEN))

    def converted(self, rows: Iterable[Row], keys: Sequence[str], target: str) -> list[Row]:
        """One row per key, day and currency of the truth, with amounts in the target."""
        days = added(rows, (*keys, "date", "currency"))
        return [
            dict(zip(keys, key, strict=False))
            | {name: sums[name] for name in COUNTS}
            | {
                name: None if amount is None else self.exact(amount, key[-1], target, date.fromisoformat(key[-2]))
                for name, amount in sums["amounts"][key[-1]].items()
            }
            | {"currency": target}
            for key, sums in days.items()
        ]
