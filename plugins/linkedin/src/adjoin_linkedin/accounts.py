"""The ad accounts that a connection reaches."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from adjoin.ads.v2 import Account, AccountStatus, Client
from adjoin_linkedin.rest import Page, pages
from adjoin_linkedin.restli import Value

__all__ = ["list_accounts"]

_PAGE_SIZE = 1_000

#: LinkedIn's states and what they come to here. Without naming them it is unclear whether closed accounts are listed.
_STATUS: Mapping[str, AccountStatus] = {
    "ACTIVE": AccountStatus.ACTIVE,
    "CANCELED": AccountStatus.DISABLED,
    "DRAFT": AccountStatus.LIMITED,
    "PENDING_DELETION": AccountStatus.CLOSED,
    "REMOVED": AccountStatus.CLOSED,
}

_PARAMS: Mapping[str, Value] = {
    "q": "search",
    "search": {"status": {"values": tuple(_STATUS)}},
    "sortOrder": "ASCENDING",
}


class _AdAccount(msgspec.Struct, rename="camel"):
    id: int
    name: str = ""
    currency: str = ""
    status: str = ""
    test: bool = False
    serving_statuses: list[str] = []


_decode = msgspec.json.Decoder(Page[_AdAccount], strict=False).decode


async def list_accounts(client: Client) -> list[Account]:
    """List them all, the cancelled ones too: LinkedIn still answers for their past, so they stay readable."""
    listed = pages(client, "adAccounts", _PARAMS, _decode, size=_PAGE_SIZE)
    return [_account(raw) async for page in listed for raw in page]


def _account(raw: _AdAccount) -> Account:
    status = _STATUS.get(raw.status, AccountStatus.UNKNOWN)
    holds = [word for word in raw.serving_statuses if word != "RUNNABLE"]
    # Its billing is on hold, its budget is used up ...
    if status is AccountStatus.ACTIVE and holds and "RUNNABLE" not in raw.serving_statuses:
        status = AccountStatus.LIMITED
    return Account(
        id=str(raw.id),
        name=raw.name or str(raw.id),
        currency=raw.currency,
        time_zone="UTC",  # no account has a zone of its own: budgets and reports run on days of UTC
        status=status,
        native_status=raw.status,
        extra={
            **({"test": "true"} if raw.test else {}),
            **({"serving_statuses": ",".join(holds)} if holds else {}),
        },
    )
