"""Figures as of an instant, and how they have moved since."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from adjoin.db import Store
from adjoin.db.models import FactFile
from adjoin.errors import BadInput, StoreDamaged, UnknownName
from adjoin.facts.history import Moved, restated
from adjoin.facts.query import AccountKey, FactQuery
from adjoin.facts.retention import clean
from adjoin.facts.store import FactStore

SINCE, UNTIL = date(2026, 3, 1), date(2026, 3, 31)
START = datetime(2026, 3, 10, 6, tzinfo=UTC)

Open = Callable[[datetime | None], AbstractContextManager[FactQuery]]


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def on(day: int, **metrics: Any) -> dict[str, Any]:
    return {"date": date(2026, 3, day), **metrics}


MARCH = (date(2026, 3, 1), date(2026, 3, 31))


@pytest.fixture
def opened(store: Store, tmp_path: Path) -> Open:
    return lambda as_of=None: FactQuery(store, FactStore(tmp_path), "default", as_of=as_of)


def clicks(query: FactQuery, dataset: str = "account_daily") -> dict[tuple[str, int], int]:
    rows = query.run(query.table(dataset, SINCE, UNTIL)).to_pylist()
    return {(row["account_id"], row["date"].day): row["clicks"] for row in rows}


def versions(store: Store) -> list[FactFile]:
    with store.read() as session:
        return list(session.exec(select(FactFile).order_by(col(FactFile.created_at))))


class TestAsOf:
    def test_every_instant_has_its_figures(self, put_facts: Any, opened: Open) -> None:
        """From the very instant of a commit on the new figures count, and until just before it the old ones."""
        put_facts("account_daily", on(1, clicks=1), days=MARCH, now=at(0))
        put_facts("account_daily", on(1, clicks=2), on(2, clicks=5), days=MARCH, now=at(1))
        put_facts("account_daily", on(2, clicks=6), days=MARCH, now=at(2))
        answers = {}
        for hours in (-0.001, 0, 0.999, 1, 1.5, 2, 100):
            with opened(at(hours)) as query:
                answers[hours] = clicks(query)
        one, two, three = {("act_1", 1): 1}, {("act_1", 1): 2, ("act_1", 2): 5}, {("act_1", 2): 6}
        assert answers == {-0.001: {}, 0: one, 0.999: one, 1: two, 1.5: two, 2: three, 100: three}
        with opened(None) as query:
            assert clicks(query) == three

    def test_a_clock_that_goes_back_counts_nothing_twice(self, put_facts: Any, opened: Open, store: Store) -> None:
        """What is committed while the clock is behind begins where the last one began."""
        put_facts("account_daily", on(1, clicks=1), days=MARCH, now=at(0))
        put_facts("account_daily", on(1, clicks=2), days=MARCH, now=at(5))
        put_facts("account_daily", on(1, clicks=3), days=MARCH, now=at(3))
        put_facts("account_daily", on(1, clicks=4), days=MARCH, now=at(7))
        found = []
        for hours in (1, 3.5, 4.9, 5, 6, 7):
            with opened(at(hours)) as query:
                found.append(clicks(query)["act_1", 1])
        assert found == [1, 1, 1, 3, 3, 4]
        assert all(row.superseded_at is None or row.superseded_at >= row.created_at for row in versions(store))

    def test_the_dataset_that_answered_then(self, put_facts: Any, opened: Open) -> None:
        """A coarse dataset that was read later than a finer one does not hide what there was."""
        put_facts(
            "campaign_daily", on(1, campaign_id="c", clicks=3), on(9, campaign_id="c", clicks=4), days=MARCH, now=at(0)
        )
        put_facts("account_daily", on(9, clicks=4), days=(date(2026, 3, 9), date(2026, 3, 31)), now=at(1))
        put_facts("account_daily", on(1, clicks=3), on(9, clicks=4), days=MARCH, now=at(2))
        chosen = []
        for hours in (0, 1, 2):
            with opened(at(hours)) as query:
                chosen.append(query.coarsest([], SINCE, UNTIL))
                (dataset,) = chosen[-1]
                assert sum(clicks(query, dataset).values()) == 7
        account = [AccountKey("meta", "act_1")]
        assert chosen == [{"campaign_daily": account}, {"campaign_daily": account}, {"account_daily": account}]


class TestHorizon:
    @pytest.fixture
    def cleaned(self, put_facts: Any, store: Store, tmp_path: Path) -> None:
        """March was committed at hours 0, 1 and 48; what was superseded by hour 24 is gone. April has one version."""
        put_facts("account_daily", on(1, clicks=1), days=MARCH, now=at(0))
        put_facts("account_daily", on(1, clicks=2), days=MARCH, now=at(1))
        put_facts("account_daily", on(1, clicks=3), days=MARCH, now=at(48))
        april = (date(2026, 4, 1), date(2026, 4, 30))
        put_facts("account_daily", {"date": april[0], "clicks": 9}, days=april, now=at(0))
        clean(store, FactStore(tmp_path), now=at(48), keep_superseded_days=1, keep_runs_days=400)

    @pytest.mark.usefixtures("cleaned")
    def test_what_is_no_longer_known_is_refused(self, opened: Open) -> None:
        """The earliest instant is named, and works."""
        with opened(at(0.5)) as query, pytest.raises(BadInput, match=r"no longer known.*2026-03-10T07:00:00.000000Z"):
            clicks(query)
        with opened(at(1)) as query:
            assert clicks(query) == {("act_1", 1): 2}

    @pytest.mark.usefixtures("cleaned")
    def test_before_there_was_anything(self, opened: Open) -> None:
        """Nothing had been synced then, and nothing is what it answers."""
        with opened(at(-1)) as query:
            assert clicks(query) == {}

    @pytest.mark.usefixtures("cleaned")
    def test_other_days_are_not_concerned(self, opened: Open) -> None:
        """A month of which everything is kept answers as of any instant."""
        with opened(at(0.5)) as query:
            rows = query.run(query.table("account_daily", date(2026, 4, 1), date(2026, 4, 30))).to_pylist()
        assert [row["clicks"] for row in rows] == [9]

    @pytest.mark.usefixtures("cleaned")
    def test_other_accounts_are_not_concerned(self, put_facts: Any, opened: Open) -> None:
        """Only the accounts that are asked for count."""
        put_facts("account_daily", on(1, clicks=7), account="act_2", days=MARCH, now=at(0))
        with opened(at(0.5)) as query:
            assert len(query.files("account_daily", SINCE, UNTIL, accounts=["act_2"])) == 1
            with pytest.raises(BadInput, match="no longer known"):
                query.files("campaign_daily", SINCE, UNTIL)

    @pytest.mark.usefixtures("cleaned")
    def test_the_first_known_value_is_a_later_one(self, opened: Open) -> None:
        """A note says that the first versions are gone."""
        with opened(None) as query:
            found = restated(query, since=SINCE, until=UNTIL)
        assert [(row.first, row.latest) for row in found.rows] == [(2, 3)]
        assert "before 2026-03-10 07:00 UTC are no longer kept" in found.notes[0]


def told(row: Moved) -> tuple[Any, ...]:
    return (row.account_id, row.day.day, row.metric, row.first, row.latest, row.change, row.moved_at, row.times)


class TestRestated:
    def test_each_day_and_metric_by_itself(self, put_facts: Any, opened: Open) -> None:
        """What was committed again without a change has not moved; a day that came later begins with its own first."""
        put_facts("account_daily", on(1, clicks=1, cost_micros=5), on(2, clicks=7), days=MARCH, now=at(0))
        put_facts(
            "account_daily", on(1, clicks=3, cost_micros=5), on(2, clicks=7), on(3, clicks=1), days=MARCH, now=at(1)
        )
        put_facts(
            "account_daily", on(1, clicks=2, cost_micros=4), on(2, clicks=7), on(3, clicks=2), days=MARCH, now=at(2)
        )
        with opened(None) as query:
            found = restated(query, since=SINCE, until=UNTIL)
        assert [told(row) for row in found.rows] == [
            ("act_1", 1, "clicks", 1, 2, 1, at(2), 2),
            ("act_1", 1, "cost_micros", 5, 4, -1, at(2), 1),
            ("act_1", 3, "clicks", 1, 2, 1, at(2), 1),
        ]
        assert [(step.at, step.value) for step in found.rows[0].steps] == [(at(0), 1), (at(1), 3), (at(2), 2)]
        assert found.notes == []

    def test_exact_figures(self, put_facts: Any, opened: Open) -> None:
        """Large sums and fractions keep every digit, in JSON too."""
        big = 9_007_199_254_740_993  # the first integer that a float cannot hold
        put_facts("account_daily", on(1, cost_micros=big, conversions=Decimal("0.1")), days=MARCH, now=at(0))
        put_facts("account_daily", on(1, cost_micros=big + 2, conversions=Decimal("0.3")), days=MARCH, now=at(1))
        with opened(None) as query:
            rows = json.loads(restated(query, since=SINCE, until=UNTIL).to_json(), parse_float=Decimal)["rows"]
        assert [(row["metric"], row["first"], row["latest"], row["change"]) for row in rows] == [
            ("cost_micros", big, big + 2, 2),
            ("conversions", Decimal("0.1"), Decimal("0.3"), Decimal("0.2")),
        ]
        assert rows[0]["moved_at"] == "2026-03-10T07:00:00Z"

    def test_rows_are_summed(self, put_facts: Any, opened: Open) -> None:
        """A dataset that is named is looked at as asked, day by day over all its rows."""
        put_facts(
            "campaign_daily", on(1, campaign_id="a", clicks=1), on(1, campaign_id="b", clicks=2), days=MARCH, now=at(0)
        )
        put_facts(
            "campaign_daily", on(1, campaign_id="a", clicks=2), on(1, campaign_id="b", clicks=1), days=MARCH, now=at(1)
        )
        put_facts("campaign_daily", on(1, campaign_id="b", clicks=1), days=MARCH, now=at(2))
        with opened(None) as query:
            found = restated(query, since=SINCE, until=UNTIL, dataset="campaign_daily")
        assert [told(row) for row in found.rows] == [("act_1", 1, "clicks", 3, 1, -2, at(2), 1)]

    def test_a_day_that_vanishes_and_one_that_gets_a_figure(self, put_facts: Any, opened: Open) -> None:
        """Rows that have gone are 0; a metric that nobody gave at first is missing at first."""
        put_facts("account_daily", on(1, clicks=4), on(2, clicks=1), days=MARCH, now=at(0))
        put_facts("account_daily", on(2, clicks=1, conversions=Decimal(2)), days=MARCH, now=at(1))
        with opened(None) as query:
            found = restated(query, since=SINCE, until=UNTIL)
        assert [told(row) for row in found.rows] == [
            ("act_1", 1, "clicks", 4, 0, -4, at(1), 1),
            ("act_1", 2, "conversions", None, 2, 2, at(1), 1),
        ]

    def test_only_what_is_asked_for(self, put_facts: Any, opened: Open) -> None:
        """Days, platforms and accounts limit it."""
        for hours, value in ((0, 1), (1, 2)):
            put_facts("account_daily", on(1, clicks=value), on(5, clicks=value), days=MARCH, now=at(hours))
            put_facts("account_daily", on(1, clicks=value), account="act_2", days=MARCH, now=at(hours))
            put_facts("account_daily", on(1, clicks=value), platform="google", days=MARCH, now=at(hours))
        with opened(None) as query:

            def asked(**filters: Any) -> list[tuple[str, str, int]]:
                options = {"since": SINCE, "until": UNTIL} | filters
                found = restated(query, **options)
                return [(row.platform, row.account_id, row.day.day) for row in found.rows]

            assert asked() == [("google", "act_1", 1), ("meta", "act_1", 1), ("meta", "act_1", 5), ("meta", "act_2", 1)]
            assert asked(since=date(2026, 3, 2)) == [("meta", "act_1", 5)]
            assert asked(platforms=["google"]) == [("google", "act_1", 1)]
            assert asked(accounts=["act_2"]) == [("meta", "act_2", 1)]
            assert asked(accounts=[AccountKey("meta", "act_1")], until=date(2026, 3, 4)) == [("meta", "act_1", 1)]

    def test_days_that_have_not_moved(self, put_facts: Any, opened: Open) -> None:
        """They are there when they are asked for, also of a month with one version."""
        put_facts("account_daily", on(1, clicks=1), on(2, clicks=7), days=MARCH, now=at(0))
        put_facts("account_daily", on(1, clicks=3), on(2, clicks=7), days=MARCH, now=at(1))
        april = (date(2026, 4, 1), date(2026, 4, 30))
        put_facts("account_daily", {"date": april[0], "clicks": 9}, days=april, now=at(0))
        with opened(None) as query:
            found = restated(query, since=SINCE, until=april[1], unmoved=True)
        steps = {row.day: [step.value for step in row.steps] for row in found.rows if row.metric == "clicks"}
        assert steps == {date(2026, 3, 1): [1, 3], date(2026, 3, 2): [7], april[0]: [9]}

    def test_bad_questions(self, opened: Open) -> None:
        """Unknown datasets and days the wrong way round are refused."""
        with opened(None) as query:
            with pytest.raises(UnknownName, match="no dataset 'hourly'"):
                restated(query, since=SINCE, until=UNTIL, dataset="hourly")
            with pytest.raises(BadInput, match="wrong way round"):
                restated(query, since=UNTIL, until=SINCE)

    def test_a_version_that_is_damaged(self, put_facts: Any, opened: Open, store: Store, tmp_path: Path) -> None:
        """A superseded file that is gone is named: without it the history would be wrong."""
        put_facts("account_daily", on(1, clicks=1), days=MARCH, now=at(0))
        put_facts("account_daily", on(1, clicks=2), days=MARCH, now=at(1))
        (tmp_path / versions(store)[0].path).unlink()
        with opened(None) as query, pytest.raises(StoreDamaged, match="cannot be read"):
            restated(query, since=SINCE, until=UNTIL)
