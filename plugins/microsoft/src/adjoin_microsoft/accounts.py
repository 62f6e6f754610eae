"""The ad accounts that a connection reaches, those of other customers that it may see too."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from adjoin.ads.v2 import Account, AccountStatus, Client
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.services import call
from adjoin_microsoft.zones import iana_zone

__all__ = ["list_accounts"]

_SERVICE = "/CustomerManagement/v13"
_PAGE_SIZE = 1000

#: No user reaches a million accounts: pages that go on for so long never end.
_MOST_PAGES = 1000

_STATUS: Mapping[str, AccountStatus] = {
    "Active": AccountStatus.ACTIVE,
    "Draft": AccountStatus.LIMITED,
    "Pause": AccountStatus.LIMITED,
    "Pending": AccountStatus.LIMITED,
    "Suspended": AccountStatus.DISABLED,
    "Inactive": AccountStatus.CLOSED,
}


class _User(msgspec.Struct):
    id: str = msgspec.field(name="Id")
    customer_id: str | None = msgspec.field(name="CustomerId", default=None)


class _UserAnswer(msgspec.Struct):
    user: _User | None = msgspec.field(name="User", default=None)


class _AdAccount(msgspec.Struct):
    id: str = msgspec.field(name="Id")
    name: str | None = msgspec.field(name="Name", default=None)
    number: str | None = msgspec.field(name="Number", default=None)
    customer_id: str | None = msgspec.field(name="ParentCustomerId", default=None)
    currency: str | None = msgspec.field(name="CurrencyCode", default=None)
    time_zone: str | None = msgspec.field(name="TimeZone", default=None)
    status: str | None = msgspec.field(name="AccountLifeCycleStatus", default=None)


class _Page(msgspec.Struct):
    accounts: list[_AdAccount | None] | None = msgspec.field(name="Accounts", default=None)


async def list_accounts(client: Client) -> list[Account]:
    """List all accounts that the user reaches, by id (never by account number), closed and suspended ones too.

    Those stay readable, as reports go on answering for their past. `extra` holds what requests need: the customer that
    an account belongs to, the user's own customer, and Microsoft's name of the time zone. Raises PlatformError.
    """
    user = (await call(client, f"{_SERVICE}/User/Query", {"UserId": None}, _UserAnswer)).user
    if user is None:
        raise PlatformError("Microsoft does not say which user has consented", kind=ErrorKind.RETRY, code="no-user")
    found: dict[str, Account] = {}
    for index in range(_MOST_PAGES):
        page = await _search(client, user.id, index)
        fresh = {raw.id: _account(raw, user) for raw in page if raw.id not in found}
        if page and not fresh:
            break  # nothing but what came before: the pages repeat themselves
        found |= fresh
        if len(page) < _PAGE_SIZE:
            return list(found.values())
    raise PlatformError(
        f"Microsoft sends page after page of accounts without an end ({len(found)} different ones so far)",
        kind=ErrorKind.RETRY,
        code="endless",
    )


async def _search(client: Client, user_id: str, index: int) -> list[_AdAccount]:
    body = {
        "Predicates": [{"Field": "UserId", "Operator": "Equals", "Value": user_id}],
        "Ordering": [{"Field": "Id", "Order": "Ascending"}],
        "PageInfo": {"Index": index, "Size": _PAGE_SIZE},
    }
    answer = await call(client, f"{_SERVICE}/Accounts/Search", body, _Page)
    return [account for account in answer.accounts or () if account is not None]


def _account(raw: _AdAccount, user: _User) -> Account:
    native = raw.status or ""
    extra = {
        "customer_id": raw.customer_id,
        "user_customer_id": user.customer_id,
        "number": raw.number,
        "time_zone": raw.time_zone,
    }
    zone = iana_zone(raw.time_zone or "")
    return Account(
        id=raw.id,
        name=raw.name or raw.number or raw.id,
        currency=raw.currency or "",
        time_zone=zone or "UTC",
        status=_STATUS.get(native, AccountStatus.UNKNOWN),
        # Days of a wrong zone would be worse than none, and the other accounts can be read.
        native_status=native if zone else f"{native}, in a time zone that this release does not know: {raw.time_zone}",
        readable=zone is not None,
        parent_id=raw.customer_id,
        extra={name: value for name, value in extra.items() if value},
    )
