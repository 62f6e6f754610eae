"""Commands that connect platforms: connect, connections, connections history."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from adjoin.ads.v2 import CodeGrant, Consent, Credential, Description
    from adjoin.db.models import Connection
    from adjoin.runtime import Runtime
    from adjoin.sync.connections import Connected

__all__ = ["connect_platform", "register"]


_commands = typer.Typer(add_completion=False, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("connect")(connect)
    app.add_typer(_commands, name="connections")


def connect(
    platform: str = typer.Argument(help="The platform, as `adjoin plugins list` names it."),
    sandbox: str = typer.Option(
        "", "--sandbox", metavar="URL", help="Connect to a local sandbox, which consents by itself."
    ),
    token: bool = typer.Option(False, "--token", help="Give an access token (asked for, or read from stdin)."),
    label: str = typer.Option("", "--label", help="What to call the connection."),
    as_json: bool = typer.Option(False, "--json", help="Print the connection as JSON."),
) -> None:
    """Connect a platform: opens its consent page in the browser and stores the authorisation, encrypted.

    Connecting again renews the connection that reaches the same accounts.

    Example: adjoin connect meta
    """
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        made = connect_platform(runtime, platform, sandbox=sandbox, token=token, label=label)
    if as_json:
        print_json(
            {
                "connection_id": made.connection.id,
                "platform": platform,
                "renewed": made.renewed,
                "accounts": [one.id for one in made.accounts],
            }
        )
        return
    say(f"{'renewed' if made.renewed else 'connected'}: {made.connection.label}, {len(made.accounts)} accounts")
    for note in made.notes:
        say(f"  note: {note}")


def connect_platform(
    runtime: Runtime, platform: str, *, sandbox: str = "", token: bool = False, label: str = ""
) -> Connected:
    """Authorise a platform and store the connection."""
    from adjoin.errors import UsageError

    runtime.store.check_schema()
    runtime.vault  # noqa: B018 - a missing key is said before a person goes through the consent page
    description = runtime.connections.describe(platform)
    base_url = f"{_local(sandbox)}/{platform}" if sandbox else description.base_url
    methods = description.auth.methods
    if token or "oauth" not in methods:
        if "token" not in methods:
            raise UsageError(f"{description.title} takes no pasted token; leave out --token")
        credential = _ask_for_token(description)
        return asyncio.run(runtime.connections.connect(platform, base_url=base_url, credential=credential, label=label))
    return asyncio.run(_by_oauth(runtime, platform, description, base_url, label, by_itself=bool(sandbox)))


def _local(sandbox: str) -> str:
    """Return the address of a sandbox without its last slash. A sandbox consents by itself, so it must be local."""
    from urllib.parse import urlsplit

    from adjoin.errors import BadInput

    parts = urlsplit(sandbox)
    if parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise BadInput(f"--sandbox {sandbox!r} is not a sandbox on this machine; write http://127.0.0.1:8900")
    return sandbox.rstrip("/")


async def _by_oauth(
    runtime: Runtime, platform: str, description: Description, base_url: str, label: str, *, by_itself: bool
) -> Connected:
    from adjoin.ads import v2
    from adjoin.errors import UsageError
    from adjoin.oauth import connect_with_oauth, consent_by_itself

    app = runtime.connections.app(platform, base_url)
    if not app.client_id:
        prefix = f"ADJOIN_{platform.upper().replace('-', '_')}_"
        raise UsageError(
            f"{description.title} needs the registration of your app: set {prefix}CLIENT_ID and {prefix}CLIENT_SECRET "
            f"(see {description.docs_url or 'the documentation of the plugin'}), or try `--sandbox`"
        )
    consent_url = runtime.kernel.hook(v2.Ads.consent_url)
    redeem = runtime.kernel.hook(v2.Ads.redeem)
    client = runtime.connections.bare_client(platform, base_url)

    def url(consent: Consent) -> str:
        return consent_url.one(platform, app=app, consent=consent, base_url=base_url)

    async def exchange(grant: CodeGrant) -> Credential:
        return await redeem.aone(platform, grant=grant, client=client)

    try:
        credential = await connect_with_oauth(
            consent_url=url,
            redeem=exchange,
            opener=consent_by_itself if by_itself else _open_browser,
            pkce=description.auth.pkce,
        )
    finally:
        await client.aclose()
    return await runtime.connections.connect(platform, base_url=base_url, credential=credential, label=label)


def _open_browser(url: str) -> None:
    import webbrowser

    say(f"Give your consent in the browser. If none opens, go to:\n{url}")
    webbrowser.open(url)


def _ask_for_token(description: Description) -> Credential:
    from adjoin.ads.v2 import Credential
    from adjoin.errors import UsageError

    if sys.stdin.isatty():
        text = typer.prompt(f"Access token for {description.title}", hide_input=True)
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise UsageError("there was no access token on stdin; pipe it in or run the command in a terminal")
    return Credential(access_token=text.strip())


@_commands.callback(invoke_without_command=True)
def connections(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print the connections as JSON."),
) -> None:
    """Show the connections and how they are, or say how far back one is read.

    Example: adjoin connections
    """
    if context.invoked_subcommand is not None:
        return
    from adjoin.db.models import DEFAULT_WORKSPACE
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        found = runtime.connections.find(DEFAULT_WORKSPACE)
    if as_json:
        print_json(
            [
                {
                    "connection_id": one.id,
                    "platform": one.platform,
                    "label": one.label,
                    "state": str(one.state),
                    "expires_at": one.expires_at,
                    "history_start": one.history_start,
                    "last_sync_at": one.last_sync_at,
                    "last_error": one.last_error,
                    "warning": one.warning,
                }
                for one in found
            ]
        )
        return
    print_table(
        [
            ("connection", False),
            ("platform", False),
            ("state", False),
            ("last sync (UTC)", False),
            ("authorised until", False),
            ("what to know", False),
        ],
        [
            (
                one.label,
                one.platform,
                str(one.state),
                "never" if one.last_sync_at is None else f"{one.last_sync_at:%Y-%m-%d %H:%M}",
                "no end known" if one.expires_at is None else f"{one.expires_at:%Y-%m-%d}",
                one.last_error or one.warning or "",
            )
            for one in found
        ],
        empty="There is no connection yet. Run `adjoin connect PLATFORM`.",
    )


@_commands.command("history")
def history(
    connection: str = typer.Argument(help="The platform, or the label or id of the connection where it has several."),
    since: str = typer.Option("", "--since", metavar="DAY", help="The first day to read; without it, what is set."),
    as_json: bool = typer.Option(False, "--json", help="Print what is set as JSON."),
) -> None:
    """Say from which day on a connection is read. Older days come in with the next syncs, newest first.

    What was read before that day stays where it is.

    Example: adjoin connections history meta --since 2024-01-01
    """
    from adjoin.cli.syncing import parse_day
    from adjoin.db.models import DEFAULT_WORKSPACE, Connection
    from adjoin.errors import BadInput
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        chosen = _choose(runtime, connection)
        now = runtime.clock.now()
        if since:
            first = parse_day(since, "--since")
            if first > now.date():
                raise BadInput(
                    f"--since {first} lies in the future; history begins today ({now:%Y-%m-%d}) at the latest"
                )
            with runtime.store.write() as session:
                stored = session.get_one(Connection, (DEFAULT_WORKSPACE, chosen.id))
                stored.history_start = first
                session.add(stored)
            chosen = stored
        description = runtime.connections.describe(chosen.platform)
        days = runtime.settings.history_days
    kept = [stream.retention_days for stream in description.streams if stream.kind == "facts" and stream.retention_days]
    if as_json:
        print_json(
            {
                "connection_id": chosen.id,
                "platform": chosen.platform,
                "history_start": chosen.history_start,
                "history_days": None if chosen.history_start else days,
                "retention_days": min(kept, default=None),
            }
        )
        return
    begin = chosen.history_start or f"{days} days before the day of the sync (ADJOIN_HISTORY_DAYS)"
    say(f"{chosen.label} is read from {begin} on")
    if kept:
        reach = now.date() - timedelta(days=min(kept))
        if chosen.history_start is not None and chosen.history_start < reach:
            say(f"  {description.title} answers for all datasets from about {reach} on; older days are left out")


def _choose(runtime: Runtime, name: str) -> Connection:
    """Return the connection that a platform, a label or the start of an id names."""
    from adjoin.db.models import DEFAULT_WORKSPACE
    from adjoin.errors import BadInput, UnknownName

    every = runtime.connections.find(DEFAULT_WORKSPACE)
    found = [one for one in every if name in (one.platform, one.label)]
    found = found or [one for one in every if name and one.id.startswith(name)]
    if not found:
        there = ", ".join(sorted({one.platform for one in every})) or "none; run `adjoin connect PLATFORM`"
        raise UnknownName(f"there is no connection {name!r}; there are {there}")
    if len(found) > 1:
        ids = ", ".join(f"{one.id[:8]} ({one.label})" for one in found)
        raise BadInput(f"{name!r} names several connections; give the id of one: {ids}")
    return found[0]
