"""The page Platforms: figures side by side, shares over time, freshness, on a store whose figures are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from adjoin.analytics.v1 import Answer, Compare, Good, Metric, Question, Unit
from adjoin.clock import ManualClock
from adjoin.writing import Writer
from adjoin_dashboard.host import Host, open_host, serving
from adjoin_dashboard.overview.model import Period
from adjoin_dashboard.platforms.model import ALL, buckets_of, differing, mix_of, partial_weeks, rows_of
from adjoin_dashboard.platforms.table import actions_frame, actions_styled
from adjoin_dashboard.testing import KnownAccount, make_store, sign_in, visiting

from .conftest import NOW, TODAY, known_day


def days(first: int, last: int, cost: int) -> dict[date, Any]:
    """The days from `first` back to `last` back, each with the same cost."""
    return {TODAY - timedelta(days=number): known_day(cost) for number in range(first, last + 1)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Meta spends 20 a day and 10 before; Google 30, and was read for the last 20 days alone."""
    home = tmp_path_factory.mktemp("platforms")
    accounts = [
        KnownAccount(platform="meta", account_id="act_1", name="Shop", days=days(31, 60, 10) | days(1, 30, 20)),
        KnownAccount(platform="google", account_id="2", name="Search", days=days(1, 20, 30), time_zone="Asia/Tokyo"),
    ]
    make_store(home, accounts, now=NOW - timedelta(hours=1)).close()
    return home


@pytest.fixture(scope="module")
def host(home: Path) -> Iterator[Host]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADJOIN_DATABASE_URL", "ADJOIN_DISABLE", "ADJOIN_BASE_URL"):
            patch.delenv(name, raising=False)
        with (
            open_host(home, clock=ManualClock(NOW)) as opened,
            serving(opened),
            visiting(sign_in(opened.store, now=NOW).session.id),
        ):
            yield opened


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.platforms.view import render
    from adjoin_dashboard.session_guard import current_address, current_visitor

    found = current_visitor()
    assert found is not None
    render(make_context(current_host(), found, address=current_address()))


def open_page(**address: str | list[str]) -> AppTest:
    page = AppTest.from_function(script, default_timeout=60)
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert not page.error, page.error[0].value
    return page


def row(page: AppTest, metric: str) -> dict[str, str]:
    (found,) = [one for one in page.dataframe[0].value.to_dict("records") if one["Metric"] == metric]
    return {str(name): value for name, value in found.items() if name != "Metric"}


def said(page: AppTest) -> str:
    return " ".join(str(one.value) for one in [*page.info, *page.caption, *page.markdown])


@pytest.mark.usefixtures("host")
class TestPage:
    def test_platforms_stand_side_by_side(self) -> None:
        """Sums and ratios of sums for each and for all together, with changes; what lacks is a dash."""
        page = open_page()
        assert row(page, "Spend") == {
            "All": "€1,200",
            "± All": "+300.0%",
            "Google Ads": "€600",
            "± Google Ads": "–",
            "Meta Ads": "€600",
            "± Meta Ads": "+100.0%",
        }
        assert row(page, "CTR")["All"] == "2.00%"
        assert row(page, "CPA")["Meta Ads"] == "€10.00"
        assert row(page, "ROAS")["All"] == "4.00×"

    def test_without_a_comparison_there_are_no_changes(self) -> None:
        assert list(row(open_page(compare="Nothing"), "Spend")) == ["All", "Google Ads", "Meta Ads"]

    def test_metrics_are_chosen_and_in_the_link(self) -> None:
        page = open_page(columns=["clicks", "cost"], grain="Weeks", counting="Side by side")
        assert [one["Metric"] for one in page.dataframe[0].value.to_dict("records")] == ["Clicks", "Spend"]
        asked = parse_qs(urlsplit(page.code[0].value).query)
        assert (asked["columns"], asked["grain"]) == (["clicks", "cost"], ["Weeks"])
        urls = [one.proto.url for one in page.get("link_button")]
        assert [urlsplit(one).path for one in urls] == [f"/export/report.{kind}" for kind in ("csv", "xlsx", "parquet")]
        assert parse_qs(urlsplit(urls[0]).query)["metrics"] == ["clicks,cost"]

    def test_what_was_not_read_is_told(self) -> None:
        """Google lacks ten days: those are no days without spend."""
        page = open_page()
        assert "On 10 days not every platform was read" in said(page)
        fresh = {one["Platform"]: one for one in page.dataframe[1].value.to_dict("records")}
        assert fresh["Google Ads"]["Days missing"] == "10 of 30"
        assert fresh["Meta Ads"]["Days missing"] == "none"
        assert fresh["Google Ads"]["Days are those of"] == "Asia/Tokyo"
        assert fresh["Meta Ads"]["Last day read"] == "20 Nov 2026"
        assert "13:14" in fresh["Meta Ads"]["Data as of"]

    def test_shares_are_drawn_in_the_platforms_own_colours(self) -> None:
        drawn = str(open_page().get("echarts_chart")[0].proto)
        assert "#F08C00" in drawn
        assert "#3B5BDB" in drawn

    def test_definitions_that_differ_are_said(self) -> None:
        told = said(open_page())
        assert "**Conversions, Conversion rate, CPA, Conversion value, ROAS**" in told
        assert "**Google Ads:** Conversions are dated on the day of the click" in told
        assert "no platform tells" in said(open_page(columns="clicks"))

    def test_no_data_says_what_to_do(self) -> None:
        page = open_page(period="Custom", range=["2026-08-01", "2026-08-05"])
        assert "No platform had figures" in said(page)
        assert "Nothing was spent on these days" in said(page)
        assert "No platform tells conversions by action" in said(open_page(counting="Conversions by action"))


def answer(rows: list[dict[str, Any]], **more: Any) -> Answer:
    question = Question(since=TODAY, until=TODAY, metrics=("cost",), compare=Compare.NOTHING)
    table = pa.Table.from_pylist(rows)
    return Answer(question=question, rows=table, total_rows=len(rows), currency="EUR", **({"totals": {}} | more))


COST = Metric(name="cost", title="Spend", unit=Unit.MONEY, formula="cost_micros", sums=("cost_micros",))
MONDAY = date(2026, 11, 16)


class TestMix:
    def test_shares_are_of_what_is_known(self) -> None:
        """Read without a row is 0; not read is missing, and no part of the whole."""
        spent = [
            {"platform": "meta", "day": MONDAY, "cost": 3_000_000},
            {"platform": "google", "day": MONDAY, "cost": 1_000_000},
            {"platform": "meta", "day": MONDAY + timedelta(1), "cost": 5_000_000},
        ]
        covered = {
            ("meta", MONDAY),
            ("google", MONDAY),
            ("meta", MONDAY + timedelta(1)),
            ("meta", MONDAY + timedelta(2)),
        }
        period = Period(MONDAY, MONDAY + timedelta(2))
        one, two, three = mix_of(answer(spent), ("meta", "google"), period, covered, weeks=False)
        assert one.shares == {"meta": Decimal("0.75"), "google": Decimal("0.25")}
        assert (two.shares, two.micros["google"]) == ({"meta": Decimal(1), "google": None}, None)
        assert (three.micros["meta"], three.shares["meta"]) == (0, None)

    def test_weeks_begin_on_monday(self) -> None:
        period = Period(MONDAY - timedelta(3), MONDAY + timedelta(8))
        assert buckets_of(period, weeks=True) == [MONDAY - timedelta(7), MONDAY, MONDAY + timedelta(7)]
        assert partial_weeks(period)
        assert not partial_weeks(Period(MONDAY, MONDAY + timedelta(6)))
        (week,) = mix_of(
            answer([{"platform": "meta", "week": MONDAY, "cost": 7}]),
            ("meta",),
            Period(MONDAY, MONDAY + timedelta(6)),
            {("meta", MONDAY + timedelta(3))},
            weeks=True,
        )
        assert (week.start, week.micros) == (MONDAY, {"meta": 7})


def test_conversions_by_action() -> None:
    """Each platform's together, the most frequent first; what lacks is a dash."""
    metrics = {
        name: Metric(name=name, title=name, unit=unit, formula=name, sums=(name,))
        for name, unit in (("conversions", Unit.COUNT), ("conversion_value", Unit.MONEY), ("aov", Unit.MONEY))
    }

    def line(platform: str, action: str, now: int, before: int | None, value: int | None) -> dict[str, Any]:
        values = {
            "conversions": Decimal(now),
            "conversion_value": value,
            "aov": None if value is None else value // now,
        }
        return {"platform": platform, "action": action} | values | {"conversions.before": before}

    found = answer(
        [
            line("meta", "leads", 2, None, None),
            line("google", "a", 1, 1, 5_000_000),
            line("meta", "=1+1", 4, 2, 8_000_000),
        ],
        before={},
    )
    table = actions_frame(found, metrics, str.title)
    assert list(zip(table["Platform"], table["Action"], table["conversions"], strict=True)) == [
        ("Google", "a", 1.0),
        ("Meta", "=1+1", 4.0),
        ("Meta", "leads", 2.0),
    ]
    drawn = actions_styled(table, found, metrics, Writer()).to_html()
    assert [text in drawn for text in ("€8.00", "€2.00", "+100.0%", "–")] == [True] * 4


def test_mixed_amounts_stay_missing() -> None:
    """What cannot be added is a dash, and no 0, also for all together."""
    (found,) = rows_of(answer([{"platform": "meta", "cost": None}]), [COST], ("meta", "google"), Writer())
    assert {name: cell.text for name, cell in found.cells.items()} == {"meta": "–", "google": "–", ALL: "–"}


def test_metrics_with_the_same_notes_are_told_together() -> None:
    told = replace(COST, name="a", title="A", notes={"meta": "So."}, good=Good.UP)
    found = differing(
        [told, COST, replace(told, title="B"), replace(told, notes={"google": "Else."})], ("google", "meta")
    )
    assert [([one.title for one in each.metrics], dict(each.notes)) for each in found] == [
        (["A", "B"], {"meta": "So."}),
        (["A"], {"google": "Else."}),
    ]
