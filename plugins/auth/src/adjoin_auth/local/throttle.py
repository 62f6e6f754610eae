"""Throttling: each e-mail and each address has some attempts at once, and then one in a while.

The buckets are those of the generic cell rate algorithm: one instant for each, in one statement. Nobody is locked out
for good: a bucket fills again by waiting, and each has its own.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from adjoin_auth.local.tables import Bucket

__all__ = [
    "MAIL",
    "RECOVERY",
    "RESET_ADDRESS",
    "SECOND_FACTOR",
    "SIGNED_IN",
    "SIGN_IN_ADDRESS",
    "SIGN_IN_EMAIL",
    "SIGN_IN_KNOWN",
    "SIGN_UP_ADDRESS",
    "Rule",
    "Turn",
    "clear_buckets",
    "give_back",
    "network_of",
    "take",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """So many attempts at once, and from then on one each interval."""

    name: str
    burst: int
    interval: timedelta


@dataclass(frozen=True, slots=True)
class Turn:
    """An attempt that counts against a rule, of somebody: an e-mail, an address, a subject."""

    rule: Rule
    who: str

    @property
    def name_hash(self) -> bytes:
        return hashlib.sha256(f"{self.rule.name}\n{self.who}".encode("utf-8", "surrogatepass")).digest()


SIGN_IN_ADDRESS = Rule("sign_in_address", burst=20, interval=timedelta(seconds=10))
SIGN_IN_EMAIL = Rule("sign_in_email", burst=5, interval=timedelta(seconds=30))
#: From an address that the right password came from before; it is counted apart from everybody else's attempts.
SIGN_IN_KNOWN = Rule("sign_in_known", burst=10, interval=timedelta(seconds=10))
SIGN_UP_ADDRESS = Rule("sign_up_address", burst=20, interval=timedelta(minutes=1))
RESET_ADDRESS = Rule("reset_address", burst=20, interval=timedelta(minutes=1))
#: Mails to one address, for whatever reason.
MAIL = Rule("mail", burst=3, interval=timedelta(minutes=5))
#: Six digits, three of which are good at any time: about one chance in 460 a day for who has the password already.
SECOND_FACTOR = Rule("second_factor", burst=5, interval=timedelta(minutes=2))
RECOVERY = Rule("recovery", burst=10, interval=timedelta(seconds=10))
SIGNED_IN = Rule("signed_in", burst=5, interval=timedelta(seconds=30))

#: How many buckets there may be; beyond it the ones that recover first are let go.
_MOST = 200_000
_AT_A_TIME = 1_000


def take(session: Session, turn: Turn, now: datetime) -> timedelta | None:
    """Count an attempt. None: it may go on; else how long to wait, and nothing was counted."""
    at, interval = now.timestamp(), turn.rule.interval.total_seconds()
    most = (turn.rule.burst - 1) * interval
    table: sa.Table = Bucket.__table__  # type: ignore[attr-defined]
    full_at = table.c.full_at
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = (
        dialect.insert(table)
        .values(name_hash=turn.name_hash, full_at=at + interval)
        .on_conflict_do_update(
            index_elements=[table.c.name_hash],
            set_={"full_at": sa.case((full_at > at, full_at), else_=at) + interval},
            where=full_at - at <= most,
        )
        .returning(full_at)
    )
    if session.connection().execute(statement).first() is not None:
        return None
    found = session.connection().execute(sa.select(full_at).where(table.c.name_hash == turn.name_hash)).scalar_one()
    return timedelta(seconds=max(found - at - most, 0.0))


def give_back(session: Session, turns: list[Turn]) -> None:
    """Take attempts out of the count again: they were right."""
    for turn in turns:
        session.connection().execute(
            sa.update(Bucket)
            .where(col(Bucket.name_hash) == turn.name_hash)
            .values(full_at=col(Bucket.full_at) - turn.rule.interval.total_seconds())
        )


def clear_buckets(session: Session, now: datetime, *, most: int = _MOST) -> None:
    """Remove buckets that have recovered, and the nearest to it beyond `most`. Rows that somebody uses are left."""
    _remove(session, sa.select(col(Bucket.name_hash)).where(col(Bucket.full_at) < now.timestamp()).limit(_AT_A_TIME))
    beyond = session.connection().execute(sa.select(sa.func.count()).select_from(Bucket)).scalar_one() - most
    if beyond > 0:
        _remove(session, sa.select(col(Bucket.name_hash)).order_by(col(Bucket.full_at)).limit(beyond))


def _remove(session: Session, chosen: sa.Select[bytes]) -> None:
    # Without a wait for others' rows, two that clear and count at once cannot wait for each other. Materialized, for
    # PostgreSQL may ask a subquery more than once and then removes other rows each time.
    free = chosen.with_for_update(skip_locked=True).cte("free").prefix_with("MATERIALIZED")
    session.connection().execute(sa.delete(Bucket).where(col(Bucket.name_hash).in_(sa.select(free.c.name_hash))))


def network_of(address: str) -> str:
    """Return what counts as one address: all of IPv4, the first 64 bits of IPv6, which one customer has."""
    try:
        parsed = ipaddress.ip_address(address.strip().partition("%")[0])
    except ValueError:
        return address.strip()[:100]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
