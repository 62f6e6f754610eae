"""Comparing grains: what is a difference, what explains it, and what may not be compared."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjoin.ads import v2
from adjoin.ads.datasets import arrow_schema
from adjoin.db.models import RunState, RunTrigger
from adjoin.sync.commit import AccountCommit
from adjoin.sync.differences import KEPT, Difference, added, difference_sentence, state_text
from adjoin.sync.reconcile import Grain, reconcile

DAY = date(2026, 3, 10)
NEXT = DAY + timedelta(days=1)


def grain(folder: Path, dataset: str, *rows: dict[str, Any], days: tuple[date, ...] = (DAY, NEXT)) -> Grain:
    """A file with these rows; what a row does not name is empty."""
    schema = arrow_schema(dataset)
    keys = {name: "x" for name in schema.names if name.endswith("_id") or name == "search_term"}
    whole = [dict.fromkeys(schema.names) | keys | {"date": DAY, "account_id": "a"} | row for row in rows]
    path = folder / f"{dataset}-{len(list(folder.iterdir()))}.parquet"
    pq.write_table(pa.Table.from_pylist(whole, schema=schema), path)
    return Grain(files=[path], days=frozenset(days))


def compare(staged: dict[str, Grain], **options: Any) -> list[Difference]:
    defaults: dict[str, Any] = {"committed": {}, "known_gaps": {}, "still_moving": date(2026, 3, 15)}
    return reconcile(account_id="a", currency="EUR", staged=staged, **(defaults | options))


def found(differences: list[Difference]) -> list[tuple[str, str, str, str, str | None]]:
    return [(one.finer, one.coarser, one.metric, one.difference, one.known) for one in differences]


def test_each_grain_is_held_against_the_next_up_to_the_account(tmp_path: Path) -> None:
    """Ads against ad groups, ad groups against campaigns, campaigns against the platform's own total."""
    staged = {
        name: grain(tmp_path, name, {"clicks": clicks})
        for name, clicks in (("ad_daily", 1), ("ad_group_daily", 3), ("campaign_daily", 3), ("account_daily", 7))
    }
    assert found(compare(staged)) == [
        ("ad_daily", "ad_group_daily", "clicks", "2", None),
        ("campaign_daily", "account_daily", "clicks", "4", None),
    ]


def test_a_gap_that_the_platform_is_known_for_is_told_apart_from_the_rest(tmp_path: Path) -> None:
    """Days on which the finer grain holds less are explained; those on which it holds more are not, day by day."""
    staged = {
        "campaign_daily": grain(tmp_path, "campaign_daily", {"clicks": 1}, {"clicks": 9, "date": NEXT}),
        "account_daily": grain(tmp_path, "account_daily", {"clicks": 3}, {"clicks": 4, "date": NEXT}),
    }
    differences = compare(staged, known_gaps={"campaign_daily<account_daily": "deleted campaigns"})
    assert [(one.first_day, one.difference, one.known) for one in differences] == [
        ("2026-03-10", "2", "deleted campaigns"),
        ("2026-03-11", "-5", None),
    ]


def test_a_step_that_was_not_read_is_explained_by_what_lies_between(tmp_path: Path) -> None:
    """Ads against campaigns: what ads and ad groups are known to lack explains it together."""
    staged = {
        "ad_daily": grain(tmp_path, "ad_daily", {"clicks": 1}),
        "campaign_daily": grain(tmp_path, "campaign_daily", {"clicks": 3}),
    }
    gaps = {"ad_daily<ad_group_daily": "Deleted ads.", "ad_group_daily<campaign_daily": "No ad groups."}
    assert found(compare(staged, known_gaps=gaps)) == [
        ("ad_daily", "campaign_daily", "clicks", "2", "Deleted ads. No ad groups.")
    ]


@pytest.mark.parametrize(("clicks", "differences"), [(3, []), (7, ["-2"])])
def test_breakdowns_hold_less_by_their_nature_and_never_more(
    tmp_path: Path, clicks: int, differences: list[str]
) -> None:
    """Keywords have a part of their ad groups' clicks; more than all of them is told."""
    staged = {
        "keyword_daily": grain(tmp_path, "keyword_daily", {"clicks": clicks}),
        "ad_group_daily": grain(tmp_path, "ad_group_daily", {"clicks": 5}),
    }
    told = compare(staged, known_gaps={"keyword_daily<ad_group_daily": "Not every click has a keyword."})
    assert [(one.difference, one.known) for one in told] == [(amount, None) for amount in differences]
    assert compare(staged) == []  # where the platform does not name the pair it says nothing


@pytest.mark.parametrize(
    ("coarse", "told"), [("0.999999999", []), ("1.000000001", []), ("1.1", [("conversions", "0.1")])]
)
def test_rounding_is_no_difference(tmp_path: Path, coarse: str, told: list[tuple[str, str]]) -> None:
    """Three thirds are not quite one: each row may be off by one of the last digit."""
    third = Decimal("0.333333333")
    staged = {
        "campaign_daily": grain(tmp_path, "campaign_daily", *({"conversions": third} for _ in range(3))),
        "account_daily": grain(tmp_path, "account_daily", {"conversions": Decimal(coarse)}),
    }
    differences = [(one.metric, one.difference) for one in compare(staged)]
    assert [metric for metric, _ in differences] == [metric for metric, _ in told]


def test_a_metric_that_a_grain_does_not_give_is_no_difference(tmp_path: Path) -> None:
    """Rows without a figure say nothing; no rows at all are nothing."""
    staged = {
        "ad_daily": grain(tmp_path, "ad_daily", {"clicks": 3}),
        "ad_group_daily": grain(tmp_path, "ad_group_daily", {"clicks": 3, "conversions": Decimal(2)}),
    }
    assert compare(staged) == []
    staged["ad_daily"] = grain(tmp_path, "ad_daily")
    assert [one.metric for one in compare(staged)] == ["clicks", "conversions"]


def test_committed_days_are_compared_where_one_grain_was_read_alone(tmp_path: Path) -> None:
    """Settled days of the other grain count, also from a file that holds other accounts, and it is said."""
    committed = grain(tmp_path, "account_daily", {"clicks": 5}, {"clicks": 100, "account_id": "b"}, days=(DAY,))
    staged = {"campaign_daily": grain(tmp_path, "campaign_daily", {"clicks": 1}, {"clicks": 8, "date": NEXT})}
    (one,) = compare(staged, committed={"account_daily": committed})
    assert (one.difference, one.days, one.against, one.currency) == ("4", 1, "committed", "EUR")


def test_what_was_read_now_goes_before_what_was_committed(tmp_path: Path) -> None:
    """A committed day that is replaced in this very run is not held against anything."""
    staged = {
        "campaign_daily": grain(tmp_path, "campaign_daily", {"clicks": 5}),
        "account_daily": grain(tmp_path, "account_daily", {"clicks": 5}),
    }
    assert compare(staged, committed={"account_daily": grain(tmp_path, "account_daily", {"clicks": 1})}) == []


def restate(house, change: int) -> None:
    """Let all campaigns have more clicks from now on."""
    before = house.platform.clicks
    house.platform.clicks = lambda account, day: {key: clicks + change for key, clicks in before(account, day).items()}


class TestAgainstCommitted:
    """A window that is read at one grain only: `--dataset`, a gap, a dataset that a new release brings."""

    def test_settled_days_are_compared(self, house):
        """A day that left the look-back before both readings cannot differ for a good reason."""
        house.sync()
        house.clock.advance(20 * 86400)
        house.sync(date(2026, 3, 5), date(2026, 3, 12))  # now both grains have read these days when they were settled
        restate(house, 1)
        house.book.enqueue(
            workspace_id="default",
            connection_id=house.connection.id,
            trigger=RunTrigger.PERSON,
            now=house.clock.now(),
            since=date(2026, 3, 8),
            until=date(2026, 3, 9),
            accounts=["a1"],
            streams=["campaign_daily"],
        )
        run = house.execute(house.take())
        told = [one for one in run.differences if one["metric"] == "clicks"]
        assert [(one["first_day"], one["last_day"], one["difference"]) for one in told] == [
            ("2026-03-08", "2026-03-09", "-4")
        ]
        assert {one["against"] for one in run.differences} == {"committed"}
        assert run.unexplained == len(run.differences)
        assert (run.state, state_text(run)) == (RunState.SUCCEEDED, "succeeded with differences")

    def test_days_that_may_still_change_are_not(self, house):
        """The other grain is as old as it is: the platform may have changed the day between the two readings."""
        house.sync()
        restate(house, 1)
        house.book.enqueue(
            workspace_id="default",
            connection_id=house.connection.id,
            trigger=RunTrigger.PERSON,
            now=house.clock.now(),
            since=date(2026, 3, 13),
            until=date(2026, 3, 14),
            streams=["campaign_daily"],
        )
        run = house.execute(house.take())
        assert (run.state, run.differences, run.unexplained) == (RunState.SUCCEEDED, [], 0)
        assert state_text(run) == "succeeded"


def difference(**values: Any) -> dict[str, Any]:
    return {
        "account_id": "1",
        "currency": "EUR",
        "finer": "ad_daily",
        "coarser": "campaign_daily",
        "metric": "cost_micros",
        "first_day": "2026-11-01",
        "last_day": "2026-11-03",
        "days": 3,
        "difference": "1230000",
        "largest": "1000000",
        "known": None,
    } | values


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {},
            (
                "Shop, 2026-11-01 to 2026-11-03: campaign_daily has 1.23 EUR more spend than ad_daily. The reason is "
                "not known."
            ),
        ),
        (
            {"metric": "clicks", "difference": "-4000", "last_day": "2026-11-01", "known": "Because."},
            "Shop, 2026-11-01: ad_daily has 4,000 more clicks than campaign_daily. Because.",
        ),
        (
            {"metric": "conversions", "difference": "0", "largest": "-2.5", "days": 2},
            (
                "Shop, 2026-11-01 to 2026-11-03: campaign_daily and ad_daily differ by up to 2.5 conversions on 2 "
                "days, in both directions. The reason is not known."
            ),
        ),
    ],
)
def test_a_difference_is_a_sentence_with_its_amount(values: dict[str, Any], sentence: str) -> None:
    """Which levels, on which days, by how much in which currency, and why."""
    assert difference_sentence(difference(**values), name="Shop") == sentence


def test_a_difference_of_an_earlier_release_has_words_too() -> None:
    """It was stored without a currency and without the largest day."""
    stored = difference()
    del stored["currency"], stored["largest"]
    assert "1.23 GBP" in difference_sentence(stored, name="Shop", currency="GBP")


def test_a_run_keeps_a_bounded_number_and_the_unexplained_first() -> None:
    """Thousands of accounts with the same known gap do not make the row of the run grow without end."""
    known = [difference(known="why", account_id=str(number)) for number in range(KEPT)]
    new = Difference(**difference(account_id="new"))
    kept = added(known, [new])
    assert len(kept) == KEPT
    assert kept[0]["account_id"] == "new"


def test_a_commit_looks_at_the_months_that_it_touches(house, monkeypatch) -> None:
    """However long the history of an account is, a sync of its last days asks for its last months only."""
    house.history_days = 200
    house.platform.streams = tuple(
        v2.Stream(name=one.name, kind=one.kind, look_back=(v2.LookBack(days=3),)) for one in house.platform.streams
    )
    house.sync()
    while _backfill(house):
        pass
    seen = []
    original = AccountCommit._current

    def current(self, account, dataset, touched):
        found = original(self, account, dataset, touched)
        seen.append((dataset, sorted(found)))
        return found

    monkeypatch.setattr(AccountCommit, "_current", current)
    house.clock.advance(86400)
    house.sync()
    assert {tuple(months) for _, months in seen} == {(date(2026, 3, 1),)}


def _backfill(house) -> bool:
    """Execute what is queued; False when nothing is."""
    attempt = house.book.take_next(now=house.clock.now())
    if attempt is None:
        return False
    house.execute(attempt)
    return True
