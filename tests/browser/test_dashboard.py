"""The dashboard in a real browser."""

from __future__ import annotations

import csv
import json
import re
import urllib.error
import urllib.request
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, expect

from adjoin.access.sessions import Sessions
from adjoin.analytics.context import WorkspaceContext
from adjoin.analytics.report import report
from adjoin.clock import SystemClock
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE, Run, RunState, RunTrigger
from adjoin.facts.query import FactQuery
from adjoin.facts.store import FactStore
from adjoin.writing import Writer
from adjoin_analytics import Analyst
from adjoin_dashboard.testing import sign_in

if TYPE_CHECKING:
    from tests.browser.conftest import Dashboard, Visit

pytestmark = pytest.mark.browser

LAST = date(2025, 3, 31)
DARK = {"color_scheme": "dark"}

#: A deep link is first tried as the address of the server, which gives a 404 that is then tried at the root.
DEEP_LINK = "Failed to load resource: the server responded with a status of 404 (Not Found)"


def totals(dashboard: Dashboard, since: date, until: date) -> dict[str, Any]:
    """What the facts say."""
    store = Store.open(f"sqlite:///{dashboard.home / 'adjoin.db'}")
    with FactQuery(store, FactStore(dashboard.home), DEFAULT_WORKSPACE) as facts:
        place = WorkspaceContext(store.scoped(DEFAULT_WORKSPACE, None), facts, {}, SystemClock())
        ask = partial(Analyst().ask, place)
        found = dict(report(ask, since=since, until=until, by="total", currency="EUR").totals)
    store.close()
    return found


@pytest.mark.parametrize("path", ["", "campaigns", "pacing", "health", "runs", "plugins"])
def test_pages_open_without_error(visit: Visit, path: str) -> None:
    """No page shows an error, complains in the console or asks another host for anything."""
    visit.open(path)
    expect(visit.page.get_by_test_id("stException")).to_have_count(0)
    expect(visit.page.get_by_text("The other pages are not affected")).to_have_count(0)
    assert [said for said in visit.console if said != DEEP_LINK] == []
    assert len(visit.console) <= (4 if path else 0)
    assert visit.foreign == []


def test_the_numbers_are_those_of_the_query(visit: Visit) -> None:
    """What a visitor reads is what the facts say, converted as the report converts."""
    visit.open()
    said = totals(visit.dashboard, LAST - timedelta(days=29), LAST)
    assert visit.metric("Spend") == Writer().money(said["cost_micros"], "EUR", compact=True)
    assert visit.metric("Conversions") == f"{said['conversions']:,}"
    assert visit.metric("CPA") == f"€{said['cpa_micros'] / 1e6:.2f}"
    assert visit.metric("ROAS") == f"{said['roas']:.2f}×"
    assert visit.metric("CTR") == f"{said['ctr']:.2%}"


def test_a_date_range_in_the_address_survives_a_reload(visit: Visit) -> None:
    """A link shows the same days to whoever opens it."""
    visit.open("?range=2025-03-01&range=2025-03-10")
    said = totals(visit.dashboard, date(2025, 3, 1), date(2025, 3, 10))
    shown = Writer().money(said["cost_micros"], "EUR", compact=True)
    assert visit.metric("Spend") == shown
    visit.page.reload()
    visit.settle()
    assert visit.metric("Spend") == shown
    assert "range=2025-03-01" in visit.page.url


def test_a_choice_goes_into_the_address(visit: Visit) -> None:
    """The comparison is part of the link, and a reload keeps it."""
    page = visit.open()
    page.get_by_role("combobox", name=re.compile("Compare with")).click()
    page.get_by_role("option", name="Nothing").click()
    expect(page.get_by_text("compared with")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"compare=Nothing"))
    page.reload()
    visit.settle()
    expect(page.get_by_text("amounts in EUR")).to_be_visible()
    expect(page.get_by_text("compared with")).to_have_count(0)


def test_the_chart_is_drawn(visit: Visit) -> None:
    """The main chart has a drawing and a description for those who cannot see it."""
    page = visit.open()
    chart = page.locator(".st-key-spend")
    expect(chart.locator("canvas").first).to_be_visible(timeout=15_000)
    expect(chart.get_by_role("img", name=re.compile("Spend per day in EUR for Meta Ads, Zeta"))).to_have_count(1)


def test_the_health_page_says_what_is_wrong_and_what_to_do(visit: Visit) -> None:
    """A connection whose plugin is missing stands on top, open, with the command that helps."""
    page = visit.open("health")
    expect(page.get_by_text("2 connections: 1 broken and 1 to look at.")).to_be_visible()
    opened = page.get_by_test_id("stExpander").first
    expect(opened).to_contain_text("Broken · Zeta")
    expect(opened).to_contain_text("is not loaded here, so nothing can be synced")
    expect(opened.get_by_text("adjoin plugins list")).to_be_visible()


def test_the_strips_of_days_are_drawn_and_told(visit: Visit) -> None:
    """With a description for those who cannot see them; another account and span can be chosen by keyboard."""
    page = visit.open("health")
    chart = page.locator(".st-key-calendar")
    expect(chart.locator("canvas").first).to_be_visible(timeout=15_000)
    expect(chart.get_by_role("img", name=re.compile("Days of Nordlicht · Meta Ads by dataset"))).to_have_count(1)
    expect(page.get_by_text("Missing days of all accounts")).to_be_visible()
    page.get_by_role("combobox", name=re.compile("Account")).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(chart.get_by_role("img", name=re.compile("Days of Nordlicht UK"))).to_have_count(1, timeout=15_000)
    page.get_by_role("radiogroup", name="Back to").get_by_text("3 years").click()
    expect(chart.get_by_role("img", name=re.compile("by dataset, .* 202[0-9] – "))).to_have_count(1, timeout=15_000)


def test_figures_can_be_downloaded(visit: Visit) -> None:
    """The CSV has a line for each day and account, and its sum is that of the facts."""
    page = visit.open("?platforms=zeta&range=2025-03-01&range=2025-03-10")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download CSV").click()
    with started.value.path().open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 10
    assert {line["account"] for line in lines} == {"Zeta *Shop*"}


@pytest.mark.parametrize("look", [DARK])
def test_dark_follows_the_visitors_preference(visit: Visit) -> None:
    """Background and logo are the dark ones."""
    page = visit.open()
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", "rgb(15, 20, 32)")
    expect(page.locator("h1")).to_have_css("color", "rgb(231, 235, 243)")


def test_a_page_that_raises_leaves_the_others_working(visit: Visit) -> None:
    """The error stands in the place of the page, without its text, and the menu goes on."""
    page = visit.page
    page.goto(f"{visit.dashboard.address}/p-faulty-broken")
    expect(page.get_by_text("Something before it breaks")).to_be_visible(timeout=30_000)
    expect(page.get_by_text('The page "Broken page" of the plugin "faulty" failed: RuntimeError')).to_be_visible()
    expect(page.get_by_text("secret")).to_have_count(0)
    page.get_by_test_id("stSidebarNav").get_by_text("Overview").click()
    expect(page.get_by_test_id("stMetric")).to_have_count(5, timeout=30_000)


@pytest.mark.parametrize("slug", ["hanging", "flooding"])
def test_a_page_that_hangs_or_floods_leaves_the_others_working(browser: Browser, visit: Visit, slug: str) -> None:
    """Somebody else has their pages meanwhile, and who opened it has them when it ends."""
    page = visit.page
    page.goto(f"{visit.dashboard.address}/p-faulty-{slug}")
    page.locator("h1").wait_for(timeout=30_000)
    context = browser.new_context()
    cookie = {"name": "adjoin_session", "value": visit.dashboard.token, "url": visit.dashboard.address}
    context.add_cookies([cookie])  # type: ignore[list-item]  # as Playwright takes it
    other = context.new_page()
    other.goto(visit.dashboard.address)
    expect(other.get_by_test_id("stMetric")).to_have_count(5, timeout=30_000)
    if slug == "hanging":
        expect(page.get_by_text("It goes on")).to_have_count(0)
        context.request.get(f"{visit.dashboard.address}/x/faulty/release")
        expect(page.get_by_text("It goes on")).to_be_visible(timeout=30_000)
    page.get_by_test_id("stSidebarNav").get_by_text("Overview").click()
    expect(page.get_by_test_id("stMetric")).to_have_count(5, timeout=30_000)
    context.close()


def test_a_button_that_raises_shows_an_error_too(visit: Visit) -> None:
    """What happens outside of drawing the page is caught as well, and told without its text."""
    page = visit.open("p-faulty-buttons")
    page.get_by_role("button", name="Break it").click()
    expect(page.get_by_text("This part of the page failed: ValueError")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("secret")).to_have_count(0)


def test_routes_of_plugins_are_served_beside_the_pages(dashboard: Dashboard) -> None:
    """Below the plugin's name, so that no plugin answers for another; for who is signed in."""
    asked = urllib.request.Request(f"{dashboard.address}/x/faulty/ping")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked)
    assert refused.value.code == 401
    refused.value.close()
    asked.add_header("Cookie", f"adjoin_session={dashboard.token}")
    with urllib.request.urlopen(asked) as answer:
        assert answer.read() == b"pong"


def test_who_was_signed_out_elsewhere_is_locked_out_on_the_next_click(browser: Browser, dashboard: Dashboard) -> None:
    """The figures go, a link leads to the sign-in, and the pictures of the page are gone as well."""
    with Store.open(f"sqlite:///{dashboard.home / 'adjoin.db'}") as store:
        issued = sign_in(store, now=datetime.now(UTC), email="bob@example.com", role="viewer")
        context = browser.new_context()
        context.add_cookies([{"name": "adjoin_session", "value": issued.token, "url": dashboard.address}])
        page = context.new_page()
        page.goto(dashboard.address)
        expect(page.get_by_text("Signed in as Bob")).to_be_visible(timeout=30_000)
        expect(page.get_by_test_id("stMetric").first).to_be_visible(timeout=30_000)
        icon = page.locator("head link[href*='/media/']").first.get_attribute("href") or ""
        address = urljoin(dashboard.address, icon)
        assert context.request.get(address).status == 200
        Sessions(store, SystemClock()).end_all(issued.session.user_id)
    page.get_by_role("link", name="Sync runs").click()
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible(timeout=30_000)
    expect(page.get_by_test_id("stMetric")).to_have_count(0)
    expect(page.get_by_role("link", name="Sign in")).to_have_attribute("target", "_self")
    assert context.request.get(address).status == 401
    context.close()


def test_a_plugin_that_cannot_list_its_pages_is_named(visit: Visit) -> None:
    """The Plugins page says which one, and the other plugins are there."""
    page = visit.open("plugins")
    expect(page.get_by_test_id("stAlert").filter(has_text="pageless")).to_contain_text("could not be listed")


def test_progress_is_live_and_ends_by_itself(visit: Visit) -> None:
    """A run that starts, moves and ends is seen without a reload."""
    store = Store.open(f"sqlite:///{visit.dashboard.home / 'adjoin.db'}")

    def save(**values: Any) -> None:
        with store.write() as session:
            run = session.get(Run, (DEFAULT_WORKSPACE, "r-live")) or Run(
                workspace_id=DEFAULT_WORKSPACE,
                id="r-live",
                connection_id="c-zeta",
                trigger=RunTrigger.PERSON,
                created_at=started,
                started_at=started,
                slices_total=40,
            )
            for name, value in values.items():
                setattr(run, name, value)
            session.add(run)

    with store.read() as session:
        finished = session.get_one(Run, (DEFAULT_WORKSPACE, "r-zeta")).finished_at
    assert finished is not None
    started = finished + timedelta(hours=1)
    save(state=RunState.RUNNING, slices_done=13)
    page = visit.open("runs")
    bar = page.get_by_test_id("stProgress")
    expect(bar).to_contain_text("13 of 40 parts", timeout=15_000)
    save(slices_done=29)
    expect(bar).to_contain_text("29 of 40 parts", timeout=15_000)
    save(state=RunState.SUCCEEDED, slices_done=40, finished_at=started + timedelta(minutes=1))
    expect(bar).to_have_count(0, timeout=15_000)
    store.close()


def test_the_server_says_that_it_is_well(dashboard: Dashboard) -> None:
    """For those who watch it."""
    with urllib.request.urlopen(f"{dashboard.address}/healthz") as answer:
        assert json.load(answer) == {"status": "ok"}
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("door", ["agent/openapi.json", "agent/mcp", "metrics", "script-health-check"])
def test_side_doors_are_closed(dashboard: Dashboard, door: str) -> None:
    """Streamlit's interfaces for programs do not answer."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{dashboard.address}/_stcore/{door}")
    assert refused.value.code == 404
    refused.value.close()
