"""Saved views: whose they are, who sees and changes them, and what is told of it."""

from __future__ import annotations

import json

import pytest

from adjoin.access import members, saved_views
from adjoin.access.actors import Actor
from adjoin.access.own_data import own_data
from adjoin.access.saved_views import ViewLine
from adjoin.db.people import AuditEntry, Role
from adjoin.db.views import SavedView
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName

from .conftest import NOW, People

PAGE = "campaigns"
ADDRESS = {"period": ["Last 7 days"], "accounts": ["meta/act_1", "google/2"]}


class Views:
    """The views of a workspace with a member of each role."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.id = people.workspace(ada=Role.OWNER, bob=Role.ADMIN, cy=Role.ANALYST, cleo=Role.ANALYST, dee=Role.VIEWER)

    def save(self, name: str, by: str, *, shared: bool = False, page: str = PAGE, **options: object) -> SavedView:
        options = {"address": ADDRESS} | options
        return self.people.do(saved_views.save, self.id, page=page, name=name, shared=shared, by=by, **options)

    def change(self, view: SavedView, by: str, **options: object) -> SavedView:
        return self.people.do(saved_views.change, self.id, view.id, by=by, **options)

    def delete(self, view: SavedView, by: str) -> None:
        self.people.do(saved_views.delete, self.id, view.id, by=by)

    def open_first(self, view: SavedView | None, by: str, page: str = PAGE) -> None:
        chosen = None if view is None else view.id
        self.people.do(saved_views.set_default, self.id, page=page, view_id=chosen, by=by)

    def told(self) -> list[AuditEntry]:
        return [one for one in self.people.audit(self.id) if one.action.startswith("view.")]

    def seen(self, by: str) -> dict[str, ViewLine]:
        # As pages read them: held to the workspace.
        with self.people.store.scoped(self.id, by).read() as session:
            return {one.name: one for one in saved_views.views_of(session, self.id, by, page=PAGE)}


@pytest.fixture
def views(people: People) -> Views:
    return Views(people)


def test_a_view_is_for_who_saved_it_until_it_is_shared(views: Views) -> None:
    """Others see it from then on, and not any more when it is taken back."""
    view = views.save("Mine", "cy")
    assert views.seen("cy")["Mine"].address == {"period": ("Last 7 days",), "accounts": ("meta/act_1", "google/2")}
    assert views.seen("ada") == {}
    views.change(view, "cy", shared=True)
    line = views.seen("dee")["Mine"]
    assert (line.shared, line.mine, line.author) == (True, False, "Cy")
    views.open_first(view, "dee")
    assert views.seen("dee")["Mine"].default
    views.change(view, "cy", shared=False)
    assert views.seen("dee") == {}
    views.change(view, "cy", shared=True)
    assert not views.seen("dee")["Mine"].default, "what somebody else had open first is forgotten"


def test_what_is_shared_stands_in_the_audit_log(views: Views) -> None:
    """What somebody keeps for themselves is nobody's business."""
    kept = views.save("Mine", "dee")
    views.change(kept, "dee", name="Still mine")
    views.delete(kept, "dee")
    assert views.told() == []
    shared = views.save("Ours", "cy", shared=True)
    views.change(shared, "cy", name="Ours too", address={})
    views.change(shared, "cy", shared=False)
    views.change(shared, "cy", shared=True)
    views.delete(shared, "bob")
    entries = views.told()
    assert sorted(one.action for one in entries) == [
        "view.changed",
        "view.deleted",
        "view.shared",
        "view.shared",
        "view.unshared",
    ]
    changed = next(one for one in entries if one.action == "view.changed")
    assert (changed.actor, changed.object_id) == ("user:cy", shared.id)
    assert changed.after == {"name": "Ours too", "shared": True, "address": "changed"}


class TestWhoMay:
    def test_a_viewer_saves_and_does_not_share(self, views: Views) -> None:
        """The table of permissions decides."""
        view = views.save("Mine", "dee")
        with pytest.raises(Forbidden, match=r"views\.share"):
            views.save("Ours", "dee", shared=True)
        with pytest.raises(Forbidden, match=r"views\.share"):
            views.change(view, "dee", shared=True)

    def test_others_change_a_shared_view_only_as_admins(self, views: Views) -> None:
        """Nobody sees, changes or deletes what is another's own."""
        shared, own = views.save("Ours", "cy", shared=True), views.save("Mine", "cy")
        for change in (lambda by: views.change(shared, by, name="Theirs"), lambda by: views.delete(shared, by)):
            with pytest.raises(Forbidden, match=r"views\.manage"):
                change("cleo")
        for by in ("ada", "cleo"):
            with pytest.raises(UnknownName, match="no view"):
                views.delete(own, by)
            with pytest.raises(UnknownName, match="no view"):
                views.open_first(own, by)
        views.change(shared, "bob", name="House view")
        assert set(views.seen("cleo")) == {"House view"}

    def test_who_became_a_viewer_leaves_what_all_see(self, views: Views) -> None:
        """Their own shared view is still there to be opened."""
        shared = views.save("Ours", "cy", shared=True)
        views.people.do(members.change_role, views.id, "cy", Role.VIEWER)
        with pytest.raises(Forbidden, match="all members see"):
            views.change(shared, "cy", name="Other")

    def test_strangers_find_nothing(self, views: Views, people: People) -> None:
        """The view of another workspace is not there, also with its id."""
        view = views.save("Ours", "cy", shared=True)
        theirs = people.workspace(eve=Role.OWNER)
        for workspace in (views.id, theirs):
            with pytest.raises(UnknownName):
                people.do(saved_views.delete, workspace, view.id, by="eve")
        with people.store.scoped(theirs, "eve").read() as session:
            assert list(saved_views.views_of(session, views.id, "eve", page=PAGE)) == []

    def test_who_leaves_takes_their_own_along(self, views: Views) -> None:
        """What they shared stays, with their name."""
        views.save("Mine", "cy")
        views.open_first(views.save("Ours", "cy", shared=True), "cy")
        views.people.do(members.remove, views.id, "cy")
        with views.people.store.read() as session:
            kept = json.loads(own_data(session, "cy", now=NOW))["saved_views"]
        assert [one["name"] for one in kept] == ["Ours"]
        assert set(views.seen("ada")) == {"Ours"}


class TestNames:
    def test_a_name_is_taken_among_what_is_seen_beside_it(self, views: Views) -> None:
        """Two people may each have a view of one name; one list never shows two of one's own."""
        views.save("Week", "cy")
        views.save("Week", "cleo")
        views.save("Week", "cy", page="overview")
        with pytest.raises(BadInput, match="view 'week' of this page already"):
            views.save("week", "cy")
        views.save("Ours", "cy", shared=True)
        with pytest.raises(BadInput, match="already"):
            views.save("OURS", "cleo", shared=True)

    def test_hostile_names_are_kept_as_they_are(self, views: Views) -> None:
        """Markup and emoji are text; what would turn the writing round is refused."""
        assert views.save("<b>=1+1</b> 🙂", "cy").name == "<b>=1+1</b> 🙂"
        with pytest.raises(BadInput, match="cannot be shown"):
            views.save("a\u202eb", "cy")
        with pytest.raises(BadInput, match="must not be empty"):
            views.save("  ", "cy")


class TestLimits:
    def test_addresses_have_one(self, views: Views) -> None:
        """What no browser would open is not kept."""
        for address in (
            {f"p{number}": ["1"] for number in range(41)},
            {"Not a name": ["1"]},
            {"accounts": ["a" * 8_000]},
            {"search": ["a\0b"]},
        ):
            with pytest.raises(BadInput, match="address"):
                views.save("Too much", "cy", address=address)

    def test_so_has_the_number_of_views(self, views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of one person, and of a workspace."""
        monkeypatch.setattr(saved_views, "MOST_OWN", 2)
        monkeypatch.setattr(saved_views, "MOST_SHARED", 1)
        views.save("One", "cy", shared=True)
        with pytest.raises(StateError, match="shares 1 views"):
            views.save("Two", "cy", shared=True)
        second = views.save("Two", "cy")
        with pytest.raises(StateError, match="you keep 2 views"):
            views.save("Three", "cy")
        with pytest.raises(StateError):
            views.change(second, "cy", shared=True)

    def test_pages_and_people(self, views: Views) -> None:
        """A view is of a page and a person; a default is of its own page."""
        view = views.save("One", "cy")
        with pytest.raises(BadInput, match="no page"):
            views.save("One", "cy", page="../x")
        with pytest.raises(BadInput, match="one of the page"):
            views.open_first(view, "cy", page="overview")
        with views.people.store.write() as session, pytest.raises(BadInput, match="belong to people"):
            saved_views.save(session, views.id, page=PAGE, name="x", address={}, by=Actor(name="system"), now=NOW)


def test_a_default_is_one_for_each_page(views: Views) -> None:
    """Choosing another replaces it, deleting the view or choosing none clears it."""
    one, two = views.save("One", "cy"), views.save("Two", "cy")
    views.open_first(one, "cy")
    views.open_first(two, "cy")
    assert [name for name, view in views.seen("cy").items() if view.default] == ["Two"]
    views.delete(two, "cy")
    assert not any(view.default for view in views.seen("cy").values())
    views.open_first(one, "cy")
    views.open_first(None, "cy")
    assert not any(view.default for view in views.seen("cy").values())
