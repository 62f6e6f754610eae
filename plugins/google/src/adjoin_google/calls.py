"""How an account is addressed: by its ten digits, through the manager account that it was found under."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeVar

from adjoin.ads.v2 import Account, Client
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google.search import Batch, search

__all__ = ["LOGIN", "customer_id", "keyword_id", "login_customer_id", "query_account"]

R = TypeVar("R")
T = TypeVar("T")

#: The key in `Account.extra` of the manager account through which the account is reached.
LOGIN = "login_customer_id"

_TEN_DIGITS = re.compile(r"\d{10}")


def customer_id(text: str, *, name: str) -> str:
    """Return the ten digits of an account's id, which people write with hyphens. PlatformError(kind=invalid) else."""
    digits = text.strip().replace("-", "")
    if not _TEN_DIGITS.fullmatch(digits):
        raise PlatformError(
            f"{name} is {text!r}; an account id of Google Ads has ten digits",
            kind=ErrorKind.INVALID,
            code="customer_id",
        )
    return digits


def keyword_id(ad_group_id: str, criterion_id: str) -> str:
    """Return the id of a keyword: a criterion's number is shared by all ad groups that bid on the same text."""
    return f"{ad_group_id}~{criterion_id}"


def login_customer_id(client: Client) -> str:
    """Return the manager account that the operator has set, else nothing."""
    given = client.app.extra.get(LOGIN, "")
    return customer_id(given, name="Google's login_customer_id") if given else ""


def query_account(
    client: Client,
    account: Account,
    query: str,
    decode: Callable[[bytes], Batch[R]],
    make: Callable[[Sequence[R]], T],
) -> AsyncGenerator[T, None]:
    """Ask about one account; see `search`."""
    return search(
        client,
        query,
        decode,
        make,
        customer_id=customer_id(account.id, name="The account"),
        login_customer_id=account.extra.get(LOGIN) or login_customer_id(client),
    )
