"""Reports in every form: the figures of the answer and no others, what is missing as missing, names as they are."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from adjoin.analytics import v1
from adjoin.db.people import User
from adjoin.reports import figures as asking
from adjoin.reports.content import Content, write_content
from adjoin.reports.html import as_html, as_text
from adjoin.reports.pdf import as_pdf
from adjoin.reports.terms import Span, Terms
from adjoin.writing import Writer

from .conftest import MONDAY, Scene, terms

LAST = date(2026, 3, 1)
HOSTILE = [
    '<script>alert("x")</script> & <b>bold</b>',
    '=HYPERLINK("http://evil.example","x")',
    "\u202eexe.gpj \u2066",
    "מבצע אביב حملة",
    "Ω Ж 漢字 🙂",
    "#panic() $x$ *bold* @ref <label> \\ \" ' `",
    "a\nb\tc\x07",
    "x" * 300,
]


def content(scene: Scene, wanted: Terms | None = None, *, write: Writer | None = None, name: str = "Weekly") -> Content:
    looker = scene.looker(scene.store.scoped(scene.id, None))
    found = asking.gather(wanted or terms(), looker, at=MONDAY, time_zone="Europe/Berlin")
    return write_content(found, name=name, workspace="ACME", write=write or Writer())


def html(made: Content) -> str:
    return as_html(made, link="https://ads.example.com/reports", why="Sent by a report.")


class _Page(HTMLParser):
    """What a browser would show: texts, and the tags it knows of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data.replace("\u2060", ""))


def pages_of(made: Content) -> bytes:
    """Return the first page as a picture: it is set from the same template as the file."""
    import typst

    said = json.dumps(msgspec.to_builtins(asdict(made)) | {"why": "w"})
    template = files("adjoin.reports").joinpath("report.typ").read_bytes()
    drawn = typst.compile(input=template, sys_inputs={"content": said}, format="svg")
    return drawn if isinstance(drawn, bytes) else drawn[0]  # type: ignore[return-value]


class TestFigures:
    def test_they_are_those_of_the_answer(self, scene: Scene) -> None:
        """Seven days: 10 and 20 EUR a day on 5 clicks each; twice as much was spent before."""
        scene.read(LAST)
        made = content(scene)
        assert made.head == ("Spend", "Clicks", "CPC")
        assert [(one.value, one.change, one.tone) for one in made.tiles] == [
            ("€210", "−50.0%", ""),
            ("70", "±0.0%", ""),
            ("€3.00", "−50.0%", "good"),
        ]
        assert [(row.name, [one.value for one in row.cells], row.share) for row in made.rows] == [
            ("Spring", ["€140", "35", "€4.00"], 1.0),
            ("Autumn", ["€70.00", "35", "€2.00"], 0.5),
        ]
        assert [one.value for one in made.bars] == ["€30.00"] * 7
        assert (made.days, made.compared) == (
            "23 Feb – 1 Mar 2026",
            "compared with the days before, 16–22 Feb 2026",
        )
        asked = scene.answers.asked
        assert [one.dimensions for one in asked] == [("campaign",), ("day",)]
        assert all((one.since, one.until, one.currency) == (date(2026, 2, 23), LAST, "EUR") for one in asked)

    def test_every_form_says_all_of_them(self, scene: Scene) -> None:
        made = content(scene, write=Writer(locale="de-DE"))
        said = ["Spend", "€210", "−50,0%", "Spring", "€140", "Autumn", "€70,00", "€4,00"]
        page = " ".join(_Page(html(made)).texts)
        text = as_text(made, link="https://ads.example.com/reports", why="Sent by a report.")
        for one in said:
            assert one in page
            assert one in text
        assert "https://ads.example.com/reports" in text

    def test_what_is_missing_is_no_zero(self, scene: Scene) -> None:
        scene.answers.gap = date(2026, 2, 25)
        made = content(scene)
        assert [one.share is None for one in made.bars] == [False, False, True, False, False, False, False]
        assert made.bars[2].value == "–"
        assert "–: no figure." in " ".join(_Page(html(made)).texts)

    def test_without_figures_it_says_so(self, scene: Scene) -> None:
        scene.answers.names = []
        scene.read(LAST)
        made = content(scene)
        assert (made.empty, made.bars, made.rows) == ("There are no figures of these days.", (), ())
        assert {one.value for one in made.tiles} == {"–"}
        assert "There are no figures of these days." in " ".join(_Page(html(made)).texts)
        assert as_pdf(made, why="", made_at=MONDAY).startswith(b"%PDF-")

    def test_totals_alone_and_rows_that_are_left_out(self, scene: Scene) -> None:
        assert content(scene, terms(dimension="")).rows == ()
        made = content(scene, terms(rows=1))
        assert [one.name for one in made.rows] == ["Spring"]
        assert made.more == "and 1 more, which the totals include"

    def test_a_day_alone_has_no_chart(self, scene: Scene) -> None:
        assert content(scene, terms(span=Span.YESTERDAY)).bars == ()

    def test_a_year_is_drawn_by_month_where_there_is_such_a_dimension(self) -> None:
        assert asking.grain_of(date(2026, 1, 1), date(2026, 1, 31)) == "day"
        assert asking.grain_of(date(2026, 1, 1), date(2026, 2, 1)) == "week"
        assert asking.grain_of(date(2026, 1, 1), date(2026, 12, 31)) == "month"


class TestTrust:
    def test_data_that_is_whole_has_no_remark(self, scene: Scene) -> None:
        scene.read(LAST)
        assert content(scene).problems == ()

    def test_what_is_behind_is_said_at_the_top(self, scene: Scene) -> None:
        scene.read(LAST - timedelta(days=3))
        made = content(scene)
        assert made.problems == ("Not up to date: of Shop [DE] the figures end on 26 Feb 2026.",)
        texts = _Page(html(made)).texts
        assert texts.index(made.problems[0]) < texts.index("Spend")

    def test_a_day_that_was_read_before_it_was_over_does_not_count(self, scene: Scene) -> None:
        scene.read(LAST - timedelta(days=1))
        scene.read(LAST, days=1, at=datetime(2026, 3, 1, 20, tzinfo=UTC))
        assert content(scene).problems == ("Not up to date: of Shop [DE] the figures end on 28 Feb 2026.",)

    def test_holes_and_nothing_at_all(self, scene: Scene) -> None:
        assert content(scene).problems == ("No figures: none of these days was read of Shop [DE].",)
        scene.read(LAST, days=3)
        assert content(scene).problems == ("Incomplete: of Shop [DE] 4 of 7 days were not read.",)

    def test_conditions_leave_accounts_out(self, scene: Scene) -> None:
        here = terms(where=(v1.Condition(dimension="account", values=("meta/ACT_1",)),))
        away = terms(where=(v1.Condition(dimension="platform", values=("google",)),))
        assert "Shop [DE]" in content(scene, here).problems[0]
        assert content(scene, away).problems[0].startswith("No account fits this report")
        assert content(scene, away).part == "platform is google"

    def test_days_that_may_change_are_marked(self, scene: Scene) -> None:
        scene.answers.changing = {"meta": date(2026, 2, 27)}
        made = content(scene)
        assert [one.changing for one in made.bars] == [False] * 4 + [True] * 3
        assert "Figures of 27 Feb – 1 Mar 2026 may still change (Meta): conversions are counted late." in made.notes
        assert "Pale: may still change." in " ".join(_Page(html(made)).texts)


class TestNames:
    def test_html_shows_them_and_runs_nothing(self, scene: Scene) -> None:
        scene.answers.names = HOSTILE
        page = _Page(html(content(scene, name=HOSTILE[0])))
        assert not page.tags & {"script", "img", "style", "iframe", "label"}
        assert page.links == ["https://ads.example.com/reports"]
        for name in (HOSTILE[0], HOSTILE[1], HOSTILE[3], HOSTILE[4], HOSTILE[5]):
            assert name in page.texts
        assert "exe.gpj" in page.texts
        assert "a b c" in page.texts

    def test_nothing_in_the_text_becomes_a_link(self, scene: Scene) -> None:
        scene.answers.names = ["evil.example/x", "https://evil.example"]
        text = as_text(content(scene), link="https://ads.example.com/reports", why="")
        assert "evil.example" not in text
        assert "evil.\u2060example" in text

    def test_the_file_holds_them(self, scene: Scene) -> None:
        """None is read as markup, in either direction of writing."""
        scene.answers.names = HOSTILE
        made = content(scene, name=HOSTILE[5])
        assert as_pdf(made, why=HOSTILE[5], made_at=MONDAY).startswith(b"%PDF-")
        few = content(scene)
        assert len(pages_of(few)) > 10_000


class TestFile:
    def test_the_chart_is_drawn_as_shapes(self, scene: Scene) -> None:
        """A rectangle for each day and row in the platform-free blue, and no picture in the file."""
        made = content(scene)
        drawn = pages_of(made).decode()
        assert drawn.count('fill="#3b5bdb"') == len(made.bars) + len(made.rows)
        pdf = as_pdf(made, why="", made_at=MONDAY)
        assert b"/Subtype/Image" not in pdf

    def test_many_rows_go_on_further_pages(self, scene: Scene) -> None:
        scene.answers.names = [f"Campaign {n}" for n in range(60)]
        made = content(scene, terms(rows=50))
        pdf = as_pdf(made, why="", made_at=MONDAY)
        assert int(pdf.split(b"/Type/Pages/Count ")[1].split(b"/")[0]) > 1

    def test_the_same_report_is_the_same_file(self, scene: Scene) -> None:
        made = content(scene)
        later = MONDAY.replace(microsecond=5)
        assert as_pdf(made, why="", made_at=MONDAY) == as_pdf(made, why="", made_at=later)


def test_each_is_sent_it_as_they_read_with_the_file(scene: Scene) -> None:
    with scene.store.write() as session:
        session.get_one(User, "cy").locale = "de-DE"
    scene.read(LAST)
    scene.report(by="ada", people=("ada", "cy"), with_pdf=True, name="Woche 9: Köln/Bonn")
    mails: dict[str, Any] = {one.to: one for one in scene.at(MONDAY)}
    assert "€70.00" in mails["ada@example.com"].text
    assert "€70,00" in mails["cy@example.com"].text
    for mail in mails.values():
        (file,) = mail.attachments
        assert (file.name, file.content_type) == ("Woche 9 Köln Bonn 2026-02-23 to 2026-03-01.pdf", "application/pdf")
        assert file.data.startswith(b"%PDF-")
    assert len({mail.attachments[0].data for mail in mails.values()}) == 2


def test_a_file_that_cannot_be_made_is_a_failure(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    import typst

    def fails(*_: object, **__: object) -> bytes:
        raise typst.TypstError("no")

    monkeypatch.setattr(typst, "compile", fails)
    report = scene.report(with_pdf=True)
    assert scene.at(MONDAY) == []
    assert "the PDF file of the report cannot be made" in scene.stored(report).note
