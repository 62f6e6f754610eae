"""Attempts to connect a platform in the browser: the state that must come back, once, to who asked for it.

The state is a random token of which only the hash is stored, together with the browser's session, the user, the
workspace and what was asked for. Whoever shows it ends the attempt, also where the answer is then not taken: nobody
can try a second time with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select

from adjoin.access._locks import lock_staying
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.db.models import Connection, new_id
from adjoin.db.people import ConsentAttempt
from adjoin.errors import ConsentError, ConsentProblem, Forbidden, UnknownName
from adjoin.oauth import ConsentFlow
from adjoin.tokens import CONSENT, hash_token, kind_of, new_token

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.secrets import Vault

__all__ = ["KEPT", "LIFETIME", "Asked", "Attempt", "ConsentAttempts", "clean_up"]

#: How long a person may take at the platform's consent page.
LIFETIME = timedelta(minutes=10)
#: How long an attempt stays after its end, so that a late or second answer is told what it is.
KEPT = timedelta(days=1)

_PURPOSE = "verifier"
_AGAIN = "Nothing was stored. Start again from the page Connections."
_MESSAGES = {
    ConsentProblem.UNKNOWN: "This answer belongs to no connection that was begun here.",
    ConsentProblem.EXPIRED: f"The answer came too late: it is waited for {LIFETIME // timedelta(minutes=1)} minutes.",
    ConsentProblem.USED: "This answer was used already; each is good once.",
    ConsentProblem.FOREIGN_SESSION: "This connection was begun by another person or in another browser.",
    ConsentProblem.FOREIGN_WORKSPACE: "This connection was begun for another workspace than the one you look at now.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to connect: a platform at an address, anew or the connection to authorise again."""

    platform: str
    base_url: str
    redirect_uri: str
    label: str = ""
    connection_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt whose answer has come: what was asked for, and the flow that turns its code into a grant."""

    workspace_id: str
    asked: Asked
    flow: ConsentFlow


class ConsentAttempts:
    """The attempts of the installation. Safe from any thread; all of it blocks."""

    def __init__(self, store: Store, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock

    def begin(self, workspace_id: str, session_id: str, asked: Asked, *, pkce: bool, by: Actor) -> ConsentFlow:
        """Store a new attempt of a signed-in member, and return what the consent page needs.

        Raises Forbidden for a role that may not connect, UnknownName for a connection to authorise again that is not
        in the workspace or of another platform, and StateError for a workspace that is about to be deleted.
        """
        if by.user_id is None:
            raise Forbidden("platforms are connected in the browser by members who are signed in")
        now = self._clock.now()
        flow = ConsentFlow.begin(asked.redirect_uri, pkce=pkce, state=new_token(CONSENT))
        attempt_id = new_id()
        verifier = None
        if flow.code_verifier:
            verifier = self._vault.seal(
                flow.code_verifier.encode("ascii"), workspace=workspace_id, purpose=_PURPOSE, record=attempt_id
            )
        with self._store.write() as session:
            lock_staying(session, workspace_id, by, Permission.MANAGE_CONNECTIONS)
            _check_connection(session, workspace_id, asked)
            _clean_up(session, now)
            session.add(
                ConsentAttempt(
                    workspace_id=workspace_id,
                    id=attempt_id,
                    state_hash=hash_token(flow.state),
                    verifier=verifier,
                    session_hash=hash_token(session_id),
                    user_id=by.user_id,
                    platform=asked.platform,
                    base_url=asked.base_url,
                    label=asked.label,
                    connection_id=asked.connection_id,
                    redirect_uri=asked.redirect_uri,
                    created_at=now,
                    expires_at=now + LIFETIME,
                )
            )
        return flow

    def take(self, state: str, *, session_id: str, user_id: str, workspace_id: str | None) -> Attempt:
        """End the attempt that a state belongs to and return it; of several that show it at once, one gets it.

        Raises ConsentError where it is not for this session, user and workspace, was taken before or came too late;
        SecretError where the verifier does not decrypt.
        """
        row = self._end(state)
        if row is None:
            raise _refusal(ConsentProblem.UNKNOWN)
        problem = self._problem(row, session_id, user_id, workspace_id)
        if problem is not None:
            structlog.get_logger("adjoin.connecting").warning(
                "answer from a consent page not taken",
                problem=str(problem),
                workspace=row.workspace_id,
                platform=row.platform,
                user=user_id,
            )
            raise _refusal(problem)
        verifier = ""
        if row.verifier is not None:
            verifier = self._vault.open(
                row.verifier, workspace=row.workspace_id, purpose=_PURPOSE, record=row.id
            ).decode("ascii")
        return Attempt(
            workspace_id=row.workspace_id,
            asked=Asked(
                platform=row.platform,
                base_url=row.base_url,
                redirect_uri=row.redirect_uri,
                label=row.label,
                connection_id=row.connection_id,
            ),
            flow=ConsentFlow(row.redirect_uri, state, verifier),
        )

    def _end(self, state: str) -> ConsentAttempt | None:
        """Mark an attempt as used and return it as it was before."""
        if kind_of(state) != CONSENT:
            return None
        with self._store.write() as session:
            query = select(ConsentAttempt).where(col(ConsentAttempt.state_hash) == hash_token(state))
            row = session.exec(query.with_for_update()).one_or_none()
            if row is None:
                return None
            session.expunge(row)
            key = sa.and_(
                col(ConsentAttempt.workspace_id) == row.workspace_id,
                col(ConsentAttempt.id) == row.id,
                col(ConsentAttempt.used_at).is_(None),
            )
            ended = sa.update(ConsentAttempt).where(key).values(used_at=self._clock.now(), verifier=None)
            session.connection().execute(ended)
        return row

    def _problem(
        self, row: ConsentAttempt, session_id: str, user_id: str, workspace_id: str | None
    ) -> ConsentProblem | None:
        if row.session_hash != hash_token(session_id) or row.user_id != user_id:
            return ConsentProblem.FOREIGN_SESSION
        if row.workspace_id != workspace_id:
            return ConsentProblem.FOREIGN_WORKSPACE
        if row.used_at is not None:
            return ConsentProblem.USED
        if row.expires_at <= self._clock.now():
            return ConsentProblem.EXPIRED
        return None


def clean_up(store: Store, *, now: datetime) -> int:
    """Delete attempts whose time has long been over; return how many. Every new one does so as well. Blocks."""
    with store.write() as session:
        return _clean_up(session, now)


def _check_connection(session: Session, workspace_id: str, asked: Asked) -> None:
    if asked.connection_id is None:
        return
    found = session.get(Connection, (workspace_id, asked.connection_id))
    if found is None or found.platform != asked.platform:
        raise UnknownName(f"there is no connection {asked.connection_id[:40]!r} to {asked.platform} in this workspace")


def _clean_up(session: Session, now: datetime) -> int:
    old = sa.delete(ConsentAttempt).where(col(ConsentAttempt.expires_at) <= now - KEPT)
    return session.connection().execute(old).rowcount


def _refusal(problem: ConsentProblem) -> ConsentError:
    return ConsentError(f"{_MESSAGES[problem]} {_AGAIN}", problem=problem)
