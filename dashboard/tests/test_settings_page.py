"""The Settings page, run without a browser, and what the other pages make of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.access.workspace_settings import AUTOMATIC, WorkspaceSettings
from adjoin.db.models import DEFAULT_WORKSPACE, Workspace
from adjoin.db.people import AuditEntry
from adjoin_dashboard.host import Host
from adjoin_dashboard.overview.status import load_status, offered_currencies

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.session_guard import current_address, current_visitor
    from adjoin_dashboard.settings.view import render

    visitor = current_visitor()
    assert visitor is not None
    render(make_context(current_host(), visitor, address=current_address()))


def open_page() -> AppTest:
    page = AppTest.from_function(script, default_timeout=30).run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.caption, *page.info, *page.warning, *page.error, *page.success, *page.markdown]
    return "\n".join(str(one.value) for one in shown).replace("\\", "")


def choose(page: AppTest, label: str, value: str) -> AppTest:
    (box,) = [one for one in page.selectbox if one.label == label]
    box.set_value(value)
    return page


def press(page: AppTest, label: str) -> AppTest:
    (button,) = [one for one in page.button if one.label == label]
    page = button.click().run()
    assert not page.exception
    return page


def set_directly(host: Host, **values: str) -> None:
    with host.store.write() as session:
        workspace = session.get_one(Workspace, DEFAULT_WORKSPACE)
        for name, value in values.items():
            setattr(workspace, name, value)
        session.add(workspace)


def test_automatic_says_what_it_means(host: Host, people: Any) -> None:
    """By what the accounts have, and the usual."""
    with people.visit("bob"):
        page = open_page()
    first = {one.label: one.options[0] for one in page.selectbox}
    assert first == {
        "Base currency": "Automatic: EUR, as most accounts have",
        "Time zone": "Automatic: Europe/Berlin, as most accounts have",
        "Date range to begin with": "Automatic: Last 30 days, the usual one",
        "Comparison to begin with": "Automatic: Previous period, the usual one",
    }
    assert "Make all automatic" not in {one.label for one in page.button}


def test_what_is_saved_counts_for_everybody(host: Host, people: Any) -> None:
    """The log has it, with from where; the next page of any member starts with it."""
    with people.visit("bob"):
        page = choose(choose(open_page(), "Base currency", "CHF"), "Time zone", "America/New_York")
        page = press(choose(page, "Comparison to begin with", "Previous year"), "Save")
    assert "Saved" in texts(page)
    context = people.context("dee")
    assert (context.currency, context.time_zone) == ("CHF", "America/New_York")
    assert context.settings.comparison == "Previous year"
    assert context.write.time_zone == "America/New_York"
    assert str(context.today()) == "2026-11-21"
    with host.store.read() as session:
        (entry,) = session.exec(select(AuditEntry).where(AuditEntry.action == "workspace.settings_changed"))
    assert (entry.address, entry.after) == (
        "192.0.2.7",
        {"currency": "CHF", "time_zone": "America/New_York", "comparison": "Previous year"},
    )
    assert people.context("eve").settings == AUTOMATIC


def test_all_can_be_automatic_again(host: Host, people: Any) -> None:
    set_directly(host, currency="USD", period="Last 7 days")
    with people.visit("ada"):
        page = open_page()
        assert {one.label: one.value for one in page.selectbox}["Base currency"] == "USD"
        page = press(page, "Make all automatic")
    assert "Everything is automatic again" in texts(page)
    assert people.context("ada").settings == AUTOMATIC
    assert people.context("ada").currency == "EUR"


def test_saving_without_a_change_notes_nothing(host: Host, people: Any) -> None:
    with people.visit("ada"):
        assert "Nothing was changed" in texts(press(open_page(), "Save"))
    with host.store.read() as session:
        assert not session.exec(select(AuditEntry).where(AuditEntry.action == "workspace.settings_changed")).all()


def test_others_read_them(host: Host, people: Any) -> None:
    set_directly(host, currency="USD")
    with people.visit("cy"):
        page = open_page()
    assert not page.selectbox
    assert not page.button
    assert ":gray[Base currency]  \nUSD" in texts(page)
    assert "Europe/Berlin (as most accounts have)" in texts(page)


def test_a_workspace_that_goes_takes_no_changes(host: Host, people: Any) -> None:
    """Also from a page that was drawn before."""
    with people.visit("ada"):
        page = open_page()
        with host.store.write() as session:
            workspace = session.get_one(Workspace, DEFAULT_WORKSPACE)
            workspace.delete_after = NOW + timedelta(days=3)
            session.add(workspace)
        page = press(choose(page, "Base currency", "USD"), "Save")
    assert "to be deleted" in texts(page)
    assert people.context("ada").settings == AUTOMATIC


@pytest.mark.parametrize("value", ["<b>$1$ [x](http://evil)", "Last 500 days"])
def test_a_value_that_is_not_offered_any_more_breaks_nothing(host: Host, people: Any, value: str) -> None:
    """As after another release: it is shown, and can be replaced."""
    set_directly(host, period=value)
    with people.visit("ada"):
        page = open_page()
        assert value in {one.value for one in page.selectbox}
    with people.visit("cy"):
        drawn = "\n".join(str(one.value) for one in open_page().markdown)
        assert "](http" not in drawn


def test_the_base_currency_is_offered_first(host: Host, people: Any) -> None:
    """Also one that no account has: amounts are converted to it."""
    context = people.context("ada")
    with context.store.read() as session:
        status = load_status(session, DEFAULT_WORKSPACE, str, context.write)
    assert offered_currencies(status, WorkspaceSettings().currency) == ["EUR"]
    assert offered_currencies(status, "CHF") == ["CHF", "EUR"]
    assert offered_currencies(status, "EUR") == ["EUR"]


def overview() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.overview.view import render
    from adjoin_dashboard.session_guard import current_visitor

    visitor = current_visitor()
    assert visitor is not None
    render(make_context(current_host(), visitor))


def test_pages_about_figures_start_with_the_settings(host: Host, people: Any) -> None:
    """Days, comparison and a currency that no account has; what stands in the address still wins."""
    set_directly(host, currency="CHF", period="Last 7 days", comparison="Previous year")
    with people.visit("dee"):
        page = AppTest.from_function(overview, default_timeout=30).run()
        assert not page.exception
        chosen = {one.label: one.value for one in page.selectbox}
        start = (chosen["Days"], chosen["Compare with"], chosen["Currency"])
        assert start == ("Last 7 days", "Previous year", "CHF")
        assert "CHF" in page.metric[0].value
        page = AppTest.from_function(overview, default_timeout=30)
        page.query_params["period"] = "Last month"
        page.query_params["currency"] = "EUR"
        page.run()
        chosen = {one.label: one.value for one in page.selectbox}
    assert (chosen["Days"], chosen["Currency"]) == ("Last month", "EUR")
