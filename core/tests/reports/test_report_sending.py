"""Sending reports: once for each time, whatever happens to who sends, and never as if all were well."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import msgspec
import pytest

from adjoin.access import members
from adjoin.access.actors import Actor
from adjoin.alerts import targets
from adjoin.alerts.delivery import deliver_due
from adjoin.db.alerts import TargetKind
from adjoin.db.models import Workspace
from adjoin.db.reports import Outcome, ScheduledReport, SendKind
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName
from adjoin.reports import defining, sending
from adjoin.reports.sending import BETWEEN, KEPT, LEASE, TRIES
from adjoin.reports.terms import Span
from adjoin.reports.timing import Cadence

from .conftest import MONDAY, NOW, Scene, terms

WEEK = timedelta(days=7)


class TestTimes:
    def test_it_is_sent_at_its_time_and_not_again(self, scene: Scene) -> None:
        report = scene.report()
        assert scene.at(MONDAY - timedelta(seconds=1)) == []
        (mail,) = scene.at(MONDAY)
        assert (mail.to, mail.kind) == ("cy@example.com", "report.sent")
        assert mail.subject == "Weekly (ACME): 23 Feb – 1 Mar 2026"
        assert scene.at(MONDAY + timedelta(days=6)) == []
        assert len(scene.at(MONDAY + WEEK)) == 1
        assert [(one.slot_at, one.outcome, one.told) for one in scene.history(report)] == [
            (MONDAY, Outcome.SENT, 1),
            (MONDAY + WEEK, Outcome.SENT, 1),
        ]

    def test_after_downtime_the_last_missed_one_is_sent_late(self, scene: Scene) -> None:
        """Three Mondays have passed; it is about the days before the third."""
        report = scene.report()
        (mail,) = scene.at(MONDAY + 2 * WEEK + timedelta(days=2))
        assert mail.subject.endswith(": 9–15 Mar 2026")
        assert "It is late: it was due 2026-03-16 08:00 (Europe/Berlin)" in mail.text
        (send,) = scene.history(report)
        assert (send.slot_at, send.since, send.until) == (
            MONDAY + 2 * WEEK,
            date(2026, 3, 9),
            date(2026, 3, 15),
        )
        assert scene.stored(report).next_at == MONDAY + 3 * WEEK

    def test_days_are_those_of_its_zone(self, scene: Scene) -> None:
        """Late in the evening in New York it is the next day in UTC."""
        scene.report(
            terms=terms(span=Span.YESTERDAY),
            cadence=Cadence(every="day").of("30 22 * * *"),
            time_zone="America/New_York",
        )
        scene.at(NOW + timedelta(days=1))
        assert {one.until for one in scene.answers.asked} == {date(2026, 2, 28)}

    def test_a_process_that_dies_leaves_it_to_the_next(self, scene: Scene) -> None:
        report = scene.report()
        scene.clock.advance((MONDAY - NOW).total_seconds())
        taken = sending._take(scene.store, now=scene.clock.now())
        assert taken is not None
        assert scene.at(MONDAY + timedelta(minutes=1)) == []
        assert len(scene.at(MONDAY + LEASE)) == 1
        rendered = sending.make(scene.store, scene.looker, scene.post, taken, clock=scene.clock)
        with scene.store.write() as session:
            assert sending.settle(session, scene.post, taken, rendered, now=scene.clock.now()) is None
        assert scene.mails() == []
        assert len(scene.history(report)) == 1

    def test_a_slot_in_the_history_is_not_sent_again(self, scene: Scene) -> None:
        """Whoever sets the clock back, or the report, sends nothing twice for one time."""
        report = scene.report()
        scene.at(MONDAY)
        with scene.store.write() as session:
            again = session.get_one(ScheduledReport, (scene.id, report.id))
            again.slot_at = again.next_at = MONDAY
            session.add(again)
        assert scene.at(MONDAY + timedelta(minutes=1)) == []
        assert scene.stored(report).next_at == MONDAY + WEEK

    def test_workspaces_that_go_send_nothing(self, scene: Scene) -> None:
        scene.report()
        with scene.store.write() as session:
            session.get_one(Workspace, scene.id).delete_after = NOW + timedelta(days=30)
        assert scene.at(MONDAY) == []


@pytest.mark.postgres
def test_two_schedulers_send_it_once(postgres_scene: Scene) -> None:
    scene = postgres_scene
    reports = [scene.report(name=f"Report {n}") for n in range(4)]
    scene.clock.advance((MONDAY - NOW).total_seconds())
    threads = [threading.Thread(target=scene.send) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(scene.mails()) == 4
    assert [len(scene.history(one)) for one in reports] == [1, 1, 1, 1]


class TestPauses:
    def test_paused_and_resumed(self, scene: Scene) -> None:
        report = scene.report()
        scene.do(defining.switch, report.id, on=False)
        assert scene.at(MONDAY) == []
        scene.clock.advance(3600)
        scene.do(defining.switch, report.id, on=True)
        assert scene.at(MONDAY + timedelta(days=1)) == []
        assert len(scene.at(MONDAY + WEEK)) == 1

    def test_muted_times_are_left_out(self, scene: Scene) -> None:
        report = scene.report()
        scene.do(defining.mute, report.id, until=MONDAY + timedelta(days=1))
        assert scene.at(MONDAY) == []
        assert scene.answers.asked == []
        assert [one.outcome for one in scene.history(report)] == [Outcome.MUTED]
        assert len(scene.at(MONDAY + WEEK)) == 1
        scene.do(defining.mute, report.id, until=MONDAY + 3 * WEEK)
        scene.do(defining.unmute, report.id)
        assert len(scene.at(MONDAY + 2 * WEEK)) == 1

    def test_what_cannot_be_muted(self, scene: Scene) -> None:
        report = scene.report()
        for until in (NOW, NOW + timedelta(days=400)):
            with pytest.raises(BadInput, match="366 days"):
                scene.do(defining.mute, report.id, until=until)


class TestFailures:
    def test_a_plugin_that_raises_is_tried_again_and_then_told(self, scene: Scene) -> None:
        report = scene.report()
        scene.answers.error = RuntimeError("boom canary")
        assert scene.at(MONDAY) == []
        assert scene.at(MONDAY + BETWEEN) == []
        (mail,) = scene.at(MONDAY + 2 * BETWEEN)
        assert TRIES == 3
        assert (mail.kind, mail.subject) == ("report.failed", "Could not be made: Weekly (ACME)")
        assert "This report could not be made:" in mail.text
        (send,) = scene.history(report)
        assert (send.outcome, send.slot_at, send.told) == (Outcome.FAILED, MONDAY, 1)
        assert scene.stored(report).note
        scene.answers.error = None
        assert [one.kind for one in scene.at(MONDAY + WEEK)] == ["report.sent"]
        assert scene.stored(report).note == ""

    def test_what_passes_is_not_told(self, scene: Scene) -> None:
        report = scene.report()
        scene.answers.error = StateError("the files are away")
        scene.at(MONDAY)
        assert scene.stored(report).note == "the files are away"
        scene.answers.error = None
        (mail,) = scene.at(MONDAY + BETWEEN)
        assert mail.kind == "report.sent"
        assert [one.outcome for one in scene.history(report)] == [Outcome.SENT]

    def test_one_report_stops_no_other(self, scene: Scene) -> None:
        scene.report(name="A", terms=terms(metrics=("gone",)))
        scene.report(name="B")
        assert [one.subject[:1] for one in scene.at(MONDAY)] == ["B"]

    def test_terms_of_another_release(self, scene: Scene) -> None:
        report = scene.report()
        with scene.store.write() as session:
            session.get_one(ScheduledReport, (scene.id, report.id)).terms = {"kind": "new"}
        scene.at(MONDAY)
        assert "cannot be read by this release" in scene.stored(report).note
        with scene.store.read() as session:
            (line,) = defining.reports_of(session, scene.id, now=NOW)
        assert line.terms is None


class TestPeople:
    def test_who_left_is_sent_nothing(self, scene: Scene) -> None:
        report = scene.report(by="ada", people=("cy", "dee"))
        scene.do(members.remove, "dee", by="ada")
        assert [one.to for one in scene.at(MONDAY)] == ["cy@example.com"]
        scene.do(members.remove, "cy", by="ada")
        assert scene.at(MONDAY + WEEK) == []
        assert "goes to nobody" in scene.history(report)[-1].why

    def test_viewers_make_none_and_analysts_change_their_own(self, scene: Scene) -> None:
        mine = scene.report(by="ada")
        with pytest.raises(Forbidden):
            scene.report(by="dee", name="Another")
        with pytest.raises(Forbidden):
            scene.do(defining.switch, mine.id, on=False, by="cy")
        with pytest.raises(UnknownName):
            scene.do(defining.delete, mine.id, by="eve")
        theirs = scene.report(by="cy", name="Theirs")
        scene.do(defining.switch, theirs.id, on=False, by="ada")
        scene.do(defining.delete, theirs.id, by="cy")

    @pytest.mark.parametrize(
        ("wanted", "said"),
        [
            ({"name": " "}, "must not be empty"),
            ({"people": ()}, "choose who is sent"),
            ({"people": ("eve",)}, "no such member"),
            ({"targets": ("x",)}, "no such target"),
            ({"terms": terms(metrics=())}, "1 to 8 different metrics"),
            ({"terms": terms(currency="euro")}, "three letters"),
            ({"terms": terms(rows=51)}, "1 to 50 rows"),
            ({"time_zone": "Mars/Base"}, "no time zone"),
        ],
    )
    def test_what_cannot_be(self, scene: Scene, wanted: dict[str, object], said: str) -> None:
        with pytest.raises((BadInput, UnknownName), match=said):
            scene.report(**wanted)

    def test_names_are_told_apart(self, scene: Scene) -> None:
        scene.report()
        with pytest.raises(BadInput, match="already"):
            scene.report(name="wEEkly")


class TestByHand:
    def send(self, scene: Scene, report: ScheduledReport, *, to: str = "", by: str = "cy") -> None:
        sending.send_now(
            scene.store,
            scene.looker,
            scene.post,
            scene.id,
            report.id,
            to=to,
            by=Actor.user(by),
            clock=scene.clock,
        )

    def test_a_test_goes_to_one_and_changes_no_time(self, scene: Scene) -> None:
        report = scene.report(by="cy", people=("ada", "cy"))
        self.send(scene, report, to="cy")
        (mail,) = scene.mails()
        assert (mail.to, mail.kind, mail.subject[:6]) == ("cy@example.com", "report.test", "Test: ")
        with pytest.raises(StateError, match="a moment ago"):
            self.send(scene, report, to="cy")
        scene.clock.advance(11)
        self.send(scene, report)
        assert {one.to for one in scene.mails()} == {"ada@example.com", "cy@example.com"}
        assert [one.kind for one in scene.history(report)] == [SendKind.TEST, SendKind.BY_HAND]
        assert scene.stored(report).next_at == MONDAY

    def test_it_goes_to_no_stranger(self, scene: Scene) -> None:
        report = scene.report()
        with pytest.raises(UnknownName, match="no such member"):
            self.send(scene, report, to="eve")
        with pytest.raises(Forbidden):
            self.send(scene, report, to="dee", by="dee")
        assert scene.mails() == []

    def test_why_it_cannot_be_made_is_said(self, scene: Scene) -> None:
        report = scene.report()
        scene.answers.error = BadInput("there are no rates of XYZ")
        with pytest.raises(StateError, match="there are no rates of XYZ"):
            self.send(scene, report, to="cy")
        assert scene.history(report) == []


class TestTargets:
    def test_slack_and_webhooks_get_figures(self, scene: Scene) -> None:
        """Through the same queue and client as alerts; names mention nobody, and figures are exact."""
        scene.answers.names = ["<!channel> Autumn", "Spring"]
        scene.read(date(2026, 3, 1))
        slack = scene.target(TargetKind.SLACK, "https://hooks.slack.com/services/T0/B0/x", name="Slack")
        hook = scene.target(TargetKind.WEBHOOK, "https://example.com/hook", name="Hook")
        scene.report(people=(), targets=(slack.id, hook.id))
        scene.at(MONDAY)
        got: dict[str, bytes] = {}

        async def post(url: str, body: bytes, headers: object) -> int:
            got[url] = body
            return 200

        delivered = deliver_due(scene.store, lambda: scene.vault, post, clock=scene.clock)
        assert delivered.sent == 2
        said = msgspec.json.decode(got["https://example.com/hook"])
        assert (said["event"], said["report"]["name"], said["currency"]) == ("report.sent", "Weekly", "EUR")
        assert (said["since"], said["until"], said["due"]) == ("2026-02-23", "2026-03-01", MONDAY.isoformat())
        assert said["totals"] == {"cost": "210000000", "clicks": "70", "cpc": "3000000"}
        assert said["before"]["cost"] == "420000000"
        assert [one["campaign"] for one in said["rows"]] == ["Spring", "<!channel> Autumn"]
        shown = msgspec.json.decode(got["https://hooks.slack.com/services/T0/B0/x"])
        section = shown["blocks"][1]["text"]
        assert section["type"] == "plain_text"
        assert "Spend: €210 (−50.0%)" in section["text"]
        assert "<!channel> Autumn: €70.00" in section["text"]
        assert section["text"].endswith("of the workspace “ACME”.")
        assert "https://ads.example.com/reports" in section["text"]

    def test_a_deleted_target_is_forgotten(self, scene: Scene) -> None:
        hook = scene.target(TargetKind.WEBHOOK, "https://example.com/hook")
        report = scene.report(targets=(hook.id,))
        scene.do(targets.delete, hook.id, by="ada")
        assert scene.stored(report).targets == []
        assert len(scene.at(MONDAY)) == 1
        assert scene.deliveries() == []


def test_the_history_does_not_grow_for_ever(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "KEPT", (3, KEPT[1]))
    report = scene.report()
    for week in range(6):
        scene.at(MONDAY + week * WEEK)
    assert len(scene.history(report)) == 3
