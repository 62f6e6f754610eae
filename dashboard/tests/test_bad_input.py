"""What is asked wrongly, lacking, hostile or gone, on all pages about figures: each says what is so, and none fails."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlmodel import col, delete
from streamlit.testing.v1 import AppTest

from adjoin.db.models import Coverage, FactFile
from adjoin.db.scope import Scope
from adjoin.errors import StoreUnreachable
from adjoin.facts.store import FactStore
from adjoin.testing.fact_stage import FactStage
from adjoin_dashboard.host import Host
from adjoin_dashboard.testing import KnownAccount

from .conftest import NOW, TODAY, days_back

HOSTILE = "<img src=x onerror=alert(1)> =1+1 $x$ [a](http://evil) :red[z] \u202e\u05d0 🙂 | `b`"
#: The pages that have the filter row.
FIGURES = ("overview", "platforms", "campaigns", "creatives", "insights")
#: All pages that analysts look at for figures.
ANALYSTS = (*FIGURES, "pacing")


@pytest.fixture
def accounts() -> list[KnownAccount]:
    """A usual account, one in a currency without rates, and one that counts neither conversions nor their value."""
    bare = {
        day: replace(one, conversions=None, conversion_value_micros=None)  # type: ignore[arg-type]  # not given
        for day, one in days_back(70, 7).items()
    }
    return [
        KnownAccount(platform="meta", account_id="act_1", name=HOSTILE, days=days_back(70, 10)),
        KnownAccount(platform="meta", account_id="act_2", name="Odd", currency="XTS", days=days_back(70, 3)),
        KnownAccount(platform="linkedin", account_id="5", name="Bare", days=bare),
    ]


def draw(path: str) -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.navigation import collect, draw_page
    from adjoin_dashboard.session_guard import current_visitor

    visitor = current_visitor()
    assert visitor is not None
    context = make_context(current_host(), visitor)
    draw_page(next(one for one in collect(context.host.kernel, context.role).pages if one.path == path), context)
    context.close()


def look(path: str, **address: str | list[str]) -> AppTest:
    page = AppTest.from_function(draw, default_timeout=120, args=(path,))
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def told(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.info, *page.warning, *page.error, *page.success]
    return "\n".join(str(one.value) for one in shown)


def cards(page: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in page.metric}


@pytest.mark.parametrize("path", FIGURES)
def test_links_that_ask_for_what_is_not_there(host: Host, path: str) -> None:
    """Reversed and future days, and accounts, platforms and a place that are gone, in one sentence on every page."""
    page = look(
        path,
        range=[str(TODAY + timedelta(days=40)), str(TODAY - timedelta(days=9))],
        accounts=["meta/gone", "meta/act_1"],
        platforms=["tiktok", "meta"],
    )
    words = told(page)
    assert not page.error
    for said in (
        "days that are the wrong way round",
        "days that are still to come",
        "1 platform without an account here",
        "1 account that this workspace does not have",
        "What there is of it is shown",
    ):
        assert said in words, (path, said)


@pytest.mark.parametrize("path", ANALYSTS)
class TestNothingConnected:
    @pytest.fixture
    def accounts(self) -> list[KnownAccount]:
        return []

    def test_it_says_how_to_connect(self, host: Host, path: str) -> None:
        words = told(look(path))
        assert "No ad account is connected yet" in words
        assert "`adjoin connect meta`" in words


@pytest.mark.parametrize("path", ANALYSTS)
class TestNoData:
    def test_no_traffic(self, host: Host, path: str) -> None:
        """Accounts that were read and have nothing: said, and no error."""
        with host.store.write() as session:
            session.exec(delete(FactFile))
        page = look(path)
        assert not page.error
        assert re.search(r"\b([Nn]o|[Nn]othing|[Nn]one|not)\b", told(page))
        assert not any(re.search(r"\d{2,}", value) for value in cards(page).values()), cards(page)


class TestPartialData:
    @pytest.fixture(autouse=True)
    def _gap(self, host: Host) -> None:
        with host.store.write() as session:
            days = [TODAY - timedelta(days=number) for number in (3, 4, 33, 34, 35, 36)]
            session.exec(delete(Coverage).where(col(Coverage.day).in_(days), col(Coverage.account_id) == "act_1"))

    @pytest.mark.parametrize("path", ["overview", "platforms", "campaigns"])
    def test_days_that_lack_are_named(self, host: Host, path: str) -> None:
        words = told(look(path, period="Last 30 days"))
        assert "Not everything in this date range was synced" in words
        assert "lacks 2 days" in words

    @pytest.mark.parametrize("path", ["overview", "platforms", "campaigns"])
    def test_compared_days_that_lack_are_named(self, host: Host, path: str) -> None:
        """Changes against them mislead."""
        words = told(look(path, range=[str(TODAY - timedelta(days=32)), str(TODAY - timedelta(days=5))]))
        assert "The compared period was not synced completely" in words
        assert "lacks" in words


class TestCurrencyWithoutRate:
    @pytest.mark.parametrize("path", ["overview", "platforms", "campaigns"])
    def test_amounts_are_missing_and_it_is_said(self, host: Host, path: str) -> None:
        """No amount leaves a part out in silence; what is no amount is whole."""
        page = look(path, currency="EUR")
        assert not page.error
        words = told(page).replace("\\", "")
        assert "There is no exchange rate from XTS to EUR" in words
        if path != "platforms":
            assert cards(page)["Spend"] == "–"
            assert cards(page)["Conversions"] == "120"

    def test_the_change_cannot_be_told(self, host: Host) -> None:
        """The panel says that the figure has no value, in place of a change of a part."""
        assert "cannot be compared" in told(look("overview", currency="EUR"))

    def test_alone_it_is_shown_in_its_own(self, host: Host) -> None:
        page = look("overview", currency="XTS", accounts="meta/act_2")
        assert cards(page)["Spend"] == "XTS\N{NO-BREAK SPACE}90.00"


@pytest.mark.parametrize("path", ["overview", "campaigns", "platforms"])
def test_a_metric_that_a_platform_lacks(host: Host, path: str) -> None:
    """Missing is a dash, never 0: LinkedIn counts no conversions here."""
    page = look(path, platforms="linkedin")
    assert not page.error
    if path == "platforms":
        row = next(one.value for one in page.dataframe if len(one.value)).to_dict("records")[0]
        assert not [value for name, value in row.items() if "onversion" in str(name) and value == 0]
        return
    found = cards(page)
    assert {found[name] for name in ("Conversions", "CPA", "ROAS")} == {"–"}
    assert found["CTR"] == "2.00%"
    assert "cannot be compared" in told(look("overview", platforms="linkedin", why="cpa"))


class TestHostileNames:
    def test_they_are_shown_as_they_are(self, host: Host) -> None:
        """In tables plainly, in sentences escaped; nothing becomes a picture, a link or a formula."""
        page = look("overview", platforms="meta", accounts="meta/act_1", by="account")
        names = {row for one in page.dataframe for row in one.value.iloc[:, :2].to_numpy().ravel().tolist()}
        assert HOSTILE in names
        for path in ANALYSTS:
            page = look(path, accounts="meta/act_1")
            assert "<img src=x" not in "\n".join(
                line for line in told(page).splitlines() if r"\<img" not in line and "`adjoin" not in line
            ), path
            assert not any("](http://evil)" in str(one.value).replace(r"\]\(", "") for one in page.markdown), path
            assert not page.error

    def test_files_hold_no_formulas(self, host: Host, page_context: Any) -> None:
        """A name that a spreadsheet would compute is quoted."""
        from adjoin_dashboard.overview.model import DayRow, Figures, rows_as_csv

        row = DayRow(day=TODAY, platform="meta", account_id="act_1", currency="EUR", figures=Figures(clicks=1))
        for name in ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"):
            (_, line) = rows_as_csv([row], {("meta", "act_1"): name}).splitlines()
            assert not re.search(r'(^|,)"?[=+\-@\t]', line), line


class TestLostStore:
    @pytest.mark.parametrize("path", ANALYSTS)
    def test_a_page_says_that_the_store_does_not_answer(self, host: Host, path: str) -> None:
        """In the middle of a page: in words, with what to do, and nothing of its address."""
        lost = StoreUnreachable("the database does not answer: connection refused; try again in a moment")
        real, calls = Scope.read, count()

        def dropped(scope: Scope) -> Any:
            if next(calls) > 2:
                raise lost
            return real(scope)

        with patch.object(Scope, "read", dropped):
            page = look(path)
        words = told(page)
        assert "does not answer" in words
        assert "Traceback" not in words
        assert not told(look(path)).count("does not answer"), "it is there again"

    def test_figures_whose_file_is_gone(self, host: Host) -> None:
        """The file that lacks, and that a sync fetches it again."""
        for file in (host.runtime.settings.home / "facts").rglob("*.parquet"):
            file.unlink()
        for path in ("overview", "campaigns", "platforms", "pacing"):
            words = told(look(path))
            assert re.search(r"[Ff]ile|[Ff]acts", words), path
            assert "sync" in words, path


def test_a_hundred_thousand_rows(host: Host, tmp_path: Path) -> None:
    """They are counted, shown a page at a time, and what they come to is exact."""
    stage = FactStage(tmp_path, now=NOW)
    stage.close()
    stage.store, stage.facts = host.store, FactStore(host.runtime.settings.home)
    day, many = TODAY - timedelta(days=2), 100_001
    plain = {"date": day, "campaign_id": "c1", "ad_group_id": "g1", "clicks": 1, "impressions": 2}
    rows = (plain | {"search_term": f"term {number}", "cost_micros": number} for number in range(many))
    stage.put("search_term_daily", *rows)
    page = look("campaigns", level="Search terms", accounts="meta/act_1", period="Last 7 days", compare="Nothing")
    assert not page.error
    total = Decimal(many * (many - 1) // 2).scaleb(-6)
    assert f"1–25 of 100,001 search terms · Spend together €{total:,.0f}" in told(page)
    assert len(page.dataframe[0].value) == 25
