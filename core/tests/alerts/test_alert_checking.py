"""Checking rules: what is told, once for each occurrence, whatever happens to who checks."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlmodel import select

from adjoin.access import members, workspaces
from adjoin.access.actors import SYSTEM
from adjoin.alerts import checking, rules
from adjoin.alerts.checking import KEPT, LEASE, Failed, check_due, settle
from adjoin.alerts.judging import Found, looker_of
from adjoin.alerts.states import ACTS, NEXT, Act, Event
from adjoin.db.alerts import AlertEntry, AlertState, EntryKind
from adjoin.db.models import Workspace
from adjoin.errors import BadInput

from .conftest import NOW, Scene, above


class TestStates:
    def test_each_state_knows_each_event(self) -> None:
        assert set(NEXT) == {(state, event) for state in AlertState for event in Event}
        assert set(ACTS) == set(Event)

    @pytest.mark.parametrize("event", [Event.CLEAR, Event.TRIP, Event.FAIL])
    def test_only_people_and_time_end_a_mute(self, event: Event) -> None:
        assert NEXT[AlertState.MUTED, event] is AlertState.MUTED
        assert NEXT[AlertState.MUTED, Event.UNMUTE] is AlertState.OK

    def test_what_a_check_leads_to(self) -> None:
        """Whatever was before."""
        for state in (AlertState.OK, AlertState.FIRING, AlertState.BROKEN):
            assert NEXT[state, Event.CLEAR] is AlertState.OK
            assert NEXT[state, Event.TRIP] is AlertState.FIRING
            assert NEXT[state, Event.FAIL] is AlertState.BROKEN
            assert NEXT[state, Event.MUTE] is AlertState.MUTED

    def test_all_acts_are_used(self) -> None:
        assert {act for acts in ACTS.values() for act in acts} == set(Act)


class TestOccurrences:
    def test_it_tells_once_and_says_when_it_is_over(self, scene: Scene) -> None:
        rule = scene.rule()
        told = [scene.spend(euros) for euros in (50, 150, 160, 170, 80, 70, 150)]
        assert told == [[], ["firing"], [], [], ["ended"], [], ["firing"]]
        first, second = scene.history(rule)
        assert (first.began_at, first.ended_at) == (NOW + timedelta(hours=2), NOW + timedelta(hours=5))
        assert first.found["value"] == "150"
        assert second.ended_at is None
        assert scene.stored(rule).state is AlertState.FIRING

    def test_the_limit_itself_is_neither_above_nor_below(self, scene: Scene) -> None:
        scene.rule()
        assert scene.spend(100) == []
        assert scene.spend(100.000001) == ["firing"]

    def test_nothing_is_checked_before_its_time(self, scene: Scene) -> None:
        scene.rule()
        scene.answers.totals["cost"] = 10**9
        assert not scene.check(minutes=59)
        assert scene.check(minutes=1).checked == 1
        assert not scene.check(minutes=1)

    def test_what_cannot_be_checked_is_told_once(self, scene: Scene) -> None:
        """As is that it can be again, unless there is something else to tell."""
        rule = scene.rule()
        scene.answers.error = BadInput("no rates")
        assert (scene.spend(1), scene.spend(1)) == (["broken"], [])
        stored = scene.stored(rule)
        assert (stored.state, stored.note) == (AlertState.BROKEN, "no rates")
        scene.answers.error = None
        assert scene.spend(50) == ["mended"]
        scene.answers.error = BadInput("no rates")
        assert scene.spend(1) == ["broken"]
        scene.answers.error = None
        assert scene.spend(150) == ["firing"]
        assert [one.kind for one in scene.history(rule)] == [EntryKind.BROKEN, EntryKind.BROKEN, EntryKind.FIRING]
        assert scene.stored(rule).note == ""

    def test_an_occurrence_goes_on_through_what_is_broken(self, scene: Scene) -> None:
        scene.rule()
        assert scene.spend(150) == ["firing"]
        scene.answers.error = BadInput("no rates")
        assert scene.spend(150) == ["broken"]
        scene.answers.error = None
        assert (scene.spend(150), scene.spend(50)) == ([], ["ended"])

    def test_figures_that_are_missing_are_not_zero(self, scene: Scene) -> None:
        rule = scene.rule()
        assert scene.spend(None) == ["broken"]
        assert "Spend has no figures on 2026-02-28" in scene.stored(rule).note

    def test_an_unexpected_fault_stops_no_other_rule(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its words go to the log, and to nobody else."""
        bad, good = scene.rule(), scene.rule(above("10"), name="Other")
        judge = checking.judge

        def faulty(terms, looker, *, time_zone):  # type: ignore[no-untyped-def]
            if terms == above():
                raise RuntimeError("secret 5f3a")
            return judge(terms, looker, time_zone=time_zone)

        monkeypatch.setattr(checking, "judge", faulty)
        assert sorted(scene.spend(50)) == ["broken", "firing"]
        assert "RuntimeError" in scene.stored(bad).note
        assert "5f3a" not in scene.stored(bad).note
        assert scene.stored(good).state is AlertState.FIRING

    def test_terms_of_another_release_are_told(self, scene: Scene) -> None:
        rule = scene.rule()
        with scene.store.write() as session:
            row = session.get_one(type(rule), (rule.workspace_id, rule.id))
            row.terms = {"kind": "tide"}
            session.add(row)
        assert scene.spend(50) == ["broken"]
        assert "cannot be read by this release" in scene.stored(rule).note


class TestCoolDown:
    def test_another_occurrence_waits_until_it_is_over(self, scene: Scene) -> None:
        """It is told then if it still goes on, and its end only if it was told."""
        rule = scene.rule(cool_down=timedelta(hours=4))
        told = [scene.spend(euros) for euros in (150, 50, 150, 50, 150, 150, 50)]
        assert told == [["firing"], ["ended"], [], [], ["firing"], [], ["ended"]]
        assert [one.told_at is None for one in scene.history(rule)] == [False, True, False]


class TestMuting:
    def test_nobody_is_told_and_what_still_is_so_is_told_afterwards(self, scene: Scene) -> None:
        rule = scene.rule()
        scene.do(rules.mute, rule.id, until=NOW + timedelta(hours=3, minutes=30))
        assert [scene.spend(150), scene.spend(150), scene.spend(150)] == [[], [], []]
        assert scene.stored(rule).state is AlertState.MUTED
        assert scene.spend(150) == ["firing"]
        stored = scene.stored(rule)
        assert (stored.state, stored.muted_until) == (AlertState.FIRING, None)
        assert len(scene.history(rule)) == 1

    def test_what_was_told_before_is_not_told_again(self, scene: Scene) -> None:
        rule = scene.rule()
        assert scene.spend(150) == ["firing"]
        scene.do(rules.mute, rule.id, until=scene.clock.now() + timedelta(hours=2))
        assert scene.spend(150) == []
        assert scene.spend(150) == []
        assert scene.spend(50) == ["ended"]

    def test_what_ends_meanwhile_ends_without_a_word(self, scene: Scene) -> None:
        rule = scene.rule()
        scene.spend(150)
        scene.do(rules.mute, rule.id, until=scene.clock.now() + timedelta(days=1))
        assert scene.spend(50) == []
        assert scene.history(rule)[0].ended_at is not None

    def test_it_is_checked_at_once_when_somebody_ends_it(self, scene: Scene) -> None:
        rule = scene.rule()
        scene.do(rules.mute, rule.id, until=NOW + timedelta(days=1))
        scene.spend(150)
        scene.do(rules.unmute, rule.id)
        assert scene.spend(150, seconds=1) == ["firing"]


class TestWaiting:
    """A day that was not read since it was over says nothing yet."""

    def test_a_check_waits_for_the_data(self, scene: Scene) -> None:
        rule = scene.rule(cron="5 0 * * *")
        assert scene.spend(150, hours=12, minutes=5) == []
        stored = scene.stored(rule)
        assert stored.note == "waiting for the data of 2026-03-01: Shop [DE]"
        assert stored.state is AlertState.OK
        assert scene.answers.asked == []
        scene.sync()
        assert scene.spend(150, minutes=29) == []
        assert scene.spend(150, minutes=1) == ["firing"]
        assert scene.stored(rule).note == ""
        assert scene.answers.asked[0].since == NOW.date()

    def test_not_for_ever(self, scene: Scene) -> None:
        scene.rule()
        assert scene.spend(150, days=1) == []
        assert scene.spend(150, days=2) == ["broken"]

    def test_accounts_that_are_not_watched_are_not_waited_for(self, scene: Scene) -> None:
        from adjoin.alerts.terms import Part

        rule = scene.rule(above(part=Part(platforms=("google",))))
        assert scene.spend(150) == ["broken"]
        assert "no account to watch" in scene.stored(rule).note


class TestOnce:
    """Never twice for one occurrence."""

    def test_who_dies_while_looking_is_followed_by_another(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        scene.rule()

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(checking, "judge", die)
            with pytest.raises(KeyboardInterrupt):
                scene.spend(150)
        assert scene.spend(150, seconds=1) == []
        assert scene.spend(150, seconds=LEASE.total_seconds()) == ["firing"]
        assert scene.spend(150) == []

    def test_who_wakes_up_late_writes_nothing(self, scene: Scene) -> None:
        rule = scene.rule()
        scene.check()
        late = scene.stored(rule).epoch
        scene.check()
        with scene.store.write() as session:
            told = settle(session, scene.post, scene.id, rule.id, late, Found(so=True), now=scene.clock.now())
        assert told == 0
        assert scene.history(rule) == []

    def test_who_looked_before_a_change_writes_nothing(self, scene: Scene) -> None:
        rule = scene.rule()
        scene.check()
        epoch = scene.stored(rule).epoch
        scene.do(rules.switch, rule.id, on=False)
        with scene.store.write() as session:
            assert settle(session, scene.post, scene.id, rule.id, epoch, Failed("no"), now=scene.clock.now()) == 0
        assert scene.stored(rule).state is AlertState.OK

    def test_a_crash_between_the_message_and_the_end_leaves_neither(self, scene: Scene) -> None:
        """They belong to one transaction."""
        rule = scene.rule()
        scene.check()
        epoch = scene.stored(rule).epoch

        def half() -> None:
            with scene.store.write() as session:
                settle(session, scene.post, scene.id, rule.id, epoch, Found(so=True), now=scene.clock.now())
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            half()
        assert (scene.mails, scene.history(rule)) == ([], [])

    def test_two_schedulers_at_the_same_time(self, scene: Scene) -> None:
        for number in range(4):
            scene.rule(name=f"Rule {number}")
        scene.answers.totals["cost"] = 150_000_000
        scene.clock.advance(3600)
        barrier = threading.Barrier(2)

        def work() -> None:
            barrier.wait(10)
            check_due(scene.store, looker_of(scene.kernel, scene.facts, scene.clock), scene.post, clock=scene.clock)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(30)
        assert len(scene.mails) == 4
        with scene.store.read() as session:
            assert len(session.exec(select(AlertEntry)).all()) == 4


class TestWhoIsTold:
    def test_members_alone(self, scene: Scene) -> None:
        """Who has left is told nothing any more, though the rule names them."""
        scene.rule(people=("cy", "dee"))
        with scene.store.write() as session:
            members.remove(session, scene.id, "dee", by=SYSTEM, now=NOW)
        scene.spend(150)
        assert [one.to for one in scene.read_mail()] == ["cy@example.com"]

    def test_a_workspace_that_goes_is_left_alone(self, scene: Scene) -> None:
        scene.rule()
        with scene.store.write() as session:
            workspaces.delete(session, scene.id, grace=timedelta(days=3), by=SYSTEM, now=NOW)
            assert session.get_one(Workspace, scene.id).delete_after is not None
        assert scene.spend(150) == []

    def test_a_rule_that_is_switched_off_is_not_checked(self, scene: Scene) -> None:
        rule = scene.rule()
        scene.spend(150)
        scene.do(rules.switch, rule.id, on=False)
        assert scene.spend(50) == []
        assert scene.history(rule)[0].ended_at is not None
        scene.do(rules.switch, rule.id, on=True)
        assert scene.spend(150) == ["firing"]


@pytest.mark.postgres
class TestOnPostgres:
    """The locks and the statements there."""

    def test_it_tells_once_and_says_when_it_is_over(self, postgres_scene: Scene) -> None:
        scene = postgres_scene
        rule = scene.rule(cool_down=timedelta(hours=1))
        told = [scene.spend(euros) for euros in (50, 150, 160, 80)]
        assert told == [[], ["firing"], [], ["ended"]]
        assert [one.ended_at is None for one in scene.history(rule)] == [False]
        scene.do(rules.mute, rule.id, until=scene.clock.now() + timedelta(hours=1))
        assert scene.spend(150) == ["firing"]
        scene.do(rules.delete, rule.id)
        assert scene.history(rule) == []

    def test_two_schedulers_at_the_same_time(self, postgres_scene: Scene) -> None:
        TestOnce().test_two_schedulers_at_the_same_time(postgres_scene)


def test_the_history_is_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "KEPT", (3, KEPT[1]))
    rule = scene.rule()
    for _ in range(5):
        scene.spend(150)
        scene.spend(50)
    assert [one.began_at.hour for one in scene.history(rule)] == [17, 19, 21]
    monkeypatch.setattr(checking, "KEPT", (3, timedelta(hours=3)))
    scene.spend(150)
    assert len(scene.history(rule)) == 2
