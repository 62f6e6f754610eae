"""Where a command works: in which workspace, as whom, and with what permissions."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from adjoin.access.actors import Actor
    from adjoin.access.permissions import Permission
    from adjoin.db.models import Connection, Workspace
    from adjoin.db.scope import Scope
    from adjoin.facts.query import FactQuery
    from adjoin.runtime import Runtime
    from adjoin.sync.runs import RunBook

__all__ = [
    "TOKEN_VARIABLE",
    "WORKSPACE_VARIABLE",
    "Asked",
    "Place",
    "check_fits",
    "place_in",
    "place_of",
]

WORKSPACE_VARIABLE = "ADJOIN_WORKSPACE"
TOKEN_VARIABLE = "ADJOIN_TOKEN"  # noqa: S105 - the name of a variable

_TOKEN = re.compile(r"adj_[a-z]{1,8}_[0-9A-Za-z]{16,}")
_LONGEST = 4096  # characters of a file that is to hold a token


@dataclass(frozen=True, slots=True)
class Asked:
    """What was said before the command: a workspace by id or name, and the file of a token (`-`: standard input)."""

    workspace: str = ""
    token_file: str = ""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def __post_init__(self) -> None:
        """Refuse a token where its file belongs. BadInput, which does not repeat it."""
        from adjoin.errors import BadInput

        if _TOKEN.search(self.token_file):
            raise BadInput(
                "--token takes the name of a file, or - for standard input, never the token: everybody on this machine "
                "sees the arguments of a command in the list of processes, and the shell remembers them. Revoke this "
                f"token, and give the new one by a file of yours (chmod 600), a pipe, or {TOKEN_VARIABLE}"
            )

    @property
    def token_source(self) -> str:
        """What brings a token, in words; empty where there is none."""
        if self.token_file:
            return "--token"
        return TOKEN_VARIABLE if self.environ.get(TOKEN_VARIABLE, "").strip() else ""

    @property
    def wanted(self) -> str:
        """The workspace that is named, if one is."""
        return self.workspace or self.environ.get(WORKSPACE_VARIABLE, "").strip()

    def token(self) -> str:
        """Read the token. Raises BadInput, which does not repeat what was read, where it is none."""
        from adjoin.errors import BadInput
        from adjoin.tokens import API, kind_of

        source, text = self.token_source, self.environ.get(TOKEN_VARIABLE, "")
        if self.token_file == "-":  # noqa: S105
            source = "standard input"
            text = typer.prompt("API token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
        elif self.token_file:
            source = f"the file {self.token_file}"
            text = _read(Path(self.token_file))
        if kind_of(text.strip()) != API:
            raise BadInput(
                f"what {source} holds is no API token, or not all of it: one begins with adj_t_ and fills a line"
            )
        return text.strip()


@dataclass(frozen=True, kw_only=True)
class Place:
    """A workspace of an installation, and who works in it. `store` reaches this workspace and nothing else."""

    runtime: Runtime
    workspace_id: str
    name: str
    actor: Actor
    permissions: frozenset[Permission]
    by_token: bool = False

    @classmethod
    def of_operator(cls, runtime: Runtime, workspace: str = "") -> Self:
        """Return a workspace, by its id or name, for the operator, who may do everything; without one the default."""
        from adjoin.access.actors import SYSTEM
        from adjoin.access.permissions import Permission
        from adjoin.access.workspaces import find
        from adjoin.db.models import DEFAULT_WORKSPACE

        with runtime.store.read() as session:
            found = find(session, workspace or DEFAULT_WORKSPACE)
        return cls(
            runtime=runtime,
            workspace_id=found.id,
            name=found.name,
            actor=SYSTEM,
            permissions=frozenset(Permission),
        )

    @cached_property
    def store(self) -> Scope:
        """The rows of this workspace."""
        return self.runtime.store.scoped(self.workspace_id, self.actor.user_id)

    @cached_property
    def runs(self) -> RunBook:
        """The runs of this workspace, to read and to cancel."""
        from adjoin.sync.runs import RunBook

        return RunBook(self.store)

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    def connections(self) -> list[Connection]:
        """Return the connections, oldest first. Needs no key, as they may be looked at without one."""
        from sqlmodel import col, select

        from adjoin.db.models import Connection

        with self.store.read() as session:
            return list(session.exec(select(Connection).order_by(col(Connection.created_at), col(Connection.id))))

    def query(self, *, as_of: datetime | None = None) -> FactQuery:
        """Return a reader of the facts, as they stood at an instant if one is given. Close it when done."""
        from adjoin.facts.query import FactQuery

        return FactQuery(self.store, self.runtime.facts, self.workspace_id, as_of=as_of)

    def note(self, action: str, *, of: tuple[str, str], **change: Any) -> None:
        """Add an entry to the audit log, in a transaction of its own; `before` and `after` as in `Actor.note`."""
        with self.store.write() as session:
            self.actor.note(session, self.workspace_id, action, of=of, now=self.now, **change)

    def operators_only(self, what: str) -> None:
        """Raise Forbidden where an API token acts."""
        from adjoin.errors import Forbidden

        if self.by_token:
            raise Forbidden(f"{what} is for the operator at the machine, not for an API token")


@contextmanager
def place_of(context: typer.Context, workspace: str = "") -> Iterator[Place]:
    """Open the place where a command works, for as long as the block lasts; see `place_in`."""
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    with Runtime(load_settings()) as runtime:
        yield place_in(runtime, context, workspace)


def place_in(runtime: Runtime, context: typer.Context, workspace: str = "") -> Place:
    """Return the place where a command works; `workspace` is what the command itself was given.

    A token says the workspace and who acts, and must allow what the command needs. Raises UnknownName and BadInput for
    the workspace, AuthError for a token that is not good, Forbidden for one that may not do this, StateError for a
    change in a workspace that is about to be deleted.
    """
    from adjoin.cli._needs import INSTALLATION, NEEDS

    words = words_of(context)
    need, asked = NEEDS[words], replace(context.obj, workspace=workspace.strip() or context.obj.workspace)
    if need is INSTALLATION:
        raise RuntimeError(f"`adjoin {words}` is listed as a command about the installation")
    if asked.token_source:
        return _by_token(runtime, asked, asked.token(), need)
    place = Place.of_operator(runtime, asked.wanted)
    _check_staying(runtime, place.workspace_id, need)
    return place


def words_of(context: typer.Context) -> str:
    """Return the words of a command without `adjoin`."""
    words, here = [], context
    while here.parent is not None:
        words.append(here.info_name or "")
        here = here.parent  # type: ignore[assignment]
    return " ".join(reversed(words))


def check_fits(asked: Asked, words: str) -> None:
    """Raise UsageError where a command that is not about one workspace is given a token or a workspace."""
    if not (asked.token_source or asked.workspace):
        return
    from adjoin.cli._needs import INSTALLATION, NEEDS
    from adjoin.errors import UsageError

    if NEEDS.get(words) is not INSTALLATION:
        return
    given = asked.token_source or "--workspace"
    how = f"unset {given}" if given == TOKEN_VARIABLE else f"leave out {given}"
    raise UsageError(
        f"`adjoin {words}` is about the installation, not about one workspace, and for the operator at the machine; "
        f"{how}"
    )


def _by_token(runtime: Runtime, asked: Asked, token: str, need: Permission) -> Place:
    from adjoin.access.api_tokens import ApiTokens
    from adjoin.errors import AuthError, AuthProblem

    holder = ApiTokens(runtime.store, runtime.clock).find(token)
    if holder is None:
        raise AuthError(
            "This API token is not good, or not any more: nobody knows it, its time is over, it was revoked, or who "
            "made it is switched off or no member of its workspace now. Make another one in the dashboard",
            kind=AuthProblem.WRONG,
        )
    holder.required(need)
    workspace = _check_staying(runtime, holder.workspace_id, need)
    _check_same(asked, workspace)
    return Place(
        runtime=runtime,
        workspace_id=workspace.id,
        name=workspace.name,
        actor=holder.actor(),
        permissions=holder.permissions,
        by_token=True,
    )


def _check_same(asked: Asked, workspace: Workspace) -> None:
    """Refuse another workspace than the token's, whether there is such a one or not."""
    from adjoin.errors import BadInput

    if asked.wanted in ("", workspace.id, workspace.name):
        return
    named = "--workspace" if asked.workspace else WORKSPACE_VARIABLE
    raise BadInput(f"the API token is of the workspace {workspace.name!r}, and {named} names another one; leave it out")


def _check_staying(runtime: Runtime, workspace_id: str, need: Permission) -> Workspace:
    """Return the workspace, where the command may be done in it: one that is about to be deleted takes no changes."""
    from adjoin.access.permissions import Permission
    from adjoin.db.models import Workspace
    from adjoin.sync.leaving import check_staying

    with runtime.store.read() as session:
        workspace = session.get_one(Workspace, workspace_id)
        if need in (Permission.MANAGE_CONNECTIONS, Permission.MANAGE_SCHEDULES, Permission.START_SYNCS):
            check_staying(session, workspace_id)
    return workspace


def _read(path: Path) -> str:
    """Read the file of a token, which nobody else may read. It may be a pipe."""
    from adjoin.errors import BadInput

    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and stat.S_ISREG(mode) and stat.S_IMODE(mode) & 0o077:
                raise BadInput(f"others than its owner can read the file {path}, and the token in it: chmod 600 {path}")
            return file.read(_LONGEST).decode("ascii", errors="replace")
    except OSError as error:
        raise BadInput(f"the file {path} of the token cannot be read: {error.strerror}") from None
