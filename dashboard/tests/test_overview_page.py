"""The Overview page, run without a browser on a store whose figures are known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlmodel import col, select
from streamlit.testing.v1 import AppTest

from adjoin.analytics.report import report
from adjoin.clock import ManualClock
from adjoin.db.models import (
    DEFAULT_WORKSPACE,
    Account,
    Connection,
    ConnectionState,
    Coverage,
    Run,
    RunState,
    RunTrigger,
)
from adjoin_dashboard.context import Context, make_context
from adjoin_dashboard.host import Host, open_host, serving
from adjoin_dashboard.overview.model import Period
from adjoin_dashboard.overview.source import Question, load, load_csv
from adjoin_dashboard.server import SITE
from adjoin_dashboard.testing import KnownAccount, KnownDay, make_store, sign_in, visiting

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)
TODAY = date(2026, 11, 21)


def open_page(*, period: str = "Last 30 days", **address: str | list[str]) -> AppTest:
    page = AppTest.from_file(str(SITE / "app.py"), default_timeout=30)
    for name, value in ({"period": period} | address).items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def values(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def texts(page: AppTest) -> str:
    return "\n".join(str(one.value) for one in [*page.caption, *page.info, *page.warning, *page.error, *page.markdown])


def test_the_figures_are_those_of_the_report(page_context: Context) -> None:
    """30 days of 20 EUR, compared with 30 days of 10 EUR."""
    page = open_page()
    last = page_context.today() - timedelta(days=1)
    totals = report(page_context.ask, since=last - timedelta(days=29), until=last, by="total").totals
    assert totals["cost_micros"] == 600_000_000
    assert values(page) == {
        "Spend": "€600",
        "Conversions": "60",
        "CPA": "€10.00",
        "ROAS": "4.00×",
        "CTR": "2.00%",
    }
    assert page.metric[0].delta == "+100.0%"


def test_the_stamp_says_how_fresh_and_in_which_currency(host: Host) -> None:
    """The stamp has the end of the last good sync, the zone, the currency and the compared days."""
    stamp = texts(open_page())
    assert "Data as of 21 Nov 2026, 05:14 (Europe/Berlin)" in stamp
    assert "amounts in EUR, no conversion needed" in stamp
    assert "compared with 22 Sept – 21 Oct 2026" in stamp


def test_another_range_gives_other_figures(host: Host) -> None:
    """The date range decides what is added up."""
    page = open_page(period="Custom")
    first, _ = page.date_input(key="range").value
    page.date_input(key="range").set_value((first, first + timedelta(days=9))).run()
    assert values(page)["Spend"] == "€200"


def test_half_a_range_asks_for_the_rest(host: Host) -> None:
    """While a range is being picked there is a hint, and no error."""
    page = open_page(period="Custom")
    page.date_input(key="range").set_value((page.date_input(key="range").value[0],)).run()
    assert not page.exception
    assert "Choose the last day" in texts(page)
    assert not page.metric


def test_a_range_without_figures_says_where_there_are_some(host: Host) -> None:
    """The empty page offers the way to a full one."""
    page = open_page(period="Custom")
    first, _ = page.date_input(key="range").value
    early = first - timedelta(days=200)
    page.date_input(key="range").set_value((early, early)).run()
    assert "Figures are there from 23 Aug 2026 to 20 Nov 2026" in texts(page)
    next(one for one in page.button if one.label == "Show the last days with figures").click().run()
    assert values(page)["Spend"] == "€600"


def test_days_that_were_never_synced_are_named(host: Host) -> None:
    """What is missing is said, with the account and the number of days."""
    with host.store.write() as session:
        for day in session.exec(select(Coverage).order_by(col(Coverage.day).desc()).limit(3)):
            session.delete(day)
    assert r"Shop \[DE\] \$ lacks 3 days" in texts(open_page())


def test_changes_are_not_shown_against_days_that_were_never_synced(host: Host) -> None:
    """A year ago nothing was synced: that is no growth from zero, and the page says why there is no change."""
    page = open_page()
    page.selectbox(key="compare").set_value("Previous year").run()
    assert [metric.delta for metric in page.metric] == ["–"] * 5
    assert "so no changes are shown" in texts(page)


def test_a_failed_sync_is_said_beside_the_figures(host: Host) -> None:
    """The reason is shown in words, and the last good figures stay."""
    with host.store.write() as session:
        session.add(
            Run(
                workspace_id=DEFAULT_WORKSPACE,
                id="r-2",
                connection_id="c-meta",
                state=RunState.FAILED,
                trigger=RunTrigger.SCHEDULE,
                created_at=host.clock.now(),
                finished_at=host.clock.now(),
                error="Meta has asked to wait.",
            )
        )
    page = open_page()
    assert "The last sync of Meta Ads (Example) failed" in page.warning[0].value.replace("\\", "")
    assert "Meta has asked to wait." in page.warning[0].value
    assert values(page)["Spend"] == "€600"


def test_a_connection_that_needs_a_person_names_the_command(host: Host) -> None:
    """A dead authorisation says what to type."""
    with host.store.write() as session:
        connection = session.get_one(Connection, (DEFAULT_WORKSPACE, "c-meta"))
        connection.state = ConnectionState.RECONNECT
        session.add(connection)
    assert "`adjoin connect meta`" in texts(open_page())


class TestWithoutData:
    """A store before anything was connected or synced."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        make_store(tmp_path, [], now=NOW).close()
        return tmp_path

    def test_nothing_connected_says_how_to_connect(self, host: Host) -> None:
        """The first thing a new operator sees is what to do."""
        assert "`adjoin connect meta`" in texts(open_page())

    def test_nothing_synced_says_how_to_sync(self, host: Host) -> None:
        """A connection alone has no figures yet."""
        with host.store.write() as session:
            session.add(
                Connection(
                    workspace_id=DEFAULT_WORKSPACE,
                    id="c",
                    platform="meta",
                    label="Example",
                    created_at=host.clock.now(),
                )
            )
        assert "Run `adjoin sync`" in texts(open_page())


class TestSeveralCurrencies:
    """Two accounts in euros and one in yen."""

    @pytest.fixture
    def accounts(self) -> list[KnownAccount]:
        day = KnownDay(1000, 10, 1_000_000_000, Decimal(1), 2_000_000_000)
        days = {TODAY - timedelta(days=number): day for number in range(1, 31)}
        return [
            KnownAccount(platform="meta", account_id="1", name="A", days=days),
            KnownAccount(platform="meta", account_id="2", name="B", days=days),
            KnownAccount(platform="zeta", account_id="3", name="C", days=days, currency="JPY"),
        ]

    def test_amounts_are_converted_and_the_page_says_so(self, page_context: Context) -> None:
        """Euros by default, as most accounts have them; the sum is that of the report."""
        page = open_page()
        last = page_context.today() - timedelta(days=1)
        totals = report(
            page_context.ask, since=last - timedelta(days=29), until=last, by="total", currency="EUR"
        ).totals
        assert 60_000_000_000 < totals["cost_micros"] < 61_000_000_000
        assert values(page)["Spend"] == f"€{totals['cost_micros'] / 1e9:.1f}k"
        assert "amounts in EUR (JPY converted at daily ECB rates)" in texts(page)

    def test_another_currency_can_be_chosen(self, host: Host) -> None:
        """The choice changes what is shown, not what is stored."""
        page = open_page()
        page.selectbox(key="currency").set_value("JPY").run()
        assert values(page)["Spend"].startswith("¥")
        assert "(EUR converted at daily ECB rates)" in texts(page)

    def test_one_platform_alone_needs_no_conversion(self, host: Host) -> None:
        """The filter leaves the euro accounts only."""
        page = open_page()
        page.multiselect(key="platforms").set_value(["meta"]).run()
        assert values(page)["Spend"] == "€60.0k"
        assert "no conversion needed" in texts(page)

    def test_accounts_stand_beside_their_platforms(self, host: Host) -> None:
        """The same names on several platforms are told apart by a column of their own."""
        accounts = open_page().dataframe[1].value
        assert list(zip(accounts["Account"], accounts["Platform"], strict=True)) == [
            ("A", "Meta Ads"),
            ("B", "Meta Ads"),
            ("C", "Zeta"),
        ]

    def test_one_platform_alone_is_not_repeated(self, host: Host) -> None:
        """With a filter on one platform its name is nothing new."""
        page = open_page()
        page.multiselect(key="platforms").set_value(["meta"]).run()
        assert "Platform" not in page.dataframe[1].value

    def test_days_that_lack_are_named_with_the_platform(self, host: Host) -> None:
        """Accounts of different platforms may have the same name."""
        with host.store.write() as session:
            session.delete(session.exec(select(Coverage).where(Coverage.platform == "zeta")).first())
        assert r"C \(Zeta\) lacks 1 day." in texts(open_page())

    def test_the_csv_has_each_account_in_its_own_currency(self, page_context: Context) -> None:
        """One line per day and account, with amounts as the platform gave them."""
        question = question_for(page_context, ("meta", "zeta"))
        lines = load_csv(question, page_context.ask, {("zeta", "3"): "C"}).splitlines()
        assert len(lines) == 91
        assert lines[3] == "2026-10-22,zeta,3,C,JPY,1000,10,1000,1,2000"


def test_accounts_without_figures_are_not_passed_over(host: Host) -> None:
    """An account that had no traffic, or cannot be read, is named with the reason."""
    with host.store.write() as session:
        for account_id, settings in {
            "empty": {},
            "old": {"status": "disabled"},
            "locked": {"readable": False, "note": "no permission to read it"},
            "umbrella": {"readable": False, "native_status": "MANAGER", "note": "not read: MANAGER"},
        }.items():
            session.add(
                Account(
                    workspace_id=DEFAULT_WORKSPACE,
                    platform="meta",
                    id=account_id,
                    connection_id="c-meta",
                    name=account_id,
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    first_seen_at=NOW,
                    last_seen_at=NOW,
                    **settings,
                )
            )
    shown = texts(open_page()).replace("\\", "")
    assert (
        "Without figures in these days: empty (no traffic), locked (no permission to read it), old (disabled), "
        "umbrella (manager, not read)"
    ) in shown


def test_new_data_is_another_question(page_context: Context, host: Host) -> None:
    """The version of the data changes with a run that ends, so that nothing old is shown."""
    before = page_context.data_version
    with host.store.write() as session:
        run = session.get_one(Run, (DEFAULT_WORKSPACE, "r-meta"))
        run.finished_at = host.clock.now() + timedelta(seconds=1)
        session.add(run)
    assert make_context(host, page_context.signed_in).data_version != before


def test_a_platform_without_plugin_is_shown_all_the_same(tmp_path: Path, accounts: list[KnownAccount]) -> None:
    """Figures stay when a plugin goes."""
    gone = [KnownAccount(platform="old_ads", account_id="1", name="A", days=accounts[0].days)]
    with make_store(tmp_path, gone, now=NOW) as store:
        issued = sign_in(store, now=NOW)
    with (
        open_host(tmp_path, clock=ManualClock(NOW)) as opened,
        serving(opened),
        visiting(issued.session.id),
    ):
        page = open_page()
    assert values(page)["Spend"] == "€600"
    assert "Old Ads" in str(page.dataframe[0].value)


def test_trends_of_accounts_follow_their_days(page_context: Context) -> None:
    """A trend has one value for each day of the period."""
    answer = load(question_for(page_context, ("meta",)), page_context.ask, page_context.store)
    assert answer.overview.accounts[0].trend == (20.0,) * 30
    assert answer.missing == {}


def question_for(page_context: Context, platforms: tuple[str, ...]) -> Question:
    last = page_context.today() - timedelta(days=1)
    return Question(
        workspace_id=page_context.workspace_id,
        data_version=page_context.data_version,
        period=Period(last - timedelta(days=29), last),
        compared=None,
        platforms=platforms,
        currency="EUR",
        convert=len(platforms) > 1,
        write=page_context.write,
    )
