"""The page Campaigns in a real browser: from a campaign to its ad, a note, a saved view, and its link for others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from adjoin.db import Store
from adjoin.facts.store import FactStore
from adjoin.testing.fact_stage import FactStage
from adjoin_dashboard.testing import KnownAccount, KnownDay, make_store, sign_in

from .serving import serving

pytestmark = pytest.mark.browser

HOSTILE = "<b>Brand</b> $x$ 🙂"
SLOW = 30_000


@dataclass(frozen=True)
class House:
    """A served dashboard on an account with two campaigns, and its store."""

    address: str
    store: Store

    def join(self, name: str, role: str) -> str:
        """Make somebody a member and sign them in; return the token of their session."""
        return sign_in(self.store, now=datetime.now(UTC), email=f"{name}@example.com", role=role).token


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    now = datetime.now(UTC)  # the server goes by the machine's clock
    days = [now.date() - timedelta(days=number) for number in range(1, 61)]
    home = tmp_path_factory.mktemp("home")

    def figures(cost: int) -> dict[str, object]:
        return {
            "impressions": cost * 100,
            "clicks": cost * 2,
            "cost_micros": cost * 1_000_000,
            "conversions": Decimal(1),
            "conversion_value_micros": cost * 4_000_000,
        }

    whole = {
        day: KnownDay(
            impressions=300, clicks=6, cost_micros=3_000_000, conversions=Decimal(2), conversion_value_micros=12_000_000
        )
        for day in days
    }
    account = KnownAccount(platform="meta", account_id="act_1", name="Shop", days=whole)
    with make_store(home, [account], now=now - timedelta(hours=1)) as store:
        stage = FactStage(tmp_path_factory.mktemp("stage"), now=now - timedelta(minutes=30))
        stage.close()
        stage.store, stage.facts = store, FactStore(home)
        brand, group = {"campaign_id": "c2"}, {"campaign_id": "c2", "ad_group_id": "g1"}
        for dataset, keys in (
            ("campaign_daily", [{"campaign_id": "c1"}, brand]),
            ("ad_group_daily", [group]),
            ("ad_daily", [group | {"ad_id": "a1"}]),
        ):
            stage.put(dataset, *({"date": day, **key} | figures(at + 1) for day in days for at, key in enumerate(keys)))
        for kind, own, name in (
            ("campaign", "c1", "Other"),
            ("campaign", "c2", HOSTILE),
            ("ad_group", "g1", "Group one"),
            ("ad", "a1", "Ad one"),
        ):
            stage.name(kind, own, name)
        with serving(home) as address:
            yield House(address, store)


def visit(browser: Browser, house: House, token: str, path: str, *, scheme: str = "light", width: int = 1440) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 1400},
        locale="en-GB",
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
        color_scheme="dark" if scheme == "dark" else "light",
    )
    context.add_cookies([{"name": "adjoin_session", "value": token, "url": house.address}])
    page = context.new_page()
    page.goto(f"{house.address}{path}")
    settle(page)
    return page


def settle(page: Page) -> None:
    page.locator("h1").wait_for(timeout=SLOW)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=SLOW)


def open_first(page: Page) -> None:
    """Press the button of the first line of the table."""
    box = page.get_by_test_id("stDataFrame").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 30, box["y"] + 35 + 20)


def test_from_a_campaign_to_a_shared_link(browser: Browser, house: House) -> None:
    """Find the campaign, drill to the ad, annotate, save the view, and open its link as somebody else."""
    page = visit(browser, house, house.join("ana", "analyst"), "/campaigns")
    page.get_by_label("Search", exact=True).fill("brand")
    page.get_by_label("Search", exact=True).press("Enter")
    expect(page.get_by_text("1 campaign · Spend together €60.00")).to_be_visible(timeout=SLOW)
    open_first(page)
    expect(page.get_by_text("1 ad group · ")).to_be_visible(timeout=SLOW)
    expect(page.locator(".st-key-crumbs").get_by_text(HOSTILE)).to_be_visible()
    open_first(page)
    expect(page.get_by_text("1 ad · ")).to_be_visible(timeout=SLOW)
    open_first(page)
    expect(page.locator(".st-key-crumbs").get_by_text("Ad one")).to_be_visible(timeout=SLOW)
    expect(page).to_have_url(re.compile("at=meta%2Fact_1%2Fc2%2Fg1%2Fa1"))
    expect(page.get_by_test_id("stDataFrame")).to_have_count(0)
    page.get_by_role("button", name="Add a note").click()
    page.get_by_label("What happened").fill("A sale began <b>today</b>")
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_text("The note is added")).to_be_visible(timeout=SLOW)
    expect(page.get_by_label("What happened")).to_be_hidden()
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Save what is shown as").fill("The ad")
    page.get_by_text("For all members").click()
    page.get_by_role("button", name="Save the view").click()
    expect(page.get_by_text("The view “The ad” is saved.")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Views").click()
    link = urlsplit(page.get_by_test_id("stCode").inner_text().replace("\n", ""))
    assert f"{link.scheme}://{link.netloc}" == house.address
    page.go_back()
    expect(page.get_by_text("1 ad · ")).to_be_visible(timeout=SLOW)

    other = visit(browser, house, house.join("vi", "viewer"), f"{link.path}?{link.query}")
    expect(other.locator(".st-key-crumbs").get_by_text("Ad one")).to_be_visible(timeout=SLOW)
    expect(other.get_by_text("A sale began <b>today</b>").first).to_be_visible()
    expect(other.get_by_role("button", name="Add a note")).to_have_count(0)
    other.get_by_role("button", name="All campaigns").click()
    expect(other.get_by_text("2 campaigns · ")).to_be_visible(timeout=SLOW)
    other.get_by_role("button", name="Views").click()
    other.get_by_role("combobox", name=re.compile("Saved views")).click()
    other.get_by_role("option", name="The ad (shared)").click()
    other.locator(".st-key-view-open button").click()
    expect(other.locator(".st-key-crumbs").get_by_text("Ad one")).to_be_visible(timeout=SLOW)
    for one in (page, other):
        one.context.close()
