"""Rules and what they watch: who may change them, what can be entered, and how it is written."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adjoin.access.actors import Actor
from adjoin.alerts import rules
from adjoin.alerts.judging import Against, Found, Thing, Waiting, judge, looker_of
from adjoin.alerts.messages import Message, MessageEvent, as_mail, headline, sentences, watched
from adjoin.alerts.rules import MOST, Wanted, find, rules_of
from adjoin.alerts.telling import send_test
from adjoin.alerts.terms import (
    Anomaly,
    Cadence,
    Change,
    Compared,
    Days,
    Health,
    Pacing,
    Part,
    Side,
    Terms,
    days_of,
    read_terms,
    store_terms,
)
from adjoin.analytics import v1
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName
from adjoin.health.model import Severity
from adjoin.mail.message import check as check_mail
from adjoin.writing import Writer

from .conftest import NOW, Scene, above

ENGLISH, GERMAN = Writer(), Writer(locale="de")


def risen(percent: str = "20", **more: Any) -> Change:
    return Change(
        **{
            "metric": "cost",
            "days": Days.WEEK,
            "side": Side.ABOVE,
            "percent": Decimal(percent),
            "compared": Compared.PERIOD,
            "currency": "EUR",
            **more,
        }
    )


KINDS: list[Terms] = [
    above(part=Part(platforms=("meta",), accounts=("meta/act_1",), campaign="brand")),
    risen(),
    Anomaly(metric="", currency="EUR"),
    Pacing(budget=Decimal("1000.50"), percent=Decimal(10), currency="EUR"),
    Health(least=Severity.BROKEN, connections=("c1",)),
]


class TestTerms:
    @pytest.mark.parametrize("terms", KINDS, ids=lambda one: type(one).__name__)
    def test_they_are_read_as_they_were_stored(self, terms: Terms) -> None:
        assert read_terms(store_terms(terms)) == terms

    @pytest.mark.parametrize(
        "terms",
        [
            above("-1"),
            above("NaN"),
            above("Infinity"),
            above(metric=""),
            above(currency="euro"),
            above(part=Part(campaign="x" * 201)),
            above(part=Part(accounts=tuple(map(str, range(101))))),
            risen("0"),
            Pacing(budget=Decimal(0), percent=Decimal(10), currency="EUR"),
            Health(least=Severity.NOTE),
        ],
    )
    def test_what_could_never_be_judged_is_refused(self, terms: Terms) -> None:
        with pytest.raises(BadInput):
            store_terms(terms)

    @pytest.mark.parametrize("stored", [{}, {"kind": "tide"}, {"kind": "threshold"}, {"kind": "health", "least": 1}])
    def test_what_is_not_known_is_said(self, stored: dict[str, Any]) -> None:
        with pytest.raises(BadInput, match="cannot be read by this release"):
            read_terms(stored)

    def test_days_are_over(self) -> None:
        sunday = date(2026, 3, 1)
        assert days_of(Days.YESTERDAY, sunday) == (date(2026, 2, 28), date(2026, 2, 28))
        assert days_of(Days.WEEK, sunday) == (date(2026, 2, 22), date(2026, 2, 28))
        assert days_of(Days.THIS_MONTH, sunday) == (date(2026, 2, 1), date(2026, 2, 28))
        assert days_of(Days.THIS_MONTH, date(2026, 3, 2)) == (sunday, sunday)

    @pytest.mark.parametrize(
        ("cadence", "cron"),
        [
            (Cadence(every="hour", at=time(0, 15)), "15 * * * *"),
            (Cadence(every="day", at=time(7, 30)), "30 7 * * *"),
            (Cadence(every="week", at=time(9), weekday=0), "0 9 * * 1"),
            (Cadence(every="week", at=time(9), weekday=6), "0 9 * * 0"),
        ],
    )
    def test_a_cadence_is_a_cron_line(self, cadence: Cadence, cron: str) -> None:
        assert cadence.cron == cron
        assert Cadence.of(cron) == cadence

    def test_a_line_of_somebody_elses_is_read_as_daily(self) -> None:
        assert Cadence.of("*/5 1-3 * * *") == Cadence.of("99 99 * * *") == Cadence()

    def test_in_words(self) -> None:
        said = [watched(one, ENGLISH, title="Spend", unit=v1.Unit.MONEY) for one in KINDS[:2]]
        assert said == [
            "Spend, yesterday, is above €100 (meta, meta/act_1, campaigns with “brand”)",
            "Spend, last 7 days, is over 20% more than the days before",
        ]
        assert watched(KINDS[3], GERMAN).endswith("off a budget of €1.000")
        assert watched(KINDS[4], ENGLISH) == "one of the chosen connections is broken"


class TestPermissions:
    def test_analysts_make_their_own_and_admins_change_all(self, scene: Scene) -> None:
        rule = scene.rule(by="ada")
        with pytest.raises(Forbidden):
            scene.rule(by="dee", name="Mine")
        for change in (rules.delete, rules.unmute):
            with pytest.raises(Forbidden):
                scene.do(change, rule.id, by="cy")
            with pytest.raises(UnknownName):
                scene.do(change, rule.id, by="eve")
        mine = scene.rule(by="cy", name="Mine")
        scene.do(rules.delete, mine.id, by="ada")
        scene.do(rules.mute, rule.id, until=NOW + timedelta(hours=1), by=None)

    def test_rules_of_another_workspace_are_not_there(self, scene: Scene) -> None:
        rule = scene.rule()
        with scene.store.write() as session:
            with pytest.raises(UnknownName):
                rules.delete(session, scene.other, rule.id, by=Actor.user("eve"), now=NOW)
            assert rules_of(session, scene.other, now=NOW) == []
        with scene.store.scoped(scene.other, "eve").read() as session, pytest.raises(UnknownName):
            find(session, scene.other, rule.id)

    def test_the_log_tells_what_was_done(self, scene: Scene) -> None:
        rule = scene.rule()
        scene.clock.advance(1)
        wanted = Wanted(name="Other", terms=risen(), cron="0 8 * * *", time_zone="Europe/Berlin", people=("cy",))
        scene.do(rules.change, rule.id, wanted)
        created, changed = scene.audit()
        assert (created.action, changed.action) == ("alert.created", "alert.changed")
        assert created.after is not None
        assert created.after["watches"]["value"] == "100"
        assert changed.before == created.after
        assert changed.after is not None
        assert changed.after["checked"] == "0 8 * * * Europe/Berlin"


class TestEntering:
    @pytest.mark.parametrize(
        "wanted",
        [
            {"name": " "},
            {"name": "x" * 101},
            {"cron": "99 * * * *"},
            {"time_zone": "Mars/Olympus"},
            {"cool_down": timedelta(days=400)},
            {"people": ("eve",)},
            {"targets": ("nobody",)},
        ],
    )
    def test_what_cannot_be_is_refused(self, scene: Scene, wanted: dict[str, Any]) -> None:
        """Also people who are no members."""
        with pytest.raises((BadInput, UnknownName)):
            scene.rule(**wanted)

    def test_names_are_told_apart(self, scene: Scene) -> None:
        rule = scene.rule(name="Spend")
        with pytest.raises(BadInput, match="already"):
            scene.rule(name="SPEND")
        with scene.store.read() as session:
            assert find(session, scene.id, "spend ").id == find(session, scene.id, rule.id).id == rule.id

    def test_there_are_not_too_many(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rules, "MOST", 1)
        scene.rule()
        with pytest.raises(StateError, match="already"):
            scene.rule(name="One more")
        assert MOST > 1

    def test_a_mute_is_bounded(self, scene: Scene) -> None:
        rule = scene.rule()
        for until in (NOW, NOW + timedelta(days=400)):
            with pytest.raises(BadInput):
                scene.do(rules.mute, rule.id, until=until)

    def test_changed_terms_begin_anew(self, scene: Scene) -> None:
        rule = scene.rule()
        assert scene.spend(150) == ["firing"]
        scene.do(rules.change, rule.id, Wanted(name="Spend", terms=above("200"), cron=rule.cron, time_zone="UTC"))
        assert scene.history(rule)[0].ended_at is not None
        assert scene.spend(150) == []


class TestTrying:
    def test_a_test_goes_to_everybody(self, scene: Scene) -> None:
        rule = scene.rule(people=("cy", "ada"))
        with scene.store.write() as session:
            found, sent = send_test(session, scene.post, scene.id, "spend", by=Actor.user("cy"), now=NOW)
        assert (found.id, sent) == (rule.id, 2)
        mail = scene.read_mail()[0]
        assert mail.kind == "alert.test"
        assert "Messages of this alert arrive here." in mail.text
        assert scene.history(rule) == []

    def test_nobody_to_tell_is_said(self, scene: Scene) -> None:
        scene.rule(people=())
        with pytest.raises(StateError, match="tells nobody"), scene.store.write() as session:
            send_test(session, scene.post, scene.id, "Spend", by=Actor.user("cy"), now=NOW)


def found_by(scene: Scene, terms: Terms) -> Found:
    came = judge(
        terms,
        looker_of(scene.kernel, scene.facts, scene.clock)(scene.store.scoped(scene.id, None)),
        time_zone="UTC",
    )
    assert isinstance(came, Found), came
    return came


class TestJudging:
    def test_what_is_asked(self, scene: Scene) -> None:
        """The part, the days and the currency of the rule."""
        part = Part(platforms=("meta",), campaign="brand")
        scene.answers.before = {"cost": 40_000_000}
        found = found_by(scene, risen(part=part, compared=Compared.YEAR))
        (question,) = scene.answers.asked
        assert (question.since, question.until) == (date(2026, 2, 22), date(2026, 2, 28))
        assert (question.currency, question.compare) == ("EUR", v1.Compare.PREVIOUS_YEAR)
        assert [(one.dimension, one.values) for one in question.where] == [
            ("platform", ("meta",)),
            ("campaign", ("brand",)),
        ]
        assert (found.so, found.percent, found.against) == (True, Decimal(25), Against.BEFORE)

    @pytest.mark.parametrize(
        ("side", "before", "expected"),
        [
            (Side.ABOVE, 41_666_667, False),
            (Side.ABOVE, 41_666_666, True),
            (Side.BELOW, 62_500_000, False),
            (Side.BELOW, 62_500_001, True),
        ],
    )
    def test_a_change_is_exact(self, scene: Scene, side: Side, before: int, expected: bool) -> None:
        """50 is 20% more than 41.666666..., and 20% less than 62.5."""
        scene.answers.before = {"cost": before}
        assert found_by(scene, risen(side=side)).so is expected

    @pytest.mark.parametrize("before", [None, {"cost": None}, {"cost": 0}])
    def test_without_something_before_nobody_can_say(self, scene: Scene, before: Any) -> None:
        scene.answers.before = before
        with pytest.raises(StateError, match="nothing to compare with"):
            found_by(scene, risen())

    def test_a_share_is_not_money(self, scene: Scene) -> None:
        scene.answers.totals["ctr"] = 0.0166
        found = found_by(scene, above("0.02", metric="ctr", side=Side.BELOW))
        assert (found.so, found.value, found.unit) == (True, Decimal("0.0166"), v1.Unit.SHARE)

    def test_a_metric_that_is_gone_is_said(self, scene: Scene) -> None:
        with pytest.raises(UnknownName, match="no metric 'own'"):
            found_by(scene, above(metric="own"))

    def test_days_that_may_still_change_are_marked(self, scene: Scene) -> None:
        scene.answers.changing = {"meta": date(2026, 2, 28)}
        assert found_by(scene, above()).changing
        scene.answers.changing = {"meta": date(2026, 3, 1)}
        assert not found_by(scene, above()).changing

    def test_what_is_unusual(self, scene: Scene) -> None:
        """Anomalies of the metric, without those that somebody has put aside."""

        def finding(number: int, **more: Any) -> v1.Finding:
            return v1.Finding(
                **{
                    "id": str(number),
                    "kind": v1.FindingKind.ANOMALY,
                    "title": "Spend was far above what its past lets expect",
                    "metric": "cost",
                    "dimension": "campaign",
                    "key": ("meta", "act_1", str(number)),
                    "since": date(2026, 2, 28),
                    "until": date(2026, 2, 28),
                    "severity": 1.0,
                    "name": f"Campaign {number}",
                    **more,
                }
            )

        dismissal = v1.Dismissal(finding="3", at=NOW, by="user:cy")
        scene.answers.found = (
            finding(1),
            finding(2, metric="ctr"),
            finding(3, dismissed=dismissal),
            finding(4, kind=v1.FindingKind.FATIGUE),
        )
        found = found_by(scene, Anomaly(metric="cost", currency="EUR"))
        assert [one.name for one in found.things] == ["Campaign 1"]
        assert len(found_by(scene, Anomaly(metric="", currency="EUR")).things) == 2
        scene.answers.found = ()
        assert not found_by(scene, Anomaly(metric="", currency="EUR")).so

    @pytest.mark.parametrize(("expected", "so"), [(30, True), (45, False), (50, False), (70, True)])
    def test_the_pace_of_the_month(self, scene: Scene, expected: int, so: bool) -> None:
        """50 are spent; the budget is 100, give or take 10%. On 1 March nothing of the month is known."""
        scene.clock.advance(timedelta(days=9).total_seconds())
        scene.sync(days=12)
        scene.answers.forecast_ = v1.Forecast(
            metric="cost",
            until=date(2026, 3, 31),
            known_until=date(2026, 3, 9),
            expected=Decimal(expected * 1_000_000),
        )
        found = found_by(scene, Pacing(budget=Decimal(100), percent=Decimal(10), currency="EUR"))
        assert (found.so, found.value, found.before) == (so, Decimal(50 + expected), Decimal(50))
        assert (found.since, found.until) == (date(2026, 3, 1), date(2026, 3, 31))
        (question,) = scene.answers.asked
        assert (question.since, question.until) == (date(2026, 3, 1), date(2026, 3, 9))

    def test_no_forecast_is_said(self, scene: Scene) -> None:
        scene.answers.forecast_ = v1.Forecast(metric="cost", until=date(2026, 3, 31), reason="the past is too short")
        with pytest.raises(StateError, match="the past is too short"):
            found_by(scene, Pacing(budget=Decimal(100), percent=Decimal(10), currency="EUR"))

    def test_syncs(self, scene: Scene) -> None:
        """A connection that is broken, of those that are watched: here its plugin is not loaded."""
        found = found_by(scene, Health(least=Severity.BROKEN))
        assert found.so
        assert found.things == (
            Thing(name="Shop", text="the plugin 'meta' is not loaded here, so nothing can be synced"),
        )
        assert found_by(scene, Health(connections=("c1", "gone"))).so
        with pytest.raises(UnknownName):
            found_by(scene, Health(connections=("gone",)))
        scene.id = scene.other
        assert not found_by(scene, Health()).so

    def test_syncs_are_judged_also_where_data_is_late(self, scene: Scene) -> None:
        """That is what they are for."""
        scene.clock.advance(timedelta(days=30).total_seconds())
        assert isinstance(found_by(scene, Health()), Found)
        with pytest.raises(StateError):
            found_by(scene, above())
        assert Waiting("x").why == "x"


def message(event: MessageEvent = MessageEvent.FIRING, **more: Any) -> Message:
    found = Found(
        so=True,
        title="Spend",
        unit=v1.Unit.MONEY,
        currency="EUR",
        since=date(2026, 2, 28),
        until=date(2026, 2, 28),
        value=Decimal("1234.5"),
        limit=Decimal(1000),
        changing=True,
    )
    return Message(
        **{
            "id": f"e1-{event}",
            "event": event,
            "at": NOW,
            "workspace_id": "w",
            "workspace": "ACME",
            "rule_id": "r",
            "rule": "Spend",
            "found": found,
            **more,
        }
    )


class TestMessages:
    def test_everybody_reads_their_own_numbers(self) -> None:
        english, german = (sentences(message(), write)[0] for write in (ENGLISH, GERMAN))
        assert english == "Spend on 28 Feb 2026: €1,234. The limit is €1,000."
        assert "1.234" in german
        assert "1.000" in german

    def test_a_change_and_a_budget(self) -> None:
        change = Found(
            so=True,
            against=Against.BEFORE,
            title="Spend",
            unit=v1.Unit.MONEY,
            currency="EUR",
            value=Decimal(50),
            before=Decimal(40),
            percent=Decimal(25),
        )
        assert sentences(message(found=change), ENGLISH) == ["Spend: €50.00, before €40.00 (+25%)."]
        budget = Found(
            so=True,
            against=Against.BUDGET,
            title="Spend",
            unit=v1.Unit.MONEY,
            currency="EUR",
            value=Decimal(120),
            before=Decimal(50),
            limit=Decimal(100),
            percent=Decimal(20),
        )
        told = "Spend will come to €120, 20% above the budget of €100. So far: €50.00."
        assert sentences(message(found=budget), ENGLISH) == [told]

    def test_things_are_named(self) -> None:
        found = Found(so=True, things=(Thing(name="Shop", text="it broke"),), more=2)
        assert sentences(message(found=found), ENGLISH) == ["Shop: it broke.", "And 2 more."]

    @pytest.mark.parametrize("event", list(MessageEvent))
    @pytest.mark.parametrize(
        "name", ["<b>$1$ [x](http://evil.example)", "=1+1\r\nBcc: a@b.c", "\u202eevil.com", "x" * 100, "🎿"]
    )
    def test_a_mail_can_be_sent_whatever_things_are_called(self, event: MessageEvent, name: str) -> None:
        """Nothing in it is markup, and no mail program makes a link of a name."""
        made = message(event, rule=name, workspace=name, why=name, began_at=NOW, watched=name)
        mail = as_mail(made, to="cy@example.com", write=ENGLISH, link="https://ads.example.com/alerts")
        check_mail(mail)
        assert "<b>$1" not in mail.html
        for text in (mail.subject, mail.text, mail.html):
            assert "http://evil" not in text
            assert "evil.com" not in text
            assert "a@b.c" not in text
        assert "https://ads.example.com/alerts" in mail.text
        assert mail.html.count("<a ") == 1
        assert mail.key == f"{made.id} cy@example.com"

    def test_the_end_says_since_when(self) -> None:
        told = sentences(message(MessageEvent.ENDED, began_at=NOW), ENGLISH)
        assert told[0].startswith("What this alert watches for is not so any more. It began ")
        assert headline(message(MessageEvent.ENDED)) == "Over: Spend"
