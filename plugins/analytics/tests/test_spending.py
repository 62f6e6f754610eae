"""The hooks `pacing`, `budgets`, `set_budget` and `forget_budget`: what is asked, known and stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import select

from adjoin.analytics import v1
from adjoin.db.models import Account, Entity
from adjoin.db.people import AuditEntry
from adjoin.errors import BadInput, StateError, UnknownName
from adjoin.testing.fact_stage import FactStage
from adjoin_analytics import Analyst

Paced = Callable[..., v1.Pacing]

JUNE, LAST = date(2026, 6, 1), date(2026, 6, 30)
TODAY = date(2026, 6, 16)  # half of the month has passed
ACCOUNT = ("meta", "act_1")
M = 1_000_000


@pytest.fixture
def june(stage: FactStage) -> FactStage:
    """Ten a day from April on: "steady" eight and "small" two; read up to yesterday."""
    first = date(2026, 4, 1)
    days = [first + timedelta(days=number) for number in range((TODAY - first).days)]
    rows = [
        {"date": day, "campaign_id": campaign, "cost_micros": cost * M}
        for day in days
        for campaign, cost in (("steady", 8), ("small", 2))
    ]
    stage.put("campaign_daily", *rows, days=(first, TODAY - timedelta(days=1)))
    stage.name("campaign", "steady", "Steady", daily_budget_micros=10 * M)
    stage.name(
        "campaign", "small", "Small", lifetime_budget_micros=61 * M, start_date="2026-06-01", end_date="2026-06-30"
    )
    # The stage's clock goes one second a commit; what is asked is asked in June.
    stage.clock.advance((datetime(2026, 6, 16, 9, tzinfo=UTC) - stage.clock.now()).total_seconds())
    return stage


@pytest.fixture
def paced(june: FactStage) -> Paced:
    def asked(month: date = JUNE, *accounts: str) -> v1.Pacing:
        return Analyst().pacing(june.context(), month, accounts)

    return asked


def put(stage: FactStage, micros: int, key: tuple[str, ...] = ACCOUNT, month: date = JUNE) -> None:
    Analyst().set_budget(stage.context(), key, month, micros, "system")


def campaign(found: v1.Pacing, name: str) -> v1.Pace:
    return next(one for one in found.campaigns if one.name == name)


def test_an_account_with_a_budget(june: FactStage, paced: Paced) -> None:
    """150 of 240 are spent after half of the month: over plan, and 6 a day are left for 15 days."""
    put(june, 240 * M)
    (found,) = paced().accounts
    assert (found.state, found.source, found.currency) == (v1.PacingState.OVER, v1.BudgetSource.SET, "EUR")
    assert (found.spent_micros, found.planned_micros, found.ratio) == (150 * M, 120 * M, Decimal("1.25"))
    assert (found.budget_share, found.elapsed_share) == (Decimal("0.625"), Decimal("0.5"))
    assert (found.left_micros, found.days_left, found.needed_daily_micros) == (90 * M, 15, 6 * M)
    assert (found.projected_micros, found.projected_ratio) == (300 * M, Decimal("1.25"))
    assert found.low_micros is not None
    assert found.high_micros is not None
    assert found.low_micros < 300 * M < found.high_micros
    assert found.runs_out_on == date(2026, 6, 24)


def test_without_a_budget_there_is_a_projection(paced: Paced) -> None:
    (found,) = paced().accounts
    assert (found.state, found.source, found.budget_micros, found.ratio) == (v1.PacingState.NO_BUDGET, None, None, None)
    assert (found.spent_micros, found.projected_micros) == (150 * M, 300 * M)


def test_budgets_that_platforms_tell(paced: Paced) -> None:
    """A daily budget counts for each day of the month; one for the whole run for its days."""
    found = paced()
    steady, small = campaign(found, "Steady"), campaign(found, "Small")
    assert (steady.source, steady.kind, steady.daily_micros) == (v1.BudgetSource.PLATFORM, v1.BudgetKind.DAILY, 10 * M)
    assert (steady.budget_micros, steady.ratio, steady.state) == (300 * M, Decimal("0.8"), v1.PacingState.UNDER)
    assert (small.kind, small.budget_micros, small.daily_micros) == (v1.BudgetKind.TOTAL, 61 * M, None)
    assert small.state is v1.PacingState.ON
    assert [one.name for one in found.campaigns] == ["Steady", "Small"]


def test_a_set_budget_goes_before_the_platforms(june: FactStage, paced: Paced) -> None:
    put(june, 400 * M, (*ACCOUNT, "steady"))
    steady = campaign(paced(), "Steady")
    assert (steady.source, steady.kind, steady.budget_micros) == (v1.BudgetSource.SET, v1.BudgetKind.TOTAL, 400 * M)


def test_budgets_of_ad_groups_are_added(june: FactStage, paced: Paced) -> None:
    """Where a campaign has none and all its active ad groups do."""
    june.name("campaign", "steady", "Steady")
    for group, budget, status in (("g1", 3 * M, "active"), ("g2", 4 * M, "active"), ("g3", 9 * M, "paused")):
        june.name("ad_group", group, group, status=status, daily_budget_micros=budget)
    with june.store.write() as session:
        for row in session.exec(select(Entity).where(Entity.kind == "ad_group")):
            row.campaign_id = "steady"
            session.add(row)
    assert campaign(paced(), "Steady").daily_micros == 7 * M


def test_a_paused_campaign_has_no_budget_of_the_platform(june: FactStage, paced: Paced) -> None:
    june.name("campaign", "steady", "Steady", status="paused", daily_budget_micros=10 * M)
    assert campaign(paced(), "Steady").state is v1.PacingState.NO_BUDGET


def test_a_budget_holds_until_the_next(june: FactStage, paced: Paced) -> None:
    put(june, 100 * M, month=date(2026, 4, 9))
    put(june, 200 * M, month=JUNE)
    amounts = [paced(date(2026, month, 1)).accounts[0].budget_micros for month in (3, 4, 5, 6, 7)]
    assert amounts == [None, 100 * M, 100 * M, 200 * M, 200 * M]


def test_a_removed_budget_ends_before_its_month(june: FactStage, paced: Paced) -> None:
    put(june, 100 * M, month=date(2026, 4, 1))
    put(june, 200 * M, month=date(2026, 7, 1))
    Analyst().forget_budget(june.context(), ACCOUNT, date(2026, 5, 31), "system")
    amounts = [paced(date(2026, month, 1)).accounts[0].budget_micros for month in (4, 5, 6, 7)]
    assert amounts == [100 * M, None, None, None]
    put(june, 300 * M, month=JUNE)
    amounts = [paced(date(2026, month, 1)).accounts[0].budget_micros for month in (4, 5, 6, 7)]
    assert amounts == [100 * M, None, 300 * M, 300 * M]


def test_it_is_told_in_the_audit_log(june: FactStage) -> None:
    put(june, 100 * M)
    put(june, 200 * M)
    Analyst().forget_budget(june.context(), ACCOUNT, JUNE, "system")
    with june.store.read() as session:
        told = [(one.action, one.object_id, one.before, one.after) for one in session.exec(select(AuditEntry)).all()]
    first, second = ({"month": "2026-06-01", "micros": amount * M, "currency": "EUR"} for amount in (100, 200))
    assert sorted(told, key=repr) == sorted(
        [
            ("budget.set", "meta/act_1", None, first),
            ("budget.set", "meta/act_1", first, second),
            ("budget.forgotten", "meta/act_1", second, None),
        ],
        key=repr,
    )


def test_days_that_were_not_read_are_missing(stage: FactStage) -> None:
    """Nothing is known of the second half of the days that have passed: they are not 0."""
    days = [{"date": JUNE + timedelta(days=number), "campaign_id": "c", "cost_micros": 10 * M} for number in range(10)]
    stage.put("campaign_daily", *days)
    stage.clock.advance((datetime(2026, 6, 21, tzinfo=UTC) - stage.clock.now()).total_seconds())
    put(stage, 300 * M)
    (found,) = Analyst().pacing(stage.context(), JUNE, ()).accounts
    assert (found.missing_days, found.ratio, found.state) == (10, 1, v1.PacingState.ON)
    assert found.projected_micros == 300 * M


def test_only_the_accounts_that_are_asked_for(june: FactStage, paced: Paced) -> None:
    june.account("act_2")
    assert [one.key for one in paced().accounts] == [("meta", "act_1"), ("meta", "act_2")]
    (found,) = paced(JUNE, "meta/act_2").accounts
    assert (found.key[1], found.state, found.projected_micros) == ("act_2", v1.PacingState.NO_BUDGET, None)
    assert paced(JUNE, "meta/act_2").campaigns == ()
    with pytest.raises(UnknownName, match="meta/act_9"):
        paced(JUNE, "meta/act_9")


def test_another_currency_than_the_accounts_is_left_out(june: FactStage, paced: Paced) -> None:
    put(june, 100 * M)
    with june.store.write() as session:
        account = session.get(Account, (june.workspace_id, *ACCOUNT))
        assert account is not None
        account.currency = "USD"
        session.add(account)
    found = paced()
    assert found.accounts[0].budget_micros is None
    assert ["currency changed" in note for note in found.notes] == [True]


def test_many_campaigns_are_cut_with_a_note(stage: FactStage) -> None:
    rows: list[dict[str, Any]] = [
        {"date": JUNE, "campaign_id": f"c{number}", "cost_micros": number * M} for number in range(1, 131)
    ]
    stage.put("campaign_daily", *rows)
    stage.name("campaign", "c1", "Least")
    stage.clock.advance((datetime(2026, 6, 3, tzinfo=UTC) - stage.clock.now()).total_seconds())
    put(stage, M, (*ACCOUNT, "c1"))
    found = Analyst().pacing(stage.context(), JUNE, ())
    assert len(found.campaigns) == 100
    assert found.campaigns[-1].name == "Least"
    assert found.notes == ("Of 129 campaigns without a budget of your own the 99 that spent most are shown.",)


def test_without_tables_nothing_is_kept(june: FactStage, paced: Paced) -> None:
    """Pages still work before `adjoin db upgrade`; setting says what to do."""
    with june.store.write() as session:
        session.connection().exec_driver_sql("DROP TABLE analytics_budgets")
    assert Analyst().budgets(june.context()) == ()
    assert paced().accounts[0].spent_micros == 150 * M
    with pytest.raises(StateError, match="adjoin db upgrade"):
        put(june, M)


def test_too_much_is_refused(june: FactStage) -> None:
    with pytest.raises(BadInput, match="above 0"):
        put(june, 10**18 + 1)
    with pytest.raises(BadInput, match="1999"):
        put(june, M, month=date(1999, 1, 1))
