"""The command facts move: from this machine into object storage, or back."""

from __future__ import annotations

import typer

from adjoin.cli._output import print_json, say

__all__ = ["move"]


def move(
    to: str = typer.Option(..., "--to", help="s3://bucket/prefix, or `home` for the folder of this machine."),
    as_json: bool = typer.Option(False, "--json", help="Print the counts as JSON."),
) -> None:
    """Copy all fact files to another store, which ADJOIN_FACTS_URL then has to name. The old files stay.

    Stop the scheduler and the workers first. A copying that breaks off is repeated and goes on where it was.

    Example: adjoin facts move --to s3://acme-facts/adjoin
    """
    from dataclasses import asdict

    from adjoin.errors import BadInput
    from adjoin.facts.files import open_files
    from adjoin.facts.moving import copy_all
    from adjoin.facts.store import FactStore
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        url = "" if to == "home" else to
        target = FactStore(runtime.settings.home, open_files(runtime.settings, runtime.environ, url=url))
        if target.where == runtime.facts.where:
            raise BadInput(f"The fact files are kept in {target.where} already.")
        moved = copy_all(runtime.store, runtime.facts, target)
    if as_json:
        print_json(asdict(moved) | {"to": target.where})
        return
    say(f"copied {moved.files} files ({moved.bytes / 1e6:,.1f} MB) to {target.where}; {moved.there} were there already")
    setting = f"ADJOIN_FACTS_URL={url}" if url else "ADJOIN_FACTS_URL unset"
    say(f"now start everything with {setting}, run `adjoin facts verify`, and then remove the old files")
