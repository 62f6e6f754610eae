"""Which fault kinds this sandbox acts out, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adjoin.testing.faults import Faults
from adjoin_microsoft.sandbox.errors import RawRefusal, Refusal, fault, operation_error
from adjoin_microsoft.sandbox.oauth import TokenRefusal, Tokens, rejected

__all__ = ["Faulting"]

_BUSY_PAGE = "<html><head><title>429 Too Many Requests</title></head><body>Too Many Requests</body></html>"


class Faulting:
    """Asks the world's faults what is due for a request, beside what any sandbox acts out.

    Request classes: `token`, `accounts` (Customer Management), `entities` (reads of Campaign Management, and all of
    Bulk), `mutate`, `report` (ordering and polling), `facts` (downloads of report files).
    """

    def __init__(self, faults: Faults, tokens: Tokens) -> None:
        self._faults = faults
        self._tokens = tokens
        self._refused: dict[str, str] = {}  #: by kind, the one account that refuses

    def due(self, request_class: str, kind: str) -> bool:
        return self._faults.take(request_class, kind)

    def refuse(self, request_class: str) -> None:
        """Raise the refusal that is due for a call to a service, if one is."""
        if self.due(request_class, "token_revoked"):
            self._tokens.revoke_all()
        refusals: Mapping[str, Callable[[], Exception]] = {
            "token_expired": lambda: fault(109, status=401),
            "throttle": lambda: fault(117),
            "throttle_bare": lambda: RawRefusal(_BUSY_PAGE, status=429, media_type="text/html"),
            "server_error": lambda: fault(0, status=500),
            "version_retired": lambda: fault(303),
        }
        for kind, refusal in refusals.items():
            if self.due(request_class, kind):
                raise refusal()

    def refuse_token(self) -> None:
        """Raise the refusal that is due for a request to the token endpoint, if one is."""
        if self.due("token", "token_revoked"):
            self._tokens.revoke_all()
        if self.due("token", "token_rejected"):
            raise rejected()
        if self.due("token", "throttle_bare"):
            raise RawRefusal(_BUSY_PAGE, status=429, media_type="text/html")
        if self.due("token", "server_error"):
            raise TokenRefusal(
                "temporarily_unavailable", 90033, "A transient error has occurred. Please try again.", status=503
            )

    def refuse_account(self, account_id: str, request_class: str = "accounts") -> None:
        """Refuse the one account that a fault has singled out: the first that was asked for after it was due."""
        if self._singled_out("account_forbidden", account_id, request_class):
            raise self._no_access(request_class)
        if self._singled_out("account_disabled", account_id, request_class):
            if request_class == "report":
                raise operation_error(2003, account_id)
            raise operation_error(1008)

    def _no_access(self, request_class: str) -> Refusal:
        return operation_error(2003) if request_class == "report" else fault(106, status=403)

    def _singled_out(self, kind: str, account_id: str, request_class: str) -> bool:
        if not any(active.kind == kind for active in self._faults.active):
            self._refused.pop(kind, None)
            return self._faults.take(request_class, kind)  # asked for by the request itself
        if kind not in self._refused:
            if not self._faults.take(request_class, kind):
                return False
            self._refused[kind] = account_id
        return self._refused[kind] == account_id
