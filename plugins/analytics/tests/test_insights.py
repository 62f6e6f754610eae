"""What is worth looking at, found through the hooks in facts that were put there by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from adjoin.access.audit import by_user
from adjoin.analytics import v1
from adjoin.db.people import AuditEntry
from adjoin.errors import StateError, UnknownName
from adjoin.testing.fact_stage import FactStage
from adjoin_analytics import Analyst
from adjoin_analytics.analyses.anomalies import anomalies
from adjoin_analytics.analyses.expected_days import days_around, shown_days
from adjoin_analytics.analyses.series import Day, Series
from adjoin_analytics.insights import looking
from adjoin_analytics.insights.asked import open_day
from adjoin_analytics.tables import StoredDismissal

ANA = by_user("ana")
LAST = date(2026, 4, 9)  # the clock of a stage stands on the day after
MONTH = (LAST - timedelta(days=29), LAST)
FIRST = LAST - timedelta(days=150)
DAYS = [FIRST + timedelta(days=number) for number in range(151)]


def at(day: date, clicks: int, conversions: int = 0, **ids: str) -> dict[str, Any]:
    found: dict[str, Any] = {"date": day, "impressions": clicks * 50, "clicks": clicks, "cost_micros": clicks * 500_000}
    return found | {"conversions": Decimal(conversions)} | ids


def look(stage: FactStage, *where: v1.Condition, days: tuple[date, date] = MONTH) -> v1.Findings:
    return Analyst().findings(stage.context(), *days, "EUR", where)


def kinds(found: v1.Findings) -> set[tuple[v1.FindingKind, tuple[str, ...], str]]:
    return {(one.kind, one.key, one.subject) for one in found.found}


def figures(finding: v1.Finding) -> Mapping[str, Decimal]:
    return {one.name: one.value for one in finding.figures}


class TestChanges:
    @pytest.fixture
    def grown(self, stage: FactStage) -> FactStage:
        """Two campaigns; the first spends slowly more, up to the double, without a day that is unusual."""
        rows = [at(day, 100 + max(0, number - 90) * 2, campaign_id="c1") for number, day in enumerate(DAYS)]
        rows += [at(day, 100, campaign_id="c2") for day in DAYS]
        stage.put("campaign_daily", *rows, days=(FIRST, LAST))
        return stage

    def test_who_made_the_change(self, grown: FactStage) -> None:
        """The campaign that spends more, with what it spent before and now, and both periods to draw."""
        (found,) = [one for one in look(grown).found if one.kind is v1.FindingKind.CONTRIBUTION]
        assert (found.key, found.dimension, found.side) == (("meta", "act_1", "c1"), "campaign", "above")
        spent = {day: (100 + max(0, number - 90) * 2) * 500_000 for number, day in enumerate(DAYS)}
        now = sum(spent[day] for day in DAYS[-30:])
        before = sum(spent[day] for day in DAYS[-60:-30])
        assert figures(found) == {"before": before, "now": now, "change": now - before, "share": 1}
        assert found.at_stake_micros == now - before
        assert [(one.day, one.value) for one in found.days] == [(day, spent[day]) for day in DAYS[-60:]]

    def test_days_that_are_missing_are_no_change(self, grown: FactStage) -> None:
        """Half of the days have no figures: that is told, and nothing is compared."""
        found = look(grown, days=(LAST - timedelta(days=29), LAST + timedelta(days=60)))
        assert found.until == LAST
        assert look(grown, days=(FIRST, FIRST + timedelta(days=29))).found == ()
        notes = look(grown, days=(FIRST, FIRST + timedelta(days=29))).notes
        assert "Changes were not looked for: of these 30 days 30 have figures, of as many before 0." in notes

    def test_a_part(self, grown: FactStage) -> None:
        """Conditions keep everything to a part; one that no dataset of an analysis carries is told."""
        quiet = v1.Condition(dimension="campaign", values=("c2",))
        assert look(grown, quiet).found == ()
        with pytest.raises(UnknownName):
            look(grown, v1.Condition(dimension="nonsense", values=("x",)))

    def test_the_costliest_are_looked_at(self, grown: FactStage, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of more campaigns than are looked at the costliest, and the notes say so."""
        monkeypatch.setattr(looking, "_LEVELS", {"platform": 0, "account": 1, "campaign": 1})
        answered: list[v1.Question] = []
        analyst = Analyst()
        ask = analyst._answering.answer
        context = grown.context()

        def watched(question: v1.Question) -> v1.Answer:
            answered.append(question)
            return ask(context, question)

        definitions = analyst.definitions(context)
        found = looking.look(watched, context, definitions, since=MONTH[0], until=LAST, currency="EUR")
        assert "Of 2 campaigns the 1 that cost most were looked at." in found.notes
        (judged,) = [one for one in answered if one.dimensions == ("campaign", "day")]
        assert [(one.dimension, one.values) for one in judged.where] == [
            ("account", ("meta/act_1",)),
            ("campaign", ("c1",)),
        ]
        assert len(answered) <= 12

    def test_days_that_are_not_over(self, grown: FactStage) -> None:
        """A day counts when it is over in the zone of every account."""
        grown.account("act_2", time_zone="Pacific/Honolulu")
        grown.clock.advance(20 * 3600)  # 8:00 on the 11th, and 22:00 on the 10th on Hawaii
        assert open_day(grown.context()) == date(2026, 4, 10)
        grown.account("act_3", time_zone="Nowhere/Land")
        assert open_day(grown.context()) == date(2026, 4, 10)
        assert look(grown, days=(LAST, LAST + timedelta(days=5))).until == LAST


class TestAdsAndTerms:
    def test_search_terms(self, stage: FactStage) -> None:
        """One that only costs, and one that converts well; a keyword is neither."""
        day = LAST - timedelta(days=20)
        ids = {"campaign_id": "c1", "ad_group_id": "g1"}
        rows = [
            at(day, 2_000, 100, search_term="tent", **ids),
            at(day, 400, 0, search_term="tent <b>jobs</b>", **ids),
            at(day, 100, 30, search_term="family tent", **ids),
        ]
        stage.put("search_term_daily", *rows, days=(day, day))
        stage.put("keyword_daily", at(day, 2_000, 100, keyword_id="k1", **ids), days=(day, day))
        stage.put("campaign_daily", at(day, 2_500, 130, campaign_id="c1"), days=(day, day))
        stage.name("keyword", "k1", "Tent")
        found = look(stage)
        campaign = ("meta", "act_1", "c1")
        assert kinds(found) == {
            (v1.FindingKind.TERM_TO_EXCLUDE, campaign, "tent <b>jobs</b>"),
            (v1.FindingKind.TERM_TO_ADD, campaign, "family tent"),
        }
        wasteful = next(one for one in found.found if one.kind is v1.FindingKind.TERM_TO_EXCLUDE)
        assert wasteful.at_stake_micros == 200_000_000
        assert (wasteful.until, wasteful.days) == (LAST - timedelta(days=7), ())
        assert figures(wasteful)["clicks"] == 400

    def test_a_tired_ad(self, stage: FactStage) -> None:
        """Its click rate by day, and what its siblings let expect in the recent ones."""
        rows = []
        for number, day in enumerate(DAYS[-80:]):
            for ad in ("a1", "a2", "a3"):
                rate = 0.004 if ad == "a1" and number >= 50 else 0.02
                clicks = round(5_000 * rate) + number % 3
                ids = {"campaign_id": "c1", "ad_group_id": "g1", "ad_id": ad}
                rows.append({"date": day, "impressions": 5_000, "clicks": clicks, "cost_micros": 10_000_000, **ids})
        stage.put("ad_daily", *rows, days=(DAYS[-80], LAST))
        stage.name("ad", "a1", "Summer")
        (found,) = [one for one in look(stage).found if one.kind is v1.FindingKind.FATIGUE]
        assert (found.key, found.name) == (("meta", "act_1", "c1", "g1", "a1"), "Summer")
        assert figures(found)["ctr_now"] < Decimal("0.005") < figures(found)["ctr_expected"]
        assert len(found.days) == 80
        assert sum(one.expected is not None for one in found.days) == 14


class TestDays:
    def test_around_an_anomaly(self) -> None:
        """Each day within its own interval but those of the anomaly; the expected ones of it add up to its own."""
        first = date(2026, 6, 1)
        counts = [100, 103, 98, 101, 97, 60, 62] * 10 + [25, 24]
        days = tuple(Day(day=first + timedelta(place), amount=count) for place, count in enumerate(counts))
        series = Series(key=("google", "1"), metric="clicks", days=days)
        (found,) = anomalies([series], since=days[-10].day, until=days[-1].day)
        shown = days_around(series, found, since=days[-20].day, until=days[-1].day)
        assert [one.value for one in shown] == counts[-20:]
        off = [one for one in shown if found.since <= one.day <= found.until]
        assert abs(sum(Decimal(one.expected or 0) for one in off) - Decimal(found.expected or 0)) < 1
        assert all(one.low is not None and one.value is not None and one.value < one.low for one in off)
        inside = [one for one in shown if one not in off]
        assert all((one.low or 0) <= (one.value or 0) <= (one.high or 0) for one in inside)

    def test_a_cost_per_something(self) -> None:
        """Of a ratio that is judged the other way round low stays below high; days without knowledge have nothing."""
        first = date(2026, 6, 1)
        days = [
            Day(day=first + timedelta(place), amount=50 + place % 3, per=100_000_000, arrived=1.0)
            for place in range(60)
        ]
        days[-2:] = [replace(one, amount=10) for one in days[-2:]]
        del days[40]
        series = Series(key=("google", "1"), metric="cpa", days=tuple(days), inverse=True)
        (found,) = anomalies([series], since=days[-5].day, until=days[-1].day)
        shown = days_around(series, found, since=days[-25].day, until=days[-1].day)
        told = [one for one in shown if one.expected is not None]
        assert [one.day for one in shown if one.value is None] == [first + timedelta(40)]
        assert all(one.low < one.expected < one.high for one in told if one.low and one.expected and one.high)
        assert shown_days(series, since=first + timedelta(40), until=first + timedelta(40))[0].value is None


class TestDismissals:
    def test_one_of_several(self, stage: FactStage) -> None:
        """What is taken back is gone, the rest stays; the log tells how many there were."""
        context = stage.context()
        Analyst().dismiss(context, ("0" * 16, "1" * 16), ANA, None)
        assert {one.finding for one in Analyst().dismissed(context)} == {"0" * 16, "1" * 16}
        stage.clock.advance(1)
        Analyst().restore(context, ("1" * 16, "2" * 16), ANA)
        assert [(one.finding, one.by) for one in Analyst().dismissed(context)] == [("0" * 16, ANA)]
        with context.read() as session:
            told = session.exec(select(AuditEntry).order_by(col(AuditEntry.at))).all()
        assert [(one.action, (one.before or one.after or {})["findings"]) for one in told] == [
            ("finding.dismissed", 2),
            ("finding.restored", 1),
        ]

    def test_what_has_run_out_is_forgotten(self, stage: FactStage) -> None:
        """The next one that is put aside clears it away."""
        today = stage.clock.now().date()
        Analyst().dismiss(stage.context(), ("0" * 16,), ANA, today)
        stage.clock.advance(86_400)
        Analyst().dismiss(stage.context(), ("1" * 16,), ANA, None)
        with stage.context().read() as session:
            assert [one.finding for one in session.exec(select(StoredDismissal))] == ["1" * 16]

    def test_without_the_tables(self, tmp_path: Path) -> None:
        """Nothing is aside, and findings can be looked for; whoever puts one aside learns what to do."""
        with FactStage(tmp_path) as stage:
            stage.account("act_1")
            assert Analyst().dismissed(stage.context()) == ()
            assert look(stage).found == ()
            for act in (partial(Analyst().dismiss, until=None), Analyst().restore):
                with pytest.raises(StateError, match="adjoin db upgrade"):
                    act(stage.context(), ("0" * 16,), by=ANA)
