"""The audit log as a file: streamed, and only of the workspace that the visitor looks at."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from adjoin.access.permissions import Permission
from adjoin.cells import harmless
from adjoin.errors import BadInput
from adjoin_dashboard.audit.model import EXPORT_PATH, AuditFilter, AuditLine, load_page, read_filter
from adjoin_dashboard.door.visitor import actor_of, visitor

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from adjoin.db.scope import Scope
    from adjoin_dashboard.host import Host

__all__ = ["audit_csv", "routes"]

_AT_ONCE = 500
_COLUMNS = ("time", "actor", "who", "action", "object_kind", "object_id", "object", "before", "after", "address")


def routes(host: Host) -> list[BaseRoute]:
    """Return the routes."""

    async def audit_log(request: Request) -> Response:
        found = visitor(request)
        meant = request.query_params.get("workspace", "")
        # Another tab may look at another workspace by now: better none than the wrong one.
        if found is None or found.workspace_id != meant or not found.may(Permission.READ_AUDIT):
            raise HTTPException(404)
        try:
            asked = read_filter(request.query_params)
        except BadInput as error:
            return PlainTextResponse(str(error), 400)
        by, now = actor_of(request), host.clock.now()

        def note() -> None:
            with host.store.write() as session:
                by.note(session, meant, "audit.downloaded", of=("", ""), after=asked.as_text() or None, now=now)

        await asyncio.to_thread(note)
        name = f"audit-{now:%Y-%m-%d}.csv"
        return StreamingResponse(
            audit_csv(host, host.store.scoped(meant, found.user_id), asked),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
        )

    return [Route(EXPORT_PATH, audit_log, methods=["GET"])]


def audit_csv(host: Host, scope: Scope, asked: AuditFilter) -> Iterator[str]:
    """Yield the entries that a filter finds as CSV, newest first, some hundred at a time. Blocks.

    Times are UTC; before and after are JSON. No cell is a formula to a spreadsheet.
    """
    yield "\N{BYTE ORDER MARK}" + _rows([_COLUMNS])
    after: str | None = None
    while True:
        page = load_page(host.store, scope, asked, limit=_AT_ONCE, after=after)
        yield _rows([_cells(one) for one in page.lines])
        after = page.next
        if after is None:
            return


def _cells(one: AuditLine) -> tuple[str, ...]:
    values = (
        one.at.isoformat(),
        one.actor,
        one.who,
        one.action,
        one.object_kind,
        one.object_id,
        one.what,
        "" if one.before is None else json.dumps(one.before, ensure_ascii=False),
        "" if one.after is None else json.dumps(one.after, ensure_ascii=False),
        one.address,
    )
    return tuple(map(harmless, values))


def _rows(rows: list[tuple[str, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
