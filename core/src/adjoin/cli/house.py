"""Commands about the installation itself: init, doctor, db upgrade."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from adjoin.cli._output import print_json, print_table, say
from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from adjoin.runtime import Runtime

__all__ = ["prepare", "register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init")(init)
    app.command("doctor")(doctor)
    db = typer.Typer(help="The state database.", no_args_is_help=True)
    db.command("upgrade")(upgrade)
    app.add_typer(db, name="db")


def init() -> None:
    """Create the store and the key below ADJOIN_HOME (default ./.adjoin). Safe to repeat.

    Example: ADJOIN_HOME=/srv/adjoin adjoin init
    """
    made = prepare()
    say(made)


def prepare() -> str:
    """Create what is missing of an installation and say what was done."""
    from adjoin.clock import SystemClock
    from adjoin.db import Store
    from adjoin.errors import NotInitialised, StateError
    from adjoin.secrets import KEY_VARIABLE, Keyring
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
    if not os.environ.get(KEY_VARIABLE) and not settings.key_file.exists():
        Keyring.create_file(settings.key_file)
    return f"{'created' if fresh else 'ready'}: {settings.home}"


def upgrade() -> None:
    """Bring the schema of the store to this release. Stop the scheduler first.

    Example: adjoin db upgrade
    """
    from adjoin.db import Store
    from adjoin.settings import load_settings

    with Store.open(load_settings().database, check_schema=False) as store:
        store.upgrade()
    say("the store has the schema of this release")


def doctor(as_json: bool = typer.Option(False, "--json", help="Print the findings as JSON.")) -> None:
    """Check the installation: store, key, plugins, connections. Exit code 1 if something needs care.

    Example: adjoin doctor --json
    """
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    findings: list[dict[str, str]] = []

    def note(what: str, state: str, detail: str) -> None:
        findings.append({"check": what, "state": state, "detail": detail})

    with Runtime(load_settings()) as runtime:
        note("home", "ok", str(runtime.settings.home))
        try:
            runtime.store.verify()
            note("store", "ok", str(runtime.store))
        except AdjoinError as error:
            note("store", "failed", str(error))
        try:
            first, *others = runtime.vault.key_ids
            note("key", "ok", f"{first} encrypts" + (f"; {', '.join(others)} still decrypt" if others else ""))
        except AdjoinError as error:
            note("key", "failed", str(error))
        for report in runtime.kernel.reports:
            state = {"ok": "ok", "disabled": "ok"}.get(report.state, "failed")
            note(f"plugin {report.name} ({report.contract})", state, report.error or report.state)
        if findings[1]["state"] == "ok":
            _check_facts(runtime, note)
            _check_connections(runtime, note)
    if as_json:
        print_json(findings)
    else:
        print_table(
            [("check", False), ("state", False), ("detail", False)],
            [(one["check"], one["state"], one["detail"]) for one in findings],
        )
    if any(one["state"] == "failed" for one in findings):
        raise typer.Exit(1)


def _check_facts(runtime: Runtime, note: Callable[[str, str, str], None]) -> None:
    from adjoin.db.models import DEFAULT_WORKSPACE

    try:
        with runtime.query(DEFAULT_WORKSPACE) as query:
            files = query.verify()
    except AdjoinError as error:
        note("facts", "failed", str(error))
    else:
        note("facts", "ok", f"{files} files have their checksums")


def _check_connections(runtime: Runtime, note: Callable[[str, str, str], None]) -> None:
    from adjoin.db.models import DEFAULT_WORKSPACE, ConnectionState
    from adjoin.secrets import open_credential

    for connection in runtime.connections.find(DEFAULT_WORKSPACE):
        what = f"connection {connection.label}"
        try:
            if connection.credential is not None:
                open_credential(
                    runtime.vault, connection.credential, workspace=connection.workspace_id, connection=connection.id
                )
        except AdjoinError as error:
            note(what, "failed", str(error))
            continue
        if connection.state is ConnectionState.OK:
            expiry = "" if connection.expires_at is None else f", authorised until {connection.expires_at:%Y-%m-%d}"
            last = "never" if connection.last_sync_at is None else f"{connection.last_sync_at:%Y-%m-%d %H:%M} UTC"
            note(what, "ok", f"last sync {last}{expiry}")
        else:
            note(what, "failed", f"{connection.state}: {connection.last_error or 'connect again'}")
