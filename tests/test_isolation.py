"""Nobody gets at another workspace: every page and every route, asked by the owner of one with the ids of another.

What there is comes from the registries: a page, a route or a parameter that stands in none of the tables here fails.
Tables and raw SQL are tried in core (`test_db_scope.py`, `test_row_security.py`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from html import unescape
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import get_args
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
from sqlmodel import select
from starlette.routing import Mount, Route, WebSocketRoute

import adjoin_dashboard
from adjoin.clock import ManualClock
from adjoin.db.models import Base, FactFile
from adjoin.db.tenancy import Tenancy, tenancy_of
from adjoin.surface.v1 import Role
from adjoin.sync.taking import Attempt
from adjoin_dashboard.door.ways import Way, Ways
from adjoin_dashboard.navigation import collect
from adjoin_dashboard.testing import sign_in

from .served import Answer, Served, Tab, filled, served
from .two_workspaces import NOW, PLATFORM, Rows, Tenant, plant

#: The pages, and what each shows of its own workspace: without that, the test of it would say nothing.
PAGES = {
    "overview": "{word} shop",
    "platforms": "{word} shop",
    "campaigns": "{word} shop",
    "creatives": "{word} shop",
    "alerts": "{word} alert",
    "reports": "{word} scheduled",
    "insights": "{word} shop",
    "pacing": "{word} shop",
    "metrics": "{word} metric",
    "connections": "{word} accounts.note",
    "health": "{word} runs.error",
    "runs": "{word} slices.error",
    "members": "{word} users.name",
    "api-keys": "tokens.name",
    "audit": "{word} audit.address",
    "workspace": "id {workspace}",
    "settings": "{word} workspaces.name",
    "plugins": "",  # the same for everybody
}

#: What an address may say to a page, and values of the other workspace for it.
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "period": ("Last 90 days",),
    "range": ("2026-02-01", "2026-02-20"),
    "compare": ("Year before",),
    "platforms": (PLATFORM,),
    "accounts": (f"{PLATFORM}/{{account}}",),
    "currency": ("EUR",),
    "who": ("user:{user}",),
    "what": ("{word}.done",),
    "kind": ("{word} audit.object_kind",),
    "id": ("{row}",),
    "when": ("All time",),
    "between": ("2026-02-01", "2026-03-01"),
    "part": ("Runs",),
    "connection": ("{row}",),
    "state": ("Failed",),
    "page": ("2",),
    "runs_page": ("2",),
    "ads_page": ("2",),
    "active": ("true",),
    "tired": ("true",),
    "grain": ("Weeks",),
    "counting": ("Conversions by action",),
    "at": (f"{PLATFORM}/{{account}}/{{row}}",),
    "level": ("Ads",),
    "search": ("{word}",),
    "columns": ("{word}",),
    "sort": ("{word}",),
    "order": ("Lowest first",),
    "changes": ("true",),
    "why": ("cpa",),
    "by": ("campaign",),
    "month": ("2026-02",),
    "kinds": ("fatigue",),
    "aside": ("true",),
}
#: Those that are no widget's: where one is on a page that leads further in.
PLACES = {"at"}


@dataclass(frozen=True)
class Asks:
    """What a route is asked with: parameters of its path, its query and its form, and of which kind the id in each is.

    What is no kind of `ids_of` is sent as it is. The answer to an id of somebody else is the one to an id that nobody
    has, of this status.
    """

    status: int = 404
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)


#: A question about figures, as an address has it.
_MARCH = {"from": "2026-03-01", "to": "2026-03-31", "metrics": "cost", "by": "campaign"}

#: Of routes that read no id of anything that belongs to a workspace or a person. Tokens of mailed links are no ids:
#: whoever holds one may use it.
NONE: tuple[Asks, ...] = ()

ROUTES: Mapping[str, tuple[Asks, ...]] = {
    "GET /healthz": NONE,
    # Where people come in.
    "GET /auth/sign-in": NONE,
    "POST /auth/sign-in": NONE,
    "GET /auth/second-factor": NONE,
    "POST /auth/second-factor": NONE,
    "GET /auth/sign-out": NONE,
    "POST /auth/sign-out": NONE,
    "GET /auth/register": NONE,
    "POST /auth/register": NONE,
    "GET /auth/forgot": NONE,
    "POST /auth/forgot": NONE,
    "GET /auth/confirm": NONE,
    "POST /auth/confirm": NONE,
    "GET /auth/reset": NONE,
    "POST /auth/reset": NONE,
    "GET /auth/change-email": NONE,
    "POST /auth/change-email": NONE,
    "GET /auth/invitation": NONE,
    "POST /auth/invitation": NONE,
    "GET /auth/with/{party}": NONE,
    "POST /auth/with/{party}": NONE,
    "GET /auth/with/{party}/back": NONE,
    # One's own account.
    "GET /auth/account": NONE,
    "POST /auth/account": NONE,
    "GET /auth/account/sign-in": NONE,
    "POST /auth/account/sign-in": NONE,
    "GET /auth/account/second-factor": NONE,
    "POST /auth/account/second-factor": (
        Asks(status=303, form={"do": "remove", "factor": "factor"}),
        Asks(status=400, form={"do": "activate", "enrollment": "enrollment", "code": "123456"}),
    ),
    "GET /auth/account/sessions": NONE,
    "POST /auth/account/sessions": (Asks(status=303, form={"do": "one", "session": "session"}),),
    "GET /auth/account/data": NONE,
    "POST /auth/account/data": NONE,
    "GET /auth/account/prove": NONE,
    "POST /auth/account/prove": NONE,
    "GET /auth/picture/{user_id}": (Asks(path={"user_id": "user"}),),
    # Connecting. The state that comes back has a test of its own.
    "GET /connect/back": NONE,
    "GET /connect/accounts/{connection}": (Asks(path={"connection": "row"}),),
    "POST /connect/accounts/{connection}": (
        Asks(path={"connection": "row"}, form={"shown": "account", "account": "account", "sync": "1"}),
        Asks(path={"connection": "own"}, form={"shown": "account", "account": "account"}),
    ),
    "GET /connect/{platform}": (Asks(path={"platform": PLATFORM}, query={"connection": "row"}),),
    "POST /connect/{platform}": (
        Asks(path={"platform": PLATFORM}, form={"connection": "row", "place": "same"}),
        Asks(path={"platform": PLATFORM}, form={"connection": "row", "place": "platform"}),
    ),
    # Pictures of ads.
    "GET /creative/picture": (Asks(query={"platform": PLATFORM, "account": "row", "ad": "row"}),),
    # Downloads.
    "GET /export/audit.csv": (Asks(query={"workspace": "workspace"}),),
    **{
        f"GET /export/report.{kind}": (
            Asks(query={"workspace": "workspace", **_MARCH}),
            Asks(query={"workspace": "elsewhere", **_MARCH, "where": "condition"}),
        )
        for kind in ("csv", "xlsx", "parquet")
    },
    # Streamlit's own.
    "GET /media/{file_id:path}": (Asks(path={"file_id": "file"}),),
    "PUT /_stcore/upload_file/{session_id}/{file_id}": (Asks(path={"session_id": "tab", "file_id": "row"}),),
    "DELETE /_stcore/upload_file/{session_id}/{file_id}": (Asks(path={"session_id": "tab", "file_id": "row"}),),
    "GET /_stcore/health": NONE,
    "GET /_stcore/host-config": NONE,
    "GET /component/{path:path}": NONE,
    "GET /_stcore/bidi-components/{path:path}": NONE,
    "GET /app/static/{path:path}": NONE,
}

_addresses = (f"203.0.113.{number % 250}" for number in count())


@dataclass(frozen=True)
class Scene:
    """A dashboard, two who are signed in, and what the victim's browser has been given."""

    server: Served
    victim: Tenant
    visitor: Tenant
    all_rows: Rows
    file: str
    tab: str

    @property
    def rows(self) -> dict[str, set[str]]:
        """All that is stored of the victim."""
        return self.all_rows.of(self.victim)

    def ids_of(self, tenant: Tenant) -> dict[str, str]:
        """The ids that there are, by kind. `own` is always the visitor's."""
        return {
            "word": tenant.word,
            "row": tenant.id,
            "own": self.visitor.id,
            "account": f"act_{tenant.word}",
            "condition": f"account=act_{tenant.word}",
            "workspace": tenant.workspace_id,
            "user": tenant.user_id,
            "session": tenant.issued.session.id,
            "factor": f"{tenant.word}-phone",
            "enrollment": f"{tenant.word}-tablet",
            "file": self.file,
            "tab": self.tab,
        }

    @property
    def made_up(self) -> dict[str, str]:
        """Ids of the same shapes that nobody has."""
        return {
            "word": "zqnobody",
            "row": "zqnobody0",
            "own": self.visitor.id,
            "account": "act_zqnobody",
            "condition": "account=act_zqnobody",
            "workspace": "nowhere",
            "user": "0" * 32,
            "session": "0" * 32,
            "factor": "zqnobody-phone",
            "enrollment": "zqnobody-tablet",
            "file": f"{'0' * 56}.csv",
            "tab": "00000000-0000-4000-8000-000000000000",
        }

    def token(self) -> str:
        """A new session of the visitor, which a request may end."""
        email = f"{self.visitor.word}@example.com"
        return sign_in(self.server.host.store, now=NOW, email=email, workspace_id=self.visitor.workspace_id).token

    def ask(self, route: str, asks: Asks, ids: Mapping[str, str]) -> Answer:
        """Ask a route as the visitor."""
        method, _, pattern = route.partition(" ")
        token = self.token()
        meant = {name: {key: ids.get(kind, kind) for key, kind in getattr(asks, name).items()} for name in _PARTS}
        form = None
        if method != "GET":
            form = {"csrf": self.server.form_token(token), **meant["form"]}
        names = dict.fromkeys(re.findall(r"{(\w+)", pattern), "zqnobody0")
        return self.server.ask(
            method,
            filled(pattern, names | meant["path"]),
            token=token,
            query=meant["query"],
            form=form,
            address=next(_addresses),
        )


_PARTS = ("path", "query", "form")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("home")
    victim, visitor = plant(home)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ADJOIN_DATABASE_URL", "ADJOIN_DISABLE", "ADJOIN_BASE_URL", "ADJOIN_SANDBOX"):
            patch.delenv(name, raising=False)
        patch.setenv("ADJOIN_META_CLIENT_ID", "the-app")
        patch.setenv("ADJOIN_META_CLIENT_SECRET", "its-secret")
        with served(home, clock=ManualClock(NOW)) as server, server.tab(token=victim.token) as tab:
            tab.open("overview")
            file = tab.make_file(button_of(tab)).rpartition("/")[2]
            yield Scene(server, victim, visitor, Rows(server.host.store), file, tab.session)


def button_of(tab: Tab) -> str:
    """The id of what the one download button of a page makes."""
    (found,) = {one.delta.new_element.download_button.deferred_file_id for one in tab.heard} - {""}
    return found


def keys_of(server: Served) -> Iterator[tuple[str, Route]]:
    """Every route and method that there is but HEAD, which is as GET, and OPTIONS; without what the gate has closed."""
    for route in server.routes:
        if isinstance(route, Mount | WebSocketRoute):
            continue
        assert isinstance(route, Route), f"a route of a kind that is not known here: {route!r}"
        if Ways().of({"type": "http", "path": route.path}) is not Way.CLOSED:
            for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
                yield f"{method} {route.path}", route


class TestTables:
    def test_every_page_has_a_row(self, scene: Scene) -> None:
        """Those of the dashboard and of plugins, for the role that sees the most."""
        found = collect(scene.server.host.kernel, get_args(Role)[-1])
        assert {one.path for one in found.pages} == set(PAGES)
        assert found.problems == ()

    def test_every_parameter_has_a_row(self) -> None:
        """Pages read of an address what is bound to a widget, and nothing else."""
        bound: set[str] = set()
        other: set[str] = set()
        root = Path(adjoin_dashboard.__file__).parent
        for file in root.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                # These keep ids in the address, where Streamlit would keep titles.
                if isinstance(node, ast.Call) and (
                    any(one.arg == "bind" for one in node.keywords)
                    or ast.unparse(node.func) in ("choose", "choose_days", "choose_many")
                ):
                    if not any(one.arg == "key" for one in node.keywords):
                        continue  # a function of that name elsewhere
                    key = next(one.value for one in node.keywords if one.arg == "key")
                    assert isinstance(key, ast.Constant), f"{file}:{node.lineno}: give it a key that is a plain text"
                    bound.add(key.value)
                elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "st.query_params":
                    other.add(f"{file.relative_to(root)} {node.attr}")
        assert bound == set(PARAMETERS) - PLACES
        assert other <= {"visitors.py clear", "choices.py get", "choices.py get_all", "addresses.py get"}

    def test_every_route_has_a_row(self, scene: Scene) -> None:
        """The dashboard's, those of plugins, and Streamlit's: with the ids that it reads, or with none."""
        assert {key for key, _ in keys_of(scene.server)} == set(ROUTES)

    def test_what_is_closed(self, scene: Scene) -> None:
        """Streamlit's doors for programs and its own sign-in are not there, for nobody and for an owner."""
        closed = [one for one in scene.server.routes if isinstance(one, Route) and one.path not in _paths()]
        assert {one.path for one in closed} == {
            "/_stcore/agent/interact",
            "/_stcore/agent/mcp",
            "/_stcore/agent/openapi.json",
            "/_stcore/metrics",
            "/auth/login",
            "/auth/logout",
            "/oauth2callback",
        }
        for route in closed:
            for token in (None, scene.victim.token):
                for method in route.methods or ():
                    assert scene.server.ask(method, route.path, token=token).status == 404


def _paths() -> set[str]:
    return {key.partition(" ")[2] for key in ROUTES}


@pytest.mark.parametrize("path", PAGES)
class TestPages:
    def test_its_owner_sees_it(self, scene: Scene, path: str) -> None:
        """So the words that are looked for can be found."""
        shown = PAGES[path].format(**scene.ids_of(scene.victim))
        assert shown.encode() in scene.server.look(path, token=scene.victim.token, query={"when": "All time"})

    def test_nobody_else_does(self, scene: Scene, path: str) -> None:
        """All that is sent to their browser says nothing of it, also with the other's ids in the address."""
        word = scene.victim.word.encode()
        said = scene.server.look(path, token=scene.visitor.token)
        assert scene.visitor.word.encode() in said
        assert word not in said
        before = scene.rows
        values = [
            (name, value.format(**scene.ids_of(scene.victim))) for name, some in PARAMETERS.items() for value in some
        ]
        said = scene.server.look(path, token=scene.visitor.token, query=values)
        for _, value in sorted(values, key=lambda one: len(one[1]), reverse=True):
            for spelling in (value, quote_plus(value)):  # what the address says is repeated
                said = said.replace(spelling.encode(), b"")
        assert word not in said
        assert scene.rows == before


@pytest.mark.parametrize(("route", "asks"), [(key, one) for key, some in ROUTES.items() for one in some])
def test_ids_of_others(scene: Scene, route: str, asks: Asks) -> None:
    """They get the answer that a made-up id gets, and nothing changes."""
    before = scene.rows
    theirs, nobodys = scene.ids_of(scene.victim), scene.made_up
    answer, expected = scene.ask(route, asks, theirs), scene.ask(route, asks, nobodys)
    assert answer.status == expected.status == asks.status
    assert plain(answer, theirs) == plain(expected, nobodys)
    assert scene.victim.word not in plain(answer, theirs)
    assert scene.rows == before


def plain(answer: Answer, ids: Mapping[str, str]) -> str:
    """What an answer says, without what is another each time, and with ids by their kind."""
    text = re.sub(r'name="csrf" value="[^"]+"', "", answer.text) + answer.header("location")
    for kind, value in sorted(ids.items(), key=lambda one: len(one[1]), reverse=True):
        text = text.replace(value, f"<{kind}>") if kind != "word" else text
    return text


@pytest.mark.parametrize("route", ROUTES)
def test_anything_at_all(scene: Scene, route: str) -> None:
    """Whatever else is sent along, no route says anything of the other workspace, or changes something in it."""
    before = scene.rows
    noise = {kind: kind for kind in scene.ids_of(scene.victim) if kind != "own"}
    noise |= {"workspace_id": "workspace", "user_id": "user", "connection": "row", "id": "row"}
    answer = scene.ask(route, Asks(query=noise, form=noise), scene.ids_of(scene.victim))
    said = answer.text
    for value in scene.ids_of(scene.victim).values():
        said = said.replace(value, "") if value != scene.victim.word else said
    assert answer.status < 500
    assert scene.victim.word not in said
    assert scene.rows == before


class TestBrowsers:
    """What one browser was given is worth nothing in another."""

    def test_a_download(self, scene: Scene) -> None:
        """It is for who made it: not for others who are signed in, and not for nobody."""
        headers = {"accept": "*/*"}
        with scene.server.tab(token=scene.victim.token) as tab:
            tab.open("overview")
            path = tab.make_file(button_of(tab))
            found = scene.server.ask("GET", path, token=scene.victim.token, headers=headers)
            assert found.status == 200
            assert f"{scene.victim.word} shop" in found.text
            assert found.header("cache-control") == "private, no-store"
            other = scene.server.ask("GET", path, token=scene.visitor.token, headers=headers)
            assert (other.status, other.text) == (404, "Not found")
            assert scene.server.ask("GET", path, headers=headers).status == 401

    def test_a_download_that_is_not_made_yet(self, scene: Scene) -> None:
        """Whoever presses somebody else's button does not get what it makes."""
        with scene.server.tab(token=scene.victim.token) as theirs, scene.server.tab(token=scene.visitor.token) as ours:
            theirs.open("overview")
            ours.open("overview")
            wrong, right = button_of(theirs), button_of(ours)
            path = ours.make_file(wrong)
            assert path
            assert scene.server.ask("GET", path, token=scene.visitor.token).status == 404
            found = scene.server.ask("GET", ours.make_file(right), token=scene.visitor.token)
            assert found.status == 200
            assert f"{scene.visitor.word} shop" in found.text
            assert scene.victim.word not in found.text

    def test_what_the_first_run_shows(self, scene: Scene) -> None:
        """The files of a page are its visitor's from the first run on."""
        with scene.server.tab(token=scene.token()) as tab:
            paths = set(re.findall(rb"/media/[0-9a-f]+\.\w+", tab.open("overview")))
            token = scene.visitor.token
            assert paths
            assert [scene.server.ask("GET", path.decode(), token=token).status for path in paths] == [200] * len(paths)

    def test_a_session_of_streamlits(self, scene: Scene) -> None:
        """Naming it resumes it for its owner alone."""
        with scene.server.tab(token=scene.victim.token) as tab:
            tab.open("members")
        for token, resumed in ((scene.visitor.token, False), (scene.victim.token, True)):
            with scene.server.tab(token=token, protocols=("streamlit", "xsrf", tab.session)) as other:
                said = other.open("members")
                assert (other.session == tab.session) is resumed
                assert (scene.victim.word.encode() in said) is resumed

    def test_an_answer_of_a_platform(self, scene: Scene) -> None:
        """The state that was made for one browser connects nothing in another, and is good for nobody afterwards."""
        server = scene.server
        label = scene.victim.word
        left = server.send_form(f"/connect/{PLATFORM}", token=scene.victim.token, place="platform", label=label)
        (url,) = re.findall(r'href="(https://[^"]+)"', left.text)
        (state,) = parse_qs(urlsplit(unescape(url)).query)["state"]
        before = scene.rows
        answer = {"state": state, "code": "zqcode"}
        assert server.ask("GET", "/connect/back", query=answer).header("location", "").startswith("/auth/sign-in?")
        assert scene.rows == before, "who is not signed in does not get there"
        refused = server.ask("GET", "/connect/back", token=scene.visitor.token, query=answer)
        assert refused.status == 403
        assert scene.victim.word not in refused.text
        assert server.ask("GET", "/connect/back", token=scene.victim.token, query=answer).status == 410
        after = scene.rows
        assert {name for name in after if after[name] != before[name]} == {"consent_attempts"}


class TestWhatIsKept:
    """Caches, work that waits, and files say which workspace they are of."""

    def test_caches_of_pages(self) -> None:
        """What is remembered for all visitors is remembered by workspace, or depends on nothing at all."""
        found = 0
        root = Path(adjoin_dashboard.__file__).parent
        for file in root.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                how = [ast.unparse(one) for one in node.decorator_list if "cache" in ast.unparse(one)]
                if not how or how == ["cached_property"] or file.name == "testing.py":
                    continue
                found += 1
                module = import_module(".".join(["adjoin_dashboard", *file.relative_to(root).with_suffix("").parts]))
                kept = [one for one in node.args.args if not one.arg.startswith("_")]
                by_workspace = any(
                    one.arg == "workspace_id" or "workspace_id" in _fields(module, one.annotation) for one in kept
                )
                in_pages = how[0].startswith("st.cache_")
                assert by_workspace if in_pages else not node.args.args, f"{file}:{node.lineno}: whose is it?"
        assert found >= 4, "there are caches, and they were found"

    def test_work_that_waits(self) -> None:
        """Whoever takes a run or a schedule is told the workspace with it."""
        assert {"workspace_id", "run_id"} <= {one.name for one in fields(Attempt)}
        for table in ("runs", "slices", "schedules", "consent_attempts"):
            assert tenancy_of(Base.metadata.tables[table]) is Tenancy.WORKSPACE

    def test_fact_files(self, scene: Scene) -> None:
        """They lie below a folder of their workspace, and each workspace's list names those alone."""
        home = scene.server.host.runtime.settings.home
        for tenant in (scene.victim, scene.visitor):
            with scene.server.host.store.scoped(tenant.workspace_id, tenant.user_id).read() as session:
                paths = [one.path for one in session.exec(select(FactFile)) if one.superseded_at is None]
            below = home / "facts" / tenant.workspace_id
            on_disk = {str(path.relative_to(home)) for path in below.rglob("*.parquet")}
            assert paths
            assert set(paths) == on_disk


def _fields(module: ModuleType, annotation: ast.expr | None) -> set[str]:
    kind = None if annotation is None else getattr(module, ast.unparse(annotation), None)
    return {one.name for one in fields(kind)} if is_dataclass(kind) else set()
