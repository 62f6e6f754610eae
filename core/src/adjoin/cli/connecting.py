"""Commands that connect platforms: connect, connections, connections history."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from adjoin.ads.v2 import Credential, Description
    from adjoin.cli._place import Place
    from adjoin.db.models import Connection
    from adjoin.sync.connections import Connected

__all__ = ["connect_platform", "register"]


_commands = typer.Typer(add_completion=False, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("connect")(connect)
    app.add_typer(_commands, name="connections")


def connect(
    context: typer.Context,
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
    from adjoin.cli._place import place_of

    with place_of(context) as place:
        made = connect_platform(place, platform, sandbox=sandbox, token=token, label=label)
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
    place: Place, platform: str, *, sandbox: str = "", token: bool = False, label: str = ""
) -> Connected:
    """Authorise a platform and store the connection at a place."""
    from adjoin.connecting import address_at
    from adjoin.errors import UsageError

    runtime = place.runtime
    runtime.store.check_schema()
    runtime.vault  # noqa: B018 - a missing key is said before a person goes through the consent page
    description = runtime.connections.describe(platform)
    base_url = address_at(sandbox, platform) if sandbox else description.base_url
    methods = description.auth.methods
    if token or "oauth" not in methods:
        if "token" not in methods:
            raise UsageError(f"{description.title} takes no pasted token; leave out --token")
        credential = _ask_for_token(description)
        return asyncio.run(_store(place, platform, base_url, credential, label))
    return asyncio.run(_by_oauth(place, platform, base_url, label, by_itself=bool(sandbox)))


async def _by_oauth(place: Place, platform: str, base_url: str, label: str, *, by_itself: bool) -> Connected:
    from adjoin.connecting import Authorising
    from adjoin.oauth import connect_with_oauth, consent_by_itself

    authorising = Authorising(place.runtime.kernel, place.runtime.connections, platform, base_url)
    authorising.check()
    credential = await connect_with_oauth(
        consent_url=authorising.consent_url,
        redeem=authorising.redeem,
        opener=consent_by_itself if by_itself else _open_browser,
        pkce=authorising.pkce,
    )
    return await _store(place, platform, base_url, credential, label)


async def _store(place: Place, platform: str, base_url: str, credential: Credential, label: str) -> Connected:
    return await place.runtime.connections.connect(
        platform,
        base_url=base_url,
        credential=credential,
        workspace_id=place.workspace_id,
        label=label,
        by=place.actor,
    )


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
    from adjoin.cli._place import place_of

    with place_of(context) as place:
        found = place.connections()
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
    context: typer.Context,
    connection: str = typer.Argument(help="The platform, or the label or id of the connection where it has several."),
    since: str = typer.Option("", "--since", metavar="DAY", help="The first day to read; without it, what is set."),
    as_json: bool = typer.Option(False, "--json", help="Print what is set as JSON."),
) -> None:
    """Say from which day on a connection is read. Older days come in with the next syncs, newest first.

    What was read before that day stays where it is.

    Example: adjoin connections history meta --since 2024-01-01
    """
    from adjoin.cli._place import place_of
    from adjoin.cli.syncing import parse_day
    from adjoin.db.models import Connection
    from adjoin.errors import BadInput

    with place_of(context) as place:
        runtime = place.runtime
        chosen = _choose(place, connection)
        now = place.now
        if since:
            first = parse_day(since, "--since")
            if first > now.date():
                raise BadInput(
                    f"--since {first} lies in the future; history begins today ({now:%Y-%m-%d}) at the latest"
                )
            with place.store.write() as session:
                stored = session.get_one(Connection, (place.workspace_id, chosen.id))
                before, stored.history_start = stored.history_start, first
                session.add(stored)
                place.actor.note(
                    session,
                    place.workspace_id,
                    "connection.history_set",
                    of=("connection", stored.id),
                    before={"history_start": before},
                    after={"history_start": first},
                    now=now,
                )
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


def _choose(place: Place, name: str) -> Connection:
    """Return the connection that a platform, a label or the start of an id names."""
    from adjoin.errors import BadInput, UnknownName

    every = place.connections()
    found = [one for one in every if name in (one.platform, one.label)]
    found = found or [one for one in every if name and one.id.startswith(name)]
    if not found:
        there = ", ".join(sorted({one.platform for one in every})) or "none; run `adjoin connect PLATFORM`"
        raise UnknownName(f"there is no connection {name!r}; there are {there}")
    if len(found) > 1:
        ids = ", ".join(f"{one.id[:8]} ({one.label})" for one in found)
        raise BadInput(f"{name!r} names several connections; give the id of one: {ids}")
    return found[0]
