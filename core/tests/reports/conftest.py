"""A workspace with an account, members, and a plugin that answers from a few known figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlmodel import col, select

from adjoin import ads, analytics
from adjoin.access import workspaces
from adjoin.access.actors import SYSTEM, Actor
from adjoin.ads import v2
from adjoin.alerts import targets
from adjoin.alerts.judging import Looker
from adjoin.alerts.telling import Post
from adjoin.analytics import v1
from adjoin.clock import ManualClock
from adjoin.contract import hookimpl
from adjoin.db import Store, cover
from adjoin.db.alerts import AlertDelivery, AlertTarget, TargetKind
from adjoin.db.models import Account, Connection
from adjoin.db.people import Member, Role, User
from adjoin.db.reports import ReportSend, ScheduledReport
from adjoin.facts.store import FactStore
from adjoin.kernel import Kernel
from adjoin.mail.outbox import send_due as send_mail
from adjoin.mail.v1 import Mail
from adjoin.reports import defining, sending
from adjoin.reports.defining import Wanted
from adjoin.reports.terms import Terms
from adjoin.reports.timing import Cadence
from adjoin.secrets import Keyring, Vault, new_key
from adjoin.testing.fact_stage import FactStage

#: A Sunday; the report is sent on Mondays at 8 in Berlin, which is 7 UTC.
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONDAY = datetime(2026, 3, 2, 7, tzinfo=UTC)
METRICS = (
    v1.Metric(name="cost", title="Spend", unit=v1.Unit.MONEY, formula="cost", sums=("cost_micros",)),
    v1.Metric(name="clicks", title="Clicks", unit=v1.Unit.COUNT, formula="clicks", sums=("clicks",), good=v1.Good.UP),
    v1.Metric(
        name="cpc", title="CPC", unit=v1.Unit.MONEY, formula="cost / clicks", sums=("clicks",), good=v1.Good.DOWN
    ),
)
META = v2.Description(title="Meta", base_url="https://meta.example", api_version="1", auth=v2.Auth(), streams=())
DIMENSIONS = (
    v1.Dimension(name="day", title="Day", kind=v1.DimensionKind.TIME, columns=("day",)),
    v1.Dimension(
        name="campaign",
        title="Campaign",
        kind=v1.DimensionKind.OBJECT,
        columns=("platform", "account_id", "campaign_id", "campaign"),
    ),
)


def terms(**more: Any) -> Terms:
    return Terms(**{"metrics": ("cost", "clicks", "cpc"), "dimension": "campaign", "currency": "EUR", **more})


@dataclass
class Answers:
    """An analytics plugin: `names` have each spent 10 EUR more than the one before, on 5 clicks, each day but one."""

    names: list[str] = field(default_factory=lambda: ["Autumn", "Spring"])
    gap: date | None = None
    changing: Mapping[str, date] = field(default_factory=dict)
    error: Exception | None = None
    asked: list[v1.Question] = field(default_factory=list)

    @hookimpl
    def definitions(self, context: v1.AnalyticsContext) -> v1.Definitions:
        return v1.Definitions(metrics=METRICS, dimensions=DIMENSIONS)

    @hookimpl
    def ask(self, context: v1.AnalyticsContext, question: v1.Question) -> v1.Answer:
        self.asked.append(question)
        if self.error is not None:
            raise self.error
        days = [question.since + timedelta(days=n) for n in range((question.until - question.since).days + 1)]
        whole = [one for one in days if one != self.gap]
        spent = {name: 10_000_000 * (n + 1) * len(whole) for n, name in enumerate(self.names)}
        clicks = 5 * len(whole)
        if question.dimensions == ("day",):
            each = sum(spent.values()) // max(len(whole), 1)
            rows = [{"day": day, "cost": each} for day in whole] if self.names else []
        else:
            rows = [
                {
                    "platform": "meta",
                    "account_id": "act_1",
                    "campaign_id": f"c{n}",
                    "campaign": name,
                    "cost": spent[name],
                    "cost.before": spent[name] * 2,
                    "clicks": clicks,
                    "clicks.before": clicks,
                    "cpc": spent[name] // clicks,
                    "cpc.before": spent[name] * 2 // clicks,
                }
                for n, name in sorted(enumerate(self.names), reverse=True)
            ]
        total = sum(spent.values())
        totals: dict[str, Any] = {"cost": total, "clicks": clicks * len(self.names)}
        totals["cpc"] = total // totals["clicks"] if totals["clicks"] else None
        if not self.names:
            totals = dict.fromkeys(totals)
        compared = question.compare is not v1.Compare.NOTHING
        length = timedelta(days=len(days))
        before = {"cost": total * 2, "clicks": totals["clicks"], "cpc": total * 2 // (totals["clicks"] or 1)}
        return v1.Answer(
            question=question,
            rows=pa.Table.from_pylist(rows[: question.limit]),
            total_rows=len(rows),
            totals={name: totals[name] for name in question.metrics},
            before={name: before[name] for name in question.metrics} if compared and self.names else None,
            compared=(question.since - length, question.until - length) if compared else None,
            currency="EUR",
            changing_since=self.changing,
        )


class Scene:
    """Of the workspace: ada owns it, cy is an analyst, dee a viewer; eve is a stranger."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.clock = ManualClock(NOW)
        self.vault = Vault(Keyring([new_key()]))
        self.answers = Answers()
        self.kernel = Kernel([ads.CONTRACT, analytics.CONTRACT])
        self.kernel.add("analytics", "analytics", 1, self.answers)
        self.facts = FactStore(folder)
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

    def read(self, last: date, *, days: int = 60, at: datetime | None = None) -> None:
        """Have the account's days up to the last one read, at an instant or the next noon."""
        with self.store.write() as session:
            cover(
                session,
                workspace_id=self.id,
                platform="meta",
                account_id="act_1",
                dataset="account_daily",
                days=[last - timedelta(days=number) for number in range(days)],
                run_id="r1",
                fetched_at=at or datetime(last.year, last.month, last.day, 12, tzinfo=UTC) + timedelta(days=1),
            )

    def report(self, *, by: str | None = "cy", **wanted: Any) -> ScheduledReport:
        """Make a report that is sent to cy each Monday at 8 in Berlin."""
        whole = Wanted(
            **{
                "name": "Weekly",
                "terms": terms(),
                "cadence": Cadence(every="week"),
                "time_zone": "Europe/Berlin",
                "people": ("cy",),
                "with_pdf": False,
                **wanted,
            }
        )
        return self.do(defining.create, whole, by=by)

    def do(self, change: Any, *args: Any, by: str | None = "cy", **options: Any) -> Any:
        """Make a change in a transaction, as a user or as the operator."""
        actor = SYSTEM if by is None else Actor.user(by)
        with self.store.write() as session:
            made = change(session, self.id, *args, by=actor, now=self.clock.now(), **options)
            session.flush()
            if made is not None and made in session:
                session.expunge(made)
            return made

    def at(self, instant: datetime) -> list[Mail]:
        """Let it become an instant, send what is due, and return the mails."""
        self.clock.advance((instant - self.clock.now()).total_seconds())
        self.send()
        return self.mails()

    def send(self) -> sending.Sent:
        return sending.send_due(self.store, self.looker, self.post, clock=self.clock)

    @property
    def looker(self) -> Any:
        return lambda store: Looker(self.kernel, store, self.facts, {"meta": META}, self.clock)

    def mails(self) -> list[Mail]:
        """Send what waits in the outbox, and return it."""
        sent: list[Mail] = []
        send_mail(self.store, self.vault, sent.append, clock=self.clock)
        return sent

    def target(self, kind: TargetKind, url: str, *, name: str = "Ops", allow: str = "") -> AlertTarget:
        with self.store.write() as session:
            made, _ = targets.add(
                session,
                self.vault,
                self.id,
                kind=kind,
                name=name,
                url=url,
                outgoing_allow=allow,
                by=Actor.user("ada"),
                now=self.clock.now(),
            )
            return made

    def stored(self, report: ScheduledReport) -> ScheduledReport:
        with self.store.read() as session:
            return session.get_one(ScheduledReport, (report.workspace_id, report.id))

    def history(self, report: ScheduledReport) -> list[ReportSend]:
        with self.store.read() as session:
            return list(defining.sends_of(session, report.workspace_id, report.id))[::-1]

    def deliveries(self) -> list[AlertDelivery]:
        with self.store.read() as session:
            return list(session.exec(select(AlertDelivery).order_by(col(AlertDelivery.created_at))))


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
