"""An operator on the page Sync runs, in a real browser; the test does what a worker would."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from adjoin.ads.v2 import Credential
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE, Connection, Lease, Run, RunState, RunTrigger, Slice, SliceState
from adjoin.runtime import Runtime
from adjoin.settings import load_settings
from adjoin.sync.planner import PlannedSlice
from adjoin.sync.runs import RunBook
from adjoin.sync.schedules import ensure_schedule
from adjoin.sync.shared_credential import put_credential
from adjoin.sync.states import SliceEvent
from adjoin_dashboard.testing import KnownAccount, KnownDay, make_store, sign_in

from .conftest import Dashboard
from .serving import serving

if TYPE_CHECKING:
    from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}}
#: What Streamlit itself brings: its menu's list.
STREAMLITS_OWN = {"list", "listitem"}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard beside a scheduler, with a connection whose last run has failed."""
    home = tmp_path_factory.mktemp("operated")
    now = datetime.now(UTC)  # the server goes by the machine's clock
    known = KnownDay(
        impressions=100, clicks=2, cost_micros=1_000_000, conversions=Decimal(1), conversion_value_micros=4_000_000
    )
    days: dict[date, KnownDay] = {now.date() - timedelta(days=back): known for back in range(2, 9)}
    account = KnownAccount(platform="meta", account_id="act_1", name="Nordlicht", days=days, time_zone="UTC")
    with make_store(home, [account], now=now - timedelta(hours=1)) as store:
        token = sign_in(store, now=now).token
        with Runtime(load_settings(home)) as runtime, store.write() as session:
            connection = session.get_one(Connection, (DEFAULT_WORKSPACE, "c-meta"))
            put_credential(runtime.vault, connection, Credential(access_token="token-of-a-test"))
            session.add(connection)
            ensure_schedule(session, workspace_id=DEFAULT_WORKSPACE, connection_id="c-meta", now=now)
            session.add(Lease(name="scheduler", holder="host/1", epoch=1, expires_at=now + timedelta(hours=1)))
            session.add(
                Run(
                    workspace_id=DEFAULT_WORKSPACE,
                    id="failed",
                    connection_id="c-meta",
                    state=RunState.FAILED,
                    trigger=RunTrigger.SCHEDULE,
                    created_at=now - timedelta(minutes=30),
                    started_at=now - timedelta(minutes=30),
                    finished_at=now - timedelta(minutes=29),
                    slices_total=1,
                    error="The platform did not answer.",
                )
            )
            session.add(
                Slice(
                    workspace_id=DEFAULT_WORKSPACE,
                    run_id="failed",
                    account_id="act_1",
                    stream="ad_daily",
                    since=now.date() - timedelta(days=1),
                    until=now.date(),
                    state=SliceState.FAILED,
                    error="No answer.",
                    error_kind="retry",
                )
            )
    with serving(home) as address:
        yield Dashboard(address, home, token)


@pytest.fixture
def book(dashboard: Dashboard) -> Iterator[RunBook]:
    """The runs, as a worker has them."""
    store = Store.open(f"sqlite:///{dashboard.home / 'adjoin.db'}")
    yield RunBook(store)
    store.close()


def test_a_failed_sync_is_retried_and_watched_to_its_end(visit: Visit, book: RunBook) -> None:
    """From the error over the button to everything being there, without a reload."""
    page = visit.open("runs")
    expect(page.get_by_text("The platform did not answer.").last).to_be_visible()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("lacks is read next")).to_be_visible()
    expect(page.get_by_text("for a worker")).to_be_visible()
    now = datetime.now(UTC)
    attempt = book.take_next(now=now)
    assert attempt is not None
    assert attempt.accounts == {"act_1"}
    planned = [PlannedSlice(account_id="act_1", stream=name, window=None) for name in ("campaigns", "ads")]
    first, second = book.plan(attempt, planned, now=now)
    bar = page.get_by_test_id("stProgress")
    expect(bar).to_contain_text("0 of 2 parts")
    for number, piece in ((1, first), (2, second)):
        book.move_slice(attempt, piece, SliceEvent.START, now=now)
        book.move_slice(attempt, piece, SliceEvent.STAGE, now=now, rows=5)
        expect(bar).to_contain_text(f"{number} of 2 parts")
    book.finish(attempt, now=datetime.now(UTC), state=RunState.SUCCEEDED)
    expect(bar).to_have_count(0)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    page.get_by_role("combobox", name="State").click()
    page.get_by_role("option", name="Failed").click()
    expect(page.get_by_text("has tried it again: succeeded")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    assert visit.foreign == []


@pytest.mark.parametrize(
    ("look", "paths"),
    [
        ({}, ("runs?state=Failed", "runs?part=Schedules", "settings")),
        ({"color_scheme": "dark"}, ("runs?part=Days", "runs?part=API+use", "settings")),
    ],
    ids=["light", "dark"],
)
def test_no_part_is_in_the_way_of_anyone(visit: Visit, paths: tuple[str, ...]) -> None:
    """axe finds nothing of ours on any part of the page, nor on Settings."""
    found: dict[str, Any] = {}
    for path in paths:
        page = visit.open(path)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        for violation in Axe().run(page).response["violations"]:
            if violation["id"] not in STREAMLITS_OWN:
                found[f"{path}: {violation['id']}"] = [node["html"][:200] for node in violation["nodes"]]
    assert found == {}


@pytest.mark.parametrize("look", [PHONE])
def test_it_fits_a_phone(visit: Visit) -> None:
    """Nothing has to be moved sideways to press a button."""
    for part in ("Schedules", "Days"):
        page = visit.open(f"runs?part={part}")
        wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        assert wide <= 390, part
