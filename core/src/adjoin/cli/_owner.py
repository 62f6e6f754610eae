"""The first owner of the default workspace: somebody who is given a link to sign up by, or the demo's user."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from adjoin.cli._output import say
from adjoin.cli._place import Place

if TYPE_CHECKING:
    from sqlmodel import Session

    from adjoin.access.invitations import InvitationMail
    from adjoin.access.members import MemberView
    from adjoin.runtime import Runtime

__all__ = ["DEMO_EMAIL", "invite_owner", "prepare_demo_user", "say_who_signs_in"]

#: The demo's user. Mail to this address reaches nobody: the domain is for examples.
DEMO_EMAIL = "demo@adjoin.example"


def invite_owner(runtime: Runtime, email: str) -> str:
    """Invite the owner of the default workspace and return the link; empty where nothing is to be done.

    Says what becomes of it. Doing it again makes no second link: the first one may be on its way to somebody.
    """
    from adjoin.access import invitations
    from adjoin.access.context import DEFAULT_BASE_URL
    from adjoin.access.users import normal_email
    from adjoin.db.people import Role

    place, address = Place.of_operator(runtime), normal_email(email)
    base_url = runtime.settings.base_url or DEFAULT_BASE_URL
    made: list[InvitationMail] = []
    with runtime.store.write() as session:
        member = _member(session, place, address)
        if member is not None:
            owns = member.role is Role.OWNER
            hint = f"sign in at {base_url}" if owns else f"`adjoin members role {address} owner` makes them an owner"
            say(f"{address} is a member of {place.name!r} already, as {member.role}; {hint}")
            return ""
        waiting = [one for one in invitations.open_invitations(session, place.workspace_id) if one.email == address]
        if waiting and invitations.is_open(waiting[0], place.now):
            say(
                f"{address} is invited already, as {waiting[0].role} until {waiting[0].expires_at:%Y-%m-%d %H:%M} UTC; "
                f"`adjoin members resend {address} --link` prints a new link in place of the one that you have"
            )
            return ""
        for one in waiting:
            invitations.revoke(session, place.workspace_id, one.id, by=place.actor, now=place.now)
        _ask(session, place, address, made)
    (mail,) = made
    if runtime.settings.registration == "closed":
        say("ADJOIN_REGISTRATION=closed lets nobody register: the link is of use to who has an account here already")
    say(
        f"{address} becomes the owner of {place.name!r} by this link, which works once, until "
        f"{mail.expires_at:%Y-%m-%d %H:%M} UTC, while the dashboard runs at {base_url} (`adjoin dashboard`):"
    )
    return invitations.link(base_url, mail.token)


def say_who_signs_in(runtime: Runtime) -> None:
    """Say how the first person comes in, where there is none yet."""
    from adjoin.access.members import members_of

    place = Place.of_operator(runtime)
    with place.store.read() as session:
        nobody = not members_of(session, place.workspace_id)
    if nobody:
        say("nobody can sign in yet: `adjoin init --owner YOU@EXAMPLE.COM` prints the link by which the owner signs up")


def prepare_demo_user(runtime: Runtime, base_url: str) -> list[str]:
    """Make the demo's user, an owner of the default workspace, and return how to sign in, in lines for people.

    The password is made up for this installation, told once and stored hashed. Where the user is there already, a link
    to choose another password is told, if the provider gives one.
    """
    from adjoin.access.users import find_user
    from adjoin.errors import AuthError, StateError, UnknownName

    try:
        with runtime.store.read() as session:
            user = find_user(session, DEMO_EMAIL)
    except UnknownName:
        try:
            password = _register(runtime)
        except (AuthError, StateError) as error:
            return [
                f"there is no demo user: {error}",
                "`adjoin init --owner YOU@EXAMPLE.COM` prints a link by which you sign up",
            ]
        return [
            f"sign in at {base_url} as {DEMO_EMAIL} with the password {password}",
            "the password is of this installation alone and not shown again; the next demo helps if it is lost",
        ]
    from adjoin.access.actors import SYSTEM
    from adjoin.access.recovery import reset_link

    lines = [f"sign in at {base_url} as {DEMO_EMAIL} with the password that the first demo showed"]
    try:
        link = asyncio.run(reset_link(runtime.doors, user, by=SYSTEM))
    except (AuthError, StateError) as error:
        return [*lines, f"there is no link for a new one: {error}"]
    return [*lines, f"or choose a new one: {base_url}/{link.partition('://')[2].partition('/')[2]}"]


def _register(runtime: Runtime) -> str:
    """Register the demo's user by an invitation that nobody else sees; return the password."""
    from adjoin.access import invitations
    from adjoin.auth.v1 import Auth, SignUp
    from adjoin.errors import StateError

    doors = runtime.doors
    if not runtime.kernel.hook(Auth.admit).implemented_by(doors.provider.name):
        raise StateError(f"{doors.provider.description.title} ({doors.provider.name}) registers nobody without a mail")
    place = Place.of_operator(runtime)
    made: list[InvitationMail] = []
    with runtime.store.write() as session:
        for one in invitations.open_invitations(session, place.workspace_id):
            if one.email == DEMO_EMAIL:
                invitations.revoke(session, place.workspace_id, one.id, by=place.actor, now=place.now)
        _ask(session, place, DEMO_EMAIL, made)
    password = "-".join(secrets.token_hex(3) for _ in range(4))
    form = SignUp(email=DEMO_EMAIL, password=password, name="Demo")

    async def join() -> None:
        issued = await doors.join(form, made[0].token)
        await doors.sign_out(issued.token)

    asyncio.run(join())
    return password


def _ask(session: Session, place: Place, email: str, made: list[InvitationMail]) -> None:
    from adjoin.access import invitations
    from adjoin.db.people import Role

    invitations.invite(
        session,
        place.workspace_id,
        email,
        Role.OWNER,
        by=place.actor,
        send=lambda _, mail: made.append(mail),
        now=place.now,
    )


def _member(session: Session, place: Place, email: str) -> MemberView | None:
    from adjoin.access.members import members_of

    return next((one for one in members_of(session, place.workspace_id) if one.email == email), None)
