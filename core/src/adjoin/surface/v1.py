"""The `surface` contract, version 1: what a plugin contributes to the product.

Dashboard pages, scheduled jobs, HTTP routes, commands, event handlers, a settings schema, tables of its own. Adjoin's
own pages come through the same hooks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from adjoin.contract import MaybeAsync, hookspec, payload

if TYPE_CHECKING:
    from adjoin.facts.query import FactQuery
    from adjoin.writing import Writer

__all__ = [
    "Command",
    "Event",
    "Job",
    "JobContext",
    "Page",
    "PageContext",
    "Role",
    "Route",
    "SettingField",
    "Surface",
    "Tables",
]

Role: TypeAlias = Literal["viewer", "analyst", "admin", "owner"]


class PageContext(Protocol):
    """What a dashboard page may use. It is bound to one workspace; there is no way to another one."""

    @property
    def workspace_id(self) -> str: ...

    @property
    def role(self) -> Role: ...

    @property
    def currency(self) -> str:
        """The currency that amounts are shown in (ISO 4217)."""
        ...

    @property
    def time_zone(self) -> str:
        """The zone that days are counted in (IANA)."""
        ...

    @property
    def write(self) -> Writer:
        """Writes numbers, amounts, days and instants as the member likes them."""
        ...

    @property
    def facts(self) -> FactQuery:
        """Synced facts, read-only."""
        ...

    def now(self) -> datetime:
        """The time, aware UTC."""
        ...


@payload
class Page:
    """A dashboard page. `render(context)` draws it with Streamlit; import Streamlit inside it.

    `slug` is unique in the plugin and becomes the address; a page whose `role` the member lacks does not exist for
    them.
    """

    slug: str
    title: str
    render: Callable[[Any], None]
    section: str = "Plugins"
    icon: str = ""
    order: int = 100
    role: Role = "viewer"


class JobContext(Protocol):
    """What a scheduled job may use."""

    def now(self) -> datetime:
        """The time, aware UTC."""
        ...


@payload
class Job:
    """Work that the scheduler runs in the plugin's loop: every so often, at most once at a time."""

    name: str
    run: Callable[[Any], Awaitable[None] | None]
    every: timedelta
    timeout: timedelta = timedelta(minutes=10)


@payload
class Route:
    """An HTTP route of the dashboard's server, below `/x/<plugin>`. `endpoint` is a Starlette endpoint.

    A `public` route is reached without signing in: check signatures yourself.
    """

    path: str
    endpoint: Callable[..., Any]
    methods: tuple[str, ...] = ("GET",)
    public: bool = False


@payload
class Command:
    """A command of `adjoin`. `load` returns a Typer app and is called when the command is used, not before."""

    name: str
    help: str
    load: Callable[[], Any]


@payload
class Event:
    """Something that happened: `name` such as `sync.finished`, and its facts as text, never a secret."""

    name: str
    workspace_id: str
    at: datetime
    data: Mapping[str, str] = field(default_factory=dict)


@payload
class SettingField:
    """A setting of the plugin, stored per workspace; `kind` decides how the form asks for it."""

    name: str
    label: str
    kind: Literal["text", "number", "flag", "choice", "secret"] = "text"
    default: str = ""
    choices: tuple[str, ...] = ()
    help: str = ""


@payload
class Tables:
    """Tables of the plugin in the state database, and the migrations that make them.

    `prefix` is 2 to 20 small letters and digits, beginning with a letter; the name of every table is the prefix, an
    underscore and more, and no other plugin may have the prefix. `folder` holds the migrations in `versions/*.py` as
    Alembic reads them: one chain, whose last revision is `head`, the one that this code works with. `metadata` returns
    the SQLAlchemy MetaData of the models; it is called by commands that need it, never at a start.
    """

    prefix: str
    folder: Path
    head: str
    metadata: Callable[[], Any]


class Surface:
    """What a plugin contributes to the product. All hooks are optional."""

    @hookspec(timeout=None)
    def pages(self) -> list[Page]:
        """List the plugin's dashboard pages.

        Called inline, for every rerun of the dashboard: return a constant. An exception hides the plugin's
        pages and is shown on the Plugins page. A page that raises while it is drawn shows an error in its own place
        only.
        """
        raise NotImplementedError

    @hookspec(timeout=None)
    def jobs(self) -> list[Job]:
        """List the jobs that the scheduler should run.

        Called inline when the scheduler starts and for the Plugins page. A job runs in the plugin's loop with its own
        deadline; an exception is reported and the job runs again at its next time.
        """
        raise NotImplementedError

    @hookspec(timeout=None)
    def routes(self) -> list[Route]:
        """List HTTP routes to be served beside the dashboard.

        Called inline when the dashboard's server starts and for the Plugins page. An exception leaves out this plugin's
        routes.
        """
        raise NotImplementedError

    @hookspec(timeout=None)
    def commands(self) -> list[Command]:
        """List commands to be added to `adjoin`.

        Called inline when a command is not one of core's, for help, and for the Plugins page. An exception leaves out
        this plugin's commands.
        """
        raise NotImplementedError

    @hookspec(timeout=30)
    def on_event(self, event: Event) -> MaybeAsync[None]:
        """Hear that something happened, such as a finished sync.

        Called in the plugin's loop or thread after the fact, at least once: a repeated event must be harmless. An
        exception is reported and not retried. The deadline is 30 seconds.
        """
        raise NotImplementedError

    @hookspec(timeout=None)
    def settings(self) -> list[SettingField]:
        """List the plugin's settings, from which a form is made.

        Called inline when the Plugins page is shown. An exception hides the form.
        """
        raise NotImplementedError

    @hookspec(timeout=None)
    def tables(self) -> list[Tables]:
        """List the plugin's own tables in the state database.

        Called inline by `adjoin init`, `adjoin db upgrade` and `adjoin doctor`, when a process starts and for the
        Plugins page: return a constant, and import neither Alembic nor the models for it. The migrations run after
        core's, in one transaction for the plugin: all or nothing. They may refer to core's tables and change none.
        Tables that are missing, older or newer than the code are reported and stop nobody else; those of a plugin that
        is gone stay.
        """
        raise NotImplementedError
