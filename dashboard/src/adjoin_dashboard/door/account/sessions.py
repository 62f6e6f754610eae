"""Where somebody is signed in, and ending that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adjoin.errors import UnknownName
from adjoin_dashboard.context import writer_of
from adjoin_dashboard.door.asking import Asked, page
from adjoin_dashboard.door.problems import Problem

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin_dashboard.host import Host

__all__ = ["routes"]

SESSIONS = "/auth/account/sessions"


def routes(host: Host) -> list[BaseRoute]:
    """Return the page of somebody's sessions."""
    return [page(host, SESSIONS, show, end)]


async def show(asked: Asked) -> Response:
    found = asked.inside
    sessions = await asyncio.to_thread(asked.doors.sessions.of, found.user_id, current=found.session_id)
    return asked.render(
        "account/sessions.html",
        section="sessions",
        done=asked.done,
        sessions=sorted(sessions, key=lambda one: not one.current),
        stamp=writer_of(found).stamp,
    )


async def end(asked: Asked) -> Response:
    """End one session, or all but this one."""
    found = asked.inside
    match asked.form.shown("do"):
        case "one":
            session_id = asked.form.text("session")
            try:
                await asked.doors.end_session(found, session_id, address=asked.address)
            except UnknownName:
                return asked.go(SESSIONS, done="gone")
            return asked.go("/auth/sign-in", done="out") if session_id == found.session_id else _back(asked, "one")
        case "others":
            await asked.doors.sign_out_everywhere(found, here=False, address=asked.address)
            return _back(asked, "others")
        case _:
            raise Problem("Say which sessions are to end, by one of the buttons.")


def _back(asked: Asked, done: str) -> Response:
    return asked.go(SESSIONS, done=done)
