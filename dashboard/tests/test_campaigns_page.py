"""The Campaigns page: figures, paging and drill-down, run without a browser on a store whose figures are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.access import day_notes
from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.analytics import v1
from adjoin.clock import ManualClock
from adjoin.db import Store, cover
from adjoin.db.models import DEFAULT_WORKSPACE, Connection, Entity, EntityKind, new_id
from adjoin.db.people import AuditEntry
from adjoin.facts.commit import Replacement, Target, replace_month, swap
from adjoin.facts.layout import months
from adjoin.facts.store import FactStore
from adjoin_dashboard import asking
from adjoin_dashboard.campaigns.model import Place, read_place
from adjoin_dashboard.context import Context, make_context
from adjoin_dashboard.host import Host, open_host, serving
from adjoin_dashboard.managers import manager_links
from adjoin_dashboard.testing import KnownAccount, make_store, sign_in, visiting

from .conftest import NOW, TODAY, known_day

HOSTILE = "<b>Brand</b> $x$ [a](http://evil) :red[z] =1+1 \u200f🙂"
DAYS = [TODAY - timedelta(days=number) for number in range(60, 0, -1)]
WINDOW = DateWindow(since=DAYS[0], until=DAYS[-1])
TARGET = {"workspace_id": DEFAULT_WORKSPACE, "platform": "meta", "account_id": "act_1"}


def figures(cost: int) -> dict[str, Any]:
    return {
        "impressions": cost * 100,
        "clicks": cost * 2,
        "cost_micros": cost * 1_000_000,
        "conversions": Decimal(1),
        "conversion_value_micros": cost * 4_000_000,
    }


def spent(number: int, day: date) -> int:
    """What campaign `number` spends: its number, and twice that in the last 30 days for the greatest."""
    return number * 2 if number == 30 and day >= TODAY - timedelta(days=30) else number


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


def entity(kind: EntityKind, own: str, name: str, **more: Any) -> Entity:
    return Entity(
        **TARGET, kind=kind, id=own, name=name, first_seen_at=NOW, last_seen_at=NOW, **({"status": "active"} | more)
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account with thirty campaigns; in the greatest two ad groups, two ads, a keyword and a search term."""
    home = tmp_path_factory.mktemp("campaigns")
    # The account's own totals are those of its campaigns: 1 + … + 30 a day, and 30 more in the last 30 days.
    whole = {day: known_day(sum(spent(n, day) for n in range(1, 31)), conversions=30) for day in DAYS}
    with make_store(
        home,
        [KnownAccount(platform="meta", account_id="act_1", name="Shop", days=whole)],
        now=NOW - timedelta(hours=1),
    ) as store:
        facts = FactStore(home)
        numbers = range(1, 31)
        put(
            store,
            facts,
            "campaign_daily",
            [{"date": day, "campaign_id": f"c{n}"} | figures(spent(n, day)) for day in DAYS for n in numbers],
        )
        group = {"campaign_id": "c30", "ad_group_id": "g1"}
        for dataset, keys in (
            ("ad_group_daily", [group, group | {"ad_group_id": "g2"}]),
            ("ad_daily", [group | {"ad_id": "a1"}, group | {"ad_id": "a2"}]),
            ("keyword_daily", [group | {"keyword_id": "k1"}]),
            ("search_term_daily", [group | {"search_term": HOSTILE}]),
        ):
            put(
                store,
                facts,
                dataset,
                [{"date": day, **key} | figures(7 + place) for day in DAYS for place, key in enumerate(keys)],
            )
        with store.write() as session:
            session.add_all(
                entity(EntityKind.CAMPAIGN, f"c{n}", HOSTILE if n == 30 else f"Campaign {n:02}") for n in numbers
            )
            at = {"campaign_id": "c30"}
            session.add(entity(EntityKind.AD_GROUP, "g1", "Group one", **at))
            session.add(entity(EntityKind.AD_GROUP, "g2", "Group two", status="paused", **at))
            session.add(entity(EntityKind.AD, "a1", "Ad one", gone_at=NOW, ad_group_id="g1", **at))
            session.add(entity(EntityKind.KEYWORD, "k1", "shoes", ad_group_id="g1", **at))
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


@pytest.fixture
def page_context(host: Host) -> Iterator[Context]:
    found = host.still_in(sign_in(host.store, now=NOW).session.id)
    assert found is not None
    made = make_context(host, found)
    yield made
    made.close()


def script() -> None:
    from adjoin_dashboard.campaigns.view import render
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
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


def cards(page: AppTest) -> Mapping[str, tuple[str, str]]:
    return {one.label: (one.value, one.delta) for one in page.metric}


def said(page: AppTest) -> str:
    return " ".join(str(one.value) for one in [*page.info, *page.success, *page.caption, *page.markdown])


def column(page: AppTest, name: str) -> list[Any]:
    return list(page.dataframe[0].value[name])


@pytest.mark.usefixtures("host")
class TestTable:
    def test_totals_and_changes(self) -> None:
        """Sums over all campaigns, whichever page of the table is shown; ratios are sums over sums."""
        page = open_page()
        assert cards(page)["Spend"] == ("€14.8k", "+6.5%")
        assert cards(page)["CTR"] == ("2.00%", "±0.00\N{NARROW NO-BREAK SPACE}pp")
        assert cards(page)["Conversions"] == ("900", "±0.0%")
        assert cards(page)["CPA"] == ("€16.50", "+6.5%")
        assert cards(page)["ROAS"] == ("4.00×", "±0.0%")

    def test_the_dearest_first_in_pages(self) -> None:
        """The database orders and cuts; the second page goes on where the first ends."""
        page = open_page()
        assert column(page, "cost")[:3] == [1800.0, 870.0, 840.0]
        assert column(page, "cost.change")[:2] == [100.0, 0.0]
        assert column(page, "Campaign")[0] == HOSTILE
        assert set(column(page, "Status")) == {"active"}
        assert len(column(page, "Trend")[0]) == 30
        assert "1–25 of 30 campaigns · Spend together €14,850" in said(page)
        page = open_page(page="2")
        assert column(page, "cost") == [150.0, 120.0, 90.0, 60.0, 30.0]
        page = open_page(page="999")
        assert len(column(page, "cost")) == 5, "an old link leads to the last page"
        page = open_page(page="2", order="Lowest first", sort="clicks")
        assert column(page, "clicks") == [52.0 * 30, 54.0 * 30, 56.0 * 30, 58.0 * 30, 120.0 * 30]

    def test_search_and_columns(self) -> None:
        """What is searched is found on the server, and totals stay those of everything."""
        page = open_page(search="campaign 2", columns=["cost", "cpc"])
        assert column(page, "Campaign")[0] == "Campaign 29"
        assert len(column(page, "Campaign")) == 10
        assert "10 campaigns · Spend together €7,350" in said(page)
        assert cards(page)["Spend"][0] == "€14.8k"
        assert [name for name in page.dataframe[0].value if name in ("cost", "cpc", "clicks")] == ["cost", "cpc"]
        page.text_input(key="search").set_value("<no>such").run()
        assert not page.dataframe
        assert "No campaigns with" in said(page)
        next(one for one in page.button if one.label == "Show all of them").click().run()
        assert len(column(page, "Campaign")) == 25

    def test_changes_of_all_columns(self) -> None:
        """A column beside each, in percentage points for a share."""
        names = list(open_page(changes="true").dataframe[0].value)
        assert {"cost.change", "ctr.change", "roas.change"} <= set(names)
        assert not [one for one in open_page(compare="Nothing").dataframe[0].value if one.endswith(".change")]

    def test_what_somebody_else_keeps_out(self) -> None:
        """A metric that is no longer there is left out of an old link."""
        page = open_page(columns=["gone", "clicks"], sort="gone")
        assert [name for name in page.dataframe[0].value if name in ("cost", "gone", "clicks")] == ["clicks"]


@pytest.mark.usefixtures("host")
class TestDrillDown:
    def test_from_a_campaign_to_its_ad(self) -> None:
        """Each level lists what is in it, with the way back above."""
        page = open_page(at="meta/act_1/c30")
        assert column(page, "Ad group") == ["Group two", "Group one"]
        assert column(page, "Status") == ["paused", "active"]
        assert cards(page)["Spend"][0] == "€1,800"
        page = open_page(at="meta/act_1/c30/g1")
        assert column(page, "Ad") == ["a2", "Ad one"]
        assert column(page, "Status")[1] == "removed"
        assert page.button(key="crumb-0").label == "All campaigns"
        page = open_page(at="meta/act_1/c30/g1/a1")
        assert not page.dataframe
        assert cards(page)["Spend"][0] == "€210"
        assert "**Ad one**" in said(page)
        page.button(key="crumb-2").click().run()
        assert column(page, "Ad") == ["a2", "Ad one"]
        page.button(key="crumb-0").click().run()
        assert len(column(page, "Campaign")) == 25

    def test_keywords_and_search_terms(self) -> None:
        """They are levels beside the ads, and lead no further."""
        page = open_page(at="meta/act_1/c30", level="Keywords")
        assert (column(page, "Keyword"), column(page, "cost")) == (["shoes"], [210.0])
        assert "Open" not in page.dataframe[0].value
        page = open_page(level="Search terms")
        assert column(page, "Search term") == [HOSTILE]

    @pytest.mark.parametrize("at", ["meta/act_9/c1", "meta", "a/b/c/d/e/f", "//", "x" * 500])
    def test_old_and_wrong_links(self, at: str) -> None:
        """They say so and lead back."""
        page = open_page(at=at)
        assert "leads to something that this workspace does not have" in said(page)
        page.button[-1].click().run()
        assert len(column(page, "Campaign")) == 25

    def test_hostile_names_are_shown_as_they_are(self) -> None:
        """In the way back, where Markdown is drawn."""
        shown = said(open_page(at="meta/act_1/c30"))
        assert r"\<b\>Brand\</b\> \$x\$ \[a\](" not in shown
        assert r"\<b\>Brand\</b\> \$x\$ \[a\]\(" in shown


@pytest.mark.usefixtures("host")
class TestManager:
    """Links to the platform's own manager, from each level."""

    def test_each_line_has_its_own(self) -> None:
        def asked(url: str) -> Mapping[str, list[str]]:
            return parse_qs(urlsplit(url).query)

        assert asked(column(open_page(), "Manager")[0])["selected_campaign_ids"] == ["c30"]
        assert asked(column(open_page(at="meta/act_1/c30"), "Manager")[0])["selected_adset_ids"] == ["g2"]
        ads = column(open_page(at="meta/act_1/c30", level="Ads"), "Manager")
        assert [asked(url)["selected_ad_ids"] for url in ads] == [["a2"], ["a1"]]
        keywords = column(open_page(at="meta/act_1/c30", level="Keywords"), "Manager")
        assert asked(keywords[0])["selected_adset_ids"] == ["g1"], "a keyword is shown in its ad group"
        assert "Manager" not in open_page(level="Search terms").dataframe[0].value

    def test_where_one_is_has_one(self) -> None:
        links = {one.proto.label: one.proto.url for one in open_page(at="meta/act_1/c30/g1").get("link_button")}
        assert parse_qs(urlsplit(links["Open in Meta Ads"]).query)["selected_adset_ids"] == ["g1"]
        assert "Open in Meta Ads" not in {one.proto.label for one in open_page().get("link_button")}

    def test_a_sandbox_has_none(self, page_context: Context) -> None:
        """Nobody finds its objects at the platform."""
        path = ("meta", "act_1", "c30")
        assert list(manager_links(page_context, [path, ("meta", "act_9", "c1"), ("other", "1"), ("meta",)])) == [path]
        with page_context.store.write() as session:
            connection = session.exec(select(Connection)).one()
            connection.base_url = "http://127.0.0.1:8900"
            session.add(connection)
        try:
            assert manager_links(page_context, [path]) == {}
            assert "Manager" not in open_page().dataframe[0].value
        finally:
            with page_context.store.write() as session:
                connection = session.exec(select(Connection)).one()
                connection.base_url = ""
                session.add(connection)


@pytest.mark.usefixtures("host")
class TestChart:
    def test_it_has_the_compared_days_and_the_notes(self, page_context: Context) -> None:
        """Notes are numbered marks; days that may still change have a line before them."""
        with page_context.store.write() as session:
            day_notes.annotate(
                session,
                DEFAULT_WORKSPACE,
                first_day=TODAY - timedelta(days=9),
                last_day=TODAY - timedelta(days=7),
                text="Sale <b>",
                by=page_context.actor,
                now=NOW,
            )
        page = open_page()
        assert r"Sale \<b\>" in said(page)
        drawn = str(page.get("echarts_chart")[0].proto)
        assert "markArea" in drawn
        assert "may still change" in drawn
        assert "22 Sep" in drawn or "Sept" in drawn
        assert "Sale" not in drawn

    def test_a_note_is_written_and_deleted(self, host: Host) -> None:
        """By an analyst, on the account that one is in; the log tells it."""
        page = open_page(at="meta/act_1/c30")
        page.text_area(key="note-text").set_value("Paused by mistake")
        page.selectbox(key="note-on").set_value("meta/act_1")
        page.button(key="note-save").click().run()
        assert "The note is added" in said(page)
        with host.store.read() as session:
            added = session.exec(select(AuditEntry).where(AuditEntry.action == "annotation.added")).all()
        (entry,) = [one for one in added if one.after and one.after["text"] == "Paused by mistake"]
        assert entry.after is not None
        assert entry.after["account"] == "act_1"
        (delete,) = [one for one in page.button if one.key == f"note-delete-{entry.object_id}"]
        delete.click().run()
        assert "The note is deleted" in said(page)

    def test_a_viewer_reads_them(self, host: Host) -> None:
        """And has nothing to write with."""
        viewer = sign_in(host.store, now=NOW, email="vi@example.com", role="viewer")
        with visiting(viewer.session.id):
            page = open_page()
        assert not page.text_area


@pytest.mark.usefixtures("host")
def test_the_link_and_the_downloads_say_what_is_shown() -> None:
    """The address in the menu opens the same page; files are asked for without a page of the table."""
    page = open_page(at="meta/act_1/c30", sort="clicks", columns=["clicks", "cost"], level="Ads")
    asked = parse_qs(urlsplit(page.code[0].value).query)
    assert asked["at"] == ["meta/act_1/c30"]
    assert asked["columns"] == ["clicks", "cost"]
    assert (asked["sort"], asked["level"]) == (["clicks"], ["Ads"])
    urls = [one.proto.url for one in page.get("link_button") if one.proto.url.startswith("/export/")]
    assert [urlsplit(one).path.rpartition(".")[2] for one in urls] == ["csv", "xlsx", "parquet"]
    assert all("limit=" not in one for one in urls)


class TestAsking:
    def test_an_answer_is_kept(self, page_context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        """A rerun asks no plugin; another workspace, question or version of the data does."""
        from adjoin.analytics import asking as core

        calls = []
        real = core.ask

        def counted(*args: Any) -> v1.Answer:
            calls.append(args)
            return real(*args)

        monkeypatch.setattr(core, "ask", counted)
        question = v1.Question(since=DAYS[-3], until=DAYS[-1], metrics=("cost",), dimensions=("campaign",), limit=2)
        first = page_context.ask(question)
        assert page_context.ask(question).rows.equals(first.rows)
        assert len(calls) == 1
        page_context.ask(v1.Question(since=DAYS[-3], until=DAYS[-1], metrics=("cost",)))
        page_context.__dict__["data_version"] = "another"
        page_context.ask(question)
        assert len(calls) == 3

    def test_changed_definitions_are_noticed(self, page_context: Context) -> None:
        """A metric of the workspace's own can be asked for as soon as this process knows."""
        from adjoin.analytics.asking import provider

        kernel = page_context.host.kernel
        own = v1.CustomMetric(name="cost_per_view", title="Own", unit=v1.Unit.MONEY, formula="cost_micros / clicks")
        assert "cost_per_view" not in {one.name for one in page_context.definitions().metrics}
        place = asking.place_of(page_context)
        kernel.hook(v1.Analytics.define_metric).one(provider(kernel), place, own, by=page_context.actor.name)
        asking.forget_definitions(page_context)
        assert "cost_per_view" in {one.name for one in page_context.definitions().metrics}
        question = v1.Question(since=DAYS[-1], until=DAYS[-1], metrics=("cost_per_view",))
        assert page_context.ask(question).totals["cost_per_view"] == 500_000


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", Place()),
        ("meta/act_1/c1", Place(("meta", "act_1", "c1"))),
        ("meta/act_1/c1/g/a", Place(("meta", "act_1", "c1", "g", "a"))),
        ("meta/act_1", None),
        ("meta//c1", None),
    ],
)
def test_places(text: str, place: Place | None) -> None:
    """A place is read as it is written."""
    assert read_place(text) == place
    if place is not None:
        assert place.text == text
        assert place.up.path == (place.path[:-1] if len(place.path) > 3 else ())


def test_levels_of_places() -> None:
    """What is inside, never what is around."""
    assert Place().levels == ("campaign", "ad_group", "ad", "keyword", "search_term")
    assert Place(("m", "a", "c")).levels == ("ad_group", "ad", "keyword", "search_term")
    assert Place(("m", "a", "c", "g")).levels == ("ad", "keyword", "search_term")
    assert Place(("m", "a", "c", "g", "x")).levels == ()
