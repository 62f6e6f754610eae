"""The page on which somebody chooses which accounts of a connection are read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlmodel import col, select
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adjoin.access.connection_changes import choose_accounts, sync_now
from adjoin.access.permissions import Permission
from adjoin.db.models import Account, Connection
from adjoin.errors import AdjoinError, BadInput
from adjoin.health.machinery import runs_are_executed
from adjoin_dashboard.door import csrf
from adjoin_dashboard.door.connect_answers import find_connection, manager_of, refused, text_of
from adjoin_dashboard.door.rendering import render
from adjoin_dashboard.door.visitor import actor_of

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from adjoin.access.signed_in import SignedIn
    from adjoin_dashboard.host import Host

__all__ = ["PAGE_SIZE", "account_routes"]

#: Accounts on one page: a form must not grow past what the gate lets in.
PAGE_SIZE = 300
_FIELDS = 2 * PAGE_SIZE + 20
_LIST = "/connections"


@dataclass(frozen=True, slots=True)
class Line:
    """An account as the page shows it. `why_not` says why it cannot be read, whatever is chosen."""

    id: str
    name: str
    about: str
    ticked: bool
    why_not: str


def account_routes(host: Host) -> list[BaseRoute]:
    """Return the routes below /connect/accounts."""
    desk = _Desk(host)
    return [
        Route("/connect/accounts/{connection}", desk.show, methods=["GET"]),
        Route("/connect/accounts/{connection}", desk.choose, methods=["POST"]),
    ]


class _Desk:
    def __init__(self, host: Host) -> None:
        self._host = host

    async def show(self, request: Request) -> Response:
        """List the accounts with what is chosen."""
        try:
            return await asyncio.to_thread(self._page, request)
        except AdjoinError as error:
            return refused(request, error)

    async def choose(self, request: Request) -> Response:
        """Keep the choice, and go to the connections."""
        form = await request.form(max_fields=_FIELDS)
        await csrf.check(request)
        try:
            await asyncio.to_thread(self._choose, request, form)
        except BadInput as error:
            return await asyncio.to_thread(self._page, request, problem=str(error))
        except AdjoinError as error:
            return refused(request, error)
        return RedirectResponse(_LIST, HTTPStatus.SEE_OTHER)

    def _page(self, request: Request, *, problem: str = "") -> Response:
        signed_in = manager_of(request)
        connection = find_connection(self._host, signed_in, request.path_params["connection"])
        accounts = self._accounts(signed_in, connection)
        pages = max(1, -(-len(accounts) // PAGE_SIZE))
        page = min(_number(request.query_params.get("page", "1")), pages)
        shown = accounts[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        ticks = request.query_params.get("tick", "")
        new = "new" in request.query_params
        runtime = self._host.runtime
        path = f"/connect/accounts/{quote(connection.id, safe='')}"
        return render(
            request,
            "connect_accounts.html",
            status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
            problem=problem,
            platform=self._host.platform_title(connection.platform),
            label=connection.label,
            lines=[_line(account, ticks) for account in shown],
            total=len(accounts),
            readable=sum(account.readable for account in accounts),
            page=page,
            pages=pages,
            path=path,
            here=f"{path}?page={page}{'&new=1' if new else ''}",
            new=new,
            back=_LIST,
            executed=runs_are_executed(runtime.store, executor=runtime.settings.executor, now=runtime.clock.now()),
        )

    def _choose(self, request: Request, form: FormData) -> None:
        """Keep what was ticked of the accounts that were shown; the others stay as they are."""
        signed_in = manager_of(request)
        connection = find_connection(self._host, signed_in, request.path_params["connection"])
        shown = {value for value in form.getlist("shown") if isinstance(value, str)}
        ticked = {value for value in form.getlist("account") if isinstance(value, str)}
        before = {one.id for one in self._accounts(signed_in, connection, all_of_them=True) if one.selected}
        runtime, by = self._host.runtime, actor_of(request)
        now = runtime.clock.now()
        with runtime.store.write() as session:
            choose_accounts(session, connection.workspace_id, connection.id, (before - shown) | ticked, by=by, now=now)
            if text_of(form, "sync") and signed_in.may(Permission.START_SYNCS):
                sync_now(session, connection.workspace_id, connection.id, by=by, now=now)

    def _accounts(self, signed_in: SignedIn, connection: Connection, *, all_of_them: bool = False) -> list[Account]:
        """The accounts of a connection by name; without `all_of_them` those that the platform still lists."""
        query = select(Account).where(col(Account.connection_id) == connection.id)
        if not all_of_them:
            query = query.where(col(Account.gone_at).is_(None))
        with self._host.store.scoped(connection.workspace_id, signed_in.user_id).read() as session:
            found = session.exec(query).all()
        return sorted(found, key=lambda one: (not one.readable, one.name.casefold(), one.id))


def _line(account: Account, ticks: str) -> Line:
    why_not = "" if account.readable else (account.note or account.native_status).removeprefix("not read: ")
    return Line(
        id=account.id,
        name=account.name or account.id,
        about=" · ".join(part for part in (account.id, account.currency, account.time_zone) if part),
        ticked={"all": True, "none": False}.get(ticks, account.selected),
        why_not=why_not or ("" if account.readable else "the platform does not let it be read"),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) > 0 else 1
