"""Runs a command and turns what goes wrong into one clear line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from adjoin import __version__
from adjoin.cli import (
    alerts,
    connecting,
    facts,
    gaps,
    house,
    keys,
    members,
    metrics,
    plugins,
    reporting,
    runs,
    sandbox,
    scheduled,
    schedules,
    serving,
    syncing,
    users,
    worker,
    workspaces,
)
from adjoin.cli._place import TOKEN_VARIABLE, WORKSPACE_VARIABLE, Asked, check_fits
from adjoin.errors import AdjoinError, UsageError

__all__ = ["main"]

_DONE, _FAILED, _USAGE, _INTERRUPTED = 0, 1, 2, 130

#: Typer's usage error and the root of its errors. Typer brings its own copy of click under a private name.
_UsageError: Any = typer.BadParameter.__mro__[1]
_CommandError: Any = typer.BadParameter.__mro__[2]


class _Commands(TyperGroup):
    """Core's commands, and those of plugins where a name is not one of core's."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Find a command; plugins are asked only when core has none of that name."""
        known = super().get_command(ctx, cmd_name)
        if known is None and (known := plugins.plugin_command(cmd_name)) is not None:
            _check_before(known, cmd_name)
        return known


app = typer.Typer(
    name="adjoin",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # help in half the time: Rich stays unloaded
    help="Adjoin joins a company's advertising into one place: connect, sync, report.",
    epilog="Example: adjoin init && adjoin connect meta && adjoin sync && adjoin report --by campaign. "
    "Plugins may add commands: adjoin plugins commands.",
    pretty_exceptions_enable=False,
)


@app.callback()
def _options(
    context: typer.Context,
    workspace: str = typer.Option(
        "", "--workspace", metavar="NAME", help=f"The workspace, by id or name (or {WORKSPACE_VARIABLE}; default)."
    ),
    token: str = typer.Option(
        "", "--token", metavar="FILE", help=f"Act as the API token in this file, - for stdin (or {TOKEN_VARIABLE})."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks and debug logs."),
    version: bool = typer.Option(False, "--version", is_eager=True, help="Print the version and exit."),
) -> None:
    if version:
        typer.echo(f"adjoin {__version__}")
        raise typer.Exit
    from adjoin.logs import configure

    configure("debug" if debug else "warning")
    context.obj = Asked(workspace=workspace.strip(), token_file=token)


for part in (
    house,
    connecting,
    syncing,
    runs,
    gaps,
    reporting,
    metrics,
    facts,
    schedules,
    alerts,
    scheduled,
    plugins,
    sandbox,
    serving,
    worker,
    keys,
    workspaces,
    members,
    users,
):
    part.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 usage, 3 partly."""
    if arguments is None:
        from adjoin.logs import guard_crashes

        guard_crashes()  # of the whole process, so only where it is ours
    given = list(sys.argv[1:] if arguments is None else arguments)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)  # so that SIGTERM, like Ctrl-C, leaves nothing behind
    sys.exit(_run(given))


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _check_all(group: Any, words: str = "") -> None:
    """Have each command look at the workspace and the token that are given to it, before it does anything."""
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            _check_all(one, f"{words}{name} ")
        else:
            _check_before(one, words + name)


def _check_before(command: Any, words: str) -> None:
    invoke = command.invoke

    def checked(context: Any) -> Any:
        check_fits(context.obj, words)
        return invoke(context)

    command.invoke = checked


def _run(arguments: list[str]) -> int:
    command: Any = typer.main.get_command(app)
    _check_all(command)
    try:
        code = command.main(args=arguments, prog_name="adjoin", standalone_mode=False)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return _USAGE
        where = f" (see `{error.ctx.command_path} --help`)" if error.ctx is not None else ""
        return _complain(f"{error.format_message()}{where}", _USAGE)
    except _CommandError as error:
        return _complain(error.format_message(), _USAGE)
    except UsageError as error:
        _trace(arguments)
        return _complain(str(error), _USAGE)
    except AdjoinError as error:
        _trace(arguments)
        return _complain(str(error), _FAILED)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED  # Typer turns the first of them into an exit code by itself, at times
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except Exception as error:  # noqa: BLE001 - the boundary: no traceback unless asked for
        _trace(arguments)
        return _complain(
            f"unexpected {type(error).__name__}: {error}. This is a fault of Adjoin; "
            "run the command with `adjoin --debug ...` and report what it prints",
            _FAILED,
        )
    if code == _INTERRUPTED:
        return _complain("interrupted; what was finished is kept, run the command again to go on", _INTERRUPTED)
    return code if isinstance(code, int) else _DONE


def _complain(message: str, code: int) -> int:
    from adjoin.http.redaction import redact_text

    print(f"error: {redact_text(message)}", file=sys.stderr)
    return code


def _trace(arguments: list[str]) -> None:
    if "--debug" in arguments:
        import traceback

        from adjoin.http.redaction import redact_text

        print(redact_text(traceback.format_exc()), end="", file=sys.stderr)
