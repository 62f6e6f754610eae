"""Sessions: browsers that are signed in, whoever vouched for the person.

Looking one up is one query by primary key, and none within the life of `SessionCache`. A token is renewed now and
then. A second half that is older than the last one is a copy that was taken from its owner or by somebody: the
session ends, and the audit log says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog
from sqlmodel import Session as Database
from sqlmodel import col, select

from adjoin.access import audit
from adjoin.access.agents import LONGEST_AGENT, plain_agent
from adjoin.access.session_cache import SessionCache
from adjoin.access.session_tokens import SessionToken, Standing, is_unused, standing_of
from adjoin.access.signed_in import FIND, SessionLevel, SessionRules, SignedIn, as_signed_in
from adjoin.db.people import Member, Session
from adjoin.errors import UnknownName
from adjoin.tokens import hash_token

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.db import Store

__all__ = ["Ended", "Issued", "SessionInfo", "Sessions"]

_log = structlog.get_logger("adjoin.sessions")
_LONGEST_ADDRESS = 64
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new session. `token` is for the browser alone; only its hash is stored."""

    token: str = field(repr=False)
    session: Session

    @property
    def pending(self) -> bool:
        """Whether a second factor is still owed: the session opens nothing but that step."""
        return self.session.level == SessionLevel.PENDING


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that is over, as its provider has to know it. `kept` is sealed."""

    session_id: str
    user_id: str
    provider: str
    subject: str
    kept: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """A session as its owner is shown it. `agent` is in plain words, `current` the one they look at it with."""

    id: str
    agent: str
    address: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    level: SessionLevel
    current: bool


class Sessions:
    """The sessions of the installation. Safe from any thread; all of it blocks, `cached` excepted."""

    def __init__(self, store: Store, clock: Clock, rules: SessionRules | None = None) -> None:
        self._store = store
        self._clock = clock
        self.rules = rules or SessionRules()
        self._cache = SessionCache(clock)

    # Signing in

    def create(
        self,
        database: Database,
        *,
        user_id: str,
        provider: str,
        subject: str,
        level: SessionLevel,
        address: str = "",
        agent: str = "",
        workspace_id: str | None = None,
        token: SessionToken | None = None,
        kept: bytes | None = None,
        proven_at: datetime | None = None,
    ) -> Issued:
        """Add a session in the caller's transaction. It looks at `workspace_id`, or where the user was last.

        Who must seal something for the session makes the token first, as its id is what it is sealed for. `proven_at`
        is when the person proved to be themselves, if that was not now.
        """
        now = self._clock.now()
        token = token or SessionToken.new()
        lasting = self.rules.pending if level is SessionLevel.PENDING else self.rules.lifetime
        session = Session(
            id=token.session_id,
            token_hash=token.hash,
            rotated_at=now,
            user_id=user_id,
            provider=provider,
            subject=subject,
            level=level,
            kept=kept,
            workspace_id=_workspace(database, user_id, workspace_id),
            created_at=now,
            last_seen_at=now,
            proven_at=now if proven_at is None else min(now, proven_at),
            expires_at=now + lasting,
            address=address[:_LONGEST_ADDRESS],
            agent=agent[:LONGEST_AGENT],
        )
        database.add(session)
        return Issued(token.text, session)

    # The door

    def cached(self, token: str) -> SignedIn | None:
        """Return who is signed in if it is known without asking the database. Never blocks."""
        found = self._cache.get(hash_token(token))
        return None if found is None or found.expires_at <= self._clock.now() else found

    def find(self, token: str, *, address: str = "") -> SignedIn | None:
        """Return who is signed in with a token, None if nobody is. One query, or none; never raises for bad text.

        `address` is for the audit log, should the token be an old copy.
        """
        known = self.cached(token)
        if known is not None:
            return known
        ticket = self._cache.ticket()
        found = self._find(token, address)
        if found is None or found.level is SessionLevel.PENDING:
            return None
        self._cache.put(hash_token(token), found, ticket)
        return found

    def find_pending(self, token: str, *, address: str = "") -> SignedIn | None:
        """Return who has shown a password with this token and owes a second factor."""
        found = self._find(token, address)
        return found if found is not None and found.level is SessionLevel.PENDING else None

    def find_by_id(self, session_id: str) -> SignedIn | None:
        """As `find`, for what was let in by its token before and stays open, as a websocket does."""
        known = self._cache.get(session_id)
        if known is not None and known.expires_at > self._clock.now():
            return known
        ticket = self._cache.ticket()
        row = self._row(session_id)
        if row is None or row.level == SessionLevel.PENDING or not self._alive(row):
            self._cache.forget(session_id)  # also what is known by its token
            return None
        found = as_signed_in(row, self.rules, now=self._clock.now())
        self._cache.put(session_id, found, ticket)
        return found

    def touch(self, session_id: str) -> None:
        """Note that a session was used, where `touch_due` says so."""
        with self._store.write() as database:
            row = database.get(Session, session_id, with_for_update=True)
            if row is not None:
                # Later than the renewal of the token, so that the new one counts as having arrived.
                row.last_seen_at = max(self._clock.now(), row.rotated_at + _TICK)
        self._cache.forget(session_id)

    def rotate(self, token: str) -> str | None:
        """Renew a token, where `rotate_due` says so or something has changed that matters; None: keep the old one.

        Of several requests at once one gets the new token; the others' browser has it by then. Until the new one is
        seen the old one stays good, as an answer may get lost.
        """
        shown = SessionToken.read(token)
        if shown is None:
            return None
        now = self._clock.now()
        with self._store.write() as database:
            row = database.get(Session, shown.session_id, with_for_update=True)
            if row is None or not self._alive(row) or now - row.rotated_at < self.rules.grace:
                return None
            standing = standing_of(row, shown, self.rules.grace, now=now)
            if standing is Standing.OLD or (standing is Standing.PREVIOUS and not is_unused(row)):
                return None
            renewed = shown.renewed()
            row.previous_hash = shown.hash
            row.token_hash = renewed.hash
            row.rotated_at = max(now, row.last_seen_at)
        self._cache.forget(shown.session_id)
        return renewed.text

    # What people do with their sessions

    def of(self, user_id: str, *, current: str = "") -> list[SessionInfo]:
        """List a person's sessions that are alive, the one used last first. `current` is the id of the asker's own."""
        with self._store.read() as database:
            query = select(Session).where(Session.user_id == user_id, Session.level != SessionLevel.PENDING)
            rows = database.exec(query.order_by(col(Session.last_seen_at).desc(), col(Session.id))).all()
        return [
            SessionInfo(
                id=row.id,
                agent=plain_agent(row.agent),
                address=row.address or "unknown",
                created_at=row.created_at,
                last_seen_at=row.last_seen_at,
                expires_at=min(row.expires_at, row.last_seen_at + self.rules.idle),
                level=SessionLevel(row.level),
                current=row.id == current,
            )
            for row in rows
            if self._alive(row)
        ]

    def choose_workspace(self, session_id: str, workspace_id: str) -> None:
        """Look at another of the person's workspaces. Raises UnknownName for one that they are no member of."""
        with self._store.write() as database:
            row = database.get(Session, session_id)
            if row is None or database.get(Member, (workspace_id, row.user_id)) is None:
                raise UnknownName(f"you have no workspace {workspace_id[:60]!r}; choose one of yours")
            row.workspace_id = workspace_id
        self._cache.forget(session_id)

    def change(self, session_id: str, *, proven: bool = False, kept: bytes | None = None) -> None:
        """Note that the person has just proven to be themselves, or what the provider wants kept from now on."""
        with self._store.write() as database:
            row = database.get(Session, session_id)
            if row is not None:
                row.proven_at = self._clock.now() if proven else row.proven_at
                row.kept = kept or row.kept
        self._cache.forget(session_id)

    # The end

    def end(self, user_id: str, session_id: str) -> Ended:
        """End one session of a person. Raises UnknownName for one that is not theirs, or is over."""
        ended = self._end(user_id, col(Session.id) == session_id)
        if not ended:
            raise UnknownName(f"there is no session {session_id[:40]!r} of yours; it may have ended already")
        return ended[0]

    def end_others(self, user_id: str, keep: str) -> list[Ended]:
        """End all sessions of a person but one."""
        return self._end(user_id, col(Session.id) != keep)

    def end_all(self, user_id: str) -> list[Ended]:
        """End all sessions of a person."""
        return self._end(user_id, sa.true())

    def end_in(self, database: Database, user_id: str, *, only: str = "", keep: str = "") -> list[Ended]:
        """End a person's sessions in the caller's transaction; call `forget` when it is committed."""
        which = col(Session.id) == only if only else col(Session.id) != keep
        return _delete(database, sa.and_(col(Session.user_id) == user_id, which))

    def forget(self, session_ids: Iterable[str]) -> None:
        """Have this process notice at once that sessions have ended or changed. Others do within a second."""
        for session_id in session_ids:
            self._cache.forget(session_id)

    def clean_up(self) -> int:
        """Remove what has expired; return how many. For a job of every day."""
        now = self._clock.now()
        over = sa.or_(col(Session.expires_at) <= now, col(Session.last_seen_at) <= now - self.rules.idle)
        with self._store.write() as database:
            done = database.connection().execute(sa.delete(Session).where(over))
        return int(done.rowcount)

    # Inside

    def _row(self, session_id: str) -> sa.Row[Any] | None:
        with self._store.read() as database:
            return database.connection().execute(FIND, {"id": session_id}).one_or_none()

    def _find(self, token: str, address: str) -> SignedIn | None:
        shown = SessionToken.read(token)
        row = None if shown is None else self._row(shown.session_id)
        if shown is None or row is None or not self._alive(row):
            return None
        now = self._clock.now()
        standing = standing_of(row, shown, self.rules.grace, now=now)
        if standing is Standing.OLD:
            self._end_copied(shown, address)
            return None
        found = as_signed_in(row, self.rules, now=now)
        if standing is Standing.PREVIOUS:
            # The new token may not have reached the browser: then it gets another one, but not one for each request.
            lost = is_unused(row) and now - row.rotated_at >= self.rules.grace
            return replace(found, rotate_due=lost, touch_due=False)
        return found

    def _end_copied(self, shown: SessionToken, address: str) -> None:
        now = self._clock.now()
        with self._store.write() as database:
            row = database.get(Session, shown.session_id, with_for_update=True)
            if row is None or standing_of(row, shown, self.rules.grace, now=now) is not Standing.OLD:
                return
            database.delete(row)
            audit.record_everywhere(
                database,
                user_id=row.user_id,
                actor=audit.SYSTEM,
                action="session.old_token_used",
                object_kind="session",
                object_id=row.id,
                before={"user": row.user_id, "address": row.address, "agent": plain_agent(row.agent)},
                address=address,
                now=now,
            )
        self._cache.forget(shown.session_id)
        _log.warning("an old copy of a session's token was used; the session is over", session=row.id, user=row.user_id)

    def _alive(self, row: Session | sa.Row[Any]) -> bool:
        now = self._clock.now()
        return bool(now < row.expires_at and now - row.last_seen_at < self.rules.idle)

    def _end(self, user_id: str, which: sa.ColumnElement[bool]) -> list[Ended]:
        with self._store.write() as database:
            ended = _delete(database, sa.and_(col(Session.user_id) == user_id, which))
        self.forget(one.session_id for one in ended)
        return ended


def _delete(database: Database, which: sa.ColumnElement[bool]) -> list[Ended]:
    deleted = sa.delete(Session).where(which)
    rows = database.connection().execute(deleted.returning(*(getattr(Session, name) for name in _ENDED))).all()
    return [Ended(*row) for row in rows]


_ENDED = ("id", "user_id", "provider", "subject", "kept")


def _workspace(database: Database, user_id: str, wanted: str | None) -> str | None:
    """Choose where to begin: where it is wanted, where the person was last, or where they have been longest."""
    last = select(Session.workspace_id).where(Session.user_id == user_id, col(Session.workspace_id).is_not(None))
    candidates = [wanted, database.exec(last.order_by(col(Session.last_seen_at).desc()).limit(1)).first()]
    query = select(Member.workspace_id).where(Member.user_id == user_id)
    places = database.exec(query.order_by(col(Member.created_at), col(Member.workspace_id))).all()
    return next((one for one in [*candidates, *places] if one in places), None)
