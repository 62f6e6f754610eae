"""The conformance suite of the `analytics` contract: what whoever answers questions promises, as tests to inherit.

    from adjoin.testing.analytics import AnalyticsConformance

    class TestConformance(AnalyticsConformance):
        @pytest.fixture
        def implementation(self):
            return plugin

The plugin is asked through the kernel about a workspace with a few facts on SQLite, with the tables of its package.
Hooks that it does not have are left out and listed at the end of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlmodel import select

from adjoin import analytics
from adjoin.access.audit import SYSTEM
from adjoin.analytics import v1
from adjoin.analytics.context import WorkspaceContext
from adjoin.db.people import AuditEntry
from adjoin.discovery import find_offers
from adjoin.errors import BadInput, UnknownName
from adjoin.kernel import Kernel
from adjoin.surface.v1 import Tables
from adjoin.testing.fact_stage import FactStage

__all__ = ["AnalyticsConformance"]

_PLUGIN = "analytics"
_SINCE, _UNTIL = date(2026, 3, 1), date(2026, 3, 10)
#: In the last days before the clock of a stage.
_STOPPED = date(2026, 4, 7)
_NAME = "Größe; \"neu\" <b>100 %</b> '=1+1' 🎿"


def _on(day: int, campaign: str, **metrics: Any) -> dict[str, Any]:
    return {"date": date(2026, 3, day), "campaign_id": campaign, **metrics}


class AnalyticsConformance:
    """Inherit, and override the fixture `implementation`; the others have defaults that suit most plugins."""

    __adjoin_conformance__ = True

    #: Tests that the plugin does not pass, by name, each with `pytest.mark.notyet` or `pytest.mark.never` and a reason.
    deviations: ClassVar[Mapping[str, pytest.MarkDecorator]] = {}

    @pytest.fixture
    def implementation(self) -> object:
        """The plugin object: what the entry point names."""
        raise NotImplementedError("override the fixture `implementation` to return the plugin object")

    @pytest.fixture
    def tables(self, implementation: object) -> list[Tables]:
        """The tables of the plugin; those of its installed package by default."""
        package = type(implementation).__module__.partition(".")[0]
        for offer in find_offers(["surface"]):
            for point in offer.entry_points.values():
                if point.module.partition(".")[0] == package and hasattr(plugin := point.load(), "tables"):
                    found: list[Tables] = plugin.tables()
                    return found
        return []

    @pytest.fixture
    def kernel(self, implementation: object) -> Iterator[Kernel]:
        """A kernel that has the plugin and nothing else."""
        kernel = Kernel([analytics.CONTRACT])
        kernel.add(_PLUGIN, "analytics", analytics.CONTRACT.newest.number, implementation)
        yield kernel
        kernel.close()

    @pytest.fixture(scope="session")
    @classmethod
    def made_databases(cls) -> dict[str, bytes]:
        """The files of new state databases, by the tables in them: migrations take longer than most tests."""
        return {}

    @pytest.fixture
    def stage(self, tmp_path: Path, tables: list[Tables], made_databases: dict[str, bytes]) -> Iterator[FactStage]:
        """A workspace with two campaigns, one of them with a name that is hard to show."""
        made = repr([(one.prefix, one.folder, one.head) for one in tables])
        if made not in made_databases:
            (folder := tmp_path / "empty").mkdir()
            made_databases[made] = FactStage.empty_database(folder, tables)
        with FactStage(tmp_path, database=made_databases[made]) as stage:
            stage.put(
                "campaign_daily",
                _on(1, "c1", impressions=1000, clicks=10, cost_micros=5_000_000, conversions=Decimal("2.5")),
                _on(4, "c1", impressions=1000, clicks=30, cost_micros=7_000_001, conversions=Decimal("0.5")),
                _on(9, "c2", impressions=500, clicks=0, cost_micros=0),
                days=(_SINCE, _UNTIL),
            )
            stage.name("campaign", "c1", _NAME)
            yield stage

    @pytest.fixture
    def workspace(self, stage: FactStage) -> WorkspaceContext:
        """What the plugin is asked about."""
        return stage.context()

    @pytest.fixture
    def question(self) -> v1.Question:
        """Cost and clicks by campaign."""
        return v1.Question(since=_SINCE, until=_UNTIL, metrics=("cost", "clicks", "cpa"), dimensions=("campaign",))

    def test_definitions_name_each_metric_and_dimension_once(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`definitions` has what everybody asks for, each once, with a title and a description of its columns."""
        found = kernel.hook(v1.Analytics.definitions).one(_PLUGIN, workspace)
        metrics, dimensions = [one.name for one in found.metrics], [one.name for one in found.dimensions]
        assert len({*metrics, *dimensions}) == len(metrics) + len(dimensions), "a name is there twice"
        assert {"cost", "impressions", "clicks", "conversions", "conversion_value", "ctr", "cpa", "roas"} <= {*metrics}
        assert {"platform", "account", "campaign", "ad_group", "ad", "day", "week", "month"} <= {*dimensions}
        assert all(one.title and one.formula and one.sums for one in found.metrics)
        assert all(one.title and one.name == one.columns[-1] for one in found.dimensions)

    def test_ask_answers_with_rows_and_totals(
        self, kernel: Kernel, workspace: WorkspaceContext, question: v1.Question
    ) -> None:
        """`ask` adds up what is there, exactly; what is missing stays missing, and names are as they are."""
        answer = kernel.hook(v1.Analytics.ask).one(_PLUGIN, workspace, question)
        assert answer.rows.to_pylist() == [
            {
                "platform": "meta",
                "account_id": "act_1",
                "campaign_id": "c1",
                "campaign": _NAME,
                "currency": "EUR",
                "cost": 12_000_001,
                "clicks": 40,
                "cpa": 4_000_000,
            },
            {
                "platform": "meta",
                "account_id": "act_1",
                "campaign_id": "c2",
                "campaign": None,
                "currency": "EUR",
                "cost": 0,
                "clicks": 0,
                "cpa": None,
            },
        ]
        assert answer.total_rows == 2
        assert answer.totals == {"cost": 12_000_001, "clicks": 40, "cpa": 4_000_000}

    def test_ask_cuts_after_it_has_counted(
        self, kernel: Kernel, workspace: WorkspaceContext, question: v1.Question
    ) -> None:
        """`ask` gives the totals and the number of all rows, also where only one of them is wanted."""
        asked = replace(question, limit=1, offset=1, order_by=("campaign_id",))
        answer = kernel.hook(v1.Analytics.ask).one(_PLUGIN, workspace, asked)
        assert answer.rows.column("campaign_id").to_pylist() == ["c2"]
        assert (answer.total_rows, answer.totals["clicks"]) == (2, 40)

    def test_ask_compares(self, kernel: Kernel, workspace: WorkspaceContext, question: v1.Question) -> None:
        """`ask` puts the compared days beside the rows, those of one side only too."""
        asked = replace(
            question, since=date(2026, 3, 6), metrics=("cost",), compare_since=_SINCE, compare_until=date(2026, 3, 5)
        )
        answer = kernel.hook(v1.Analytics.ask).one(_PLUGIN, workspace, asked)
        found = {row["campaign_id"]: (row["cost"], row["cost.before"]) for row in answer.rows.to_pylist()}
        assert found == {"c1": (None, 12_000_001), "c2": (0, None)}
        assert answer.compared == (_SINCE, date(2026, 3, 5))
        assert (answer.totals, answer.before) == ({"cost": 0}, {"cost": 12_000_001})

    def test_ask_refuses_what_cannot_be_asked(
        self, kernel: Kernel, workspace: WorkspaceContext, question: v1.Question
    ) -> None:
        """`ask` names what is wrong with a question: unknown names, and days the wrong way round."""
        ask = kernel.hook(v1.Analytics.ask)
        for wrong in (
            replace(question, metrics=("nonsense",)),
            replace(question, dimensions=("nonsense",)),
            replace(question, where=(v1.Condition(dimension="platform", values=("nonsense",)),)),
        ):
            with pytest.raises(UnknownName, match="nonsense"):
                ask.one(_PLUGIN, workspace, wrong)
        with pytest.raises(BadInput, match="wrong way round"):
            ask.one(_PLUGIN, workspace, replace(question, since=_UNTIL, until=_SINCE))

    def test_ask_about_days_without_facts(
        self, kernel: Kernel, workspace: WorkspaceContext, question: v1.Question
    ) -> None:
        """`ask` about the future has no rows, and totals that are missing."""
        later = timedelta(days=3650)
        answer = kernel.hook(v1.Analytics.ask).one(
            _PLUGIN, workspace, replace(question, since=_SINCE + later, until=_UNTIL + later)
        )
        assert (answer.rows.num_rows, answer.total_rows) == (0, 0)
        assert answer.totals == {"cost": None, "clicks": None, "cpa": None}

    def test_define_metric_makes_it_askable(
        self, kernel: Kernel, workspace: WorkspaceContext, question: v1.Question
    ) -> None:
        """`define_metric` stores a metric, which `custom_metrics`, `definitions` and answers then have."""
        self._needs(kernel, v1.Analytics.define_metric, v1.Analytics.custom_metrics, v1.Analytics.forget_metric)
        define, kept = kernel.hook(v1.Analytics.define_metric), kernel.hook(v1.Analytics.custom_metrics)
        metric = v1.CustomMetric(
            name="clicks_each", title="Clicks per conversion", unit=v1.Unit.MULTIPLE, formula="clicks / conversions"
        )
        define.one(_PLUGIN, workspace, metric, SYSTEM)
        assert kept.one(_PLUGIN, workspace) == (metric,)
        definitions = kernel.hook(v1.Analytics.definitions).one(_PLUGIN, workspace)
        assert [one.title for one in definitions.metrics if one.custom] == ["Clicks per conversion"]
        answer = kernel.hook(v1.Analytics.ask).one(_PLUGIN, workspace, replace(question, metrics=("clicks_each",)))
        assert answer.totals == {"clicks_each": 40 / 3}
        define.one(_PLUGIN, workspace, replace(metric, formula="2 * clicks"), SYSTEM)
        assert [one.formula for one in kept.one(_PLUGIN, workspace)] == ["2 * clicks"]
        assert self._actions(workspace) >= {"clicks_each"}

    @pytest.mark.parametrize("formula", ["clicks /", "nonsense + 1", "clicks; drop", "(clicks", "__import__", "1 + 1"])
    def test_define_metric_refuses_other_formulas(
        self, kernel: Kernel, workspace: WorkspaceContext, formula: str
    ) -> None:
        """`define_metric` takes nothing that is not arithmetic over sums, and leaves no trace of what it refuses."""
        self._needs(kernel, v1.Analytics.define_metric)
        metric = v1.CustomMetric(name="odd", title="Odd", unit=v1.Unit.COUNT, formula=formula)
        with pytest.raises(BadInput):
            kernel.hook(v1.Analytics.define_metric).one(_PLUGIN, workspace, metric, SYSTEM)
        assert kernel.hook(v1.Analytics.custom_metrics).one(_PLUGIN, workspace) == ()

    def test_define_metric_refuses_names_that_are_taken(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`define_metric` lets nobody give another meaning to what is built in."""
        self._needs(kernel, v1.Analytics.define_metric)
        metric = v1.CustomMetric(name="cost", title="Cost", unit=v1.Unit.MONEY, formula="cost_micros * 2")
        with pytest.raises(BadInput, match="cost"):
            kernel.hook(v1.Analytics.define_metric).one(_PLUGIN, workspace, metric, SYSTEM)

    def test_forget_metric_removes_it(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`forget_metric` leaves nothing, and says so where there is nothing."""
        self._needs(kernel, v1.Analytics.define_metric, v1.Analytics.custom_metrics, v1.Analytics.forget_metric)
        metric = v1.CustomMetric(name="double", title="Double", unit=v1.Unit.COUNT, formula="clicks * 2")
        kernel.hook(v1.Analytics.define_metric).one(_PLUGIN, workspace, metric, SYSTEM)
        kernel.hook(v1.Analytics.forget_metric).one(_PLUGIN, workspace, "double", SYSTEM)
        assert kernel.hook(v1.Analytics.custom_metrics).one(_PLUGIN, workspace) == ()
        with pytest.raises(UnknownName, match="double"):
            kernel.hook(v1.Analytics.forget_metric).one(_PLUGIN, workspace, "double", SYSTEM)

    def test_define_field_makes_dimensions(
        self, kernel: Kernel, stage: FactStage, workspace: WorkspaceContext, question: v1.Question
    ) -> None:
        """`define_field` stores a convention, which `custom_fields` has, and whose fields are dimensions."""
        self._needs(kernel, v1.Analytics.define_field, v1.Analytics.custom_fields)
        stage.name("campaign", "c1", "US_Brand")
        convention = v1.CustomField(
            name="campaigns",
            of="campaign",
            pattern="{market}_{theme}",
            values={"market": {"US": "United States"}},
        )
        kernel.hook(v1.Analytics.define_field).one(_PLUGIN, workspace, convention, SYSTEM)
        assert kernel.hook(v1.Analytics.custom_fields).one(_PLUGIN, workspace) == (convention,)
        asked = replace(question, metrics=("clicks",), dimensions=("market", "theme"))
        rows = kernel.hook(v1.Analytics.ask).one(_PLUGIN, workspace, asked).rows.to_pylist()
        assert [(row["market"], row["theme"], row["clicks"]) for row in rows] == [
            ("United States", "Brand", 40),
            (None, None, 0),
        ]
        assert self._actions(workspace) >= {"campaigns"}

    def test_define_field_refuses_what_cannot_be_read(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`define_field` says what is wrong with a pattern, an object or the name of a field."""
        self._needs(kernel, v1.Analytics.define_field)
        right = v1.CustomField(name="campaigns", of="campaign", pattern="{market}_{theme}")
        for wrong in (
            replace(right, pattern="(?P<market>["),
            replace(right, pattern="market"),
            replace(right, of="planet"),
            replace(right, pattern="{campaign}_{theme}"),
        ):
            with pytest.raises(BadInput):
                kernel.hook(v1.Analytics.define_field).one(_PLUGIN, workspace, wrong, SYSTEM)

    def test_forget_field_removes_it(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`forget_field` leaves nothing, and says so where there is nothing."""
        self._needs(kernel, v1.Analytics.define_field, v1.Analytics.custom_fields, v1.Analytics.forget_field)
        convention = v1.CustomField(name="campaigns", of="campaign", pattern="{market}_{theme}")
        kernel.hook(v1.Analytics.define_field).one(_PLUGIN, workspace, convention, SYSTEM)
        kernel.hook(v1.Analytics.forget_field).one(_PLUGIN, workspace, "campaigns", SYSTEM)
        assert kernel.hook(v1.Analytics.custom_fields).one(_PLUGIN, workspace) == ()
        with pytest.raises(UnknownName, match="campaigns"):
            kernel.hook(v1.Analytics.forget_field).one(_PLUGIN, workspace, "campaigns", SYSTEM)

    def test_try_metric_answers_and_stores_nothing(
        self, kernel: Kernel, workspace: WorkspaceContext, question: v1.Question
    ) -> None:
        """`try_metric` answers with a metric that is not stored, and refuses what is no formula."""
        self._needs(kernel, v1.Analytics.try_metric, v1.Analytics.custom_metrics)
        attempt = kernel.hook(v1.Analytics.try_metric)
        metric = v1.CustomMetric(name="tried", title="", unit=v1.Unit.COUNT, formula="2 * clicks")
        answer = attempt.one(_PLUGIN, workspace, metric, replace(question, metrics=("tried", "clicks")))
        assert answer.totals == {"tried": 80, "clicks": 40}
        assert kernel.hook(v1.Analytics.custom_metrics).one(_PLUGIN, workspace) == ()
        wrong = replace(metric, formula="2 * nonsense")
        with pytest.raises(BadInput):
            attempt.one(_PLUGIN, workspace, wrong, replace(question, metrics=("tried",)))

    def test_try_field_reads_the_names_there_are(
        self, kernel: Kernel, stage: FactStage, workspace: WorkspaceContext
    ) -> None:
        """`try_field` says which names fit and what is in them, and stores nothing."""
        self._needs(kernel, v1.Analytics.try_field, v1.Analytics.custom_fields)
        stage.name("campaign", "c1", "US_Brand")
        stage.name("campaign", "c2", "US_Shoes")
        stage.name("campaign", "c3", _NAME)
        convention = v1.CustomField(
            name="tried", of="campaign", pattern="{market}_{theme}", values={"market": {"US": "America"}}
        )
        found = kernel.hook(v1.Analytics.try_field).one(_PLUGIN, workspace, convention, 10)
        assert found.matched == 2
        assert _NAME in found.unmatched
        assert found.names == found.matched + len(found.unmatched)
        assert v1.ReadName(name="US_Brand", values={"market": "America", "theme": "Brand"}) in found.examples
        assert v1.FoundValue(field="market", text="US", value="America", names=2) in found.found
        few = kernel.hook(v1.Analytics.try_field).one(_PLUGIN, workspace, convention, 1)
        assert (len(few.examples), len(few.found)) == (1, 2)
        assert kernel.hook(v1.Analytics.custom_fields).one(_PLUGIN, workspace) == ()
        wrong = replace(convention, pattern="(?P<market>[")
        with pytest.raises(BadInput):
            kernel.hook(v1.Analytics.try_field).one(_PLUGIN, workspace, wrong, 10)

    def test_findings_of_what_stopped(self, kernel: Kernel, shop: FactStage, dismissable: v1.Finding) -> None:
        """`findings` tells of a campaign whose clicks fell: what it is, when, its numbers and days to draw."""
        one = dismissable
        assert (one.dimension, one.key, one.name) == ("campaign", ("meta", "act_2", "c9"), _NAME)
        assert one.since <= _STOPPED <= one.until
        assert one.at_stake_micros is None or one.at_stake_micros > 0
        assert 0 <= one.severity <= 1
        assert one.dismissed is None
        assert len({figure.name for figure in one.figures}) == len(one.figures) > 0
        assert [day.day for day in one.days] == sorted(day.day for day in one.days)
        again = self._findings(kernel, shop.context())
        assert [each.id for each in again.found] == [each.id for each in self._findings(kernel, shop.context()).found]
        assert (again.currency, again.until) == ("EUR", shop.clock.now().date() - timedelta(days=1))

    def test_findings_where_there_is_nothing(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`findings` of days without facts, and of days to come, are none; of a part that is not there it says so."""
        self._needs(kernel, v1.Analytics.findings)
        hook = kernel.hook(v1.Analytics.findings)
        assert hook.one(_PLUGIN, workspace, date(2020, 1, 1), date(2020, 1, 31), "EUR", ()).found == ()
        later = workspace.now().date() + timedelta(days=100)
        found = hook.one(_PLUGIN, workspace, later, later, "EUR", ())
        assert (found.found, bool(found.notes)) == ((), True)
        with pytest.raises(BadInput, match="wrong way round"):
            hook.one(_PLUGIN, workspace, _UNTIL, _SINCE, "EUR", ())
        where = (v1.Condition(dimension="platform", values=("nonsense",)),)
        with pytest.raises(UnknownName, match="nonsense"):
            hook.one(_PLUGIN, workspace, _SINCE, _UNTIL, "EUR", where)

    def test_dismiss_puts_a_finding_aside(self, kernel: Kernel, shop: FactStage, dismissable: v1.Finding) -> None:
        """`dismiss` marks a finding in `findings` and in `dismissed`, until the day is over; the log tells it."""
        self._needs(kernel, v1.Analytics.dismiss, v1.Analytics.dismissed)
        dismiss, aside = kernel.hook(v1.Analytics.dismiss), kernel.hook(v1.Analytics.dismissed)
        context, today = shop.context(), shop.clock.now().date()
        dismiss.one(_PLUGIN, context, (dismissable.id,), SYSTEM, None)
        dismiss.one(_PLUGIN, context, (dismissable.id,), SYSTEM, today)
        (kept,) = aside.one(_PLUGIN, context)
        assert (kept.finding, kept.by, kept.until, kept.at) == (dismissable.id, SYSTEM, today, shop.clock.now())
        found = {one.id: one.dismissed for one in self._findings(kernel, context).found}
        assert found[dismissable.id] == kept
        assert self._actions(context) >= {dismissable.id}
        shop.clock.advance(86_400)
        assert aside.one(_PLUGIN, shop.context()) == ()

    def test_dismiss_refuses_what_is_no_finding(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`dismiss` takes ids of findings, and days that have not passed."""
        self._needs(kernel, v1.Analytics.dismiss, v1.Analytics.dismissed)
        dismiss, yesterday = kernel.hook(v1.Analytics.dismiss), workspace.now().date() - timedelta(days=1)
        for ids, until in ((("nonsense <b>",), None), ((), None), (("0" * 16,), yesterday)):
            with pytest.raises(BadInput):
                dismiss.one(_PLUGIN, workspace, ids, SYSTEM, until)
        assert kernel.hook(v1.Analytics.dismissed).one(_PLUGIN, workspace) == ()

    def test_restore_takes_it_back(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`restore` leaves nothing, and says so where there is nothing."""
        self._needs(kernel, v1.Analytics.dismiss, v1.Analytics.dismissed, v1.Analytics.restore)
        restore, ids = kernel.hook(v1.Analytics.restore), ("0" * 16, "1" * 16)
        kernel.hook(v1.Analytics.dismiss).one(_PLUGIN, workspace, ids, SYSTEM, None)
        restore.one(_PLUGIN, workspace, ids, SYSTEM)
        assert kernel.hook(v1.Analytics.dismissed).one(_PLUGIN, workspace) == ()
        with pytest.raises(UnknownName, match="0" * 16):
            restore.one(_PLUGIN, workspace, ids, SYSTEM)

    def test_forecast_goes_on_from_what_is_known(self, kernel: Kernel, shop: FactStage) -> None:
        """`forecast` has a day for each one to come, within its interval, and their sum."""
        self._needs(kernel, v1.Analytics.forecast)
        today = shop.clock.now().date()
        until = today + timedelta(days=6)
        found = kernel.hook(v1.Analytics.forecast).one(_PLUGIN, shop.context(), "clicks", until, None, ())
        assert (found.reason, found.known_until) == ("", today - timedelta(days=1))
        assert [one.day for one in found.days] == [today + timedelta(days=number) for number in range(7)]
        assert all(0 <= one.low <= one.expected <= one.high for one in found.days)
        assert found.low is not None
        assert found.expected is not None
        assert found.high is not None
        assert found.low < found.expected < found.high
        assert abs(sum((one.expected for one in found.days), found.arriving or Decimal(0)) - found.expected) < 1

    def test_forecast_says_why_there_is_none(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`forecast` of a few days is none, with the reason; ratios, past days and unknown metrics are refused."""
        self._needs(kernel, v1.Analytics.forecast)
        hook, today = kernel.hook(v1.Analytics.forecast), workspace.now().date()
        found = hook.one(_PLUGIN, workspace, "clicks", today, None, ())
        assert (found.expected, found.days, bool(found.reason)) == (None, (), True)
        for metric, until in (("ctr", today), ("clicks", _UNTIL), ("clicks", today + timedelta(days=3650))):
            with pytest.raises(BadInput):
                hook.one(_PLUGIN, workspace, metric, until, None, ())
        with pytest.raises(UnknownName, match="nonsense"):
            hook.one(_PLUGIN, workspace, "nonsense", today, None, ())

    @pytest.fixture
    def shop(self, stage: FactStage) -> FactStage:
        """A campaign of an account of its own that ran evenly for months, and whose clicks have nearly stopped."""
        last = stage.clock.now().date() - timedelta(days=1)
        days = [last - timedelta(days=number) for number in range(120)]
        rows = [
            {
                "date": day,
                "campaign_id": "c9",
                "impressions": 20_000,
                "clicks": 20 if day >= _STOPPED else 400 + day.toordinal() % 7,
                "cost_micros": (20 if day >= _STOPPED else 400) * 500_000,
                "conversions": Decimal(8),
            }
            for day in days
        ]
        for dataset in ("campaign_daily", "account_daily"):
            stage.put(dataset, *rows, account="act_2", days=(days[-1], last))
        stage.name("campaign", "c9", _NAME, account="act_2")
        return stage

    @pytest.fixture
    def dismissable(self, kernel: Kernel, shop: FactStage) -> v1.Finding:
        """What is found there of the campaign."""
        self._needs(kernel, v1.Analytics.findings)
        found = self._findings(kernel, shop.context()).found
        ours = [one for one in found if one.key == ("meta", "act_2", "c9")]
        assert ours, f"nothing was found of a campaign that nearly stopped, but {[one.key for one in found]}"
        return ours[0]

    @staticmethod
    def _findings(kernel: Kernel, context: WorkspaceContext) -> v1.Findings:
        today = context.now().date()
        return kernel.hook(v1.Analytics.findings).one(_PLUGIN, context, today - timedelta(days=30), today, "EUR", ())

    def test_explain_adds_up(self, kernel: Kernel, workspace: WorkspaceContext, question: v1.Question) -> None:
        """`explain` shares a change out among members so that all effects add up to it, and names what it hangs on."""
        self._needs(kernel, v1.Analytics.explain)
        asked = replace(
            question, since=date(2026, 3, 4), metrics=("cost",), compare_since=_SINCE, compare_until=date(2026, 3, 3)
        )
        found = kernel.hook(v1.Analytics.explain).one(_PLUGIN, workspace, asked, 1, 1)
        assert (found.before, found.now, found.change) == (Decimal(5_000_000), Decimal(7_000_001), Decimal(2_000_001))
        assert (found.compared, found.volume, found.rate) == ((_SINCE, date(2026, 3, 3)), "clicks", "cpc")
        (level,) = found.levels
        assert (level.dimension, level.parent) == ("campaign", ())
        assert level.change == 2_000_001
        (effect,) = level.effects
        assert (effect.key, effect.name, effect.presence) == (("meta", "act_1", "c1"), _NAME, v1.Presence.BOTH)
        assert (effect.before, effect.now) == (Decimal(5_000_000), Decimal(7_000_001))
        assert (effect.change, effect.share) == (Decimal(2_000_001), Decimal(1))
        assert sum(part for part in (effect.volume, effect.mix, effect.rate) if part is not None) == effect.change
        assert level.others is not None
        assert (level.others.count, level.others.change) == (1, Decimal(0))

    def test_explain_goes_down_to_the_cause(
        self, kernel: Kernel, workspace: WorkspaceContext, question: v1.Question
    ) -> None:
        """`explain` of a ratio walks from a platform to the campaign, each level adding up to the one above."""
        self._needs(kernel, v1.Analytics.explain)
        asked = replace(
            question,
            since=date(2026, 3, 4),
            metrics=("cpa",),
            dimensions=("platform",),
            compare_since=_SINCE,
            compare_until=date(2026, 3, 3),
        )
        found = kernel.hook(v1.Analytics.explain).one(_PLUGIN, workspace, asked, 5, 3)
        assert (found.before, found.now, found.change) == (Decimal(2_000_000), Decimal(14_000_002), Decimal(12_000_002))
        assert [one.dimension for one in found.levels] == ["platform", "account", "campaign"]
        for level in found.levels:
            rest = level.others.change if level.others is not None else 0
            assert sum(one.change for one in level.effects) + rest == level.change == 12_000_002
            assert level.volume == 0
        assert [one.chosen for one in found.levels[:2]] == [("meta",), ("meta", "act_1")]

    def test_explain_refuses_what_cannot_be_explained(
        self, kernel: Kernel, workspace: WorkspaceContext, question: v1.Question
    ) -> None:
        """`explain` names what is wrong: nothing compared, several metrics, names that are not there, no levels."""
        self._needs(kernel, v1.Analytics.explain)
        explain = kernel.hook(v1.Analytics.explain)
        right = replace(question, metrics=("cost",), compare=v1.Compare.PREVIOUS_PERIOD)
        for wrong in (replace(right, compare=v1.Compare.NOTHING), replace(right, metrics=("cost", "clicks"))):
            with pytest.raises(BadInput):
                explain.one(_PLUGIN, workspace, wrong, 5, 1)
        for wrong in (replace(right, metrics=("nonsense",)), replace(right, dimensions=("nonsense",))):
            with pytest.raises(UnknownName, match="nonsense"):
                explain.one(_PLUGIN, workspace, wrong, 5, 1)
        for most, depth in ((0, 1), (5, 0)):
            with pytest.raises(BadInput, match="at least one"):
                explain.one(_PLUGIN, workspace, right, most, depth)

    def test_set_budget_is_kept_and_paced(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`set_budget` stores a budget, which `budgets` has, and by which `pacing` judges the month."""
        self._needs(kernel, v1.Analytics.set_budget, v1.Analytics.budgets, v1.Analytics.pacing)
        key = ("meta", "act_1")
        kernel.hook(v1.Analytics.set_budget).one(_PLUGIN, workspace, key, _UNTIL, 24_000_002, SYSTEM)
        (kept,) = kernel.hook(v1.Analytics.budgets).one(_PLUGIN, workspace)
        assert (kept.key, kept.month, kept.micros, kept.currency) == (key, _SINCE, 24_000_002, "EUR")
        found = kernel.hook(v1.Analytics.pacing).one(_PLUGIN, workspace, date(2026, 3, 20), ())
        (account,) = found.accounts
        assert (found.month, account.key, account.since, account.until) == (_SINCE, key, _SINCE, date(2026, 3, 31))
        assert (account.source, account.kind) == (v1.BudgetSource.SET, v1.BudgetKind.TOTAL)
        assert (account.budget_micros, account.spent_micros, account.left_micros) == (
            24_000_002,
            12_000_001,
            12_000_001,
        )
        assert (account.days, account.elapsed_days, account.days_left, account.missing_days) == (31, 31, 0, 21)
        assert account.state is v1.PacingState.OVER
        assert {one.key[2]: one.spent_micros for one in found.campaigns} == {"c1": 12_000_001}
        assert found.campaigns[0].name == _NAME
        assert found.campaigns[0].state is v1.PacingState.NO_BUDGET
        assert self._actions(workspace) >= {"meta/act_1"}

    def test_set_budget_refuses_what_is_none(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`set_budget` takes no amount of nothing, and no account or campaign that is not there."""
        self._needs(kernel, v1.Analytics.set_budget, v1.Analytics.budgets)
        put = kernel.hook(v1.Analytics.set_budget)
        for micros in (0, -1):
            with pytest.raises(BadInput, match="above 0"):
                put.one(_PLUGIN, workspace, ("meta", "act_1"), _SINCE, micros, SYSTEM)
        for key in (("meta", "nonsense"), ("meta", "act_1", "nonsense")):
            with pytest.raises(UnknownName, match="nonsense"):
                put.one(_PLUGIN, workspace, key, _SINCE, 1, SYSTEM)
        with pytest.raises(BadInput):
            put.one(_PLUGIN, workspace, ("meta",), _SINCE, 1, SYSTEM)
        assert kernel.hook(v1.Analytics.budgets).one(_PLUGIN, workspace) == ()

    def test_forget_budget_keeps_earlier_months(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`forget_budget` ends a budget from a month on, and says so where there is none."""
        self._needs(kernel, v1.Analytics.set_budget, v1.Analytics.forget_budget, v1.Analytics.pacing)
        key = ("meta", "act_1")
        kernel.hook(v1.Analytics.set_budget).one(_PLUGIN, workspace, key, _SINCE, 5_000_000, SYSTEM)
        forget, pacing = kernel.hook(v1.Analytics.forget_budget), kernel.hook(v1.Analytics.pacing)
        forget.one(_PLUGIN, workspace, key, date(2026, 4, 1), SYSTEM)
        amounts = [
            pacing.one(_PLUGIN, workspace, month, ()).accounts[0].budget_micros
            for month in (_SINCE, date(2026, 4, 1), date(2026, 5, 1))
        ]
        assert amounts == [5_000_000, None, None]
        with pytest.raises(UnknownName, match="act_1"):
            forget.one(_PLUGIN, workspace, key, date(2026, 4, 1), SYSTEM)

    def test_pacing_refuses_what_is_not_there(self, kernel: Kernel, workspace: WorkspaceContext) -> None:
        """`pacing` names an account that is not there, and months that are too far away."""
        self._needs(kernel, v1.Analytics.pacing)
        pacing = kernel.hook(v1.Analytics.pacing)
        with pytest.raises(UnknownName, match="nonsense"):
            pacing.one(_PLUGIN, workspace, _SINCE, ("meta/nonsense",))
        with pytest.raises(BadInput, match="2031-03"):
            pacing.one(_PLUGIN, workspace, _SINCE.replace(year=2031), ())

    @staticmethod
    def _needs(kernel: Kernel, *hooks: Any) -> None:
        for hook in hooks:
            if not kernel.hook(hook).implemented_by(_PLUGIN):
                pytest.skip(f"not implemented: {hook.__name__}")

    @staticmethod
    def _actions(workspace: WorkspaceContext) -> set[str]:
        """Return what the audit log tells of."""
        with workspace.read() as session:
            return {one.object_id for one in session.exec(select(AuditEntry)).all()}
