"""The Reports page, run without a browser: making, previewing, sending a test, pausing, and who may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.access.actors import Actor
from adjoin.access.saved_views import ViewLine
from adjoin.analytics.v1 import Compare, Condition, Operator
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.db.people import AuditEntry, OutgoingMail
from adjoin.db.reports import Outcome, ReportSend, ScheduledReport
from adjoin.reports import defining, sending
from adjoin.reports.defining import Wanted
from adjoin.reports.terms import Span, Terms, read_terms
from adjoin.reports.timing import Cadence
from adjoin.writing import Writer
from adjoin_dashboard.host import Host
from adjoin_dashboard.reports.from_views import terms_of_view
from adjoin_dashboard.reports.model import look_at

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.reports.view import render
    from adjoin_dashboard.session_guard import current_address, current_visitor

    visitor = current_visitor()
    assert visitor is not None
    render(make_context(current_host(), visitor, address=current_address()))


def open_page() -> AppTest:
    page = AppTest.from_function(script, default_timeout=60).run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.caption, *page.info, *page.warning, *page.error, *page.success, *page.markdown]
    return "\n".join(str(one.value) for one in shown).replace("\\", "")


def press(page: AppTest, key: str) -> AppTest:
    page = page.button(key=key).click().run()
    assert not page.exception
    return page


def wanted(people: Any, **more: Any) -> Wanted:
    terms = Terms(metrics=("cost", "clicks", "cpc"), dimension="account", currency="EUR", span=Span.DAYS_7)
    return Wanted(
        **{
            "name": "Weekly",
            "terms": terms,
            "cadence": Cadence(every="day"),
            "time_zone": "Europe/Berlin",
            "people": (people.ids["cy"],),
            "with_pdf": False,
            **more,
        }
    )


def make(people: Any, *, by: str = "cy", **more: Any) -> ScheduledReport:
    with people.host.store.write() as session:
        made = defining.create(
            session, DEFAULT_WORKSPACE, wanted(people, **more), by=Actor.user(people.ids[by]), now=NOW
        )
        session.flush()
        session.expunge(made)
        return made


def stored(host: Host) -> list[ScheduledReport]:
    with host.store.read() as session:
        return list(session.exec(select(ScheduledReport)))


def sends(host: Host) -> list[ReportSend]:
    with host.store.read() as session:
        return list(session.exec(select(ReportSend)))


def mails(host: Host) -> list[str]:
    with host.store.read() as session:
        return [one.kind for one in session.exec(select(OutgoingMail))]


class TestMaking:
    def test_an_analyst_makes_one_and_it_is_sent(self, host: Host, people: Any) -> None:
        """From the button to the history."""
        with people.visit("cy"):
            page = press(open_page(), "new-report")
            page.text_input(key="report-new-name").set_value("Spend *of* <b>us</b>")
            page.selectbox(key="report-new-every").set_value("each day")
            page.checkbox(key="report-new-pdf").uncheck()
            page = press(page.run(), "report-save")
            assert "Saved: Spend *of* <b>us</b>" in texts(page)
            (report,) = stored(host)
            assert (report.cron, report.time_zone) == ("0 8 * * *", "Europe/Berlin")
            assert report.terms["metrics"] == ["cost", "conversions", "cpa", "roas"]
            assert report.people == [people.ids["cy"]]
            host.clock.advance(3600 * 2)  # type: ignore[attr-defined]
            assert sending.run(host.runtime) == "1 reports sent to 1, 0 failed"
            page = press(open_page(), f"report-{report.id}")
            table = page.dataframe[0].value
            assert (list(table["What"]), list(table["Why"])) == (["Sent"], ["on time"])
        assert mails(host) == ["report.sent"]

    def test_what_cannot_be_is_said_in_the_dialog(self, host: Host, people: Any) -> None:
        with people.visit("cy"):
            page = press(press(open_page(), "new-report"), "report-save")
            assert "The name of a report must not be empty" in texts(page)
            page.multiselect(key="report-new-metrics").set_value([])
            assert "Choose at least one figure" in texts(page.run())
        assert stored(host) == []

    def test_it_is_changed_and_stays_what_it_was(self, host: Host, people: Any) -> None:
        """What the form does not ask about is kept."""
        odd = Condition(dimension="campaign", values=("brand",), operator=Operator.LACKS)
        terms = Terms(
            metrics=("clicks",),
            dimension="campaign",
            span=Span.LAST_MONTH,
            compare=Compare.PREVIOUS_YEAR,
            currency="EUR",
            where=(Condition(dimension="platform", values=("meta",)), odd),
            order_by="-clicks",
            rows=7,
        )
        report = make(people, terms=terms, cadence=Cadence(every="month", day=3))
        with people.visit("cy"):
            page = press(press(open_page(), f"report-{report.id}"), "report-change")
            assert "And 1 more of the view" in texts(page)
            page = press(page, "report-save")
            assert "Saved: Weekly" in texts(page)
        (changed,) = stored(host)
        assert (read_terms(changed.terms), changed.cron) == (terms, "0 8 3 * *")


class _Texts(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.found.append(data.replace("\u2060", ""))


def test_figures_are_those_of_the_metric_layer(host: Host, people: Any) -> None:
    """A preview says what a question says: totals, each row, and what was before."""
    context = people.context("cy")
    made = look_at(context, wanted(people))
    today = context.today()
    answer = context.ask(wanted(people).terms.question(today - timedelta(days=7), today - timedelta(days=1)))
    write: Writer = context.write
    found = _Texts(made.html).found
    assert answer.totals["cost"]
    for cost in (answer.totals["cost"], *(row["cost"] for row in answer.rows.to_pylist())):
        assert write.money(cost, "EUR") in found
    for clicks in (answer.totals["clicks"], *(row["clicks"] for row in answer.rows.to_pylist())):
        assert write.count(clicks) in found
    assert answer.before is not None
    change = write.change(answer.totals["cost"], answer.before["cost"])
    assert change is None or change in found
    for row in answer.rows.to_pylist():
        assert row["account"] in found


class TestSending:
    def test_a_test_goes_to_who_asks(self, host: Host, people: Any) -> None:
        report = make(people, by="ada")
        with people.visit("ada"):
            page = press(press(open_page(), f"report-{report.id}"), "report-test")
            assert "A test of Weekly is on its way to you" in texts(page)
        (send,) = sends(host)
        assert (send.outcome, send.told, send.slot_at) == (Outcome.SENT, 1, None)
        assert mails(host) == ["report.test"]

    def test_a_preview_sends_nothing(self, host: Host, people: Any) -> None:
        report = make(people)
        with people.visit("cy"):
            page = press(press(open_page(), f"report-{report.id}"), "report-preview")
            assert "The mail, as it would be sent to you now." in texts(page)
        assert (mails(host), sends(host)) == ([], [])

    def test_paused_muted_and_deleted(self, host: Host, people: Any) -> None:
        report = make(people)
        with people.visit("cy"):
            page = press(press(open_page(), f"report-{report.id}"), "report-pause")
            assert ":gray-badge[Paused]" in texts(page)
            page = press(press(page, f"report-{report.id}"), "report-resume")
            assert ":green-badge[On]" in texts(page)
            page = press(press(page, f"report-{report.id}"), "report-mute")
            assert ":gray-badge[Muted] until" in texts(page)
            page = press(press(page, f"report-{report.id}"), "report-delete")
            assert "There is no scheduled report yet" in texts(page)
        with host.store.read() as session:
            done = {one.action for one in session.exec(select(AuditEntry)) if one.action.startswith("report.")}
        assert done == {f"report.{what}" for what in ("created", "paused", "resumed", "muted", "deleted")}


class TestWhoMay:
    def test_a_viewer_looks_and_does_nothing(self, host: Host, people: Any) -> None:
        report = make(people)
        with people.visit("dee"):
            page = open_page()
            assert "new-report" not in [one.key for one in page.button]
            page = press(page, f"report-{report.id}")
            assert not {"report-change", "report-test", "report-pause"} & {one.key for one in page.button}

    def test_without_a_plugin_for_figures(self, host: Host, people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from adjoin.errors import StateError
        from adjoin_dashboard.context import Context

        def none(_: Context) -> None:
            raise StateError("No plugin answers questions")

        monkeypatch.setattr(Context, "definitions", none)
        with people.visit("cy"):
            page = press(open_page(), "new-report")
            assert "No report can be made. No plugin answers questions" in texts(page)
            assert "report-save" not in [one.key for one in page.button]


def view(page: str, **address: tuple[str, ...]) -> ViewLine:
    return ViewLine(
        id="v", page=page, name="V", address=address, shared=True, mine=True, default=False, author="", changed_at=NOW
    )


class TestViews:
    METRICS = ("cost", "impressions", "clicks", "conversions", "cpa", "roas")

    def test_a_view_of_campaigns(self) -> None:
        made = terms_of_view(
            view(
                "campaigns",
                period=("Last 7 days",),
                compare=("Previous year",),
                platforms=("google", "meta"),
                currency=("USD",),
                level=("Ads",),
                columns=("clicks", "gone"),
                sort=("cpa",),
                order=("Lowest first",),
                search=("brand",),
                at=("meta/act_1/c1",),
            ),
            metrics=self.METRICS,
            currency="EUR",
        )
        assert made == Terms(
            metrics=("cpa", "clicks"),
            dimension="ad",
            span=Span.DAYS_7,
            compare=Compare.PREVIOUS_YEAR,
            currency="USD",
            where=(
                Condition(dimension="platform", values=("google", "meta")),
                Condition(dimension="campaign", values=("meta/act_1/c1",)),
                Condition(dimension="ad", values=("brand",), operator=Operator.CONTAINS),
            ),
            order_by="cpa",
        )

    def test_a_view_of_the_overview_and_days_of_its_own(self) -> None:
        made = terms_of_view(
            view("overview", period=("Custom",), range=("2026-01-01", "2026-01-31"), accounts=("meta/act_1",)),
            metrics=self.METRICS,
            currency="EUR",
        )
        assert (made.dimension, made.span, made.currency) == ("platform", Span.DAYS_30, "EUR")
        assert made.metrics == self.METRICS
        assert made.where == (Condition(dimension="account", values=("meta/act_1",)),)
