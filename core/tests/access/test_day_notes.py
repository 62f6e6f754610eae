"""Notes on days: who writes and changes them, on what, and which are shown."""

from __future__ import annotations

from datetime import date

import pytest

from adjoin.access import day_notes
from adjoin.db.models import Account, Connection
from adjoin.db.people import Role
from adjoin.db.views import Annotation
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName

from .conftest import NOW, People


def march(day: int) -> date:
    return date(2026, 3, day)


class Notes:
    """The notes of a workspace with a member of each role and one account."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN, cy=Role.ANALYST, cleo=Role.ANALYST, dee=Role.VIEWER)
        with people.store.write() as session:
            session.add(Connection(workspace_id=self.id, id="c", platform="meta", label="", created_at=NOW))
            session.add(
                Account(
                    workspace_id=self.id,
                    platform="meta",
                    id="act_1",
                    connection_id="c",
                    name="Shop",
                    currency="EUR",
                    time_zone="UTC",
                    first_seen_at=NOW,
                    last_seen_at=NOW,
                )
            )

    def write(self, text: str, by: str = "cy", first: int = 5, last: int | None = None, **on: str) -> Annotation:
        days = {"first_day": march(first), "last_day": march(last or first)}
        return self.people.do(day_notes.annotate, self.id, text=text, by=by, **days, **on)

    def change(self, note: Annotation, by: str, text: str = "Changed") -> None:
        days = {"first_day": note.first_day, "last_day": note.last_day}
        self.people.do(day_notes.change, self.id, note.id, text=text, by=by, **days)

    def delete(self, note: Annotation, by: str) -> None:
        self.people.do(day_notes.delete, self.id, note.id, by=by)

    def texts(self, first: int = 1, last: int = 31, *, by: str = "dee", **options: object) -> list[str]:
        with self.people.store.scoped(self.id, by).read() as session:
            found = day_notes.notes_on(session, self.id, march(first), march(last), user_id=by, **options)
        return [one.text for one in found]


@pytest.fixture
def notes(people: People) -> Notes:
    return Notes(people)


def test_notes_are_on_days_and_on_what_is_looked_at(notes: Notes) -> None:
    """Those on any of the days, on everything or on what is chosen, the oldest first."""
    notes.write("Sale", first=10, last=12)
    notes.write("Tracking broke", first=5)
    notes.write("Meta only", first=6, platform="meta")
    notes.write("One account", first=7, platform="meta", account_id="act_1")
    assert notes.texts() == ["Tracking broke", "Meta only", "One account", "Sale"]
    assert notes.texts(12, 20) == ["Sale"]
    assert notes.texts(13, 20) == []
    assert notes.texts(platforms=["google"]) == ["Tracking broke", "Sale"]
    assert notes.texts(platforms=["meta"], accounts=[("meta", "act_2")]) == ["Tracking broke", "Meta only", "Sale"]
    assert "One account" in notes.texts(accounts=[("meta", "act_1")])
    assert notes.texts(limit=2) == ["One account", "Sale"], "the newest days are kept"


def test_who_writes_and_changes(notes: Notes) -> None:
    """Analysts write; their own they change, those of others only admins do."""
    with pytest.raises(Forbidden, match=r"annotations\.write"):
        notes.write("No", by="dee")
    note = notes.write("Mine")
    with pytest.raises(Forbidden, match=r"views\.manage"):
        notes.change(note, "cleo")
    with pytest.raises(Forbidden, match=r"views\.manage"):
        notes.delete(note, "cleo")
    notes.change(note, "cy")
    notes.change(note, "cy")
    assert notes.texts() == ["Changed"]
    notes.delete(note, "bob")
    with pytest.raises(UnknownName, match="no note"):
        notes.delete(note, "bob")
    assert [one for one in notes.people.actions(notes.id) if one.startswith("annotation.")] == [
        "annotation.added",
        "annotation.changed",
        "annotation.deleted",
    ]


def test_another_workspace_has_none_of_them(notes: Notes, people: People) -> None:
    """Neither to read nor to change."""
    note = notes.write("Ours")
    theirs = people.workspace(eve=Role.OWNER)
    with people.store.scoped(theirs, "eve").read() as session:
        assert list(day_notes.notes_on(session, notes.id, march(1), march(31))) == []
    for workspace in (notes.id, theirs):
        with pytest.raises(UnknownName):
            people.do(day_notes.delete, workspace, note.id, by="eve")


def test_what_cannot_be_a_note(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each problem is named."""
    with pytest.raises(BadInput, match="the wrong way round"):
        notes.write("x", first=5, last=4)
    with pytest.raises(BadInput, match="needs a text"):
        notes.write(" \n ")
    with pytest.raises(BadInput, match="at most 500 characters, not 501"):
        notes.write("x" * 501)
    with pytest.raises(BadInput, match="cannot be shown"):
        notes.write("a\0b")
    with pytest.raises(UnknownName, match="no account 'act_9'"):
        notes.write("x", platform="meta", account_id="act_9")
    monkeypatch.setattr(day_notes, "MOST", 1)
    notes.write("One\nand <b>markup</b> =1+1 🙂")
    with pytest.raises(StateError, match="1 notes already"):
        notes.write("Two")
    assert notes.texts() == ["One\nand <b>markup</b> =1+1 🙂"]
