"""The demo: the main job from nothing to numbers on sandboxes, and then the dashboard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from adjoin.cli._output import amount, print_table, say
from adjoin.environment import without_secrets
from adjoin.errors import BadInput, StateError, UsageError

if TYPE_CHECKING:
    import httpx

    from adjoin.cli._place import Place
    from adjoin.db.models import Connection, Run
    from adjoin.settings import Settings

__all__ = ["run_demo", "serve_dashboard"]

_HISTORY = timedelta(days=400)  # enough to compare a month with the same month of the year before


def run_demo(*, serve: bool, port: int, scale: float) -> int:
    """Run the demo; returns the exit code. A second run reuses what the first one made."""
    from adjoin.cli._owner import prepare_demo_user
    from adjoin.cli._place import Place
    from adjoin.cli.connecting import connect_platform
    from adjoin.cli.house import prepare
    from adjoin.cli.syncing import sync_connections
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    settings = load_settings()
    if serve:
        _check_port(port)  # before the work, not after it
    prepared = prepare()
    for line in (prepared.done, *prepared.problems):
        say(line)
    with _sandbox(scale) as served:
        base = f"http://127.0.0.1:{served['port']}"
        say(f"sandboxes of {', '.join(served['platforms'])} at {base}")
        with Runtime(settings) as runtime:
            place = Place.of_operator(runtime)
            for platform in served["platforms"]:
                made = connect_platform(place, platform, sandbox=base)
                _limit_history(place, made.connection)
                renewed = "renewed" if made.renewed else "connected"
                say(f"{renewed} {made.connection.label}: {len(made.accounts)} accounts")
                for note in made.notes:
                    say(f"  note: {note}")
            done = sync_connections(place)
            agreed = _compare(place, base, done)
            welcome = prepare_demo_user(runtime, settings.base_url or f"http://127.0.0.1:{port}")
        for run, connection in done:
            if run.error:
                say(f"{connection.label}: {run.state}: {run.error}")
        if not agreed or any(str(run.state) != "succeeded" for run, _ in done):
            say("the sync did not end as it should; `adjoin runs` says more")
            return 1
        if serve:
            os.environ["ADJOIN_SANDBOX"] = base  # it stays, so that connecting can be tried in the browser
            serve_dashboard(settings, port, welcome=welcome)
        else:
            say("done; `adjoin dashboard` serves the dashboard, `adjoin report --from DAY --to DAY` prints numbers")
            for line in welcome:
                say(line)
    return 0


def serve_dashboard(settings: Settings, port: int, host: str = "127.0.0.1", *, welcome: Sequence[str] = ()) -> None:
    """Serve the dashboard at an address until Ctrl-C, and say so, with these lines behind.

    Raises UsageError where it is not installed.
    """
    import importlib

    try:
        server = importlib.import_module("adjoin_dashboard.server")
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("adjoin_dashboard"):
            raise
        raise UsageError("the dashboard is not installed; install adjoin-dashboard") from error

    def ready(url: str) -> None:
        for line in (f"the dashboard is at {url} (Ctrl-C ends it)", *welcome):
            say(line)

    server.serve(settings.home, port=port, host=host, ready=ready)


@contextmanager
def _sandbox(scale: float) -> Iterator[dict[str, Any]]:
    """Run the sandboxes in a process of their own, and end it with the block."""
    command = [sys.executable, "-m", "adjoin", "sandbox", "--port", "0", "--json", "--scale", str(scale)]
    environment = without_secrets(os.environ)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - our command
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            code = process.wait(10)
            raise StateError(f"the sandbox did not start (exit code {code}); run `adjoin sandbox` to see why")
        yield json.loads(line)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _check_port(port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise BadInput(
                f"port {port} on 127.0.0.1 cannot be had ({error.strerror}); end what uses it, "
                f"or take another: `make demo ARGS='--port {port + 1}'`"
            ) from None


def _limit_history(place: Place, connection: Connection) -> None:
    """Keep the demo short: reach back a year and a month, not as far as the platform answers."""
    with place.store.write() as session:
        stored = session.merge(connection)
        if stored.history_start is None:
            stored.history_start = (place.now - _HISTORY).date()


def _compare(place: Place, base: str, done: Sequence[tuple[Run, Connection]]) -> bool:
    """Print what is stored per account beside the sandbox's own totals; returns whether all agree."""
    import httpx

    from adjoin.analytics.report import report
    from adjoin.cli._figures import figures_of

    first = min(connection.history_start or date.max for _, connection in done)
    last = (place.now + timedelta(hours=14)).date()
    rows, agreed = [], True
    with figures_of(place) as figures, httpx.Client(base_url=base, trust_env=False) as sandbox:
        stored, closed = _stored_rows(place), _closed_accounts(place)
        found = {
            (row["platform"], row["account_id"]): row
            for row in report(figures.ask, since=first, until=last, by="account").rows
        }
        for account in _accounts(sandbox, done):
            asked = {"platform": account[0], "account": account[1], "since": first.isoformat()}
            answer = sandbox.get("/_sandbox/truth", params={**asked, "dataset": "account_daily"})
            truth = json.loads(answer.raise_for_status().content, parse_float=Decimal)
            if not truth["rows"] and account not in found:
                continue  # an account without results
            if account in closed and account not in found:
                say(f"{account[0]}: {closed[account]}")
                continue
            row = found.get(account, _NOTHING)
            off = [name for name in _CHECKED if row[name] != truth[name]]
            agreed = agreed and not off
            rows.append(
                (
                    account[0],
                    row["account_name"],
                    f"{stored.get(account, 0):,}",
                    amount(row["cost_micros"], row["currency"]),
                    f"{truth['first_date']} to {truth['last_date']}",
                    f"DIFFERS in {', '.join(off)}" if off else "equal to the sandbox",
                )
            )
    print_table(
        [("platform", False), ("account", False), ("rows", True), ("spend", True), ("dates", False), ("check", False)],
        rows,
        title="Synced",
        empty="Nothing was synced.",
    )
    return agreed and bool(rows)


_CHECKED = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")


_NOTHING: dict[str, Any] = {**dict.fromkeys(_CHECKED), "account_name": "(not synced)", "currency": None}


def _accounts(sandbox: httpx.Client, done: Sequence[tuple[Run, Connection]]) -> list[tuple[str, str]]:
    """List all accounts that the sandbox has, so that one that was never synced shows."""
    platforms = sandbox.get("/_sandbox/world").raise_for_status().json()["platforms"]
    return [
        (connection.platform, account["id"])
        for connection in {connection.id: connection for _, connection in done}.values()
        for account in platforms[connection.platform]["accounts"]
    ]


def _closed_accounts(place: Place) -> dict[tuple[str, str], str]:
    """The accounts that their platform does not let be read, and what it says of them."""
    from sqlmodel import col, select

    from adjoin.db.models import Account

    with place.store.read() as session:
        query = select(Account).where(col(Account.readable).is_(False))
        return {(one.platform, one.id): f"{one.name} is {one.note}" for one in session.exec(query)}


def _stored_rows(place: Place) -> dict[tuple[str, str], int]:
    """Count the current fact rows of each account, in all datasets."""
    import sqlalchemy as sa
    from sqlmodel import col, select

    from adjoin.db.models import FactFile

    with place.store.read() as session:
        query = (
            select(col(FactFile.platform), col(FactFile.account_id), sa.func.sum(col(FactFile.rows)))
            .where(col(FactFile.superseded_at).is_(None))
            .group_by(col(FactFile.platform), col(FactFile.account_id))
        )
        return {(platform, account): int(rows) for platform, account, rows in session.exec(query)}
