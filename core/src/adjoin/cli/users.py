"""The operator's commands about the accounts of people: users."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlmodel import Session

    from adjoin.db.people import User

__all__ = ["register"]

_JSON = typer.Option(False, "--json", help="Print the result as JSON.")
_EMAIL = typer.Argument(metavar="EMAIL", help="Somebody's e-mail address.")
T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    users = typer.Typer(help="The accounts of people.", no_args_is_help=True)
    users.command("list")(list_users)
    users.command("disable")(disable)
    users.command("enable")(enable)
    users.command("reset-link")(reset_link)
    users.command("drop-second-factor")(drop_second_factor)
    app.add_typer(users, name="users")


def list_users(as_json: bool = _JSON) -> None:
    """Show the accounts of people.

    Example: adjoin users list
    """
    from adjoin.access.users import all_users

    def work(session: Session, _: datetime) -> list[tuple[User, int]]:
        found: list[tuple[User, int]] = []
        while page := all_users(session, after=found[-1][0].email if found else ""):
            found += page
        return found

    rows = [_as_json(user) | {"workspaces": count} for user, count in _with_session(work)]
    if as_json:
        print_json(rows)
        return
    print_table(
        [("email", False), ("name", False), ("state", False), ("workspaces", True), ("last sign-in (UTC)", False)],
        [
            (
                row["email"],
                row["name"],
                row["state"],
                str(row["workspaces"]),
                "never" if row["last_sign_in_at"] is None else f"{row['last_sign_in_at']:%Y-%m-%d %H:%M}",
            )
            for row in rows
        ],
        empty="There are no users yet.",
    )


def disable(email: str = _EMAIL, as_json: bool = _JSON) -> None:
    """Switch an account off: its sessions and API tokens end at once, and it cannot sign in.

    Example: adjoin users disable ada@example.com
    """
    from adjoin.access.actors import SYSTEM
    from adjoin.access.users import disable as switch_off
    from adjoin.access.users import find_user

    _told(
        _with_session(lambda session, now: switch_off(session, find_user(session, email).id, by=SYSTEM, now=now)),
        "is switched off",
        as_json=as_json,
    )


def enable(email: str = _EMAIL, as_json: bool = _JSON) -> None:
    """Switch an account on again. API tokens have to be made anew.

    Example: adjoin users enable ada@example.com
    """
    from adjoin.access.actors import SYSTEM
    from adjoin.access.users import enable as switch_on
    from adjoin.access.users import find_user

    _told(
        _with_session(lambda session, now: switch_on(session, find_user(session, email).id, by=SYSTEM, now=now)),
        "is switched on",
        as_json=as_json,
    )


def reset_link(email: str = _EMAIL, as_json: bool = _JSON) -> None:
    """Print a link with which somebody sets a new password, once. No mail is sent: hand it over yourself.

    For who has lost the password and the mailbox. A second factor is still asked for; `drop-second-factor` removes it.

    Example: adjoin users reset-link ada@example.com
    """
    from adjoin.access.actors import SYSTEM
    from adjoin.access.recovery import reset_link as make
    from adjoin.access.users import find_user
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        with runtime.store.read() as session:
            user = find_user(session, email)
        link = asyncio.run(make(runtime.doors, user, by=SYSTEM))
    if as_json:
        print_json({"user_id": user.id, "email": user.email, "link": link})
        return
    say(f"{user.email} can set a new password, once and soon; whoever has this link can, so hand it to them alone:")
    print(link)


def drop_second_factor(email: str = _EMAIL, as_json: bool = _JSON) -> None:
    """Remove somebody's second factors, who has lost them and the recovery codes, and sign them out everywhere.

    Make sure that it is them who ask: from then on the password is enough. Their workspaces' audit logs tell of it.

    Example: adjoin users drop-second-factor ada@example.com
    """
    from adjoin.access.actors import SYSTEM
    from adjoin.access.recovery import drop_second_factors
    from adjoin.access.users import find_user
    from adjoin.cli._sending import send_mail
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        with runtime.store.read() as session:
            user = find_user(session, email)
        dropped = asyncio.run(drop_second_factors(runtime.doors, user, by=SYSTEM))
        send_mail(runtime)  # they are told
    if as_json:
        print_json({"user_id": user.id, "email": user.email, "removed": dropped})
    else:
        say(f"{user.email} signs in by the password alone now")


def _with_session(work: Callable[[Session, datetime], T]) -> T:
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime, runtime.store.write() as session:
        return work(session, runtime.clock.now())


def _told(user: User, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(user))
    else:
        say(f"{user.email} {what}")


def _as_json(user: User) -> dict[str, Any]:
    return {
        "user_id": user.id,
        "email": user.email,
        "name": user.name,
        "state": "active" if user.disabled_at is None else "disabled",
        "last_sign_in_at": user.last_sign_in_at,
    }
