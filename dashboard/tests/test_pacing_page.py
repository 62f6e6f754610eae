"""The page Pacing, run without a browser on a store whose figures are known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.analytics import asking
from adjoin.db.models import Account
from adjoin.db.people import AuditEntry
from adjoin.errors import Forbidden, StateError
from adjoin_dashboard.asking import place_of
from adjoin_dashboard.context import Context, make_context
from adjoin_dashboard.host import Host
from adjoin_dashboard.overview.status import Status
from adjoin_dashboard.pacing import view
from adjoin_dashboard.pacing.source import forget_budget, set_budget
from adjoin_dashboard.testing import KnownAccount, sign_in, visiting

from .conftest import NOW, TODAY, days_back

HOSTILE = "<b>Shop</b> $x$ [a](http://evil) :red[z] =1+1 \u200f🙂"
KEY = ("meta", "act_1")


@pytest.fixture
def accounts() -> list[KnownAccount]:
    """30 a day in the last 90 days; half of an account in another currency was never synced."""
    return [
        KnownAccount(platform="meta", account_id="act_1", name=HOSTILE, days=days_back(90, 30)),
        KnownAccount(
            platform="google",
            account_id="123",
            name="Other",
            currency="USD",
            days={day: one for day, one in days_back(60, 5).items() if day <= TODAY - timedelta(days=11)},
        ),
    ]


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.pacing.view import render
    from adjoin_dashboard.session_guard import current_visitor

    visitor = current_visitor()
    assert visitor is not None
    render(make_context(current_host(), visitor))


def open_page(*, dialog: tuple[str, ...] = (), **address: str) -> AppTest:
    page = AppTest.from_function(script, default_timeout=60)
    for name, value in address.items():
        page.query_params[name] = value
    if dialog:
        page.session_state["pacing-dialog"] = dialog
    page.run()
    assert not page.exception
    return page


def told(page: AppTest) -> str:
    shown = [*page.markdown, *page.caption, *page.info, *page.warning, *page.success, *page.error]
    return "\n".join(str(one.value) for one in shown)


def rows(page: AppTest) -> dict[str, dict[str, object]]:
    return {str(row["Account"]): row for row in page.dataframe[0].value.to_dict("records")}


def cards(page: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in page.metric}


def save(amount: str, *, dialog: tuple[str, ...] = KEY) -> AppTest:
    page = open_page(dialog=dialog)
    page.text_input(key="budget-amount").set_value(amount)
    next(one for one in page.button if one.label == "Save").click()
    page.run()
    assert not page.exception
    return page


def test_without_budgets_it_says_what_will_be_spent(host: Host) -> None:
    """20 days of 30 have passed; the other account's last 10 days are missing, and not 0."""
    page = open_page()
    assert "No account has a budget for this month" in told(page)
    assert cards(page)["Spent (EUR)"] == "€600"
    assert cards(page)["Expected (EUR)"] == "€900"
    found = rows(page)[HOSTILE]
    assert (found["State"], found["Spent"], found["Expected"]) == ("– No budget", 600, 900)
    other = rows(page)["Other"]
    assert (other["Spent"], other["Expected"], other["Days missing"]) == (50, 150, 10)


def test_an_analyst_sets_a_budget_and_sees_it_judged(host: Host, page_context: Context) -> None:
    """600 of 600 expected at two thirds of the month: over plan."""
    page = save("600")
    assert r"Set the budget of \<b\>Shop\</b\>" in told(page)
    (kept,) = asking.budgets(host.kernel, place_of(page_context))
    assert (kept.key, kept.micros, kept.month, kept.by) == (
        KEY,
        600_000_000,
        TODAY.replace(day=1),
        page_context.actor.name,
    )
    found = rows(open_page())[HOSTILE]
    assert (found["Budget"], found["Part spent"], found["State"]) == (600, 100, "■ Used up")
    assert "has used up its budget with 10 days to go" in told(open_page())
    with host.store.read() as session:
        assert "budget.set" in [one.action for one in session.exec(select(AuditEntry))]


def test_states_have_words(host: Host) -> None:
    save("900")
    found = rows(open_page())[HOSTILE]
    assert (found["State"], found["Pace"], found["Of budget"], found["Needed a day"]) == ("● On plan", 1, 100, 30)
    save("800")
    page = open_page()
    assert rows(page)[HOSTILE]["State"] == "▲ Over"
    assert "is expected to end €100 above its budget" in told(page)
    save("1200")
    assert rows(open_page())[HOSTILE]["State"] == "▼ Under"
    assert "1 account has a budget: 1 under." in told(open_page())


def test_a_budget_is_removed(host: Host) -> None:
    save("900")
    page = open_page(dialog=KEY)
    page.button(key="budget-remove").click().run()
    assert not page.exception
    assert "has no budget from November 2026 on" in told(page)
    assert rows(open_page())[HOSTILE]["State"] == "– No budget"


@pytest.mark.parametrize("amount", ["", "abc", "-5", "0"])
def test_what_is_no_amount_is_refused(host: Host, page_context: Context, amount: str) -> None:
    page = save(amount)
    assert [one.value for one in page.error]
    assert asking.budgets(host.kernel, place_of(page_context)) == ()


def test_another_month(host: Host) -> None:
    """Months to come have no days that have passed, and those before have all."""
    save("900")
    assert rows(open_page(month="2026-12"))[HOSTILE]["State"] == "○ Not begun"
    before = rows(open_page(month="2026-10"))[HOSTILE]
    assert (before["State"], before["Spent"]) == ("– No budget", 930)
    assert rows(open_page(month="nonsense"))[HOSTILE]["Spent"] == 600


def test_platforms_narrow_it(host: Host) -> None:
    assert list(rows(open_page(platforms="google"))) == ["Other"]


def test_a_viewer_only_looks(host: Host) -> None:
    save("900")
    viewer = sign_in(host.store, now=NOW, email="vi@example.com", role="viewer")
    with visiting(viewer.session.id):
        page = open_page(dialog=KEY)
        assert "Set" not in page.dataframe[0].value.columns
        assert not page.text_input
        assert rows(page)[HOSTILE]["State"] == "● On plan"


def test_a_page_that_was_drawn_before_asks_again(host: Host) -> None:
    viewer = sign_in(host.store, now=NOW, email="vi@example.com", role="viewer").session.id
    signed_in = host.still_in(viewer)
    assert signed_in is not None
    context = make_context(host, signed_in)
    for change in (lambda: set_budget(context, KEY, TODAY, 1), lambda: forget_budget(context, KEY, TODAY)):
        with pytest.raises(Forbidden, match="analyst"):
            change()
    assert asking.budgets(host.kernel, place_of(context)) == ()


def test_an_account_that_is_not_read_is_left_out(host: Host) -> None:
    with host.store.write() as session:
        for account in session.exec(select(Account)):
            account.selected = False
            session.add(account)
    assert "None of these accounts is read" in told(open_page())


def test_nothing_connected_says_how(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Status(connected=False, synced=False, active=False, accounts=(), as_of={}, held=None, problems=())
    monkeypatch.setattr(view, "load_status", lambda *_: empty)
    assert "No ad account is connected yet" in told(open_page())


def test_an_error_is_shown_in_words(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StateError("the store <b> is broken; run `adjoin doctor`")

    monkeypatch.setattr(view, "load_pacing", broken)
    assert r"The store \<b\> is broken" in told(open_page())
