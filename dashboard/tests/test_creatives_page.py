"""The page Creatives: ads as cards, page by page, on a store whose figures are known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from adjoin.analytics.v1 import Figure, Finding, FindingKind, Findings, Metric, Unit
from adjoin.clock import ManualClock
from adjoin.db.models import EntityKind
from adjoin.facts.store import FactStore
from adjoin.writing import Writer
from adjoin_dashboard.creatives import view
from adjoin_dashboard.creatives.model import Known, picture_path, sparkline, tired_words
from adjoin_dashboard.host import Host, open_host, serving
from adjoin_dashboard.testing import KnownAccount, make_store, sign_in, visiting

from .conftest import NOW, TODAY, known_day
from .test_campaigns_page import DAYS, HOSTILE, entity, put

GROUP = {"campaign_id": "c1", "ad_group_id": "g1"}


def ad_day(number: int, day: date) -> dict[str, Any]:
    """Ad `number` of 30: it spends its number, and of its 100 impressions a day so many are clicked."""
    return {
        "date": day,
        **GROUP,
        "ad_id": f"a{number}",
        "impressions": 10 if number == 30 else 100,
        "clicks": min(number, 10),
        "cost_micros": number * 1_000_000,
        "conversions": Decimal(1),
        "conversion_value_micros": 4_000_000,
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account with thirty ads; the dearest has a hostile name, a picture and few impressions."""
    home = tmp_path_factory.mktemp("creatives")
    whole = {day: known_day(465) for day in DAYS}
    with make_store(
        home, [KnownAccount(platform="meta", account_id="act_1", name="Shop", days=whole)], now=NOW - timedelta(hours=1)
    ) as store:
        put(store, FactStore(home), "ad_daily", [ad_day(n, day) for day in DAYS for n in range(1, 31)])
        detail = {"format": "Video ad", "thumbnail_url": "https://scontent.example/x.jpg"}
        with store.write() as session:
            session.add(entity(EntityKind.CAMPAIGN, "c1", "Spring"))
            session.add_all(entity(EntityKind.AD, f"a{n}", f"Ad {n:02}", **GROUP) for n in range(2, 30))
            session.add(entity(EntityKind.AD, "a30", HOSTILE, detail=detail, **GROUP))
            session.add(entity(EntityKind.AD, "a1", "Ad 01", status="paused", **GROUP))
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


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the analyses find; they have tests of their own."""
    findings: list[Finding] = []

    def load(*_: object) -> Findings:
        return Findings(since=DAYS[0], until=DAYS[-1], currency="EUR", found=tuple(findings))

    monkeypatch.setattr(view, "load_findings", load)
    return findings


def tired(ad: str) -> Finding:
    return Finding(
        id=f"tired-{ad}",
        kind=FindingKind.FATIGUE,
        title="Fewer people click",
        metric="ctr",
        dimension="ad",
        key=("meta", "act_1", "c1", "g1", ad),
        since=date(2026, 11, 3),
        until=TODAY,
        severity=0.5,
        figures=(
            Figure(name="ctr_now", title="Now", unit=Unit.SHARE, value=Decimal("0.012")),
            Figure(name="ctr_expected", title="Expected", unit=Unit.SHARE, value=Decimal("0.019")),
        ),
    )


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.creatives.view import render
    from adjoin_dashboard.host import current_host
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


def names(page: AppTest) -> list[str]:
    """The cards' names in their order."""
    return [one.value.strip("*") for one in page.markdown if one.value.startswith("**") and one.value.endswith("**")]


def said(page: AppTest) -> str:
    return " ".join(str(one.value) for one in [*page.info, *page.caption, *page.markdown])


def html(page: AppTest) -> str:
    return " ".join(one.proto.body for one in page.get("html"))


@pytest.mark.usefixtures("host", "found")
class TestCards:
    def test_the_dearest_first_in_pages_of_24(self) -> None:
        page = open_page()
        assert names(page)[1:] == [f"Ad {n:02}" for n in range(29, 6, -1)]
        assert "1–24 of 30 ads" in said(page)
        page = open_page(ads_page="2")
        assert names(page) == [f"Ad {n:02}" for n in range(6, 0, -1)]
        assert "25–30 of 30 ads" in said(page)
        assert names(open_page(ads_page="99")) == names(page), "an old link leads to the last page"

    def test_a_card_has_figures_changes_and_a_picture_of_this_server(self) -> None:
        drawn = html(open_page(search="Ad 07"))
        assert "€210" in drawn
        assert "7.00%" in drawn
        assert "±0.0%" in drawn
        assert 'src="/creative/picture?platform=meta&amp;account=act_1&amp;ad=a7&amp;v=' in drawn
        assert "data:image/svg+xml," in drawn

    def test_hostile_names_are_shown_as_they_are(self) -> None:
        page = open_page()
        assert names(page)[0].startswith(r"\<b\>Brand\</b\> \$x\$ \[a\]\(")
        assert "<b>" not in html(page)
        assert "scontent.example" not in html(page), "browsers ask no platform for pictures"
        assert "Meta Ads · Video ad · active" in said(page)

    def test_by_a_ratio_only_what_was_shown_often_enough(self) -> None:
        """The ad with 300 impressions has the highest rate, and says nothing."""
        page = open_page(sort="ctr")
        assert "29 ads, of those shown 1,000 times or more" in said(page)
        assert "Ad 01" in names(open_page(sort="ctr", order="Lowest first"))[0]

    def test_the_best_and_the_worst(self) -> None:
        told = said(open_page())
        assert "Best: **10.00%** CTR" in told
        assert "Worst: **1.00%** CTR" in told
        told = said(open_page(sort="cpa"))
        assert "Best: **€1.00** CPA" in told
        assert "Worst: **€29.00** CPA" in told

    def test_links_lead_to_campaigns_and_to_the_manager(self) -> None:
        page = open_page(search="Ad 07")
        own, manager = [one.proto for one in page.get("link_button")]
        assert parse_qs(urlsplit(own.url).query)["at"] == ["meta/act_1/c1/g1/a7"]
        assert manager.label == "Open in Meta Ads"
        assert parse_qs(urlsplit(manager.url).query)["selected_ad_ids"] == ["a7"]

    def test_filters(self) -> None:
        """By state, by a part of the name; what finds nothing says so and leads back."""
        assert "29 ads" in said(open_page(active="true"))
        page = open_page(search="<no>such")
        assert not names(page)
        next(one for one in page.button if one.label == "Show all of them").click().run()
        assert len(names(page)) == 24
        assert "No ad had results here" in said(open_page(period="Custom", range=["2026-08-01", "2026-08-05"]))

    def test_a_new_question_begins_on_the_first_page(self) -> None:
        page = open_page(ads_page="2")
        page.selectbox(key="order").set_value("Lowest first").run()
        assert names(page)[0] == "Ad 01"

    def test_ads_that_tire_are_marked_and_can_be_shown_alone(self, found: list[Finding]) -> None:
        found.append(tired("a7"))
        told = said(open_page())
        assert told.count("Tired\\:") == 1
        assert r"Tired\: CTR 1.20% where 1.90% was to be expected, 3–21 Nov 2026." in told
        page = open_page(tired="true")
        assert names(page) == ["Ad 07"]
        found.clear()
        assert "No ad tires on these days" in said(open_page(tired="true"))


def test_words_of_a_tired_ad() -> None:
    assert tired_words(tired("a1"), Writer()) == ("Tired: CTR 1.20% where 1.90% was to be expected, 3–21 Nov 2026.")


def test_a_line_has_gaps_where_nothing_is_known() -> None:
    ctr = Metric(name="ctr", title="CTR", unit=Unit.SHARE, formula="clicks / impressions", sums=("clicks",))
    drawn = unquote(sparkline([0.01, None, 0.02, 0.01], ctr, colour="#3B5BDB"))
    assert drawn.count("M") == 2
    assert drawn.count("L") == 1
    assert sparkline([None, 0.02, None], ctr, colour="#000000") == ""
    assert sparkline([], ctr, colour="#000000") == ""


def test_the_address_of_a_picture_changes_with_what_is_seen() -> None:
    """So browsers may keep it; ids stay ids."""
    path = ("meta", "a/b&c", "c1", "g1", "x?y")
    one, other = (
        picture_path(path, Known(name="A", format="", status="", picture=url, campaign="")) for url in ("", "https://x")
    )
    assert one != other
    assert parse_qs(urlsplit(one).query)["account"] == ["a/b&c"]
    assert parse_qs(urlsplit(one).query)["ad"] == ["x?y"]
