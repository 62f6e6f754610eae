"""The operator's commands about people: members of a workspace, and users of the installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlmodel import Session

    from adjoin.access.invitations import InvitationMail
    from adjoin.db.people import Role, User

__all__ = ["register"]

_JSON = typer.Option(False, "--json", help="Print the result as JSON.")
_WORKSPACE = typer.Option("default", "--workspace", metavar="WORKSPACE", help="A workspace by its id or its name.")
_EMAIL = typer.Argument(metavar="EMAIL", help="Somebody's e-mail address.")
T = TypeVar("T")
_ROLE = "viewer, analyst, admin or owner"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    members = typer.Typer(help="Who may do what in a workspace.", no_args_is_help=True)
    members.command("list")(list_members)
    members.command("invite")(invite)
    members.command("role")(role)
    members.command("remove")(remove)
    app.add_typer(members, name="members")
    users = typer.Typer(help="The accounts of people.", no_args_is_help=True)
    users.command("list")(list_users)
    users.command("disable")(disable)
    users.command("enable")(enable)
    app.add_typer(users, name="users")


def list_members(workspace: str = _WORKSPACE, as_json: bool = _JSON) -> None:
    """Show the members of a workspace, and who is invited.

    Example: adjoin members list --workspace "ACME GmbH"
    """
    from adjoin.access.invitations import is_open, open_invitations
    from adjoin.access.members import members_of
    from adjoin.access.workspaces import find

    def work(session: Session, now: datetime) -> list[dict[str, Any]]:
        workspace_id = find(session, workspace).id
        found: list[dict[str, Any]] = [
            {
                "user_id": one.user_id,
                "email": one.email,
                "name": one.name,
                "role": str(one.role),
                "state": "active" if one.active else "disabled",
            }
            for one in members_of(session, workspace_id)
        ]
        return found + [
            {
                "user_id": None,
                "email": one.email,
                "name": "",
                "role": str(one.role),
                "state": "invited" if is_open(one, now) else "invitation expired",
            }
            for one in open_invitations(session, workspace_id)
        ]

    rows = _with_session(work)
    if as_json:
        print_json(rows)
        return
    names = ("email", "name", "role", "state")
    print_table(
        [(name, False) for name in names],
        [[row[name] for name in names] for row in rows],
        empty="The workspace has no members yet: invite somebody with `adjoin members invite EMAIL --role owner`.",
    )


def invite(
    email: str = _EMAIL,
    role: str = typer.Option("viewer", "--role", help=_ROLE),
    workspace: str = _WORKSPACE,
    as_json: bool = _JSON,
) -> None:
    """Invite somebody to a workspace and print the link for them, once. No mail is sent: hand it over yourself.

    Example: adjoin members invite ada@example.com --role admin
    """
    from adjoin.access import invitations
    from adjoin.access.actors import SYSTEM
    from adjoin.access.context import DEFAULT_BASE_URL
    from adjoin.access.workspaces import find
    from adjoin.settings import load_settings

    wanted = _role(role)
    sent: list[InvitationMail] = []

    def work(session: Session, now: datetime) -> None:
        place = find(session, workspace)
        invitations.invite(session, place.id, email, wanted, by=SYSTEM, send=lambda _, mail: sent.append(mail), now=now)

    _with_session(work)
    (mail,) = sent
    link = invitations.link(load_settings().base_url or DEFAULT_BASE_URL, mail.token)
    if as_json:
        print_json({"email": mail.to, "role": str(mail.role), "link": link, "expires_at": mail.expires_at})
        return
    say(f"{mail.to} can join {mail.workspace!r} as {mail.role} until {mail.expires_at:%Y-%m-%d %H:%M} UTC with:")
    print(link)


def role(
    email: str = _EMAIL,
    role: str = typer.Argument(metavar="ROLE", help=_ROLE),
    workspace: str = _WORKSPACE,
    as_json: bool = _JSON,
) -> None:
    """Give a member another role. A workspace keeps at least one owner.

    Example: adjoin members role ada@example.com owner
    """
    from adjoin.access.actors import SYSTEM
    from adjoin.access.members import change_role
    from adjoin.access.users import find_user
    from adjoin.access.workspaces import find

    wanted = _role(role)

    def work(session: Session, now: datetime) -> User:
        user = find_user(session, email)
        change_role(session, find(session, workspace).id, user.id, wanted, by=SYSTEM, now=now)
        return user

    user = _with_session(work)
    if as_json:
        print_json({"user_id": user.id, "email": user.email, "role": str(wanted)})
    else:
        say(f"{user.email} is {wanted} now")


def remove(email: str = _EMAIL, workspace: str = _WORKSPACE) -> None:
    """Take a member out of a workspace, at once and with their API tokens of it. Their account stays.

    Example: adjoin members remove ada@example.com
    """
    from adjoin.access.actors import SYSTEM
    from adjoin.access.members import remove as take_out
    from adjoin.access.users import find_user
    from adjoin.access.workspaces import find

    def work(session: Session, now: datetime) -> User:
        user = find_user(session, email)
        take_out(session, find(session, workspace).id, user.id, by=SYSTEM, now=now)
        return user

    say(f"{_with_session(work).email} is no member any more")


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


def _with_session(work: Callable[[Session, datetime], T]) -> T:
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime, runtime.store.write() as session:
        return work(session, runtime.clock.now())


def _role(text: str) -> Role:
    from adjoin.db.people import Role
    from adjoin.errors import BadInput

    if text not in set(Role):
        raise BadInput(f"{text!r} is no role; it is one of {', '.join(Role)}")
    return Role(text)


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
