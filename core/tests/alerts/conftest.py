"""A workspace with an account, members, and a plugin that answers what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlmodel import col, select

from adjoin import ads, analytics
from adjoin.access import workspaces
from adjoin.access.actors import SYSTEM, Actor
from adjoin.alerts import rules, targets
from adjoin.alerts.checking import Checked, check_due
from adjoin.alerts.judging import looker_of
from adjoin.alerts.rules import Wanted
from adjoin.alerts.telling import Post
from adjoin.alerts.terms import Days, Side, Terms, Threshold
from adjoin.analytics import v1
from adjoin.clock import ManualClock
from adjoin.contract import hookimpl
from adjoin.db import Store, cover
from adjoin.db.alerts import AlertDelivery, AlertEntry, AlertRule, AlertTarget, TargetKind
from adjoin.db.models import Account, Connection
from adjoin.db.people import AuditEntry, Member, OutgoingMail, Role, User
from adjoin.facts.store import FactStore
from adjoin.kernel import Kernel
from adjoin.mail.outbox import send_due
from adjoin.mail.v1 import Mail
from adjoin.secrets import Keyring, Vault, new_key
from adjoin.testing.fact_stage import FactStage

#: A Sunday; days are counted in UTC.
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPEND = v1.Metric(name="cost", title="Spend", unit=v1.Unit.MONEY, formula="cost", sums=("cost_micros",))
CTR = v1.Metric(name="ctr", title="CTR", unit=v1.Unit.SHARE, formula="clicks / impressions", sums=("clicks",))


def above(value: str = "100", **more: Any) -> Threshold:
    """Spend of yesterday is above so much."""
    return Threshold(
        **{
            "metric": "cost",
            "days": Days.YESTERDAY,
            "side": Side.ABOVE,
            "value": Decimal(value),
            "currency": "EUR",
            **more,
        }
    )


@dataclass
class Answers:
    """An analytics plugin. What it raises takes the place of an answer."""

    totals: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] | None = None
    changing: dict[str, date] = field(default_factory=dict)
    found: tuple[v1.Finding, ...] = ()
    forecast_: v1.Forecast | None = None
    error: Exception | None = None
    asked: list[v1.Question] = field(default_factory=list)

    @hookimpl
    def definitions(self, context: v1.AnalyticsContext) -> v1.Definitions:
        return v1.Definitions(metrics=(SPEND, CTR), dimensions=())

    @hookimpl
    def ask(self, context: v1.AnalyticsContext, question: v1.Question) -> v1.Answer:
        self.asked.append(question)
        if self.error is not None:
            raise self.error
        return v1.Answer(
            question=question,
            rows=pa.table({}),
            total_rows=0,
            totals={name: self.totals.get(name) for name in question.metrics},
            before=self.before,
            changing_since=self.changing,
        )

    @hookimpl
    def findings(
        self, context: v1.AnalyticsContext, since: date, until: date, currency: str, where: tuple[v1.Condition, ...]
    ) -> v1.Findings:
        return v1.Findings(since=since, until=until, currency=currency, found=self.found)

    @hookimpl
    def forecast(
        self,
        context: v1.AnalyticsContext,
        metric: str,
        until: date,
        currency: str | None,
        where: tuple[v1.Condition, ...],
    ) -> v1.Forecast:
        assert self.forecast_ is not None
        return self.forecast_


class Scene:
    """Of the workspace: ada owns it, cy is an analyst, dee a viewer. Spend of yesterday is `answers.totals["cost"]`."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.clock = ManualClock(NOW)
        self.vault = Vault(Keyring([new_key()]))
        self.answers = Answers(totals={"cost": 50_000_000})
        self.kernel = Kernel([ads.CONTRACT, analytics.CONTRACT])
        self.kernel.add("analytics", "analytics", 1, self.answers)
        self.facts = FactStore(folder)
        self.allow = ""  # what the operator allows beside public addresses
        self.post = Post(self.vault, "https://ads.example.com")
        for name in ("ada", "cy", "dee", "eve"):
            with store.write() as session:
                session.add(User(id=name, email=f"{name}@example.com", name=name.title(), created_at=NOW))
        with store.write() as session:
            self.id = workspaces.create(session, name="ACME", owner_id="ada", by=SYSTEM, now=NOW).id
            self.other = workspaces.create(session, name="Other", owner_id="eve", by=SYSTEM, now=NOW).id
            for name, role in (("cy", Role.ANALYST), ("dee", Role.VIEWER)):
                session.add(Member(workspace_id=self.id, user_id=name, role=role, created_at=NOW))
            session.add(Connection(workspace_id=self.id, id="c1", platform="meta", label="Shop", created_at=NOW))
            session.flush()
            session.add(
                Account(
                    workspace_id=self.id,
                    platform="meta",
                    id="act_1",
                    connection_id="c1",
                    name="Shop [DE]",
                    currency="EUR",
                    time_zone="UTC",
                    first_seen_at=NOW,
                    last_seen_at=NOW,
                )
            )
        self.sync()

    def sync(self, *, days: int = 5) -> None:
        """Read the account's last days, up to now."""
        now = self.clock.now()
        with self.store.write() as session:
            cover(
                session,
                workspace_id=self.id,
                platform="meta",
                account_id="act_1",
                dataset="account_daily",
                days=[now.date() - timedelta(days=number) for number in range(days)],
                run_id="r1",
                fetched_at=now,
            )

    def rule(self, terms: Terms | None = None, *, by: str = "cy", **wanted: Any) -> AlertRule:
        """Make a rule that is checked each full hour and tells cy."""
        whole = Wanted(
            **{
                "name": "Spend",
                "terms": terms or above(),
                "cron": "0 * * * *",
                "time_zone": "UTC",
                "people": ("cy",),
                **wanted,
            }
        )
        return self.do(rules.create, whole, by=by)

    def do(self, change: Any, *args: Any, by: str | None = "cy", **options: Any) -> Any:
        """Make a change in a transaction, as a user or as the operator."""
        actor = SYSTEM if by is None else Actor.user(by)
        with self.store.write() as session:
            return change(session, self.id, *args, by=actor, now=self.clock.now(), **options)

    def target(self, kind: TargetKind, url: str, name: str = "Ops") -> tuple[AlertTarget, str]:
        with self.store.write() as session:
            return targets.add(
                session,
                self.vault,
                self.id,
                kind=kind,
                name=name,
                url=url,
                outgoing_allow=self.allow,
                by=Actor.user("ada"),
                now=self.clock.now(),
            )

    def check(self, **later: float) -> Checked:
        """Check what is due so much later, an hour by default."""
        self.clock.advance(timedelta(**later or {"hours": 1}).total_seconds())
        return check_due(self.store, looker_of(self.kernel, self.facts, self.clock), self.post, clock=self.clock)

    def spend(self, euros: float | None, **later: float) -> list[str]:
        """Have so much spent, check, and return the kinds of what was told."""
        self.answers.totals["cost"] = None if euros is None else int(euros * 1_000_000)
        before = len(self.mails)
        self.check(**later)
        return [one.kind.removeprefix("alert.") for one in self.mails[before:]]

    @property
    def mails(self) -> list[OutgoingMail]:
        with self.store.read() as session:
            return list(session.exec(select(OutgoingMail).order_by(col(OutgoingMail.created_at))))

    def read_mail(self) -> list[Mail]:
        """Send what waits, and return it."""
        sent: list[Mail] = []
        send_due(self.store, self.vault, sent.append, clock=self.clock)
        return sent

    def stored(self, rule: AlertRule) -> AlertRule:
        with self.store.read() as session:
            return session.get_one(AlertRule, (rule.workspace_id, rule.id))

    def history(self, rule: AlertRule) -> list[AlertEntry]:
        with self.store.read() as session:
            return list(rules.entries_of(session, rule.workspace_id, rule.id))[::-1]

    def deliveries(self) -> list[AlertDelivery]:
        with self.store.read() as session:
            return list(session.exec(select(AlertDelivery).order_by(col(AlertDelivery.created_at))))

    def audit(self) -> list[AuditEntry]:
        with self.store.read() as session:
            query = select(AuditEntry).where(col(AuditEntry.workspace_id) == self.id).order_by(col(AuditEntry.at))
            return [one for one in session.exec(query) if one.action.startswith("alert")]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A state database with all tables: copying it is quicker than making another one."""
    return FactStage.empty_database(tmp_path_factory.mktemp("empty"), ())


@pytest.fixture
def scene(tmp_path: Path, empty_database: bytes) -> Iterator[Scene]:
    (tmp_path / "state.db").write_bytes(empty_database)
    with Store.open(f"sqlite:///{tmp_path / 'state.db'}") as store:
        made = Scene(store, tmp_path / "facts")
        yield made
        made.kernel.close()


@pytest.fixture
def postgres_scene(postgres_store: Store, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(postgres_store, tmp_path / "facts")
    yield made
    made.kernel.close()
