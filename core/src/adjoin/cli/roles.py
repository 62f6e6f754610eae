"""The command that shows how PostgreSQL keeps workspaces apart, and what an administrator has to do for it."""

from __future__ import annotations

import typer

from adjoin.cli._output import print_json, say

__all__ = ["roles"]


def roles(
    app_login: str = typer.Option("adjoin_app", "--app-login", help="Name of the login that owns nothing."),
    as_json: bool = typer.Option(False, "--json", help="Print the state and the SQL as JSON."),
) -> None:
    """Print the SQL with which an administrator makes the roles of row-level security. Changes nothing itself.

    Exit code 0 where row-level security is in force, 1 where something is missing.

    Example: adjoin db roles > roles.sql
    """
    from dataclasses import asdict

    from adjoin.db import Store
    from adjoin.db.row_security import look_at, sql_for_admins
    from adjoin.settings import load_settings

    settings = load_settings()
    with Store.open(settings.database, check_schema=False) as store, store.read() as session:
        found = look_at(session.connection())
    script = sql_for_admins(found, app_login=app_login)
    if as_json:
        print_json({**asdict(found), "in_force": found.in_force, "sql": script})
    else:
        say(
            "row-level security is in force"
            if found.in_force
            else "row-level security is not in force: have an administrator run this, then `adjoin db upgrade`"
        )
        typer.echo(script)
    if not found.in_force:
        raise typer.Exit(1)
