"""The tables of the provider `local`. Nothing here belongs to a workspace; tokens and codes are stored hashed."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from adjoin.auth.v1 import LinkKind
from adjoin.db.columns import EnumText, Instant, Sealed
from adjoin.db.models import new_id
from adjoin.db.tables import plugin_metadata

__all__ = [
    "PREFIX",
    "SEED_PURPOSE",
    "Account",
    "Base",
    "Bucket",
    "KnownAddress",
    "Link",
    "RecoveryCode",
    "SecondFactor",
]

#: What the names of the tables begin with.
PREFIX = "auth"
#: What the seeds of second factors are sealed for.
SEED_PURPOSE = "second_factor"


class Base(SQLModel):
    """The provider's own tables."""

    metadata = plugin_metadata(PREFIX)


def _of_account() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id"], ["auth_accounts.id"], ondelete="CASCADE")


class Account(Base, table=True):
    """Somebody with a password. The id is the subject of their proofs; the e-mail is as it is compared, and unique."""

    __tablename__ = "auth_accounts"
    __table_args__ = (sa.Index("uq_auth_accounts_email", "email", unique=True),)

    id: str = Field(default_factory=new_id, primary_key=True)
    email: str
    email_confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    password_hash: str = Field(repr=False)
    name: str = ""
    created_at: datetime = Field(sa_type=Instant)


class Link(Base, table=True):
    """A mailed link. There is one of a kind for each account: a newer one takes the place of the older.

    `email` is the address that it proves.
    """

    __tablename__ = "auth_links"
    __table_args__ = (_of_account(), sa.Index("uq_auth_links_token", "token_hash", unique=True))

    account_id: str = Field(primary_key=True)
    kind: LinkKind = Field(sa_type=EnumText(LinkKind), primary_key=True)
    token_hash: bytes
    email: str
    expires_at: datetime = Field(sa_type=Instant)


class SecondFactor(Base, table=True):
    """A seed of TOTP codes, sealed. It is in force from `active_at` on.

    `last_step` is the time step of the newest code that was taken: that one and all before it are used up.
    """

    __tablename__ = "auth_factors"
    __table_args__ = (_of_account(), sa.Index("ix_auth_factors_account_id", "account_id"))

    id: str = Field(default_factory=new_id, primary_key=True)
    account_id: str
    label: str
    seed: bytes = Field(sa_type=Sealed(SEED_PURPOSE, workspace=None), repr=False)
    last_step: int | None = None
    created_at: datetime = Field(sa_type=Instant)
    active_at: datetime | None = Field(default=None, sa_type=Instant)


class RecoveryCode(Base, table=True):
    """A recovery code that is not used up."""

    __tablename__ = "auth_recovery_codes"
    __table_args__ = (_of_account(),)

    account_id: str = Field(primary_key=True)
    code_hash: bytes = Field(primary_key=True)


class KnownAddress(Base, table=True):
    """A network address from which the right password of an account came, hashed together with the account."""

    __tablename__ = "auth_addresses"
    __table_args__ = (_of_account(), sa.Index("ix_auth_addresses_last_seen_at", "last_seen_at"))

    account_id: str = Field(primary_key=True)
    address_hash: bytes = Field(primary_key=True)
    last_seen_at: datetime = Field(sa_type=Instant)


class Bucket(Base, table=True):
    """Attempts of one kind by one e-mail or address, hashed.

    `full_at` is when the bucket has recovered, in seconds since 1970: a row that lies before now says nothing.
    """

    __tablename__ = "auth_buckets"
    __table_args__ = (sa.Index("ix_auth_buckets_full_at", "full_at"),)

    name_hash: bytes = Field(primary_key=True)
    full_at: float
