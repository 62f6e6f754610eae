"""The ad accounts that a connection reaches."""

from __future__ import annotations

import msgspec

from adjoin.ads.v2 import Account, AccountStatus, Client
from adjoin_meta.graph import Page, pages

__all__ = ["list_accounts"]

_FIELDS = "account_id,name,account_status,disable_reason,currency,timezone_name"

_ACTIVE, _LIMITED = AccountStatus.ACTIVE, AccountStatus.LIMITED
_DISABLED, _CLOSED = AccountStatus.DISABLED, AccountStatus.CLOSED

#: Meta's numbers, their names, and what they come to here. Ads run in 1, 8 and 9.
_STATUS: dict[int, tuple[str, AccountStatus]] = {
    1: ("ACTIVE", _ACTIVE),
    2: ("DISABLED", _DISABLED),
    3: ("UNSETTLED", _LIMITED),
    7: ("PENDING_RISK_REVIEW", _LIMITED),
    8: ("PENDING_SETTLEMENT", _ACTIVE),
    9: ("IN_GRACE_PERIOD", _ACTIVE),
    100: ("PENDING_CLOSURE", _LIMITED),
    101: ("CLOSED", _CLOSED),
    201: ("ANY_ACTIVE", _ACTIVE),
    202: ("ANY_CLOSED", _CLOSED),
}


class _AdAccount(msgspec.Struct):
    account_id: str
    name: str = ""
    account_status: int = 0
    disable_reason: int = 0
    currency: str = ""
    timezone_name: str = "UTC"


_decode = msgspec.json.Decoder(Page[_AdAccount], strict=False).decode


async def list_accounts(client: Client) -> list[Account]:
    """List them all, by the bare `account_id` (in paths Meta wants `act_` before it).

    Disabled and closed ones stay readable: Meta still answers for their past.
    """
    found: dict[str, Account] = {}
    async for page in pages(client, "me/adaccounts", {"fields": _FIELDS}, _decode, limit=100):
        found |= {account.account_id: _account(account) for account in page}
    return list(found.values())


def _account(account: _AdAccount) -> Account:
    word, status = _STATUS.get(account.account_status, (str(account.account_status), AccountStatus.UNKNOWN))
    return Account(
        id=account.account_id,
        name=account.name or account.account_id,
        currency=account.currency,
        time_zone=account.timezone_name,
        status=status,
        native_status=word,
        readable=True,
        extra={
            "path_id": f"act_{account.account_id}",
            **({"disable_reason": str(account.disable_reason)} if account.disable_reason else {}),
        },
    )
