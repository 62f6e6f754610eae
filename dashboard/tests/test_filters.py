"""The filter row that pages share: named periods, accounts, links that are old or wrong, and saved views."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.access import saved_views
from adjoin.access.actors import Actor
from adjoin.clock import ManualClock
from adjoin.db.models import DEFAULT_WORKSPACE, Account
from adjoin.db.people import User
from adjoin.db.views import DefaultView, SavedView
from adjoin_dashboard.host import Host, open_host, serving
from adjoin_dashboard.overview.model import Period
from adjoin_dashboard.periods import CUSTOM, PERIODS, named_period
from adjoin_dashboard.server import SITE
from adjoin_dashboard.testing import KnownAccount, make_store, sign_in, visiting

from .conftest import NOW, TODAY, days_back

HELD = Period(date(2026, 1, 1), date(2026, 11, 20))


def open_page(**address: str | list[str]) -> AppTest:
    page = AppTest.from_file(str(SITE / "app.py"), default_timeout=30)
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def spend(page: AppTest) -> str:
    cards = {one.label: one.value for one in page.metric}
    assert "Spend" in cards, f"the page has no such card; it says: {said(page)}"
    return cards["Spend"]


def said(page: AppTest) -> str:
    return " ".join(str(one.value) for one in [*page.info, *page.success, *page.warning, *page.error])


def link(page: AppTest) -> str:
    return page.code[0].value


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """10 EUR a day for 40 days, and of another platform 5. An owner visits the pages that are run."""
    accounts = [
        KnownAccount(platform="meta", account_id="act_3", name="Shop 03", days=days_back(40, 10)),
        KnownAccount(platform="google", account_id="7", name="Search", days=days_back(40, 5)),
    ]
    home = tmp_path_factory.mktemp("filters")
    make_store(home, accounts, now=NOW - timedelta(hours=1)).close()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADJOIN_DATABASE_URL", "ADJOIN_DISABLE", "ADJOIN_BASE_URL"):
            patch.delenv(name, raising=False)
        with (
            open_host(home, clock=ManualClock(NOW)) as opened,
            serving(opened),
            visiting(sign_in(opened.store, now=NOW).session.id),
        ):
            yield opened


@pytest.fixture(autouse=True)
def no_views(host: Host) -> Iterator[None]:
    """A view that one test saves opens no page of another."""
    yield
    with host.store.write() as session:
        for model in (DefaultView, SavedView):
            session.connection().execute(sa.delete(model))


def visited_by(host: Host, name: str, role: str) -> AbstractContextManager[None]:
    return visiting(sign_in(host.store, now=NOW, email=f"{name}@example.com", role=role).session.id)


def choose_view(page: AppTest, host: Host, name: str) -> None:
    with host.store.read() as session:
        view_id = session.exec(select(SavedView.id).where(SavedView.name == name)).one()
    page.selectbox(key="view-chosen").set_value(view_id).run()


def add_accounts(host: Host, count: int) -> None:
    """More accounts of the first platform, without figures."""
    with host.store.write() as session:
        session.add_all(
            Account(
                workspace_id=DEFAULT_WORKSPACE,
                platform="meta",
                id=f"act_{number}",
                connection_id="c-meta",
                name=f"Shop {number:02}",
                currency="EUR",
                time_zone="Europe/Berlin",
                first_seen_at=NOW,
                last_seen_at=NOW,
            )
            for number in range(10, 10 + count)
        )


class TestNamedPeriods:
    @pytest.mark.parametrize(
        ("name", "today", "first", "last"),
        [
            ("Last 7 days", date(2026, 3, 1), date(2026, 2, 22), date(2026, 2, 28)),
            ("Last 30 days", date(2026, 3, 1), date(2026, 1, 30), date(2026, 2, 28)),
            ("Last 90 days", date(2026, 3, 1), date(2025, 12, 1), date(2026, 2, 28)),
            ("This month", date(2026, 3, 1), date(2026, 3, 1), date(2026, 3, 1)),
            ("This month", date(2026, 3, 9), date(2026, 3, 1), date(2026, 3, 8)),
            ("Last month", date(2026, 1, 31), date(2025, 12, 1), date(2025, 12, 31)),
            ("This quarter", date(2026, 6, 30), date(2026, 4, 1), date(2026, 6, 29)),
            ("Year to date", date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 1)),
            ("Year to date", date(2026, 7, 4), date(2026, 1, 1), date(2026, 7, 3)),
        ],
    )
    def test_days(self, name: str, today: date, first: date, last: date) -> None:
        """Today is left out where there is a day before it."""
        assert named_period(name, today, HELD) == Period(first, last)

    def test_all_have_days_in_order(self) -> None:
        """On any day of a leap year, and without figures."""
        for name in PERIODS:
            for today in Period(date(2024, 1, 1), date(2024, 12, 31)).days:
                period = named_period(name, today, None)
                assert period.first <= period.last <= today

    def test_the_default_goes_to_where_figures_are(self) -> None:
        """A name that counts from today stays true to it."""
        old = Period(date(2025, 1, 1), date(2025, 2, 28))
        assert named_period("Last 30 days", TODAY, old) == Period(date(2025, 1, 30), date(2025, 2, 28))
        assert named_period("Last 7 days", TODAY, old).last == date(2026, 11, 20)


@pytest.mark.usefixtures("host")
class TestLinks:
    def test_what_is_chosen_is_in_the_link(self) -> None:
        """Whoever opens it sees the same: also the days that were chosen one by one."""
        page = open_page(period="Last 7 days")
        page.multiselect(key="accounts").set_value(["meta/act_3", "google/7"]).run()
        assert spend(page) == "€105"
        page.selectbox(key="period").set_value(CUSTOM).run()
        assert page.date_input(key="range").value == (date(2026, 11, 14), date(2026, 11, 20))
        assert spend(page) == "€105"
        assert urlsplit(link(page)).path == "/", "the first page of the menu has no other address"
        assert "period=Custom&range=2026-11-14&range=2026-11-20" in link(page)
        assert "accounts=meta%2Fact_3&accounts=google%2F7" in link(page)
        again = open_page(period="Custom", range=["2026-11-14", "2026-11-20"], accounts=["meta/act_3", "google/7"])
        assert (spend(again), said(again)) == ("€105", "")
        assert spend(open_page(range=["2026-11-14", "2026-11-20"], accounts="google/7")) == "€35.00"

    @pytest.mark.parametrize(
        ("address", "sentence", "amount"),
        [
            ({"range": ["2026-11-20", "2026-11-14"], "accounts": "google/7"}, "the wrong way round", "€35.00"),
            ({"range": ["2026-11-14", "2027-02-01"], "accounts": "google/7"}, "still to come", "€35.00"),
            ({"range": ["2026-x", "2026-11-14"], "accounts": "google/7"}, "cannot be read", "€150"),
            ({"range": ["1999-01-01", "2026-11-20"], "accounts": "google/7"}, "long before", "€200"),
            ({"period": "Last eon", "accounts": "google/7"}, "a name that there is not", "€150"),
            ({"platforms": ["google", "tiktok"]}, "1 platform without an account", "€150"),
            ({"accounts": ["google/7", "meta/<b>gone</b>"]}, "1 account that this workspace does not have", "€150"),
            ({"compare": "Never", "platforms": "google"}, "a comparison that there is not", "€150"),
            ({"currency": "XXX", "platforms": "google"}, "a currency that no account has", "€150"),
        ],
    )
    def test_old_and_wrong_ones(self, address: dict[str, str | list[str]], sentence: str, amount: str) -> None:
        """What is there is shown, and what is not is said."""
        page = open_page(**address)
        assert sentence in said(page)
        assert "gone" not in said(page), "what a link says is not repeated"
        assert spend(page) == amount

    def test_it_is_said_until_something_else_is_chosen(self) -> None:
        """A rerun for another reason leaves it there."""
        page = open_page(accounts="meta/gone")
        page.selectbox(key="compare").run()
        assert "does not have" in said(page)
        page.selectbox(key="period").set_value("Last 7 days").run()
        assert "does not have" not in said(page)

    def test_many_accounts_are_searched(self, host: Host) -> None:
        """No more than fifty are offered at once, and those that are chosen."""
        add_accounts(host, 60)  # they have no figures and change none of the others' tests
        page = open_page(accounts="meta/act_59")
        assert len(page.multiselect(key="accounts").options) == 51
        page.text_input(key="account-search").set_value("shop 4").run()
        offered = [one[:7] for one in page.multiselect(key="accounts").options]
        assert offered == ["Shop 59", *(f"Shop {number}" for number in range(40, 50))]
        assert page.multiselect(key="accounts").value == ["meta/act_59"]
        page.multiselect(key="platforms").set_value(["google"]).run()
        assert page.multiselect(key="accounts").value == [], "it is of a platform that is not looked at"
        assert spend(page) == "€150"


class TestViews:
    def test_saved_opened_and_opened_first(self, host: Host) -> None:
        """A view brings back what was chosen; the one that opens first does so for one person."""
        with visited_by(host, "dee", "viewer"):
            page = open_page(period="Last 7 days", platforms="google")
            page.text_input(key="view-name").set_value("Google <b>week</b>")
            page.button(key="view-save").click().run()
            assert "is saved" in said(page)
            page = open_page(period="Last month")
            (choice,) = page.selectbox(key="view-chosen").options
            assert choice == "Google <b>week</b>"
            choose_view(page, host, "Google <b>week</b>")
            page.button(key="view-open").click().run()
            assert (page.selectbox(key="period").value, spend(page)) == ("Last 7 days", "€35.00")
            page.button(key="view-default").click().run()
            assert spend(open_page()) == "€35.00"
            assert spend(open_page(period="Last 30 days", platforms="google")) == "€150", "a link goes before"
        with visited_by(host, "cy", "analyst"):
            assert spend(open_page()) != "€35.00"

    def test_shared_by_who_may(self, host: Host) -> None:
        """A viewer has no button for it, an analyst's view is there for all, and an admin may delete it."""
        with visited_by(host, "cy", "analyst"):
            page = open_page(platforms="google")
            page.text_input(key="view-name").set_value("Ours")
            page.checkbox(key="view-shared").check()
            page.button(key="view-save").click().run()
        with visited_by(host, "vi", "viewer"):
            page = open_page()
            assert not [one for one in page.checkbox if one.key == "view-shared"]
            choose_view(page, host, "Ours")
            buttons = {one.key for one in page.button if (one.key or "").startswith("view-")}
            assert buttons == {"view-open", "view-default", "view-save"}
            page.button(key="view-open").click().run()
            assert spend(page) == "€150"
        with visited_by(host, "bob", "admin"):
            page = open_page()
            choose_view(page, host, "Ours")
            page.button(key="view-delete").click().run()
            assert "is deleted" in said(page)
            assert not [one for one in page.selectbox if one.key == "view-chosen"]

    def test_a_name_that_is_taken_and_an_account_that_is_gone(self, host: Host) -> None:
        """The first is said with what to do; the second is left out when the view is opened."""
        with visited_by(host, "eva", "viewer"):
            page = open_page()
            user_id = next(one for one in users(host) if one.email == "eva@example.com").id
            with host.store.write() as session:
                saved_views.save(
                    session,
                    DEFAULT_WORKSPACE,
                    page="overview",
                    name="Mine",
                    address={"accounts": ["meta/gone"], "period": ["Last 7 days"]},
                    by=Actor.user(user_id),
                    now=NOW,
                )
            page.text_input(key="view-name").set_value("mine")
            page.button(key="view-save").click().run()
            assert "choose another name" in said(page)
            choose_view(page, host, "Mine")
            page.button(key="view-open").click().run()
            assert page.selectbox(key="period").value == "Last 7 days"
            assert page.multiselect(key="accounts").value == []
            assert "1 account that this workspace does not have" in said(page)


def users(host: Host) -> list[User]:
    with host.store.read() as session:
        return list(session.exec(select(User)))
