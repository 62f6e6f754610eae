"""The commands about the members of a workspace: members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlmodel import Session

    from adjoin.access.invitations import InvitationMail, Send
    from adjoin.access.members import MemberView
    from adjoin.cli._place import Place
    from adjoin.db.people import Role

__all__ = ["register"]

_JSON = typer.Option(False, "--json", help="Print the result as JSON.")
_WORKSPACE = typer.Option("", "--workspace", metavar="NAME", help="As `adjoin --workspace NAME members ...`.")
_EMAIL = typer.Argument(metavar="EMAIL", help="Somebody's e-mail address.")
_LINK = typer.Option(
    False, "--link", help="Send no mail: print the link, once, for you to hand over. Whoever has it can use it."
)
_ROLE = "viewer, analyst, admin or owner"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    members = typer.Typer(help="Who may do what in a workspace.", no_args_is_help=True)
    members.command("list")(list_members)
    members.command("invite")(invite)
    members.command("resend")(resend)
    members.command("role")(role)
    members.command("remove")(remove)
    app.add_typer(members, name="members")


def list_members(context: typer.Context, workspace: str = _WORKSPACE, as_json: bool = _JSON) -> None:
    """Show the members of a workspace, and who is invited.

    Example: adjoin members list --workspace "ACME GmbH"
    """
    from adjoin.access.invitations import is_open, open_invitations
    from adjoin.access.members import members_of
    from adjoin.cli._place import place_of

    with place_of(context, workspace) as place, place.store.read() as session:
        rows: list[dict[str, Any]] = [
            {
                "user_id": one.user_id,
                "email": one.email,
                "name": one.name,
                "role": str(one.role),
                "state": "active" if one.active else "disabled",
            }
            for one in members_of(session, place.workspace_id)
        ]
        rows += [
            {
                "user_id": None,
                "email": one.email,
                "name": "",
                "role": str(one.role),
                "state": "invited" if is_open(one, place.now) else "invitation expired",
            }
            for one in open_invitations(session, place.workspace_id)
        ]
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
    context: typer.Context,
    email: str = _EMAIL,
    role: str = typer.Option("viewer", "--role", help=_ROLE),
    workspace: str = _WORKSPACE,
    show_link: bool = _LINK,
    as_json: bool = _JSON,
) -> None:
    """Invite somebody to a workspace by mail, or with --link by a link that you hand over yourself.

    Example: adjoin members invite ada@example.com --role admin
    """
    from adjoin.access import invitations
    from adjoin.cli._place import place_of

    wanted = _role(role)
    with place_of(context, workspace) as place:

        def ask(session: Session, send: Send) -> None:
            here, by, now = place.workspace_id, place.actor, place.now
            invitations.invite(session, here, email, wanted, by=by, send=send, now=now)

        _invite(place, ask, show_link=show_link, as_json=as_json)


def resend(
    context: typer.Context,
    email: str = _EMAIL,
    workspace: str = _WORKSPACE,
    show_link: bool = _LINK,
    as_json: bool = _JSON,
) -> None:
    """Invite somebody again who has not answered, with a new link; the old one is good no more.

    Example: adjoin members resend ada@example.com
    """
    from adjoin.access import invitations
    from adjoin.access.users import normal_email
    from adjoin.cli._place import place_of
    from adjoin.errors import UnknownName

    address = normal_email(email)
    with place_of(context, workspace) as place:

        def ask(session: Session, send: Send) -> None:
            here, by, now = place.workspace_id, place.actor, place.now
            found = [one for one in invitations.open_invitations(session, here) if one.email == address]
            if not found:
                raise UnknownName(f"no invitation of {address} waits for an answer; `adjoin members list` names those")
            invitations.resend(session, here, found[0].id, by=by, send=send, now=now)

        _invite(place, ask, show_link=show_link, as_json=as_json)


def role(
    context: typer.Context,
    email: str = _EMAIL,
    role: str = typer.Argument(metavar="ROLE", help=_ROLE),
    workspace: str = _WORKSPACE,
    as_json: bool = _JSON,
) -> None:
    """Give a member another role. A workspace keeps at least one owner.

    Example: adjoin members role ada@example.com owner
    """
    from adjoin.access.members import change_role
    from adjoin.cli._place import place_of

    wanted = _role(role)
    with place_of(context, workspace) as place, place.runtime.store.write() as session:
        found = _member(session, place, email)
        change_role(session, place.workspace_id, found.user_id, wanted, by=place.actor, now=place.now)
    if as_json:
        print_json({"user_id": found.user_id, "email": found.email, "role": str(wanted)})
    else:
        say(f"{found.email} is {wanted} now")


def remove(context: typer.Context, email: str = _EMAIL, workspace: str = _WORKSPACE) -> None:
    """Take a member out of a workspace, at once and with their API tokens of it. Their account stays.

    Example: adjoin members remove ada@example.com
    """
    from adjoin.access.members import remove as take_out
    from adjoin.cli._place import place_of

    with place_of(context, workspace) as place, place.runtime.store.write() as session:
        found = _member(session, place, email)
        take_out(session, place.workspace_id, found.user_id, by=place.actor, now=place.now)
    say(f"{found.email} is no member any more")


def _invite(place: Place, ask: Callable[[Session, Send], None], *, show_link: bool, as_json: bool) -> None:
    """Make an invitation or a new link for one, mail or print it, and say what was done.

    Who has a link can register with the address that it is for, and only the operator is trusted with that.
    """
    from adjoin.access import invitations
    from adjoin.access.context import DEFAULT_BASE_URL
    from adjoin.access.invitation_mail import by_mail
    from adjoin.cli._sending import how_it_leaves

    if show_link:
        place.operators_only("--link")
    base_url = place.runtime.settings.base_url
    mailed = None if show_link else by_mail(place.runtime.vault, base_url=base_url, now=place.now)
    made: list[InvitationMail] = []

    def send(session: Session, mail: InvitationMail) -> None:
        made.append(mail)
        if mailed is not None:
            mailed(session, mail)

    with place.runtime.store.write() as session:
        ask(session, send)
    sent = "" if show_link else how_it_leaves(place.runtime)
    (mail,) = made
    link = invitations.link(base_url or DEFAULT_BASE_URL, mail.token) if show_link else None
    if as_json:
        told = {"email": mail.to, "role": str(mail.role), "expires_at": mail.expires_at}
        print_json(told if link is None else told | {"link": link})
        return
    what = f"{mail.to} can join {mail.workspace!r} as {mail.role} until {mail.expires_at:%Y-%m-%d %H:%M} UTC"
    if link is None:
        say(f"{what}; {sent}")
    else:
        say(f"{what} with:")
        print(link)


def _member(session: Session, place: Place, email: str) -> MemberView:
    """Return a member by address or id. Who is no member is unknown here, whether there is such a user or not."""
    from adjoin.access.members import members_of
    from adjoin.access.users import LONGEST_EMAIL, normal_email
    from adjoin.errors import UnknownName

    named = normal_email(email) if "@" in email else email
    for one in members_of(session, place.workspace_id):
        if named in (one.email, one.user_id):
            return one
    raise UnknownName(f"the workspace {place.name!r} has no member {named[:LONGEST_EMAIL]!r}")


def _role(text: str) -> Role:
    from adjoin.db.people import Role
    from adjoin.errors import BadInput

    if text not in set(Role):
        raise BadInput(f"{text!r} is no role; it is one of {', '.join(Role)}")
    return Role(text)
