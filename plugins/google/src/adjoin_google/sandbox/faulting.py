"""Which fault kinds this sandbox acts out, and how.

Beside the common ones:

deadline: 504 with DEADLINE_EXCEEDED
quota_short: 429 because the query was too heavy, with a short wait
internal_late, throttle_late: the error comes inside an answer with 200, after some rows (throttle_in_200 comes first)
empty_array: a stream without rows is an empty array
version_unrouted: a page of HTML with 404, as for versions that are switched off
concurrent: a mutate meets another one
eu_undeclared: from this mutate on, the account's first campaign lacks its declaration on political advertising
deny: the consent page says no
"""

from __future__ import annotations

from collections.abc import Callable

from adjoin.testing.world import World
from adjoin_google.sandbox import errors
from adjoin_google.sandbox.errors import AdsError, NoRoute, Refusal

__all__ = ["Faulting"]


class Faulting:
    """Asks the world's faults what is due for a request, beside what any sandbox acts out.

    Request classes: `token`, `accounts`, `entities`, `facts`, `mutate`.
    """

    def __init__(self, world: World) -> None:
        self._faults = world.faults

    def due(self, request_class: str, kind: str) -> bool:
        return self._faults.take(request_class, kind)

    def refuse(self, request_class: str, version: str) -> None:
        """Raise the refusal that is due for a request of the API, if one is."""
        if self.due(request_class, "version_unrouted"):
            raise NoRoute
        refusals: dict[str, Callable[[], Refusal]] = {
            "throttle": _throttled,
            "throttle_bare": lambda: _throttled(seconds=None),
            "quota_exhausted": lambda: errors.quota(
                "RESOURCE_EXHAUSTED",
                "Too many requests. Retry in 900 seconds.",
                seconds=900,
                scope="DEVELOPER",
                rate="Number of operations for explorer access",
            ),
            "quota_short": lambda: errors.quota(
                "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION",
                "Excessive short term query resource consumption. Retry in 2 seconds.",
                seconds=2,
                scope="ACCOUNT",
                rate="Query resource consumption",
            ),
            "server_error": errors.transient,
            "deadline": errors.deadline,
            "token_expired": lambda: errors.invalid_token(expired=True),
            "version_retired": lambda: errors.unsupported_version(version),
        }
        for kind, refusal in refusals.items():
            if self.due(request_class, kind):
                raise refusal()

    def refuse_account(self, request_class: str, customer_id: str) -> None:
        """Raise the refusal of the one account that has been singled out."""
        if self._faults.single_out(request_class, "account_forbidden", customer_id):
            raise errors.permission_denied()
        if self._faults.single_out(request_class, "account_disabled", customer_id):
            raise errors.not_enabled()

    def refuse_page(self, request_class: str) -> None:
        """Raise the refusal of a page token, if one is due."""
        for kind, code in (("page_expired", "EXPIRED_PAGE_TOKEN"), ("page_invalid", "INVALID_PAGE_TOKEN")):
            if self.due(request_class, kind):
                raise errors.invalid("requestError", code, "The page token is invalid or has expired.")

    def refuse_mutate(self) -> None:
        if self.due("mutate", "concurrent"):
            raise Refusal(
                409,
                AdsError(
                    family="databaseError",
                    code="CONCURRENT_MODIFICATION",
                    message="Multiple requests were attempting to modify the same resource at once. Retry the request.",
                ),
            )

    def inside(self, request_class: str) -> tuple[Refusal | None, bool]:
        """Return an error to send inside a stream with 200, and whether rows come before it."""
        if self.due(request_class, "throttle_in_200"):
            return _throttled(), False
        if self.due(request_class, "throttle_late"):
            return _throttled(), True
        if self.due(request_class, "internal_late"):
            return errors.transient(), True
        return None, False


def _throttled(seconds: int | None = 1) -> Refusal:
    return errors.quota(
        "RESOURCE_TEMPORARILY_EXHAUSTED",
        "Too many requests." + ("" if seconds is None else f" Retry in {seconds} seconds."),
        seconds=seconds,
        scope="ACCOUNT",
        rate="Requests per second",
    )
