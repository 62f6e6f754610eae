"""Figures as files: an answer to the question in the address, of the workspace that the visitor looks at."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from adjoin.access.permissions import Permission
from adjoin.analytics.addresses import question_from_query, question_text, question_to_query
from adjoin.analytics.asking import ask, definitions
from adjoin.analytics.context import WorkspaceContext
from adjoin.analytics.files import Export, FileKind, write_file
from adjoin.analytics.v1 import Question
from adjoin.errors import AdjoinError, BadInput, StateError, UnknownName, UsageError
from adjoin.facts.query import FactQuery
from adjoin_dashboard.door.problems import sentence
from adjoin_dashboard.door.visitor import actor_of, visitor

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

    from adjoin.access.actors import Actor
    from adjoin_dashboard.host import Host

__all__ = ["MOST_ROWS", "export_url", "routes"]

_log = structlog.get_logger("adjoin.exports")

#: How many rows a file may have: what a spreadsheet opens, and what is made in some seconds.
MOST_ROWS = 100_000
_AT_ONCE = 2  # files that are made; sending them takes no slot
_AGAIN = 10  # seconds after which it is worth another try
_CHUNK = 256 * 1024
_LONGEST_NOTE = 1_000
_FAILED = "The file could not be made: the log of the server says why. Try again in a minute, or ask for fewer days"


def export_url(workspace_id: str, question: Question, kind: FileKind | str) -> str:
    """Return the address at which the answer to a question is downloaded; the workspace says whose it was meant to be.

    Raises BadInput for a question that no address can hold.
    """
    pairs = (("workspace", workspace_id), *question_to_query(question))
    return f"{_path(FileKind(kind))}?{urlencode(pairs, safe=',=~!.')}"


def routes(host: Host) -> list[BaseRoute]:
    """Return the routes, one for each format."""
    slots = asyncio.Semaphore(_AT_ONCE)

    def route(kind: FileKind) -> Route:
        async def report(request: Request) -> Response:
            return await _answer(host, slots, request, kind)

        return Route(_path(kind), report, methods=["GET"], name=f"report-{kind}")

    return [route(kind) for kind in FileKind]


def _path(kind: FileKind) -> str:
    return f"/export/report.{kind}"


async def _answer(host: Host, slots: asyncio.Semaphore, request: Request, kind: FileKind) -> Response:
    found = visitor(request)
    meant = request.query_params.get("workspace", "")
    # Another tab may look at another workspace by now: better none than the wrong one.
    if found is None or found.workspace_id != meant or not found.may(Permission.READ_REPORTS):
        raise HTTPException(404)
    try:
        question = question_from_query([pair for pair in request.query_params.multi_items() if pair[0] != "workspace"])
    except BadInput as error:
        return _refusal(400, str(error))
    if slots.locked():
        text = f"Other files are being made right now. Try again in {_AGAIN} seconds"
        return _refusal(429, text, {"Retry-After": str(_AGAIN)})
    making = _Making(host=host, workspace_id=meant, user_id=found.user_id, question=question, kind=kind)
    async with slots:
        try:
            file = await asyncio.to_thread(making.make, actor_of(request))
        except UsageError as error:
            return _refusal(404 if isinstance(error, UnknownName) else 400, str(error))
        except (AdjoinError, OSError) as error:
            _log.warning("a report could not be made", workspace=meant, error=str(error))
            return _refusal(503, str(error) if isinstance(error, StateError) else _FAILED)
    return _File(file, kind, f"report-{question.since}-{question.until}.{kind}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """One file of one visitor."""

    host: Host
    workspace_id: str
    user_id: str
    question: Question
    kind: FileKind

    def make(self, by: Actor) -> IO[bytes]:
        """Return the file, which nobody else can open and which is gone when it is closed. Notes who has it. Blocks."""
        export = self._export()
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it has been sent
        try:
            write_file(export, self.kind, file)
            self._note(by)
        except BaseException:
            file.close()
            raise
        return file

    def _export(self) -> Export:
        host = self.host
        scope = host.store.scoped(self.workspace_id, self.user_id)
        most = replace(self.question, limit=min(self.question.limit or MOST_ROWS, MOST_ROWS))
        with closing(FactQuery(scope, host.runtime.facts, self.workspace_id)) as facts:
            context = WorkspaceContext(scope=scope, facts=facts, platforms=host.platforms, clock=host.clock)
            known = definitions(host.kernel, context)
            answer = ask(host.kernel, context, most)
        wanted = min(answer.total_rows - self.question.offset, self.question.limit or answer.total_rows)
        if wanted > MOST_ROWS:
            raise BadInput(
                f"This would be {wanted:,} rows, and a file has at most {MOST_ROWS:,}. Ask for fewer days or with a "
                "condition, or have `adjoin report --parquet FILE` write all of them"
            )
        return Export(answer=replace(answer, question=self.question), definitions=known, made_at=host.clock.now())

    def _note(self, by: Actor) -> None:
        told = {"format": self.kind.value, "question": question_text(self.question)[:_LONGEST_NOTE]}
        with self.host.store.write() as session:
            by.note(session, self.workspace_id, "report.downloaded", of=("", ""), after=told, now=self.host.clock.now())


class _File(StreamingResponse):
    """A file that is sent in pieces and then closed, also when whoever asked is gone."""

    def __init__(self, file: IO[bytes], kind: FileKind, name: str) -> None:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._file = file
        super().__init__(
            self._pieces(),
            media_type=kind.media_type,
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Content-Length": str(size),
                "Cache-Control": "private, no-store",
            },
        )

    def _pieces(self) -> Iterator[bytes]:
        while piece := self._file.read(_CHUNK):
            yield piece

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _refusal(status: int, text: str, headers: dict[str, Any] | None = None) -> Response:
    return PlainTextResponse(sentence(text), status, headers={"Cache-Control": "no-store", **(headers or {})})
