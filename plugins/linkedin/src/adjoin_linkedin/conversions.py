"""What an account's conversion rules count, as the actions that all platforms share.

LinkedIn gives each rule a type, and most types are an action that other platforms know as well. Whatever the type, each
conversion counts once in LinkedIn's own total of conversions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import msgspec

from adjoin.ads.v2 import Account, Client
from adjoin.errors import ErrorKind, PlatformError
from adjoin_linkedin.rest import answer
from adjoin_linkedin.restli import Value, urn

__all__ = ["ACTIONS", "Rule", "Rules", "actions_of"]

_PAGE_SIZE = 1_000

#: Type of a rule: the action. Rules of other types (OTHER, KEY_PAGE_VIEW, DOWNLOAD ...) keep their own names.
ACTIONS: Mapping[str, str] = {
    "PURCHASE": "purchases",
    "LEAD": "leads",
    "SIGN_UP": "registrations",
    "COMPLETE_SIGNUP": "registrations",
    "ADD_TO_CART": "add_to_cart",
    "START_CHECKOUT": "checkouts",
    "INSTALL": "app_installs",
    "SUBSCRIBE": "subscriptions",
    "START_TRIAL": "trials",
    "CONTACT": "contacts",
    "SCHEDULE": "appointments",
    "BOOK_APPOINTMENT": "appointments",
    "JOB_APPLY": "applications",
    "SUBMIT_APPLICATION": "applications",
}

_TAKEN = frozenset(ACTIONS.values())


class Rule(msgspec.Struct):
    """A conversion rule: someone's definition of what counts."""

    id: int
    name: str = ""
    type: str = ""


class _Rules(msgspec.Struct):
    elements: list[Rule]


_decode = msgspec.json.Decoder(_Rules, strict=False).decode


def actions_of(numbers: Collection[str], rules: Collection[Rule]) -> dict[str, str]:
    """Return what each rule is called in the datasets: its type's action, else its name.

    Where two names are the same, or one is an action's, the number stands behind; a rule that is not there any more is
    `conversion <number>`. The answer does not depend on which of the account's rules occur.
    """
    known = {str(rule.id): rule for rule in rules}
    own_names = Counter(rule.name for rule in rules if rule.type not in ACTIONS)
    called: dict[str, str] = {}
    for number in numbers:
        rule = known.get(number)
        if rule is not None and rule.type in ACTIONS:
            called[number] = ACTIONS[rule.type]
        elif rule is None or not rule.name:
            called[number] = f"conversion {number}"
        elif own_names[rule.name] > 1 or rule.name in _TAKEN:
            called[number] = f"{rule.name} ({number})"
        else:
            called[number] = rule.name
    return called


class Rules:
    """The rules of an account, asked for once and only if a conversion occurs."""

    def __init__(self, client: Client, account: Account) -> None:
        self._client = client
        self._account = account
        self._rules: list[Rule] | None = None

    async def load(self) -> list[Rule]:
        """Return them; none where the connection may not read them, so that the numbers arrive all the same.

        Any other failure is raised: what has a name today must not lose it because of a fault that passes.
        """
        if self._rules is None:
            try:
                self._rules = await self._read()
            except PlatformError as error:
                if error.kind is not ErrorKind.SKIP_ACCOUNT:
                    raise
                self._rules = []
        return self._rules

    async def _read(self) -> list[Rule]:
        # This finder still pages by start and count.
        found: dict[int, Rule] = {}
        while True:
            before = len(found)
            params: dict[str, Value] = {
                "q": "account",
                "account": urn("sponsoredAccount", self._account.id),
                "start": before,
                "count": _PAGE_SIZE,
            }
            page = await answer(self._client, "conversions", params, _decode, account=self._account.id)
            found |= {rule.id: rule for rule in page.elements}
            if len(page.elements) < _PAGE_SIZE or len(found) == before:
                return list(found.values())
