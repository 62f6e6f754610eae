"""Commands about naming conventions: metrics fields, metrics fields define and forget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from adjoin.analytics.v1 import FieldTrial

__all__ = ["register"]

_commands = typer.Typer(add_completion=False, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands below a group."""
    _commands.command("define")(define)
    _commands.command("forget")(forget)
    app.add_typer(_commands, name="fields")


@_commands.callback(invoke_without_command=True)
def fields(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print them as JSON."),
) -> None:
    """List the naming conventions, which read dimensions from names; or make and remove them.

    Example: adjoin metrics fields --json
    """
    if context.invoked_subcommand is not None:
        return
    from adjoin.analytics.asking import conventions
    from adjoin.cli._figures import figures_of
    from adjoin.cli._place import place_of

    with place_of(context) as place, figures_of(place) as figures:
        found = conventions(figures.kernel, figures.context)
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "of": one.of,
                    "pattern": one.pattern,
                    "values": {field: dict(values) for field, values in one.values.items()},
                }
                for one in found
            ]
        )
        return
    print_table(
        [(name, False) for name in ("convention", "names of", "pattern", "values mapped")],
        [(one.name, one.of, one.pattern, str(sum(len(some) for some in one.values.values()))) for one in found],
        empty="There is no naming convention yet. Make one: adjoin metrics fields define --help",
    )


def define(
    context: typer.Context,
    name: str = typer.Argument(help="Its name: small letters, digits and underscores."),
    pattern: str = typer.Option(
        ..., "--pattern", help="Fields with what stands between them, {market}_{product}; or a regular expression."
    ),
    of: str = typer.Option("campaign", "--of", help="Whose names are read: account, campaign, ad_group or ad."),
    value: list[str] = typer.Option(
        [], "--value", metavar="FIELD:TEXT=VALUE", help="Show a text as another one: market:US=United States."
    ),
    only_try: bool = typer.Option(False, "--try", help="Store nothing; print what it makes of the names there are."),
    as_json: bool = typer.Option(False, "--json", help="With --try: print it as JSON."),
) -> None:
    """Make a naming convention, or change the one with this name; its fields become dimensions.

    Example: adjoin metrics fields define campaigns --pattern "{market}_{product}_{kind}" --value "market:US=America"
    """
    from adjoin.analytics import defining, v1
    from adjoin.cli._figures import figures_of
    from adjoin.cli._place import place_of

    convention = v1.CustomField(name=name, of=of, pattern=pattern, values=_values(value))
    with place_of(context) as place, figures_of(place) as figures:
        if only_try:
            found = defining.try_field(figures.kernel, figures.context, convention)
            _print_trial(found, as_json=as_json)
            return
        defining.define_field(figures.kernel, figures.context, convention, by=place.actor)
    say(f"stored: {name}; `adjoin metrics` lists its fields among the dimensions")


def forget(context: typer.Context, name: str = typer.Argument(help="A naming convention.")) -> None:
    """Remove a naming convention, and its fields from the dimensions.

    Example: adjoin metrics fields forget campaigns
    """
    from adjoin.analytics.defining import forget_field
    from adjoin.cli._figures import figures_of
    from adjoin.cli._place import place_of

    with place_of(context) as place, figures_of(place) as figures:
        forget_field(figures.kernel, figures.context, name, by=place.actor)
    say(f"removed: {name}")


def _values(given: list[str]) -> dict[str, dict[str, str]]:
    from adjoin.errors import BadInput

    found: dict[str, dict[str, str]] = {}
    for one in given:
        field, colon, rest = one.partition(":")
        text, sign, value = rest.partition("=")
        if not (colon and sign and field.strip() and text and value):
            raise BadInput(f"--value {one!r} cannot be read; write FIELD:TEXT=VALUE, as in market:US=United States")
        found.setdefault(field.strip(), {})[text.strip()] = value.strip()
    return found


def _print_trial(found: FieldTrial, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "names": found.names,
                "matched": found.matched,
                "examples": [{"name": one.name, "values": dict(one.values)} for one in found.examples],
                "unmatched": list(found.unmatched),
                "values": [
                    {"field": one.field, "text": one.text, "value": one.value, "names": one.names}
                    for one in found.found
                ],
            }
        )
        return
    say(f"{found.matched} of {found.names} names fit")
    print_table(
        [("name", False), ("is read as", False)],
        [
            *(
                (one.name, ", ".join(f"{field}: {value}" for field, value in one.values.items()))
                for one in found.examples
            ),
            *((name, "does not fit") for name in found.unmatched),
        ],
        empty="There are no names yet. Run `adjoin sync`.",
    )
    print_table(
        [("field", False), ("in names", False), ("shown as", False), ("names", True)],
        [(one.field, one.text, one.value, str(one.names)) for one in found.found],
        empty="No value was found.",
    )
