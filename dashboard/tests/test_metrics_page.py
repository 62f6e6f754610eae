"""The page Metrics, run without a browser on a store whose figures and names are known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.access.actors import SYSTEM
from adjoin.analytics import asking, defining, v1
from adjoin.db.models import Entity, EntityKind
from adjoin.db.people import AuditEntry
from adjoin.errors import BadInput, Forbidden
from adjoin_dashboard.asking import place_of
from adjoin_dashboard.context import Context
from adjoin_dashboard.host import Host
from adjoin_dashboard.metrics.model import fits, mapped_values, name_of, value_rows
from adjoin_dashboard.metrics.source import forget_metric, save_metric
from adjoin_dashboard.testing import KnownAccount

from .conftest import NOW, People, days_back

HOSTILE = "<b>Profit</b> $x$ [a](http://evil) :red[z] =1+1 \u200f🙂"
PROFIT = v1.CustomMetric(
    name="profit", title="Profit", unit=v1.Unit.MONEY, formula="conversion_value_micros - cost_micros"
)
NAMES = ("US_Brand_Search", "US_Shoes_Video", "DE_Brand_Search", "Größe 🎿 $x$ <b>", "US_Brand_Search")


@pytest.fixture
def accounts() -> list[KnownAccount]:
    """30 days with 20 EUR spent and 80 EUR brought in, after as many with 10 and 40."""
    days = days_back(60, 10) | days_back(30, 20)
    return [KnownAccount(platform="meta", account_id="act_1", name="Shop", days=days)]


@pytest.fixture
def named(host: Host) -> None:
    """Campaigns whose names follow a convention, and one that does not."""
    with host.store.write() as session:
        for number, name in enumerate(NAMES):
            session.add(
                Entity(
                    workspace_id="default",
                    platform="meta",
                    account_id="act_1",
                    kind=EntityKind.CAMPAIGN,
                    id=f"named{number}",
                    name=name,
                    status="active",
                    first_seen_at=NOW,
                    last_seen_at=NOW,
                )
            )


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.metrics.view import render
    from adjoin_dashboard.session_guard import current_visitor

    visitor = current_visitor()
    assert visitor is not None
    render(make_context(current_host(), visitor))


def open_page(dialog: Sequence[str] = (), **typed: str) -> AppTest:
    """The page; with a dialog open, and things typed into its form."""
    page = AppTest.from_function(script, default_timeout=60)
    if dialog:
        page.session_state["metrics-dialog"] = (*dialog, "")[:2]
    page.run()
    for name, text in typed.items():
        page.text_input(key=name.replace("_", "-")).set_value(text)
    if typed:
        page.run()
    assert not page.exception
    return page


def told(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.info, *page.warning, *page.success, *page.error]
    return "\n".join(str(one.value) for one in shown)


#: Tables by a column that no other has.
COLUMNS = {"metrics": "Formula", "dimensions": "Dimension", "metric-trial": "Last 30 days", "naming-examples": "market"}


def rows(page: AppTest, key: str) -> list[dict[str, object]]:
    (found,) = [one for one in page.dataframe if COLUMNS[key] in one.value.columns]
    return [dict(row) for row in found.value.to_dict("records")]


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def actions(host: Host) -> list[str]:
    with host.store.read() as session:
        return sorted(one for one in session.exec(select(AuditEntry.action)) if one.startswith(("metric.", "naming.")))


class TestMetrics:
    def test_lists_what_there_is(self, host: Host) -> None:
        """With formula, unit and what carries it: conversion actions have nothing but conversions and their value."""
        found = {row["Name"]: row for row in rows(open_page(), "metrics")}
        assert found["ctr"]["Formula"] == "clicks / impressions"
        assert (found["cost"]["Metric"], found["cost"]["Unit"]) == ("Spend", "Money")
        assert found["aov"]["Carried by"] == "all"
        assert "conversion actions" not in str(found["ctr"]["Carried by"])

    def test_dimensions_say_what_they_are_part_of(self, host: Host) -> None:
        found = {row["Name"]: row for row in rows(open_page(), "dimensions")}
        assert (found["ad"]["Part of"], found["ad"]["Carried by"]) == ("Ad group", "ads, conversion actions")
        assert (found["campaign_status"]["Part of"], found["day"]["Carried by"]) == ("Campaign", "all")
        assert found["search_term"]["Carried by"] == "search terms"

    def test_search(self, host: Host) -> None:
        page = open_page(search="cost_micros /")
        assert {row["Name"] for row in rows(page, "metrics")} == {"cpc", "cpm", "cpa"}
        assert "No dimension has this in its name" in told(page)

    def test_a_metric_is_tried_made_changed_and_removed(self, host: Host, page_context: Context) -> None:
        """Of 30 days with 80 brought in for 20 spent: 30 x 60."""
        page = open_page(["new"], metric_title=HOSTILE, metric_formula=PROFIT.formula)
        assert "choose the unit Money" in told(page)
        page.selectbox(key="metric-unit").set_value(v1.Unit.MONEY).run()
        assert "choose the unit Money" not in told(page)
        assert [row["Value"] for row in rows(page, "metric-trial")] == ["€1,800", "€1,800"]
        press(page, "metric-save")
        (kept,) = defining.custom_metrics(host.kernel, place_of(page_context))
        assert (kept.title, kept.unit, kept.formula) == (HOSTILE, v1.Unit.MONEY, PROFIT.formula)
        assert rows(page, "metrics")[0]["Metric"] == HOSTILE
        page = open_page(["change", kept.name], metric_formula="2 * clicks")
        press(page, "metric-save")
        (changed,) = defining.custom_metrics(host.kernel, place_of(page_context))
        assert (changed.name, changed.formula) == (kept.name, "2 * clicks")
        press(open_page(["metric", kept.name]), "metric-remove")
        assert defining.custom_metrics(host.kernel, place_of(page_context)) == ()
        assert actions(host) == ["metric.defined", "metric.defined", "metric.forgotten"]

    @pytest.mark.parametrize(
        ("formula", "why"),
        [("clicks /", "character 9"), ("visits + 1", "There is no sum 'visits'"), ("1 + 1", "takes no sum")],
    )
    def test_what_is_wrong_is_said_while_it_is_written(self, host: Host, formula: str, why: str) -> None:
        page = open_page(["new"], metric_title="Odd", metric_formula=formula)
        (said,) = page.error
        assert why in said.value.replace("\\", "")
        press(page, "metric-save")
        assert actions(host) == []

    def test_a_title_is_needed(self, host: Host) -> None:
        page = press(open_page(["new"], metric_formula="clicks"), "metric-save")
        assert "needs a title" in told(page)

    def test_a_built_in_one_is_shown_with_its_figures(self, host: Host) -> None:
        page = open_page(["metric", "roas"])
        assert [row["Value"] for row in rows(page, "metric-trial")] == ["4.00×", "4.00×"]
        assert not [one for one in page.button if one.key in ("metric-change", "metric-remove")]


class TestNaming:
    def test_is_tried_on_the_names_there_are(self, host: Host, named: None) -> None:
        page = open_page(["naming"], naming_name="campaigns", naming_pattern="{market}_{product}_{kind}")
        assert "4 of 5 names fit, 1 do not" in told(page).replace("\\", "")
        assert rows(page, "naming-examples")[0] == {
            "Name": "US_Brand_Search", "market": "US", "product": "Brand", "kind": "Search",
        }  # fmt: skip
        assert [list(one.value["Name"]) for one in page.dataframe if list(one.value.columns) == ["Name"]] == [
            [NAMES[3]]
        ]

    def test_is_made_and_removed(self, host: Host, named: None, page_context: Context) -> None:
        page = open_page(["naming"], naming_name="campaigns", naming_pattern="{market}_{product}_{kind}")
        press(page, "naming-save")
        (kept,) = asking.conventions(host.kernel, place_of(page_context))
        assert (kept.name, kept.of, kept.pattern) == ("campaigns", "campaign", "{market}_{product}_{kind}")
        found = {row["Name"]: row for row in rows(page, "dimensions")}
        assert (found["market"]["Part of"], found["market"]["Yours"]) == ("Campaign", True)
        press(open_page(["naming", "campaigns"]), "naming-remove")
        assert asking.conventions(host.kernel, place_of(page_context)) == ()
        assert actions(host) == ["naming.defined", "naming.forgotten"]

    def test_a_pattern_that_cannot_be_read(self, host: Host, named: None) -> None:
        page = open_page(["naming"], naming_name="odd", naming_pattern="{market}{product}")
        assert "stand side by side" in told(page)
        press(page, "naming-save")
        assert actions(host) == []

    def test_values_are_mapped(self, host: Host, named: None, page_context: Context) -> None:
        """What is shown as itself is not stored; a mapped value that no name has any more stays."""
        place = place_of(page_context)
        kept = v1.CustomField(
            name="campaigns",
            of="campaign",
            pattern="{market}_{product}_{kind}",
            values={"market": {"US": "America", "FR": "France"}},
        )
        trial = defining.try_field(host.kernel, place, kept)
        assert [(one.text, one.value, one.names) for one in trial.found if one.field == "market"] == [
            ("US", "America", 3),
            ("DE", "DE", 1),
        ]
        table = value_rows(trial, kept, kept.pattern)
        assert mapped_values(table) == {"market": {"US": "America", "FR": "France"}}
        nothing = v1.FieldTrial(names=3, matched=0)
        assert mapped_values(value_rows(nothing, kept, kept.pattern)) == kept.values
        assert value_rows(nothing, kept, "{country}_{product}") == []
        defining.define_field(host.kernel, place, kept, by=SYSTEM)
        page = press(open_page(["naming", "campaigns"]), "naming-save")
        assert not page.error
        assert asking.conventions(host.kernel, place)[0].values == kept.values


class TestWhoMay:
    def test_viewers_look(self, people: People) -> None:
        with people.visit("dee"):
            page = open_page()
            assert not [one for one in page.button if one.key in ("metric-new", "naming-new")]
            assert not [one for one in open_page(["new"]).button if one.key == "metric-save"]

    def test_it_is_asked_again_when_it_is_done(self, people: People) -> None:
        """By the function that the page, the command and Python share."""
        dee, cy = people.context("dee"), people.context("cy")
        with pytest.raises(Forbidden, match=r"metrics\.define"):
            save_metric(dee, PROFIT)
        save_metric(cy, PROFIT)
        with pytest.raises(Forbidden):
            forget_metric(dee, "profit")
        with pytest.raises(Forbidden):
            defining.define_field(
                people.host.kernel, place_of(dee), v1.CustomField(name="a", of="ad", pattern="{b}_{c}"), by=dee.actor
            )
        assert [one.name for one in defining.custom_metrics(people.host.kernel, place_of(cy))] == ["profit"]


def test_names_are_made_of_titles() -> None:
    assert name_of("Profit (gross) %", ["profit_gross"]) == "profit_gross_2"
    assert name_of("Größe", []) == "gr_sse"
    assert name_of("🎿", []) == "own"
    assert name_of("2nd", []) == "own_2nd"
    assert len(name_of("x" * 80, [])) <= 40


def test_what_fits_in_words() -> None:
    assert fits(v1.FieldTrial(names=0, matched=0)) == "There are no names yet."
    assert fits(v1.FieldTrial(names=1200, matched=1200)) == "All 1,200 names fit."


def test_no_names_of_such_things(host: Host, page_context: Context) -> None:
    with pytest.raises(BadInput, match="planet"):
        defining.try_field(
            host.kernel, place_of(page_context), v1.CustomField(name="a", of="planet", pattern="{b}_{c}")
        )
