"""Commands about the installation itself: init, doctor, db upgrade."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from adjoin.cli._output import print_json, print_table, say
from adjoin.cli.roles import roles
from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from adjoin.cli._place import Place
    from adjoin.db import Store
    from adjoin.db.models import Connection
    from adjoin.health import ConnectionHealth
    from adjoin.health.machinery import Check, CheckState
    from adjoin.runtime import Runtime
    from adjoin.settings import Settings

__all__ = ["Prepared", "prepare", "register"]

_ATTENTION = 3
_STATES: Mapping[str, CheckState] = {"note": "note", "attention": "attention", "broken": "failed"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init")(init)
    app.command("doctor")(doctor)
    db = typer.Typer(help="The state database.", no_args_is_help=True)
    db.command("upgrade")(upgrade)
    db.command("roles")(roles)
    app.add_typer(db, name="db")


def init(
    owner: str = typer.Option(
        "", "--owner", metavar="EMAIL", help="Print a link by which the owner of the first workspace signs up, once."
    ),
) -> None:
    """Create the store and the key below ADJOIN_HOME (default ./.adjoin). Safe to repeat.

    Example: ADJOIN_HOME=/srv/adjoin adjoin init --owner ada@example.com
    """
    from adjoin.cli._owner import invite_owner, say_who_signs_in
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    made = prepare()
    say(made.done)
    _say_problems(made.problems)
    with Runtime(load_settings()) as runtime:
        if not owner:
            say_who_signs_in(runtime)
        elif link := invite_owner(runtime, owner):
            print(link)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was done about an installation, and which plugins could not have their tables and why."""

    done: str
    problems: tuple[str, ...] = ()


def prepare() -> Prepared:
    """Create what is missing of an installation, with the tables of its plugins, and say what was done."""
    from adjoin.clock import SystemClock
    from adjoin.db import Store
    from adjoin.errors import NotInitialised, StateError
    from adjoin.key_source import FileKeys, find_keys
    from adjoin.secrets import Keyring
    from adjoin.settings import load_settings

    settings = load_settings()
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StateError(f"the folder {settings.home} cannot be made: {error.strerror}; set ADJOIN_HOME") from error
    fresh = False
    with Store.open(settings.database, check_schema=False) as store:
        try:
            store.check_schema()
        except NotInitialised:
            fresh = True
        store.initialise(now=SystemClock().now())
        _install_queue(store, settings)
        problems = _install_tables(store, settings)
    if isinstance(find_keys(os.environ, settings.key_file), FileKeys) and not settings.key_file.exists():
        Keyring.create_file(settings.key_file)
    return Prepared(f"{'created' if fresh else 'ready'}: {settings.home}", problems)


def upgrade() -> None:
    """Bring the store to this release: its schema, the plugins' own tables, and the workers' queue where there are any.

    Stop the scheduler and the workers first. Exit code 1 if a plugin cannot have its tables; the others have theirs.

    Example: adjoin db upgrade
    """
    from adjoin.db import Store
    from adjoin.settings import load_settings

    settings = load_settings()
    with Store.open(settings.database, check_schema=False) as store:
        store.upgrade()
        queue = _install_queue(store, settings)
        problems = _install_tables(store, settings)
    say("the store has the schema of this release" + (", and the workers' queue is in it" if queue else ""))
    _say_problems(problems)


def _install_queue(store: Store, settings: Settings) -> bool:
    """Make what workers need in the database, or bring it to this release; True where workers execute runs."""
    if settings.executor != "workers":
        return False
    from adjoin.sync.workers.schema import install

    install(store)
    return True


def _install_tables(store: Store, settings: Settings) -> tuple[str, ...]:
    """Make the plugins' own tables, or bring them to the plugins; returns what went wrong with which."""
    import warnings

    from adjoin.db.tables import PluginTables, upgrade_tables
    from adjoin.kernel import ContractDeprecation, Kernel

    with warnings.catch_warnings():  # `adjoin plugins list` is where that is told
        warnings.simplefilter("ignore", ContractDeprecation)
        kernel = Kernel.load(disabled=settings.disabled_plugins)
    try:
        reports = upgrade_tables(store, PluginTables.of_kernel(kernel))
    finally:
        kernel.close()
    return tuple(str(one) for one in reports if one.state not in ("ok", "unclaimed"))


def _say_problems(problems: tuple[str, ...]) -> None:
    for one in problems:
        say(one)
    if problems:
        raise typer.Exit(1)


def doctor(
    context: typer.Context,
    deep: bool = typer.Option(False, "--deep", help="Read all fact files too, as `adjoin facts verify` does."),
    as_json: bool = typer.Option(False, "--json", help="Print the findings as JSON."),
) -> None:
    """Check the installation and the health of its connections, and say what to do.

    Exit code 0 if all is well, 1 if something is broken, 3 if something only needs attention. The connections are those
    of one workspace; an API token sees them alone.

    Example: adjoin doctor --json
    """
    from adjoin.cli._place import place_in
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    found: list[Check] = []
    with Runtime(load_settings()) as runtime:
        if not context.obj.token_source:
            found += _check_house(runtime)
        if all(one.state != "failed" for one in found if one.check == "store"):
            place = place_in(runtime, context)
            found += _check_syncs(place)
            if deep:
                found += _check_files(place)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        print_table(
            [("check", False), ("state", False), ("detail", False)],
            [(one.check, one.state, one.detail + (f"\n→ {one.advice}" if one.advice else "")) for one in found],
        )
    states = {one.state for one in found}
    if "failed" in states:
        raise typer.Exit(1)
    if "attention" in states:
        raise typer.Exit(_ATTENTION)


def _check_house(runtime: Runtime) -> Iterator[Check]:
    """The folder, the database, the fact store, the key, the plugins and their tables, and mail."""
    from adjoin.health.machinery import Check

    def checked(name: str, look: Callable[[], str]) -> Check:
        try:
            return Check(check=name, state="ok", detail=look())
        except AdjoinError as error:
            return Check(check=name, state="failed", detail=str(error))

    def store() -> str:
        runtime.store.verify()
        return str(runtime.store)

    def facts() -> str:
        runtime.facts.check()
        return runtime.facts.where

    def key() -> str:
        first, *others = runtime.vault.key_ids
        more = f"; {', '.join(others)} still decrypt" if others else ""
        return f"{first} encrypts{more}; from {runtime.key_source.name}"

    yield Check(check="home", state="ok", detail=str(runtime.settings.home))
    whole = checked("store", store)
    yield whole
    yield checked("fact store", facts)
    yield checked("key", key)
    for report in runtime.kernel.reports:
        yield Check(
            check=f"plugin {report.name} ({report.contract})",
            state="ok" if report.state in ("ok", "disabled") else "failed",
            detail=report.error or report.state,
        )
    if whole.state != "failed":
        yield from _check_tables(runtime)
        yield from _check_mail(runtime)
    yield from _check_sign_in(runtime)


def _check_tables(runtime: Runtime) -> Iterator[Check]:
    """The tables of plugins: that they are there and of the plugin's own release."""
    from adjoin.db.tables import PluginTables, check_tables
    from adjoin.health.machinery import Check

    states: Mapping[str, CheckState] = {"ok": "ok", "unclaimed": "note"}
    for one in check_tables(runtime.store, PluginTables.of_kernel(runtime.kernel)):
        whose = f"plugin {one.plugin}" if one.plugin else one.prefix
        yield Check(
            check=f"tables of {whose}",
            state=states.get(one.state, "failed"),
            detail=one.detail,
            advice=one.advice,
        )


def _check_sign_in(runtime: Runtime) -> list[Check]:
    """The provider that vouches for people, and its settings."""
    from adjoin.access.sign_in_health import check_sign_in

    return check_sign_in(runtime.kernel, runtime.settings.auth)


def _check_mail(runtime: Runtime) -> list[Check]:
    """The mailer, and the mails that it did not send."""
    from adjoin.mail.health import check_mail

    return check_mail(runtime.store, runtime.kernel, runtime.settings, now=runtime.clock.now())


def _check_syncs(place: Place) -> Iterator[Check]:
    """The scheduler, the workers, and the connections: what they hold, and how they are."""
    from adjoin.ads import v2
    from adjoin.health import connection_health
    from adjoin.health.machinery import Check, check_scheduler, check_workers
    from adjoin.secrets import open_credential
    from adjoin.sync.gaps import calendars

    runtime, now = place.runtime, place.now
    describe = runtime.kernel.hook(v2.Ads.describe)
    connections = {one.id: one for one in place.connections()}
    if connections:
        yield check_scheduler(runtime.store, now=now)
    if runtime.settings.executor == "workers" and not place.by_token:  # they serve all workspaces
        yield from check_workers(runtime.store, now=now)
    try:
        healths = connection_health(
            place.store,
            runtime.facts,
            now=now,
            platforms={answer.plugin: answer.value for answer in describe.all()},
            workspace_id=place.workspace_id,
            calendars=calendars(
                place.store,
                describe.one,
                workspace_id=place.workspace_id,
                now=now,
                history_days=runtime.settings.history_days,
            ),
        )
    except AdjoinError as error:
        yield Check(check="connections", state="failed", detail=str(error))
        return
    for health in healths:
        name = f"connection {health.label}"
        connection = connections.get(health.connection_id)
        if connection is not None and connection.credential is not None:
            try:
                open_credential(
                    runtime.vault, connection.credential, workspace=connection.workspace_id, connection=connection.id
                )
            except AdjoinError as error:
                yield Check(check=name, state="failed", detail=str(error))
                continue
        yield from _check_connection(name, connection, health)


def _check_connection(name: str, connection: Connection | None, health: ConnectionHealth) -> Iterator[Check]:
    """One line for a connection that is well, and one for each thing to know about it."""
    from adjoin.health import Verdict
    from adjoin.health.machinery import Check

    if health.verdict is Verdict.HEALTHY:
        expires_at = connection.expires_at if connection is not None else None
        until = "" if expires_at is None else f", authorised until {expires_at:%Y-%m-%d}"
        last = "never" if health.synced_at is None else f"{health.synced_at:%Y-%m-%d %H:%M} UTC"
        yield Check(check=name, state="ok", detail=f"last sync {last}{until}")
    for finding in health.findings:
        yield Check(
            check=name,
            state=_STATES[finding.severity],
            detail=finding.what + (f": {finding.why}" if finding.why else ""),
            advice=finding.advice,
        )


def _check_files(place: Place) -> Iterator[Check]:
    """All fact files: that they are there, and hold what the database says."""
    from adjoin.facts.verify import verify
    from adjoin.health.machinery import Check

    try:
        runtime = place.runtime
        verified = verify(runtime.store, runtime.facts, workspace_id=place.workspace_id, now=place.now)
    except AdjoinError as error:
        yield Check(check="fact files", state="failed", detail=str(error))
        return
    for one in verified.damage:
        yield Check(check="fact files", state="attention" if one.history else "failed", detail=f"{one.path}: {one}")
    if not verified.damage:
        yield Check(check="fact files", state="ok", detail=f"{verified.files} files hold what the database says")
    if verified.orphans:
        yield Check(
            check="fact files",
            state="note",
            detail=f"{len(verified.orphans)} files that nothing needs",
            advice="`adjoin facts clean` removes them.",
        )
