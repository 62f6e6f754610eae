"""Commands about plugins: list, check, enable, disable, commands."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from adjoin.kernel import Kernel, Report
    from adjoin.testing.check import Finding

__all__ = ["plugin_command", "register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Plugins: what is installed, and what became of it.", no_args_is_help=True)
    group.command("list")(list_plugins)
    group.command("check")(check)
    group.command("enable")(enable)
    group.command("disable")(disable)
    group.command("commands")(commands)
    app.add_typer(group, name="plugins")


def list_plugins(as_json: bool = typer.Option(False, "--json", help="Print the plugins as JSON.")) -> None:
    """List the installed plugins with package, version, contract, state and error.

    Example: adjoin plugins list --json
    """
    reports = _load().reports
    if as_json:
        print_json([_as_json(report) for report in reports])
        return
    print_table(
        [("plugin", False), ("package", False), ("version", False), ("contract", False), ("state", False), ("", False)],
        [
            (
                one.name,
                one.package,
                one.version,
                f"{one.contract} v{one.contract_version}",
                one.state,
                one.error or "; ".join(one.notes),
            )
            for one in reports
        ],
        empty="No plugin is installed. Install one, such as `pip install adjoin-meta`.",
    )


def check(
    name: str = typer.Argument("", help="The plugin; without a name all of them are only loaded."),
    as_json: bool = typer.Option(False, "--json", help="Print the reports as JSON."),
) -> None:
    """Load plugins and say what is wrong; with a name, also check all that its contracts promise. Exit code 1 if not.

    Example: adjoin plugins check meta
    """
    reports = _of(name)
    suites = {one.contract: _findings(one) if name else None for one in reports}
    if as_json:
        print_json([_as_json(one) | _conformance(suites[one.contract]) for one in reports])
    else:
        for one in reports:
            _show(one, suites[one.contract])
    broken = any(found.outcome == "failed" for suite in suites.values() for found in suite or ())
    if broken or any(one.state in {"refused", "failed"} for one in reports):
        raise typer.Exit(1)


def disable(name: str = typer.Argument(help="The plugin.")) -> None:
    """Switch a plugin off: it is not imported any more. Works even when the plugin is broken.

    Example: adjoin plugins disable meta
    """
    _switch(name, on=False)


def enable(name: str = typer.Argument(help="The plugin.")) -> None:
    """Switch a plugin on again.

    Example: adjoin plugins enable meta
    """
    _switch(name, on=True)


def commands() -> None:
    """List the commands that plugins add to `adjoin`.

    Example: adjoin plugins commands
    """
    kernel = _load()
    from adjoin.surface.v1 import Surface

    print_table(
        [("command", False), ("plugin", False), ("what it does", False)],
        [(one.name, answer.plugin, one.help) for answer in kernel.hook(Surface.commands).all() for one in answer.value],
        empty="No plugin adds a command.",
    )


def plugin_command(name: str) -> Any:
    """Return the command of this name that a plugin adds, or None. Plugins are loaded for it."""
    from adjoin.surface.v1 import Surface

    found = [
        (answer.plugin, one)
        for answer in _load().hook(Surface.commands).all()
        for one in answer.value
        if one.name == name
    ]
    if not found:
        return None
    command: Any = typer.main.get_command(found[0][1].load())
    command.name = name
    return command


def _switch(name: str, *, on: bool) -> None:
    from adjoin.contracts import CONTRACTS
    from adjoin.discovery import find_offers
    from adjoin.errors import UnknownName
    from adjoin.settings import load_settings

    installed = {offer.plugin for offer in find_offers([contract.name for contract in CONTRACTS])}
    if name not in installed:
        raise UnknownName(f"there is no plugin {name!r}; installed are: {', '.join(sorted(installed)) or 'none'}")
    settings = load_settings()
    settings.switch_plugin(name, on=on)
    say(f"{name} is switched {'on' if on else 'off'}; restart what is running for it to count there")
    if on and name in settings.disabled_plugins:
        say("ADJOIN_DISABLE still names it; take it out there too")


def _load() -> Kernel:
    import warnings

    from adjoin.kernel import ContractDeprecation, Kernel
    from adjoin.settings import load_settings

    with warnings.catch_warnings():  # the note is in the report, which is what is printed
        warnings.simplefilter("ignore", ContractDeprecation)
        return Kernel.load(disabled=load_settings().disabled_plugins)


def _of(name: str) -> list[Report]:
    from adjoin.errors import UnknownName

    reports = _load().reports
    chosen = [one for one in reports if name in ("", one.name)]
    if name and not chosen:
        known = ", ".join(sorted({one.name for one in reports})) or "none"
        raise UnknownName(f"there is no plugin {name!r}; installed are: {known}")
    return chosen


def _findings(report: Report) -> list[Finding] | None:
    """Run the suite of a plugin's contract; None where it cannot be run."""
    from adjoin.contracts import CONTRACTS
    from adjoin.discovery import find_offers
    from adjoin.testing.check import SUITES, check_plugin

    if report.state != "ok" or report.contract not in SUITES:
        return None
    offers = find_offers([contract.name for contract in CONTRACTS])
    (point,) = [
        offer.entry_points[report.contract_version]
        for offer in offers
        if (offer.plugin, offer.contract, offer.package) == (report.name, report.contract, report.package)
    ]
    return check_plugin(report.name, report.contract, version=report.contract_version, entry_point=point.value)


def _conformance(findings: list[Finding] | None) -> dict[str, Any]:
    if findings is None:
        return {"conformance": None}
    by_outcome: dict[str, list[Finding]] = {"passed": [], "left out": [], "failed": []}
    for one in findings:
        by_outcome[one.outcome].append(one)
    return {
        "conformance": {
            "passed": [one.test for one in by_outcome["passed"]],
            "left_out": [{"test": one.test, "reason": one.message} for one in by_outcome["left out"]],
            "failed": [{"test": one.test, "message": one.message} for one in by_outcome["failed"]],
        }
    }


def _show(report: Report, findings: list[Finding] | None) -> None:
    head = f"{report.name} ({report.package} {report.version}, {report.contract} v{report.contract_version})"
    print(f"{head}: {report.state}")
    for text in [report.error, *report.notes]:
        if text:
            print(f"  {text}")
    if findings is None:
        return
    # A test with parameters is one promise.
    kept: dict[str, int] = {}
    left: dict[str, int] = {}
    broken = [one for one in findings if one.outcome == "failed"]
    for one in findings:
        promise = one.test.partition(" [")[0]
        if one.outcome == "passed":
            kept[promise] = kept.get(promise, 0) + 1
        elif one.outcome == "left out":
            left[f"{promise} ({one.message})"] = left.get(f"{promise} ({one.message})", 0) + 1
    for promise, count in kept.items():
        print(f"  kept      {promise}{f' ({count} times)' if count > 1 else ''}")
    for promise, count in left.items():
        print(f"  left out  {promise}{f' ({count} times)' if count > 1 else ''}")
    for one in broken:
        print(f"  BROKEN    {one.test}")
        for line in one.message.splitlines():
            print(f"            {line}")
    print(f"  promises kept: {len(kept)}, left out: {len(left)}, broken: {len(broken)}")


def _as_json(report: Report) -> dict[str, Any]:
    return {**asdict(report), "notes": list(report.notes)}
