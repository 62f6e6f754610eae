"""The Insights page: cards, dismissing and its undoing, run without a browser on a store with known disturbances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest
import streamlit as st
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.analytics import v1
from adjoin.clock import ManualClock
from adjoin.db import Store, cover
from adjoin.db.models import DEFAULT_WORKSPACE, Entity, EntityKind, new_id
from adjoin.db.people import AuditEntry
from adjoin.errors import Forbidden, StateError
from adjoin.facts.commit import Replacement, Target, replace_month, swap
from adjoin.facts.layout import months
from adjoin.facts.store import FactStore
from adjoin.writing import Writer
from adjoin_dashboard.context import Context, make_context
from adjoin_dashboard.filters import Filters
from adjoin_dashboard.host import Host, open_host, serving
from adjoin_dashboard.insights import source
from adjoin_dashboard.insights.chart import finding_chart
from adjoin_dashboard.insights.model import card_of, evidence_of, mixed
from adjoin_dashboard.overview.model import Period
from adjoin_dashboard.testing import KnownAccount, KnownDay, make_store, sign_in, visiting

from .conftest import NOW, TODAY

HOSTILE = "<b>Brand</b> $x$ [a](http://evil) :red[z] =1+1 \u200f🙂"
DAYS = [TODAY - timedelta(days=number) for number in range(130, 0, -1)]
WINDOW = DateWindow(since=DAYS[0], until=DAYS[-1])
STOPPED = TODAY - timedelta(days=4)
TARGET = {"workspace_id": DEFAULT_WORKSPACE, "platform": "meta", "account_id": "act_1"}


FINDING = v1.Finding(
    id="0" * 16,
    kind=v1.FindingKind.TERM_TO_EXCLUDE,
    title="This search term spends without converting",
    metric="conversions",
    dimension="campaign",
    key=("google", "7", "c1"),
    since=date(2026, 8, 16),
    until=date(2026, 11, 13),
    severity=0.99,
    subject=HOSTILE,
    at_stake_micros=110_000_000,
    figures=(
        v1.Figure(name="clicks", title="Clicks", unit=v1.Unit.COUNT, value=Decimal(120)),
        v1.Figure(name="cost_micros", title="Spend", unit=v1.Unit.MONEY, value=Decimal(110_000_000)),
        v1.Figure(name="chance", title="Probability of chance", unit=v1.Unit.SHARE, value=Decimal("0.0025")),
    ),
)
METRIC = v1.Metric(
    name="conversions", title="Conversions", unit=v1.Unit.COUNT, formula="conversions", sums=("conversions",)
)


def figures(clicks: int) -> dict[str, Any]:
    return {
        "impressions": 20_000,
        "clicks": clicks,
        "cost_micros": clicks * 500_000,
        "conversions": Decimal(8),
        "conversion_value_micros": 400_000_000,
    }


def clicked(campaign: str, day: date) -> int:
    """The first one nearly stops; the second is doubled in the last 30 days; the third goes on."""
    even = 400 + day.toordinal() % 7
    if campaign == "c1" and day >= STOPPED:
        return 20
    return even * 2 if campaign == "c2" and day >= TODAY - timedelta(days=30) else even


def put(store: Store, facts: FactStore, dataset: str, rows: list[dict[str, Any]]) -> None:
    schema = arrow_schema(dataset)
    whole = [dict.fromkeys(schema.names) | {"account_id": "act_1"} | row for row in rows]
    staged = facts.stage(
        run_id="r-meta", slice_id=new_id(), dataset=dataset, platform="meta", account_id="act_1", window=WINDOW
    )
    with staged as writer:
        writer.append(pa.RecordBatch.from_pylist(whole, schema=schema))
    with store.write() as session:
        for month in months(WINDOW.since, WINDOW.until):
            target = Target(**TARGET, currency="EUR", dataset=dataset, month=month)
            part = Replacement(window=WINDOW, staged=writer.staged)
            made = replace_month(facts, target, [part], current=None, run_id="r-meta", now=NOW)
            assert made is not None
            swap(session, [made], now=NOW)
        cover(session, **TARGET, dataset=dataset, days=DAYS, run_id="r-meta", fetched_at=NOW)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("insights")
    campaigns = ("c1", "c2", "c3")
    whole = {}
    for day in DAYS:
        clicks = sum(clicked(one, day) for one in campaigns)
        whole[day] = KnownDay(
            impressions=60_000,
            clicks=clicks,
            cost_micros=clicks * 500_000,
            conversions=Decimal(24),
            conversion_value_micros=1_200_000_000,
        )
    account = KnownAccount(platform="meta", account_id="act_1", name="Shop", days=whole)
    with make_store(home, [account], now=NOW - timedelta(hours=1)) as store:
        rows = [{"date": day, "campaign_id": one} | figures(clicked(one, day)) for day in DAYS for one in campaigns]
        put(store, FactStore(home), "campaign_daily", rows)
        with store.write() as session:
            session.add_all(
                Entity(
                    **TARGET,
                    kind=EntityKind.CAMPAIGN,
                    id=one,
                    name=HOSTILE if one == "c1" else f"Campaign {one}",
                    first_seen_at=NOW,
                    last_seen_at=NOW,
                    status="active",
                )
                for one in campaigns
            )
    return home


@pytest.fixture(scope="module")
def host(home: Path) -> Iterator[Host]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADJOIN_DATABASE_URL", "ADJOIN_DISABLE", "ADJOIN_BASE_URL"):
            patch.delenv(name, raising=False)
        with (
            open_host(home, clock=ManualClock(NOW)) as opened,
            serving(opened),
            visiting(sign_in(opened.store, now=NOW).session.id),
        ):
            yield opened
            st.cache_data.clear()


@pytest.fixture
def page_context(host: Host) -> Iterator[Context]:
    found = host.still_in(sign_in(host.store, now=NOW).session.id)
    assert found is not None
    made = make_context(host, found)
    yield made
    made.close()


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.insights.view import render
    from adjoin_dashboard.session_guard import current_address, current_visitor

    found = current_visitor()
    assert found is not None
    render(make_context(current_host(), found, address=current_address()))


def open_page(**address: str | list[str]) -> AppTest:
    page = AppTest.from_function(script, default_timeout=60)
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert not page.error, page.error[0].value
    return page


def titles(page: AppTest) -> list[str]:
    return [one.value for one in page.subheader]


def said(page: AppTest) -> str:
    return " ".join(str(one.value) for one in [*page.info, *page.success, *page.warning, *page.caption, *page.markdown])


def shown(page: AppTest) -> list[str]:
    """The ids of the findings that can be dismissed."""
    return [str(one.key).removeprefix("aside-0-") for one in page.button if str(one.key).startswith("aside-0-")]


@pytest.fixture
def found(page_context: Context) -> v1.Findings:
    """What the page has found, without any choice."""
    period = Period(TODAY - timedelta(days=30), TODAY - timedelta(days=1))
    filters = Filters(period=period, comparison="Previous period", platforms=("meta",), currency="EUR")
    return source.load_findings(page_context, filters)


@pytest.fixture
def nothing_aside(page_context: Context) -> Iterator[None]:
    yield
    for one in source.load_dismissed(page_context):
        source.restore(page_context, replace(FINDING, id=one))


@pytest.fixture(autouse=True)
def _fresh_caches() -> None:
    """What was found is kept from test to test: the store stays the same."""


@pytest.mark.usefixtures("host")
class TestCards:
    def test_what_was_found(self) -> None:
        """A campaign that doubled and one that nearly stopped, with their numbers; the third one is not there."""
        page = open_page()
        assert titles(page) == [
            "Spend\\: made much of the rise",
            "CTR\\: well above what was expected",
            "Spend\\: well below what was expected",
        ]
        text = said(page)
        assert "**€6,048** :gray[changed]" in text
        assert r":gray[Now] **€12,093 \(\+100.1%\)**" in text
        assert r":gray[Actual] **€40.00** · :gray[Expected] **€808 \(" in text
        assert "17–20 Nov 2026" in text
        assert "Meta Ads › Shop › Campaign c2" in text
        assert "Campaign c3" not in text
        assert r"\<b\>Brand\</b\> \$x\$ \[a\]\(" in text
        assert len(page.get("echarts_chart")) == 3

    def test_links_to_the_figures(self) -> None:
        """The page Campaigns at the campaign, with days that hold those of the finding."""
        page = open_page()
        links = [one.proto.url for one in page.get("link_button") if one.proto.label == "Look at it in Campaigns"]
        asked = parse_qs(urlsplit(links[-1]).query)
        assert urlsplit(links[-1]).path == "/campaigns"
        assert asked["at"] == ["meta/act_1/c1"]
        assert asked["period"] == ["Custom"]
        assert asked["range"] == ["2026-10-22", "2026-11-20"]
        assert (asked["sort"], asked["currency"]) == (["cost"], ["EUR"])
        managers = [one.proto.url for one in page.get("link_button") if one.proto.label == "Open in Meta Ads"]
        assert parse_qs(urlsplit(managers[-1]).query)["selected_campaign_ids"] == ["c1"]

    def test_kinds(self) -> None:
        """An address names them; what it names and is not there is left out."""
        assert titles(open_page(kinds="changes")) == ["Spend\\: made much of the rise"]
        assert len(titles(open_page(kinds=["anomalies", "gone"]))) == 2
        page = open_page(kinds="fatigue")
        assert (titles(page), "Nothing of these kinds was found" in said(page)) == ([], True)

    def test_nothing_stands_out(self) -> None:
        """Days in which everything went on say so, and so do days without figures."""
        page = open_page(period="Custom", range=["2026-09-10", "2026-09-20"])
        assert titles(page) == []
        assert "Nothing stands out" in said(page)

    @pytest.mark.usefixtures("nothing_aside")
    def test_a_look_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Choosing, dismissing and looking again ask for no new look."""
        page = open_page()
        monkeypatch.setattr(source.asking, "findings", None)
        page.button(key=f"aside-0-{shown(page)[0]}").click().run()
        assert len(titles(page)) == 2
        assert len(titles(open_page(aside="true"))) == 3

    def test_errors_are_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In words, in place of the cards."""

        def fails(*_: object, **__: object) -> v1.Findings:
            raise StateError("the store <b> is broken; run `adjoin doctor`")

        monkeypatch.setattr(source.asking, "findings", fails)
        page = AppTest.from_function(script, default_timeout=60)
        page.query_params["period"] = "Last 7 days"
        page.run()
        assert not page.exception
        assert page.error[0].value == r"The store \<b\> is broken; run \`adjoin doctor\`."
        assert titles(page) == []


@pytest.mark.usefixtures("host", "nothing_aside")
class TestDismissing:
    def test_for_a_week_and_back(self, page_context: Context) -> None:
        """The card goes, can be shown, and comes back by one click; the log tells of both."""
        page = open_page()
        first = shown(page)[0]
        page.button(key=f"aside-0-{first}").click().run()
        assert first not in shown(page)
        assert "Dismissed for a week." in said(page)
        assert source.load_dismissed(page_context)[first].until == TODAY + timedelta(days=7)
        other = open_page(aside="true")
        assert len(titles(other)) == 3
        assert "Dismissed until 28 Nov 2026 by" in said(other)
        page.button(key="undo-dismissal").click().run()
        assert first in shown(page)
        assert source.load_dismissed(page_context) == {}
        with page_context.store.read() as session:
            told = [one.action for one in session.exec(select(AuditEntry).where(AuditEntry.object_id == first))]
        assert set(told) == {"finding.dismissed", "finding.restored"}

    def test_everything_for_good(self, page_context: Context) -> None:
        """The page says that all was dismissed, and takes each back."""
        page = open_page()
        for one in shown(page):
            page.button(key=f"aside-2-{one}").click().run()
        assert titles(page) == []
        assert "All that was found is dismissed" in said(page)
        assert {one.until for one in source.load_dismissed(page_context).values()} == {None}
        page.toggle(key="aside").set_value(True).run()
        assert "Dismissed for good by" in said(page)
        back = next(one for one in page.button if one.label == "Take back")
        back.click().run()
        assert "The finding is back." in said(page)
        assert len(shown(page)) == 1

    def test_takes_an_analyst(self, host: Host, found: v1.Findings) -> None:
        """A viewer has no button, and a page that was drawn before asks again."""
        viewer = sign_in(host.store, now=NOW, email="dee@example.com", role="viewer").session.id
        with visiting(viewer):
            page = open_page()
            assert (len(titles(page)), shown(page)) == (3, [])
        signed_in = host.still_in(viewer)
        assert signed_in is not None
        with pytest.raises(Forbidden, match="analyst"):
            source.dismiss(make_context(host, signed_in), found.found[0], until=None)


class TestWords:
    def test_a_search_term(self) -> None:
        """Its own days; the campaign by its id where no name is known; a link that searches for the term."""
        card = card_of(
            FINDING,
            METRIC,
            {("google", "7"): "Shop"},
            currency="EUR",
            write=Writer(),
            platform_title=str.title,
        )
        assert card.title == "This search term spends without converting"
        assert card.path == ("Google", "Shop", "c1")
        assert (card.stake, card.stake_is) == ("€110", "spent on it")
        assert card.figures == (("Spend", "€110"), ("Clicks", "120"))
        period = Period(date(2026, 10, 22), date(2026, 11, 20))
        address = evidence_of(FINDING, period, "EUR")
        assert address["range"] == ["2026-08-16", "2026-11-13"]
        assert (address["at"], address["level"], address["search"]) == (["google/7/c1"], ["Search terms"], [HOSTILE])

    def test_what_money_cannot_tell(self) -> None:
        """Nothing at stake is nothing, not 0; a platform and an account are filters of the link."""
        finding = replace(
            FINDING, kind=v1.FindingKind.ANOMALY, key=("google",), dimension="platform", at_stake_micros=None
        )
        card = card_of(finding, METRIC, {}, currency="EUR", write=Writer(), platform_title=str.title)
        assert (card.stake, card.stake_is, card.path) == ("", "", ("Google",))
        period = Period(date(2026, 11, 1), date(2026, 11, 20))
        assert evidence_of(replace(finding, subject=""), period, "EUR")["platforms"] == ["google"]
        account = replace(finding, key=("google", "7"), dimension="account", subject="")
        assert evidence_of(account, period, "EUR")["accounts"] == ["google/7"]
        assert "at" not in evidence_of(account, period, "EUR")

    def test_no_kind_hides_the_others(self) -> None:
        """The first of each kind comes before the second ones, in their order."""
        kinds = [v1.FindingKind.TERM_TO_EXCLUDE] * 3 + [v1.FindingKind.ANOMALY] * 2
        found = [replace(FINDING, id=str(number), kind=kind) for number, kind in enumerate(kinds)]
        assert [one.id for one in mixed(found)] == ["0", "3", "1", "4", "2"]

    def test_the_chart_has_gaps_and_a_band(self) -> None:
        """A day that is not known is none; what was expected is drawn where something was."""
        days = (
            v1.FindingDay(day=date(2026, 11, 12), value=Decimal(8)),
            v1.FindingDay(day=date(2026, 11, 13), value=None),
            v1.FindingDay(
                day=date(2026, 11, 14), value=Decimal(2), expected=Decimal(8), low=Decimal(5), high=Decimal(11)
            ),
        )
        finding = replace(FINDING, days=days)
        option = finding_chart(finding, METRIC, currency="EUR", write=Writer(), colours=("red", "grey", "orange"))
        table = option["dataset"]["source"]
        assert table["value"].isna().tolist() == [False, True, False]
        assert table["reach"].tolist()[2] == 6
        assert table["Expected"].dropna().tolist() == ["8"]
        assert len(option["series"]) == 4
        plain = finding_chart(
            replace(finding, days=days[:2]), METRIC, currency="EUR", write=Writer(), colours=("a", "b", "c")
        )
        assert len(plain["series"]) == 1
