"""Commands about the fact files: facts clean, facts verify, facts compact, facts move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from adjoin.cli._output import print_json, print_table, say
from adjoin.cli.moving import move

if TYPE_CHECKING:
    from adjoin.facts.compact import Packed

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    facts = typer.Typer(help="The fact files.", no_args_is_help=True)
    facts.command("clean")(clean)
    facts.command("verify")(verify)
    facts.command("compact")(compact)
    facts.command("move")(move)
    app.add_typer(facts, name="facts")


def clean(
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be removed, and remove nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print the counts as JSON."),
) -> None:
    """Remove superseded fact files, leftovers of killed processes and old runs, as the scheduler does each day.

    Of all workspaces. Superseded files stay for ADJOIN_KEEP_SUPERSEDED_DAYS (35), for figures as of an earlier instant;
    ended runs for ADJOIN_KEEP_RUNS_DAYS (400). Safe while syncs are running.

    Example: adjoin facts clean --dry-run
    """
    from adjoin.facts import retention
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        done = retention.clean(
            runtime.store,
            runtime.facts,
            now=runtime.clock.now(),
            keep_superseded_days=runtime.settings.keep_superseded_days,
            keep_runs_days=runtime.settings.keep_runs_days,
            dry_run=dry_run,
        )
    if as_json:
        print_json(asdict(done) | {"dry_run": dry_run})
    else:
        say(f"{'would remove' if dry_run else 'removed'}: {done}")


def verify(
    context: typer.Context,
    quick: bool = typer.Option(False, "--quick", help="Compare sizes only; read no file."),
    forget: bool = typer.Option(
        False, "--forget", help="Give up superseded files that are damaged; figures as of then are refused afterwards."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the findings as JSON."),
) -> None:
    """Check that each fact file is there and holds what the database says. Exit code 1 if something is damaged.

    Of one workspace. Files that nothing needs are named too; they do no harm, and `adjoin facts clean` removes them.

    Example: adjoin facts verify --quick
    """
    from adjoin.cli._place import place_of
    from adjoin.facts import retention
    from adjoin.facts import verify as verifying

    with place_of(context) as place:
        if forget:
            place.operators_only("--forget")
        store, files = place.runtime.store, place.runtime.facts
        found = verifying.verify(store, files, workspace_id=place.workspace_id, now=place.now, quick=quick)
        lost = {damage.row_id for damage in found.damage if damage.history}
        forgotten = retention.forget(store, files, lost, workspace_id=place.workspace_id) if forget and lost else 0
    if as_json:
        print_json(asdict(found) | {"forgotten": forgotten})
    else:
        for damage in found.damage:
            say(f"{'damaged history' if damage.history else 'damaged'}: {damage}")
        for path in found.orphans:
            say(f"left over: {path}")
        checked = "compared the sizes of" if quick else "read"
        say(
            f"{checked} {found.files} files ({found.bytes / 1e6:,.1f} MB): {len(found.damage)} damaged, "
            f"{len(found.orphans)} left over" + (f", {forgotten} given up" if forgotten else "")
        )
    if len(found.damage) > forgotten:
        raise typer.Exit(1)


def compact(as_json: bool = typer.Option(False, "--json", help="Print what was packed as JSON.")) -> None:
    """Put closed months of several accounts into one file each. Exit code 1 if an account's file is damaged.

    In all workspaces, each by itself. A month is closed when its platform's look-back no longer reaches it. No figure
    changes. Safe while syncs are running.

    Example: adjoin facts compact
    """
    from adjoin.facts.compact import compact_all
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        packed = compact_all(runtime)
    damaged = sorted({f"{one.platform} {account}" for one in packed for account in one.damaged})
    if as_json:
        print_json([asdict(one) for one in packed])
    else:
        _print_packed(packed)
    if damaged:
        say(f"left out, as their files are damaged: {', '.join(damaged)}; run `adjoin facts verify`")
        raise typer.Exit(1)


def _print_packed(packed: Sequence[Packed]) -> None:
    def megabytes(count: int) -> str:
        return f"{count / 1e6:,.2f}"

    print_table(
        [
            ("platform", False),
            ("dataset", False),
            ("month", False),
            ("accounts", True),
            ("files before", True),
            ("MB before", True),
            ("MB", True),
        ],
        [
            (
                one.platform,
                one.dataset,
                f"{one.month:%Y-%m}",
                str(one.accounts),
                str(one.files_before),
                megabytes(one.bytes_before),
                megabytes(one.bytes),
            )
            for one in packed
            if one.accounts
        ],
        empty="Nothing to pack: no closed month has two accounts with a file of their own.",
    )
