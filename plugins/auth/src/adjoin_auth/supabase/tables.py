"""The provider's own rows: what Supabase Auth does not keep. None of them is anybody's account."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from adjoin.db.columns import Instant, Sealed
from adjoin_auth.local.tables import Base

__all__ = ["LINK_PURPOSE", "KnownAddress", "RedeemedLink", "UsedCode"]

#: What the tokens of a redeemed link are sealed for.
LINK_PURPOSE = "supabase_link"


class RedeemedLink(Base, table=True):
    """A link for a new password that is used up at Supabase while no new password is set yet: it stays good here.

    The id is the SHA-256 of its token, in hex.
    """

    __tablename__ = "auth_supabase_links"
    __table_args__ = (sa.Index("ix_auth_supabase_links_expires_at", "expires_at"),)

    id: str = Field(primary_key=True)
    kept: bytes = Field(sa_type=Sealed(LINK_PURPOSE, workspace=None), repr=False)
    expires_at: datetime = Field(sa_type=Instant)


class UsedCode(Base, table=True):
    """A code of a second factor that was taken, one at most for each person and step of 30 seconds since 1970."""

    __tablename__ = "auth_supabase_codes"
    __table_args__ = (sa.Index("ix_auth_supabase_codes_step", "step"),)

    subject: str = Field(primary_key=True)
    step: int = Field(primary_key=True)
    code_hash: bytes


class KnownAddress(Base, table=True):
    """A network address from which the right password for an e-mail came, hashed together with the e-mail."""

    __tablename__ = "auth_supabase_addresses"
    __table_args__ = (sa.Index("ix_auth_supabase_addresses_last_seen_at", "last_seen_at"),)

    email_hash: bytes = Field(primary_key=True)
    address_hash: bytes = Field(primary_key=True)
    last_seen_at: datetime = Field(sa_type=Instant)
