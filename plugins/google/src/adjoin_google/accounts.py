"""The accounts that a connection reaches: those its login is linked to, and all below the managers among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing

import msgspec

from adjoin.ads.v2 import Account, AccountStatus, Client
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google import gaql
from adjoin_google.calls import LOGIN, customer_id, login_customer_id
from adjoin_google.search import Batch, headers, search
from adjoin_google.version import api_version

__all__ = ["list_accounts"]

_FIELDS = (
    "customer_client.id",
    "customer_client.level",
    "customer_client.manager",
    "customer_client.hidden",
    "customer_client.descriptive_name",
    "customer_client.currency_code",
    "customer_client.time_zone",
    "customer_client.test_account",
    "customer_client.status",
)
_HIERARCHY = gaql.select(_FIELDS, source="customer_client")

_STATUS = {
    "ENABLED": AccountStatus.ACTIVE,
    "SUSPENDED": AccountStatus.DISABLED,
    "CANCELED": AccountStatus.DISABLED,
    "CLOSED": AccountStatus.CLOSED,
}
_NOT_READABLE = frozenset({AccountStatus.DISABLED, AccountStatus.CLOSED})

#: ISO 4217 for no currency: Google tells nothing of an account that it does not let be read.
_NO_CURRENCY = "XXX"


class _Client(msgspec.Struct, rename="camel"):
    id: str
    level: int = 0
    manager: bool = False
    hidden: bool = False
    test_account: bool = False
    descriptive_name: str = ""
    currency_code: str = ""
    time_zone: str = ""
    status: str = ""


class _Row(msgspec.Struct, rename="camel"):
    customer_client: _Client


class _Accessible(msgspec.Struct, rename="camel"):
    resource_names: list[str] = []


_decode = msgspec.json.Decoder(Batch[_Row], strict=False).decode


async def list_accounts(client: Client) -> list[Account]:
    """List them all, each once, with the account through which it must be asked: itself where the login is linked to
    it, else the nearest manager that it is linked to.

    Manager accounts and those that are cancelled are listed as not readable. So is an account that is linked directly
    and refuses; where no manager tells more of it, its name is its id and its currency XXX. Raises PlatformError.
    """
    seeds = await _seeds(client)
    known: dict[str, _Client] = {}
    above: dict[str, tuple[int, str]] = {}  # how far below which manager
    refused: dict[str, PlatformError] = {}
    for seed in seeds:
        if seed in known:
            continue  # a manager has told of it, and of all below it
        try:
            found = await _below(client, seed)
        except PlatformError as error:
            if error.kind is not ErrorKind.SKIP_ACCOUNT:
                raise
            refused[seed] = error
            continue
        for one in found:
            known[one.id] = one
            if one.level:
                above[one.id] = min(above.get(one.id, (one.level, seed)), (one.level, seed))
    accounts = [_account(one, *_ways(one, seeds, above)) for one in known.values()]
    accounts += [_refused(seed, error) for seed, error in refused.items() if seed not in known]
    return sorted(accounts, key=lambda account: account.id)


def _ways(one: _Client, seeds: Sequence[str], above: Mapping[str, tuple[int, str]]) -> tuple[str, str | None]:
    """Return through which account one must be asked, and which manager it is below."""
    manager = above[one.id][1] if one.id in above else None
    return (one.id if manager is None or one.id in seeds else manager), manager


async def _seeds(client: Client) -> list[str]:
    """Return the accounts to begin with: the manager that the operator named, or all that the login is linked to."""
    if named := login_customer_id(client):
        return [named]
    reply = await client.request(
        "GET", f"/{api_version(client.app)}/customers:listAccessibleCustomers", headers=headers(client, "")
    )
    try:
        names = msgspec.convert(reply.json(), _Accessible).resource_names
    except msgspec.ValidationError as error:
        raise PlatformError(
            f"Google sent a list of accounts that cannot be read: {error}", kind=ErrorKind.INVALID, code="value"
        ) from error
    return sorted({customer_id(name.rpartition("/")[2], name="An account in Google's list") for name in names})


async def _below(client: Client, seed: str) -> list[_Client]:
    def clients(rows: Sequence[_Row]) -> list[_Client]:
        return [row.customer_client for row in rows]

    found: list[_Client] = []
    answer = search(client, _HIERARCHY, _decode, clients, customer_id=seed, login_customer_id=seed)
    async with aclosing(answer) as parts:
        async for part in parts:
            found += part
    return found


def _account(one: _Client, login: str, manager: str | None) -> Account:
    status = _STATUS.get(one.status, AccountStatus.UNKNOWN)
    readable = not one.manager and status not in _NOT_READABLE
    marks = {"test_account": one.test_account, "hidden": one.hidden}
    return Account(
        id=one.id,
        name=one.descriptive_name or one.id,
        currency=one.currency_code or _NO_CURRENCY,
        time_zone=one.time_zone or "UTC",
        status=status,
        native_status="MANAGER" if one.manager and status is AccountStatus.ACTIVE else one.status,
        readable=readable,
        parent_id=manager,
        extra={LOGIN: login, **{name: "true" for name, is_so in marks.items() if is_so}},
    )


def _refused(seed: str, error: PlatformError) -> Account:
    return Account(
        id=seed,
        name=seed,
        currency=_NO_CURRENCY,
        time_zone="UTC",
        status=AccountStatus.DISABLED,
        native_status=error.code.rpartition(".")[2] or "REFUSED",
        readable=False,
        extra={LOGIN: seed},
    )
