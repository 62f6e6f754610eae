"""The Audit log page: who did what, filtered, paged, and as a download."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from streamlit.testing.v1 import AppTest

from adjoin.access import audit
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.db.people import Role
from adjoin.errors import BadInput
from adjoin.writing import Writer
from adjoin_dashboard.audit.model import (
    AuditFilter,
    action_title,
    change_text,
    day_bounds,
    export_url,
    load_index,
    load_page,
    read_filter,
)
from adjoin_dashboard.door.exports import audit_csv, routes
from adjoin_dashboard.door.visitor import SCOPE_KEY, Visit
from adjoin_dashboard.members import changes
from adjoin_dashboard.testing import KnownAccount

HOUR = timedelta(hours=1)


@pytest.fixture
def accounts() -> list[KnownAccount]:
    """Figures play no part here."""
    return []


def script() -> None:
    from adjoin_dashboard.audit.view import render
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.session_guard import current_address, current_visitor

    found = current_visitor()
    assert found is not None
    render(make_context(current_host(), found, address=current_address()))


def open_page(**query: str) -> AppTest:
    page = AppTest.from_function(script, default_timeout=30)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    return (
        "\n".join(str(one.value) for one in [*page.caption, *page.info, *page.markdown])
        .replace("\\", "")
        .replace("\u2060", "")
    )


def note(people: Any, *actions: str, workspace_id: str = DEFAULT_WORKSPACE, **values: Any) -> None:
    """Add entries, a second apart from now on."""
    with people.host.store.write() as session:
        for number, action in enumerate(actions):
            given = {"actor": f"user:{people.ids['ada']}"} | values
            now = people.host.clock.now() + timedelta(seconds=number)
            audit.record(session, workspace_id=workspace_id, action=action, now=now, **given)


@pytest.fixture
def changed(people: Any) -> Any:
    """An hour ago Ada has made Dee an analyst and invited a guest; a plugin has noted something. Eve has as well."""
    ada = people.context("ada")
    people.host.clock.advance(HOUR.total_seconds())
    changes.change_role(ada, people.ids["dee"], Role.ANALYST)
    changes.invite(ada, "guest@example.com", Role.VIEWER)
    note(people, "meta.budget_raised", actor="plugin:meta", object_kind="campaign", object_id="=1+1")
    changes.invite(people.context("eve"), "their-guest@example.com", Role.VIEWER)
    return people


def load(people: Any, name: str = "ada", **asked: Any):
    context = people.context(name)
    return load_page(people.host.store, context.store, AuditFilter(**asked))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_entries_are_told_by_name(changed: Any) -> None:
    """Who, what, on what, before and after, from where."""
    page = load(changed)
    told = {one.action: (one.who, one.what, one.change, one.address) for one in page.lines}
    ada = "Ada (ada@example.com)"
    assert told == {
        "member.role_changed": (ada, "Dee (dee@example.com)", "role: viewer → analyst", "192.0.2.7"),
        "invitation.created": (ada, "invitation “guest@example.com”", "role: viewer", "192.0.2.7"),
        "meta.budget_raised": ("Plugin meta", "campaign =1+1", "", ""),
    }
    assert page.next is None


def test_the_page_shows_and_filters(changed: Any) -> None:
    """By who, what, on what and when; what can be chosen is what occurs."""
    with changed.visit("ada"):
        page = open_page()
        assert (
            list(page.dataframe[0].value["Did what"])
            == [
                "Invitation: created",
                "Member: role changed",
                "Meta: budget raised",
            ]
            or len(page.dataframe[0].value) == 3
        )
        assert "Anybody" in page.selectbox(key="who").options
        assert "Plugin meta" in page.selectbox(key="who").options
        assert not any("Eve" in str(one) for one in page.selectbox(key="who").options)
        page.selectbox(key="who").set_value("plugin:meta").run()
        assert list(page.dataframe[0].value["Did what"]) == ["Meta: budget raised"]
        page.selectbox(key="who").set_value("").run()
        page.selectbox(key="what").set_value("member.").run()
        assert list(page.dataframe[0].value["Change"]) == ["role: viewer → analyst"]
        page.selectbox(key="what").set_value("").run()
        page.selectbox(key="kind").set_value("user").run()
        page.text_input(key="id").set_value(changed.ids["dee"]).run()
        assert len(page.dataframe[0].value) == 1
        page.text_input(key="id").set_value("nothing").run()
        assert "Nothing was noted that fits" in texts(page)
        assert not page.exception


@pytest.mark.parametrize("name", ["cy", "dee"])
def test_who_may_not_read_the_log_is_shown_none(changed: Any, name: str) -> None:
    """Also where the page is drawn for them by mistake."""
    with changed.visit(name):
        page = AppTest.from_function(script, default_timeout=30).run()
    assert "takes the role admin" in page.exception[0].message
    assert not page.dataframe
    assert not page.selectbox


def test_the_filter_is_in_the_address(changed: Any) -> None:
    """By ids and never by names; what is not there to be chosen is left alone."""
    dee = changed.ids["dee"]
    with changed.visit("ada"):
        page = open_page(what="member.", kind="user", id=dee)
        assert list(page.dataframe[0].value["Change"]) == ["role: viewer → analyst"]
        page.selectbox(key="who").set_value(f"user:{changed.ids['ada']}").run()
        assert dict(page.query_params) == {
            "who": f"user:{changed.ids['ada']}",
            "what": "member.",
            "kind": "user",
            "id": dee,
        }
        page.selectbox(key="what").set_value("").run()
        assert "what" not in page.query_params
        other = open_page(who=f"user:{changed.ids['eve']}", kind="nothing")
        assert len(other.dataframe[0].value) == 3
        assert not page.exception


def test_the_time_is_chosen(changed: Any) -> None:
    """By spans back from now, or by days in the workspace's zone."""
    note(changed, "old.thing")
    changed.host.clock.advance(timedelta(days=2).total_seconds())
    note(changed, "new.thing")
    with changed.visit("ada"):
        page = open_page(when="Last 24 hours")
        assert list(page.dataframe[0].value["Did what"]) == ["New: thing"]
        page.selectbox(key="when").set_value("All time").run()
        assert len(page.dataframe[0].value) == 5
        page.selectbox(key="when").set_value("Between two days").run()
        page.date_input(key="between").set_value((date(2026, 11, 21), date(2026, 11, 21))).run()
        assert "New: thing" not in list(page.dataframe[0].value["Did what"])
        page.date_input(key="between").set_value((date(2026, 11, 23),)).run()
        assert "Choose the last day too." in texts(page)
    assert day_bounds(date(2026, 11, 21), date(2026, 11, 21), "Europe/Berlin") == (
        datetime(2026, 11, 20, 23, tzinfo=UTC),
        datetime(2026, 11, 21, 23, tzinfo=UTC),
    )


def test_pages_are_turned(people: Any) -> None:
    """There and back; what is added meanwhile shifts nothing, and another filter begins anew."""
    note(people, *(f"thing.no{number}" for number in range(120)))
    with people.visit("ada"):
        page = open_page()

        def shown() -> tuple[str, int]:
            table = page.dataframe[0].value
            return table["Did what"].iloc[0], len(table)

        assert shown() == ("Thing: no119", 50)
        assert page.button(key="newer").disabled
        page.button(key="older").click().run()
        people.host.clock.advance(200)
        note(people, "thing.newest")
        page.button(key="older").click().run()
        assert shown() == ("Thing: no19", 20)
        assert page.button(key="older").disabled
        assert "Page 3, 20 entries" in texts(page)
        page.button(key="newer").click().run()
        assert shown() == ("Thing: no69", 50)
        page.selectbox(key="what").set_value("thing.no3").run()
        assert shown() == ("Thing: no3", 1)
        assert not page.exception


def test_another_workspace_has_a_log_of_its_own(changed: Any) -> None:
    """Whatever is asked for by the ids of the other: neither entries nor names."""
    (theirs,) = load(changed, "eve", action="invitation.").lines
    assert theirs.what == "invitation “their-guest@example.com”"
    for asked in (
        {"actor": theirs.actor},
        {"object_id": theirs.object_id},
        {"object_kind": "invitation", "object_id": theirs.object_id},
    ):
        assert load(changed, "ada", **asked).lines == ()
    found, names = load_index(changed.host.store, changed.context("ada").store)
    assert theirs.actor not in found.actors
    assert "Eve" not in str(names)
    whole = "".join(audit_csv(changed.host, changed.context("ada").store, AuditFilter()))
    assert "Eve" not in whole
    assert "their-guest" not in whole
    assert theirs.id not in whole


def test_a_filter_survives_the_address_of_the_download() -> None:
    """All of it, and what is no instant is refused."""
    asked = AuditFilter(
        actor="user:x", action="member.", object_kind="user", object_id="a&b=c", since=datetime(2026, 11, 1, tzinfo=UTC)
    )
    query = parse_qs(urlsplit(export_url("w", asked)).query)
    assert query.pop("workspace") == ["w"]
    assert read_filter({name: value for name, (value,) in query.items()}) == asked
    assert read_filter({"until": "2026-11-01T00:00"}).until == datetime(2026, 11, 1, tzinfo=UTC)
    with pytest.raises(BadInput, match="since is not an instant"):
        read_filter({"since": "yesterday"})


def test_words() -> None:
    """What is shown is made for people."""
    assert action_title("api_token.created") == "API key: created"
    assert action_title("member.role_changed") == "Member: role changed"
    assert action_title("member.") == "Members"
    assert change_text({"role": "viewer", "n": 1}, {"role": "admin"}, Writer()) == "role: viewer → admin; n: 1"
    assert change_text(None, {"scopes": ["a", "b"], "on": True, "x": None, "m": {"k": 2}}, Writer()) == (
        "scopes: a, b; on: yes; x: –; m: k 2"
    )
    assert change_text({"until": "2026-11-21T05:14:00.125+00:00"}, None, Writer()) == "until: 21 Nov 2026, 05:14 (UTC)"
    assert change_text({"until": "2026-99-99T05:14:00+00:00"}, None, Writer()) == "until: 2026-99-99T05:14:00+00:00"
    assert change_text(None, None, Writer()) == ""
    assert len(change_text({"x": "y" * 500}, None, Writer())) == 120


class Client:
    """A browser behind the gate, which has found out who asks."""

    def __init__(self, people: Any, name: str) -> None:
        self._app = Starlette(routes=routes(people.host))
        self._people, self._name = people, name

    def get(self, url: str) -> httpx.Response:
        signed_in = self._people.host.still_in(self._people.sessions[self._name])

        async def gate(scope: Scope, receive: Receive, send: Send) -> None:
            visit = Visit(address="192.0.2.9", secure=False, now=self._people.host.clock.now(), signed_in=signed_in)
            await self._app(scope | {SCOPE_KEY: visit}, receive, send)

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=gate)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.get(url)

        return asyncio.run(ask())


def test_what_is_filtered_is_downloaded(changed: Any) -> None:
    """As a file that no proxy keeps; the log notes who has it now. No cell is a formula."""
    client = Client(changed, "ada")
    url = export_url(DEFAULT_WORKSPACE, AuditFilter(action="meta."))
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-2026-11-21.csv"'
    assert answer.headers["cache-control"] == "private, no-store"
    (row,) = rows(answer.text)
    assert (row["who"], row["action"], row["object_id"]) == ("Plugin meta", "meta.budget_raised", "'=1+1")
    (entry,) = load(changed, action="audit.downloaded").lines
    assert (entry.who, entry.after) == ("Ada (ada@example.com)", {"action": "meta."})
    (role,) = rows(client.get(export_url(DEFAULT_WORKSPACE, AuditFilter(action="member."))).text)
    assert (role["before"], role["after"], role["address"]) == (
        '{"role": "viewer"}',
        '{"role": "analyst"}',
        "192.0.2.7",
    )
    assert client.get(f"{url}&since=yesterday").status_code == 400


def test_a_long_log_is_downloaded_whole(people: Any) -> None:
    """Page by page, each entry once."""
    note(people, *(f"thing.no{number}" for number in range(1_203)))
    found = rows("".join(audit_csv(people.host, people.context("ada").store, AuditFilter())))
    assert [one["action"] for one in found] == [f"thing.no{number}" for number in reversed(range(1_203))]


@pytest.mark.parametrize("name", ["cy", "dee"])
def test_who_may_not_read_the_log_does_not_download_it(changed: Any, name: str) -> None:
    """To them there is no such thing."""
    url = export_url(DEFAULT_WORKSPACE, AuditFilter())
    assert Client(changed, name).get(url).status_code == 404
    assert load(changed, action="audit.downloaded").lines == ()


def test_another_workspace_is_not_downloaded(changed: Any) -> None:
    """Neither by its id, nor one's own by a link that was meant for another one."""
    eve = Client(changed, "eve")
    assert eve.get(export_url(DEFAULT_WORKSPACE, AuditFilter())).status_code == 404
    assert eve.get("/export/audit.csv").status_code == 404
    found = rows(eve.get(export_url(changed.theirs, AuditFilter())).text)
    assert {one["who"] for one in found} == {"Eve (eve@example.com)", "Adjoin"}
