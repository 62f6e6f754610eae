"""The export of what is kept of somebody, and the end of their account."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response

from adjoin.access import members, workspaces
from adjoin.access.accounts import Accounts, require_fresh
from adjoin.access.users import normal_email
from adjoin.errors import BadInput, StateError
from adjoin_dashboard.door.asking import Asked, page
from adjoin_dashboard.door.cookies import clear_session
from adjoin_dashboard.door.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from adjoin.access.workspaces import UserWorkspace
    from adjoin_dashboard.host import Host

__all__ = ["routes"]

OWN_DATA = "/auth/account/data"


def routes(host: Host) -> list[BaseRoute]:
    """Return the page about one's own data."""
    return [page(host, OWN_DATA, show, act)]


async def show(asked: Asked) -> Response:
    found = asked.inside

    def read() -> tuple[Sequence[UserWorkspace], Sequence[str]]:
        with asked.host.store.read() as session:
            return workspaces.workspaces_of(session, found.user_id), members.only_owner_of(session, found.user_id)

    places, alone = await asyncio.to_thread(read)
    return asked.render(
        "account/own_data.html", section="data", places=places, alone=[one for one in places if one.id in set(alone)]
    )


async def act(asked: Asked) -> Response:
    """Hand over a file of what is kept, or delete the account."""
    match asked.form.shown("do"):
        case "export":
            data = await Accounts(asked.doors).export(asked.inside)
            headers = {"Content-Disposition": 'attachment; filename="adjoin-my-data.json"'}
            return Response(data, media_type="application/json", headers=headers)
        case "delete":
            return await _delete(asked)
        case _:
            raise Problem("Say what is to be done, by one of the buttons.")


async def _delete(asked: Asked) -> Response:
    found = asked.inside
    require_fresh(found, asked.doors)
    try:
        meant = normal_email(asked.form.text("email", what="The e-mail address"))
    except BadInput:
        meant = ""
    if meant != found.email:
        raise Problem(f"To delete your account, enter its e-mail address: {found.email}.", field="email")
    try:
        await Accounts(asked.doors).delete(found, address=asked.address)
    except StateError as error:
        raise Problem(str(error), status=409) from error
    clear_session(asked.request)
    return asked.go("/auth/sign-in", done="deleted")
