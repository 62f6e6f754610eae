"""The Alerts page, run without a browser: making, changing, muting, trying out, and who may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.access.actors import Actor
from adjoin.alerts import checking, rules
from adjoin.alerts.rules import Wanted
from adjoin.alerts.terms import Anomaly, Change, Compared, Days, Health, Pacing, Part, Side, Terms, Threshold
from adjoin.db.alerts import AlertRule, AlertState, AlertTarget
from adjoin.db.models import DEFAULT_WORKSPACE, Workspace
from adjoin.db.people import AuditEntry, OutgoingMail
from adjoin_dashboard.host import Host

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)
SLACK = "https://hooks.slack.com/services/T0/B0/canary5d1c"


def script() -> None:
    from adjoin_dashboard.alerts.view import render
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.session_guard import current_address, current_visitor

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


def press(page: AppTest, key: str) -> AppTest:
    page = page.button(key=key).click().run()
    assert not page.exception
    return page


def choose(page: AppTest, label: str, value: str) -> AppTest:
    (box,) = [one for one in page.selectbox if one.label == label]
    page = box.set_value(value).run()
    assert not page.exception
    return page


def spend_above(value: str) -> Threshold:
    return Threshold(metric="cost", days=Days.YESTERDAY, side=Side.ABOVE, value=Decimal(value), currency="EUR")


def make(people: Any, terms: Terms, *, name: str = "Spend", by: str = "cy") -> AlertRule:
    with people.host.store.write() as session:
        return rules.create(
            session,
            DEFAULT_WORKSPACE,
            Wanted(name=name, terms=terms, cron="0 * * * *", time_zone="Europe/Berlin", people=(people.ids[by],)),
            by=Actor.user(people.ids[by]),
            now=NOW,
        )


def stored(host: Host) -> list[AlertRule]:
    with host.store.read() as session:
        return list(session.exec(select(AlertRule)))


def actions(host: Host) -> list[str]:
    with host.store.read() as session:
        return [one.action for one in session.exec(select(AuditEntry)) if one.action.startswith("alert")]


def check(host: Host) -> None:
    """As the scheduler does: 20 EUR were spent yesterday."""
    host.clock.advance(3600)  # type: ignore[attr-defined]
    checking.run(host.runtime)


class TestMaking:
    def test_an_analyst_makes_one_and_it_fires(self, host: Host, people: Any) -> None:
        """From the button to the mail."""
        with people.visit("cy"):
            page = press(open_page(), "new-alert")
            page.text_input(key="alert-new-name").set_value("Spend *of* <b>yesterday</b>")
            page.number_input(key="alert-new-value").set_value(15.5)
            page = press(choose(page, "How often", "each hour"), "alert-save")
            assert "Saved: Spend *of* <b>yesterday</b>" in texts(page)
            (rule,) = stored(host)
            assert rule.terms["value"] == "15.5"
            assert (rule.cron, rule.people) == ("0 * * * *", [people.ids["cy"]])
            assert "Spend, yesterday, is above €15.50" in texts(page)
            assert "Not checked yet" in texts(page)
            check(host)
            page = open_page()
            assert ":red-badge[Firing] since " in texts(page)
            page = press(page, f"alert-{rule.id}")
            table = page.dataframe[0].value
            assert list(table["What"]) == ["Fired"]
            assert (
                table["Found"][0]
                == "Spend on 20 Nov 2026: €20.00. The limit is €15.50. Some of these days may still change."
            )
        with host.store.read() as session:
            assert [one.kind for one in session.exec(select(OutgoingMail))] == ["alert.firing"]
        assert actions(host) == ["alert.created"]

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("A figure has changed", "change"),
            ("A figure is unusual", "anomaly"),
            ("The month is off its budget", "pacing"),
            ("A sync needs attention", "health"),
        ],
    )
    def test_each_kind_can_be_made_and_opened_again(self, host: Host, people: Any, kind: str, expected: str) -> None:
        with people.visit("cy"):
            page = press(open_page(), "new-alert")
            page = choose(page, "Tell me when", kind)
            page.text_input(key="alert-new-name").set_value("New")
            if expected == "pacing":
                page.number_input(key="alert-new-budget").set_value(1000)
            page = press(page, "alert-save")
            (rule,) = stored(host)
            assert rule.terms["kind"] == expected
            page = press(press(page, f"alert-{rule.id}"), "alert-change")
            page = press(page, "alert-save")
            assert "Saved: New" in texts(page)
        assert stored(host)[0].terms == rule.terms

    def test_what_cannot_be_is_said_in_the_dialog(self, host: Host, people: Any) -> None:
        with people.visit("cy"):
            page = press(press(open_page(), "new-alert"), "alert-save")
            assert "The name of an alert must not be empty" in texts(page)
        assert stored(host) == []

    def test_without_a_plugin_for_figures_syncs_can_be_watched(
        self, host: Host, people: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from adjoin.errors import StateError
        from adjoin_dashboard.context import Context

        def none(_: Context) -> None:
            raise StateError("No plugin answers questions")

        monkeypatch.setattr(Context, "definitions", none)
        with people.visit("cy"):
            page = press(open_page(), "new-alert")
        assert "Figures cannot be watched. No plugin answers questions" in texts(page)
        (box,) = [one for one in page.selectbox if one.label == "Tell me when"]
        assert box.options == ["A sync needs attention"]


def test_the_installed_plugin_is_asked(host: Host, people: Any) -> None:
    """20 EUR on each of the last 30 days, 10 before."""
    part = Part(platforms=("meta",), accounts=("meta/act_1",))
    doubled = Change(
        metric="cost",
        days=Days.MONTH,
        side=Side.ABOVE,
        percent=Decimal("99.9"),
        compared=Compared.PERIOD,
        currency="EUR",
        part=part,
    )
    expected: dict[str, tuple[Terms, AlertState]] = {
        "above": (spend_above("19.99"), AlertState.FIRING),
        "not above": (spend_above("20"), AlertState.OK),
        "on budget": (Pacing(budget=Decimal(600), percent=Decimal(5), currency="EUR"), AlertState.OK),
        "off budget": (Pacing(budget=Decimal(500), percent=Decimal(5), currency="EUR"), AlertState.FIRING),
        "usual": (Anomaly(metric="cost", currency="EUR"), AlertState.OK),
        "doubled": (doubled, AlertState.FIRING),
    }
    for name, (terms, _) in expected.items():
        make(people, terms, name=name)
    check(host)
    assert {one.name: (one.state, one.note) for one in stored(host)} == {
        name: (state, "") for name, (_, state) in expected.items()
    }


class TestWhatCanBeDone:
    def test_mute_test_switch_off_and_delete(self, host: Host, people: Any) -> None:
        rule = make(people, spend_above("15"))
        opened = f"alert-{rule.id}"
        with people.visit("cy"):
            page = press(press(open_page(), opened), "alert-mute")
            assert ":gray-badge[Muted] until " in texts(page)
            check(host)
            assert stored(host)[0].state is AlertState.MUTED
            page = press(press(open_page(), opened), "alert-unmute")
            assert "tells again" in texts(page)
            page = press(press(page, opened), "alert-test")
            assert "A test of Spend is on its way" in texts(page)
            page = press(press(page, opened), "alert-off")
            assert "Switched off" in texts(page)
            page = press(press(page, opened), "alert-on")
            page = press(press(page, opened), "alert-delete")
            assert "There is no alert yet" in texts(page)
        expected = ["created", "muted", "unmuted", "tested", "switched_off", "switched_on", "deleted"]
        assert sorted(actions(host)) == sorted(f"alert.{one}" for one in expected)

    def test_others_look_on(self, host: Host, people: Any) -> None:
        """A viewer, and an analyst at the alert of somebody else; an admin changes it."""
        rule = make(people, spend_above("15"), by="bob")
        for name, may in (("dee", False), ("cy", False), ("bob", True), ("ada", True)):
            with people.visit(name):
                page = open_page()
                keys = {one.key for one in page.button}
                assert ("new-alert" in keys) is (name != "dee")
                page = press(page, f"alert-{rule.id}")
                assert ("alert-delete" in {one.key for one in page.button}) is may, name

    def test_what_a_rule_waits_for_is_said(self, host: Host, people: Any) -> None:
        make(people, spend_above("15"))
        host.clock.advance(timedelta(days=1).total_seconds())  # type: ignore[attr-defined]
        check(host)
        with people.visit("cy"):
            assert "Waiting for the data of 2026-11-21: Shop [DE] $" in texts(open_page())

    def test_terms_of_another_release_break_nothing(self, host: Host, people: Any) -> None:
        rule = make(people, Health())
        with host.store.write() as session:
            row = session.get_one(AlertRule, (DEFAULT_WORKSPACE, rule.id))
            row.terms = {"kind": "tide"}
            session.add(row)
        with people.visit("cy"):
            page = open_page()
            assert "cannot be read by this release" in texts(page)
            page = press(press(page, f"alert-{rule.id}"), "alert-change")
            assert page.button(key="alert-save")

    def test_a_workspace_that_goes_takes_no_changes(self, host: Host, people: Any) -> None:
        make(people, Health())
        with host.store.write() as session:
            workspace = session.get_one(Workspace, DEFAULT_WORKSPACE)
            workspace.delete_after = NOW + timedelta(days=3)
            session.add(workspace)
        with people.visit("ada"):
            page = open_page()
            assert "nothing is checked any more" in texts(page)
            assert "new-alert" not in {one.key for one in page.button}


class TestTargets:
    def test_an_admin_adds_slack_and_its_address_is_not_shown_again(self, host: Host, people: Any) -> None:
        with people.visit("bob"):
            page = press(open_page(), "add-target")
            page.text_input(key="target-name").set_value("#ads")
            page.text_input(key="target-url").set_value(SLACK)
            page = press(page, "target-save")
            assert "Saved: #ads" in texts(page)
            assert "canary5d1c" not in repr(open_page())
        with host.store.read() as session:
            (target,) = session.exec(select(AlertTarget)).all()
        assert b"canary5d1c" not in target.sealed
        with people.visit("cy"):
            page = open_page()
            assert "#ads" in texts(page)
            assert "add-target" not in {one.key for one in page.button}
            page = press(page, "new-alert")
            assert [one.options for one in page.multiselect if one.label == "Slack and webhooks"] == [["#ads"]]

    def test_a_webhooks_secret_is_shown_once(self, host: Host, people: Any) -> None:
        with people.visit("ada"):
            page = choose(press(open_page(), "add-target"), "Kind", "webhook")
            page.text_input(key="target-name").set_value("Hook")
            page.text_input(key="target-url").set_value("https://example.com/canary5d1c")
            page = press(page, "target-save")
            (code,) = page.code
            assert len(code.value) > 30
            page = press(page, "target-done")
            assert not page.code

    def test_one_that_does_not_take_messages_says_so(self, host: Host, people: Any) -> None:
        """Tried out from the page, at a port where nobody listens."""
        with people.visit("ada"):
            page = press(open_page(), "add-target")
            page.text_input(key="target-name").set_value("Dead")
            page.text_input(key="target-url").set_value("https://127.0.0.1/canary5d1c")
            page = press(page, "target-save")
            opened = f"target-{stored_targets(host)[0].id}"
            page = press(press(page, opened), "target-test")
            assert "The test did not arrive" in texts(page)
            page = open_page()
            assert ":red-badge[Does not take messages]" in texts(page)
            assert "canary5d1c" not in texts(page)
            page = press(press(page, opened), "target-delete")
            assert "Dead is deleted" in texts(page)


def stored_targets(host: Host) -> list[AlertTarget]:
    with host.store.read() as session:
        return list(session.exec(select(AlertTarget)))
