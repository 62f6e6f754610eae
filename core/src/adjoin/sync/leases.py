"""Leases: which of several processes does a chore that one at a time is enough for.

A lease saves work and guards nothing: what must not happen twice is kept apart by row locks and by unique keys. It
survives what a lock of the database does not: a holder that is frozen loses it, and a connection pool may lie between.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select

from adjoin.db.models import Lease
from adjoin.db.upsert import upsert
from adjoin.errors import Fenced

if TYPE_CHECKING:
    from datetime import datetime

    from adjoin.clock import Clock
    from adjoin.db import Store

__all__ = ["SCHEDULER", "TTL", "Held", "LeaseKeeper", "check_lease"]

#: The lease of the scheduler that leads.
SCHEDULER = "scheduler"

#: How long a lease holds that nobody renews.
TTL = timedelta(seconds=10)

_NOBODY = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The right to do a chore: valid until a process with a newer epoch has taken it."""

    name: str
    holder: str
    epoch: int


def check_lease(session: Session, held: Held) -> None:
    """Raise Fenced if another process holds the lease by now. Takes no lock: a frozen holder must block nobody."""
    query = select(col(Lease.epoch)).where(col(Lease.name) == held.name)
    epoch = session.exec(query).first()
    if epoch != held.epoch:
        raise Fenced(f"the lease {held.name!r} was taken over by another process (epoch {epoch}, ours {held.epoch})")


class LeaseKeeper:
    """Takes a lease when it is free and renews it. Call `keep` more often than a third of `ttl`; it blocks.

    The lease of another process counts as free when it was given back, when it has run out by our clock, or when we
    have seen no renewal for `ttl` of our own monotonic time: machines' clocks differ, and they jump.
    """

    def __init__(self, store: Store, name: str, *, clock: Clock, ttl: timedelta = TTL, holder: str = "") -> None:
        self._store = store
        self._name = name
        self._clock = clock
        self._ttl = ttl
        self._holder = holder or f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex[:8]}"
        self._held: Held | None = None
        self._renewed = 0.0  # monotonic time of our last renewal
        self._seen: tuple[int, datetime] | None = None  # what the row of the other one said last
        self._seen_since = 0.0
        self._log = structlog.get_logger("adjoin.lease").bind(lease=name)

    @property
    def held(self) -> Held | None:
        """The lease while it is surely ours; None when it is another's, or when we came too late to renew it."""
        if self._held is None or self._clock.monotonic() - self._renewed >= self._ttl.total_seconds():
            return None
        return self._held

    def keep(self) -> Held | None:
        """Renew the lease, or try to take it. Raises StateError when the store cannot be reached."""
        if self._held is not None:
            if self._renewed + self._ttl.total_seconds() / 3 > self._clock.monotonic():
                return self.held
            if self._renew(self._held):
                return self._held
            self._log.warning("another process has taken over; standing by")
            self._held = None
        return self._acquire()

    def release(self) -> None:
        """Give the lease back, so that another process need not wait until it runs out."""
        if self._held is None:
            return
        held, self._held = self._held, None
        self._update(held, {"holder": _NOBODY})

    def _renew(self, held: Held) -> bool:
        asked = self._clock.monotonic()
        if not self._update(held, {}):
            return False
        self._renewed = asked
        return True

    def _acquire(self) -> Held | None:
        asked = self._clock.monotonic()
        with self._store.write() as session:
            found = session.get(Lease, self._name)
            if found is None:
                row = {"name": self._name, "holder": _NOBODY, "epoch": 0, "expires_at": self._clock.now()}
                upsert(session, Lease, [row], update=())
                found = session.get_one(Lease, self._name)
            if not self._is_free(found):
                return None
            taken = Held(name=self._name, holder=self._holder, epoch=found.epoch + 1)
            # Two that find it free at once: the second changes no row, as the epoch has moved on.
            if not self._set(session, found.epoch, {"holder": self._holder, "epoch": taken.epoch}):
                return None
        self._held, self._renewed, self._seen = taken, asked, None
        self._log.info("leading", epoch=taken.epoch)
        return taken

    def _is_free(self, lease: Lease) -> bool:
        if lease.holder == _NOBODY or lease.expires_at <= self._clock.now():
            return True
        now, said = self._clock.monotonic(), (lease.epoch, lease.expires_at)
        if self._seen != said:
            if self._seen is None:
                self._log.info("standing by; another process leads", holder=lease.holder)
            self._seen, self._seen_since = said, now
        return now - self._seen_since >= self._ttl.total_seconds()

    def _update(self, held: Held, changes: dict[str, Any]) -> bool:
        with self._store.write() as session:
            return self._set(session, held.epoch, changes)

    def _set(self, session: Session, epoch: int, changes: dict[str, Any]) -> bool:
        values = {"expires_at": self._clock.now() + self._ttl} | changes
        done = session.connection().execute(
            sa.update(Lease).where(col(Lease.name) == self._name, col(Lease.epoch) == epoch).values(**values)
        )
        return bool(done.rowcount == 1)
