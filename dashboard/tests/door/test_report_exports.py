"""Figures as files: an answer to the question in the address."""

from __future__ import annotations

import asyncio
import csv
import io
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from adjoin.access import audit
from adjoin.analytics.addresses import question_from_query
from adjoin.analytics.files import FileKind
from adjoin.analytics.v1 import AnalyticsContext, Answer, Condition, Definitions, Metric, Question, Unit
from adjoin.clock import ManualClock
from adjoin.contract import hookimpl
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.errors import BadInput, StoreDamaged, UnknownName
from adjoin_dashboard.door import report_exports
from adjoin_dashboard.door.report_exports import MOST_ROWS, export_url, routes
from adjoin_dashboard.door.visitor import SCOPE_KEY, Visit
from adjoin_dashboard.host import Host, open_host, serving
from adjoin_dashboard.testing import KnownAccount

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)
QUESTION = Question(
    since=date(2026, 10, 1), until=date(2026, 10, 31), metrics=("cost",), dimensions=("campaign",), currency="EUR"
)


class Figures:
    """A plugin that answers each question alike, in the workspace that it is asked about."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Question]] = []
        self.rows = 2
        self.before: Callable[[], object] = lambda: None

    @hookimpl
    def definitions(self, context: AnalyticsContext) -> Definitions:
        cost = Metric(name="cost", title="Cost", unit=Unit.MONEY, formula="cost_micros", sums=("cost_micros",))
        return Definitions(metrics=(cost,), dimensions=())

    @hookimpl
    def ask(self, context: AnalyticsContext, question: Question) -> Answer:
        self.asked.append((context.workspace_id, question))
        self.before()
        names = ["=1+1", f"of {context.workspace_id}"]
        count = min(self.rows, 2)
        return Answer(
            question=question,
            rows=pa.table({"campaign": names[:count], "cost": pa.array([1_500_000, None][:count], pa.int64())}),
            total_rows=self.rows,
            totals={"cost": 1_500_000},
            currency="EUR",
        )


@pytest.fixture
def accounts() -> list[KnownAccount]:
    """What is asked is answered by hand."""
    return []


@pytest.fixture
def host(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A host without the plugin that answers questions."""
    monkeypatch.delenv("ADJOIN_DATABASE_URL", raising=False)
    monkeypatch.setenv("ADJOIN_DISABLE", "analytics")
    with open_host(home, clock=ManualClock(NOW)) as opened, serving(opened):
        yield opened


@pytest.fixture
def figures(host: Host) -> Figures:
    """The one plugin that answers."""
    made = Figures()
    assert host.kernel.add("figures", "analytics", 1, made) == []
    return made


class Client:
    """The routes, visited by somebody as the gate lets them in."""

    def __init__(self, people: Any, name: str = "ada") -> None:
        self._app = Starlette(routes=routes(people.host))
        self._people = people
        self.signed_in = people.host.still_in(people.sessions[name])

    def get(self, *urls: str) -> list[httpx.Response]:
        """Ask for all of them at once."""

        async def gate(scope: Scope, receive: Receive, send: Send) -> None:
            visit = Visit(address="192.0.2.9", secure=False, now=NOW, signed_in=self.signed_in)
            await self._app(scope | {SCOPE_KEY: visit}, receive, send)

        async def ask() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=gate)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await asyncio.gather(*(client.get(url) for url in urls))

        return asyncio.run(ask())

    def one(self, url: str) -> httpx.Response:
        (found,) = self.get(url)
        return found


def url_of(kind: str = "csv", workspace_id: str = DEFAULT_WORKSPACE, question: Question = QUESTION) -> str:
    return export_url(workspace_id, question, kind)


def downloads(people: Any) -> list[Any]:
    with people.host.store.read() as session:
        found = audit.entries(session, DEFAULT_WORKSPACE, action="report.downloaded").entries
        return [(one.actor, one.after) for one in found]


class TestFiles:
    def test_csv(self, people: Any, figures: Figures) -> None:
        """A file that no proxy keeps, of the workspace that is looked at. No cell is a formula."""
        answer = Client(people).one(url_of())
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="report-2026-10-01-2026-10-31.csv"'
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["content-length"] == str(len(answer.content))
        assert list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))) == [
            ["campaign", "currency", "cost"],
            ["'=1+1", "EUR", "1.5"],
            [f"of {DEFAULT_WORKSPACE}", "EUR", ""],
        ]

    def test_xlsx_and_parquet(self, people: Any, figures: Figures) -> None:
        """Whole files with their types."""
        sheet, parquet = Client(people).get(url_of("xlsx"), url_of("parquet"))
        assert sheet.headers["content-type"].endswith("spreadsheetml.sheet")
        assert sheet.content.startswith(b"PK")
        assert sheet.headers["content-disposition"].endswith('.xlsx"')
        assert parquet.headers["content-type"] == "application/vnd.apache.parquet"
        table = pq.read_table(io.BytesIO(parquet.content))
        assert table["campaign"].to_pylist() == ["=1+1", f"of {DEFAULT_WORKSPACE}"]
        assert table.schema.metadata[b"adjoin.as_of"] == b"2026-11-21T05:14:00+00:00"

    def test_what_is_asked_is_the_question(self, people: Any, figures: Figures) -> None:
        """With a limit of rows, which memory needs and the reader does not see."""
        answer = Client(people).one(url_of("parquet"))
        ((workspace_id, question),) = figures.asked
        assert workspace_id == DEFAULT_WORKSPACE
        assert (question.limit, question.dimensions) == (MOST_ROWS, ("campaign",))
        told = pq.read_schema(io.BytesIO(answer.content)).metadata[b"adjoin.question"].decode()
        assert told == "from=2026-10-01 to=2026-10-31 metrics=cost by=campaign currency=EUR"

    def test_the_log_notes_who_has_it(self, people: Any, figures: Figures) -> None:
        """With the format and the question; what was refused was not had."""
        Client(people, "dee").one(url_of("xlsx"))
        figures.rows = MOST_ROWS + 1
        assert Client(people).one(url_of()).status_code == 400
        ((actor, after),) = downloads(people)
        assert actor == f"user:{people.ids['dee']}"
        assert after["format"] == "xlsx"
        assert after["question"].startswith("from=2026-10-01 to=2026-10-31 metrics=cost")


class TestAddresses:
    def test_is_the_question_and_the_workspace(self) -> None:
        """Short enough to read, and read again as it was."""
        question = Question(
            since=QUESTION.since,
            until=QUESTION.until,
            metrics=("cost",),
            where=(Condition(dimension="campaign", values=("a&b", "c,d", "größer")),),
        )
        url = export_url("w 1", question, FileKind.CSV)
        assert url == (
            "/export/report.csv?workspace=w+1&from=2026-10-01&to=2026-10-31&metrics=cost"
            "&where=campaign=a%26b,c%5C,d,gr%C3%B6%C3%9Fer"
        )
        assert question_from_query(parse_qsl(urlsplit(url).query)[1:]) == question

    def test_a_format_that_there_is_not(self) -> None:
        """Is a mistake of the page."""
        with pytest.raises(ValueError, match="pdf"):
            export_url("w", QUESTION, "pdf")


class TestRefusals:
    def test_another_workspace(self, people: Any, figures: Figures) -> None:
        """Neither by its id, nor one's own by a link that was meant for another one."""
        eve = Client(people, "eve")
        assert eve.one(url_of()).status_code == 404
        assert eve.one("/export/report.csv").status_code == 404
        assert "of " + people.theirs in eve.one(url_of(workspace_id=people.theirs)).text
        assert figures.asked[0][0] == people.theirs
        assert len(figures.asked) == 1

    def test_nobody(self, people: Any, figures: Figures) -> None:
        """Who is not signed in gets nothing, and nothing is asked."""
        client = Client(people)
        client.signed_in = None
        assert client.one(url_of()).status_code == 404
        assert figures.asked == []

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ("&from=2026-11-30", "The parameter from is there 2 times; give it once."),
            ("&colour=red", "There is no parameter 'colour'; there are from, to"),
            ("&where=x", "Where='x' is no condition"),
        ],
    )
    def test_a_question_that_cannot_be_read(self, people: Any, figures: Figures, more: str, said: str) -> None:
        """Is told in a sentence, and nothing is asked."""
        answer = Client(people).one(url_of() + more)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
        assert answer.text.startswith(said)
        assert figures.asked == []

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (UnknownName("there is no account x here"), 404),
            (BadInput("no dataset carries this"), 400),
            (StoreDamaged("a file is broken"), 503),
        ],
    )
    def test_what_the_layer_refuses(self, people: Any, figures: Figures, error: Exception, status: int) -> None:
        """Is said as it is, and the next question is answered."""

        def fail() -> None:
            raise error

        figures.before = fail
        answer = Client(people).one(url_of())
        assert answer.status_code == status
        assert str(error) in answer.text.casefold()
        assert downloads(people) == []

    @pytest.mark.parametrize("error", [ValueError("secret detail"), OSError(28, "secret detail")])
    def test_a_fault_is_for_the_log(self, people: Any, figures: Figures, error: Exception) -> None:
        """What breaks inside is told to the operator; the visitor hears what to do."""

        def fail() -> None:
            raise error

        figures.before = fail
        answer = Client(people).one(url_of())
        assert answer.status_code == 503
        assert answer.text.startswith("The file could not be made: the log of the server says why. Try again")
        assert "secret detail" not in answer.text

    def test_too_many_rows(self, people: Any, figures: Figures) -> None:
        """With how many there are, how many may be, and what to do."""
        figures.rows = 123_456
        answer = Client(people).one(url_of())
        assert answer.status_code == 400
        assert answer.text.startswith("This would be 123,456 rows, and a file has at most 100,000. Ask for fewer days")
        limited = Question(since=QUESTION.since, until=QUESTION.until, metrics=("cost",), limit=2)
        assert Client(people).one(url_of(question=limited)).status_code == 200

    def test_no_plugin_that_answers(self, people: Any) -> None:
        """It is said what is missing."""
        answer = Client(people).one(url_of())
        assert answer.status_code == 503
        assert "No plugin answers questions about figures" in answer.text

    def test_too_many_at_once(self, people: Any, figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
        """Some are made, the others are told when to come again; then there is room again."""
        monkeypatch.setattr(report_exports, "_AT_ONCE", 2)
        both = threading.Barrier(2, timeout=30)
        figures.before = both.wait
        client = Client(people)
        found = client.get(*[url_of()] * 4)
        assert sorted(one.status_code for one in found) == [200, 200, 429, 429]
        busy = next(one for one in found if one.status_code == 429)
        assert busy.headers["retry-after"] == "10"
        assert busy.text == "Other files are being made right now. Try again in 10 seconds."
        assert [one.status_code for one in client.get(url_of(), url_of())] == [200, 200]
        assert len(downloads(people)) == 4
