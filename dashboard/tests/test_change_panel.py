"""The Overview's panel "What made the change", run without a browser on stores whose figures are known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from adjoin_dashboard.host import Host
from adjoin_dashboard.server import SITE
from adjoin_dashboard.testing import KnownAccount

from .conftest import TODAY, days_back

HOSTILE = "<b>Shop</b> $x$ [a](http://evil) :red[z] =1+1 \u200f🙂"


@pytest.fixture
def accounts() -> list[KnownAccount]:
    """In the last 30 days one account spends three times what it did, one halved it, and one has begun."""
    return [
        KnownAccount(platform="meta", account_id="act_1", name=HOSTILE, days=days_back(90, 10) | days_back(30, 30)),
        KnownAccount(platform="meta", account_id="act_2", name="Small", days=days_back(90, 4) | days_back(30, 2)),
        KnownAccount(platform="google", account_id="123", name="New", days=days_back(90, 0) | days_back(30, 5)),
    ]


def open_page(**address: str | list[str]) -> AppTest:
    page = AppTest.from_file(str(SITE / "app.py"), default_timeout=30)
    for name, value in ({"period": "Last 30 days"} | address).items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def told(page: AppTest) -> str:
    return "\n".join(str(one.value) for one in [*page.markdown, *page.caption, *page.info]).replace(r"\+", "+")


def rows(page: AppTest) -> list[dict[str, object]]:
    table = next(one for one in page.dataframe if "Part" in one.value.columns)
    return table.value.to_dict("records")


def test_it_says_why_spend_rose_and_where(host: Host) -> None:
    """690 more: 600 of one account, 150 of one that has begun, and 60 less of a third."""
    page = open_page()
    words = told(page)
    assert "**Spend rose by €690**, +164.3%: from €420 to €1,110" in words
    assert r"Most of it was **Meta Ads** (+€540, 78% of the change), there **\<b" in words
    assert "more clicks" in words


def test_the_lines_add_up(host: Host) -> None:
    page = open_page(by="account")
    found = rows(page)
    assert [round(float(str(one["Change"])), 6) for one in found] == [600, 150, -60, 690]
    for one in found:
        causes = sum(float(str(one[f"by {part}"])) for part in ("volume", "mix", "rate"))
        assert causes == pytest.approx(float(str(one["Change"])))
    assert [one["Account"] for one in found] == [HOSTILE, "New", "Small", "All together"]
    assert "**Small** went the other way" not in told(page)  # less than a tenth of the change


def test_names_are_shown_as_they_are(host: Host) -> None:
    words = told(open_page(by="account"))
    assert r"\<b\>Shop\</b\> \$x\$" in words
    assert "<b>Shop" not in words


def test_another_metric_and_its_causes(host: Host) -> None:
    page = open_page()
    page.selectbox(key="why").set_value("cpa").run()
    assert not page.exception
    assert "**CPA rose by €" in told(page)
    assert "by volume" not in rows(page)[0]
    assert page.query_params["why"] == "cpa"


def test_the_way_in_and_back(host: Host) -> None:
    """What is inside a platform is asked by account, and the crumbs lead back."""
    page = open_page(at="meta")
    assert [one["Account"] for one in rows(page)] == [HOSTILE, "Small", "All together"]
    assert "**Spend rose by €540**" in told(page)
    page.button(key="change-crumb-0").click().run()
    assert not page.exception
    assert "at" not in page.query_params
    assert "**Spend rose by €690**" in told(page)


@pytest.mark.parametrize("at", ["nowhere", "meta/other", "meta/act_1/c/g/a/b", "meta//x", "//"])
def test_a_link_to_what_is_not_there_is_about_everything(host: Host, at: str) -> None:
    assert "**Spend rose by €690**" in told(open_page(at=at))


def test_nothing_compared_offers_to_compare(host: Host) -> None:
    page = open_page(compare="Nothing")
    assert "Choose days to compare with" in told(page)
    page.button(key="change-compare").click().run()
    assert not page.exception
    assert "**Spend rose by €690**" in told(page)


def test_days_that_were_not_synced_are_not_compared(host: Host) -> None:
    page = open_page(compare="Previous year")
    assert "nothing can be said of the change" in told(page)


def test_a_dimension_without_figures_says_so(host: Host) -> None:
    """Accounts' figures alone know no search terms."""
    page = open_page(by="search_term")
    assert not page.exception
    assert "What made the change" in [one.value for one in page.header]
    assert not [one for one in page.dataframe if "Part" in one.value.columns]


def test_the_link_leads_to_campaigns(host: Host) -> None:
    page = open_page(why="clicks", at="meta")
    links = [one.proto.url for one in page.get("link_button")]
    wanted = next(one for one in links if "/campaigns?" in one)
    assert "accounts=meta%2Fact_1" in wanted
    assert "sort=clicks" in wanted
    assert str(TODAY - timedelta(days=1)) not in wanted  # days go by their name
