"""Customer Management: the user, and the accounts and customers that the user can see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from adjoin.testing.world import WorldAccount
from adjoin_microsoft.sandbox.calls import Call, check_keys, id_of, object_of, text_of
from adjoin_microsoft.sandbox.directory import Directory
from adjoin_microsoft.sandbox.errors import Refusal, bad_body, fault
from adjoin_microsoft.sandbox.faulting import Faulting
from adjoin_microsoft.sandbox.states import ACCOUNT_STATUS

__all__ = ["Customers"]

_ADDITIONAL = ("TaxCertificate", "AccountMode", "ParentCustomerNumber")
_OPERATORS = {
    "UserId": {"Equals"},
    "AccountId": {"Equals", "In"},
    "AccountName": {"Contains", "Equals"},
    "AccountNumber": {"Contains", "Equals", "In"},
    "CustomerId": {"Equals"},
    "AccountLifeCycleStatus": {"Equals"},
}
_ALL_OPERATORS = (
    "Equals",
    "NotEquals",
    "Contains",
    "In",
    "GreaterThanEquals",
    "LessThanEquals",
    "StartsWith",
    "NotContains",
)
_ORDER_FIELDS = ("Id", "Name", "Number", "LifeCycleStatus", "CouponClassName", "CouponStartDate")
_MOST_ON_A_PAGE = 1000


class Customers:
    """Answers the operations; none of them needs the headers of a customer or an account."""

    def __init__(self, directory: Directory, faulting: Faulting) -> None:
        self._directory = directory
        self._faulting = faulting

    def answer(self, call: Call, now: datetime) -> Mapping[str, Any]:
        operations: Mapping[str, Callable[[Call, datetime], Mapping[str, Any]]] = {
            "POST User/Query": self._user,
            "POST Accounts/Search": self._search,
            "POST Account/Query": self._account,
            "POST AccountsInfo/Query": self._infos,
            "POST Accounts/Find": self._find,
            "POST Customers/Search": self._customers,
            "POST Customer/Query": self._customer,
            "POST CustomersInfo/Query": self._customer_infos,
            "POST LinkedAccountsAndCustomersInfo/Query": self._linked,
        }
        operation = operations.get(f"{call.method} {call.operation}")
        if operation is None:
            raise fault(204, details=f"{call.method} {call.operation}")
        return operation(call, now)

    def _user(self, call: Call, _: datetime) -> Mapping[str, Any]:
        call.known_keys("UserId")
        if call.id("UserId") not in ("", self._directory.user_id):
            raise fault(106, status=403)
        return self._directory.user_json()

    def _search(self, call: Call, now: datetime) -> Mapping[str, Any]:
        call.known_keys("Predicates", "Ordering", "PageInfo", "ReturnAdditionalFields")
        asked = call.flags("ReturnAdditionalFields", _ADDITIONAL)
        found = self._matching(list(_predicates(call)))
        for order in reversed([object_of(value, "$.Ordering") for value in call.list("Ordering")]):
            name, down = text_of(order.get("Field"), "$.Ordering.Field"), order.get("Order") == "Descending"
            if name not in _ORDER_FIELDS or order.get("Order") not in ("Ascending", "Descending", None):
                raise bad_body("$.Ordering", "Requested value was not found.")
            found.sort(key=lambda account: self._ordered(account, name), reverse=down)
        index, size = _page(call)
        page = found[index * size : (index + 1) * size]
        if size and index and found and self._faulting.due("accounts", "page_duplicate"):
            page = found[(index - 1) * size : index * size]
        if size and found and self._faulting.due("accounts", "page_endless"):
            page = [found[place % len(found)] for place in range(size)]
        nodes = [self._directory.account_json(account, now, asked) for account in page]
        if nodes and self._faulting.due("accounts", "unknown_values"):
            nodes = [{**node, "SandboxTier": {"Level": 3}} for node in nodes]
            nodes[-1] |= {"AccountLifeCycleStatus": "Hibernating", "PaymentMethodType": "Barter"}
        return {"Accounts": nodes}

    def _matching(self, predicates: Sequence[tuple[str, str, str]]) -> list[WorldAccount]:
        fields = [name for name, _, _ in predicates]
        others = [name for name in fields if name != "AccountLifeCycleStatus"]
        if len(others) != 1 or len(fields) - len(others) > 1:
            raise Refusal(3030, shape="customer")
        return [
            account
            for account in self._directory.accounts
            if all(self._matches(account, *predicate) for predicate in predicates)
        ]

    def _matches(self, account: WorldAccount, name: str, operator: str, value: str) -> bool:
        if name == "UserId":
            return value == self._directory.user_id
        if name == "AccountLifeCycleStatus":
            status = ACCOUNT_STATUS[account.status]
            return status == value or (value == "Active" and status == "Pause")
        known = {
            "AccountId": account.id,
            "AccountName": account.name,
            "AccountNumber": self._directory.number(account),
            "CustomerId": self._directory.customer_of(account).id,
        }[name]
        if operator == "In":
            return known in [part.strip() for part in value.split(",")]
        if operator == "Contains":
            return value.lower() in known.lower()
        return known.lower() == value.lower()

    def _ordered(self, account: WorldAccount, name: str) -> tuple[int, str]:
        if name == "Id" and account.id.isdecimal():
            return int(account.id), ""
        texts = {"Name": account.name, "Number": self._directory.number(account)}
        return 0, texts.get(name, ACCOUNT_STATUS[account.status])

    def _account(self, call: Call, now: datetime) -> Mapping[str, Any]:
        call.known_keys("AccountId", "ReturnAdditionalFields")
        account = self._directory.account(call.id("AccountId"))
        if account is None:
            raise fault(106, status=403)
        self._faulting.refuse_account(account.id)
        asked = call.flags("ReturnAdditionalFields", _ADDITIONAL)
        return {"Account": self._directory.account_json(account, now, asked)}

    def _infos(self, call: Call, _: datetime) -> Mapping[str, Any]:
        call.known_keys("CustomerId", "OnlyParentAccounts")
        accounts = self._of_customer(call.id("CustomerId"))
        return {"AccountsInfo": [self._directory.info_json(account) for account in accounts]}

    def _find(self, call: Call, _: datetime) -> Mapping[str, Any]:
        call.known_keys("CustomerId", "AccountFilter", "TopN")
        wanted = call.text("AccountFilter").lower()
        found = [
            account
            for account in self._of_customer(call.id("CustomerId"))
            if wanted in account.name.lower() or wanted in self._directory.number(account).lower()
        ]
        return {"AccountsInfo": [self._directory.info_json(account) for account in found[: _top(call)]]}

    def _linked(self, call: Call, _: datetime) -> Mapping[str, Any]:
        call.known_keys("CustomerId", "OnlyParentAccounts")
        accounts = self._of_customer(call.id("CustomerId"))
        return {
            "AccountsInfo": [self._directory.info_json(account) for account in accounts],
            "CustomersInfo": [],
        }

    def _customers(self, call: Call, _: datetime) -> Mapping[str, Any]:
        call.known_keys("Predicates", "DateRange", "Ordering", "PageInfo")
        index, size = _page(call)
        page = self._directory.customers[index * size : (index + 1) * size]
        return {"Customers": [self._directory.customer_json(customer) for customer in page]}

    def _customer(self, call: Call, _: datetime) -> Mapping[str, Any]:
        call.known_keys("CustomerId")
        for customer in self._directory.customers:
            if customer.id == call.id("CustomerId"):
                return {"Customer": self._directory.customer_json(customer)}
        raise fault(106, status=403)

    def _customer_infos(self, call: Call, _: datetime) -> Mapping[str, Any]:
        call.known_keys("CustomerNameFilter", "TopN")
        wanted = call.text("CustomerNameFilter").lower()
        found = [customer for customer in self._directory.customers if wanted in customer.name.lower()]
        return {"CustomersInfo": [{"Id": customer.id, "Name": customer.name} for customer in found]}

    def _of_customer(self, customer_id: str) -> list[WorldAccount]:
        """The accounts of a customer; without an id those of the user's own customer."""
        wanted = customer_id or self._directory.customers[0].id
        if wanted not in {customer.id for customer in self._directory.customers}:
            raise fault(106, status=403)
        return [account for account in self._directory.accounts if self._directory.customer_of(account).id == wanted]


def _predicates(call: Call) -> Iterable[tuple[str, str, str]]:
    for at, given in enumerate(call.list("Predicates")):
        path = f"$.Predicates[{at}]"
        predicate = object_of(given, path)
        check_keys(predicate, ("Field", "Operator", "Value"), path)
        name = text_of(predicate.get("Field"), f"{path}.Field")
        operator = text_of(predicate.get("Operator"), f"{path}.Operator")
        value = text_of(predicate.get("Value"), f"{path}.Value")
        if operator not in _ALL_OPERATORS:
            raise bad_body(f"{path}.Operator", f"Requested value '{operator}' was not found.")
        short = name in ("AccountName", "AccountNumber") and len(value) < 4
        if name not in _OPERATORS or operator not in _OPERATORS[name] or not value or short:
            raise Refusal(3030, shape="customer", details=name)
        if name in ("UserId", "AccountId", "CustomerId"):
            for part in value.split(",") if operator == "In" else [value]:
                try:
                    id_of(part.strip(), path)
                except Refusal:
                    raise Refusal(3030, shape="customer", details=name) from None
        yield name, operator, value


def _top(call: Call) -> int | None:
    value = call.body.get("TopN")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise bad_body("$.TopN", "Error converting value to type 'Int32'.")
    return value


def _page(call: Call) -> tuple[int, int]:
    """Read index and size of a page; without a size it is empty."""
    info = call.body.get("PageInfo")
    if info is None:
        return 0, 0
    given = object_of(info, "$.PageInfo")
    check_keys(given, ("Index", "Size"), "$.PageInfo")
    index, size = given.get("Index") or 0, given.get("Size") or 0
    if not isinstance(index, int) or not isinstance(size, int) or isinstance(index, bool) or isinstance(size, bool):
        raise bad_body("$.PageInfo", "Error converting value to type 'Int32'.")
    if index < 0 or not 0 <= size <= _MOST_ON_A_PAGE:
        raise Refusal(201, shape="customer", details="PageInfo")
    return index, size
