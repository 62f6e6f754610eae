"""The operator's commands about workspaces: workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlmodel import Session

    from adjoin.db.models import Workspace
    from adjoin.settings import Settings

__all__ = ["register"]

_JSON = typer.Option(False, "--json", help="Print the result as JSON.")
_WHICH = typer.Argument(metavar="WORKSPACE", help="A workspace by its id or its name.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Workspaces: companies, or an agency's clients.", no_args_is_help=True)
    group.command("list")(list_workspaces)
    group.command("create")(create)
    group.command("rename")(rename)
    group.command("delete")(delete)
    group.command("restore")(restore)
    app.add_typer(group, name="workspaces")


def list_workspaces(as_json: bool = _JSON) -> None:
    """Show all workspaces, and when those that were deleted go for good.

    Example: adjoin workspaces list
    """
    from adjoin.access.workspaces import all_workspaces
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime, runtime.store.read() as session:
        found = all_workspaces(session)
    if as_json:
        print_json([_as_json(one) | {"members": members} for one, members in found])
        return
    print_table(
        [("id", False), ("name", False), ("members", True), ("since", False), ("goes for good on", False)],
        [
            (
                one.id,
                one.name,
                str(members),
                f"{one.created_at:%Y-%m-%d}",
                "" if one.delete_after is None else f"{one.delete_after:%Y-%m-%d %H:%M} UTC",
            )
            for one, members in found
        ],
    )


def create(
    name: str = typer.Argument(metavar="NAME", help="What people call it."),
    owner: str = typer.Option(..., "--owner", metavar="EMAIL", help="A user, who is its first owner."),
    as_json: bool = _JSON,
) -> None:
    """Make a workspace. Further members are invited with `adjoin members invite`.

    Example: adjoin workspaces create "ACME GmbH" --owner ada@example.com
    """
    from adjoin.access.actors import SYSTEM
    from adjoin.access.users import find_user
    from adjoin.access.workspaces import create as make

    def work(session: Session, _: Settings, now: datetime) -> Workspace:
        return make(session, name=name, owner_id=find_user(session, owner).id, by=SYSTEM, now=now)

    _told(_change(work), lambda one: f"made {one.name!r} with the id {one.id}", as_json=as_json)


def rename(
    workspace: str = _WHICH, name: str = typer.Argument(metavar="NAME", help="Its new name."), as_json: bool = _JSON
) -> None:
    """Give a workspace another name.

    Example: adjoin workspaces rename default "ACME GmbH"
    """
    from adjoin.access.actors import SYSTEM
    from adjoin.access.workspaces import find
    from adjoin.access.workspaces import rename as give_name

    def work(session: Session, _: Settings, now: datetime) -> Workspace:
        return give_name(session, find(session, workspace).id, name, by=SYSTEM, now=now)

    _told(_change(work), lambda one: f"{one.id} is named {one.name!r}", as_json=as_json)


def delete(workspace: str = _WHICH, as_json: bool = _JSON) -> None:
    """Delete a workspace: its syncs stop now, and all of it goes after ADJOIN_DELETE_GRACE_DAYS.

    Example: adjoin workspaces delete "Old client"
    """
    from datetime import timedelta

    from adjoin.access.actors import SYSTEM
    from adjoin.access.workspaces import delete as remove
    from adjoin.access.workspaces import find

    def work(session: Session, settings: Settings, now: datetime) -> Workspace:
        grace = timedelta(days=settings.delete_grace_days)
        return remove(session, find(session, workspace).id, grace=grace, by=SYSTEM, now=now)

    _told(
        _change(work),
        lambda one: (
            f"{one.name!r} goes for good on {one.delete_after:%Y-%m-%d %H:%M} UTC; until then "
            f"`adjoin workspaces restore {one.id}` keeps it"
        ),
        as_json=as_json,
    )


def restore(workspace: str = _WHICH, as_json: bool = _JSON) -> None:
    """Keep a workspace that was deleted, as long as its time is not over.

    Example: adjoin workspaces restore "Old client"
    """
    from adjoin.access.actors import SYSTEM
    from adjoin.access.workspaces import find
    from adjoin.access.workspaces import restore as keep

    def work(session: Session, _: Settings, now: datetime) -> Workspace:
        return keep(session, find(session, workspace).id, by=SYSTEM, now=now)

    _told(_change(work), lambda one: f"{one.name!r} stays, and its schedules go on", as_json=as_json)


def _change(work: Callable[[Session, Settings, datetime], Workspace]) -> Workspace:
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime, runtime.store.write() as session:
        return work(session, runtime.settings, runtime.clock.now())


def _told(one: Workspace, text: Callable[[Workspace], str], *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(one))
    else:
        say(text(one))


def _as_json(one: Workspace) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "created_at": one.created_at, "delete_after": one.delete_after}
