"""One advertiser, four platforms: whatever is synced equals the known truth of the world, to the last digit.

Each history runs in this process: a sandbox served over HTTP, a connection made by OAuth, runs of the real engine, and
then every row and every column of the committed facts beside the truth.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
import structlog
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.ads.v2 import AccountStatus, Status
from adjoin.cli._place import Place
from adjoin.cli.connecting import connect_platform
from adjoin.cli.syncing import sync_connections
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE, Account, Coverage, Entity, EntityKind, RunState
from adjoin.runtime import Runtime
from adjoin.secrets import Keyring
from adjoin.settings import Settings
from adjoin.testing.server import running, sandbox_app
from adjoin.testing.world import Presence, World, WorldAd, WorldAdGroup, WorldCampaign, WorldKeyword, WorldObject

PLATFORMS = ("google", "linkedin", "meta", "microsoft")

#: Where a disabled account cannot be read; elsewhere it shows the results it had.
CLOSED_WHEN_DISABLED = frozenset({"google"})

#: Days after which the world changes nothing more of a day. What a sync reaches back to beyond them is final.
RESTATED = 28

AWKWARD = "Größer; \"neu\", 100 % 🎿 & 'mehr'"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("ADJOIN_")]:
        monkeypatch.delenv(name)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that knows nothing yet. Copy it, do not change it."""
    settings = Settings(home=tmp_path_factory.mktemp("one-truth") / "home")
    settings.home.mkdir()
    with Store.open(settings.database, check_schema=False) as store:
        store.initialise(now=datetime(2026, 1, 1, tzinfo=UTC))
    Keyring.create_file(settings.key_file)
    return settings.home


@dataclass(kw_only=True)
class Synced:
    """A platform's sandbox and an installation that is connected to it."""

    world: World
    presence: Presence
    clock: ManualClock
    runtime: Runtime
    begins: dict[str, date]  #: the first day of each account's history

    def wait_until(self, instant: datetime) -> None:
        """Move all clocks."""
        self.clock.advance((instant - self.world.now).total_seconds())
        self.world.set_now(instant)

    def sync_at(self, instant: datetime) -> None:
        """Run the engine once. Nothing may fail, and no grains differ without a known reason."""
        self.wait_until(instant)
        for run, _connection in sync_connections(Place.of_operator(self.runtime), quiet=True):
            assert (run.state, run.error) == (RunState.SUCCEEDED, None), run.notes
            assert [one for one in run.differences if not one["known"]] == []

    def facts(self, dataset: str) -> pa.Table:
        """All committed rows of a dataset, in the order of their keys."""
        with self.runtime.query(DEFAULT_WORKSPACE) as query:
            return _ordered(dataset, query.run(query.table(dataset, date(1970, 1, 1), date(2100, 1, 1))))

    def truth(self, dataset: str, *, closed: frozenset[str]) -> pa.Table:
        """What should be there: everything that the world has, but for accounts that the platform keeps closed."""
        table = self.presence.truth(dataset)
        days, accounts = table["date"].to_pylist(), table["account_id"].to_pylist()
        wanted = [
            account not in closed and day >= self.begins[account] for day, account in zip(days, accounts, strict=True)
        ]
        return _ordered(dataset, table.filter(pa.array(wanted, pa.bool_())))

    def accounts(self) -> dict[str, Account]:
        with self.runtime.store.read() as session:
            return {account.id: account for account in session.exec(select(Account)).all()}

    def entities(self, kind: EntityKind) -> dict[str, Entity]:
        with self.runtime.store.read() as session:
            return {each.id: each for each in session.exec(select(Entity).where(col(Entity.kind) == kind)).all()}

    def covered(self, account_id: str) -> int:
        """How many days of an account are known to have been read, over all datasets."""
        with self.runtime.store.read() as session:
            return len(session.exec(select(Coverage).where(col(Coverage.account_id) == account_id)).all())


Connect = Callable[..., AbstractContextManager[Synced]]


@pytest.fixture
def connected(empty_home: Path, tmp_path: Path) -> Connect:
    """Serve one platform's sandbox of a world and connect to it: `with connected("meta", world) as synced`."""

    @contextmanager
    def connecting(platform: str, world: World, *, history: int) -> Iterator[Synced]:
        home = shutil.copytree(empty_home, tmp_path / "home")
        others = ",".join(name for name in PLATFORMS if name != platform)
        clock = ManualClock(world.now)
        with Runtime(Settings(home=home, history_days=history, disable=others), clock=clock, environ={}) as runtime:
            sandbox = runtime.kernel.hook(v2.Ads.sandbox).one(platform, world=world)
            with running(sandbox_app({platform: sandbox}, world)) as base:
                connect_platform(Place.of_operator(runtime), platform, sandbox=base)
                presence = world.on(platform)
                back = timedelta(days=history)
                begins = {account.id: presence.today(account.id) - back for account in presence.accounts}
                yield Synced(world=world, presence=presence, clock=clock, runtime=runtime, begins=begins)

    return connecting


def _ordered(dataset: str, table: pa.Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in ("date", "account_id", *DATASETS[dataset].keys)])


def _offsets(time_zone: str) -> list[timedelta | None]:
    """What a zone's clocks show at noon UTC of each day of the year that the stories are in."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return [(noon + timedelta(days=day)).astimezone(ZoneInfo(time_zone)).utcoffset() for day in range(365)]


def check_accounts(synced: Synced) -> frozenset[str]:
    """Compare the accounts and return those that the platform keeps closed."""
    stored = synced.accounts()
    for account in synced.presence.accounts:
        found = stored[account.id]
        assert (found.name, found.currency) == (account.name, account.currency)
        assert _offsets(found.time_zone) == _offsets(account.time_zone), (
            account
        )  # Microsoft has one name for some zones
        closed = account.status is AccountStatus.DISABLED and synced.presence.platform in CLOSED_WHEN_DISABLED
        assert found.readable is not closed, account
        assert closed or synced.covered(account.id), account  # the one without any data, too
    managers = stored.keys() - {account.id for account in synced.presence.accounts}
    assert not any(stored[manager].readable for manager in managers)
    return frozenset(account_id for account_id, account in stored.items() if not account.readable)


def check_facts(synced: Synced) -> dict[str, int]:
    """Compare every column of every dataset, and return how many rows there were of each."""
    closed = check_accounts(synced)
    currencies = {account.id: account.currency for account in synced.presence.accounts}
    rows = {}
    for dataset in synced.presence.datasets:
        found, expected = synced.facts(dataset), synced.truth(dataset, closed=closed)
        rows[dataset] = found.num_rows
        for name in arrow_schema(dataset).names:
            assert found[name].to_pylist() == expected[name].to_pylist(), (dataset, name)
        assert set(found["platform"].to_pylist()) <= {synced.presence.platform}
        assert found["currency"].to_pylist() == [currencies[each] for each in found["account_id"].to_pylist()]
    return rows


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What the advertiser changed between two syncs."""

    keywords: tuple[WorldKeyword, ...]  #: paused, where the platform has any
    renamed: WorldCampaign
    renamed_group: WorldAdGroup
    paused: WorldAdGroup
    moved: WorldAdGroup
    archived: WorldAd
    removed: WorldAd


def change(presence: Presence) -> Changes:
    """Rename, pause, move, archive and remove objects, most of which have results."""
    with_results = presence.truth("ad_daily", since=presence.today(presence.accounts[0].id) - timedelta(days=3))
    running_ads = list(dict.fromkeys(with_results["ad_id"].to_pylist()))
    ads = [ad for ad in presence.ads() if ad.id in set(running_ads) and ad.status is Status.ACTIVE]
    groups = {group.id: group for group in presence.ad_groups()}
    paused, moved, renamed_group = (groups[each] for each in list(dict.fromkeys(ad.ad_group_id for ad in ads))[:3])
    archived, removed = [ad for ad in ads if ad.ad_group_id not in (paused.id, moved.id)][:2]
    campaign = next(known for known in presence.campaigns() if known.id == moved.campaign_id)
    keywords = [known for known in presence.keywords(moved.account_id) if known.status is Status.ACTIVE][:5]
    goal = presence.create_campaign(
        account_id=moved.account_id, name="Neu", status=Status.ACTIVE, channel=campaign.channel
    )
    return Changes(
        keywords=tuple(presence.update(replace(each, status=Status.PAUSED)) for each in keywords),
        renamed=presence.update(replace(campaign, name=AWKWARD)),
        renamed_group=presence.update(replace(renamed_group, name=AWKWARD)),
        paused=presence.update(replace(paused, status=Status.PAUSED)),
        moved=presence.update(replace(moved, campaign_id=goal.id)),
        archived=presence.update(replace(archived, status=Status.ARCHIVED)),
        removed=presence.update(replace(removed, status=Status.REMOVED)),
    )


#: What the platforms' objects are compared by; text stands for itself in the store, the rest in `detail`.
COMPARED = {
    EntityKind.CAMPAIGN: ("name",),
    EntityKind.AD_GROUP: ("name", "campaign_id", "bid_micros"),
    EntityKind.AD: ("campaign_id", "ad_group_id"),
    EntityKind.KEYWORD: ("name", "campaign_id", "ad_group_id", "match_type", "bid_micros"),
}


def _is_gone(presence: Presence, known: WorldObject) -> bool:
    """Say whether an object or one that it is in was archived or removed."""
    above = [presence.find(getattr(known, name, "")) for name in ("campaign_id", "ad_group_id")]
    return any(each.status in (Status.ARCHIVED, Status.REMOVED) for each in (known, *above) if each is not None)


def check_entities(synced: Synced, changes: Changes | None = None) -> None:
    """Compare all objects of the accounts that can be read; only what is gone may be missing."""
    accounts = {account_id for account_id, account in synced.accounts().items() if account.readable}
    presence = synced.presence
    of_kind = {
        EntityKind.CAMPAIGN: presence.campaigns(),
        EntityKind.AD_GROUP: presence.ad_groups(),
        EntityKind.AD: presence.ads(),
        EntityKind.KEYWORD: presence.keywords(),
    }
    for kind, known in of_kind.items():
        stored = synced.entities(kind)
        assert stored.keys() <= {each.id for each in known}
        assert len(stored) > 0 or not known
        for each in known:
            if each.account_id not in accounts:
                continue
            if each.id not in stored:
                assert _is_gone(presence, each), each
                continue
            found = stored[each.id]
            have = {name: getattr(found, name, found.detail.get(name)) for name in COMPARED[kind]}
            names = {"name": "text"} if kind is EntityKind.KEYWORD else {}
            assert have == {name: getattr(each, names.get(name, name)) for name in COMPARED[kind]}, found.name
    campaigns = synced.entities(EntityKind.CAMPAIGN)
    for campaign in presence.campaigns():  # where ad groups hold the budgets, a platform may have them on the campaign
        if campaign.id in campaigns and campaign.daily_budget_micros:
            assert campaigns[campaign.id].detail["daily_budget_micros"] == campaign.daily_budget_micros, campaign.name
    if changes is not None:
        groups, keywords = synced.entities(EntityKind.AD_GROUP), synced.entities(EntityKind.KEYWORD)
        assert groups[changes.paused.id].status == Status.PAUSED
        assert all(keywords[each.id].status == Status.PAUSED for each in changes.keywords)


@dataclass(frozen=True, kw_only=True)
class Story:
    """A world, and when it is synced: the first time, then across days, and again on the same local days."""

    seed: int
    scale: float
    fractional: bool
    history: int
    instants: tuple[datetime, datetime, datetime]


STORIES = {
    # Berlin goes to summer time at 01:00 UTC, New York went three weeks before; nothing was synced in between.
    "spring": Story(
        seed=1,
        scale=0.02,
        fractional=False,
        history=RESTATED + 24,
        instants=(
            datetime(2026, 3, 6, 12, tzinfo=UTC),
            datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
            datetime(2026, 3, 29, 3, 30, tzinfo=UTC),
        ),
    ),
    "autumn": Story(
        seed=2,
        scale=0.06,
        fractional=True,
        history=RESTATED + 4,
        instants=(
            datetime(2026, 10, 23, 12, tzinfo=UTC),
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
            datetime(2026, 10, 25, 3, 30, tzinfo=UTC),
        ),
    ),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_synced_facts_are_the_truth_through_restatements_and_changes(connected, platform, story) -> None:
    first, second, third = story.instants
    world = World.generate(
        seed=story.seed, today=first.date(), scale=story.scale, days=story.history + 8, fractional=story.fractional
    )
    with connected(platform, world, history=story.history) as synced:
        synced.sync_at(first)
        rows = check_facts(synced)
        assert all(rows.values()), rows
        check_entities(synced)

        synced.wait_until(first + timedelta(hours=1))
        changes = change(synced.presence)
        synced.sync_at(second)
        later = check_facts(synced)
        assert later["account_daily"] > rows["account_daily"]
        check_entities(synced, changes)

        synced.sync_at(third)
        assert check_facts(synced)["account_daily"] >= later["account_daily"]


@pytest.mark.parametrize(("currency", "time_zone"), [("JPY", "Asia/Tokyo"), ("USD", "Asia/Kolkata")])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_results_from_a_file_are_synced_as_they_are(connected, platform, currency, time_zone, tmp_path) -> None:
    """Large figures, ids that a double would round, days that cost nothing."""
    lines = ["date,campaign_id,ad_group_id,ad_id,impressions,clicks,cost,leads,purchases"]
    for day in range(1, 29):
        group, ad = 1000 + day % 3, f"7{day % 3}{day}"
        lines.append(f"2026-02-{day:02d},916,{group},{ad},{day * 13_007},{day},{day * 1_010_101},{day % 2},3")
        lines.append(f"2026-02-{day:02d},936,20000,9007199254740993,{day + 9_007_199},0,0,0,0")
    (tmp_path / "results.csv").write_text("\n".join(lines))
    noon = datetime(2026, 2, 28, 12, tzinfo=UTC)
    world = World.from_csv(tmp_path / "results.csv", today=noon.date(), currency=currency, time_zone=time_zone)
    with connected(platform, world, history=27) as synced:
        synced.sync_at(noon)
        rows = check_facts(synced)
        assert (rows["ad_daily"], rows["campaign_daily"], rows["account_daily"]) == (56, 56, 28)
