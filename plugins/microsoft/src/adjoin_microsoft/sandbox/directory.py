"""Who may see what: the user, the two customers that own the accounts, and the accounts as they are listed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adjoin.testing.world import Presence, WorldAccount
from adjoin_microsoft.sandbox.states import ACCOUNT_STATUS
from adjoin_microsoft.sandbox.zones import account_zone

__all__ = ["Customer", "Directory", "stamp"]

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Customer:
    """A manager account, which owns ad accounts."""

    id: str
    name: str
    number: str


def stamp(moment: datetime) -> str:
    """Write an instant as entities carry it: UTC without an offset, in hundredths of a second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 10_000:02d}"


class Directory:
    """Ids of the user and the customers follow from the world's seed; every third account is the second customer's."""

    def __init__(self, world: Presence, seed: int) -> None:
        self._world = world
        self._seed = seed
        self.user_id = str(self._number("user", 7))
        names = ("Nordlicht Group", "Nordlicht Agency")
        self.customers: Sequence[Customer] = [
            Customer(str(self._number(name, 8)), name, f"C{self._number(name, 7)}") for name in names
        ]

    @property
    def accounts(self) -> Sequence[WorldAccount]:
        return self._world.accounts

    def account(self, account_id: str) -> WorldAccount | None:
        return next((account for account in self.accounts if account.id == account_id), None)

    def customer_of(self, account: WorldAccount) -> Customer:
        place = [known.id for known in self.accounts].index(account.id)
        return self.customers[1 if place % 3 == 2 else 0]

    def number(self, account: WorldAccount) -> str:
        """Return the account's number, which is no number: F120ABCD."""
        digest = self._digest(account.id)
        letters = "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:4])
        return f"F{int.from_bytes(digest[4:6], 'big') % 900 + 100}{letters}"

    def account_json(self, account: WorldAccount, now: datetime, asked: frozenset[str]) -> dict[str, Any]:
        """Return an account. Additional fields are there if asked for, null otherwise."""
        customer = self.customer_of(account)
        status = ACCOUNT_STATUS[account.status]
        return {
            "BillToCustomerId": customer.id,
            "CurrencyCode": account.currency,
            "AccountFinancialStatus": "ClearFinancialStatus",
            "Id": account.id,
            "Language": "English",
            "LastModifiedByUserId": self.user_id,
            "LastModifiedTime": stamp(account.created_at),
            "Name": account.name,
            "Number": self.number(account),
            "ParentCustomerId": customer.id,
            "PaymentMethodId": str(self._number(account.id, 9)),
            "PaymentMethodType": "CreditCard",
            "PrimaryUserId": self.user_id,
            "AccountLifeCycleStatus": status,
            "TimeStamp": "AAAAAE8fX3E=",
            "TimeZone": account_zone(account.time_zone, now),
            "PauseReason": 2 if status == "Pause" else None,
            "ForwardCompatibilityMap": [],
            "LinkedAgencies": [],
            "SalesHouseCustomerId": None,
            "TaxInformation": [],
            "BackUpPaymentInstrumentId": None,
            "BillingThresholdAmount": None,
            "BusinessAddress": None,
            "AutoTagType": "Inactive",
            "SoldToPaymentInstrumentId": None,
            "TaxCertificate": None,
            "AccountMode": "Expert" if "AccountMode" in asked else None,
        }

    def info_json(self, account: WorldAccount) -> dict[str, Any]:
        """Return an account in brief."""
        status = ACCOUNT_STATUS[account.status]
        return {
            "Id": account.id,
            "Name": account.name,
            "Number": self.number(account),
            "AccountLifeCycleStatus": status,
            "PauseReason": 2 if status == "Pause" else None,
        }

    def customer_json(self, customer: Customer) -> dict[str, Any]:
        return {
            "CustomerFinancialStatus": "ClearFinancialStatus",
            "Id": customer.id,
            "Industry": "Other",
            "LastModifiedByUserId": self.user_id,
            "LastModifiedTime": "2024-01-02T03:04:05.67",
            "MarketCountry": "DE",
            "MarketLanguage": "German",
            "Name": customer.name,
            "ServiceLevel": "SelfServe",
            "CustomerLifeCycleStatus": "Active",
            "TimeStamp": "AAAAAE8fX3E=",
            "Number": customer.number,
            "CustomerAddress": None,
            "ForwardCompatibilityMap": [],
        }

    def user_json(self) -> Mapping[str, Any]:
        """Return the signed-in user with a role in each customer."""
        user: dict[str, Any] = {
            "ContactInfo": None,
            "CustomerId": self.customers[0].id,
            "Id": self.user_id,
            "JobTitle": None,
            "LastModifiedByUserId": self.user_id,
            "LastModifiedTime": "2024-01-02T03:04:05.67",
            "Lcid": "EnglishUS",
            "Name": {"FirstName": "Sandbox", "LastName": "User", "MiddleInitial": None},
            "Password": None,
            "SecretAnswer": None,
            "SecretQuestion": "None",
            "UserLifeCycleStatus": "Active",
            "TimeStamp": "AAAAAE8fX3E=",
            "UserName": "sandbox@example.com",
            "ForwardCompatibilityMap": [],
            "AuthenticationToken": None,
        }
        roles = [
            {
                "RoleId": 41,
                "CustomerId": customer.id,
                "AccountIds": None,
                "LinkedAccountIds": None,
                "CustomerLinkPermission": None,
            }
            for customer in self.customers
        ]
        return {"User": user, "CustomerRoles": roles}

    def _number(self, name: str, digits: int) -> int:
        low = int("1" + "0" * (digits - 1))
        return low + int.from_bytes(self._digest(name)[:8], "big") % (9 * low)

    def _digest(self, name: str) -> bytes:
        return hashlib.sha256(f"{self._seed}/{name}".encode()).digest()
