"""What analysts come for, in a real browser: why spend rose and where, an alert that fires, and pages for everybody.

With ADJOIN_TEST_ARTEFACTS a picture of each page is kept in that folder, in light and dark, for a desk and a phone.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from adjoin.alerts import checking
from adjoin.clock import ManualClock
from adjoin.runtime import Runtime
from adjoin.settings import load_settings

from .advertiser import HOSTILE, SLOW, House, risen_spend, settle, visit

pytestmark = pytest.mark.browser

#: What Streamlit itself brings: its menu's list, and sparklines without a description.
STREAMLITS_OWN = {"list", "listitem", "svg-img-alt"}
#: The menu's entries that are looked at by everybody who analyses, with what must be there before one looks.
PAGES = {
    "Overview": "What made the change",
    "Platforms": "",
    "Campaigns": "3 campaigns",
    "Creatives": "",
    "Insights": "How this is found",
    "Pacing": "Accounts",
    "Metrics": "",
    "Alerts": "",
    "Reports": "",
    "Data health": "",
    "Sync runs": "",
    "Settings": "",
    "Plugins": "",
}
_FOLDER = os.environ.get("ADJOIN_TEST_ARTEFACTS", "")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with risen_spend(tmp_path_factory.mktemp("risen")) as served:
        yield served


def keep_picture(page: Page, name: str) -> None:
    if _FOLDER:
        folder = Path(_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", full_page=False)


def open_first(page: Page) -> None:
    """Press the button of the first line of the table."""
    page.get_by_test_id("stDataFrame").scroll_into_view_if_needed()
    box = page.get_by_test_id("stDataFrame").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 30, box["y"] + 35 + 20)


def cells(page: Page) -> list[list[str]]:
    """What stands in the table, line by line."""
    rows = page.get_by_test_id("stDataFrame").locator("table[role=grid] tbody tr")
    return [row.locator("td").all_inner_texts() for row in rows.all()]


def cards(page: Page) -> dict[str, str]:
    return {
        card.get_by_test_id("stMetricLabel").inner_text(): card.get_by_test_id("stMetricValue").inner_text()
        for card in page.get_by_test_id("stMetric").all()
    }


def test_why_spend_rose_last_week_and_where(browser: Browser, house: House) -> None:
    """To the ad, a note on it, a view of it, its link for somebody else, and a file that says the same."""
    page = visit(browser, house, house.join("ana", "analyst"))
    page.get_by_role("combobox", name=re.compile("Days")).click()
    page.get_by_role("option", name="Last 7 days").click()
    expect(page.get_by_text(re.compile("Spend rose by €350"))).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile("Most of it was Meta Ads .*and there Spring"))).to_be_visible()
    keep_picture(page, "journey-1-overview")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name=re.compile("Look at Spring")).click()
    page.close()
    page = opened.value
    settle(page)
    expect(page.get_by_text(re.compile("^1 ad group · Spend together"))).to_be_visible(timeout=SLOW)
    open_first(page)
    expect(page.get_by_text(re.compile("^2 ads · Spend together"))).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stDataFrame").locator("table[role=grid]")).to_contain_text("Image, tent")
    settle(page)
    keep_picture(page, "journey-2-ads")
    shown = cells(page)
    file = download(page)
    assert [line["ad"] for line in file] == [HOSTILE, "Image, tent"]
    for line, row in zip(file, shown, strict=True):
        assert row[1] == line["ad"]
        numbers = {float(cell) for cell in row if re.fullmatch(r"-?\d+(\.\d+)?", cell)}
        for name in ("cost", "impressions", "clicks", "conversions"):
            assert float(line[name]) in numbers, (name, line, row)
    assert {line["currency"] for line in file} == {"EUR"}
    open_first(page)
    expect(page.locator(".st-key-crumbs").get_by_text(HOSTILE)).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Add a note").click()
    page.get_by_label("What happened").fill("The new video began")
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_text("The note is added")).to_be_visible(timeout=SLOW)
    expect(page.get_by_label("What happened")).to_be_hidden()
    settle(page)
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Save what is shown as").fill("The video")
    page.get_by_text("For all members").click()
    page.get_by_role("button", name="Save the view").click()
    expect(page.get_by_text("The view “The video” is saved.")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Views").click()
    link = urlsplit(page.get_by_test_id("stCode").inner_text().replace("\n", ""))
    keep_picture(page, "journey-3-ad")
    mine = cards(page)
    assert mine["Spend"] == "€489"

    other = visit(browser, house, house.join("vi", "viewer"), f"{link.path}?{link.query}")
    expect(other.locator(".st-key-crumbs").get_by_text(HOSTILE)).to_be_visible(timeout=SLOW)
    expect(other.get_by_text("The new video began").first).to_be_visible()
    expect(other.get_by_test_id("stMetric")).to_have_count(len(mine), timeout=SLOW)
    settle(other)
    assert cards(other) == mine
    for one in (page, other):
        one.context.close()


def download(page: Page) -> list[dict[str, str]]:
    """The file of what is listed."""
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    with started.value.path().open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    page.keyboard.press("Escape")
    return lines


def test_the_same_by_keyboard_alone(browser: Browser, house: House) -> None:
    """From the door to the ad without a pointer: what is focused is reached by Tab, in the order of the page."""
    page = visit(browser, house, house.join("kay", "analyst"))
    tab_to(page, "combobox", re.compile("Days"))
    page.keyboard.type("Last 7")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("Spend rose by €350"))).to_be_visible(timeout=SLOW)
    with page.context.expect_page() as opened:
        tab_to(page, "link", re.compile("Look at Spring"))
        page.keyboard.press("Enter")
    page = opened.value
    settle(page)
    expect(page.get_by_text(re.compile("^1 ad group · Spend together"))).to_be_visible(timeout=SLOW)
    for name, told in (("Lookalike", re.compile("^2 ads · Spend together")), ("Video", None)):
        tab_to(page, "combobox", re.compile("Open a line"))
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        if told is not None:
            expect(page.get_by_text(told)).to_be_visible(timeout=SLOW)
    expect(page.locator(".st-key-crumbs").get_by_text(HOSTILE)).to_be_visible(timeout=SLOW)
    page.context.close()


def tab_to(page: Page, role: Any, name: re.Pattern[str], most: int = 120) -> None:
    """Press Tab until something has the focus."""
    wanted = page.get_by_role(role, name=name).first
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement || one.contains(document.activeElement)"):
            return
    raise AssertionError(f"{most} times Tab did not lead to {role} {name.pattern}")


def press(page: Page, key: str, seen: Locator) -> None:
    """Press a key until the page shows what it leads to: a key that comes while Streamlit puts buttons up is lost."""
    for patience in (8_000, 8_000, SLOW):
        settle(page)
        page.keyboard.press(key)
        with suppress(AssertionError):
            expect(seen).to_be_visible(timeout=patience)
            return
    expect(seen).to_be_visible()


def test_keys_lead_to_other_days_up_and_to_their_list(browser: Browser, house: House) -> None:
    """P and N beside where one types, U, and H."""
    page = visit(
        browser, house, house.join("kay", "analyst"), "/campaigns?period=Last+7+days&at=meta%2Fact_1%2Fc1%2Fg1"
    )
    now = page.get_by_text(re.compile("^2 ads · Spend together €628"))
    expect(now).to_be_visible(timeout=SLOW)
    press(page, "p", page.get_by_text(re.compile("^2 ads · Spend together €278")))
    press(page, "n", now)
    search = page.get_by_label("Search", exact=True)
    search.press_sequentially("pun")
    expect(search).to_have_value("pun")
    expect(now).to_be_visible()
    search.fill("")
    page.get_by_role("heading", level=1).click()
    press(page, "u", page.get_by_text(re.compile("^1 ad group · Spend together €628")))
    press(page, "h", page.get_by_role("dialog").get_by_text("The days before"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.context.close()


def test_an_alert_is_made_and_fires(browser: Browser, house: House) -> None:
    """The test does what the scheduler would an hour later."""
    page = visit(browser, house, house.join("ana", "analyst"), "/alerts")
    page.get_by_role("button", name=re.compile("alert", re.IGNORECASE)).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Too much spent")
    choose(page, "Of", "last 7 days")
    dialog.get_by_label("Value", exact=True).fill("100")
    choose(page, "How often", "each hour")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved: Too much spent.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Not checked yet").first).to_be_visible()
    with Runtime(load_settings(house.home), clock=ManualClock(datetime.now(UTC) + timedelta(hours=1))) as runtime:
        checking.run(runtime)
    page.reload()
    settle(page)
    expect(page.get_by_text("Firing").first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Open").first.click()
    expect(page.get_by_role("dialog").get_by_text("History")).to_be_visible(timeout=SLOW)
    keep_picture(page, "journey-4-alert")
    page.context.close()


def choose(page: Page, label: str, option: str) -> None:
    box = page.get_by_role("dialog").get_by_role("combobox", name=re.compile(rf"\b{label}$|\. {label}\b"))
    box.click()
    page.get_by_role("option", name=option, exact=True).click()
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=SLOW)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_for_everybody(browser: Browser, house: House, scheme: str) -> None:
    """No barrier but those that Streamlit itself brings, and nothing wider than a phone."""
    page = visit(browser, house, house.join("ona", "owner"), color_scheme=scheme)
    menu = page.get_by_test_id("stSidebarNav")
    entries = {one.strip() for one in menu.get_by_role("link").all_inner_texts()}
    barriers: dict[str, list[str]] = {}
    wide: dict[str, int] = {}
    for title in [one for one in PAGES if any(entry.endswith(one) for entry in entries)]:
        menu.get_by_role("link", name=re.compile(rf"{title}$")).click()
        expect(page.get_by_role("heading", level=1, name=title)).to_be_visible(timeout=SLOW)
        if PAGES[title]:
            expect(page.get_by_text(PAGES[title]).first).to_be_attached(timeout=SLOW)
        settle(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_text("The other pages are not affected")).to_have_count(0)
        keep_picture(page, f"{title.lower().replace(' ', '-')}-{scheme}-1440")
        expect(page.locator('[data-stale="true"]')).to_have_count(0, timeout=SLOW)
        for one in Axe().run(page).response["violations"]:
            if one["id"] not in STREAMLITS_OWN:
                barriers[f"{title}: {one['id']}"] = [node["html"][:200] for node in one["nodes"]]
        page.set_viewport_size({"width": 390, "height": 844})
        expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true", timeout=SLOW)
        page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=SLOW)
        keep_picture(page, f"{title.lower().replace(' ', '-')}-{scheme}-390")
        width = page.evaluate(
            """() => Math.max(...[document.documentElement, document.querySelector('[data-testid=stMain]')]
                     .map(one => one.scrollWidth - one.clientWidth))"""
        )
        if width > 0:
            wide[title] = width
        page.set_viewport_size({"width": 1440, "height": 1000})
        expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "false", timeout=SLOW)
    page.context.close()
    assert barriers == {}
    assert wide == {}
