"""What was known when: figures as of an instant and restatements, beside what the world showed at each moment."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from adjoin.analytics.context import WorkspaceContext
from adjoin.analytics.report import report
from adjoin.cli.reporting import parse_instant
from adjoin.db.models import DEFAULT_WORKSPACE, Connection, FactFile
from adjoin.facts.compact import compact
from adjoin.facts.history import restated
from adjoin.facts.query import FactQuery
from adjoin.facts.verify import verify
from adjoin.kernel import Kernel
from adjoin.testing.house import House
from adjoin.testing.server import running, sandbox_app
from adjoin.testing.world import Presence, World
from adjoin_analytics import Analyst
from adjoin_meta import plugin

METRICS = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")

#: When the account was synced: mid-day, the next day, after a week, and when all conversions of the first days are in.
SYNCS = tuple(datetime(2026, 3, 10, 15, tzinfo=UTC) + timedelta(days=days) for days in (0, 1, 8, 40))
SINCE, UNTIL = date(2026, 3, 3), date(2026, 3, 9)


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Presence]]:
    """One account of a small advertiser, synced at each of the moments. Read only."""
    world = World.generate(seed=11, today=SYNCS[0].date(), scale=0.02, days=10)
    world.set_now(SYNCS[0])
    kernel = Kernel.load()
    with running(sandbox_app({"meta": plugin.sandbox(world)}, world)) as url:
        house = House(tmp_path_factory.mktemp("history"), kernel=kernel, now=SYNCS[0], history_days=60)
        connection: Connection | None = None
        for instant in SYNCS:
            house.clock.advance((instant - house.clock.now()).total_seconds())
            world.set_now(instant)
            connection = connection or house.connect("meta", f"{url}/meta", token=world.token("meta"))
            if instant is SYNCS[0]:
                house.keep("meta", [next(one.id for one in world.on("meta").accounts if one.status == "active")])
            assert house.sync(connection).error is None
        yield house, world.on("meta")
        house.close()
    kernel.close()


def kept(house: House) -> str:
    return next(account.id for account in house.accounts("meta") if account.selected)


def truth(presence: Presence, account_id: str, as_of: datetime) -> dict[date, dict[str, Any]]:
    """The account's days as the platform showed them at a moment."""
    rows = presence.truth("account_daily", account_id=account_id, since=SINCE, until=UNTIL, as_of=as_of).to_pylist()
    return {row["date"]: {name: row[name] for name in METRICS} for row in rows}


def query(house: House, as_of: datetime | None = None) -> FactQuery:
    return FactQuery(house.store, house.facts, DEFAULT_WORKSPACE, as_of=as_of)


def by_day(house: House, as_of: datetime) -> list[dict[str, Any]]:
    """The days of a report as of an instant."""
    with query(house, as_of) as facts:
        place = WorkspaceContext(house.store.scoped(DEFAULT_WORKSPACE, None), facts, {}, house.clock)
        return list(report(partial(Analyst().ask, place), since=SINCE, until=UNTIL, by="day").rows)


def committed(house: House) -> list[datetime]:
    """The instants at which a version of the days became current, which is a little after each sync began."""
    with house.store.read() as session:
        rows = session.exec(select(FactFile.created_at).where(col(FactFile.dataset) == "account_daily").distinct())
        return sorted(rows)


class TestAgainstTheWorld:
    def test_each_instant_shows_what_the_platform_showed(self, synced: tuple[House, Presence]) -> None:
        """As of any moment after a sync, every day is as the platform gave it in that sync."""
        house, presence = synced
        seen = []
        for at, until in zip(SYNCS, (*SYNCS[1:], SYNCS[-1] + timedelta(days=9)), strict=True):
            rows = by_day(house, until - timedelta(hours=1))
            seen.append({row["date"]: {name: row[name] for name in METRICS} for row in rows})
            assert seen[-1] == truth(presence, kept(house), at)
        assert len({repr(one) for one in seen}) > 2, "the world has restated nothing"
        assert by_day(house, SYNCS[0] - timedelta(hours=1)) == []

    def test_restated_figures_are_those_of_the_world(self, synced: tuple[House, Presence]) -> None:
        """First value, every step, the current value and the times agree with what the platform showed in turn."""
        house, presence = synced
        shown = [truth(presence, kept(house), at) for at in SYNCS]
        expected: dict[tuple[date, str], list[Any]] = {}
        for day in sorted(shown[0]):
            for name in METRICS:
                values = [one[day][name] for one in shown]
                steps = [value for index, value in enumerate(values) if index == 0 or value != values[index - 1]]
                if len(steps) > 1:
                    expected[day, name] = steps
        assert expected, "the world has restated nothing"
        with query(house) as now:
            found = restated(now, since=SINCE, until=UNTIL)
        assert {(row.day, row.metric): [step.value for step in row.steps] for row in found.rows} == expected
        for row in found.rows:
            assert (row.first, row.latest) == (expected[row.day, row.metric][0], expected[row.day, row.metric][-1])
            assert row.change == row.latest - row.first
            assert row.times == len(expected[row.day, row.metric]) - 1
            assert {step.at for step in row.steps} <= set(committed(house))
            nearest = max(at for at in SYNCS if at <= row.moved_at)
            assert row.moved_at - nearest < timedelta(hours=1)

    def test_finer_grains_move_by_as_much(self, synced: tuple[House, Presence]) -> None:
        """Campaigns that have ads move by what the account moves by: the sums of a day are one and the same."""
        house, presence = synced
        changes: dict[str, dict[tuple[date, str], Any]] = defaultdict(dict)
        with query(house) as now:
            for dataset in ("account_daily", "campaign_daily"):
                for row in restated(now, since=SINCE, until=UNTIL, dataset=dataset).rows:
                    changes[dataset][row.day, row.metric] = (row.first, row.latest, row.times)
        assert changes["account_daily"] == changes["campaign_daily"] != {}
        assert presence.platform == "meta"

    def test_all_of_it_is_sound(self, synced: tuple[House, Presence]) -> None:
        """Every version that is kept is what the manifest says, and a look-back is never packed away."""
        house, _ = synced
        now = house.clock.now()
        assert verify(house.store, house.facts, workspace_id=DEFAULT_WORKSPACE, now=now).damage == []
        assert list(compact(house.store, house.facts, now=now, look_back={"meta": 400})) == []


DAYS = ("--from", "2026-02-10", "--to", "2026-03-14")


@pytest.fixture
def home(tmp_path: Path, synced_home: Path) -> Path:
    """A copy of a synced home, where the `adjoin` fixture looks."""
    return shutil.copytree(synced_home, tmp_path / "home")


@pytest.mark.usefixtures("home")
class TestReportCommand:
    def test_as_of_now_and_before(self, adjoin: Callable[..., Any]) -> None:
        """As of now the report is the same; as of a day before the first sync there is nothing."""
        now = datetime.now(UTC)
        today = adjoin("report", *DAYS, "--json").json
        assert today["rows"]
        as_of = adjoin("report", *DAYS, "--json", "--as-of", f"{now:%Y-%m-%dT%H:%M:%S}Z").json
        assert as_of | {"as_of": None} == today | {"as_of": None}
        assert as_of["as_of"] == f"{now:%Y-%m-%dT%H:%M:%S}Z"
        assert adjoin("report", *DAYS, "--json", "--as-of", "2026-01-31").json["rows"] == []
        said = adjoin("report", *DAYS, "--as-of", f"{now:%Y-%m-%dT%H:%M:%S}").out
        assert f"as of {now:%Y-%m-%d %H:%M:%S} UTC" in said

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (("--as-of", "yesterday"), "is no instant; write 2026-11-01T06:00Z"),
            (("--as-of", "2026-11"), "is no instant"),
            (("--as-of", "20261101"), "is no instant"),
            (("--as-of", "2999-01-01"), "lies in the future"),
            (("--restated", "--by", "campaign"), "not with --by"),
            (("--restated", "--as-of", "2026-01-01"), "not with --as-of"),
            (("--restated", "--dataset", "hourly"), "no dataset 'hourly'"),
            (("--restated", "--account", "act_0"), "no account act_0"),
            (("--dataset", "ad_daily"), "--dataset goes with --restated"),
        ],
    )
    def test_bad_questions(self, adjoin: Callable[..., Any], given: tuple[str, ...], said: str) -> None:
        """They are refused with what to write instead, and exit code 2."""
        answer = adjoin("report", *DAYS, *given)
        assert (answer.code, said in answer.err) == (2, True), answer.err

    def test_restated(self, adjoin: Callable[..., Any]) -> None:
        """After one sync nothing has moved; --json has the same form with rows and without."""
        assert adjoin("report", *DAYS, "--restated", "--json").json == {
            "since": "2026-02-10",
            "until": "2026-03-14",
            "rows": [],
            "notes": [],
        }
        assert "has moved since it was first read" in adjoin("report", *DAYS, "--restated").out


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-01T06:00Z", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("2026-11-01T06:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("2026-11-01 06:00:05+02:00", datetime(2026, 11, 1, 4, 0, 5, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, 12, tzinfo=UTC)),
    ],
)
def test_instants(text: str, instant: datetime) -> None:
    """Without a zone it is UTC; a day is its end, and today is now."""
    assert parse_instant(text, datetime(2026, 11, 22, 12, tzinfo=UTC)) == instant


class TestFactsCommands:
    def test_verify(self, adjoin: Callable[..., Any], home: Path) -> None:
        """Exit code 0 when all is sound; 1 with the file and the command that mends it, which does."""
        found = adjoin("facts", "verify", "--json").json
        assert found["files"] > 10
        assert (found["damage"], found["orphans"]) == ([], [])
        assert adjoin("facts", "verify", "--quick").code == 0
        broken = min(home.glob("facts/default/meta/*/ad_daily/2026-02/*.parquet"))
        broken.unlink()
        for arguments in (("facts", "verify"), ("facts", "verify", "--quick")):
            answer = adjoin(*arguments)
            assert answer.code == 1
            assert broken.name in answer.err
            assert "1 damaged, 0 left over" in answer.err
        command = answer.err.split("read the month again: adjoin ")[1].splitlines()[0].split()
        assert adjoin(*command).code == 0
        [damage] = adjoin("facts", "verify", "--json").json["damage"]
        assert damage["history"]
        assert adjoin("facts", "verify", "--forget").code == 0
        assert adjoin("facts", "verify", "--json").json["damage"] == []

    def test_compact(self, adjoin: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Closed months are packed and every report stays as it was; the second time there is nothing to do."""
        before = {by: adjoin("report", *DAYS, "--by", by, "--json").json for by in ("ad", "day")}
        packed = adjoin("facts", "compact", "--json").json
        assert {one["month"] for one in packed} == {"2026-02-01", "2026-03-01"}
        assert all(one["accounts"] > 1 and one["damaged"] == [] for one in packed)
        assert {by: adjoin("report", *DAYS, "--by", by, "--json").json for by in ("ad", "day")} == before
        assert adjoin("facts", "verify").code == 0
        assert "Nothing to pack" in adjoin("facts", "compact").out

    def test_clean(self, adjoin: Callable[..., Any], home: Path) -> None:
        """What is left over is counted first and then removed."""
        path = next(home.glob("facts/default/meta/*/ad_daily/2026-02/*.parquet"))
        orphan = path.with_name("0123.parquet")
        shutil.copyfile(path, orphan)
        os.utime(orphan, (0, 0))
        assert adjoin("facts", "verify", "--json").json["orphans"] == [str(orphan.relative_to(home))]
        assert adjoin("facts", "clean", "--dry-run", "--json").json["orphans"] == 1
        assert orphan.exists()
        assert "removed: 1 fact files" in adjoin("facts", "clean").err
        assert not orphan.exists()
        assert path.exists()
