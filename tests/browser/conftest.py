"""A dashboard in a process of its own, and a browser that looks at it.

The browser fixtures replace those of pytest-playwright: theirs live for the whole session, and while they do no other
test can run an event loop of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from adjoin_dashboard.testing import KnownAccount, KnownDay, make_store, sign_in

from .serving import serving

FIRST, LAST = date(2025, 1, 1), date(2025, 3, 31)
NOW = datetime(2025, 4, 1, 4, 14, tzinfo=UTC)

# Milliseconds until something that is expected counts as missing; far more than is needed, for a busy machine.
expect.set_options(timeout=30_000)

#: No first-run pages, no updates, no synchronising: nothing that reaches out.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

#: Two plugins of third parties: one whose page raises and one that cannot list its pages.
_PLUGINS = {
    "faulty": """
        from threading import Event

        from adjoin.contract import hookimpl
        from adjoin.surface import v1

        def broken(context):
            import streamlit as st
            st.text("Something before it breaks")
            raise RuntimeError("token=secret")

        def fail():
            raise ValueError("token=secret")

        def buttons(context):
            import streamlit as st
            st.title("Buttons")
            st.button("Break it", on_click=fail)

        released = Event()

        def hanging(context):
            import streamlit as st
            st.title("Hangs")
            released.wait(120)
            st.text("It goes on")

        def flooding(context):
            import streamlit as st
            st.title("Floods")
            for number in range(3000):
                st.text(f"{number} " * 20)

        async def release(request):
            from starlette.responses import PlainTextResponse
            released.set()
            return PlainTextResponse("released")

        async def ping(request):
            from starlette.responses import PlainTextResponse
            return PlainTextResponse("pong")

        class Faulty:
            @hookimpl
            def pages(self):
                return [
                    v1.Page(slug="broken", title="Broken page", render=broken),
                    v1.Page(slug="buttons", title="Buttons", render=buttons),
                    v1.Page(slug="hanging", title="Hanging", render=hanging),
                    v1.Page(slug="flooding", title="Flooding", render=flooding),
                ]

            @hookimpl
            def routes(self):
                return [v1.Route(path="/ping", endpoint=ping), v1.Route(path="/release", endpoint=release)]

        plugin = Faulty()
    """,
    "pageless": """
        from adjoin.contract import hookimpl

        class Pageless:
            @hookimpl
            def pages(self):
                raise ValueError("no pages today")

        plugin = Pageless()
    """,
}


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard that is being served: where, whose data, and the token of an owner's session."""

    address: str
    home: Path
    token: str


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found is not None:
            return found
    message = "there is no Chromium on this machine (Debian: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def _days(scale: int) -> dict[date, KnownDay]:
    """A weekly wave, the same in each run."""
    days = {}
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        cost = scale * (60 + 10 * day.weekday() + number % 5)
        days[day] = KnownDay(
            impressions=cost * 90,
            clicks=cost * 3 // 2,
            cost_micros=cost * 1_000_000 + 250_000,
            conversions=Decimal(cost // 12),
            conversion_value_micros=cost * 5_100_000,
        )
    return days


def _install(folder: Path, name: str, source: str) -> None:
    (folder / f"{name}_plugin.py").write_text(dedent(source), encoding="utf-8")
    metadata = folder / f"{name}_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(
        f"[adjoin.surface.v1]\n{name} = {name}_plugin:plugin\n", encoding="utf-8"
    )


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard with figures of two platforms and two plugins that misbehave."""
    _chromium()  # without a browser there is no use in a server
    home = tmp_path_factory.mktemp("home")
    accounts = [
        KnownAccount(platform="meta", account_id="act_1", name="Nordlicht", days=_days(30)),
        KnownAccount(platform="meta", account_id="act_2", name="Nordlicht UK", days=_days(12), currency="GBP"),
        KnownAccount(platform="zeta", account_id="z-1", name="Zeta *Shop*", days=_days(9)),
    ]
    with make_store(home, accounts, now=NOW) as store:
        token = sign_in(store, now=datetime.now(UTC)).token  # the server goes by the machine's clock
    plugins = tmp_path_factory.mktemp("plugins")
    for name, source in _PLUGINS.items():
        _install(plugins, name, source)
    with serving(home, PYTHONPATH=str(plugins)) as address:
        yield Dashboard(address, home, token)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = _chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        yield browser
        browser.close()


#: Ends with what moves for a while, such as what fades in: colours that are half there have too little contrast.
_FADED_IN = """Promise.race([
  new Promise(over => setTimeout(over, 5000)),
  Promise.all(
    document.getAnimations()
      .filter(one => one.effect && one.effect.getComputedTiming().endTime !== Infinity)
      .map(one => one.finished.catch(() => null))
  )
]).then(() => null)"""


@dataclass(frozen=True, slots=True)
class Visit:
    """A visitor of the dashboard."""

    page: Page
    dashboard: Dashboard
    console: list[str]
    foreign: list[str]

    def open(self, path: str = "") -> Page:
        """Open an address of the dashboard and wait until it is drawn."""
        self.page.goto(f"{self.dashboard.address}/{path}")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until the page's heading is there and nothing is running, nor fading in."""
        self.page.locator("h1").wait_for(timeout=30_000)
        self.page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=30_000)
        self.page.evaluate(_FADED_IN)

    def metric(self, label: str) -> str:
        """The value of a headline number."""
        card = self.page.get_by_test_id("stMetric").filter(has=self.page.get_by_text(label, exact=True))
        return card.get_by_test_id("stMetricValue").inner_text()


@pytest.fixture
def look() -> dict[str, Any]:
    """How the visitor's browser is set; parametrise it to change it."""
    return {}


@pytest.fixture
def visit(browser: Browser, dashboard: Dashboard, look: dict[str, Any]) -> Iterator[Visit]:
    """A fresh visitor who is signed in, with what the browser complains about and which other hosts it asks."""
    settings: dict[str, Any] = {
        "viewport": {"width": 1440, "height": 1000},
        "locale": "en-GB",
        "timezone_id": "Europe/Berlin",
        "reduced_motion": "reduce",
    }
    context = browser.new_context(**(settings | look))
    context.add_cookies([{"name": "adjoin_session", "value": dashboard.token, "url": dashboard.address}])
    page = context.new_page()
    visitor = Visit(page, dashboard, [], [])
    ours = (dashboard.address, dashboard.address.replace("http", "ws"), "data:", "blob:")
    page.on("console", lambda said: visitor.console.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: None if asked.url.startswith(ours) else visitor.foreign.append(asked.url))
    yield visitor
    context.close()
