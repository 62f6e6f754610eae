"""Which fault kinds this sandbox acts out, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adjoin.testing.faults import Faults
from adjoin_linkedin.sandbox import errors
from adjoin_linkedin.sandbox.oauth import Tokens

__all__ = ["Faulting", "surprise"]

#: Seconds that a throttled answer asks for where it says so.
_WAIT_SECONDS = 1

_NEW_WORDS = {
    "type": "IMMERSIVE",
    "format": "HOLOGRAM",
    "objectiveType": "TALENT_LEADS_V2",
    "costType": "CPX",
    "optimizationTargetType": "MAX_QUALIFIED_ANYTHING",
}

_NEW_FIELD: dict[str, Any] = {"introducedIn2027": {"score": 0.5, "reasons": []}}

#: Faults that need a second page to show.
_PAGE_FAULTS = frozenset({"page_expired", "page_invalid", "page_endless"})


class Faulting:
    """Asks the world's faults what is due for a request, beside what any sandbox acts out.

    Request classes: `token`, `accounts`, `entities`, `facts`, `mutate`.
    """

    def __init__(self, faults: Faults, tokens: Tokens) -> None:
        self._faults = faults
        self._tokens = tokens
        self._forbidden: set[str] = set()
        #: accounts that are shown as canceled
        self.disabled: set[str] = set()

    def due(self, request_class: str, kind: str) -> bool:
        return self._faults.take(request_class, kind)

    @property
    def short_pages(self) -> bool:
        """Whether pages hold less than was asked for, as they may, so that there is a second one."""
        return any(fault.kind in _PAGE_FAULTS for fault in self._faults.active)

    def refuse(self, request_class: str, version: str = "") -> None:
        """Raise the refusal that is due for a request of a version, if one is."""
        refusals: dict[str, Callable[[], errors.Refusal]] = {
            "throttle": lambda: errors.throttled({"Retry-After": str(_WAIT_SECONDS)}),
            "throttle_bare": errors.throttled,
            "quota_exhausted": errors.day_quota,
            "server_error": errors.internal,
        }
        if request_class != "token":  # where neither an access token nor a version is sent
            refusals["token_expired"] = lambda: errors.token_refused("expired")
            refusals["version_retired"] = lambda: errors.version_gone(_day(version))
        for kind, refusal in refusals.items():
            if self.due(request_class, kind):
                raise refusal()
        if self.due(request_class, "token_revoked"):
            self._tokens.revoke_all()

    def account(self, request_class: str, account_id: str, operation: str) -> None:
        """Refuse an account that is forbidden: the first one asked for, until the fault is switched off."""
        for kind, concerned in (("account_forbidden", self._forbidden), ("account_disabled", self.disabled)):
            if concerned and not any(fault.kind == kind for fault in self._faults.active):
                concerned.clear()
            if not concerned and self.due(request_class, kind):
                concerned.add(account_id)
        if account_id in self._forbidden:
            raise errors.access_denied(operation)


def _day(version: str) -> str:
    """The version as refusals name it: 20261001."""
    return f"{version[:6] or '202601'}01"


def surprise(node: dict[str, Any], *, words: bool = True) -> dict[str, Any]:
    """Return a node with a field that nobody asked for, and with words newer than any client knows."""
    if not words:
        return {**node, **_NEW_FIELD}
    changed = {name: _NEW_WORDS.get(name, value) for name, value in node.items()}
    if "servingStatuses" in changed:
        changed["servingStatuses"] = ["QUANTUM_HOLD", *changed["servingStatuses"]]
    if isinstance(changed.get("review"), dict):
        changed["review"] = {**changed["review"], "status": "PARTIALLY_APPROVED"}
    return {**changed, **_NEW_FIELD}
