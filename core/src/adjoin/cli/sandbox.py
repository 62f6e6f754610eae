"""The command that serves the sandboxes: sandbox."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import print_json, say
from adjoin.cli.syncing import parse_day

if TYPE_CHECKING:
    from adjoin.ads.v2 import AsgiApp
    from adjoin.kernel import Kernel
    from adjoin.testing.world import World

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sandbox")(sandbox)


def sandbox(
    port: int = typer.Option(8900, "--port", min=0, max=65535, help="The port on 127.0.0.1; 0 takes a free one."),
    world: Path = typer.Option(
        None, "--world", metavar="FILE.csv", help="Real results to serve in place of made-up ones."
    ),
    today: str = typer.Option("", "--today", metavar="DAY", help="The sandbox's day (default: the real one)."),
    seed: int = typer.Option(1, "--seed", help="Another seed makes another advertiser."),
    scale: float = typer.Option(1.0, "--scale", min=0.001, help="Size of the advertiser; 1 has some 2,000 ads."),
    as_json: bool = typer.Option(False, "--json", help="Print where it serves as one line of JSON."),
) -> None:
    """Serve local stand-ins of all installed platforms' APIs until Ctrl-C. Needs no account and no key.

    Example: adjoin sandbox --port 8900 --seed 7
    """
    from adjoin.kernel import Kernel
    from adjoin.settings import load_settings
    from adjoin.testing.server import sandbox_app, serve

    made = _world(world, parse_day(today, "--today") if today else None, seed, scale)
    kernel = Kernel.load(disabled=load_settings().disabled_plugins)
    apps = _apps(kernel, made)

    def ready(bound: int) -> None:
        import threading

        # Not in the server's own thread: listing the accounts asks the server.
        threading.Thread(target=_announce, args=(kernel, made, apps, bound, as_json), daemon=True).start()

    try:
        serve(sandbox_app(apps, made), port, ready=ready)
    finally:
        kernel.close()


def _world(file: Path | None, today: date | None, seed: int, scale: float) -> World:
    from adjoin.testing.world import World

    day = today or date.today()  # noqa: DTZ011 - the sandbox lives on the day of its user
    if file is not None:
        return World.from_csv(file, today=day)
    return World.generate(seed=seed, today=day, scale=scale)


def _apps(kernel: Kernel, world: World) -> dict[str, AsgiApp]:
    from adjoin.ads import v2
    from adjoin.errors import UsageError

    results = kernel.hook(v2.Ads.sandbox).all(world=world)
    for plugin, error in results.errors.items():
        say(f"{plugin} has no sandbox: {error}")
    if not results.answers:
        raise UsageError("no installed platform brings a sandbox; install one, such as adjoin-meta")
    return {answer.plugin: answer.value for answer in results}


def _announce(kernel: Kernel, world: World, apps: dict[str, AsgiApp], port: int, as_json: bool) -> None:
    host = f"http://127.0.0.1:{port}"
    platforms: dict[str, Any] = {}
    for name in sorted(apps):
        platforms[name] = {
            "base_url": f"{host}/{name}",
            "access_token": world.token(name),
            "accounts": asyncio.run(_accounts(kernel, name, f"{host}/{name}", world.token(name))),
        }
    if as_json:
        print_json({"port": port, "platforms": platforms})
        return
    say(f"sandboxes of {', '.join(platforms)} at {host}, the day is {world.today}; Ctrl-C ends them")
    for name in platforms:
        say(f"  adjoin connect {name} --sandbox {host}")


async def _accounts(kernel: Kernel, platform: str, base_url: str, token: str) -> list[str]:
    """List the accounts by the ids that the platform's addresses take."""
    from adjoin.ads import v2
    from adjoin.http.client import ApiClient
    from adjoin.http.credentials import CredentialKeeper
    from adjoin.sync.connections import sandbox_app_of

    app = sandbox_app_of(kernel.hook(v2.Ads.describe).one(platform))
    credential = v2.Credential(access_token=token)
    client = ApiClient(app=app, base_url=base_url, credentials=CredentialKeeper(credential))
    try:
        found = await kernel.hook(v2.Ads.accounts).aone(platform, client=client)
    finally:
        await client.aclose()
    return [account.extra.get("path_id", account.id) for account in found]
